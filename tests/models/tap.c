#include "tap.h"
#include <string.h>

static void tap_backward(ag_graph *g, ag_tensor *y)
{
    const size_t n = ag_size(y);
    ag_real *kept, beta, *dx = ag_grad(g, y->in[0], &beta);
    memcpy(&kept, y->saved, sizeof kept);
    memcpy(kept, y->grad, n * sizeof *kept);
    for (size_t i = 0; dx && i < n; i++) dx[i] = y->grad[i] + (beta != 0 ? dx[i] : 0);
}

static const ag_op TAP = {"tap", 1, tap_backward};

ag_tensor *tap(ag_graph *g, ag_tensor *x, ag_real *grad)
{
    ag_tensor *y = ag_node(g, &TAP, x->rank, x->dim, &x);
    memcpy(y->val, x->val, ag_size(x) * sizeof *y->val);
    y->saved = ag_save(g, sizeof grad);
    memcpy(y->saved, &grad, sizeof grad);
    return y;
}
