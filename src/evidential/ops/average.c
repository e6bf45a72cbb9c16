/* average.c - the mean of the modalities' log-probabilities, over those that a word has.
 *
 *   forward    y = 1/M sum over m of (x_m - log sum over the tags of exp x_m)
 *   backward   dx_m = 1/M (dy - softmax(x_m) sum over the tags of dy);  0 where m is missing
 *
 *   x_m [W,L]   y [W,L]
 */
#include "per_word.h"
#include <math.h>
#include <string.h>

static void average_backward(ag_graph *g, ag_tensor *y)
{
    const evi_modalities *modalities = y->saved;
    const int W = y->dim[0], L = y->dim[1];
    for (int m = 0; m < modalities->n; m++) {
        ag_real beta, *d = ag_grad(g, y->in[m], &beta);
        if (!d) continue;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int w = 0; w < W; w++) {
            const size_t row = (size_t)w * (size_t)L;
            const ag_real *x = y->in[m]->val + row, *dy = y->grad + row;
            int list[AG_MAX_IN];
            const int M = evi_modalities_list(modalities, w, list);
            const bool here = evi_is_present(modalities->present[m], w);
            double log_z = evi_log_sum(x, L), sum = 0;
            for (int l = 0; l < L; l++) sum += (double)dy[l];
            for (int l = 0; l < L; l++) evi_contribute(d + row + l, beta, here ? ((double)dy[l] - exp((double)x[l] - log_z) * sum) / M : 0);
        }
    }
}

const ag_op evi_op_average = {"average", AG_MAX_IN, average_backward};

ag_tensor *evi_average(ag_graph *g, int n, ag_tensor *const *logits, const uint8_t *const *present)
{
    evi_check_same("average", "logits", n, logits);
    evi_check_table("average", "logits", logits[0]);
    const int W = logits[0]->dim[0], L = logits[0]->dim[1];
    ag_tensor *in[AG_MAX_IN] = {0};
    memcpy(in, logits, (size_t)n * sizeof *in);
    ag_tensor *y = ag_node(g, &evi_op_average, 2, logits[0]->dim, in);
    evi_modalities *modalities = y->saved = ag_save(g, sizeof *modalities);
    *modalities = evi_modalities_of("average", n, present, W);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int w = 0; w < W; w++) {
        int list[AG_MAX_IN];
        const int M = evi_modalities_list(modalities, w, list);
        const size_t row = (size_t)w * (size_t)L;
        double log_z[AG_MAX_IN];
        for (int k = 0; k < M; k++) log_z[k] = evi_log_sum(in[list[k]]->val + row, L);
        for (int l = 0; l < L; l++) {
            double sum = 0;
            for (int k = 0; k < M; k++) sum += (double)in[list[k]]->val[row + (size_t)l] - log_z[k];
            y->val[row + (size_t)l] = (ag_real)(sum / M);
        }
    }
    return y;
}
