/* evaluate.c - `nerve evaluate --model RUN|CHECKPOINT [--data DIR] [--split valid|test] [--json]`. */
#include "cli.h"
#include "json.h"
#include "loaded_model.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *model, *data;
    enum split_name split;
    int threads;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'm':
        a->model = text;
        return 0;
    case 'd':
        a->data = text;
        return 0;
    case 's':
        for (int k = 0; k < N_SPLITS; k++)
            if (strcmp(text, SPLIT_NAMES[k]) == 0) {
                a->split = (enum split_name)k;
                return 0;
            }
        argp_error(state, "--split: expected train, valid or test, found '%s'", text);
        return 0;
    case 't':
        a->threads = (int)cli_integer(state, "--threads", text, 1, 1024);
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_END:
        if (!a->model) argp_error(state, "--model RUN|CHECKPOINT is missing");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "model", .key = 'm', .arg = "RUN|CHECKPOINT", .doc = "a run directory (its best epoch) or a checkpoint file"},
    {.name = "data", .key = 'd', .arg = "DIR", .doc = "folder with the splits; default: the one that the run was trained on"},
    {.name = "split", .key = 's', .arg = "train|valid|test", .doc = "default: test"},
    {.name = "threads", .key = 't', .arg = "N", .doc = "threads; default: one for each processor"},
    {.name = "json", .key = 'j', .doc = "print one JSON object, as in eval/test.json; its measures are fractions"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .doc =
        "Score a trained model on a split: precision, recall and F1 of entities, micro, macro and per type, under the lenient (conlleval) "
        "and the strict (IOB2) reading, with a 95 % bootstrap interval over tweets. Entities behind the model's longest tweet count as misses."
        "\vExamples:\n"
        "  nerve evaluate --model runs/one\n"
        "  nerve evaluate --model runs/one --split valid --json\n"
        "  nerve evaluate --model runs/one/checkpoints/best.h5 --data synth",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    static struct loaded_model model;
    struct arguments a = {.split = SPLIT_TEST};
    struct score score = {0};
    struct json *json = NULL;
    char *table = NULL;
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (machine_start(a.threads, &e) || loaded_model_open(a.model, &model, &e)) return cli_fail(&e);
    int code = loaded_model_evaluate(&model, a.data, a.split, &score, &e);
    if (!code) code = a.json ? score_json(&score, &json, &e) : score_table(&score, &table, &e);
    if (json) cli_print_json(json);
    if (table) fputs(table, stdout);
    free(table);
    score_end(&score);
    loaded_model_close(&model);
    return code ? cli_fail(&e) : 0;
}

const struct command COMMAND_EVALUATE = {
    .name = "evaluate",
    .about = "score a trained model on a split of a data set",
    .argp = &ARGP,
    .run = run_command,
};
