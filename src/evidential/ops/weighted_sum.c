/* weighted_sum.c - the terms of a loss, each with its weight.
 *
 *   forward    y = sum over k, in their order, of weight_k x_k
 *   backward   dx_k = weight_k dy
 *
 *   x_k, y: one shape
 */
#include "per_word.h"
#include <string.h>

struct weights {
    double of[AG_MAX_IN];
};

static void weighted_sum_backward(ag_graph *g, ag_tensor *y)
{
    const double *weight = ((const struct weights *)y->saved)->of;
    for (int k = 0; k < AG_MAX_IN; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        for (size_t i = 0; d && i < ag_size(y); i++) evi_contribute(d + i, beta, weight[k] * (double)y->grad[i]);
    }
}

const ag_op evi_op_weighted_sum = {"weighted_sum", AG_MAX_IN, weighted_sum_backward};

ag_tensor *evi_weighted_sum(ag_graph *g, int n, ag_tensor *const *x, const double *weight)
{
    evi_check_same("weighted_sum", "terms", n, x);
    ag_tensor *in[AG_MAX_IN] = {0};
    memcpy(in, x, (size_t)n * sizeof *in);
    ag_tensor *y = ag_node(g, &evi_op_weighted_sum, x[0]->rank, x[0]->dim, in);
    struct weights *w = y->saved = ag_save(g, sizeof *w);
    memcpy(w->of, weight, (size_t)n * sizeof *weight);
    for (size_t i = 0; i < ag_size(y); i++) {
        double sum = 0;
        for (int k = 0; k < n; k++) sum += weight[k] * (double)x[k]->val[i];
        y->val[i] = (ag_real)sum;
    }
    return y;
}
