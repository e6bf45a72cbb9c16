/* bert.h - BERT (Devlin et al. 2019, arXiv 1810.04805) over packed sequences, with the parameter names of Hugging Face.
 *
 *   x = dropout LayerNorm(word[ids] + position[position + position_offset] + type[types])      then encoder.h's blocks, post-norm
 *
 *   ids, position, types [T]   word [V,C]   position [P,C]   type [K,C]   x [T,C]
 *
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692) is the same with position_offset = padding_idx + 1. DistilBERT (Sanh et al. 2019, arXiv
 * 1910.01108) is the same without type[types] (type_vocab = 0), under other names. There is no pooler: nothing here uses one.
 */
#ifndef BERT_H
#define BERT_H

#include "encoder.h"

/* What published files call a model of this equation and its parameters. */
struct bert_family {
    const char *name;   /* model_type of config.json */
    const char *prefix; /* of the encoder's tensors in files that hold a head too */
    struct encoder_names names;
};
extern const struct bert_family BERT, DISTILBERT;

struct bert_config {
    const struct bert_family *family;
    int vocab_size, max_positions; /* rows of the tables; the longest sequence has max_positions - position_offset pieces */
    int type_vocab;                /* 0: no token types */
    int position_offset;           /* row of the first position */
    struct encoder_shape encoder;
};

struct bert {
    struct bert_config config;
    ag_param *word, *position; /* word may be AG_SPARSE: a step touches few of its rows */
    ag_param *type;            /* NULL where there are no token types */
    nn_norm norm;
    struct encoder encoder;
};

/* Parameters <prefix>embeddings.word_embeddings.weight, <prefix>encoder.layer.0.attention.self.query.weight, ... in the order of the
 * published files. */
void bert_declare(ag_params *ps, const struct bert_config *config, const char *prefix, struct bert *b);
void bert_free(struct bert *b); /* the parameters belong to ag_params */

/* The last hidden state [T,C]. position counts 0, 1, ... in each sequence; types NULL: all 0, or the model has none; sequence b is rows
 * start[b] .. start[b+1]. The arrays stay borrowed until the graph is reset. */
ag_tensor *bert_forward(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, const int32_t *types, int n,
                        const int32_t *start, const nn_dropout *drop);
/* A frozen encoder: sequences go through it in groups that hold one layer's activations, spread over the threads (each.h). A sequence has the
 * same bytes in every company. rows [T,C]. Not inside a graph. ERR_INTERNAL: out of memory. */
int bert_encode(const struct bert *b, int n, const int32_t *ids, const int32_t *position, const int32_t *start, ag_real *rows,
                struct err *e);
/* The embeddings alone [T,C]. */
ag_tensor *bert_embed(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, const int32_t *types,
                      const nn_dropout *drop);

#endif
