/* The field's sums over all paths are what enumerating all paths gives, and they keep the identities that hold whatever the scores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "crf.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { L_MAX = 4, N_MAX = 5, BEGIN = 1, INSIDE = 2 };

/* One row of the table: a sentence of n words and L tags, with or without constraints, at a temperature (0: none is given), small enough
 * for all of its paths. */
struct row {
    char name[96];
    int L, n;
    bool constrained;
    double temperature;
};

struct problem {
    struct crf_scores scores;
    int n;
    ag_real emissions[N_MAX * L_MAX], start[L_MAX], transitions[L_MAX * L_MAX], end[L_MAX];
    uint8_t forbidden_start[L_MAX], forbidden_transition[L_MAX * L_MAX];
};

static void draw(struct rng *r, size_t n, double size, ag_real *x)
{
    for (size_t i = 0; i < n; i++) x[i] = (ag_real)(size * (2 * rng_uniform(r) - 1));
}

/* Tags O, B, I and another type's; I follows only B and I. With fewer tags the rest is left out. */
static void make(const struct row *row, double size, struct problem *p)
{
    struct rng r = rng_stream(1, RNG_TEST, (uint32_t)(row->L * 100 + row->n * 10 + row->constrained));
    const int L = row->L;
    p->n = row->n;
    draw(&r, sizeof p->emissions / sizeof *p->emissions, size, p->emissions);
    draw(&r, sizeof p->start / sizeof *p->start, size, p->start);
    draw(&r, sizeof p->transitions / sizeof *p->transitions, size, p->transitions);
    draw(&r, sizeof p->end / sizeof *p->end, size, p->end);
    for (int to = 0; to < L; to++) {
        p->forbidden_start[to] = to == INSIDE;
        for (int from = 0; from < L; from++) p->forbidden_transition[from * L + to] = to == INSIDE && from != BEGIN && from != INSIDE;
    }
    p->scores =
        (struct crf_scores){.L = L, .start = p->start, .transitions = p->transitions, .end = p->end, .temperature = row->temperature};
    if (!row->constrained) return;
    p->scores.forbidden_start = p->forbidden_start;
    p->scores.forbidden_transition = p->forbidden_transition;
}

/* ---- enumeration: the definition, term by term ---- */

static double score_of(const struct problem *p, const int32_t *tags)
{
    const struct crf_scores *s = &p->scores;
    const double T = s->temperature > 0 ? s->temperature : 1;
    double score = 0;
    for (int t = 0; t < p->n; t++) {
        score += (double)p->emissions[t * s->L + tags[t]] / T;
        if (t == 0) {
            score += s->forbidden_start && s->forbidden_start[tags[0]] ? CRF_FORBIDDEN : (double)s->start[tags[0]] / T;
        } else {
            const int k = tags[t - 1] * s->L + tags[t];
            score += s->forbidden_transition && s->forbidden_transition[k] ? CRF_FORBIDDEN : (double)s->transitions[k] / T;
        }
        if (t == p->n - 1) score += (double)s->end[tags[t]] / T;
    }
    return score;
}

/* The next path in counting order; false behind the last. */
static bool next_path(const struct problem *p, int32_t *tags)
{
    for (int t = p->n - 1; t >= 0; t--) {
        if (++tags[t] < p->scores.L) return true;
        tags[t] = 0;
    }
    return false;
}

/* sum over paths of exp(score - max) for those that `counts` accepts, and the largest score of all. */
struct sums {
    double max, all, counted;
};
typedef bool path_property(const struct problem *p, const int32_t *tags, const int *argument);

static struct sums enumerate(const struct problem *p, path_property *counts, const int *argument)
{
    struct sums s = {.max = -INFINITY};
    int32_t tags[N_MAX] = {0};
    do s.max = fmax(s.max, score_of(p, tags));
    while (next_path(p, tags));
    do {
        const double weight = exp(score_of(p, tags) - s.max);
        s.all += weight;
        if (counts && counts(p, tags, argument)) s.counted += weight;
    } while (next_path(p, tags));
    return s;
}

static bool has_tag_at(const struct problem *p, const int32_t *tags, const int *word_and_tag)
{
    (void)p;
    return tags[word_and_tag[0]] == word_and_tag[1];
}

/* argument: first, last, reading. Reads the whole path from its start as a decoder does, and looks for the entity among those found. */
static bool has_entity(const struct problem *p, const int32_t *tags, const int *argument)
{
    bool found = false;
    int open = -1;
    for (int t = 0; t <= p->n; t++) {
        const int tag = t < p->n ? tags[t] : 0;
        if (open >= 0 && tag != INSIDE) {
            found |= open == argument[0] && t - 1 == argument[1];
            open = -1;
        }
        if (tag == BEGIN || (tag == INSIDE && open < 0 && argument[2] == CRF_LENIENT)) open = t;
    }
    return found;
}

static void assert_near(const char *what, double x, double expected, double tolerance)
{
    if (!(fabs(x - expected) <= tolerance * fmax(1, fabs(expected)))) fail_msg("%s: %.17g, expected %.17g", what, x, expected);
}

/* ---- each row ---- */

static void log_z_is_the_log_of_the_sum_over_all_paths(void **state)
{
    struct problem p;
    make(*state, 3, &p);
    const struct sums s = enumerate(&p, NULL, NULL);
    assert_near("log Z", crf_log_z(&p.scores, p.n, p.emissions), p.n ? s.max + log(s.all) : 0, 1e-13);
}

static void viterbi_finds_the_best_of_all_paths(void **state)
{
    struct problem p;
    make(*state, 3, &p);
    int32_t tags[N_MAX] = {0};
    const double score = crf_viterbi(&p.scores, p.n, p.emissions, tags);
    const double best = p.n ? enumerate(&p, NULL, NULL).max : 0;
    assert_near("the best score", score, best, 1e-13);
    assert_near("the score of the path", score_of(&p, tags), best, 1e-13);
    assert_near("its score as crf_score says", crf_score(&p.scores, p.n, p.emissions, tags), best, 1e-13);
}

static void a_marginal_is_the_share_of_the_paths_through_it(void **state)
{
    struct problem p;
    make(*state, 3, &p);
    double marginals[N_MAX * L_MAX];
    crf_marginals(&p.scores, p.n, p.emissions, marginals);
    for (int t = 0; t < p.n; t++)
        for (int k = 0; k < p.scores.L; k++) {
            const struct sums s = enumerate(&p, has_tag_at, (int[]){t, k});
            assert_near("marginal", marginals[t * p.scores.L + k], s.counted / s.all, 1e-13);
        }
}

static void a_span_probability_is_the_share_of_the_paths_with_that_entity(void **state)
{
    struct problem p;
    make(*state, 3, &p);
    for (int first = 0; first < p.n; first++)
        for (int last = first; last < p.n; last++)
            for (int reading = 0; reading < 2; reading++) {
                const struct sums s = enumerate(&p, has_entity, (int[]){first, last, reading});
                assert_near("span",
                            crf_span_probability(&p.scores, p.n, p.emissions, first, last, BEGIN, INSIDE, (enum crf_reading)reading),
                            s.counted / s.all, 1e-13);
            }
}

static void the_loss_is_minus_the_log_of_the_probability_of_the_path(void **state)
{
    struct problem p;
    make(*state, 3, &p);
    ag_graph g;
    ag_graph_init(&g);
    const int L = p.scores.L;
    ag_tensor *emissions = ag_input(&g, 2, (int[]){p.n, L}, p.emissions), *transitions = ag_input(&g, 2, (int[]){L, L}, p.transitions);
    ag_tensor *start = ag_input(&g, 1, &L, p.start), *end = ag_input(&g, 1, &L, p.end);
    int32_t tags[N_MAX] = {0};
    const struct sums s = enumerate(&p, NULL, NULL);
    do {
        const ag_tensor *nll = crf_nll_of(&g, emissions, start, transitions, end, p.scores.forbidden_start, p.scores.forbidden_transition,
                                          tags, 1, (int32_t[]){0, p.n});
        const double expected = p.n ? s.max + log(s.all) - score_of(&p, tags) : 0;
        assert_near("nll", (double)nll->val[0], expected, sizeof(ag_real) == sizeof(double) ? 1e-13 : 1.2e-7);
    } while (next_path(&p, tags));
    ag_graph_free(&g);
}

/* ---- whatever the scores ---- */

static const struct row ANY = {"any", L_MAX, N_MAX, true, 0}, FREE = {"free", L_MAX, N_MAX, false, 0};

static void a_constant_on_a_words_emissions_shifts_log_z_and_leaves_the_marginals(void **state)
{
    (void)state;
    struct problem p;
    make(&ANY, 3, &p);
    double before[N_MAX * L_MAX], after[N_MAX * L_MAX];
    crf_marginals(&p.scores, p.n, p.emissions, before);
    const double log_z = crf_log_z(&p.scores, p.n, p.emissions);
    for (int k = 0; k < L_MAX; k++) p.emissions[2 * L_MAX + k] = (ag_real)(k / 8.0); /* numbers that the constant leaves exact */
    crf_marginals(&p.scores, p.n, p.emissions, before);
    const double log_z_before = crf_log_z(&p.scores, p.n, p.emissions);
    for (int k = 0; k < L_MAX; k++) p.emissions[2 * L_MAX + k] += 17;
    crf_marginals(&p.scores, p.n, p.emissions, after);
    assert_near("log Z", crf_log_z(&p.scores, p.n, p.emissions), log_z_before + 17, 1e-13);
    for (int i = 0; i < N_MAX * L_MAX; i++) assert_near("marginal", after[i], before[i], 1e-13);
    if (!(fabs(log_z - log_z_before) > 1e-3)) fail_msg("the emissions do not reach log Z");
}

static void the_marginals_of_a_word_add_up_to_one_however_large_the_scores(void **state)
{
    (void)state;
    const double sizes[] = {0, 1, 100, 1e4, 1e8};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct problem p;
        make(&ANY, sizes[i], &p);
        double marginals[N_MAX * L_MAX];
        crf_marginals(&p.scores, p.n, p.emissions, marginals);
        for (int t = 0; t < p.n; t++) {
            double sum = 0;
            for (int k = 0; k < L_MAX; k++) sum += marginals[t * L_MAX + k];
            assert_near("sum", sum, 1, 1e-14);
        }
    }
}

static void the_best_path_scores_at_most_log_z_and_log_z_at_most_n_log_l_more(void **state)
{
    (void)state;
    struct problem p;
    make(&FREE, 3, &p);
    int32_t tags[N_MAX];
    const double best = crf_viterbi(&p.scores, p.n, p.emissions, tags), log_z = crf_log_z(&p.scores, p.n, p.emissions);
    if (!(best < log_z && log_z < best + p.n * log(L_MAX))) fail_msg("best %.17g, log Z %.17g", best, log_z);
}

static void without_scores_every_path_is_as_likely(void **state)
{
    (void)state;
    struct problem p;
    make(&FREE, 0, &p);
    assert_near("log Z", crf_log_z(&p.scores, p.n, p.emissions), p.n * log(L_MAX), 1e-14);
    double marginals[N_MAX * L_MAX];
    crf_marginals(&p.scores, p.n, p.emissions, marginals);
    for (int i = 0; i < N_MAX * L_MAX; i++) assert_near("marginal", marginals[i], 1.0 / L_MAX, 1e-14);
}

static void among_equal_paths_the_lowest_tags_win(void **state)
{
    (void)state;
    struct problem p;
    make(&FREE, 0, &p);
    int32_t tags[N_MAX];
    crf_viterbi(&p.scores, p.n, p.emissions, tags);
    for (int t = 0; t < p.n; t++) assert_int_equal(tags[t], 0);
}

static void under_constraints_both_readings_of_a_span_are_one(void **state)
{
    (void)state;
    struct problem p;
    make(&ANY, 3, &p);
    for (int first = 0; first < p.n; first++)
        for (int last = first; last < p.n; last++)
            assert_near("span", crf_span_probability(&p.scores, p.n, p.emissions, first, last, BEGIN, INSIDE, CRF_STRICT),
                        crf_span_probability(&p.scores, p.n, p.emissions, first, last, BEGIN, INSIDE, CRF_LENIENT), 1e-15);
}

static void a_parameter_that_is_forbidden_is_not_read(void **state)
{
    (void)state;
    struct problem p;
    make(&ANY, 3, &p);
    const double before = crf_log_z(&p.scores, p.n, p.emissions);
    p.start[INSIDE] = (ag_real)NAN;
    p.transitions[0 * L_MAX + INSIDE] = (ag_real)NAN;
    assert_true(crf_log_z(&p.scores, p.n, p.emissions) == before);
}

static void a_forbidden_step_of_the_path_gives_its_parameter_no_gradient(void **state)
{
    (void)state;
    struct problem p;
    make(&ANY, 3, &p);
    const int32_t tags[N_MAX] = {INSIDE, 0, INSIDE, INSIDE, 0}; /* begins with I, and takes O to I */
    const int L = L_MAX;
    ag_real dstart[L_MAX], dtransitions[L_MAX * L_MAX];
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *emissions = ag_input(&g, 2, (int[]){p.n, L}, p.emissions), *end = ag_input(&g, 1, &L, p.end);
    ag_tensor *start = ag_leaf(&g, 1, &L, p.start, dstart), *transitions = ag_leaf(&g, 2, (int[]){L, L}, p.transitions, dtransitions);
    ag_tensor *nll =
        crf_nll_of(&g, emissions, start, transitions, end, p.forbidden_start, p.forbidden_transition, tags, 1, (int32_t[]){0, p.n});
    ag_backward(&g, nll, NULL);
    assert_true(nll->val[0] > 2 * -CRF_FORBIDDEN - 100);
    for (int k = 0; k < L; k++) assert_int_equal(dstart[k] == 0, p.forbidden_start[k]);
    for (int k = 0; k < L * L; k++) assert_int_equal(dtransitions[k] == 0, p.forbidden_transition[k]);
    ag_graph_free(&g);
}

static void a_forbidden_step_is_taken_only_where_there_is_no_other(void **state)
{
    (void)state;
    struct problem p;
    make(&ANY, 0, &p);
    for (int t = 0; t < p.n; t++) p.emissions[t * L_MAX + INSIDE] = 100; /* asks for I at every word */
    int32_t tags[N_MAX];
    crf_viterbi(&p.scores, p.n, p.emissions, tags);
    assert_int_equal(tags[0], BEGIN);
    for (int t = 1; t < p.n; t++) assert_int_equal(tags[t], INSIDE);

    const uint8_t nothing_may_start[L_MAX] = {1, 1, 1, 1};
    p.scores.forbidden_start = nothing_may_start;
    const double best = crf_viterbi(&p.scores, p.n, p.emissions, tags);
    assert_near("the best score", best, CRF_FORBIDDEN + 100 * p.n, 1e-14);
    assert_int_equal(tags[0], INSIDE);
}

static void a_sentence_of_ten_thousand_words_keeps_its_digits(void **state)
{
    (void)state;
    enum { LONG = 10000, L = 3 };
    ag_real *emissions = calloc((size_t)LONG * L, sizeof *emissions);
    double *marginals = calloc((size_t)LONG * L, sizeof *marginals);
    const ag_real zero[L * L] = {0};
    const struct crf_scores s = {.L = L, .start = zero, .transitions = zero, .end = zero};
    double expected = 0;
    for (int t = 0; t < LONG; t++) { /* no transitions: every word is a softmax by itself */
        double sum = 0;
        for (int k = 0; k < L; k++) sum += exp((double)(emissions[t * L + k] = (ag_real)((t % 7) * k)));
        expected += log(sum);
    }
    assert_near("log Z", crf_log_z(&s, LONG, emissions), expected, 1e-12);
    crf_marginals(&s, LONG, emissions, marginals);
    for (int t = 0; t < LONG; t++) assert_near("marginal", marginals[t * L + 1] / marginals[t * L], exp(t % 7), 1e-11);
    free(marginals);
    free(emissions);
}

/* ---- bugs of the caller ---- */

static jmp_buf back;
static char message[1024];
_Noreturn static void remember(const char *text)
{
    strncpy(message, text, sizeof message - 1);
    longjmp(back, 1);
}

struct bug {
    const char *name, *text; /* text: what the message must hold */
    int emissions[2], start, transitions[2], end, tag, word_start[3];
};
static const struct bug BUGS[] = {
    {"a tag that is none", "word 1 has tag 3 of 3", {4, 3}, 3, {3, 3}, 3, 3, {0, 1, 4}},
    {"a negative tag", "word 1 has tag -1 of 3", {4, 3}, 3, {3, 3}, 3, -1, {0, 1, 4}},
    {"start of another size", "start has 2 entries, emissions 3 tags", {4, 3}, 2, {3, 3}, 3, 0, {0, 1, 4}},
    {"end of another size", "end has 4 entries, emissions 3 tags", {4, 3}, 3, {3, 3}, 4, 0, {0, 1, 4}},
    {"transitions that are not square", "transitions are [3,2], emissions have 3 tags", {4, 3}, 3, {3, 2}, 3, 0, {0, 1, 4}},
    {"sequences that end too early", "2 sequences end at word 3 of 4", {4, 3}, 3, {3, 3}, 3, 0, {0, 1, 3}},
    {"a sequence that runs backward", "sequence 1 is words 5 to 4", {4, 3}, 3, {3, 3}, 3, 0, {0, 5, 4}},
};
enum { N_BUGS = sizeof BUGS / sizeof *BUGS };

static void the_message_says_what_is_wrong(void **state)
{
    const struct bug *bug = *state;
    static const ag_real zero[16];
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *emissions = ag_input(&g, 2, bug->emissions, zero), *start = ag_input(&g, 1, &bug->start, zero);
    ag_tensor *transitions = ag_input(&g, 2, bug->transitions, zero), *end = ag_input(&g, 1, &bug->end, zero);
    const int32_t tags[] = {0, bug->tag, 0, 0};
    ag_set_panic_handler(remember);
    if (setjmp(back) == 0) {
        crf_nll_of(&g, emissions, start, transitions, end, NULL, NULL, tags, 2, bug->word_start);
        fail_msg("nothing was said");
    }
    ag_set_panic_handler(NULL);
    if (!strstr(message, bug->text) || !strstr(message, "crf_nll")) fail_msg("the message is: %s", message);
    ag_graph_free(&g);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) {
        print_error("%s\n", e.text);
        return 1;
    }
    static const struct {
        const char *claim;
        CMUnitTestFunction check;
        int least_n, least_L; /* below, nothing is claimed */
        bool tempered;        /* also at temperatures */
    } CLAIMS[] = {
        {"log Z", log_z_is_the_log_of_the_sum_over_all_paths, 0, 1, true},
        {"Viterbi", viterbi_finds_the_best_of_all_paths, 0, 1, true},
        {"marginals", a_marginal_is_the_share_of_the_paths_through_it, 1, 1, true},
        {"spans", a_span_probability_is_the_share_of_the_paths_with_that_entity, 1, INSIDE + 1, true},
        {"loss", the_loss_is_minus_the_log_of_the_probability_of_the_path, 0, 1, false},
    };
    enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, N_TEMPERATURES = 3, N_ROWS = L_MAX * (N_MAX + 1) * 2 * N_TEMPERATURES };
    static const double TEMPERATURES[N_TEMPERATURES] = {0, .4, 2.5};
    static const struct CMUnitTest ALWAYS[] = {
        cmocka_unit_test(a_constant_on_a_words_emissions_shifts_log_z_and_leaves_the_marginals),
        cmocka_unit_test(the_marginals_of_a_word_add_up_to_one_however_large_the_scores),
        cmocka_unit_test(the_best_path_scores_at_most_log_z_and_log_z_at_most_n_log_l_more),
        cmocka_unit_test(without_scores_every_path_is_as_likely),
        cmocka_unit_test(among_equal_paths_the_lowest_tags_win),
        cmocka_unit_test(under_constraints_both_readings_of_a_span_are_one),
        cmocka_unit_test(a_parameter_that_is_forbidden_is_not_read),
        cmocka_unit_test(a_forbidden_step_of_the_path_gives_its_parameter_no_gradient),
        cmocka_unit_test(a_forbidden_step_is_taken_only_where_there_is_no_other),
        cmocka_unit_test(a_sentence_of_ten_thousand_words_keeps_its_digits),
    };
    enum { N_ALWAYS = sizeof ALWAYS / sizeof *ALWAYS };
    static struct row rows[N_CLAIMS * N_ROWS];
    static struct CMUnitTest tests[N_CLAIMS * N_ROWS + N_ALWAYS + N_BUGS];
    size_t n = 0;
    for (int c = 0; c < N_CLAIMS; c++)
        for (int i = 0; i < N_ROWS; i++) {
            struct row *row = &rows[n];
            const int place = i / 2 / N_TEMPERATURES;
            *row = (struct row){
                .L = 1 + place % L_MAX, .n = place / L_MAX, .constrained = i % 2, .temperature = TEMPERATURES[i / 2 % N_TEMPERATURES]};
            if (row->temperature > 0 && !CLAIMS[c].tempered) continue;
            if (row->n < CLAIMS[c].least_n || row->L < CLAIMS[c].least_L || (row->constrained && row->L <= INSIDE)) continue;
            snprintf(row->name, sizeof row->name, "%s, %d words, %d tags%s, temperature %g", CLAIMS[c].claim, row->n, row->L,
                     row->constrained ? ", constrained" : "", row->temperature > 0 ? row->temperature : 1);
            tests[n++] = (struct CMUnitTest){.name = row->name, .test_func = CLAIMS[c].check, .initial_state = row};
        }
    for (int i = 0; i < N_ALWAYS; i++) tests[n++] = ALWAYS[i];
    for (int i = 0; i < N_BUGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = BUGS[i].name, .test_func = the_message_says_what_is_wrong, .initial_state = (void *)(uintptr_t)&BUGS[i]};
    return _cmocka_run_group_tests("crf", tests, n, NULL, NULL);
}
