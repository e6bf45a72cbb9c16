/* Entity scores: equal to the reference under both readings, and what the interval, a cut sentence and a bad file give. */
#include "files.h"
#include "json.h"
#include "reference.h"
#include "score.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const READINGS[SCORE_READINGS] = {"lenient", "strict"};

static void assert_near(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%s: %.17g, expected %.17g", what, found, expected);
}

static double number(const struct json *v, const char *key)
{
    double x = NAN;
    json_read_number(json_get(v, key), &x);
    return x;
}

/* ---- the reference ---- */

/* token TAB gold TAB predicted, from two files of the data format; the lines agree but for the tag. */
static char *join_columns(const char *gold, const char *predicted)
{
    size_t room = strlen(gold) + strlen(predicted) + 1;
    char *joined = malloc(room), *at = joined;
    assert_non_null(joined);
    while (*gold) {
        size_t n = strcspn(gold, "\n"), m = strcspn(predicted, "\n");
        memcpy(at, gold, n);
        at += n;
        const char *tag = memrchr(predicted, '\t', m);
        if (tag) at = mempcpy(at, tag, m - (size_t)(tag - predicted));
        *at++ = '\n';
        gold += n + (gold[n] == '\n');
        predicted += m + (predicted[m] == '\n');
    }
    *at = '\0';
    return joined;
}

static void compare_counts(const struct json *found, const struct json *expected, const char *what)
{
    assert_near(number(found, "correct"), number(expected, "correct"), 0, what);
    assert_near(number(found, "support"), number(expected, "gold"), 0, what);
    assert_near(number(found, "predicted"), number(expected, "predicted"), 0, what);
    assert_near(number(found, "precision"), number(expected, "precision"), 1e-12, what);
    assert_near(number(found, "recall"), number(expected, "recall"), 1e-12, what);
    assert_near(number(found, "f1"), number(expected, "f1"), 1e-12, what);
}

static int compare_type(void *found, const char *type, const struct json *expected, struct err *e)
{
    (void)e;
    compare_counts(json_get(found, type), expected, type);
    return 0;
}

static struct json *read_expected(void)
{
    char *text;
    size_t size;
    struct json *v = NULL;
    struct err e = {0};
    if (file_read(reference_path("metrics/expected.json"), 1 << 24, &text, &size, &e) || json_parse(text, size, "expected.json", &v, &e))
        fail_msg("%s", e.text);
    free(text);
    return v;
}

static void pair_agrees(const char *name, const struct json *expected)
{
    char path[256], *gold, *predicted;
    size_t size;
    struct err e = {0};
    struct tag_set types = {0};
    struct score s;
    struct json *found;
    snprintf(path, sizeof path, "metrics/%s.gold.conll", name);
    if (file_read(reference_path(path), 1 << 24, &gold, &size, &e)) fail_msg("%s", e.text);
    snprintf(path, sizeof path, "metrics/%s.pred.conll", name);
    if (file_read(reference_path(path), 1 << 24, &predicted, &size, &e)) fail_msg("%s", e.text);
    char *joined = join_columns(gold, predicted);
    if (score_columns(joined, strlen(joined), name, &types, &s, &e) || score_json(&s, &found, &e)) fail_msg("%s", e.text);

    assert_near(number(found, "sentences"), number(expected, "sentences"), 0, "sentences");
    assert_near(number(found, "words"), number(expected, "words"), 0, "words");
    if (s.words > 0) assert_near(number(found, "tag_accuracy"), number(expected, "tag_accuracy"), 1e-12, "tag_accuracy");
    for (int r = 0; r < SCORE_READINGS; r++) {
        const struct json *x = json_get(found, READINGS[r]), *y = json_get(expected, READINGS[r]);
        compare_counts(json_get(x, "micro"), json_get(y, "micro"), READINGS[r]);
        assert_near(number(json_get(x, "macro"), "f1"), number(y, "macro_f1"), 1e-12, "macro");
        assert_int_equal(json_size(json_get(x, "per_type")), json_size(json_get(y, "types")));
        json_each(json_get(y, "types"), compare_type, (void *)(uintptr_t)json_get(x, "per_type"), &e);
    }
    json_free(found);
    score_end(&s);
    tag_set_free(&types);
    free(gold);
    free(predicted);
    free(joined);
}

static int compare_pair(void *n_pairs, const char *name, const struct json *expected, struct err *e)
{
    (void)e;
    if (!json_get(expected, "lenient")) return 0;
    pair_agrees(name, expected);
    ++*(int *)n_pairs;
    return 0;
}

static void every_pair_of_the_reference_agrees(void **state)
{
    (void)state;
    struct json *expected = read_expected();
    struct err e = {0};
    int n_pairs = 0;
    json_each(expected, compare_pair, &n_pairs, &e);
    assert_true(n_pairs > 0);
    json_free(expected);
}

/* ---- sentences ---- */

enum { O, B_A, I_A, B_B, I_B };

static void begin(struct score *s, struct tag_set *types)
{
    struct err e = {0};
    *types = (struct tag_set){0};
    assert_int_equal(tag_set_add(types, "A", &e) || tag_set_add(types, "B", &e) || score_begin(s, types, &e), 0);
}

static void end(struct score *s, struct tag_set *types)
{
    score_end(s);
    tag_set_free(types);
}

static void assert_counts(const struct score_counts *c, int correct, int gold, int predicted)
{
    if (c->correct != correct || c->gold != gold || c->predicted != predicted)
        fail_msg("%d of %d gold and %d predicted, expected %d of %d and %d", (int)c->correct, (int)c->gold, (int)c->predicted, correct,
                 gold, predicted);
}

static void entities_behind_the_cut_are_misses(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    begin(&s, &types);
    const int gold[] = {B_A, O, B_B, I_B, B_A}, predicted[] = {B_A, O, B_B};
    assert_int_equal(score_add(&s, 5, gold, 3, predicted, &e), 0);
    for (int r = 0; r < SCORE_READINGS; r++) {
        assert_counts(&s.total[r], 1, 3, 2); /* the entity that the cut goes through is not found either */
        assert_counts(&s.per_type[r][0], 1, 2, 1);
        assert_counts(&s.per_type[r][1], 0, 1, 1);
    }
    assert_int_equal(s.words, 5);
    assert_int_equal(s.words_right, 3);
    assert_int_equal(score_add(&s, 2, gold, 0, NULL, &e), 0);
    assert_counts(&s.total[SCORE_LENIENT], 1, 4, 2);
    end(&s, &types);
}

static void sentences_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    begin(&s, &types);
    const int first[] = {B_A}, second[] = {I_A};
    assert_int_equal(score_add(&s, 1, first, 1, first, &e) || score_add(&s, 1, second, 1, second, &e), 0);
    assert_counts(&s.total[SCORE_LENIENT], 2, 2, 2);
    assert_counts(&s.total[SCORE_STRICT], 1, 1, 1);
    end(&s, &types);
}

static void a_type_that_never_occurs_does_not_lower_the_macro_mean(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    begin(&s, &types);
    const int tags[] = {B_A, I_A};
    assert_int_equal(score_add(&s, 2, tags, 2, tags, &e), 0);
    assert_near(score_macro(&s, SCORE_LENIENT).f1, 1, 0, "macro of A alone");
    end(&s, &types);
}

static void nothing_at_all_scores_zero(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    double interval[2] = {1, 1};
    begin(&s, &types);
    assert_int_equal(score_interval(&s, SCORE_LENIENT, interval, &e), 0);
    struct score_measures m = score_measures(&s.total[SCORE_LENIENT]), macro = score_macro(&s, SCORE_LENIENT);
    assert_true(m.precision == 0 && m.recall == 0 && m.f1 == 0 && macro.f1 == 0 && interval[0] == 0 && interval[1] == 0);
    end(&s, &types);
}

static void a_sentence_may_be_very_long(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct score s;
    struct tag_set types;
    struct err e = {0};
    int *tags = malloc(N * sizeof *tags);
    assert_non_null(tags);
    for (int i = 0; i < N; i++) tags[i] = B_A;
    begin(&s, &types);
    assert_int_equal(score_add(&s, N, tags, N, tags, &e), 0);
    assert_counts(&s.total[SCORE_STRICT], N, N, N);
    free(tags);
    end(&s, &types);
}

/* ---- the interval ---- */

/* n sentences of one gold and one predicted entity, of which every fifth is wrong: F1 is the share of the right ones. */
static void score_fifths(struct score *s, struct tag_set *types, int n)
{
    struct err e = {0};
    begin(s, types);
    for (int i = 0; i < n; i++) {
        const int gold[] = {B_A}, predicted[] = {i % 5 ? B_A : B_B};
        assert_int_equal(score_add(s, 1, gold, 1, predicted, &e), 0);
    }
}

static void the_interval_is_that_of_a_share(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    double interval[2];
    score_fifths(&s, &types, 400);
    assert_int_equal(score_interval(&s, SCORE_LENIENT, interval, &e), 0);
    double half = 1.96 * sqrt(.8 * .2 / 400); /* the normal approximation; 1000 resamples leave it uncertain by about 5 % */
    assert_near(interval[0], .8 - half, .15 * half, "lower end");
    assert_near(interval[1], .8 + half, .15 * half, "upper end");
    end(&s, &types);
}

static void the_interval_narrows_with_the_square_root_of_the_sentences(void **state)
{
    (void)state;
    double width[2];
    for (int k = 0; k < 2; k++) {
        struct score s;
        struct tag_set types;
        struct err e = {0};
        double interval[2];
        score_fifths(&s, &types, k == 0 ? 100 : 1600);
        assert_int_equal(score_interval(&s, SCORE_STRICT, interval, &e), 0);
        width[k] = interval[1] - interval[0];
        end(&s, &types);
    }
    assert_near(width[0] / width[1], 4, .5, "ratio of the widths");
}

static void the_same_scores_have_the_same_interval(void **state)
{
    (void)state;
    double interval[2][2];
    for (int k = 0; k < 2; k++) {
        struct score s;
        struct tag_set types;
        struct err e = {0};
        score_fifths(&s, &types, 77);
        assert_int_equal(score_interval(&s, SCORE_LENIENT, interval[k], &e), 0);
        end(&s, &types);
    }
    assert_memory_equal(interval[0], interval[1], sizeof interval[0]);
    assert_true(interval[0][0] < interval[0][1]);
}

/* ---- files of columns ---- */

struct columns {
    const char *name, *text;
    int correct, gold, predicted, sentences; /* lenient */
};
static const struct columns READ[] = {
    {"tabs", "a\tB-X\tB-X\nb\tI-X\tI-X\n\nc\tO\tB-Y\n", 1, 1, 2, 2},
    {"blanks", "a B-X B-X\nb I-X I-X\n \nc O B-Y\n", 1, 1, 2, 2},
    {"more columns", "a NN x B-X B-X\nb\tVB\tI-X\tO\n", 0, 1, 1, 1},
    {"IMGID lines", "IMGID:12\na\tB-X\tB-X\n\nIMGID:13\nb\tO\tO\n", 1, 1, 1, 2},
    {"a word that looks like an id", "IMGID:12\tB-X\tB-X\n", 1, 1, 1, 1},
    {"DOCSTART lines end a sentence", "a B-X B-X\n-DOCSTART- -X- O O\nb I-X I-X\n", 2, 2, 2, 2},
    {"CR LF and a byte order mark",
     "\xEF\xBB\xBF"
     "a\tB-X\tB-X\r\n\r\nb\tB-X\tO\r\n",
     1, 2, 1, 2},
    {"a last line without an end", "a\tO\tO\nb\tB-X\tB-X", 1, 1, 1, 1},
    {"blanks at the end of a line", "a B-X B-X  \nb O\tO \n", 1, 1, 1, 1},
    {"a token that is a blank", " \tB-X\tB-X\n", 1, 1, 1, 1},
    {"a token that is no UTF-8", "\xFF\xFE\tB-X\tB-X\n", 1, 1, 1, 1},
    {"a type on one side alone", "a\tB-X\tB-Y\n", 0, 1, 1, 1},
    {"many blank lines", "\n\na\tB-X\tB-X\n\n\n\nb\tO\tO\n\n\n", 1, 1, 1, 2},
    {"an empty file", "", 0, 0, 0, 0},
    {"blank lines alone", "\n\n", 0, 0, 0, 0},
};

static void columns_are_read(void **state)
{
    const struct columns *x = *state;
    char *text = strdup(x->text);
    struct tag_set types = {0};
    struct score s;
    struct err e = {0};
    if (score_columns(text, strlen(text), "f", &types, &s, &e)) fail_msg("%s", e.text);
    assert_counts(&s.total[SCORE_LENIENT], x->correct, x->gold, x->predicted);
    assert_int_equal(s.n_sentences, x->sentences);
    free(text);
    end(&s, &types);
}

struct refusal {
    const char *name, *text, *message;
};
static const struct refusal REFUSED[] = {
    {"two columns", "a\tO\tO\nb\tO\n", "f:2: less than three columns: expected token, gold tag, predicted tag"},
    {"one column", "a\n", "f:1: less than three columns: expected token, gold tag, predicted tag"},
    {"two tags behind blanks", "  O O\n", "f:1: less than three columns: expected token, gold tag, predicted tag"},
    {"a gold tag of another scheme", "a\tS-X\tO\n",
     "f:1: the gold tag 'S-X' is not O, B-<type> or I-<type>: the last two columns must be gold and predicted tags"},
    {"a predicted tag that is none", "a\tO\tO\n\nb\tO\tX\n",
     "f:3: the predicted tag 'X' is not O, B-<type> or I-<type>: the last two columns must be gold and predicted tags"},
    {"a tag without a type", "a\tB-\tO\n",
     "f:1: the gold tag 'B-' is not O, B-<type> or I-<type>: the last two columns must be gold and predicted tags"},
    {"a type that is no UTF-8", "a\tO\tB-\xFF\n", "f:1: the predicted tag is no UTF-8"},
};

static void columns_are_refused(void **state)
{
    const struct refusal *x = *state;
    char *text = strdup(x->text);
    struct tag_set types = {0};
    struct score s;
    struct err e = {0};
    assert_int_equal(score_columns(text, strlen(text), "f", &types, &s, &e), ERR_DATA);
    assert_string_equal(e.text, x->message);
    free(text);
    tag_set_free(&types);
}

static void a_zero_byte_is_refused(void **state)
{
    (void)state;
    char text[] = "a\tO\tO\nb\0\tO\tO\n";
    struct tag_set types = {0};
    struct score s;
    struct err e = {0};
    assert_int_equal(score_columns(text, sizeof text - 1, "f", &types, &s, &e), ERR_DATA);
    assert_string_equal(e.text, "f:2: the line holds a NUL byte: this is no text file");
    tag_set_free(&types);
}

static void the_table_shows_both_readings(void **state)
{
    (void)state;
    struct score s;
    struct tag_set types;
    struct err e = {0};
    char *table = NULL;
    begin(&s, &types);
    const int gold[] = {I_A, O, B_B}, predicted[] = {I_A, O, B_A};
    assert_int_equal(score_add(&s, 3, gold, 3, predicted, &e) || score_table(&s, &table, &e), 0);
    assert_string_equal(table, "       lenient (conlleval), percent        strict (IOB2), percent\n"
                               "       precision  recall      F1  support  precision  recall      F1  support\n"
                               "A          50.00  100.00   66.67        1       0.00    0.00    0.00        0\n"
                               "B           0.00    0.00    0.00        1       0.00    0.00    0.00        1\n"
                               "macro      25.00   50.00   33.33                0.00    0.00    0.00         \n"
                               "micro      50.00   50.00   50.00        2       0.00    0.00    0.00        1\n"
                               "1 sentences, 3 words; 95 % interval of micro F1: 50.00 to 50.00 lenient, 0.00 to 0.00 strict\n");
    free(table);
    end(&s, &types);
}

#define ROWS(table, run)                                                                                                                   \
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) tests[n++] = (struct CMUnitTest)                                             \
        {                                                                                                                                  \
            .name = table[i].name, .test_func = run, .initial_state = (void *)(uintptr_t)&table[i]                                         \
        }

int main(void)
{
    static const struct CMUnitTest single[] = {
        cmocka_unit_test(every_pair_of_the_reference_agrees),
        cmocka_unit_test(entities_behind_the_cut_are_misses),
        cmocka_unit_test(sentences_do_not_run_into_each_other),
        cmocka_unit_test(a_type_that_never_occurs_does_not_lower_the_macro_mean),
        cmocka_unit_test(nothing_at_all_scores_zero),
        cmocka_unit_test(a_sentence_may_be_very_long),
        cmocka_unit_test(the_interval_is_that_of_a_share),
        cmocka_unit_test(the_interval_narrows_with_the_square_root_of_the_sentences),
        cmocka_unit_test(the_same_scores_have_the_same_interval),
        cmocka_unit_test(a_zero_byte_is_refused),
        cmocka_unit_test(the_table_shows_both_readings),
    };
    enum { N_SINGLE = sizeof single / sizeof *single };
    static struct CMUnitTest tests[N_SINGLE + sizeof READ / sizeof *READ + sizeof REFUSED / sizeof *REFUSED];
    size_t n = 0;
    for (size_t i = 0; i < N_SINGLE; i++) tests[n++] = single[i];
    ROWS(READ, columns_are_read);
    ROWS(REFUSED, columns_are_refused);
    return cmocka_run_group_tests_name("scores", tests, NULL, NULL);
}
