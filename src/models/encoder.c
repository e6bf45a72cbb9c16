/* encoder.c - see encoder.h for the equations. */
#include "encoder.h"
#include <stdlib.h>

enum { SITES = 4, SITE_PROBABILITIES = 0, SITE_ATTENTION = 1, SITE_FEED = 2 };

/* ---- declaring ---- */

static void declare_layer(ag_params *ps, const struct encoder_shape *s, const struct encoder_names *names, const char *block,
                          struct encoder_layer *l)
{
    const int C = s->width, F = s->inner;
    const struct {
        const char *part;
        int in, out; /* out 0: a LayerNorm of width in */
        nn_linear *linear;
        nn_norm *norm;
    } parts[] = {
        {names->query, C, C, &l->query, NULL},
        {names->key, C, C, &l->key, NULL},
        {names->value, C, C, &l->value, NULL},
        {names->attention_output, C, C, &l->attention_output, NULL},
        {names->attention_norm, C, 0, NULL, &l->attention_norm},
        {names->up, C, F, &l->up, NULL},
        {names->down, F, C, &l->down, NULL},
        {names->feed_norm, C, 0, NULL, &l->feed_norm},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[NN_NAME_MAX];
        nn_name(name, "%s.%s", block, parts[i].part);
        if (parts[i].linear)
            nn_linear_declare(ps, name, parts[i].in, parts[i].out, parts[i].linear);
        else
            nn_norm_declare(ps, name, parts[i].in, parts[i].norm);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts && s->lora_rank > 0; i++)
        if (parts[i].linear) nn_lora_declare(ps, parts[i].linear, s->lora_rank, s->lora_alpha);
}

void encoder_declare(ag_params *ps, const struct encoder_shape *shape, const struct encoder_names *names, const char *prefix,
                     struct encoder *e)
{
    AG_CHECK(shape->layers >= 0, "encoder: %d layers", shape->layers);
    AG_CHECK(shape->width > 0 && shape->heads > 0 && shape->width % shape->heads == 0, "encoder: width %d is not a multiple of %d heads",
             shape->width, shape->heads);
    AG_CHECK(shape->lora_rank >= 0, "encoder: LoRA of rank %d", shape->lora_rank);
    AG_CHECK(shape->inner > 0, "encoder: inner width %d", shape->inner);
    *e = (struct encoder){.shape = *shape, .layer = calloc((size_t)shape->layers + 1, sizeof *e->layer)};
    AG_CHECK(e->layer, "out of memory: an encoder of %d layers", shape->layers);
    for (int l = 0; l < shape->layers; l++) {
        char block[NN_NAME_MAX];
        nn_name(block, "%s%s.%d", prefix, names->layers, l);
        declare_layer(ps, shape, names, block, &e->layer[l]);
    }
}

void encoder_pack(struct encoder *e, int layer)
{
    struct encoder_layer *l = &e->layer[layer];
    nn_linear *const linear[] = {&l->query, &l->key, &l->value, &l->attention_output, &l->up, &l->down};
    for (size_t i = 0; i < sizeof linear / sizeof *linear; i++) ag_param_pack(linear[i]->w);
}

void encoder_free(struct encoder *e)
{
    free(e->layer);
    *e = (struct encoder){0};
}

/* ---- forward ---- */

struct place { /* where in the network, and over which sequences */
    const struct encoder_shape *shape;
    const struct encoder_layer *layer;
    int number, n;
    const int32_t *start;
    const nn_dropout *drop;
};

static ag_dropout drop_at(const struct place *p, double rate, int site)
{
    return nn_dropout_at(p->drop, rate, (uint32_t)(NN_SITE_LAYERS + SITES * p->number + site));
}

/* W_o attention(W_q z, W_k z, W_v z) */
static ag_tensor *attend(ag_graph *g, const struct place *p, ag_tensor *z)
{
    const struct encoder_layer *l = p->layer;
    ag_tensor *q = nn_linear_forward(g, &l->query, z), *k = nn_linear_forward(g, &l->key, z), *v = nn_linear_forward(g, &l->value, z);
    ag_dropout drop = drop_at(p, p->shape->dropout_attention, SITE_PROBABILITIES);
    ag_tensor *context = ag_attention(g, q, k, v, p->shape->heads, p->n, p->start, p->start, drop);
    ag_tensor *const read[] = {q, k, v};
    for (int i = 0; i < 3; i++) ag_forget(g, read[i]);
    ag_tensor *y = nn_linear_forward(g, &l->attention_output, context);
    ag_forget(g, context);
    return y;
}

/* W_down f(W_up z) */
static ag_tensor *feed(ag_graph *g, const struct place *p, ag_tensor *z)
{
    ag_tensor *up = nn_linear_act_forward(g, &p->layer->up, z, p->shape->activation), *down = nn_linear_forward(g, &p->layer->down, up);
    ag_forget(g, up);
    return down;
}

ag_tensor *encoder_block_forward(ag_graph *g, const struct encoder *e, int layer, ag_tensor *x, int n, const int32_t *start,
                                 const nn_dropout *drop)
{
    AG_CHECK(layer >= 0 && layer < e->shape.layers, "encoder: layer %d of %d", layer, e->shape.layers);
    AG_CHECK(x->rank == 2 && x->dim[1] == e->shape.width, "encoder: x has rank %d and %d columns, the encoder is %d wide", x->rank,
             ag_cols(x), e->shape.width);
    const struct encoder_shape *s = &e->shape;
    const struct encoder_layer *l = &e->layer[layer];
    const struct place p = {.shape = s, .layer = l, .number = layer, .n = n, .start = start, .drop = drop};
    const ag_dropout drop_attention = drop_at(&p, s->plain_attention_output ? 0 : s->dropout_hidden, SITE_ATTENTION),
                     drop_feed = drop_at(&p, s->dropout_hidden, SITE_FEED);

    const bool pre_norm = s->order == ENCODER_PRE_NORM;

    ag_tensor *z = pre_norm ? nn_norm_forward(g, &l->attention_norm, x, s->eps) : x;
    ag_tensor *attended = attend(g, &p, z);
    ag_tensor *h =
        pre_norm ? ag_add(g, x, attended, drop_attention) : nn_add_norm_forward(g, &l->attention_norm, x, attended, drop_attention, s->eps);
    ag_forget(g, attended);
    if (pre_norm) ag_forget(g, z);

    z = pre_norm ? nn_norm_forward(g, &l->feed_norm, h, s->eps) : h;
    ag_tensor *fed = feed(g, &p, z);
    ag_tensor *y = pre_norm ? ag_add(g, h, fed, drop_feed) : nn_add_norm_forward(g, &l->feed_norm, h, fed, drop_feed, s->eps);
    ag_forget(g, fed);
    ag_forget(g, z);
    ag_forget(g, h);
    return y;
}

ag_tensor *encoder_forward(ag_graph *g, const struct encoder *e, ag_tensor *x, int n, const int32_t *start, const nn_dropout *drop)
{
    /* One mark before the first block serves all: each block's end gives back the block and its input, which nothing reads any more. */
    const ag_scope scope = ag_scope_begin(g);
    for (int l = 0; l < e->shape.layers; l++) {
        ag_tensor *y = encoder_block_forward(g, e, l, x, n, start, drop);
        if (l > 0) ag_forget(g, x); /* the first one is the caller's */
        x = ag_scope_end(g, scope, y);
    }
    return x;
}
