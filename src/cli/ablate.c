/* ablate.c - `nerve ablate CONFIG --out DIR [--jobs N] [--dry-run] [key.sub=value ...]`. */
#include "ablate.h"
#include "cli.h"
#include "machine.h"
#include "sink.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *file, *out;
    int jobs;
    bool dry_run;
    const char **overrides; /* the rest of argv */
    int n_overrides;
};

static volatile sig_atomic_t signal_now, n_signals;

static void on_signal(int signal)
{
    signal_now = signal;
    n_signals = n_signals + 1;
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
    case 'j':
        a->jobs = (int)cli_integer(state, "--jobs", text, 1, ABLATE_JOBS_MAX);
        return 0;
    case 'n':
        a->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->file)
            a->file = text;
        else
            a->overrides[a->n_overrides++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->file) argp_error(state, "the ablation file is missing, as in `nerve ablate configs/ablation/crf.yaml --out runs/crf`");
        if (!a->out) argp_error(state, "--out DIR is missing: where runs and table are written");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "out", .key = 'o', .arg = "DIR", .doc = "where runs/ and table.md, table.csv, table.json are written"},
    {.name = "jobs", .key = 'j', .arg = "N", .doc = "runs at a time, which share the machine's threads (or train.threads); default: 1"},
    {.name = "dry-run", .key = 'n', .doc = "check every row, print the command of each run, write nothing"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "CONFIG [KEY=VALUE...]",
    .doc =
        "Train what an ablation file lists: a base config, what varies, seeds; and tell of it in one table. KEY=VALUE overrides one key of "
        "every run."
        "\vEach run is `nerve train` into DIR/runs. Every row is checked before the first one starts. The table - mean and standard deviation "
        "over the seeds, paired bootstrap p against the base row, time and memory - is written anew whenever a run is finished, and printed at "
        "the end. A run that failed is in it with its message, and the exit status is then 1.\n\n"
        "The same command started again skips what is finished and goes on with what is not. SIGINT and SIGTERM are passed on to the runs, "
        "which save; it ends with 130 or 143.\n\n"
        "Examples:\n"
        "  nerve ablate configs/ablation/crf.yaml data.dir=synth --out crf -n\n"
        "  nerve ablate configs/ablation/crf.yaml data.dir=synth --out crf\n"
        "  nerve ablate configs/ablation/crf.yaml data.dir=synth --out crf -j 2",
    .children = CLI_COMMON,
};

static void show(void *context, const struct ablate_progress *now)
{
    (void)context;
    sink_show_runs(now->done, now->runs, now->line);
}

/* As a shell takes it. */
static void print_word(const char *word)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (*word && strspn(word, PLAIN) == strlen(word)) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++) fputs(*word == '\'' ? "'\\''" : (const char[]){*word, '\0'}, stdout);
    putchar('\'');
}

static int print_commands(const struct ablate *x, struct err *e)
{
    static const char *const STATES[] = {"new", "begun", "finished", "failed"}; /* enum cell_state */
    for (int k = 0; k < x->n_cells; k++) {
        char **words;
        const int code = ablate_command(x, &x->cells[k], &words, e);
        if (code) return code;
        printf("# %s: %s\n", x->cells[k].name, STATES[x->cells[k].state]);
        for (int i = 0; words[i]; i++) {
            if (i > 0) putchar(' ');
            print_word(words[i]);
        }
        putchar('\n');
        free(words[0]);
        free(words);
    }
    return 0;
}

static int run_and_print(struct ablate *x, struct err *e)
{
    int failed;
    struct table t;
    int code = ablate_run(x, &failed, e);
    if (!code) code = ablate_table(x, &t, e);
    if (code) return cli_fail(e);
    sink_clear();
    table_print(stdout, &t, TABLE_TERMINAL);
    table_end(&t);
    return n_signals ? 128 + signal_now : failed ? -ERR_CHECK : 0;
}

static int run_command(int argc, char **argv)
{
    const char *overrides[argc];
    struct arguments a = {.overrides = overrides, .jobs = 1};
    struct err e = {0};
    struct ablation ablation;
    struct ablate x = {.lock = -1};
    int status = 0;
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    const struct ablate_options options = {.out = a.out, .jobs = a.jobs, .signal = &signal_now, .n_signals = &n_signals, .show = show};
    int code = ablation_read_file(a.file, a.n_overrides, overrides, &ablation, &e);
    if (code) {
        ablation_free(&ablation);
        return cli_fail(&e);
    }
    catch_signals();
    sink_hide_info(true);
    code = machine_start(ablation.rows[0].config.train.threads, &e);
    if (!code) code = ablate_open(&ablation, &options, &x, &e);
    sink_hide_info(false);
    if (!code && a.dry_run) code = print_commands(&x, &e);
    if (code)
        status = n_signals ? 128 + signal_now : cli_fail(&e);
    else if (!a.dry_run)
        status = run_and_print(&x, &e);
    ablate_close(&x);
    ablation_free(&ablation);
    return status;
}

const struct command COMMAND_ABLATE = {
    .name = "ablate",
    .about = "train what an ablation file lists and compare it in a table",
    .argp = &ARGP,
    .run = run_command,
};
