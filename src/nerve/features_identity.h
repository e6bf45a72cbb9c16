/* features_identity.h - a JSON text that says what gave stored features: the encoder, by its config.json and the digest of its weights, its
 * layer and tokens, and what was done to a picture or caption before. Files of one identity hold the same values for an id.
 *
 *   {"source": "pictures", "model": {config.json, "output": {layer, class_token, patch_tokens}}, "weights": digest,
 *    "preprocessing": {preprocessing_config.json}, "exif_orientation"}
 *   {"source": "captions", "model": {config.json}, "weights": digest, "vocabulary": digest, "lower_case", "caption_length"}
 */
#ifndef NERVE_FEATURES_IDENTITY_H
#define NERVE_FEATURES_IDENTITY_H

#include "model.h"
#include "pretrained.h"
#include "pretrained_vision.h"

/* Fresh memory: free it. */
char *features_identity_of_pictures(const struct visual_shape *s, const struct hash *weights);
char *features_identity_of_captions(const struct pretrained *p, bool lower_case, int caption_length);

/* ERR_CONFIG where they differ; the message names the file (path), what differs, and who wants another: "the model was trained on". */
int features_check_identity(const char *path, const char *found, const char *wanted, const char *who, struct err *e);

#endif
