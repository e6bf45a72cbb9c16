/* add_layernorm.c - the end of a post-norm sublayer: Vaswani et al. 2017 (arXiv 1706.03762), section 5.4.
 *
 *   forward    s = x + m h            m: the mask of ag_dropout, 1 at rate 0
 *              n = (s - mu) r,   r = 1 / sqrt(var + eps),   y = gain n + bias
 *   backward   ds = r (gain dy - mean_C(gain dy) - n mean_C(gain dy n))
 *              dx = ds      dh = m ds      dgain = sum_N dy n      dbias = sum_N dy
 *
 *   x, h, y [N,C]   gain, bias [C]    mu, var of s over C
 *   saved: n [N,C], r [N], the mask's description; s lives only where y then stands
 */
#include "kernels.h"
#include "layernorm.h"

struct add_layernorm {
    ag_normal normal;
    ag_mask mask;
};

static void add_layernorm_backward(ag_graph *g, ag_tensor *y)
{
    const struct add_layernorm *t = y->saved;
    ag_layernorm_grads(g, y, t->normal, y->in[0], y->in[1], &t->mask, y->in[2], y->in[3]);
}

static void add_layernorm_remake(ag_tensor *y)
{
    const struct add_layernorm *t = y->saved;
    ag_layernorm_remake(y, t->normal, y->in[2], y->in[3]);
}

const ag_op ag_op_add_layernorm = {"add_layernorm", 4, add_layernorm_backward};

ag_tensor *ag_add_layernorm(ag_graph *g, ag_tensor *x, ag_tensor *h, ag_dropout drop, ag_tensor *gain, ag_tensor *bias, double eps)
{
    ag_check_same_shape("add_layernorm", "x", x, "h", h);
    ag_layernorm_check("add_layernorm", x, gain, bias, eps);
    const ag_mask mask = ag_mask_of("add_layernorm", drop, ag_rows(x));
    ag_tensor *y = ag_node(g, &ag_op_add_layernorm, x->rank, x->dim, (ag_tensor *[]){x, h, gain, bias});
    struct add_layernorm *t = y->saved = ag_save(g, sizeof *t);
    *t = (struct add_layernorm){.normal = ag_normal_save(g, y), .mask = mask};
    ag_may_forget(y, 1 | 2, add_layernorm_remake);
    const ag_normal saved = t->normal;
    const int N = (int)ag_rows(y), C = ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int row = 0; row < (C ? N : 0); row++) {
        const size_t at = (size_t)row * (size_t)C;
        ag_real *s = y->val + at;
        ag_mask_row(&t->mask, (size_t)row, C, h->val + at, x->val + at, s);
        const ag_real r = ag_k->layernorm((size_t)C, s, gain->val, bias->val, eps, saved.normal ? saved.normal + at : NULL, s);
        if (saved.r) saved.r[row] = r;
    }
    return y;
}
