/* kernels.h - the loops over elements, in one form for each kind of processor. kernels.c is compiled once a form (portable, AVX2 + FMA, AVX-512); ag_start picks the best that
 * the processor has and fills the pointer ag_k. No ifunc: its resolvers crash under sanitizers. In the double build only the portable form exists and it calls libm.
 *
 * Everything here runs on the calling thread; ops spread rows over threads. exp, erf, tanh are polynomials, within 4e-7 absolute for values of order 1 and 4e-7 relative for exp, which is 0 below the smallest normal number. NaN and infinities pass through as IEEE says.
 * n and C may be 0. Pointers may be equal where it says "in place", else must not overlap.
 */
#ifndef AG_KERNELS_H
#define AG_KERNELS_H

#include "ag.h"
#include "tile.h"

typedef struct ag_adamw { /* constants of one group in one step */
    double lr, beta1, beta2, eps;
    double keep;                     /* 1 - lr weight_decay: made in one place, so that every path has its bits */
    double correction1, correction2; /* 1 - beta1^t, 1 - beta2^t */
    double clip;                     /* factor on every gradient */
} ag_adamw;

typedef struct ag_kernels {
    const char *name;
    /* y = f(z). In place is fine. */
    void (*activate)(ag_activation f, size_t n, const ag_real *z, ag_real *y);
    /* dz = dy f'(z). dz may be dy. */
    void (*activate_grad)(ag_activation f, size_t n, const ag_real *z, const ag_real *dy, ag_real *dz);
    /* y += x */
    void (*add)(size_t n, const ag_real *x, ag_real *y);
    /* z = x y, element by element. z may be x or y. */
    void (*times)(size_t n, const ag_real *x, const ag_real *y, ag_real *z);
    /* p[n] = exp(x - max x) / sum exp(x - max x), in place fine; gives log sum exp(x). n > 0. */
    ag_real (*softmax)(size_t n, const ag_real *x, ag_real *p);
    /* dx = scale * p * (dp - sum p dp); dx may be dp. */
    void (*softmax_grad)(size_t n, ag_real scale, const ag_real *p, const ag_real *dp, ag_real *dx);
    /* n[C] = (x - mean) r with r = 1/sqrt(var + eps), y = gain n + bias; gives r. normal may be NULL (not wanted); y may be x. C > 0. */
    ag_real (*layernorm)(size_t C, const ag_real *x, const ag_real *gain, const ag_real *bias, double eps, ag_real *normal, ag_real *y);
    /* y = gain n + bias: what layernorm makes of its normal, to the same bytes. */
    void (*scale_shift)(size_t C, const ag_real *normal, const ag_real *gain, const ag_real *bias, ag_real *y);
    /* dx = r (gain dy - mean(gain dy) - normal mean(gain dy normal)) + beta dx (beta 0: dx is not read; beta 1). dgain += dy normal, dbias += dy where not NULL. */
    void (*layernorm_grad)(size_t C, const ag_real *dy, const ag_real *gain, const ag_real *normal, ag_real r, ag_real beta, ag_real *dx, ag_real *dgain, ag_real *dbias);
    /* factor[r n + c - c0] = 0 or scale for columns c0 .. c0+n-1 of r < rows: half-word c mod 8 of Philox block {c/8, c1 + r, c2, c3} is >= threshold. c0 is a multiple of 8. See ag_dropout. */
    void (*dropout_rows)(int rows, size_t n, uint32_t c0, const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint32_t threshold, ag_real scale, ag_real *factor);
    /* AdamW as PyTorch defines it: p *= keep; g = clip grad; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr / correction1 * m / (sqrt(v / correction2) + eps). grad NULL: g = 0. Moments below the smallest normal number become 0. */
    void (*adamw)(size_t n, const ag_adamw *k, const ag_real *grad, ag_real *p, ag_real *m, ag_real *v);
    /* sum x^2, in double, in an order that depends on n alone. */
    double (*sum_squares)(size_t n, const ag_real *x);
    const ag_tile *tile; /* the inside of a product of matrices; NULL: OpenBLAS computes products */
} ag_kernels;

extern const ag_kernels *ag_k; /* the chosen form; NULL before ag_start */

/* The forms: one compilation of kernels.c each. */
extern const ag_kernels ag_kernels_portable, ag_kernels_avx2, ag_kernels_avx512;

/* Every form that this processor can run, best last; ends with NULL. For tests. */
const ag_kernels *const *ag_kernel_forms(void);

#endif
