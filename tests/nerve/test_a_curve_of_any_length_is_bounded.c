/* Curves: short ones are kept as they are, long ones thinned without losing a peak, numbers that are none left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "curve.h"
#include <cmocka.h>
#include <math.h>
#include <string.h>

static struct curve c;

static int start(void **state)
{
    (void)state;
    memset(&c, 0, sizeof c);
    return 0;
}

static void points_that_fit_are_kept_as_they_are(void **state)
{
    (void)state;
    for (int i = 0; i < CURVE_POINTS; i++) curve_add(&c, i, i % 7);
    assert_int_equal(c.used, CURVE_POINTS);
    for (int i = 0; i < CURVE_POINTS; i++) {
        assert_true(c.points[i].x == i && c.points[i].y == i % 7 && c.points[i].low == i % 7 && c.points[i].high == i % 7);
        assert_int_equal(c.points[i].n, 1);
    }
}

static void a_long_curve_is_thinned_evenly_and_keeps_count_mean_and_order(void **state)
{
    enum { N = 100003 };
    double sum = 0;
    int64_t n = 0;
    (void)state;
    for (int i = 0; i < N; i++) curve_add(&c, i, i);
    assert_in_range(c.used, CURVE_POINTS / 2, CURVE_POINTS);
    for (size_t i = 0; i < c.used; i++) {
        const struct curve_point *p = &c.points[i];
        n += p->n;
        if (i + 1 < c.used) assert_int_equal(p->n, c.points[0].n);
        sum += (double)p->n * p->y;
        if (!(fabs(p->x - p->y) <= 1e-6)) fail_msg("point %zu stands at %g with %g", i, p->x, p->y);
        if (i && !(p->low == c.points[i - 1].high + 1))
            fail_msg("point %zu begins at %g, the one before ends at %g", i, p->low, c.points[i - 1].high);
    }
    assert_int_equal(n, N);
    if (!(fabs(sum / N - (N - 1) / 2.0) <= 1e-6 * N)) fail_msg("mean %g", sum / N);
}

static void a_single_peak_of_a_long_curve_is_not_lost(void **state)
{
    double high = 0, low = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) curve_add(&c, i, i == 71234 ? 1000 : i == 5 ? -1000 : 1);
    for (size_t i = 0; i < c.used; i++) {
        high = fmax(high, c.points[i].high);
        low = fmin(low, c.points[i].low);
    }
    assert_true(high == 1000 && low == -1000);
}

static void numbers_that_are_not_finite_are_left_out(void **state)
{
    const double none[] = {NAN, INFINITY, -INFINITY, 1e300};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        curve_add(&c, none[i], 1);
        curve_add(&c, 1, none[i]);
    }
    assert_int_equal(c.used, 0);
}

static void a_smoothed_constant_is_the_constant(void **state)
{
    double smooth[CURVE_POINTS];
    (void)state;
    for (int i = 0; i < 1000; i++) curve_add(&c, i, 0.25);
    curve_smooth(&c, smooth);
    for (size_t i = 0; i < c.used; i++)
        if (!(fabs(smooth[i] - 0.25) <= 1e-12)) fail_msg("%g at point %zu", smooth[i], i);
}

static void smoothing_takes_noise_away_and_leaves_the_trend(void **state)
{
    double smooth[CURVE_POINTS];
    (void)state;
    for (int i = 0; i < 400; i++) curve_add(&c, i, i + (i % 2 ? 50 : -50));
    curve_smooth(&c, smooth);
    for (size_t i = 40; i < 360; i++)
        if (!(fabs(smooth[i] - (double)i) <= 0.5)) fail_msg("%g at point %zu", smooth[i], i);
}

static void one_point_is_its_own_smoothed_line(void **state)
{
    double smooth[CURVE_POINTS];
    (void)state;
    curve_add(&c, 3, 4);
    curve_smooth(&c, smooth);
    assert_true(smooth[0] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(points_that_fit_are_kept_as_they_are, start),
        cmocka_unit_test_setup(a_long_curve_is_thinned_evenly_and_keeps_count_mean_and_order, start),
        cmocka_unit_test_setup(a_single_peak_of_a_long_curve_is_not_lost, start),
        cmocka_unit_test_setup(numbers_that_are_not_finite_are_left_out, start),
        cmocka_unit_test_setup(a_smoothed_constant_is_the_constant, start),
        cmocka_unit_test_setup(smoothing_takes_noise_away_and_leaves_the_trend, start),
        cmocka_unit_test_setup(one_point_is_its_own_smoothed_line, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
