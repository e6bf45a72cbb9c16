/* completion_zsh.c - the script for zsh: _arguments is told every option and argument of a command, with their descriptions. */
#include "completion.h"
#include <stdio.h>
#include <string.h>

/* Inside of single quotes: what _arguments and _describe would read is taken out of its meaning. */
static void print_text(const char *text)
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

/* ":name:action" of an argument. */
static void print_takes(const struct place *p)
{
    const char *finder = p->keys ? "_nerve_keys" : p->directories ? "_files -/" : p->files ? "_files" : "";
    putchar(':');
    print_text(p->name);
    if (p->words[0] && finder[0])
        printf(":{compadd -- %s; %s}", p->words, finder);
    else if (p->words[0])
        printf(":(%s)", p->words);
    else
        printf(":%s", finder[0] ? finder : " ");
}

static void print_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    (void)c;
    if (option_has_letter(o))
        printf("        '(-%c --%s)'{-%c%s,--%s%s}'[", o->key, o->name, o->key, o->arg ? "+" : "", o->name, o->arg ? "=" : "");
    else
        printf("        '--%s%s[", o->name, o->arg ? "=" : "");
    print_text(o->doc);
    putchar(']');
    if (o->arg) {
        const struct place p = place_of_option(o);
        print_takes(&p);
    }
    printf("'\n");
}

static void print_place(const struct command *c, const char *action, int place, const struct place *p)
{
    (void)c;
    if (action)
        printf("        [[ $said[1] == %s ]] && arguments+=(", action);
    else
        printf("        arguments+=(");
    if (p->repeats)
        printf("'*");
    else
        printf("'%d", place + 1);
    print_takes(p);
    printf("')\n");
}

static void print_command(const struct command *c)
{
    printf("    %s)\n      arguments=(\n", c->name);
    cli_each_option(c, print_option, NULL);
    printf("        '(- *)'{-\\?,--help}'[show the help]'\n"
           "        '(- *)--usage[show a short form of it]'\n");
    if (c->actions) {
        printf("        '1:action:(");
        print_list(c->actions);
        printf(")'\n");
    }
    printf("      )\n");
    each_place(c, print_place);
    printf("      ;;\n");
}

static void print_keys(void)
{
    printf("_nerve_keys() {\n"
           "  local -a keys\n"
           "  if compset -P 1 '*='; then\n"
           "    case ${IPREFIX##*[[:space:]]} in\n");
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        if (CONFIG_KEYS[k].type == CONFIG_TEXT) {
            printf("      %s=) _files ;;\n", CONFIG_KEYS[k].name);
        } else if (words_of_key(&CONFIG_KEYS[k])) {
            printf("      %s=) compadd -- ", CONFIG_KEYS[k].name);
            print_list(words_of_key(&CONFIG_KEYS[k]));
            printf(" ;;\n");
        }
    }
    printf("    esac\n"
           "    return\n"
           "  fi\n"
           "  keys=(\n");
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        printf("    '%s=:", CONFIG_KEYS[k].name);
        print_text(CONFIG_KEYS[k].about);
        printf("'\n");
    }
    printf("  )\n"
           "  _describe -t keys key keys -S ''\n"
           "}\n\n");
}

void completion_zsh(void)
{
    print_keys();
    printf("_nerve() {\n"
           "  local -a commands arguments said\n"
           "  commands=(\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("    '%s:", COMMANDS[k]->name);
        print_text(COMMANDS[k]->about);
        printf("'\n");
    }
    printf("  )\n"
           "  if (( CURRENT == 2 )); then\n"
           "    _describe -t commands command commands\n"
           "    [[ $PREFIX == -* ]] && compadd -- --help --version\n"
           "    return\n"
           "  fi\n"
           "  shift words\n"
           "  (( CURRENT-- ))\n"
           "  said=(${words[2,-1]:#-*})\n"
           "  case $words[1] in\n");
    for (int k = 0; COMMANDS[k]; k++) print_command(COMMANDS[k]);
    printf("    *) return 1 ;;\n"
           "  esac\n"
           "  _arguments -s -S $arguments\n"
           "}\n\n"
           "if [[ $funcstack[1] == _nerve ]]; then _nerve \"$@\"; else compdef _nerve nerve; fi\n");
}
