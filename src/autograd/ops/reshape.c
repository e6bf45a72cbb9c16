/* reshape.c - the same numbers under other dimensions.
 *
 *   forward    y = x        backward   dx = dy
 */
#include "kernels.h"
#include "rows.h"
#include <string.h>

static void reshape_backward(ag_graph *g, ag_tensor *y)
{
    ag_real beta, *dx = ag_grad(g, y->in[0], &beta);
    if (!dx) return;
    if (beta != 0)
        ag_k->add(ag_size(y), y->grad, dx);
    else
        memcpy(dx, y->grad, ag_size(y) * sizeof *dx);
}

const ag_op ag_op_reshape = {"reshape", 1, reshape_backward};

ag_tensor *ag_reshape(ag_graph *g, ag_tensor *x, int rank, const int *dim)
{
    ag_tensor *y = ag_node(g, &ag_op_reshape, rank, dim, &x);
    AG_CHECK(ag_size(y) == ag_size(x), "reshape: x has %zu elements, its other shape %zu", ag_size(x), ag_size(y));
    memcpy(y->val, x->val, ag_size(y) * sizeof *y->val);
    return y;
}
