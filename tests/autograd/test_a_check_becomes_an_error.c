/* ag_try: what AG_CHECK says is an error of the innermost try of its thread, and the engine works on after it. */
#include "ag.h"
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fine(void *context)
{
    ++*(int *)context;
}

static void fail_with(void *context)
{
    AG_CHECK(context == NULL, "the widths are %d and %d", 3, *(int *)context);
}

static void what_ends_well_gives_nothing(void **state)
{
    struct err e = {.code = 77};
    int calls = 0;
    (void)state;
    assert_int_equal(ag_try(fine, &calls, &e), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(e.code, 77);
}

static void a_check_is_an_error_with_its_words(void **state)
{
    struct err e = {0};
    int width = 4;
    (void)state;
    assert_int_equal(ag_try(fail_with, &width, &e), ERR_INTERNAL);
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_string_equal(e.text, "the widths are 3 and 4");
}

static void try_in_try(void *context)
{
    struct err inner = {0};
    int width = 5;
    assert_int_equal(ag_try(fail_with, &width, &inner), ERR_INTERNAL);
    assert_string_equal(inner.text, "the widths are 3 and 5");
    fail_with(context);
}

static void the_innermost_try_takes_it_and_the_outer_one_the_next(void **state)
{
    struct err e = {0};
    int width = 6;
    (void)state;
    assert_int_equal(ag_try(try_in_try, &width, &e), ERR_INTERNAL);
    assert_string_equal(e.text, "the widths are 3 and 6");
}

static jmp_buf back;
static void jump(const char *message)
{
    (void)message;
    longjmp(back, 1);
}

static void outside_a_try_the_handler_is_asked_as_before(void **state)
{
    struct err e = {0};
    int width = 7;
    (void)state;
    ag_set_panic_handler(jump);
    assert_int_equal(ag_try(fail_with, &width, &e), ERR_INTERNAL);
    if (setjmp(back) == 0) {
        fail_with(&width);
        fail_msg("the check was passed over");
    }
    ag_set_panic_handler(NULL);
}

struct step {
    ag_graph *graph;
    size_t bytes;
};

static void take_and_fill(void *context)
{
    const struct step *s = context;
    memset(ag_save(s->graph, 1 << 23), 1, 1 << 23);
    memset(ag_save(s->graph, s->bytes), 2, s->bytes);
}

static void after_it_a_graph_is_reset_and_used_again(void **state)
{
    struct err e = {0};
    ag_graph g;
    struct step s = {&g, SIZE_MAX / 4};
    (void)state;
    ag_graph_init(&g);
    for (int k = 0; k < 3; k++) {
        s.bytes = SIZE_MAX / 4;
        assert_int_equal(ag_try(take_and_fill, &s, &e), ERR_INTERNAL);
        if (!strstr(e.text, "out of memory: this step holds ")) fail_msg("%s", e.text);
        ag_graph_reset(&g);
        s.bytes = 1 << 23;
        assert_int_equal(ag_try(take_and_fill, &s, &e), 0);
        ag_graph_reset(&g);
    }
    ag_graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ends_well_gives_nothing),
        cmocka_unit_test(a_check_is_an_error_with_its_words),
        cmocka_unit_test(the_innermost_try_takes_it_and_the_outer_one_the_next),
        cmocka_unit_test(outside_a_try_the_handler_is_asked_as_before),
        cmocka_unit_test(after_it_a_graph_is_reset_and_used_again),
    };
    return cmocka_run_group_tests_name("a check becomes an error", tests, NULL, NULL);
}
