/* attention.c - scaled dot-product attention of packed sequences: Vaswani et al. 2017 (arXiv 1706.03762), eq. 1.
 *
 * For each sequence b and head, with q, k, v the rows of b and the columns of the head, m the mask of ag_dropout (1 at rate 0):
 *
 *   forward    S = q k^T / sqrt D      P = softmax over keys of S      y = (m P) v
 *   backward   dv = (m P)^T dy         dP = m (dy v^T)                 dS = P (dP - sum over keys of P dP) / sqrt D
 *              dq = dS k               dk = dS^T q
 *
 *   q, y [Tq,C]   k, v [Tk,C]   C = heads D   q_start, k_start [n+1], borrowed
 *   saved: the mask's description and the offsets. Backward computes P again, BLOCK rows of queries at a time in both directions, so memory
 * is linear in the length of a sequence (Rabe, Staats 2021, arXiv 2112.05682; Dao et al. 2022, arXiv 2205.14135).
 *
 * A task is one sequence and head: tasks write to rows and columns that no other task touches.
 */
#include "blas.h"
#include "kernels.h"
#include "rows.h"
#include <math.h>
#include <omp.h>

enum { BLOCK = 64 };

struct attention {
    int heads, n;
    const int32_t *q_start, *k_start;
    ag_mask mask;
};

/* One task: where its rows and columns begin. Row r of q stands at q_at + r C. */
struct task {
    int b, head, nq, nk, C, D;
    size_t q_at, k_at;
    ag_real scale;
};

static struct task task_of(const struct attention *t, int C, int i)
{
    const int b = i / t->heads, head = i % t->heads, D = C / t->heads;
    return (struct task){
        .b = b,
        .head = head,
        .nq = t->q_start[b + 1] - t->q_start[b],
        .nk = t->k_start[b + 1] - t->k_start[b],
        .C = C,
        .D = D,
        .q_at = (size_t)t->q_start[b] * (size_t)C + (size_t)(head * D),
        .k_at = (size_t)t->k_start[b] * (size_t)C + (size_t)(head * D),
        .scale = (ag_real)(1 / sqrt((double)D)),
    };
}

/* Room of one thread: `buffers` arrays of BLOCK x the longest sequence's keys, a whole number of cache lines. */
static size_t room_of(const struct attention *t, int buffers)
{
    size_t keys = 0;
    for (int b = 0; b < t->n; b++) {
        const size_t nk = (size_t)(t->k_start[b + 1] - t->k_start[b]);
        if (nk > keys) keys = nk;
    }
    return (size_t)buffers * BLOCK * keys;
}

static void clear(int rows, int D, int C, ag_real *x)
{
    for (int r = 0; r < rows; r++)
        for (int d = 0; d < D; d++) x[(size_t)r * (size_t)C + (size_t)d] = 0;
}

/* P [rows,nk] of the queries r0 .. r0+rows-1. */
static void probabilities(const struct task *s, int r0, int rows, const ag_real *q, const ag_real *k, ag_real *P)
{
    ag_gemm_one(false, true, rows, s->nk, s->D, s->scale, q + s->q_at + (size_t)r0 * (size_t)s->C, s->C, k + s->k_at, s->C, 0, P, s->nk);
    for (int r = 0; r < rows; r++) {
        ag_real *p = P + (size_t)r * (size_t)s->nk;
        ag_k->softmax((size_t)s->nk, p, p);
    }
}

/* m of the block [rows,nk] that begins at query r0. */
static void mask_factors(const ag_mask *mask, const struct task *s, int r0, int rows, ag_real *m)
{
    ag_mask_factors(mask, s->b, r0, rows, (uint32_t)s->head << 16, (size_t)s->nk, m);
}

static void forward_task(const struct attention *t, const struct task *s, const ag_real *q, const ag_real *k, const ag_real *v, ag_real *y,
                         ag_real *P)
{
    ag_real *m = P + (size_t)BLOCK * (size_t)s->nk;
    if (s->nk == 0) clear(s->nq, s->D, s->C, y + s->q_at);
    for (int r0 = 0; s->nk > 0 && r0 < s->nq; r0 += BLOCK) {
        const int rows = s->nq - r0 < BLOCK ? s->nq - r0 : BLOCK;
        probabilities(s, r0, rows, q, k, P);
        if (t->mask.on) {
            mask_factors(&t->mask, s, r0, rows, m);
            ag_k->times((size_t)rows * (size_t)s->nk, m, P, P);
        }
        ag_gemm_one(false, false, rows, s->D, s->nk, 1, P, s->nk, v + s->k_at, s->C, 0, y + s->q_at + (size_t)r0 * (size_t)s->C, s->C);
    }
}

struct grads {
    ag_real *dq, *dk, *dv;
    ag_real beta_q, beta_k, beta_v;
};

static void backward_task(const struct attention *t, const struct task *s, const ag_tensor *y, struct grads d, ag_real *P)
{
    const ag_real *q = y->in[0]->val, *k = y->in[1]->val, *v = y->in[2]->val;
    /* q, k and v may be one tensor, so a block's share must not assign over another's: what is assigned is cleared once, then all add. */
    if (d.dq && d.beta_q == 0) clear(s->nq, s->D, s->C, d.dq + s->q_at);
    if (d.dk && d.beta_k == 0) clear(s->nk, s->D, s->C, d.dk + s->k_at);
    if (d.dv && d.beta_v == 0) clear(s->nk, s->D, s->C, d.dv + s->k_at);
    const size_t buffer = (size_t)BLOCK * (size_t)s->nk;
    ag_real *dP = P + buffer, *m = dP + buffer, *mP = t->mask.on ? m + buffer : P;

    for (int r0 = 0; s->nk > 0 && r0 < s->nq; r0 += BLOCK) {
        const int rows = s->nq - r0 < BLOCK ? s->nq - r0 : BLOCK;
        const size_t at = s->q_at + (size_t)r0 * (size_t)s->C, n = (size_t)rows * (size_t)s->nk;
        const ag_real *dy = y->grad + at;
        probabilities(s, r0, rows, q, k, P);
        if (t->mask.on) mask_factors(&t->mask, s, r0, rows, m);
        if (d.dv) {
            if (t->mask.on) ag_k->times(n, m, P, mP);
            ag_gemm_one(true, false, s->nk, s->D, rows, 1, mP, s->nk, dy, s->C, 1, d.dv + s->k_at, s->C);
        }
        if (!d.dq && !d.dk) continue;
        ag_gemm_one(false, true, rows, s->nk, s->D, 1, dy, s->C, v + s->k_at, s->C, 0, dP, s->nk);
        if (t->mask.on) ag_k->times(n, m, dP, dP);
        for (int r = 0; r < rows; r++) {
            const size_t row = (size_t)r * (size_t)s->nk;
            ag_k->softmax_grad((size_t)s->nk, s->scale, P + row, dP + row, dP + row);
        }
        if (d.dq) ag_gemm_one(false, false, rows, s->D, s->nk, 1, dP, s->nk, k + s->k_at, s->C, 1, d.dq + at, s->C);
        if (d.dk) ag_gemm_one(true, false, s->nk, s->D, rows, 1, dP, s->nk, q + at, s->C, 1, d.dk + s->k_at, s->C);
    }
}

static void attention_backward(ag_graph *g, ag_tensor *y)
{
    const struct attention *t = y->saved;
    const int C = ag_cols(y), tasks = C ? t->n * t->heads : 0;
    struct grads d;
    d.dq = ag_grad(g, y->in[0], &d.beta_q);
    d.dk = ag_grad(g, y->in[1], &d.beta_k);
    d.dv = ag_grad(g, y->in[2], &d.beta_v);
    const size_t room = room_of(t, t->mask.on ? 4 : 2);
    ag_real *scratch = ag_pool_take(g, room * (size_t)ag_threads());
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int i = 0; i < tasks; i++) {
        const struct task s = task_of(t, C, i);
        backward_task(t, &s, y, d, scratch + room * (size_t)omp_get_thread_num());
    }
    ag_pool_give(g, scratch);
}

const ag_op ag_op_attention = {"attention", 3, attention_backward};

ag_tensor *ag_attention(ag_graph *g, ag_tensor *q, ag_tensor *k, ag_tensor *v, int heads, int n, const int32_t *q_start,
                        const int32_t *k_start, ag_dropout dropout)
{
    AG_CHECK(q->rank == 2 && k->rank == 2 && q->dim[1] == k->dim[1], "attention: q has %d columns in rank %d, k %d in rank %d", ag_cols(q),
             q->rank, ag_cols(k), k->rank);
    ag_check_same_shape("attention", "k", k, "v", v);
    const int C = ag_cols(q);
    AG_CHECK(heads > 0 && C % heads == 0, "attention: %d columns cannot be shared by %d heads", C, heads);
    ag_check_offsets("attention", "q", n, q_start, ag_rows(q));
    ag_check_offsets("attention", "k", n, k_start, ag_rows(k));
    const ag_mask mask = ag_mask_of("attention", dropout, ag_rows(q));
    for (int b = 0; b < n; b++) {
        AG_CHECK((q != k && q != v) || q_start[b] == k_start[b],
                 "attention: q and k are one tensor, but sequence %d begins at row %d of q and %d of k", b, (int)q_start[b],
                 (int)k_start[b]);
        AG_CHECK(!mask.on || (mask.n == n && mask.start[b] == q_start[b]), "attention: the sequences of dropout are not those of q");
        AG_CHECK(!mask.on || (heads <= 1 << 12 && k_start[b + 1] - k_start[b] <= 1 << 16),
                 "attention: dropout reaches to %d heads and %d keys, not %d and %d", 1 << 12, 1 << 16, heads,
                 (int)(k_start[b + 1] - k_start[b]));
    }

    ag_tensor *y = ag_node(g, &ag_op_attention, 2, q->dim, (ag_tensor *[]){q, k, v});
    struct attention *t = y->saved = ag_save(g, sizeof *t);
    *t = (struct attention){.heads = heads, .n = n, .q_start = q_start, .k_start = k_start, .mask = mask};
    const size_t room = room_of(t, mask.on ? 2 : 1);
    const int tasks = C ? n * heads : 0;
    ag_real *scratch = ag_pool_take(g, room * (size_t)ag_threads());
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int i = 0; i < tasks; i++) {
        const struct task s = task_of(t, C, i);
        forward_task(t, &s, q->val, k->val, v->val, y->val, scratch + room * (size_t)omp_get_thread_num());
    }
    ag_pool_give(g, scratch);
    return y;
}
