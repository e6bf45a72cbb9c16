/* profile.h - where the time of a graph's steps goes. Between ag_profile_start and ag_profile_stop every moment belongs to one row, so the
 * rows add up to the whole.
 *
 * It hangs on a graph, as g->profile; with NULL there, as ag_graph_init leaves it, no clock is read. An op's forward lasts from the making
 * of its node until the graph is asked for something else: a parameter, another node, the end of a scope, backward, a phase. ag_backward
 * gives each node's part to its op. All that is no op belongs to the phase that the caller named, or to "other".
 */
#ifndef AG_PROFILE_H
#define AG_PROFILE_H

#include "ag.h"

enum { AG_PROFILE_ROWS = 40 };
enum ag_direction { AG_FORWARD, AG_BACKWARD, AG_DIRECTIONS };

typedef struct ag_profile_row {
    const char *name; /* of the op or the phase; borrowed */
    bool is_op;
    int64_t calls;                 /* of an op: forward alone */
    double seconds[AG_DIRECTIONS]; /* a phase has no backward */
} ag_profile_row;

/* All zero is a profile to begin with; it adds up until it is zeroed again. */
typedef struct ag_profile {
    double (*clock)(void); /* in seconds; NULL: the machine's */
    double seconds;        /* from starts to stops */
    ag_profile_row row[AG_PROFILE_ROWS];
    int n;
    double started, since; /* the rest is for profile.c */
    const char *phase;
    int current;
    enum ag_direction direction;
} ag_profile;

void ag_profile_start(ag_profile *p);
void ag_profile_stop(ag_profile *p);
/* From now on what is no op belongs to this phase; NULL: to "other". Does nothing without a profile. */
void ag_profile_phase(ag_graph *g, const char *name);

/* For graph.c: from now on time belongs to op in this direction; op NULL: to the phase. */
void ag_profile_turn(ag_profile *p, const ag_op *op, enum ag_direction direction);

#endif
