/* completion.c - `nerve completion bash|zsh|fish`: completion scripts out of the program's own tables. */
#include "cli.h"
#include "config.h"
#include "machine.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_short(const struct argp_option *o)
{
    return o->key > 0 && o->key < 128 && isalnum(o->key);
}

/* The words of a choice, or the actions, with blanks between. */
static void print_choice(const char *bars)
{
    for (; *bars; bars++) putchar(*bars == '|' ? ' ' : *bars);
}

static void print_actions(const struct command *c)
{
    for (int k = 0; c->actions && c->actions[k]; k++) printf("%s%s", k ? " " : "", c->actions[k]);
}

static void print_keys(const char *before, const char *behind)
{
    for (int k = 0; k < N_CONFIG_KEYS; k++) printf("%s%s=%s", before, CONFIG_KEYS[k].name, behind);
}

/* ---- bash ---- */

/* A word of `case $command$previous in`, for both forms of an option. */
static void bash_case(const struct command *c, const struct argp_option *o)
{
    if (has_short(o)) printf("%s/-%c|", c->name, o->key);
    printf("%s/--%s)", c->name, o->name);
}

static void bash_argument(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    if (!o->arg) return;
    printf("    ");
    bash_case(c, o);
    if (cli_is_choice(o)) {
        printf(" words='");
        print_choice(o->arg);
        printf("' ;;\n");
    } else {
        printf(" return ;;\n");
    }
}

static void bash_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    (void)c;
    printf(" --%s", o->name);
}

static void print_bash(void)
{
    printf("_nerve() {\n"
           "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=\n"
           "  COMPREPLY=()\n"
           "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "    words='");
    for (int k = 0; COMMANDS[k]; k++) printf("%s ", COMMANDS[k]->name);
    printf("--help --version'\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    return\n"
           "  fi\n"
           "  case $command/$previous in\n");
    for (int k = 0; COMMANDS[k]; k++) cli_each_option(COMMANDS[k], bash_argument, NULL);
    printf("  esac\n"
           "  if [ -n \"$words\" ]; then\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    return\n"
           "  fi\n"
           "  case $command in\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("    %s)\n      words='--help --usage", COMMANDS[k]->name);
        cli_each_option(COMMANDS[k], bash_option, NULL);
        printf("'\n");
        if (COMMANDS[k]->actions) {
            printf("      [ \"$COMP_CWORD\" -ne 2 ] || words+=' ");
            print_actions(COMMANDS[k]);
            printf("'\n");
        }
        if (cli_takes_keys(COMMANDS[k])) printf("      words+=\" $_nerve_keys\"\n");
        printf("      ;;\n");
    }
    printf("  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "  case ${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
           "}\n"
           "_nerve_keys='");
    print_keys("", " ");
    printf("'\n"
           "complete -o default -F _nerve nerve\n");
}

/* ---- zsh ---- */

/* Inside of '...[...]': what zsh would read is taken out of its meaning. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    (void)c;
    if (has_short(o))
        printf(" \\\n        '(-%c --%s)'{-%c,--%s%s}'[", o->key, o->name, o->key, o->name, o->arg ? "=" : "");
    else
        printf(" \\\n        '--%s%s[", o->name, o->arg ? "=" : "");
    zsh_text(o->doc);
    printf("]");
    if (o->arg && cli_is_choice(o)) {
        printf(":%s:(", o->name);
        print_choice(o->arg);
        printf(")");
    } else if (o->arg) {
        printf(":");
        zsh_text(o->arg);
        printf(":_files");
    }
    printf("'");
}

static void print_zsh(void)
{
    printf("_nerve_keys() {\n"
           "  local -a keys\n"
           "  keys=(");
    print_keys("", " ");
    printf(")\n"
           "  compadd -S '' -a keys\n"
           "  _files\n"
           "}\n"
           "_nerve() {\n"
           "  local -a commands\n"
           "  commands=(\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("    '%s:", COMMANDS[k]->name);
        zsh_text(COMMANDS[k]->about);
        printf("'\n");
    }
    printf("  )\n"
           "  if (( CURRENT == 2 )); then\n"
           "    _describe command commands\n"
           "    return\n"
           "  fi\n"
           "  shift words\n"
           "  (( CURRENT-- ))\n"
           "  case $words[1] in\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("    %s)\n      _arguments '--help[show the help]' '--usage[show a short form of it]'", COMMANDS[k]->name);
        cli_each_option(COMMANDS[k], zsh_option, NULL);
        if (COMMANDS[k]->actions) {
            printf(" \\\n        '1:action:(");
            print_actions(COMMANDS[k]);
            printf(")'");
        }
        printf(" \\\n        '*:argument:%s'\n      ;;\n", cli_takes_keys(COMMANDS[k]) ? "_nerve_keys" : "_files");
    }
    printf("  esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _nerve ]; then _nerve \"$@\"; else compdef _nerve nerve; fi\n");
}

/* ---- fish ---- */

static void fish_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
}

static void fish_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    printf("complete -c nerve -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (has_short(o)) printf(" -s %c", o->key);
    if (o->arg) printf(" -r");
    if (cli_is_choice(o)) {
        printf(" -f -a '");
        print_choice(o->arg);
        printf("'");
    }
    printf(" -d '");
    fish_text(o->doc);
    printf("'\n");
}

static void print_fish(void)
{
    for (int k = 0; COMMANDS[k]; k++) {
        printf("complete -c nerve -n __fish_use_subcommand -f -a %s -d '", COMMANDS[k]->name);
        fish_text(COMMANDS[k]->about);
        printf("'\n");
        cli_each_option(COMMANDS[k], fish_option, NULL);
        if (COMMANDS[k]->actions) {
            printf("complete -c nerve -n '__fish_seen_subcommand_from %s' -a '", COMMANDS[k]->name);
            print_actions(COMMANDS[k]);
            printf("'\n");
        }
        if (cli_takes_keys(COMMANDS[k])) {
            printf("complete -c nerve -n '__fish_seen_subcommand_from %s' -a '", COMMANDS[k]->name);
            print_keys("", " ");
            printf("'\n");
        }
    }
    printf("complete -c nerve -l help -d 'show the help'\n"
           "complete -c nerve -n __fish_use_subcommand -l version -d 'print the version'\n");
}

/* ---- the command ---- */

static const char *const SHELLS[] = {"bash", "zsh", "fish", NULL};
static void (*const PRINT[])(void) = {print_bash, print_zsh, print_fish};
static const char *const FIRST[] = {"# bash", "#compdef nerve", "# fish"}; /* zsh reads it */

static error_t parse(int key, char *text, struct argp_state *state)
{
    int *shell = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        for (int k = 0; SHELLS[k] && state->arg_num == 0; k++)
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
    printf("%s\n# Completions of nerve %s, made by `nerve completion %s`.\n", FIRST[shell], machine_version(), SHELLS[shell]);
    PRINT[shell]();
    return 0;
}

const struct command COMMAND_COMPLETION = {
    .name = "completion",
    .about = "print a completion script for a shell",
    .actions = SHELLS,
    .argp = &ARGP,
    .run = run_command,
};
