/* cases.c - the engine's gradient cases: one row a test. Shapes are odd on purpose: 0, 1, primes, ragged. */
#include "cases.h"
#include "rng.h"
#include "small_ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EPS = 1e-5;

/* ---- dropout as ag.h defines it, written a second time ---- */

enum { SEED = 7, SITE = 3, STEP = 11 };
static const int32_t place[] = {5, 2, 9, 0, 7};

static ag_dropout drop_of(const gradcheck_case *c)
{
    return (ag_dropout){.rate = c->rate, .seed = SEED, .site = SITE, .step = STEP, .n = c->n, .start = c->start, .place = place};
}

/* The factor of column `column` of row r of sequence b. */
static ag_real factor_of(const gradcheck_case *c, int b, int r, uint32_t column)
{
    const double dropped = floor(c->rate * 65536 + 0.5);
    uint32_t key[2], block[4];
    rng_key(SEED, RNG_DROPOUT, SITE, key);
    rng_philox((const uint32_t[]){column / 8, (uint32_t)r, (uint32_t)place[b], STEP}, key, block);
    const uint32_t half = block[column % 8 / 2] >> (column % 2 ? 16 : 0) & 0xffff;
    return half >= dropped ? (ag_real)(1 / (1 - dropped / 65536)) : 0;
}

static ag_tensor *constant(ag_graph *g, int rows, int cols)
{
    const size_t bytes = (size_t)rows * (size_t)cols * sizeof(ag_real);
    return ag_input(g, 2, (const int[]){rows, cols}, memset(ag_save(g, bytes), 0, bytes));
}

/* dropout(h) as a product with the mask. */
static ag_tensor *masked(ag_graph *g, ag_tensor *h, const gradcheck_case *c)
{
    if (c->rate == 0) return h;
    const int C = ag_cols(h);
    ag_tensor *mask = constant(g, (int)ag_rows(h), C);
    for (int b = 0; b < c->n; b++)
        for (int row = c->start[b]; row < c->start[b + 1]; row++)
            for (int i = 0; i < C; i++) mask->val[row * C + i] = factor_of(c, b, row - c->start[b], (uint32_t)i);
    return small_times(g, h, mask);
}

/* ---- each op, and the same from small ones ---- */

#define BUILD(name)     static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c)
#define BUILD_ANY(name) static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))

BUILD_ANY(linear)
{
    return ag_linear(g, x[0], x[1], x[2]);
}
BUILD_ANY(linear_composed)
{
    return small_plus_row(g, small_matmul_nt(g, x[0], x[1]), x[2]);
}
BUILD_ANY(linear_no_bias)
{
    return ag_linear(g, x[0], x[1], NULL);
}
BUILD_ANY(linear_no_bias_composed)
{
    return small_matmul_nt(g, x[0], x[1]);
}
BUILD_ANY(linear_of_itself)
{
    return ag_linear(g, x[0], x[0], NULL);
}
BUILD_ANY(linear_of_itself_composed)
{
    return small_matmul_nt(g, x[0], x[0]);
}
BUILD_ANY(linear_again)
{
    return ag_linear(g, ag_linear(g, x[0], x[1], x[2]), x[1], x[2]);
}
BUILD_ANY(linear_again_composed)
{
    return small_plus_row(g, small_matmul_nt(g, small_plus_row(g, small_matmul_nt(g, x[0], x[1]), x[2]), x[1]), x[2]);
}

static const double SCALE = .75;
static ag_tensor *updated(ag_graph *g, ag_tensor *w, ag_tensor *down, ag_tensor *up)
{
    return small_plus(g, w, small_scale(g, small_matmul(g, up, down), SCALE));
}
BUILD_ANY(linear_low_rank)
{
    return ag_linear_low_rank(g, x[0], x[1], x[2], (ag_low_rank){x[3], x[4], SCALE});
}
BUILD_ANY(linear_low_rank_composed)
{
    return small_plus_row(g, small_matmul_nt(g, x[0], updated(g, x[1], x[3], x[4])), x[2]);
}
BUILD_ANY(linear_low_rank_again)
{
    const ag_low_rank update = {x[3], x[4], SCALE};
    return ag_linear_low_rank(g, ag_linear_low_rank(g, x[0], x[1], x[2], update), x[1], x[2], update);
}
BUILD_ANY(linear_low_rank_again_composed)
{
    ag_tensor *w = updated(g, x[1], x[3], x[4]);
    return small_plus_row(g, small_matmul_nt(g, small_plus_row(g, small_matmul_nt(g, x[0], w), x[2]), w), x[2]);
}
/* All five of one tensor: their contributions meet in one gradient. */
BUILD_ANY(linear_low_rank_of_itself)
{
    return ag_linear_low_rank(g, x[0], x[0], NULL, (ag_low_rank){x[0], x[0], SCALE});
}
BUILD_ANY(linear_low_rank_of_itself_composed)
{
    return small_matmul_nt(g, x[0], updated(g, x[0], x[0], x[0]));
}

BUILD(linear_act)
{
    return ag_linear_act(g, x[0], x[1], x[2], (ag_activation)c->kind);
}
BUILD(linear_act_composed)
{
    return small_map(g, linear_composed(g, x, c), c->kind);
}
BUILD(linear_act_no_bias)
{
    return ag_linear_act(g, x[0], x[1], NULL, (ag_activation)c->kind);
}
BUILD(linear_act_no_bias_composed)
{
    return small_map(g, small_matmul_nt(g, x[0], x[1]), c->kind);
}
BUILD(linear_act_again)
{
    return ag_linear_act(g, linear_act(g, x, c), x[1], x[2], (ag_activation)c->kind);
}
BUILD(linear_act_again_composed)
{
    return small_map(g, small_plus_row(g, small_matmul_nt(g, linear_act_composed(g, x, c), x[1]), x[2]), c->kind);
}

BUILD(linear_act_low_rank)
{
    return ag_linear_act_low_rank(g, x[0], x[1], x[2], (ag_low_rank){x[3], x[4], SCALE}, (ag_activation)c->kind);
}
BUILD(linear_act_low_rank_composed)
{
    return small_map(g, linear_low_rank_composed(g, x, c), c->kind);
}

BUILD(gather)
{
    return ag_gather(g, x[0], c->n, c->index);
}
BUILD(gather_composed)
{
    ag_tensor *one_hot = constant(g, c->n, x[0]->dim[0]);
    for (int i = 0; i < c->n; i++) one_hot->val[i * x[0]->dim[0] + c->index[i]] = 1;
    return small_matmul(g, one_hot, x[0]);
}
BUILD(gather_again)
{
    return ag_gather(g, ag_gather(g, x[0], c->n, c->index), c->n, c->index);
}

BUILD(dropout)
{
    return ag_dropout_of(g, x[0], drop_of(c));
}
BUILD(dropout_composed)
{
    return masked(g, x[0], c);
}

BUILD(add)
{
    return ag_add(g, x[0], x[1], drop_of(c));
}
BUILD(add_composed)
{
    return small_plus(g, x[0], masked(g, x[1], c));
}
BUILD(add_itself)
{
    return ag_add(g, x[0], x[0], drop_of(c));
}
BUILD(add_itself_composed)
{
    return small_plus(g, x[0], masked(g, x[0], c));
}

static ag_tensor *normalise(ag_graph *g, ag_tensor *x, ag_tensor *gain, ag_tensor *bias)
{
    return small_plus_row(g, small_times_row(g, small_unit(g, small_center(g, x), EPS), gain), bias);
}
BUILD_ANY(layernorm)
{
    return ag_layernorm(g, x[0], x[1], x[2], EPS);
}
BUILD_ANY(layernorm_composed)
{
    return normalise(g, x[0], x[1], x[2]);
}
BUILD_ANY(layernorm_again)
{
    return ag_layernorm(g, ag_layernorm(g, x[0], x[1], x[2], EPS), x[1], x[2], EPS);
}
BUILD_ANY(layernorm_again_composed)
{
    return normalise(g, normalise(g, x[0], x[1], x[2]), x[1], x[2]);
}

BUILD(add_layernorm)
{
    return ag_add_layernorm(g, x[0], x[1], drop_of(c), x[2], x[3], EPS);
}
BUILD(add_layernorm_composed)
{
    return normalise(g, small_plus(g, x[0], masked(g, x[1], c)), x[2], x[3]);
}
BUILD(add_layernorm_itself)
{
    return ag_add_layernorm(g, x[0], x[0], drop_of(c), x[1], x[2], EPS);
}
BUILD(add_layernorm_itself_composed)
{
    return normalise(g, small_plus(g, x[0], masked(g, x[0], c)), x[1], x[2]);
}
/* The shape of an encoder block: x goes around a branch that is computed from it, so its gradient has two contributions. */
BUILD(add_layernorm_around)
{
    return ag_add_layernorm(g, x[0], ag_layernorm(g, x[0], x[1], x[2], EPS), drop_of(c), x[1], x[2], EPS);
}
BUILD(add_layernorm_around_composed)
{
    return normalise(g, small_plus(g, x[0], masked(g, normalise(g, x[0], x[1], x[2]), c)), x[1], x[2]);
}

static ag_tensor *attention_of(ag_graph *g, ag_tensor *q, ag_tensor *k, ag_tensor *v, const gradcheck_case *c)
{
    return ag_attention(g, q, k, v, c->heads, c->n, c->start, c->k_start ? c->k_start : c->start, drop_of(c));
}

/* Rows start[b] .. start[b+1]-1 of x [T,C] as a product: the matrix that picks them. */
static ag_tensor *pick_rows(ag_graph *g, const int32_t *start, int b, int T)
{
    ag_tensor *pick = constant(g, start[b + 1] - start[b], T);
    for (int r = 0; r < pick->dim[0]; r++) pick->val[r * T + start[b] + r] = 1;
    return pick;
}

static ag_tensor *transposed(ag_graph *g, const ag_tensor *a)
{
    ag_tensor *t = constant(g, a->dim[1], a->dim[0]);
    for (int r = 0; r < a->dim[0]; r++)
        for (int i = 0; i < a->dim[1]; i++) t->val[i * a->dim[0] + r] = a->val[r * a->dim[1] + i];
    return t;
}

static ag_tensor *attention_composed_of(ag_graph *g, ag_tensor *q, ag_tensor *k, ag_tensor *v, const gradcheck_case *c)
{
    const int32_t *k_start = c->k_start ? c->k_start : c->start;
    const int C = ag_cols(q), D = C / c->heads;
    ag_tensor *y = constant(g, q->dim[0], C);
    for (int b = 0; b < c->n; b++)
        for (int head = 0; head < c->heads; head++) {
            ag_tensor *rows_q = pick_rows(g, c->start, b, q->dim[0]), *rows_k = pick_rows(g, k_start, b, k->dim[0]);
            const int32_t columns[] = {head * D, head * D + D};
            ag_tensor *columns_t = pick_rows(g, columns, 0, C), *cols = transposed(g, columns_t);
            const int nq = rows_q->dim[0], nk = rows_k->dim[0];
            if (nq == 0 || nk == 0) continue;
            ag_tensor *qb = small_matmul(g, small_matmul(g, rows_q, q), cols), *kb = small_matmul(g, small_matmul(g, rows_k, k), cols);
            ag_tensor *vb = small_matmul(g, small_matmul(g, rows_k, v), cols);
            ag_tensor *P = small_softmax(g, small_scale(g, small_matmul_nt(g, qb, kb), 1 / sqrt((double)D)));
            if (c->rate > 0) {
                ag_tensor *mask = constant(g, nq, nk);
                for (int i = 0; i < nq; i++)
                    for (int j = 0; j < nk; j++) mask->val[i * nk + j] = factor_of(c, b, i, (uint32_t)(head << 16 | j));
                P = small_times(g, P, mask);
            }
            ag_tensor *yb = small_matmul(g, P, vb);
            y = small_plus(g, y, small_matmul(g, small_matmul(g, transposed(g, rows_q), yb), columns_t));
        }
    return y;
}
BUILD(attention)
{
    return attention_of(g, x[0], x[1], x[2], c);
}
BUILD(attention_composed)
{
    return attention_composed_of(g, x[0], x[1], x[2], c);
}
BUILD(attention_of_one)
{
    return attention_of(g, x[0], x[0], x[0], c);
}
BUILD(attention_of_one_composed)
{
    return attention_composed_of(g, x[0], x[0], x[0], c);
}
BUILD(attention_keys_are_values)
{
    return attention_of(g, x[0], x[1], x[1], c);
}
BUILD(attention_keys_are_values_composed)
{
    return attention_composed_of(g, x[0], x[1], x[1], c);
}

BUILD(choose)
{
    return ag_choose(g, x[0], x[1], c->n, c->start, c->k_start);
}
BUILD(choose_composed)
{
    ag_tensor *of_x = constant(g, x[0]->dim[0], ag_cols(x[0])), *of_h = constant(g, x[0]->dim[0], ag_cols(x[0]));
    for (int b = 0; b < c->n; b++)
        for (int i = c->start[b] * ag_cols(x[0]); i < c->start[b + 1] * ag_cols(x[0]); i++)
            (c->k_start[b] < c->k_start[b + 1] ? of_x : of_h)->val[i] = 1;
    ag_tensor *y = small_times(g, x[0], of_x);
    return x[1] ? small_plus(g, y, small_times(g, x[1], of_h)) : y;
}
BUILD(choose_of_itself)
{
    return ag_choose(g, x[0], x[0], c->n, c->start, c->k_start);
}
BUILD(choose_again)
{
    return ag_choose(g, choose(g, x, c), x[1], c->n, c->start, c->k_start);
}

BUILD_ANY(gate)
{
    return ag_gate(g, x[0], x[1]);
}
BUILD_ANY(gate_composed)
{
    return small_times(g, small_map(g, x[0], SMALL_SIGMOID), x[1]);
}
BUILD_ANY(gate_of_itself)
{
    return ag_gate(g, x[0], x[0]);
}
BUILD_ANY(gate_again)
{
    return ag_gate(g, x[0], ag_gate(g, x[0], x[1]));
}

BUILD_ANY(reshape)
{
    return ag_reshape(g, x[0], 3, (int[]){(int)ag_size(x[0]) / 6, 2, 3});
}
BUILD_ANY(reshape_again)
{
    return ag_add(g, ag_reshape(g, x[0], 2, (int[]){6, 2}), ag_reshape(g, x[0], 2, (int[]){6, 2}), AG_NO_DROPOUT);
}

BUILD(cross_entropy)
{
    return ag_cross_entropy(g, x[0], c->index, c->n, c->start);
}
BUILD(cross_entropy_composed)
{
    const int N = x[0]->dim[0], L = x[0]->dim[1];
    ag_tensor *target = constant(g, N, L), *ones = constant(g, L, 1), *member = constant(g, c->n, N);
    for (int i = 0; i < N; i++) target->val[i * L + c->index[i]] = -1;
    for (int l = 0; l < L; l++) ones->val[l] = 1;
    for (int b = 0; b < c->n; b++)
        for (int i = c->start[b]; i < c->start[b + 1]; i++) member->val[b * N + i] = 1;
    ag_tensor *picked = small_times(g, small_map(g, small_softmax(g, x[0]), SMALL_LOG), target);
    return small_matmul(g, member, small_matmul(g, picked, ones));
}

/* ---- offsets and indices ---- */

#define OFFSETS(name, ...) static const int32_t name[] = {0, __VA_ARGS__}
OFFSETS(ragged, 1, 3, 10, 33);        /* lengths 1, 2, 7, 23 */
OFFSETS(ragged_holes, 0, 1, 1, 8, 8); /* lengths 0, 1, 0, 7, 0 */
OFFSETS(ones_only, 1, 2, 3, 4, 5);    /* five sequences of one row */
OFFSETS(one_of_7, 7);
OFFSETS(one_of_131, 131);
OFFSETS(two_long, 65, 202); /* lengths 65, 137 */
OFFSETS(none, 0);
OFFSETS(cross_q, 3, 3, 8, 12); /* lengths 3, 0, 5, 4 */
OFFSETS(cross_k, 2, 6, 6, 17); /* lengths 2, 4, 0, 11 */
OFFSETS(keys_none, 0, 0, 0, 0, 0);
static const int32_t rows_mixed[] = {4, 0, 4, 4, 2, 1, 0}, rows_one[] = {2}, rows_deep[] = {4, 0, 4, 4, 2};
static const int32_t targets[] = {0, 2, 4, 1, 1, 3, 0, 2, 2, 4, 3, 3, 0, 1, 4, 4, 2, 0, 1, 3, 2, 1, 0, 4, 3, 2, 1, 4, 0, 3, 1, 2, 0};
static const int32_t zeros[33];

/* ---- the table ---- */

#define PAIR(f) .build = f, .composition = f##_composed

/* clang-format off */
static const gradcheck_case rows[] = {
    {.name = "linear [5,3] to 7", .op = "linear", PAIR(linear), IN({OF(LEAF, 5, 3)}, {OF(LEAF, 7, 3)}, {OF(LEAF, 7)})},
    {.name = "linear [1,1] to 1", .op = "linear", PAIR(linear), IN({OF(LEAF, 1, 1)}, {OF(LEAF, 1, 1)}, {OF(LEAF, 1)})},
    {.name = "linear of rank 1", .op = "linear", PAIR(linear), IN({OF(LEAF, 5)}, {OF(LEAF, 3, 5)}, {OF(LEAF, 3)})},
    {.name = "linear of rank 3", .op = "linear", PAIR(linear), IN({OF(LEAF, 2, 3, 5)}, {OF(LEAF, 7, 5)}, {OF(LEAF, 7)})},
    {.name = "linear of rank 4", .op = "linear", PAIR(linear), IN({OF(LEAF, 2, 1, 3, 5)}, {OF(LEAF, 2, 5)}, {OF(LEAF, 2)})},
    {.name = "linear without bias", .op = "linear", PAIR(linear_no_bias), IN({OF(LEAF, 11, 5)}, {OF(LEAF, 3, 5)})},
    {.name = "linear without rows", .op = "linear", PAIR(linear), IN({OF(LEAF, 0, 3)}, {OF(LEAF, 2, 3)}, {OF(LEAF, 2)})},
    {.name = "linear of no columns", .op = "linear", PAIR(linear), IN({OF(LEAF, 3, 0)}, {OF(LEAF, 2, 0)}, {OF(LEAF, 2)})},
    {.name = "linear to no columns", .op = "linear", PAIR(linear), IN({OF(LEAF, 3, 2)}, {OF(LEAF, 0, 2)}, {OF(LEAF, 0)})},
    {.name = "linear over several tiles", .op = "linear", PAIR(linear), IN({OF(LEAF, 131, 37)}, {OF(LEAF, 401, 37)}, {OF(LEAF, 401)})},
    {.name = "linear of a fixed input", .op = "linear", PAIR(linear), IN({OF(FIXED, 5, 3)}, {OF(LEAF, 2, 3)}, {OF(LEAF, 2)})},
    {.name = "linear with fixed weights", .op = "linear", PAIR(linear), IN({OF(LEAF, 5, 3)}, {OF(FIXED, 2, 3)}, {OF(LEAF, 2)})},
    {.name = "linear with fixed bias", .op = "linear", PAIR(linear), IN({OF(LEAF, 5, 3)}, {OF(LEAF, 2, 3)}, {OF(FIXED, 2)})},
    {.name = "linear with parameters", .op = "linear", PAIR(linear), IN({OF(LEAF, 5, 3)}, {OF(DENSE, 2, 3)}, {OF(DENSE, 2)})},
    {.name = "linear with frozen parameters", .op = "linear", PAIR(linear), IN({OF(LEAF, 5, 3)}, {OF(FROZEN, 2, 3)}, {OF(FROZEN, 2)})},
    {.name = "linear of itself", .op = "linear", PAIR(linear_of_itself), IN({OF(LEAF, 5, 3)})},
    {.name = "linear twice with one weight", .op = "linear", PAIR(linear_again), IN({OF(LEAF, 5, 3)}, {OF(LEAF, 3, 3)}, {OF(LEAF, 3)})},
    {.name = "linear twice with one parameter", .op = "linear", PAIR(linear_again),
     IN({OF(LEAF, 70, 3)}, {OF(DENSE, 3, 3)}, {OF(DENSE, 3)})},

#define LOW_RANK(text, x_, w_, b_, down_, up_) \
    {.name = "linear with a low-rank update" text, .op = "linear", PAIR(linear_low_rank), IN({x_}, {w_}, {b_}, {down_}, {up_})}
    LOW_RANK("", OF(LEAF, 7, 5), OF(LEAF, 3, 5), OF(LEAF, 3), OF(LEAF, 2, 5), OF(LEAF, 3, 2)),
    LOW_RANK(" of rank 1", OF(LEAF, 7, 5), OF(LEAF, 3, 5), OF(LEAF, 3), OF(LEAF, 1, 5), OF(LEAF, 3, 1)),
    LOW_RANK(" of rank 0", OF(LEAF, 7, 5), OF(LEAF, 3, 5), OF(LEAF, 3), OF(LEAF, 0, 5), OF(LEAF, 3, 0)),
    LOW_RANK(" of a rank beyond its sides", OF(LEAF, 7, 5), OF(LEAF, 3, 5), OF(LEAF, 3), OF(LEAF, 8, 5), OF(LEAF, 3, 8)),
    LOW_RANK(" of a tensor of rank 3", OF(LEAF, 2, 3, 5), OF(LEAF, 7, 5), OF(LEAF, 7), OF(LEAF, 2, 5), OF(LEAF, 7, 2)),
    LOW_RANK(" without rows", OF(LEAF, 0, 5), OF(LEAF, 3, 5), OF(LEAF, 3), OF(LEAF, 2, 5), OF(LEAF, 3, 2)),
    LOW_RANK(" over several tiles", OF(LEAF, 131, 37), OF(FROZEN, 401, 37), OF(FROZEN, 401), OF(DENSE, 3, 37), OF(DENSE, 401, 3)),
    LOW_RANK(" of frozen weights", OF(LEAF, 7, 5), OF(FROZEN, 3, 5), OF(FROZEN, 3), OF(DENSE, 2, 5), OF(DENSE, 3, 2)),
    LOW_RANK(" of a fixed input", OF(FIXED, 7, 5), OF(FROZEN, 3, 5), OF(FROZEN, 3), OF(DENSE, 2, 5), OF(DENSE, 3, 2)),
    LOW_RANK(", down fixed", OF(FIXED, 7, 5), OF(FROZEN, 3, 5), OF(FROZEN, 3), OF(FIXED, 2, 5), OF(DENSE, 3, 2)),
    LOW_RANK(", up fixed", OF(LEAF, 7, 5), OF(FROZEN, 3, 5), OF(FROZEN, 3), OF(DENSE, 2, 5), OF(FIXED, 3, 2)),
    {.name = "linear twice with one low-rank update", .op = "linear", PAIR(linear_low_rank_again),
     IN({OF(LEAF, 70, 3)}, {OF(FROZEN, 3, 3)}, {OF(DENSE, 3)}, {OF(DENSE, 2, 3)}, {OF(DENSE, 3, 2)})},
    {.name = "linear of itself with itself as update", .op = "linear", PAIR(linear_low_rank_of_itself), IN({OF(LEAF, 3, 3)})},

#define ACT_ROW(text, f, made, ...) {.name = "linear_act " text, .op = "linear_act", PAIR(made), .kind = f, IN(__VA_ARGS__)}
#define ACT(text, f) \
    ACT_ROW(text, f, linear_act, {OF(LEAF, 7, 5), WITHIN(-2, 2)}, {OF(LEAF, 11, 5)}, {OF(LEAF, 11)}), \
    ACT_ROW(text " without bias", f, linear_act_no_bias, {OF(LEAF, 3, 5)}, {OF(LEAF, 2, 5)}), \
    ACT_ROW(text " without rows", f, linear_act, {OF(LEAF, 0, 5)}, {OF(LEAF, 2, 5)}, {OF(LEAF, 2)}), \
    ACT_ROW(text " of rank 3", f, linear_act, {OF(LEAF, 2, 3, 5)}, {OF(LEAF, 2, 5)}, {OF(LEAF, 2)}), \
    ACT_ROW(text " with a low-rank update", f, linear_act_low_rank, {OF(LEAF, 7, 5)}, {OF(FROZEN, 3, 5)}, {OF(LEAF, 3)}, \
            {OF(LEAF, 2, 5)}, {OF(LEAF, 3, 2)}), \
    ACT_ROW(text " far from 0", f, linear_act, {OF(LEAF, 7, 5), WITHIN(-6, 6)}, {OF(LEAF, 3, 5)}, {OF(LEAF, 3)})
    ACT("gelu", AG_GELU),
    ACT("quick_gelu", AG_QUICK_GELU),
    ACT("gelu_tanh", AG_GELU_TANH),
    ACT("relu", AG_RELU),
    {.name = "linear_act over several tiles", .op = "linear_act", PAIR(linear_act),
     IN({OF(LEAF, 131, 37)}, {OF(LEAF, 401, 37)}, {OF(LEAF, 401)})},
    {.name = "linear_act of a fixed input", .op = "linear_act", PAIR(linear_act), IN({OF(FIXED, 5, 3)}, {OF(LEAF, 2, 3)}, {OF(LEAF, 2)})},
    {.name = "linear_act with frozen parameters", .op = "linear_act", PAIR(linear_act),
     IN({OF(LEAF, 5, 3)}, {OF(FROZEN, 2, 3)}, {OF(FROZEN, 2)})},
    {.name = "linear_act twice with one parameter", .op = "linear_act", PAIR(linear_act_again),
     IN({OF(LEAF, 7, 3)}, {OF(DENSE, 3, 3)}, {OF(DENSE, 3)})},

    {.name = "gather from an activation", .op = "gather", PAIR(gather), .n = 7, .index = rows_mixed, IN({OF(LEAF, 5, 3)})},
    {.name = "gather from a dense table", .op = "gather", PAIR(gather), .n = 7, .index = rows_mixed, IN({OF(DENSE, 5, 3)})},
    {.name = "gather from a row-sparse table", .op = "gather", PAIR(gather), .n = 7, .index = rows_mixed, IN({OF(SPARSE, 23, 3)})},
    {.name = "gather of one row", .op = "gather", PAIR(gather), .n = 1, .index = rows_one, IN({OF(LEAF, 3, 1)})},
    {.name = "gather of no rows", .op = "gather", PAIR(gather), .n = 0, .index = rows_one, IN({OF(LEAF, 5, 3)})},
    {.name = "gather of no rows from a row-sparse table", .op = "gather", PAIR(gather), .n = 0, .index = rows_one, IN({OF(SPARSE, 5, 3)})},
    {.name = "gather of no columns", .op = "gather", PAIR(gather), .n = 1, .index = rows_one, IN({OF(LEAF, 3, 0)})},
    {.name = "gather of what was gathered", .op = "gather", .build = gather_again, .n = 5, .index = rows_deep, IN({OF(LEAF, 5, 3)})},

    {.name = "dropout .5", .op = "dropout", PAIR(dropout), .rate = .5, .n = 4, .start = ragged, IN({OF(LEAF, 33, 5)})},
    {.name = "dropout .1 over many columns", .op = "dropout", PAIR(dropout), .rate = .1, .n = 1, .start = one_of_7, IN({OF(LEAF, 7, 523)})},
    {.name = "dropout with empty sequences", .op = "dropout", PAIR(dropout), .rate = .3, .n = 5, .start = ragged_holes,
     IN({OF(LEAF, 8, 11)})},
    {.name = "dropout without rows", .op = "dropout", PAIR(dropout), .rate = .3, .n = 1, .start = none, IN({OF(LEAF, 0, 3)})},

    {.name = "add", .op = "add", PAIR(add), IN({OF(LEAF, 5, 7)}, {OF(LEAF, 5, 7)})},
    {.name = "add of rank 3", .op = "add", PAIR(add), IN({OF(LEAF, 2, 3, 5)}, {OF(LEAF, 2, 3, 5)})},
    {.name = "add with dropout", .op = "add", PAIR(add), .rate = .3, .n = 4, .start = ragged, IN({OF(LEAF, 33, 5)}, {OF(LEAF, 33, 5)})},
    {.name = "add of itself", .op = "add", PAIR(add_itself), IN({OF(LEAF, 3, 5)})},
    {.name = "add of itself with dropout", .op = "add", PAIR(add_itself), .rate = .3, .n = 5, .start = ragged_holes, IN({OF(LEAF, 8, 5)})},
    {.name = "add to a fixed input", .op = "add", PAIR(add), IN({OF(FIXED, 5, 7)}, {OF(LEAF, 5, 7)})},
    {.name = "add of a fixed branch", .op = "add", PAIR(add), .rate = .3, .n = 1, .start = one_of_7,
     IN({OF(LEAF, 7, 3)}, {OF(FIXED, 7, 3)})},
    {.name = "add without rows", .op = "add", PAIR(add), IN({OF(LEAF, 0, 7)}, {OF(LEAF, 0, 7)})},

    {.name = "layernorm [5,7]", .op = "layernorm", PAIR(layernorm), IN({OF(LEAF, 5, 7)}, {OF(LEAF, 7)}, {OF(LEAF, 7)})},
    {.name = "layernorm of rank 1", .op = "layernorm", PAIR(layernorm), IN({OF(LEAF, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "layernorm of rank 3", .op = "layernorm", PAIR(layernorm), IN({OF(LEAF, 2, 3, 11)}, {OF(LEAF, 11)}, {OF(LEAF, 11)})},
    {.name = "layernorm of one column", .op = "layernorm", PAIR(layernorm),
     IN({OF(LEAF, 3, 1), .silent = true}, {OF(LEAF, 1), .silent = true}, {OF(LEAF, 1)})},
    {.name = "layernorm of no columns", .op = "layernorm", PAIR(layernorm), IN({OF(LEAF, 3, 0)}, {OF(LEAF, 0)}, {OF(LEAF, 0)})},
    {.name = "layernorm without rows", .op = "layernorm", PAIR(layernorm), IN({OF(LEAF, 0, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "layernorm of many rows", .op = "layernorm", PAIR(layernorm),
     IN({OF(LEAF, 1103, 19), WITHIN(-3, 5)}, {OF(LEAF, 19)}, {OF(LEAF, 19)})},
    {.name = "layernorm of a fixed input", .op = "layernorm", PAIR(layernorm), IN({OF(FIXED, 19, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "layernorm with frozen parameters", .op = "layernorm", PAIR(layernorm),
     IN({OF(LEAF, 19, 5)}, {OF(FROZEN, 5)}, {OF(FROZEN, 5)})},
    {.name = "layernorm twice with one parameter", .op = "layernorm", PAIR(layernorm_again),
     IN({OF(LEAF, 19, 5)}, {OF(DENSE, 5)}, {OF(DENSE, 5)})},

    {.name = "add_layernorm", .op = "add_layernorm", PAIR(add_layernorm),
     IN({OF(LEAF, 5, 7)}, {OF(LEAF, 5, 7)}, {OF(LEAF, 7)}, {OF(LEAF, 7)})},
    {.name = "add_layernorm with dropout", .op = "add_layernorm", PAIR(add_layernorm), .rate = .3, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5)}, {OF(LEAF, 33, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "add_layernorm with empty sequences", .op = "add_layernorm", PAIR(add_layernorm), .rate = .3, .n = 5, .start = ragged_holes,
     IN({OF(LEAF, 8, 11)}, {OF(LEAF, 8, 11)}, {OF(LEAF, 11)}, {OF(LEAF, 11)})},
    {.name = "add_layernorm of itself with dropout", .op = "add_layernorm", PAIR(add_layernorm_itself), .rate = .3, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "add_layernorm to a fixed input", .op = "add_layernorm", PAIR(add_layernorm), .rate = .3, .n = 4, .start = ragged,
     IN({OF(FIXED, 33, 5)}, {OF(LEAF, 33, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "add_layernorm of a fixed branch", .op = "add_layernorm", PAIR(add_layernorm), .rate = .3, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5)}, {OF(FIXED, 33, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "add_layernorm of fixed inputs", .op = "add_layernorm", PAIR(add_layernorm),
     IN({OF(FIXED, 5, 7)}, {OF(FIXED, 5, 7)}, {OF(LEAF, 7)}, {OF(LEAF, 7)})},
    {.name = "add_layernorm with frozen parameters", .op = "add_layernorm", PAIR(add_layernorm),
     IN({OF(LEAF, 5, 7)}, {OF(LEAF, 5, 7)}, {OF(FROZEN, 7)}, {OF(FROZEN, 7)})},
    {.name = "add_layernorm around a branch", .op = "add_layernorm", PAIR(add_layernorm_around), .rate = .3, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5)}, {OF(DENSE, 5)}, {OF(DENSE, 5)})},
    {.name = "add_layernorm without rows", .op = "add_layernorm", PAIR(add_layernorm),
     IN({OF(LEAF, 0, 5)}, {OF(LEAF, 0, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "add_layernorm of no columns", .op = "add_layernorm", PAIR(add_layernorm),
     IN({OF(LEAF, 3, 0)}, {OF(LEAF, 3, 0)}, {OF(LEAF, 0)}, {OF(LEAF, 0)})},

    {.name = "gate", .op = "gate", PAIR(gate), IN({OF(LEAF, 5, 7), WITHIN(-3, 3)}, {OF(LEAF, 5, 7)})},
    {.name = "gate of rank 3", .op = "gate", PAIR(gate), IN({OF(LEAF, 2, 3, 5)}, {OF(LEAF, 2, 3, 5)})},
    {.name = "gate far open and shut", .op = "gate", PAIR(gate), IN({OF(LEAF, 5, 7), WITHIN(-30, 30)}, {OF(LEAF, 5, 7)})},
    {.name = "gate of itself", .op = "gate", .build = gate_of_itself, IN({OF(LEAF, 5, 7)})},
    {.name = "gate twice", .op = "gate", .build = gate_again, IN({OF(LEAF, 5, 7)}, {OF(LEAF, 5, 7)})},
    {.name = "gate by a fixed input", .op = "gate", PAIR(gate), IN({OF(FIXED, 5, 7)}, {OF(LEAF, 5, 7)})},
    {.name = "gate of a fixed input", .op = "gate", PAIR(gate), IN({OF(LEAF, 5, 7)}, {OF(FIXED, 5, 7)})},
    {.name = "gate without rows", .op = "gate", PAIR(gate), IN({OF(LEAF, 0, 7)}, {OF(LEAF, 0, 7)})},

    {.name = "reshape", .op = "reshape", .build = reshape, IN({OF(LEAF, 3, 8)})},
    {.name = "reshape of rank 1", .op = "reshape", .build = reshape, IN({OF(LEAF, 12)})},
    {.name = "reshape twice", .op = "reshape", .build = reshape_again, IN({OF(LEAF, 3, 4)})},
    {.name = "reshape of nothing", .op = "reshape", .build = reshape, IN({OF(LEAF, 0, 8)})},

    {.name = "attention ragged", .op = "attention", PAIR(attention), .heads = 2, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6)})},
    {.name = "attention of heads of width 1", .op = "attention", PAIR(attention), .heads = 5, .n = 1, .start = one_of_7,
     IN({OF(LEAF, 7, 5), WITHIN(-2, 2)}, {OF(LEAF, 7, 5), WITHIN(-2, 2)}, {OF(LEAF, 7, 5)})},
    {.name = "attention with empty sequences", .op = "attention", PAIR(attention), .heads = 2, .n = 5, .start = ragged_holes,
     IN({OF(LEAF, 8, 6), WITHIN(-2, 2)}, {OF(LEAF, 8, 6), WITHIN(-2, 2)}, {OF(LEAF, 8, 6)})},
    {.name = "attention of single pieces", .op = "attention", PAIR(attention), .heads = 2, .n = 5, .start = ones_only,
     IN({OF(LEAF, 5, 6), .silent = true}, {OF(LEAF, 5, 6), .silent = true}, {OF(LEAF, 5, 6)})},
    {.name = "attention across, some without queries or keys", .op = "attention", PAIR(attention), .heads = 3,
     .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6), WITHIN(-2, 2)}, {OF(LEAF, 17, 6), WITHIN(-2, 2)}, {OF(LEAF, 17, 6)})},
    {.name = "attention across, no keys at all", .op = "attention", .build = attention, .heads = 3,
     .n = 5, .start = ragged_holes, .k_start = keys_none, IN({OF(LEAF, 8, 6), .silent = true}, {OF(LEAF, 0, 6)}, {OF(LEAF, 0, 6)})},
    {.name = "attention without rows", .op = "attention", .build = attention, .heads = 3, .n = 1, .start = none,
     IN({OF(LEAF, 0, 6)}, {OF(LEAF, 0, 6)}, {OF(LEAF, 0, 6)})},
    {.name = "attention of no columns", .op = "attention", .build = attention, .heads = 3, .n = 1, .start = one_of_7,
     IN({OF(LEAF, 7, 0)}, {OF(LEAF, 7, 0)}, {OF(LEAF, 7, 0)})},
    {.name = "attention of one tensor", .op = "attention", PAIR(attention_of_one), .heads = 2, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 6)})},
    {.name = "attention of one tensor, long", .op = "attention", PAIR(attention_of_one), .heads = 2, .n = 2, .start = two_long,
     IN({OF(LEAF, 202, 4)})},
    {.name = "attention whose keys are its values", .op = "attention", PAIR(attention_keys_are_values), .heads = 2,
     .n = 4, .start = cross_q, .k_start = cross_k, IN({OF(LEAF, 12, 6), WITHIN(-2, 2)}, {OF(LEAF, 17, 6)})},
    {.name = "attention long", .op = "attention", PAIR(attention), .heads = 1, .n = 1, .start = one_of_131,
     IN({OF(LEAF, 131, 3), WITHIN(-2, 2)}, {OF(LEAF, 131, 3), WITHIN(-2, 2)}, {OF(LEAF, 131, 3)})},
    {.name = "attention with dropout", .op = "attention", PAIR(attention), .heads = 3, .rate = .3, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6)})},
    {.name = "attention with dropout, long", .op = "attention", PAIR(attention_of_one), .heads = 2, .rate = .1, .n = 2, .start = two_long,
     IN({OF(LEAF, 202, 4)})},
    {.name = "attention across with dropout", .op = "attention", PAIR(attention), .heads = 2, .rate = .3,
     .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6), WITHIN(-2, 2)}, {OF(LEAF, 17, 6), WITHIN(-2, 2)}, {OF(LEAF, 17, 6)})},
    {.name = "attention with fixed queries", .op = "attention", PAIR(attention), .heads = 2, .rate = .3, .n = 4, .start = ragged,
     IN({OF(FIXED, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6)})},
    {.name = "attention with fixed keys", .op = "attention", PAIR(attention), .heads = 2, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(FIXED, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6)})},
    {.name = "attention with fixed values", .op = "attention", PAIR(attention), .heads = 2, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6), WITHIN(-2, 2)}, {OF(FIXED, 33, 6)})},
    {.name = "attention with fixed queries and keys", .op = "attention", PAIR(attention), .heads = 2, .rate = .3, .n = 4, .start = ragged,
     IN({OF(FIXED, 33, 6), WITHIN(-2, 2)}, {OF(FIXED, 33, 6), WITHIN(-2, 2)}, {OF(LEAF, 33, 6)})},

    {.name = "choose", .op = "choose", PAIR(choose), .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6)}, {OF(LEAF, 12, 6)})},
    {.name = "choose, else 0", .op = "choose", PAIR(choose), .n = 4, .start = cross_q, .k_start = cross_k, IN({OF(LEAF, 12, 6)})},
    {.name = "choose, no keys at all", .op = "choose", PAIR(choose), .n = 5, .start = ragged_holes, .k_start = keys_none,
     IN({OF(LEAF, 8, 5), .silent = true}, {OF(LEAF, 8, 5)})},
    {.name = "choose, keys everywhere", .op = "choose", PAIR(choose), .n = 5, .start = ragged_holes, .k_start = ones_only,
     IN({OF(LEAF, 8, 5)}, {OF(LEAF, 8, 5), .silent = true})},
    {.name = "choose between a tensor and itself", .op = "choose", .build = choose_of_itself, .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6)})},
    {.name = "choose twice", .op = "choose", .build = choose_again, .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6)}, {OF(LEAF, 12, 6)})},
    {.name = "choose of a fixed input", .op = "choose", PAIR(choose), .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(FIXED, 12, 6)}, {OF(LEAF, 12, 6)})},
    {.name = "choose, else a fixed input", .op = "choose", PAIR(choose), .n = 4, .start = cross_q, .k_start = cross_k,
     IN({OF(LEAF, 12, 6)}, {OF(FIXED, 12, 6)})},
    {.name = "choose without rows", .op = "choose", .build = choose, .n = 1, .start = none, .k_start = one_of_7,
     IN({OF(LEAF, 0, 6)}, {OF(LEAF, 0, 6)})},

    {.name = "cross_entropy ragged", .op = "cross_entropy", PAIR(cross_entropy), .index = targets, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5), WITHIN(-3, 3)})},
    {.name = "cross_entropy with empty sequences", .op = "cross_entropy", PAIR(cross_entropy), .index = targets,
     .n = 5, .start = ragged_holes, IN({OF(LEAF, 8, 5), WITHIN(-3, 3)})},
    {.name = "cross_entropy of logits in the tens", .op = "cross_entropy", PAIR(cross_entropy), .index = targets, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 5), WITHIN(-30, 30)})},
    {.name = "cross_entropy of one class", .op = "cross_entropy", PAIR(cross_entropy), .index = zeros, .n = 4, .start = ragged,
     IN({OF(LEAF, 33, 1), .silent = true})},
    {.name = "cross_entropy without rows", .op = "cross_entropy", PAIR(cross_entropy), .index = targets, .n = 1, .start = none,
     IN({OF(LEAF, 0, 5)})},
};
/* clang-format on */

static const char *const ops[] = {
#define OP(name, n_in, equation) #name,
#include "ops.def"
#undef OP
};

const suite engine_suite = {"ops.def", rows, sizeof rows / sizeof *rows, ops, sizeof ops / sizeof *ops};
