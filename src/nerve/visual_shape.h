/* visual_shape.h - what a model sees, as keys of the configuration, a vision encoder's folder and a file of features decide it. */
#ifndef NERVE_VISUAL_SHAPE_H
#define NERVE_VISUAL_SHAPE_H

#include "model.h"
#include "pretrained_vision.h"

/* The shape of s->source, own_encoder being set. A ViT is as model.vision has it, which `folder` holds open; without that folder as one
 * before it was (before, or NULL), or a small one by the sizes of the configuration. text: the encoder of the text. Features: width and
 * identity are those of the file data.features. */
int visual_shape_make(const struct nerve_config *c, const struct bert_config *text, const struct pretrained_vision *folder,
                      const struct visual_shape *before, struct visual_shape *s, struct err *e);

/* The error of keys that ask for LoRA where all layers are frozen; of the text's encoder, too. */
int shape_no_lora(const char *rank, const char *frozen, int layers, struct err *e);

/* Word pieces of the longest caption that an encoder takes, wanted being model.caption_length. */
int visual_shape_caption_length(int wanted, const struct bert_config *encoder);

#endif
