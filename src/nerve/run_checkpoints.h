/* run_checkpoints.h - last.h5, previous.h5 and best.h5 of a run directory. */
#ifndef NERVE_RUN_CHECKPOINTS_H
#define NERVE_RUN_CHECKPOINTS_H

#include "run_directory.h"
#include "trainer.h"

struct run_checkpoints {
    const struct run_directory *directory;
    struct trainer *trainer;
    int64_t step, epochs; /* of the state in last.h5; -1: there is none */
};

/* The trainer's state as last.h5, and the one before as previous.h5; nothing where last.h5 has it already. What best.h5 and metrics.jsonl
 * must hold besides is on the disk before. */
int run_save_last(struct run_checkpoints *c, struct err *e);
/* last.h5 into the trainer, or previous.h5 where that is not usable (which warns and puts it aside); *loaded is false where neither is.
 * Another config, other data: ERR_CONFIG. */
int run_load_last(struct run_checkpoints *c, bool *loaded, struct err *e);
int run_save_best(const struct run_checkpoints *c, struct err *e);
int run_load_best(const struct run_checkpoints *c, struct err *e); /* parameters alone */

/* The first of last.h5 and previous.h5 that is whole; false where there is none. */
bool run_find_checkpoint(const struct run_directory *d, char path[PATH_MAX]);

#endif
