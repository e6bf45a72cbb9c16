/* word_cross_entropy.c - the engine's cross_entropy over those words alone whose modality is there.
 *
 *   forward    y[b] = sum over present words w of sequence b of  k (log sum_l exp(logits[w,l]) - logits[w,tag])
 *   backward   dlogits[w,l] = dy[b] k (softmax(logits[w])[l] - [l = tag]);  0 where w is missing
 *
 *   logits [W,L]   k = weight[tag,tag], weight [L,L]   y [n]
 */
#include "per_word.h"
#include <math.h>

static double cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight)
{
    (void)plane;
    return evi_of_word(weight, t) * (evi_log_sum(x, L) - (double)x[t]);
}

static void grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    dy *= evi_of_word(weight, t);
    (void)plane;
    const double log_z = evi_log_sum(x, L);
    for (int l = 0; l < L; l++) evi_contribute(d + l, beta, dy * (exp((double)x[l] - log_z) - (l == t)));
}

static void word_cross_entropy_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_word_cross_entropy = {"word_cross_entropy", 1, word_cross_entropy_backward};

ag_tensor *evi_word_cross_entropy(ag_graph *g, ag_tensor *logits, evi_words words, const ag_real *weight)
{
    evi_check_table("word_cross_entropy", "logits", logits);
    return evi_sum_over_words(g, &evi_op_word_cross_entropy, logits, words, weight, cost);
}
