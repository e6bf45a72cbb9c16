/* loaded_model.h - what `--model RUN|CHECKPOINT` names: a model ready to predict, and where its run and its data are. */
#ifndef NERVE_LOADED_MODEL_H
#define NERVE_LOADED_MODEL_H

#include "checkpoint.h"
#include "evaluate.h"
#include "model.h"
#include <limits.h>

struct loaded_model {
    struct checkpoint *checkpoint; /* holds the values */
    struct model model;
    struct nerve_config config; /* of the run's config.yaml where there is one, else the checkpoint's (then without data.dir) */
    char path[PATH_MAX];        /* of the checkpoint */
};

/* The checkpoint that RUN|CHECKPOINT means: a run directory stands for its best epoch, or for its last checkpoint as long as no epoch was
 * evaluated. */
int checkpoint_find(const char *run_or_checkpoint, char path[PATH_MAX], struct err *e);
int loaded_model_open(const char *run_or_checkpoint, struct loaded_model *out, struct err *e);
void loaded_model_close(struct loaded_model *m);

/* What a checkpoint is, without building the model: `path`, `digest`, `format`, `step`, `epochs`, `best_epoch`, `best_f1`, `temperature`,
 * `has_optimizer`, `parameters` (a count), `types`, `encoder`, `config`. Free it. */
int checkpoint_describe(const char *run_or_checkpoint, struct json **out, struct err *e);

#endif
