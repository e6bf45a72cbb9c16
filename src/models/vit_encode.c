/* vit_encode.c - a frozen vision encoder over many pictures. */
#include "each.h"
#include "vit.h"
#include <string.h>

struct pictures {
    const struct vit *v;
    const float *pixels;
    ag_real *tokens;
};

static void encode_pictures(void *context, ag_graph *g, int from, int to)
{
    const struct pictures *p = context;
    const nn_dropout off = {.on = false};
    const size_t S = (size_t)p->v->config.image_size;
    const ag_tensor *x = vit_forward(g, p->v, to - from, p->pixels + (size_t)from * VIT_CHANNELS * S * S, &off);
    const size_t row = (size_t)vit_tokens(&p->v->config) * (size_t)ag_cols(x);
    memcpy(p->tokens + (size_t)from * row, x->val, ag_size(x) * sizeof *p->tokens);
}

int vit_encode(const struct vit *v, int n, const float *pixels, ag_real *tokens, struct err *e)
{
    struct pictures p = {.v = v, .pixels = pixels, .tokens = tokens};
    return each_encode(n, (int64_t)n * (vit_patches(&v->config) + 1), encode_pictures, &p, e);
}
