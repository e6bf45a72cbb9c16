/* What cross-attention promises: its equation, written a second time; that a row sees its own tweet's picture and nothing else; that a
 * tweet without a picture goes through unchanged; that the queries of tags give every tweet rows that hold no text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cross.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLE_BUILD = sizeof(ag_real) == sizeof(double) };
enum { C = 12, HEADS = 3, D = C / HEADS, SOURCE = 7, TAGS = 5, B = 5, N = 17, V = 14 };
/* Tweets of 4, 0, 6, 2, 5 words with 3, 2, 0, 1, 8 visual tokens. */
static const int32_t START[B + 1] = {0, 4, 4, 10, 12, 17}, VISUAL[B + 1] = {0, 3, 5, 5, 6, 14}, NO_PICTURES[B + 1] = {0};
static const int32_t PLACE[B] = {4, 0, 9, 2, 7};
enum { WITHOUT_PICTURE = 2 };
static const nn_dropout OFF = {.on = false};

/* A block of every residual and number of tags, with its inputs. */
struct fixture {
    ag_params params;
    struct cross cross;
    ag_graph g;
    ag_real x[N * C], visual[V * SOURCE], dx[N * C], dvisual[V * SOURCE];
};

static void draw(uint32_t sub, size_t n, ag_real *a)
{
    struct rng r = rng_stream(1, RNG_TEST, sub);
    for (size_t i = 0; i < n; i++) a[i] = (ag_real)rng_normal(&r);
}

static struct fixture *fixture_new(bool residual, double dropout, bool trained)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct cross_shape shape = {.width = C,
                                      .source = SOURCE,
                                      .heads = HEADS,
                                      .tags = TAGS,
                                      .residual = residual,
                                      .eps = 1e-5,
                                      .dropout_hidden = dropout,
                                      .dropout_attention = dropout};
    ag_params_init(&f->params);
    ag_graph_init(&f->g);
    cross_declare(&f->params, &shape, "cross.", &f->cross);
    for (size_t k = 0; k < f->params.n; k++) {
        ag_param *p = f->params.at[k];
        ag_real *val = ag_param_own(p);
        draw((uint32_t)(10 + k), p->size, val);
        for (size_t i = 0; i < p->size; i++) val[i] *= (ag_real).5;
        p->role = trained ? AG_DENSE : AG_FROZEN;
    }
    ag_params_train(&f->params, 1);
    draw(1, N * C, f->x);
    draw(2, V * SOURCE, f->visual);
    return f;
}

static void fixture_free(struct fixture *f)
{
    ag_graph_free(&f->g);
    ag_params_free(&f->params);
    free(f);
}

static ag_tensor *words_of(struct fixture *f, int n, const int32_t *start, const ag_real *x, const int32_t *visual_start,
                           const nn_dropout *drop)
{
    ag_tensor *words = ag_input(&f->g, 2, (int[]){start[n], C}, x);
    ag_tensor *visual = ag_input(&f->g, 2, (int[]){visual_start[n], SOURCE}, f->visual);
    return cross_forward(&f->g, &f->cross, words, n, start, visual, visual_start, drop);
}

static ag_tensor *words(struct fixture *f)
{
    return words_of(f, B, START, f->x, VISUAL, &OFF);
}

static ag_tensor *tags(struct fixture *f)
{
    return cross_tags_forward(&f->g, &f->cross, B, ag_input(&f->g, 2, (int[]){V, SOURCE}, f->visual), VISUAL, &OFF);
}

/* ---- the equation, written out in double ---- */

static void affine(const nn_linear *l, int in, const double *x, double y[C])
{
    for (int o = 0; o < C; o++) {
        y[o] = (double)l->b->val[o];
        for (int i = 0; i < in; i++) y[o] += (double)l->w->val[o * in + i] * x[i];
    }
}

/* The row of x [C] over the visual tokens from .. to-1. */
static void row_by_hand(const struct fixture *f, const ag_real *x, int from, int to, double y[C])
{
    const struct cross *c = &f->cross;
    double row[C], q[C], k[V][C], v[V][C], context[C] = {0}, mean = 0, variance = 0;
    for (int i = 0; i < C; i++) row[i] = (double)x[i];
    affine(&c->query, C, row, q);
    for (int t = from; t < to; t++) {
        double token[SOURCE];
        for (int i = 0; i < SOURCE; i++) token[i] = (double)f->visual[t * SOURCE + i];
        affine(&c->key, SOURCE, token, k[t]);
        affine(&c->value, SOURCE, token, v[t]);
    }
    for (int h = 0; h < HEADS; h++) {
        double p[V], sum = 0;
        for (int t = from; t < to; t++) {
            p[t] = 0;
            for (int d = h * D; d < h * D + D; d++) p[t] += q[d] * k[t][d];
            sum += p[t] = exp(p[t] / sqrt(D));
        }
        for (int t = from; t < to; t++)
            for (int d = h * D; d < h * D + D; d++) context[d] += p[t] / sum * v[t][d];
    }
    affine(&c->output, C, context, y);
    for (int i = 0; i < C; i++) y[i] += c->shape.residual ? row[i] : 0;
    for (int i = 0; i < C; i++) mean += y[i] / C;
    for (int i = 0; i < C; i++) variance += (y[i] - mean) * (y[i] - mean) / C;
    for (int i = 0; i < C; i++)
        y[i] = (y[i] - mean) / sqrt(variance + c->shape.eps) * (double)c->norm.gain->val[i] + (double)c->norm.bias->val[i];
}

static void assert_row(const ag_real *y, const double expected[C], const char *what, int row)
{
    for (int i = 0; i < C; i++)
        if (!(fabs((double)y[i] - expected[i]) <= (DOUBLE_BUILD ? 1e-12 : 4e-6)))
            fail_msg("%s %d: %.9g, expected %.9g", what, row, (double)y[i], expected[i]);
}

static void every_row_is_the_equation(void **state)
{
    (void)state;
    for (int residual = 0; residual < 2; residual++) {
        struct fixture *f = fixture_new(residual, 0, false);
        const ag_tensor *y = words(f), *t = tags(f);
        assert_int_equal(t->dim[0], B * TAGS);
        for (int b = 0; b < B; b++) {
            double expected[C];
            if (b == WITHOUT_PICTURE) continue;
            for (int w = START[b]; w < START[b + 1]; w++) {
                row_by_hand(f, f->x + w * C, VISUAL[b], VISUAL[b + 1], expected);
                assert_row(y->val + w * C, expected, "word", w);
            }
            for (int l = 0; l < TAGS; l++) {
                row_by_hand(f, f->cross.tag->val + l * C, VISUAL[b], VISUAL[b + 1], expected);
                assert_row(t->val + (b * TAGS + l) * C, expected, "tag", l);
            }
        }
        fixture_free(f);
    }
}

/* ---- tweets without a picture ---- */

static void without_a_picture_words_go_through_unchanged_or_are_0(void **state)
{
    (void)state;
    for (int residual = 0; residual < 2; residual++) {
        struct fixture *f = fixture_new(residual, 0, false);
        const ag_real nothing[N * C] = {0}, *expected = residual ? f->x : nothing;
        const ag_tensor *some = words(f), *none = words_of(f, B, START, f->x, NO_PICTURES, &OFF);
        const size_t at = (size_t)(START[WITHOUT_PICTURE] * C), size = (size_t)(START[WITHOUT_PICTURE + 1] * C) - at;
        assert_memory_equal(some->val + at, expected + at, size * sizeof *expected);
        assert_memory_equal(none->val, expected, sizeof nothing);
        fixture_free(f);
    }
}

/* Gradients of everything after <ones, y>. */
static void backward(struct fixture *f, const int32_t *visual_start, bool of_tags, const nn_dropout *drop)
{
    ag_tensor *x = ag_leaf(&f->g, 2, (int[]){N, C}, f->x, f->dx);
    ag_tensor *visual = ag_leaf(&f->g, 2, (int[]){visual_start[B], SOURCE}, f->visual, f->dvisual);
    ag_tensor *y = of_tags ? cross_tags_forward(&f->g, &f->cross, B, visual, visual_start, drop)
                           : cross_forward(&f->g, &f->cross, x, B, START, visual, visual_start, drop);
    ag_real *dy = calloc(ag_size(y) + 1, sizeof *dy);
    draw(3, ag_size(y), dy);
    ag_backward(&f->g, y, dy);
    free(dy);
}

static bool all_zero(size_t n, const ag_real *a)
{
    size_t i = 0;
    while (i < n && a[i] == 0) i++;
    return i == n;
}

static void a_set_without_pictures_trains_nothing_of_the_block(void **state)
{
    (void)state;
    for (int of_tags = 0; of_tags < 2; of_tags++) {
        struct fixture *f = fixture_new(true, .1, true);
        const nn_dropout drop = {.on = true, .seed = 3, .step = 1, .place = PLACE};
        backward(f, NO_PICTURES, of_tags, &drop);
        for (size_t k = 0; k < f->params.n; k++) {
            const ag_param *p = f->params.at[k];
            if (p->has_grad && !all_zero(p->size, p->grad)) fail_msg("%s has a gradient", p->name);
        }
        fixture_free(f);
    }
}

/* ---- what a row can know ---- */

static void a_row_sees_its_own_picture_alone(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(false, 0, false);
    const ag_tensor *before = words(f), *tags_before = tags(f);
    enum { CHANGED = 4 };
    draw(9, (size_t)(VISUAL[CHANGED + 1] - VISUAL[CHANGED]) * SOURCE, f->visual + VISUAL[CHANGED] * SOURCE);
    const ag_tensor *after = words(f), *tags_after = tags(f);
    const size_t others = (size_t)(START[CHANGED] * C), tags_of_others = (size_t)CHANGED * TAGS * C;
    assert_memory_equal(before->val, after->val, others * sizeof(ag_real));
    assert_memory_equal(tags_before->val, tags_after->val, tags_of_others * sizeof(ag_real));
    for (size_t i = others; i < N * C; i += C) assert_memory_not_equal(before->val + i, after->val + i, C * sizeof(ag_real));
    fixture_free(f);
}

static void a_picture_of_one_vector_says_the_same_to_all_words(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(false, 0, false);
    for (int t = VISUAL[4] + 1; t < VISUAL[5]; t++)
        memcpy(f->visual + t * SOURCE, f->visual + VISUAL[4] * SOURCE, SOURCE * sizeof(ag_real));
    const ag_tensor *y = words(f), *t = tags(f);
    for (int w = START[4]; w < START[5]; w++)
        for (int i = 0; i < C; i++) {
            const double distance = fabs((double)(y->val[w * C + i] - y->val[START[4] * C + i]));
            if (!(distance <= (DOUBLE_BUILD ? 1e-13 : 2e-6))) fail_msg("word %d is off by %.2e", w, distance);
        }
    /* Without a residual not even which tag asks makes a difference then. */
    for (int i = 0; i < C; i++)
        if (!(fabs((double)(t->val[4 * TAGS * C + i] - y->val[START[4] * C + i])) <= (DOUBLE_BUILD ? 1e-13 : 2e-6)))
            fail_msg("column %d", i);
    fixture_free(f);
}

/* ---- gradients ---- */

static double loss_of(struct fixture *f, bool of_tags)
{
    const ag_tensor *y = of_tags ? tags(f) : words(f);
    ag_real *dy = calloc(ag_size(y) + 1, sizeof *dy);
    draw(3, ag_size(y), dy);
    double loss = 0;
    for (size_t i = 0; i < ag_size(y); i++) loss += (double)dy[i] * (double)y->val[i];
    free(dy);
    ag_graph_reset(&f->g);
    return loss;
}

/* d <dy, y> / d h of a + h v at h = 0, by central differences, beside <da, v>. Both vanish where silent. */
static void assert_derivative(struct fixture *f, bool of_tags, const char *what, size_t n, ag_real *a, const ag_real *da, bool silent)
{
    const double h = 1e-5;
    ag_real *v = calloc(n + 1, sizeof *v), *was = calloc(n + 1, sizeof *was);
    draw(4, n, v);
    memcpy(was, a, n * sizeof *a);
    double side[2], analytic = 0;
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++) a[i] = (ag_real)((double)was[i] + (k ? h : -h) * (double)v[i]);
        side[k] = loss_of(f, of_tags);
    }
    memcpy(a, was, n * sizeof *a);
    for (size_t i = 0; i < n; i++) analytic += (double)da[i] * (double)v[i];
    const double numeric = (side[1] - side[0]) / (2 * h), scale = fmax(fabs(numeric), fabs(analytic));
    if (silent && !(scale <= 1e-8)) fail_msg("%s: %g, %g, expected 0", what, analytic, numeric);
    if (!silent && !(scale > 1e-3)) fail_msg("%s: no signal", what);
    if (!silent && !(fabs(numeric - analytic) <= 1e-7 * scale)) fail_msg("%s: %.12g, by differences %.12g", what, analytic, numeric);
    free(v);
    free(was);
}

static void every_gradient_is_the_derivative(void **state)
{
    (void)state;
    for (int residual = 0; residual < 2; residual++)
        for (int of_tags = 0; of_tags < 2; of_tags++) {
            struct fixture *f = fixture_new(residual, 0, true);
            backward(f, VISUAL, of_tags, &OFF);
            ag_graph_reset(&f->g);
            for (size_t k = 0; k < f->params.n; k++) {
                ag_param *p = f->params.at[k];
                if (p == f->cross.tag && !of_tags) {
                    assert_false(p->has_grad);
                    continue;
                }
                /* Softmax does not see a constant added to a row of scores. */
                assert_derivative(f, of_tags, p->name, p->size, p->val, p->grad, p == f->cross.key.b);
            }
            if (!of_tags) assert_derivative(f, of_tags, "x", N * C, f->x, f->dx, false);
            assert_derivative(f, of_tags, "visual", V * SOURCE, f->visual, f->dvisual, false);
            fixture_free(f);
        }
}

/* ---- dropout ---- */

static void a_batch_that_is_split_has_the_same_masks(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(true, .3, false);
    const nn_dropout drop = {.on = true, .seed = 3, .step = 5, .place = PLACE},
                     last = {.on = true, .seed = 3, .step = 5, .place = PLACE + 4};
    const ag_tensor *whole = words_of(f, B, START, f->x, VISUAL, &drop), *off = words(f);
    const int32_t alone[] = {0, START[5] - START[4]}, visual_alone[] = {0, VISUAL[5] - VISUAL[4]};
    memmove(f->visual, f->visual + VISUAL[4] * SOURCE, (size_t)visual_alone[1] * SOURCE * sizeof(ag_real));
    const ag_tensor *part = words_of(f, 1, alone, f->x + START[4] * C, visual_alone, &last);
    double farthest = 0, dropped = 0;
    for (int i = 0; i < alone[1] * C; i++) {
        farthest = fmax(farthest, fabs((double)(part->val[i] - whole->val[START[4] * C + i])));
        dropped = fmax(dropped, fabs((double)(off->val[START[4] * C + i] - whole->val[START[4] * C + i])));
    }
    assert_true(farthest <= 1e-5);
    assert_true(dropped > 1e-2);
    fixture_free(f);
}

/* ---- bugs of the caller ---- */

static jmp_buf back;
static char message[512];
_Noreturn static void remember(const char *text)
{
    strncpy(message, text, sizeof message - 1);
    longjmp(back, 1);
}

static ag_params wrong_params;
static ag_graph wrong_graph;
static const struct cross_shape RIGHT = {.width = 6, .source = 4, .heads = 2, .eps = 1e-5};

static void declare(struct cross_shape shape)
{
    struct cross c;
    cross_declare(&wrong_params, &shape, "cross.", &c);
}
static void run(int width, int source)
{
    static const ag_real zero[16];
    static const int32_t one[] = {0, 1};
    struct cross c;
    cross_declare(&wrong_params, &RIGHT, "cross.", &c);
    cross_forward(&wrong_graph, &c, ag_input(&wrong_graph, 2, (int[]){1, width}, zero), 1, one,
                  ag_input(&wrong_graph, 2, (int[]){1, source}, zero), one, &OFF);
}
static void heads_do_not_divide(void)
{
    declare((struct cross_shape){.width = 10, .source = 4, .heads = 4});
}
static void no_source(void)
{
    declare((struct cross_shape){.width = 10, .heads = 2});
}
static void negative_tags(void)
{
    declare((struct cross_shape){.width = 10, .source = 4, .heads = 2, .tags = -1});
}
static void words_of_another_width(void)
{
    run(5, 4);
}
static void tokens_of_another_width(void)
{
    run(6, 5);
}
static void no_tags(void)
{
    static const int32_t none[] = {0, 0};
    static const ag_real zero;
    struct cross c;
    cross_declare(&wrong_params, &RIGHT, "cross.", &c);
    cross_tags_forward(&wrong_graph, &c, 1, ag_input(&wrong_graph, 2, (int[]){0, 4}, &zero), none, &OFF);
}

static const struct bug {
    const char *name, *text;
    void (*commit)(void);
} BUGS[] = {
    {"heads that do not divide the width", "cross: width 10 is not a multiple of 4 heads", heads_do_not_divide},
    {"visual tokens without a width", "cross: visual tokens of width 0", no_source},
    {"a negative number of tags", "cross: queries of -1 tags", negative_tags},
    {"words of another width", "cross: x has rank 2 and 5 columns, the block is 6 wide", words_of_another_width},
    {"visual tokens of another width", "cross: visual tokens have rank 2 and 5 columns, the block looks at 4", tokens_of_another_width},
    {"queries of tags that were not declared", "cross: a block without queries of tags", no_tags},
};
enum { N_BUGS = sizeof BUGS / sizeof *BUGS };

static void the_message_says_what_is_wrong(void **state)
{
    const struct bug *bug = *state;
    ag_params_init(&wrong_params);
    ag_graph_init(&wrong_graph);
    ag_set_panic_handler(remember);
    if (setjmp(back) == 0) {
        bug->commit();
        fail_msg("nothing was said");
    }
    ag_set_panic_handler(NULL);
    assert_string_equal(message, bug->text);
    ag_graph_free(&wrong_graph);
    ag_params_free(&wrong_params);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) {
        print_error("%s\n", e.text);
        return 1;
    }
    struct CMUnitTest tests[16 + N_BUGS] = {
        cmocka_unit_test(every_row_is_the_equation),
        cmocka_unit_test(without_a_picture_words_go_through_unchanged_or_are_0),
        cmocka_unit_test(a_set_without_pictures_trains_nothing_of_the_block),
        cmocka_unit_test(a_row_sees_its_own_picture_alone),
        cmocka_unit_test(a_picture_of_one_vector_says_the_same_to_all_words),
        cmocka_unit_test(a_batch_that_is_split_has_the_same_masks),
    };
    size_t n = 0;
    while (tests[n].test_func) n++;
    /* Differences of float32 would hide real errors. */
    if (DOUBLE_BUILD) tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_gradient_is_the_derivative);
    for (int i = 0; i < N_BUGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = BUGS[i].name, .test_func = the_message_says_what_is_wrong, .initial_state = (void *)(uintptr_t)&BUGS[i]};
    return _cmocka_run_group_tests("cross", tests, n, NULL, NULL);
}
