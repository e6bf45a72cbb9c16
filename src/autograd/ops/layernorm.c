/* layernorm.c - Ba, Kiros, Hinton 2016 (arXiv 1607.06450), eq. 4.
 *
 *   forward    n = (x - mu) r,   r = 1 / sqrt(var + eps),   y = gain n + bias
 *   backward   dx = r (gain dy - mean_C(gain dy) - n mean_C(gain dy n))
 *              dgain = sum_N dy n      dbias = sum_N dy
 *
 *   x, y [..,C]   gain, bias [C]       mu, var over C, var without Bessel's correction; N = product of the leading dimensions
 *   saved: n [N,C], r [N]
 */
#include "layernorm.h"
#include "kernels.h"
#include <string.h>

void ag_layernorm_check(const char *op, const ag_tensor *x, const ag_tensor *gain, const ag_tensor *bias, double eps)
{
    const int C = ag_cols(x);
    AG_CHECK(x->rank >= 1, "%s: x has no last dimension", op);
    AG_CHECK(gain->rank == 1 && gain->dim[0] == C, "%s: x has %d columns, gain %d entries in rank %d", op, C, ag_cols(gain), gain->rank);
    AG_CHECK(bias->rank == 1 && bias->dim[0] == C, "%s: x has %d columns, bias %d entries in rank %d", op, C, ag_cols(bias), bias->rank);
    AG_CHECK(eps > 0, "%s: eps %g is not positive", op, eps);
}

ag_normal ag_normal_save(ag_graph *g, const ag_tensor *y)
{
    if (!y->wants_grad) return (ag_normal){0};
    return (ag_normal){.normal = ag_save(g, ag_size(y) * sizeof(ag_real)), .r = ag_save(g, ag_rows(y) * sizeof(ag_real))};
}

void ag_layernorm_remake(ag_tensor *y, ag_normal saved, const ag_tensor *gain, const ag_tensor *bias)
{
    const int N = (int)ag_rows(y);
    const size_t C = (size_t)ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int row = 0; row < (C ? N : 0); row++) {
        const size_t at = (size_t)row * C;
        ag_k->scale_shift(C, saved.normal + at, gain->val, bias->val, y->val + at);
    }
}

void ag_layernorm_grads(ag_graph *g, ag_tensor *y, ag_normal saved, ag_tensor *x, ag_tensor *h, const ag_mask *mask, ag_tensor *gain,
                        ag_tensor *bias)
{
    enum { BLOCK = 16 }; /* rows: sums over rows are made block by block, then in order */
    const int N = (int)ag_rows(y), C = ag_cols(y), blocks = (N + BLOCK - 1) / BLOCK;
    const size_t width = (size_t)C, partials = (size_t)blocks * width;
    ag_real beta_x = 0, beta_h = 0, beta;
    ag_real *dx = ag_grad(g, x, &beta_x), *dh = ag_grad(g, h, &beta_h);
    ag_real *scratch = ag_pool_take(g, 3 * partials), *gain_sums = scratch + partials, *bias_sums = gain_sums + partials;
    memset(gain_sums, 0, 2 * partials * sizeof *gain_sums);

#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int block = 0; block < (C ? blocks : 0); block++) {
        const size_t first = (size_t)block * width;
        for (int row = block * BLOCK; row < N && row < (block + 1) * BLOCK; row++) {
            const size_t at = (size_t)row * width;
            ag_real *ds = dx && beta_x == 0 ? dx + at : scratch + first; /* gradient of the sum s */
            ag_k->layernorm_grad(width, y->grad + at, gain->val, saved.normal + at, saved.r[row], 0, ds, gain_sums + first,
                                 bias_sums + first);
            if (dx && beta_x != 0) ag_k->add(width, ds, dx + at);
            if (dh) ag_mask_row(mask, (size_t)row, C, ds, beta_h != 0 ? dh + at : NULL, dh + at);
        }
    }
    ag_real *d;
    if ((d = ag_grad(g, gain, &beta))) ag_column_sums((size_t)blocks, C, gain_sums, beta, d);
    if ((d = ag_grad(g, bias, &beta))) ag_column_sums((size_t)blocks, C, bias_sums, beta, d);
    ag_pool_give(g, scratch);
}

static void layernorm_backward(ag_graph *g, ag_tensor *y)
{
    ag_layernorm_grads(g, y, *(const ag_normal *)y->saved, y->in[0], NULL, NULL, y->in[1], y->in[2]);
}

static void layernorm_remake(ag_tensor *y)
{
    ag_layernorm_remake(y, *(const ag_normal *)y->saved, y->in[1], y->in[2]);
}

const ag_op ag_op_layernorm = {"layernorm", 3, layernorm_backward};

ag_tensor *ag_layernorm(ag_graph *g, ag_tensor *x, ag_tensor *gain, ag_tensor *bias, double eps)
{
    ag_layernorm_check("layernorm", x, gain, bias, eps);
    ag_tensor *y = ag_node(g, &ag_op_layernorm, x->rank, x->dim, (ag_tensor *[]){x, gain, bias});
    ag_normal *saved = y->saved = ag_save(g, sizeof *saved);
    *saved = ag_normal_save(g, y);
    ag_may_forget(y, 1, layernorm_remake);
    const int N = (int)ag_rows(y);
    const size_t C = (size_t)ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int row = 0; row < (C ? N : 0); row++) {
        const size_t at = (size_t)row * C;
        const ag_real r =
            ag_k->layernorm(C, x->val + at, gain->val, bias->val, eps, saved->normal ? saved->normal + at : NULL, y->val + at);
        if (saved->r) saved->r[row] = r;
    }
    return y;
}
