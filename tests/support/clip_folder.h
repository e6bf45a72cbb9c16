/* clip_folder.h - a vision tower of CLIP with random weights as a Hugging Face folder: config.json, preprocessor_config.json,
 * model.safetensors. */
#ifndef TEST_CLIP_FOLDER_H
#define TEST_CLIP_FOLDER_H

#include "err.h"
#include "vit.h"

/* ViT-B/32, as OpenAI published it: 87.8 M parameters. */
extern const struct vit_config CLIP_B32;
/* A few thousand, for tests: pictures of 16 x 16 pixels, 5 visual tokens of width 16. */
extern const struct vit_config CLIP_SMALL;

/* The same seed gives the same bytes. Values are written as they come: no tensor stands in memory. */
int clip_folder_write(const char *folder, const struct vit_config *config, uint32_t seed, struct err *e);

#endif
