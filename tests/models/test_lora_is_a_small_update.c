/* What LoRA promises of a whole encoder: it starts as the frozen model, merged and unmerged outputs agree, the merged weight is the double
 * sum rounded once, and what is frozen has no gradient, no moments and no copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bert.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLE_BUILD = sizeof(ag_real) == sizeof(double) };
enum { LAYERS = 3, WIDTH = 48, HEADS = 3, INNER = 96, VOCABULARY = 50, T = 60, N = 3, RANK = 4 };
static const double ALPHA = 10;
static const int32_t START[N + 1] = {0, 41, 42, 60};
static const nn_dropout OFF = {.on = false};
static const char LAYER[] = "encoder.layer.";

struct model {
    ag_params params;
    struct bert bert;
    ag_graph g;
    int32_t ids[T], position[T];
};

static void draw(const char *name, double size, ag_param *p)
{
    uint32_t sub = 0;
    for (const char *c = name; *c; c++) sub = (31 * sub + (unsigned char)*c) % 0xfffffd;
    struct rng r = rng_stream(1, RNG_TEST, sub);
    ag_real *val = ag_param_own(p);
    for (size_t i = 0; i < p->size; i++) val[i] = (ag_real)(size * rng_normal(&r));
}

/* Values are functions of the names, so models that differ in rank agree in what is frozen. */
static struct model *model_new(int rank, enum encoder_order order, bool started)
{
    struct model *m = calloc(1, sizeof *m);
    const struct bert_config config = {
        .family = &BERT,
        .vocab_size = VOCABULARY,
        .type_vocab = 2,
        .max_positions = T,
        .encoder = {.layers = LAYERS,
                    .width = WIDTH,
                    .heads = HEADS,
                    .inner = INNER,
                    .order = order,
                    .activation = AG_GELU,
                    .eps = 1e-12,
                    .lora_rank = rank,
                    .lora_alpha = ALPHA},
    };
    ag_params_init(&m->params);
    ag_graph_init(&m->g);
    bert_declare(&m->params, &config, "", &m->bert);
    if (started) nn_lora_start(&m->params);
    for (size_t i = 0; i < m->params.n; i++)
        if (!m->params.at[i]->val) draw(m->params.at[i]->name, nn_is_lora(m->params.at[i]) ? .1 : .2, m->params.at[i]);
    struct rng r = rng_stream(2, RNG_TEST, 0);
    for (int b = 0; b < N; b++)
        for (int i = START[b]; i < START[b + 1]; i++) {
            m->ids[i] = (int32_t)rng_below(&r, VOCABULARY);
            m->position[i] = i - START[b];
        }
    return m;
}

/* LoRA alone is trained. */
static void train(struct model *m)
{
    for (size_t i = 0; i < m->params.n; i++) m->params.at[i]->role = nn_is_lora(m->params.at[i]) ? AG_DENSE : AG_FROZEN;
    ag_params_train(&m->params, 1);
}

static void model_free(struct model *m)
{
    ag_graph_free(&m->g);
    bert_free(&m->bert);
    ag_params_free(&m->params);
    free(m);
}

static ag_tensor *forward(struct model *m)
{
    return bert_forward(&m->g, &m->bert, T, m->ids, m->position, NULL, N, START, &OFF);
}

static nn_linear *linear_of(struct encoder_layer *l, int k)
{
    nn_linear *all[] = {&l->query, &l->key, &l->value, &l->attention_output, &l->up, &l->down};
    return k < (int)(sizeof all / sizeof *all) ? all[k] : NULL;
}

static double distance(const ag_tensor *x, const ag_tensor *y)
{
    double largest = 0, farthest = 0;
    assert_int_equal(ag_size(x), ag_size(y));
    for (size_t i = 0; i < ag_size(x); i++) {
        const double d = fabs((double)(x->val[i] - y->val[i]));
        largest = fmax(largest, fabs((double)y->val[i]));
        if (!(d <= farthest)) farthest = d;
    }
    return farthest / largest;
}

/* ---- parameters ---- */

static void each_of_the_six_matrices_of_a_block_has_a_pair_under_pefts_names(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        int in, out;
    } PARTS[] = {
        {"attention.self.query", WIDTH, WIDTH},   {"attention.self.key", WIDTH, WIDTH}, {"attention.self.value", WIDTH, WIDTH},
        {"attention.output.dense", WIDTH, WIDTH}, {"intermediate.dense", WIDTH, INNER}, {"output.dense", INNER, WIDTH},
    };
    struct model *with = model_new(RANK, ENCODER_POST_NORM, true), *without = model_new(0, ENCODER_POST_NORM, true);
    enum { N_PARTS = sizeof PARTS / sizeof *PARTS };
    assert_int_equal(with->params.n - without->params.n, 2 * LAYERS * N_PARTS);
    for (int l = 0; l < LAYERS; l++)
        for (int k = 0; k < N_PARTS; k++) {
            char name[NN_NAME_MAX];
            nn_name(name, "%s%d.%s.lora_A.weight", LAYER, l, PARTS[k].part);
            const ag_param *down = ag_params_find(&with->params, name);
            nn_name(name, "%s%d.%s.lora_B.weight", LAYER, l, PARTS[k].part);
            const ag_param *up = ag_params_find(&with->params, name);
            assert_true(down && down->rank == 2 && down->dim[0] == RANK && down->dim[1] == PARTS[k].in && nn_is_lora(down));
            assert_true(up && up->rank == 2 && up->dim[0] == PARTS[k].out && up->dim[1] == RANK && nn_is_lora(up));
            nn_name(name, "%s%d.%s.weight", LAYER, l, PARTS[k].part);
            assert_false(nn_is_lora(ag_params_find(&with->params, name)));
        }
    model_free(with);
    model_free(without);
}

/* ---- values ---- */

static void training_starts_where_the_frozen_model_is(void **state)
{
    (void)state;
    for (enum encoder_order order = ENCODER_POST_NORM; order <= ENCODER_PRE_NORM; order++) {
        struct model *with = model_new(RANK, order, true), *without = model_new(0, order, true);
        const ag_tensor *x = forward(with), *y = forward(without);
        for (size_t i = 0; i < ag_size(x); i++) assert_true(x->val[i] == y->val[i]);
        model_free(with);
        model_free(without);
    }
}

static void merged_and_unmerged_agree(void **state)
{
    (void)state;
    for (enum encoder_order order = ENCODER_POST_NORM; order <= ENCODER_PRE_NORM; order++) {
        struct model *unmerged = model_new(RANK, order, false), *merged = model_new(0, order, true), *frozen = model_new(0, order, true);
        for (int l = 0; l < LAYERS; l++)
            for (int k = 0; linear_of(&merged->bert.encoder.layer[l], k); k++)
                nn_lora_merge(linear_of(&unmerged->bert.encoder.layer[l], k), linear_of(&merged->bert.encoder.layer[l], k)->w->val);
        const ag_tensor *x = forward(unmerged), *y = forward(merged);
        const double d = distance(x, y), moved = distance(forward(frozen), y);
        if (!(d <= (DOUBLE_BUILD ? 1e-13 : 2.5e-6))) fail_msg("off by %.2e of the largest entry", d);
        assert_true(moved > .05);
        model_free(unmerged);
        model_free(merged);
        model_free(frozen);
    }
}

/* Of two neighbouring floats the nearer one: no entry is farther from the double sum than half a unit of its last digit. */
static void the_merged_weight_is_the_double_sum_rounded_once(void **state)
{
    (void)state;
    struct model *m = model_new(RANK, ENCODER_POST_NORM, false);
    const nn_linear *l = &m->bert.encoder.layer[1].up;
    ag_real *merged = calloc(l->w->size, sizeof *merged);
    nn_lora_merge(l, merged);
    for (int o = 0; o < INNER; o++)
        for (int k = 0; k < WIDTH; k++) {
            double sum = 0;
            for (int r = 0; r < RANK; r++) sum += (double)l->up->val[o * RANK + r] * (double)l->down->val[r * WIDTH + k];
            const double exact = (double)l->w->val[o * WIDTH + k] + ALPHA / RANK * sum;
            assert_true(merged[o * WIDTH + k] == (ag_real)exact);
        }
    const nn_linear plain = {.w = l->w, .b = l->b};
    nn_lora_merge(&plain, merged);
    assert_memory_equal(merged, l->w->val, l->w->size * sizeof *merged);
    free(merged);
    model_free(m);
}

/* ---- training ---- */

static void what_is_frozen_has_no_training_blocks(void **state)
{
    (void)state;
    struct model *m = model_new(RANK, ENCODER_POST_NORM, true);
    train(m);
    size_t lora = 0, pairs = 0, all = 0;
    for (size_t i = 0; i < m->params.n; i++) {
        const ag_param *p = m->params.at[i];
        all += p->size;
        if (nn_is_lora(p)) {
            assert_non_null(p->grad);
            lora += p->size;
            pairs++;
            continue;
        }
        assert_null(p->grad);
        assert_null(p->m);
        assert_null(p->v);
    }
    assert_in_range(m->params.block_size, lora, lora + pairs * 64); /* each begins at a cache line */
    assert_true(lora < all / 4);
    model_free(m);
}

static void the_gradient_reaches_lora_alone_and_a_step_along_it_lowers_the_loss(void **state)
{
    (void)state;
    for (enum encoder_order order = ENCODER_POST_NORM; order <= ENCODER_PRE_NORM; order++) {
        struct model *m = model_new(RANK, order, true);
        train(m);
        ag_real dy[T * WIDTH];
        struct rng r = rng_stream(3, RNG_TEST, 0);
        for (int i = 0; i < T * WIDTH; i++) dy[i] = (ag_real)rng_normal(&r);
        double loss[2] = {0}, squares = 0;
        for (int step = 0; step < 2; step++) {
            ag_tensor *y = forward(m);
            for (int i = 0; i < T * WIDTH; i++) loss[step] += (double)dy[i] * (double)y->val[i];
            if (step == 0) ag_backward(&m->g, y, dy);
            ag_graph_reset(&m->g);
            for (size_t i = 0; i < m->params.n && step == 0; i++) {
                ag_param *p = m->params.at[i];
                assert_int_equal(p->has_grad, nn_is_lora(p));
                if (!p->has_grad) continue;
                const double before = squares;
                for (size_t k = 0; k < p->size; k++) squares += (double)p->grad[k] * (double)p->grad[k];
                /* up is 0 at the start, so down waits for it; a gradient to up is there at once. */
                assert_int_equal(squares > before, strstr(p->name, "lora_B") != NULL);
                for (size_t k = 0; k < p->size; k++) p->val[k] -= (ag_real)1e-5 * p->grad[k];
            }
        }
        assert_true(loss[1] < loss[0] - .5e-5 * squares);
        model_free(m);
    }
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
static nn_linear wrong_linear(void)
{
    nn_linear l;
    nn_linear_declare(&wrong_params, "head", 3, 5, &l);
    return l;
}
static void no_rank(void)
{
    nn_linear l = wrong_linear();
    nn_lora_declare(&wrong_params, &l, 0, 8);
}
static void no_alpha(void)
{
    nn_linear l = wrong_linear();
    nn_lora_declare(&wrong_params, &l, 4, 0);
}
static void twice(void)
{
    nn_linear l = wrong_linear();
    nn_lora_declare(&wrong_params, &l, 4, 8);
    nn_lora_declare(&wrong_params, &l, 4, 8);
}
static void no_weight(void)
{
    nn_linear l = {.w = ag_params_add(&wrong_params, "table", 2, (int[]){3, 5})};
    nn_lora_declare(&wrong_params, &l, 4, 8);
}
static void negative_rank(void)
{
    struct encoder e;
    const struct encoder_shape shape = {.layers = 1, .width = 6, .heads = 2, .inner = 4, .lora_rank = -1};
    encoder_declare(&wrong_params, &shape, &BERT.names, "", &e);
}

static const struct bug {
    const char *name, *text;
    void (*commit)(void);
} BUGS[] = {
    {"no rank", "lora of head.weight: rank 0, alpha 8", no_rank},
    {"no alpha", "lora of head.weight: rank 4, alpha 0", no_alpha},
    {"declared twice", "lora of head.weight: declared twice", twice},
    {"a parameter that is no weight", "lora of table: not the weight of an affine map", no_weight},
    {"an encoder of negative rank", "encoder: LoRA of rank -1", negative_rank},
};
enum { N_BUGS = sizeof BUGS / sizeof *BUGS };

static void the_message_says_what_is_wrong(void **state)
{
    const struct bug *bug = *state;
    ag_params_init(&wrong_params);
    ag_set_panic_handler(remember);
    if (setjmp(back) == 0) {
        bug->commit();
        fail_msg("nothing was said");
    }
    ag_set_panic_handler(NULL);
    assert_string_equal(message, bug->text);
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
        cmocka_unit_test(each_of_the_six_matrices_of_a_block_has_a_pair_under_pefts_names),
        cmocka_unit_test(training_starts_where_the_frozen_model_is),
        cmocka_unit_test(merged_and_unmerged_agree),
        cmocka_unit_test(the_merged_weight_is_the_double_sum_rounded_once),
        cmocka_unit_test(what_is_frozen_has_no_training_blocks),
        cmocka_unit_test(the_gradient_reaches_lora_alone_and_a_step_along_it_lowers_the_loss),
    };
    size_t n = 0;
    while (tests[n].test_func) n++;
    for (int i = 0; i < N_BUGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = BUGS[i].name, .test_func = the_message_says_what_is_wrong, .initial_state = (void *)(uintptr_t)&BUGS[i]};
    return _cmocka_run_group_tests("lora", tests, n, NULL, NULL);
}
