/* gradcheck.h - does backward agree with forward?
 *
 * A case is one row of a table: an op, a function that builds y = f(x_0 .. x_n-1) with it, and the shapes and kinds of its inputs. Its
 * values, a cotangent u and, for one input k at a time, a direction v are drawn at random. Backward is right where
 *
 *   <dx_k, v> = d/dh <u, f(x_k + h v)> at h = 0          relative error <= 1e-7, by central differences with h = 1e-5, in double
 *
 * and where the gradient is twice that after two contributions of the same kind. u is random because a sum over outputs is blind to
 * whatever normalises. All memory that the engine hands out is NaN before. What is refused besides a wrong gradient: NaN, and a check
 * without signal, in which both sides vanish, unless the row says that this input has none (silent), and then both sides must vanish.
 */
#ifndef GRADCHECK_H
#define GRADCHECK_H

#include "ag.h"

typedef enum gradcheck_kind {
    NO_INPUT, /* ends a row's inputs */
    LEAF,
    FIXED,  /* an input that wants no gradient */
    DENSE,  /* a parameter */
    SPARSE, /* a row-sparse parameter */
    FROZEN, /* a frozen parameter */
} gradcheck_kind;

typedef struct gradcheck_input {
    gradcheck_kind kind;
    int rank, dim[AG_MAX_RANK];
    double low, high; /* values are uniform between; both 0: -1 and 1 */
    bool silent;      /* f does not depend on it, or its derivative is 0 everywhere */
} gradcheck_input;

typedef struct gradcheck_case gradcheck_case;
typedef ag_tensor *gradcheck_build(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c);
struct gradcheck_case {
    const char *name, *op;
    gradcheck_build *build;
    gradcheck_build *composition; /* the same function from other ops, or NULL */
    gradcheck_input in[AG_MAX_IN + 1];
    /* What build needs; a row sets what its op has. */
    int heads, n, kind;
    const int32_t *start, *k_start, *index;
    double rate;
};

/* A row's inputs: IN({OF(LEAF, 5, 3), WITHIN(-2, 2)}, {OF(DENSE, 7)}) */
#define IN(...)          .in = {__VA_ARGS__}
#define OF(how, ...)     .kind = how, .rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .dim = {__VA_ARGS__}
#define WITHIN(from, to) .low = from, .high = to

/* One pass forward and `times` contributions backward. All memory is this object's. */
typedef struct gradcheck_pass {
    int n, nodes; /* inputs; nodes of the case's op on the tape */
    size_t size[AG_MAX_IN], y_size;
    ag_real *val[AG_MAX_IN], *grad[AG_MAX_IN]; /* grad NULL: none is wanted */
    ag_real *y, *dy;
} gradcheck_pass;
void gradcheck_draw(const gradcheck_case *c, uint32_t seed, gradcheck_pass *pass); /* sizes, val */
void gradcheck_run(const gradcheck_case *c, gradcheck_build *build, uint32_t seed, int times, gradcheck_pass *pass);
void gradcheck_pass_free(gradcheck_pass *pass);

typedef struct gradcheck_report {
    bool ok;
    const char *why;
    int input, times;
    double analytic, numeric, error; /* of the worst input */
} gradcheck_report;
gradcheck_report gradcheck(const gradcheck_case *c, uint32_t seed);

/* Whether gradcheck refuses the case when its op's backward is made wrong: by a factor on dy (input -1), or on the gradient of the op's
 * input. */
typedef enum gradcheck_verdict { REFUSED, ACCEPTED, HARMLESS /* what was scaled is all 0, or is not wanted */ } gradcheck_verdict;
gradcheck_verdict gradcheck_planted(const gradcheck_case *c, uint32_t seed, int input, double factor);

/* The largest |a - b| as a fraction of the largest |b|; NaN where a number is NaN. */
double gradcheck_distance(size_t n, const ag_real *a, const ag_real *b);

#endif
