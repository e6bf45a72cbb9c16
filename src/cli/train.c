/* train.c - `nerve train CONFIG --out DIR [--resume|--force] [key.sub=value ...]`. */
#include "cli.h"
#include "log.h"
#include "machine.h"
#include "run.h"
#include <signal.h>
#include <unistd.h>

struct arguments {
    const char *config, *out;
    enum run_mode mode;
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
    case ARGP_KEY_ARG:
        if (!a->config)
            a->config = text;
        else
            a->overrides[a->n_overrides++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->config) argp_error(state, "the config file is missing, as in `nerve train configs/synth.yaml --out runs/one`");
        if (!a->out) argp_error(state, "--out DIR is missing: where the run is written");
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
        "same bytes as a run that was never stopped.\n\n"
        "Examples:\n"
        "  nerve train configs/synth.yaml data.dir=synth --out runs/synth\n"
        "  nerve train configs/synth.yaml data.dir=synth --out runs/synth --resume\n"
        "  nerve train configs/synth.yaml data.dir=synth train.seed=2 --out runs/synth --force",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    static struct nerve_config config;
    const char *overrides[argc];
    struct arguments a = {.overrides = overrides};
    struct err e = {0};
    enum run_end end;
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (read_config(&a, &config, &e) || machine_start(config.train.threads, &e)) return cli_fail(&e);
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
