/* temperature.h - one number T > 0 that divides all scores, so that a model is as sure as it is right on a validation split (Guo et al.
 * 2017, "On calibration of modern neural networks"). What is predicted stays the same.
 *
 *   rows     minimises the mean of -log softmax(logits / T)[label]
 *   chains   minimises the mean CRF negative log-likelihood of a sentence, with emissions, transitions, start and end divided by T
 *
 * Either loss is convex in 1/T, so along log T it falls and then rises, and one search over an interval finds the least. T lies in
 * TEMPERATURE_MIN .. TEMPERATURE_MAX: where every label has the largest score the loss falls for ever as T goes to 0. It is 1 where no T is
 * better than 1: without rows, where nothing depends on T, and where the loss is not a number.
 */
#ifndef NERVE_TEMPERATURE_H
#define NERVE_TEMPERATURE_H

#include "crf.h"
#include <stddef.h>
#include <stdint.h>

#define TEMPERATURE_MIN .01
#define TEMPERATURE_MAX 100.

struct temperature {
    double T;
    double nll; /* the mean at T; NaN where there is nothing to take the mean of */
};

/* logits [N,L], label [N] */
double temperature_nll_of_rows(size_t N, int L, const float *logits, const int32_t *label, double T);
struct temperature temperature_of_rows(size_t N, int L, const float *logits, const int32_t *label);

/* n sentences: words start[b] .. start[b+1] of emissions [W,L] and tags [W]. The temperature in s is not read. */
double temperature_nll_of_chains(const struct crf_scores *s, int n, const int32_t *start, const ag_real *emissions, const int32_t *tags,
                                 double T);
struct temperature temperature_of_chains(const struct crf_scores *s, int n, const int32_t *start, const ag_real *emissions,
                                         const int32_t *tags);

#endif
