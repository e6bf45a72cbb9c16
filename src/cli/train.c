/* train.c - `nerve train CONFIG --out DIR [--resume|--force] [key.sub=value ...]`, and `nerve train CONFIG --dry-run [--json] ...`. */
#include "cli.h"
#include "dry_run.h"
#include "log.h"
#include "machine.h"
#include "run.h"
#include "sink.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct arguments {
    const char *config, *out;
    enum run_mode mode;
    bool dry_run, json;
    const char **overrides; /* the rest of argv */
    int n_overrides;
};

static volatile sig_atomic_t stop; /* the signal that asked to stop */

/* The first signal lets the step finish and be saved; the second one does not wait. */
static void on_signal(int signal)
{
    if (stop) _exit(128 + signal);
    stop = signal;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'o':
        a->out = text;
        return 0;
    case 'r':
    case 'f':
        if (a->mode != RUN_NEW) argp_error(state, "--resume and --force exclude each other");
        a->mode = key == 'r' ? RUN_RESUME : RUN_FORCE;
        return 0;
    case 'n':
        a->dry_run = true;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->config)
            a->config = text;
        else
            a->overrides[a->n_overrides++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->config) argp_error(state, "the config file is missing, as in `nerve train configs/synth.yaml --out runs/one`");
        if (a->dry_run && a->mode != RUN_NEW) argp_error(state, "--dry-run writes nothing: --resume and --force have no place beside it");
        if (a->json && !a->dry_run) argp_error(state, "--json is for --dry-run; a run's figures are in DIR/metrics.jsonl");
        if (!a->out && !a->dry_run) argp_error(state, "--out DIR is missing: where the run is written");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int read_config(const struct arguments *a, struct nerve_config *c, struct err *e)
{
    config_default(c);
    int code = config_read_file(a->config, c, e);
    for (int k = 0; k < a->n_overrides && !code; k++) code = config_set(c, a->overrides[k], e);
    if (!code) code = config_check(c, e);
    if (!code) code = config_check_data(c, e);
    return code;
}

static const struct argp_option OPTIONS[] = {
    {.name = "out", .key = 'o', .arg = "DIR", .doc = "run directory; it must be empty or absent"},
    {.name = "resume", .key = 'r', .doc = "go on with the run in DIR, from its last checkpoint; from the beginning where there is none"},
    {.name = "force", .key = 'f', .doc = "remove the run in DIR and start anew"},
    {.name = "dry-run",
     .key = 'n',
     .doc = "check everything, take a few steps in memory, print what the run would need; nothing is written, --out is not needed"},
    {.name = "json", .key = 'j', .doc = "with --dry-run: print one JSON object"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "CONFIG [KEY=VALUE...]",
    .doc =
        "Train as CONFIG says; KEY=VALUE overrides one key of it (`nerve config keys` lists them)."
        "\vDIR gets config.yaml, run.json, train.log, metrics.jsonl, events.out.tfevents.nerve (for TensorBoard), checkpoints/{last,previous,best}.h5, eval/, predictions.jsonl and "
        "report.html. SIGINT and SIGTERM finish the step, save, and end with 130 or 143; --resume goes on from there and ends with the "
        "same bytes as a run that was never stopped. Where train.max_seconds is over it is the same, with status 0.\n\n"
        "--dry-run sends the largest batch through the model and takes a few real steps, on batches of evenly spread sizes; the time that it "
        "prints is their mean times the number of steps, and that of one batch of validation times their number. Its memory is the most "
        "that this process held.\n\n"
        "Examples:\n"
        "  nerve train configs/synth.yaml data.dir=synth --dry-run\n"
        "  nerve train configs/synth.yaml data.dir=synth --out runs/one\n"
        "  nerve train configs/synth.yaml data.dir=synth --out runs/one --resume\n"
        "  nerve train configs/synth.yaml data.dir=synth --out runs/one --force\n"
        "  nerve train configs/synth.yaml data.dir=synth train.seed=2 --out two",
    .children = CLI_COMMON,
};

static void print_dry_run(const struct dry_run *d)
{
    char train[32], evaluate[32], all[32];
    sink_format_time(d->train_seconds, train);
    sink_format_time(d->evaluate_seconds, evaluate);
    sink_format_time(d->train_seconds + d->evaluate_seconds, all);
    printf("parameters     %lld, %lld of them trained\n", (long long)d->parameters, (long long)d->trainable);
    printf("tweets         %lld train, %lld valid, %lld test\n", (long long)d->tweets[SPLIT_TRAIN], (long long)d->tweets[SPLIT_VALID],
           (long long)d->tweets[SPLIT_TEST]);
    printf("steps          %lld in %lld epochs, %lld of them warm-up\n", (long long)d->steps, (long long)d->epochs, (long long)d->warmup);
    printf("largest batch  %lld word pieces\n", (long long)d->largest_pieces);
    printf("peak memory    %.0f MB\n", d->peak_mb);
    printf("step           %.3f s, %.0f tokens/s (mean of %d batches)\n", d->step_seconds, d->tokens_per_s, N_TIMED);
    printf("time           about %s: %s of steps, %s of evaluation\n", all, train, evaluate);
}

static int run_command(int argc, char **argv)
{
    static struct nerve_config config;
    const char *overrides[argc];
    struct arguments a = {.overrides = overrides};
    struct err e = {0};
    enum run_end end;
    struct dry_run dry;
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (read_config(&a, &config, &e) || machine_start(config.train.threads, &e)) return cli_fail(&e);
    if (a.dry_run) {
        if (dry_run(&config, &dry, &e)) return cli_fail(&e);
        if (a.json)
            cli_print_json(dry_run_json(&dry));
        else
            print_dry_run(&dry);
        return 0;
    }
    catch_signals();
    if (run_train(&config, a.out, a.mode, &stop, &end, &e)) return cli_fail(&e);
    if (end == RUN_FINISHED) return 0;
    log_info("%s, saved; `--resume` goes on", stop ? "stopped by a signal" : "train.max_seconds are over");
    return stop ? 128 + stop : 0;
}

const struct command COMMAND_TRAIN = {
    .name = "train",
    .about = "train a model as a config file says",
    .argp = &ARGP,
    .run = run_command,
};
