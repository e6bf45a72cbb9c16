/* What one training step promises, on synthetic tweets and a small encoder from scratch. */
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

#include "evaluate.h"
#include "model_store.h"
#include "synth.h"
#include "temporary.h"
#include "trainer.h"

static char directory[PATH_MAX];

static int set_up(void **state)
{
    struct err e = {0};
    struct synth_report report;
    (void)state;
    if (temporary_folder(directory) || ag_start(2, &e) ||
        synth_write(directory, &(struct synth_options){.tweets = 200, .seed = 5}, &report, &e))
        fail_msg("%s", e.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(directory);
}

/* A trainer of a small model with these keys set besides. keys ends with NULL. */
static void open_trainer(struct nerve_config *c, struct trainer *t, const char *const *keys)
{
    static const char *const SMALL[] = {"model.layers=2",          "model.width=32", "model.heads=4",         "model.inner=48",
                                        "model.max_positions=128", "train.epochs=2", "train.lr_encoder=1e-3", NULL};
    struct err e = {0};
    char argument[PATH_MAX + 32];
    config_default(c);
    snprintf(argument, sizeof argument, "data.dir=%s", directory);
    int code = config_set(c, argument, &e);
    for (int k = 0; SMALL[k] && !code; k++) code = config_set(c, SMALL[k], &e);
    for (int k = 0; keys && keys[k] && !code; k++) code = config_set(c, keys[k], &e);
    if (!code) code = config_check(c, &e);
    if (!code) code = trainer_open(c, t, &e);
    if (code) fail_msg("%s", e.text);
}

/* Rows of the word embeddings may wait for their steps behind it. */
static struct step_result next_step_unsettled(struct trainer *t)
{
    struct err e = {0};
    int n;
    const int32_t *tweets;
    double factor;
    if (trainer_next(t, &n, &tweets, &factor, &e)) fail_msg("%s", e.text);
    struct step_result r;
    if (trainer_step(t, n, tweets, factor, &r, &e)) fail_msg("%s", e.text);
    return r;
}

static struct step_result next_step(struct trainer *t)
{
    const struct step_result r = next_step_unsettled(t);
    ag_params_settle(&t->model.params); /* tests read values as they lie */
    return r;
}

static float *values_of(const struct trainer *t, size_t *n)
{
    size_t at = 0;
    *n = model_parameters(&t->model);
    float *all = malloc(*n * sizeof *all);
    for (size_t k = 0; k < t->model.params.n; k++) {
        memcpy(all + at, t->model.params.at[k]->val, t->model.params.at[k]->size * sizeof *all);
        at += t->model.params.at[k]->size;
    }
    return all;
}

static float *after_steps(int steps, const char *const *keys, size_t *n)
{
    static struct nerve_config c;
    struct trainer t;
    open_trainer(&c, &t, keys);
    for (int k = 0; k < steps; k++) next_step(&t);
    float *all = values_of(&t, n);
    trainer_close(&t);
    return all;
}

static void the_same_seed_gives_the_same_bytes_and_another_seed_others(void **state)
{
    size_t n;
    (void)state;
    float *a = after_steps(3, NULL, &n), *b = after_steps(3, NULL, &n),
          *c = after_steps(3, (const char *const[]){"train.seed=2", NULL}, &n);
    assert_memory_equal(a, b, n * sizeof *a);
    assert_int_not_equal(memcmp(a, c, n * sizeof *a), 0);
    free(a);
    free(b);
    free(c);
}

static void takes_the_same_steps(const char *key)
{
    size_t n;
    double worst = 0, largest = 0;
    float *whole = after_steps(4, NULL, &n), *split = after_steps(4, (const char *const[]){key, NULL}, &n);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)whole[i] - (double)split[i]));
        largest = fmax(largest, fabs((double)whole[i]));
    }
    if (!(worst <= 1e-6 * fmax(largest, 1))) fail_msg("largest difference %.3g", worst);
    free(whole);
    free(split);
}

static void a_split_batch_takes_the_same_step_with_dropout_on(void **state)
{
    (void)state;
    takes_the_same_steps("train.accumulate=3");
    takes_the_same_steps("train.accumulate_pieces=64");
    takes_the_same_steps("train.accumulate_pieces=1"); /* each tweet is more than that, and a part by itself */
}

static size_t activations(const char *key, int64_t *largest)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    open_trainer(&c, &t, (const char *const[]){key, NULL});
    if (trainer_warm(&t, &e)) fail_msg("%s", e.text);
    const size_t peak = t.graph.arena.peak;
    *largest = t.largest_pieces;
    trainer_close(&t);
    return peak;
}

static void a_budget_of_pieces_bounds_the_parts_and_their_memory(void **state)
{
    int64_t whole, part;
    (void)state;
    const size_t more = activations("train.accumulate_pieces=0", &whole), less = activations("train.accumulate_pieces=64", &part);
    assert_true(whole > 128);
    assert_true(part > 0 && part <= 64);
    if (!(2 * less < more)) fail_msg("%zu bytes of activations with the budget, %zu without", less, more);
}

/* Adam's first step moves a parameter by its learning rate, whatever the size of the gradient. */
static void layers_below_move_less_by_the_layer_decay(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    struct moved {
        const char *part;
        double expected, most;
    } parts[] = {{"layer.1.", 1e-3, 0}, {"layer.0.", 0.5e-3, 0}, {"embeddings.", 0.25e-3, 0}, {"classifier.", 2e-3, 0}};
    (void)state;
    open_trainer(&c, &t, (const char *const[]){"train.layer_decay=0.5", "train.warmup=0", "train.weight_decay=0", NULL});
    size_t n, at = 0;
    float *before = values_of(&t, &n);
    next_step(&t);
    for (size_t k = 0; k < t.model.params.n; k++) {
        const ag_param *p = t.model.params.at[k];
        for (size_t i = 0; i < p->size; i++)
            for (size_t j = 0; j < 4; j++)
                if (strstr(p->name, parts[j].part)) parts[j].most = fmax(parts[j].most, fabs((double)(p->val[i] - before[at + i])));
        at += p->size;
    }
    for (size_t j = 0; j < 4; j++)
        if (!(fabs(parts[j].most - parts[j].expected) <= 0.01 * parts[j].expected))
            fail_msg("%s moved by %g, not by %g", parts[j].part, parts[j].most, parts[j].expected);
    free(before);
    trainer_close(&t);
}

static void the_schedule_is_the_one_of_the_config(void **state)
{
    static const char *const NAMES[] = {"linear", "cosine"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        static struct nerve_config c;
        struct trainer t;
        struct err e = {0};
        char key[64];
        int n;
        const int32_t *tweets;
        double factor, x;
        snprintf(key, sizeof key, "train.schedule=%s", NAMES[k]);
        open_trainer(&c, &t, (const char *const[]){key, "train.warmup=0.25", NULL});
        t.state.step = t.steps - 1;
        if (trainer_next(&t, &n, &tweets, &factor, &e)) fail_msg("%s", e.text);
        x = 1.0 / (double)(t.steps - t.warmup);
        const double expected = k == 0 ? x : 0.5 * (1 + cos(3.14159265358979323846 * (1 - x)));
        if (!(fabs(factor - expected) <= 1e-12)) fail_msg("%s: %.17g, expected %.17g", NAMES[k], factor, expected);
        trainer_close(&t);
    }
}

static void no_step_allocates(const char *key)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    open_trainer(&c, &t, (const char *const[]){key, NULL});
    if (trainer_warm(&t, &e)) fail_msg("%s", e.text);
    size_t before = t.graph.allocations;
    assert_true(before > 0);
    while (t.state.step < t.steps) next_step(&t);
    assert_int_equal(t.graph.allocations, before);
    trainer_close(&t);
}

static void after_the_largest_batch_no_step_allocates(void **state)
{
    (void)state;
    no_step_allocates("train.accumulate=1");
    no_step_allocates("train.accumulate=3");
    no_step_allocates("train.accumulate_pieces=64");
}

static void the_largest_batch_changes_no_parameter(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    size_t n;
    (void)state;
    open_trainer(&c, &t, NULL);
    float *before = values_of(&t, &n);
    if (trainer_warm(&t, &e)) fail_msg("%s", e.text);
    float *after = values_of(&t, &n);
    assert_memory_equal(before, after, n * sizeof *before);
    free(before);
    free(after);
    trainer_close(&t);
}

/* Both ways of loading, onto rows that wait for steps: those steps were another run's. */
static void what_is_loaded_makes_none_of_the_steps_that_rows_waited_for(void **state)
{
    (void)state;
    static struct nerve_config c;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/early.h5", directory);
    for (int whole = 0; whole < 2; whole++) {
        struct trainer t;
        struct checkpoint *file;
        struct err e = {0};
        size_t n;
        open_trainer(&c, &t, NULL);
        next_step(&t);
        if (trainer_save(&t, path, true, &e)) fail_msg("%s", e.text);
        float *saved = values_of(&t, &n);
        for (int k = 0; k < 3; k++) next_step_unsettled(&t);
        assert_true(t.model.bert.word->n_log > 0);
        if (checkpoint_open(path, &file, &e) || (whole ? trainer_load(&t, file, path, &e) : trainer_load_parameters(&t, file, &e)))
            fail_msg("%s", e.text);
        ag_params_settle(&t.model.params);
        float *loaded = values_of(&t, &n);
        assert_memory_equal(loaded, saved, n * sizeof *loaded);
        checkpoint_close(file);
        trainer_close(&t);
        free(saved);
        free(loaded);
    }
}

static void a_loss_that_is_not_finite_skips_the_step_and_changes_nothing(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    size_t n;
    (void)state;
    open_trainer(&c, &t, NULL);
    next_step(&t);
    next_step(&t);
    ag_param *bias = ag_params_find(&t.model.params, "classifier.bias");
    float kept = bias->val[0];
    bias->val[0] = NAN;
    float *before = values_of(&t, &n);
    struct step_result r = next_step(&t);
    float *after = values_of(&t, &n);
    assert_true(r.skipped);
    assert_int_equal(t.state.skipped, 1);
    assert_int_equal(t.state.skipped_in_row, 1);
    assert_int_equal(t.state.updates, 2);
    assert_int_equal(t.state.step, 3);
    assert_memory_equal(before, after, n * sizeof *before);
    bias->val[0] = kept;
    assert_false(next_step(&t).skipped);
    assert_int_equal(t.state.skipped_in_row, 0);
    assert_int_equal(t.state.updates, 3);
    free(before);
    free(after);
    trainer_close(&t);
}

static void frozen_layers_do_not_move_and_the_others_do(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    (void)state;
    open_trainer(&c, &t, (const char *const[]){"model.frozen_layers=1", NULL});
    size_t n, at = 0;
    float *before = values_of(&t, &n);
    for (int k = 0; k < 3; k++) next_step(&t);
    for (size_t k = 0; k < t.model.params.n; k++) {
        const ag_param *p = t.model.params.at[k];
        bool frozen = strstr(p->name, "embeddings.") || strstr(p->name, "layer.0.");
        bool moved = memcmp(before + at, p->val, p->size * sizeof *before) != 0;
        at += p->size;
        if (strstr(p->name, "key.bias")) continue; /* its gradient is exactly zero but for rounding */
        if (frozen == moved) fail_msg("%s: frozen %d, moved %d", p->name, frozen, moved);
    }
    free(before);
    trainer_close(&t);
}

static double validation_f1(struct trainer *t, enum split_name which)
{
    struct evaluation x;
    struct score score;
    struct err e = {0};
    if (evaluate_split(&t->view, &t->graph, &t->splits[which], 512, EVALUATE_TAGS, NULL, &x, &e) ||
        evaluation_score(&t->view, &t->splits[which], &x, &score, &e))
        fail_msg("%s", e.text);
    double f1 = score_measures(&score.total[SCORE_LENIENT]).f1;
    score_end(&score);
    evaluation_free(&x);
    return f1;
}

static void overfits(const char *const *keys)
{
    static struct nerve_config c;
    struct trainer t;
    int32_t tweets[8];
    struct score score;
    struct err e = {0};
    open_trainer(&c, &t, keys);
    for (int k = 0; k < 8; k++) tweets[k] = k;
    struct step_result r;
    for (int k = 0; k < 120; k++)
        if (trainer_step(&t, 8, tweets, 1, &r, &e)) fail_msg("%s", e.text);
    struct evaluation x;
    if (evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_TRAIN], 512, EVALUATE_TAGS, NULL, &x, &e) ||
        score_begin(&score, &t.model.shape.types, &e))
        fail_msg("%s", e.text);
    for (int k = 0; k < 8; k++) {
        const struct tweet *w = &t.splits[SPLIT_TRAIN].data.tweets[k];
        score_add(&score, w->n_words, t.splits[SPLIT_TRAIN].gold + w->first_word, w->n_words, x.predicted + w->first_word, &e);
    }
    assert_true(score.total[SCORE_LENIENT].gold > 0);
    double f1 = score_measures(&score.total[SCORE_LENIENT]).f1;
    if (!(f1 == 1)) fail_msg("F1 on eight tweets seen 120 times is %.3f", f1);
    score_end(&score);
    evaluation_free(&x);
    trainer_close(&t);
}

static void eight_tweets_are_learned_by_heart_with_a_crf(void **state)
{
    (void)state;
    overfits((const char *const[]){"train.lr_encoder=3e-3", "train.lr_head=5e-3", NULL});
}

static void eight_tweets_are_learned_by_heart_without_a_crf(void **state)
{
    (void)state;
    overfits((const char *const[]){"model.crf=false", "train.lr_encoder=3e-3", "train.lr_head=5e-3", NULL});
}

static void prediction_does_not_depend_on_the_batch(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    struct evaluation alone, together;
    struct err e = {0};
    (void)state;
    open_trainer(&c, &t, NULL);
    for (int k = 0; k < 6; k++) next_step(&t);
    if (evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_VALID], 1, EVALUATE_FOUND, NULL, &alone, &e) ||
        evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_VALID], 4096, EVALUATE_FOUND, NULL, &together, &e))
        fail_msg("%s", e.text);
    assert_memory_equal(alone.predicted, together.predicted, (size_t)t.splits[SPLIT_VALID].data.n_words * sizeof *alone.predicted);
    assert_int_equal(alone.n_found, together.n_found);
    for (size_t k = 0; k < alone.n_found; k++)
        if (!(fabs(alone.found[k].score - together.found[k].score) <= 1e-4))
            fail_msg("entity %zu: %.9g, %.9g", k, alone.found[k].score, together.found[k].score);
    evaluation_free(&alone);
    evaluation_free(&together);
    trainer_close(&t);
}

static void entities_behind_the_longest_tweet_are_misses(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    struct evaluation x;
    struct score score;
    struct err e = {0};
    (void)state;
    open_trainer(&c, &t, (const char *const[]){"data.max_length=8", NULL});
    const struct split *s = &t.splits[SPLIT_TEST];
    assert_true(s->encoded.words_cut > 0);
    if (evaluate_split(&t.view, &t.graph, s, 512, EVALUATE_TAGS, NULL, &x, &e) || evaluation_score(&t.view, s, &x, &score, &e))
        fail_msg("%s", e.text);
    int64_t gold = 0;
    struct span *spans = malloc((size_t)s->data.n_words * sizeof *spans);
    for (int i = 0; i < s->data.n_tweets; i++)
        gold += tags_spans(s->data.tweets[i].n_words, s->gold + s->data.tweets[i].first_word, false, spans);
    assert_int_equal(score.total[SCORE_LENIENT].gold, gold);
    free(spans);
    score_end(&score);
    evaluation_free(&x);
    trainer_close(&t);
}

static void an_untrained_model_scores_near_zero(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    (void)state;
    open_trainer(&c, &t, NULL);
    double f1 = validation_f1(&t, SPLIT_VALID);
    if (!(f1 < 0.3)) fail_msg("F1 %.3f without a step", f1);
    trainer_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(a_split_batch_takes_the_same_step_with_dropout_on),
        cmocka_unit_test(a_budget_of_pieces_bounds_the_parts_and_their_memory),
        cmocka_unit_test(layers_below_move_less_by_the_layer_decay),
        cmocka_unit_test(the_schedule_is_the_one_of_the_config),
        cmocka_unit_test(after_the_largest_batch_no_step_allocates),
        cmocka_unit_test(the_largest_batch_changes_no_parameter),
        cmocka_unit_test(what_is_loaded_makes_none_of_the_steps_that_rows_waited_for),
        cmocka_unit_test(a_loss_that_is_not_finite_skips_the_step_and_changes_nothing),
        cmocka_unit_test(frozen_layers_do_not_move_and_the_others_do),
        cmocka_unit_test(eight_tweets_are_learned_by_heart_with_a_crf),
        cmocka_unit_test(eight_tweets_are_learned_by_heart_without_a_crf),
        cmocka_unit_test(prediction_does_not_depend_on_the_batch),
        cmocka_unit_test(entities_behind_the_longest_tweet_are_misses),
        cmocka_unit_test(an_untrained_model_scores_near_zero),
    };
    return cmocka_run_group_tests_name("training steps", tests, set_up, tear_down);
}
