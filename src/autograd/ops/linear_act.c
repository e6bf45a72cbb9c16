/* linear_act.c - affine map over the last dimension, then an activation.
 *
 *   forward    z = x w^T + b      y = f(z)                   bias and activation fall on a tile of the product while it is in the cache
 *   backward   dz = dy f'(z)      then as linear: dx = dz w   dw = dz^T x   db = sum_N dz
 *
 * A low-rank update of w as in linear.
 *
 *   f: gelu        z Phi(z), Phi(z) = (1 + erf(z / sqrt 2)) / 2          Hendrycks, Gimpel 2016 (arXiv 1606.08415)
 *      quick_gelu  z sigmoid(1.702 z)                                   the same, section 2; CLIP's
 *      gelu_tanh   z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2       the same, section 2
 *      relu        max(z, 0), f'(0) = 0
 *
 *   x [..,K]   w [O,K]   b [O] or left out   y, z [..,O]      N = product of the leading dimensions
 *   saved: f, z, and what linear saves of the update
 */
#include "kernels.h"
#include "linear.h"

struct act {
    ag_activation f;
    int O;
    const ag_real *b;
    ag_real *z, *y; /* the same where no gradient is wanted */
    ag_low low;
};

/* Row by row as forward did it, so that the same elements stand at the end of a vector's worth. */
static void linear_act_remake(ag_tensor *y)
{
    const struct act *t = y->saved;
    const int N = (int)ag_rows(y);
    const size_t O = (size_t)t->O;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < N; r++) ag_k->activate(t->f, O, t->z + (size_t)r * O, y->val + (size_t)r * O);
}

static void linear_act_backward(ag_graph *g, ag_tensor *y)
{
    enum { CHUNK = 4096 };
    const struct act *t = y->saved;
    const size_t n = ag_size(y);
    /* dy is this node's own and is not needed again: dz takes its place. */
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (size_t i = 0; i < n; i += CHUNK) ag_k->activate_grad(t->f, n - i < CHUNK ? n - i : CHUNK, t->z + i, y->grad + i, y->grad + i);
    ag_linear_grads(g, y, &t->low, y->grad);
}

const ag_op ag_op_linear_act = {"linear_act", 5, linear_act_backward};

static void add_bias_and_activate(void *context, int r0, int r1, int c0, int c1)
{
    const struct act *t = context;
    const size_t n = (size_t)(c1 - c0);
    for (int r = r0; r < r1; r++) {
        const size_t at = (size_t)r * (size_t)t->O + (size_t)c0;
        if (t->b) ag_k->add(n, t->b + c0, t->z + at);
        ag_k->activate(t->f, n, t->z + at, t->y + at);
    }
}

ag_tensor *ag_linear_act_low_rank(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_low_rank u, ag_activation f)
{
    int dim[AG_MAX_RANK];
    ag_linear_check("linear_act", x, w, b, u, dim);
    AG_CHECK(f == AG_GELU || f == AG_QUICK_GELU || f == AG_GELU_TANH || f == AG_RELU, "linear_act: there is no activation %d", (int)f);
    ag_tensor *y = ag_node(g, &ag_op_linear_act, x->rank, dim, (ag_tensor *[]){x, w, b, u.down, u.up});
    struct act *t = y->saved = ag_save(g, sizeof *t);
    *t = (struct act){.f = f, .O = ag_cols(y), .b = b ? b->val : NULL, .z = y->val, .y = y->val};
    if (y->wants_grad) t->z = ag_save(g, ag_size(y) * sizeof *t->z);
    ag_may_forget(y, 0, linear_act_remake);
    t->low = ag_linear_product(g, y, u.scale, t->z, add_bias_and_activate, t);
    return y;
}

ag_tensor *ag_linear_act(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_activation f)
{
    return ag_linear_act_low_rank(g, x, w, b, (ag_low_rank){0}, f);
}
