/* hidden_states.c - what a model gives for packed ids, for exported_models.py to compare with.
 *
 *   hidden_states CHECKPOINT IDS OUT
 *
 * IDS and OUT are safetensors files: I32 input_ids [T] and seq_start [B+1] come in; F32 hidden [T,C], the last hidden state, and logits
 * [T,L], the head's on every row, go out.
 */
#include "loaded_model.h"
#include "machine.h"
#include "safetensors.h"
#include "safetensors_write.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In fresh memory; n is the number of elements. */
static int32_t *read_integers(const struct safetensors *s, const char *name, size_t *n)
{
    const struct array *a = safetensors_find(s, name);
    int32_t *x = a && a->type == ARRAY_I32 ? malloc(a->size * sizeof *x + 1) : NULL;
    if (!x) {
        fprintf(stderr, "hidden_states: no I32 tensor %s\n", name);
        exit(1);
    }
    memcpy(x, a->data, a->size * sizeof *x);
    *n = a->size;
    return x;
}

static struct array array_of(const char *name, const ag_tensor *x)
{
    return (struct array){
        .name = name, .type = ARRAY_F32, .rank = 2, .dim = {(size_t)x->dim[0], (size_t)x->dim[1]}, .size = ag_size(x), .data = x->val};
}

static int forward(const struct model *m, const struct safetensors *in, const char *out, struct err *e)
{
    const nn_dropout none = {.on = false};
    size_t T, sequences;
    int32_t *ids = read_integers(in, "input_ids", &T), *start = read_integers(in, "seq_start", &sequences);
    int32_t *position = calloc(T + 1, sizeof *position);
    for (size_t b = 0; b + 1 < sequences; b++)
        for (int32_t i = start[b]; position && i < start[b + 1]; i++) position[i] = i - start[b];
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *hidden = bert_forward(&g, &m->bert, (int)T, ids, position, NULL, (int)sequences - 1, start, &none);
    const ag_tensor *logits = nn_linear_forward(&g, &m->text, hidden);
    const struct array arrays[] = {array_of("hidden", hidden), array_of("logits", logits)};
    const int code = safetensors_write(out, arrays, 2, e);
    ag_graph_free(&g);
    free(ids);
    free(start);
    free(position);
    return code;
}

int main(int argc, char **argv)
{
    static struct loaded_model model;
    struct safetensors *in = NULL;
    struct err e = {0};
    if (argc != 4) return 64;
    if (machine_start(2, &e) || loaded_model_open(argv[1], &model, &e) || safetensors_open(argv[2], &in, &e) ||
        forward(&model.model, in, argv[3], &e))
        fprintf(stderr, "hidden_states: %s\n", e.text);
    safetensors_close(in);
    loaded_model_close(&model);
    return e.code ? 1 : 0;
}
