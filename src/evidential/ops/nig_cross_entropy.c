/* nig_cross_entropy.c - cross-entropy of beliefs whose gamma is a probability (EVI_PROB).
 *
 *   forward    y[b] = sum over the words w of sequence b of -k log max(gamma[w,tag], FLOOR)
 *   backward   d gamma[w,tag] = -dy[b] k / gamma[w,tag], 0 below the floor; all else 0
 *
 *   belief [4,W,L]   k = weight[tag,tag], weight [L,L]   y [n]
 *
 * FLOOR is above the smallest normal float, where a softmax has lost its gradient already.
 */
#include "per_word.h"
#include <math.h>

static const double FLOOR = 1e-37;

static double cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight)
{
    (void)plane, (void)L;
    return -evi_of_word(weight, t) * log(fmax((double)x[t], FLOOR));
}

static void grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    dy *= evi_of_word(weight, t);
    for (size_t p = 0; p < EVI_PLANES; p++)
        for (int l = 0; l < L; l++) evi_contribute(d + p * plane + l, beta, 0);
    if ((double)x[t] >= FLOOR) d[t] += (ag_real)(-dy / (double)x[t]);
}

static void nig_cross_entropy_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_nig_cross_entropy = {"nig_cross_entropy", 1, nig_cross_entropy_backward};

ag_tensor *evi_nig_cross_entropy(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight)
{
    evi_check_belief("nig_cross_entropy", belief);
    return evi_sum_over_words(g, &evi_op_nig_cross_entropy, belief, words, weight, cost);
}
