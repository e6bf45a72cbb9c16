/* bert_encode.c - a frozen text encoder over many sequences. */
#include "bert.h"
#include "each.h"
#include <string.h>

struct sequences {
    const struct bert *b;
    const int32_t *ids, *position, *start;
    ag_real *rows;
};

static void encode_sequences(void *context, ag_graph *g, int from, int to)
{
    const struct sequences *s = context;
    const nn_dropout off = {.on = false};
    const int32_t first = s->start[from];
    int32_t *start = ag_save(g, (size_t)(to - from + 1) * sizeof *start);
    for (int k = from; k <= to; k++) start[k - from] = s->start[k] - first;
    const ag_tensor *x = bert_forward(g, s->b, start[to - from], s->ids + first, s->position + first, NULL, to - from, start, &off);
    memcpy(s->rows + (size_t)first * (size_t)ag_cols(x), x->val, ag_size(x) * sizeof *s->rows);
}

int bert_encode(const struct bert *b, int n, const int32_t *ids, const int32_t *position, const int32_t *start, ag_real *rows,
                struct err *e)
{
    struct sequences s = {.b = b, .ids = ids, .position = position, .start = start, .rows = rows};
    return each_encode(n, start[n] - start[0], encode_sequences, &s, e);
}
