/* blas.c - the only file that knows OpenBLAS. */
#include "blas.h"
#include <cblas.h>
#include <string.h>

#ifdef AG_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* About how many rows and columns of C one tile has. */
enum { TILE_ROWS = 112, TILE_COLS = 384, TILE_STEP = 16 };

/* n cut into parts of nearly equal length, each a multiple of TILE_STEP but the last. */
typedef struct cut {
    int n, parts;
} cut;

static cut cut_make(int n, int about)
{
    const int parts = (n + about - 1) / about;
    return (cut){n, parts < 1 ? 1 : parts};
}

static int cut_at(cut c, int i)
{
    if (i >= c.parts) return c.n;
    const int64_t steps = ((int64_t)c.n + TILE_STEP - 1) / TILE_STEP;
    const int64_t at = steps * i / c.parts * TILE_STEP;
    return at < c.n ? (int)at : c.n;
}

void ag_gemm_one(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb, ag_real beta,
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

void ag_gemm(bool ta, bool tb, int M, int N, int K, const ag_real *A, const ag_real *B, ag_real beta, ag_real *C, ag_tile_finish finish,
             void *context)
{
    if (M == 0 || N == 0) return;
    const cut rows = cut_make(M, TILE_ROWS), cols = cut_make(N, TILE_COLS);
    const int tiles = rows.parts * cols.parts, lda = ta ? M : K, ldb = tb ? K : N;
#pragma omp parallel for num_threads(ag_threads()) schedule(static) if (tiles > 1)
    for (int t = 0; t < tiles; t++) {
        const int r0 = cut_at(rows, t / cols.parts), r1 = cut_at(rows, t / cols.parts + 1);
        const int c0 = cut_at(cols, t % cols.parts), c1 = cut_at(cols, t % cols.parts + 1);
        if (r0 == r1 || c0 == c1) continue;
        const ag_real *a = A + (ta ? (size_t)r0 : (size_t)r0 * (size_t)K), *b = B + (tb ? (size_t)c0 * (size_t)K : (size_t)c0);
        ag_gemm_one(ta, tb, r1 - r0, c1 - c0, K, 1, a, lda, b, ldb, beta, C + (size_t)r0 * (size_t)N + c0, N);
        if (finish) finish(context, r0, r1, c0, c1);
    }
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
