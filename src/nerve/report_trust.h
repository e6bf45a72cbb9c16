/* report_trust.h - the parts of a report about trust: comparison, reliability, risk-coverage, what corruption does, confusion. */
#ifndef NERVE_REPORT_TRUST_H
#define NERVE_REPORT_TRUST_H

#include "report_read.h"
#include "report_tweets.h"
#include <stdio.h>

/* One run of the page. */
struct report_run {
    char *name;
    struct report_data data;
    struct report_tweets tweets;
};

/* The name of each run beside its colour, above a plot of n > 1 runs. */
void report_write_legend(FILE *out, int n, const struct report_run *runs);
/* The values of a plot: a column of x, and one of y for each curve. */
void report_write_values(FILE *out, const char *x_name, int n, const struct curve *const *curves, const char *const *names);

void report_write_comparison(FILE *out, int n, const struct report_run *runs);
void report_write_reliability(FILE *out, int n, const struct report_run *runs);
void report_write_risk(FILE *out, int n, const struct report_run *runs);
void report_write_errors(FILE *out, int n, const struct report_run *runs); /* AUROC of "this entity is wrong", and the subsets */
void report_write_corruption(FILE *out, const struct report_run *run);
void report_write_confusion(FILE *out, const struct report_run *run);

#endif
