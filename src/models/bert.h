/* bert.h - BERT (Devlin et al. 2019, arXiv 1810.04805) over packed sequences, with the parameter names of Hugging Face.
 *
 *   x = dropout LayerNorm(word[ids] + position[position + position_offset] + type[types])      then encoder.h's blocks, post-norm
 *
 *   ids, position, types [T]   word [V,C]   position [P,C]   type [K,C]   x [T,C]
 *
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692) is the same with position_offset = padding_idx + 1. There is no pooler: nothing here uses
 * one.
 */
#ifndef BERT_H
#define BERT_H

#include "encoder.h"

struct bert_config {
    int vocab_size, type_vocab, max_positions; /* rows of the tables; the longest sequence has max_positions - position_offset pieces */
    int position_offset;                       /* row of the first position */
    struct encoder_shape encoder;
};

struct bert {
    struct bert_config config;
    ag_param *word, *position, *type; /* word may be AG_SPARSE: a step touches few of its rows */
    nn_norm norm;
    struct encoder encoder;
};

extern const struct encoder_names BERT_NAMES;

/* Parameters <prefix>embeddings.word_embeddings.weight, <prefix>encoder.layer.0.attention.self.query.weight, ... in the order of the
 * published files. */
void bert_declare(ag_params *ps, const struct bert_config *config, const char *prefix, struct bert *b);
void bert_free(struct bert *b); /* the parameters belong to ag_params */

/* The last hidden state [T,C] of token type 0. position counts 0, 1, ... in each sequence; sequence b is rows start[b] .. start[b+1]. The
 * arrays stay borrowed until the graph is reset. */
ag_tensor *bert_forward(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, int n, const int32_t *start,
                        const nn_dropout *drop);
/* The embeddings alone [T,C]; types NULL: all 0. */
ag_tensor *bert_embed(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, const int32_t *types,
                      const nn_dropout *drop);

#endif
