/* model_store.h - models and training runs in checkpoints.
 *
 * /parameters/<name>: every parameter, float32, in Hugging Face's shape and under its name. A training checkpoint also has
 * /optimizer/m/<name> and /optimizer/v/<name> of what trains. /meta holds the rest: what the model is (encoder as a config.json, types,
 * vocabulary), the config without its runtime keys, and the trainer's state. Nothing in it depends on time, threads or paths.
 */
#ifndef NERVE_MODEL_STORE_H
#define NERVE_MODEL_STORE_H

#include "checkpoint.h"
#include "trainer.h"

/* Version of the content. It goes up where a program that reads the one before cannot read what is written now, a new config key
 * included: such a program refuses the number, and not a key that it does not know. What is read: tests/store/formats holds a checkpoint of
 * each. 2: DistilBERT, train.init and the other keys of after 1. 3: pictures, captions, evidence, LoRA. */
enum { MODEL_FORMAT = 3, MODEL_FORMAT_OLDEST = 1 };

/* with_optimizer: last.h5, from which training goes on; without: best.h5. Refuses a parameter that is not finite. */
int trainer_save(const struct trainer *t, const char *path, bool with_optimizer, struct err *e);
/* Puts the parameters, the moments and the state of last.h5 into a trainer that was opened with the same config; on failure the trainer is
 * as before. A key, data, vocabulary or weights that differ are refused by name (ERR_CONFIG). */
int trainer_load(struct trainer *t, const struct checkpoint *c, const char *path, struct err *e);
/* Parameters and temperature, for evaluating the best epoch. */
int trainer_load_parameters(struct trainer *t, const struct checkpoint *c, struct err *e);

/* A predicting model whose values lie in the checkpoint, which must outlive it. */
int model_open(const struct checkpoint *c, const char *path, struct model *m, struct err *e);

/* For a model that predicts and does nothing else: the weights of its encoders go into the order in which products read them, which pays
 * where a few sentences at a time are predicted. What it predicts keeps its bytes. c: whose values it has, so that no layer is in memory
 * twice; NULL where they are its own. */
void model_pack(struct model *m, const struct checkpoint *c);
/* ERR_DATA where this program does not read the checkpoint's format. */
int checkpoint_check_format(const struct checkpoint *c, struct err *e);
/* The config that the checkpoint was trained with (runtime keys at their defaults). */
int checkpoint_config(const struct checkpoint *c, const char *path, struct nerve_config *config, struct err *e);

/* ERR_CONFIG, naming the key, where a key that is not runtime differs. */
int checkpoint_check_config(const struct checkpoint *c, const char *path, const struct nerve_config *config, struct err *e);

#endif
