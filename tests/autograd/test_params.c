/* Parameters: where trained values lie, what a row-sparse gradient is, and what a caller is told who uses them wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ag.h"
#include "optim.h"

enum { PAGE = 4096 };

/* ---- panics come back here ---- */

static jmp_buf back;
static char message[1024];

static void handler(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
    longjmp(back, 1);
}

#define assert_panics(text, call)                                                                                                          \
    do {                                                                                                                                   \
        ag_set_panic_handler(handler);                                                                                                     \
        if (setjmp(back) == 0) {                                                                                                           \
            call;                                                                                                                          \
            fail_msg("%s passed", #call);                                                                                                  \
        }                                                                                                                                  \
        ag_set_panic_handler(NULL);                                                                                                        \
        assert_string_equal(message, text);                                                                                                \
    } while (0)

static ag_param *param(ag_params *ps, const char *name, int rows, int cols, ag_role role, int group)
{
    ag_param *p = ag_params_add(ps, name, 2, (const int[]){rows, cols});
    p->role = role;
    p->group = group;
    ag_real *val = ag_param_own(p);
    for (size_t i = 0; i < p->size; i++) val[i] = (ag_real)(i + 1);
    return p;
}

static void blocks_hold_trained_parameters_group_by_group_and_aligned(void **state)
{
    (void)state;
    ag_params ps;
    ag_params_init(&ps);
    ag_param *a = param(&ps, "a", 3, 5, AG_DENSE, 1), *frozen = param(&ps, "frozen", 2, 2, AG_FROZEN, 0);
    ag_param *b = param(&ps, "b", 7, 11, AG_SPARSE, 0), *c = param(&ps, "c", 1, 1, AG_DENSE, 1), *d = param(&ps, "d", 4, 4, AG_DENSE, 0);
    const ag_real *frozen_val = frozen->val;
    ag_params_train(&ps, 2);
    ag_param *const order[] = {b, d, a, c};
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        ag_param *p = order[i];
        assert_true(p->val == ps.block_val + at && p->m == ps.block_m + at && p->v == ps.block_v + at);
        const ag_real *const places[] = {p->val, p->grad, p->m, p->v};
        for (int k = 0; k < 4; k++) assert_int_equal((uintptr_t)places[k] % 64, 0);
        for (size_t k = 0; k < p->size; k++) assert_true(p->val[k] == (ag_real)(k + 1) && p->m[k] == 0 && p->v[k] == 0);
        const size_t step = 64 / sizeof(ag_real);
        at += (p->size + step - 1) / step * step;
    }
    assert_int_equal(at, ps.block_size);
    assert_true(frozen->val == frozen_val && !frozen->grad);
    assert_int_equal(b->slot_cap, 2);
    assert_ptr_equal(ag_params_find(&ps, "c"), c);
    assert_null(ag_params_find(&ps, "e"));
    ag_params_free(&ps);
}

static void borrowed_values_are_copied_where_trained_and_kept_where_frozen(void **state)
{
    (void)state;
    static const ag_real values[4] = {1, 2, 3, 4};
    ag_params ps;
    ag_params_init(&ps);
    ag_param *trained = ag_params_add(&ps, "trained", 1, (const int[]){4}), *frozen = ag_params_add(&ps, "frozen", 1, (const int[]){4});
    trained->role = AG_DENSE;
    ag_param_borrow(trained, values);
    ag_param_borrow(frozen, values);
    ag_params_train(&ps, 0);
    assert_true(frozen->val == values && trained->val != values);
    assert_memory_equal(trained->val, values, sizeof values);
    ag_params_free(&ps);
}

static void a_sparse_row_is_cleared_at_its_first_touch_only(void **state)
{
    (void)state;
    ag_params ps;
    ag_params_init(&ps);
    ag_param *p = param(&ps, "table", 9, 3, AG_SPARSE, 0);
    ag_params_train(&ps, 4);
    for (int step = 0; step < 3; step++) {
        ag_params_zero_grad(&ps);
        assert_false(p->has_grad);
        assert_int_equal(p->n_slots, 0);
        for (int r = 0; r < 9; r++) assert_int_equal(p->slot_of_row[r], -1);
        ag_real *row = ag_sparse_row(p, 8 - step);
        for (int c = 0; c < 3; c++) assert_true(row[c] == 0);
        row[1] = 5;
        ag_real *other = ag_sparse_row(p, step);
        for (int c = 0; c < 3; c++) assert_true(other[c] == 0);
        assert_ptr_equal(ag_sparse_row(p, 8 - step), row);
        assert_true(row[1] == 5 && p->has_grad && p->n_slots == 2);
        assert_int_equal(p->row_of_slot[p->slot_of_row[step]], step);
    }
    ag_params_free(&ps);
}

static void parameters_without_elements_are_fine(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(ag_start(2, &e), 0);
    ag_params ps;
    ag_params_init(&ps);
    param(&ps, "no rows", 0, 3, AG_SPARSE, 0);
    param(&ps, "no columns", 3, 0, AG_SPARSE, 0);
    param(&ps, "nothing", 0, 0, AG_DENSE, 0);
    ag_param *scalar = ag_params_add(&ps, "scalar", 0, NULL);
    scalar->role = AG_DENSE;
    *ag_param_own(scalar) = 2;
    ag_params_train(&ps, 5);
    ag_sparse_row(ps.at[1], 2);
    scalar->grad[0] = 3;
    scalar->has_grad = true;
    assert_true(ag_grad_norm(&ps) == 3);
    ag_adamw_step(&ps, &(ag_group){0.5, 0}, 1, 1, 1, 0.9, 0.999, 1e-8, 3, 0);
    assert_true(scalar->val[0] > 1.4999 && scalar->val[0] < 1.5001);
    ag_params_free(&ps);
}

static bool in_memory(const void *at)
{
    unsigned char there;
    assert_int_equal(mincore((void *)((uintptr_t)at / PAGE * PAGE), 1, &there), 0);
    return there & 1;
}

/* Both neighbours of a touched row are pages away from it. */
static void moments_take_memory_for_the_rows_that_are_touched_alone(void **state)
{
    (void)state;
    enum { ROWS = 900, COLS = 1200, ROW = 500 };
    ag_params ps;
    ag_params_init(&ps);
    ag_param *p = param(&ps, "table", ROWS, COLS, AG_SPARSE, 0);
    ag_params_train(&ps, 1);
    ag_param_touch_moments(p, 1, (const int32_t[]){ROW});
    for (int row = ROW - 2; row <= ROW + 2; row += 2) {
        assert_int_equal(in_memory(p->m + row * COLS + COLS / 2), row == ROW);
        assert_int_equal(in_memory(p->v + row * COLS + COLS / 2), row == ROW);
    }
    assert_true(p->m[ROW * COLS] == 0 && p->v[(ROW + 1) * COLS - 1] == 0);
    ag_params_free(&ps);
}

static void a_view_of_a_view_is_one_of_the_parameter(void **state)
{
    (void)state;
    ag_params ps, views;
    ag_params_init(&ps);
    ag_params_init(&views);
    ag_param *table = param(&ps, "table", 9, 3, AG_SPARSE, 0);
    ag_param *first = ag_params_add(&views, "first", 2, (const int[]){9, 3}),
             *second = ag_params_add(&views, "second", 2, (const int[]){9, 3});
    ag_param_view(first, table);
    ag_param_view(second, first);
    assert_true(second->of == table && second->val == table->val);
    ag_params_free(&views);
    ag_params_free(&ps);
}

static void wrong_use_is_told_with_the_parameter(void **state)
{
    (void)state;
    ag_params ps;
    ag_params_init(&ps);
    ag_param *table = param(&ps, "table", 9, 3, AG_SPARSE, 2);
    assert_panics("parameter table: the name is taken", ag_params_add(&ps, "table", 1, (const int[]){1}));
    assert_panics("parameter x: rank 5", ag_params_add(&ps, "x", 5, (const int[]){1, 1, 1, 1, 1}));
    assert_panics("parameter table: its values are there already", ag_param_own(table));
    assert_panics("parameter table: its values are there already", ag_param_borrow(table, table->val));
    assert_panics("parameter table: not a row-sparse one in training", ag_sparse_row(table, 0));
    ag_param *vector = ag_params_add(&ps, "vector", 1, (const int[]){3});
    ag_param_own(vector);
    assert_panics("parameter vector: not the weight of an affine map that predicts", ag_param_pack(vector));
    assert_panics("ag_adamw_step: step 1 before ag_params_train", ag_adamw_step(&ps, NULL, 0, 1, 1, 0.9, 0.999, 1e-8, 0, 0));
    ag_params_train(&ps, 2);
    assert_panics("ag_params_train: called twice", ag_params_train(&ps, 2));
    assert_panics("parameter vector: not a row-sparse one in training", ag_param_touch_moments(vector, 1, (const int32_t[]){0}));
    assert_panics("parameter late: added after ag_params_train", ag_params_add(&ps, "late", 1, (const int[]){1}));
    assert_panics("parameter table: row 9 of 9", ag_sparse_row(table, 9));
    assert_panics("parameter table: row -1 of 9", ag_sparse_row(table, -1));
    ag_sparse_row(table, 0);
    ag_sparse_row(table, 1);
    assert_panics("parameter table: a step touches more than 2 rows", ag_sparse_row(table, 2));
    assert_panics("parameter table: group 2 of 2", ag_adamw_step(&ps, (const ag_group[2]){{0, 0}}, 2, 1, 1, 0.9, 0.999, 1e-8, 0, 0));
    assert_panics("ag_adamw_step: eps 0", ag_adamw_step(&ps, (const ag_group[3]){{0, 0}}, 3, 1, 1, 0.9, 0.999, 0, 0, 0));
    assert_panics("ag_adamw_step: step 0", ag_adamw_step(&ps, NULL, 0, 1, 0, 0.9, 0.999, 1e-8, 0, 0));
    assert_panics("ag_schedule_linear: step 3, warm-up 1 of 3 steps", (void)ag_schedule_linear(3, 1, 3));
    assert_panics("ag_schedule_cosine: step 0, warm-up 4 of 3 steps", (void)ag_schedule_cosine(0, 4, 3));
    ag_params_free(&ps);
}

static void training_wants_values_ranks_and_groups(void **state)
{
    (void)state;
    ag_params ps;
    ag_params_init(&ps);
    ag_param *packed = param(&ps, "packed", 2, 2, AG_DENSE, 0);
    packed->in_panels = true;
    assert_panics("parameter packed: in panels, it predicts only", ag_params_train(&ps, 1));
    packed->in_panels = false;
    ag_params_free(&ps);
    ag_params_add(&ps, "empty", 1, (const int[]){4});
    assert_panics("parameter empty: has no values", ag_params_train(&ps, 1));
    ag_params_free(&ps);
    ag_param *p = ag_params_add(&ps, "flat", 1, (const int[]){4});
    p->role = AG_SPARSE;
    ag_param_own(p);
    assert_panics("parameter flat: row-sparse with rank 1", ag_params_train(&ps, 1));
    ag_params_free(&ps);
    param(&ps, "p", 2, 2, AG_DENSE, -1);
    assert_panics("parameter p: group -1", ag_params_train(&ps, 1));
    ag_params_free(&ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_trained_parameters_group_by_group_and_aligned),
        cmocka_unit_test(borrowed_values_are_copied_where_trained_and_kept_where_frozen),
        cmocka_unit_test(a_sparse_row_is_cleared_at_its_first_touch_only),
        cmocka_unit_test(parameters_without_elements_are_fine),
        cmocka_unit_test(moments_take_memory_for_the_rows_that_are_touched_alone),
        cmocka_unit_test(a_view_of_a_view_is_one_of_the_parameter),
        cmocka_unit_test(wrong_use_is_told_with_the_parameter),
        cmocka_unit_test(training_wants_values_ranks_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
