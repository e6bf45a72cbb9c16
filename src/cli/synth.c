/* synth.c - `nerve synth DIR`: synthetic tweets with pictures. */
#include "synth.h"
#include "cli.h"
#include "files.h"
#include <stdio.h>

enum { KEY_AMBIGUITY = 0x100, KEY_PICTURE_NOISE, KEY_CONTRADICTIONS, KEY_MISSING, KEY_LABEL_NOISE, KEY_NO_PICTURES };

struct arguments {
    const char *directory;
    struct synth_options options;
    bool force;
    const char *of_pictures; /* an option that has no sense without them */
};

static double share_of_pictures(struct argp_state *state, const char *option, const char *text)
{
    struct arguments *a = state->input;
    a->of_pictures = option;
    return cli_share(state, option, text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    struct synth_options *o = &a->options;
    switch (key) {
    case 't':
        o->tweets = (int)cli_integer(state, "--tweets", text, SYNTH_TWEETS_MIN, SYNTH_TWEETS_MAX);
        return 0;
    case 's':
        o->seed = (uint32_t)cli_integer(state, "--seed", text, 0, UINT32_MAX);
        return 0;
    case KEY_AMBIGUITY:
        o->ambiguity = share_of_pictures(state, "--ambiguity", text);
        return 0;
    case KEY_PICTURE_NOISE:
        o->picture_noise = share_of_pictures(state, "--picture-noise", text);
        return 0;
    case KEY_CONTRADICTIONS:
        o->contradictions = share_of_pictures(state, "--contradictions", text);
        return 0;
    case KEY_MISSING:
        o->missing = share_of_pictures(state, "--missing", text);
        return 0;
    case KEY_LABEL_NOISE:
        o->label_noise = cli_share(state, "--label-noise", text);
        return 0;
    case KEY_NO_PICTURES:
        o->pictures = false;
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
    case ARGP_KEY_END:
        if (!o->pictures && a->of_pictures)
            argp_error(state, "%s says nothing beside --no-pictures: leave one of them out", a->of_pictures);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "tweets",
     .key = 't',
     .arg = "N",
     .doc = "tweets in all, 10 to 200000, split 70/10/20 into train, valid and test (default 2000)"},
    {.name = "seed", .key = 's', .arg = "S", .doc = "another seed gives other tweets, the same seed the same (default 1)"},
    {.name = "ambiguity",
     .key = KEY_AMBIGUITY,
     .arg = "SHARE",
     .doc = "share of tweets, 0 to 1, with a name that only the picture makes a person, place or organisation (default 0.4)"},
    {.name = "picture-noise",
     .key = KEY_PICTURE_NOISE,
     .arg = "DEGREE",
     .doc = "noise on the pictures and clutter before them, 0 none to 1 hardly anything else to see (default 0.2)"},
    {.name = "contradictions",
     .key = KEY_CONTRADICTIONS,
     .arg = "SHARE",
     .doc = "share of the tweets that text decides, 0 to 1, whose picture shows another type (default 0)"},
    {.name = "missing", .key = KEY_MISSING, .arg = "SHARE", .doc = "share of tweets, 0 to 1, without a picture (default 0.05)"},
    {.name = "label-noise",
     .key = KEY_LABEL_NOISE,
     .arg = "SHARE",
     .doc = "share of train's entities, 0 to 1, with a wrong type (default 0)"},
    {.name = "force", .key = 'f', .doc = "replace the files of an earlier set in DIR, which must be empty or absent else"},
    {.name = "no-pictures", .key = KEY_NO_PICTURES, .doc = "text alone, which decides every tweet"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "DIR",
    .doc =
        "Make synthetic tweets: DIR/train.txt, valid.txt, test.txt in the format of the Twitter sets, vocab.txt, images/ID.png, captions.txt, "
        "and subsets.txt, which says of each tweet what decides it. Most names of valid and test never occur in train, and a name's type "
        "follows from its context or its picture, so a list of names does not help: the F1 of one that knows every training name is printed "
        "beside."
        "\vExamples:\n"
        "  nerve synth synth --tweets 2000 --seed 1\n"
        "  nerve synth more --tweets 500 --seed 2 --no-pictures\n"
        "  nerve synth hard --tweets 500 --picture-noise 0.5 --missing 0.2",
    .children = CLI_COMMON,
};

static void print_report(const struct synth_report *r, bool pictures)
{
    static const char *const SPLITS[] = {"train", "valid", "test"};
    printf("%-6s %8s %9s %16s %11s", "split", "tweets", "entities", "unseen in train", "lexicon F1");
    if (pictures) printf(" %9s %16s", "pictures", "picture decides");
    putchar('\n');
    for (int k = 0; k < 3; k++) {
        printf("%-6s %8d %9d ", SPLITS[k], r->tweets[k], r->entities[k]);
        if (k == 0)
            printf("%16s %11s", "-", "-");
        else
            printf("%15.1f%% %11.3f", 100 * r->unseen[k], r->lexicon_f1[k]);
        if (pictures) printf(" %9d %16d", r->pictures[k], r->picture_decides[k]);
        putchar('\n');
    }
}

/* Nobody's own data are replaced by mistake. */
static int refuse_what_is_there(const char *directory, struct err *e)
{
    bool is_empty;
    int code = directory_is_empty(directory, &is_empty, e);
    if (code || is_empty) return code;
    return err_set(e, ERR_USAGE,
                   "%s: the directory is not empty; --force replaces what an earlier set has in it: splits, vocab.txt, "
                   "captions.txt, subsets.txt, images/S_*.png",
                   directory);
}

static int run_command(int argc, char **argv)
{
    struct arguments a = {.options = SYNTH_DEFAULTS};
    struct synth_report report;
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if ((!a.force && refuse_what_is_there(a.directory, &e)) || synth_write(a.directory, &a.options, &report, &e)) return cli_fail(&e);
    print_report(&report, a.options.pictures);
    return 0;
}

const struct command COMMAND_SYNTH = {
    .name = "synth",
    .about = "make synthetic tweets to try the program on",
    .argp = &ARGP,
    .run = run_command,
};
