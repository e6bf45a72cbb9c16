/* features.c - `nerve features CONFIG --out FILE [--force] [key.sub=value ...]`. */
#include "cli.h"
#include "extract.h"
#include "log.h"
#include "machine.h"
#include <unistd.h>

struct arguments {
    const char *config, *out;
    bool force;
    const char **overrides; /* the rest of argv */
    int n_overrides;
};

static volatile sig_atomic_t stop; /* the signal that asked to stop */

/* The first signal lets the part finish and be written; the second one does not wait. */
static void on_signal(int signal)
{
    if (stop) _exit(128 + signal);
    stop = signal;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'o':
        a->out = text;
        return 0;
    case 'f':
        a->force = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->config)
            a->config = text;
        else
            a->overrides[a->n_overrides++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->config) argp_error(state, "the config file is missing, as in `nerve features configs/twitter2017-clip.yaml --out clip.h5`");
        if (!a->out) argp_error(state, "--out FILE is missing: where the features are written");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "out",
     .key = 'o',
     .arg = "FILE",
     .doc = "the file of features; parts of it are kept in FILE.part-0000 and so on until it is complete"},
    {.name = "force", .key = 'f', .doc = "replace FILE, and begin without the parts of an earlier run"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "CONFIG [KEY=VALUE...]",
    .doc =
        "Run a frozen visual encoder once over all pictures or captions of train, valid and test, and store its visual tokens in FILE, which "
        "model.visual=features trains on: a CPU cannot afford a frozen ViT again in every epoch. model.visual is vit or clip (the encoder of "
        "model.vision) or caption (that of model.encoder)."
        "\vA run that was stopped or killed goes on where it was: the same command keeps its finished parts. SIGINT and SIGTERM end it behind a "
        "part, with 130 or 143. A picture that cannot be used is named, counted and left out (data.bad_image). More: docs/features.md.\n\n"
        "Examples:\n"
        "  nerve features captions.yaml --out synth/captions.h5\n"
        "  nerve features captions.yaml train.threads=1 --out one.h5\n"
        "  nerve features captions.yaml --out synth/captions.h5 --force",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    static struct nerve_config config;
    const char *overrides[argc];
    struct arguments a = {.overrides = overrides};
    const struct sigaction action = {.sa_handler = on_signal};
    struct err e = {0};
    bool finished;
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    config_default(&config);
    int code = config_read_file(a.config, &config, &e);
    for (int k = 0; k < a.n_overrides && !code; k++) code = config_set(&config, a.overrides[k], &e);
    if (code || config_check(&config, &e) || config_check_data(&config, &e) || machine_start(config.train.threads, &e)) return cli_fail(&e);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (extract_features(&config, a.out, a.force, &stop, &finished, &e)) return cli_fail(&e);
    if (finished) return 0;
    log_info("stopped by a signal; the same command goes on");
    return 128 + stop;
}

const struct command COMMAND_FEATURES = {
    .name = "features",
    .about = "store what a frozen encoder gives for pictures or captions",
    .argp = &ARGP,
    .run = run_command,
};
