/* model.h - the assembly: words and their pieces go in, pictures, captions or features beside them; emissions, beliefs, losses and tags
 * come out.
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
#include "cross.h"
#include "evi.h"
#include "nn.h"
#include "pretrained.h"
#include "tags.h"
#include "vit.h"

/* Optimizer groups; the text's encoder has one for each layer: GROUP_ENCODER + model_layer. */
enum model_group { GROUP_HEAD, GROUP_CRF, GROUP_FUSION, GROUP_VISUAL, GROUP_ENCODER };

/* What a model sees beside the text. */
struct visual_shape {
    enum config_visual source;
    struct vit_config vit;            /* vit, clip */
    struct picture_pipeline pipeline; /* likewise */
    bool turn;                        /* pictures as their EXIF orientation says */
    bool frozen;                      /* its own encoder does not train: what it gives is the same as stored features */
    bool own_encoder;                 /* caption: of its own, not the text's */
    int caption_length;               /* word pieces of the longest caption, with [CLS] and [SEP] */
    int width;                        /* features: of a token */
    char *identity;                   /* features: of the file they were trained on, see features_identity.h */
};

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
    enum config_fusion fusion;
    bool query_tags, residual; /* who looks at the picture: learned queries of tags, or words, which may keep their own row */
    evi_head head;             /* monig */
    bool vacuous_neutral;
    struct visual_shape visual; /* SOURCE_NONE where fusion is text */
};
void model_shape_free(struct model_shape *s);
/* What keys of the configuration alone decide; s is otherwise left as it is. */
void model_shape_of_config(const struct nerve_config *c, struct model_shape *s);

struct model {
    struct model_shape shape;
    ag_params params;
    struct bert bert;
    struct bert caption;                             /* where shape.visual.own_encoder */
    struct vit vit;                                  /* of vit and clip */
    struct cross cross;                              /* of every fusion but text and append */
    nn_linear gate_word, gate_seen;                  /* gate */
    nn_linear text, image;                           /* the heads: scores, NIG parameters or evidence of tags; either where fusion has it */
    ag_param *scale, *offset;                        /* monig-onehot: s [1], b [L] */
    struct crf crf;                                  /* declared where shape.crf */
    uint8_t *forbidden_start, *forbidden_transition; /* [L], [L,L], where shape.bio_constraints */
    struct wordpiece *wordpiece;
    double temperature; /* T: divides all scores where a probability is asked for; 0: none was fitted, and T = 1 */
    bool is_view;       /* shape and wordpiece belong to another model */
};

/* Declares every parameter; values come after: from a folder, from chance, from a checkpoint. Takes shape, also when it fails. */
int model_declare(struct model *m, struct model_shape *shape, struct err *e);
void model_free(struct model *m);

/* Initial values of the parameters that have none: matrices normal(0, .02), those of a ViT and of the block that looks at pictures normal
 * with variance 1 / (3 inputs), the queries of tags normal(0, 1); biases and LayerNorm's 0 and 1, CRF scores uniform(-.1, .1), LoRA's B 0;
 * a function of seed and the parameter's place. The captions' own encoder starts as the text's. */
void model_initialize(struct model *m, uint32_t seed);

/* Roles, groups and decay: the first layers of each encoder are frozen as the keys say, with the embeddings where it is one at least, and
 * with what stands behind the last layer where it is all of them. With LoRA its pairs alone train, in the layers that are not frozen. */
void model_place(struct model *m, const struct nerve_config *c);
/* The same, then the training blocks. rows_max: pieces of the largest accumulated batch, captions included. */
void model_train(struct model *m, const struct nerve_config *c, size_t rows_max);
int model_groups(const struct model *m); /* number of groups */

/* Where a parameter stands: 0 for the embeddings of the text's encoder, 1 for its first layer and so on; -1 for all else. */
int model_layer(const struct model *m, const ag_param *p);

/* Whether a batch's visual part is read: not of text alone, and not where captions are set behind the tweets. */
bool model_sees(const struct model *m);

size_t model_parameters(const struct model *m); /* number of values */
size_t model_trainable(const struct model *m);  /* of those with a role that trains */

/* The affine map with LoRA of which w is the frozen matrix; NULL where w is none. */
const nn_linear *model_lora(const struct model *m, const ag_param *w);

/* A predicting model on the values of another one, which must outlive it. */
void model_view(const struct model *of, struct model *view);

enum { MODEL_TEXT, MODEL_IMAGE, MODEL_MODALITIES };

/* What a forward pass gives. */
struct forward {
    ag_tensor *emissions;              /* [W,L] */
    ag_tensor *head[MODEL_MODALITIES]; /* what is fused, by modality: log-odds [W,L] (average), NIG beliefs [4,W,L] (monig), evidence [W,L]
                                          (dirichlet); NULL for other fusions */
    const uint8_t *present[MODEL_MODALITIES]; /* [W] 0 where a word has not got it, NULL: every word has */
    ag_tensor *fused;                         /* monig: [4,W,L]; dirichlet: [W,L]; else NULL */
};

/* The picture of the architecture as code. b stays borrowed until the graph is reset. */
struct forward nerve_forward(ag_graph *g, const struct model *m, const struct batch *b, const nn_dropout *drop);

/* Scores of tags [W,L] from a NIG belief, by the model's reading. */
ag_tensor *model_nig_emissions(ag_graph *g, const struct model *m, ag_tensor *belief);

/* What the terms of the loss weigh now. */
struct objective {
    double modality, evidence, regulariser, noise;
    const ag_real *balance;       /* [L,L] weights of the NIG terms by the word's tag, or NULL: 1 */
    const ag_real *image_balance; /* the same of the picture's cross-entropy */
};
/* Each tweet's loss [B]: the CRF's negative log-likelihood or the cross-entropy of the emissions, and what the fusion adds to it. */
ag_tensor *model_loss(ag_graph *g, const struct model *m, const struct forward *f, const struct batch *b, const struct objective *o);
/* The best tags of each word, [W]: Viterbi, or the largest emission. */
void model_decode(const struct model *m, const ag_tensor *emissions, const struct batch *b, int32_t *tags);
/* The CRF's scores at the model's temperature. */
struct crf_scores model_crf_scores(const struct model *m);
/* The probability that a sentence of n words (emissions [n,L]) has exactly this entity: the CRF's, lenient where it is not constrained;
 * without a CRF the product of the words' tag probabilities, no I- of its type following. */
double model_span_probability(const struct model *m, int n, const float *emissions, struct span span);

#endif
