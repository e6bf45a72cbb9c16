/* synth.c - `nerve synth DIR --tweets N --seed S`. */
#include "synth.h"
#include "cli.h"
#include "files.h"
#include <stdio.h>

struct arguments {
    const char *directory;
    int tweets;
    uint32_t seed;
    bool force;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 't':
        a->tweets = (int)cli_integer(state, "--tweets", text, 10, 10000000);
        return 0;
    case 's':
        a->seed = (uint32_t)cli_integer(state, "--seed", text, 0, UINT32_MAX);
        return 0;
    case 'f':
        a->force = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->directory) argp_error(state, "more than one directory: '%s' and '%s'", a->directory, text);
        a->directory = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "DIR is missing: where the tweets are written");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "tweets", .key = 't', .arg = "N", .doc = "tweets in all, split 70/10/20 into train, valid and test (default 2000)"},
    {.name = "seed", .key = 's', .arg = "S", .doc = "another seed gives other tweets, the same seed the same bytes (default 1)"},
    {.name = "force", .key = 'f', .doc = "replace train.txt, valid.txt, test.txt and vocab.txt in DIR, which must be empty or absent else"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "DIR",
    .doc =
        "Make synthetic tweets: DIR/train.txt, valid.txt, test.txt in the format of the Twitter sets, and vocab.txt. Most names of valid and test "
        "never occur in train, and a name's type follows from its context alone, so a list of names does not help: the F1 of one that "
        "knows every training name is printed beside."
        "\vExamples:\n"
        "  nerve synth synth --tweets 2000 --seed 1\n"
        "  nerve synth more --tweets 500 --seed 2",
    .children = CLI_COMMON,
};

/* Nobody's own data are replaced by mistake. */
static int refuse_what_is_there(const char *directory, struct err *e)
{
    bool is_empty;
    int code = directory_is_empty(directory, &is_empty, e);
    if (code || is_empty) return code;
    return err_set(e, ERR_USAGE, "%s: the directory is not empty; --force replaces train.txt, valid.txt, test.txt and vocab.txt in it",
                   directory);
}

static int run_command(int argc, char **argv)
{
    static const char *const SPLITS[] = {"train", "valid", "test"};
    struct arguments a = {.tweets = 2000, .seed = 1};
    struct synth_report report;
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if ((!a.force && refuse_what_is_there(a.directory, &e)) || synth_write(a.directory, a.tweets, a.seed, &report, &e)) return cli_fail(&e);
    printf("%-6s %8s %9s %16s %11s\n", "split", "tweets", "entities", "unseen in train", "lexicon F1");
    printf("%-6s %8d %9d %16s %11s\n", SPLITS[0], report.tweets[0], report.entities[0], "-", "-");
    for (int k = 1; k < 3; k++)
        printf("%-6s %8d %9d %15.1f%% %11.3f\n", SPLITS[k], report.tweets[k], report.entities[k], 100 * report.unseen[k],
               report.lexicon_f1[k]);
    return 0;
}

const struct command COMMAND_SYNTH = {
    .name = "synth",
    .about = "make synthetic tweets to try the program on",
    .argp = &ARGP,
    .run = run_command,
};
