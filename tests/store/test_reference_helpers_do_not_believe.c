/* The helpers of the comparisons themselves: a NaN, an empty comparison and an all-zero reference give NaN, which no tolerance accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "reference.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static void the_largest_difference_is_found_wherever_it_is(void **state)
{
    (void)state;
    const double r[] = {1, -4, 2};
    for (int at = 0; at < 3; at++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            float x[] = {1, -4, 2};
            double y[] = {1, -4, 2};
            x[at] += (float)sign * 0.5f;
            y[at] += sign * 0.5;
            assert_true(max_difference(3, x, r) == 0.5);
            assert_true(max_difference(3, y, r) == 0.5);
            assert_true(relative_difference(3, x, r) == 0.125);
            assert_true(relative_difference(3, y, r) == 0.125);
        }
    }
}

static void equal_values_differ_by_zero(void **state)
{
    (void)state;
    const double r[] = {0, 3};
    const float x[] = {0, 3};
    assert_true(max_difference(2, x, r) == 0);
    assert_true(relative_difference(2, x, r) == 0);
}

static void a_nan_anywhere_is_not_accepted(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        double r[] = {1, 2, 3};
        float x[] = {1, 2, 3};
        x[at] = NAN;
        assert_true(!(max_difference(3, x, r) <= INFINITY));
        assert_true(!(relative_difference(3, x, r) <= INFINITY));
        x[at] = 1;
        r[at] = (double)NAN;
        assert_true(!(max_difference(3, x, r) <= INFINITY));
        assert_true(!(relative_difference(3, x, r) <= INFINITY));
        const double y[] = {1, 2, 3};
        assert_true(!(max_difference(3, y, r) <= INFINITY));
        assert_true(!(relative_difference(3, y, r) <= INFINITY));
    }
}

static void to_compare_nothing_is_not_accepted(void **state)
{
    (void)state;
    const float x = 0;
    const double r = 0;
    assert_true(!(max_difference(0, &x, &r) <= INFINITY));
    assert_true(!(relative_difference(0, &x, &r) <= INFINITY));
}

static void a_reference_of_zeros_has_no_relative_difference(void **state)
{
    (void)state;
    const double r[] = {0, 0};
    assert_true(!(relative_difference(2, ((float[]){0, 0}), r) <= INFINITY));
    assert_true(!(relative_difference(2, ((float[]){0, 1}), r) <= 1e30));
}

static void paths_stay_while_a_few_more_are_asked_for(void **state)
{
    (void)state;
    const char *first = reference_path("a"), *second = reference_path("b"), *folder = reference_path("");
    assert_string_not_equal(first, second);
    assert_string_equal(folder, getenv("NERVE_REFERENCE"));
    assert_string_not_equal(shared_path("a"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_difference_is_found_wherever_it_is),
        cmocka_unit_test(equal_values_differ_by_zero),
        cmocka_unit_test(a_nan_anywhere_is_not_accepted),
        cmocka_unit_test(to_compare_nothing_is_not_accepted),
        cmocka_unit_test(a_reference_of_zeros_has_no_relative_difference),
        cmocka_unit_test(paths_stay_while_a_few_more_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
