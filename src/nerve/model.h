/* model.h - the assembly: words and their pieces go in, emissions, losses and tags come out.
 *
 * A model that trains has its parameters in training blocks; a model that predicts borrows values: of a checkpoint, or of the training
 * model (model_view).
 */
#ifndef NERVE_MODEL_H
#define NERVE_MODEL_H

#include "batch.h"
#include "bert.h"
#include "config.h"
#include "crf.h"
#include "nn.h"
#include "pretrained.h"
#include "tags.h"

/* Optimizer groups; the encoder has one for each layer: GROUP_ENCODER + model_layer. */
enum model_group { GROUP_HEAD, GROUP_CRF, GROUP_ENCODER };

/* What a model is besides its values; a checkpoint holds all of it. */
struct model_shape {
    struct bert_config encoder;
    struct tag_set types;
    char *vocabulary; /* content of vocab.txt */
    size_t vocabulary_size;
    bool lower_case;
    int max_length;       /* pieces of a tweet, with [CLS] and [SEP] */
    bool crf;             /* else softmax and cross-entropy */
    bool bio_constraints; /* the CRF never gives a path that BIO forbids; without a CRF nothing is constrained */
    double dropout;       /* of the head's input */
};
void model_shape_free(struct model_shape *s);

struct model {
    struct model_shape shape;
    ag_params params;
    struct bert bert;
    nn_linear classifier;
    struct crf crf;                                  /* declared where shape.crf */
    uint8_t *forbidden_start, *forbidden_transition; /* [L], [L,L], where shape.bio_constraints */
    struct wordpiece *wordpiece;
    bool is_view; /* shape and wordpiece belong to another model */
};

/* Declares every parameter; values come after: from a folder, from chance, from a checkpoint. Takes shape, also when it fails. */
int model_declare(struct model *m, struct model_shape *shape, struct err *e);
void model_free(struct model *m);

/* Initial values of the parameters that have none: matrices normal(0, .02), biases and LayerNorm's 0 and 1, CRF scores uniform(-.1, .1); a
 * function of seed and the parameter's name. */
void model_initialize(struct model *m, uint32_t seed);

/* Roles, groups and decay, then the training blocks: the encoder's first frozen_layers layers (with the embeddings, where > 0) are frozen.
 * rows_max: pieces of the largest accumulated batch. */
void model_train(struct model *m, int frozen_layers, size_t rows_max);
int model_groups(const struct model *m); /* number of groups */

/* Where a parameter stands: 0 for the encoder's embeddings, 1 for its first layer and so on; -1 for the head and the CRF. */
int model_layer(const struct model *m, const ag_param *p);

size_t model_parameters(const struct model *m); /* number of values */

/* A predicting model on the values of another one, which must outlive it. */
void model_view(const struct model *of, struct model *view);

/* The picture of the architecture as code. b stays borrowed until the graph is reset. Emissions [W,L]. */
ag_tensor *nerve_forward(ag_graph *g, const struct model *m, const struct batch *b, const nn_dropout *drop);
/* Each tweet's loss [B]: the CRF's negative log-likelihood, or cross-entropy summed over words. */
ag_tensor *model_loss(ag_graph *g, const struct model *m, ag_tensor *emissions, const struct batch *b);
/* The best tags of each word, [W]: Viterbi, or the largest emission. */
void model_decode(const struct model *m, const ag_tensor *emissions, const struct batch *b, int32_t *tags);
/* The probability that a sentence of n words (emissions [n,L]) has exactly this entity: the CRF's, lenient where it is not constrained;
 * without a CRF the product of the words' tag probabilities, no I- of its type following. */
double model_span_probability(const struct model *m, int n, const float *emissions, struct span span);

#endif
