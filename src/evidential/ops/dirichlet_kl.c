/* dirichlet_kl.c - how far the evidence for other tags than the word's is from none. Han et al. 2021 (arXiv 2102.02051).
 *
 *   a[l] = e[l] + 1, but a[tag] = 1;   A = sum over the tags of a
 *
 *   forward    y[b] = sum over the words of sequence b of
 *                     log Gamma(A) - log Gamma(L) - sum_l log Gamma(a[l]) + sum_l (a[l] - 1) (psi(a[l]) - psi(A))
 *   backward   de[l] = dy[b] ((a[l] - 1) psi'(a[l]) - (A - L) psi'(A)),  de[tag] = 0
 *
 *   e [W,L]   y [n]. In double: the log Gammas of evidence in the thousands cancel.
 */
#include "per_word.h"
#include "special.h"

static double evidence_of_others(const ag_real *e, int L, int t)
{
    double sum = 0;
    for (int l = 0; l < L; l++)
        if (l != t) sum += (double)e[l];
    return sum;
}

static double cost(const ag_real *e, size_t plane, int L, int t, const ag_real *weight)
{
    (void)plane, (void)weight;
    const double A = L + evidence_of_others(e, L, t), psi_A = evi_digamma(A);
    double sum = evi_lgamma(A) - evi_lgamma(L);
    for (int l = 0; l < L; l++) {
        const double a = 1 + (double)e[l];
        if (l != t) sum += (double)e[l] * (evi_digamma(a) - psi_A) - evi_lgamma(a);
    }
    return sum;
}

static void grad(const ag_real *e, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d)
{
    (void)plane, (void)weight;
    const double others = evidence_of_others(e, L, t), shared = others * evi_trigamma(L + others);
    for (int l = 0; l < L; l++) evi_contribute(d + l, beta, l == t ? 0 : dy * ((double)e[l] * evi_trigamma(1 + (double)e[l]) - shared));
}

static void dirichlet_kl_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_dirichlet_kl = {"dirichlet_kl", 1, dirichlet_kl_backward};

ag_tensor *evi_dirichlet_kl(ag_graph *g, ag_tensor *evidence, evi_words words)
{
    evi_check_table("dirichlet_kl", "evidence", evidence);
    return evi_sum_over_words(g, &evi_op_dirichlet_kl, evidence, words, NULL, cost);
}
