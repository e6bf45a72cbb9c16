/* dropout.c - Srivastava et al. 2014 (JMLR 15), inverted: what is kept is scaled up, so that prediction needs no factor.
 *
 *   forward    y = m x      m = 1 / (1 - rate) where an element is kept, else 0; see ag_dropout
 *   backward   dx = m dy    m is drawn again, not kept
 *
 *   x, y [N,C]
 *   saved: the mask's description
 */
#include "rows.h"

static void dropout_backward(ag_graph *g, ag_tensor *y)
{
    const ag_mask *mask = y->saved;
    const int N = (int)ag_rows(y), C = ag_cols(y);
    ag_real beta, *dx = ag_grad(g, y->in[0], &beta);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < N; r++) {
        const size_t at = (size_t)r * (size_t)C;
        ag_mask_row(mask, (size_t)r, C, y->grad + at, beta != 0 ? dx + at : NULL, dx + at);
    }
}

const ag_op ag_op_dropout = {"dropout", 1, dropout_backward};

ag_tensor *ag_dropout_of(ag_graph *g, ag_tensor *x, ag_dropout drop)
{
    const ag_mask mask = ag_mask_of("dropout", drop, ag_rows(x));
    if (!mask.on) return x;
    ag_tensor *y = ag_node(g, &ag_op_dropout, x->rank, x->dim, &x);
    ag_mask *saved = y->saved = ag_save(g, sizeof *saved);
    *saved = mask;
    const int N = (int)ag_rows(y), C = ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < N; r++) {
        const size_t at = (size_t)r * (size_t)C;
        ag_mask_row(saved, (size_t)r, C, x->val + at, NULL, y->val + at);
    }
    return y;
}
