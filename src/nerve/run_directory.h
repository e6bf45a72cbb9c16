/* run_directory.h - the files of a run directory and who may write there. */
#ifndef NERVE_RUN_DIRECTORY_H
#define NERVE_RUN_DIRECTORY_H

#include "json.h"
#include "run.h"
#include <limits.h>

struct run_directory {
    char path[PATH_MAX];
    int lock;     /* of the directory itself: one trainer at a time */
    bool is_made; /* by run_directory_open */
};

/* Makes, locks and checks the directory as the mode says. ERR_USAGE: it is not empty; another trainer holds it. Nothing of an earlier run
 * is touched but train.log, which RUN_FORCE starts anew. */
int run_directory_open(const char *path, enum run_mode mode, struct run_directory *d, struct err *e);
/* Once config, data and weights are known to be good: RUN_FORCE removes the files of the earlier run, and what killed writers left behind
 * goes; then the directories below are made. */
int run_directory_begin(const struct run_directory *d, enum run_mode mode, struct err *e);
/* Instead of run_directory_begin, in RUN_NEW: the directory is as before, so that a call without the mistake is not refused. */
void run_directory_abandon(const struct run_directory *d);
void run_directory_close(struct run_directory *d);
int run_path(const struct run_directory *d, const char *name, char path[PATH_MAX], struct err *e);
int run_write_json(const struct run_directory *d, const char *name, struct json *value, struct err *e); /* takes value */
int run_read_json(const struct run_directory *d, const char *name, struct json **value,
                  struct err *e); /* NULL where there is no such file */

/* last.h5 becomes previous.h5 too, so that a usable checkpoint stands at every moment; then the caller replaces last.h5. */
int run_keep_previous(const struct run_directory *d, struct err *e);

#endif
