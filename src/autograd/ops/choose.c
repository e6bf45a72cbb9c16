/* choose.c - rows of x for the sequences that have keys, rows of h for the others: what attention finds nothing for goes through unchanged.
 *
 * For each sequence b:
 *
 *   forward    y_b = x_b where k_start[b] < k_start[b+1], else h_b      h left out: 0
 *   backward   dx_b = dy_b, dh_b = 0 or dx_b = 0, dh_b = dy_b, likewise
 *
 *   x, h, y [N,C], one shape   start [n+1] rows of each sequence, k_start [n+1] its keys, both borrowed
 *   saved: the offsets
 */
#include "kernels.h"
#include "rows.h"
#include <string.h>

struct choose {
    int n;
    const int32_t *start, *k_start;
};

static bool has_keys(const struct choose *t, int b)
{
    return t->k_start[b] < t->k_start[b + 1];
}

static void choose_backward(ag_graph *g, ag_tensor *y)
{
    const struct choose *t = y->saved;
    const size_t C = (size_t)ag_cols(y);
    for (int k = 0; k < 2; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        if (!d) continue;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int b = 0; b < t->n; b++) {
            const size_t at = (size_t)t->start[b] * C, size = (size_t)t->start[b + 1] * C - at;
            const bool taken = has_keys(t, b) == (k == 0);
            if (taken && beta == 0) memcpy(d + at, y->grad + at, size * sizeof *d);
            if (taken && beta != 0) ag_k->add(size, y->grad + at, d + at);
            if (!taken && beta == 0) memset(d + at, 0, size * sizeof *d);
        }
    }
}

const ag_op ag_op_choose = {"choose", 2, choose_backward};

ag_tensor *ag_choose(ag_graph *g, ag_tensor *x, ag_tensor *h, int n, const int32_t *start, const int32_t *k_start)
{
    AG_CHECK(x->rank == 2, "choose: x has rank %d, not 2", x->rank);
    if (h) ag_check_same_shape("choose", "x", x, "h", h);
    ag_check_offsets("choose", "x", n, start, ag_rows(x));
    ag_check_offsets("choose", "k", n, k_start, n > 0 ? (size_t)k_start[n] : 0);
    ag_tensor *y = ag_node(g, &ag_op_choose, 2, x->dim, (ag_tensor *[]){x, h});
    struct choose *t = y->saved = ag_save(g, sizeof *t);
    *t = (struct choose){.n = n, .start = start, .k_start = k_start};
    const size_t C = (size_t)ag_cols(y);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)start[b] * C, size = (size_t)start[b + 1] * C - at;
        const ag_tensor *from = has_keys(t, b) ? x : h;
        if (from)
            memcpy(y->val + at, from->val + at, size * sizeof *y->val);
        else
            memset(y->val + at, 0, size * sizeof *y->val);
    }
    return y;
}
