/* add.c - a residual connection: He et al. 2016 (arXiv 1512.03385), with dropout on the branch as in Vaswani et al. 2017 (arXiv
 * 1706.03762), section 5.4.
 *
 *   forward    y = x + m h            m: the mask of ag_dropout, 1 at rate 0
 *   backward   dx = dy      dh = m dy
 *
 *   x, h, y [N,C], one shape
 *   saved: the mask's description
 */
#include "rows.h"

static void add_backward(ag_graph *g, ag_tensor *y)
{
    const ag_mask *mask = y->saved, all = {0};
    const int N = (int)ag_rows(y), C = ag_cols(y);
    for (int k = 0; k < 2; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        if (!d) continue;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int r = 0; r < N; r++) {
            const size_t at = (size_t)r * (size_t)C;
            ag_mask_row(k == 0 ? &all : mask, (size_t)r, C, y->grad + at, beta != 0 ? d + at : NULL, d + at);
        }
    }
}

const ag_op ag_op_add = {"add", 2, add_backward};

ag_tensor *ag_add(ag_graph *g, ag_tensor *x, ag_tensor *h, ag_dropout drop)
{
    ag_check_same_shape("add", "x", x, "h", h);
    const ag_mask mask = ag_mask_of("add", drop, ag_rows(x));
    ag_tensor *y = ag_node(g, &ag_op_add, x->rank, x->dim, (ag_tensor *[]){x, h});
    ag_mask *saved = y->saved = ag_save(g, sizeof *saved);
    *saved = mask;
    ag_may_forget(y, 1 | 2, NULL);
    const int N = (int)ag_rows(y), C = ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < N; r++) {
        const size_t at = (size_t)r * (size_t)C;
        ag_mask_row(saved, (size_t)r, C, h->val + at, x->val + at, y->val + at);
    }
    return y;
}
