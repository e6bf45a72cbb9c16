/* dry_run.h - what a training run would need: everything is opened and checked as for training, a few steps are taken in memory, and no
 * file is written.
 *
 * Time: after the largest batch and one step that is not measured, N_TIMED real steps (forward, backward, clipping, AdamW) on batches whose
 * sizes stand evenly in the first epoch's distribution of sizes, at its quantiles (k + 1/2) / N_TIMED, so that their mean time is that of
 * an epoch's step. One batch of validation is predicted for the time of evaluating. Writing checkpoints is not counted.
 *
 * Memory: the peak of this process, once all of that was done and Adam's moments of every word piece that the training split has are there.
 * At its end a run maps best.h5 besides, whose pages the system can take back.
 */
#ifndef NERVE_DRY_RUN_H
#define NERVE_DRY_RUN_H

#include "config.h"
#include "err.h"
#include "split.h"

struct json;

enum { N_TIMED = 5 };

struct dry_run {
    int64_t parameters, trainable; /* numbers in all parameters, in those that are not frozen */
    int64_t tweets[N_SPLITS];
    int64_t epochs, steps, warmup;          /* of the whole run; warm-up in steps */
    int64_t largest_pieces;                 /* word pieces that go through forward and backward at once, at most */
    double peak_mb;                         /* 2^20 bytes */
    double step_seconds;                    /* mean of the timed steps */
    double tokens_per_s;                    /* word pieces of the timed steps */
    double train_seconds, evaluate_seconds; /* of the whole run: all steps; validation after each epoch, and test */
};

/* After machine_start. Fails where training would before its first step. */
int dry_run(const struct nerve_config *config, struct dry_run *out, struct err *e);
/* {parameters, trainable, tweets {train, valid, test}, epochs, steps, warmup, largest_pieces, peak_mb, step_seconds, tokens_per_s,
 * train_seconds, evaluate_seconds, seconds}. Free it. */
struct json *dry_run_json(const struct dry_run *d);

#endif
