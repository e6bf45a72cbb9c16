/* linear.h - what linear and linear_act share. Private to ops/. */
#ifndef AG_OPS_LINEAR_H
#define AG_OPS_LINEAR_H

#include "blas.h"

/* Shapes of y = x (w + scale up down)^T + b, checked; dim [rank of x] gets the shape of y. */
void ag_linear_check(const char *op, const ag_tensor *x, const ag_tensor *w, const ag_tensor *b, ag_low_rank update, int dim[AG_MAX_RANK]);

/* The update as backward needs it: low [N,r] = scale x down^T; NULL where there is no update. */
typedef struct ag_low {
    ag_real scale;
    ag_real *low;
} ag_low;

/* z [N,O] = x w^T + low up^T; finish is called for each tile as soon as it is done. x, w, down, up are in[0], in[1], in[3], in[4] of y. */
ag_low ag_linear_product(ag_graph *g, const ag_tensor *y, double scale, ag_real *z, ag_tile_finish finish, void *context);

/* Contributions of dz [N,O], the gradient of x (w + scale up down)^T + b, to x, w, b, down and up (in[0] to in[4] of y). */
void ag_linear_grads(ag_graph *g, ag_tensor *y, const ag_low *low, const ag_real *dz);

#endif
