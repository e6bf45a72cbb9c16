/* gate.c - rows that are let through in part, as the visual gates of multimodal recognition are (Yu et al. 2020, "Improving Multimodal Named
 * Entity Recognition via Entity Span Detection with Unified Multimodal Transformer", section 3.3).
 *
 *   forward    y = s x                    s = 1 / (1 + exp(-a))
 *   backward   dx = s dy                  da = dy x s (1 - s)
 *
 *   a, x, y [N,C], one shape
 *   saved: s
 */
#include "rows.h"
#include <math.h>

static void gate_backward(ag_graph *g, ag_tensor *y)
{
    const ag_real *s = y->saved, *x = y->in[1]->val;
    const int64_t n = (int64_t)ag_size(y);
    ag_real beta_a, beta_x, *da = ag_grad(g, y->in[0], &beta_a);
    if (da)
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int64_t i = 0; i < n; i++) da[i] = y->grad[i] * x[i] * s[i] * (1 - s[i]) + (beta_a != 0 ? da[i] : 0);
    ag_real *dx = ag_grad(g, y->in[1], &beta_x); /* after da is there: a and x may be one tensor */
    if (dx)
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int64_t i = 0; i < n; i++) dx[i] = y->grad[i] * s[i] + (beta_x != 0 ? dx[i] : 0);
}

const ag_op ag_op_gate = {"gate", 2, gate_backward};

ag_tensor *ag_gate(ag_graph *g, ag_tensor *a, ag_tensor *x)
{
    ag_check_same_shape("gate", "a", a, "x", x);
    ag_tensor *y = ag_node(g, &ag_op_gate, x->rank, x->dim, (ag_tensor *[]){a, x});
    const int64_t n = (int64_t)ag_size(y);
    ag_real *s = y->saved = ag_save(g, (size_t)n * sizeof *s);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int64_t i = 0; i < n; i++) {
        s[i] = (ag_real)(1 / (1 + exp(-(double)a->val[i])));
        y->val[i] = s[i] * x->val[i];
    }
    return y;
}
