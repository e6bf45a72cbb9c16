/* linear.c - affine map over the last dimension.
 *
 *   forward    y = x w^T + b                                 the bias is added while a tile of the product is still in the cache
 *   backward   dx = dy w      dw = dy^T x      db = sum_N dy
 *
 *   x [..,K]   w [O,K]   b [O] or left out   y [..,O]        N = product of the leading dimensions
 *   saved: nothing
 *
 * Source: w as in Hugging Face files and torch.nn.Linear, one row an output.
 */
#include "linear.h"
#include "blas.h"
#include "kernels.h"
#include "rows.h"
#include <string.h>

void ag_linear_check(const char *op, const ag_tensor *x, const ag_tensor *w, const ag_tensor *b, int dim[AG_MAX_RANK])
{
    AG_CHECK(x->rank >= 1, "%s: x has no last dimension", op);
    AG_CHECK(w->rank == 2 && w->dim[1] == ag_cols(x), "%s: x has %d columns, w is [%d,%d] of rank %d", op, ag_cols(x), w->dim[0], w->dim[1],
             w->rank);
    AG_CHECK(!b || (b->rank == 1 && b->dim[0] == w->dim[0]), "%s: w has %d rows, b %d entries in rank %d", op, w->dim[0], ag_cols(b),
             b->rank);
    memcpy(dim, x->dim, sizeof x->dim);
    dim[x->rank - 1] = w->dim[0];
}

void ag_linear_grads(ag_graph *g, ag_tensor *y, const ag_real *dz)
{
    ag_tensor *x = y->in[0], *w = y->in[1], *b = y->in[2];
    const int N = (int)ag_rows(x), K = ag_cols(x), O = ag_cols(y);
    ag_real beta, *d;
    if ((d = ag_grad(g, x, &beta))) ag_gemm(false, false, N, K, O, dz, w->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, w, &beta))) ag_gemm(true, false, O, K, N, dz, x->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, b, &beta))) ag_column_sums((size_t)N, O, dz, beta, d);
}

static void linear_backward(ag_graph *g, ag_tensor *y)
{
    ag_linear_grads(g, y, y->grad);
}

const ag_op ag_op_linear = {"linear", 3, linear_backward};

struct bias {
    const ag_real *b;
    ag_real *y;
    int O;
};

static void add_bias(void *context, int r0, int r1, int c0, int c1)
{
    const struct bias *t = context;
    for (int r = r0; r < r1; r++) ag_k->add((size_t)(c1 - c0), t->b + c0, t->y + (size_t)r * (size_t)t->O + c0);
}

ag_tensor *ag_linear(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b)
{
    int dim[AG_MAX_RANK];
    ag_linear_check("linear", x, w, b, dim);
    ag_tensor *y = ag_node(g, &ag_op_linear, x->rank, dim, (ag_tensor *[]){x, w, b});
    struct bias t = {.b = b ? b->val : NULL, .y = y->val, .O = ag_cols(y)};
    ag_gemm(false, true, (int)ag_rows(x), t.O, ag_cols(x), x->val, w->val, 0, y->val, b ? add_bias : NULL, &t);
    return y;
}
