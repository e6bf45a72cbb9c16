/* initial.h - train.init: the checkpoint whose weights a run starts from.
 *
 * It gives the encoder's shape and values, the vocabulary and how text is lower-cased. Where the data have the same entity types it gives
 * the head too, and the CRF where both have one; else these are new. What LoRA had learned is added to the matrices, but where the run has
 * LoRA of the same rank and alpha, which goes on. Captions' own encoder that it has not starts as that of its text.
 */
#ifndef NERVE_INITIAL_H
#define NERVE_INITIAL_H

#include "checkpoint.h"
#include "model.h"
#include <limits.h>

struct initial {
    struct checkpoint *checkpoint; /* NULL: none is open */
    struct model model;            /* its values lie in the checkpoint */
    struct hash digest;            /* of the weights that the run started from */
    char path[PATH_MAX];           /* of the checkpoint */
};

/* is_own: the checkpoint is one of this very run, which stands in for the one it started from: digest is the one that it noted. */
int initial_open(const char *run_or_checkpoint, bool is_own, struct initial *out, struct err *e);
void initial_close(struct initial *i);

/* Encoder, vocabulary and lower-casing of *s. */
int initial_shape(const struct initial *i, struct model_shape *s, struct err *e);
/* Borrows what it gives to a model of that shape, and says in the log what is new. *i must live as long as the values are borrowed. */
void initial_fill(const struct initial *i, struct model *m);

#endif
