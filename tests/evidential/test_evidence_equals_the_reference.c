/* Losses, fusion and uncertainty are those computed with 50 digits. Tolerances are those of the reference's README. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "real.h"
#include "uncertainty.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double tolerance(double in_float, double in_double)
{
    return DOUBLE_BUILD ? in_double : in_float;
}

static void *room(size_t n, size_t size)
{
    void *a = calloc(n + 1, size);
    if (!a) abort();
    return a;
}

/* Each |x - sign r| is at most allowed * yard[i]; yard NULL: |r|. x is every stride-th element. */
static void each_within(const char *what, size_t n, const ag_real *x, double sign, const double *r, const double *yard, double allowed)
{
    double worst = 0;
    size_t at = 0;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)x[i] - sign * r[i]), size = yard ? yard[i] : fabs(r[i]), ratio = off == 0 ? 0 : off / size;
        if (!(ratio <= worst)) worst = ratio, at = i;
    }
    if (!(worst <= allowed)) fail_msg("%s: off by %.2e of its yardstick at %zu (%.9g), allowed are %.1e", what, worst, at, r[at], allowed);
}

static void each_close(const struct safetensors *s, const char *tensor, size_t n, const ag_real *x, double sign, const char *yard,
                       double allowed)
{
    size_t size;
    double *r = reference_double(s, tensor, &size), *y = yard ? reference_double(s, yard, NULL) : NULL;
    assert_int_equal(size, n);
    each_within(tensor, n, x, sign, r, y, allowed);
    free(r);
    free(y);
}

static void one_close(const char *what, double x, double r, double allowed)
{
    if (!(fabs(x - r) <= allowed * fabs(r))) fail_msg("%s: %.17g, expected is %.17g", what, x, r);
}

/* ---- one belief: likelihood, regulariser, uncertainty ---- */

/* Row i of the reference as word i with two tags: the first tag's target is 0, so that gamma - y stands for gamma; the second tag is the
 * word's and weighs nothing. */
struct rows {
    struct safetensors *file;
    int N;
    ag_real *belief, *grad, *ones;
    int32_t *start, *tags;
    ag_real weight[4];
};

static struct rows rows_open(void)
{
    struct rows r = {.file = reference_open("nig.safetensors"), .weight = {0, 0, 1, 0}};
    size_t n;
    double *y = reference_double(r.file, "y", &n);
    r.N = (int)n;
    r.belief = room(8 * n, sizeof *r.belief);
    r.grad = room(8 * n, sizeof *r.grad);
    r.ones = room(n, sizeof *r.ones);
    r.start = room(n + 1, sizeof *r.start);
    r.tags = room(n, sizeof *r.tags);
    static const char *const planes[] = {"gamma", "nu", "alpha", "beta"};
    for (size_t p = 0; p < EVI_PLANES; p++) {
        double *x = reference_double(r.file, planes[p], NULL);
        for (size_t i = 0; i < n; i++) {
            r.belief[2 * (p * n + i)] = (ag_real)(p == EVI_GAMMA ? x[i] - y[i] : x[i]);
            r.belief[2 * (p * n + i) + 1] = 2;
        }
        free(x);
    }
    for (size_t i = 0; i < n; i++) {
        r.ones[i] = 1;
        r.tags[i] = 1;
        r.start[i + 1] = (int32_t)(i + 1);
    }
    free(y);
    return r;
}

static void rows_close(struct rows *r)
{
    safetensors_close(r->file);
    free(r->belief);
    free(r->grad);
    free(r->ones);
    free(r->start);
    free(r->tags);
}

typedef ag_tensor *loss(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight);

/* The loss of each row; the gradients of the first tag go to planes [4,N]. */
static ag_tensor *loss_of_rows(ag_graph *g, const struct rows *r, loss *of, ag_real *planes)
{
    const int dim[] = {EVI_PLANES, r->N, 2};
    ag_tensor *y = of(g, ag_leaf(g, 3, dim, r->belief, r->grad), (evi_words){r->N, r->start, r->tags, NULL}, r->weight);
    ag_backward(g, y, r->ones);
    for (int i = 0; i < EVI_PLANES * r->N; i++) {
        planes[i] = r->grad[2 * i];
        assert_true(r->grad[2 * i + 1] == 0);
    }
    return y;
}

static void the_likelihood_and_its_gradients(void **state)
{
    (void)state;
    struct rows r = rows_open();
    const size_t n = (size_t)r.N;
    ag_graph g;
    ag_graph_init(&g);
    ag_real *d = room(EVI_PLANES * n, sizeof *d);
    const ag_real *nll = loss_of_rows(&g, &r, evi_nig_nll, d)->val;
    const double allowed = tolerance(1.5e-6, 1e-9), of_entry = tolerance(1e-6, 1e-10);
    each_close(r.file, "nll", n, nll, 1, "nll.terms", allowed);
    each_close(r.file, "student_t_logpdf", n, nll, -1, "nll.terms", allowed);
    each_close(r.file, "d_gamma", n, d + EVI_GAMMA * n, 1, NULL, of_entry);
    each_close(r.file, "d_y", n, d + EVI_GAMMA * n, -1, NULL, of_entry);
    each_close(r.file, "d_nu", n, d + EVI_NU * n, 1, "d_nu.terms", allowed);
    each_close(r.file, "d_alpha", n, d + EVI_ALPHA * n, 1, "d_alpha.terms", allowed);
    each_close(r.file, "d_beta", n, d + EVI_BETA * n, 1, "d_beta.terms", allowed);
    free(d);
    ag_graph_free(&g);
    rows_close(&r);
}

static void the_regulariser_and_its_gradients(void **state)
{
    (void)state;
    struct rows r = rows_open();
    const size_t n = (size_t)r.N;
    ag_graph g;
    ag_graph_init(&g);
    ag_real *d = room(EVI_PLANES * n, sizeof *d);
    const double of_entry = tolerance(1e-6, 1e-10);
    each_close(r.file, "reg", n, loss_of_rows(&g, &r, evi_nig_regulariser, d)->val, 1, NULL, of_entry);
    each_close(r.file, "dreg_gamma", n, d + EVI_GAMMA * n, 1, NULL, of_entry);
    each_close(r.file, "dreg_y", n, d + EVI_GAMMA * n, -1, NULL, of_entry);
    each_close(r.file, "dreg_nu", n, d + EVI_NU * n, 1, NULL, of_entry);
    each_close(r.file, "dreg_alpha", n, d + EVI_ALPHA * n, 1, NULL, of_entry);
    for (size_t i = 0; i < n; i++) assert_true(d[EVI_BETA * n + i] == 0);
    free(d);
    ag_graph_free(&g);
    rows_close(&r);
}

static void the_uncertainty_of_a_word(void **state)
{
    (void)state;
    struct rows r = rows_open();
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *belief = ag_input(&g, 3, (const int[]){EVI_PLANES, r.N, 2}, r.belief);
    double *aleatoric = reference_double(r.file, "aleatoric", NULL), *epistemic = reference_double(r.file, "epistemic", NULL),
           *scale = reference_double(r.file, "scale", NULL);
    static const int32_t first_tag[] = {0};
    for (int i = 0; i < r.N; i++) { /* in double in either build */
        const evi_uncertainty u = evi_uncertainty_of(belief, i, 1, first_tag);
        one_close("aleatoric", u.aleatoric, aleatoric[i], 1e-12);
        one_close("epistemic", u.epistemic, epistemic[i], 1e-12);
        one_close("scale", u.predictive_scale, scale[i], 1e-12);
    }
    free(aleatoric);
    free(epistemic);
    free(scale);
    ag_graph_free(&g);
    rows_close(&r);
}

/* ---- fusion of beliefs: problems m2., m3., ... as many as there are ---- */

struct problem {
    struct safetensors *file;
    int M, N;
    ag_real *belief[AG_MAX_IN], *grad[AG_MAX_IN]; /* [4,N,1] */
};

static const char *const PLANE[] = {"gamma", "nu", "alpha", "beta"};

static bool problem_open(int M, struct problem *p)
{
    *p = (struct problem){.file = reference_open("monig.safetensors"), .M = M};
    if (!safetensors_find(p->file, named("m%d.gamma", M))) {
        safetensors_close(p->file);
        return false;
    }
    assert_int_equal(reference_dim(p->file, named("m%d.gamma", M), 0), M);
    const size_t n = reference_dim(p->file, named("m%d.gamma", M), 1);
    p->N = (int)n;
    for (int m = 0; m < M; m++) {
        p->belief[m] = room(EVI_PLANES * n, sizeof(ag_real));
        p->grad[m] = room(EVI_PLANES * n, sizeof(ag_real));
    }
    for (size_t k = 0; k < EVI_PLANES; k++) {
        ag_real *x = reference_real(p->file, named("m%d.%s", M, PLANE[k]), NULL);
        for (int m = 0; m < M; m++) memcpy(p->belief[m] + k * n, x + (size_t)m * n, n * sizeof *x);
        free(x);
    }
    return true;
}

static void problem_close(struct problem *p)
{
    for (int m = 0; m < p->M; m++) {
        free(p->belief[m]);
        free(p->grad[m]);
    }
    safetensors_close(p->file);
}

static ag_tensor *fuse(ag_graph *g, struct problem *p, bool vacuous_neutral)
{
    ag_tensor *belief[AG_MAX_IN];
    for (int m = 0; m < p->M; m++) belief[m] = ag_leaf(g, 3, (const int[]){EVI_PLANES, p->N, 1}, p->belief[m], p->grad[m]);
    return evi_monig_fuse(g, p->M, belief, NULL, vacuous_neutral);
}

static void fused_values_of(struct problem *p)
{
    const size_t n = (size_t)p->N;
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *y = fuse(&g, p, false);
    for (size_t k = 0; k < EVI_PLANES; k++) {
        const char *tensor = named("m%d.fused.%s", p->M, PLANE[k]);
        if (k == EVI_GAMMA)
            assert_near(p->file, tensor, n, y->val, tolerance(2e-6, 1e-10));
        else
            each_close(p->file, tensor, n, y->val + k * n, 1, NULL, tolerance(1e-6, 1e-10));
    }
    each_close(p->file, named("m%d.fused.alpha_vacuous_neutral", p->M), n, fuse(&g, p, true)->val + EVI_ALPHA * n, 1, NULL,
               tolerance(1e-6, 1e-10));

    double *aleatoric = reference_double(p->file, named("m%d.fused.aleatoric", p->M), NULL),
           *epistemic = reference_double(p->file, named("m%d.fused.epistemic", p->M), NULL),
           *conflict = reference_double(p->file, named("m%d.conflict", p->M), NULL),
           *share = reference_double(p->file, named("m%d.share", p->M), NULL);
    for (int i = 0; i < p->N; i++) {
        static const int32_t only_tag[] = {0};
        const evi_uncertainty u = evi_uncertainty_of(y, i, 1, only_tag);
        one_close("aleatoric", u.aleatoric, aleatoric[i], tolerance(1e-6, 1e-10));
        one_close("epistemic", u.epistemic, epistemic[i], tolerance(1e-6, 1e-10));
        evi_nig x[AG_MAX_IN];
        double largest = 0, nu = 0;
        for (int m = 0; m < p->M; m++) {
            ag_tensor *belief = ag_input(&g, 3, (const int[]){EVI_PLANES, p->N, 1}, p->belief[m]);
            x[m] = evi_nig_at(belief, i, 0);
            largest = fmax(largest, fabs(x[m].gamma));
            nu += x[m].nu;
            one_close("share", evi_visual_share_of(belief, y, i, 1, only_tag), share[m * p->N + i], tolerance(1e-6, 1e-10));
        }
        /* Where all agree it is 0 but for rounding of gammas of this size. */
        const double off = fabs(evi_conflict(p->M, x) - conflict[i]);
        if (!(off <= 1e-12 * conflict[i] + nu * 1e-28 * largest * largest))
            fail_msg("conflict of row %d is off by %g of %g", i, off, conflict[i]);
    }
    free(aleatoric);
    free(epistemic);
    free(conflict);
    free(share);
    ag_graph_free(&g);
}

/* Against the size of each gradient's terms: with c the cotangent and |g| = |gamma_m| + |gamma|,
 *   gamma_m  |c_gamma| nu_m / nu + |c_beta| nu_m |g|        nu_m  |c_gamma| |g| / nu + |c_nu| + 1/2 |c_beta| |g|^2
 *   alpha_m  |c_alpha|                                      beta_m  |c_beta| */
static void gradients_of(struct problem *p)
{
    const size_t n = (size_t)p->N;
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *y = fuse(&g, p, false);
    double *c[EVI_PLANES], *r[EVI_PLANES], *yard[EVI_PLANES];
    ag_real *dy = room(EVI_PLANES * n, sizeof *dy);
    for (size_t k = 0; k < EVI_PLANES; k++) {
        c[k] = reference_double(p->file, named("m%d.cotangent.%s", p->M, PLANE[k]), NULL);
        r[k] = reference_double(p->file, named("m%d.grad.%s", p->M, PLANE[k]), NULL);
        yard[k] = room(n, sizeof *yard[k]);
        for (size_t i = 0; i < n; i++) dy[k * n + i] = (ag_real)c[k][i];
    }
    ag_backward(&g, y, dy);
    for (int m = 0; m < p->M; m++) {
        for (size_t i = 0; i < n; i++) {
            const ag_real *x = p->belief[m] + i;
            const double span = fabs((double)x[0]) + fabs((double)y->val[i]), nu_m = (double)x[EVI_NU * n],
                         nu = (double)y->val[EVI_NU * n + i];
            yard[EVI_GAMMA][i] = fabs(c[EVI_GAMMA][i]) * nu_m / nu + fabs(c[EVI_BETA][i]) * nu_m * span;
            yard[EVI_NU][i] = fabs(c[EVI_GAMMA][i]) * span / nu + fabs(c[EVI_NU][i]) + fabs(c[EVI_BETA][i]) * span * span / 2;
            yard[EVI_ALPHA][i] = fabs(c[EVI_ALPHA][i]);
            yard[EVI_BETA][i] = fabs(c[EVI_BETA][i]);
        }
        for (size_t k = 0; k < EVI_PLANES; k++)
            each_within(PLANE[k], n, p->grad[m] + k * n, 1, r[k] + (size_t)m * n, yard[k], tolerance(1e-6, 1e-10));
    }
    for (size_t k = 0; k < EVI_PLANES; k++) {
        free(c[k]);
        free(r[k]);
        free(yard[k]);
    }
    free(dy);
    ag_graph_free(&g);
}

static void for_each_problem(void (*check)(struct problem *))
{
    int seen = 0;
    struct problem p;
    for (int M = 2; M <= AG_MAX_IN; M++) {
        if (!problem_open(M, &p)) continue;
        check(&p);
        problem_close(&p);
        seen++;
    }
    assert_true(seen > 0);
}

static void fused_beliefs_and_their_uncertainty(void **state)
{
    (void)state;
    for_each_problem(fused_values_of);
}

static void the_gradients_of_fusion(void **state)
{
    (void)state;
    for_each_problem(gradients_of);
}

/* ---- Dirichlet evidence ---- */

struct views {
    struct safetensors *file;
    int V, W, L;
    ag_real *evidence; /* [V,W,L] */
};

static struct views views_open(void)
{
    struct views v = {.file = reference_open("dirichlet.safetensors")};
    v.evidence = reference_real(v.file, "evidence", NULL);
    v.V = (int)reference_dim(v.file, "evidence", 0);
    v.W = (int)reference_dim(v.file, "evidence", 1);
    v.L = (int)reference_dim(v.file, "evidence", 2);
    return v;
}

static void views_close(struct views *v)
{
    free(v->evidence);
    safetensors_close(v->file);
}

static ag_tensor *view(ag_graph *g, const struct views *v, int k, ag_real *grad)
{
    return ag_leaf(g, 2, (const int[]){v->W, v->L}, v->evidence + (size_t)k * (size_t)v->W * (size_t)v->L, grad);
}

/* alpha, belief and uncertainty that are read off evidence [W,L]; offset: where they begin in the reference's tensors. */
static void opinions_are(const struct views *v, const ag_tensor *evidence, const char *prefix, size_t offset)
{
    const size_t W = (size_t)v->W, L = (size_t)v->L;
    double *alpha = reference_double(v->file, named("%salpha", prefix), NULL),
           *belief = reference_double(v->file, named("%sbelief", prefix), NULL),
           *uncertainty = reference_double(v->file, named("%suncertainty", prefix), NULL);
    for (size_t w = 0; w < W; w++) {
        const ag_real *e = evidence->val + w * L;
        const double S = evi_dirichlet_strength(v->L, e);
        for (size_t l = 0; l < L; l++) {
            const size_t at = (offset + w) * L + l;
            one_close("alpha", 1 + (double)e[l], alpha[at], tolerance(1e-6, 1e-10));
            if (!(fabs((double)e[l] / S - belief[at]) <= tolerance(3e-7, 1e-12))) fail_msg("belief of word %zu, tag %zu", w, l);
        }
        const double u = evi_dirichlet_uncertainty(v->L, e);
        if (!(fabs(u - uncertainty[offset + w]) <= tolerance(3e-7, 1e-12))) fail_msg("uncertainty of word %zu: %g", w, u);
    }
    free(alpha);
    free(belief);
    free(uncertainty);
}

static void opinions_of_one_view_and_of_several(void **state)
{
    (void)state;
    struct views v = views_open();
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *of[AG_MAX_IN];
    assert_in_range(v.V, 3, AG_MAX_IN);
    for (int k = 0; k < v.V; k++) {
        of[k] = view(&g, &v, k, NULL);
        opinions_are(&v, of[k], "", (size_t)(k * v.W));
    }
    static const char *const prefixes[] = {"two.", "three."};
    for (int n = 2; n <= 3; n++) {
        const char *prefix = prefixes[n - 2];
        ag_tensor *fused = evi_dempster_fuse(&g, n, of, NULL), *emissions = evi_dirichlet_emissions(&g, fused);
        opinions_are(&v, fused, prefix, 0);
        for (size_t i = 0; i < ag_size(emissions); i++) emissions->val[i] = (ag_real)exp((double)emissions->val[i]);
        assert_near(v.file, named("%sprobability", prefix), ag_size(emissions), emissions->val, tolerance(3e-7, 1e-12));
    }
    double *conflict = reference_double(v.file, "two.conflict", NULL);
    for (int w = 0; w < v.W; w++) {
        const double C = evi_dirichlet_conflict(v.L, of[0]->val + w * v.L, of[1]->val + w * v.L);
        if (!(fabs(C - conflict[w]) <= 1e-12)) fail_msg("conflict of word %d: %g, expected is %g", w, C, conflict[w]);
    }
    free(conflict);
    ag_graph_free(&g);
    views_close(&v);
}

typedef ag_tensor *dirichlet_loss(ag_graph *g, ag_tensor *evidence, evi_words words);

static void loss_of_the_first_view(dirichlet_loss *of, const char *name, double allowed, double of_gradient)
{
    struct views v = views_open();
    ag_graph g;
    ag_graph_init(&g);
    const size_t W = (size_t)v.W, size = W * (size_t)v.L;
    ag_real *grad = room(size, sizeof *grad), *ones = room(W, sizeof *ones);
    int32_t *start = room(W + 1, sizeof *start), *target = reference_int(v.file, "target", NULL);
    for (size_t w = 0; w < W; w++) {
        ones[w] = 1;
        start[w + 1] = (int32_t)(w + 1);
    }
    ag_tensor *y = of(&g, view(&g, &v, 0, grad), (evi_words){v.W, start, target, NULL});
    ag_backward(&g, y, ones);
    assert_close(v.file, named("view0.%s", name), W, y->val, tolerance(allowed, 1e-10));
    assert_close(v.file, named("view0.d_%s", name), size, grad, tolerance(of_gradient, 1e-10));
    free(grad);
    free(ones);
    free(start);
    free(target);
    ag_graph_free(&g);
    views_close(&v);
}

static ag_tensor *expected_cross_entropy(ag_graph *g, ag_tensor *evidence, evi_words words)
{
    return evi_dirichlet_cross_entropy(g, evidence, words, NULL);
}

static void the_expected_cross_entropy_and_its_gradient(void **state)
{
    (void)state;
    loss_of_the_first_view(expected_cross_entropy, "expected_cross_entropy", 5e-7, 6e-7);
}

static void the_divergence_from_uniform_and_its_gradient(void **state)
{
    (void)state;
    /* The reference allows 3e-3 to whoever takes float's lgamma. */
    loss_of_the_first_view(evi_dirichlet_kl, "kl_to_uniform", 5e-7, 4e-6);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_likelihood_and_its_gradients),
        cmocka_unit_test(the_regulariser_and_its_gradients),
        cmocka_unit_test(the_uncertainty_of_a_word),
        cmocka_unit_test(fused_beliefs_and_their_uncertainty),
        cmocka_unit_test(the_gradients_of_fusion),
        cmocka_unit_test(opinions_of_one_view_and_of_several),
        cmocka_unit_test(the_expected_cross_entropy_and_its_gradient),
        cmocka_unit_test(the_divergence_from_uniform_and_its_gradient),
    };
    return cmocka_run_group_tests_name("evidence_equals_the_reference", tests, NULL, NULL);
}
