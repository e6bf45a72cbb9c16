/* rows.h - what ops over packed rows share. Private to ops/. */
#ifndef AG_OPS_ROWS_H
#define AG_OPS_ROWS_H

#include "ag.h"

/* start [n+1] must rise from 0 to rows; for n = 0 it is not read. */
void ag_check_offsets(const char *op, const char *what, int n, const int32_t *start, size_t rows);

/* x and h must have one shape. */
void ag_check_same_shape(const char *op, const char *x_name, const ag_tensor *x, const char *h_name, const ag_tensor *h);

/* out[c] = sum over rows of x[row][c] + beta out[c], x [rows,C]. Blocks of 64 rows are summed by themselves, then in order: the same bits
 * for any number of threads. */
void ag_column_sums(size_t rows, int C, const ag_real *x, ag_real beta, ag_real *out);

/* ---- dropout ---- */

/* Dropout over rows x columns of one op, as ag_dropout describes it, with everything that is the same for all its rows worked out. */
typedef struct ag_mask {
    bool on;
    uint32_t key[2], step, threshold;
    ag_real scale;
    int n;
    const int32_t *start, *place;
} ag_mask;
ag_mask ag_mask_of(const char *op, ag_dropout drop, size_t rows);

/* factor[rows,n] = 0 or scale, for columns c0 .. c0+n-1 of rows r .. r+rows-1 of sequence b, counted within it; c0 is a multiple of 8. */
void ag_mask_factors(const ag_mask *mask, int b, int r, int rows, uint32_t c0, size_t n, ag_real *factor);

/* y = dropout(h) + base for the packed row `row`; all [C]; base NULL: 0. y may be h or base. */
void ag_mask_row(const ag_mask *mask, size_t row, int C, const ag_real *h, const ag_real *base, ag_real *y);

#endif
