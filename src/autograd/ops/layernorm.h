/* layernorm.h - what layernorm and add_layernorm share. Private to ops/. */
#ifndef AG_OPS_LAYERNORM_H
#define AG_OPS_LAYERNORM_H

#include "rows.h"

void ag_layernorm_check(const char *op, const ag_tensor *x, const ag_tensor *gain, const ag_tensor *bias, double eps);

/* What backward needs besides gain: each NULL where no gradient is wanted. */
typedef struct ag_normal {
    ag_real *normal; /* [N,C] */
    ag_real *r;      /* [N] */
} ag_normal;
ag_normal ag_normal_save(ag_graph *g, const ag_tensor *y);

/* y's value from what was saved. */
void ag_layernorm_remake(ag_tensor *y, ag_normal saved, const ag_tensor *gain, const ag_tensor *bias);

/* Contributions of y = gain normal + bias, normal = (s - mean s) r with s = x + m h: to x, to h (NULL: there is none), to gain and to bias.
 */
void ag_layernorm_grads(ag_graph *g, ag_tensor *y, ag_normal saved, ag_tensor *x, ag_tensor *h, const ag_mask *mask, ag_tensor *gain,
                        ag_tensor *bias);

#endif
