/* each.h - a frozen encoder over many inputs: one input a pass, passes spread over the threads, so that an input has the same bytes in
 * every company. A pass holds one layer's activations (ag_scope). */
#ifndef EACH_H
#define EACH_H

#include "ag.h"

/* One pass through g, which is empty before it and reset behind it. Different inputs are different threads' at the same time. */
typedef void (*each_pass)(void *context, ag_graph *g, int input);

/* Inputs 0 .. n-1. ERR_INTERNAL: a pass ended in ag_panic, out of memory say; some inputs are then not done. */
int each_encode(int n, each_pass pass, void *context, struct err *e);

#endif
