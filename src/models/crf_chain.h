/* crf_chain.h - the dynamic programs under crf.h: a filter that runs forward and a smoother that runs backward.
 *
 *   alpha_0 = start + e_0        alpha_t(to) = e_t(to) + lse over from of [alpha_t-1(from) + T(from,to)]
 *   log Z = lse(alpha_n-1 + end)         each alpha_t is kept minus its largest entry; what was subtracted is added up beside
 *
 * Given the tag at word t, the one before it depends on the words before alone:
 *
 *   r_t(from | to) = softmax over from of [alpha_t-1(from) + T(from,to)]
 *   p_n-1 = softmax(alpha_n-1 + end)     p_t-1(from) = sum over to of p_t(to) r_t(from | to)
 *
 * so marginals, the expected counts of transitions p_t(to) r_t(from | to), and the probability of any stretch of tags are products and sums
 * of probabilities: nothing cancels, whatever the scores. Everywhere e, start, T and end are those of crf_scores divided by its
 * temperature.
 *
 *   e [n,L]   T [L,L]   alpha, p [n,L]   r_t( . | to) [L]
 */
#ifndef CRF_CHAIN_H
#define CRF_CHAIN_H

#include "crf.h"

/* The scores as they count: in double, with CRF_FORBIDDEN in place. */
struct crf_chain {
    int L;
    const double *start, *end; /* [L] */
    const double *into;        /* [L,L]: to, from */
    double scale;              /* of the emissions: 1 / temperature, which is in the others already */
};

static inline size_t crf_chain_size(int L)
{
    return (size_t)L * ((size_t)L + 2);
} /* doubles of room for crf_chain_fill */
struct crf_chain crf_chain_fill(const struct crf_scores *s, double *room);

/* alpha [n,L]; gives log Z. n = 0: 0. */
double crf_chain_filter(const struct crf_chain *c, int n, const ag_real *emissions, double *alpha);
/* p [L] of the last of n > 0 words. */
void crf_chain_last(const struct crf_chain *c, int n, const double *alpha, double *p);
/* r_t( . | to) [L], t > 0. */
void crf_chain_reverse(const struct crf_chain *c, int t, const double *alpha, int to, double *r);
/* p_t-1 from p_t, t > 0; r [L] is room. counts [L,L] (from, to), where not NULL: += the expected transitions. */
void crf_chain_smooth(const struct crf_chain *c, int t, const double *alpha, const double *p, double *before, double *r, double *counts);
/* The best path and its score; back [n,L] is room. n = 0: 0. */
double crf_chain_best(const struct crf_chain *c, int n, const ag_real *emissions, double *alpha, int32_t *back, int32_t *tags);
double crf_chain_score(const struct crf_chain *c, int n, const ag_real *emissions, const int32_t *tags);

#endif
