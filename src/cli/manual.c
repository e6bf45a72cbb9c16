/* manual.c - `nerve manual nerve|config`: pages of the manual in scdoc's form, out of the program's own tables. */
#include "cli.h"
#include "config.h"
#include "machine.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* scdoc's marks are taken out of their meaning; a minus is one at the front of a line. */
static void print_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("\\*_#~`<>[]|+!", text[i]) || (i == 0 && text[i] == '-')) putchar('\\');
        putchar(text[i]);
    }
}

static void print_words(const char *text)
{
    print_text(text, strlen(text));
}

/* Between lines of ```, where only the backslash has a meaning. */
static void print_literal(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') putchar('\\');
        putchar(text[i]);
    }
    putchar('\n');
}

/* A help's text: paragraphs, and lines that begin with blanks as they are. */
static void print_paragraphs(const char *text, size_t size)
{
    static const char EXAMPLES[] = "Examples:";
    bool literal = false;
    for (const char *end = text + size; text < end;) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        const size_t n = (size_t)((line_end ? line_end : end) - text);
        const bool shown = n > 2 && strncmp(text, "  ", 2) == 0;
        if (shown != literal) printf("%s```\n", literal ? "" : "\n");
        literal = shown;
        if (shown) {
            print_literal(text + 2, n - 2);
        } else if (n == strlen(EXAMPLES) && strncmp(text, EXAMPLES, n) == 0) {
            printf("*%s*\n", EXAMPLES);
        } else {
            print_text(text, n);
            printf("\n");
        }
        text += n + (line_end != NULL);
    }
    if (literal) printf("```\n");
    printf("\n");
}

/* ---- nerve(1) ---- */

static void print_options(const struct argp_option *options)
{
    for (const struct argp_option *o = options; o && o->name; o++) {
        if (o->key > 0 && o->key < 128 && isalnum(o->key)) printf("*-%c*, ", o->key);
        printf("*--%s*", o->name);
        if (o->arg) {
            printf("=_");
            print_words(o->arg);
            printf("_");
        }
        printf("\n\t");
        print_words(o->doc);
        printf("\n\n");
    }
}

static void print_usage(const struct command *c)
{
    const char *forms = c->argp->args_doc ? c->argp->args_doc : "";
    do {
        const size_t n = strcspn(forms, "\n");
        printf("*nerve %s* [OPTION...]%s", c->name, n ? " " : "");
        print_text(forms, n);
        forms += n + (forms[n] != '\0');
        printf("%s\n", *forms ? "++" : "");
    } while (*forms);
    printf("\n");
}

static void print_command(const struct command *c)
{
    const char *doc = c->argp->doc, *behind = strchr(doc, '\v');
    printf("## nerve %s\n\n", c->name);
    print_usage(c);
    print_paragraphs(doc, behind ? (size_t)(behind - doc) : strlen(doc));
    print_options(c->argp->options);
    if (behind) print_paragraphs(behind + 1, strlen(behind + 1));
}

static void print_program(void)
{
    printf("nerve(1) \"nerve %s\" \"nerve's manual\"\n\n"
           "# NAME\n\nnerve - named entity recognition, trained and run natively\n\n"
           "# SYNOPSIS\n\n*nerve* COMMAND [ARGUMENT...]++\n*nerve* *--help*|*--version*\n\n"
           "# DESCRIPTION\n\n"
           "*nerve* trains, evaluates and runs models that find the entities in short texts. Data go to stdout, messages to stderr.\n\n",
           machine_version());
    for (int k = 0; COMMANDS[k]; k++) {
        printf("*%s*\n\t", COMMANDS[k]->name);
        print_words(COMMANDS[k]->about);
        printf("\n\n");
    }
    printf("# OPTIONS OF EVERY COMMAND\n\n");
    for (const struct argp_child *child = CLI_COMMON; child->argp; child++) print_options(child->argp->options);
    printf("*-?*, *--help*\n\tshow the help of the command, with examples\n\n"
           "*--usage*\n\tshow a short form of it\n\n"
           "# COMMANDS\n\n");
    for (int k = 0; COMMANDS[k]; k++) print_command(COMMANDS[k]);
    printf("# EXIT STATUS\n\n%s.\n\n", CLI_EXIT_STATUS);
    printf("# ENVIRONMENT\n\n"
           "*NO\\_COLOR*\n\tWhere it is set and not empty, nothing is coloured.\n\n"
           "*TERM*\n\tWhere it is *dumb*, nothing is coloured, and progress is shown by lines instead of a bar.\n\n"
           "*OPENBLAS\\_CORETYPE*\n\tThe kernels that OpenBLAS uses; on one core type the same seed gives the same bytes.\n\n"
           "*OMP\\_WAIT\\_POLICY*\n\t*passive* leaves the processors to others while a thread waits.\n\n"
           "*GOMP\\_SPINCOUNT*\n\tHow often a waiting thread looks before it sleeps. Where neither is set, *nerve* sets it to some 20 "
           "microseconds and starts itself once more; set one of them for a program that watches it, as valgrind does.\n\n"
           "# FILES\n\n"
           "What *nerve train* leaves in the directory of a run:\n\n"
           "_config.yaml_\n\tThe configuration with every key resolved; see *nerve-config*(5).\n\n"
           "_run.json_\n\tVersions, digests of data and weights, the machine, and each time the run was resumed.\n\n"
           "_metrics.jsonl_, _train.log_, _events.out.tfevents.nerve_\n\tFigures and messages on the way; the last is for TensorBoard.\n\n"
           "_checkpoints/last.h5_, _checkpoints/previous.h5_, _checkpoints/best.h5_\n"
           "\tWhere training goes on, what it was before, and the best epoch; see *nerve-checkpoint*(5).\n\n"
           "_eval/_, _predictions.jsonl_, _report.html_\n\tScores and predictions of the best epoch, and a page to look at.\n\n"
           "# SEE ALSO\n\n*nerve-config*(5), *nerve-checkpoint*(5)\n");
}

/* ---- nerve-config(5) ---- */

static void print_config(void)
{
    const char *before = "";
    printf(
        "nerve-config(5) \"nerve %s\" \"nerve's manual\"\n\n"
        "# NAME\n\nnerve-config - the configuration of a training run\n\n"
        "# DESCRIPTION\n\n"
        "A configuration is a YAML file of sections and keys. Every key has a default; *section.key=value* on the command line overrides "
        "the file, and *section.key.name=value* sets one name of a map. *nerve config init* begins a file, *nerve config show* prints what "
        "a run would use. A runtime key may have another value when a run is resumed; no other key may.\n\n",
        machine_version());
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        const struct config_key *key = &CONFIG_KEYS[k];
        const size_t n = strcspn(key->name, ".");
        char expected[256];
        if (strncmp(before, key->name, n + 1) != 0) {
            printf("# KEYS OF ");
            for (size_t i = 0; i < n; i++) putchar(toupper((unsigned char)key->name[i]));
            printf("\n\n");
        }
        before = key->name;
        config_expected(k, expected, sizeof expected);
        printf("*");
        print_words(key->name);
        printf("*: ");
        print_words(expected);
        printf("; default: ");
        print_words(key->initial[0] ? key->initial : "not set");
        printf("%s\n\t", key->runtime ? "; a runtime key" : "");
        print_words(key->about);
        printf("\n\n");
    }
    printf("# SEE ALSO\n\n*nerve*(1), *nerve-checkpoint*(5)\n");
}

/* ---- the command ---- */

static const char *const PAGES[] = {"nerve", "config", NULL};
static void (*const PRINT[])(void) = {print_program, print_config};

static error_t parse(int key, char *text, struct argp_state *state)
{
    int *page = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "more than one page: '%s' and '%s'", PAGES[*page], text);
        for (int k = 0; PAGES[k]; k++)
            if (strcmp(PAGES[k], text) == 0) {
                *page = k;
                return 0;
            }
        argp_error(state, "expected nerve or config, found '%s'", text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the page is missing: nerve or config");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp ARGP = {
    .parser = parse,
    .args_doc = "nerve|config",
    .doc =
        "Print a page of the manual as scdoc source: nerve(1) or nerve-config(5). An installed nerve has the pages; `man nerve` shows them."
        "\vExamples:\n"
        "  nerve manual config > nerve-config.5.scd",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    int page = 0;
    argp_parse(&ARGP, argc, argv, 0, NULL, &page);
    PRINT[page]();
    return 0;
}

const struct command COMMAND_MANUAL = {
    .name = "manual",
    .about = "print a page of the manual as source",
    .actions = PAGES,
    .argp = &ARGP,
    .run = run_command,
};
