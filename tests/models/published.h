/* published.h - encoders as they are published: what their config.json calls a size, what their files call a parameter. Data alone: the
 * encoder itself knows none of this. */
#ifndef TEST_MODELS_PUBLISHED_H
#define TEST_MODELS_PUBLISHED_H

#include "bert.h"
#include "json.h"
#include "safetensors.h"
#include "vit.h"

struct family {
    const char *name; /* <name>.safetensors of the reference, and the folder models/<name> */
    const char *prefix;
    enum encoder_order order;
    const struct encoder_names *names;
    const struct bert_family *family;                              /* of a text encoder, else NULL */
    const struct vit_family *vision;                               /* of a vision encoder, else NULL */
    const char *layers, *width, *heads, *inner, *activation, *eps; /* keys of config.json; eps NULL: 1e-12, which is fixed in its code */
};
extern const struct family FAMILIES[];
extern const int N_FAMILIES;
const struct family *family_of(const char *name);

/* All end the test where they cannot serve. */
struct json *config_open(const char *path); /* free with json_free */
int config_integer(const struct json *config, const char *key);
struct encoder_shape shape_of(const struct json *config, const struct family *family);
/* Of BERT, DistilBERT and RoBERTa; the latter's positions begin behind that of padding. */
struct bert_config bert_config_of(const struct json *config, const struct family *family);

/* Of ViT and CLIP's vision tower: all of its output. */
struct vit_config vit_config_of(const struct json *config, const struct family *family);

/* Every parameter gets the values of the tensor <before><its name>, widened; its shape must be the same. */
void fill(ag_params *ps, const struct safetensors *file, const char *before);
/* Makes all of them trained, word embeddings by touched rows; a step touches at most rows_max. */
void train_all(ag_params *ps, size_t rows_max);

#endif
