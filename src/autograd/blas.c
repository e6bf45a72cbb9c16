/* blas.c - the only file that knows OpenBLAS. */
#include "blas.h"
#include <cblas.h>
#include <string.h>

#ifdef AG_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif

/* The tiles of C: rows x cols parts of nearly equal size, cut at multiples of what OpenBLAS's inner kernels compute at once. */
enum { ROW_STEP = 8, COL_STEP = 16, MOST_ROWS = 256, MOST_COLS = 512, SMALL = 1 << 19, THREADS = 4 };

typedef struct tiling {
    int rows, cols;
} tiling;

/* Chosen for least time by what was measured on Zen 4 with OpenBLAS 0.3.21's Zen, SkylakeX and Cooperlake kernels: a tile of h x w takes
 * about 1 + 6/h + 8/w times its share of one large product. The number of tiles should divide among up to THREADS threads, and a tile stay
 * in the second cache for `finish`. A product of less than SMALL multiplications (some 5 us) is not worth waking threads for. */
static tiling tiling_choose(int M, int N, int K)
{
    tiling best = {1, 1};
    if ((int64_t)M * N < (SMALL + (int64_t)K - 1) / K) return best;
    const int r0 = (M - 1) / MOST_ROWS + 1, c0 = (N - 1) / MOST_COLS + 1;
    double least = 0;
    for (int r = r0; r < r0 + THREADS; r++) {
        for (int c = c0; c < c0 + THREADS; c++) {
            const int64_t tiles = (int64_t)r * c, rounds = (tiles + THREADS - 1) / THREADS;
            const double cost = (1 + 6.0 * r / M + 8.0 * c / N) * (double)(rounds * THREADS) / (double)tiles;
            if (least == 0 || cost < least) {
                least = cost;
                best = (tiling){r, c};
            }
        }
    }
    return best;
}

/* Where part i of n begins: parts of ceil(n / step) steps shared out evenly. A part may be empty. */
static int cut_at(int n, int step, int parts, int i)
{
    const int64_t steps = ((int64_t)n + step - 1) / step, at = steps * i / parts * step;
    return at < n ? (int)at : n;
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
    const tiling t = K == 0 ? (tiling){1, 1} : tiling_choose(M, N, K);
    const int tiles = t.rows * t.cols, lda = ta ? M : K, ldb = tb ? K : N;
#pragma omp parallel for num_threads(ag_threads()) schedule(static) if (tiles > 1)
    for (int i = 0; i < tiles; i++) {
        const int r0 = cut_at(M, ROW_STEP, t.rows, i / t.cols), r1 = cut_at(M, ROW_STEP, t.rows, i / t.cols + 1);
        const int c0 = cut_at(N, COL_STEP, t.cols, i % t.cols), c1 = cut_at(N, COL_STEP, t.cols, i % t.cols + 1);
        if (r0 == r1 || c0 == c1) continue;
        const ag_real *a = A + (ta ? (size_t)r0 : (size_t)r0 * (size_t)K), *b = B + (tb ? (size_t)c0 * (size_t)K : (size_t)c0);
        ag_gemm_one(ta, tb, r1 - r0, c1 - c0, K, 1, a, lda, b, ldb, beta, C + (size_t)r0 * (size_t)N + c0, N);
        if (finish) finish(context, r0, r1, c0, c1);
    }
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
