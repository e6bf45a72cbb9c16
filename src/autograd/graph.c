/* graph.c - tensors, the tape, gradients and their pool, scopes. ag.h says what each promises. */
#include "ag.h"
#include "profile.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The head before each buffer of the pool. The free list holds those that were given back. */
enum { POOL_HEAD = 64 };
struct ag_pool_block {
    struct ag_pool_block *next;
    size_t n;    /* reals */
    size_t born; /* the arena's fill before it was made: tells what a scope took */
};
_Static_assert(sizeof(struct ag_pool_block) <= POOL_HEAD, "a buffer's head fits before it");

/* Every request to the arena goes through here or ag_graph_reset, so that g->allocations is the sum. */
static void *take(ag_graph *g, size_t bytes)
{
    const size_t before = g->arena.allocations;
    void *p = ag_arena_alloc(&g->arena, bytes);
    g->allocations += g->arena.allocations - before;
    return p;
}

void ag_graph_init(ag_graph *g)
{
    *g = (ag_graph){0};
}

void ag_graph_reset(ag_graph *g)
{
    const size_t before = g->arena.allocations;
    g->len = 0;
    g->pool = NULL;
    ag_arena_reset(&g->arena);
    g->allocations += g->arena.allocations - before;
}

void ag_graph_free(ag_graph *g)
{
    ag_arena_free(&g->arena);
    free(g->tape);
    ag_graph_init(g);
}

/* From now on time belongs to op (NULL: to no op). */
static void turn(ag_graph *g, const ag_op *op, enum ag_direction direction)
{
    if (g->profile) ag_profile_turn(g->profile, op, direction);
}

/* ---- tensors ---- */

size_t ag_size(const ag_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= (size_t)t->dim[i];
    return n;
}

size_t ag_rows(const ag_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i + 1 < t->rank; i++) n *= (size_t)t->dim[i];
    return n;
}

int ag_cols(const ag_tensor *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

/* A buffer of n reals: the smallest one that was given back, of `most` reals at most, or a new one. */
static ag_real *pool_take(ag_graph *g, size_t n, size_t most)
{
    struct ag_pool_block **best = NULL;
    for (struct ag_pool_block **link = &g->pool; *link; link = &(*link)->next)
        if ((*link)->n >= n && (*link)->n <= most && (!best || (*link)->n < (*best)->n)) best = link;
    struct ag_pool_block *block;
    if (best) {
        block = *best;
        *best = block->next;
    } else {
        AG_CHECK(n <= SIZE_MAX / 4 / sizeof(ag_real), "out of memory: a buffer of %zu elements", n);
        const size_t born = g->arena.used;
        block = take(g, POOL_HEAD + n * sizeof(ag_real));
        *block = (struct ag_pool_block){.n = n, .born = born};
    }
    return (ag_real *)((char *)block + POOL_HEAD);
}

/* Most values live until backward or the end of a scope, so none may stand in a buffer far too large for it. */
static ag_real *value_take(ag_graph *g, const ag_tensor *t)
{
    const size_t n = ag_size(t);
    return pool_take(g, n, 2 * n);
}

static ag_tensor *new_tensor(ag_graph *g, const char *what, int rank, const int *dim)
{
    AG_CHECK(rank >= 0 && rank <= AG_MAX_RANK, "%s: rank %d is not 0 to %d", what, rank, AG_MAX_RANK);
    ag_tensor *t = take(g, sizeof *t);
    *t = (ag_tensor){.rank = rank};
    size_t n = 1, rows = 1;
    for (int i = 0; i < rank; i++) {
        AG_CHECK(dim[i] >= 0, "%s: dimension %d is %d", what, i, dim[i]);
        t->dim[i] = dim[i];
        if (i + 1 < rank) rows *= (size_t)dim[i];
        AG_CHECK(rows <= INT_MAX && !__builtin_mul_overflow(n, (size_t)dim[i], &n) && n <= SIZE_MAX / 2 / sizeof(ag_real),
                 "%s: a tensor of more rows than %d, or more elements than memory can address", what, INT_MAX);
    }
    return t;
}

ag_tensor *ag_input(ag_graph *g, int rank, const int *dim, const ag_real *val)
{
    turn(g, NULL, AG_FORWARD);
    ag_tensor *t = new_tensor(g, "input", rank, dim);
    t->val = (ag_real *)(uintptr_t)val; /* no op writes to what it reads */
    return t;
}

ag_tensor *ag_leaf(ag_graph *g, int rank, const int *dim, ag_real *val, ag_real *grad)
{
    turn(g, NULL, AG_FORWARD);
    ag_tensor *t = new_tensor(g, "leaf", rank, dim);
    t->val = val;
    t->wants_grad = grad;
    t->saved = grad; /* becomes t->grad at the first contribution */
    return t;
}

ag_tensor *ag_use(ag_graph *g, ag_param *p)
{
    AG_CHECK(p->val, "parameter %s is used before it has values", p->name);
    turn(g, NULL, AG_FORWARD);
    ag_tensor *t = new_tensor(g, p->name, p->rank, p->dim);
    t->val = p->val;
    t->param = p;
    t->wants_grad = p->role != AG_FROZEN && p->grad;
    return t;
}

ag_tensor *ag_use_as(ag_graph *g, ag_param *p, int rank, const int *dim)
{
    AG_CHECK(p->role != AG_SPARSE, "parameter %s is row-sparse: it has one shape", p->name);
    ag_tensor *t = ag_use(g, p), *shaped = new_tensor(g, p->name, rank, dim);
    AG_CHECK(ag_size(shaped) == p->size, "parameter %s has %zu elements, its other shape %zu", p->name, p->size, ag_size(shaped));
    t->rank = rank;
    memcpy(t->dim, shaped->dim, sizeof t->dim);
    return t;
}

ag_tensor *ag_node(ag_graph *g, const ag_op *op, int rank, const int *dim, ag_tensor *const *in)
{
    turn(g, op, AG_FORWARD);
    ag_tensor *y = new_tensor(g, op->name, rank, dim);
    y->op = op;
    for (int i = 0; i < op->n_in; i++) {
        y->in[i] = in[i];
        AG_CHECK(!in[i] || !in[i]->param || !in[i]->param->in_panels || op == &ag_op_linear || op == &ag_op_linear_act,
                 "%s: parameter %s is in panels, which affine maps alone read", op->name, in[i]->param->name);
        AG_CHECK(!in[i] || !in[i]->param || !in[i]->param->n_log || op == &ag_op_gather,
                 "%s: rows of parameter %s wait for their steps, which gather alone makes up for", op->name, in[i]->param->name);
        AG_CHECK(!in[i] || !in[i]->forgotten, "%s: the value of input %d was forgotten", op->name, i);
        y->wants_grad |= in[i] && in[i]->wants_grad;
    }
    y->val = value_take(g, y);
    if (!y->wants_grad) return y;
    for (int i = 0; i < op->n_in; i++)
        if (in[i]) in[i]->readers++;
    if (g->len == g->cap) {
        const size_t cap = g->cap ? 2 * g->cap : 256;
        ag_tensor **tape = realloc(g->tape, cap * sizeof *tape);
        AG_CHECK(tape, "out of memory: a tape of %zu nodes", cap);
        g->tape = tape;
        g->cap = cap;
        g->allocations++;
    }
    return g->tape[g->len++] = y;
}

void *ag_save(ag_graph *g, size_t bytes)
{
    return take(g, bytes);
}

/* ---- gradients ---- */

ag_real *ag_pool_take(ag_graph *g, size_t n)
{
    return pool_take(g, n, SIZE_MAX);
}

void ag_pool_give(ag_graph *g, ag_real *buffer)
{
    struct ag_pool_block *block = (struct ag_pool_block *)((char *)buffer - POOL_HEAD);
    block->next = g->pool;
    g->pool = block;
}

ag_real *ag_grad(ag_graph *g, ag_tensor *t, ag_real *beta)
{
    if (!t || !t->wants_grad) return NULL;
    if (t->param) {
        AG_CHECK(t->param->role != AG_SPARSE, "the gradient of %s is row-sparse: only gather can add to it", t->param->name);
        *beta = t->param->has_grad ? 1 : 0;
        t->param->has_grad = true;
        return t->grad = t->param->grad;
    }
    *beta = t->grad ? 1 : 0;
    if (!t->grad) t->grad = t->op ? ag_pool_take(g, ag_size(t)) : t->saved;
    return t->grad;
}

/* ---- values that are not kept ---- */

void ag_may_forget(ag_tensor *y, unsigned unread, void (*remake)(ag_tensor *y))
{
    if (!y->wants_grad) return;
    y->forgettable = true;
    y->unread = unread;
    y->remake = remake;
    for (int i = 0; i < y->op->n_in; i++)
        if (y->in[i] && unread >> i & 1) y->in[i]->readers--;
}

static void drop_value(ag_graph *g, ag_tensor *t)
{
    ag_pool_give(g, t->val);
    t->val = NULL;
}

void ag_forget(ag_graph *g, ag_tensor *t)
{
    if (!t->op || t->forgotten || (t->wants_grad && !t->forgettable) || (t->readers > 0 && !t->remake)) return;
    t->forgotten = true;
    drop_value(g, t);
}

/* Brings back what t's backward reads. */
static void remember(ag_graph *g, const ag_tensor *t)
{
    for (int i = 0; i < t->op->n_in; i++) {
        ag_tensor *x = t->in[i];
        if (!x || !x->forgotten || x->val || t->unread >> i & 1) continue;
        turn(g, x->op, AG_BACKWARD);
        x->val = value_take(g, x);
        x->remake(x);
    }
}

void ag_backward(ag_graph *g, ag_tensor *y, const ag_real *dy)
{
    AG_CHECK(y->wants_grad, "backward: nothing below this tensor wants a gradient");
    AG_CHECK(dy || ag_size(y) == 1, "backward: a tensor of %zu elements needs its gradient dy", ag_size(y));
    turn(g, NULL, AG_FORWARD);
    const ag_real one = 1;
    ag_real beta, *grad = ag_grad(g, y, &beta);
    for (size_t i = 0; i < ag_size(y); i++) grad[i] = (dy ? dy[i] : one) + (beta != 0 ? grad[i] : 0);

    for (size_t i = g->len; i-- > 0;) {
        ag_tensor *t = g->tape[i];
        if (!t->grad) continue;
        remember(g, t);
        turn(g, t->op, AG_BACKWARD);
        t->op->backward(g, t);
        ag_pool_give(g, t->grad);
        t->grad = NULL;
        if (t->forgotten && t->val) drop_value(g, t); /* its readers stand behind it on the tape */
    }
    turn(g, NULL, AG_FORWARD);
}

/* ---- scopes ---- */

ag_scope ag_scope_begin(ag_graph *g)
{
    ag_tensor *const result = take(g, sizeof *result);
    return (ag_scope){.result = result, .mark = ag_arena_here(&g->arena), .len = g->len};
}

ag_tensor *ag_scope_end(ag_graph *g, ag_scope s, ag_tensor *result)
{
    turn(g, NULL, AG_FORWARD);
    if (g->len != s.len) return result;
    const bool made_here = ag_arena_since(&g->arena, s.mark, result), value_here = ag_arena_since(&g->arena, s.mark, result->val);
    ag_tensor copy = *result;

    for (struct ag_pool_block **link = &g->pool; *link;)
        if ((*link)->born >= s.mark.used)
            *link = (*link)->next;
        else
            link = &(*link)->next;
    ag_arena_rewind(&g->arena, s.mark);
    if (!made_here) return result;

    /* The value becomes the first buffer behind the mark, where it stands or below, so it is read before it is overwritten. */
    memset(copy.in, 0, sizeof copy.in);
    copy.saved = copy.op ? NULL : copy.saved;
    if (value_here) {
        const ag_real *from = copy.val;
        copy.val = value_take(g, &copy);
        memmove(copy.val, from, ag_size(&copy) * sizeof *copy.val);
    }
    *s.result = copy;
    return s.result;
}
