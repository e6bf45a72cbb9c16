/* The optimizer, the schedule and the norm are PyTorch's, step by step; row-sparse and dense parameters are one; bytes do not depend on the
 * number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ag.h"
#include "kernels.h"
#include "optim.h"
#include "reference.h"
#include "rng.h"

#ifdef AG_DOUBLE
#define PARAMETER_TOLERANCE 1e-10 /* relative to the largest */
#define NORM_TOLERANCE      1e-12
#else
#define PARAMETER_TOLERANCE 2.5e-6
#define NORM_TOLERANCE      2.5e-7
#endif

/* ---- the reference's problem ---- */

enum { PARAMETERS = 3 };
static const char *const NAMES[PARAMETERS] = {"embedding", "block", "bias"};

typedef struct problem {
    const char *prefix; /* of the tensors: "" or "groups." */
    double bias_lr;     /* 0: the same as of all others */
    int group[PARAMETERS];
    bool decay[PARAMETERS];
} problem;

/* What is not in the tensors, as the reference's README states it. */
static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8, DECAY = 0.01, CLIP = 1;
static const problem PLAIN = {"", 0, {0, 0, 0}, {true, true, true}};
static const problem GROUPS = {"groups.", 1e-2, {0, 0, 1}, {true, true, false}};

static const char *tensor(const char *prefix, const char *what, const char *name)
{
    static char text[8][64];
    static int next;
    char *t = text[next++ % 8];
    snprintf(t, sizeof text[0], "%s%s.%s", prefix, what, name);
    return t;
}

static void params_make(ag_params *ps, const problem *of, const struct safetensors *file, ag_role embedding)
{
    ag_params_init(ps);
    for (int i = 0; i < PARAMETERS; i++) {
        const char *name = tensor("", "param", NAMES[i]);
        const struct array *a = reference_array(file, name);
        int dim[AG_MAX_RANK];
        for (int d = 0; d < a->rank; d++) dim[d] = (int)a->dim[d];
        ag_param *p = ag_params_add(ps, NAMES[i], a->rank, dim);
        p->role = i == 0 ? embedding : AG_DENSE;
        p->group = of->group[i];
        p->decay = of->decay[i];
        double *x = reference_double(file, name, NULL);
        ag_real *val = ag_param_own(p);
        for (size_t k = 0; k < p->size; k++) val[k] = (ag_real)x[k];
        free(x);
    }
    ag_params_train(ps, SIZE_MAX);
}

/* As an op would: a sparse parameter gets the rows that are not 0, a step without a gradient leaves has_grad alone. */
static void gradient_put(ag_param *p, const double *x)
{
    bool any = false;
    for (size_t k = 0; k < p->size; k++) any = any || x[k] != 0;
    if (!any) return;
    if (p->role == AG_DENSE) {
        for (size_t k = 0; k < p->size; k++) p->grad[k] = (ag_real)x[k];
        p->has_grad = true;
        return;
    }
    const int C = p->dim[1];
    for (int r = p->dim[0] - 1; r >= 0; r--) {
        bool touched = false;
        for (int c = 0; c < C; c++) touched = touched || x[r * C + c] != 0;
        if (!touched) continue;
        ag_real *row = ag_sparse_row(p, r);
        for (int c = 0; c < C; c++) row[c] += (ag_real)x[r * C + c];
    }
}

static void assert_close(size_t n, const ag_real *x, const double *want, double tolerance, const char *what, size_t step)
{
    const double difference = sizeof(ag_real) == sizeof(double) ? relative_difference(n, x, want) : max_difference(n, x, want);
    if (!(difference <= tolerance)) fail_msg("%s after step %zu: off by %.3g", what, step, difference);
}

static void steps_equal_the_reference(const problem *of, ag_role embedding)
{
    struct safetensors *file = reference_open("adamw.safetensors");
    ag_params ps;
    params_make(&ps, of, file, embedding);
    size_t steps;
    double *lr = reference_double(file, "lr", &steps), *norms = reference_double(file, "norm_before_clip", NULL);
    size_t warmup = 0;
    for (size_t s = 0; s < steps; s++)
        if (lr[s] > lr[warmup]) warmup = s;
    const double base = lr[warmup];
    const ag_group groups[2] = {{base, DECAY}, {of->bias_lr > 0 ? of->bias_lr : base, DECAY}};
    double *gradient[PARAMETERS], *after[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) {
        gradient[i] = reference_double(file, tensor("", "gradient", NAMES[i]), NULL);
        after[i] = reference_double(file, tensor(of->prefix, "after64", NAMES[i]), NULL);
    }
    for (size_t s = 0; s < steps; s++) {
        ag_params_zero_grad(&ps);
        for (int i = 0; i < PARAMETERS; i++) gradient_put(ps.at[i], gradient[i] + s * ps.at[i]->size);
        const double norm = ag_grad_norm(&ps), factor = ag_schedule_linear((int64_t)s, (int64_t)warmup, (int64_t)steps);
        if (!(fabs(norm - norms[s]) <= NORM_TOLERANCE * norms[s])) fail_msg("norm of step %zu is %.9g, not %.9g", s, norm, norms[s]);
        if (!(fabs(base * factor - lr[s]) <= 1e-15)) fail_msg("learning rate of step %zu is %.9g, not %.9g", s, base * factor, lr[s]);
        ag_adamw_step(&ps, groups, 2, factor, (int64_t)s + 1, BETA1, BETA2, EPS, norm, CLIP);
        ag_params_settle(&ps);
        for (int i = 0; i < PARAMETERS; i++)
            assert_close(ps.at[i]->size, ps.at[i]->val, after[i] + s * ps.at[i]->size, PARAMETER_TOLERANCE, NAMES[i], s);
    }
    for (int i = 0; i < PARAMETERS; i++) {
        double *m = reference_double(file, tensor(of->prefix, "m64", NAMES[i]), NULL);
        double *v = reference_double(file, tensor(of->prefix, "v64", NAMES[i]), NULL);
        assert_close(ps.at[i]->size, ps.at[i]->m, m, PARAMETER_TOLERANCE, "m", steps);
        assert_close(ps.at[i]->size, ps.at[i]->v, v, PARAMETER_TOLERANCE, "v", steps);
        free(m);
        free(v);
        free(gradient[i]);
        free(after[i]);
    }
    free(lr);
    free(norms);
    ag_params_free(&ps);
    safetensors_close(file);
}

static void steps_of_one_group_equal_the_reference(void **state)
{
    (void)state;
    steps_equal_the_reference(&PLAIN, AG_DENSE);
}

static void steps_of_one_group_with_a_sparse_embedding_equal_the_reference(void **state)
{
    (void)state;
    steps_equal_the_reference(&PLAIN, AG_SPARSE);
}

static void steps_of_two_groups_equal_the_reference(void **state)
{
    (void)state;
    steps_equal_the_reference(&GROUPS, AG_DENSE);
}

static void steps_of_two_groups_with_a_sparse_embedding_equal_the_reference(void **state)
{
    (void)state;
    steps_equal_the_reference(&GROUPS, AG_SPARSE);
}

/* ---- identities ---- */

enum { ROWS = 2999, C = 37, OTHER = 70001, STEPS = AG_LOG + 6 };

/* An embedding and a parameter of more than one piece, trained for more steps than the log of a row-sparse one has room for; a few rows are
 * touched, in no order, some twice. Before a step a few rows are read, some of them twice, some that were touched and some that never were,
 * every other time through a view. */
enum { READ = 300 };
typedef struct run {
    ag_params ps;
    double norm[STEPS];
    ag_real read[STEPS][READ][C];
} run;

static void read_rows(ag_param *table, int s, ag_real to[READ][C])
{
    int32_t row[READ];
    for (int i = 0; i < READ; i++) row[i] = (i * 29 + s / 2 + i / 100) % ROWS;
    ag_graph g;
    ag_graph_init(&g);
    memcpy(to, ag_gather(&g, ag_use(&g, table), READ, row)->val, READ * sizeof *to);
    ag_graph_free(&g);
}

/* form NULL: the best one. */
static void run_make(run *of, int threads, const ag_kernels *form, ag_role embedding, double decay, double clip)
{
    struct err e = {0};
    assert_int_equal(ag_start(threads, &e), 0);
    if (form) ag_k = form;
    ag_params *ps = &of->ps;
    ag_params_init(ps);
    struct rng r = rng_stream(3, RNG_TEST, 0);
    for (int i = 0; i < 2; i++) {
        ag_param *p = ag_params_add(ps, i == 0 ? "table" : "other", i == 0 ? 2 : 1, i == 0 ? (const int[]){ROWS, C} : (const int[]){OTHER});
        p->role = i == 0 ? embedding : AG_DENSE;
        p->decay = true;
        ag_real *val = ag_param_own(p);
        for (size_t k = 0; k < p->size; k++) val[k] = (ag_real)rng_normal(&r);
    }
    ag_params_train(ps, 200);
    ag_params views;
    ag_params_init(&views);
    ag_param *seen = ag_params_add(&views, "table", 2, (const int[]){ROWS, C});
    ag_param_view(seen, ps->at[0]);
    for (int s = 0; s < STEPS; s++) {
        ag_params_zero_grad(ps);
        ag_param *table = ps->at[0], *other = ps->at[1];
        read_rows(s % 2 ? seen : table, s, of->read[s]);
        if (embedding == AG_DENSE) memset(table->grad, 0, table->size * sizeof *table->grad);
        table->has_grad = embedding == AG_DENSE;
        for (int touch = 0; touch < 200; touch++) {
            const int row = (int)rng_below(&r, 100) * 29 + s;
            ag_real *g = embedding == AG_DENSE ? table->grad + (size_t)row * C : ag_sparse_row(table, row);
            for (int c = 0; c < C; c++) g[c] += (ag_real)rng_normal(&r);
        }
        for (size_t k = 0; k < other->size; k++) other->grad[k] = (ag_real)rng_normal(&r);
        other->has_grad = true;
        of->norm[s] = ag_grad_norm(ps);
        ag_adamw_step(ps, &(ag_group){1e-2, decay}, 1, ag_schedule_linear(s, 2, STEPS), s + 1, BETA1, BETA2, EPS, of->norm[s], clip);
    }
    ag_params_settle(ps);
    ag_params_free(&views);
}

static void assert_same_bytes(const ag_params *a, const ag_params *b)
{
    assert_int_equal(a->block_size, b->block_size);
    const size_t bytes = a->block_size * sizeof(ag_real);
    assert_memory_equal(a->block_val, b->block_val, bytes);
    assert_memory_equal(a->block_m, b->block_m, bytes);
    assert_memory_equal(a->block_v, b->block_v, bytes);
}

static void bytes_do_not_depend_on_the_number_of_threads(void **state)
{
    (void)state;
    for (int role = AG_DENSE; role <= AG_SPARSE; role++) {
        static run one, more;
        run_make(&one, 1, NULL, (ag_role)role, DECAY, CLIP);
        for (int threads = 2; threads <= 4; threads++) {
            run_make(&more, threads, NULL, (ag_role)role, DECAY, CLIP);
            assert_memory_equal(one.norm, more.norm, sizeof one.norm);
            assert_memory_equal(one.read, more.read, sizeof one.read);
            assert_same_bytes(&one.ps, &more.ps);
            ag_params_free(&more.ps);
        }
        ag_params_free(&one.ps);
    }
}

/* To the bit in every form where no clipping brings in the norm, whose order of summation differs; also where rows without a touch are
 * passed over. */
static void a_sparse_embedding_is_a_dense_one(void **state)
{
    (void)state;
    static run dense, sparse;
    for (int row = 0; ag_kernel_forms()[row / 2]; row++) {
        const double decay = row % 2 ? DECAY : 0;
        run_make(&dense, 2, ag_kernel_forms()[row / 2], AG_DENSE, decay, 0);
        run_make(&sparse, 2, ag_kernel_forms()[row / 2], AG_SPARSE, decay, 0);
        for (int s = 0; s < STEPS; s++)
            if (!(fabs(dense.norm[s] - sparse.norm[s]) <= 1e-12 * dense.norm[s]))
                fail_msg("norms %.17g and %.17g", dense.norm[s], sparse.norm[s]);
        assert_memory_equal(dense.read, sparse.read, sizeof dense.read);
        assert_same_bytes(&dense.ps, &sparse.ps);
        ag_params_free(&dense.ps);
        ag_params_free(&sparse.ps);
    }
}

/* ---- one parameter ---- */

static ag_param *one_param(ag_params *ps, ag_role role, const ag_real *val)
{
    ag_params_init(ps);
    ag_param *p = ag_params_add(ps, "p", 2, (const int[]){3, 2});
    p->role = role;
    p->decay = true;
    ag_param_borrow(p, val);
    ag_params_train(ps, 3);
    return p;
}

static const ag_real SIX[6] = {1, 2, 3, -4, -5, -6};

static void without_a_contribution_moments_and_weights_decay(void **state)
{
    (void)state;
    for (int role = AG_DENSE; role <= AG_SPARSE; role++) {
        ag_params ps;
        ag_param *p = one_param(&ps, (ag_role)role, SIX);
        p->m[1] = p->v[1] = p->v[2] = p->m[4] = 1;  /* one row with both, one with each alone */
        memset(p->grad, 0xff, 6 * sizeof *p->grad); /* NaN, which must not be read */
        ag_params_zero_grad(&ps);
        assert_true(ag_grad_norm(&ps) == 0);
        ag_adamw_step(&ps, &(ag_group){0.5, 0.1}, 1, 1, 1, BETA1, BETA2, EPS, 0, CLIP);
        ag_params_settle(&ps);
        for (int i = 0; i < 6; i++) {
            const double m = i == 1 || i == 4 ? BETA1 : 0, v = i == 1 || i == 2 ? BETA2 : 0,
                         step = 0.5 / (1 - BETA1) * m / (sqrt(v / (1 - BETA2)) + EPS);
            assert_true(fabs((double)p->m[i] - m) <= 1e-7 && fabs((double)p->v[i] - v) <= 1e-7);
            const double want = (double)SIX[i] * 0.95 - step;
            assert_true(fabs((double)p->val[i] - want) <= 1e-6 * (1 + fabs(want)));
        }
        ag_params_free(&ps);
    }
}

static void the_norm_of_a_gradient_that_is_not_finite_is_not_finite(void **state)
{
    (void)state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int role = AG_DENSE; role <= AG_SPARSE; role++) {
        for (int b = 0; b < 3; b++) {
            ag_params ps;
            ag_param *p = one_param(&ps, (ag_role)role, SIX);
            ag_real *g = role == AG_SPARSE ? ag_sparse_row(p, 2) : p->grad;
            if (role == AG_DENSE) memset(g, 0, 6 * sizeof *g);
            p->has_grad = true;
            g[1] = (ag_real)bad[b];
            const double norm = ag_grad_norm(&ps);
            if (isfinite(norm)) fail_msg("the norm over %g is %g", bad[b], norm);
            ag_params_free(&ps);
        }
    }
}

static void a_frozen_parameter_stays(void **state)
{
    (void)state;
    ag_params ps;
    ag_param *p = one_param(&ps, AG_FROZEN, SIX);
    assert_true(p->val == SIX && !p->grad && !p->m && ps.block_size == 0);
    assert_true(ag_grad_norm(&ps) == 0);
    ag_adamw_step(&ps, &(ag_group){0.5, 0.1}, 1, 1, 1, BETA1, BETA2, EPS, 0, CLIP);
    ag_params_free(&ps);
}

static void the_cosine_rises_in_a_line_and_falls_in_half_a_wave(void **state)
{
    (void)state;
    assert_true(ag_schedule_cosine(0, 4, 10) == 0);
    assert_true(ag_schedule_cosine(1, 4, 10) == 0.25);
    assert_true(ag_schedule_cosine(4, 4, 10) == 1);
    assert_true(fabs(ag_schedule_cosine(6, 4, 10) - 0.75) <= 1e-15);
    assert_true(fabs(ag_schedule_cosine(7, 4, 10) - 0.5) <= 1e-15);
    assert_true(fabs(ag_schedule_cosine(8, 4, 10) - 0.25) <= 1e-15);
    assert_true(ag_schedule_cosine(0, 0, 10) == 1);
    for (int64_t s = 5; s < 10; s++) assert_true(ag_schedule_cosine(s, 4, 10) < ag_schedule_cosine(s - 1, 4, 10));
}

static void the_schedule_rises_and_falls_in_straight_lines(void **state)
{
    (void)state;
    assert_true(ag_schedule_linear(0, 4, 10) == 0);
    assert_true(ag_schedule_linear(1, 4, 10) == 0.25);
    assert_true(ag_schedule_linear(4, 4, 10) == 1);
    assert_true(ag_schedule_linear(7, 4, 10) == 0.5);
    assert_true(ag_schedule_linear(0, 0, 10) == 1);
    assert_true(ag_schedule_linear(9, 10, 10) == 0.9);
}

int main(void)
{
    struct err e = {0};
    if (ag_start(2, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_one_group_equal_the_reference),
        cmocka_unit_test(steps_of_one_group_with_a_sparse_embedding_equal_the_reference),
        cmocka_unit_test(steps_of_two_groups_equal_the_reference),
        cmocka_unit_test(steps_of_two_groups_with_a_sparse_embedding_equal_the_reference),
        cmocka_unit_test(bytes_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_sparse_embedding_is_a_dense_one),
        cmocka_unit_test(without_a_contribution_moments_and_weights_decay),
        cmocka_unit_test(the_norm_of_a_gradient_that_is_not_finite_is_not_finite),
        cmocka_unit_test(a_frozen_parameter_stays),
        cmocka_unit_test(the_schedule_rises_and_falls_in_straight_lines),
        cmocka_unit_test(the_cosine_rises_in_a_line_and_falls_in_half_a_wave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
