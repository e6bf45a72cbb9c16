/* The paired bootstrap of two systems' F1, and scores of parts of a split. */
#include "bootstrap.h"
#include "subsets.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%s: %.17g, expected %.17g", what, found, expected);
}

/* ---- the paired bootstrap ---- */

static struct bootstrap weighed(int n, const struct score_counts *a, const struct score_counts *b, uint32_t seed)
{
    struct bootstrap x;
    struct err e = {0};
    if (bootstrap_paired(n, a, b, seed, &x, &e)) fail_msg("%s", e.text);
    return x;
}

static double f1(const struct score_counts *c)
{
    return c->gold + c->predicted ? 2. * (double)c->correct / (double)(c->gold + c->predicted) : 0;
}

enum { FEW = 4, RESAMPLES_OF_FEW = FEW * FEW * FEW * FEW };

/* The definition over all resamples, each of which is as likely. */
static double p_by_enumeration(const struct score_counts *a, const struct score_counts *b)
{
    double d[RESAMPLES_OF_FEW];
    int as_large = 0, found_at = -1;
    for (int k = 0; k < RESAMPLES_OF_FEW; k++) {
        struct score_counts sum[2] = {0};
        unsigned drawn = 0;
        for (int i = 0, rest = k; i < FEW; i++, rest /= FEW) {
            const struct score_counts *of[2] = {&a[rest % FEW], &b[rest % FEW]};
            drawn |= 1u << rest % FEW;
            for (int s = 0; s < 2; s++) {
                sum[s].correct += of[s]->correct;
                sum[s].gold += of[s]->gold;
                sum[s].predicted += of[s]->predicted;
            }
        }
        d[k] = f1(&sum[0]) - f1(&sum[1]);
        if (drawn == (1u << FEW) - 1) found_at = k; /* every tweet once: what was found */
    }
    for (int k = 0; k < RESAMPLES_OF_FEW; k++) as_large += fabs(d[k] - d[found_at]) >= fabs(d[found_at]) - 1e-12;
    return (double)as_large / RESAMPLES_OF_FEW;
}

/* correct, gold, predicted */
static const struct score_counts FEW_A[][FEW] = {
    {{2, 2, 2}, {1, 1, 2}, {0, 1, 0}, {3, 4, 3}},
    {{1, 1, 1}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {{0, 0, 1}, {0, 2, 2}, {1, 3, 1}, {0, 0, 0}},
};
static const struct score_counts FEW_B[][FEW] = {
    {{1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {2, 4, 3}},
    {{0, 1, 1}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}},
    {{0, 0, 0}, {1, 2, 2}, {1, 3, 1}, {0, 0, 2}},
};

static void p_is_the_share_of_all_resamples_that_are_as_far_off(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof FEW_A / sizeof *FEW_A; k++) {
        const double p = p_by_enumeration(FEW_A[k], FEW_B[k]), found = weighed(FEW, FEW_A[k], FEW_B[k], 1).p;
        assert_true(p > .05 && p < 1);
        assert_near(found, p, 4 * sqrt(p * (1 - p) / BOOTSTRAP_RESAMPLES) + 1e-4, "p");
    }
}

static void the_difference_is_that_of_the_sums(void **state)
{
    (void)state;
    const struct bootstrap x = weighed(FEW, FEW_A[0], FEW_B[0], 1), turned = weighed(FEW, FEW_B[0], FEW_A[0], 1);
    assert_near(x.difference, 2 * 6. / (8 + 7) - 2 * 4. / (8 + 7), 1e-15, "difference");
    assert_true(x.interval[0] <= x.difference && x.difference <= x.interval[1]);
    /* The other way round everything changes its sign, and p stays. */
    assert_near(turned.difference, -x.difference, 0, "difference, turned");
    assert_near(turned.interval[0], -x.interval[1], 1e-15, "interval, turned");
    assert_true(turned.p == x.p);
}

static void equal_systems_have_p_one_and_a_system_that_always_wins_the_smallest(void **state)
{
    (void)state;
    enum { N = 50 };
    struct score_counts right[N], wrong[N];
    for (int i = 0; i < N; i++) {
        right[i] = (struct score_counts){.correct = 1, .gold = 1, .predicted = 1};
        wrong[i] = (struct score_counts){.correct = 0, .gold = 1, .predicted = 1};
    }
    const struct bootstrap same = weighed(N, right, right, 1), best = weighed(N, right, wrong, 1), nothing = weighed(0, NULL, NULL, 1);
    assert_true(same.difference == 0 && same.p == 1 && same.interval[0] == 0 && same.interval[1] == 0);
    assert_true(best.difference == 1 && best.interval[0] == 1 && best.interval[1] == 1);
    assert_near(best.p, 1. / (BOOTSTRAP_RESAMPLES + 1), 1e-15, "p of a system that always wins");
    assert_true(nothing.difference == 0 && nothing.p == 1);
}

/* n tweets of one entity; in `won` of them only the one is right, in `lost` only the other. With one entity and one prediction in each
 * tweet d* is a mean of n differences of 1, 0, -1. */
static void pairs(int n, int won, int lost, struct score_counts *a, struct score_counts *b)
{
    for (int i = 0; i < n; i++) {
        a[i] = (struct score_counts){.correct = i >= won && i < won + lost ? 0 : 1, .gold = 1, .predicted = 1};
        b[i] = (struct score_counts){.correct = i < won ? 0 : 1, .gold = 1, .predicted = 1};
    }
}

static void p_is_near_that_of_the_normal_approximation(void **state)
{
    (void)state;
    enum { N = 1000 };
    static const int cases[][2] = {{30, 20}, {40, 20}, {60, 55}};
    static struct score_counts a[N], b[N];
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int won = cases[k][0], lost = cases[k][1];
        pairs(N, won, lost, a, b);
        const double d = (double)(won - lost) / N, deviation = sqrt(((double)(won + lost) / N - d * d) / N);
        const double p = erfc((fabs(d) - .5 / N) / deviation / sqrt(2)); /* half a tweet, since d* goes in whole ones */
        assert_near(weighed(N, a, b, 1).p, p, .02, "p");
    }
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    enum { N = 200 };
    static struct score_counts a[N], b[N];
    pairs(N, 12, 7, a, b);
    const struct bootstrap x = weighed(N, a, b, 1), again = weighed(N, a, b, 1), other = weighed(N, a, b, 2);
    assert_true(x.p == again.p && x.interval[0] == again.interval[0] && x.interval[1] == again.interval[1]);
    assert_true(x.p != other.p);
    assert_near(other.p, x.p, .03, "p of another seed");
}

/* ---- subsets ---- */

enum { O, B_LOC, I_LOC, B_PER, I_PER };

/* Three tweets, with words that train knows as entities in other letters. */
static char *WORDS[] = {"PARIS", "met", "Ann", "Lee", "in", "Rome", "ann", "Paris"};
static const int GOLD[] = {B_LOC, O, B_PER, I_PER, O, B_LOC, B_PER, B_PER};
static const int PREDICTED[] = {B_LOC, O, B_PER, O, O, B_LOC, B_LOC, B_PER};
static struct tweet TWEETS[] = {{.first_word = 0, .n_words = 4}, {.first_word = 4, .n_words = 2}, {.first_word = 6, .n_words = 2}};
static char *TRAIN_WORDS[] = {"Paris", "Ann"};
static int TRAIN_TAGS[] = {B_LOC, B_PER};
static struct tweet TRAIN_TWEETS[] = {{.first_word = 0, .n_words = 2}};

static struct dataset dataset_of(int n_tweets, struct tweet *tweets, int n_words, char **words, int *tags)
{
    static char path[] = "f";
    return (struct dataset){.n_tweets = n_tweets, .n_words = n_words, .tweets = tweets, .words = words, .tags = tags, .path = path};
}

struct parts {
    struct tag_set types;
    struct entity_names known;
    struct score whole;
    struct dataset d;
};

static void parts_begin(struct parts *p)
{
    struct err e = {0};
    const struct dataset train = dataset_of(1, TRAIN_TWEETS, 2, TRAIN_WORDS, TRAIN_TAGS);
    *p = (struct parts){.d = dataset_of(3, TWEETS, 8, WORDS, NULL)};
    int code = tag_set_add(&p->types, "PER", &e) || tag_set_add(&p->types, "LOC", &e) || score_begin(&p->whole, &p->types, &e) ||
               entity_names_of(&train, &p->types, &p->known, &e);
    for (int i = 0; i < p->d.n_tweets && !code; i++)
        code =
            score_add(&p->whole, TWEETS[i].n_words, GOLD + TWEETS[i].first_word, TWEETS[i].n_words, PREDICTED + TWEETS[i].first_word, &e);
    if (code) fail_msg("%s", e.text);
}

static void parts_end(struct parts *p)
{
    score_end(&p->whole);
    entity_names_free(&p->known);
    tag_set_free(&p->types);
}

static void assert_subset(const struct json *v, const char *name, double f1_expected, int support)
{
    double x = NAN;
    int64_t n = -1;
    const struct json *subset = json_get(v, name);
    if (!subset) fail_msg("there is no subset %s", name);
    assert_true(json_read_integer(json_get(subset, "support"), &n));
    assert_int_equal(n, support);
    if (isnan(f1_expected))
        assert_false(json_read_number(json_get(subset, "f1"), &x));
    else if (json_read_number(json_get(subset, "f1"), &x), !(fabs(x - f1_expected) < 1e-15))
        fail_msg("F1 of %s is %g, expected %g", name, x, f1_expected);
}

static void subsets_are_scored_as_the_whole_is(void **state)
{
    (void)state;
    struct parts p;
    struct json *v = NULL;
    struct err e = {0};
    parts_begin(&p);
    const bool with_picture[] = {true, false, false}, without[] = {false, true, true}, none[] = {false, false, false};
    const struct subset subsets[] = {
        {"with_picture", with_picture, NULL},
        {"without_picture", without, NULL},
        {"nothing", none, NULL},
        {"unseen", NULL, &p.known},
        {"unseen_with_picture", with_picture, &p.known},
    };
    if (subsets_json(&p.whole, &p.d, GOLD, PREDICTED, sizeof subsets / sizeof *subsets, subsets, &v, &e)) fail_msg("%s", e.text);
    assert_int_equal(json_size(v), sizeof subsets / sizeof *subsets + 2);
    assert_subset(v, "with_picture", 2 * 1. / (2 + 2), 2);    /* PARIS right; Ann Lee found as Ann */
    assert_subset(v, "without_picture", 2 * 2. / (3 + 3), 3); /* Rome and the person Paris right; the person ann found as a place */
    assert_subset(v, "nothing", NAN, 0);
    /* Gold: Ann Lee, Rome, the person Paris. Predicted: Rome, the place ann, the person Paris; the person Ann is known. */
    assert_subset(v, "unseen", 2 * 2. / (3 + 3), 3);
    assert_subset(v, "unseen_with_picture", 0, 1);
    assert_subset(v, "LOC", 2 * 2. / (2 + 3), 2);
    assert_subset(v, "PER", 2 * 1. / (3 + 2), 3);
    json_free(v);
    parts_end(&p);
}

static void a_name_is_known_in_any_case_and_with_or_without_accents_but_not_as_another_type(void **state)
{
    (void)state;
    static char *words[] = {"Caf\xC3\xA9", "du", "MONDE"}, *other[] = {"CAFE", "DU", "monde"}, *shorter[] = {"cafe", "du"};
    int tags[] = {B_LOC, I_LOC, I_LOC};
    struct tweet three = {.n_words = 3}, two = {.n_words = 2};
    const struct dataset train = dataset_of(1, &three, 3, words, tags), d = dataset_of(1, &three, 3, other, NULL);
    const struct dataset part = dataset_of(1, &two, 2, shorter, NULL);
    struct tag_set types = {0}, more = {0};
    struct entity_names known;
    struct err e = {0};
    bool found;
    assert_int_equal(tag_set_add(&types, "LOC", &e) || tag_set_add(&types, "PER", &e), 0);
    assert_int_equal(tag_set_add(&more, "ANY", &e) || tag_set_add(&more, "LOC", &e), 0);
    assert_int_equal(entity_names_of(&train, &types, &known, &e), 0);
    assert_int_equal(entity_names_find(&known, &d, &types, &three, &(struct span){0, 2, 0}, &found, &e), 0);
    assert_true(found);
    assert_int_equal(entity_names_find(&known, &d, &types, &three, &(struct span){0, 2, 1}, &found, &e), 0);
    assert_false(found);
    assert_int_equal(entity_names_find(&known, &d, &more, &three, &(struct span){0, 2, 1}, &found, &e), 0);
    assert_true(found); /* LOC has another number in this set */
    assert_int_equal(entity_names_find(&known, &part, &types, &two, &(struct span){0, 1, 0}, &found, &e), 0);
    assert_false(found);
    entity_names_free(&known);
    tag_set_free(&types);
    tag_set_free(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p_is_the_share_of_all_resamples_that_are_as_far_off),
        cmocka_unit_test(the_difference_is_that_of_the_sums),
        cmocka_unit_test(equal_systems_have_p_one_and_a_system_that_always_wins_the_smallest),
        cmocka_unit_test(p_is_near_that_of_the_normal_approximation),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(subsets_are_scored_as_the_whole_is),
        cmocka_unit_test(a_name_is_known_in_any_case_and_with_or_without_accents_but_not_as_another_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
