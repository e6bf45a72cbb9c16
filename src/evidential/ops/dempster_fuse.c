/* dempster_fuse.c - the reduced Dempster rule for Dirichlet evidence. Han et al. 2021 (arXiv 2102.02051).
 *
 *   The paper combines two opinions b = e / S, u = L / S (S = L + sum of e) to
 *       b = (b1 b2 + b1 u2 + b2 u1) / (1 - C),   u = u1 u2 / (1 - C),   and takes back e = b S = b L / u
 *   in which the conflict C cancels: e = L (b1 b2 + b1 u2 + b2 u1) / (u1 u2) = e1 + e2 + e1 e2 / L, or 1 + e/L = (1 + e1/L) (1 + e2/L).
 *   So for M modalities, in any order, with nothing to divide by:
 *
 *   forward    e = L (product over m of (1 + e_m / L) - 1)
 *   backward   de_m = de times the product over the other modalities k of (1 + e_k / L);  0 where m is missing
 *
 *   e_m [W,L]   e [W,L]
 */
#include "per_word.h"
#include <string.h>

static void dempster_fuse_backward(ag_graph *g, ag_tensor *y)
{
    const evi_modalities *modalities = y->saved;
    const int W = y->dim[0], L = y->dim[1];
    for (int m = 0; m < modalities->n; m++) {
        ag_real beta, *d = ag_grad(g, y->in[m], &beta);
        if (!d) continue;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int w = 0; w < W; w++) {
            int list[AG_MAX_IN];
            const int M = evi_modalities_list(modalities, w, list);
            const bool here = evi_is_present(modalities->present[m], w);
            for (size_t i = (size_t)w * (size_t)L; i < (size_t)(w + 1) * (size_t)L; i++) {
                double others = here;
                for (int k = 0; k < M; k++)
                    if (list[k] != m) others *= 1 + (double)y->in[list[k]]->val[i] / L;
                evi_contribute(d + i, beta, (double)y->grad[i] * others);
            }
        }
    }
}

const ag_op evi_op_dempster_fuse = {"dempster_fuse", AG_MAX_IN, dempster_fuse_backward};

ag_tensor *evi_dempster_fuse(ag_graph *g, int n, ag_tensor *const *evidence, const uint8_t *const *present)
{
    evi_check_same("dempster_fuse", "tables of evidence", n, evidence);
    evi_check_table("dempster_fuse", "evidence", evidence[0]);
    const int W = evidence[0]->dim[0], L = evidence[0]->dim[1];
    const evi_modalities of = evi_modalities_of("dempster_fuse", n, present, W);
    if (n == 1) return evidence[0];

    ag_tensor *in[AG_MAX_IN] = {0};
    memcpy(in, evidence, (size_t)n * sizeof *in);
    ag_tensor *y = ag_node(g, &evi_op_dempster_fuse, 2, evidence[0]->dim, in);
    evi_modalities *modalities = y->saved = ag_save(g, sizeof *modalities);
    *modalities = of;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int w = 0; w < W; w++) {
        int list[AG_MAX_IN];
        const int M = evi_modalities_list(&of, w, list);
        for (size_t i = (size_t)w * (size_t)L; i < (size_t)(w + 1) * (size_t)L; i++) {
            double e = 0; /* not as a product minus 1, which would lose small evidence */
            for (int k = 0; k < M; k++) e += (double)in[list[k]]->val[i] * (1 + e / L);
            y->val[i] = (ag_real)e;
        }
    }
    return y;
}
