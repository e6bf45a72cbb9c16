/* dirichlet_cross_entropy.c - cross-entropy of the tag, expected over a Dirichlet. Han et al. 2021 (arXiv 2102.02051).
 *
 *   alpha = e + 1,   S = sum over the tags of alpha
 *
 *   forward    y[b] = sum over the words of sequence b of k (psi(S) - psi(alpha[tag]))
 *   backward   de[l] = dy[b] k (psi'(S) - [l = tag] psi'(alpha[tag]))
 *
 *   e [W,L]   k = weight[tag,tag], weight [L,L]   y [n]
 */
#include "per_word.h"
#include "special.h"
#include "uncertainty.h"

static double cost(const ag_real *e, size_t plane, int L, int t, const ag_real *weight)
{
    (void)plane;
    return evi_of_word(weight, t) * (evi_digamma(evi_dirichlet_strength(L, e)) - evi_digamma(1 + (double)e[t]));
}

static void grad(const ag_real *e, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    dy *= evi_of_word(weight, t);
    (void)plane;
    const double of_S = evi_trigamma(evi_dirichlet_strength(L, e)), of_tag = evi_trigamma(1 + (double)e[t]);
    for (int l = 0; l < L; l++) evi_contribute(d + l, beta, dy * (of_S - (l == t ? of_tag : 0)));
}

static void dirichlet_cross_entropy_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_dirichlet_cross_entropy = {"dirichlet_cross_entropy", 1, dirichlet_cross_entropy_backward};

ag_tensor *evi_dirichlet_cross_entropy(ag_graph *g, ag_tensor *evidence, evi_words words, const ag_real *weight)
{
    evi_check_table("dirichlet_cross_entropy", "evidence", evidence);
    return evi_sum_over_words(g, &evi_op_dirichlet_cross_entropy, evidence, words, weight, cost);
}
