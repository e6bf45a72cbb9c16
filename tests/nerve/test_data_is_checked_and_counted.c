/* What nerve data check and nerve data stats say of a data set: every problem at its place, every number by hand. */
#include "data_check.h"
#include "data_stats.h"
#include "files.h"
#include "temporary.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char directory[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    return temporary_folder(directory);
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(directory);
}

static void write_file(const char *name, const char *text, size_t size)
{
    char path[PATH_MAX + 64];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (file_write_bytes(path, text, size, &e)) fail_msg("%s", e.text);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* Ten tweets of three lines and a blank one, nothing wrong with any: line 4 i + 1 has the id. */
static void write_clean(const char *name, char mark)
{
    char text[2000] = "";
    for (int i = 0; i < 10; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "IMGID:%c%d\nann%c%d\tB-PER\nruns\tO\n\n", mark, i, mark, i);
    char file[32];
    snprintf(file, sizeof file, "%s.txt", name);
    write_file(file, text, strlen(text));
}

static void write_set(const char *more_train, size_t size, const char *more_valid)
{
    static const char VOCABULARY[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nann\nruns\n##a\n";
    char text[8000], path[PATH_MAX + 32], *clean;
    struct err e = {0};
    size_t clean_size;
    write_text("vocab.txt", VOCABULARY);
    write_clean("train", 't');
    write_clean("valid", 'v');
    write_clean("test", 'x');
    snprintf(path, sizeof path, "%s/train.txt", directory);
    if (file_read(path, 1 << 20, &clean, &clean_size, &e)) fail_msg("%s", e.text);
    memcpy(text, clean, clean_size);
    memcpy(text + clean_size, more_train, size);
    write_file("train.txt", text, clean_size + size);
    free(clean);
    if (!more_valid) return;
    snprintf(path, sizeof path, "%s/valid.txt", directory);
    if (file_read(path, 1 << 20, &clean, &clean_size, &e)) fail_msg("%s", e.text);
    snprintf(text, sizeof text, "%s%s", clean, more_valid);
    write_file("valid.txt", text, strlen(text));
    free(clean);
}

static struct nerve_config config_of(const char *dir)
{
    static struct nerve_config c;
    char argument[PATH_MAX + 32];
    struct err e = {0};
    config_default(&c);
    snprintf(argument, sizeof argument, "data.dir=%s", dir);
    if (config_set(&c, argument, &e) || config_set(&c, "data.max_length=16", &e)) fail_msg("%s", e.text);
    return c;
}

/* ---- check ---- */

enum { FIRST = 41 }; /* the first line behind the clean tweets of a split */

struct problem {
    const char *name, *code, *train; /* what stands behind the clean tweets */
    const char *valid;
    int split;
    long line;
    const char *message;
    size_t train_size; /* 0: strlen */
};
static const struct problem PROBLEMS[] = {
    {"bad UTF-8", "bad-bytes", "a\tO\nb\xFFz\tO\n", NULL, 0, FIRST + 1, "byte 2 of the line (0xFF) is not valid UTF-8", 0},
    {"a NUL byte", "bad-bytes", "a\tO\nb\0z\tO\n", NULL, 0, FIRST + 1, "NUL byte", 10},
    {"a carriage return inside", "bad-bytes", "a\rb\tO\n", NULL, 0, FIRST, "carriage return", 0},
    {"one column", "missing-tag", "a\tO\nword\nb\tO\n", NULL, 0, FIRST + 1, "\"word\" has one column", 0},
    {"no tag behind the TAB", "missing-tag", "a\tO\nword\t\n", NULL, 0, FIRST + 1, "no tag follows \"word\"", 0},
    {"no word before the TAB", "empty-token", "\tO\n", NULL, 0, FIRST, "the token before the TAB is empty", 0},
    {"a tag of another scheme", "unknown-tag", "a\tS-PER\n", NULL, 0, FIRST, "IOBES or BILOU", 0},
    {"a tag that is none", "unknown-tag", "a\tPER\n", NULL, 0, FIRST, "tag \"PER\" is not O, B-<type> or I-<type>", 0},
    {"an id without an id", "missing-id", "IMGID:\na\tO\n", NULL, 0, FIRST, "IMGID: without an id", 0},
    {"an id without words", "empty-sentence", "IMGID:n1\n\na\tO\n", NULL, 0, FIRST, "no word follows IMGID:n1", 0},
    {"an id in front of another", "empty-sentence", "IMGID:n1\nIMGID:n2\na\tO\n", NULL, 0, FIRST, "no word follows IMGID:n1", 0},
    {"an id at the end", "empty-sentence", "a\tO\n\nIMGID:n1\n", NULL, 0, FIRST + 2, "no word follows IMGID:n1", 0},
    {"I- at the start", "orphan-inside", "ann\tI-PER\n", NULL, 0, FIRST, "I-PER at the start of a tweet", 0},
    {"I- after O", "orphan-inside", "runs\tO\nann\tI-PER\n", NULL, 0, FIRST + 1, "I-PER after O continues nothing; it is read as B-PER", 0},
    {"I- after another type", "illegal-transition", "ann\tB-PER\nann\tI-LOC\n", NULL, 0, FIRST + 1,
     "I-LOC after B-PER; it is read as B-LOC", 0},
    {"an id twice", "duplicate-id", "IMGID:t3\nruns\tO\n", NULL, 0, FIRST + 1, "this id stands at line 14 already", 0},
    {"a text twice", "duplicate-text", "annt2\tO\nruns\tO\n", NULL, 0, FIRST, "this text stands at line 10 already", 0},
    {"an id in two splits", "overlap-id", "", "IMGID:t4\nruns\tO\n", 1, FIRST + 1, "train.txt:18 too", 0},
    {"a text in two splits", "overlap-text", "", "annt5\tO\nruns\tO\n", 1, FIRST, "train.txt:22 too", 0},
    {"a rare type", "rare-type", "ann\tB-LOC\n", NULL, 0, FIRST, "type LOC has only 1 entity in this split", 0},
    {"a type that train does not have", "untrained-type", "", "ann\tB-ORG\n\nruns\tB-ORG\n", 1, FIRST,
     "type ORG does not occur in the training split; in this one 2 entities have it", 0},
    {"a word without a piece", "no-piece", "runs\tO\n\uFE0F\tO\n", NULL, 0, FIRST + 1, "no piece", 0},
    {"a tweet that is too long", "truncated",
     "a\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\na\tO\n", NULL, 0, FIRST,
     "18 pieces, 16 are kept: its last 2 words are cut", 0},
};
enum { N_PROBLEMS = sizeof PROBLEMS / sizeof *PROBLEMS };

static bool is_found(const struct findings *f, const struct problem *p)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(DATA_PROBLEMS[f->at[i].what].code, p->code) == 0 && f->at[i].split == p->split && f->at[i].line == p->line &&
            strstr(f->at[i].message, p->message))
            return true;
    return false;
}

static void problem_is_found_at_its_place(void **state)
{
    const struct problem *p = *state;
    struct findings f;
    struct err e = {0};
    write_set(p->train, p->train_size ? p->train_size : strlen(p->train), p->valid);
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    if (!is_found(&f, p)) {
        for (size_t i = 0; i < f.n; i++)
            print_message("%d:%ld %s: %s\n", f.at[i].split, f.at[i].line, DATA_PROBLEMS[f.at[i].what].code, f.at[i].message);
        fail_msg("no %s at line %ld", p->code, p->line);
    }
    findings_free(&f);
}

static void clean_data_have_no_problem(void **state)
{
    struct findings f;
    struct err e = {0};
    (void)state;
    write_set("", 0, NULL);
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < f.n; i++) fail_msg("%s at line %ld: %s", DATA_PROBLEMS[f.at[i].what].code, f.at[i].line, f.at[i].message);
    assert_true(f.has_pieces);
    assert_int_equal(f.errors + f.warnings, 0);
    findings_free(&f);
}

/* What training refuses at its first sight is one of many here. */
static void every_problem_of_a_file_is_told(void **state)
{
    static const char BAD[] = "a\tO\none\nb\xFF\tO\nc\tX\n\nIMGID:\nd\tO\n\nIMGID:n\n\n\tO\ne\tB-PER\n";
    struct findings f;
    struct err e = {0};
    (void)state;
    write_set(BAD, strlen(BAD), NULL);
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    assert_int_equal(f.errors, 6);
    for (int what = 0; what < N_DATA_PROBLEMS; what++)
        if (DATA_PROBLEMS[what].is_error && what != DATA_NO_TYPES && what != DATA_EMPTY_SPLIT && f.count[what] != 1)
            fail_msg("%s", DATA_PROBLEMS[what].code);
    for (size_t i = 1; i < f.n; i++) assert_true(f.at[i].split > f.at[i - 1].split || f.at[i].line >= f.at[i - 1].line);
    findings_free(&f);
}

static void an_empty_file_is_an_error_among_others(void **state)
{
    struct findings f;
    struct err e = {0};
    (void)state;
    write_set("word\n", 5, NULL);
    write_text("valid.txt", "");
    write_text("test.txt", "\n-DOCSTART- O\n\n");
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    assert_int_equal(f.errors, 3);
    assert_int_equal(f.count[DATA_MISSING_TAG], 1);
    assert_int_equal(f.count[DATA_EMPTY_SPLIT], 2);
    assert_string_equal(f.at[f.n - 1].message, "the file holds no sentence: expected lines of token<TAB>tag");
    assert_int_equal(f.at[f.n - 1].split, SPLIT_TEST);
    findings_free(&f);
}

static void data_without_an_entity_are_an_error(void **state)
{
    struct findings f;
    struct err e = {0};
    (void)state;
    write_text("train.txt", "a\tO\n");
    write_text("valid.txt", "b\tO\n");
    write_text("test.txt", "c\tO\n");
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    assert_int_equal(f.count[DATA_NO_TYPES], 1);
    findings_free(&f);
}

static void a_picture_that_is_not_there_is_named(void **state)
{
    struct findings f;
    struct err e = {0};
    char images[PATH_MAX + 16], link[PATH_MAX + 32], name[64];
    (void)state;
    write_set("", 0, NULL);
    snprintf(images, sizeof images, "%s/images", directory);
    if (directory_make(images, &e)) fail_msg("%s", e.text);
    for (int i = 0; i < 30; i++) {
        static const char *const ENDINGS[] = {".jpg", ".jpeg", ".png", ".webp"};
        snprintf(name, sizeof name, "images/%c%d%s", "tvx"[i / 10], i % 10, i == 13 ? "" : ENDINGS[i % 4]);
        if (i != 25) write_file(name, "x", 1);
    }
    snprintf(link, sizeof link, "%s/x5.png", images);
    assert_int_equal(symlink("x4.png", link), 0);
    struct nerve_config c = config_of(directory);
    if (data_check(&c, images, &f, &e)) fail_msg("%s", e.text);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.count[DATA_IMAGE_MISSING], 2);
    assert_int_equal(f.at[0].split, SPLIT_VALID);
    assert_int_equal(f.at[0].line, 14);
    assert_non_null(strstr(f.at[0].message, "images/v3: no such picture (.jpg, .jpeg, .png or .webp)"));
    assert_int_equal(f.at[1].split, SPLIT_TEST);
    assert_non_null(strstr(f.at[1].message, "images/x5.png: is a symbolic link"));
    findings_free(&f);
    assert_int_equal(data_check(&c, "/nowhere", &f, &e), ERR_NOINPUT);
}

static void the_problems_are_one_json_object(void **state)
{
    struct findings f;
    struct err e = {0};
    int64_t errors = -1, warnings = -1, count = -1, line = -1;
    (void)state;
    write_set("a\n\nann\tI-PER\n", 13, NULL);
    struct nerve_config c = config_of(directory);
    if (data_check(&c, NULL, &f, &e)) fail_msg("%s", e.text);
    struct json *v = findings_json(&f);
    assert_true(json_read_integer(json_get(v, "errors"), &errors) && errors == 1);
    assert_true(json_read_integer(json_get(v, "warnings"), &warnings) && warnings == (int64_t)f.warnings);
    assert_true(json_read_integer(json_get(json_get(v, "counts"), "orphan-inside"), &count) && count == 1);
    const struct json *first = json_at(json_get(v, "problems"), 0);
    assert_int_equal(json_size(json_get(v, "problems")), f.n);
    assert_string_equal(json_text(json_get(first, "severity")), "error");
    assert_string_equal(json_text(json_get(first, "code")), "missing-tag");
    assert_true(json_read_integer(json_get(first, "line"), &line) && line == FIRST);
    assert_non_null(strstr(json_text(json_get(first, "file")), "/train.txt"));
    json_free(v);
    findings_free(&f);
}

static void every_code_stands_in_the_documentation(void **state)
{
    char *page, row[64];
    size_t size;
    struct err e = {0};
    (void)state;
    if (file_read(SOURCE_ROOT "/docs/data.md", 1 << 20, &page, &size, &e)) fail_msg("%s", e.text);
    for (int k = 0; k < N_DATA_PROBLEMS; k++) {
        snprintf(row, sizeof row, "| `%s` | %s |", DATA_PROBLEMS[k].code, DATA_PROBLEMS[k].is_error ? "error" : "warning");
        if (!strstr(page, row)) fail_msg("docs/data.md has no row %s", row);
    }
    free(page);
}

/* ---- stats ---- */

static void numbers_are_those_that_one_counts_by_hand(void **state)
{
    struct data_stats s;
    struct err e = {0};
    (void)state;
    write_text("train.txt", "IMGID:1\nNew\tB-LOC\nYork\tI-LOC\nann\tI-PER\n\nruns\tO\nann\tI-PER\nann\tI-PER\n");
    write_text("valid.txt", "new\tB-LOC\nyork\tI-LOC\nnew\tB-PER\n\n\xC3\xA1nn\tB-PER\n");
    write_text("test.txt", "\xEF\xB8\x8F\tO\n");
    write_text("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nann\nruns\n");
    struct nerve_config c = config_of(directory);
    if (config_set(&c, "data.max_length=4", &e) || data_stats(&c, &s, &e)) fail_msg("%s", e.text);
    const struct split_stats *train = &s.split[SPLIT_TRAIN], *valid = &s.split[SPLIT_VALID], *test = &s.split[SPLIT_TEST];
    assert_int_equal(s.types.n_types, 2);
    assert_int_equal(train->tweets, 2);
    assert_int_equal(train->words, 6);
    assert_int_equal(train->longest, 3);
    assert_int_equal(train->ids, 1);
    assert_int_equal(train->lenient, 3);
    assert_int_equal(train->strict, 1);
    assert_int_equal(train->by_type[0][0], 1); /* LOC */
    assert_int_equal(train->by_type[0][1], 2); /* PER */
    assert_int_equal(train->by_type[1][1], 0);
    assert_int_equal(train->orphan_inside, 2);
    assert_int_equal(valid->lenient, 3);
    assert_int_equal(valid->unseen, 1); /* new as a PER; new york and ann are known, whatever their case and accents */
    assert_int_equal(test->words_without_piece, 1);
    assert_int_equal(train->pieces, 10); /* three words and two marks, twice */
    assert_int_equal(train->longest_pieces, 5);
    assert_int_equal(train->tweets_cut, 2);
    assert_int_equal(train->words_cut, 2);
    assert_int_equal(train->histogram[0], 2);
    data_stats_free(&s);
}

/* The counts that the data's description gives. */
static void the_twitter_sets_have_the_numbers_that_are_known_of_them(void **state)
{
    static const struct {
        const char *name;
        int tweets[N_SPLITS], lenient[N_SPLITS], orphans[N_SPLITS], longest, test_strict;
        double unseen; /* per cent of test */
    } KNOWN[] = {
        {"twitter2015", {4000, 1000, 3257}, {6352, 1594, 5207}, {186, 53, 135}, 41, 5072, 66.7},
        {"twitter2017", {3373, 723, 723}, {6049, 1324, 1351}, {0, 0, 0}, 50, 1351, 46.4},
    };
    const char *shared = getenv("NERVE_SHARED");
    (void)state;
    if (!shared) {
        print_message("NERVE_SHARED is not set: the tweets are not there\n");
        skip();
    }
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        struct data_stats s;
        struct err e = {0};
        char dir[PATH_MAX];
        int longest = 0;
        snprintf(dir, sizeof dir, "%s/data/%s", shared, KNOWN[i].name);
        struct nerve_config c = config_of(dir);
        if (data_stats(&c, &s, &e)) fail_msg("%s", e.text);
        for (int k = 0; k < N_SPLITS; k++) {
            assert_int_equal(s.split[k].tweets, KNOWN[i].tweets[k]);
            assert_int_equal(s.split[k].lenient, KNOWN[i].lenient[k]);
            assert_int_equal(s.split[k].orphan_inside, KNOWN[i].orphans[k]);
            if (s.split[k].longest > longest) longest = s.split[k].longest;
        }
        assert_int_equal(longest, KNOWN[i].longest);
        assert_int_equal(s.split[SPLIT_TEST].strict, KNOWN[i].test_strict);
        const double unseen = 100.0 * s.split[SPLIT_TEST].unseen / s.split[SPLIT_TEST].lenient;
        if (!(fabs(unseen - KNOWN[i].unseen) < 0.05)) fail_msg("%s: %.2f %% of the test entities are unseen", KNOWN[i].name, unseen);
        data_stats_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(clean_data_have_no_problem),
        cmocka_unit_test(every_problem_of_a_file_is_told),
        cmocka_unit_test(an_empty_file_is_an_error_among_others),
        cmocka_unit_test(data_without_an_entity_are_an_error),
        cmocka_unit_test(a_picture_that_is_not_there_is_named),
        cmocka_unit_test(the_problems_are_one_json_object),
        cmocka_unit_test(every_code_stands_in_the_documentation),
        cmocka_unit_test(numbers_are_those_that_one_counts_by_hand),
        cmocka_unit_test(the_twitter_sets_have_the_numbers_that_are_known_of_them),
    };
    enum { N_OTHERS = sizeof others / sizeof *others };
    struct CMUnitTest tests[N_PROBLEMS + N_OTHERS];
    for (int i = 0; i < N_PROBLEMS; i++)
        tests[i] = (struct CMUnitTest){PROBLEMS[i].name, problem_is_found_at_its_place, NULL, NULL, (void *)(uintptr_t)&PROBLEMS[i]};
    memcpy(tests + N_PROBLEMS, others, sizeof others);
    return _cmocka_run_group_tests("data", tests, N_PROBLEMS + N_OTHERS, set_up, tear_down);
}
