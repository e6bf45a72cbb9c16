/* lexicon.h - the baseline that knows names and no context: each name of the training data with its most frequent type (the first in the
 * tag set on a tie), longest match from the left. */
#ifndef DATA_LEXICON_H
#define DATA_LEXICON_H

#include "dataset.h"
#include "err.h"

struct lexicon;

/* Of a dataset whose tags are resolved. Names are compared as they are written. */
int lexicon_make(const struct dataset *train, struct lexicon **out, struct err *e);
void lexicon_free(struct lexicon *x); /* NULL is fine */

struct lexicon_score {
    int entities;  /* of the dataset, lenient */
    double f1;     /* micro, lenient; 0 where it is undefined */
    double unseen; /* share of the distinct entities (name and type) that never occur in the training data */
};
int lexicon_evaluate(const struct lexicon *x, const struct dataset *d, struct lexicon_score *score, struct err *e);

#endif
