/* bench.c - `nerve bench train|predict [--shape ...] [--batch N] [--batches N] [--threads N] [--lengths FILE] [--json] [KEY=VALUE...]`. */
#include "bench.h"
#include "cli.h"
#include "json.h"
#include "machine.h"
#include <stdio.h>
#include <string.h>

static const char *const ACTIONS[] = {"train", "predict", NULL};

struct arguments {
    struct bench_options options;
    struct nerve_config *config;
    bool json, has_action;
    int n_overrides;
    const char **overrides; /* the rest of argv */
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 's':
        a->options.shape = text;
        return 0;
    case 'b':
        a->options.batch = (int)cli_integer(state, "--batch", text, 1, 4096);
        return 0;
    case 'n':
        a->options.batches = (int)cli_integer(state, "--batches", text, 1, 4096);
        return 0;
    case 't':
        a->config->train.threads = (int)cli_integer(state, "--threads", text, 1, 512);
        return 0;
    case 'l':
        a->options.lengths = text;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->has_action) {
            a->overrides[a->n_overrides++] = text;
            return 0;
        }
        if (strcmp(text, "train") != 0 && strcmp(text, "predict") != 0) argp_error(state, "there is 'train' and 'predict', not '%s'", text);
        a->options.predict = strcmp(text, "predict") == 0;
        a->has_action = true;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say what to measure: train or predict");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "shape", .key = 's', .arg = "minilm|bert-base|FOLDER", .doc = "default: minilm"},
    {.name = "batch", .key = 'b', .arg = "N", .doc = "tweets in a batch (default 16 for train, 32 for predict)"},
    {.name = "batches", .key = 'n', .arg = "N", .doc = "batches of a round (default 16); rounds go on for 4 seconds, one at least"},
    {.name = "threads", .key = 't', .arg = "N", .doc = "threads (default: one for each processor)"},
    {.name = "lengths", .key = 'l', .arg = "FILE", .doc = "the word pieces of one tweet in each line (default: as in Twitter-2017)"},
    {.name = "json", .key = 'j', .doc = "print one JSON object"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "train [KEY=VALUE...]\npredict [KEY=VALUE...]",
    .doc =
        "Measure where time and memory of training or prediction go, on random weights in the shape of an encoder and tweets of real "
        "lengths; KEY=VALUE sets a key of the configuration, as model.crf or model.frozen_layers."
        "\vThe sizes of a FOLDER are those of its config.json. Tokens are word pieces; there are no others, since nothing is padded. Beside each round of batches a plain product of "
        "matrices (sgemm) is measured: the share of it is what to compare between machines and days.\n\n"
        "Examples:\n"
        "  nerve bench predict\n"
        "  nerve bench train --batch 8 --json\n"
        "  nerve bench train --threads 1 model.crf=false model.frozen_layers=6",
    .children = CLI_COMMON,
};

static double number(const struct json *v, const char *key)
{
    double x = 0;
    json_read_number(json_get(v, key), &x);
    return x;
}

static void print_text(const struct bench_options *o, const struct bench *b, struct json *v)
{
    const struct json *machine = json_get(v, "machine"), *ops = json_get(v, "ops");
    const double step = number(v, "step_ms");
    printf("work       %s, %s, %lld parameters, batches of %d\n", o->predict ? "prediction" : "training", o->shape,
           (long long)b->parameters, o->batch);
    printf("speed      %.0f tokens/s, %.1f ms a batch (%d batches)\n", number(v, "tokens_per_s"), step, b->steps);
    printf("memory     %.0f MB at the peak\n", number(v, "peak_mb"));
    printf("products   %.1f GFLOP/s, %.0f %% of the %.1f of sgemm beside them\n", number(v, "gflops"), 100 * number(v, "share_of_sgemm"),
           number(v, "sgemm_gflops"));
    printf("machine    %.0f threads, %s kernels, core type %s, %s\n\n", number(machine, "threads"), json_text(json_get(machine, "kernels")),
           json_text(json_get(machine, "core_type")), json_text(json_get(machine, "processor")));
    printf("%-16s %9s %6s %9s %9s %6s\n", "a batch's time", "ms", "%", "forward", "backward", "calls");
    for (size_t k = 0; k < json_size(ops); k++) {
        const struct json *op = json_at(ops, k);
        printf("%-16s %9.2f %6.1f %9.2f %9.2f", json_text(json_get(op, "name")), number(op, "ms"), 100 * number(op, "ms") / step,
               number(op, "forward_ms"), number(op, "backward_ms"));
        if (number(op, "calls") > 0) printf(" %6.0f", number(op, "calls"));
        putchar('\n');
    }
}

static int run_command(int argc, char **argv)
{
    static struct nerve_config config;
    const char *overrides[argc];
    struct arguments a = {.options = {.shape = "minilm", .batches = BENCH_BATCHES}, .config = &config, .overrides = overrides};
    struct bench b;
    struct err e = {0};
    config_default(&config);
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    snprintf(config.model.encoder, sizeof config.model.encoder, "%s", a.options.shape); /* the sizes are its, not those of model.layers */
    if (!a.options.batch) a.options.batch = a.options.predict ? 32 : 16;
    for (int k = 0; k < a.n_overrides; k++)
        if (config_set(&config, overrides[k], &e)) return cli_fail(&e);
    if (config_check(&config, &e) || machine_start(config.train.threads, &e) || bench_run(&config, &a.options, &b, &e)) return cli_fail(&e);
    struct json *v = bench_json(&a.options, &b);
    if (a.json) {
        cli_print_json(v);
    } else {
        print_text(&a.options, &b, v);
        json_free(v);
    }
    return 0;
}

const struct command COMMAND_BENCH = {
    .name = "bench",
    .about = "measure where time and memory of training or prediction go",
    .actions = ACTIONS,
    .argp = &ARGP,
    .run = run_command,
};
