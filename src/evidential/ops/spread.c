/* spread.c - one row a sequence becomes one row a word: a belief about a picture is one about each word of its tweet.
 *
 *   forward    y[p,w] = x[p,b] for start[b] <= w < start[b+1]
 *   backward   dx[p,b] = sum over those w, in their order, of dy[p,w]
 *
 *   x [B,L] or [P,B,L]   start [B+1], borrowed   y [W,L] or [P,W,L]
 */
#include "per_word.h"
#include <string.h>

struct spread {
    const int32_t *start;
};

static void spread_backward(ag_graph *g, ag_tensor *y)
{
    const int32_t *start = ((const struct spread *)y->saved)->start;
    const ag_tensor *x = y->in[0];
    const int P = x->rank == 3 ? x->dim[0] : 1, B = x->dim[x->rank - 2], W = y->dim[x->rank - 2], L = ag_cols(x);
    ag_real beta, *dx = ag_grad(g, y->in[0], &beta);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int i = 0; i < P * B; i++) {
        const int p = i / B, b = i % B;
        for (int l = 0; l < L; l++) {
            double sum = 0;
            for (int w = start[b]; w < start[b + 1]; w++)
                sum += (double)y->grad[((size_t)p * (size_t)W + (size_t)w) * (size_t)L + (size_t)l];
            evi_contribute(dx + (size_t)i * (size_t)L + l, beta, sum);
        }
    }
}

const ag_op evi_op_spread = {"spread", 1, spread_backward};

ag_tensor *evi_spread(ag_graph *g, ag_tensor *x, int W, const int32_t *word_start)
{
    AG_CHECK(x->rank == 2 || x->rank == 3, "spread: x has rank %d, not 2 or 3", x->rank);
    const int P = x->rank == 3 ? x->dim[0] : 1, B = x->dim[x->rank - 2], L = ag_cols(x);
    evi_check_start("spread", B, word_start, W);
    const int planes[] = {P, W, L};
    ag_tensor *y = ag_node(g, &evi_op_spread, x->rank, planes + (x->rank == 2), &x);
    struct spread *s = y->saved = ag_save(g, sizeof *s);
    s->start = word_start;
    for (int p = 0; p < P; p++)
        for (int b = 0; b < B; b++)
            for (int w = word_start[b]; w < word_start[b + 1]; w++)
                memcpy(y->val + ((size_t)p * (size_t)W + (size_t)w) * (size_t)L, x->val + ((size_t)p * (size_t)B + (size_t)b) * (size_t)L,
                       (size_t)L * sizeof *y->val);
    return y;
}
