/* evidence.c - what a linear map says, as evidence that is not negative. Han et al. 2021 (arXiv 2102.02051).
 *
 *   forward    e = softplus(z)
 *   backward   dz = sigmoid(z) de
 *
 *   z: W L elements in rows of words, [W,L] or [W L,1]   e [W,L]
 */
#include "per_word.h"
#include "special.h"

static void evidence_backward(ag_graph *g, ag_tensor *y)
{
    const ag_real *z = y->in[0]->val;
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t i = 0; i < ag_size(y); i++) evi_contribute(d + i, beta, (double)y->grad[i] * evi_sigmoid((double)z[i]));
}

const ag_op evi_op_evidence = {"evidence", 1, evidence_backward};

ag_tensor *evi_evidence(ag_graph *g, ag_tensor *z, int L)
{
    AG_CHECK(L > 0 && ag_size(z) % (size_t)L == 0, "evidence: %zu elements for %d tags", ag_size(z), L);
    ag_tensor *y = ag_node(g, &evi_op_evidence, 2, (const int[]){(int)(ag_size(z) / (size_t)L), L}, &z);
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = (ag_real)evi_softplus((double)z->val[i]);
    return y;
}
