/* bootstrap.h - is one system's micro F1 really larger than another's on the same tweets? The paired bootstrap (Efron and Tibshirani 1993;
 * for language: Berg-Kirkpatrick, Burkett, Klein 2012, "An empirical investigation of statistical significance in NLP").
 *
 * A resample draws n of the n tweets with replacement, the same ones for both systems, and has a difference d* = F1(a) - F1(b) of the sums
 * of their counts. The d* scatter around the difference d that was found as d would scatter around nothing if the systems were equal, so
 *
 *   p = (1 + number of resamples with |d* - d| >= |d|) / (1 + resamples)
 *
 * is the probability of a difference as large, of either sign, by the choice of tweets alone. It is never 0: with 10,000 resamples, 1e-4
 * means that none was. It says nothing of the chance of training: for that, count the runs of several seeds together (their counts added up
 * for each tweet), and look at the deviation between seeds.
 */
#ifndef NERVE_BOOTSTRAP_H
#define NERVE_BOOTSTRAP_H

#include "score.h"

enum { BOOTSTRAP_RESAMPLES = 10000 };

struct bootstrap {
    double difference;  /* F1(a) - F1(b) */
    double interval[2]; /* percentiles 2.5 and 97.5 of d* */
    double p;
};

/* Counts of n tweets under both systems. The same counts and seed always give the same numbers; without a tweet 0, 0 and p = 1.
 * ERR_INTERNAL without memory. */
int bootstrap_paired(int n, const struct score_counts *a, const struct score_counts *b, uint32_t seed, struct bootstrap *out,
                     struct err *e);

#endif
