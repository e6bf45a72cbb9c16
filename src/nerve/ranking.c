/* ranking.c - see ranking.h for the equations. */
#include "ranking.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct item {
    double uncertainty;
    bool flagged;
};

static int by_uncertainty(const void *a, const void *b)
{
    const double x = ((const struct item *)a)->uncertainty, y = ((const struct item *)b)->uncertainty;
    return (x > y) - (x < y);
}

int ranking_make(size_t n, const double *uncertainty, const bool *flagged, struct ranking *out, struct err *e)
{
    struct ranking r = {.n = n};
    struct item *items = calloc(n + 1, sizeof *items);
    r.groups = calloc(n + 1, sizeof *r.groups);
    if (!items || !r.groups) {
        free(items);
        ranking_free(&r);
        return err_set(e, ERR_INTERNAL, "out of memory for the order of %zu uncertainties", n);
    }
    bool ordered = true;
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct item){uncertainty[i], flagged[i]};
        ordered = ordered && !isnan(uncertainty[i]);
        r.flagged += flagged[i];
    }
    if (ordered) qsort(items, n, sizeof *items, by_uncertainty);
    for (size_t i = 0; i < n && ordered; i++) {
        if (i == 0 || items[i].uncertainty != items[i - 1].uncertainty)
            r.groups[r.n_groups++] = (struct ranking_group){.uncertainty = items[i].uncertainty};
        r.groups[r.n_groups - 1].n++;
        r.groups[r.n_groups - 1].flagged += items[i].flagged;
    }
    free(items);
    *out = r;
    return 0;
}

void ranking_free(struct ranking *r)
{
    free(r->groups);
    *r = (struct ranking){0};
}

double ranking_auroc(const struct ranking *r)
{
    double pairs = 0, below = 0; /* items below this group that are not flagged */
    for (size_t i = 0; i < r->n_groups; i++) {
        const double flagged = (double)r->groups[i].flagged, others = (double)r->groups[i].n - flagged;
        pairs += flagged * (below + others / 2);
        below += others;
    }
    if (r->n_groups == 0 || r->flagged == 0 || r->flagged == r->n) return NAN;
    return pairs / ((double)r->flagged * below);
}

double ranking_aurc(const struct ranking *r)
{
    double sum = 0, k = 0, flagged = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct ranking_group *x = &r->groups[i];
        const double share = (double)x->flagged / (double)x->n;
        for (size_t j = 1; j <= x->n; j++) sum += (flagged + (double)j * share) / (k + (double)j);
        k += (double)x->n;
        flagged += (double)x->flagged;
    }
    return r->n_groups ? sum / (double)r->n : NAN;
}

double ranking_excess_aurc(const struct ranking *r)
{
    double perfect = 0;
    for (size_t j = 1; j <= r->flagged; j++) perfect += (double)j / (double)(r->n - r->flagged + j);
    return ranking_aurc(r) - perfect / (double)r->n;
}

/* k = ceil(c n), where .7 of 10 is 7 whatever .7 is in binary. */
static size_t covered(const struct ranking *r, double coverage)
{
    assert(coverage > 0 && coverage <= 1);
    return (size_t)ceil(coverage * (double)r->n - 1e-9 * (double)r->n);
}

/* E(k) */
static double flagged_among(const struct ranking *r, size_t k)
{
    double flagged = 0;
    if (r->n_groups == 0) return NAN;
    for (size_t i = 0; k > 0; i++) {
        const struct ranking_group *x = &r->groups[i];
        const size_t taken = k < x->n ? k : x->n;
        flagged += (double)taken * (double)x->flagged / (double)x->n;
        k -= taken;
    }
    return flagged;
}

double ranking_risk(const struct ranking *r, double coverage)
{
    const size_t k = covered(r, coverage);
    return flagged_among(r, k) / (double)k;
}

double ranking_f1(const struct ranking *r, size_t gold, double coverage)
{
    const size_t k = covered(r, coverage), all_right = r->n - r->flagged;
    assert(all_right <= gold);
    if (r->n == 0) return 0;
    const double right = (double)k - flagged_among(r, k);
    return 2 * right / ((double)k + right + (double)(gold - all_right));
}

size_t ranking_curve(const struct ranking *r, size_t n_points, struct ranking_point *points)
{
    size_t count = 0, k = 0;
    for (size_t i = 1; i <= n_points && r->n_groups; i++) {
        const size_t next = covered(r, (double)i / (double)n_points);
        if (next == k) continue;
        k = next;
        points[count++] = (struct ranking_point){(double)k / (double)r->n, flagged_among(r, k) / (double)k};
    }
    return count;
}
