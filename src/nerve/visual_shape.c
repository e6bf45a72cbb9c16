#include "visual_shape.h"
#include "feature_file.h"
#include "files.h"
#include <limits.h>
#include <string.h>

/* A small ViT by the config's sizes. */
static struct vit_config from_scratch(const struct nerve_config *c)
{
    return (struct vit_config){.family = &VIT,
                               .image_size = c->model.vision_size,
                               .patch_size = c->model.vision_patch,
                               .encoder = {.layers = c->model.vision_layers,
                                           .width = c->model.vision_width,
                                           .heads = c->model.vision_heads,
                                           .inner = c->model.vision_inner,
                                           .order = ENCODER_PRE_NORM,
                                           .activation = AG_GELU,
                                           .eps = 1e-12}};
}

static int check_vision(const struct nerve_config *c, const struct visual_shape *s, struct err *e)
{
    const char *folder = c->model.vision;
    const int layers = s->vit.encoder.layers;
    if ((s->source == SOURCE_CLIP) != (s->vit.family == &CLIP_VISION))
        return err_set(e, ERR_CONFIG, "model.vision %s holds a %s: set model.visual to %s", folder, s->vit.family->name,
                       s->source == SOURCE_CLIP ? "vit" : "clip");
    if (c->model.vision_layer > layers)
        return err_set(e, ERR_CONFIG, "model.vision_layer is %d, but %s has %d layers", c->model.vision_layer, folder, layers);
    if (c->model.vision_frozen_layers > layers)
        return err_set(e, ERR_CONFIG, "model.vision_frozen_layers is %d, but %s has %d layers", c->model.vision_frozen_layers, folder,
                       layers);
    return 0;
}

int shape_no_lora(const char *rank, const char *frozen, int layers, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: LoRA trains in layers that are not frozen, but %s freezes all %d; set one of the two to 0", rank,
                   frozen, layers);
}

static int of_vision(const struct nerve_config *c, const struct pretrained_vision *folder, const struct visual_shape *before,
                     struct visual_shape *s, struct err *e)
{
    const bool is_folder = c->model.vision[0] != '\0', goes_on = !is_folder && before && before->source == s->source;
    s->vit = is_folder ? folder->config : goes_on ? before->vit : from_scratch(c);
    int code = check_vision(c, s, e);
    if (code) return code;
    s->vit.output = (struct vision_output){.layer = c->model.vision_layer < 0 ? VIT_OUTPUT : c->model.vision_layer,
                                           .class_token = c->model.vision_tokens != CONFIG_TOKENS_PATCHES,
                                           .patch_tokens = c->model.vision_tokens != CONFIG_TOKENS_CLASS};
    const bool lora = c->model.vision_lora_rank > 0;
    const int layers = s->vit.encoder.layers, needed = s->vit.output.layer == VIT_OUTPUT ? layers : s->vit.output.layer,
              wanted = c->model.vision_frozen_layers,
              frozen = wanted >= 0          ? wanted
                       : is_folder && !lora ? layers
                                            : 0;
    s->frozen = frozen > 0 && frozen >= needed;
    if (s->frozen && lora) return shape_no_lora("model.vision_lora_rank", "model.vision_frozen_layers", needed, e);
    const enum picture_recipe recipe = s->source == SOURCE_CLIP ? PICTURE_CLIP : PICTURE_VIT;
    if (is_folder) return picture_pipeline_read(c->model.vision, recipe, s->vit.image_size, &s->pipeline, e);
    s->pipeline = goes_on ? before->pipeline : picture_pipeline_of(recipe, s->vit.image_size);
    return 0;
}

static int of_captions(const struct nerve_config *c, const struct bert_config *text, struct visual_shape *s, struct err *e)
{
    const int layers = text->encoder.layers, frozen = c->model.caption_frozen_layers;
    if (!s->own_encoder) return 0;
    if (frozen > layers) return err_set(e, ERR_CONFIG, "model.caption_frozen_layers is %d, but the encoder has %d layers", frozen, layers);
    s->frozen = frozen > 0 && frozen >= layers;
    return 0;
}

static int of_features(const struct nerve_config *c, struct visual_shape *s, struct err *e)
{
    char path[PATH_MAX];
    struct features *f = NULL;
    int code = path_join(path, sizeof path, c->data.dir, c->data.features, e);
    if (!code) code = features_open(path, &f, e);
    if (code) return err_prefix(e, "data.features: ");
    const struct features_source source = features_source(f);
    s->width = source.width;
    s->identity = strdup(source.identity);
    features_close(f);
    return s->identity ? 0 : err_set(e, ERR_INTERNAL, "data.features: out of memory for its identity");
}

int visual_shape_make(const struct nerve_config *c, const struct bert_config *text, const struct pretrained_vision *folder,
                      const struct visual_shape *before, struct visual_shape *s, struct err *e)
{
    switch (s->source) {
    case SOURCE_VIT:
    case SOURCE_CLIP:
        return of_vision(c, folder, before, s, e);
    case SOURCE_CAPTION:
        return of_captions(c, text, s, e);
    case SOURCE_FEATURES:
        return of_features(c, s, e);
    default:
        return 0;
    }
}

int visual_shape_caption_length(int wanted, const struct bert_config *encoder)
{
    const int room = encoder->max_positions - encoder->position_offset;
    return wanted < room ? wanted : room;
}
