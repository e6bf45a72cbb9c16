/* nig_emissions.c - what a belief says for each tag, as scores for a CRF or a softmax.
 *
 *   forward    onehot   y = s gamma + b          prob   y = log(gamma + EPS)
 *   backward            dgamma = s dy                   dgamma = dy / (gamma + EPS)
 *                       ds = sum over words and tags of gamma dy      db[l] = sum over words of dy[.,l]
 *              nu, alpha and beta have no part in it
 *
 *   belief [4,W,L]   s [1]   b [L]   y [W,L]
 */
#include "per_word.h"
#include <math.h>

static const double EPS = 1e-6;

static void nig_emissions_backward(ag_graph *g, ag_tensor *y)
{
    ag_tensor *belief = y->in[0], *s = y->in[1], *b = y->in[2];
    const ag_real *gamma = belief->val;
    const size_t size = ag_size(y), L = (size_t)ag_cols(y);
    ag_real beta, *d;
    if ((d = ag_grad(g, belief, &beta))) {
        for (size_t i = 0; i < size; i++)
            evi_contribute(d + i, beta, (double)y->grad[i] * (s ? (double)s->val[0] : 1 / ((double)gamma[i] + EPS)));
        for (size_t i = size; i < EVI_PLANES * size; i++) evi_contribute(d + i, beta, 0);
    }
    if ((d = ag_grad(g, s, &beta))) {
        double sum = 0;
        for (size_t i = 0; i < size; i++) sum += (double)y->grad[i] * (double)gamma[i];
        evi_contribute(d, beta, sum);
    }
    if ((d = ag_grad(g, b, &beta)))
        for (size_t l = 0; l < L; l++) {
            double sum = 0;
            for (size_t i = l; i < size; i += L) sum += (double)y->grad[i];
            evi_contribute(d + l, beta, sum);
        }
}

const ag_op evi_op_nig_emissions = {"nig_emissions", 3, nig_emissions_backward};

ag_tensor *evi_nig_emissions(ag_graph *g, evi_reading reading, ag_tensor *belief, ag_tensor *s, ag_tensor *b)
{
    evi_check_belief("nig_emissions", belief);
    const int L = belief->dim[2];
    if (reading == EVI_ONEHOT) {
        AG_CHECK(s && ag_size(s) == 1, "nig_emissions: s has %zu entries, not 1", s ? ag_size(s) : (size_t)0);
        AG_CHECK(b && ag_size(b) == (size_t)L, "nig_emissions: b has %zu entries for %d tags", b ? ag_size(b) : (size_t)0, L);
    } else {
        AG_CHECK(reading == EVI_PROB && !s && !b, "nig_emissions: reading %d takes no s and no b", (int)reading);
    }
    ag_tensor *y = ag_node(g, &evi_op_nig_emissions, 2, belief->dim + 1, (ag_tensor *[]){belief, s, b});
    for (size_t i = 0; i < ag_size(y); i++)
        y->val[i] = s ? s->val[0] * belief->val[i] + b->val[i % (size_t)L] : (ag_real)log((double)belief->val[i] + EPS);
    return y;
}
