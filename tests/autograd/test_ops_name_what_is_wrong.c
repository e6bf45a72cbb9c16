/* Every AG_CHECK of the graph and of the ops, produced once: it stops, and its message names the op and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "blas.h"
#include "catch.h"
#include "optim.h"
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static ag_graph g;
static ag_params ps;
static ag_real val[64], grad[64];

static ag_tensor *matrix(int rows, int cols)
{
    return ag_leaf(&g, 2, (const int[]){rows, cols}, val, grad);
}
static ag_tensor *vector(int n)
{
    return ag_leaf(&g, 1, &n, val, grad);
}
static ag_tensor *scalar(void)
{
    return ag_leaf(&g, 0, NULL, val, grad);
}

static const int32_t to_4[] = {0, 4}, to_2_4[] = {0, 2, 4}, to_1_4[] = {0, 1, 4}, from_1[] = {1, 4}, back[] = {0, 3, 2, 4},
                     index_0[] = {0, 0, 0, 0};
static const int32_t place[] = {0, 1, 2};

static ag_dropout drop(double rate, int n, const int32_t *start)
{
    return (ag_dropout){.rate = rate, .n = n, .start = start, .place = place};
}

/* ---- graph ---- */

static void arena_full(void)
{
    ag_save(&g, SIZE_MAX / 4);
}
static void arena_overflow(void)
{
    ag_save(&g, SIZE_MAX - 10);
}
static void pool_full(void)
{
    ag_pool_take(&g, SIZE_MAX / 2);
}
static void rank_5(void)
{
    ag_input(&g, 5, (const int[]){1, 1, 1, 1, 1}, val);
}
static void negative_dimension(void)
{
    ag_input(&g, 2, (const int[]){3, -1}, val);
}
static void rows_overflow(void)
{
    ag_input(&g, 3, (const int[]){INT_MAX, 2, 1}, val);
}
static void elements_overflow(void)
{
    ag_input(&g, 4, (const int[]){INT_MAX, 1, 1, INT_MAX}, val);
}
static void no_values(void)
{
    ag_use(&g, ag_params_add(&ps, "empty", 1, (const int[]){3}));
}
static void another_shape(void)
{
    ag_param *p = ag_params_add(&ps, "cube", 3, (const int[]){2, 3, 2});
    memset(ag_param_own(p), 0, 12 * sizeof(ag_real));
    ag_use_as(&g, p, 2, (const int[]){2, 5});
}
static void factor_of_what_is_added(void)
{
    ag_gemm_one(false, false, 2, 2, 2, 2, val, 2, val, 2, 1, grad, 2);
}
static void half_of_what_is_added(void)
{
    ag_gemm(false, false, 2, 2, 2, val, val, (ag_real).5, grad, NULL, NULL);
}
static void half_of_what_is_added_to_one(void)
{
    ag_gemm_one(false, false, 2, 2, 2, 1, val, 2, val, 2, (ag_real).5, grad, 2);
}
static void a_tile_that_does_not_fit(void)
{
    ag_gemm_fits(&(const ag_tile){.rows = 13, .cols = 32});
}
static void rows_that_wait(void)
{
    ag_param *p = ag_params_add(&ps, "waiting", 2, (const int[]){2, 2});
    memset(ag_param_own(p), 0, 4 * sizeof(ag_real));
    p->role = AG_SPARSE;
    ag_params_train(&ps, 2);
    ag_adamw_step(&ps, &(const ag_group){1, 0}, 1, 1, 1, .9, .999, 1e-8, 0, 0);
    ag_tensor *rows = ag_use(&g, p);
    ag_add(&g, rows, rows, AG_NO_DROPOUT);
}
static void panels_elsewhere(void)
{
    ag_param *p = ag_params_add(&ps, "packed", 2, (const int[]){2, 2});
    ag_param_own(p);
    p->in_panels = true;
    ag_gather(&g, ag_use(&g, p), 1, index_0);
}
static void gradient_through_panels(void)
{
    ag_param *p = ag_params_add(&ps, "packed", 2, (const int[]){2, 2});
    memset(ag_param_own(p), 0, p->size * sizeof(ag_real));
    ag_param_pack(p);
    p->in_panels = true; /* where products are OpenBLAS's, too */
    ag_backward(&g, ag_linear(&g, matrix(1, 2), ag_use(&g, p), NULL), val);
}
static void another_shape_of_a_table(void)
{
    ag_param *p = ag_params_add(&ps, "table", 2, (const int[]){4, 3});
    p->role = AG_SPARSE;
    ag_use_as(&g, p, 2, (const int[]){3, 4});
}
static void no_gradient_wanted(void)
{
    ag_backward(&g, ag_input(&g, 0, NULL, val), NULL);
}
static void no_dy(void)
{
    ag_backward(&g, matrix(2, 3), NULL);
}
static void row_sparse_weight(void)
{
    ag_param *p = ag_params_add(&ps, "table", 2, (const int[]){4, 3});
    memset(ag_param_own(p), 0, 12 * sizeof(ag_real));
    p->role = AG_SPARSE;
    ag_params_train(&ps, 4);
    ag_tensor *y = ag_linear(&g, matrix(2, 3), ag_use(&g, p), NULL);
    ag_backward(&g, y, val);
}

/* ---- packed rows and dropout ---- */

static void fewer_than_0(void)
{
    ag_cross_entropy(&g, matrix(4, 3), index_0, -1, to_4);
}
static void no_sequence(void)
{
    ag_cross_entropy(&g, matrix(4, 3), index_0, 0, NULL);
}
static void begins_late(void)
{
    ag_cross_entropy(&g, matrix(4, 3), index_0, 1, from_1);
}
static void goes_back(void)
{
    ag_cross_entropy(&g, matrix(4, 3), index_0, 3, back);
}
static void ends_early(void)
{
    ag_cross_entropy(&g, matrix(5, 3), index_0, 1, to_4);
}
static void rate_1(void)
{
    ag_dropout_of(&g, matrix(4, 3), drop(1, 1, to_4));
}
static void rate_nearly_1(void)
{
    ag_dropout_of(&g, matrix(4, 3), drop(0.999999, 1, to_4));
}
static void rate_negative(void)
{
    ag_dropout_of(&g, matrix(4, 3), drop(-0.5, 1, to_4));
}
static void site_too_large(void)
{
    ag_dropout d = drop(.5, 1, to_4);
    d.site = 1u << 24;
    ag_dropout_of(&g, matrix(4, 3), d);
}
static void dropout_elsewhere(void)
{
    ag_add(&g, matrix(5, 3), matrix(5, 3), drop(.5, 1, to_4));
}

/* ---- ops ---- */

static void linear_scalar(void)
{
    ag_linear(&g, scalar(), matrix(2, 1), NULL);
}
static void linear_width(void)
{
    ag_linear(&g, matrix(2, 3), matrix(5, 4), NULL);
}
static void linear_weight_rank(void)
{
    ag_linear(&g, matrix(2, 3), vector(3), NULL);
}
static void linear_bias(void)
{
    ag_linear(&g, matrix(2, 3), matrix(5, 3), vector(3));
}
static void linear_half_an_update(void)
{
    ag_linear_low_rank(&g, matrix(2, 3), matrix(5, 3), NULL, (ag_low_rank){.down = matrix(2, 3)});
}
static void linear_update_of_another_width(void)
{
    ag_linear_low_rank(&g, matrix(2, 3), matrix(5, 3), NULL, (ag_low_rank){matrix(2, 4), matrix(5, 2), 1});
}
static void linear_update_of_two_ranks(void)
{
    ag_linear_low_rank(&g, matrix(2, 3), matrix(5, 3), NULL, (ag_low_rank){matrix(2, 3), matrix(5, 4), 1});
}
static void linear_act_width(void)
{
    ag_linear_act(&g, matrix(2, 3), matrix(5, 4), NULL, AG_GELU);
}
static void linear_act_unknown(void)
{
    ag_linear_act(&g, matrix(2, 3), matrix(5, 3), NULL, (ag_activation)7);
}
static void gather_rank(void)
{
    ag_gather(&g, vector(3), 1, index_0);
}
static void gather_row(void)
{
    ag_gather(&g, matrix(4, 3), 2, to_4);
}
static void gather_negative(void)
{
    ag_gather(&g, matrix(4, 3), 1, (const int32_t[]){-1});
}
static void gather_count(void)
{
    ag_gather(&g, matrix(4, 3), -2, index_0);
}
static void add_shapes(void)
{
    ag_add(&g, matrix(2, 3), matrix(3, 2), AG_NO_DROPOUT);
}
static void add_ranks(void)
{
    ag_add(&g, matrix(2, 3), vector(6), AG_NO_DROPOUT);
}
static void layernorm_scalar(void)
{
    ag_layernorm(&g, scalar(), vector(1), vector(1), 1e-5);
}
static void layernorm_gain(void)
{
    ag_layernorm(&g, matrix(2, 3), vector(4), vector(3), 1e-5);
}
static void layernorm_bias(void)
{
    ag_layernorm(&g, matrix(2, 3), vector(3), matrix(3, 1), 1e-5);
}
static void layernorm_eps(void)
{
    ag_layernorm(&g, matrix(2, 3), vector(3), vector(3), 0);
}
static void add_layernorm_shapes(void)
{
    ag_add_layernorm(&g, matrix(2, 3), matrix(2, 4), AG_NO_DROPOUT, vector(3), vector(3), 1e-5);
}
static void add_layernorm_gain(void)
{
    ag_add_layernorm(&g, matrix(2, 3), matrix(2, 3), AG_NO_DROPOUT, vector(2), vector(3), 1e-5);
}

static void attend(ag_tensor *q, ag_tensor *k, ag_tensor *v, int heads, const int32_t *k_start, ag_dropout d)
{
    ag_attention(&g, q, k, v, heads, 2, to_2_4, k_start, d);
}
static void attention_width(void)
{
    attend(matrix(4, 6), matrix(4, 4), matrix(4, 4), 2, to_2_4, AG_NO_DROPOUT);
}
static void attention_rank(void)
{
    attend(ag_leaf(&g, 3, (const int[]){2, 2, 6}, val, grad), matrix(4, 6), matrix(4, 6), 2, to_2_4, AG_NO_DROPOUT);
}
static void attention_values(void)
{
    attend(matrix(4, 6), matrix(4, 6), matrix(3, 6), 2, to_2_4, AG_NO_DROPOUT);
}
static void attention_heads(void)
{
    attend(matrix(4, 6), matrix(4, 6), matrix(4, 6), 4, to_2_4, AG_NO_DROPOUT);
}
static void attention_no_heads(void)
{
    attend(matrix(4, 6), matrix(4, 6), matrix(4, 6), 0, to_2_4, AG_NO_DROPOUT);
}
static void attention_queries(void)
{
    attend(matrix(5, 6), matrix(4, 6), matrix(4, 6), 2, to_2_4, AG_NO_DROPOUT);
}
static void attention_keys(void)
{
    attend(matrix(4, 6), matrix(5, 6), matrix(5, 6), 2, to_2_4, AG_NO_DROPOUT);
}
static void attention_one_tensor(void)
{
    ag_tensor *x = matrix(4, 6);
    attend(x, x, x, 2, to_1_4, AG_NO_DROPOUT);
}
static void attention_dropout(void)
{
    attend(matrix(4, 6), matrix(4, 6), matrix(4, 6), 2, to_2_4, drop(.5, 2, to_1_4));
}
static void attention_dropout_reach(void)
{
    static ag_real wide[4 * 8192];
    const int dim[] = {4, 8192};
    ag_tensor *x = ag_input(&g, 2, dim, wide);
    attend(x, x, x, 8192, to_2_4, drop(.5, 2, to_2_4));
}
static void choose_rank(void)
{
    ag_choose(&g, vector(4), NULL, 2, to_2_4, to_1_4);
}
static void choose_shapes(void)
{
    ag_choose(&g, matrix(4, 3), matrix(4, 2), 2, to_2_4, to_1_4);
}
static void choose_rows(void)
{
    ag_choose(&g, matrix(5, 3), NULL, 2, to_2_4, to_1_4);
}
static void choose_keys(void)
{
    ag_choose(&g, matrix(4, 3), NULL, 2, to_2_4, back);
}
static void cross_entropy_rank(void)
{
    ag_cross_entropy(&g, vector(4), index_0, 1, to_4);
}
static void cross_entropy_target(void)
{
    ag_cross_entropy(&g, matrix(4, 3), (const int32_t[]){0, 2, 3, 0}, 1, to_4);
}
static void cross_entropy_negative(void)
{
    ag_cross_entropy(&g, matrix(4, 3), (const int32_t[]){-1, 0, 0, 0}, 1, to_4);
}

static void gate_shapes(void)
{
    ag_gate(&g, matrix(4, 3), matrix(4, 2));
}
static void reshape_size(void)
{
    ag_reshape(&g, matrix(4, 3), 2, (int[]){5, 2});
}

static const struct contract {
    const char *name;
    void (*provoke)(void);
    const char *message; /* what it begins with */
} contracts[] = {
    {"no memory", arena_full, "out of memory: this step holds 0 bytes and needs 4611686018427387968 more; lower the batch size"},
    {"sizes that overflow", arena_overflow,
     "out of memory: this step holds 0 bytes and needs 18446744073709551605 more; lower the batch size"},
    {"a buffer that overflows", pool_full, "out of memory: a buffer of 9223372036854775807 elements"},
    {"rank 5", rank_5, "input: rank 5 is not 0 to 4"},
    {"a negative dimension", negative_dimension, "input: dimension 1 is -1"},
    {"too many rows", rows_overflow, "input: a tensor of more rows than 2147483647, or more elements than memory can address"},
    {"too many elements", elements_overflow, "input: a tensor of more rows than 2147483647, or more elements than memory can address"},
    {"a parameter without values", no_values, "parameter empty is used before it has values"},
    {"a parameter under a shape that does not fit", another_shape, "parameter cube has 12 elements, its other shape 10"},
    {"a row-sparse parameter under another shape", another_shape_of_a_table, "parameter table is row-sparse: it has one shape"},
    {"a factor of what is added", factor_of_what_is_added, "ag_gemm_one: alpha 2 and beta 1"},
    {"a part of what is added to", half_of_what_is_added, "ag_gemm: beta 0.5"},
    {"a part of what is added to on one thread", half_of_what_is_added_to_one, "ag_gemm_one: alpha 1 and beta 0.5"},
    {"a tile that does not fit its cutting", a_tile_that_does_not_fit, "gemm: tiles of 13 x 32 do not fit"},
    {"rows that wait for an op other than gather", rows_that_wait,
     "add: rows of parameter waiting wait for their steps, which gather alone makes up for"},
    {"panels for an op that reads rows", panels_elsewhere, "gather: parameter packed is in panels, which affine maps alone read"},
    {"a gradient through panels", gradient_through_panels, "linear: parameter packed predicts only and takes no gradient through it"},
    {"backward of nothing", no_gradient_wanted, "backward: nothing below this tensor wants a gradient"},
    {"backward without dy", no_dy, "backward: a tensor of 6 elements needs its gradient dy"},
    {"a row-sparse weight", row_sparse_weight, "the gradient of table is row-sparse: only gather can add to it"},
    {"less than no sequences", fewer_than_0, "cross_entropy: -1 sequences"},
    {"rows without a sequence", no_sequence, "cross_entropy: 4 rows of logits and no sequence"},
    {"offsets that begin late", begins_late, "cross_entropy: logits begins at row 1, not 0"},
    {"offsets that go back", goes_back, "cross_entropy: logits of sequence 1 ends at row 2, before it begins at 3"},
    {"offsets that end early", ends_early, "cross_entropy: logits ends at row 4 of 5"},
    {"rate 1", rate_1, "dropout: dropout rate 1 is not in [0, 1)"},
    {"a rate that rounds to 1", rate_nearly_1, "dropout: dropout rate 0.999999 drops everything"},
    {"a negative rate", rate_negative, "dropout: dropout rate -0.5 is not in [0, 1)"},
    {"a site beyond 24 bits", site_too_large, "dropout: dropout site 16777216 is not below 2^24"},
    {"dropout over other rows", dropout_elsewhere, "add: dropout ends at row 4 of 5"},
    {"linear of a scalar", linear_scalar, "linear: x has no last dimension"},
    {"linear of another width", linear_width, "linear: x has 3 columns, w is [5,4] of rank 2"},
    {"linear with a vector as weight", linear_weight_rank, "linear: x has 3 columns, w is [3,0] of rank 1"},
    {"linear with another bias", linear_bias, "linear: w has 5 rows, b 3 entries in rank 1"},
    {"linear with half an update", linear_half_an_update, "linear: a low-rank update of one matrix"},
    {"linear with an update of another width", linear_update_of_another_width, "linear: w is [5,3], down has 4 columns in rank 2"},
    {"linear with an update of two ranks", linear_update_of_two_ranks, "linear: w has 5 rows, down 2, up is [5,4] of rank 2"},
    {"linear_act of another width", linear_act_width, "linear_act: x has 3 columns, w is [5,4] of rank 2"},
    {"linear_act with an unknown activation", linear_act_unknown, "linear_act: there is no activation 7"},
    {"gather from a vector", gather_rank, "gather: the table has rank 1, not 2"},
    {"gather beyond the table", gather_row, "gather: row 4 of a table with 4 rows"},
    {"gather of row -1", gather_negative, "gather: row -1 of a table with 4 rows"},
    {"gather of less than no rows", gather_count, "gather: dimension 0 is -2"},
    {"add of two shapes", add_shapes, "add: x is [2,3], h is [3,2]"},
    {"add of two ranks", add_ranks, "add: x is [2,3], h is [6]"},
    {"layernorm of a scalar", layernorm_scalar, "layernorm: x has no last dimension"},
    {"layernorm with another gain", layernorm_gain, "layernorm: x has 3 columns, gain 4 entries in rank 1"},
    {"layernorm with a matrix as bias", layernorm_bias, "layernorm: x has 3 columns, bias 1 entries in rank 2"},
    {"layernorm with eps 0", layernorm_eps, "layernorm: eps 0 is not positive"},
    {"add_layernorm of two shapes", add_layernorm_shapes, "add_layernorm: x is [2,3], h is [2,4]"},
    {"add_layernorm with another gain", add_layernorm_gain, "add_layernorm: x has 3 columns, gain 2 entries in rank 1"},
    {"attention of two widths", attention_width, "attention: q has 6 columns in rank 2, k 4 in rank 2"},
    {"attention of rank 3", attention_rank, "attention: q has 6 columns in rank 3, k 6 in rank 2"},
    {"attention with fewer values than keys", attention_values, "attention: k is [4,6], v is [3,6]"},
    {"attention with heads that do not divide", attention_heads, "attention: 6 columns cannot be shared by 4 heads"},
    {"attention without heads", attention_no_heads, "attention: 6 columns cannot be shared by 0 heads"},
    {"attention with more queries than offsets", attention_queries, "attention: q ends at row 4 of 5"},
    {"attention with more keys than offsets", attention_keys, "attention: k ends at row 4 of 5"},
    {"attention of one tensor cut in two ways", attention_one_tensor,
     "attention: q and k are one tensor, but sequence 1 begins at row 2 of q and 1 of k"},
    {"attention with dropout over other sequences", attention_dropout, "attention: the sequences of dropout are not those of q"},
    {"attention with dropout over too many heads", attention_dropout_reach,
     "attention: dropout reaches to 4096 heads and 65536 keys, not 8192 and 2"},
    {"gate between two shapes", gate_shapes, "gate: a is [4,3], x is [4,2]"},
    {"reshape to another size", reshape_size, "reshape: x has 12 elements, its other shape 10"},
    {"choose from a vector", choose_rank, "choose: x has rank 1, not 2"},
    {"choose between two shapes", choose_shapes, "choose: x is [4,3], h is [4,2]"},
    {"choose from more rows than offsets", choose_rows, "choose: x ends at row 4 of 5"},
    {"choose by keys that go back", choose_keys, "choose: k of sequence 1 ends at row 2, before it begins at 3"},
    {"cross_entropy of a vector", cross_entropy_rank, "cross_entropy: logits have rank 1, not 2"},
    {"cross_entropy with a target beyond the classes", cross_entropy_target, "cross_entropy: target 3 of row 2, logits [4,3]"},
    {"cross_entropy with target -1", cross_entropy_negative, "cross_entropy: target -1 of row 0, logits [4,3]"},
};

static void run(void *context)
{
    ((const struct contract *)context)->provoke();
}

static void a_wrong_call_stops_with_a_message(void **state)
{
    const struct contract *c = *state;
    ag_graph_init(&g);
    ag_params_init(&ps);
    const char *message = caught(run, (void *)(uintptr_t)c);
    if (!message) fail_msg("nothing was said; expected: %s", c->message);
    assert_string_equal(message, c->message);
    ag_params_free(&ps);
    ag_graph_free(&g);
}

int main(void)
{
    struct err e;
    if (ag_start(1, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    enum { CONTRACTS = sizeof contracts / sizeof *contracts };
    struct CMUnitTest tests[CONTRACTS];
    for (int i = 0; i < CONTRACTS; i++)
        tests[i] = (struct CMUnitTest){contracts[i].name, a_wrong_call_stops_with_a_message, NULL, NULL, (void *)(uintptr_t)&contracts[i]};
    return _cmocka_run_group_tests("ops_name_what_is_wrong", tests, CONTRACTS, NULL, NULL);
}
