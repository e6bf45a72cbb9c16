/* linear.c - affine map over the last dimension.
 *
 *   forward    y = x w^T + b                                 the bias is added while a tile of the product is still in the cache
 *   backward   dx = dy w      dw = dy^T x      db = sum_N dy
 *
 * with a low-rank update of w, which is never put together: W = w + s up down,
 *
 *   forward    low = s x down^T         y = x w^T + low up^T + b
 *   backward   dlow = s dy up           dx = dy w + dlow down         ddown = dlow^T x         dup = dy^T low
 *
 *   x [..,K]   w [O,K]   b [O] or left out   down [r,K], up [O,r] or both left out   low [N,r]   y [..,O]
 *   N = product of the leading dimensions
 *   saved: s, low
 *
 * Source: w as in Hugging Face files and torch.nn.Linear, one row an output; the update is Hu et al. 2021 (arXiv 2106.09685), section 4.1,
 * with down their A, up their B, s their alpha / r.
 */
#include "linear.h"
#include "kernels.h"
#include "rows.h"
#include <string.h>

void ag_linear_check(const char *op, const ag_tensor *x, const ag_tensor *w, const ag_tensor *b, ag_low_rank u, int dim[AG_MAX_RANK])
{
    AG_CHECK(x->rank >= 1, "%s: x has no last dimension", op);
    AG_CHECK(w->rank == 2 && w->dim[1] == ag_cols(x), "%s: x has %d columns, w is [%d,%d] of rank %d", op, ag_cols(x), w->dim[0], w->dim[1],
             w->rank);
    AG_CHECK(!b || (b->rank == 1 && b->dim[0] == w->dim[0]), "%s: w has %d rows, b %d entries in rank %d", op, w->dim[0], ag_cols(b),
             b->rank);
    AG_CHECK(!u.down == !u.up, "%s: a low-rank update of one matrix", op);
    AG_CHECK(!u.down || (u.down->rank == 2 && u.down->dim[1] == w->dim[1]), "%s: w is [%d,%d], down has %d columns in rank %d", op,
             w->dim[0], w->dim[1], ag_cols(u.down), u.down->rank);
    AG_CHECK(!u.up || (u.up->rank == 2 && u.up->dim[0] == w->dim[0] && u.up->dim[1] == u.down->dim[0]),
             "%s: w has %d rows, down %d, up is [%d,%d] of rank %d", op, w->dim[0], u.down->dim[0], u.up->dim[0], u.up->dim[1], u.up->rank);
    memcpy(dim, x->dim, sizeof x->dim);
    dim[x->rank - 1] = w->dim[0];
}

struct scaled {
    ag_real s, *x;
    int C;
};

static void scale_tile(void *context, int r0, int r1, int c0, int c1)
{
    const struct scaled *t = context;
    for (int r = r0; r < r1; r++)
        for (int c = c0; c < c1; c++) t->x[(size_t)r * (size_t)t->C + (size_t)c] *= t->s;
}

/* z = x w^T */
static void product(const ag_tensor *x, const ag_tensor *w, ag_real *z, ag_tile_finish finish, void *context)
{
    const int N = (int)ag_rows(x), O = w->dim[0], K = w->dim[1];
    if (w->param && w->param->in_panels)
        ag_gemm_panels(N, O, K, x->val, w->val, z, finish, context);
    else
        ag_gemm(false, true, N, O, K, x->val, w->val, 0, z, finish, context);
}

ag_low ag_linear_product(ag_graph *g, const ag_tensor *y, double scale, ag_real *z, ag_tile_finish finish, void *context)
{
    const ag_tensor *x = y->in[0], *w = y->in[1], *down = y->in[3], *up = y->in[4];
    const int N = (int)ag_rows(x), K = ag_cols(x), O = ag_cols(y);
    if (!down) {
        product(x, w, z, finish, context);
        return (ag_low){0};
    }
    const int r = down->dim[0];
    const ag_low low = {.scale = (ag_real)scale, .low = ag_save(g, (size_t)N * (size_t)r * sizeof(ag_real))};
    struct scaled scaled = {.s = low.scale, .x = low.low, .C = r};
    ag_gemm(false, true, N, r, K, x->val, down->val, 0, low.low, scale_tile, &scaled);
    product(x, w, z, NULL, NULL);
    ag_gemm(false, true, N, O, r, low.low, up->val, 1, z, finish, context);
    return low;
}

static void low_rank_grads(ag_graph *g, ag_tensor *y, const ag_low *low, const ag_real *dz)
{
    ag_tensor *x = y->in[0], *down = y->in[3], *up = y->in[4];
    const int N = (int)ag_rows(x), K = ag_cols(x), O = ag_cols(y), r = down->dim[0];
    ag_real beta, *d, *dlow = ag_pool_take(g, (size_t)N * (size_t)r);
    struct scaled scaled = {.s = low->scale, .x = dlow, .C = r};
    if (x->wants_grad || down->wants_grad) ag_gemm(false, false, N, r, O, dz, up->val, 0, dlow, scale_tile, &scaled);
    if ((d = ag_grad(g, x, &beta))) ag_gemm(false, false, N, K, r, dlow, down->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, down, &beta))) ag_gemm(true, false, r, K, N, dlow, x->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, up, &beta))) ag_gemm(true, false, O, r, N, dz, low->low, beta, d, NULL, NULL);
    ag_pool_give(g, dlow);
}

void ag_linear_grads(ag_graph *g, ag_tensor *y, const ag_low *low, const ag_real *dz)
{
    ag_tensor *x = y->in[0], *w = y->in[1], *b = y->in[2];
    const int N = (int)ag_rows(x), K = ag_cols(x), O = ag_cols(y);
    ag_real beta, *d;
    AG_CHECK(!w->param || !w->param->in_panels, "%s: parameter %s predicts only and takes no gradient through it", y->op->name,
             w->param->name);
    if ((d = ag_grad(g, x, &beta))) ag_gemm(false, false, N, K, O, dz, w->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, w, &beta))) ag_gemm(true, false, O, K, N, dz, x->val, beta, d, NULL, NULL);
    if ((d = ag_grad(g, b, &beta))) ag_column_sums((size_t)N, O, dz, beta, d);
    if (low->low) low_rank_grads(g, y, low, dz);
}

static void linear_backward(ag_graph *g, ag_tensor *y)
{
    ag_linear_grads(g, y, y->saved, y->grad);
}

const ag_op ag_op_linear = {"linear", 5, linear_backward};

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

ag_tensor *ag_linear_low_rank(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_low_rank u)
{
    int dim[AG_MAX_RANK];
    ag_linear_check("linear", x, w, b, u, dim);
    ag_tensor *y = ag_node(g, &ag_op_linear, x->rank, dim, (ag_tensor *[]){x, w, b, u.down, u.up});
    struct bias t = {.b = b ? b->val : NULL, .y = y->val, .O = ag_cols(y)};
    ag_low *low = y->saved = ag_save(g, sizeof *low);
    ag_may_forget(y, 0, NULL);
    *low = ag_linear_product(g, y, u.scale, y->val, b ? add_bias : NULL, &t);
    return y;
}

ag_tensor *ag_linear(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b)
{
    return ag_linear_low_rank(g, x, w, b, (ag_low_rank){0});
}
