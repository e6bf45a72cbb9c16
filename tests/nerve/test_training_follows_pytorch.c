/* Twenty steps of the program's own training step on real tweets, held to the same twenty in PyTorch: train_minilm_trajectory of the
 * reference. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"
#include "trainer.h"

/* Tolerances of the reference's table, about four times what float32 loses in PyTorch. */
static const double LOSS = 5e-5, NORM = 5e-5, END = 1e-5, CHANGE = 3e-4, EMISSIONS = 2e-5;

struct fixture {
    struct nerve_config config;
    struct trainer trainer;
    struct safetensors *reference;
    size_t steps, tweets;
    double *loss, *norm;    /* [steps] what nerve gave */
    float **encoder_before; /* [parameters] values before the first step */
};

static ag_param *parameter(struct fixture *f, const char *name)
{
    ag_param *p = ag_params_find(&f->trainer.model.params, name);
    if (!p) fail_msg("no parameter '%s'", name);
    return p;
}

static const char *const HEAD[][2] = {
    {"head.weight", "classifier.weight"}, {"head.bias", "classifier.bias"}, {"crf.start", "crf.start_transitions"},
    {"crf.end", "crf.end_transitions"},   {"crf.trans", "crf.transitions"},
};
enum { N_HEAD = sizeof HEAD / sizeof *HEAD };

static void take_start(struct fixture *f)
{
    char name[64];
    for (int k = 0; k < N_HEAD; k++) {
        size_t n;
        snprintf(name, sizeof name, "start.%s", HEAD[k][0]);
        float *values = reference_float(f->reference, name, &n);
        ag_param *p = parameter(f, HEAD[k][1]);
        assert_int_equal(n, p->size);
        memcpy(p->val, values, n * sizeof *values);
        free(values);
    }
}

static void remember_encoder(struct fixture *f)
{
    const ag_params *ps = &f->trainer.model.params;
    f->encoder_before = calloc(ps->n, sizeof *f->encoder_before);
    for (size_t k = 0; k < ps->n; k++) {
        f->encoder_before[k] = malloc(ps->at[k]->size * sizeof(float));
        memcpy(f->encoder_before[k], ps->at[k]->val, ps->at[k]->size * sizeof(float));
    }
}

static void train(struct fixture *f)
{
    int32_t *batches = reference_int(f->reference, "batches", NULL);
    double *factor = reference_double(f->reference, "factor", NULL);
    f->loss = calloc(f->steps, sizeof *f->loss);
    f->norm = calloc(f->steps, sizeof *f->norm);
    for (size_t s = 0; s < f->steps; s++) {
        struct step_result r;
        struct err e = {0};
        if (trainer_step(&f->trainer, (int)f->tweets, batches + s * f->tweets, factor[s], &r, &e)) fail_msg("%s", e.text);
        f->loss[s] = r.loss;
        f->norm[s] = r.norm;
    }
    ag_params_settle(&f->trainer.model.params);
    free(batches);
    free(factor);
}

static bool is_set_up;
static struct fixture the;

/* Inside a test, so that a clone without reference values skips. */
static struct fixture *fixture(void)
{
    static const char *const KEYS[] = {"model.dropout=0", "model.dropout_hidden=0", "model.dropout_attention=0"};
    struct fixture *f = &the;
    struct err e = {0};
    char argument[PATH_MAX + 32];
    if (is_set_up) return f;
    f->reference = reference_open("train_minilm_trajectory.safetensors");
    f->steps = reference_dim(f->reference, "batches", 0);
    f->tweets = reference_dim(f->reference, "batches", 1);
    config_default(&f->config);
    snprintf(argument, sizeof argument, "data.dir=%s", shared_path("data/twitter2017"));
    int code = config_set(&f->config, argument, &e);
    snprintf(argument, sizeof argument, "model.encoder=%s", shared_path("weights/minilm"));
    if (!code) code = config_set(&f->config, argument, &e);
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS && !code; k++) code = config_set(&f->config, KEYS[k], &e);
    snprintf(argument, sizeof argument, "train.batch=%zu", f->tweets);
    if (!code) code = config_set(&f->config, argument, &e);
    if (!code) code = ag_start(2, &e);
    if (!code) code = trainer_open(&f->config, &f->trainer, &e);
    if (code) fail_msg("%s", e.text);
    is_set_up = true;
    take_start(f);
    remember_encoder(f);
    train(f);
    return f;
}

static int tear_down(void **state)
{
    struct fixture *f = &the;
    (void)state;
    if (!is_set_up) return 0;
    for (size_t k = 0; k < f->trainer.model.params.n; k++) free(f->encoder_before[k]);
    free(f->encoder_before);
    free(f->loss);
    free(f->norm);
    trainer_close(&f->trainer);
    safetensors_close(f->reference);
    return 0;
}

static void tags_stand_in_the_order_of_the_reference(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    char all[1024] = "", name[80];
    const struct tag_set *types = &f->trainer.model.shape.types;
    for (int tag = 0; tag < tag_count(types); tag++) {
        tag_name(types, tag, name, sizeof name);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", tag ? " " : "", name);
    }
    assert_string_equal(all, safetensors_metadata(f->reference, "tags"));
}

static void every_loss_is_pytorchs(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    double *expected = reference_double(f->reference, "loss64", NULL);
    for (size_t s = 0; s < f->steps; s++)
        if (!(fabs(f->loss[s] - expected[s]) <= LOSS)) fail_msg("step %zu: loss %.9g, PyTorch %.9g", s, f->loss[s], expected[s]);
    free(expected);
}

static void every_gradient_norm_is_pytorchs(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    double *expected = reference_double(f->reference, "norm64", NULL);
    for (size_t s = 0; s < f->steps; s++)
        if (!(fabs(f->norm[s] - expected[s]) <= NORM * expected[s]))
            fail_msg("step %zu: norm %.9g, PyTorch %.9g", s, f->norm[s], expected[s]);
    free(expected);
}

static void head_and_crf_end_where_pytorchs_do(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    char name[64];
    for (int k = 0; k < N_HEAD; k++) {
        size_t n;
        snprintf(name, sizeof name, "end64.%s", HEAD[k][0]);
        double *expected = reference_double(f->reference, name, &n),
               difference = relative_difference(n, parameter(f, HEAD[k][1])->val, expected);
        if (!(difference <= END)) fail_msg("%s: relative difference %.3g", name, difference);
        free(expected);
    }
}

static void every_encoder_parameter_moves_as_far_as_pytorchs(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    size_t n, k = 0;
    double *expected = reference_double(f->reference, "change64", &n), largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, expected[i]);
    char *names = strdup(safetensors_metadata(f->reference, "encoder_names")), *rest = NULL, full[NN_NAME_MAX];
    for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest), k++) {
        /* Entries of key biases are noise: their gradient is exactly zero. */
        if (strstr(name, "key.bias")) continue;
        snprintf(full, sizeof full, "bert.%s", name);
        ag_param *p = parameter(f, full);
        size_t at = 0;
        while (f->trainer.model.params.at[at] != p) at++;
        double sum = 0;
        for (size_t i = 0; i < p->size; i++) {
            double d = (double)p->val[i] - (double)f->encoder_before[at][i];
            sum += d * d;
        }
        if (!(fabs(sqrt(sum) - expected[k]) <= CHANGE * largest)) fail_msg("%s: moved %.9g, PyTorch's %.9g", name, sqrt(sum), expected[k]);
    }
    assert_int_equal(k, n);
    free(names);
    free(expected);
}

static void emissions_after_the_last_step_are_pytorchs(void **state)
{
    (void)state;
    struct fixture *f = fixture();
    struct trainer *t = &f->trainer;
    size_t n;
    int32_t *batches = reference_int(f->reference, "batches", NULL), *word_start = reference_int(f->reference, "word_start", NULL);
    double *expected = reference_double(f->reference, "emissions64", &n);
    nn_dropout none = {.on = false};
    batch_fill(&t->batch, &t->splits[SPLIT_TRAIN].encoded, (int)f->tweets, batches, 0);
    for (size_t b = 0; b <= f->tweets; b++) assert_int_equal(t->batch.word_start[b], word_start[b]);
    ag_graph_reset(&t->graph);
    ag_tensor *emissions = nerve_forward(&t->graph, &t->view, &t->batch, &none).emissions;
    assert_int_equal(ag_size(emissions), n);
    double difference = relative_difference(n, emissions->val, expected);
    if (!(difference <= EMISSIONS)) fail_msg("relative difference %.3g", difference);
    free(batches);
    free(word_start);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_stand_in_the_order_of_the_reference),
        cmocka_unit_test(every_loss_is_pytorchs),
        cmocka_unit_test(every_gradient_norm_is_pytorchs),
        cmocka_unit_test(head_and_crf_end_where_pytorchs_do),
        cmocka_unit_test(every_encoder_parameter_moves_as_far_as_pytorchs),
        cmocka_unit_test(emissions_after_the_last_step_are_pytorchs),
    };
    return cmocka_run_group_tests_name("training follows PyTorch", tests, NULL, tear_down);
}
