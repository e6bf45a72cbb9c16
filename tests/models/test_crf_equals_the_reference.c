/* The field gives what pytorch-crf in float64 gives: likelihoods, gradients, best paths, marginals, expected counts, spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "crf.h"
#include "json.h"
#include "real.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Double everywhere but where a result is a real of the build; the tolerances of float are those of the reference's README. */
static double tolerance(double in_float)
{
    return DOUBLE_BUILD ? 1e-10 : in_float;
}

/* One problem of the file: `hot.` has its own scores, `bio.` those of the plain one. */
struct row {
    const char *name, *prefix, *scores, *sequences; /* sequences: of what seq_start divides; NULL: it is one sentence */
    double likelihood, gradient;                    /* tolerances in float */
};
static const struct row ROWS[] = {
    {"plain", "", "", "seq_start", 6e-7, 4e-6},
    {"bio", "bio.", "", "seq_start", 6e-7, 4e-6},
    {"scores in the hundreds", "hot.", "hot.", NULL, 1.5e-6, 1e-5},
};
enum { N_ROWS = sizeof ROWS / sizeof *ROWS };

struct problem {
    struct safetensors *file;
    const struct row *row;
    int W, L, n;
    int32_t *start, *tags;
    ag_real *emissions, *first, *transitions, *last;
    uint8_t *forbidden_start, *forbidden_transition;
    struct crf_scores scores;
};

static uint8_t *flags(const struct safetensors *file, const char *tensor)
{
    size_t n;
    int32_t *x = reference_int(file, tensor, &n);
    uint8_t *flag = calloc(n, 1);
    for (size_t i = 0; i < n; i++) flag[i] = x[i] != 0;
    free(x);
    return flag;
}

static struct problem problem_open(const struct row *row)
{
    struct problem p = {.file = reference_open("crf.safetensors"), .row = row};
    p.emissions = reference_real(p.file, named("%semissions", row->scores), NULL);
    p.first = reference_real(p.file, named("%sstart", row->scores), NULL);
    p.transitions = reference_real(p.file, named("%stransitions", row->scores), NULL);
    p.last = reference_real(p.file, named("%send", row->scores), NULL);
    p.tags = reference_int(p.file, named("%stags", row->prefix), NULL);
    p.W = (int)reference_dim(p.file, named("%semissions", row->scores), 0);
    p.L = (int)reference_dim(p.file, named("%semissions", row->scores), 1);
    if (row->sequences) {
        p.start = reference_int(p.file, row->sequences, NULL);
        p.n = (int)reference_dim(p.file, row->sequences, 0) - 1;
    } else {
        p.start = malloc(2 * sizeof *p.start);
        p.start[0] = 0;
        p.start[1] = p.W;
        p.n = 1;
    }
    if (safetensors_find(p.file, named("%sforbidden_start", row->prefix))) {
        p.forbidden_start = flags(p.file, named("%sforbidden_start", row->prefix));
        p.forbidden_transition = flags(p.file, named("%sforbidden_transitions", row->prefix));
    }
    p.scores = (struct crf_scores){p.L, p.first, p.transitions, p.last, p.forbidden_start, p.forbidden_transition, 1};
    return p;
}

static void problem_close(struct problem *p)
{
    safetensors_close(p->file);
    free(p->start);
    free(p->tags);
    free(p->emissions);
    free(p->first);
    free(p->transitions);
    free(p->last);
    free(p->forbidden_start);
    free(p->forbidden_transition);
}

static const ag_real *emissions_of(const struct problem *p, int b)
{
    return p->emissions + (size_t)p->start[b] * (size_t)p->L;
}
static int words_of(const struct problem *p, int b)
{
    return p->start[b + 1] - p->start[b];
}

static void assert_double_close(const struct problem *p, const char *tensor, size_t n, const double *x, double allowed)
{
    size_t size;
    double *r = reference_double(p->file, tensor, &size);
    assert_int_equal(n, size);
    const double difference = relative_difference(n, x, r);
    free(r);
    if (!(difference <= allowed)) fail_msg("%s: off by %.2e of the largest entry, allowed are %.1e", tensor, difference, allowed);
}

/* ---- each problem ---- */

static void likelihoods_and_best_paths(void **state)
{
    struct problem p = problem_open(*state);
    double *log_z = calloc((size_t)p.n, sizeof *log_z), *likelihood = calloc((size_t)p.n, sizeof *log_z),
           *best = calloc((size_t)p.n, sizeof *log_z);
    int32_t *path = calloc((size_t)p.W, sizeof *path), *expected = reference_int(p.file, named("%sviterbi", p.row->prefix), NULL);
    for (int b = 0; b < p.n; b++) {
        log_z[b] = crf_log_z(&p.scores, words_of(&p, b), emissions_of(&p, b));
        likelihood[b] = crf_score(&p.scores, words_of(&p, b), emissions_of(&p, b), p.tags + p.start[b]) - log_z[b];
        best[b] = crf_viterbi(&p.scores, words_of(&p, b), emissions_of(&p, b), path + p.start[b]);
    }
    /* These are double in either build. */
    assert_double_close(&p, named("%slog_z", p.row->prefix), (size_t)p.n, log_z, 1e-10);
    assert_double_close(&p, named("%slog_likelihood", p.row->prefix), (size_t)p.n, likelihood, 1e-10);
    assert_double_close(&p, named("%sviterbi_score", p.row->prefix), (size_t)p.n, best, 1e-10);
    for (int w = 0; w < p.W; w++) assert_int_equal(path[w], expected[w]);
    free(log_z);
    free(likelihood);
    free(best);
    free(path);
    free(expected);
    problem_close(&p);
}

static void marginals(void **state)
{
    struct problem p = problem_open(*state);
    double *m = calloc((size_t)p.W * (size_t)p.L, sizeof *m);
    for (int b = 0; b < p.n; b++) crf_marginals(&p.scores, words_of(&p, b), emissions_of(&p, b), m + (size_t)p.start[b] * (size_t)p.L);
    assert_double_close(&p, named("%smarginals", p.row->prefix), (size_t)p.W * (size_t)p.L, m, 1e-10);
    free(m);
    problem_close(&p);
}

/* The loss and its four gradients, each of them in an array of its own. */
struct loss {
    ag_graph g;
    ag_tensor *nll;
    ag_real *demissions, *dstart, *dtransitions, *dend;
};

static struct loss loss_of(const struct problem *p, ag_real weight)
{
    struct loss x = {0};
    ag_graph_init(&x.g);
    const size_t L = (size_t)p->L;
    x.demissions = calloc((size_t)p->W * L, sizeof(ag_real));
    x.dstart = calloc(L, sizeof(ag_real));
    x.dtransitions = calloc(L * L, sizeof(ag_real));
    x.dend = calloc(L, sizeof(ag_real));
    ag_tensor *emissions = ag_leaf(&x.g, 2, (int[]){p->W, p->L}, p->emissions, x.demissions);
    ag_tensor *start = ag_leaf(&x.g, 1, &p->L, p->first, x.dstart), *end = ag_leaf(&x.g, 1, &p->L, p->last, x.dend);
    ag_tensor *transitions = ag_leaf(&x.g, 2, (int[]){p->L, p->L}, p->transitions, x.dtransitions);
    x.nll = crf_nll_of(&x.g, emissions, start, transitions, end, p->forbidden_start, p->forbidden_transition, p->tags, p->n, p->start);
    ag_real *dy = ag_save(&x.g, (size_t)p->n * sizeof *dy);
    for (int b = 0; b < p->n; b++) dy[b] = weight;
    ag_backward(&x.g, x.nll, dy);
    return x;
}

static void loss_free(struct loss *x)
{
    ag_graph_free(&x->g);
    free(x->demissions);
    free(x->dstart);
    free(x->dtransitions);
    free(x->dend);
}

static void the_loss_and_its_gradients(void **state)
{
    struct problem p = problem_open(*state);
    struct loss x = loss_of(&p, (ag_real)(1.0 / p.n));
    const char *prefix = p.row->prefix;
    const size_t L = (size_t)p.L;
    for (int b = 0; b < p.n; b++) x.nll->val[b] = -x.nll->val[b];
    assert_close(p.file, named("%slog_likelihood", prefix), (size_t)p.n, x.nll->val, tolerance(p.row->likelihood));
    double mean = 0;
    for (int b = 0; b < p.n; b++) mean -= (double)x.nll->val[b] / p.n;
    assert_double_close(&p, named("%snll_mean", prefix), 1, &mean, tolerance(p.row->likelihood));
    assert_near(p.file, named("%sgrad.emissions", prefix), (size_t)p.W * L, x.demissions, tolerance(p.row->gradient));
    assert_near(p.file, named("%sgrad.start", prefix), L, x.dstart, tolerance(p.row->gradient));
    assert_near(p.file, named("%sgrad.transitions", prefix), L * L, x.dtransitions, tolerance(p.row->gradient));
    assert_near(p.file, named("%sgrad.end", prefix), L, x.dend, tolerance(p.row->gradient));
    loss_free(&x);
    problem_close(&p);
}

/* A gradient of the sum of the losses is what is expected minus what the given path has, so adding the path gives the expected counts. */
static void expected_counts(void **state)
{
    struct problem p = problem_open(*state);
    struct loss x = loss_of(&p, 1);
    for (int b = 0; b < p.n; b++) {
        const int32_t *tags = p.tags + p.start[b];
        const int n = words_of(&p, b);
        if (n == 0) continue;
        x.dstart[tags[0]] += 1;
        x.dend[tags[n - 1]] += 1;
        for (int t = 1; t < n; t++) x.dtransitions[tags[t - 1] * p.L + tags[t]] += 1;
    }
    const size_t L = (size_t)p.L;
    assert_near(p.file, named("%sexpected_start", p.row->prefix), L, x.dstart, tolerance(4e-5));
    assert_near(p.file, named("%sexpected_transitions", p.row->prefix), L * L, x.dtransitions, tolerance(4e-5));
    assert_near(p.file, named("%sexpected_end", p.row->prefix), L, x.dend, tolerance(4e-5));
    loss_free(&x);
    problem_close(&p);
}

/* ---- spans ---- */

/* Number of the tag that spells `letter`-type in the file's list of tags. */
static int tag_of(const struct json *tags, char letter, const char *type)
{
    for (size_t k = 0; k < json_size(tags); k++) {
        const char *name = json_text(json_at(tags, k));
        if (name[0] == letter && name[1] == '-' && strcmp(name + 2, type) == 0) return (int)k;
    }
    fail_msg("no tag %c-%s", letter, type);
    return -1;
}

static struct json *list_of(const struct safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    assert_non_null(text);
    struct json *list = NULL;
    struct err e = {0};
    if (json_parse(text, strlen(text), key, &list, &e)) fail_msg("%s", e.text);
    return list;
}

struct reading {
    const char *name, *tensor;
    const struct row *row;
    enum crf_reading reading;
};
static const struct reading READINGS[] = {
    {"spans, strict", "span.strict", &ROWS[0], CRF_STRICT},
    {"spans, lenient", "span.lenient", &ROWS[0], CRF_LENIENT},
    {"spans, constrained, strict", "span.bio", &ROWS[1], CRF_STRICT},
    {"spans, constrained, lenient", "span.bio", &ROWS[1], CRF_LENIENT},
};
enum { N_READINGS = sizeof READINGS / sizeof *READINGS };

static void span_probabilities(void **state)
{
    const struct reading *reading = *state;
    struct problem p = problem_open(reading->row);
    struct json *tags = list_of(p.file, "tags"), *types = list_of(p.file, "span_types");
    const size_t n = reference_dim(p.file, "span.rows", 0);
    int32_t *rows = reference_int(p.file, "span.rows", NULL);
    double *probability = calloc(n, sizeof *probability);
    for (size_t i = 0; i < n; i++) {
        const int32_t *row = rows + 4 * i; /* sequence, first word, last word, type */
        const char *type = json_text(json_at(types, (size_t)row[3]));
        probability[i] = crf_span_probability(&p.scores, words_of(&p, row[0]), emissions_of(&p, row[0]), row[1], row[2],
                                              tag_of(tags, 'B', type), tag_of(tags, 'I', type), reading->reading);
    }
    assert_double_close(&p, reading->tensor, n, probability, 1e-10);
    free(probability);
    free(rows);
    json_free(tags);
    json_free(types);
    problem_close(&p);
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
    } CLAIMS[] = {
        {"likelihoods and best paths", likelihoods_and_best_paths},
        {"marginals", marginals},
        {"the loss and its gradients", the_loss_and_its_gradients},
        {"expected counts", expected_counts},
    };
    enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS };
    static char names[N_CLAIMS * N_ROWS][80];
    struct CMUnitTest tests[N_CLAIMS * N_ROWS + N_READINGS];
    size_t n = 0;
    for (int c = 0; c < N_CLAIMS; c++)
        for (int i = 0; i < N_ROWS; i++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", CLAIMS[c].claim, ROWS[i].name);
            tests[n] = (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].check, .initial_state = (void *)(uintptr_t)&ROWS[i]};
        }
    for (int i = 0; i < N_READINGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = READINGS[i].name, .test_func = span_probabilities, .initial_state = (void *)(uintptr_t)&READINGS[i]};
    return _cmocka_run_group_tests("crf reference", tests, n, NULL, NULL);
}
