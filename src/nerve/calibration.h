/* calibration.h - does a confidence mean what it says? Of n answers (entities, rows), each with a confidence c and right or wrong:
 *
 *   bin b of 15 holds b/15 < c <= (b+1)/15, and bin 0 also c = 0
 *   ECE = sum over bins of n_b / n |accuracy_b - confidence_b|        MCE = the largest of these gaps
 *   Brier = mean (c - right)^2
 *   NLL = mean of -log c where right, -log(1 - c) where wrong; neither c nor 1 - c counts as less than CALIBRATION_FLOOR
 *
 * and over rows of class probabilities p [N,L] with labels: Brier = mean over rows of the sum over classes of (p - onehot)^2.
 *
 * Every measure is NaN where there is no answer, or where a confidence is NaN. ECE: Naeini et al. 2015; the diagram and 15 bins: Guo et al.
 * 2017.
 */
#ifndef NERVE_CALIBRATION_H
#define NERVE_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CALIBRATION_BINS = 15 };
#define CALIBRATION_FLOOR 1e-12 /* a wrong answer that was certain costs 27.6 and not infinity */

struct calibration_bin {
    size_t n;
    double accuracy, confidence; /* means over the bin; NaN where it is empty */
};
struct calibration {
    size_t n;
    double ece, mce, brier, nll;
    struct calibration_bin bin[CALIBRATION_BINS]; /* the reliability diagram */
};

void calibration_measure(size_t n, const double *confidence, const bool *right, struct calibration *out);

double calibration_brier_of_rows(size_t N, int L, const double *p, const int32_t *label);

#endif
