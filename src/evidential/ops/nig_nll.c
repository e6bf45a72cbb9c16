/* nig_nll.c - negative log-likelihood of one-hot targets under NIG beliefs. Amini et al. 2020 (arXiv 1910.02600), rearranged.
 *
 *   The predictive density of y is a Student-t with 2 alpha degrees of freedom. With e = y - gamma, Omega = 2 beta (1 + nu),
 *   D = nu e^2 + Omega:
 *
 *   forward    nll      = 1/2 log(pi Omega / nu) + (alpha + 1/2) log1p(nu e^2 / Omega) + log Gamma(alpha) - log Gamma(alpha + 1/2)
 *   backward   d gamma  = -(2 alpha + 1) nu e / D
 *              d nu     = (alpha + 1/2) e^2 / (D (1 + nu)) - 1 / (2 nu (1 + nu))
 *              d alpha  = log1p(nu e^2 / Omega) + psi(alpha) - psi(alpha + 1/2)
 *              d beta   = (1 + nu) / D - alpha nu e^2 / (beta D)
 *
 *   The paper's form, and the derivatives read off it, cancel: at alpha = 1e4 it is off by 1e-2 in float, and d nu by up to 90 %. All is
 *   computed in double; special.h has the two differences of gamma functions.
 *
 *   belief [4,W,L]   y = [l = tag of the word]   nll [n], summed over words and tags with weight [L,L]
 */
#include "per_word.h"
#include "special.h"
#include <math.h>

static const double PI = 3.14159265358979323846;

static double cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight)
{
    double sum = 0;
    for (int l = 0; l < L; l++, x++) {
        const double e = (l == t) - (double)x[0], nu = (double)x[EVI_NU * plane], alpha = (double)x[EVI_ALPHA * plane],
                     Omega = 2 * (double)x[EVI_BETA * plane] * (1 + nu);
        const double nll = 0.5 * log(PI * Omega / nu) + (alpha + 0.5) * log1p(nu * e * e / Omega) + evi_lgamma_half(alpha);
        sum += (weight ? (double)weight[l] : 1) * nll;
    }
    return sum;
}

static void grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real keep, ag_real *d)
{
    for (int l = 0; l < L; l++, x++, d++) {
        const double e = (l == t) - (double)x[0], nu = (double)x[EVI_NU * plane], alpha = (double)x[EVI_ALPHA * plane],
                     beta = (double)x[EVI_BETA * plane], Omega = 2 * beta * (1 + nu), D = nu * e * e + Omega;
        const double dnll = weight ? dy * (double)weight[l] : dy;
        evi_contribute(d, keep, dnll * -(2 * alpha + 1) * nu * e / D);
        evi_contribute(d + EVI_NU * plane, keep, dnll * ((alpha + 0.5) * e * e / (D * (1 + nu)) - 0.5 / (nu * (1 + nu))));
        evi_contribute(d + EVI_ALPHA * plane, keep, dnll * (log1p(nu * e * e / Omega) + evi_digamma_half(alpha)));
        evi_contribute(d + EVI_BETA * plane, keep, dnll * ((1 + nu) / D - alpha * nu * e * e / (beta * D)));
    }
}

static void nig_nll_backward(ag_graph *g, ag_tensor *y)
{
    evi_sum_over_words_backward(g, y, grad);
}

const ag_op evi_op_nig_nll = {"nig_nll", 1, nig_nll_backward};

ag_tensor *evi_nig_nll(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight)
{
    evi_check_belief("nig_nll", belief);
    return evi_sum_over_words(g, &evi_op_nig_nll, belief, words, weight, cost);
}
