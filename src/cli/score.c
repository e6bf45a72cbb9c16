/* score.c - `nerve score FILE [--json]`. */
#include "score.h"
#include "cli.h"
#include "files.h"
#include "json.h"
#include "log.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *path;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->path) argp_error(state, "more than one file: '%s' and '%s'", a->path, text);
        a->path = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "the file to score is missing; '-' reads stdin");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* stdin is read through its own stream: /dev/stdin cannot be opened where it is a socket. */
static int read_stdin(char **text, size_t *size, struct err *e)
{
    size_t room = 64 * 1024, got = 0;
    char *bytes = NULL;
    do {
        char *larger = got < INT_MAX ? realloc(bytes, room *= 2) : NULL;
        if (!larger) {
            free(bytes);
            return err_set(e, ERR_INTERNAL, "stdin: no memory for more than %zu bytes", got);
        }
        bytes = larger;
        got += fread(bytes + got, 1, room - got - 1, stdin);
    } while (got == room - 1);
    if (ferror(stdin)) {
        free(bytes);
        return err_set(e, ERR_IO, "stdin: cannot read: %m");
    }
    bytes[got] = '\0';
    *text = bytes;
    *size = got;
    return 0;
}

static int print(const struct score *s, bool json, struct err *e)
{
    if (json) {
        struct json *v;
        if (score_json(s, &v, e)) return e->code;
        cli_print_json(v);
    } else {
        char *table;
        if (score_table(s, &table, e)) return e->code;
        fputs(table, stdout);
        free(table);
    }
    return 0;
}

static int run(const struct arguments *a, struct err *e)
{
    bool from_stdin = strcmp(a->path, "-") == 0;
    char *text = NULL;
    size_t size;
    struct tag_set types = {0};
    struct score s = {0};
    int code = from_stdin ? read_stdin(&text, &size, e) : file_read(a->path, INT_MAX, &text, &size, e);
    if (!code) code = score_columns(text, size, from_stdin ? "stdin" : a->path, &types, &s, e);
    if (!code && s.n_sentences == 0) log_warning("%s: holds no sentence", from_stdin ? "stdin" : a->path);
    if (!code) code = print(&s, a->json, e);
    score_end(&s);
    tag_set_free(&types);
    free(text);
    return code;
}

static const struct argp_option OPTIONS[] = {
    {.name = "json", .key = 'j', .doc = "print one JSON object; its measures are fractions"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "FILE",
    .doc = "Score the predictions of any system: precision, recall and F1 of entities, under the lenient (conlleval) and the strict "
           "(IOB2) reading of the tags."
           "\vFILE has a line for each word, `token ... gold predicted`, in columns separated by TABs or blanks, and a blank line "
           "between sentences; only the last two columns count. IMGID and -DOCSTART- lines are skipped. '-' reads stdin.\n\n"
           "Examples:\n"
           "  nerve score predictions.txt\n"
           "  paste -d'\\t' gold.conll <(cut -f2 found.conll) | nerve score --json -",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    struct arguments a = {0};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    return run(&a, &e) ? cli_fail(&e) : 0;
}

const struct command COMMAND_SCORE = {
    .name = "score",
    .about = "score a file of gold and predicted tags of any system",
    .argp = &ARGP,
    .run = run_command,
};
