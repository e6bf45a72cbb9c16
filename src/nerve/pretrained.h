/* pretrained.h - a BERT or DistilBERT encoder in a Hugging Face folder: config.json, model.safetensors (or shards and their index),
 * vocab.txt, tokenizer_config.json.
 *
 * Tensors are found with or without the family's prefix, LayerNorm's as weight and bias or as gamma and beta. What belongs to other heads
 * is ignored, with one log line.
 */
#ifndef NERVE_PRETRAINED_H
#define NERVE_PRETRAINED_H

#include "bert.h"
#include "err.h"
#include "hash.h"
#include "json.h"
#include "weights.h"

struct pretrained {
    struct bert_config config; /* dropout rates are left 0: they are the training's */
    struct weights *weights;
    char *vocabulary; /* the content of vocab.txt */
    size_t vocabulary_size;
    bool lower_case;    /* of tokenizer_config.json; true where it does not say, as Hugging Face has it */
    struct hash digest; /* of the weight files' bytes */
};

/* ERR_NOINPUT: no folder or no file; ERR_DATA: of no family that is read, a config.json that contradicts itself, weights that cannot be
 * read. */
int pretrained_open(const char *folder, struct pretrained *out, struct err *e);
void pretrained_close(struct pretrained *p);

/* Gives every parameter whose name begins with prefix its values: borrowed from the mapped file where they are float32, else widened. A
 * tensor that is missing, of another shape or not finite is refused by name. */
int pretrained_fill(const struct pretrained *p, ag_params *params, const char *prefix, struct err *e);

/* config.json, both ways: it also stands in our checkpoints, where it tells the family. name is for messages. */
int bert_config_from_json(const struct json *json, const char *name, struct bert_config *out, struct err *e);
struct json *bert_config_to_json(const struct bert_config *config);
/* The same for transformers, with dropout rates: of the encoder alone, or of a token classification model, whose head drops dropout_head.
 */
struct json *bert_config_to_published(const struct bert_config *config, bool with_head, double dropout_head);

#endif
