/* nig_head.c - the rows of a linear map as NIG beliefs.
 *
 *   forward    gamma = z1 (onehot) or softmax over the tags of z1 (prob)
 *              nu    = clamp(softplus(z2), nu_min, nu_max)
 *              alpha = clamp(1 + softplus(z3), alpha_min, alpha_max);   tie_alpha: clamp(1 + nu, alpha_min, alpha_max)
 *              beta  = beta_min + softplus(z4)
 *   backward   dz1   = dgamma;   prob: gamma (dgamma - sum over the tags of gamma dgamma)
 *              dz2   = sigmoid(z2) dnu;   tie_alpha: sigmoid(z2) (dnu + dalpha)
 *              dz3   = sigmoid(z3) dalpha;   tie_alpha: 0
 *              dz4   = sigmoid(z4) dbeta
 *              0 where a value is clamped
 *
 *   z [W,4L]: z1 .. z4 are columns 0 .. L-1, L .. 2L-1, ...; or [W L,4]: z1 .. z4 are the four columns, row w L + l is word w at tag l
 *   belief [4,W,L]
 *
 * The four activations: Amini et al. 2020 (arXiv 1910.02600); floors, clamps, prob and tie_alpha are this project's
 * (docs/method.md).
 */
#include "evi.h"
#include "kernels.h"
#include "per_word.h"
#include "special.h"
#include <math.h>

const evi_head EVI_HEAD_DEFAULTS = {
    .reading = EVI_PROB, .nu_min = 1e-3, .nu_max = 1e3, .alpha_min = 1.01, .alpha_max = 1e3, .beta_min = 0.02};

struct head {
    evi_head of;
    size_t row, tag, plane; /* z1 .. z4 of word w at tag l stand at w row + l tag, and each plane further */
};

static double clamp(double x, double min, double max)
{
    return fmin(fmax(x, min), max);
}

static bool is_inside(double x, double min, double max)
{
    return x >= min && x <= max;
}

static void nig_head_backward(ag_graph *g, ag_tensor *y)
{
    const struct head *h = y->saved;
    const evi_head *of = &h->of;
    const int W = y->dim[1], L = y->dim[2];
    const size_t plane = (size_t)W * (size_t)L;
    const ag_real *z = y->in[0]->val;
    ag_real beta, *dz = ag_grad(g, y->in[0], &beta);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int w = 0; w < W; w++) {
        const ag_real *gamma = y->val + (size_t)w * (size_t)L, *d = y->grad + (size_t)w * (size_t)L;
        double mean = 0;
        for (int l = 0; l < L && of->reading == EVI_PROB; l++) mean += (double)gamma[l] * (double)d[l];
        for (int l = 0; l < L; l++, d++) {
            const size_t at = (size_t)w * h->row + (size_t)l * h->tag;
            const double z2 = (double)z[at + h->plane], z3 = (double)z[at + 2 * h->plane], z4 = (double)z[at + 3 * h->plane];
            const double nu = evi_softplus(z2), alpha = 1 + (of->tie_alpha ? nu : evi_softplus(z3));
            const double dalpha = is_inside(alpha, of->alpha_min, of->alpha_max) ? (double)d[EVI_ALPHA * plane] : 0;
            const double dnu = (double)d[EVI_NU * plane] + (of->tie_alpha ? dalpha : 0);
            evi_contribute(dz + at, beta, of->reading == EVI_PROB ? (double)gamma[l] * ((double)d[0] - mean) : (double)d[0]);
            evi_contribute(dz + at + h->plane, beta, is_inside(nu, of->nu_min, of->nu_max) ? evi_sigmoid(z2) * dnu : 0);
            evi_contribute(dz + at + 2 * h->plane, beta, of->tie_alpha ? 0 : evi_sigmoid(z3) * dalpha);
            evi_contribute(dz + at + 3 * h->plane, beta, evi_sigmoid(z4) * (double)d[EVI_BETA * plane]);
        }
    }
}

const ag_op evi_op_nig_head = {"nig_head", 1, nig_head_backward};

static void check(const ag_tensor *z, int L, const evi_head *head)
{
    AG_CHECK(head->reading == EVI_ONEHOT || head->reading == EVI_PROB, "nig_head: there is no reading %d", (int)head->reading);
    AG_CHECK(head->nu_min > 0 && head->nu_min < head->nu_max, "nig_head: nu between %g and %g", head->nu_min, head->nu_max);
    AG_CHECK(head->alpha_min > 1 && head->alpha_min < head->alpha_max, "nig_head: alpha between %g and %g", head->alpha_min,
             head->alpha_max);
    AG_CHECK(head->beta_min > 0, "nig_head: a beta from %g, not from above 0", head->beta_min);
    AG_CHECK(L > 0, "nig_head: %d tags", L);
    AG_CHECK(z->rank == 2 && (z->dim[1] == 4 * L || (z->dim[1] == 4 && z->dim[0] % L == 0)),
             "nig_head: z has %d rows and %d columns in rank %d, for %d tags", z->dim[0], ag_cols(z), z->rank, L);
}

ag_tensor *evi_nig_head(ag_graph *g, ag_tensor *z, int L, const evi_head *head)
{
    check(z, L, head);
    const bool row_a_word = z->dim[1] == 4 * L;
    const int W = row_a_word ? z->dim[0] : z->dim[0] / L;
    const size_t plane = (size_t)W * (size_t)L;
    ag_tensor *y = ag_node(g, &evi_op_nig_head, 3, (const int[]){EVI_PLANES, W, L}, &z);
    struct head *h = y->saved = ag_save(g, sizeof *h);
    *h = (struct head){*head, .row = 4 * (size_t)L, .tag = row_a_word ? 1 : 4, .plane = row_a_word ? (size_t)L : 1};
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int w = 0; w < W; w++) {
        ag_real *x = y->val + (size_t)w * (size_t)L;
        for (int l = 0; l < L; l++) {
            const ag_real *at = z->val + (size_t)w * h->row + (size_t)l * h->tag;
            const double nu = evi_softplus((double)at[h->plane]);
            const double alpha = 1 + (head->tie_alpha ? nu : evi_softplus((double)at[2 * h->plane]));
            x[l] = at[0];
            x[(size_t)l + EVI_NU * plane] = (ag_real)clamp(nu, head->nu_min, head->nu_max);
            x[(size_t)l + EVI_ALPHA * plane] = (ag_real)clamp(alpha, head->alpha_min, head->alpha_max);
            x[(size_t)l + EVI_BETA * plane] = (ag_real)(head->beta_min + evi_softplus((double)at[3 * h->plane]));
        }
        if (head->reading == EVI_PROB) ag_k->softmax((size_t)L, x, x);
    }
    return y;
}

void evi_nig_head_bias(const evi_head *head, int L, ag_real *bias)
{
    const double one = evi_softplus_inverse(1);
    const double beta = head->beta_min < 1 ? evi_softplus_inverse(1 - head->beta_min) : -10;
    for (int l = 0; l < L; l++) {
        bias[l] = 0;
        bias[L + l] = bias[2 * L + l] = (ag_real)one;
        bias[3 * L + l] = (ag_real)beta;
    }
}
