/* vit_encode.c - a frozen vision encoder over many pictures. */
#include "each.h"
#include "vit.h"
#include <string.h>

struct pictures {
    const struct vit *v;
    const float *pixels;
    ag_real *tokens;
};

static void encode_picture(void *context, ag_graph *g, int b)
{
    const struct pictures *p = context;
    const nn_dropout off = {.on = false};
    const size_t S = (size_t)p->v->config.image_size;
    const ag_tensor *x = vit_forward(g, p->v, 1, p->pixels + (size_t)b * VIT_CHANNELS * S * S, &off);
    memcpy(p->tokens + (size_t)b * ag_size(x), x->val, ag_size(x) * sizeof *p->tokens);
}

int vit_encode(const struct vit *v, int n, const float *pixels, ag_real *tokens, struct err *e)
{
    struct pictures p = {.v = v, .pixels = pixels, .tokens = tokens};
    return each_encode(n, encode_picture, &p, e);
}
