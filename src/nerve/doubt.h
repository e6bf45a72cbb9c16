/* doubt.h - all that says how unsure a model is of an entity that it found; docs/trust.md and docs/method.md say how to read it. More means
 * less sure, but for the visual share. What does not exist is NaN here and null in JSON: evidence of a model that has none, and the
 * image's, the conflict and the visual share of a tweet without a picture.
 */
#ifndef NERVE_DOUBT_H
#define NERVE_DOUBT_H

#include "json.h"
#include "model.h"
#include "uncertainty.h"

struct doubt {
    double margin, entropy;                            /* entity_doubt.h, of the CRF's marginals or the softmax */
    evi_uncertainty fused, modality[MODEL_MODALITIES]; /* uncertainty.h; of Dirichlet evidence the epistemic one alone, L / S */
    double conflict;                                   /* of text and image */
    double visual_share;                               /* of the fused nu, from the image */
};

/* Tag probabilities [n,L] of tweet i of a batch, of n words, at the model's temperature: the CRF's marginals, or the softmax of the
 * emissions. */
void model_marginals(const struct model *m, const struct forward *f, const struct batch *b, int i, double *marginals);
struct doubt doubt_none(void); /* all NaN */
/* Of an entity in tweet i of a batch, whose words have these tags and marginals. */
struct doubt doubt_of(const struct model *m, const struct forward *f, const struct batch *b, int i, const int32_t *tags,
                      const double *marginals, const struct span *entity);
/* Of all words of tweet i: the mean over them of each, margin and entropy too. All NaN without a word. */
struct doubt doubt_of_tweet(const struct model *m, const struct forward *f, const struct batch *b, int i, const int32_t *tags,
                            const double *marginals);

/* Whether the model fuses evidence, so that the members of doubt_add_json exist. */
bool model_has_evidence(const struct model *m);
/* Adds to an entity's object `aleatoric`, `epistemic`, `predictive_scale`, `conflict`, `visual_share` and `modalities` {text, image: each
 * {aleatoric, epistemic, predictive_scale}, or null}. */
void doubt_add_json(const struct doubt *d, struct json *entity);

#endif
