#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "suite.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 3 };

const char *suite_gap(const suite *s)
{
    static char text[256];
    for (int i = 0; i < s->n_ops; i++) {
        bool found = false;
        for (int k = 0; k < s->n_cases; k++) found |= !strcmp(s->ops[i], s->cases[k].op);
        if (found) continue;
        snprintf(text, sizeof text, "%s: op %s has no gradient case", s->area, s->ops[i]);
        return text;
    }
    for (int k = 0; k < s->n_cases; k++) {
        bool found = false;
        for (int i = 0; i < s->n_ops; i++) found |= !strcmp(s->ops[i], s->cases[k].op);
        if (found) continue;
        snprintf(text, sizeof text, "%s: case '%s' is about op %s, which is not declared", s->area, s->cases[k].name, s->cases[k].op);
        return text;
    }
    return NULL;
}

static void start(int threads)
{
    struct err e;
    if (ag_start(threads, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
}

#ifdef AG_DOUBLE

static void every_declared_op_has_a_case(void **state)
{
    const char *gap = suite_gap(*state);
    if (gap) fail_msg("%s", gap);
}

/* A row in which a planted error does no harm proves nothing, so each op must have one in which it is refused. */
static void every_declared_op_has_a_wrong_backward_that_is_refused(void **state)
{
    const suite *s = *state;
    for (int i = 0; i < s->n_ops; i++) {
        bool refused = false;
        for (int k = 0; k < s->n_cases && !refused; k++)
            refused = !strcmp(s->ops[i], s->cases[k].op) && gradcheck_planted(&s->cases[k], 1, -1, 1.001) == REFUSED;
        if (!refused) fail_msg("op %s", s->ops[i]);
    }
}

static void backward_is_the_derivative_of_forward(void **state)
{
    const gradcheck_case *c = *state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        const gradcheck_report r = gradcheck(c, seed);
        if (!r.ok)
            fail_msg("input %d after %d contributions: %s: analytic %.12g, numeric %.12g, relative error %.1e", r.input, r.times, r.why,
                     r.analytic, r.numeric, r.error);
    }
}

static void a_wrong_backward_is_refused(void **state)
{
    const gradcheck_case *c = *state;
    const gradcheck_verdict whole = gradcheck_planted(c, 1, -1, 1.001);
    if (whole == ACCEPTED) fail_msg("a factor of 1.001 on dy is accepted");
    for (int k = 0; k < AG_MAX_IN; k++)
        if (gradcheck_planted(c, 1, k, 1.001) == ACCEPTED)
            fail_msg("a factor of 1.001 on the gradient of the op's input %d is accepted", k);
}

/* Where no input can have a gradient, no backward is wrong. */
static bool has_signal(const gradcheck_case *c)
{
    for (const gradcheck_input *in = c->in; in->kind != NO_INPUT; in++) {
        bool empty = false;
        for (int i = 0; i < in->rank; i++) empty |= in->dim[i] == 0;
        if (in->kind != FIXED && in->kind != FROZEN && !in->silent && !empty) return true;
    }
    return false;
}

static void the_op_equals_its_composition(void **state)
{
    const gradcheck_case *c = *state;
    gradcheck_pass fused, composed;
    gradcheck_run(c, c->build, 1, 1, &fused);
    gradcheck_case plain = *c; /* small ops know no row-sparse gradient: that it equals the dense one is part of the claim */
    for (int k = 0; k < AG_MAX_IN; k++)
        if (plain.in[k].kind == SPARSE) plain.in[k].kind = DENSE;
    gradcheck_run(&plain, c->composition, 1, 1, &composed);
    assert_int_equal(fused.y_size, composed.y_size);
    assert_int_equal(composed.nodes, 0);
    const double y = gradcheck_distance(fused.y_size, fused.y, composed.y);
    if (!(y <= 1e-12)) fail_msg("values differ by %.1e of the largest entry", y);
    for (int k = 0; k < fused.n; k++) {
        if (!fused.grad[k]) continue;
        /* What is silent is 0 but for rounding. */
        const double d = c->in[k].silent ? 0 : gradcheck_distance(fused.size[k], fused.grad[k], composed.grad[k]);
        if (!(d <= 1e-12)) fail_msg("gradients of input %d differ by %.1e of the largest entry", k, d);
    }
    gradcheck_pass_free(&fused);
    gradcheck_pass_free(&composed);
}

#else

static void the_bytes_are_the_same_on_1_to_4_threads(void **state)
{
    const gradcheck_case *c = *state;
    gradcheck_pass first, other;
    start(1);
    gradcheck_run(c, c->build, 1, 2, &first);
    for (int threads = 2; threads <= 4; threads++) {
        start(threads);
        gradcheck_run(c, c->build, 1, 2, &other);
        if (memcmp(first.y, other.y, first.y_size * sizeof(ag_real)) != 0) fail_msg("values on %d threads", threads);
        for (int k = 0; k < first.n; k++)
            if (first.grad[k] && memcmp(first.grad[k], other.grad[k], first.size[k] * sizeof(ag_real)) != 0)
                fail_msg("gradient of input %d on %d threads", k, threads);
        gradcheck_pass_free(&other);
    }
    gradcheck_pass_free(&first);
    start(2);
}

#endif

/* ---- values and gradients as text: a line "case TAB tensor TAB size", then one number a line ---- */

static void write_tensor(FILE *file, const char *row, const char *tensor, size_t n, const ag_real *a)
{
    fprintf(file, "%s\t%s\t%zu\n", row, tensor, n);
    for (size_t i = 0; i < n; i++) fprintf(file, "%.17g\n", (double)a[i]);
}

static int write_all(const suite *suites, int n, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) return perror(path), 1;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < suites[i].n_cases; k++) {
            const gradcheck_case *c = &suites[i].cases[k];
            gradcheck_pass pass;
            gradcheck_run(c, c->build, 1, 1, &pass);
            write_tensor(file, c->name, "y", pass.y_size, pass.y);
            for (int in = 0; in < pass.n; in++) {
                const char name[] = {'d', 'x', (char)('0' + in), 0};
                if (pass.grad[in]) write_tensor(file, c->name, name, pass.size[in], pass.grad[in]);
            }
            gradcheck_pass_free(&pass);
        }
    return fclose(file) ? (perror(path), 1) : 0;
}

/* ---- the tests ---- */

struct tests {
    struct CMUnitTest at[4096];
    size_t n;
};

static void add_test(struct tests *t, const char *claim, const char *row, CMUnitTestFunction function, const void *state)
{
    char *name = NULL;
    if (t->n == sizeof t->at / sizeof *t->at || asprintf(&name, "%s: %s", claim, row) < 0) abort();
    t->at[t->n++] = (struct CMUnitTest){name, function, NULL, NULL, (void *)(uintptr_t)state};
}

int suite_main(const suite *suites, int n, int argc, char **argv)
{
#ifdef AG_DOUBLE
    start(1); /* the float build proves that threads change nothing */
#else
    start(2);
#endif
    if (argc == 3 && !strcmp(argv[1], "write")) return write_all(suites, n, argv[2]);
    static struct tests t;
    for (int i = 0; i < n; i++) {
        const suite *s = &suites[i];
#ifdef AG_DOUBLE
        add_test(&t, "every declared op has a case", s->area, every_declared_op_has_a_case, s);
        add_test(&t, "every declared op has a wrong backward that is refused", s->area,
                 every_declared_op_has_a_wrong_backward_that_is_refused, s);
#endif
        for (int k = 0; k < s->n_cases; k++) {
            const gradcheck_case *c = &s->cases[k];
#ifdef AG_DOUBLE
            add_test(&t, "backward is the derivative of forward", c->name, backward_is_the_derivative_of_forward, c);
            if (has_signal(c)) add_test(&t, "a wrong backward is refused", c->name, a_wrong_backward_is_refused, c);
            if (c->composition) add_test(&t, "the op equals its composition", c->name, the_op_equals_its_composition, c);
#else
            add_test(&t, "the bytes are the same on 1 to 4 threads", c->name, the_bytes_are_the_same_on_1_to_4_threads, c);
#endif
        }
    }
    const int failed = _cmocka_run_group_tests("gradients", t.at, t.n, NULL, NULL);
    for (size_t i = 0; i < t.n; i++) free((char *)(uintptr_t)t.at[i].name);
    return failed;
}
