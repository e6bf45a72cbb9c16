/* What ops promise whatever the numbers: invariances, and which elements dropout drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "ag.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double TOLERANCE = sizeof(ag_real) == sizeof(double) ? 1e-12 : 2.5e-6;

static void draw(uint32_t sub, size_t n, ag_real *a)
{
    struct rng r = rng_stream(1, RNG_TEST, sub);
    for (size_t i = 0; i < n; i++) a[i] = (ag_real)rng_normal(&r);
}

/* |a - b| at most TOLERANCE of the largest |b|. */
static void assert_close(size_t n, const ag_real *a, const ag_real *b)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)b[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)(a[i] - b[i])) <= TOLERANCE * largest))
            fail_msg("element %zu: %.17g and %.17g, the largest is %g", i, (double)a[i], (double)b[i], largest);
}

/* ---- attention ---- */

enum { T = 33, C = 6, HEADS = 2 };
static const int32_t ragged[] = {0, 1, 3, 10, 33}, place[] = {3, 1, 0, 8, 5};
static ag_real q[T * C], k[T * C], v[T * C], k2[T * C], v2[T * C];
static const int shape[] = {T, C};

static void draw_qkv(void)
{
    draw(1, T * C, q);
    draw(2, T * C, k);
    draw(3, T * C, v);
    memcpy(k2, k, sizeof k);
    memcpy(v2, v, sizeof v);
}

static const ag_real *attend(ag_graph *g, const ag_real *keys, const ag_real *values, ag_dropout drop)
{
    return ag_attention(g, ag_input(g, 2, shape, q), ag_input(g, 2, shape, keys), ag_input(g, 2, shape, values), HEADS, 4, ragged, ragged,
                        drop)
        ->val;
}

static void attention_does_not_see_a_shift_of_all_keys_of_a_sequence(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    for (int row = ragged[3]; row < ragged[4]; row++)
        for (int c = 0; c < C; c++) k2[row * C + c] += (ag_real)(c - 2);
    assert_close(T * C, attend(&g, k2, v, AG_NO_DROPOUT), attend(&g, k, v, AG_NO_DROPOUT));
    ag_graph_free(&g);
}

static void attention_does_not_see_the_order_of_keys(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    for (int row = ragged[3]; row < ragged[4]; row++)
        for (int c = 0; c < C; c++) {
            const int from = ragged[4] - 1 - (row - ragged[3]);
            k2[row * C + c] = k[from * C + c];
            v2[row * C + c] = v[from * C + c];
        }
    assert_close(T * C, attend(&g, k2, v2, AG_NO_DROPOUT), attend(&g, k, v, AG_NO_DROPOUT));
    ag_graph_free(&g);
}

static void a_sequence_does_not_see_the_others(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    for (int i = ragged[2] * C; i < ragged[3] * C; i++) k2[i] = v2[i] = 100;
    const ag_real *y = attend(&g, k, v, AG_NO_DROPOUT), *other = attend(&g, k2, v2, AG_NO_DROPOUT);
    assert_memory_equal(y, other, (size_t)(ragged[2] * C) * sizeof *y);
    assert_memory_equal(y + ragged[3] * C, other + ragged[3] * C, (size_t)((T - ragged[3]) * C) * sizeof *y);
    ag_graph_free(&g);
}

static void equal_keys_give_the_mean_of_the_values(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    ag_real mean[C] = {0}, got[C];
    for (int row = ragged[3]; row < ragged[4]; row++)
        for (int c = 0; c < C; c++) {
            k2[row * C + c] = (ag_real)c;
            mean[c] += v[row * C + c] / (ag_real)(ragged[4] - ragged[3]);
        }
    memcpy(got, attend(&g, k2, v, AG_NO_DROPOUT) + ragged[3] * C, sizeof got);
    assert_close(C, got, mean);
    ag_graph_free(&g);
}

static void a_query_without_keys_gets_zeros(void **state)
{
    (void)state;
    static const int32_t none[] = {0, 0, 0, 0, 0};
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    ag_tensor *nothing = ag_input(&g, 2, (const int[]){0, C}, k);
    const ag_tensor *y = ag_attention(&g, ag_input(&g, 2, shape, q), nothing, nothing, HEADS, 4, ragged, none, AG_NO_DROPOUT);
    for (int i = 0; i < T * C; i++) assert_true(y->val[i] == 0);
    ag_graph_free(&g);
}

/* Peak memory of forward and backward over one sequence of n rows. */
static size_t peak_of(int n)
{
    ag_graph g;
    ag_graph_init(&g);
    const int32_t start[] = {0, n}, at[] = {0};
    const int dim[] = {n, 8};
    const size_t size = (size_t)n * 8;
    ag_real *x = malloc(size * sizeof *x), *dx = malloc(size * sizeof *dx);
    if (!x || !dx) abort();
    draw(1, size, x);
    ag_tensor *in = ag_leaf(&g, 2, dim, x, dx);
    const ag_dropout drop = {.rate = .1, .n = 1, .start = start, .place = at};
    ag_backward(&g, ag_attention(&g, in, in, in, 2, 1, start, start, drop), x);
    const size_t peak = g.arena.peak;
    free(x);
    free(dx);
    ag_graph_free(&g);
    return peak;
}

static void memory_of_attention_is_linear_in_the_length(void **state)
{
    (void)state;
    const double ratio = (double)peak_of(2000) / (double)peak_of(1000);
    if (!(ratio < 2.1)) fail_msg("twice the length takes %.2f times the memory", ratio);
}

/* ---- normalisation and loss ---- */

static void layernorm_does_not_see_shift_and_scale(void **state)
{
    (void)state;
    static ag_real x[T * C], moved[T * C], gain[C], bias[C];
    ag_graph g;
    ag_graph_init(&g);
    draw(1, T * C, x);
    draw(2, C, gain);
    draw(3, C, bias);
    for (int i = 0; i < T * C; i++) moved[i] = 4 * x[i] + 2;
    const int row[] = {C};
    ag_tensor *gn = ag_input(&g, 1, row, gain), *bs = ag_input(&g, 1, row, bias);
    const ag_tensor *y = ag_layernorm(&g, ag_input(&g, 2, shape, x), gn, bs, 1e-13),
                    *z = ag_layernorm(&g, ag_input(&g, 2, shape, moved), gn, bs, 16e-13);
    for (int i = 0; i < T * C; i++)
        if (!(fabs((double)(z->val[i] - y->val[i])) <= 20 * TOLERANCE)) fail_msg("%.9g and %.9g", (double)z->val[i], (double)y->val[i]);
    ag_graph_free(&g);
}

static void cross_entropy_does_not_see_a_shift_of_a_row(void **state)
{
    (void)state;
    static ag_real x[T * C], moved[T * C];
    static int32_t target[T];
    ag_graph g;
    ag_graph_init(&g);
    draw(1, T * C, x);
    for (int i = 0; i < T; i++) target[i] = i % C;
    for (int i = 0; i < T * C; i++) moved[i] = x[i] + (ag_real)(i / C % 5 - 2);
    assert_close(4, ag_cross_entropy(&g, ag_input(&g, 2, shape, moved), target, 4, ragged)->val,
                 ag_cross_entropy(&g, ag_input(&g, 2, shape, x), target, 4, ragged)->val);
    ag_graph_free(&g);
}

static void equal_logits_cost_log_of_the_classes(void **state)
{
    (void)state;
    static const ag_real x[T * C];
    static const int32_t target[T];
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *y = ag_cross_entropy(&g, ag_input(&g, 2, shape, x), target, 4, ragged);
    for (int b = 0; b < 4; b++) {
        const ag_real expected = (ag_real)((ragged[b + 1] - ragged[b]) * log(C));
        assert_close(1, y->val + b, &expected);
    }
    ag_graph_free(&g);
}

/* ---- dropout ---- */

enum { ROWS = 400, COLS = 301 };
static const int wide[] = {ROWS, COLS};
static const int32_t wide_start[] = {0, 150, 150, ROWS}, wide_place[] = {4, 9, 2};
static ag_real ones[ROWS * COLS], d_ones[ROWS * COLS];

static ag_dropout wide_drop(double rate)
{
    return (ag_dropout){.rate = rate, .seed = 5, .site = 6, .step = 7, .n = 3, .start = wide_start, .place = wide_place};
}

static ag_tensor *drop_ones(ag_graph *g, ag_dropout drop)
{
    for (int i = 0; i < ROWS * COLS; i++) ones[i] = 1;
    return ag_dropout_of(g, ag_leaf(g, 2, wide, ones, d_ones), drop);
}

static void dropout_keeps_the_fraction_and_scales_it(void **state)
{
    (void)state;
    const double rate = .1, p = floor(rate * 65536 + .5) / 65536;
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *y = drop_ones(&g, wide_drop(rate));
    double dropped = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        if (y->val[i] == 0)
            dropped++;
        else if (!(y->val[i] == (ag_real)(1 / (1 - p))))
            fail_msg("kept as %.9g", (double)y->val[i]);
    }
    const double n = ROWS * COLS, error = 4 * sqrt(p * (1 - p) / n);
    if (!(fabs(dropped / n - p) <= error)) fail_msg("%g of the elements are dropped", dropped / n);
    ag_graph_free(&g);
}

static void backward_draws_the_mask_of_forward(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *y = drop_ones(&g, wide_drop(.3));
    ag_backward(&g, y, ones);
    assert_memory_equal(y->val, d_ones, sizeof d_ones);
    ag_graph_free(&g);
}

static void rate_0_gives_its_input(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *x = ag_leaf(&g, 2, wide, ones, d_ones);
    assert_ptr_equal(ag_dropout_of(&g, x, AG_NO_DROPOUT), x);
    assert_ptr_equal(ag_dropout_of(&g, x, wide_drop(0)), x);
    assert_int_equal(g.len, 0);
    ag_graph_free(&g);
}

/* Fraction of elements whose fate differs between two masks. */
static double difference(ag_dropout a, ag_dropout b)
{
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *x = drop_ones(&g, a), *y = drop_ones(&g, b);
    int differ = 0;
    for (int i = 0; i < ROWS * COLS; i++) differ += (x->val[i] == 0) != (y->val[i] == 0);
    ag_graph_free(&g);
    return differ / (double)(ROWS * COLS);
}

static void another_seed_site_step_or_place_draws_another_mask(void **state)
{
    (void)state;
    static const int32_t elsewhere[] = {5, 9, 3};
    const double expected = 2 * .3 * .7;
    ag_dropout other[4] = {wide_drop(.3), wide_drop(.3), wide_drop(.3), wide_drop(.3)};
    other[0].seed++;
    other[1].site++;
    other[2].step++;
    other[3].place = elsewhere;
    assert_true(difference(wide_drop(.3), wide_drop(.3)) == 0);
    for (int i = 0; i < 4; i++) {
        const double differ = difference(wide_drop(.3), other[i]);
        if (!(fabs(differ - expected) < .01)) fail_msg("%g of the elements change instead of %g", differ, expected);
    }
}

/* Each sequence by itself, at its place in the whole batch. */
static void a_split_batch_has_the_same_masks(void **state)
{
    (void)state;
    static const int32_t first[] = {0, 150}, last[] = {0, ROWS - 150};
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *whole = drop_ones(&g, wide_drop(.3));
    ag_dropout a = wide_drop(.3), b = wide_drop(.3);
    a.n = b.n = 1;
    a.start = first;
    b.start = last;
    b.place = wide_place + 2;
    const ag_tensor *head = ag_dropout_of(&g, ag_leaf(&g, 2, (const int[]){150, COLS}, ones, d_ones), a);
    const ag_tensor *tail = ag_dropout_of(&g, ag_leaf(&g, 2, (const int[]){ROWS - 150, COLS}, ones, d_ones), b);
    assert_memory_equal(head->val, whole->val, 150 * COLS * sizeof(ag_real));
    assert_memory_equal(tail->val, whole->val + 150 * COLS, (ROWS - 150) * COLS * sizeof(ag_real));
    ag_graph_free(&g);
}

/* With values of 1 a query's output is the sum of its kept probabilities: of mean 1 over heads and queries, and not the same in two heads.
 */
static void dropout_on_probabilities_keeps_their_mean_and_differs_between_heads(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    draw_qkv();
    for (int i = 0; i < T * C; i++) v2[i] = 1;
    double sum = 0;
    int differ = 0;
    enum { STEPS = 200 };
    for (uint32_t step = 0; step < STEPS; step++) {
        const ag_real *y = attend(&g, k, v2, (ag_dropout){.rate = .2, .step = step, .n = 4, .start = ragged, .place = place});
        for (int row = 0; row < T; row++) differ += y[row * C] != y[row * C + C / HEADS];
        for (int i = 0; i < T * C; i++) sum += (double)y[i] / (STEPS * T * C);
        ag_graph_reset(&g);
    }
    if (!(fabs(sum - 1) < .01)) fail_msg("kept probabilities sum to %g", sum);
    assert_true(differ > STEPS * T / 2);
    ag_graph_free(&g);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_does_not_see_a_shift_of_all_keys_of_a_sequence),
        cmocka_unit_test(attention_does_not_see_the_order_of_keys),
        cmocka_unit_test(a_sequence_does_not_see_the_others),
        cmocka_unit_test(equal_keys_give_the_mean_of_the_values),
        cmocka_unit_test(a_query_without_keys_gets_zeros),
        cmocka_unit_test(memory_of_attention_is_linear_in_the_length),
        cmocka_unit_test(layernorm_does_not_see_shift_and_scale),
        cmocka_unit_test(cross_entropy_does_not_see_a_shift_of_a_row),
        cmocka_unit_test(equal_logits_cost_log_of_the_classes),
        cmocka_unit_test(dropout_keeps_the_fraction_and_scales_it),
        cmocka_unit_test(backward_draws_the_mask_of_forward),
        cmocka_unit_test(rate_0_gives_its_input),
        cmocka_unit_test(another_seed_site_step_or_place_draws_another_mask),
        cmocka_unit_test(a_split_batch_has_the_same_masks),
        cmocka_unit_test(dropout_on_probabilities_keeps_their_mean_and_differs_between_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
