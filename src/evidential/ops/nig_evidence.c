/* nig_evidence.c - what a belief claims to have observed, as the regulariser counts it where the error is 1. For beliefs about noise, of
 * which nothing can be known (our reading).
 *
 *   forward    y       = 2 nu + alpha
 *   backward   d nu    = 2
 *              d alpha = 1
 *              d gamma = d beta = 0
 *
 *   belief [4,W,L]   y [n], summed over words and tags
 */
#include "per_word.h"

static double cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight)
{
    (void)t, (void)weight;
    double sum = 0;
    for (int l = 0; l < L; l++) sum += 2 * (double)x[EVI_NU * plane + (size_t)l] + (double)x[EVI_ALPHA * plane + (size_t)l];
    return sum;
}

static void grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    (void)x, (void)t, (void)weight;
    for (int l = 0; l < L; l++, d++) {
        evi_contribute(d, beta, 0);
        evi_contribute(d + EVI_NU * plane, beta, 2 * dy);
        evi_contribute(d + EVI_ALPHA * plane, beta, dy);
        evi_contribute(d + EVI_BETA * plane, beta, 0);
    }
}

static void nig_evidence_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_nig_evidence = {"nig_evidence", 1, nig_evidence_backward};

ag_tensor *evi_nig_evidence(ag_graph *g, ag_tensor *belief, evi_words words)
{
    evi_check_belief("nig_evidence", belief);
    return evi_sum_over_words(g, &evi_op_nig_evidence, belief, words, NULL, cost);
}
