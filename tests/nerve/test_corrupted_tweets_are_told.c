/* Splits whose words, or what their tweets show, got worse: each kind changes what it is of and nothing else, and the measure that tells
 * clean tweets from corrupted ones is the best on validation. On synthetic tweets, models with a few steps behind them. */
#include "corrupted.h"
#include "corruption_test.h"
#include "synth.h"
#include "temporary.h"
#include "trainer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEPS = 6, PIECES = 512, SEED = 3 };

static char directory[PATH_MAX];

static int set_up(void **state)
{
    struct err e = {0};
    struct synth_report report;
    struct synth_options o = SYNTH_DEFAULTS;
    (void)state;
    o.tweets = 200;
    o.missing = 0.2;
    if (temporary_folder(directory) || ag_start(2, &e) || synth_write(directory, &o, &report, &e)) fail_msg("%s", e.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(directory);
}

static struct nerve_config config;

/* keys: separated by blanks */
static void open_trainer(struct trainer *t, const char *keys)
{
    char text[2 * PATH_MAX], *rest = text;
    struct err e = {0};
    int code = 0;
    snprintf(text, sizeof text,
             "data.dir=%s model.layers=1 model.width=32 model.heads=4 model.inner=48 model.max_positions=128 model.vision_layers=1 "
             "model.vision_width=32 model.vision_inner=32 train.epochs=1 train.lr_encoder=1e-2 train.lr_head=1e-2 %s",
             directory, keys);
    config_default(&config);
    for (char *key; !code && (key = strsep(&rest, " "));) code = config_set(&config, key, &e);
    if (!code) code = config_check(&config, &e);
    if (!code) code = trainer_open(&config, t, &e);
    if (code) fail_msg("%s", e.text);
    for (int k = 0; k < STEPS; k++) {
        struct step_result r;
        const int32_t *tweets;
        double factor;
        int n;
        if (trainer_next(t, &n, &tweets, &factor, &e) || trainer_step(t, n, tweets, factor, &r, &e)) fail_msg("%s", e.text);
    }
}

static void corrupt(const struct trainer *t, const struct corruption *c, uint32_t seed, struct corrupted *out)
{
    struct err e = {0};
    if (corrupted_make(&t->splits[SPLIT_VALID], &t->view, c, seed, out, &e)) fail_msg("%s", e.text);
}

static bool same_pieces(const struct encoded *a, const struct encoded *b)
{
    const size_t n = (size_t)a->n_tweets;
    return memcmp(a->piece_start, b->piece_start, (n + 1) * sizeof *a->piece_start) == 0 &&
           memcmp(a->ids, b->ids, (size_t)a->piece_start[n] * sizeof *a->ids) == 0;
}

static int count(int n, const bool *x)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum;
}

/* ---- what changes ---- */

static void shuffled_pictures_go_to_other_tweets_and_words_stay(void **state)
{
    struct trainer t;
    struct corrupted x;
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=caption");
    const struct split *s = &t.splits[SPLIT_VALID];
    corrupt(&t, &(struct corruption){CORRUPT_SHUFFLED, 1}, SEED, &x);
    assert_true(same_pieces(&s->encoded, &x.split.encoded));
    int *given = calloc((size_t)s->data.n_tweets, sizeof *given);
    for (int i = 0; i < s->data.n_tweets; i++) {
        const int own = s->visual.source[i], now = x.split.visual.source[i];
        assert_int_equal(x.before[i], own >= 0);
        assert_int_equal(x.changed[i], own >= 0);
        if (own < 0)
            assert_int_equal(now, -1);
        else
            assert_true(now >= 0 && now != own && ++given[now] == 1);
    }
    assert_true(count(s->data.n_tweets, x.before) > 0 && count(s->data.n_tweets, x.before) < s->data.n_tweets);
    free(given);
    corrupted_free(&x);
    trainer_close(&t);
}

static void half_of_the_pictures_can_be_missing(void **state)
{
    struct trainer t;
    struct corrupted x;
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=caption");
    corrupt(&t, &(struct corruption){CORRUPT_MISSING, 0.5}, SEED, &x);
    const int had = visual_count(&t.splits[SPLIT_VALID].visual), n = t.splits[SPLIT_VALID].data.n_tweets;
    assert_int_equal(visual_count(&x.split.visual), had - (int)lround(0.5 * had));
    assert_int_equal(count(n, x.changed), (int)lround(0.5 * had));
    corrupted_free(&x);
    trainer_close(&t);
}

static void words_change_and_pictures_stay(void **state)
{
    static const enum corrupt_kind KINDS[] = {CORRUPT_TYPOS, CORRUPT_DROPPED_WORDS};
    struct trainer t;
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=caption");
    const struct split *s = &t.splits[SPLIT_VALID];
    char *before = strdup(s->data.words[0]);
    for (size_t k = 0; k < 2; k++) {
        struct corrupted x;
        corrupt(&t, &(struct corruption){KINDS[k], 1}, SEED, &x);
        assert_false(same_pieces(&s->encoded, &x.split.encoded));
        assert_memory_equal(s->visual.source, x.split.visual.source, (size_t)s->data.n_tweets * sizeof *s->visual.source);
        assert_int_equal(count(s->data.n_tweets, x.before), s->data.n_tweets);
        assert_int_equal(count(s->data.n_tweets, x.changed), s->data.n_tweets);
        assert_string_equal(s->data.words[0], before);
        corrupted_free(&x);
    }
    free(before);
    trainer_close(&t);
}

/* [CLS] tweet [SEP] caption [SEP]: the pieces of the tweet stay when the captions are handed on. */
static void captions_behind_tweets_are_handed_on(void **state)
{
    struct trainer t;
    struct corrupted x;
    (void)state;
    open_trainer(&t, "model.fusion=append model.visual=caption");
    const struct encoded *a = &t.splits[SPLIT_VALID].encoded;
    corrupt(&t, &(struct corruption){CORRUPT_SHUFFLED, 1}, SEED, &x);
    const struct encoded *b = &x.split.encoded;
    assert_false(same_pieces(a, b));
    for (int i = 0; i < a->n_tweets; i++)
        for (int k = 0; a->piece_start[i] + k < a->piece_start[i + 1] && !a->types[a->piece_start[i] + k]; k++)
            assert_int_equal(a->ids[a->piece_start[i] + k], b->ids[b->piece_start[i] + k]);
    corrupted_free(&x);
    corrupt(&t, &(struct corruption){CORRUPT_MISSING, 1}, SEED, &x);
    for (int k = 0; k < x.split.encoded.piece_start[a->n_tweets]; k++) assert_int_equal(x.split.encoded.types[k], 0);
    corrupted_free(&x);
    trainer_close(&t);
}

/* ---- what goes into a batch ---- */

/* All pictures or features of a split, as the model would be given them; fresh memory. */
static float *shown(const struct trainer *t, const struct corruption *c, uint32_t seed, size_t *n)
{
    const struct split *s = &t->splits[SPLIT_VALID];
    const int B = s->data.n_tweets;
    struct corrupted x;
    struct visual_batch b = {0};
    struct err e = {0};
    int V = 0;
    corrupt(t, c, seed, &x);
    int32_t *tweets = calloc((size_t)B, sizeof *tweets);
    for (int i = 0; i < B; i++) {
        tweets[i] = i;
        V += visual_tokens(&x.split.visual, i);
    }
    if (visual_batch_reserve(&b, &x.split.visual, B, s->data.n_words, V, &e) ||
        visual_batch_fill(&b, &x.split.visual, B, tweets, tweets, s->encoded.word_start, NULL, 2, &e))
        fail_msg("%s", e.text);
    const size_t side = (size_t)x.split.visual.pipeline.size;
    const bool pictures = x.split.visual.kind == VISUAL_PICTURES;
    *n = pictures ? (size_t)b.n * 3 * side * side : (size_t)b.V * (size_t)x.split.visual.width;
    float *copy = malloc((*n + 1) * sizeof *copy);
    memcpy(copy, pictures ? b.pixels : b.features, *n * sizeof *copy);
    visual_batch_free(&b);
    free(tweets);
    corrupted_free(&x);
    return copy;
}

/* Degree 0 gives the same bytes, one seed always the same and another others, where the kind draws any number. */
static void follows_degree_and_seed(const struct trainer *t, enum corrupt_kind kind, bool draws)
{
    size_t n, m;
    float *clean = shown(t, &(struct corruption){CORRUPT_MISSING, 0}, SEED, &n), *none = shown(t, &(struct corruption){kind, 0}, SEED, &m),
          *half = shown(t, &(struct corruption){kind, .5}, SEED, &m), *again = shown(t, &(struct corruption){kind, .5}, SEED, &m),
          *other = shown(t, &(struct corruption){kind, .5}, SEED + 1, &m);
    assert_true(n > 0 && n == m);
    assert_memory_equal(clean, none, n * sizeof *clean);
    assert_int_not_equal(memcmp(clean, half, n * sizeof *clean), 0);
    assert_memory_equal(half, again, n * sizeof *clean);
    assert_int_equal(memcmp(half, other, n * sizeof *clean) != 0, draws);
    free(clean);
    free(none);
    free(half);
    free(again);
    free(other);
}

static void pixels_follow_degree_and_seed(void **state)
{
    struct trainer t;
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=vit");
    follows_degree_and_seed(&t, CORRUPT_NOISE, true);
    follows_degree_and_seed(&t, CORRUPT_OCCLUSION, true);
    follows_degree_and_seed(&t, CORRUPT_BLUR, false);
    trainer_close(&t);
}

static void features_follow_degree_and_seed(void **state)
{
    static float values[1000][2 * 5];
    const float *at[1000];
    int32_t number[1000];
    struct trainer t;
    struct err e = {0};
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=caption");
    struct split *s = &t.splits[SPLIT_VALID];
    assert_true(s->data.n_tweets <= 1000);
    for (int i = 0; i < s->data.n_tweets; i++) {
        for (int k = 0; k < 10; k++) values[i][k] = (float)(i + k * k);
        at[i] = i % 5 ? values[i] : NULL;
        number[i] = 2;
    }
    visual_free(&s->visual);
    if (visual_of_features(s->data.n_tweets, at, number, 5, &s->visual, &e)) fail_msg("%s", e.text);
    follows_degree_and_seed(&t, CORRUPT_NOISE, true);
    trainer_close(&t);
}

/* ---- what is told ---- */

static double number(const struct json *v, const char *key)
{
    double x = NAN;
    json_read_number(json_get(v, key), &x);
    return x;
}

/* The share of pairs of a corrupted and a clean tweet that a quantity, at this place of struct doubt, orders right. */
static double pairs_in_order(const struct corrupted *c, const struct doubt *clean, const struct doubt *bad, size_t offset, double sign)
{
    double right = 0, all = 0;
    for (int i = 0; i < c->split.data.n_tweets; i++)
        for (int k = 0; k < c->split.data.n_tweets; k++) {
            if (!c->changed[i] || !c->before[k]) continue;
            const double a = sign * *(const double *)((const char *)&bad[i] + offset),
                         b = sign * *(const double *)((const char *)&clean[k] + offset);
            if (isnan(a) || isnan(b)) return NAN;
            right += a > b ? 1 : a < b ? 0 : 0.5;
            all++;
        }
    return right / all;
}

static const struct {
    const char *name;
    size_t offset;
    double sign;
} QUANTITIES[] = {
    {"fused.aleatoric", offsetof(struct doubt, fused.aleatoric), 1},
    {"fused.epistemic", offsetof(struct doubt, fused.epistemic), 1},
    {"fused.predictive_scale", offsetof(struct doubt, fused.predictive_scale), 1},
    {"image.aleatoric", offsetof(struct doubt, modality[MODEL_IMAGE].aleatoric), 1},
    {"image.epistemic", offsetof(struct doubt, modality[MODEL_IMAGE].epistemic), 1},
    {"image.predictive_scale", offsetof(struct doubt, modality[MODEL_IMAGE].predictive_scale), 1},
    {"text.aleatoric", offsetof(struct doubt, modality[MODEL_TEXT].aleatoric), 1},
    {"text.epistemic", offsetof(struct doubt, modality[MODEL_TEXT].epistemic), 1},
    {"text.predictive_scale", offsetof(struct doubt, modality[MODEL_TEXT].predictive_scale), 1},
    {"conflict", offsetof(struct doubt, conflict), 1},
    {"visual_share", offsetof(struct doubt, visual_share), -1},
};
enum { N_QUANTITIES = sizeof QUANTITIES / sizeof *QUANTITIES };

/* Both splits, as they are and corrupted, and AUROCs of all quantities by counting pairs. */
struct recount {
    struct evaluation clean, bad;
    double auroc[N_QUANTITIES], entropy;
};

static void recount(struct trainer *t, enum split_name which, const struct corruption *c, struct recount *out)
{
    struct corrupted x;
    struct err e = {0};
    if (corrupted_make(&t->splits[which], &t->view, c, SEED, &x, &e) ||
        evaluate_split(&t->view, &t->graph, &t->splits[which], PIECES, EVALUATE_TWEETS, NULL, &out->clean, &e) ||
        evaluate_split(&t->view, &t->graph, &x.split, PIECES, EVALUATE_TWEETS, NULL, &out->bad, &e))
        fail_msg("%s", e.text);
    for (int k = 0; k < N_QUANTITIES; k++)
        out->auroc[k] = pairs_in_order(&x, out->clean.tweets, out->bad.tweets, QUANTITIES[k].offset, QUANTITIES[k].sign);
    out->entropy = pairs_in_order(&x, out->clean.tweets, out->bad.tweets, offsetof(struct doubt, entropy), 1);
    corrupted_free(&x);
}

static struct json *told(struct trainer *t, const struct corruption *c, const struct evaluation *valid, const struct evaluation *test)
{
    const struct corruption_test x = {.model = &t->view,
                                      .graph = &t->graph,
                                      .batch_pieces = PIECES,
                                      .valid = {&t->splits[SPLIT_VALID], valid},
                                      .tested = {&t->splits[SPLIT_TEST], test}};
    struct json *v;
    struct err e = {0};
    if (corruption_test_json(&x, c, SEED, &v, &e)) fail_msg("%s", e.text);
    return v;
}

static void the_measure_is_the_best_of_validation_and_its_auroc_that_of_the_test_split(void **state)
{
    static const struct corruption ROWS[] = {{CORRUPT_NOISE, 1},    {CORRUPT_BLUR, .5},  {CORRUPT_OCCLUSION, .7},    {CORRUPT_SHUFFLED, .5},
                                             {CORRUPT_MISSING, .5}, {CORRUPT_TYPOS, .2}, {CORRUPT_DROPPED_WORDS, .1}};
    struct trainer t;
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=vit");
    for (size_t row = 0; row < sizeof ROWS / sizeof *ROWS; row++) {
        struct recount valid, test;
        recount(&t, SPLIT_VALID, &ROWS[row], &valid);
        recount(&t, SPLIT_TEST, &ROWS[row], &test);
        struct json *v = told(&t, &ROWS[row], &valid.clean, &test.clean);
        int best = 0;
        for (int k = 1; k < (ROWS[row].kind == CORRUPT_MISSING ? 3 : N_QUANTITIES); k++)
            if (valid.auroc[k] > valid.auroc[best]) best = k;
        assert_string_equal(json_text(json_get(v, "kind")), CORRUPT_NAMES[ROWS[row].kind]);
        assert_string_equal(json_text(json_get(v, "measure")), QUANTITIES[best].name);
        if (!(fabs(number(v, "auroc") - test.auroc[best]) <= 1e-12) || !(fabs(number(v, "entropy_auroc") - test.entropy) <= 1e-12))
            fail_msg("%s: %g and %g, expected %g and %g", CORRUPT_NAMES[ROWS[row].kind], number(v, "auroc"), number(v, "entropy_auroc"),
                     test.auroc[best], test.entropy);
        json_free(v);
        evaluation_free(&valid.clean);
        evaluation_free(&valid.bad);
        evaluation_free(&test.clean);
        evaluation_free(&test.bad);
    }
    trainer_close(&t);
}

static void degree_0_changes_no_score_and_has_no_auroc(void **state)
{
    struct trainer t;
    struct evaluation valid, test;
    struct score score;
    struct err e = {0};
    (void)state;
    open_trainer(&t, "model.fusion=monig-prob model.visual=vit");
    if (evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_VALID], PIECES, EVALUATE_TWEETS, NULL, &valid, &e) ||
        evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_TEST], PIECES, EVALUATE_TWEETS, NULL, &test, &e) ||
        evaluation_score(&t.view, &t.splits[SPLIT_TEST], &test, &score, &e))
        fail_msg("%s", e.text);
    for (int kind = 0; kind < N_CORRUPT_KINDS; kind++) {
        struct json *v = told(&t, &(struct corruption){(enum corrupt_kind)kind, 0}, &valid, &test);
        assert_true(number(v, "f1") == score_measures(&score.total[SCORE_LENIENT]).f1);
        assert_true(isnan(number(v, "auroc")) && isnan(number(v, "entropy_auroc")) && !json_text(json_get(v, "measure")));
        assert_true(number(v, "tweets") == 0);
        json_free(v);
    }
    score_end(&score);
    evaluation_free(&valid);
    evaluation_free(&test);
    trainer_close(&t);
}

static void a_model_without_evidence_has_no_measure(void **state)
{
    struct trainer t;
    struct evaluation test;
    struct err e = {0};
    (void)state;
    open_trainer(&t, "model.fusion=concat model.visual=caption");
    if (evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_TEST], PIECES, EVALUATE_TWEETS, NULL, &test, &e)) fail_msg("%s", e.text);
    struct json *v = told(&t, &(struct corruption){CORRUPT_TYPOS, 1}, NULL, &test);
    assert_true(isnan(number(v, "auroc")) && !json_text(json_get(v, "measure")));
    assert_true(number(v, "entropy_auroc") >= 0 && number(v, "tweets") == t.splits[SPLIT_TEST].data.n_tweets);
    json_free(v);
    evaluation_free(&test);
    trainer_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffled_pictures_go_to_other_tweets_and_words_stay),
        cmocka_unit_test(half_of_the_pictures_can_be_missing),
        cmocka_unit_test(words_change_and_pictures_stay),
        cmocka_unit_test(captions_behind_tweets_are_handed_on),
        cmocka_unit_test(pixels_follow_degree_and_seed),
        cmocka_unit_test(features_follow_degree_and_seed),
        cmocka_unit_test(the_measure_is_the_best_of_validation_and_its_auroc_that_of_the_test_split),
        cmocka_unit_test(degree_0_changes_no_score_and_has_no_auroc),
        cmocka_unit_test(a_model_without_evidence_has_no_measure),
    };
    return cmocka_run_group_tests_name("corrupted tweets are told", tests, set_up, tear_down);
}
