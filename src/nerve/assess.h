/* assess.h - all that an evaluation says of a model on a split, as JSON and as a table: its scores, how far it can be trusted (trust.h),
 * and parts of the split (subsets.h).
 */
#ifndef NERVE_ASSESS_H
#define NERVE_ASSESS_H

#include "evaluate.h"
#include "subset.h"
#include "subsets.h"

/* subsets.txt in data.dir (directory, where it is not NULL); without one *out is empty. End it with subsets_free. */
int read_named_subsets(const struct nerve_config *c, const char *directory, struct subsets *out, struct err *e);

/* The parts of a split besides its types: `with_picture` and `without_picture`, where the model looks at any (a caption stands for its
 * picture); `unseen`, where known is not NULL; and those of named, where it is not NULL, that have a tweet of the split. */
struct parts_of_split {
    int n;
    struct subset *subsets;
    bool *members; /* into which they point */
};
int parts_of_split(const struct split *s, const struct entity_names *known, const struct subsets *named, struct parts_of_split *out,
                   struct err *e);
void parts_of_split_free(struct parts_of_split *p);

/* score_json's object with `calibration`, `selective`, `error_auroc` and `subsets`; x has EVALUATE_FOUND. Free *out. */
int assess_json(const struct model *m, const struct split *s, const struct evaluation *x, const struct score *score,
                const struct parts_of_split *parts, struct json **out, struct err *e);

/* What that object has besides the scores, and `corruption` where it is there, as lines for people. Fresh memory: free it. */
int assess_table(const struct json *assessment, char **out, struct err *e);

#endif
