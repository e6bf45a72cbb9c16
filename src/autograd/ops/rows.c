/* rows.c - checks, sums and dropout over packed rows. */
#include "rows.h"
#include "kernels.h"
#include "rng.h"
#include <stdio.h>
#include <string.h>

void ag_check_offsets(const char *op, const char *what, int n, const int32_t *start, size_t rows)
{
    AG_CHECK(n >= 0, "%s: %d sequences", op, n);
    AG_CHECK(n > 0 || rows == 0, "%s: %zu rows of %s and no sequence", op, rows, what);
    if (n == 0) return;
    AG_CHECK(start[0] == 0, "%s: %s begins at row %d, not 0", op, what, (int)start[0]);
    for (int b = 0; b < n; b++)
        AG_CHECK(start[b] <= start[b + 1], "%s: %s of sequence %d ends at row %d, before it begins at %d", op, what, b, (int)start[b + 1],
                 (int)start[b]);
    AG_CHECK((size_t)start[n] == rows, "%s: %s ends at row %d of %zu", op, what, (int)start[n], rows);
}

/* "[3,4]" in text [64]; gives text. */
static const char *shape(const ag_tensor *t, char *text)
{
    int n = sprintf(text, "[");
    for (int i = 0; i < t->rank; i++) n += sprintf(text + n, "%s%d", i ? "," : "", t->dim[i]);
    sprintf(text + n, "]");
    return text;
}

void ag_check_same_shape(const char *op, const char *x_name, const ag_tensor *x, const char *h_name, const ag_tensor *h)
{
    char x_shape[64], h_shape[64];
    AG_CHECK(x->rank == h->rank && memcmp(x->dim, h->dim, (size_t)x->rank * sizeof *x->dim) == 0, "%s: %s is %s, %s is %s", op, x_name,
             shape(x, x_shape), h_name, shape(h, h_shape));
}

enum { BLOCK_ROWS = 64, BLOCK_COLS = 64 };

void ag_column_sums(size_t rows, int C, const ag_real *x, ag_real beta, ag_real *out)
{
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int c0 = 0; c0 < C; c0 += BLOCK_COLS) {
        const int n = C - c0 < BLOCK_COLS ? C - c0 : BLOCK_COLS;
        ag_real total[BLOCK_COLS] = {0};
        for (size_t r0 = 0; r0 < rows; r0 += BLOCK_ROWS) {
            const size_t r1 = rows - r0 < BLOCK_ROWS ? rows : r0 + BLOCK_ROWS;
            ag_real block[BLOCK_COLS] = {0};
            for (size_t r = r0; r < r1; r++)
                for (int c = 0; c < n; c++) block[c] += x[r * (size_t)C + (size_t)(c0 + c)];
            for (int c = 0; c < n; c++) total[c] += block[c];
        }
        for (int c = 0; c < n; c++) out[c0 + c] = total[c] + (beta != 0 ? out[c0 + c] : 0);
    }
}

const ag_dropout AG_NO_DROPOUT = {0};

ag_mask ag_mask_of(const char *op, ag_dropout drop, size_t rows)
{
    AG_CHECK(drop.rate >= 0 && drop.rate < 1, "%s: dropout rate %g is not in [0, 1)", op, drop.rate);
    const uint32_t threshold = (uint32_t)(drop.rate * 65536 + 0.5);
    if (threshold == 0) return (ag_mask){0};
    AG_CHECK(threshold < 65536, "%s: dropout rate %g drops everything", op, drop.rate);
    AG_CHECK(drop.site < 1u << 24, "%s: dropout site %u is not below 2^24", op, (unsigned)drop.site);
    ag_check_offsets(op, "dropout", drop.n, drop.start, rows);
    ag_mask mask = {.on = true, .step = drop.step, .threshold = threshold, .n = drop.n, .start = drop.start, .place = drop.place};
    mask.scale = (ag_real)(1 / (1 - threshold / 65536.0));
    rng_key(drop.seed, RNG_DROPOUT, drop.site, mask.key);
    return mask;
}

void ag_mask_factors(const ag_mask *mask, int b, int r, int rows, uint32_t c0, size_t n, ag_real *factor)
{
    ag_k->dropout_rows(rows, n, c0, mask->key, (uint32_t)r, (uint32_t)mask->place[b], mask->step, mask->threshold, mask->scale, factor);
}

/* The sequence that owns a packed row: the last one that begins at or before it (those that begin at the same row are empty but for the
 * last). */
static int sequence_of(const ag_mask *mask, size_t row)
{
    int low = 0, high = mask->n;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if ((size_t)mask->start[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void ag_mask_row(const ag_mask *mask, size_t row, int C, const ag_real *h, const ag_real *base, ag_real *y)
{
    enum { CHUNK = 256 };
    if (!mask->on) {
        if (!base)
            memmove(y, h, (size_t)C * sizeof *y);
        else
            for (int c = 0; c < C; c++) y[c] = h[c] + base[c];
        return;
    }
    const int b = sequence_of(mask, row), r = (int)row - mask->start[b];
    ag_real factor[CHUNK];
    for (int c0 = 0; c0 < C; c0 += CHUNK) {
        const int n = C - c0 < CHUNK ? C - c0 : CHUNK;
        ag_mask_factors(mask, b, r, 1, (uint32_t)c0, (size_t)n, factor);
        if (base)
            for (int c = 0; c < n; c++) y[c0 + c] = factor[c] * h[c0 + c] + base[c0 + c];
        else
            for (int c = 0; c < n; c++) y[c0 + c] = factor[c] * h[c0 + c];
    }
}
