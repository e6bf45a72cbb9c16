/* vit.h - vision transformers over packed pictures, with the parameter names of Hugging Face: ViT (Dosovitskiy et al. 2021, arXiv
 * 2010.11929) and the vision tower of CLIP (Radford et al. 2021, arXiv 2103.00020).
 *
 *   e = [class ; W patches] + position       W [C,3 p p] on pictures cut into squares of p x p pixels, row by row
 *   hidden.0 = dropout e          ViT        hidden.k: behind k of encoder.h's blocks, pre-norm
 *   hidden.0 = norm_pre(e)        CLIP       output:   norm_last(hidden.layers)
 *
 *   pixels [n,3,S,S], normalised   P = (S / p)^2 patches   class [C]   position [P+1,C]   hidden [n (P+1),C], class row first
 *
 * norm_last is ViTModel's layernorm and CLIP's post_layernorm. CLIP itself puts it on the class row alone, which is then its view of the
 * picture (pooler_output); here it falls on every row that is given, so that class and patches are of one scale. The rows of hidden.k are
 * given as they are.
 */
#ifndef VIT_H
#define VIT_H

#include "encoder.h"

/* What published files call a model of this equation and its parameters. */
struct vit_family {
    const char *name;   /* model_type of config.json */
    const char *prefix; /* of the tensors in files that hold more */
    struct encoder_names names;
    const char *class_token, *position;
    const char *patch; /* W: <patch>.weight, and where patch_bias <patch>.bias */
    const char *pre_norm /* NULL: none */, *last_norm;
    bool patch_bias;
    bool batched; /* class [1,1,C] and position [1,P+1,C] in the file, else [C] and [P+1,C] */
};
extern const struct vit_family VIT, CLIP_VISION;

enum { VIT_OUTPUT = -1, VIT_CHANNELS = 3 };

/* Which rows of a picture are its visual tokens. */
struct vision_output {
    int layer; /* hidden.k, k from 0, or VIT_OUTPUT */
    bool class_token, patch_tokens;
};
/* All of the model's output, class row first: what MKGformer (Chen et al. 2022, arXiv 2205.02357) fuses with text. */
extern const struct vision_output VISION_OUTPUT_ALL;

struct vit_config {
    const struct vit_family *family;
    int image_size, patch_size;   /* S, p: a rest of S beyond whole patches is not seen */
    struct encoder_shape encoder; /* of the whole model */
    struct vision_output output;
};
int vit_patches(const struct vit_config *config); /* P */
int vit_tokens(const struct vit_config *config);  /* visual tokens of a picture: P, P + 1 or 1 */

struct vit {
    struct vit_config config;
    ag_param *class_token, *position, *patch;
    ag_param *patch_bias;   /* NULL where the family has none */
    nn_norm pre_norm;       /* where the family has it */
    nn_norm last_norm;      /* where the output needs it */
    struct encoder encoder; /* the layers that the output needs */
};

/* Parameters <prefix>embeddings.cls_token, ...: those that the output depends on, no others. */
void vit_declare(ag_params *ps, const struct vit_config *config, const char *prefix, struct vit *v);
void vit_free(struct vit *v); /* the parameters belong to ag_params */

/* pixels [n,3,S,S] -> visual tokens [n vit_tokens,C]. drop's places are those of the n pictures' tweets; its n and start are not read, and
 * its sites are those of a visual encoder. */
ag_tensor *vit_forward(ag_graph *g, const struct vit *v, int n, const float *pixels, const nn_dropout *drop);
/* hidden.0 alone [n (P+1),C]; drop is over these rows. */
ag_tensor *vit_embed(ag_graph *g, const struct vit *v, int n, const float *pixels, const nn_dropout *drop);

/* A frozen encoder: pictures go through it in groups that hold one layer's activations, spread over the threads (each.h). A picture has the
 * same bytes in every company. tokens [n vit_tokens,C]. Not inside a graph. ERR_INTERNAL: out of memory. */
int vit_encode(const struct vit *v, int n, const float *pixels, ag_real *tokens, struct err *e);

/* The op behind vit_embed: patches [n P,C], class [C], position [P+1,C] -> [n (P+1),C]. */
ag_tensor *vit_place(ag_graph *g, ag_tensor *patches, ag_tensor *class_token, ag_tensor *position);

#define OP(name, n_in, equation) extern const ag_op models_op_##name;
#include "models_ops.def"
#undef OP

#endif
