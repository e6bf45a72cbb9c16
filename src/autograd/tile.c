/* tile.c - one form of the table in tile.h: the compiler's flags say which instructions it may use, AG_TILE_LANES how many numbers are in a
 * vector, AG_TILE_ROWS how many rows are in the largest tile. It is the number of rows for which a tile of two vectors a row, a row of the
 * panel and a number of A just fit into the registers, so a step of the sum reads 2 vectors and AG_TILE_ROWS numbers for 2 AG_TILE_ROWS
 * multiplications of vectors. */
#include "tile.h"
#include <string.h>

#define AG_PASTE(a, b) a##b
#define AG_TABLE(form) AG_PASTE(ag_tile_, form)
#define AG_INLINE      static inline __attribute__((always_inline))
#ifdef __clang__ /* which reads GCC's word, but takes it for advice */
#define AG_UNROLL _Pragma("clang loop unroll(full)")
#else
#define AG_UNROLL _Pragma("GCC unroll 12")
#endif
#define AG_VECTOR(n, at) __attribute__((vector_size((n) * sizeof(ag_real)), aligned(at), may_alias))

enum { LANES = AG_TILE_LANES, ROWS = AG_TILE_ROWS, COLS = 2 * LANES, SIDE = 8 };
typedef ag_real lanes AG_VECTOR(LANES, LANES * sizeof(ag_real));
typedef ag_real loose AG_VECTOR(LANES, sizeof(ag_real)); /* the same anywhere in memory */
typedef ag_real side AG_VECTOR(SIDE, SIDE * sizeof(ag_real));
typedef ag_real loose_side AG_VECTOR(SIDE, sizeof(ag_real));

/* rows and step, and row in a strip, are constants at each call, so the sums are in registers, and so is the little that addresses of A
 * take: one for three rows. Two steps of the sum a round keep the processor at multiplying. */
AG_INLINE void multiply_rows(int rows, int depth, const ag_real *a, size_t row, size_t step, const ag_real *panel, const ag_real *ahead,
                             bool add, ag_real *c, size_t ldc)
{
    enum { TOGETHER = 3, STEPS = 2 };
    lanes left[ROWS], right[ROWS];
    const ag_real *from[ROWS / TOGETHER];
    AG_UNROLL for (int i = 0; i < ROWS / TOGETHER; i++) from[i] = a + (size_t)(i * TOGETHER) * row;
    AG_UNROLL for (int r = 0; r < rows; r++)
    {
        left[r] = right[r] = (lanes){0};
        /* C comes from memory while the sums are made. */
        __builtin_prefetch(c + (size_t)r * ldc, 1);
        __builtin_prefetch(c + (size_t)r * ldc + COLS - 1, 1);
    }
#define STEP(i)                                                                                                                            \
    do {                                                                                                                                   \
        __builtin_prefetch((const char *)ahead + 64 * (size_t)(k + (i)), 0, 2);                                                            \
        const lanes b0 = *(const lanes *)(panel + (i)*COLS), b1 = *(const lanes *)(panel + (i)*COLS + LANES);                              \
        AG_UNROLL for (int r = 0; r < rows; r++)                                                                                           \
        {                                                                                                                                  \
            const ag_real x = from[r / TOGETHER][(size_t)(r % TOGETHER) * row + (i)*step];                                                 \
            left[r] += x * b0;                                                                                                             \
            right[r] += x * b1;                                                                                                            \
        }                                                                                                                                  \
    } while (0)
    int k = 0;
    for (; k + STEPS <= depth; k += STEPS, panel += STEPS * COLS) {
        STEP(0);
        STEP(1);
        AG_UNROLL for (int i = 0; i < ROWS / TOGETHER; i++) from[i] += STEPS * step;
    }
    if (k < depth) STEP(0);
#undef STEP
    AG_UNROLL for (int r = 0; r < rows; r++)
    {
        loose *to = (loose *)(c + (size_t)r * ldc);
        if (add) {
            left[r] += to[0];
            right[r] += to[1];
        }
        to[0] = left[r];
        to[1] = right[r];
    }
}

static void multiply(int rows, int depth, const ag_real *a, size_t row, const ag_real *panel, const ag_real *ahead, bool add, ag_real *c,
                     size_t ldc)
{
#define CASE(n)                                                                                                                            \
    case n:                                                                                                                                \
        if (row == 1)                                                                                                                      \
            multiply_rows(n, depth, a, 1, n, panel, ahead, add, c, ldc);                                                                   \
        else                                                                                                                               \
            multiply_rows(n, depth, a, row, 1, panel, ahead, add, c, ldc);                                                                 \
        break;
    switch (rows) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
#if AG_TILE_ROWS > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
#endif
    }
#undef CASE
}
_Static_assert(ROWS == 6 || ROWS == 12, "multiply has a case for every number of rows");

/* Row by row of B, which is the order of memory, while the row AHEAD of it comes. */
static void panels_of_rows(int n, int depth, const ag_real *b, size_t ldb, ag_real *panels)
{
    enum { AHEAD = 8 };
    const int whole = n / COLS * COLS;
    for (int k = 0; k < depth; k++, b += ldb, panels += COLS) {
        ag_real *to = panels;
        for (int c = 0; c < whole; c += COLS, to += depth * COLS) {
            __builtin_prefetch(b + AHEAD * ldb + c);
            __builtin_prefetch(b + AHEAD * ldb + c + LANES);
            *(lanes *)to = *(const loose *)(b + c);
            *(lanes *)(to + LANES) = *(const loose *)(b + c + LANES);
        }
        for (int j = 0; j < COLS && whole < n; j++) to[j] = whole + j < n ? b[whole + j] : 0;
    }
}

/* to[j][i] = from[i][j] for i < n, j < SIDE, 0 for the other i < SIDE: pairs, then pairs of pairs, then halves change places. */
AG_INLINE void transpose(int n, const ag_real *from, size_t from_row, ag_real *to, size_t to_row)
{
#define MIX(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
    side x[SIDE], y[SIDE];
    AG_UNROLL for (int i = 0; i < SIDE; i++)
    {
        x[i] = (side){0};
        if (i < n) x[i] = *(const loose_side *)(from + (size_t)i * from_row);
    }
    AG_UNROLL for (int i = 0; i < SIDE; i += 2)
    {
        y[i] = MIX(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        y[i + 1] = MIX(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    AG_UNROLL for (int half = 0; half < SIDE; half += SIDE / 2) AG_UNROLL for (int i = half; i < half + 2; i++)
    {
        x[2 * i - half] = MIX(y[i], y[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        x[2 * i - half + 1] = MIX(y[i], y[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    AG_UNROLL for (int i = 0; i < SIDE / 2; i++)
    {
        *(side *)(to + (size_t)i * to_row) = MIX(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(side *)(to + (size_t)(i + 4) * to_row) = MIX(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
#undef MIX
}

/* Of n <= COLS columns, while the rows of memory behind those of a transposition come. */
AG_INLINE void panel_of_columns(int n, int depth, const ag_real *b, size_t ldb, ag_real *panel)
{
    const int whole = depth / SIDE * SIDE;
    for (int j = 0; j < COLS; j += SIDE) {
        const ag_real *from = b + (size_t)j * ldb, *ahead = from + SIDE * ldb;
        const int here = n - j;
        for (int k = 0; k < whole; k += SIDE) {
            AG_UNROLL for (int i = 0; i < SIDE; i++) __builtin_prefetch(ahead + (size_t)i * ldb + k);
            if (here >= SIDE)
                transpose(SIDE, from + k, ldb, panel + (size_t)k * COLS + j, COLS);
            else
                transpose(here, from + k, ldb, panel + (size_t)k * COLS + j, COLS);
        }
        for (int k = whole; k < depth; k++)
            for (int i = 0; i < SIDE; i++) panel[(size_t)k * COLS + (size_t)(j + i)] = i < here ? from[(size_t)i * ldb + (size_t)k] : 0;
    }
}

static void panels_of_columns(int n, int depth, const ag_real *b, size_t ldb, ag_real *panels)
{
    for (int c = 0; c < n; c += COLS)
        panel_of_columns(n - c < COLS ? n - c : COLS, depth, b + (size_t)c * ldb, ldb, panels + (size_t)c * (size_t)depth);
}

/* While the columns behind these come, which are the next strip's. */
static void strip_of_columns(int n, int depth, const ag_real *a, size_t lda, ag_real *strip)
{
    for (int k = 0; k < depth; k++, a += lda, strip += n) {
        __builtin_prefetch(a + ROWS + 16, 0, 2);
        if (n == ROWS)
            memcpy(strip, a, ROWS * sizeof *a);
        else
            for (int r = 0; r < n; r++) strip[r] = a[r];
    }
}

const ag_tile AG_TABLE(AG_FORM) = {
    .rows = ROWS,
    .cols = COLS,
    .multiply = multiply,
    .panels_of_rows = panels_of_rows,
    .panels_of_columns = panels_of_columns,
    .strip_of_columns = strip_of_columns,
};
