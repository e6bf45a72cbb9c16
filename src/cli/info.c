/* info.c - `nerve info [RUN|CHECKPOINT] [--json]`: what this program is and what it runs on, or what a checkpoint holds. */
#include "cli.h"
#include "json.h"
#include "loaded_model.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>

struct arguments {
    const char *checkpoint;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->checkpoint) argp_error(state, "more than one file: '%s' and '%s'", a->checkpoint, text);
        a->checkpoint = text;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int print_member(void *context, const char *key, const struct json *value, struct err *e)
{
    (void)context;
    (void)e;
    if (json_text(value)) {
        printf("%-13s %s\n", key, json_text(value));
    } else {
        char *text = json_dump(value, 0);
        printf("%-13s %s\n", key, text);
        free(text);
    }
    return 0;
}

static const struct argp_option OPTIONS[] = {
    {.name = "json", .key = 'j', .doc = "print one JSON object"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "[RUN|CHECKPOINT]",
    .doc =
        "Print what this program is and what it runs on: versions, the kernels that were chosen for this processor, BLAS, threads. Or what a "
        "checkpoint holds: its digest, which is checked, step, numbers of parameters and of those that its run trained, encoder, types and config."
        "\vExamples:\n"
        "  nerve info\n"
        "  OPENBLAS_CORETYPE=Haswell nerve info --json\n"
        "  nerve info runs/one/checkpoints/last.h5",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    struct json *v = NULL;
    if (a.checkpoint ? checkpoint_describe(a.checkpoint, &v, &e) : machine_start(0, &e)) return cli_fail(&e);
    if (!a.checkpoint) v = machine_json();
    if (a.json) {
        cli_print_json(v);
    } else {
        json_each(v, print_member, NULL, &e);
        json_free(v);
    }
    return 0;
}

const struct command COMMAND_INFO = {
    .name = "info",
    .about = "what this program runs on, or what a checkpoint holds",
    .argp = &ARGP,
    .run = run_command,
};
