/* encoder.h - a stack of transformer blocks (Vaswani et al. 2017, arXiv 1706.03762) over packed sequences, described by data.
 *
 *   attend(z) = W_o attention(W_q z, W_k z, W_v z)      feed(z) = W_down f(W_up z)      all with biases
 *
 *   post-norm   h = norm_a(x + dropout attend(x))       y = norm_f(h + dropout feed(h))              BERT, RoBERTa
 *               h = norm_a(x + attend(x))               y = norm_f(h + dropout feed(h))              DistilBERT
 *   pre-norm    h = x + dropout attend(norm_a(x))       y = h + dropout feed(norm_f(h))              ViT, CLIP
 *
 *   x, h, y [T,C]   W_q, W_k, W_v, W_o [C,C]   W_up [F,C]   W_down [C,F]   norm_a, norm_f gain, bias [C]
 *
 * With LoRA each of the six matrices W is W + alpha / rank up down.
 *
 * What a model has before and behind the blocks (embeddings, a last LayerNorm, a pooler) is the model's own.
 *
 * Dropout sites (nn.h) of layer l: NN_SITE_LAYERS + 4 l for the attention's probabilities, + 1 for the attention's output, + 2 for the
 * feed-forward output.
 */
#ifndef ENCODER_H
#define ENCODER_H

#include "nn.h"

enum encoder_order { ENCODER_POST_NORM, ENCODER_PRE_NORM };

struct encoder_shape {
    int layers, width, heads, inner; /* C = width is a multiple of heads; F = inner */
    enum encoder_order order;
    ag_activation activation;
    double eps;                  /* LayerNorm's */
    bool plain_attention_output; /* no dropout behind W_o: DistilBERT */
    double dropout_hidden, dropout_attention;
    int lora_rank; /* of the six matrices of each block (nn.h); 0: no LoRA */
    double lora_alpha;
};

/* How a family of models names a block's parameters: <prefix><layers>.<number>.<part>.{weight,bias}. */
struct encoder_names {
    const char *layers; /* "encoder.layer" */
    const char *query, *key, *value, *attention_output;
    const char *attention_norm; /* norm_a */
    const char *up, *down;
    const char *feed_norm; /* norm_f */
};

struct encoder_layer {
    nn_linear query, key, value, attention_output;
    nn_norm attention_norm;
    nn_linear up, down;
    nn_norm feed_norm;
};

struct encoder {
    struct encoder_shape shape;
    struct encoder_layer *layer; /* [layers] */
};

void encoder_declare(ag_params *ps, const struct encoder_shape *shape, const struct encoder_names *names, const char *prefix,
                     struct encoder *e);
/* The weights of a layer of a predicting model go into the order in which products read them: ag_param_pack. */
void encoder_pack(struct encoder *e, int layer);
void encoder_free(struct encoder *e); /* the parameters belong to ag_params */

/* x [T,C], sequence b is rows start[b] .. start[b+1] -> [T,C]. Where no layer so far is taped (prediction, frozen layers) a layer's
 * activations go back to the arena when it is done, so such a pass holds those of one layer that are still read. Else a layer keeps what
 * its backward cannot make again from the rest: q, k, v, the context of the attention, the rows before f, and both LayerNorms' normalised
 * rows. */
ag_tensor *encoder_forward(ag_graph *g, const struct encoder *e, ag_tensor *x, int n, const int32_t *start, const nn_dropout *drop);
/* One block, for whoever wants to see between them. */
ag_tensor *encoder_block_forward(ag_graph *g, const struct encoder *e, int layer, ag_tensor *x, int n, const int32_t *start,
                                 const nn_dropout *drop);

#endif
