/* Calibration, order by uncertainty, temperature and doubt of an entity: equal to the reference, to their definitions worked out plainly,
 * and what they are where there is nothing to measure. */
#include "calibration.h"
#include "entity_doubt.h"
#include "files.h"
#include "json.h"
#include "ranking.h"
#include "reference.h"
#include "rng.h"
#include "temperature.h"
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

static void assert_near(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%s: %.17g, expected %.17g", what, found, expected);
}

static void assert_nan(double found, const char *what)
{
    if (!isnan(found)) fail_msg("%s: %.17g, expected no number", what, found);
}

static struct ranking ranked(size_t n, const double *uncertainty, const bool *flagged)
{
    struct ranking r;
    struct err e = {0};
    if (ranking_make(n, uncertainty, flagged, &r, &e)) fail_msg("%s", e.text);
    return r;
}

/* ---- the reference ---- */

#define TOLERANCE             1e-6
#define TOLERANCE_TEMPERATURE 1e-4

static struct json *expected_values(void)
{
    char *text;
    size_t size;
    struct json *v = NULL;
    struct err e = {0};
    if (file_read(reference_path("calibration.json"), 1 << 24, &text, &size, &e) || json_parse(text, size, "calibration.json", &v, &e))
        fail_msg("%s", e.text);
    free(text);
    return v;
}

static void assert_measure(const struct json *expected, const char *key, double found, double tolerance)
{
    double x = NAN;
    json_read_number(json_get(expected, key), &x);
    assert_near(found, x, tolerance, key);
}

static bool *booleans(const struct safetensors *s, const char *name, size_t *n)
{
    int32_t *x = reference_int(s, name, n);
    bool *b = calloc(*n + 1, sizeof *b);
    assert_non_null(b);
    for (size_t i = 0; i < *n; i++) b[i] = x[i] != 0;
    free(x);
    return b;
}

static bool *negated(size_t n, const bool *right)
{
    bool *wrong = calloc(n + 1, sizeof *wrong);
    assert_non_null(wrong);
    for (size_t i = 0; i < n; i++) wrong[i] = !right[i];
    return wrong;
}

static double *minus(size_t n, const double *x)
{
    double *y = calloc(n + 1, sizeof *y);
    assert_non_null(y);
    for (size_t i = 0; i < n; i++) y[i] = -x[i];
    return y;
}

struct answers {
    size_t n;
    double *confidence, *uncertainty;
    bool *right, *wrong;
};

static struct answers reference_answers(void)
{
    struct answers a;
    size_t n;
    struct safetensors *s = reference_open("calibration.safetensors");
    a.confidence = reference_double(s, "confidence", &a.n);
    a.right = booleans(s, "correct", &n);
    assert_int_equal(n, a.n);
    a.uncertainty = minus(n, a.confidence);
    a.wrong = negated(n, a.right);
    safetensors_close(s);
    return a;
}

static void answers_free(struct answers *a)
{
    free(a->confidence);
    free(a->uncertainty);
    free(a->right);
    free(a->wrong);
}

static void the_bins_and_their_gaps_are_the_references(void **state)
{
    (void)state;
    struct answers a = reference_answers();
    struct json *v = expected_values();
    const struct json *expected = json_get(v, "confidence_correct");
    struct safetensors *s = reference_open("calibration.safetensors");
    size_t bins;
    int32_t *count = reference_int(s, "bin.count", &bins);
    double *accuracy = reference_double(s, "bin.accuracy", NULL), *confidence = reference_double(s, "bin.confidence", NULL);
    struct calibration c;
    calibration_measure(a.n, a.confidence, a.right, &c);
    assert_int_equal(bins, CALIBRATION_BINS);
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        assert_int_equal(c.bin[b].n, count[b]);
        if (count[b] == 0) continue;
        assert_near(c.bin[b].accuracy, accuracy[b], TOLERANCE, "accuracy of a bin");
        assert_near(c.bin[b].confidence, confidence[b], TOLERANCE, "confidence of a bin");
    }
    assert_measure(expected, "ece15", c.ece, TOLERANCE);
    assert_measure(expected, "mce15", c.mce, TOLERANCE);
    assert_measure(expected, "brier_binary", c.brier, TOLERANCE);
    free(count);
    free(accuracy);
    free(confidence);
    safetensors_close(s);
    json_free(v);
    answers_free(&a);
}

static int compare_risk(void *ranking, const char *coverage, const struct json *expected, struct err *e)
{
    double x = NAN;
    (void)e;
    json_read_number(expected, &x);
    assert_near(ranking_risk(ranking, atof(coverage)), x, TOLERANCE, coverage);
    return 0;
}

static void the_order_by_confidence_is_worth_what_the_reference_says(void **state)
{
    (void)state;
    struct answers a = reference_answers();
    struct json *v = expected_values();
    struct err e = {0};
    const struct json *expected = json_get(v, "confidence_correct"), *risks = json_get(expected, "risk_at_coverage");
    struct ranking r = ranked(a.n, a.uncertainty, a.wrong);
    assert_measure(expected, "auroc_correct", ranking_auroc(&r), TOLERANCE);
    assert_measure(expected, "aurc", ranking_aurc(&r), TOLERANCE);
    assert_measure(expected, "e_aurc", ranking_excess_aurc(&r), TOLERANCE);
    assert_measure(expected, "aurc_of_perfect_order", ranking_aurc(&r) - ranking_excess_aurc(&r), TOLERANCE);
    assert_true(json_size(risks) > 0);
    json_each(risks, compare_risk, &r, &e);
    ranking_free(&r);
    json_free(v);
    answers_free(&a);
}

/* What the reference measures of logits at a temperature. */
struct rows {
    size_t N;
    int L;
    float *logits;
    int32_t *label;
    double *p;
};

static struct rows reference_rows(const char *probability)
{
    struct rows x;
    struct safetensors *s = reference_open("calibration.safetensors");
    x.N = reference_dim(s, "logits", 0);
    x.L = (int)reference_dim(s, "logits", 1);
    x.logits = reference_float(s, "logits", NULL);
    x.label = reference_int(s, "label", NULL);
    x.p = reference_double(s, probability, NULL);
    safetensors_close(s);
    return x;
}

static void rows_free(struct rows *x)
{
    free(x->logits);
    free(x->label);
    free(x->p);
}

static void assert_auroc(const struct json *expected, const char *key, size_t n, const double *uncertainty, const bool *wrong)
{
    struct ranking r = ranked(n, uncertainty, wrong);
    assert_measure(expected, key, ranking_auroc(&r), TOLERANCE);
    ranking_free(&r);
}

static void assert_rows(const struct rows *x, const struct json *expected)
{
    double *confidence = calloc(x->N, sizeof *confidence), *margin = calloc(x->N, sizeof *margin), *entropy = calloc(x->N, sizeof *entropy);
    bool *right = calloc(x->N, sizeof *right);
    assert_true(confidence && margin && entropy && right);
    for (size_t i = 0; i < x->N; i++) {
        const double *p = x->p + i * (size_t)x->L;
        const struct span word = {0, 0, 0};
        int32_t best = 0;
        for (int k = 1; k < x->L; k++)
            if (p[k] > p[best]) best = k;
        confidence[i] = p[best];
        right[i] = best == x->label[i];
        margin[i] = entity_margin(x->L, p, &best, &word);
        entropy[i] = entity_entropy(x->L, p, &word);
    }
    struct calibration c;
    calibration_measure(x->N, confidence, right, &c);
    assert_measure(expected, "ece15", c.ece, TOLERANCE);
    assert_measure(expected, "mce15", c.mce, TOLERANCE);
    assert_measure(expected, "brier_multiclass", calibration_brier_of_rows(x->N, x->L, x->p, x->label), TOLERANCE);
    bool *wrong = negated(x->N, right);
    double *uncertainty = minus(x->N, confidence);
    struct ranking r = ranked(x->N, uncertainty, wrong);
    assert_measure(expected, "aurc", ranking_aurc(&r), TOLERANCE);
    assert_auroc(expected, "auroc_max_probability", x->N, uncertainty, wrong);
    assert_auroc(expected, "auroc_margin", x->N, margin, wrong);
    assert_auroc(expected, "auroc_negative_entropy", x->N, entropy, wrong);
    ranking_free(&r);
    free(uncertainty);
    free(wrong);
    free(confidence);
    free(margin);
    free(entropy);
    free(right);
}

static void raw_logits_are_as_wrong_as_the_reference_says(void **state)
{
    (void)state;
    struct rows x = reference_rows("probability.raw");
    struct json *v = expected_values();
    assert_rows(&x, json_get(v, "logits_raw"));
    assert_measure(json_get(v, "logits_raw"), "nll", temperature_nll_of_rows(x.N, x.L, x.logits, x.label, 1), TOLERANCE);
    json_free(v);
    rows_free(&x);
}

static void the_temperature_of_logits_is_the_references(void **state)
{
    (void)state;
    struct rows x = reference_rows("probability.scaled");
    struct json *v = expected_values();
    const struct json *expected = json_get(v, "logits_scaled");
    const struct temperature found = temperature_of_rows(x.N, x.L, x.logits, x.label);
    assert_measure(expected, "temperature", found.T, TOLERANCE_TEMPERATURE);
    assert_measure(expected, "nll", found.nll, TOLERANCE);
    assert_rows(&x, expected);
    json_free(v);
    rows_free(&x);
}

/* ---- calibration ---- */

static void a_bin_holds_its_upper_edge_and_not_its_lower_one(void **state)
{
    (void)state;
    for (int b = 0; b <= CALIBRATION_BINS; b++) {
        const double edge = b / (double)CALIBRATION_BINS, c[] = {edge, nextafter(edge, 2)};
        const bool right[] = {false, true};
        struct calibration x;
        calibration_measure(b < CALIBRATION_BINS ? 2 : 1, c, right, &x);
        assert_int_equal(x.bin[b > 0 ? b - 1 : 0].n, b == 0 ? 2 : 1);
        if (b > 0 && b < CALIBRATION_BINS) assert_int_equal(x.bin[b].n, 1);
    }
}

static void certain_and_right_costs_nothing_and_certain_and_wrong_not_infinity(void **state)
{
    (void)state;
    struct calibration x;
    calibration_measure(2, (double[]){1, 0}, (bool[]){true, false}, &x);
    assert_true(x.ece == 0 && x.mce == 0 && x.brier == 0 && x.nll == 0);
    calibration_measure(2, (double[]){1, 0}, (bool[]){false, true}, &x);
    assert_true(x.ece == 1 && x.mce == 1 && x.brier == 1);
    assert_near(x.nll, -log(CALIBRATION_FLOOR), 1e-12, "NLL");
}

static void nll_is_the_logarithm_of_what_was_believed(void **state)
{
    (void)state;
    struct calibration x;
    calibration_measure(3, (double[]){.75, .75, .5}, (bool[]){true, false, true}, &x);
    assert_near(x.nll, (log(4. / 3) + log(4) + log(2)) / 3, 1e-15, "NLL");
    assert_near(x.brier, (.0625 + .5625 + .25) / 3, 1e-15, "Brier");
}

static void without_answers_or_with_one_that_is_no_number_there_is_no_measure(void **state)
{
    (void)state;
    struct calibration x;
    calibration_measure(0, NULL, NULL, &x);
    assert_nan(x.ece, "ECE of nothing");
    assert_nan(x.mce, "MCE of nothing");
    assert_nan(x.brier, "Brier of nothing");
    assert_nan(x.nll, "NLL of nothing");
    calibration_measure(3, (double[]){.9, NAN, .8}, (bool[]){true, true, false}, &x);
    assert_nan(x.ece, "ECE");
    assert_nan(x.mce, "MCE");
    assert_nan(x.brier, "Brier");
    assert_nan(x.nll, "NLL");
}

/* ---- order by uncertainty ---- */

enum { SMALL = 9 };

/* n items of few different uncertainties, so that most are tied. */
static void small(uint32_t k, size_t n, double *uncertainty, bool *flagged)
{
    struct rng r = rng_stream(1, RNG_TEST, k);
    for (size_t i = 0; i < n; i++) {
        uncertainty[i] = rng_below(&r, 4) / 4.;
        flagged[i] = rng_below(&r, 3) == 0;
    }
}

/* E(k), by the definition: each item of a tied group is among the first with the same probability. */
static double expected_flagged(size_t n, const double *u, const bool *flagged, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        size_t below = 0, tied = 0;
        for (size_t j = 0; j < n; j++) {
            below += u[j] < u[i];
            tied += u[j] == u[i];
        }
        const double places = (double)k - (double)below;
        if (flagged[i] && places > 0) sum += fmin(1, places / (double)tied);
    }
    return sum;
}

static void area_and_risk_are_what_a_loop_over_all_items_gives(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        double u[SMALL], sum = 0;
        bool flagged[SMALL];
        small(round, SMALL, u, flagged);
        struct ranking r = ranked(SMALL, u, flagged);
        for (size_t k = 1; k <= SMALL; k++) {
            const double risk = expected_flagged(SMALL, u, flagged, k) / (double)k;
            assert_near(ranking_risk(&r, (double)k / SMALL), risk, 1e-14, "risk");
            sum += risk;
        }
        assert_near(ranking_aurc(&r), sum / SMALL, 1e-14, "AURC");
        ranking_free(&r);
    }
}

static void auroc_is_what_a_loop_over_all_pairs_gives(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        double u[SMALL], won = 0;
        bool flagged[SMALL];
        size_t pairs = 0;
        small(round, SMALL, u, flagged);
        flagged[0] = true;
        flagged[1] = false;
        for (size_t i = 0; i < SMALL; i++)
            for (size_t j = 0; j < SMALL; j++) {
                if (!flagged[i] || flagged[j]) continue;
                won += u[i] > u[j] ? 1 : u[i] == u[j] ? .5 : 0;
                pairs++;
            }
        struct ranking r = ranked(SMALL, u, flagged);
        assert_near(ranking_auroc(&r), won / (double)pairs, 1e-14, "AUROC");
        ranking_free(&r);
    }
}

static void the_order_in_which_items_come_changes_nothing(void **state)
{
    (void)state;
    double u[SMALL], v[SMALL];
    bool flagged[SMALL], turned[SMALL];
    small(3, SMALL, u, flagged);
    for (size_t i = 0; i < SMALL; i++) {
        v[i] = u[SMALL - 1 - i];
        turned[i] = flagged[SMALL - 1 - i];
    }
    struct ranking a = ranked(SMALL, u, flagged), b = ranked(SMALL, v, turned);
    assert_true(ranking_auroc(&a) == ranking_auroc(&b) && ranking_aurc(&a) == ranking_aurc(&b));
    assert_true(ranking_risk(&a, .5) == ranking_risk(&b, .5));
    ranking_free(&a);
    ranking_free(&b);
}

static void a_perfect_order_has_no_excess_and_a_constant_is_worth_one_half(void **state)
{
    (void)state;
    const bool flagged[] = {false, false, false, true, true};
    struct ranking r = ranked(5, (double[]){1, 2, 3, 4, 5}, flagged);
    assert_near(ranking_auroc(&r), 1, 0, "AUROC");
    assert_near(ranking_excess_aurc(&r), 0, 1e-15, "excess AURC");
    ranking_free(&r);
    r = ranked(5, (double[]){5, 4, 3, 2, 1}, flagged);
    assert_near(ranking_auroc(&r), 0, 0, "AUROC upside down");
    ranking_free(&r);
    r = ranked(5, (double[]){7, 7, 7, 7, 7}, flagged);
    assert_near(ranking_auroc(&r), .5, 0, "AUROC of a constant");
    assert_near(ranking_aurc(&r), .4, 1e-15, "AURC of a constant");
    ranking_free(&r);
}

static void what_cannot_be_ordered_has_no_measure(void **state)
{
    (void)state;
    struct ranking_point point;
    struct ranking r = ranked(0, NULL, NULL);
    assert_nan(ranking_auroc(&r), "AUROC of nothing");
    assert_nan(ranking_aurc(&r), "AURC of nothing");
    assert_nan(ranking_excess_aurc(&r), "excess AURC of nothing");
    assert_nan(ranking_risk(&r, .5), "risk of nothing");
    assert_int_equal(ranking_curve(&r, 1, &point), 0);
    ranking_free(&r);
    r = ranked(2, (double[]){1, 2}, (bool[]){true, true});
    assert_nan(ranking_auroc(&r), "AUROC of one kind");
    assert_near(ranking_aurc(&r), 1, 0, "AURC of one kind");
    ranking_free(&r);
    r = ranked(3, (double[]){1, NAN, 2}, (bool[]){true, false, false});
    assert_nan(ranking_auroc(&r), "AUROC with a NaN");
    assert_nan(ranking_aurc(&r), "AURC with a NaN");
    assert_nan(ranking_risk(&r, 1), "risk with a NaN");
    assert_nan(ranking_f1(&r, 2, .5), "F1 with a NaN");
    ranking_free(&r);
}

static void infinite_uncertainty_is_the_last(void **state)
{
    (void)state;
    struct ranking r = ranked(3, (double[]){INFINITY, 1, -INFINITY}, (bool[]){true, false, false});
    assert_near(ranking_auroc(&r), 1, 0, "AUROC");
    ranking_free(&r);
}

/* 10 predicted entities, 7 right, of 9 gold ones: 2 were not found. */
static void f1_at_coverage_hands_the_doubtful_entities_on_and_keeps_the_missed_ones(void **state)
{
    (void)state;
    const double u[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const bool wrong[10] = {false, false, false, false, true, false, false, true, true, false};
    struct ranking r = ranked(10, u, wrong);
    assert_near(ranking_f1(&r, 9, 1), 2 * 7 / (10. + 9), 1e-15, "of all: the usual F1");
    assert_near(ranking_f1(&r, 9, .9), 2 * 6 / (9. + 8), 1e-15, "without the last, which is right: its gold entity goes too");
    assert_near(ranking_f1(&r, 9, .8), 2 * 6 / (8. + 8), 1e-15, "without the last two");
    assert_near(ranking_f1(&r, 9, .7), 2 * 6 / (7. + 8), 1e-15, "without the last three");
    assert_near(ranking_f1(&r, 9, .75), ranking_f1(&r, 9, .8), 0, "a part of an entity is an entity");
    ranking_free(&r);
    r = ranked(0, NULL, NULL);
    assert_near(ranking_f1(&r, 9, 1), 0, 0, "nothing predicted");
    assert_near(ranking_f1(&r, 0, .7), 0, 0, "nothing at all");
    ranking_free(&r);
}

static void the_curve_ends_at_the_error_rate_and_is_never_longer_than_asked(void **state)
{
    (void)state;
    double u[SMALL];
    bool flagged[SMALL];
    struct ranking_point points[100];
    small(5, SMALL, u, flagged);
    struct ranking r = ranked(SMALL, u, flagged);
    for (size_t asked = 1; asked <= 100; asked++) {
        const size_t n = ranking_curve(&r, asked, points);
        assert_in_range(n, 1, asked < SMALL ? asked : SMALL);
        for (size_t i = 0; i < n; i++) {
            assert_true(points[i].coverage > (i ? points[i - 1].coverage : 0));
            assert_near(points[i].risk, ranking_risk(&r, points[i].coverage), 1e-15, "risk");
        }
        assert_near(points[n - 1].coverage, 1, 0, "the last coverage");
    }
    assert_int_equal(ranking_curve(&r, 100, points), SMALL);
    ranking_free(&r);
}

/* ---- doubt of an entity ---- */

static void the_most_doubtful_word_decides(void **state)
{
    (void)state;
    const double p[] = {.25, .25, .5, .1, .8, .1, .2, .5, .3, 0, 0, 1};
    const int32_t tags[] = {0, 1, 1, 2};
    assert_near(entity_margin(3, p, tags, &(struct span){1, 2, 0}), .3 - .5, 1e-15, "margin");
    assert_near(entity_margin(3, p, tags, &(struct span){1, 1, 0}), .1 - .8, 1e-15, "margin of one word");
    assert_near(entity_margin(3, p, tags, &(struct span){0, 0, 0}), .5 - .25, 1e-15, "margin of a tag that is not the likeliest");
    assert_near(entity_margin(3, p, tags, &(struct span){3, 3, 0}), -1, 0, "margin of a sure word");
    assert_near(entity_entropy(3, p, &(struct span){1, 2, 0}), -.2 * log(.2) - .5 * log(.5) - .3 * log(.3), 1e-15, "entropy");
    assert_near(entity_entropy(3, p, &(struct span){3, 3, 0}), 0, 0, "entropy of a sure word");
}

static void a_word_without_numbers_leaves_no_doubt_measured(void **state)
{
    (void)state;
    const double p[] = {.1, .9, NAN, NAN, .1, .9};
    const int32_t tags[] = {1, 1, 1};
    assert_nan(entity_margin(2, p, tags, &(struct span){0, 2, 0}), "margin");
    assert_nan(entity_entropy(2, p, &(struct span){0, 2, 0}), "entropy");
}

/* ---- temperature ---- */

enum { TAGS = 3, SENTENCES = 40, WORDS_MAX = 4 };

/* Short sentences whose tags are drawn from the CRF's own distribution at temperature `truth`, by enumeration. */
struct chains {
    ag_real start[TAGS], transitions[TAGS * TAGS], end[TAGS], emissions[SENTENCES * WORDS_MAX * TAGS];
    int32_t word_start[SENTENCES + 1], tags[SENTENCES * WORDS_MAX];
    uint8_t forbidden_start[TAGS], forbidden_transition[TAGS * TAGS];
    struct crf_scores scores;
};

static double path_score(const struct chains *c, int b, int path, int32_t *tags)
{
    const int from = c->word_start[b], n = c->word_start[b + 1] - from;
    double score = 0;
    bool forbidden = false;
    for (int t = 0; t < n; t++, path /= TAGS) {
        tags[t] = path % TAGS;
        score += (double)c->emissions[(from + t) * TAGS + tags[t]];
        score += (double)(t ? c->transitions[tags[t - 1] * TAGS + tags[t]] : c->start[tags[t]]);
        forbidden |= t ? c->forbidden_transition[tags[t - 1] * TAGS + tags[t]] : c->forbidden_start[tags[t]];
    }
    if (n) score += (double)c->end[tags[n - 1]];
    return forbidden ? -INFINITY : score;
}

static int n_paths(int n)
{
    return n == 0 ? 1 : TAGS * n_paths(n - 1);
}

/* log of the sum over all paths of exp(score / T) */
static double log_z(const struct chains *c, int b, double T)
{
    const int n = c->word_start[b + 1] - c->word_start[b];
    int32_t tags[WORDS_MAX];
    double sum = 0;
    for (int path = 0; path < n_paths(n); path++) sum += exp(path_score(c, b, path, tags) / T);
    return log(sum);
}

static double nll_by_enumeration(const struct chains *c, double T)
{
    double sum = 0;
    for (int b = 0; b < SENTENCES; b++) {
        const int n = c->word_start[b + 1] - c->word_start[b];
        int32_t tags[WORDS_MAX];
        sum += log_z(c, b, T);
        for (int path = 0; path < n_paths(n) && n; path++) {
            const double score = path_score(c, b, path, tags);
            if (memcmp(tags, c->tags + c->word_start[b], (size_t)n * sizeof *tags) == 0) sum -= score / T;
        }
    }
    return sum / SENTENCES;
}

static void draw_scores(struct rng *r, size_t n, ag_real *x)
{
    for (size_t i = 0; i < n; i++) x[i] = (ag_real)(2 * rng_normal(r));
}

static void make_chains(uint32_t seed, bool constrained, double truth, struct chains *c)
{
    struct rng r = rng_stream(seed, RNG_TEST, 0);
    memset(c, 0, sizeof *c);
    draw_scores(&r, TAGS, c->start);
    draw_scores(&r, TAGS, c->end);
    draw_scores(&r, sizeof c->transitions / sizeof *c->transitions, c->transitions);
    draw_scores(&r, sizeof c->emissions / sizeof *c->emissions, c->emissions);
    if (constrained) c->forbidden_start[2] = c->forbidden_transition[0 * TAGS + 2] = 1;
    for (int b = 0; b < SENTENCES; b++) {
        const int n = b % (WORDS_MAX + 1), from = c->word_start[b];
        int32_t tags[WORDS_MAX] = {0};
        c->word_start[b + 1] = from + n;
        double left = rng_uniform(&r) * exp(log_z(c, b, truth));
        for (int path = 0; path < n_paths(n) && left >= 0; path++) {
            const double p = exp(path_score(c, b, path, tags) / truth);
            if (p > 0) memcpy(c->tags + from, tags, (size_t)n * sizeof *tags);
            left -= p;
        }
    }
    c->scores = (struct crf_scores){TAGS, c->start, c->transitions, c->end, c->forbidden_start, c->forbidden_transition, 0};
}

static struct temperature temperature_of(const struct chains *c)
{
    return temperature_of_chains(&c->scores, SENTENCES, c->word_start, c->emissions, c->tags);
}

static void the_loss_of_chains_is_the_sum_over_all_paths(void **state)
{
    (void)state;
    for (int constrained = 0; constrained < 2; constrained++) {
        struct chains c;
        make_chains(1, constrained, 1.5, &c);
        for (double T = .3; T < 5; T *= 1.7)
            assert_near(temperature_nll_of_chains(&c.scores, SENTENCES, c.word_start, c.emissions, c.tags, T), nll_by_enumeration(&c, T),
                        1e-12, "NLL");
    }
}

static void the_temperature_of_chains_is_the_best_of_a_fine_grid(void **state)
{
    (void)state;
    for (int constrained = 0; constrained < 2; constrained++) {
        struct chains c;
        make_chains(2, constrained, 3, &c);
        double best = 0, least = INFINITY;
        for (double T = .5; T < 20; T *= 1.002) {
            const double nll = nll_by_enumeration(&c, T);
            if (nll < least) {
                least = nll;
                best = T;
            }
        }
        const struct temperature found = temperature_of(&c);
        assert_near(found.T, best, .002 * best, "temperature");
        assert_true(found.nll <= least);
        assert_near(found.nll, least, 1e-4, "NLL");
    }
}

static void the_temperature_that_tags_were_drawn_at_is_found(void **state)
{
    (void)state;
    const double truths[] = {1, 2, 4};
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++) {
        double sum = 0;
        enum { DRAWS = 20 };
        for (uint32_t k = 0; k < DRAWS; k++) {
            struct chains c;
            make_chains(10 + k, true, truths[i], &c);
            sum += log(temperature_of(&c).T);
        }
        assert_near(exp(sum / DRAWS), truths[i], .12 * truths[i], "mean temperature");
    }
}

static void scores_two_and_a_half_times_as_large_have_two_and_a_half_times_the_temperature(void **state)
{
    (void)state;
    for (int constrained = 0; constrained < 2; constrained++) {
        struct chains c;
        make_chains(3, constrained, 1.2, &c);
        const double before = temperature_of(&c).T;
        for (size_t i = 0; i < sizeof c.emissions / sizeof *c.emissions; i++) c.emissions[i] *= 2.5f;
        for (size_t i = 0; i < TAGS * TAGS; i++) c.transitions[i] *= 2.5f;
        for (size_t i = 0; i < TAGS; i++) {
            c.start[i] *= 2.5f;
            c.end[i] *= 2.5f;
        }
        assert_near(temperature_of(&c).T / before, 2.5, 1e-5, "ratio");
    }
}

static void labels_that_always_win_lead_to_the_lowest_temperature_and_labels_of_chance_to_the_highest(void **state)
{
    (void)state;
    const float logits[] = {2, 0, 0, 3};
    const struct temperature low = temperature_of_rows(2, 2, logits, (int32_t[]){0, 1}),
                             high = temperature_of_rows(2, 2, logits, (int32_t[]){1, 0});
    assert_near(low.T, TEMPERATURE_MIN, 1e-8, "always right");
    assert_near(high.T, TEMPERATURE_MAX, 1e-5, "always wrong");
}

static void where_no_temperature_is_better_it_is_one(void **state)
{
    (void)state;
    const int32_t label[] = {0, 1}, start[] = {0};
    assert_true(temperature_of_rows(2, 2, (float[]){1, 1, 1, 1}, label).T == 1);
    assert_true(temperature_of_rows(2, 2, (float[]){1, NAN, 1, 1}, label).T == 1);
    const struct temperature nothing = temperature_of_rows(0, 2, NULL, NULL);
    assert_true(nothing.T == 1);
    assert_nan(nothing.nll, "NLL of nothing");
    struct chains c;
    make_chains(1, false, 1, &c);
    assert_true(temperature_of_chains(&c.scores, 0, start, NULL, NULL).T == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bins_and_their_gaps_are_the_references),
        cmocka_unit_test(the_order_by_confidence_is_worth_what_the_reference_says),
        cmocka_unit_test(raw_logits_are_as_wrong_as_the_reference_says),
        cmocka_unit_test(the_temperature_of_logits_is_the_references),
        cmocka_unit_test(a_bin_holds_its_upper_edge_and_not_its_lower_one),
        cmocka_unit_test(certain_and_right_costs_nothing_and_certain_and_wrong_not_infinity),
        cmocka_unit_test(nll_is_the_logarithm_of_what_was_believed),
        cmocka_unit_test(without_answers_or_with_one_that_is_no_number_there_is_no_measure),
        cmocka_unit_test(area_and_risk_are_what_a_loop_over_all_items_gives),
        cmocka_unit_test(auroc_is_what_a_loop_over_all_pairs_gives),
        cmocka_unit_test(the_order_in_which_items_come_changes_nothing),
        cmocka_unit_test(a_perfect_order_has_no_excess_and_a_constant_is_worth_one_half),
        cmocka_unit_test(what_cannot_be_ordered_has_no_measure),
        cmocka_unit_test(infinite_uncertainty_is_the_last),
        cmocka_unit_test(f1_at_coverage_hands_the_doubtful_entities_on_and_keeps_the_missed_ones),
        cmocka_unit_test(the_curve_ends_at_the_error_rate_and_is_never_longer_than_asked),
        cmocka_unit_test(the_most_doubtful_word_decides),
        cmocka_unit_test(a_word_without_numbers_leaves_no_doubt_measured),
        cmocka_unit_test(the_loss_of_chains_is_the_sum_over_all_paths),
        cmocka_unit_test(the_temperature_of_chains_is_the_best_of_a_fine_grid),
        cmocka_unit_test(the_temperature_that_tags_were_drawn_at_is_found),
        cmocka_unit_test(scores_two_and_a_half_times_as_large_have_two_and_a_half_times_the_temperature),
        cmocka_unit_test(labels_that_always_win_lead_to_the_lowest_temperature_and_labels_of_chance_to_the_highest),
        cmocka_unit_test(where_no_temperature_is_better_it_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
