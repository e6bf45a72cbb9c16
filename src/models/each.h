/* each.h - a frozen encoder over many inputs, groups of them a pass, passes spread over the threads. An input has the same bytes in every
 * company: a product's rows do not see each other where ag_rows_are_alone(), and elsewhere an input is a group of its own. A pass holds one
 * layer's activations (ag_scope), of a few hundred rows: enough that a layer's weights, read once a pass, cost little. */
#ifndef EACH_H
#define EACH_H

#include "ag.h"

/* Inputs from .. to-1 through g, which is empty before it and reset behind it. Passes are different threads' at the same time. */
typedef void (*each_pass)(void *context, ag_graph *g, int from, int to);

/* Inputs 0 .. n-1, of `rows` rows in all. ERR_INTERNAL: a pass ended in ag_panic, out of memory say; some inputs are then not done. */
int each_encode(int n, int64_t rows, each_pass pass, void *context, struct err *e);

#endif
