/* cross_entropy.c - softmax and negative log-likelihood of the target, summed over each sequence.
 *
 *   forward    y[b] = sum over rows i of sequence b of  log sum_l exp(logits[i,l]) - logits[i,target[i]]
 *   backward   dlogits[i,l] = dy[b] (p[i,l] - [l = target[i]]),   p = softmax(logits[i])
 *
 *   logits [N,L]   target [N] in 0 .. L-1   start [n+1]   y [n]     target and start are borrowed
 *   saved: p [N,L], target, start
 */
#include "kernels.h"
#include "rows.h"

struct cross_entropy {
    ag_real *p;
    const int32_t *target, *start;
};

static void cross_entropy_backward(ag_graph *g, ag_tensor *y)
{
    const struct cross_entropy *t = y->saved;
    const int n = y->dim[0], L = ag_cols(y->in[0]);
    ag_real beta, *dlogits = ag_grad(g, y->in[0], &beta);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < n; b++)
        for (int i = t->start[b]; i < t->start[b + 1]; i++) {
            const size_t at = (size_t)i * (size_t)L;
            for (int l = 0; l < L; l++) {
                const ag_real d = y->grad[b] * (t->p[at + (size_t)l] - (l == t->target[i] ? 1 : 0));
                dlogits[at + (size_t)l] = d + (beta != 0 ? dlogits[at + (size_t)l] : 0);
            }
        }
}

const ag_op ag_op_cross_entropy = {"cross_entropy", 1, cross_entropy_backward};

ag_tensor *ag_cross_entropy(ag_graph *g, ag_tensor *logits, const int32_t *target, int n, const int32_t *start)
{
    AG_CHECK(logits->rank == 2, "cross_entropy: logits have rank %d, not 2", logits->rank);
    const int N = logits->dim[0], L = logits->dim[1];
    ag_check_offsets("cross_entropy", "logits", n, start, (size_t)N);
    for (int i = 0; i < N; i++)
        AG_CHECK(target[i] >= 0 && target[i] < L, "cross_entropy: target %d of row %d, logits [%d,%d]", (int)target[i], i, N, L);

    ag_tensor *y = ag_node(g, &ag_op_cross_entropy, 1, &n, &logits);
    struct cross_entropy *t = y->saved = ag_save(g, sizeof *t);
    *t = (struct cross_entropy){.p = ag_save(g, ag_size(logits) * sizeof *t->p), .target = target, .start = start};
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < n; b++) {
        double sum = 0;
        for (int i = start[b]; i < start[b + 1]; i++) {
            const ag_real *x = logits->val + (size_t)i * (size_t)L;
            sum += (double)(ag_k->softmax((size_t)L, x, t->p + (size_t)i * (size_t)L) - x[target[i]]);
        }
        y->val[b] = (ag_real)sum;
    }
    return y;
}
