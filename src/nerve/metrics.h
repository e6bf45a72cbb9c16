/* metrics.h - metrics.jsonl: one JSON object a line, flushed line by line.
 *
 * Every line has "event" ("step", "epoch", "test") and "step". Fields of time and memory stand at the top level and are named `seconds`,
 * `*_seconds`, `*_per_s`, `*_mb` or `eta`; all others are the same whenever the run is repeated or resumed.
 */
#ifndef NERVE_METRICS_H
#define NERVE_METRICS_H

#include "err.h"
#include "json.h"
#include <stdint.h>

struct metrics {
    int fd, events; /* of metrics.jsonl and of the events */
    char *path, *events_path;
};

/* Opens metrics.jsonl in directory for appending, and makes METRICS_EVENTS from its lines: the scalars of each, for TensorBoard. */
#define METRICS_LINES  "metrics.jsonl"
#define METRICS_EVENTS "events.out.tfevents.nerve"
int metrics_open(const char *directory, struct metrics *out, struct err *e);
/* Takes line, and gives it the time as `unix_seconds`. */
int metrics_write(struct metrics *m, struct json *line, struct err *e);
int metrics_sync(struct metrics *m, struct err *e); /* on the disk before the checkpoint that knows of it */
void metrics_close(struct metrics *m);

/* Keeps the lines that a run had written when it stood at `step` with `epochs` epochs evaluated: cuts the rest off, atomically. A line that
 * is cut short, and all behind it, is dropped. No file is fine. */
int metrics_cut(const char *path, int64_t step, int64_t epochs, struct err *e);

#endif
