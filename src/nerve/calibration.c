/* calibration.c - see calibration.h for the equations. */
#include "calibration.h"
#include <math.h>

/* The edges are compared as they are written down, so that rounding of 15 c decides nothing. A confidence that is NaN ends in bin 0. */
static int bin_of(double c)
{
    const double bins = CALIBRATION_BINS;
    int b = c > 0 ? (int)fmin(c * bins, bins - 1) : 0;
    while (b > 0 && c <= b / bins) b--;
    while (b < CALIBRATION_BINS - 1 && c > (b + 1) / bins) b++;
    return b;
}

static double minus_log(double p)
{
    return p < CALIBRATION_FLOOR ? -log(CALIBRATION_FLOOR) : -log(p);
}

void calibration_measure(size_t n, const double *confidence, const bool *right, struct calibration *out)
{
    double brier = 0, nll = 0, gaps = 0;
    size_t n_right[CALIBRATION_BINS] = {0};
    double sum[CALIBRATION_BINS] = {0};
    *out = (struct calibration){.n = n, .mce = n ? 0 : NAN};
    for (size_t i = 0; i < n; i++) {
        const double c = confidence[i], off = c - right[i];
        const int b = bin_of(c);
        out->bin[b].n++;
        n_right[b] += right[i];
        sum[b] += c;
        brier += off * off;
        nll += minus_log(right[i] ? c : 1 - c);
    }
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        struct calibration_bin *x = &out->bin[b];
        x->accuracy = (double)n_right[b] / (double)x->n;
        x->confidence = sum[b] / (double)x->n;
        if (x->n == 0) continue;
        const double gap = fabs(x->accuracy - x->confidence);
        gaps += (double)x->n * gap;
        if (gap > out->mce || isnan(gap)) out->mce = gap;
    }
    out->ece = gaps / (double)n;
    out->brier = brier / (double)n;
    out->nll = nll / (double)n;
}

double calibration_brier_of_rows(size_t N, int L, const double *p, const int32_t *label)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        for (int k = 0; k < L; k++) {
            const double off = p[i * (size_t)L + (size_t)k] - (k == label[i]);
            sum += off * off;
        }
    return sum / (double)N;
}
