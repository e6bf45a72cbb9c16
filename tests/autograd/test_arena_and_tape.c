/* Who owns memory, what is taped, what a scope gives back: the promises of arena.h and of ag.h about the graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "ag.h"
#include "pages.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arena ---- */

static void memory_is_aligned_and_apart(void **state)
{
    (void)state;
    ag_arena a = {0};
    char *last = NULL;
    for (size_t bytes = 0; bytes < 1000; bytes += 37) {
        char *p = ag_arena_alloc(&a, bytes);
        assert_int_equal((uintptr_t)p % 64, 0);
        if (last) assert_true(p >= last);
        memset(p, 1, bytes);
        last = p + bytes;
    }
    assert_int_equal(a.allocations, 1);
    ag_arena_free(&a);
}

static void rewinding_hands_the_same_memory_out_again(void **state)
{
    (void)state;
    ag_arena a = {0};
    ag_arena_alloc(&a, 100);
    const ag_arena_mark here = ag_arena_here(&a);
    const size_t used = a.used;
    char *first = ag_arena_alloc(&a, 1 << 20);
    for (int i = 0; i < 20; i++) ag_arena_alloc(&a, 1 << 20);
    const size_t allocations = a.allocations, peak = a.peak;
    assert_true(allocations > 2);
    ag_arena_rewind(&a, here);
    assert_int_equal(a.used, used);
    assert_ptr_equal(ag_arena_alloc(&a, 1 << 20), first);
    for (int i = 0; i < 20; i++) ag_arena_alloc(&a, 1 << 20);
    assert_int_equal(a.allocations, allocations);
    assert_int_equal(a.peak, peak);
    ag_arena_free(&a);
}

static void a_mark_of_an_empty_arena_is_its_beginning(void **state)
{
    (void)state;
    ag_arena a = {0};
    const ag_arena_mark empty = ag_arena_here(&a);
    ag_arena_rewind(&a, empty);
    char *first = ag_arena_alloc(&a, 10);
    assert_true(ag_arena_since(&a, empty, first));
    ag_arena_rewind(&a, empty);
    assert_int_equal(a.used, 0);
    assert_false(ag_arena_since(&a, empty, first));
    assert_ptr_equal(ag_arena_alloc(&a, 10), first);
    ag_arena_free(&a);
}

static void since_tells_what_came_after_a_mark(void **state)
{
    (void)state;
    ag_arena a = {0};
    char *before = ag_arena_alloc(&a, 1 << 21);
    const ag_arena_mark mark = ag_arena_here(&a);
    char *after[12];
    for (int i = 0; i < 12; i++) after[i] = ag_arena_alloc(&a, 1 << 20);
    for (int i = 0; i < 12; i++) assert_true(ag_arena_since(&a, mark, after[i] + 5));
    assert_false(ag_arena_since(&a, mark, before));
    assert_false(ag_arena_since(&a, mark, &a));
    ag_arena_free(&a);
}

static void a_reset_makes_one_block_in_which_the_same_step_and_an_eighth_more_fit(void **state)
{
    (void)state;
    ag_arena a = {0};
    for (int i = 0; i < 40; i++) ag_arena_alloc(&a, 1000000);
    ag_arena_reset(&a);
    assert_int_equal(a.used, 0);
    const size_t allocations = a.allocations;
    char *first = ag_arena_alloc(&a, 1000000), *last = NULL;
    for (int i = 1; i < 45; i++) last = ag_arena_alloc(&a, 1000000);
    assert_int_equal(a.allocations, allocations);
    assert_true(last > first && last < first + 46 * 1000064);
    ag_arena_reset(&a);
    assert_int_equal(a.allocations, allocations);
    ag_arena_free(&a);
}

/* ---- pages ---- */

static void mapped_memory_is_aligned_and_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 4096, AG_LARGE_PAGE - 1, AG_LARGE_PAGE, 3 * AG_LARGE_PAGE + 5};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        unsigned char *at = ag_pages_map(sizes[k]);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % AG_LARGE_PAGE, 0);
        ag_pages_large(at + k, sizes[k] - k);
        for (size_t i = 0; i < sizes[k]; i++) assert_int_equal(at[i], 0);
        memset(at, 1, sizes[k]);
        ag_pages_unmap(at, sizes[k]);
    }
    assert_null(ag_pages_map(SIZE_MAX));
    assert_null(ag_pages_map(SIZE_MAX / 4));
}

/* ---- tape ---- */

enum { N = 6, C = 4 };
static ag_real numbers[3][N * C], grads[3][N * C], ones[C] = {1, 1, 1, 1};
static const int shape[] = {N, C}, row_shape[] = {C};

static void fill(void)
{
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < N * C; i++) numbers[k][i] = (ag_real)((i * 7 + k * 5) % 11) / 4 - 1;
    memset(grads, 0, sizeof grads);
}

static void what_wants_no_gradient_is_not_taped(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_params ps;
    ag_params_init(&ps);
    ag_param *frozen = ag_params_add(&ps, "frozen", 2, shape), *untrained = ag_params_add(&ps, "untrained", 2, shape);
    ag_param_borrow(frozen, numbers[0]);
    ag_param_borrow(untrained, numbers[1]);
    untrained->role = AG_DENSE;
    ag_tensor *y = ag_add(&g, ag_use(&g, frozen), ag_use(&g, untrained), AG_NO_DROPOUT);
    assert_false(y->wants_grad);
    assert_int_equal(g.len, 0);
    ag_params_train(&ps, 0);
    y = ag_add(&g, ag_use(&g, frozen), ag_use(&g, untrained), AG_NO_DROPOUT);
    assert_true(y->wants_grad);
    assert_int_equal(g.len, 1);
    ag_params_free(&ps);
    ag_graph_free(&g);
}

static void backward_leaves_out_what_y_does_not_depend_on(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *a = ag_leaf(&g, 2, shape, numbers[0], grads[0]), *b = ag_leaf(&g, 2, shape, numbers[1], grads[1]);
    ag_tensor *aside = ag_add(&g, b, b, AG_NO_DROPOUT), *y = ag_add(&g, a, a, AG_NO_DROPOUT), *later = ag_add(&g, y, aside, AG_NO_DROPOUT);
    ag_backward(&g, y, numbers[2]);
    assert_null(b->grad);
    assert_null(later->grad);
    for (int i = 0; i < N * C; i++) assert_true(grads[0][i] == 2 * numbers[2][i]);
    ag_graph_free(&g);
}

static void gradients_of_two_backwards_add(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *a = ag_leaf(&g, 2, shape, numbers[0], grads[0]), *y = ag_add(&g, a, a, AG_NO_DROPOUT), *z = ag_add(&g, y, y, AG_NO_DROPOUT);
    ag_backward(&g, y, numbers[2]);
    ag_backward(&g, z, numbers[2]);
    for (int i = 0; i < N * C; i++) assert_true(grads[0][i] == 6 * numbers[2][i]);
    ag_graph_free(&g);
}

static void backward_of_a_leaf_is_its_dy(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *a = ag_leaf(&g, 2, shape, numbers[0], grads[0]);
    ag_backward(&g, a, numbers[2]);
    assert_memory_equal(grads[0], numbers[2], sizeof grads[0]);
    ag_backward(&g, a, numbers[2]);
    for (int i = 0; i < N * C; i++) assert_true(grads[0][i] == 2 * numbers[2][i]);
    ag_graph_free(&g);
}

static ag_tensor *chain(ag_graph *g, ag_tensor *x, int n)
{
    ag_tensor *gain = ag_input(g, 1, row_shape, ones), *bias = ag_input(g, 1, row_shape, ones);
    for (int i = 0; i < n; i++) x = ag_layernorm(g, x, gain, bias, 1e-5);
    return x;
}

/* What backward takes beyond forward does not grow with the length of the chain. */
static void activation_gradients_go_back_to_the_pool(void **state)
{
    (void)state;
    size_t taken[2];
    for (int k = 0; k < 2; k++) {
        ag_graph g;
        ag_graph_init(&g);
        fill();
        ag_tensor *y = chain(&g, ag_leaf(&g, 2, shape, numbers[0], grads[0]), k ? 100 : 10);
        const size_t before = g.arena.used;
        ag_backward(&g, y, numbers[1]);
        taken[k] = g.arena.used - before;
        ag_graph_free(&g);
    }
    assert_int_equal(taken[0], taken[1]);
}

static void after_the_largest_step_no_step_allocates(void **state)
{
    (void)state;
    enum { BIG = 3000 };
    static ag_real big[BIG * C], big_grad[BIG * C];
    ag_graph g;
    ag_graph_init(&g);
    for (int i = 0; i < BIG * C; i++) big[i] = (ag_real)(i % 13);
    size_t after_first = 0;
    for (int step = 0; step < 6; step++) {
        const int rows[] = {step % 2 ? BIG / 3 : BIG, C};
        ag_tensor *y = chain(&g, ag_leaf(&g, 2, rows, big, big_grad), step % 3 ? 300 : 400);
        ag_backward(&g, y, big);
        ag_graph_reset(&g);
        if (step == 0) after_first = g.allocations;
    }
    assert_true(after_first > 3);
    assert_int_equal(g.allocations, after_first);
    ag_graph_free(&g);
}

static void the_pool_gives_the_smallest_buffer_that_fits(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    ag_real *large = ag_pool_take(&g, 1000), *small = ag_pool_take(&g, 10), *middle = ag_pool_take(&g, 100);
    assert_int_equal((uintptr_t)small % 64, 0);
    ag_pool_give(&g, small);
    ag_pool_give(&g, large);
    ag_pool_give(&g, middle);
    assert_ptr_equal(ag_pool_take(&g, 50), middle);
    assert_ptr_equal(ag_pool_take(&g, 5), small);
    assert_ptr_equal(ag_pool_take(&g, 5), large);
    const size_t used = g.arena.used;
    ag_pool_give(&g, large);
    ag_pool_take(&g, 2000);
    assert_true(g.arena.used > used);
    ag_graph_free(&g);
}

/* ---- values that are not kept ---- */

enum { WIDE = 37, ROWS = 50 };

/* Three sublayers as an encoder has them; each forgets what it may, where it should. */
static ag_tensor *sublayers(ag_graph *g, ag_tensor *x, ag_tensor *up, ag_tensor *down, ag_tensor *gain, bool forget)
{
    for (int k = 0; k < 3; k++) {
        ag_tensor *act = ag_linear_act(g, x, up, NULL, AG_GELU), *h = ag_linear(g, act, down, NULL);
        ag_tensor *sum = ag_add(g, x, h, AG_NO_DROPOUT), *norm = ag_layernorm(g, sum, gain, gain, 1e-5);
        ag_tensor *y = ag_add_layernorm(g, norm, h, AG_NO_DROPOUT, gain, gain, 1e-5);
        ag_tensor *const done[] = {act, h, sum, norm, x};
        for (int i = 0; forget && i < (k > 0 ? 5 : 4); i++) ag_forget(g, done[i]);
        x = y;
    }
    return x;
}

static void what_is_forgotten_is_made_again_to_the_same_bytes(void **state)
{
    (void)state;
    static ag_real x[ROWS * C], up[WIDE * C], down[C * WIDE], gain[C] = {1, -2, 0, 3}, value[2][ROWS * C];
    static ag_real grad[2][ROWS * C + 2 * WIDE * C + C];
    const int x_dim[] = {ROWS, C}, up_dim[] = {WIDE, C}, down_dim[] = {C, WIDE};
    for (int i = 0; i < ROWS * C; i++) x[i] = (ag_real)(i * 7 % 23) / 9 - 1;
    for (int i = 0; i < WIDE * C; i++) up[i] = (ag_real)(i * 5 % 19) / 9 - 1, down[i] = (ag_real)(i * 3 % 17) / 9 - 1;
    size_t kept[2];
    for (int forget = 0; forget < 2; forget++) {
        ag_graph g;
        ag_graph_init(&g);
        ag_real *at = grad[forget];
        ag_tensor *leaf = ag_leaf(&g, 2, x_dim, x, at), *u = ag_leaf(&g, 2, up_dim, up, at + ROWS * C);
        ag_tensor *d = ag_leaf(&g, 2, down_dim, down, at + ROWS * C + WIDE * C);
        ag_tensor *y = sublayers(&g, leaf, u, d, ag_leaf(&g, 1, row_shape, gain, at + ROWS * C + 2 * WIDE * C), forget);
        kept[forget] = g.arena.used;
        for (int times = 0; times < 2; times++) ag_backward(&g, y, x); /* the second one needs the values once more */
        memcpy(value[forget], y->val, sizeof value[0]);
        ag_graph_free(&g);
    }
    assert_memory_equal(value[1], value[0], sizeof value[0]);
    assert_memory_equal(grad[1], grad[0], sizeof grad[0]);
    assert_true(kept[0] > kept[1] + 2 * ROWS * (WIDE + C) * sizeof(ag_real));
}

static void what_cannot_be_made_again_is_kept(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = ag_leaf(&g, 2, shape, numbers[0], grads[0]), *w = ag_input(&g, 2, (int[]){C, C}, numbers[1]);
    ag_tensor *read = ag_linear(&g, x, w, NULL), *unread = ag_linear(&g, read, w, NULL);
    ag_add(&g, unread, unread, AG_NO_DROPOUT);
    ag_tensor *untaped = ag_linear(&g, ag_input(&g, 2, shape, numbers[0]), w, NULL), *gate = ag_gate(&g, x, x);
    ag_tensor *below = ag_linear(&g, ag_input(&g, 2, shape, numbers[0]), w, NULL); /* not taped, but a weight's gradient reads it */
    ag_linear(&g, below, ag_leaf(&g, 2, (int[]){C, C}, numbers[1], grads[1]), NULL);
    ag_tensor *const all[] = {x, read, unread, untaped, gate, below};
    for (int i = 0; i < 6; i++) ag_forget(&g, all[i]);
    for (int i = 0; i < 6; i++) assert_int_equal(all[i]->val == NULL, i == 2 || i == 3);
    ag_graph_free(&g);
}

struct late {
    ag_graph g;
    ag_tensor *x;
};

static void take_late(void *context)
{
    struct late *late = context;
    ag_add(&late->g, late->x, late->x, AG_NO_DROPOUT);
}

static void no_op_takes_what_was_forgotten(void **state)
{
    (void)state;
    struct late late;
    struct err e = {0};
    ag_graph_init(&late.g);
    fill();
    late.x = ag_linear(&late.g, ag_leaf(&late.g, 2, shape, numbers[0], grads[0]), ag_input(&late.g, 2, (int[]){C, C}, numbers[1]), NULL);
    ag_forget(&late.g, late.x);
    assert_int_equal(ag_try(take_late, &late, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "add: the value of input 0 was forgotten"));
    ag_graph_free(&late.g);
}

/* ---- scopes ---- */

static void a_scope_gives_back_all_but_its_result(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = ag_input(&g, 2, shape, numbers[0]);
    ag_tensor *expected = chain(&g, x, 30);
    size_t used = g.arena.used;
    for (int layers = 0; layers < 3; layers++) {
        const ag_scope s = ag_scope_begin(&g);
        ag_tensor *y = ag_scope_end(&g, s, chain(&g, x, 30));
        assert_memory_equal(y->val, expected->val, sizeof numbers[0]);
        assert_int_equal(y->rank, 2);
        assert_memory_equal(y->dim, shape, sizeof shape);
        assert_false(y->wants_grad);
        assert_true(g.arena.used - used <= sizeof *y + sizeof numbers[0] + 192);
        used = g.arena.used;
    }
    ag_graph_free(&g);
}

/* A buffer that was given back stands before the tensor whose value it takes. */
static void a_value_before_its_tensor_outlives_the_scope(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = ag_input(&g, 2, shape, numbers[0]), *expected = chain(&g, x, 1);
    const ag_scope s = ag_scope_begin(&g);
    ag_real *buffer = ag_pool_take(&g, ag_size(expected));
    ag_pool_give(&g, buffer);
    ag_tensor *y = chain(&g, x, 1);
    assert_true(y->val == buffer);
    y = ag_scope_end(&g, s, y);
    assert_memory_equal(y->val, expected->val, sizeof numbers[0]);
    ag_graph_free(&g);
}

/* The values of a scope lie in other blocks than its mark: nothing is lost on the way down, and a second pass allocates nothing. */
static void a_scope_works_across_blocks(void **state)
{
    (void)state;
    enum { BIG = 40000 };
    static ag_real big[BIG * C];
    const int rows[] = {BIG, C};
    for (int i = 0; i < BIG * C; i++) big[i] = (ag_real)(i % 17) - 8;
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *x = ag_input(&g, 2, rows, big), *expected = chain(&g, x, 13);
    ag_real *copy = malloc(sizeof big);
    assert_non_null(copy);
    memcpy(copy, expected->val, sizeof big);
    ag_graph_reset(&g);
    ag_graph_free(&g);
    size_t allocations = 0;
    for (int pass = 0; pass < 2; pass++) {
        ag_tensor *y = ag_input(&g, 2, rows, big);
        for (int layer = 0; layer < 13; layer++) {
            const ag_scope s = ag_scope_begin(&g);
            y = chain(&g, y, 1);
            ag_pool_give(&g, ag_pool_take(&g, (size_t)layer * 100000));
            y = ag_scope_end(&g, s, y);
        }
        assert_memory_equal(y->val, copy, sizeof big);
        if (pass == 0) ag_graph_reset(&g);
        if (pass == 0) allocations = g.allocations;
    }
    assert_int_equal(g.allocations, allocations);
    free(copy);
    ag_graph_free(&g);
}

static void scopes_nest(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = ag_input(&g, 2, shape, numbers[0]), *expected = chain(&g, x, 4);
    const size_t used = g.arena.used;
    const ag_scope outer = ag_scope_begin(&g);
    ag_tensor *y = chain(&g, x, 1);
    const ag_scope inner = ag_scope_begin(&g);
    y = ag_scope_end(&g, inner, chain(&g, y, 2));
    y = ag_scope_end(&g, outer, chain(&g, y, 1));
    assert_memory_equal(y->val, expected->val, sizeof numbers[0]);
    assert_true(g.arena.used - used <= sizeof *y + sizeof numbers[0] + 192);
    ag_graph_free(&g);
}

static void a_scope_with_a_tape_does_nothing(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = ag_leaf(&g, 2, shape, numbers[0], grads[0]);
    const ag_scope s = ag_scope_begin(&g);
    ag_tensor *y = chain(&g, x, 5);
    const size_t used = g.arena.used;
    assert_ptr_equal(ag_scope_end(&g, s, y), y);
    assert_int_equal(g.arena.used, used);
    ag_backward(&g, y, numbers[1]);
    ag_graph_free(&g);
}

static void a_result_from_outside_or_with_a_borrowed_value_survives_its_scope(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_tensor *x = chain(&g, ag_input(&g, 2, shape, numbers[0]), 1);
    ag_scope s = ag_scope_begin(&g);
    chain(&g, x, 3);
    assert_ptr_equal(ag_scope_end(&g, s, x), x);
    s = ag_scope_begin(&g);
    chain(&g, x, 3);
    ag_tensor *borrowed = ag_scope_end(&g, s, ag_leaf(&g, 2, shape, numbers[1], grads[1]));
    assert_ptr_equal(borrowed->val, numbers[1]);
    ag_backward(&g, borrowed, numbers[2]);
    assert_memory_equal(grads[1], numbers[2], sizeof grads[1]);
    ag_graph_free(&g);
}

/* A buffer that was made inside a scope died with it: the pool must not give it out again. */
static void the_pool_forgets_what_a_scope_took(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    fill();
    ag_real *old = ag_pool_take(&g, 100);
    ag_pool_give(&g, old);
    const ag_scope s = ag_scope_begin(&g);
    ag_real *inside = ag_pool_take(&g, 300);
    ag_pool_give(&g, inside);
    ag_tensor *y = ag_scope_end(&g, s, chain(&g, ag_input(&g, 2, shape, numbers[0]), 1));
    ag_real *fresh = ag_pool_take(&g, 300);
    assert_true(fresh >= y->val + N * C || fresh + 300 <= y->val);
    assert_ptr_equal(ag_pool_take(&g, 100), old);
    ag_graph_free(&g);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(rewinding_hands_the_same_memory_out_again),
        cmocka_unit_test(a_mark_of_an_empty_arena_is_its_beginning),
        cmocka_unit_test(since_tells_what_came_after_a_mark),
        cmocka_unit_test(mapped_memory_is_aligned_and_zero),
        cmocka_unit_test(a_reset_makes_one_block_in_which_the_same_step_and_an_eighth_more_fit),
        cmocka_unit_test(what_wants_no_gradient_is_not_taped),
        cmocka_unit_test(backward_leaves_out_what_y_does_not_depend_on),
        cmocka_unit_test(gradients_of_two_backwards_add),
        cmocka_unit_test(backward_of_a_leaf_is_its_dy),
        cmocka_unit_test(activation_gradients_go_back_to_the_pool),
        cmocka_unit_test(after_the_largest_step_no_step_allocates),
        cmocka_unit_test(the_pool_gives_the_smallest_buffer_that_fits),
        cmocka_unit_test(what_is_forgotten_is_made_again_to_the_same_bytes),
        cmocka_unit_test(what_cannot_be_made_again_is_kept),
        cmocka_unit_test(no_op_takes_what_was_forgotten),
        cmocka_unit_test(a_scope_gives_back_all_but_its_result),
        cmocka_unit_test(a_value_before_its_tensor_outlives_the_scope),
        cmocka_unit_test(a_scope_works_across_blocks),
        cmocka_unit_test(scopes_nest),
        cmocka_unit_test(a_scope_with_a_tape_does_nothing),
        cmocka_unit_test(a_result_from_outside_or_with_a_borrowed_value_survives_its_scope),
        cmocka_unit_test(the_pool_forgets_what_a_scope_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
