#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "published.h"
#include "real.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_KEYS                                                                                                                         \
    .layers = "num_hidden_layers", .width = "hidden_size", .heads = "num_attention_heads", .inner = "intermediate_size",                   \
    .activation = "hidden_act", .eps = "layer_norm_eps"
const struct family FAMILIES[] = {
    {.name = "bert_tiny", .prefix = "", .order = ENCODER_POST_NORM, .names = &BERT.names, .family = &BERT, USUAL_KEYS},
    {.name = "roberta_tiny", .prefix = "", .order = ENCODER_POST_NORM, .names = &BERT.names, .family = &BERT, USUAL_KEYS},
    {.name = "distilbert_tiny",
     .prefix = "",
     .order = ENCODER_POST_NORM,
     .names = &DISTILBERT.names,
     .family = &DISTILBERT,
     .layers = "n_layers",
     .width = "dim",
     .heads = "n_heads",
     .inner = "hidden_dim",
     .activation = "activation"},
    {.name = "vit_tiny", .prefix = "", .order = ENCODER_PRE_NORM, .names = &VIT.names, .vision = &VIT, USUAL_KEYS},
    {.name = "clip_vision_tiny",
     .prefix = "vision_model.",
     .order = ENCODER_PRE_NORM,
     .names = &CLIP_VISION.names,
     .vision = &CLIP_VISION,
     USUAL_KEYS},
};
const int N_FAMILIES = sizeof FAMILIES / sizeof *FAMILIES;

const struct family *family_of(const char *name)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (strcmp(FAMILIES[i].name, name) == 0) return &FAMILIES[i];
    fail_msg("no family %s", name);
    return NULL;
}

/* ---- config.json ---- */

struct json *config_open(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    struct json *config = NULL;
    struct err e = {0};
    if (file_read(path, 1 << 20, &text, &size, &e) || json_parse(text, size, path, &config, &e)) fail_msg("%s", e.text);
    free(text);
    return config;
}

int config_integer(const struct json *config, const char *key)
{
    int64_t x = 0;
    if (!json_read_integer(json_get(config, key), &x) || x < 0 || x > INT32_MAX) fail_msg("config.json: %s is no size", key);
    return (int)x;
}

static ag_activation activation_of(const struct json *config, const char *key)
{
    const char *name = json_text(json_get(config, key));
    if (name && strcmp(name, "gelu") == 0) return AG_GELU;
    if (name && strcmp(name, "quick_gelu") == 0) return AG_QUICK_GELU;
    fail_msg("config.json: %s is %s", key, name ? name : "absent");
    return AG_GELU;
}

struct encoder_shape shape_of(const struct json *config, const struct family *family)
{
    struct encoder_shape s = {
        .layers = config_integer(config, family->layers),
        .width = config_integer(config, family->width),
        .heads = config_integer(config, family->heads),
        .inner = config_integer(config, family->inner),
        .order = family->order,
        .activation = activation_of(config, family->activation),
        .eps = 1e-12,
    };
    if (family->eps) assert_true(json_read_number(json_get(config, family->eps), &s.eps));
    return s;
}

struct bert_config bert_config_of(const struct json *config, const struct family *family)
{
    const char *type = json_text(json_get(config, "model_type"));
    return (struct bert_config){
        .family = family->family,
        .vocab_size = config_integer(config, "vocab_size"),
        .type_vocab = json_get(config, "type_vocab_size") ? config_integer(config, "type_vocab_size") : 0,
        .max_positions = config_integer(config, "max_position_embeddings"),
        .position_offset = type && strcmp(type, "roberta") == 0 ? config_integer(config, "pad_token_id") + 1 : 0,
        .encoder = shape_of(config, family),
    };
}

struct vit_config vit_config_of(const struct json *config, const struct family *family)
{
    return (struct vit_config){
        .family = family->vision,
        .image_size = config_integer(config, "image_size"),
        .patch_size = config_integer(config, "patch_size"),
        .encoder = shape_of(config, family),
        .output = VISION_OUTPUT_ALL,
    };
}

/* ---- parameters ---- */

void fill(ag_params *ps, const struct safetensors *file, const char *before)
{
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        const char *name = named("%s%s", before, p->name);
        const struct array *a = reference_array(file, name);
        assert_int_equal(a->rank, p->rank);
        for (int k = 0; k < p->rank; k++) assert_int_equal(a->dim[k], p->dim[k]);
        float *values = reference_float(file, name, NULL);
        ag_real *own = ag_param_own(p);
        for (size_t k = 0; k < p->size; k++) own[k] = values[k];
        free(values);
    }
}

void train_all(ag_params *ps, size_t rows_max)
{
    for (size_t i = 0; i < ps->n; i++) ps->at[i]->role = strstr(ps->at[i]->name, "word_embeddings") ? AG_SPARSE : AG_DENSE;
    ag_params_train(ps, rows_max);
}
