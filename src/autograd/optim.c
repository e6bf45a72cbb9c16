/* optim.c - clipping, schedule and AdamW over the trained parameters.
 *
 * The work is cut into pieces of one parameter each, of a size that does not depend on the number of threads. A sum is taken over the
 * pieces in their order. */
#include "optim.h"
#include "kernels.h"
#include <math.h>
#include <string.h>

enum { PIECE = 1 << 16, PIECES = 256 };

/* Elements at .. at+n-1 of a parameter, whole rows of a sparse one. */
typedef struct piece {
    ag_param *p;
    size_t at, n;
    double sum;
} piece;

typedef struct pieces {
    piece at[PIECES];
    int n;
    void (*run)(piece *of, const void *context);
    const void *context;
    double sum; /* of the pieces that ran */
} pieces;

static void pieces_run(pieces *all)
{
#pragma omp parallel for num_threads(ag_threads()) schedule(static, 1)
    for (int i = 0; i < all->n; i++) all->run(&all->at[i], all->context);
    for (int i = 0; i < all->n; i++) all->sum += all->at[i].sum;
    all->n = 0;
}

static void pieces_add(pieces *all, ag_param *p, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step) {
        if (all->n == PIECES) pieces_run(all);
        all->at[all->n++] = (piece){.p = p, .at = at, .n = size - at < step ? size - at : step};
    }
}

static void check_schedule(const char *name, int64_t step, int64_t warmup, int64_t total)
{
    AG_CHECK(0 <= step && step < total && 0 <= warmup && warmup <= total, "%s: step %lld, warm-up %lld of %lld steps", name,
             (long long)step, (long long)warmup, (long long)total);
}

double ag_schedule_linear(int64_t step, int64_t warmup, int64_t total)
{
    check_schedule("ag_schedule_linear", step, warmup, total);
    if (step < warmup) return (double)step / (double)warmup;
    return (double)(total - step) / (double)(total - warmup);
}

double ag_schedule_cosine(int64_t step, int64_t warmup, int64_t total)
{
    const double pi = 3.14159265358979323846;
    check_schedule("ag_schedule_cosine", step, warmup, total);
    if (step < warmup) return (double)step / (double)warmup;
    return 0.5 * (1 + cos(pi * (double)(step - warmup) / (double)(total - warmup)));
}

static void norm_piece(piece *of, const void *context)
{
    (void)context;
    of->sum = ag_k->sum_squares(of->n, of->p->grad + of->at);
}

double ag_grad_norm(const ag_params *ps)
{
    pieces all = {.run = norm_piece};
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        if (p->role == AG_FROZEN || !p->has_grad) continue;
        pieces_add(&all, p, p->role == AG_SPARSE ? (size_t)p->n_slots * (size_t)p->dim[1] : p->size, PIECE);
    }
    pieces_run(&all);
    return sqrt(all.sum);
}

/* By bytes: -0 counts as another number, which costs time and changes nothing. */
static bool all_zero(size_t n, const ag_real *x)
{
    const unsigned char *bytes = (const unsigned char *)x;
    unsigned char other = 0;
    for (size_t i = 0; i < n * sizeof *x; i++) other = (unsigned char)(other | bytes[i]);
    return other == 0;
}

/* ---- rows that wait ---- */

/* The steps first .. end-1 of the log, in which nothing touched the row. Where both moments are 0 such a step is keep p to the bit,
 * and nothing needs to be written but that. */
static void row_catch_up(ag_param *p, size_t row, int first, int end)
{
    const size_t C = (size_t)p->dim[1];
    ag_real *val = p->val + row * C, *m = p->m + row * C, *v = p->v + row * C;
    const bool rests = first < end && all_zero(C, m) && all_zero(C, v);
    for (int s = first; s < end; s++) {
        const ag_adamw *k = &p->log[s];
        if (!rests) {
            ag_k->adamw(C, k, NULL, val, m, v);
            continue;
        }
        const ag_real keep = (ag_real)k->keep;
        for (size_t c = 0; c < C && keep != 1; c++) val[c] = keep * val[c];
    }
    p->done_of_row[row] = end;
}

static void settle_piece(piece *of, const void *context)
{
    (void)context;
    const size_t C = (size_t)of->p->dim[1];
    for (size_t row = of->at / C; row < (of->at + of->n) / C; row++) row_catch_up(of->p, row, of->p->done_of_row[row], of->p->n_log);
}

/* Whole rows. */
static size_t piece_of_rows(const ag_param *p)
{
    const size_t C = (size_t)p->dim[1];
    return C < PIECE ? PIECE / C * C : C;
}

static void settle(ag_param *p)
{
    pieces all = {.run = settle_piece};
    if (p->n_log == 0) return;
    pieces_add(&all, p, p->size, piece_of_rows(p));
    pieces_run(&all);
    memset(p->done_of_row, 0, (size_t)p->dim[0] * sizeof *p->done_of_row);
    p->n_log = 0;
}

void ag_params_settle(const ag_params *ps)
{
    for (size_t i = 0; i < ps->n; i++)
        if (ps->at[i]->log && ps->at[i]->dim[1] > 0) settle(ps->at[i]);
}

static void settle_row_piece(piece *of, const void *context)
{
    (void)context;
    const size_t row = of->at / (size_t)of->p->dim[1];
    row_catch_up(of->p, row, ~of->p->done_of_row[row], of->p->n_log);
}

void ag_param_settle_rows(ag_param *p, int n, const int32_t *row)
{
    pieces all = {.run = settle_row_piece};
    const size_t C = (size_t)p->dim[1];
    for (int i = 0; i < n && C > 0; i++) {
        int32_t *done = &p->done_of_row[row[i]];
        if (*done == p->n_log || *done < 0) continue;
        *done = ~*done; /* waits for its piece: a row comes once, however often it is asked for */
        if (all.n == PIECES) pieces_run(&all);
        all.at[all.n++] = (piece){.p = p, .at = (size_t)row[i] * C, .n = C};
    }
    pieces_run(&all);
}

/* Reads and writes a number of every page. */
static void touch(ag_real *block, size_t n)
{
    enum { STEP = 1024 }; /* reals: no more than a page has */
    volatile ag_real *x = block;
    for (size_t k = 0; k < n; k += STEP) x[k] = x[k];
    x[n - 1] = x[n - 1];
}

void ag_param_touch_moments(ag_param *p, int64_t n, const int32_t *row)
{
    const size_t C = (size_t)p->dim[1];
    AG_CHECK(p->role == AG_SPARSE && p->m, "parameter %s: not a row-sparse one in training", p->name);
    for (int64_t k = 0; k < n && C > 0; k++) {
        touch(p->m + (size_t)row[k] * C, C);
        touch(p->v + (size_t)row[k] * C, C);
    }
}

/* ---- the step ---- */

/* Constants for parameters with decay, and without, of each group. */
typedef struct step_constants {
    ag_adamw k;
    const ag_group *groups;
    double factor;
} step_constants;

static ag_adamw constants_of(const step_constants *s, const ag_param *p)
{
    ag_adamw k = s->k;
    k.lr = s->groups[p->group].lr * s->factor;
    k.keep = p->decay ? 1 - k.lr * s->groups[p->group].weight_decay : 1;
    return k;
}

static void dense_piece(piece *of, const void *context)
{
    ag_param *p = of->p;
    const ag_adamw k = constants_of(context, p);
    ag_k->adamw(of->n, &k, p->has_grad ? p->grad + of->at : NULL, p->val + of->at, p->m + of->at, p->v + of->at);
}

/* Of touched rows, in the order of their slots. */
static void touched_piece(piece *of, const void *context)
{
    (void)context;
    ag_param *p = of->p;
    const size_t C = (size_t)p->dim[1];
    for (size_t at = of->at; at < of->at + of->n; at += C) {
        const size_t row = (size_t)p->row_of_slot[at / C];
        row_catch_up(p, row, p->done_of_row[row], p->n_log - 1);
        ag_k->adamw(C, &p->log[p->n_log - 1], p->grad + at, p->val + row * C, p->m + row * C, p->v + row * C);
        p->done_of_row[row] = p->n_log;
    }
}

void ag_adamw_step(ag_params *ps, const ag_group *groups, int n_groups, double factor, int64_t t, double beta1, double beta2, double eps,
                   double norm, double clip)
{
    AG_CHECK(ps->trained && t >= 1, "ag_adamw_step: step %lld%s", (long long)t, ps->trained ? "" : " before ag_params_train");
    AG_CHECK((ag_real)eps > 0, "ag_adamw_step: eps %g", eps);
    const step_constants s = {
        .k = {.beta1 = beta1,
              .beta2 = beta2,
              .eps = eps,
              .correction1 = 1 - pow(beta1, (double)t),
              .correction2 = 1 - pow(beta2, (double)t),
              .clip = clip > 0 ? fmin(1, clip / (norm + 1e-6)) : 1},
        .groups = groups,
        .factor = factor,
    };
    pieces dense = {.run = dense_piece, .context = &s}, touched = {.run = touched_piece};
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        if (p->role == AG_FROZEN) continue;
        AG_CHECK(p->group < n_groups, "parameter %s: group %d of %d", p->name, p->group, n_groups);
        if (p->role == AG_DENSE) {
            pieces_add(&dense, p, p->size, PIECE);
        } else if (p->dim[1] > 0) {
            if (p->n_log == AG_LOG) settle(p);
            p->log[p->n_log++] = constants_of(&s, p);
            pieces_add(&touched, p, (size_t)p->n_slots * (size_t)p->dim[1], piece_of_rows(p));
        }
    }
    pieces_run(&dense);
    pieces_run(&touched);
}
