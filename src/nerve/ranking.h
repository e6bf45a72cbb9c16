/* ranking.h - does an uncertainty find what is wrong? n items, each with an uncertainty u (more means more likely flagged) and flagged or
 * not: an entity that is wrong, a word of a corrupted tweet. A confidence goes in as minus itself.
 *
 *   AUROC      the probability that a flagged item has a larger u than one that is not; equal ones count one half
 *   E(k)       how many of the k least uncertain items are flagged. Within ties the expected value over all orders: of a tied group of g
 *              items, e of them flagged, the first j count j e / g
 *   risk(c)    at coverage c: E(k) / k with k = ceil(c n)
 *   AURC       mean over k = 1 .. n of E(k) / k                          (Geifman and El-Yaniv 2017)
 *   E-AURC     AURC minus that of the order with all flagged items last  (Geifman, Uziel, El-Yaniv 2019)
 *
 * Sorting once takes O(n log n); each measure then O(n). A measure is NaN where it is undefined: without items, AUROC without items of both
 * kinds, and all of them where an uncertainty is NaN, since nothing is in order then.
 */
#ifndef NERVE_RANKING_H
#define NERVE_RANKING_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>

struct ranking_group { /* items with the same uncertainty */
    double uncertainty;
    size_t n, flagged;
};
struct ranking {
    size_t n, flagged;
    size_t n_groups;              /* 0 where an uncertainty is NaN */
    struct ranking_group *groups; /* from the least uncertain */
};

/* End *out with ranking_free. ERR_INTERNAL without memory. */
int ranking_make(size_t n, const double *uncertainty, const bool *flagged, struct ranking *out, struct err *e);
void ranking_free(struct ranking *r);

double ranking_auroc(const struct ranking *r);
double ranking_aurc(const struct ranking *r);
double ranking_excess_aurc(const struct ranking *r);
double ranking_risk(const struct ranking *r, double coverage); /* 0 < coverage <= 1 */

/* Micro F1 where the model answers only for the ceil(coverage n) predicted entities that it is least uncertain of, and hands the others to
 * somebody else: those count neither for it nor against it, and where one of them was right its gold entity is handed on too. Gold entities
 * that were not predicted at all have no uncertainty, and stay misses at every coverage:
 *
 *   k = ceil(c n)    right(k) = k - E(k)    missed = gold - right(n)    F1(c) = 2 right(k) / (k + right(k) + missed)
 *
 * so F1(1) is the F1 of all, and F1(c) rises above it where uncertainty finds the wrong ones. 0 where there is neither k nor missed. */
double ranking_f1(const struct ranking *r, size_t gold, double coverage);

/* The risk-coverage curve at the coverages k/n, k = ceil(i n / n_points), i = 1 .. n_points, without repetitions; gives how many. */
struct ranking_point {
    double coverage, risk;
};
size_t ranking_curve(const struct ranking *r, size_t n_points, struct ranking_point *points);

#endif
