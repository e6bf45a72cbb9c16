#include "bootstrap.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>

enum { STREAM = 1 }; /* of RNG_BOOTSTRAP; score_interval has 0 */

static double difference(const struct score_counts *a, const struct score_counts *b)
{
    return score_measures(a).f1 - score_measures(b).f1;
}

int bootstrap_paired(int n, const struct score_counts *a, const struct score_counts *b, uint32_t seed, struct bootstrap *out, struct err *e)
{
    struct score_counts all[2] = {0};
    for (int i = 0; i < n; i++) {
        score_counts_add(&all[0], &a[i]);
        score_counts_add(&all[1], &b[i]);
    }
    const double found = difference(&all[0], &all[1]);
    *out = (struct bootstrap){.difference = found, .p = 1};
    if (n == 0) return 0;

    double *drawn = malloc(BOOTSTRAP_RESAMPLES * sizeof *drawn);
    if (!drawn) return err_set(e, ERR_INTERNAL, "out of memory for %d resamples", BOOTSTRAP_RESAMPLES);
    struct rng rng = rng_stream(seed, RNG_BOOTSTRAP, STREAM);
    int as_large = 0;
    for (int k = 0; k < BOOTSTRAP_RESAMPLES; k++) {
        struct score_counts sum[2] = {0};
        for (int i = 0; i < n; i++) {
            const uint32_t tweet = rng_below(&rng, (uint32_t)n);
            score_counts_add(&sum[0], &a[tweet]);
            score_counts_add(&sum[1], &b[tweet]);
        }
        drawn[k] = difference(&sum[0], &sum[1]);
        /* A resample that is exactly as far off must count, whatever rounding makes of it. */
        as_large += fabs(drawn[k] - found) >= fabs(found) - 1e-12;
    }
    out->p = (1. + as_large) / (1. + BOOTSTRAP_RESAMPLES);
    score_percentiles(BOOTSTRAP_RESAMPLES, drawn, out->interval);
    free(drawn);
    return 0;
}
