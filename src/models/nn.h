/* nn.h - the smallest parts of a model: an affine map, its low-rank update (LoRA) and a LayerNorm with their parameters, and dropout's
 * place in the network.
 *
 * NAME_declare adds parameters to ag_params under the names that Hugging Face gives them; their values come later, from a file or from
 * chance.
 */
#ifndef NN_H
#define NN_H

#include "ag.h"

typedef struct nn_linear {
    ag_param *w, *b;     /* [O,K], [O] */
    ag_param *down, *up; /* [r,K], [O,r]: LoRA's; NULL where there is none */
    double scale;        /* of up down */
} nn_linear;

typedef struct nn_norm {
    ag_param *gain, *bias; /* [C] */
} nn_norm;

enum { NN_NAME_MAX = 256 }; /* bytes of a parameter's name, with its end */

/* A name put together from a printf format; one that is too long is a bug of the caller. */
void nn_name(char name[NN_NAME_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NAME.weight [out,in], NAME.bias [out] */
void nn_linear_declare(ag_params *ps, const char *name, int in, int out, nn_linear *l);
/* LoRA (Hu et al. 2021, arXiv 2106.09685): w + alpha / rank up down takes the place of w, which stays frozen. Adds to the parameters of l
 * NAME.lora_A.weight [rank,in], which is down, and NAME.lora_B.weight [out,rank], up: the names of the library peft. */
void nn_lora_declare(ag_params *ps, nn_linear *l, int rank, double alpha);
bool nn_is_lora(const ag_param *p);
/* Gives each up that has no values 0, so that training starts where the frozen weights are; down is to be drawn at random. */
void nn_lora_start(ag_params *ps);
/* merged [O,K] = w + scale up down, summed in double and rounded once: what a model without LoRA has to be given. */
void nn_lora_merge(const nn_linear *l, ag_real *merged);

/* NAME.weight, NAME.bias [width] */
void nn_norm_declare(ag_params *ps, const char *name, int width, nn_norm *norm);

ag_tensor *nn_linear_forward(ag_graph *g, const nn_linear *l, ag_tensor *x);                        /* x [..,K] -> [..,O] */
ag_tensor *nn_linear_act_forward(ag_graph *g, const nn_linear *l, ag_tensor *x, ag_activation act); /* the same, then the activation */
ag_tensor *nn_norm_forward(ag_graph *g, const nn_norm *norm, ag_tensor *x, double eps);             /* x [..,C] -> [..,C] */
/* LayerNorm(x + dropout(h)) */
ag_tensor *nn_add_norm_forward(ag_graph *g, const nn_norm *norm, ag_tensor *x, ag_tensor *h, ag_dropout drop, double eps);

/* What all dropout of one forward pass shares; rate and site belong to the place in the network. Sites are numbered once and for ever,
 * since a mask is a function of its site: the embeddings are 0, encoder.h numbers its layers from 1, and whoever adds dropout outside an
 * encoder takes a number from 2^16: the head's input is that, cross.h's two follow. */
typedef struct nn_dropout {
    bool on; /* false: nothing is dropped (prediction), the rest is not read */
    uint32_t seed, step;
    uint32_t site;                /* added to every site: 0, or NN_SITE_VISUAL in the encoder of pictures or captions */
    int n;                        /* sequences */
    const int32_t *start, *place; /* [n+1] rows of each, [n] place in the global batch */
} nn_dropout;

enum { NN_SITE_EMBEDDINGS = 0, NN_SITE_LAYERS = 1, NN_SITE_VISUAL = 1 << 15, NN_SITE_OTHER = 1 << 16, NN_SITE_CROSS = NN_SITE_OTHER + 1 };

ag_dropout nn_dropout_at(const nn_dropout *drop, double rate, uint32_t site);

#endif
