/* params.c - parameters: names, shapes, roles, and the training blocks in which everything that is trained lies. */
#include "blas.h"
#include "optim.h"
#include "pages.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* n reals, all 0, at a multiple of ALIGN. Of a small block the pointer to free stands in front. */
static ag_real *block_new(size_t n)
{
    AG_CHECK(n <= (SIZE_MAX / 4) / sizeof(ag_real), "parameters: %zu numbers do not fit into memory", n);
    const size_t bytes = n * sizeof(ag_real);
    char *raw = bytes < AG_LARGE_PAGE ? calloc(1, bytes + ALIGN) : ag_pages_map(bytes);
    AG_CHECK(raw, "parameters: no memory for %zu numbers", n);
    if (bytes >= AG_LARGE_PAGE) return (ag_real *)(void *)raw;
    char *at = raw + ALIGN - (uintptr_t)raw % ALIGN;
    memcpy(at - sizeof raw, &raw, sizeof raw);
    return (ag_real *)(void *)at;
}

/* What block_new(n) gave. */
static void block_free(ag_real *block, size_t n)
{
    if (!block) return;
    if (n * sizeof(ag_real) >= AG_LARGE_PAGE) {
        ag_pages_unmap(block, n * sizeof(ag_real));
        return;
    }
    char *raw;
    memcpy(&raw, (char *)block - sizeof raw, sizeof raw);
    free(raw);
}

static size_t aligned(size_t n)
{
    const size_t step = ALIGN / sizeof(ag_real);
    return (n + step - 1) / step * step;
}

void ag_params_init(ag_params *ps)
{
    *ps = (ag_params){0};
}

/* Values of p's own, if it has any. */
static void val_free(ag_param *p)
{
    if (p->owns_val) block_free(p->val, p->in_panels ? p->panels_size : p->size);
}

void ag_params_free(ag_params *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        val_free(p);
        free(p->slot_of_row);
        free(p->row_of_slot);
        free(p->done_of_row);
        free(p->log);
        free(p->name);
        free(p);
    }
    free(ps->at);
    block_free(ps->block_val, ps->block_size);
    block_free(ps->block_grad, ps->grad_size);
    block_free(ps->block_m, ps->block_size);
    block_free(ps->block_v, ps->block_size);
    *ps = (ag_params){0};
}

ag_param *ag_params_find(const ag_params *ps, const char *name)
{
    for (size_t i = 0; i < ps->n; i++)
        if (strcmp(ps->at[i]->name, name) == 0) return ps->at[i];
    return NULL;
}

ag_param *ag_params_add(ag_params *ps, const char *name, int rank, const int *dim)
{
    AG_CHECK(!ps->trained, "parameter %s: added after ag_params_train", name);
    AG_CHECK(rank >= 0 && rank <= AG_MAX_RANK, "parameter %s: rank %d", name, rank);
    AG_CHECK(!ag_params_find(ps, name), "parameter %s: the name is taken", name);
    if (ps->n == ps->cap) {
        const size_t cap = ps->cap ? 2 * ps->cap : 64;
        ag_param **at = realloc(ps->at, cap * sizeof *at);
        AG_CHECK(at, "parameter %s: no memory", name);
        ps->at = at;
        ps->cap = cap;
    }
    ag_param *p = calloc(1, sizeof *p);
    AG_CHECK(p, "parameter %s: no memory", name);
    ps->at[ps->n++] = p;
    p->name = strdup(name);
    AG_CHECK(p->name, "parameter %s: no memory", name);
    p->rank = rank;
    p->size = 1;
    for (int i = 0; i < rank; i++) {
        AG_CHECK(dim[i] >= 0 && !__builtin_mul_overflow(p->size, (size_t)dim[i], &p->size), "parameter %s: dimension %d is %d", name, i,
                 dim[i]);
        p->dim[i] = dim[i];
    }
    return p;
}

ag_real *ag_param_own(ag_param *p)
{
    AG_CHECK(!p->val, "parameter %s: its values are there already", p->name);
    p->val = block_new(p->size);
    p->owns_val = true;
    return p->val;
}

void ag_param_borrow(ag_param *p, const ag_real *val)
{
    AG_CHECK(!p->val, "parameter %s: its values are there already", p->name);
    p->val = (ag_real *)(uintptr_t)val; /* only ever read: what is written has moved into a training block before */
}

void ag_param_view(ag_param *p, ag_param *of)
{
    ag_param_borrow(p, of->val);
    p->of = of->of ? of->of : of;
}

void ag_param_pack(ag_param *p)
{
    AG_CHECK(p->val && p->rank == 2 && !p->grad && !p->in_panels, "parameter %s: not the weight of an affine map that predicts", p->name);
    const size_t size = ag_panels_size(p->dim[0], p->dim[1]);
    if (size == 0) return;
    ag_real *panels = block_new(size);
    ag_pages_large(panels, size * sizeof *panels);
    ag_panels_fill(p->dim[0], p->dim[1], p->val, panels);
    val_free(p);
    p->val = panels;
    p->panels_size = size;
    p->owns_val = p->in_panels = true;
}

/* Rows of a sparse parameter for which its gradient has room. */
static size_t slots(const ag_param *p, size_t rows_max)
{
    return (size_t)p->dim[0] < rows_max ? (size_t)p->dim[0] : rows_max;
}

static size_t grad_size(const ag_param *p, size_t rows_max)
{
    return p->role == AG_SPARSE ? slots(p, rows_max) * (size_t)p->dim[1] : p->size;
}

static void sparse_start(ag_param *p, size_t rows_max)
{
    const size_t rows = (size_t)p->dim[0];
    p->slot_cap = (int)slots(p, rows_max);
    p->slot_of_row = malloc((rows + 1) * sizeof *p->slot_of_row);
    p->row_of_slot = malloc(((size_t)p->slot_cap + 1) * sizeof *p->row_of_slot);
    p->done_of_row = calloc(rows + 1, sizeof *p->done_of_row);
    p->log = calloc(AG_LOG, sizeof *p->log);
    AG_CHECK(p->slot_of_row && p->row_of_slot && p->done_of_row && p->log, "parameter %s: no memory", p->name);
    for (size_t r = 0; r < rows; r++) p->slot_of_row[r] = -1;
}

/* How the moments from..to-1 of the blocks lie. */
static void moments_lie(ag_params *ps, void (*in_pages)(void *at, size_t bytes), size_t from, size_t to)
{
    in_pages(ps->block_m + from, (to - from) * sizeof(ag_real));
    in_pages(ps->block_v + from, (to - from) * sizeof(ag_real));
}

void ag_params_train(ag_params *ps, size_t rows_max)
{
    AG_CHECK(!ps->trained, "ag_params_train: called twice");
    ps->trained = true;
    int groups = 0;
    for (size_t i = 0; i < ps->n; i++) {
        const ag_param *p = ps->at[i];
        AG_CHECK(p->val, "parameter %s: has no values", p->name);
        if (p->role == AG_FROZEN) continue;
        AG_CHECK(!p->in_panels, "parameter %s: in panels, it predicts only", p->name);
        AG_CHECK(p->role == AG_DENSE || p->rank == 2, "parameter %s: row-sparse with rank %d", p->name, p->rank);
        AG_CHECK(p->group >= 0, "parameter %s: group %d", p->name, p->group);
        if (p->group >= groups) groups = p->group + 1;
        ps->block_size += aligned(p->size);
        ps->grad_size += aligned(grad_size(p, rows_max));
    }
    if (groups == 0) return;
    ps->block_val = block_new(ps->block_size);
    ps->block_grad = block_new(ps->grad_size);
    ps->block_m = block_new(ps->block_size);
    ps->block_v = block_new(ps->block_size);
    ag_pages_large(ps->block_val, ps->block_size * sizeof(ag_real));
    ag_pages_large(ps->block_grad, ps->grad_size * sizeof(ag_real));
    size_t at = 0, grad_at = 0, dense_at = 0;
    for (int group = 0; group < groups; group++) {
        for (size_t i = 0; i < ps->n; i++) {
            ag_param *p = ps->at[i];
            if (p->role == AG_FROZEN || p->group != group) continue;
            memcpy(ps->block_val + at, p->val, p->size * sizeof *p->val);
            val_free(p);
            p->owns_val = false;
            p->val = ps->block_val + at;
            p->m = ps->block_m + at;
            p->v = ps->block_v + at;
            p->grad = ps->block_grad + grad_at;
            if (p->role == AG_SPARSE) sparse_start(p, rows_max);
            if (p->role == AG_SPARSE) { /* of whose moments a run may touch few rows */
                moments_lie(ps, ag_pages_large, dense_at, at);
                dense_at = at + aligned(p->size);
                moments_lie(ps, ag_pages_small, at, dense_at);
            }
            at += aligned(p->size);
            grad_at += aligned(grad_size(p, rows_max));
        }
    }
    moments_lie(ps, ag_pages_large, dense_at, at);
}

void ag_params_zero_grad(ag_params *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        p->has_grad = false;
        for (int s = 0; s < p->n_slots; s++) p->slot_of_row[p->row_of_slot[s]] = -1;
        p->n_slots = 0;
    }
}

ag_real *ag_sparse_row(ag_param *p, int row)
{
    AG_CHECK(p->role == AG_SPARSE && p->slot_of_row, "parameter %s: not a row-sparse one in training", p->name);
    AG_CHECK(row >= 0 && row < p->dim[0], "parameter %s: row %d of %d", p->name, row, p->dim[0]);
    const size_t C = (size_t)p->dim[1];
    int slot = p->slot_of_row[row];
    if (slot < 0) {
        AG_CHECK(p->n_slots < p->slot_cap, "parameter %s: a step touches more than %d rows", p->name, p->slot_cap);
        slot = p->n_slots++;
        p->slot_of_row[row] = slot;
        p->row_of_slot[slot] = row;
        p->has_grad = true;
        memset(p->grad + (size_t)slot * C, 0, C * sizeof *p->grad);
    }
    return p->grad + (size_t)slot * C;
}
