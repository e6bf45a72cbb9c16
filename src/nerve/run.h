/* run.h - a run directory: config.yaml, run.json, train.log, metrics.jsonl, events.out.tfevents.nerve, checkpoints/{last,previous,best}.h5,
 * eval/, predictions.jsonl, report.html.
 *
 * Order of writing, so that a kill at any moment loses nothing that was said to be saved: metrics.jsonl reaches the disk, then best.h5,
 * then last.h5 that knows of both. A resumed run goes back to its checkpoint, cuts metrics.jsonl to it, and ends with the same bytes in
 * last.h5 as one that was never stopped.
 */
#ifndef NERVE_RUN_H
#define NERVE_RUN_H

#include "config.h"
#include "err.h"
#include <signal.h>
#include <stdbool.h>

enum run_mode {
    RUN_NEW,    /* the directory must be empty or absent */
    RUN_RESUME, /* go on from the last usable checkpoint, or from the beginning where there is none */
    RUN_FORCE,  /* remove what an earlier run left there */
};

enum run_end { RUN_FINISHED, RUN_STOPPED };

/* Trains. *stop becoming true (a signal) or train.max_seconds being over ends the run after the step, saved: RUN_STOPPED. */
int run_train(const struct nerve_config *config, const char *directory, enum run_mode mode, const volatile sig_atomic_t *stop,
              enum run_end *end, struct err *e);

#endif
