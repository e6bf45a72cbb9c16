/* trust.h - what an evaluation says of how far the model can be trusted: the objects calibration, selective and error_auroc of
 * eval/NAME.json. docs/trust.md says how to read them.
 */
#ifndef NERVE_TRUST_H
#define NERVE_TRUST_H

#include "err.h"
#include "json.h"
#include <stdbool.h>
#include <stddef.h>

/* One predicted entity. */
struct trust_entity {
    bool right;                                    /* a gold entity of the same words and type: tags_have */
    double confidence;                             /* span probability at the temperature */
    double margin, entropy;                        /* entity_doubt.h */
    double aleatoric, epistemic, predictive_scale; /* NaN: the model has no evidence */
};

/* Sets in `into`, for n predicted entities among `gold` gold ones:
 *
 *   calibration  {"ece", "mce", "brier", "nll", "temperature", "entities", "missed", "bins": [{"n", "accuracy", "confidence"}]}
 *   selective    {"aurc", "eaurc", "f1_at_coverage": {"1.0", "0.9", "0.8", "0.7"}, "risk_coverage": [{"coverage", "risk"}]}, by confidence
 *   error_auroc  {"confidence", "margin", "entropy", "aleatoric", "epistemic", "predictive_scale"}, of "this entity is wrong"
 *
 * null where a measure is undefined. ERR_INTERNAL without memory. */
int trust_json(size_t n, const struct trust_entity *entities, size_t gold, double temperature, struct json *into, struct err *e);

#endif
