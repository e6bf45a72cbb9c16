/* progress.h - how far a run is. The trainer reports every step to one sink, which the caller sets; how and how often it is shown is the
 * sink's. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t epoch, epochs; /* from 1; 0: no training, but `steps` things (phase) to be gone through */
    int64_t step, steps;   /* steps done, steps of the whole run */
    double loss;           /* mean of the recent steps */
    double learning_rate;  /* of the encoder, or of the head where the encoder is frozen */
    double tokens_per_s;   /* word pieces, padding does not exist; of things, where epochs is 0: they themselves */
    double eta;            /* seconds to the end of the run, < 0 while unknown */
    const char *phase;     /* "train", "validate", "test"; "pictures", "captions" */
    bool epoch_end;        /* the last step of an epoch */
};

typedef void (*progress_sink)(void *context, const struct progress *now);

void progress_set_sink(progress_sink sink, void *context);
void progress_report(const struct progress *now);

#endif
