/* export.c - `nerve export RUN|CHECKPOINT --to safetensors|hdf5 --out DIR|FILE [--head linear] [--force]`. */
#include "export.h"
#include "cli.h"
#include <string.h>

enum form { FORM_NONE, FORM_SAFETENSORS, FORM_HDF5 };

struct arguments {
    const char *model, *out;
    enum form form;
    bool with_head, force;
};

static void parse_form(struct arguments *a, const char *text, const struct argp_state *state)
{
    if (strcmp(text, "safetensors") == 0)
        a->form = FORM_SAFETENSORS;
    else if (strcmp(text, "hdf5") == 0)
        a->form = FORM_HDF5;
    else
        argp_error(state, "--to: expected safetensors or hdf5, found '%s'", text);
}

static void check(const struct arguments *a, const struct argp_state *state)
{
    if (!a->model) argp_error(state, "RUN|CHECKPOINT is missing: what is to be exported");
    if (a->form == FORM_NONE) argp_error(state, "--to safetensors or --to hdf5 is missing");
    if (!a->out) argp_error(state, "--out is missing: a directory for safetensors, a file for hdf5");
    if (a->with_head && a->form == FORM_HDF5) argp_error(state, "--head: a plain HDF5 file holds all of the checkpoint anyway");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 't':
        parse_form(a, text, state);
        return 0;
    case 'o':
        a->out = text;
        return 0;
    case 'H':
        if (strcmp(text, "linear") != 0) argp_error(state, "--head: expected linear, found '%s'", text);
        a->with_head = true;
        return 0;
    case 'f':
        a->force = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->model) argp_error(state, "more than one model: '%s' and '%s'", a->model, text);
        a->model = text;
        return 0;
    case ARGP_KEY_END:
        check(a, state);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "to", .key = 't', .arg = "safetensors|hdf5", .doc = "safetensors: a Hugging Face folder; hdf5: a plain HDF5 file"},
    {.name = "out", .key = 'o', .arg = "DIR|FILE", .doc = "the folder, which must be empty or absent, or the file, which must be absent"},
    {.name = "head", .key = 'H', .arg = "linear", .doc = "with the linear head, as a token classification model; for a model without CRF"},
    {.name = "force", .key = 'f', .doc = "replace an earlier export"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "RUN|CHECKPOINT",
    .doc =
        "Write a model in the form of other programs; a run directory stands for its best epoch. safetensors: config.json, model.safetensors, "
        "vocab.txt and tokenizer_config.json, which transformers' AutoModel reads; the encoder alone, unless --head says otherwise. "
        "hdf5: everything that the checkpoint holds, for h5py and other tools."
        "\vnerve reads the folder as model.encoder. It does not read the plain HDF5 file, which has no digest to be checked.\n\n"
        "Examples:\n"
        "  nerve export runs/one --to safetensors --out exported/encoder\n"
        "  nerve export runs/one --to hdf5 --out exported/one.h5",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    const int code =
        a.form == FORM_HDF5 ? export_hdf5(a.model, a.out, a.force, &e) : export_folder(a.model, a.out, a.with_head, a.force, &e);
    return code ? cli_fail(&e) : 0;
}

const struct command COMMAND_EXPORT = {
    .name = "export",
    .about = "write a model as a Hugging Face folder, or as plain HDF5",
    .argp = &ARGP,
    .run = run_command,
};
