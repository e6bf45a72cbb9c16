/* data.c - `nerve data check|stats CONFIG|DIR [key=value ...]`. */
#include "cli.h"
#include "config.h"
#include "data_check.h"
#include "data_stats.h"
#include "dry_run.h"
#include "log.h"
#include "machine.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN = 5, KEY_ALL = 0x200, KEY_IMAGES }; /* problems of one kind and file that are shown without --all */

struct arguments {
    const char *action, *path, *images;
    char **overrides;
    int n_overrides;
    bool json, all;
};

static int check(const struct arguments *a, const struct nerve_config *c, struct err *e);
static int stats(const struct arguments *a, const struct nerve_config *c, struct err *e);

static const char *const ACTIONS[] = {"check", "stats", NULL};
static int (*const RUN[])(const struct arguments *a, const struct nerve_config *c, struct err *e) = {check, stats};

static int find_action(const char *name)
{
    for (int k = 0; ACTIONS[k]; k++)
        if (strcmp(ACTIONS[k], name) == 0) return k;
    return -1;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case KEY_ALL:
        a->all = true;
        return 0;
    case KEY_IMAGES:
        a->images = text;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->action = text;
        else if (state->arg_num == 1)
            a->path = text;
        else
            a->overrides[a->n_overrides++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->action || find_action(a->action) < 0)
            argp_error(state, "expected check or stats%s%s%s", a->action ? ", found '" : "", a->action ? a->action : "",
                       a->action ? "'" : "");
        if (!a->path)
            argp_error(state, "%s: the config file, or the folder that holds train.txt, valid.txt and test.txt, is missing", a->action);
        if ((a->all || a->images) && strcmp(a->action, "check") != 0) argp_error(state, "--all and --images are for check");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* A folder alone is data.dir of the defaults. */
static int read_config(const struct arguments *a, struct nerve_config *c, struct err *e)
{
    char why[512];
    int code = 0;
    config_default(c);
    if (!is_folder(a->path))
        code = config_read_file(a->path, c, e);
    else if (!config_set_value(c, config_find("data.dir"), a->path, true, why, sizeof why))
        code = err_set(e, ERR_USAGE, "%s: %s", a->path, why);
    for (int k = 0; k < a->n_overrides && !code; k++) code = config_set(c, a->overrides[k], e);
    if (!code) code = config_check(c, e);
    return code ? code : config_check_data(c, e);
}

/* ---- check ---- */

static void print_finding(const struct findings *f, const struct finding *x, bool colours)
{
    const bool is_error = DATA_PROBLEMS[x->what].is_error;
    const char *colour = !colours ? "" : is_error ? "\033[1;31m" : "\033[1;33m", *plain = colours ? "\033[0m" : "";
    printf("%s:%ld: %s%s:%s ", f->path[x->split], x->line, colour, is_error ? "error" : "warning", plain);
    terminal_put(stdout, x->message, strlen(x->message));
    printf(" [%s]\n", DATA_PROBLEMS[x->what].code);
}

static void print_findings(const struct findings *f, bool all)
{
    const bool colours = isatty(STDOUT_FILENO) && terminal_colours(STDOUT_FILENO);
    size_t shown[N_SPLITS][N_DATA_PROBLEMS] = {0}, left_out[N_SPLITS][N_DATA_PROBLEMS] = {0};
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->at[i];
        if (!all && shown[x->split][x->what] == SHOWN) {
            left_out[x->split][x->what]++;
            continue;
        }
        shown[x->split][x->what]++;
        print_finding(f, x, colours);
    }
    for (int k = 0; k < N_SPLITS; k++)
        for (int what = 0; what < N_DATA_PROBLEMS; what++)
            if (left_out[k][what] > 0)
                printf("%s: %zu more [%s]; --all shows them\n", f->path[k], left_out[k][what], DATA_PROBLEMS[what].code);
    printf("%zu errors, %zu warnings\n", f->errors, f->warnings);
}

static int check(const struct arguments *a, const struct nerve_config *c, struct err *e)
{
    struct findings f;
    int code = data_check(c, a->images, &f, e);
    if (code) return code;
    if (!f.has_pieces)
        log_info("no vocabulary is at hand (model.encoder, or vocab.txt beside the data): pieces and truncation were not looked at");
    if (a->json)
        cli_print_json(findings_json(&f));
    else
        print_findings(&f, a->all);
    code = f.errors > 0 ? ERR_CHECK : 0;
    findings_free(&f);
    return code; /* an error of the data was printed: there is no message besides */
}

/* ---- stats ---- */

/* What training would need, where a config says how, and the vocabulary is there. */
static int estimate(const struct arguments *a, const struct nerve_config *c, bool has_pieces, bool *is_made, struct dry_run *d,
                    struct err *e)
{
    *is_made = has_pieces && !(is_folder(a->path) && !c->model.encoder[0] && !c->train.init[0]);
    if (!*is_made) return 0;
    const int code = machine_start(c->train.threads, e);
    return code ? code : dry_run(c, d, e);
}

static int stats(const struct arguments *a, const struct nerve_config *c, struct err *e)
{
    struct data_stats s;
    struct dry_run d;
    char *table = NULL;
    bool is_made = false;
    int code = data_stats(c, &s, e);
    if (code) return code;
    code = estimate(a, c, s.has_pieces, &is_made, &d, e);
    if (!code && a->json) {
        struct json *v = data_stats_json(&s);
        if (is_made) json_set(v, "training", dry_run_json(&d));
        cli_print_json(v);
    } else if (!code && !(code = data_stats_table(&s, &table, e))) {
        fputs(table, stdout);
        if (is_made)
            printf("\ntraining as this config says: about %.0f s in %lld steps, peak memory %.0f MB\n",
                   d.train_seconds + d.evaluate_seconds, (long long)d.steps, d.peak_mb);
    }
    free(table);
    data_stats_free(&s);
    return code;
}

/* ---- the command ---- */

static const struct argp_option OPTIONS[] = {
    {.name = "json", .key = 'j', .doc = "print one JSON object"},
    {.name = "all", .key = KEY_ALL, .doc = "check: show every problem, not the first five of a kind in a file"},
    {.name = "images",
     .key = KEY_IMAGES,
     .arg = "DIR",
     .doc = "check: look for the picture of each id in DIR (ID.jpg, .jpeg, .png, .webp), as training does"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "check CONFIG|DIR [KEY=VALUE...]\nstats CONFIG|DIR [KEY=VALUE...]",
    .doc =
        "Look at the data of a configuration, or of a folder with train.txt, valid.txt and test.txt: what is wrong or doubtful in them, line by "
        "line; or how large they are and what is in them."
        "\vAn error is a line that training would refuse; the exit status is 1 then. A warning is read all the same. With a vocabulary "
        "(model.encoder, or vocab.txt beside the data) words are also cut into pieces; of a configuration stats then also estimates "
        "the time and memory of training, by a few steps.\n\n"
        "Examples:\n"
        "  nerve data check synth\n"
        "  nerve data check configs/synth.yaml data.dir=synth --all\n"
        "  nerve data stats synth --json",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    static struct nerve_config config;
    char *overrides[argc];
    struct arguments a = {.overrides = overrides};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    int code = read_config(&a, &config, &e);
    if (!code) code = RUN[find_action(a.action)](&a, &config, &e);
    return code == 0 ? 0 : code == ERR_CHECK && !e.text[0] ? -ERR_CHECK : cli_fail(&e);
}

const struct command COMMAND_DATA = {
    .name = "data",
    .about = "check a data set, or count what is in it",
    .actions = ACTIONS,
    .argp = &ARGP,
    .run = run_command,
};
