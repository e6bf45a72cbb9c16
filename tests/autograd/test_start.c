/* ag_start refuses a BLAS that would compute wrongly, and says what to do. Three functions of blas.h are replaced at link time by ones that
 * can be told to misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "blas.h"
#include "kernels.h"

static bool other_flavour, threads_set;
static int wrong_product; /* the one that is spoilt, counted from 1; 0: none */
static int products;

bool __real_ag_blas_threads_are_openmp(void);
bool __wrap_ag_blas_threads_are_openmp(void);
void __real_ag_blas_single_thread(void);
void __wrap_ag_blas_single_thread(void);
void __real_ag_blas_gemm(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb,
                         ag_real beta, ag_real *C, int ldc);
void __wrap_ag_blas_gemm(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb,
                         ag_real beta, ag_real *C, int ldc);

bool __wrap_ag_blas_threads_are_openmp(void)
{
    return !other_flavour && __real_ag_blas_threads_are_openmp();
}

void __wrap_ag_blas_single_thread(void)
{
    threads_set = true;
    __real_ag_blas_single_thread();
}

/* Wrong is one element, the last, by one: the least that a wrong kernel could do. */
void __wrap_ag_blas_gemm(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb,
                         ag_real beta, ag_real *C, int ldc)
{
    __real_ag_blas_gemm(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
    if (++products == wrong_product) C[(size_t)(M - 1) * (size_t)ldc + (size_t)N - 1] += 1;
}

static void a_sound_blas_is_taken_and_made_single_threaded(void **state)
{
    (void)state;
    struct err e = {.code = 77};
    products = 0;
    assert_int_equal(ag_start(3, &e), 0);
    assert_int_equal(e.code, 77);
    assert_true(threads_set);
    assert_int_equal(ag_threads(), 3);
    assert_true(products >= 3);
    const ag_kernels *const *best = ag_kernel_forms();
    while (best[1]) best++;
    assert_ptr_equal(ag_k, *best);
    const ag_machine machine = ag_describe();
    assert_string_equal(machine.kernels, ag_k->name);
    assert_int_equal(machine.threads, 3);
}

static void another_flavour_of_openblas_is_refused_with_the_package_to_install(void **state)
{
    (void)state;
    struct err e = {0};
    other_flavour = true;
    assert_int_equal(ag_start(2, &e), ERR_INTERNAL);
    other_flavour = false;
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_non_null(strstr(e.text, "install libopenblas-openmp-dev"));
    assert_non_null(strstr(e.text, "OpenBLAS 0."));
}

static void a_wrong_product_is_refused_with_the_variable_that_chooses_others(void **state)
{
    (void)state;
    static const char *const order[] = {"NT", "NN", "TN"};
    struct err e = {0};
    products = wrong_product = 0;
    assert_int_equal(ag_start(2, &e), 0);
    const int all = products;
    for (int wrong = 1; wrong <= all; wrong++) {
        products = 0;
        wrong_product = wrong;
        e = (struct err){0};
        assert_int_equal(ag_start(2, &e), ERR_INTERNAL);
        char expected[64];
        snprintf(expected, sizeof expected, "OpenBLAS computes a %s product of ", order[(wrong - 1) % 3]);
        assert_int_equal(strncmp(e.text, expected, strlen(expected)), 0);
        assert_non_null(strstr(e.text, "OPENBLAS_CORETYPE"));
        assert_non_null(strstr(e.text, ag_describe().core_type));
    }
    wrong_product = 0;
}

static jmp_buf back;
static char message[200];

static void handler(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
    longjmp(back, 1);
}

static void no_thread_at_all_is_a_bug_of_the_caller(void **state)
{
    (void)state;
    struct err e = {0};
    ag_set_panic_handler(handler);
    if (setjmp(back) == 0) {
        ag_start(0, &e);
        fail();
    }
    ag_set_panic_handler(NULL);
    assert_string_equal(message, "ag_start: 0 threads");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_blas_is_taken_and_made_single_threaded),
        cmocka_unit_test(another_flavour_of_openblas_is_refused_with_the_package_to_install),
        cmocka_unit_test(a_wrong_product_is_refused_with_the_variable_that_chooses_others),
        cmocka_unit_test(no_thread_at_all_is_a_bug_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
