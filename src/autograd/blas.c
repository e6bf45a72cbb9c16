/* blas.c - the only file that knows OpenBLAS. */
#include "blas.h"
#include <cblas.h>
#include <string.h>

#ifdef AG_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

void ag_blas_gemm(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb, ag_real beta,
                  ag_real *C, int ldc)
{
    if (M == 0 || N == 0) return;
    if (K == 0) { /* whose leading dimensions BLAS would refuse */
        for (int r = 0; r < M; r++) {
            ag_real *row = C + (size_t)r * (size_t)ldc;
            for (int c = 0; c < N; c++) row[c] = beta == 0 ? 0 : beta * row[c];
        }
        return;
    }
    GEMM(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
}

void ag_blas_plain(int N, const ag_real *A, const ag_real *B, ag_real *C)
{
    openblas_set_num_threads(ag_threads());
    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, N, 1, A, N, B, N, 0, C, N);
    ag_blas_single_thread();
}

bool ag_blas_threads_are_openmp(void)
{
    return openblas_get_parallel() == OPENBLAS_OPENMP;
}
void ag_blas_single_thread(void)
{
    openblas_set_num_threads(1);
}
const char *ag_blas_config(void)
{
    return openblas_get_config();
}
const char *ag_blas_core_type(void)
{
    return openblas_get_corename();
}
