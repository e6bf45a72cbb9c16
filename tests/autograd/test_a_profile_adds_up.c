/* A profile gives every moment between start and stop to exactly one row. The clock here moves by one second each time it is asked, so
 * that what a row has is a whole number and the sum is exact. */
#include "profile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static double seconds;
static double ticking(void)
{
    return seconds += 1;
}

static const ag_profile_row *row(const ag_profile *p, const char *name)
{
    for (int k = 0; k < p->n; k++)
        if (strcmp(p->row[k].name, name) == 0) return &p->row[k];
    fail_msg("the profile has no row '%s'", name);
    return NULL;
}

static double sum(const ag_profile *p)
{
    double s = 0;
    for (int k = 0; k < p->n; k++) s += p->row[k].seconds[AG_FORWARD] + p->row[k].seconds[AG_BACKWARD];
    return s;
}

/* One step: two additions, forward and backward, between two phases. */
static void step(ag_graph *g)
{
    ag_real x[6] = {1, 2, 3, 4, 5, 6}, dx[6];
    const ag_dropout none = {0};
    ag_graph_reset(g);
    ag_profile_phase(g, "before");
    ag_profile_phase(g, NULL);
    ag_tensor *leaf = ag_leaf(g, 2, (int[]){2, 3}, x, dx);
    ag_tensor *y = ag_add(g, ag_add(g, leaf, leaf, none), leaf, none);
    const ag_real dy[6] = {1, 1, 1, 1, 1, 1};
    ag_backward(g, y, dy);
    ag_profile_phase(g, "after");
}

static void rows_add_up_to_the_whole(void **state)
{
    (void)state;
    ag_graph g;
    ag_profile p = {.clock = ticking};
    ag_graph_init(&g);
    g.profile = &p;
    for (int k = 0; k < 3; k++) {
        ag_profile_start(&p);
        step(&g);
        ag_profile_stop(&p);
        seconds += 1000; /* between stop and start nothing counts */
    }
    assert_true(p.seconds > 0 && p.seconds < 1000);
    assert_true(sum(&p) == p.seconds);
    ag_graph_free(&g);
}

static void ops_are_told_apart_from_phases_and_forward_from_backward(void **state)
{
    (void)state;
    ag_graph g;
    ag_profile p = {.clock = ticking};
    ag_graph_init(&g);
    g.profile = &p;
    ag_profile_start(&p);
    step(&g);
    step(&g);
    ag_profile_stop(&p);
    const ag_profile_row *add = row(&p, "add"), *before = row(&p, "before"), *after = row(&p, "after");
    assert_true(add->is_op && !before->is_op && !after->is_op && !row(&p, "other")->is_op);
    assert_int_equal(add->calls, 4);
    assert_true(add->seconds[AG_FORWARD] == 4 && add->seconds[AG_BACKWARD] == 4); /* until the clock is asked again, once each */
    assert_true(before->seconds[AG_FORWARD] == 2 && before->seconds[AG_BACKWARD] == 0);
    assert_true(after->seconds[AG_FORWARD] == 2); /* until the next step's phase, and until stop */
    assert_true(before->calls == 0);
    ag_graph_free(&g);
}

static void without_a_profile_no_phase_is_noted(void **state)
{
    (void)state;
    ag_graph g;
    ag_graph_init(&g);
    const double before = seconds;
    step(&g);
    assert_true(seconds == before && g.profile == NULL);
    ag_graph_free(&g);
}

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    return ag_start(1, &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_add_up_to_the_whole),
        cmocka_unit_test(ops_are_told_apart_from_phases_and_forward_from_backward),
        cmocka_unit_test(without_a_profile_no_phase_is_noted),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
