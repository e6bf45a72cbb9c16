/* loaded_evaluate.h - what `nerve evaluate` does with a model that was opened. */
#ifndef NERVE_LOADED_EVALUATE_H
#define NERVE_LOADED_EVALUATE_H

#include "corrupt.h"
#include "loaded_model.h"
#include "score.h"
#include "visual_source.h"

struct evaluate_request {
    const char *directory; /* of the data; NULL: the run's own */
    enum split_name split;
    struct visual_given given; /* instead of what the run's keys name */
    int n_corruptions;
    const struct corruption *corruptions;
    uint32_t seed; /* of what corruptions draw */
};

/* Scores, and all that assess_json tells, with an array `corruption` (corruption_test.h) where any is asked for. Where the checkpoint has
 * no temperature it is fitted first, on the validation split of the same data, and stays in m. ERR_USAGE where the request does not suit
 * the model. End *score with score_end, free *json. */
int loaded_model_evaluate(struct loaded_model *m, const struct evaluate_request *r, struct score *score, struct json **json, struct err *e);

#endif
