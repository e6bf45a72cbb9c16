/* pretrained_vision.h - a vision encoder in a Hugging Face folder: config.json and model.safetensors (or shards and their index) of ViT, of
 * CLIP's vision tower, or of all of CLIP, where the sizes stand in vision_config and the tensors of the text tower are ignored.
 */
#ifndef NERVE_PRETRAINED_VISION_H
#define NERVE_PRETRAINED_VISION_H

#include "err.h"
#include "hash.h"
#include "json.h"
#include "vit.h"
#include "weights.h"

struct pretrained_vision {
    struct vit_config config; /* all of its output; dropout rates are left 0: they are the training's */
    struct weights *weights;
    struct hash digest; /* of the weight files' bytes */
};

/* ERR_NOINPUT: no folder or no file; ERR_DATA: of no family that is read, a config.json that contradicts itself, weights that cannot be
 * read. */
int pretrained_vision_open(const char *folder, struct pretrained_vision *out, struct err *e);
void pretrained_vision_close(struct pretrained_vision *p);

/* Gives every parameter whose name begins with prefix its values: folder_fill. They are borrowed: p must outlive params, or their move into
 * training blocks. */
int pretrained_vision_fill(const struct pretrained_vision *p, ag_params *params, const char *prefix, struct err *e);

/* config.json, both ways: it also stands in our checkpoints, where `output` {layer, class_token, patch_tokens} tells which rows are tokens.
 * A size that is absent is the one that transformers takes then. name is for messages. */
int vit_config_from_json(const struct json *json, const char *name, struct vit_config *out, struct err *e);
struct json *vit_config_to_json(const struct vit_config *config);

#endif
