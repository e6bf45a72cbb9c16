/* The test of the test: what is wrong in one known way must be refused, and for the right reason; what is right must pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "suite.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The op under mutation: y = a x + b with a and x [2,3], b [2,3]; each mutant has its forward and a backward of its own. */
static ag_tensor *forward(ag_graph *g, ag_tensor *const *x, const ag_op *op)
{
    ag_tensor *y = ag_node(g, op, 2, x[0]->dim, x);
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = x[0]->val[i] * x[1]->val[i] + x[2]->val[i];
    return y;
}

/* factor[k] scales the contribution to input k; where overwrite, beta is ignored. */
static void contribute(ag_graph *g, ag_tensor *y, const double factor[3], bool overwrite)
{
    for (int k = 0; k < 3; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        for (size_t i = 0; d && i < ag_size(y); i++) {
            const ag_real slope = k == 2 ? 1 : y->in[1 - k]->val[i], share = (ag_real)factor[k] * slope * y->grad[i];
            d[i] = share + (beta != 0 && !overwrite ? d[i] : 0);
        }
    }
}

#define MUTANT(name, overwrite, ...)                                                                                                       \
    static void name##_backward(ag_graph *g, ag_tensor *y)                                                                                 \
    {                                                                                                                                      \
        contribute(g, y, (const double[]){__VA_ARGS__}, overwrite);                                                                        \
    }                                                                                                                                      \
    static const ag_op name##_op = {"mutant", 3, name##_backward};                                                                         \
    static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))                              \
    {                                                                                                                                      \
        return forward(g, x, &name##_op);                                                                                                  \
    }

MUTANT(right, false, 1, 1, 1)
MUTANT(sign, false, -1, 1, 1)
MUTANT(factor_of_10001, false, 1, 1.0001, 1)
MUTANT(missing_term, false, 1, 1, 0)
MUTANT(assigned_for_added, true, 1, 1, 1)
MUTANT(not_a_number, false, 1, NAN, 1)
MUTANT(infinite, false, 1, INFINITY, 1)

/* Assigns nothing: the gradient keeps what its memory held. */
static void unwritten_backward(ag_graph *g, ag_tensor *y)
{
    ag_real beta;
    for (int k = 0; k < 3; k++) ag_grad(g, y->in[k], &beta);
}
static const ag_op unwritten_op = {"mutant", 3, unwritten_backward};
static ag_tensor *unwritten(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    return forward(g, x, &unwritten_op);
}

/* Never asks for a gradient: nobody contributes. */
static void idle_backward(ag_graph *g __attribute__((unused)), ag_tensor *y __attribute__((unused))) {}
static const ag_op idle_op = {"mutant", 3, idle_backward};
static ag_tensor *idle(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    return forward(g, x, &idle_op);
}

/* A right backward of a function that does not move: 0 x. */
static void constant_backward(ag_graph *g, ag_tensor *y)
{
    for (int k = 0; k < 3; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        for (size_t i = 0; d && i < ag_size(y); i++) d[i] = beta != 0 ? d[i] : 0;
    }
}
static const ag_op constant_op = {"mutant", 3, constant_backward};
static ag_tensor *constant(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    ag_tensor *y = ag_node(g, &constant_op, 2, x[0]->dim, x);
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = 1;
    return y;
}

/* Reads what nobody wrote. */
static ag_tensor *reads_unwritten_memory(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    ag_tensor *y = ag_node(g, &right_op, 2, x[0]->dim, x);
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] += x[0]->val[i] * x[1]->val[i] + x[2]->val[i];
    return y;
}

static gradcheck_case case_of(gradcheck_build *build)
{
    return (gradcheck_case){.name = "mutant", .op = "mutant", .build = build, .in = {{OF(LEAF, 2, 3)}, {OF(LEAF, 2, 3)}, {OF(LEAF, 2, 3)}}};
}

static void the_right_one_passes(void **state)
{
    (void)state;
    const gradcheck_case c = case_of(right);
    for (uint32_t seed = 1; seed <= 20; seed++) assert_true(gradcheck(&c, seed).ok);
}

struct mutant {
    gradcheck_build *build;
    int input; /* the one that is refused */
    const char *why;
};

static void a_mutant_is_refused(void **state)
{
    const struct mutant *m = *state;
    const gradcheck_case c = case_of(m->build);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        const gradcheck_report r = gradcheck(&c, seed);
        assert_false(r.ok);
        assert_string_equal(r.why, m->why);
        assert_int_equal(r.input, m->input);
    }
}

static void an_input_called_silent_must_be_silent(void **state)
{
    (void)state;
    gradcheck_case c = case_of(right);
    c.in[1].silent = true;
    const gradcheck_report r = gradcheck(&c, 1);
    assert_false(r.ok);
    assert_string_equal(r.why, "an input that is called silent has a gradient");
    gradcheck_case still = case_of(constant);
    for (int k = 0; k < 3; k++) still.in[k].silent = true;
    assert_true(gradcheck(&still, 1).ok);
}

static void a_row_that_does_not_run_its_op_is_refused(void **state)
{
    (void)state;
    gradcheck_case c = case_of(right);
    c.op = "another";
    const gradcheck_report r = gradcheck(&c, 1);
    assert_false(r.ok);
    assert_string_equal(r.why, "the op that the row is about is not on the tape");
}

static void a_planted_error_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    const gradcheck_case c = case_of(right);
    for (int input = -1; input < 3; input++) {
        assert_int_equal(gradcheck_planted(&c, 1, input, 1.001), REFUSED);
        assert_int_equal(gradcheck_planted(&c, 1, input, 1), ACCEPTED);
    }
    assert_int_equal(gradcheck_planted(&c, 1, 3, 1.001), HARMLESS);
    assert_true(gradcheck(&c, 1).ok);
}

static void a_declared_op_without_a_case_is_named(void **state)
{
    (void)state;
    const gradcheck_case c = case_of(right);
    static const char *const ops[] = {"mutant", "forgotten"};
    assert_null(suite_gap(&(suite){"here", &c, 1, ops, 1}));
    assert_string_equal(suite_gap(&(suite){"here", &c, 1, ops, 2}), "here: op forgotten has no gradient case");
}

static void a_case_of_an_op_that_does_not_exist_is_named(void **state)
{
    (void)state;
    gradcheck_case cases[] = {case_of(right), case_of(right)};
    cases[1].op = "mutent";
    static const char *const ops[] = {"mutant"};
    assert_string_equal(suite_gap(&(suite){"here", cases, 2, ops, 1}), "here: case 'mutant' is about op mutent, which is not declared");
}

static void a_distance_to_or_from_nan_is_nan(void **state)
{
    (void)state;
    const ag_real numbers[] = {1, 2, 3}, first[] = {NAN, 2, 3}, last[] = {1, 2, NAN};
    assert_true(isnan(gradcheck_distance(3, first, numbers)));
    assert_true(isnan(gradcheck_distance(3, numbers, last)));
    assert_true(gradcheck_distance(3, numbers, numbers) == 0);
}

int main(void)
{
    struct err e;
    if (ag_start(1, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    static struct mutant wrong_sign = {sign, 0, "wrong gradient"}, off = {factor_of_10001, 1, "wrong gradient"},
                         missing = {missing_term, 2, "wrong gradient"},
                         assigned = {assigned_for_added, 0, "a second contribution does not add"}, nan = {not_a_number, 1, "not finite"},
                         inf = {infinite, 1, "not finite"}, kept = {unwritten, 0, "not finite"}, lazy = {idle, 0, "wrong gradient"},
                         silent = {constant, 0, "no signal"}, reads = {reads_unwritten_memory, 0, "not finite"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_one_passes),
        {"a_mutant_is_refused: sign", a_mutant_is_refused, NULL, NULL, &wrong_sign},
        {"a_mutant_is_refused: factor of 1.0001", a_mutant_is_refused, NULL, NULL, &off},
        {"a_mutant_is_refused: missing term", a_mutant_is_refused, NULL, NULL, &missing},
        {"a_mutant_is_refused: assigned for added", a_mutant_is_refused, NULL, NULL, &assigned},
        {"a_mutant_is_refused: NaN", a_mutant_is_refused, NULL, NULL, &nan},
        {"a_mutant_is_refused: infinity", a_mutant_is_refused, NULL, NULL, &inf},
        {"a_mutant_is_refused: gradient never written", a_mutant_is_refused, NULL, NULL, &kept},
        {"a_mutant_is_refused: no contribution", a_mutant_is_refused, NULL, NULL, &lazy},
        {"a_mutant_is_refused: no signal", a_mutant_is_refused, NULL, NULL, &silent},
        {"a_mutant_is_refused: reads memory nobody wrote", a_mutant_is_refused, NULL, NULL, &reads},
        cmocka_unit_test(an_input_called_silent_must_be_silent),
        cmocka_unit_test(a_row_that_does_not_run_its_op_is_refused),
        cmocka_unit_test(a_planted_error_is_refused_and_leaves_no_trace),
        cmocka_unit_test(a_declared_op_without_a_case_is_named),
        cmocka_unit_test(a_case_of_an_op_that_does_not_exist_is_named),
        cmocka_unit_test(a_distance_to_or_from_nan_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
