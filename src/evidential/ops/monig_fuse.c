/* monig_fuse.c - several NIG beliefs about one thing become one: the mixture of NIG. Ma et al. 2021 (arXiv 2111.08456), eq. 9, for M
 * modalities at once; a modality that a word lacks is left out of all sums, and M is the number that it has.
 *
 *   forward    nu    = sum nu_m
 *              gamma = sum nu_m gamma_m / nu
 *              alpha = sum alpha_m + (M - 1)/2;   vacuous_neutral: 1 + sum(alpha_m - 1)
 *              beta  = sum beta_m + 1/2 sum nu_m (gamma_m - gamma)^2
 *   backward   d gamma_m = (dgamma / nu + dbeta (gamma_m - gamma)) nu_m
 *              d nu_m    = dnu + dgamma (gamma_m - gamma) / nu + dbeta (gamma_m - gamma)^2 / 2
 *              d alpha_m = dalpha
 *              d beta_m  = dbeta
 *              0 where m is missing
 *   (beta's own dependence on gamma vanishes: sum nu_m (gamma_m - gamma) = 0.)
 *
 *   belief_m [4,W,L]   fused [4,W,L]   saved: gamma [W,L] in double
 */
#include "per_word.h"
#include <string.h>

struct fuse {
    evi_modalities modalities;
    double *gamma;
};

static void add_modality(const ag_tensor *y, const struct fuse *f, int m, ag_real beta, ag_real *d, int w)
{
    const int L = y->dim[2];
    const size_t plane = (size_t)y->dim[1] * (size_t)L, row = (size_t)w * (size_t)L;
    int list[AG_MAX_IN];
    const bool missing = !evi_is_present(f->modalities.present[m], w), alone = evi_modalities_list(&f->modalities, w, list) == 1;
    for (size_t i = row; i < row + (size_t)L; i++) {
        const ag_real *x = y->in[m]->val + i, *dy = y->grad + i;
        ag_real *dx = d + i;
        if (missing || alone) {
            for (size_t p = 0; p < EVI_PLANES; p++) evi_contribute(dx + p * plane, beta, missing ? 0 : (double)dy[p * plane]);
            continue;
        }
        const double off = (double)x[0] - f->gamma[i], nu_m = (double)x[EVI_NU * plane], nu = (double)y->val[i + EVI_NU * plane];
        const double dgamma = (double)dy[0] / nu, dbeta = (double)dy[EVI_BETA * plane];
        evi_contribute(dx, beta, (dgamma + dbeta * off) * nu_m);
        evi_contribute(dx + EVI_NU * plane, beta, (double)dy[EVI_NU * plane] + dgamma * off + dbeta * off * off / 2);
        evi_contribute(dx + EVI_ALPHA * plane, beta, (double)dy[EVI_ALPHA * plane]);
        evi_contribute(dx + EVI_BETA * plane, beta, dbeta);
    }
}

static void monig_fuse_backward(ag_graph *g, ag_tensor *y)
{
    const struct fuse *f = y->saved;
    /* One modality after the other: two may be one tensor. */
    for (int m = 0; m < f->modalities.n; m++) {
        ag_real beta, *d = ag_grad(g, y->in[m], &beta);
        if (!d) continue;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
        for (int w = 0; w < y->dim[1]; w++) add_modality(y, f, m, beta, d, w);
    }
}

const ag_op evi_op_monig_fuse = {"monig_fuse", AG_MAX_IN, monig_fuse_backward};

static void fuse(const ag_tensor *y, const struct fuse *f, size_t i, int n, const int list[AG_MAX_IN], bool vacuous_neutral)
{
    const size_t plane = (size_t)y->dim[1] * (size_t)y->dim[2];
    double nu = 0, weighted = 0, alpha = vacuous_neutral ? 1 - n : (n - 1) / 2.0, beta = 0;
    for (int k = 0; k < n; k++) {
        const ag_real *x = y->in[list[k]]->val + i;
        nu += (double)x[EVI_NU * plane];
        weighted += (double)x[EVI_NU * plane] * (double)x[0];
        alpha += (double)x[EVI_ALPHA * plane];
        beta += (double)x[EVI_BETA * plane];
    }
    const double gamma = f->gamma[i] = weighted / nu;
    for (int k = 0; k < n; k++) {
        const ag_real *x = y->in[list[k]]->val + i;
        const double off = (double)x[0] - gamma;
        beta += (double)x[EVI_NU * plane] * off * off / 2;
    }
    y->val[i] = (ag_real)gamma;
    y->val[i + EVI_NU * plane] = (ag_real)nu;
    y->val[i + EVI_ALPHA * plane] = (ag_real)alpha;
    y->val[i + EVI_BETA * plane] = (ag_real)beta;
}

ag_tensor *evi_monig_fuse(ag_graph *g, int n, ag_tensor *const *belief, const uint8_t *const *present, bool vacuous_neutral)
{
    evi_check_same("monig_fuse", "beliefs", n, belief);
    evi_check_belief("monig_fuse", belief[0]);
    const int W = belief[0]->dim[1], L = belief[0]->dim[2];
    const evi_modalities modalities = evi_modalities_of("monig_fuse", n, present, W);
    if (n == 1) return belief[0];

    ag_tensor *in[AG_MAX_IN] = {0};
    memcpy(in, belief, (size_t)n * sizeof *in);
    ag_tensor *y = ag_node(g, &evi_op_monig_fuse, 3, belief[0]->dim, in);
    struct fuse *f = y->saved = ag_save(g, sizeof *f);
    *f = (struct fuse){modalities, ag_save(g, (size_t)W * (size_t)L * sizeof *f->gamma)};
    const size_t plane = (size_t)W * (size_t)L, bytes = (size_t)L * sizeof *y->val;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int w = 0; w < W; w++) {
        int list[AG_MAX_IN];
        const int here = evi_modalities_list(&modalities, w, list);
        const size_t row = (size_t)w * (size_t)L;
        for (size_t p = 0; p < EVI_PLANES && here == 1; p++) memcpy(y->val + p * plane + row, in[list[0]]->val + p * plane + row, bytes);
        for (size_t i = row; i < row + (size_t)L && here > 1; i++) fuse(y, f, i, here, list, vacuous_neutral);
    }
    return y;
}
