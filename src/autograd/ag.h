/* ag.h - reverse-mode automatic differentiation over a tape: the whole engine on one page.
 *
 * An op computes its value at once and appends one node, so the tape is in topological order and backward is one reverse loop. Inference is
 * "no parameter wants a gradient", not a mode: what needs no gradient is not taped.
 *
 * Tensors are contiguous, row-major, of rank 0 to 4; a dimension may be 0. An op has one output. Ops are named in ops.def, with their equations;
 * another layer adds its own with a table of the same form and ag_node().
 *
 * Memory has three owners. Parameters belong to ag_params. Nodes, values, saved state and gradients of one step live in the graph's arena and die
 * together at ag_graph_reset(). Inputs (a batch's ids, offsets, places) belong to the caller and are borrowed until then.
 *
 * The same sources compile twice: ag_real is float, or double with -DAG_DOUBLE, in which gradients are proven. Both export the same names.
 *
 * A wrong shape is a bug in the caller: AG_CHECK reports it and does not return. Ops never return NULL.
 */
#ifndef AG_H
#define AG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "arena.h"
#include "err.h"

#ifdef AG_DOUBLE
typedef double ag_real;
#else
typedef float ag_real;
#endif

enum { AG_MAX_RANK = 4, AG_MAX_IN = 8 };

typedef struct ag_tensor ag_tensor;
typedef struct ag_graph ag_graph;
typedef struct ag_param ag_param;
typedef struct ag_params ag_params;

/* ---- start ---- */

/* Call before anything else, and again to change the number of threads: fills the table of kernels (kernels.h), checks that BLAS is the OpenMP flavour of OpenBLAS, makes it single-threaded, and holds
 * two odd-sized products in each of NT, NN, TN against plain C. threads >= 1 is the number of threads of every parallel region. ERR_INTERNAL where BLAS will not do. */
int ag_start(int threads, struct err *e);
int ag_threads(void);

/* Whether a row of a product, and so of every op over rows, has the same bytes whatever rows stand beside it: where products have a kernel of ours. */
bool ag_rows_are_alone(void);

/* The number of threads that OpenMP's default team has is each thread's own, and ag_start changes it. Between these two a thread of a program that
 * uses OpenMP for other things may call ag_start and run ops: ag_leave(what ag_enter gave) sets it back. */
int ag_enter(void);
void ag_leave(int entered);

/* What ag_start chose: for `nerve info`. */
typedef struct ag_machine {
    const char *kernels;   /* "portable", "avx2", "avx512" */
    const char *blas;      /* openblas_get_config() */
    const char *core_type; /* OpenBLAS' kernels: "Haswell", "SkylakeX", ... */
    int threads;
} ag_machine;
ag_machine ag_describe(void);

/* ---- a bug in the caller ---- */

#define AG_CHECK(condition, ...)                                                                                                             \
    do {                                                                                                                                     \
        if (!(condition)) ag_panic(__VA_ARGS__);                                                                                             \
    } while (0)
_Noreturn void ag_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The handler must not return (it jumps or ends the process); NULL: print to stderr and abort. */
typedef void (*ag_panic_handler)(const char *message);
void ag_set_panic_handler(ag_panic_handler handler);
/* Runs run(context) and gives 0. Where AG_CHECK speaks in it, in this thread, run ends there, the handler is not asked, and its message becomes
 * ERR_INTERNAL: out of memory is then an error like others. Graphs are good for ag_graph_reset; what run itself allocated is lost. */
int ag_try(void (*run)(void *context), void *context, struct err *e);

/* ---- tensors, nodes, the tape ---- */

/* What the engine must know about an op; one for each op file. backward reads y->grad (complete) and adds to the gradient of each input that wants one. */
typedef struct ag_op {
    const char *name;
    int n_in;
    void (*backward)(ag_graph *g, ag_tensor *y);
} ag_op;

struct ag_tensor {
    const ag_op *op; /* NULL for an input or a parameter */
    int rank;
    int dim[AG_MAX_RANK];
    ag_real *val;
    ag_real *grad;    /* NULL until the first contribution; of a parameter: its block's */
    bool wants_grad;  /* something below wants a gradient */
    ag_param *param;  /* the parameter of a leaf, else NULL */
    ag_tensor *in[AG_MAX_IN];
    void *saved; /* what backward needs besides in[] and val: in the arena */
    /* ag_may_forget, ag_forget */
    void (*remake)(ag_tensor *y);
    int readers;      /* nodes whose backward reads val */
    unsigned unread;  /* bit i: this node's backward does not read in[i]->val */
    bool forgettable; /* nor val itself */
    bool forgotten;   /* val is NULL but while backward needs it */
};

struct ag_graph {
    ag_arena arena;
    ag_tensor **tape;
    size_t len, cap;
    struct ag_pool_block *pool; /* gradient and scratch buffers that were given back */
    size_t allocations;         /* calls of the system's allocator so far: constant once the largest batch went through */
    struct ag_profile *profile; /* who is told where time goes (profile.h), or NULL; borrowed */
};

void ag_graph_init(ag_graph *g);
void ag_graph_reset(ag_graph *g); /* drops every node, keeps the memory as one block */
void ag_graph_free(ag_graph *g);

size_t ag_size(const ag_tensor *t);  /* number of elements */
size_t ag_rows(const ag_tensor *t);  /* product of all dimensions but the last; 1 for rank 0 */
int ag_cols(const ag_tensor *t);     /* last dimension; 1 for rank 0 */

/* Leaves. val is borrowed. ag_leaf's gradient goes to grad, an array of the caller's (tests); grad NULL: none is wanted. */
ag_tensor *ag_input(ag_graph *g, int rank, const int *dim, const ag_real *val);
ag_tensor *ag_leaf(ag_graph *g, int rank, const int *dim, ag_real *val, ag_real *grad);
ag_tensor *ag_use(ag_graph *g, ag_param *p); /* the same parameter may be used many times */
ag_tensor *ag_use_as(ag_graph *g, ag_param *p, int rank, const int *dim); /* under another shape of as many elements; not of a row-sparse one */

/* For op files. ag_node makes y with room for its value and tapes it where an input wants a gradient. in[] may hold NULL for an input left out. */
ag_tensor *ag_node(ag_graph *g, const ag_op *op, int rank, const int *dim, ag_tensor *const *in);
void *ag_save(ag_graph *g, size_t bytes); /* lives as long as the step; not cleared */
/* The gradient of t to contribute to: NULL where none is wanted; else *beta is 0 for the first contribution, which assigns, and 1 after, which add (x = new + beta x with
 * beta 0 must not read x). Every caller must write all of it. Not for row-sparse parameters: see ag_sparse_row. */
ag_real *ag_grad(ag_graph *g, ag_tensor *t, ag_real *beta);
/* By an op that makes y: its backward reads neither y->val nor the values of the inputs that `unread` names (bit i: in[i]). remake fills y->val again, to the same bytes, from what was
 * saved and from parameters; NULL: it cannot be made again. */
void ag_may_forget(ag_tensor *y, unsigned unread, void (*remake)(ag_tensor *y));
/* Scratch of n reals, 64-byte aligned, from the pool; give it back in the same op. */
ag_real *ag_pool_take(ag_graph *g, size_t n);
void ag_pool_give(ag_graph *g, ag_real *buffer);

/* Gradients of <dy, y> for everything below y. dy [shape of y]; NULL: y has one element and dy = 1. Nodes that y does not depend on are left out. */
void ag_backward(ag_graph *g, ag_tensor *y, const ag_real *dy);

/* No op will take t any more, and nobody reads its value: its memory serves what comes next. Where backward reads the value, it is made again by then. Does nothing where it can neither be
 * missed nor be made again, and to what no op made. */
void ag_forget(ag_graph *g, ag_tensor *t);

/* Around an encoder block: where nothing inside was taped, ag_scope_end gives everything but result's value back to the arena, and result moves. Tensors made inside,
 * and pointers into them, die there. Where something was taped it does nothing. */
typedef struct ag_scope {
    ag_tensor *result; /* where it moves to, before the mark */
    ag_arena_mark mark;
    size_t len;
} ag_scope;
ag_scope ag_scope_begin(ag_graph *g);
ag_tensor *ag_scope_end(ag_graph *g, ag_scope s, ag_tensor *result);

/* ---- parameters (params.c) ---- */

typedef enum ag_role {
    AG_FROZEN, /* no gradient; its values may be borrowed from a mapped file */
    AG_DENSE,
    AG_SPARSE, /* an embedding table [rows, C]: its gradient is a list of touched rows */
} ag_role;

struct ag_param {
    char *name;
    int rank;
    int dim[AG_MAX_RANK];
    size_t size; /* number of elements */
    ag_role role;
    int group;  /* index of its optimizer group */
    bool decay; /* weight decay applies */
    ag_real *val;
    bool owns_val;         /* val was allocated for this parameter alone (before ag_params_train) */
    ag_param *of;          /* whose values these are, where ag_param_view gave them */
    bool in_panels;        /* val is what ag_param_pack made of it, */
    size_t panels_size;    /* of so many numbers */
    ag_real *grad;         /* dense: [size] in the gradient block; sparse: [row capacity, C], slot by slot */
    bool has_grad;         /* a first contribution came since ag_params_zero_grad */
    ag_real *m, *v;        /* Adam's moments in their blocks, [size] */
    int32_t *slot_of_row;  /* sparse: [rows], -1 where untouched */
    int32_t *row_of_slot;  /* sparse: [row capacity] */
    int n_slots, slot_cap; /* sparse: touched rows so far, room */
    struct ag_adamw *log;  /* sparse: the last n_log steps of the optimizer, which not every row has made: optim.c */
    int n_log;
    int32_t *done_of_row; /* sparse: [rows], how many of them the row has made */
};

/* Training blocks: val, grad, m, v of every trained parameter in one allocation each and in one order (groups contiguous). */
struct ag_params {
    ag_param **at;
    size_t n, cap;
    ag_real *block_val, *block_grad, *block_m, *block_v;
    size_t block_size, grad_size; /* elements of block_val, block_m, block_v; of block_grad */
    bool trained;      /* ag_params_train was called */
};

void ag_params_init(ag_params *ps);
void ag_params_free(ag_params *ps);
/* A new parameter, in order; name must be new. Its values are not there yet: give them with ag_param_own, ag_param_borrow. */
ag_param *ag_params_add(ag_params *ps, const char *name, int rank, const int *dim);
ag_param *ag_params_find(const ag_params *ps, const char *name); /* NULL where there is none */
ag_real *ag_param_own(ag_param *p);                          /* allocates val (not cleared) and gives it */
void ag_param_borrow(ag_param *p, const ag_real *val);       /* e.g. in a mapped weight file, which must outlive p */
void ag_param_view(ag_param *p, ag_param *of);               /* the values of another one, which may train and must outlive p */
/* For a predicting model: the weight w [O,K] of an affine map goes into the order in which products read it (ag_panels_fill), in memory of its own; values that were borrowed are not read any more. From then on only ag_linear and its
 * kin may use it. Does nothing where products are OpenBLAS's. */
void ag_param_pack(ag_param *p);
/* After roles and groups are set and all values are there: moves every parameter that is not AG_FROZEN into the training blocks. rows_max: the most rows of a sparse parameter that one
 * accumulated step can touch. m and v start at 0. Once. */
void ag_params_train(ag_params *ps, size_t rows_max);
void ag_params_zero_grad(ag_params *ps); /* forgets all gradients without touching their memory */
/* Row `row` of a sparse parameter's gradient, cleared at its first touch; add to it. One thread at a time. */
ag_real *ag_sparse_row(ag_param *p, int row);

/* ---- dropout ---- */

/* Which elements an op drops: a function of (seed, site, step, the tweet's place in the global batch, row within the tweet, column), so a batch that is split by accumulation has the same
 * masks. Element (row r, column c) of a packed tensor, r in start[b] .. start[b+1]-1, takes half-word c mod 8 of Philox block {c/8, r - start[b], place[b], step} under the site's key, and is
 * kept where that half-word is >= round(rate 2^16); kept elements are scaled by 1/(1 - round(rate 2^16) / 2^16). rate 0: nothing is dropped. */
typedef struct ag_dropout {
    double rate; /* [0, 1) */
    uint32_t seed, site, step;
    int n;                /* sequences */
    const int32_t *start; /* [n+1], start[n] = rows */
    const int32_t *place; /* [n] */
} ag_dropout;
extern const ag_dropout AG_NO_DROPOUT;

/* ---- ops: the index with their equations is ops.def ---- */

typedef enum ag_activation { AG_GELU, AG_QUICK_GELU, AG_GELU_TANH, AG_RELU } ag_activation;

ag_tensor *ag_linear(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b);                            /* x [..,K], w [O,K], b [O] or NULL -> [..,O] */
ag_tensor *ag_linear_act(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_activation act);     /* the same, then the activation */
/* The same with w + scale up down in the place of w, which is never put together: down [r,K], up [O,r]. Both NULL: w alone. */
typedef struct ag_low_rank {
    ag_tensor *down, *up;
    double scale;
} ag_low_rank;
ag_tensor *ag_linear_low_rank(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_low_rank update);
ag_tensor *ag_linear_act_low_rank(ag_graph *g, ag_tensor *x, ag_tensor *w, ag_tensor *b, ag_low_rank update, ag_activation act);
ag_tensor *ag_gather(ag_graph *g, ag_tensor *table, int n, const int32_t *row);                         /* table [R,C], row [n] in 0..R-1 -> [n,C] */
ag_tensor *ag_dropout_of(ag_graph *g, ag_tensor *x, ag_dropout drop);                                   /* x [N,C]; gives x itself at rate 0 */
ag_tensor *ag_add(ag_graph *g, ag_tensor *x, ag_tensor *h, ag_dropout drop);                            /* x + dropout(h); [N,C] */
ag_tensor *ag_layernorm(ag_graph *g, ag_tensor *x, ag_tensor *gain, ag_tensor *bias, double eps);       /* x [..,C], gain, bias [C] */
ag_tensor *ag_add_layernorm(ag_graph *g, ag_tensor *x, ag_tensor *h, ag_dropout drop, ag_tensor *gain, ag_tensor *bias, double eps); /* LayerNorm(x + dropout(h)) */
/* q [Tq,C], k, v [Tk,C] with C = heads * D; sequence b owns rows q_start[b] .. q_start[b+1] of q and k_start[b] .. k_start[b+1] of k and v -> [Tq,C].
 * A sequence without keys gives zero rows. drop falls on the probabilities: its start is q_start, its column head * 2^16 + key (head < 2^12, key < 2^16). */
ag_tensor *ag_attention(ag_graph *g, ag_tensor *q, ag_tensor *k, ag_tensor *v, int heads, int n, const int32_t *q_start, const int32_t *k_start, ag_dropout drop);
/* x, h [N,C], h NULL: 0 -> [N,C]: rows start[b] .. start[b+1] are x's where k_start[b] < k_start[b+1] (sequence b has keys), else h's. */
ag_tensor *ag_choose(ag_graph *g, ag_tensor *x, ag_tensor *h, int n, const int32_t *start, const int32_t *k_start);
ag_tensor *ag_cross_entropy(ag_graph *g, ag_tensor *logits, const int32_t *target, int n, const int32_t *start); /* logits [N,L], target [N] -> [n]: sum over rows of a sequence of -log softmax */
ag_tensor *ag_gate(ag_graph *g, ag_tensor *a, ag_tensor *x);                                            /* x / (1 + exp(-a)); one shape */
ag_tensor *ag_reshape(ag_graph *g, ag_tensor *x, int rank, const int *dim);                             /* the same elements under other dimensions */

#define OP(name, n_in, equation) extern const ag_op ag_op_##name;
#include "ops.def"
#undef OP

#endif
