/* optim.c - clipping, schedule and AdamW over the trained parameters.
 *
 * The work is cut into pieces of one parameter each, of a size that does not depend on the number of threads. A sum is taken over the
 * pieces in their order. */
#include "optim.h"
#include "kernels.h"
#include <math.h>

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

/* Constants for parameters with decay, and without, of each group. */
typedef struct step_constants {
    ag_adamw k;
    const ag_group *groups;
    double factor;
} step_constants;

/* By bytes: -0 counts as another number, which costs time and changes nothing. */
static bool all_zero(size_t n, const ag_real *x)
{
    const unsigned char *bytes = (const unsigned char *)x;
    unsigned char other = 0;
    for (size_t i = 0; i < n * sizeof *x; i++) other = (unsigned char)(other | bytes[i]);
    return other == 0;
}

/* A row without a touch. Where both moments are 0 the update is p (1 - lr wd) to the bit, and nothing needs to be written but that. */
static void untouched_row(size_t C, const ag_adamw *k, ag_real *p, ag_real *m, ag_real *v)
{
    if (k->eps > 0 && all_zero(C, m) && all_zero(C, v)) {
        const ag_real keep = (ag_real)(1 - k->lr * k->weight_decay);
        if (keep == 1) return;
        for (size_t c = 0; c < C; c++) p[c] = keep * p[c];
    } else {
        ag_k->adamw(C, k, NULL, p, m, v);
    }
}

static void adamw_piece(piece *of, const void *context)
{
    const step_constants *s = context;
    ag_param *p = of->p;
    ag_adamw k = s->k;
    k.lr = s->groups[p->group].lr * s->factor;
    k.weight_decay = p->decay ? s->groups[p->group].weight_decay : 0;
    if (p->role != AG_SPARSE) {
        ag_k->adamw(of->n, &k, p->has_grad ? p->grad + of->at : NULL, p->val + of->at, p->m + of->at, p->v + of->at);
        return;
    }
    const size_t C = (size_t)p->dim[1];
    for (size_t at = of->at; at < of->at + of->n; at += C) {
        const int slot = p->slot_of_row[at / C];
        if (slot < 0)
            untouched_row(C, &k, p->val + at, p->m + at, p->v + at);
        else
            ag_k->adamw(C, &k, p->grad + (size_t)slot * C, p->val + at, p->m + at, p->v + at);
    }
}

void ag_adamw_step(ag_params *ps, const ag_group *groups, int n_groups, double factor, int64_t t, double beta1, double beta2, double eps,
                   double norm, double clip)
{
    AG_CHECK(ps->trained && t >= 1, "ag_adamw_step: step %lld%s", (long long)t, ps->trained ? "" : " before ag_params_train");
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
    pieces all = {.run = adamw_piece, .context = &s};
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        if (p->role == AG_FROZEN) continue;
        AG_CHECK(p->group < n_groups, "parameter %s: group %d of %d", p->name, p->group, n_groups);
        const size_t C = p->role == AG_SPARSE ? (size_t)p->dim[1] : 1;
        if (C > 0) pieces_add(&all, p, p->size, C < PIECE ? PIECE / C * C : C);
    }
    pieces_run(&all);
}
