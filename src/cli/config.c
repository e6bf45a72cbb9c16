/* config.c - `nerve config show CONFIG [key=value ...]`, `init [FILE]`, `schema` and `keys`. */
#include "config.h"
#include "cli.h"
#include "files.h"
#include "json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *action, *path;
    char **overrides;
    int n_overrides;
};

static int show(const struct arguments *a, struct err *e);
static int init(const struct arguments *a, struct err *e);
static int schema(const struct arguments *a, struct err *e);
static int keys(const struct arguments *a, struct err *e);

static const char *const ACTIONS[] = {"show", "init", "schema", "keys", NULL};
static const struct {
    int (*run)(const struct arguments *a, struct err *e);
    int least, most; /* arguments behind the action */
    const char *takes;
} RUN[] = {
    {show, 1, 1 << 20, "CONFIG [KEY=VALUE...]"},
    {init, 0, 1, "[FILE]"},
    {schema, 0, 0, "no argument"},
    {keys, 0, 0, "no argument"},
};

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
    case ARGP_KEY_END: {
        int action = a->action ? find_action(a->action) : -1, n = (a->path ? 1 : 0) + a->n_overrides;
        if (action < 0)
            argp_error(state, "expected show, init, schema or keys%s%s%s", a->action ? ", found '" : "", a->action ? a->action : "",
                       a->action ? "'" : "");
        else if (n < RUN[action].least || n > RUN[action].most)
            argp_error(state, "%s: takes %s", a->action, RUN[action].takes);
        return 0;
    }
    }
    return ARGP_ERR_UNKNOWN;
}

static int print(char *text, struct err *e)
{
    if (!text) return err_set(e, ERR_INTERNAL, "out of memory");
    fputs(text, stdout);
    free(text);
    return 0;
}

static int show(const struct arguments *a, struct err *e)
{
    static struct nerve_config c;
    config_default(&c);
    int code = config_read_file(a->path, &c, e);
    for (int i = 0; i < a->n_overrides && !code; i++) code = config_set(&c, a->overrides[i], e);
    if (!code) code = config_check(&c, e);
    return code ? code : print(config_text(&c, CONFIG_SHOW), e);
}

static int init(const struct arguments *a, struct err *e)
{
    static struct nerve_config c;
    config_default(&c);
    char *text = config_text(&c, CONFIG_INIT);
    if (!a->path || !text) return print(text, e);
    int code = file_exists(a->path) ? err_set(e, ERR_USAGE, "%s: is there already; name another file, or remove it", a->path)
                                    : file_write_bytes(a->path, text, strlen(text), e);
    free(text);
    return code;
}

static int schema(const struct arguments *a, struct err *e)
{
    (void)a;
    (void)e;
    cli_print_json(config_schema());
    return 0;
}

/* The body of docs/config.md. */
static int keys(const struct arguments *a, struct err *e)
{
    (void)a;
    (void)e;
    printf("| key | value | default | runtime | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        char expected[256];
        config_expected(i, expected, sizeof expected);
        printf("| `%s` | %s | %s%s%s | %s | %s |\n", k->name, expected, k->initial[0] ? "`" : "", k->initial[0] ? k->initial : "not set",
               k->initial[0] ? "`" : "", k->runtime ? "yes" : "", k->about);
    }
    return 0;
}

static const struct argp ARGP = {
    .parser = parse,
    .args_doc = "show CONFIG [KEY=VALUE...]\ninit [FILE]\nschema\nkeys",
    .doc = "Show a configuration with every key resolved, and where each value comes from; begin a new one, with every key at its default "
           "and explained; print the table of keys as a JSON Schema, or as a Markdown table."
           "\vA key that may differ between runs that must end in the same bytes is marked as a runtime key.\n\n"
           "Examples:\n"
           "  nerve config show configs/synth.yaml\n"
           "  nerve config show configs/twitter2017.yaml train.seed=2\n"
           "  nerve config init my.yaml\n"
           "  nerve config schema\n"
           "  nerve config keys",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    return RUN[find_action(a.action)].run(&a, &e) ? cli_fail(&e) : 0;
}

const struct command COMMAND_CONFIG = {
    .name = "config",
    .about = "show, begin or describe a configuration",
    .actions = ACTIONS,
    .argp = &ARGP,
    .run = run_command,
};
