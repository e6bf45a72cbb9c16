/* temperature.c - see temperature.h. The search is by golden section (Kiefer 1953): each step keeps .618 of the interval in log T for one
 * more value of the loss, and asks of it only that it falls and then rises. */
#include "temperature.h"
#include <math.h>

typedef double loss_at(const void *data, double T);

static struct temperature least(loss_at *loss, const void *data)
{
    const double golden = (sqrt(5) - 1) / 2, precise = 1e-8;
    double low = log(TEMPERATURE_MIN), high = log(TEMPERATURE_MAX);
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double at_a = loss(data, exp(a)), at_b = loss(data, exp(b));
    while (high - low > precise) {
        if (at_a <= at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - golden * (high - low);
            at_a = loss(data, exp(a));
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + golden * (high - low);
            at_b = loss(data, exp(b));
        }
    }
    const double T = exp((low + high) / 2);
    const struct temperature found = {T, loss(data, T)}, one = {1, loss(data, 1)};
    return found.nll < one.nll ? found : one;
}

/* ---- rows ---- */

double temperature_nll_of_rows(size_t N, int L, const float *logits, const int32_t *label, double T)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        const float *x = logits + i * (size_t)L;
        double max = (double)x[0], z = 0;
        for (int k = 1; k < L; k++) max = fmax(max, (double)x[k]);
        for (int k = 0; k < L; k++) z += exp(((double)x[k] - max) / T);
        sum += log(z) - ((double)x[label[i]] - max) / T;
    }
    return sum / (double)N;
}

struct rows {
    size_t N;
    int L;
    const float *logits;
    const int32_t *label;
};

static double loss_of_rows(const void *data, double T)
{
    const struct rows *x = data;
    return temperature_nll_of_rows(x->N, x->L, x->logits, x->label, T);
}

struct temperature temperature_of_rows(size_t N, int L, const float *logits, const int32_t *label)
{
    return least(loss_of_rows, &(struct rows){N, L, logits, label});
}

/* ---- chains ---- */

double temperature_nll_of_chains(const struct crf_scores *s, int n, const int32_t *start, const ag_real *emissions, const int32_t *tags,
                                 double T)
{
    struct crf_scores scaled = *s;
    double sum = 0;
    scaled.temperature = T;
    for (int b = 0; b < n; b++) {
        const int words = start[b + 1] - start[b];
        const ag_real *x = emissions + (size_t)start[b] * (size_t)s->L;
        sum += crf_log_z(&scaled, words, x) - crf_score(&scaled, words, x, tags + start[b]);
    }
    return sum / n;
}

struct chains {
    const struct crf_scores *scores;
    int n;
    const int32_t *start;
    const ag_real *emissions;
    const int32_t *tags;
};

static double loss_of_chains(const void *data, double T)
{
    const struct chains *x = data;
    return temperature_nll_of_chains(x->scores, x->n, x->start, x->emissions, x->tags, T);
}

struct temperature temperature_of_chains(const struct crf_scores *s, int n, const int32_t *start, const ag_real *emissions,
                                         const int32_t *tags)
{
    return least(loss_of_chains, &(struct chains){s, n, start, emissions, tags});
}
