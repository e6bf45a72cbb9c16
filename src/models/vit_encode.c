/* vit_encode.c - a frozen vision encoder over many pictures: one picture a pass, passes spread over threads. */
#include "vit.h"
#include <string.h>

struct one {
    ag_graph *g;
    const struct vit *v;
    const float *pixels;
    ag_real *tokens;
};

static void encode_one(void *context)
{
    const struct one *t = context;
    const nn_dropout off = {.on = false};
    const ag_tensor *x = vit_forward(t->g, t->v, 1, t->pixels, &off);
    memcpy(t->tokens, x->val, ag_size(x) * sizeof *t->tokens);
}

int vit_encode(const struct vit *v, int n, const float *pixels, ag_real *tokens, struct err *e)
{
    const size_t S = (size_t)v->config.image_size, picture = VIT_CHANNELS * S * S;
    const size_t size = (size_t)vit_tokens(&v->config) * (size_t)v->config.encoder.width;
    int code = 0;
#pragma omp parallel num_threads(ag_threads())
    {
        ag_graph g;
        ag_graph_init(&g);
#pragma omp for schedule(dynamic)
        for (int b = 0; b < n; b++) {
            struct one one = {.g = &g, .v = v, .pixels = pixels + (size_t)b * picture, .tokens = tokens + (size_t)b * size};
            struct err failed = {0};
            const int failure = ag_try(encode_one, &one, &failed);
            ag_graph_reset(&g);
            if (!failure) continue;
#pragma omp critical(vit_encode)
            if (!code) code = err_set(e, ERR_INTERNAL, "%s", failed.text);
        }
        ag_graph_free(&g);
    }
    return code;
}
