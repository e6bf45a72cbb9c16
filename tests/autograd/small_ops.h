/* small_ops.h - ops that the tests define from outside, through ag_node alone. Equations: small_ops.def. */
#ifndef SMALL_OPS_H
#define SMALL_OPS_H

#include "ag.h"

enum { SMALL_LOG = 100, SMALL_SIGMOID }; /* besides the values of ag_activation */

ag_tensor *small_matmul(ag_graph *g, ag_tensor *a, ag_tensor *b);
ag_tensor *small_matmul_nt(ag_graph *g, ag_tensor *a, ag_tensor *b);
ag_tensor *small_plus(ag_graph *g, ag_tensor *a, ag_tensor *b);
ag_tensor *small_times(ag_graph *g, ag_tensor *a, ag_tensor *b);
ag_tensor *small_plus_row(ag_graph *g, ag_tensor *x, ag_tensor *b);
ag_tensor *small_times_row(ag_graph *g, ag_tensor *x, ag_tensor *b);
ag_tensor *small_scale(ag_graph *g, ag_tensor *x, double s);
ag_tensor *small_map(ag_graph *g, ag_tensor *x, int f);
ag_tensor *small_softmax(ag_graph *g, ag_tensor *x);
ag_tensor *small_center(ag_graph *g, ag_tensor *x);
ag_tensor *small_unit(ag_graph *g, ag_tensor *x, double eps);

#endif
