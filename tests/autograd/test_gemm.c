/* Products over tiles are the product: for every shape, transposed or not, added or assigned, and in the same bytes for any number of
 * threads. One row is one claim in one form, OpenBLAS's or a tile.h's; a form that this processor cannot run is no row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "kernels.h"
#include "rng.h"

#ifdef AG_DOUBLE
#define UNIT 0x1p-53
#else
#define UNIT 0x1p-24
#endif

typedef struct shape {
    int M, N, K;
} shape;

/* Nothing, one, primes, around the steps of the tiles, one tile and many, long and thin, sums of one block and of several. */
static const shape SHAPES[] = {{0, 5, 3},      {5, 0, 3},      {5, 3, 0},      {1, 1, 1},     {7, 13, 5},     {17, 16, 15},
                               {31, 33, 64},   {97, 101, 103}, {257, 129, 65}, {24, 384, 96}, {320, 384, 48}, {2, 1031, 300},
                               {1031, 3, 300}, {263, 521, 31}, {3, 32, 256},   {12, 64, 257}, {13, 65, 519},  {29, 200, 768}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

/* A product with its operands, and room around C that must stay as it is. */
typedef struct product {
    bool ta, tb;
    shape s;
    ag_real *A, *B, *C, *before;
    size_t size;
} product;

enum { MARGIN = 8 };

/* The form of the row that runs. */
static void start(int threads, const ag_kernels *form)
{
    struct err e = {0};
    assert_int_equal(ag_start(threads, &e), 0);
    ag_k = form;
}

static ag_real *numbers(size_t n, uint32_t sub)
{
    ag_real *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    struct rng r = rng_stream(2, RNG_TEST, sub);
    for (size_t i = 0; i < n; i++) x[i] = (ag_real)rng_normal(&r);
    return x;
}

static product product_make(bool ta, bool tb, shape s)
{
    product p = {.ta = ta, .tb = tb, .s = s, .size = (size_t)s.M * (size_t)s.N};
    p.A = numbers((size_t)s.M * (size_t)s.K, 1);
    p.B = numbers((size_t)s.K * (size_t)s.N, 2);
    p.before = numbers(p.size + 2 * MARGIN, 3);
    p.C = numbers(p.size + 2 * MARGIN, 3);
    return p;
}

static void product_free(product *p)
{
    free(p->A);
    free(p->B);
    free(p->C);
    free(p->before);
}

static void product_run(product *p, ag_real beta, ag_tile_finish finish, void *context)
{
    ag_gemm(p->ta, p->tb, p->s.M, p->s.N, p->s.K, p->A, p->B, beta, p->C + MARGIN, finish, context);
}

static void assert_product(const product *p, double alpha, double beta)
{
    const int M = p->s.M, N = p->s.N, K = p->s.K;
    assert_memory_equal(p->C, p->before, MARGIN * sizeof *p->C);
    assert_memory_equal(p->C + MARGIN + p->size, p->before + MARGIN + p->size, MARGIN * sizeof *p->C);
    for (int r = 0; r < M; r++) {
        for (int c = 0; c < N; c++) {
            const size_t at = (size_t)r * (size_t)N + (size_t)c + MARGIN;
            double sum = 0, size = fabs((double)p->before[at]);
            for (int k = 0; k < K; k++) {
                const double a = p->ta ? p->A[k * M + r] : p->A[r * K + k], b = p->tb ? p->B[c * K + k] : p->B[k * N + c];
                sum += a * b;
                size += fabs(a * b);
            }
            const double want = alpha * sum + (beta == 0 ? 0 : beta * (double)p->before[at]), error = fabs((double)p->C[at] - want);
            if (!(error <= (K + 2) * UNIT * size)) fail_msg("%d x %d x %d, element (%d, %d): off by %.3g", M, N, K, r, c, error);
        }
    }
}

static void every_shape_and_transposition_is_right(void **state)
{
    start(2, *state);
    for (size_t i = 0; i < N_SHAPES; i++) {
        for (int form = 0; form < 4; form++) {
            for (int beta = 0; beta < 2; beta++) {
                product p = product_make(form & 1, form & 2, SHAPES[i]);
                product_run(&p, (ag_real)beta, NULL, NULL);
                assert_product(&p, 1, beta);
                product_free(&p);
            }
        }
    }
}

/* Every last strip and every last panel of both forms, after none and after one. */
static void every_edge_of_a_tile_is_right(void **state)
{
    start(2, *state);
    for (int M = 1; M <= 25; M++) {
        for (int N = 1; N <= 65; N += M % 2 + 1) {
            for (int form = 0; form < 4; form++) {
                product p = product_make(form & 1, form & 2, (shape){M, N, 19});
                product_run(&p, 1, NULL, NULL);
                assert_product(&p, 1, 1);
                product_free(&p);
            }
        }
    }
}

static void beta_0_does_not_read_c(void **state)
{
    start(2, *state);
    for (size_t i = 0; i < N_SHAPES; i++) {
        for (int form = 0; form < 4; form++) {
            product p = product_make(form & 1, form & 2, SHAPES[i]);
            for (size_t k = 0; k < p.size; k++) p.C[MARGIN + k] = (ag_real)NAN;
            product_run(&p, 0, NULL, NULL);
            assert_product(&p, 1, 0);
            product_free(&p);
        }
    }
}

static void a_nan_reaches_its_row_and_no_other(void **state)
{
    start(2, *state);
    product p = product_make(false, true, (shape){97, 101, 103});
    p.A[5 * 103 + 7] = (ag_real)NAN;
    product_run(&p, 0, NULL, NULL);
    for (size_t i = 0; i < p.size; i++) assert_int_equal(isnan(p.C[MARGIN + i]) != 0, i / 101 == 5);
    product_free(&p);
}

static void bytes_do_not_depend_on_the_number_of_threads(void **state)
{
    static product first[N_SHAPES][4];
    for (int threads = 1; threads <= 4; threads++) {
        start(threads, *state);
        for (size_t i = 0; i < N_SHAPES; i++) {
            for (int form = 0; form < 4; form++) {
                product p = product_make(form & 1, form & 2, SHAPES[i]);
                product_run(&p, 1, NULL, NULL);
                if (threads == 1) {
                    first[i][form] = p;
                    continue;
                }
                assert_memory_equal(first[i][form].C, p.C, (p.size + 2 * MARGIN) * sizeof *p.C);
                product_free(&p);
                if (threads == 4) product_free(&first[i][form]);
            }
        }
    }
}

/* What a tweet's rows are multiplied to does not depend on the batch: of a tile.h's products, not of OpenBLAS's. */
static void a_row_alone_has_the_bytes_of_a_row_among_others(void **state)
{
    start(2, *state);
    for (size_t i = 0; i < N_SHAPES; i++) {
        for (int form = 0; form < 4; form += 2) {
            const shape s = SHAPES[i];
            product all = product_make(false, form & 2, s);
            product_run(&all, 1, NULL, NULL);
            for (int r = 0; r < s.M; r += 1 + s.M / 7) {
                const size_t row = (size_t)r * (size_t)s.N, n = (size_t)s.N;
                ag_real *alone = all.before + MARGIN + row;
                ag_gemm(false, form & 2, 1, s.N, s.K, all.A + (size_t)r * (size_t)s.K, all.B, 1, alone, NULL, NULL);
                assert_memory_equal(alone, all.C + MARGIN + row, n * sizeof *alone);
            }
            product_free(&all);
        }
    }
}

static void panels_give_the_bytes_of_the_matrix_they_are_made_of(void **state)
{
    start(2, *state);
    for (size_t i = 0; i < N_SHAPES; i++) {
        const shape s = SHAPES[i];
        product p = product_make(false, true, s);
        const size_t size = ag_panels_size(s.N, s.K);
        assert_true(size >= (size_t)s.N * (size_t)s.K && size % 16 == 0);
        ag_real *panels = aligned_alloc(64, (size + 16) * sizeof *panels), *C = numbers(p.size, 4);
        assert_non_null(panels);
        ag_panels_fill(s.N, s.K, p.B, panels);
        product_run(&p, 0, NULL, NULL);
        ag_gemm_panels(s.M, s.N, s.K, p.A, panels, C, NULL, NULL);
        assert_memory_equal(C, p.C + MARGIN, p.size * sizeof *C);
        free(panels);
        free(C);
        product_free(&p);
    }
}

/* Counts the visits of every element, and tells whether its value is there. */
typedef struct visits {
    const product *p;
    unsigned char *count;
} visits;

static void visit(void *context, int r0, int r1, int c0, int c1)
{
    visits *v = context;
    for (int r = r0; r < r1; r++) {
        for (int c = c0; c < c1; c++) {
            const size_t at = (size_t)r * (size_t)v->p->s.N + (size_t)c;
            v->count[at] = (unsigned char)(v->count[at] + (isfinite(v->p->C[MARGIN + at]) ? 1 : 100));
        }
    }
}

static void finish_sees_every_element_once_and_complete(void **state)
{
    start(2, *state);
    for (size_t i = 0; i < N_SHAPES; i++) {
        product p = product_make(false, true, SHAPES[i]);
        for (size_t k = 0; k < p.size; k++) p.C[MARGIN + k] = (ag_real)NAN;
        visits v = {&p, calloc(p.size + 1, 1)};
        assert_non_null(v.count);
        product_run(&p, 0, visit, &v);
        for (size_t k = 0; k < p.size; k++) assert_int_equal(v.count[k], 1);
        free(v.count);
        product_free(&p);
    }
}

/* Blocks of wider matrices: what stands beside them in a row is neither read nor written. */
static void a_small_product_takes_a_factor_and_leading_dimensions(void **state)
{
    static const shape shapes[] = {{3, 5, 4}, {3, 5, 0}, {20, 20, 32}, {13, 33, 9}, {64, 100, 64}, {31, 64, 100}, {5, 70, 300}};
    enum { BESIDE = 3 };
    start(2, *state);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int form = 0; form < 8; form++) {
            const bool ta = form & 1, tb = form & 2;
            const ag_real alpha = (ag_real)(form & 4 ? 1 : 0.25), beta = (ag_real)(form & 4 ? 1 : 0);
            const int M = shapes[i].M, N = shapes[i].N, K = shapes[i].K;
            const int lda = (ta ? M : K) + BESIDE, ldb = (tb ? K : N) + BESIDE, ldc = N + BESIDE;
            const size_t a_size = (size_t)(ta ? K : M) * (size_t)lda, b_size = (size_t)(tb ? N : K) * (size_t)ldb,
                         c_size = (size_t)M * (size_t)ldc;
            ag_real *A = numbers(a_size, 4), *B = numbers(b_size, 5), *C = numbers(c_size, 6), *before = numbers(c_size, 6);
            for (int r = 0; r < (ta ? K : M); r++)
                for (int c = 0; c < BESIDE; c++) A[(r + 1) * lda - 1 - c] = (ag_real)NAN;
            ag_gemm_one(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
            for (int r = 0; r < M; r++) {
                for (int c = 0; c < ldc; c++) {
                    const double old = before[r * ldc + c];
                    double want = c < N ? (double)beta * old : old, size = fabs(old);
                    for (int k = 0; k < K && c < N; k++) {
                        const double term =
                            (double)alpha * (double)(ta ? A[k * lda + r] : A[r * lda + k]) * (double)(tb ? B[c * ldb + k] : B[k * ldb + c]);
                        want += term;
                        size += fabs(term);
                    }
                    if (!(fabs((double)C[r * ldc + c] - want) <= (c < N ? (K + 2) * UNIT * size : 0)))
                        fail_msg("%d x %d x %d, form %d, element (%d, %d)", M, N, K, form, r, c);
                }
            }
            free(A);
            free(B);
            free(C);
            free(before);
        }
    }
}

static void start_describes_the_machine(void **state)
{
    (void)state;
    const ag_machine machine = ag_describe();
    assert_int_equal(machine.threads, 2);
    assert_non_null(strstr(machine.blas, "OpenBLAS"));
    assert_true(strlen(machine.core_type) > 0);
    assert_true(strcmp(machine.kernels, "none") != 0);
}

#define CLAIM(f, ...)                                                                                                                      \
    {                                                                                                                                      \
#f, f, __VA_ARGS__                                                                                                                 \
    }
static const struct {
    const char *name;
    CMUnitTestFunction run;
    bool tiled; /* OpenBLAS does not promise it */
} CLAIMS[] = {
    CLAIM(every_shape_and_transposition_is_right, false),
    CLAIM(every_edge_of_a_tile_is_right, false),
    CLAIM(beta_0_does_not_read_c, false),
    CLAIM(a_nan_reaches_its_row_and_no_other, false),
    CLAIM(bytes_do_not_depend_on_the_number_of_threads, false),
    CLAIM(a_row_alone_has_the_bytes_of_a_row_among_others, true),
    CLAIM(panels_give_the_bytes_of_the_matrix_they_are_made_of, true),
    CLAIM(finish_sees_every_element_once_and_complete, false),
    CLAIM(a_small_product_takes_a_factor_and_leading_dimensions, false),
};
enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, MOST_FORMS = 3 };

int main(void)
{
    static char names[MOST_FORMS * N_CLAIMS][120];
    static struct CMUnitTest tests[MOST_FORMS * N_CLAIMS + 1] = {
        cmocka_unit_test(start_describes_the_machine),
    };
    struct err e = {0};
    if (ag_start(2, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    size_t n = 0;
    for (const ag_kernels *const *form = ag_kernel_forms(); *form; form++) {
        for (size_t c = 0; c < N_CLAIMS; c++) {
            if (CLAIMS[c].tiled && !(*form)->tile) continue;
            snprintf(names[n], sizeof names[n], "%s: %s", (*form)->name, CLAIMS[c].name);
            tests[1 + n] = (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].run, .initial_state = (void *)(uintptr_t)*form};
            n++;
        }
    }
    return _cmocka_run_group_tests("gemm", tests, 1 + n, NULL, NULL);
}
