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

enum { PANEL_COLS = 384, DEPTH = 256, MOST_STRIP = 12, MOST_COLS = 32, SMALL = 1 << 19, THREADS = 4 };

/* Measured on Zen 4 with OpenBLAS 0.3.21's Zen, SkylakeX and Cooperlake kernels, and on Sapphire Rapids with both forms of tile.c. */
static const cutting PLAIN = {8, 16, 256, 512, 6, 8}, TILED = {12, 32, 480, 192, 10, 4};
/* Where A is stored transposed: its strips are made again for each tile of columns. */
static const cutting WIDE = {12, 32, 480, PANEL_COLS, 10, 4};

void ag_gemm_fits(const ag_tile *tile)
{
    AG_CHECK(tile->rows <= MOST_STRIP && tile->cols <= MOST_COLS && MOST_COLS % tile->cols == 0 && TILED.row_step % tile->rows == 0 &&
                 TILED.col_step % tile->cols == 0 && WIDE.row_step % tile->rows == 0 && WIDE.col_step % tile->cols == 0,
             "gemm: tiles of %d x %d do not fit", tile->rows, tile->cols);
}

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
    bool ready; /* B is in panels as ag_panels_fill makes them, and the tile's first column is a panel's */
    int M, N, K;
    const ag_real *A, *B;
    int lda, ldb, ldc;
    ag_real beta, *C;
} product;

static void tile_plain(const product *p)
{
    ag_blas_gemm(p->ta, p->tb, p->M, p->N, p->K, 1, p->A, p->lda, p->B, p->ldb, p->beta, p->C, p->ldc);
}

/* A product of a strip and a panel of n < cols columns, which multiply would write beyond. */
static void multiply_edge(int n, int rows, int depth, const ag_real *a, size_t row, const ag_real *panel, const ag_real *ahead, bool add,
                          ag_real *c, size_t ldc)
{
    _Alignas(64) ag_real whole[MOST_STRIP * MOST_COLS];
    const int cols = ag_k->tile->cols;
    ag_k->tile->multiply(rows, depth, a, row, panel, ahead, false, whole, (size_t)cols);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++) {
            ag_real *to = c + (size_t)r * ldc + (size_t)j;
            *to = (add ? *to : 0) + whole[r * cols + j];
        }
}

/* One block of the sum: steps k0 .. k0+depth-1. The panel of the tile's column c stands at panels + c panel_step. */
typedef struct block {
    int k0, depth;
    bool add;
    const ag_real *panels;
    size_t panel_step;
    ptrdiff_t ahead; /* from a panel to what takes its place in the next block */
} block;

static void block_multiply(const product *p, const block *b)
{
    const ag_tile *t = ag_k->tile;
    const size_t lda = (size_t)p->lda, ldc = (size_t)p->ldc, k0 = (size_t)b->k0, part = (size_t)(b->depth * t->cols / 2);
    _Alignas(64) ag_real strip[MOST_STRIP * DEPTH];
    for (int r = 0; r < p->M; r += t->rows) {
        const int rows = p->M - r < t->rows ? p->M - r : t->rows;
        const ag_real *a = p->A + (p->ta ? k0 * lda + (size_t)r : (size_t)r * lda + k0);
        if (p->ta) {
            t->strip_of_columns(rows, b->depth, a, lda, strip);
            a = strip;
        }
        const size_t row = p->ta ? 1 : lda;
        for (int c = 0; c < p->N; c += t->cols) {
            const ag_real *panel = b->panels + (size_t)c * b->panel_step;
            /* The first strip fetches a panel or, of AVX-512, half of one, and the second the other half. */
            const ag_real *ahead = r == 0 ? panel + b->ahead : r == t->rows && b->ahead ? panel + b->ahead + part : panel;
            ag_real *to = p->C + (size_t)r * ldc + c;
            if (p->N - c >= t->cols)
                t->multiply(rows, b->depth, a, row, panel, ahead, b->add, to, ldc);
            else
                multiply_edge(p->N - c, rows, b->depth, a, row, panel, ahead, b->add, to, ldc);
        }
    }
}

/* panels has room for a block of all columns, where they are not ready. */
static void tile_tiled(const product *p, ag_real *panels)
{
    const ag_tile *t = ag_k->tile;
    const size_t ldb = (size_t)p->ldb;
    const int blocks = (p->K - 1) / DEPTH + 1;
    for (int i = 0; i < blocks; i++) {
        const int k0 = cut_at(p->K, 1, blocks, i), depth = cut_at(p->K, 1, blocks, i + 1) - k0;
        block b = {.k0 = k0, .depth = depth, .add = p->beta != 0 || i > 0, .panels = panels, .panel_step = (size_t)depth};
        if (p->ready) {
            /* Behind the last block comes the first one of the panels to the right, which are this thread's next tile. */
            b.panels = p->B + k0 * t->cols;
            b.panel_step = (size_t)p->K;
            b.ahead = i + 1 < blocks ? depth * t->cols : (ptrdiff_t)p->N * p->K - k0 * t->cols;
        }
        if (!p->ready && p->tb)
            t->panels_of_columns(p->N, depth, p->B + k0, ldb, panels);
        else if (!p->ready)
            t->panels_of_rows(p->N, depth, p->B + (size_t)k0 * ldb, ldb, panels);
        block_multiply(p, &b);
    }
}

static void tile_alone(const product *p)
{
    _Alignas(64) ag_real panels[PANEL_COLS * DEPTH];
    tile_tiled(p, panels);
}

void ag_gemm_one(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb, ag_real beta,
                 ag_real *C, int ldc)
{
    enum { ROOM = 64 * 128 }; /* little, since every page of it costs time where a product is small */
    _Static_assert(ROOM >= MOST_COLS * DEPTH, "a block of one panel fits");
    _Alignas(64) ag_real panels[ROOM];
    AG_CHECK(beta == 0 || (beta == 1 && alpha == 1), "ag_gemm_one: alpha %g and beta %g", (double)alpha, (double)beta);
    if (!ag_k->tile || K == 0) {
        ag_blas_gemm(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
        return;
    }
    const int cols = ROOM / (K < DEPTH ? K : DEPTH) / MOST_COLS * MOST_COLS;
    for (int c = 0; c < N; c += cols) {
        const int n = N - c < cols ? N - c : cols;
        const product p = {.ta = ta,
                           .tb = tb,
                           .M = M,
                           .N = n,
                           .K = K,
                           .A = A,
                           .B = B + (tb ? (size_t)c * (size_t)ldb : (size_t)c),
                           .lda = lda,
                           .ldb = ldb,
                           .ldc = ldc,
                           .beta = beta,
                           .C = C + c};
        tile_tiled(&p, panels);
    }
    for (int r = 0; alpha != 1 && r < M; r++)
        for (int c = 0; c < N; c++) C[(size_t)r * (size_t)ldc + (size_t)c] *= alpha;
}

/* Of p everything but M, N, K and what is the same in all tiles is the first tile's. */
static void tiles_run(const product *p, ag_tile_finish finish, void *context)
{
    const bool tiled = ag_k->tile && p->K > 0;
    const cutting *cut = !tiled ? &PLAIN : p->ta ? &WIDE : &TILED;
    const tiling t = p->K == 0 ? (tiling){1, 1} : tiling_choose(cut, p->M, p->N, p->K);
    const int tiles = t.rows * t.cols;
    const size_t a_row = p->ta ? 1 : (size_t)p->lda, b_col = p->tb || p->ready ? (size_t)p->ldb : 1;
    const bool alone = (int64_t)p->M * p->N * p->K < SMALL;
#pragma omp parallel for num_threads(ag_threads()) schedule(static) if (!alone)
    for (int i = 0; i < tiles; i++) {
        const int r0 = cut_at(p->M, cut->row_step, t.rows, i / t.cols), r1 = cut_at(p->M, cut->row_step, t.rows, i / t.cols + 1);
        const int c0 = cut_at(p->N, cut->col_step, t.cols, i % t.cols), c1 = cut_at(p->N, cut->col_step, t.cols, i % t.cols + 1);
        if (r0 == r1 || c0 == c1) continue;
        product q = *p;
        q.M = r1 - r0;
        q.N = c1 - c0;
        q.A += (size_t)r0 * a_row;
        q.B += (size_t)c0 * b_col;
        q.C += (size_t)r0 * (size_t)p->ldc + (size_t)c0;
        if (tiled)
            tile_alone(&q);
        else
            tile_plain(&q);
        if (finish) finish(context, r0, r1, c0, c1);
    }
}

void ag_gemm(bool ta, bool tb, int M, int N, int K, const ag_real *A, const ag_real *B, ag_real beta, ag_real *C, ag_tile_finish finish,
             void *context)
{
    AG_CHECK(beta == 0 || beta == 1, "ag_gemm: beta %g", (double)beta);
    const product p = {
        .ta = ta, .tb = tb, .M = M, .N = N, .K = K, .A = A, .B = B, .lda = ta ? M : K, .ldb = tb ? K : N, .ldc = N, .beta = beta, .C = C};
    if (M > 0 && N > 0) tiles_run(&p, finish, context);
}

size_t ag_panels_size(int O, int K)
{
    const int cols = ag_k->tile ? ag_k->tile->cols : 0;
    return cols ? ((size_t)O + (size_t)cols - 1) / (size_t)cols * (size_t)cols * (size_t)K : 0;
}

void ag_panels_fill(int O, int K, const ag_real *w, ag_real *panels)
{
    const ag_tile *t = ag_k->tile;
#pragma omp parallel for num_threads(ag_threads()) schedule(static)
    for (int c = 0; c < O; c += t->cols)
        t->panels_of_columns(O - c < t->cols ? O - c : t->cols, K, w + (size_t)c * (size_t)K, (size_t)K, panels + (size_t)c * (size_t)K);
}

void ag_gemm_panels(int M, int N, int K, const ag_real *A, const ag_real *panels, ag_real *C, ag_tile_finish finish, void *context)
{
    const product p = {.ready = true, .M = M, .N = N, .K = K, .A = A, .B = panels, .lda = K, .ldb = K, .ldc = N, .C = C};
    if (M > 0 && N > 0) tiles_run(&p, finish, context);
}
