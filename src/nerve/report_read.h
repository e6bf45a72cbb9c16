/* report_read.h - what a report shows, read from a run directory. */
#ifndef NERVE_REPORT_READ_H
#define NERVE_REPORT_READ_H

#include "curve.h"
#include "err.h"
#include "json.h"
#include <stdbool.h>

enum { REPORT_RUNS_MAX = 8 }; /* on one page: as many as there are colours */

/* A number that no file gives is NAN, a file that is not there NULL. */
struct report_data {
    struct json *test, *valid, *run; /* eval/test.json, eval/valid.json, run.json */
    char *config;                    /* [config_size] config.yaml */
    size_t config_size;
    bool has_metrics; /* the rest comes from metrics.jsonl, some of it from run.json where metrics.jsonl has it not */
    struct curve loss, learning_rate, skips; /* over steps */
    struct curve valid_f1;                   /* lenient, micro, in percent, over epochs */
    struct curve_point best;                 /* the best epoch on it; n = 0: none */
    double step, epochs, parameters, skipped, peak_mb;
    double tokens_per_s, seconds; /* over all epochs; seconds with validation and test */
};

int report_read(const char *run_directory, struct report_data *d, struct err *e); /* *d is filled anew */
void report_data_free(struct report_data *d);

double report_number(const struct json *object, const char *key); /* NAN where there is no number */

#endif
