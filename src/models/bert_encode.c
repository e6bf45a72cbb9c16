/* bert_encode.c - a frozen text encoder over many sequences. */
#include "bert.h"
#include "each.h"
#include <string.h>

struct sequences {
    const struct bert *b;
    const int32_t *ids, *position, *start;
    ag_real *rows;
};

static void encode_sequence(void *context, ag_graph *g, int k)
{
    const struct sequences *s = context;
    const nn_dropout off = {.on = false};
    const int from = s->start[k], T = s->start[k + 1] - from;
    const int32_t *start = memcpy(ag_save(g, 2 * sizeof *start), (const int32_t[]){0, T}, 2 * sizeof *start);
    const ag_tensor *x = bert_forward(g, s->b, T, s->ids + from, s->position + from, NULL, 1, start, &off);
    memcpy(s->rows + (size_t)from * (size_t)ag_cols(x), x->val, ag_size(x) * sizeof *s->rows);
}

int bert_encode(const struct bert *b, int n, const int32_t *ids, const int32_t *position, const int32_t *start, ag_real *rows,
                struct err *e)
{
    struct sequences s = {.b = b, .ids = ids, .position = position, .start = start, .rows = rows};
    return each_encode(n, encode_sequence, &s, e);
}
