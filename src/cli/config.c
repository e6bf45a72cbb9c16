/* config.c - `nerve config show CONFIG [key=value ...]` and `nerve config keys`. */
#include "config.h"
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *action, *path;
    char **overrides;
    int n_overrides;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->action = text;
        else if (state->arg_num == 1)
            a->path = text;
        else
            return ARGP_ERR_UNKNOWN; /* the rest: ARGP_KEY_ARGS */
        return 0;
    case ARGP_KEY_ARGS:
        a->overrides = state->argv + state->next;
        a->n_overrides = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!a->action || (strcmp(a->action, "show") != 0 && strcmp(a->action, "keys") != 0))
            argp_error(state, "expected `show CONFIG` or `keys`%s%s%s", a->action ? ", found '" : "", a->action ? a->action : "",
                       a->action ? "'" : "");
        if (strcmp(a->action, "show") == 0 && !a->path) argp_error(state, "show: the configuration file is missing");
        if (strcmp(a->action, "keys") == 0 && a->path) argp_error(state, "keys: takes no argument, found '%s'", a->path);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int show(const struct arguments *a)
{
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    if (config_read_file(a->path, &c, &e)) return cli_fail(&e);
    for (int i = 0; i < a->n_overrides; i++)
        if (config_set(&c, a->overrides[i], &e)) return cli_fail(&e);
    if (config_check(&c, &e)) return cli_fail(&e);
    char *text = config_text(&c, CONFIG_SHOW);
    if (!text) {
        err_set(&e, ERR_INTERNAL, "out of memory");
        return cli_fail(&e);
    }
    fputs(text, stdout);
    free(text);
    return 0;
}

/* The body of docs/config.md. */
static void print_keys(void)
{
    printf("| key | value | default | runtime | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        char expected[256];
        config_expected(i, expected, sizeof expected);
        printf("| `%s` | %s | %s%s%s | %s | %s |\n", k->name, expected, k->initial[0] ? "`" : "", k->initial[0] ? k->initial : "not set",
               k->initial[0] ? "`" : "", k->runtime ? "yes" : "", k->about);
    }
}

static const struct argp ARGP = {
    .parser = parse,
    .args_doc = "show CONFIG [KEY=VALUE...]\nkeys",
    .doc = "Show a configuration with every key resolved, and where each value comes from; or list all keys as a Markdown table."
           "\vExamples:\n"
           "  nerve config show configs/synth.yaml\n"
           "  nerve config show configs/twitter2017.yaml train.seed=2 data.rename.OTHER=MISC\n"
           "  nerve config keys\n\n"
           "A key that may differ between runs that must end in the same bytes is marked as a runtime key.",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (strcmp(a.action, "show") == 0) return show(&a);
    print_keys();
    return 0;
}

const struct command COMMAND_CONFIG = {
    .name = "config",
    .about = "show a resolved configuration, or list all keys",
    .actions = (const char *const[]){"show", "keys", NULL},
    .argp = &ARGP,
    .run = run_command,
};
