/* vit.c - see vit.h for the equations. */
#include "vit.h"

const struct vit_family VIT = {
    .name = "vit",
    .prefix = "vit.",
    .names = {.layers = "encoder.layer",
              .query = "attention.attention.query",
              .key = "attention.attention.key",
              .value = "attention.attention.value",
              .attention_output = "attention.output.dense",
              .attention_norm = "layernorm_before",
              .up = "intermediate.dense",
              .down = "output.dense",
              .feed_norm = "layernorm_after"},
    .class_token = "embeddings.cls_token",
    .position = "embeddings.position_embeddings",
    .patch = "embeddings.patch_embeddings.projection",
    .last_norm = "layernorm",
    .patch_bias = true,
    .batched = true,
};

const struct vit_family CLIP_VISION = {
    .name = "clip_vision_model",
    .prefix = "vision_model.",
    .names = {.layers = "encoder.layers",
              .query = "self_attn.q_proj",
              .key = "self_attn.k_proj",
              .value = "self_attn.v_proj",
              .attention_output = "self_attn.out_proj",
              .attention_norm = "layer_norm1",
              .up = "mlp.fc1",
              .down = "mlp.fc2",
              .feed_norm = "layer_norm2"},
    .class_token = "embeddings.class_embedding",
    .position = "embeddings.position_embedding.weight",
    .patch = "embeddings.patch_embedding",
    .pre_norm = "pre_layrnorm",
    .last_norm = "post_layernorm",
};

const struct vision_output VISION_OUTPUT_ALL = {.layer = VIT_OUTPUT, .class_token = true, .patch_tokens = true};

int vit_patches(const struct vit_config *c)
{
    const int side = c->image_size / c->patch_size;
    return side * side;
}

int vit_tokens(const struct vit_config *c)
{
    return c->output.class_token + (c->output.patch_tokens ? vit_patches(c) : 0);
}

/* ---- declaring ---- */

static ag_param *declare_one(ag_params *ps, const char *prefix, const char *what, int rank, const int *dim)
{
    char name[NN_NAME_MAX];
    nn_name(name, "%s%s", prefix, what);
    return ag_params_add(ps, name, rank, dim);
}

/* A tensor that is published as dim [rank], or with leading dimensions 1 up to rank 3. */
static ag_param *declare_batched(ag_params *ps, const struct vit_family *f, const char *prefix, const char *what, int rank, const int *dim)
{
    int full[3] = {1, 1, 1};
    if (!f->batched) return declare_one(ps, prefix, what, rank, dim);
    for (int i = 0; i < rank; i++) full[3 - rank + i] = dim[i];
    return declare_one(ps, prefix, what, 3, full);
}

static void declare_norm(ag_params *ps, const char *prefix, const char *what, int C, nn_norm *norm)
{
    char name[NN_NAME_MAX];
    nn_name(name, "%s%s", prefix, what);
    nn_norm_declare(ps, name, C, norm);
}

void vit_declare(ag_params *ps, const struct vit_config *config, const char *prefix, struct vit *v)
{
    const struct vit_family *f = config->family;
    const int C = config->encoder.width, p = config->patch_size;
    AG_CHECK(f, "vit: of no family");
    AG_CHECK(p > 0 && p <= config->image_size, "vit: patches of %d pixels in pictures of %d", p, config->image_size);
    AG_CHECK(config->encoder.order == ENCODER_PRE_NORM, "vit: its blocks are pre-norm");
    AG_CHECK(config->output.layer >= VIT_OUTPUT && config->output.layer <= config->encoder.layers, "vit: hidden state %d of %d layers",
             config->output.layer, config->encoder.layers);
    AG_CHECK(config->output.class_token || config->output.patch_tokens, "vit: neither the class token nor patches are wanted");
    *v = (struct vit){.config = *config};
    v->class_token = declare_batched(ps, f, prefix, f->class_token, 1, (int[]){C});
    v->position = declare_batched(ps, f, prefix, f->position, 2, (int[]){vit_patches(config) + 1, C});
    char name[NN_NAME_MAX];
    nn_name(name, "%s.weight", f->patch);
    v->patch = declare_one(ps, prefix, name, 4, (int[]){C, VIT_CHANNELS, p, p});
    nn_name(name, "%s.bias", f->patch);
    if (f->patch_bias) v->patch_bias = declare_one(ps, prefix, name, 1, (int[]){C});
    if (f->pre_norm) declare_norm(ps, prefix, f->pre_norm, C, &v->pre_norm);
    struct encoder_shape needed = config->encoder;
    if (config->output.layer != VIT_OUTPUT) needed.layers = config->output.layer;
    encoder_declare(ps, &needed, &f->names, prefix, &v->encoder);
    if (config->output.layer == VIT_OUTPUT) declare_norm(ps, prefix, f->last_norm, C, &v->last_norm);
}

void vit_free(struct vit *v)
{
    encoder_free(&v->encoder);
    *v = (struct vit){0};
}

/* ---- forward ---- */

/* The patches of n pictures as rows [n P, 3 p p], in the order of the patch weight's elements. */
static ag_tensor *cut(ag_graph *g, const struct vit_config *c, int n, const float *pixels)
{
    const int S = c->image_size, p = c->patch_size, side = S / p, P = side * side, K = VIT_CHANNELS * p * p;
    ag_real *rows = ag_save(g, (size_t)n * (size_t)P * (size_t)K * sizeof *rows);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < n * P; r++) {
        const float *corner = pixels + (size_t)(r / P) * VIT_CHANNELS * (size_t)S * (size_t)S;
        corner += (size_t)(r % P / side * p) * (size_t)S + (size_t)(r % side * p);
        ag_real *to = rows + (size_t)r * (size_t)K;
        for (int channel = 0; channel < VIT_CHANNELS; channel++)
            for (int y = 0; y < p; y++)
                for (int x = 0; x < p; x++) *to++ = corner[((size_t)channel * (size_t)S + (size_t)y) * (size_t)S + (size_t)x];
    }
    return ag_input(g, 2, (int[]){n * P, K}, rows);
}

ag_tensor *vit_embed(ag_graph *g, const struct vit *v, int n, const float *pixels, const nn_dropout *drop)
{
    const struct vit_config *c = &v->config;
    const int C = c->encoder.width, p = c->patch_size, P = vit_patches(c);
    AG_CHECK(n >= 0 && n <= INT32_MAX / (P + 1), "vit: %d pictures of %d patches", n, P);
    const ag_scope scope = ag_scope_begin(g);
    ag_tensor *patch = ag_use_as(g, v->patch, 2, (int[]){C, VIT_CHANNELS * p * p});
    ag_tensor *patches = ag_linear(g, cut(g, c, n, pixels), patch, v->patch_bias ? ag_use(g, v->patch_bias) : NULL);
    ag_tensor *x = vit_place(g, patches, ag_use_as(g, v->class_token, 1, (int[]){C}), ag_use_as(g, v->position, 2, (int[]){P + 1, C}));
    if (c->family->pre_norm) x = nn_norm_forward(g, &v->pre_norm, x, c->encoder.eps);
    return ag_scope_end(g, scope, ag_dropout_of(g, x, nn_dropout_at(drop, c->encoder.dropout_hidden, NN_SITE_EMBEDDINGS)));
}

/* Of every picture's rows [n (P+1),C] those that are its visual tokens. */
static ag_tensor *tokens_of(ag_graph *g, const struct vit_config *c, int n, ag_tensor *x)
{
    const int P = vit_patches(c), tokens = vit_tokens(c);
    if (tokens == P + 1) return x;
    int32_t *row = ag_save(g, ((size_t)n * (size_t)tokens + 1) * sizeof *row);
    for (int i = 0; i < n * tokens; i++) row[i] = i / tokens * (P + 1) + i % tokens + (c->output.class_token ? 0 : 1);
    return ag_gather(g, x, n * tokens, row);
}

ag_tensor *vit_forward(ag_graph *g, const struct vit *v, int n, const float *pixels, const nn_dropout *drop)
{
    const struct vit_config *c = &v->config;
    const int rows = vit_patches(c) + 1;
    AG_CHECK(n >= 0 && n <= INT32_MAX / rows, "vit: %d pictures of %d rows", n, rows);
    const ag_scope scope = ag_scope_begin(g);
    int32_t *start = ag_save(g, ((size_t)n + 1) * sizeof *start);
    for (int b = 0; b <= n; b++) start[b] = b * rows;
    nn_dropout by_picture = *drop;
    by_picture.site += NN_SITE_VISUAL;
    by_picture.n = n;
    by_picture.start = start;
    ag_tensor *x = encoder_forward(g, &v->encoder, vit_embed(g, v, n, pixels, &by_picture), n, start, &by_picture);
    /* Rows first: the LayerNorm of a row does not see the others. */
    x = tokens_of(g, c, n, x);
    if (c->output.layer == VIT_OUTPUT) x = nn_norm_forward(g, &v->last_norm, x, c->encoder.eps);
    return ag_scope_end(g, scope, x);
}
