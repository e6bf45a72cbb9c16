/* report_scores.h - the tables of precision, recall and F1 of one evaluation, lenient and strict. */
#ifndef NERVE_REPORT_SCORES_H
#define NERVE_REPORT_SCORES_H

#include "json.h"
#include <stdio.h>

/* scores = {"lenient": side, "strict": side}, side = {"micro", "macro", "per_type": {type: ...}}, each of them {"precision", "recall",
 * "f1", "support"}: fractions and a count. What is absent becomes a dash. */
void report_write_scores(FILE *out, const struct json *scores);

#endif
