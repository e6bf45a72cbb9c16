/* config_keys.c - the table of all keys. A new key is one row here and one field in config.h; docs/config.md is made from it by
 * `nerve config keys`. */
#include "config.h"

static const char *const LOWER_CASE[] = {"auto", "true", "false", NULL}; /* enum config_lower_case */
static const char *const SCHEDULE[] = {"linear", "cosine", NULL};        /* enum config_schedule */

enum { RUNTIME = 1, FIXED = 0 };
#define AT(field) offsetof(struct nerve_config, field)
#define MANY      1e9 /* an integer without a bound of its own */

// clang-format off
const struct config_key CONFIG_KEYS[] = {
    {"data.dir", CONFIG_TEXT, RUNTIME, AT(data.dir), "", 0, 0, NULL,
     "folder that holds the data; relative to the current directory; a command that reads data needs it"},
    {"data.train", CONFIG_TEXT, RUNTIME, AT(data.train), "train.txt", 0, 0, NULL, "training split, a CoNLL file below data.dir"},
    {"data.valid", CONFIG_TEXT, RUNTIME, AT(data.valid), "valid.txt", 0, 0, NULL,
     "validation split, which chooses the best epoch; below data.dir"},
    {"data.test", CONFIG_TEXT, RUNTIME, AT(data.test), "test.txt", 0, 0, NULL,
     "test split, on which the best epoch is reported; below data.dir"},
    {"data.rename", CONFIG_MAP, FIXED, AT(data.rename), "{}", 0, 0, NULL,
     "entity types that get another name when data are read, as {OTHER: MISC}; a type that does not occur is no error"},
    {"data.max_length", CONFIG_INTEGER, FIXED, AT(data.max_length), "128", 0, 100000, NULL,
     "longest tweet in word pieces, [CLS] and [SEP] included; the words behind are cut off; 0: as long as the encoder can"},

    {"model.encoder", CONFIG_TEXT, RUNTIME, AT(model.encoder), "", 0, 0, NULL,
     "Hugging Face folder of a BERT or DistilBERT; relative to the current directory; empty: a small encoder from scratch"},
    {"model.vocab", CONFIG_TEXT, RUNTIME, AT(model.vocab), "vocab.txt", 0, 0, NULL,
     "word pieces of an encoder from scratch, below data.dir"},
    {"model.lower_case", CONFIG_CHOICE, FIXED, AT(model.lower_case), "auto", 0, 0, LOWER_CASE,
     "lower-case the text and strip accents; auto: as the encoder's folder says, else true"},
    {"model.layers", CONFIG_INTEGER, FIXED, AT(model.layers), "2", 1, 1000, NULL, "layers of an encoder from scratch"},
    {"model.width", CONFIG_INTEGER, FIXED, AT(model.width), "128", 1, 65536, NULL,
     "width of an encoder from scratch; a multiple of model.heads"},
    {"model.heads", CONFIG_INTEGER, FIXED, AT(model.heads), "4", 1, 1024, NULL, "attention heads of an encoder from scratch"},
    {"model.inner", CONFIG_INTEGER, FIXED, AT(model.inner), "512", 1, 262144, NULL,
     "width of the feed-forward layer of an encoder from scratch"},
    {"model.max_positions", CONFIG_INTEGER, FIXED, AT(model.max_positions), "512", 3, 100000, NULL,
     "longest sequence of an encoder from scratch, in word pieces"},
    {"model.crf", CONFIG_BOOLEAN, FIXED, AT(model.crf), "true", 0, 0, NULL,
     "linear-chain CRF over the words; false: softmax and cross-entropy word by word"},
    {"model.bio_constraints", CONFIG_BOOLEAN, FIXED, AT(model.bio_constraints), "true", 0, 0, NULL,
     "I-x only after B-x or I-x, in training and decoding of the CRF"},
    {"model.dropout", CONFIG_NUMBER, FIXED, AT(model.dropout), "0.1", 0, 0.99, NULL,
     "dropout of the words' rows before the head, a probability"},
    {"model.dropout_hidden", CONFIG_NUMBER, FIXED, AT(model.dropout_hidden), "0.1", 0, 0.99, NULL,
     "dropout of the encoder's hidden states, a probability"},
    {"model.dropout_attention", CONFIG_NUMBER, FIXED, AT(model.dropout_attention), "0.1", 0, 0.99, NULL,
     "dropout of the attention weights, a probability"},
    {"model.frozen_layers", CONFIG_INTEGER, FIXED, AT(model.frozen_layers), "0", 0, 1000, NULL,
     "encoder layers, counted from the first, that are not trained; the embeddings are frozen together with the first layer"},

    {"train.seed", CONFIG_SEED, FIXED, AT(train.seed), "1", 0, UINT32_MAX, NULL,
     "seed of everything random: initial values, order of tweets, dropout"},
    {"train.init", CONFIG_TEXT, RUNTIME, AT(train.init), "", 0, 0, NULL,
     "run directory or checkpoint whose weights the run starts from, instead of model.encoder: encoder and vocabulary, and, where the data "
     "have its entity types, head and CRF; relative to the current directory"},
    {"train.epochs", CONFIG_INTEGER, FIXED, AT(train.epochs), "6", 1, 100000, NULL, "passes over the training split"},
    {"train.batch", CONFIG_INTEGER, FIXED, AT(train.batch), "16", 1, 100000, NULL, "tweets a step"},
    {"train.batch_pieces", CONFIG_INTEGER, FIXED, AT(train.batch_pieces), "0", 0, MANY, NULL,
     "word pieces a step: as many tweets as fit, instead of train.batch; 0: by tweets"},
    {"train.accumulate", CONFIG_INTEGER, FIXED, AT(train.accumulate), "1", 1, 100000, NULL,
     "parts into which a step's batch is split to save memory; the step stays the same to rounding"},
    {"train.accumulate_pieces", CONFIG_INTEGER, FIXED, AT(train.accumulate_pieces), "0", 0, MANY, NULL,
     "word pieces of a part into which a step's batch is split, instead of train.accumulate (at least one tweet); 0: by parts"},
    {"train.pool", CONFIG_INTEGER, FIXED, AT(train.pool), "20", 1, MANY, NULL, "batches among which tweets are grouped by length"},
    {"train.lr_encoder", CONFIG_NUMBER, FIXED, AT(train.lr_encoder), "1e-4", 0, 10, NULL, "highest learning rate of the encoder"},
    {"train.lr_head", CONFIG_NUMBER, FIXED, AT(train.lr_head), "2e-3", 0, 10, NULL, "highest learning rate of the head"},
    {"train.lr_crf", CONFIG_NUMBER, FIXED, AT(train.lr_crf), "2e-3", 0, 10, NULL, "highest learning rate of the CRF's scores"},
    {"train.layer_decay", CONFIG_NUMBER, FIXED, AT(train.layer_decay), "1", 0, 1, NULL,
     "factor of the learning rate from each encoder layer to the one below it, the embeddings lowest; 1: all layers learn alike"},
    {"train.weight_decay", CONFIG_NUMBER, FIXED, AT(train.weight_decay), "0.01", 0, 1, NULL,
     "AdamW's decay of the matrices of encoder and head"},
    {"train.warmup", CONFIG_NUMBER, FIXED, AT(train.warmup), "0.1", 0, 1, NULL,
     "share of all steps in which the learning rate rises from 0; then it falls to 0 by train.schedule"},
    {"train.schedule", CONFIG_CHOICE, FIXED, AT(train.schedule), "linear", 0, 0, SCHEDULE,
     "how the learning rate falls behind the warm-up: in a line, or in half a cosine"},
    {"train.clip", CONFIG_NUMBER, FIXED, AT(train.clip), "1", 0, 1e6, NULL, "norm to which the gradient of a step is clipped; 0: never"},
    {"train.adam_beta1", CONFIG_NUMBER, FIXED, AT(train.adam_beta1), "0.9", 0, 0.9999999, NULL, "AdamW's decay of the mean gradient"},
    {"train.adam_beta2", CONFIG_NUMBER, FIXED, AT(train.adam_beta2), "0.999", 0, 0.9999999, NULL,
     "AdamW's decay of the mean squared gradient"},
    {"train.adam_eps", CONFIG_NUMBER, FIXED, AT(train.adam_eps), "1e-8", 1e-30, 1, NULL, "AdamW's term against division by zero"},
    {"train.max_steps", CONFIG_INTEGER, FIXED, AT(train.max_steps), "0", 0, MANY, NULL,
     "steps after which the run ends; 0: after train.epochs"},
    {"train.patience", CONFIG_INTEGER, FIXED, AT(train.patience), "0", 0, MANY, NULL,
     "epochs in a row without a better validation F1 after which the run ends; 0: never"},
    {"train.max_bad_steps", CONFIG_INTEGER, FIXED, AT(train.max_bad_steps), "10", 1, MANY, NULL,
     "steps in a row with a loss, gradient or weight that is not finite after which the run stops"},
    {"train.eval_batch", CONFIG_INTEGER, FIXED, AT(train.eval_batch), "2048", 1, MANY, NULL,
     "word pieces a batch of evaluation (at least one tweet)"},
    {"train.threads", CONFIG_INTEGER, RUNTIME, AT(train.threads), "0", 0, 1024, NULL, "threads; 0: one for each processor"},
    {"train.max_seconds", CONFIG_NUMBER, RUNTIME, AT(train.max_seconds), "0", 0, 1e8, NULL,
     "seconds after which this process saves its last step and ends with status 0, to be resumed (an evaluation is not broken off, and one "
     "step is always done); 0: never"},
    {"train.checkpoint_every", CONFIG_INTEGER, RUNTIME, AT(train.checkpoint_every), "200", 1, MANY, NULL, "steps between two checkpoints"},
    {"train.log_every", CONFIG_INTEGER, RUNTIME, AT(train.log_every), "20", 1, MANY, NULL, "steps between two lines of metrics.jsonl"},
};
// clang-format on
const int N_CONFIG_KEYS = (int)(sizeof CONFIG_KEYS / sizeof *CONFIG_KEYS);
_Static_assert(sizeof CONFIG_KEYS / sizeof *CONFIG_KEYS <= CONFIG_KEY_ROOM, "CONFIG_KEY_ROOM");
