/* evaluate.c - `nerve evaluate --model RUN|CHECKPOINT [--data DIR] [--split valid|test] [--corrupt KIND:DEGREE]... [--json]`. */
#include "assess.h"
#include "cli.h"
#include "files.h"
#include "json.h"
#include "loaded_evaluate.h"
#include "log.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CORRUPTIONS_MAX = 256, SEED = 1 };

struct arguments {
    const char *model;
    struct evaluate_request request;
    struct corruption corruptions[CORRUPTIONS_MAX];
    int threads;
    bool json;
};

static void add_corruption(struct arguments *a, const char *text, const struct argp_state *state)
{
    struct err e = {0};
    if (a->request.n_corruptions == CORRUPTIONS_MAX)
        argp_error(state, "--corrupt: more than %d of them", CORRUPTIONS_MAX);
    else if (corruption_parse(text, &a->corruptions[a->request.n_corruptions], &e))
        argp_error(state, "--corrupt: %s", e.text);
    else
        a->request.n_corruptions++;
}

enum { OPTION_IMAGES = 256, OPTION_CAPTIONS, OPTION_FEATURES, OPTION_SEED };

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'm':
        a->model = text;
        return 0;
    case 'd':
        a->request.directory = text;
        return 0;
    case 's':
        for (int k = 0; k < N_SPLITS; k++)
            if (strcmp(text, SPLIT_NAMES[k]) == 0) {
                a->request.split = (enum split_name)k;
                return 0;
            }
        argp_error(state, "--split: expected train, valid or test, found '%s'", text);
        return 0;
    case 'c':
        add_corruption(a, text, state);
        return 0;
    case OPTION_SEED:
        a->request.seed = (uint32_t)cli_integer(state, "--seed", text, 0, UINT32_MAX);
        return 0;
    case OPTION_IMAGES:
        a->request.given.images = text;
        return 0;
    case OPTION_CAPTIONS:
        a->request.given.captions = text;
        return 0;
    case OPTION_FEATURES:
        a->request.given.features = text;
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
    {.name = "images", .key = OPTION_IMAGES, .arg = "DIR", .doc = "folder of the pictures; default: the run's data.images"},
    {.name = "captions", .key = OPTION_CAPTIONS, .arg = "FILE", .doc = "captions; default: the run's data.captions"},
    {.name = "features", .key = OPTION_FEATURES, .arg = "FILE", .doc = "stored features; default: the run's data.features"},
    {.name = "corrupt",
     .key = 'c',
     .arg = "KIND:DEGREE",
     .doc = "make words or pictures worse by a DEGREE from 0 (unchanged) to 1 (nothing left), and tell F1 and the AUROC of clean "
            "against corrupted. KIND: noise (pictures, features), blur, occlusion (pictures), shuffled, missing (whatever is looked at), "
            "typos, dropped-words (text). May be repeated: several degrees make a curve"},
    {.name = "seed", .key = OPTION_SEED, .arg = "N", .doc = "of what --corrupt draws (default 1)"},
    {.name = "threads", .key = 't', .arg = "N", .doc = "threads; default: one for each processor"},
    {.name = "json", .key = 'j', .doc = "print one JSON object, as in eval/test.json; its measures are fractions"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .doc =
        "Score a trained model on a split: precision, recall and F1 of entities, micro, macro and per type, under the lenient (conlleval) "
        "and the strict (IOB2) reading, with a 95 % bootstrap interval over tweets; whether its confidence can be trusted; and F1 of parts "
        "of the split. Entities behind the model's longest tweet count as misses."
        "\vProbabilities are those at the checkpoint's temperature; where it has none, one is fitted on the validation split first. What "
        "--corrupt found is stored in eval/SPLIT.json of the run, where --model is one and it is evaluated on its own data. The page on "
        "trust among the documents says what each number means.\n\n"
        "Examples:\n"
        "  nerve evaluate --model runs/one\n"
        "  nerve evaluate --model runs/one --split valid --json\n"
        "  nerve evaluate --model runs/one/checkpoints/best.h5 --data synth\n"
        "  nerve evaluate --model runs/one --corrupt typos:0.1 -c typos:0.3",
    .children = CLI_COMMON,
};

/* eval/SPLIT.json of a run that was evaluated on its own data, with what corruption does to it. */
static int store(const struct arguments *a, const struct json *json, struct err *e)
{
    const struct evaluate_request *r = &a->request;
    char name[32], path[PATH_MAX];
    struct stat s;
    if (r->n_corruptions == 0 || r->directory || r->given.images || r->given.captions || r->given.features) return 0;
    if (stat(a->model, &s) || !S_ISDIR(s.st_mode)) return 0;
    snprintf(name, sizeof name, "eval/%s.json", SPLIT_NAMES[r->split]);
    char *text = json_dump(json, 2);
    const size_t size = strlen(text);
    text[size] = '\n';
    int code = path_join(path, sizeof path, a->model, name, e);
    if (!code) code = file_write_bytes(path, text, size + 1, e);
    if (!code) log_info("stored in %s", path);
    free(text);
    return code;
}

static int print_tables(const struct score *score, const struct json *json, struct err *e)
{
    char *scores = NULL, *trust = NULL;
    int code = score_table(score, &scores, e);
    if (!code) code = assess_table(json, &trust, e);
    if (!code) printf("%s\n%s", scores, trust);
    free(scores);
    free(trust);
    return code;
}

static int run_command(int argc, char **argv)
{
    static struct loaded_model model;
    static struct arguments a = {.request = {.split = SPLIT_TEST, .seed = SEED, .corruptions = a.corruptions}};
    struct score score = {0};
    struct json *json = NULL;
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (machine_start(a.threads, &e) || loaded_model_open(a.model, &model, &e)) return cli_fail(&e);
    int code = loaded_model_evaluate(&model, &a.request, &score, &json, &e);
    if (!code) code = store(&a, json, &e);
    if (!code && !a.json) code = print_tables(&score, json, &e);
    if (!code && a.json)
        cli_print_json(json);
    else
        json_free(json);
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
