/* ablate.h - the runs of an ablation: checked, trained one after another or some at a time, each by a child process of this program, and
 * told of in a table.
 *
 * OUT has runs/ROW-seedN, a run directory each, and table.{md,csv,json}, which are written anew whenever a run is finished. A run that is
 * finished is not repeated, one that was begun goes on, so an ablation that was killed is started again with the same command. One ablation
 * at a time writes to OUT.
 */
#ifndef NERVE_ABLATE_H
#define NERVE_ABLATE_H

#include "ablate_cell.h"
#include "ablate_table.h"
#include <signal.h>

enum { ABLATE_JOBS_MAX = 64 };

/* How far it is. line: the last word of a run in work, or what is checked. */
struct ablate_progress {
    double done, runs; /* runs, those in work by their share */
    const char *line;
};

struct ablate_options {
    const char *out;
    int jobs;                               /* runs at a time, which share the threads */
    const volatile sig_atomic_t *signal;    /* the last signal that asked to stop; it is passed on to the runs */
    const volatile sig_atomic_t *n_signals; /* how many came */
    void (*show)(void *context, const struct ablate_progress *now);
    void *context;
};

struct ablate {
    const struct ablation *a;
    const struct ablate_options *options;
    int n_cells;
    struct cell *cells; /* row by row, by seed */
    double *p;          /* [rows] against the base */
    int *compared;      /* [rows] runs, of the row and of the base, that p is of */
    int lock;           /* of OUT */
};

/* Checks every row (after machine_start) and looks at every run's directory; nothing is written. End with ablate_close, also where it
 * failed. */
int ablate_open(const struct ablation *a, const struct ablate_options *options, struct ablate *x, struct err *e);
/* The words of the command that trains a cell: cell_command. */
int ablate_command(const struct ablate *x, const struct cell *c, char ***words, struct err *e);
/* Trains what is not finished. Where a run fails the others go on, and *failed counts it. ERR_USAGE: another one writes to OUT. */
int ablate_run(struct ablate *x, int *failed, struct err *e);
/* The table as it stands now; end it with table_end. */
int ablate_table(struct ablate *x, struct table *t, struct err *e);
void ablate_close(struct ablate *x);

#endif
