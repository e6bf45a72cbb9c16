/* completion_fish.c - the script for fish: a line for all that may stand somewhere, under the condition that it may stand here. */
#include "completion.h"
#include <stdio.h>

/* Inside of single quotes. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
}

/* How what is looked up is named for `complete`. */
static void print_takes(const struct place *p)
{
    printf(p->files ? " -F" : " -f");
    if (!p->words[0] && !p->directories && !p->keys) return;
    printf(" -a '%s%s%s'", p->words, p->keys ? " (__nerve_keys)" : "", p->directories ? " (__nerve_directories)" : "");
}

static void print_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    printf("complete -c nerve -n '__nerve_is %s' -l %s", c->name, o->name);
    if (option_has_letter(o)) printf(" -s %c", o->key);
    if (o->arg) {
        const struct place p = place_of_option(o);
        printf(" -r");
        print_takes(&p);
    }
    printf(" -d '");
    print_text(o->doc);
    printf("'\n");
}

static void print_place(const struct command *c, const char *action, int place, const struct place *p)
{
    if (!p->words[0] && !p->files && !p->directories && !p->keys) return;
    printf("complete -c nerve -n '__nerve_is %s; and __nerve_place \"%s\" %s %d'", c->name, action ? action : "",
           p->repeats ? "-ge" : "-eq", place);
    print_takes(p);
    printf("\n");
    if (!p->keys) return;
    printf("complete -c nerve -n '__nerve_is %s; and __nerve_place \"%s\" -ge %d; and __nerve_is_text' -F\n", c->name, action ? action : "",
           place);
}

static void print_taking(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    (void)c;
    if (!o->arg) return;
    printf(" --%s", o->name);
    if (option_has_letter(o)) printf(" -%c", o->key);
}

static void print_command(const struct command *c)
{
    printf("\ncomplete -c nerve -n __nerve_is_first -a %s -d '", c->name);
    print_text(c->about);
    printf("'\n");
    cli_each_option(c, print_option, NULL);
    if (c->actions) {
        printf("complete -c nerve -n '__nerve_is %s; and __nerve_place \"\" -eq 0' -a '", c->name);
        print_list(c->actions);
        printf("'\n");
    }
    each_place(c, print_place);
}

static void print_keys(void)
{
    printf("# Behind the KEY= of a text, which may be a file.\n"
           "function __nerve_is_text\n"
           "    string match -qr '^(");
    const char *before = "";
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        if (CONFIG_KEYS[k].type != CONFIG_TEXT) continue;
        printf("%s%s", before, CONFIG_KEYS[k].name);
        before = "|";
    }
    printf(")=' -- (commandline -ct)\n"
           "end\n\n"
           "function __nerve_keys\n"
           "    switch (commandline -ct)\n");
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        if (words_of_key(&CONFIG_KEYS[k])) {
            printf("        case '%s=*'\n            printf '%%s\\n' %s=", CONFIG_KEYS[k].name, CONFIG_KEYS[k].name);
            printf("{");
            for (int i = 0; words_of_key(&CONFIG_KEYS[k])[i]; i++) printf("%s%s", i ? "," : "", words_of_key(&CONFIG_KEYS[k])[i]);
            printf("}\n");
        }
    }
    printf("        case '*'\n"
           "            printf '%%s\\t%%s\\n'");
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        printf(" \\\n                %s= '", CONFIG_KEYS[k].name);
        print_text(CONFIG_KEYS[k].about);
        printf("'");
    }
    printf("\n    end\nend\n\n");
}

void completion_fish(void)
{
    printf("# What was said before: the command and its arguments, without options and what these take.\n"
           "function __nerve_said\n"
           "    set -l words (commandline -opc)\n"
           "    set -l taking\n"
           "    set -l skip 0\n"
           "    switch \"$words[2]\"\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("        case %s\n            set taking", COMMANDS[k]->name);
        cli_each_option(COMMANDS[k], print_taking, NULL);
        printf("\n");
    }
    printf("    end\n"
           "    for word in $words[2..]\n"
           "        if test $skip = 1\n"
           "            set skip 0\n"
           "        else if contains -- $word $taking\n"
           "            set skip 1\n"
           "        else if not string match -q -- '-?*' $word\n"
           "            echo $word\n"
           "        end\n"
           "    end\n"
           "end\n\n"
           "function __nerve_is_first\n"
           "    test (count (commandline -opc)) = 1\n"
           "end\n\n"
           "function __nerve_is\n"
           "    set -l words (commandline -opc)\n"
           "    test \"$words[2]\" = $argv[1]\n"
           "end\n\n"
           "# ACTION or empty, and how many arguments there are: -eq or -ge N.\n"
           "function __nerve_place\n"
           "    set -l said (__nerve_said)\n"
           "    test -z \"$argv[1]\" -o \"$said[2]\" = \"$argv[1]\"; and test (math (count $said) - 1) $argv[2] $argv[3]\n"
           "end\n\n"
           "function __nerve_directories\n"
           "    __fish_complete_directories (string replace -r '^--[^=]*=' '' -- (commandline -ct))\n"
           "end\n\n");
    print_keys();
    printf("complete -c nerve -f\n"
           "complete -c nerve -l help -d 'show the help'\n"
           "complete -c nerve -n 'not __nerve_is_first' -l usage -d 'show a short form of it'\n"
           "complete -c nerve -n __nerve_is_first -l version -d 'print the version'\n");
    for (int k = 0; COMMANDS[k]; k++) print_command(COMMANDS[k]);
}
