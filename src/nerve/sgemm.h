/* sgemm.h - what this machine's BLAS gives in this minute, beside which every figure of speed is told: products of 1024 x 1024 x 1024 by
 * OpenBLAS itself, on all threads of machine_start.
 *
 * The rate is that of all products together, not of the best: what disturbs the work that is measured disturbs them too.
 */
#ifndef NERVE_SGEMM_H
#define NERVE_SGEMM_H

#include "err.h"

struct sgemm {
    float *a, *b, *c;
    double flop, seconds; /* of all products so far */
};

/* Takes 12 MB; end it with sgemm_end, also when it fails. After machine_start. */
int sgemm_begin(struct sgemm *s, struct err *e);
/* Products for at least so many seconds, and at least SGEMM_LEAST of them. */
enum { SGEMM_LEAST = 4 };
void sgemm_run(struct sgemm *s, double seconds);
double sgemm_gflops(const struct sgemm *s); /* GFLOP/s */
void sgemm_end(struct sgemm *s);

#endif
