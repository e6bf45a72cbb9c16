#include "pretrained_vision.h"
#include "files.h"
#include "folder.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { PIXELS_MAX = 1 << 14 }; /* of a side */

/* What transformers takes where config.json says nothing. */
static const struct vit_config DEFAULTS[] = {
    {.family = &VIT,
     .image_size = 224,
     .patch_size = 16,
     .encoder = {.layers = 12, .width = 768, .heads = 12, .inner = 3072, .order = ENCODER_PRE_NORM, .activation = AG_GELU, .eps = 1e-12}},
    {.family = &CLIP_VISION,
     .image_size = 224,
     .patch_size = 32,
     .encoder =
         {.layers = 12, .width = 768, .heads = 12, .inner = 3072, .order = ENCODER_PRE_NORM, .activation = AG_QUICK_GELU, .eps = 1e-5}},
};
enum { N_FAMILIES = sizeof DEFAULTS / sizeof *DEFAULTS };

static const struct vit_config *defaults_of(const char *type)
{
    for (int k = 0; type && k < N_FAMILIES; k++)
        if (strcmp(type, DEFAULTS[k].family->name) == 0) return &DEFAULTS[k];
    return NULL;
}

/* The object that holds the sizes: of a whole CLIP its vision_config. name [PATH_MAX + 32] becomes what messages say. */
static int find_sizes(const struct json **json, const char *file, char *name, struct err *e)
{
    snprintf(name, PATH_MAX + 32, "%s", file);
    if (!json_is_object(*json)) return err_set(e, ERR_DATA, "%s: not a JSON object", file);
    const char *type = json_text(json_get(*json, "model_type"));
    if (!type || strcmp(type, "clip") != 0) return 0;
    *json = json_get(*json, "vision_config");
    if (!*json || !json_is_object(*json))
        return err_set(e, ERR_DATA, "%s: model_type is \"clip\", but there is no object vision_config", file);
    snprintf(name, PATH_MAX + 32, "%s, vision_config", file);
    return 0;
}

static int check_form(const struct json *json, const char *name, const struct vit_config *c, struct err *e)
{
    int channels, code;
    bool bias = true;
    if ((code = folder_count(json, name, "num_channels", VIT_CHANNELS, VIT_CHANNELS, VIT_CHANNELS, &channels, e))) return code;
    if (json_read_boolean(json_get(json, "qkv_bias"), &bias) && !bias)
        return err_set(e, ERR_DATA, "%s: qkv_bias is false: only encoders with biases are read", name);
    if (c->patch_size > c->image_size)
        return err_set(e, ERR_DATA, "%s: patch_size %d is larger than image_size %d", name, c->patch_size, c->image_size);
    return folder_heads(&c->encoder, name, "hidden_size", "num_attention_heads", e);
}

static int read_output(const struct json *json, const char *name, struct vit_config *c, struct err *e)
{
    const struct json *output = json_get(json, "output");
    struct vision_output *o = &c->output;
    if (!output) return 0;
    int code = folder_count(output, name, "layer", VIT_OUTPUT, c->encoder.layers, VIT_OUTPUT, &o->layer, e);
    json_read_boolean(json_get(output, "class_token"), &o->class_token);
    json_read_boolean(json_get(output, "patch_tokens"), &o->patch_tokens);
    if (!code && !o->class_token && !o->patch_tokens) code = err_set(e, ERR_DATA, "%s: output gives no visual token", name);
    return code;
}

int vit_config_from_json(const struct json *json, const char *file, struct vit_config *out, struct err *e)
{
    char name[PATH_MAX + 32];
    int code = find_sizes(&json, file, name, e);
    if (code) return code;
    const char *type = json_text(json_get(json, "model_type"));
    const struct vit_config *d = defaults_of(type);
    if (!d)
        return err_set(e, ERR_DATA, "%s: model_type is \"%s\": only \"vit\", \"clip\" and \"clip_vision_model\" are read", name,
                       type ? type : "(absent)");
    struct vit_config c = *d;
    c.output = VISION_OUTPUT_ALL;
    const struct encoder_shape *s = &d->encoder;
    if ((code = folder_count(json, name, "image_size", 1, PIXELS_MAX, d->image_size, &c.image_size, e)) ||
        (code = folder_count(json, name, "patch_size", 1, PIXELS_MAX, d->patch_size, &c.patch_size, e)) ||
        (code = folder_count(json, name, "hidden_size", 1, INT_MAX, s->width, &c.encoder.width, e)) ||
        (code = folder_count(json, name, "num_hidden_layers", 0, FOLDER_LAYERS_MAX, s->layers, &c.encoder.layers, e)) ||
        (code = folder_count(json, name, "num_attention_heads", 1, INT_MAX, s->heads, &c.encoder.heads, e)) ||
        (code = folder_count(json, name, "intermediate_size", 1, INT_MAX, s->inner, &c.encoder.inner, e)) ||
        (code = folder_activation(json, name, "hidden_act", &c.encoder.activation, e)) ||
        (code = folder_eps(json, name, "layer_norm_eps", &c.encoder.eps, e)) || (code = check_form(json, name, &c, e)) ||
        (code = read_output(json, name, &c, e)))
        return code;
    *out = c;
    return 0;
}

struct json *vit_config_to_json(const struct vit_config *c)
{
    struct json *json = json_new_object(), *output = json_new_object();
    json_set_string(json, "model_type", c->family->name);
    json_set_integer(json, "image_size", c->image_size);
    json_set_integer(json, "patch_size", c->patch_size);
    json_set_integer(json, "num_channels", VIT_CHANNELS);
    json_set_integer(json, "hidden_size", c->encoder.width);
    json_set_integer(json, "num_hidden_layers", c->encoder.layers);
    json_set_integer(json, "num_attention_heads", c->encoder.heads);
    json_set_integer(json, "intermediate_size", c->encoder.inner);
    json_set_string(json, "hidden_act", folder_activation_name(c->encoder.activation));
    json_set_number(json, "layer_norm_eps", c->encoder.eps);
    json_set_integer(output, "layer", c->output.layer);
    json_set_boolean(output, "class_token", c->output.class_token);
    json_set_boolean(output, "patch_tokens", c->output.patch_tokens);
    json_set(json, "output", output);
    return json;
}

static int read_config(const char *folder, struct vit_config *config, struct err *e)
{
    char path[PATH_MAX];
    struct json *json = NULL;
    int code = folder_json(folder, "config.json", false, &json, e);
    if (!code) code = path_join(path, sizeof path, folder, "config.json", e);
    if (!code) code = vit_config_from_json(json, path, config, e);
    json_free(json);
    return code;
}

int pretrained_vision_open(const char *folder, struct pretrained_vision *out, struct err *e)
{
    struct pretrained_vision p = {0};
    int code;
    if ((code = read_config(folder, &p.config, e)) || (code = weights_open(folder, &p.weights, e))) return code;
    p.digest = weights_digest(p.weights);
    *out = p;
    return 0;
}

void pretrained_vision_close(struct pretrained_vision *p)
{
    weights_close(p->weights);
    *p = (struct pretrained_vision){0};
}

int pretrained_vision_fill(const struct pretrained_vision *p, ag_params *params, const char *prefix, struct err *e)
{
    return folder_fill(p->weights, p->config.family->prefix, params, prefix, e);
}
