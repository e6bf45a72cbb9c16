#include "clip_folder.h"
#include "files.h"
#include "folder.h"
#include "json.h"
#include "picture_pipeline.h"
#include "rng.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct vit_config CLIP_B32 = {
    .family = &CLIP_VISION,
    .image_size = 224,
    .patch_size = 32,
    .encoder =
        {.layers = 12, .width = 768, .heads = 12, .inner = 3072, .order = ENCODER_PRE_NORM, .activation = AG_QUICK_GELU, .eps = 1e-5},
    .output = {.layer = VIT_OUTPUT, .class_token = true, .patch_tokens = true},
};
const struct vit_config CLIP_SMALL = {
    .family = &CLIP_VISION,
    .image_size = 16,
    .patch_size = 8,
    .encoder = {.layers = 2, .width = 16, .heads = 2, .inner = 32, .order = ENCODER_PRE_NORM, .activation = AG_QUICK_GELU, .eps = 1e-5},
    .output = {.layer = VIT_OUTPUT, .class_token = true, .patch_tokens = true},
};

/* ---- model.safetensors ---- */

struct writing {
    const ag_params *params;
    uint32_t seed;
    const char *path;
};

/* The table of tensors, float32 one behind the other, padded with blanks to a multiple of 64 bytes with its length in front. */
static char *header_of(const ag_params *params)
{
    struct json *json = json_new_object(), *metadata = json_new_object();
    int64_t offset = 0;
    json_set_string(metadata, "format", "pt");
    json_set(json, "__metadata__", metadata);
    for (size_t k = 0; k < params->n; k++) {
        const ag_param *p = params->at[k];
        struct json *tensor = json_new_object(), *shape = json_new_array(), *offsets = json_new_array();
        for (int i = 0; i < p->rank; i++) json_append_integer(shape, p->dim[i]);
        json_append_integer(offsets, offset);
        json_append_integer(offsets, offset += (int64_t)(p->size * sizeof(float)));
        json_set_string(tensor, "dtype", "F32");
        json_set(tensor, "shape", shape);
        json_set(tensor, "data_offsets", offsets);
        json_set(json, p->name, tensor);
    }
    char *text = json_dump(json, 0);
    json_free(json);
    return text;
}

static float value_of(const ag_param *p, struct rng *r)
{
    if (p->rank > 1) return (float)(0.02 * rng_normal(r));
    const bool gain = strstr(p->name, "norm") && strstr(p->name, "weight");
    return (float)(gain + 0.01 * rng_normal(r));
}

static int write_values(const struct writing *w, int fd, struct err *e)
{
    float block[4096];
    int code = 0;
    for (size_t k = 0; k < w->params->n; k++) {
        const ag_param *p = w->params->at[k];
        struct rng r = rng_stream(w->seed, RNG_TEST, (uint32_t)k);
        for (size_t done = 0, n; done < p->size && !code; done += n) {
            n = p->size - done < 4096 ? p->size - done : 4096;
            for (size_t i = 0; i < n; i++) block[i] = value_of(p, &r);
            code = file_write_all(fd, block, n * sizeof *block, w->path, e);
        }
    }
    return code;
}

static int fill(void *context, const char *temp_path, int fd, struct err *e)
{
    const struct writing *w = context;
    char *header = header_of(w->params);
    const uint64_t length = strlen(header), padded = (length + 8 + 63) / 64 * 64 - 8;
    char *text = malloc(padded + 1);
    (void)temp_path;
    snprintf(text, padded + 1, "%-*s", (int)padded, header);
    int code = file_write_all(fd, &padded, sizeof padded, w->path, e);
    if (!code) code = file_write_all(fd, text, padded, w->path, e);
    free(text);
    free(header);
    return code ? code : write_values(w, fd, e);
}

static int write_weights(const char *path, const struct vit_config *config, uint32_t seed, struct err *e)
{
    struct vit vit;
    ag_params params;
    ag_params_init(&params);
    vit_declare(&params, config, config->family->prefix, &vit);
    struct writing w = {.params = &params, .seed = seed, .path = path};
    const int code = file_write_atomic(path, fill, &w, e);
    vit_free(&vit);
    ag_params_free(&params);
    return code;
}

/* ---- the folder ---- */

static char *config_text(const struct vit_config *c)
{
    struct json *json = json_new_object(), *classes = json_new_array();
    json_append_string(classes, "CLIPVisionModel");
    json_set(json, "architectures", classes);
    json_set_string(json, "model_type", c->family->name);
    json_set_integer(json, "image_size", c->image_size);
    json_set_integer(json, "patch_size", c->patch_size);
    json_set_integer(json, "hidden_size", c->encoder.width);
    json_set_integer(json, "num_hidden_layers", c->encoder.layers);
    json_set_integer(json, "num_attention_heads", c->encoder.heads);
    json_set_integer(json, "intermediate_size", c->encoder.inner);
    json_set_string(json, "hidden_act", folder_activation_name(c->encoder.activation));
    json_set_number(json, "layer_norm_eps", c->encoder.eps);
    char *text = json_dump(json, 2);
    json_free(json);
    return text;
}

static int write_text(const char *folder, const char *name, char *text, struct err *e)
{
    char path[PATH_MAX];
    int code = path_join(path, sizeof path, folder, name, e);
    if (!code) code = file_write_bytes(path, text, strlen(text), e);
    free(text);
    return code;
}

int clip_folder_write(const char *folder, const struct vit_config *config, uint32_t seed, struct err *e)
{
    char path[PATH_MAX];
    const struct picture_pipeline pipeline = picture_pipeline_of(PICTURE_CLIP, config->image_size);
    int code;
    if ((code = directory_make(folder, e)) || (code = write_text(folder, "config.json", config_text(config), e)) ||
        (code = write_text(folder, "preprocessor_config.json", picture_pipeline_text(&pipeline), e)) ||
        (code = path_join(path, sizeof path, folder, "model.safetensors", e)))
        return code;
    return write_weights(path, config, seed, e);
}
