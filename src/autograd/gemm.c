/* gemm.c - products of matrices, cut into tiles over threads. In a tile the plain form is one single-threaded product of OpenBLAS's; where
 * the processor has a tile.h, its operands are brought into panels and strips that fit into its caches:
 *
 *   for blocks of at most DEPTH steps k of the sum
 *       B's columns of the tile, DEPTH steps of them, go into panels: in the second cache
 *       for strips of A's rows
 *           for panels: tile.h's product of a strip and a panel: both in the first cache, the sums in registers
 */
#include "blas.h"
#include "kernels.h"

/* How a product is cut: rows x cols parts of nearly equal size, at multiples of what the inner kernels compute at once. A tile of h x w
 * takes about 1 + thin_rows/h + thin_cols/w times its share of one large product. */
typedef struct cutting {
    int row_step, col_step, most_rows, most_cols;
    double thin_rows, thin_cols;
} cutting;

enum { PANEL_COLS = 192, DEPTH = 256, MOST_STRIP = 12, SMALL = 1 << 19, THREADS = 4 };

/* Measured on Zen 4 with OpenBLAS 0.3.21's Zen, SkylakeX and Cooperlake kernels, and on Sapphire Rapids with both forms of tile.c. */
static const cutting PLAIN = {8, 16, 256, 512, 6, 8}, TILED = {12, 32, 480, PANEL_COLS, 10, 4};

typedef struct tiling {
    int rows, cols;
} tiling;

/* Chosen for least time. The number of tiles should divide among up to THREADS threads, and a tile stay in the second cache for `finish`. A
 * product of less than SMALL multiplications (some 5 us) is not worth waking threads for. */
static tiling tiling_choose(const cutting *cut, int M, int N, int K)
{
    tiling best = {(M - 1) / cut->most_rows + 1, (N - 1) / cut->most_cols + 1};
    if ((int64_t)M * N < (SMALL + (int64_t)K - 1) / K) return best;
    const int r0 = best.rows, c0 = best.cols;
    double least = 0;
    for (int r = r0; r < r0 + THREADS; r++) {
        for (int c = c0; c < c0 + THREADS; c++) {
            const int64_t tiles = (int64_t)r * c, rounds = (tiles + THREADS - 1) / THREADS;
            const double cost = (1 + cut->thin_rows * r / M + cut->thin_cols * c / N) * (double)(rounds * THREADS) / (double)tiles;
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

/* C[M,N] = op(A) op(B) + beta C, with the distances of rows in memory. */
typedef struct product {
    bool ta, tb;
    int M, N, K;
    const ag_real *A, *B;
    int lda, ldb, ldc;
    ag_real beta, *C;
} product;

static void tile_plain(const product *p)
{
    ag_gemm_one(p->ta, p->tb, p->M, p->N, p->K, 1, p->A, p->lda, p->B, p->ldb, p->beta, p->C, p->ldc);
}

/* A product of a strip and a panel of n < cols columns, which multiply would write beyond. */
static void multiply_edge(int n, int rows, int depth, const ag_real *a, size_t row, size_t step, const ag_real *panel, bool add, ag_real *c,
                          size_t ldc)
{
    enum { MOST_COLS = 32 };
    _Alignas(64) ag_real whole[MOST_STRIP * MOST_COLS];
    const int cols = ag_k->tile->cols;
    ag_k->tile->multiply(rows, depth, a, row, step, panel, false, whole, (size_t)cols);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++) {
            ag_real *to = c + (size_t)r * ldc + (size_t)j;
            *to = (add ? *to : 0) + whole[r * cols + j];
        }
}

static void tile_tiled(const product *p)
{
    const ag_tile *t = ag_k->tile;
    const size_t lda = (size_t)p->lda, ldb = (size_t)p->ldb, ldc = (size_t)p->ldc;
    const int blocks = (p->K - 1) / DEPTH + 1;
    _Alignas(64) ag_real panels[PANEL_COLS * DEPTH], strip[MOST_STRIP * DEPTH];
    for (int block = 0; block < blocks; block++) {
        const int k0 = cut_at(p->K, 1, blocks, block), depth = cut_at(p->K, 1, blocks, block + 1) - k0;
        const bool add = p->beta != 0 || block > 0;
        for (int c = 0; c < p->N; c += t->cols) {
            const int n = p->N - c < t->cols ? p->N - c : t->cols;
            ag_real *panel = panels + (size_t)c * (size_t)depth;
            if (p->tb)
                t->panel_of_columns(n, depth, p->B + (size_t)c * ldb + k0, ldb, panel);
            else
                t->panel_of_rows(n, depth, p->B + (size_t)k0 * ldb + c, ldb, panel);
        }
        for (int r = 0; r < p->M; r += t->rows) {
            const int rows = p->M - r < t->rows ? p->M - r : t->rows;
            const ag_real *a = p->A + (p->ta ? (size_t)k0 * lda + (size_t)r : (size_t)r * lda + (size_t)k0);
            if (p->ta) {
                t->strip_of_columns(rows, depth, a, lda, strip);
                a = strip;
            }
            const size_t row = p->ta ? 1 : lda, step = p->ta ? (size_t)rows : 1;
            for (int c = 0; c < p->N; c += t->cols) {
                const ag_real *panel = panels + (size_t)c * (size_t)depth;
                ag_real *to = p->C + (size_t)r * ldc + c;
                if (p->N - c >= t->cols)
                    t->multiply(rows, depth, a, row, step, panel, add, to, ldc);
                else
                    multiply_edge(p->N - c, rows, depth, a, row, step, panel, add, to, ldc);
            }
        }
    }
}

void ag_gemm(bool ta, bool tb, int M, int N, int K, const ag_real *A, const ag_real *B, ag_real beta, ag_real *C, ag_tile_finish finish,
             void *context)
{
    if (M == 0 || N == 0) return;
    const bool tiled = ag_k->tile && K > 0;
    const cutting *cut = tiled ? &TILED : &PLAIN;
    const tiling t = K == 0 ? (tiling){1, 1} : tiling_choose(cut, M, N, K);
    const int tiles = t.rows * t.cols, lda = ta ? M : K, ldb = tb ? K : N;
    const bool alone = (int64_t)M * N * K < SMALL;
#pragma omp parallel for num_threads(ag_threads()) schedule(static) if (!alone)
    for (int i = 0; i < tiles; i++) {
        const int r0 = cut_at(M, cut->row_step, t.rows, i / t.cols), r1 = cut_at(M, cut->row_step, t.rows, i / t.cols + 1);
        const int c0 = cut_at(N, cut->col_step, t.cols, i % t.cols), c1 = cut_at(N, cut->col_step, t.cols, i % t.cols + 1);
        if (r0 == r1 || c0 == c1) continue;
        const product p = {.ta = ta,
                           .tb = tb,
                           .M = r1 - r0,
                           .N = c1 - c0,
                           .K = K,
                           .A = A + (ta ? (size_t)r0 : (size_t)r0 * (size_t)K),
                           .B = B + (tb ? (size_t)c0 * (size_t)K : (size_t)c0),
                           .lda = lda,
                           .ldb = ldb,
                           .ldc = N,
                           .beta = beta,
                           .C = C + (size_t)r0 * (size_t)N + c0};
        if (tiled)
            tile_tiled(&p);
        else
            tile_plain(&p);
        if (finish) finish(context, r0, r1, c0, c1);
    }
}
