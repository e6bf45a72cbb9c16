/* crf_chain.c - see crf_chain.h for the equations. */
#include "crf_chain.h"
#include <math.h>
#include <string.h>

struct crf_chain crf_chain_fill(const struct crf_scores *s, double *room)
{
    const int L = s->L;
    const double scale = s->temperature > 0 ? 1 / s->temperature : 1;
    double *start = room, *end = start + L, *into = end + L;
    for (int to = 0; to < L; to++) {
        start[to] = s->forbidden_start && s->forbidden_start[to] ? CRF_FORBIDDEN : scale * (double)s->start[to];
        end[to] = scale * (double)s->end[to];
        for (int from = 0; from < L; from++) {
            const int k = from * L + to;
            into[to * L + from] = s->forbidden_transition && s->forbidden_transition[k] ? CRF_FORBIDDEN : scale * (double)s->transitions[k];
        }
    }
    return (struct crf_chain){.L = L, .start = start, .end = end, .into = into, .scale = scale};
}

static double largest(int n, const double *x)
{
    double max = x[0];
    for (int i = 1; i < n; i++)
        if (x[i] > max) max = x[i];
    return max;
}

/* log of the sum over i of exp(x_i + y_i) */
static double lse(int n, const double *x, const double *y)
{
    double max = x[0] + y[0], sum = 0;
    for (int i = 1; i < n; i++)
        if (x[i] + y[i] > max) max = x[i] + y[i];
    for (int i = 0; i < n; i++) sum += exp(x[i] + y[i] - max);
    return max + log(sum);
}

/* p_i = exp(x_i + y_i) / sum */
static void softmax(int n, const double *x, const double *y, double *p)
{
    for (int i = 0; i < n; i++) p[i] = x[i] + y[i];
    const double max = largest(n, p);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += p[i] = exp(p[i] - max);
    for (int i = 0; i < n; i++) p[i] /= sum;
}

/* Subtracts the largest entry and gives it. */
static double lower(int n, double *x)
{
    const double max = largest(n, x);
    for (int i = 0; i < n; i++) x[i] -= max;
    return max;
}

double crf_chain_filter(const struct crf_chain *c, int n, const ag_real *emissions, double *alpha)
{
    if (n == 0) return 0;
    const int L = c->L;
    double shift = 0;
    for (int t = 0; t < n; t++) {
        const ag_real *e = emissions + (size_t)t * (size_t)L;
        double *now = alpha + (size_t)t * (size_t)L;
        for (int to = 0; to < L; to++) now[to] = c->scale * (double)e[to] + (t ? lse(L, now - L, c->into + to * L) : c->start[to]);
        shift += lower(L, now);
    }
    return shift + lse(L, alpha + (size_t)(n - 1) * (size_t)L, c->end);
}

void crf_chain_last(const struct crf_chain *c, int n, const double *alpha, double *p)
{
    softmax(c->L, alpha + (size_t)(n - 1) * (size_t)c->L, c->end, p);
}

void crf_chain_reverse(const struct crf_chain *c, int t, const double *alpha, int to, double *r)
{
    softmax(c->L, alpha + (size_t)(t - 1) * (size_t)c->L, c->into + to * c->L, r);
}

void crf_chain_smooth(const struct crf_chain *c, int t, const double *alpha, const double *p, double *before, double *r, double *counts)
{
    const int L = c->L;
    memset(before, 0, (size_t)L * sizeof *before);
    for (int to = 0; to < L; to++) {
        if (p[to] == 0) continue;
        crf_chain_reverse(c, t, alpha, to, r);
        for (int from = 0; from < L; from++) {
            before[from] += p[to] * r[from];
            if (counts) counts[from * L + to] += p[to] * r[from];
        }
    }
}

double crf_chain_best(const struct crf_chain *c, int n, const ag_real *emissions, double *alpha, int32_t *back, int32_t *tags)
{
    if (n == 0) return 0;
    const int L = c->L;
    double shift = 0;
    for (int t = 0; t < n; t++) {
        const size_t at = (size_t)t * (size_t)L;
        double *now = alpha + at;
        for (int to = 0; to < L; to++) {
            const double *into = c->into + to * L;
            int best = 0;
            for (int from = 1; from < L && t; from++)
                if (now[from - L] + into[from] > now[best - L] + into[best]) best = from;
            now[to] = c->scale * (double)emissions[at + (size_t)to] + (t ? now[best - L] + into[best] : c->start[to]);
            back[at + (size_t)to] = best;
        }
        shift += lower(L, now);
    }
    const double *last = alpha + (size_t)(n - 1) * (size_t)L;
    int best = 0;
    for (int k = 1; k < L; k++)
        if (last[k] + c->end[k] > last[best] + c->end[best]) best = k;
    const double score = shift + last[best] + c->end[best];
    for (int t = n - 1; t >= 0; t--) {
        tags[t] = best;
        best = back[(size_t)t * (size_t)L + (size_t)best];
    }
    return score;
}

double crf_chain_score(const struct crf_chain *c, int n, const ag_real *emissions, const int32_t *tags)
{
    if (n == 0) return 0;
    double score = c->start[tags[0]] + c->end[tags[n - 1]];
    for (int t = 0; t < n; t++) {
        score += c->scale * (double)emissions[(size_t)t * (size_t)c->L + (size_t)tags[t]];
        if (t) score += c->into[tags[t] * c->L + tags[t - 1]];
    }
    return score;
}
