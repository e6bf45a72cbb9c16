/* report.c - `nerve report RUN... --out FILE`. */
#include "report.h"
#include "cli.h"
#include "log.h"
#include <stdlib.h>

struct arguments {
    const char **runs; /* the rest of argv */
    int n_runs;
    const char *out;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'o':
        a->out = text;
        return 0;
    case ARGP_KEY_ARG:
        a->runs[a->n_runs++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->n_runs) argp_error(state, "the run is missing, as in `nerve report runs/one --out report.html`");
        if (!a->out) argp_error(state, "--out FILE is missing: where the page is written");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "out", .key = 'o', .arg = "FILE", .doc = "the page; a file that is there is replaced"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "DIR...",
    .doc =
        "Write one page of HTML about one run directory, or up to eight side by side: curves, scores, calibration, risk and coverage, what "
        "corruption did, confusion, and tweets with their pictures or captions."
        "\vThe page needs no other file and no network. It shows what the runs have: corruption after `nerve evaluate --corrupt`, tweets "
        "where the data of the run are still there; for what is missing it says so.\n\n"
        "Examples:\n"
        "  nerve report runs/one --out report.html\n"
        "  nerve report runs/one two --out both.html",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    struct err e = {0};
    a.runs = calloc((size_t)argc + 1, sizeof *a.runs);
    if (!a.runs) {
        err_set(&e, ERR_INTERNAL, "no memory for %d arguments", argc);
        return cli_fail(&e);
    }
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    const int code = report_write_runs(a.n_runs, a.runs, a.out, &e);
    if (!code) log_info("wrote %s", a.out);
    free(a.runs);
    return code ? cli_fail(&e) : 0;
}

const struct command COMMAND_REPORT = {
    .name = "report",
    .about = "a page about one run, or several side by side",
    .argp = &ARGP,
    .run = run_command,
};
