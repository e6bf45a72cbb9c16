/* profile.c - see profile.h. */
#include "profile.h"
#include "clock.h"
#include <string.h>

static double now(const ag_profile *p)
{
    return p->clock ? p->clock() : clock_seconds();
}

static int row_of(ag_profile *p, const char *name, bool is_op)
{
    for (int i = 0; i < p->n; i++)
        if (p->row[i].is_op == is_op && strcmp(p->row[i].name, name) == 0) return i;
    AG_CHECK(p->n < AG_PROFILE_ROWS, "profile: more than %d ops and phases", AG_PROFILE_ROWS);
    p->row[p->n] = (ag_profile_row){.name = name, .is_op = is_op};
    return p->n++;
}

void ag_profile_turn(ag_profile *p, const ag_op *op, enum ag_direction direction)
{
    const double t = now(p);
    p->row[p->current].seconds[p->direction] += t - p->since;
    p->since = t;
    p->current = op ? row_of(p, op->name, true) : row_of(p, p->phase, false);
    p->direction = op ? direction : AG_FORWARD;
    if (op && direction == AG_FORWARD) p->row[p->current].calls++;
}

void ag_profile_phase(ag_graph *g, const char *name)
{
    if (!g->profile) return;
    g->profile->phase = name ? name : "other";
    ag_profile_turn(g->profile, NULL, AG_FORWARD);
}

void ag_profile_start(ag_profile *p)
{
    p->phase = "other";
    p->current = row_of(p, p->phase, false);
    p->direction = AG_FORWARD;
    p->started = p->since = now(p);
}

void ag_profile_stop(ag_profile *p)
{
    ag_profile_turn(p, NULL, AG_FORWARD);
    p->seconds += p->since - p->started;
}
