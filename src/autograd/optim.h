/* optim.h - clipping, schedule and AdamW over the training blocks. */
#ifndef AG_OPTIM_H
#define AG_OPTIM_H

#include "kernels.h"

typedef struct ag_group { /* parameters that share a learning rate */
    double lr;            /* base rate, before the schedule's factor */
    double weight_decay;  /* for parameters with decay set */
} ag_group;

/* Factor of step s (from 0) of total: s / warmup below warmup, then (total - s) / (total - warmup). 0 <= s < total, 0 <= warmup <= total. */
double ag_schedule_linear(int64_t step, int64_t warmup, int64_t total);
/* The same warm-up, then (1 + cos(pi (s - warmup) / (total - warmup))) / 2 (Loshchilov, Hutter 2017, arXiv 1608.03983, equation 5, without restarts). */
double ag_schedule_cosine(int64_t step, int64_t warmup, int64_t total);

/* Euclidean norm over all gradients (dense and touched rows); not finite where a gradient is not. Same bits for any number of threads. */
double ag_grad_norm(const ag_params *ps);

/* A step changes every row of a row-sparse parameter, since moments and weights decay; but only rows that were touched change at once. The others make their steps, exactly the same ones, when somebody asks for them: an ag_gather of the
 * row, ag_params_settle, or a step when AG_LOG of them wait. Nothing but ag_gather, of the parameter or a view of it, may read or write val, m or v of a row-sparse one unless ag_params_settle was called since the last step. */
enum { AG_LOG = 64 };
void ag_params_settle(const ag_params *ps);
/* For ag_gather: those rows alone. */
void ag_param_settle_rows(ag_param *p, int n, const int32_t *row);
/* Moments take memory once a step touches their row: those of these rows do so now, as they are. For a measure of what a longer run takes. */
void ag_param_touch_moments(ag_param *p, int64_t n, const int32_t *row);

/* One AdamW step (Loshchilov, Hutter 2019, arXiv 1711.05101) with PyTorch's rules: t counts from 1; factor multiplies each group's lr; gradients are multiplied by min(1, clip / (norm + 1e-6)), clip <= 0: not clipped.
 * Parameters without a contribution have gradient 0: moments decay, weight decay applies. */
void ag_adamw_step(ag_params *ps, const ag_group *groups, int n_groups, double factor, int64_t t, double beta1, double beta2, double eps, double norm, double clip);

#endif
