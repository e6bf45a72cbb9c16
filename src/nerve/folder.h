/* folder.h - what all Hugging Face folders share, whatever the model: members of config.json, and tensors under their published names. */
#ifndef NERVE_FOLDER_H
#define NERVE_FOLDER_H

#include "encoder.h"
#include "json.h"
#include "weights.h"

enum { FOLDER_LAYERS_MAX = 1000 };

/* A JSON file of the folder. An absent one gives *json NULL where it is optional. */
int folder_json(const char *folder, const char *file, bool optional, struct json **json, struct err *e);

/* Members of config.json; name is for messages. A member that is absent leaves *out as it is, but for an integer, which gets its fallback.
 */

/* An integer in least .. most; fallback < 0: it must be there. */
int folder_count(const struct json *json, const char *name, const char *key, int least, int most, int fallback, int *out, struct err *e);
int folder_activation(const struct json *json, const char *name, const char *key, ag_activation *out, struct err *e);
const char *folder_activation_name(ag_activation activation);
int folder_eps(const struct json *json, const char *name, const char *key, double *out, struct err *e);
/* Whether the width is a multiple of the heads; the keys are for the message. */
int folder_heads(const struct encoder_shape *s, const char *name, const char *width, const char *heads, struct err *e);

/* Gives every parameter whose name begins with prefix its values: the tensor of the rest of its name, with or without `published` before
 * it, a LayerNorm's as weight and bias or as gamma and beta. Values are borrowed from the mapped file where they are float32, else widened.
 * A tensor that is missing, of another shape or not finite is refused by name; tensors that no parameter has are ignored, with one log
 * line. LoRA's parameters are left without values: they are training's. */
int folder_fill(const struct weights *w, const char *published, ag_params *params, const char *prefix, struct err *e);

#endif
