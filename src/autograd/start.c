/* start.c - what must hold before the first op: which kernels this processor runs, that BLAS is the right one and computes rightly, how
 * many threads. */
#include "blas.h"
#include "kernels.h"
#include <omp.h>
#include <stdlib.h>

const ag_kernels *ag_k;
static int n_threads = 1;

int ag_threads(void)
{
    return n_threads;
}

bool ag_rows_are_alone(void)
{
    return ag_k->tile;
}

/* In a thread other than ag_start's BLAS would thread itself if somebody gave it back its threads. */
int ag_enter(void)
{
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

void ag_leave(int entered)
{
    omp_set_num_threads(entered);
}

const ag_kernels *const *ag_kernel_forms(void)
{
    static const ag_kernels *forms[4];
    int n = 0;
    forms[n++] = &ag_kernels_portable;
#if !defined AG_DOUBLE
    /* The builtin also asks whether the operating system saves the wide registers. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) forms[n++] = &ag_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        forms[n++] = &ag_kernels_avx512;
#endif
    forms[n] = NULL;
    return forms;
}

/* One product of small whole numbers, which every order of summation computes exactly, so that plain C and BLAS must agree in every bit. */
static bool product_is_right(bool ta, bool tb, int M, int N, int K, ag_real *work)
{
    ag_real *A = work, *B = A + (size_t)M * (size_t)K, *C = B + (size_t)K * (size_t)N;
    for (int i = 0; i < M * K; i++) A[i] = (ag_real)(i * 7 % 11 - 5);
    for (int i = 0; i < K * N; i++) B[i] = (ag_real)(i * 5 % 13 - 6);
    ag_blas_gemm(ta, tb, M, N, K, 1, A, ta ? M : K, B, tb ? K : N, 0, C, N);
    for (int r = 0; r < M; r++) {
        for (int c = 0; c < N; c++) {
            ag_real sum = 0;
            for (int k = 0; k < K; k++) sum += (ta ? A[k * M + r] : A[r * K + k]) * (tb ? B[c * K + k] : B[k * N + c]);
            if (!(C[r * N + c] == sum)) return false;
        }
    }
    return true;
}

static int products_are_right(struct err *e)
{
    /* OpenBLAS has kernels of their own for products up to 100^3. */
    static const struct {
        int M, N, K;
    } sizes[] = {{23, 37, 29}, {101, 107, 103}};
    static const struct {
        bool ta, tb;
        const char *name;
    } forms[] = {{false, true, "NT"}, {false, false, "NN"}, {true, false, "TN"}};
    ag_real *work = malloc(sizeof(ag_real) * (101 * 103 + 103 * 107 + 101 * 107));
    if (!work) return err_set(e, ERR_INTERNAL, "no memory for the test of BLAS at start");
    int code = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes && !code; s++) {
        for (size_t f = 0; f < sizeof forms / sizeof *forms && !code; f++) {
            if (!product_is_right(forms[f].ta, forms[f].tb, sizes[s].M, sizes[s].N, sizes[s].K, work))
                code = err_set(
                    e, ERR_INTERNAL,
                    "OpenBLAS computes a %s product of %d x %d x %d wrongly with its %s kernels on this processor: choose others through "
                    "the environment variable OPENBLAS_CORETYPE (Haswell, Zen, SkylakeX) or install a newer OpenBLAS",
                    forms[f].name, sizes[s].M, sizes[s].N, sizes[s].K, ag_blas_core_type());
        }
    }
    free(work);
    return code;
}

int ag_start(int threads, struct err *e)
{
    AG_CHECK(threads >= 1, "ag_start: %d threads", threads);
    if (!ag_blas_threads_are_openmp())
        return err_set(e, ERR_INTERNAL,
                       "this OpenBLAS (%s) does not share OpenMP's threads, so it would fight with ours or compute wrongly: install "
                       "libopenblas-openmp-dev (and choose it with `update-alternatives --config libopenblas.so.0-x86_64-linux-gnu`)",
                       ag_blas_config());
    const ag_kernels *const *forms = ag_kernel_forms();
    int best = 0;
    while (forms[best + 1]) best++;
    ag_k = forms[best];
    if (ag_k->tile) ag_gemm_fits(ag_k->tile);
    n_threads = threads;
    ag_blas_single_thread();
    return products_are_right(e);
}

ag_machine ag_describe(void)
{
    return (ag_machine){
        .kernels = ag_k ? ag_k->name : "none", .blas = ag_blas_config(), .core_type = ag_blas_core_type(), .threads = n_threads};
}
