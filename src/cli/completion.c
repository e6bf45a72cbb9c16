/* completion.c - `nerve completion bash|zsh|fish`: completion scripts out of the program's own tables. */
#include "completion.h"
#include "machine.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- what stands where ---- */

static bool is(const char *name, const char *text, size_t size)
{
    return strlen(name) == size && strncmp(name, text, size) == 0;
}

static void add_alternative(struct place *p, const char *text, size_t size)
{
    const size_t used = strlen(p->words);
    if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= size && !is("-", text, size))
        snprintf(p->words + used, sizeof p->words - used, "%s%.*s", used ? " " : "", (int)size, text);
    else if (is("KEY=VALUE", text, size))
        p->keys = true;
    else if (is("DIR", text, size) || is("FOLDER", text, size))
        p->directories = true;
    else if (size > 1)
        p->files = true;
}

static struct place place_of(const char *text, size_t size)
{
    struct place p = {.repeats = memmem(text, size, "...", 3) != NULL};
    size_t n = 0;
    for (size_t i = 0; i < size && n + 1 < sizeof p.name; i++)
        if (!strchr("[].", text[i])) p.name[n++] = text[i];
    for (const char *at = p.name; *at;) {
        const size_t part = strcspn(at, "|");
        add_alternative(&p, at, part);
        at += part + (at[part] == '|');
    }
    if (p.files) p.directories = false; /* files are found through directories */
    return p;
}

struct place place_of_option(const struct argp_option *o)
{
    return place_of(o->arg, strlen(o->arg));
}

/* Whether a line of args_doc is about the action: its first word names it, alone or between bars. */
static bool names_action(const char *line, const char *action)
{
    for (const char *at = line;; at++) {
        const size_t n = strcspn(at, "| \n");
        if (is(action, at, n)) return true;
        at += n;
        if (*at != '|') return false;
    }
}

static void visit_line(const struct command *c, const char *action, const char *line, place_visit visit)
{
    int place = 0;
    for (const char *at = line; *at && *at != '\n';) {
        const size_t n = strcspn(at, " \n");
        const struct place p = place_of(at, n);
        if (place > 0 || !action) visit(c, action, place, &p);
        place++;
        at += n;
        at += strspn(at, " ");
    }
}

/* The line of args_doc that is about the action; "" where none is. */
static const char *line_of(const char *lines, const char *action)
{
    while (*lines && !names_action(lines, action)) {
        lines = strchrnul(lines, '\n');
        lines += *lines == '\n';
    }
    return lines;
}

void each_place(const struct command *c, place_visit visit)
{
    const char *lines = c->argp->args_doc ? c->argp->args_doc : "";
    if (!c->actions) visit_line(c, NULL, lines, visit);
    for (const char *const *action = c->actions; action && *action; action++) visit_line(c, *action, line_of(lines, *action), visit);
}

bool option_has_letter(const struct argp_option *o)
{
    return o->key > 0 && o->key < 128 && isalnum(o->key);
}

const char *const *words_of_key(const struct config_key *k)
{
    static const char *const boolean[] = {"true", "false", NULL};
    return k->type == CONFIG_BOOLEAN ? boolean : k->words;
}

void print_list(const char *const *words)
{
    for (int k = 0; words[k]; k++) printf("%s%s", k ? " " : "", words[k]);
}

/* ---- the command ---- */

static const char *const SHELLS[] = {"bash", "zsh", "fish", NULL};
static const struct {
    const char *first; /* line of the script; zsh reads it */
    void (*print)(void);
} SCRIPTS[] = {{"# bash", completion_bash}, {"#compdef nerve", completion_zsh}, {"# fish", completion_fish}};

static error_t parse(int key, char *text, struct argp_state *state)
{
    int *shell = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "more than one shell: '%s' and '%s'", SHELLS[*shell], text);
        for (int k = 0; SHELLS[k]; k++)
            if (strcmp(SHELLS[k], text) == 0) {
                *shell = k;
                return 0;
            }
        argp_error(state, "expected bash, zsh or fish, found '%s'", text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the shell is missing: bash, zsh or fish");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp ARGP = {
    .parser = parse,
    .args_doc = "bash|zsh|fish",
    .doc = "Print a script that completes commands, options, their words, and configuration keys in this shell. An installed nerve has "
           "brought the three to where the shells look for them."
           "\vExamples:\n"
           "  source <(nerve completion bash)\n"
           "  nerve completion fish > nerve.fish",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    int shell = 0;
    argp_parse(&ARGP, argc, argv, 0, NULL, &shell);
    printf("%s\n# Completions of nerve %s, made by `nerve completion %s`.\n\n", SCRIPTS[shell].first, machine_version(), SHELLS[shell]);
    SCRIPTS[shell].print();
    return 0;
}

const struct command COMMAND_COMPLETION = {
    .name = "completion",
    .about = "print a completion script for a shell",
    .actions = SHELLS,
    .argp = &ARGP,
    .run = run_command,
};
