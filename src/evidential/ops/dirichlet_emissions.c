/* dirichlet_emissions.c - log of the probability that a Dirichlet expects for each tag.
 *
 *   S = sum over the tags of (1 + e)
 *
 *   forward    y[l] = log((1 + e[l]) / S)
 *   backward   de[l] = dy[l] / (1 + e[l]) - sum over the tags of dy / S
 *
 *   e [W,L]   y [W,L]
 */
#include "per_word.h"
#include "uncertainty.h"
#include <math.h>

static void dirichlet_emissions_backward(ag_graph *g, ag_tensor *y)
{
    const int L = y->dim[1];
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (int w = 0; w < y->dim[0]; w++) {
        const size_t row = (size_t)w * (size_t)L;
        const ag_real *e = y->in[0]->val + row, *dy = y->grad + row;
        double sum = 0;
        for (int l = 0; l < L; l++) sum += (double)dy[l];
        const double shared = sum / evi_dirichlet_strength(L, e);
        for (int l = 0; l < L; l++) evi_contribute(d + row + l, beta, (double)dy[l] / (1 + (double)e[l]) - shared);
    }
}

const ag_op evi_op_dirichlet_emissions = {"dirichlet_emissions", 1, dirichlet_emissions_backward};

ag_tensor *evi_dirichlet_emissions(ag_graph *g, ag_tensor *evidence)
{
    evi_check_table("dirichlet_emissions", "evidence", evidence);
    const int L = evidence->dim[1];
    ag_tensor *y = ag_node(g, &evi_op_dirichlet_emissions, 2, evidence->dim, &evidence);
    for (int w = 0; w < y->dim[0]; w++) {
        const ag_real *e = evidence->val + (size_t)w * (size_t)L;
        const double log_S = log(evi_dirichlet_strength(L, e));
        for (int l = 0; l < L; l++) y->val[(size_t)w * (size_t)L + (size_t)l] = (ag_real)(log1p((double)e[l]) - log_S);
    }
    return y;
}
