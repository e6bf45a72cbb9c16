/* What must hold when ops meet: one encoder block, packed, with dropout, over parameters. Run once for each kind of kernels that OpenBLAS
 * has, and in it for each form of ours that this processor can run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "ag.h"
#include "kernels.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { C = 96, F = 4 * C, HEADS = 6, VOCABULARY = 50, B = 7, T = 243 };
static const int32_t start[B + 1] = {0, 1, 3, 10, 33, 33, 113, T}; /* lengths 1, 2, 7, 23, 0, 80, 130 */
static const int32_t place[B] = {0, 1, 2, 3, 4, 5, 6};

/* Parameters in the order in which they are made. */
enum { WORDS, WQ, BQ, WK, BK, WV, BV, WO, BO, GAIN1, BIAS1, W1, B1, W2, B2, GAIN2, BIAS2, N_PARAMS };
static const struct {
    const char *name;
    int rank, dim[2];
} layout[N_PARAMS] = {
    [WORDS] = {"words", 2, {VOCABULARY, C}},
    [WQ] = {"wq", 2, {C, C}},
    [BQ] = {"bq", 1, {C}},
    [WK] = {"wk", 2, {C, C}},
    [BK] = {"bk", 1, {C}},
    [WV] = {"wv", 2, {C, C}},
    [BV] = {"bv", 1, {C}},
    [WO] = {"wo", 2, {C, C}},
    [BO] = {"bo", 1, {C}},
    [GAIN1] = {"gain1", 1, {C}},
    [BIAS1] = {"bias1", 1, {C}},
    [W1] = {"w1", 2, {F, C}},
    [B1] = {"b1", 1, {F}},
    [W2] = {"w2", 2, {C, F}},
    [B2] = {"b2", 1, {C}},
    [GAIN2] = {"gain2", 1, {C}},
    [BIAS2] = {"bias2", 1, {C}},
};

static const ag_kernels *form; /* that is tested now */

struct model {
    ag_params ps;
    ag_param *at[N_PARAMS];
};
static int32_t word[T];
static ag_real dy[T * C];

static void model_make(struct model *m, bool trained)
{
    ag_params_init(&m->ps);
    for (int i = 0; i < N_PARAMS; i++) {
        ag_param *p = m->at[i] = ag_params_add(&m->ps, layout[i].name, layout[i].rank, layout[i].dim);
        p->role = i == WORDS ? AG_SPARSE : AG_DENSE;
        ag_real *val = ag_param_own(p);
        struct rng r = rng_stream(1, RNG_TEST, (uint32_t)i);
        const double deviation = layout[i].rank == 2 ? 1 / sqrt(layout[i].dim[1]) : .1;
        for (size_t k = 0; k < p->size; k++) val[k] = (ag_real)((i == GAIN1 || i == GAIN2 ? 1 : 0) + deviation * rng_normal(&r));
    }
    if (trained) ag_params_train(&m->ps, VOCABULARY);
    struct rng r = rng_stream(1, RNG_TEST, 100);
    for (int i = 0; i < T; i++) word[i] = (int32_t)rng_below(&r, VOCABULARY);
    for (int i = 0; i < T * C; i++) dy[i] = (ag_real)rng_normal(&r);
}

/* Sequences b0 .. b1-1 of the batch, as a batch of their own; from [b1-b0+1] gets their offsets. */
static ag_tensor *block(ag_graph *g, const struct model *m, int b0, int b1, double rate, int32_t *from)
{
    for (int b = b0; b <= b1; b++) from[b - b0] = start[b] - start[b0];
    const int n = b1 - b0;
    ag_dropout drop = {.rate = rate, .seed = 3, .step = 9, .n = n, .start = from, .place = place + b0};
    ag_tensor *p[N_PARAMS];
    for (int i = 0; i < N_PARAMS; i++) p[i] = ag_use(g, m->at[i]);

    ag_tensor *x = ag_gather(g, p[WORDS], from[n], word + start[b0]);
    ag_tensor *q = ag_linear(g, x, p[WQ], p[BQ]), *k = ag_linear(g, x, p[WK], p[BK]), *v = ag_linear(g, x, p[WV], p[BV]);
    ag_tensor *h = ag_linear(g, ag_attention(g, q, k, v, HEADS, n, from, from, drop), p[WO], p[BO]);
    drop.site = 1;
    x = ag_add_layernorm(g, x, h, drop, p[GAIN1], p[BIAS1], 1e-12);
    h = ag_linear(g, ag_linear_act(g, x, p[W1], p[B1], AG_GELU), p[W2], p[B2]);
    drop.site = 2;
    return ag_add_layernorm(g, x, h, drop, p[GAIN2], p[BIAS2], 1e-12);
}

/* Values [T,C], and where wanted the gradients of all parameters one after another; groups of `split` sequences, accumulated. */
struct outcome {
    ag_real *y, *grads;
    size_t n_grads, peak;
};

static void pack(struct model *m)
{
    static const int weights[] = {WQ, WK, WV, WO, W1, W2};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) ag_param_pack(m->at[weights[i]]);
}

static struct outcome run_model(struct model m, bool trained, double rate, int split)
{
    struct outcome out = {.y = calloc(T * C, sizeof(ag_real))};
    for (int i = 0; i < N_PARAMS; i++) out.n_grads += m.at[i]->size;
    out.grads = calloc(out.n_grads, sizeof(ag_real));
    if (!out.y || !out.grads) abort();
    ag_graph g;
    ag_graph_init(&g);
    int32_t from[B + 1];
    for (int b = 0; b < B; b += split) {
        const int end = b + split < B ? b + split : B;
        ag_tensor *y = block(&g, &m, b, end, rate, from);
        memcpy(out.y + start[b] * C, y->val, ag_size(y) * sizeof *y->val);
        if (trained) ag_backward(&g, y, dy + start[b] * C);
        if (g.arena.peak > out.peak) out.peak = g.arena.peak;
        ag_graph_reset(&g);
    }
    size_t at = 0;
    for (int i = 0; trained && i < N_PARAMS; at += m.at[i++]->size) {
        const ag_param *p = m.at[i];
        for (int slot = 0; i == WORDS && slot < p->n_slots; slot++)
            memcpy(out.grads + at + p->row_of_slot[slot] * C, p->grad + slot * C, C * sizeof *p->grad);
        if (i != WORDS) memcpy(out.grads + at, p->grad, p->size * sizeof *p->grad);
    }
    ag_graph_free(&g);
    ag_params_free(&m.ps);
    return out;
}

static struct outcome run(bool trained, double rate, int split)
{
    struct model m;
    model_make(&m, trained);
    return run_model(m, trained, rate, split);
}

static void outcome_free(struct outcome *o)
{
    free(o->y);
    free(o->grads);
}

static double distance(size_t n, const ag_real *a, const ag_real *b)
{
    double largest = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)(a[i] - b[i]));
        if (!(d >= 0)) return NAN;
        worst = fmax(worst, d);
        largest = fmax(largest, fabs((double)b[i]));
    }
    return worst / largest;
}

static void restart(int threads)
{
    struct err e;
    if (ag_start(threads, &e)) fail_msg("%s", e.text);
    ag_k = form;
}

static void packed_equals_one_by_one(void **state)
{
    (void)state;
    struct outcome packed = run(true, 0, B), alone = run(true, 0, 1);
    const double d = distance(T * C, packed.y, alone.y);
    if (!(d <= 2.5e-6)) fail_msg("values differ by %.2g of the largest entry", d);
    outcome_free(&packed);
    outcome_free(&alone);
}

static void a_split_batch_gives_the_same_gradients_under_dropout(void **state)
{
    (void)state;
    struct outcome packed = run(true, .1, B);
    for (int split = 1; split < B; split += 2) {
        struct outcome parts = run(true, .1, split);
        const double values = distance(T * C, parts.y, packed.y);
        if (!(values <= 2.5e-6)) fail_msg("in parts of %d sequences values differ by %.2g of the largest entry", split, values);
        size_t at = 0;
        for (int i = 0; i < N_PARAMS; i++) {
            const size_t n = (size_t)layout[i].dim[0] * (size_t)(layout[i].rank == 2 ? layout[i].dim[1] : 1);
            /* The bias of keys moves no probability: its gradient is rounding alone. */
            const double d = i == BK ? 0 : distance(n, parts.grads + at, packed.grads + at);
            if (!(d <= 2.5e-6))
                fail_msg("in parts of %d sequences the gradient of %s differs by %.2g of the largest entry", split, layout[i].name, d);
            at += n;
        }
        outcome_free(&parts);
    }
    outcome_free(&packed);
}

static void the_bytes_do_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    restart(1);
    struct outcome one = run(true, .1, B), predicted = run(false, 0, B);
    for (int threads = 2; threads <= 4; threads++) {
        restart(threads);
        struct outcome more = run(true, .1, B), again = run(false, 0, B);
        assert_memory_equal(more.y, one.y, T * C * sizeof(ag_real));
        assert_memory_equal(more.grads, one.grads, one.n_grads * sizeof(ag_real));
        assert_memory_equal(again.y, predicted.y, T * C * sizeof(ag_real));
        outcome_free(&more);
        outcome_free(&again);
    }
    outcome_free(&one);
    outcome_free(&predicted);
    restart(2);
}

static void prediction_gives_the_values_of_training_in_less_memory(void **state)
{
    (void)state;
    struct outcome training = run(true, 0, B), prediction = run(false, 0, B);
    assert_memory_equal(training.y, prediction.y, T * C * sizeof(ag_real));
    assert_true(prediction.peak < training.peak);
    outcome_free(&training);
    outcome_free(&prediction);
}

static void weights_in_panels_give_the_same_bytes(void **state)
{
    (void)state;
    struct model m;
    model_make(&m, false);
    pack(&m);
    assert_int_equal(m.at[W1]->in_panels, form->tile != NULL);
    struct outcome packed = run_model(m, false, 0, B), plain = run(false, 0, B);
    assert_memory_equal(packed.y, plain.y, T * C * sizeof(ag_real));
    outcome_free(&packed);
    outcome_free(&plain);
}

static void a_scope_around_each_block_holds_one_block_of_memory(void **state)
{
    (void)state;
    size_t peak[2];
    ag_real *last = calloc(T * C, sizeof *last);
    if (!last) abort();
    for (int scoped = 0; scoped < 2; scoped++) {
        struct model m;
        model_make(&m, false);
        ag_graph g;
        ag_graph_init(&g);
        int32_t from[B + 1];
        ag_tensor *y = NULL;
        for (int layer = 0; layer < 8; layer++) {
            const ag_scope s = ag_scope_begin(&g);
            y = block(&g, &m, 0, B, 0, from);
            if (scoped) y = ag_scope_end(&g, s, y);
        }
        peak[scoped] = g.arena.peak;
        if (scoped) assert_memory_equal(y->val, last, T * C * sizeof *last);
        memcpy(last, y->val, T * C * sizeof *last);
        ag_graph_free(&g);
        ag_params_free(&m.ps);
    }
    if (!(peak[1] * 3 < peak[0])) fail_msg("8 blocks hold %zu bytes without scopes and %zu with", peak[0], peak[1]);
    free(last);
}

static void after_the_largest_batch_no_step_allocates(void **state)
{
    (void)state;
    struct model m;
    model_make(&m, true);
    ag_graph g;
    ag_graph_init(&g);
    int32_t from[B + 1];
    size_t allocations = 0;
    for (int step = 0; step < 8; step++) {
        const int b0 = step ? (step * 3) % B : 0;
        ag_params_zero_grad(&m.ps);
        ag_backward(&g, block(&g, &m, b0, B, .1, from), dy);
        ag_graph_reset(&g);
        if (step == 0) allocations = g.allocations;
    }
    assert_true(allocations > 0);
    assert_int_equal(g.allocations, allocations);
    ag_graph_free(&g);
    ag_params_free(&m.ps);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_equals_one_by_one),
        cmocka_unit_test(a_split_batch_gives_the_same_gradients_under_dropout),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(prediction_gives_the_values_of_training_in_less_memory),
        cmocka_unit_test(weights_in_panels_give_the_same_bytes),
        cmocka_unit_test(a_scope_around_each_block_holds_one_block_of_memory),
        cmocka_unit_test(after_the_largest_batch_no_step_allocates),
    };
    int failed = 0;
    for (const ag_kernels *const *at = ag_kernel_forms(); *at; at++) {
        char name[128];
        ag_k = form = *at;
        snprintf(name, sizeof name, "an_encoder_block (%s, %s)", ag_describe().core_type, form->name);
        failed += _cmocka_run_group_tests(name, tests, sizeof tests / sizeof *tests, NULL, NULL);
    }
    return failed;
}
