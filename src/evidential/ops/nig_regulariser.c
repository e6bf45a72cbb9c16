/* nig_regulariser.c - evidence for what is wrong costs. Amini et al. 2020 (arXiv 1910.02600).
 *
 *   e = y - gamma
 *
 *   forward    r       = |e| (2 nu + alpha)
 *   backward   d gamma = -sign(e) (2 nu + alpha)      sign(0) = 0
 *              d nu    = 2 |e|
 *              d alpha = |e|
 *              d beta  = 0
 *
 *   belief [4,W,L]   y = [l = tag of the word]   r [n], summed over words and tags with weight [L,L]
 */
#include "per_word.h"
#include <math.h>

static double cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight)
{
    double sum = 0;
    for (int l = 0; l < L; l++, x++)
        sum += (weight ? (double)weight[l] : 1) * fabs((l == t) - (double)x[0]) *
               (2 * (double)x[EVI_NU * plane] + (double)x[EVI_ALPHA * plane]);
    return sum;
}

static void grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    for (int l = 0; l < L; l++, x++, d++) {
        const double e = (l == t) - (double)x[0], dr = weight ? dy * (double)weight[l] : dy;
        const double sign = e > 0 ? 1 : e < 0 ? -1 : 0;
        evi_contribute(d, beta, -dr * sign * (2 * (double)x[EVI_NU * plane] + (double)x[EVI_ALPHA * plane]));
        evi_contribute(d + EVI_NU * plane, beta, dr * 2 * fabs(e));
        evi_contribute(d + EVI_ALPHA * plane, beta, dr * fabs(e));
        evi_contribute(d + EVI_BETA * plane, beta, 0);
    }
}

static void nig_regulariser_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_nig_regulariser = {"nig_regulariser", 1, nig_regulariser_backward};

ag_tensor *evi_nig_regulariser(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight)
{
    evi_check_belief("nig_regulariser", belief);
    return evi_sum_over_words(g, &evi_op_nig_regulariser, belief, words, weight, cost);
}
