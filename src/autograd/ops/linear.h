/* linear.h - the backward that linear and linear_act share. Private to ops/. */
#ifndef AG_OPS_LINEAR_H
#define AG_OPS_LINEAR_H

#include "ag.h"

/* Shapes of y = x w^T + b, checked; dim [rank of x] gets the shape of y. */
void ag_linear_check(const char *op, const ag_tensor *x, const ag_tensor *w, const ag_tensor *b, int dim[AG_MAX_RANK]);

/* Contributions of dz [N,O], the gradient of x w^T + b, to x, w and b (in[0], in[1], in[2] of y). */
void ag_linear_grads(ag_graph *g, ag_tensor *y, const ag_real *dz);

#endif
