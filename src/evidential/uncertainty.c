#include "uncertainty.h"
#include <math.h>

evi_nig evi_nig_at(const ag_tensor *belief, int w, int l)
{
    AG_CHECK(belief->rank == 3 && belief->dim[0] == EVI_PLANES, "uncertainty: a belief of rank %d with %d planes", belief->rank,
             belief->dim[0]);
    AG_CHECK(w >= 0 && w < belief->dim[1] && l >= 0 && l < belief->dim[2], "uncertainty: word %d, tag %d of a belief [4,%d,%d]", w, l,
             belief->dim[1], belief->dim[2]);
    const size_t plane = (size_t)belief->dim[1] * (size_t)belief->dim[2];
    const ag_real *x = belief->val + (size_t)w * (size_t)belief->dim[2] + l;
    return (evi_nig){(double)x[0], (double)x[EVI_NU * plane], (double)x[EVI_ALPHA * plane], (double)x[EVI_BETA * plane]};
}

double evi_aleatoric(evi_nig x)
{
    return x.beta / (x.alpha - 1);
}

double evi_epistemic(evi_nig x)
{
    return x.beta / (x.nu * (x.alpha - 1));
}

double evi_predictive_scale(evi_nig x)
{
    return sqrt(x.beta * (1 + x.nu) / (x.nu * x.alpha));
}

double evi_conflict(int n, const evi_nig *x)
{
    double nu = 0, weighted = 0, sum = 0;
    for (int m = 0; m < n; m++) {
        nu += x[m].nu;
        weighted += x[m].nu * x[m].gamma;
    }
    for (int m = 0; m < n; m++) {
        const double off = x[m].gamma - weighted / nu;
        sum += x[m].nu * off * off / 2;
    }
    return sum;
}

evi_uncertainty evi_uncertainty_of(const ag_tensor *belief, int first, int n, const int32_t *tags)
{
    evi_uncertainty sum = {0};
    for (int i = 0; i < n; i++) {
        const evi_nig x = evi_nig_at(belief, first + i, tags[i]);
        sum.aleatoric += evi_aleatoric(x) / n;
        sum.epistemic += evi_epistemic(x) / n;
        sum.predictive_scale += evi_predictive_scale(x) / n;
    }
    return sum;
}

double evi_conflict_of(const ag_tensor *text, const ag_tensor *image, int first, int n, const int32_t *tags)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += evi_conflict(2, (const evi_nig[]){evi_nig_at(text, first + i, tags[i]), evi_nig_at(image, first + i, tags[i])}) / n;
    return sum;
}

double evi_visual_share_of(const ag_tensor *image, const ag_tensor *fused, int first, int n, const int32_t *tags)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += evi_nig_at(image, first + i, tags[i]).nu / evi_nig_at(fused, first + i, tags[i]).nu / n;
    return sum;
}

double evi_dirichlet_strength(int L, const ag_real *e)
{
    double S = L;
    for (int l = 0; l < L; l++) S += (double)e[l];
    return S;
}

double evi_dirichlet_uncertainty(int L, const ag_real *e)
{
    return L / evi_dirichlet_strength(L, e);
}

double evi_dirichlet_conflict(int L, const ag_real *e1, const ag_real *e2)
{
    double sum = 0;
    for (int k = 0; k < L; k++)
        for (int l = 0; l < L; l++)
            if (k != l) sum += (double)e1[k] * (double)e2[l];
    return sum / (evi_dirichlet_strength(L, e1) * evi_dirichlet_strength(L, e2));
}
