/* The program as its user meets it: help, exit statuses, messages, what goes to stdout and what to stderr. NERVE is its path. */
#include "files.h"
#include "json.h"
#include "reference.h"
#include "run_program.h"
#include "temporary.h"
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];

static void assert_holds(const char *text, const char *part)
{
    assert_non_null(part);
    if (!strstr(text, part)) fail_msg("expected a text with\n  %s\nfound\n  %s", part, text);
}

static void run(struct program *p, const struct program_options *options, const char *arguments)
{
    char text[4096];
    const char *argv[32] = {NERVE};
    size_t n = 1;
    assert_true(strlen(arguments) < sizeof text);
    strcpy(text, arguments);
    for (char *rest = text, *word; (word = strsep(&rest, " ")) && n < 31;)
        if (*word) argv[n++] = word;
    program_run(p, argv, options);
}

static const char *write_file(const char *name, const char *content)
{
    static char path[PATH_MAX + 64];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_write_bytes(path, content, strlen(content), &e)) fail_msg("%s", e.text);
    return path;
}

/* ---- one call, its status and what it says ---- */

struct call {
    const char *name, *arguments;
    int status;
    const char *output, *errors; /* a part of each; NULL: nothing is written there */
};
static const struct call CALLS[] = {
    {"without a command", "", 64, NULL, "Usage: nerve COMMAND"},
    {"help", "--help", 0, "Usage: nerve COMMAND", NULL},
    {"short help", "-h", 0, "Exit status: 0 done", NULL},
    {"version", "--version", 0, "nerve " VERSION "\n", NULL},
    {"an unknown command that is near one", "scroe x", 64, NULL, "nerve: unknown command 'scroe': did you mean 'score'?\n"},
    {"an unknown command that is near none", "bake", 64, NULL, "nerve: unknown command 'bake'; `nerve --help` lists what there is\n"},
    {"an unknown option", "--helpp", 64, NULL, "nerve: unknown option '--helpp'; `nerve --help` lists what there is\n"},

    {"config help", "config --help", 0, "Usage: nerve config", NULL},
    {"config without a verb", "config", 64, NULL, "nerve config: expected show, init, schema or keys\n"},
    {"config with another verb", "config sow x", 64, NULL, "nerve config: expected show, init, schema or keys, found 'sow'\n"},
    {"config show without a file", "config show", 64, NULL, "nerve config: show: takes CONFIG [KEY=VALUE...]\n"},
    {"config keys with an argument", "config keys x", 64, NULL, "nerve config: keys: takes no argument\n"},
    {"config init with two files", "config init x y", 64, NULL, "nerve config: init: takes [FILE]\n"},
    {"config init of a file that is there", "config init " SOURCE_ROOT "/configs/synth.yaml", 64, NULL,
     "nerve: " SOURCE_ROOT "/configs/synth.yaml: is there already; name another file, or remove it\n"},
    {"config with an unknown option", "config keys --all", 64, NULL, "nerve config: unrecognized option '--all'"},
    {"config show of no file", "config show /no/such.yaml", 66, NULL, "nerve: /no/such.yaml"},
    {"config show of a folder", "config show /", 74, NULL, "nerve: /: cannot read: Is a directory\n"},
    {"config show with a bad key", "config show " SOURCE_ROOT "/configs/synth.yaml train.sed=3", 78, NULL,
     "nerve: argument 'train.sed=3': unknown key 'train.sed': did you mean 'train.seed'?\n"},
    {"config show with a bad value", "config show " SOURCE_ROOT "/configs/synth.yaml train.epochs=0", 78, NULL,
     "nerve: argument 'train.epochs=0': train.epochs: expected an integer from 1 to 100000, found '0'\n"},
    {"config show with no assignment", "config show " SOURCE_ROOT "/configs/synth.yaml train.epochs", 64, NULL,
     "nerve: argument 'train.epochs': expected section.key=value, as train.seed=2\n"},
    {"config show with a contradiction", "config show " SOURCE_ROOT "/configs/synth.yaml model.heads=3", 78, NULL,
     "is not a multiple of model.heads = 3 (command line)"},
    {"config show", "config show " SOURCE_ROOT "/configs/synth.yaml train.seed=7", 0,
     "  seed: 7                                 # command line\n", NULL},

    {"score help", "score --help", 0, "Usage: nerve score", NULL},
    {"score without a file", "score", 64, NULL, "nerve score: the file to score is missing; '-' reads stdin\n"},
    {"score of two files", "score a b", 64, NULL, "nerve score: more than one file: 'a' and 'b'\n"},
    {"score of no file", "score /no/such.txt", 66, NULL, "nerve: /no/such.txt"},

    {"synth help", "synth --help", 0, "Usage: nerve synth", NULL},
    {"synth without a folder", "synth", 64, NULL, "nerve synth: DIR is missing: where the tweets are written\n"},
    {"completion for two shells", "completion bash zsh", 64, NULL, "nerve completion: more than one shell: 'bash' and 'zsh'\n"},
    {"manual of two pages", "manual nerve config", 64, NULL, "nerve manual: more than one page: 'nerve' and 'config'\n"},
    {"synth into two folders", "synth a b", 64, NULL, "nerve synth: more than one directory: 'a' and 'b'\n"},
    {"synth of too few tweets", "synth a --tweets 9", 64, NULL,
     "nerve synth: --tweets: expected an integer from 10 to 200000, found '9'\n"},
    {"synth of some tweets", "synth a --tweets some", 64, NULL,
     "nerve synth: --tweets: expected an integer from 10 to 200000, found 'some'\n"},
    {"synth with a large seed", "synth a --seed 4294967296", 64, NULL,
     "nerve synth: --seed: expected an integer from 0 to 4294967295, found '4294967296'\n"},
    {"synth with a share above 1", "synth a --ambiguity 1.5", 64, NULL,
     "nerve synth: --ambiguity: expected a number from 0 to 1, found '1.5'\n"},
    {"synth with a share that is no number", "synth a --label-noise nan", 64, NULL,
     "nerve synth: --label-noise: expected a number from 0 to 1, found 'nan'\n"},
    {"synth with a degree and a unit", "synth a --picture-noise 20%", 64, NULL,
     "nerve synth: --picture-noise: expected a number from 0 to 1, found '20%'\n"},
    {"synth with a share below 0", "synth a --contradictions -1", 64, NULL,
     "nerve synth: --contradictions: expected a number from 0 to 1, found '-1'\n"},
    {"synth of missing pictures without pictures", "synth a --no-pictures --missing 0.1", 64, NULL,
     "nerve synth: --missing says nothing beside --no-pictures: leave one of them out\n"},
    {"synth below a file", "synth /dev/null/x", 74, NULL, "nerve: /dev/null"},

    {"info help", "info --help", 0, "Usage: nerve info", NULL},
    {"info", "info", 0, "kernels    ", NULL},
    {"info as JSON", "info --json", 0, "\"core_type\": \"", NULL},
    {"info with an unknown option", "info --jsn", 64, NULL, "nerve info: unrecognized option '--jsn'"},
};

static void call_answers(void **state)
{
    const struct call *x = *state;
    struct program p;
    run(&p, NULL, x->arguments);
    if (p.status != x->status) fail_msg("status %d, expected %d; stderr:\n%s", p.status, x->status, p.errors);
    if (x->output)
        assert_holds(p.output, x->output);
    else
        assert_string_equal(p.output, "");
    if (x->errors)
        assert_holds(p.errors, x->errors);
    else
        assert_string_equal(p.errors, "");
    program_free(&p);
}

static void every_command_that_is_listed_has_help_with_an_example(void **state)
{
    (void)state;
    struct program list;
    int n = 0;
    run(&list, NULL, "--help");
    for (char *line = strtok(list.output, "\n"); line; line = strtok(NULL, "\n")) {
        char name[32], arguments[64];
        struct program p;
        if (strncmp(line, "  ", 2) != 0 || sscanf(line + 2, "%31[a-z] ", name) != 1 || line[2] == ' ') continue;
        snprintf(arguments, sizeof arguments, "%s --help", name);
        run(&p, NULL, arguments);
        assert_int_equal(p.status, 0);
        snprintf(arguments, sizeof arguments, "\n  nerve %s", name);
        assert_holds(p.output, "xample");
        assert_holds(p.output, arguments);
        assert_string_equal(p.errors, "");
        program_free(&p);
        n++;
    }
    assert_true(n >= 3);
    program_free(&list);
}

/* ---- configuration ---- */

static void a_bad_configuration_is_shown_with_a_caret(void **state)
{
    (void)state;
    struct program p;
    char arguments[PATH_MAX + 128], message[PATH_MAX + 256];
    const char *path = write_file("bad.yaml", "train:\n  epohcs: 6\n");
    snprintf(arguments, sizeof arguments, "config show %s", path);
    run(&p, NULL, arguments);
    snprintf(message, sizeof message,
             "nerve: %s:2:3: unknown key 'train.epohcs': did you mean 'train.epochs'?\n      2 |   epohcs: 6\n        |   ^\n", path);
    assert_int_equal(p.status, 78);
    assert_string_equal(p.errors, message);
    assert_string_equal(p.output, "");
    program_free(&p);
}

static char *without_comments(const char *text)
{
    char *out = malloc(strlen(text) + 1), *at = out;
    assert_non_null(out);
    while (*text) {
        size_t n = strcspn(text, "\n"), keep = (size_t)(strstr(text, "  # ") ? strstr(text, "  # ") - text : (ptrdiff_t)n);
        if (keep > n) keep = n;
        while (keep > 0 && text[keep - 1] == ' ') keep--;
        at = mempcpy(at, text, keep);
        *at++ = '\n';
        text += n + (text[n] == '\n');
    }
    *at = '\0';
    return out;
}

static void what_config_show_prints_is_a_configuration_again(void **state)
{
    (void)state;
    struct program first, second;
    char arguments[PATH_MAX + 256];
    run(&first, NULL, "config show " SOURCE_ROOT "/configs/twitter2015.yaml data.dir=../data train.lr_encoder=3e-5 data.rename.X=Y");
    assert_int_equal(first.status, 0);
    snprintf(arguments, sizeof arguments, "config show %s", write_file("shown.yaml", first.output));
    run(&second, NULL, arguments);
    assert_int_equal(second.status, 0);
    char *a = without_comments(first.output), *b = without_comments(second.output);
    assert_string_equal(a, b);
    assert_holds(a, "  lr_encoder: 3.0e-05\n");
    assert_holds(a, "  rename: {OTHER: MISC, X: Y}\n");
    free(a);
    free(b);
    program_free(&first);
    program_free(&second);
}

static void the_page_of_keys_is_the_table_of_the_program(void **state)
{
    (void)state;
    struct program p;
    char *page;
    size_t size;
    struct err e = {0};
    run(&p, NULL, "config keys");
    assert_int_equal(p.status, 0);
    if (file_read(SOURCE_ROOT "/docs/config.md", 1 << 20, &page, &size, &e)) fail_msg("%s", e.text);
    const char *table = strstr(page, "| key |");
    if (!table || strcmp(table, p.output) != 0)
        fail_msg("docs/config.md is out of date: its table must be the output of `nerve config keys`");
    free(page);
    program_free(&p);
}

static void what_config_init_writes_is_every_default_explained(void **state)
{
    (void)state;
    struct program fresh, shown, keys;
    struct err e = {0};
    char arguments[PATH_MAX + 128], path[PATH_MAX + 64], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/fresh.yaml", folder);
    snprintf(arguments, sizeof arguments, "config init %s", path);
    run(&fresh, NULL, arguments);
    assert_int_equal(fresh.status, 0);
    assert_string_equal(fresh.output, "");
    snprintf(arguments, sizeof arguments, "config show %s", path);
    run(&shown, NULL, arguments);
    assert_int_equal(shown.status, 0);
    assert_null(strstr(shown.output, "# default")); /* no key was left out */
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &e), 0);
    run(&keys, NULL, "config keys");
    int n = 0;
    for (char *row = strtok(keys.output, "\n"); row; row = strtok(NULL, "\n")) {
        char name[64], initial[64], line[160];
        if (sscanf(row, "| `%*[a-z].%63[a-z0-9_]` | %*[^|] | `%63[^`]`", name, initial) != 2) continue;
        bool number = strspn(initial, "0123456789.e-") == strlen(initial);
        snprintf(line, sizeof line, number ? "  %s: " : "  %s: %s\n", name, initial);
        assert_holds(text, line);
        n++;
    }
    assert_true(n > 20);
    free(text);
    program_free(&fresh);
    program_free(&shown);
    program_free(&keys);
}

static void the_schema_has_every_key_with_its_default_and_no_other(void **state)
{
    (void)state;
    struct program p, keys;
    struct err e = {0};
    struct json *schema;
    bool open = true;
    run(&p, NULL, "config schema");
    run(&keys, NULL, "config keys");
    assert_int_equal(p.status, 0);
    assert_int_equal(json_parse(p.output, strlen(p.output), "schema", &schema, &e), 0);
    assert_holds(json_text(json_get(schema, "$schema")), "json-schema.org");
    const struct json *sections = json_get(schema, "properties");
    size_t in_schema = 0, in_table = 0;
    for (size_t k = 0; k < 4; k++) {
        const struct json *section = json_get(sections, (const char *const[]){"data", "model", "loss", "train"}[k]);
        assert_true(json_read_boolean(json_get(section, "additionalProperties"), &open) && !open);
        in_schema += json_size(json_get(section, "properties"));
    }
    for (char *row = strtok(keys.output, "\n"); row; row = strtok(NULL, "\n")) {
        char section[16], name[64];
        if (sscanf(row, "| `%15[a-z].%63[a-z0-9_]`", section, name) != 2) continue;
        const struct json *key = json_get(json_get(json_get(sections, section), "properties"), name);
        if (!json_get(key, "default") || !json_text(json_get(key, "description"))) fail_msg("%s.%s", section, name);
        in_table++;
    }
    assert_int_equal(in_schema, in_table);
    double warmup = NAN, most = NAN;
    const struct json *train = json_get(json_get(sections, "train"), "properties");
    assert_true(json_read_number(json_get(json_get(train, "warmup"), "default"), &warmup) && warmup == 0.1);
    assert_true(json_read_number(json_get(json_get(train, "warmup"), "maximum"), &most) && most == 1);
    json_free(schema);
    program_free(&p);
    program_free(&keys);
}

/* ---- scores ---- */

static double f1_of(const struct json *v, const char *reading, const char *mean)
{
    double x = NAN;
    json_read_number(json_get(json_get(json_get(v, reading), mean), "f1"), &x);
    return x;
}

static struct json *parse(const char *text)
{
    struct json *v;
    struct err e = {0};
    if (json_parse(text, strlen(text), "stdout", &v, &e)) fail_msg("%s\n%s", e.text, text);
    return v;
}

static int score_pair(void *n_pairs, const char *name, const struct json *expected, struct err *e)
{
    (void)e;
    if (!json_get(expected, "lenient")) return 0;
    char command[4 * PATH_MAX], gold[PATH_MAX], predicted[PATH_MAX];
    snprintf(gold, sizeof gold, "metrics/%s.gold.conll", name);
    snprintf(predicted, sizeof predicted, "metrics/%s.pred.conll", name);
    /* As a user joins two files; the blank lines become lines of blanks. */
    snprintf(command, sizeof command, "cut -f2 '%s' | paste '%s' - | grep -v '^IMGID' | '%s' score --json -", reference_path(predicted),
             reference_path(gold), NERVE);
    struct program p;
    program_run(&p, (const char *const[]){"sh", "-c", command, NULL}, NULL);
    if (p.status) fail_msg("%s: status %d: %s", name, p.status, p.errors);
    struct json *found = parse(p.output);
    static const char *const READINGS[] = {"lenient", "strict"};
    for (int r = 0; r < 2; r++) {
        double micro = f1_of(expected, READINGS[r], "micro"), macro = NAN;
        json_read_number(json_get(json_get(expected, READINGS[r]), "macro_f1"), &macro);
        if (!(fabs(f1_of(found, READINGS[r], "micro") - micro) <= 1e-12)) fail_msg("%s: micro F1, %s", name, READINGS[r]);
        if (!(fabs(f1_of(found, READINGS[r], "macro") - macro) <= 1e-12)) fail_msg("%s: macro F1, %s", name, READINGS[r]);
    }
    json_free(found);
    program_free(&p);
    ++*(int *)n_pairs;
    return 0;
}

static void every_pair_of_the_reference_is_scored(void **state)
{
    (void)state;
    char *text;
    size_t size;
    struct json *expected = NULL;
    struct err e = {0};
    int n_pairs = 0;
    if (file_read(reference_path("metrics/expected.json"), 1 << 24, &text, &size, &e) ||
        json_parse(text, size, "expected.json", &expected, &e))
        fail_msg("%s", e.text);
    json_each(expected, score_pair, &n_pairs, &e);
    assert_true(n_pairs > 0);
    json_free(expected);
    free(text);
}

static void scores_of_a_file_and_of_stdin_are_the_same(void **state)
{
    (void)state;
    static const char TEXT[] = "a\tB-X\tB-X\nb\tI-X\tO\n\nc\tB-Y\tB-Y\n";
    struct program file, standard;
    char arguments[PATH_MAX + 128];
    snprintf(arguments, sizeof arguments, "score %s", write_file("tags.txt", TEXT));
    run(&file, NULL, arguments);
    run(&standard, &(struct program_options){.input = TEXT}, "score -");
    assert_int_equal(file.status, 0);
    assert_int_equal(standard.status, 0);
    assert_string_equal(file.output, standard.output);
    assert_holds(file.output, "micro      50.00   50.00   50.00        2");
    program_free(&file);
    program_free(&standard);
}

static void a_bad_line_of_scores_is_bad_data_with_its_place(void **state)
{
    (void)state;
    struct program p;
    run(&p, &(struct program_options){.input = "a\tO\tO\nb\tO\n"}, "score -");
    assert_int_equal(p.status, 65);
    assert_string_equal(p.errors, "nerve: stdin:2: less than three columns: expected token, gold tag, predicted tag\n");
    assert_string_equal(p.output, "");
    program_free(&p);
}

static void no_sentence_scores_zero_with_a_warning(void **state)
{
    (void)state;
    struct program p;
    run(&p, NULL, "score --json -");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.errors, "warning: stdin: holds no sentence\n");
    struct json *v = parse(p.output);
    assert_true(f1_of(v, "lenient", "micro") == 0 && f1_of(v, "strict", "macro") == 0);
    json_free(v);
    program_free(&p);
}

/* ---- synthetic tweets ---- */

/* ---- how much is said, and where ---- */

static void quiet_and_verbose_decide_what_is_shown(void **state)
{
    (void)state;
    struct program p;
    run(&p, NULL, "info --json");
    assert_string_equal(p.errors, "");
    program_free(&p);
    run(&p, NULL, "info --json --verbose");
    assert_int_equal(p.status, 0);
    assert_holds(p.errors, "kernels, BLAS ");
    program_free(&p);
    char arguments[PATH_MAX + 128];
    snprintf(arguments, sizeof arguments, "score -q %s", write_file("empty.txt", "\n"));
    run(&p, NULL, arguments);
    assert_int_equal(p.status, 0);
    assert_holds(p.errors, "holds no sentence"); /* a warning is never silenced */
    program_free(&p);
}

static void a_log_file_gets_what_is_shown_and_what_is_not(void **state)
{
    (void)state;
    struct program p;
    struct err e = {0};
    char arguments[2 * PATH_MAX + 128], log[PATH_MAX + 16], *text;
    size_t size;
    snprintf(log, sizeof log, "%s/mine.log", folder);
    snprintf(arguments, sizeof arguments, "info --json -q --log-file %s", log);
    run(&p, NULL, arguments);
    assert_int_equal(p.status, 0);
    assert_string_equal(p.errors, "");
    program_free(&p);
    assert_int_equal(file_read(log, 10000, &text, &size, &e), 0);
    assert_holds(text, " debug ");
    free(text);
    run(&p, NULL, "info --log-file /nowhere/mine.log");
    assert_int_equal(p.status, 74);
    assert_string_equal(p.output, "");
    assert_holds(p.errors, "nerve: /nowhere/mine.log: cannot be opened for writing");
    program_free(&p);
}

static void synth_writes_the_same_bytes_for_the_same_seed(void **state)
{
    (void)state;
    static const char *const FILES[] = {"train.txt", "valid.txt", "test.txt", "vocab.txt", "captions.txt", "subsets.txt"};
    static const char *const CALLS_OF_SYNTH[] = {"synth one --tweets 40 --seed 3", "synth two --seed 3 --tweets 40",
                                                 "synth three --tweets 40 --seed 4"};
    struct err e = {0};
    for (int k = 0; k < 3; k++) {
        struct program p;
        run(&p, &(struct program_options){.directory = folder}, CALLS_OF_SYNTH[k]);
        assert_int_equal(p.status, 0);
        assert_string_equal(p.errors, "");
        assert_holds(p.output, "split    tweets  entities  unseen in train  lexicon F1  pictures  picture decides\ntrain        28 ");
        program_free(&p);
    }
    for (size_t f = 0; f < sizeof FILES / sizeof *FILES; f++) {
        char path[PATH_MAX + 64], *text[3];
        static const char *const FOLDERS[] = {"one", "two", "three"};
        for (int k = 0; k < 3; k++) {
            size_t size;
            snprintf(path, sizeof path, "%s/%s/%s", folder, FOLDERS[k], FILES[f]);
            if (file_read(path, 1 << 24, &text[k], &size, &e)) fail_msg("%s", e.text);
        }
        assert_string_equal(text[0], text[1]);
        if (f == 0) assert_string_not_equal(text[0], text[2]);
        for (int k = 0; k < 3; k++) free(text[k]);
    }
}

static void synth_replaces_nobodys_data(void **state)
{
    (void)state;
    struct program p;
    struct err e = {0};
    char path[PATH_MAX + 64], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/mine", folder);
    if (directory_make(path, &e)) fail_msg("%s", e.text);
    write_file("mine/train.txt", "my own");
    run(&p, &(struct program_options){.directory = folder}, "synth mine --tweets 40");
    assert_int_equal(p.status, 64);
    assert_string_equal(p.output, "");
    assert_string_equal(p.errors,
                        "nerve: mine: the directory is not empty; --force replaces what an earlier set has in it: splits, vocab.txt, "
                        "captions.txt, subsets.txt, images/S_*.png\n");
    program_free(&p);
    snprintf(path, sizeof path, "%s/mine/train.txt", folder);
    assert_int_equal(file_read(path, 100, &text, &size, &e), 0);
    assert_string_equal(text, "my own");
    free(text);
    run(&p, &(struct program_options){.directory = folder}, "synth mine --tweets 40 --force");
    assert_int_equal(p.status, 0);
    program_free(&p);
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &e), 0);
    assert_holds(text, "IMGID:S_");
    free(text);
}

/* ---- the machine ---- */

static void info_names_the_kernels_blas_and_threads(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"nerve", "compiler", "built_with", "system", "processor", "kernels", "blas", "core_type"};
    struct program p;
    int64_t threads;
    run(&p, NULL, "info --json");
    assert_int_equal(p.status, 0);
    struct json *v = parse(p.output);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (!json_text(json_get(v, TEXTS[i]))) fail_msg("no text %s in %s", TEXTS[i], p.output);
    assert_string_equal(json_text(json_get(v, "nerve")), VERSION);
    assert_holds(json_text(json_get(v, "blas")), "USE_OPENMP");
    assert_true(json_read_integer(json_get(v, "threads"), &threads) && threads >= 1);
    json_free(v);
    program_free(&p);
}

static void info_shows_the_core_type_that_the_environment_chooses(void **state)
{
    (void)state;
    struct program p;
    run(&p, &(struct program_options){.environment = (const char *const[]){"OPENBLAS_CORETYPE=Haswell", NULL}}, "info --json");
    assert_int_equal(p.status, 0);
    assert_holds(p.output, "\"core_type\": \"Haswell\"");
    program_free(&p);
}

/* ---- how threads wait for each other ---- */

/* What the environment of `nerve score`, started with this on top, says of a variable ("": nothing). A pipe holds it while one looks. */
static void look_at_variable(const char *const *environment, const char *name, char *value, size_t size)
{
    struct program p;
    char pipe[PATH_MAX + 64], path[64], all[1 << 16];
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *argv[] = {NERVE, "score", pipe, NULL};
    program_start(&p, argv, &(struct program_options){.environment = environment});
    const int writer = open(pipe, O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    snprintf(path, sizeof path, "/proc/%d/environ", (int)p.pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    const size_t n = fread(all, 1, sizeof all - 1, f);
    fclose(f);
    all[n] = '\0';
    value[0] = '\0';
    for (const char *at = all; at < all + n; at += strlen(at) + 1)
        if (strncmp(at, name, strlen(name)) == 0 && at[strlen(name)] == '=') snprintf(value, size, "%s", at + strlen(name) + 1);
    close(writer);
    program_finish(&p);
    assert_int_equal(p.status, 0);
    program_free(&p);
    assert_int_equal(unlink(pipe), 0);
}

static void threads_wait_briefly_unless_the_environment_says_how(void **state)
{
    (void)state;
    char count[64];
    look_at_variable((const char *const[]){"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", NULL}, "GOMP_SPINCOUNT", count, sizeof count);
    const long turns = strtol(count, NULL, 10);
    if (turns < 1 || turns > 100000) fail_msg("a thread waits %s turns of a loop", count);
    look_at_variable((const char *const[]){"OMP_WAIT_POLICY", "GOMP_SPINCOUNT=7", NULL}, "GOMP_SPINCOUNT", count, sizeof count);
    assert_string_equal(count, "7");
    look_at_variable((const char *const[]){"OMP_WAIT_POLICY=active", "GOMP_SPINCOUNT", NULL}, "GOMP_SPINCOUNT", count, sizeof count);
    assert_string_equal(count, "");
}

/* The dynamic loader that this test was started with. */
static const char *loader(void)
{
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    uintptr_t base = 0;
    for (unsigned long k = 0; k < getauxval(AT_PHNUM); k++) {
        if (header[k].p_type == PT_PHDR) base = (uintptr_t)header - header[k].p_vaddr;
        if (header[k].p_type == PT_INTERP) return (const char *)(base + header[k].p_vaddr);
    }
    return NULL;
}

/* Which would otherwise be started again in the program's place. */
static void the_program_can_be_started_by_the_dynamic_loader(void **state)
{
    (void)state;
    struct program p;
    if (!loader()) skip();
    const char *argv[] = {loader(), NERVE, "score", "--help", NULL};
    program_start(&p, argv, &(struct program_options){.environment = (const char *const[]){"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", NULL}});
    program_finish(&p);
    assert_int_equal(p.status, 0);
    program_free(&p);
}

/* ---- stdout that cannot be written ---- */

static const struct call WRITERS[] = {
    {"help", "--help", 0, NULL, NULL},       {"the help of a command", "score --help", 0, NULL, NULL},
    {"version", "--version", 0, NULL, NULL}, {"config keys", "config keys", 0, NULL, NULL},
    {"scores", "score -", 0, NULL, NULL},    {"info", "info --json", 0, NULL, NULL},
};

static void output_is_lost_loudly(void **state)
{
    const struct call *x = *state;
    static const struct {
        enum program_stdout output;
        const char *errors;
    } ways[] = {{STDOUT_FULL_DISK, "nerve: cannot write to stdout: No space left on device\n"},
                {STDOUT_CLOSED, "nerve: cannot write to stdout: Bad file descriptor\n"},
                {STDOUT_CLOSED_PIPE, ""}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct program p;
        run(&p, &(struct program_options){.output = ways[i].output, .input = "a O O\n"}, x->arguments);
        if (p.status != 74) fail_msg("way %zu: status %d, expected 74: %s", i, p.status, p.errors);
        assert_string_equal(p.errors, ways[i].errors);
        program_free(&p);
    }
}

#define ROWS(table, run)                                                                                                                   \
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) tests[n++] = (struct CMUnitTest)                                             \
        {                                                                                                                                  \
            .name = table[i].name, .test_func = run, .initial_state = (void *)(uintptr_t)&table[i]                                         \
        }

int main(void)
{
    static const struct CMUnitTest single[] = {
        cmocka_unit_test(every_command_that_is_listed_has_help_with_an_example),
        cmocka_unit_test(a_bad_configuration_is_shown_with_a_caret),
        cmocka_unit_test(what_config_show_prints_is_a_configuration_again),
        cmocka_unit_test(what_config_init_writes_is_every_default_explained),
        cmocka_unit_test(the_schema_has_every_key_with_its_default_and_no_other),
        cmocka_unit_test(the_page_of_keys_is_the_table_of_the_program),
        cmocka_unit_test(every_pair_of_the_reference_is_scored),
        cmocka_unit_test(scores_of_a_file_and_of_stdin_are_the_same),
        cmocka_unit_test(a_bad_line_of_scores_is_bad_data_with_its_place),
        cmocka_unit_test(no_sentence_scores_zero_with_a_warning),
        cmocka_unit_test(quiet_and_verbose_decide_what_is_shown),
        cmocka_unit_test(a_log_file_gets_what_is_shown_and_what_is_not),
        cmocka_unit_test(synth_writes_the_same_bytes_for_the_same_seed),
        cmocka_unit_test(synth_replaces_nobodys_data),
        cmocka_unit_test(info_names_the_kernels_blas_and_threads),
        cmocka_unit_test(info_shows_the_core_type_that_the_environment_chooses),
        cmocka_unit_test(threads_wait_briefly_unless_the_environment_says_how),
        cmocka_unit_test(the_program_can_be_started_by_the_dynamic_loader),
    };
    enum { N_SINGLE = sizeof single / sizeof *single };
    static struct CMUnitTest tests[N_SINGLE + sizeof CALLS / sizeof *CALLS + sizeof WRITERS / sizeof *WRITERS];
    size_t n = 0;
    for (size_t i = 0; i < N_SINGLE; i++) tests[n++] = single[i];
    ROWS(CALLS, call_answers);
    ROWS(WRITERS, output_is_lost_loudly);
    if (temporary_folder(folder)) return 1;
    int failed = cmocka_run_group_tests_name("program", tests, NULL, NULL);
    temporary_remove(folder);
    return failed;
}
