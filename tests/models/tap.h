/* tap.h - an op that is the identity and keeps the gradient that flows back through it: the way to see the gradient of what lies inside. */
#ifndef TEST_MODELS_TAP_H
#define TEST_MODELS_TAP_H

#include "ag.h"

/* grad [size of x] is the caller's; it is not written where no gradient flows. */
ag_tensor *tap(ag_graph *g, ag_tensor *x, ag_real *grad);

#endif
