/* Frozen encoders over many inputs: every input goes through one pass, in groups that the threads share; it has the same bytes in every
 * company and on every number of threads; a pass that fails is an error of the caller's. Widths are odd, so that no row begins where a
 * vector does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bert.h"
#include "each.h"
#include "rng.h"
#include "vit.h"
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { C = 21, HEADS = 3, INNER = 37, LAYERS = 2, N = 41, MOST_THREADS = 4 };
static const struct encoder_shape ENCODER = {.layers = LAYERS, .width = C, .heads = HEADS, .inner = INNER, .eps = 1e-6};

static void draw(uint32_t sub, size_t n, ag_real *a)
{
    struct rng r = rng_stream(1, RNG_TEST, sub);
    for (size_t i = 0; i < n; i++) a[i] = (ag_real)(.4 * rng_normal(&r));
}

static void fill(ag_params *ps)
{
    for (size_t k = 0; k < ps->n; k++) draw((uint32_t)k, ps->at[k]->size, ag_param_own(ps->at[k]));
}

static void start(int threads)
{
    struct err e = {0};
    assert_int_equal(ag_start(threads, &e), 0);
}

/* ---- groups ---- */

struct passes {
    _Atomic int seen[N], passes, largest;
    int fail_at; /* the pass that holds this input panics; -1: none */
};

static void count(void *context, ag_graph *g, int from, int to)
{
    struct passes *p = context;
    AG_CHECK(from > p->fail_at || p->fail_at >= to, "no memory for input %d", p->fail_at);
    ag_save(g, 64);
    p->passes++;
    for (int most = p->largest; to - from > most && !atomic_compare_exchange_weak(&p->largest, &most, to - from);) {}
    for (int k = from; k < to; k++) p->seen[k]++;
}

static void every_input_goes_through_one_pass_of_a_few_hundred_rows(void **state)
{
    (void)state;
    static const struct {
        int n, rows_each, threads, largest;
    } rows[] = {{0, 50, 2, 0},  {1, 50, 2, 1},  {N, 1, 1, N},  {N, 1, 4, 11}, {N, 50, 2, 5},
                {N, 100, 2, 2}, {N, 300, 2, 1}, {3, 10, 2, 2}, {N, 0, 1, N}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct passes p = {.fail_at = -1};
        struct err e = {0};
        start(rows[i].threads);
        assert_int_equal(each_encode(rows[i].n, (int64_t)rows[i].n * rows[i].rows_each, count, &p, &e), 0);
        for (int k = 0; k < N; k++) assert_int_equal(p.seen[k], k < rows[i].n);
        const int largest = ag_rows_are_alone() || rows[i].n == 0 ? rows[i].largest : 1;
        assert_int_equal(p.largest, largest);
        assert_int_equal(p.passes, largest > 0 ? (rows[i].n + largest - 1) / largest : 0);
    }
    start(2);
}

static void a_pass_that_fails_is_an_error_and_the_others_are_done(void **state)
{
    (void)state;
    struct passes p = {.fail_at = N / 2};
    struct err e = {0};
    assert_int_equal(each_encode(N, 50 * N, count, &p, &e), ERR_INTERNAL);
    assert_string_equal(e.text, "no memory for input 20");
    assert_int_equal(p.seen[0], 1);
    assert_int_equal(p.seen[N / 2], 0);
    assert_int_equal(p.seen[N - 1], 1);
}

/* ---- bytes ---- */

static void a_picture_has_the_same_bytes_in_every_company(void **state)
{
    (void)state;
    enum { SIDE = 12, PATCH = 4, TOKENS = 10, PIXELS = VIT_CHANNELS * SIDE * SIDE };
    struct vit_config config = {
        .family = &CLIP_VISION, .image_size = SIDE, .patch_size = PATCH, .encoder = ENCODER, .output = VISION_OUTPUT_ALL};
    config.encoder.order = ENCODER_PRE_NORM;
    ag_params params;
    struct vit vit;
    ag_params_init(&params);
    vit_declare(&params, &config, "", &vit);
    fill(&params);
    assert_int_equal(vit_tokens(&config), TOKENS);
    struct err e = {0};
    ag_real *drawn = calloc(N * PIXELS, sizeof *drawn), *all = calloc(N * TOKENS * C, sizeof *all),
            *alone = calloc(TOKENS * C, sizeof *alone);
    float *pixels = calloc(N * PIXELS, sizeof *pixels);
    draw(1000, N * PIXELS, drawn);
    for (int i = 0; i < N * PIXELS; i++) pixels[i] = (float)drawn[i];
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        start(threads);
        memset(all, 0xff, N * TOKENS * C * sizeof *all);
        assert_int_equal(vit_encode(&vit, N, pixels, all, &e), 0);
        for (int k = 0; k < N; k++) {
            assert_int_equal(vit_encode(&vit, 1, pixels + k * PIXELS, alone, &e), 0);
            assert_memory_equal(alone, all + k * TOKENS * C, TOKENS * C * sizeof *alone);
        }
    }
    start(2);
    free(drawn);
    free(all);
    free(alone);
    free(pixels);
    vit_free(&vit);
    ag_params_free(&params);
}

static void a_caption_has_the_same_bytes_in_every_company(void **state)
{
    (void)state;
    enum { VOCABULARY = 50, LONGEST = 40 };
    const struct bert_config config = {
        .family = &BERT, .vocab_size = VOCABULARY, .max_positions = LONGEST, .type_vocab = 2, .encoder = ENCODER};
    ag_params params;
    struct bert bert;
    ag_params_init(&params);
    bert_declare(&params, &config, "", &bert);
    fill(&params);
    int32_t ids[N * LONGEST], position[N * LONGEST], first[N + 1] = {0};
    struct rng r = rng_stream(1, RNG_TEST, 2000);
    for (int k = 0; k < N; k++) {
        const int length = 1 + (int)rng_below(&r, LONGEST);
        for (int i = 0; i < length; i++) {
            ids[first[k] + i] = (int32_t)rng_below(&r, VOCABULARY);
            position[first[k] + i] = i;
        }
        first[k + 1] = first[k] + length;
    }
    struct err e = {0};
    const size_t size = (size_t)(first[N] * C);
    ag_real *all = calloc(size, sizeof *all), *alone = calloc(LONGEST * C, sizeof *alone);
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        start(threads);
        memset(all, 0xff, size * sizeof *all);
        assert_int_equal(bert_encode(&bert, N, ids, position, first, all, &e), 0);
        for (int k = 0; k < N; k++) {
            const int T = first[k + 1] - first[k];
            assert_int_equal(bert_encode(&bert, 1, ids + first[k], position + first[k], (int32_t[]){0, T}, alone, &e), 0);
            assert_memory_equal(alone, all + first[k] * C, (size_t)(T * C) * sizeof *alone);
        }
    }
    start(2);
    free(all);
    free(alone);
    bert_free(&bert);
    ag_params_free(&params);
}

int main(void)
{
    start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_goes_through_one_pass_of_a_few_hundred_rows),
        cmocka_unit_test(a_pass_that_fails_is_an_error_and_the_others_are_done),
        cmocka_unit_test(a_picture_has_the_same_bytes_in_every_company),
        cmocka_unit_test(a_caption_has_the_same_bytes_in_every_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
