/* tile.h - the inside of a product C = A B of float matrices: one tile of C, and its operands brought into order. tile.c is compiled once for each kind of processor that has one (AVX2 + FMA, AVX-512);
 * gemm.c cuts products into tiles. Where there is none (ag_k->tile NULL: other processors, the double build) products are OpenBLAS's, tile by tile, which is the plain form. Both are held to sums in double: an element is within
 * (K + 2) u sum_k |A(r,k) B(k,c)| of the true one, u = 2^-24 (tests/autograd/test_gemm.c).
 *
 * A panel holds `cols` columns of B for `depth` steps of the sum: panel[k][c], 64-byte aligned, columns that B does not have are 0. A strip holds rows of A: strip[k][r].
 * An element of C is acc = 0; acc = fma(A(r,k), B(k,c), acc) for k in order; then c + acc where something is added to: so its bytes depend neither on the tile it lies in nor on its neighbours.
 */
#ifndef AG_TILE_H
#define AG_TILE_H

#include "ag.h"

typedef struct ag_tile {
    int rows, cols; /* of the largest tile */
    /* c[r ldc + j] = (add ? c[r ldc + j] : 0) + sum_k A(r,k) panel[k][j] for r < rows <= the largest, all of the panel's columns. A(r,k) is a[r row + k], or where row is 1 that of a strip, a[k rows + r].
     * depth > 0. Meanwhile depth lines of 64 bytes from `ahead` on are fetched into the second cache; any address will do. */
    void (*multiply)(int rows, int depth, const ag_real *a, size_t row, const ag_real *panel, const ag_real *ahead, bool add, ag_real *c, size_t ldc);
    /* Panels of n columns of B, one behind the other: panel[k][j] = b[k ldb + c + j] for k < depth and the panel whose first column is c; 0 for columns that B does not have. */
    void (*panels_of_rows)(int n, int depth, const ag_real *b, size_t ldb, ag_real *panels);
    /* The same of b[(c + j) ldb + k]: B is stored transposed. */
    void (*panels_of_columns)(int n, int depth, const ag_real *b, size_t ldb, ag_real *panels);
    /* strip[k][r] = a[k lda + r] for r < n <= rows: A is stored transposed. */
    void (*strip_of_columns)(int n, int depth, const ag_real *a, size_t lda, ag_real *strip);
} ag_tile;

extern const ag_tile ag_tile_avx2, ag_tile_avx512;

#endif
