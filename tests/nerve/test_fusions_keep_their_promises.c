/* What every fusion promises, whoever looks at the picture and whatever stands for it. */
#include "evaluate.h"
#include "model_store.h"
#include "visual_tweets.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEYS(...)                                                                                                                          \
    (const char *const[])                                                                                                                  \
    {                                                                                                                                      \
        __VA_ARGS__, NULL                                                                                                                  \
    }
enum { MANY = 10 };

static const struct fusion {
    const char *name;
    bool pixels, query_tags, text_suffices;
    const char *keys[4];
} FUSIONS[] = {
#define CAPTION "model.visual=caption"
#define PIXELS  "model.visual=vit"
#define TAGS    "model.image_query=tags"
#define WORDS   "model.image_query=words"
    {"text", false, false, true, {"model.fusion=text"}},
    {"image, tags, captions", false, true, false, {"model.fusion=image", CAPTION, TAGS}},
    {"image, words, captions", false, false, false, {"model.fusion=image", CAPTION, WORDS}},
    {"append", false, false, true, {"model.fusion=append", CAPTION}},
    {"concat, captions", false, false, true, {"model.fusion=concat", CAPTION}},
    {"gate, captions", false, false, true, {"model.fusion=gate", CAPTION}},
    {"cross, captions", false, false, true, {"model.fusion=cross", CAPTION}},
    {"average, tags, captions", false, true, true, {"model.fusion=average", CAPTION, TAGS}},
    {"average, words, captions", false, false, true, {"model.fusion=average", CAPTION, WORDS}},
    {"monig-onehot, tags, captions", false, true, true, {"model.fusion=monig-onehot", CAPTION, TAGS}},
    {"monig-onehot, words, captions", false, false, true, {"model.fusion=monig-onehot", CAPTION, WORDS}},
    {"monig-prob, tags, captions", false, true, true, {"model.fusion=monig-prob", CAPTION, TAGS}},
    {"monig-prob, words, captions", false, false, true, {"model.fusion=monig-prob", CAPTION, WORDS}},
    {"dirichlet, tags, captions", false, true, true, {"model.fusion=dirichlet", CAPTION, TAGS}},
    {"dirichlet, words, captions", false, false, true, {"model.fusion=dirichlet", CAPTION, WORDS}},
    {"image, tags, pixels", true, true, false, {"model.fusion=image", PIXELS, TAGS}},
    {"concat, pixels", true, false, true, {"model.fusion=concat", PIXELS}},
    {"monig-prob, tags, pixels", true, true, true, {"model.fusion=monig-prob", PIXELS, TAGS}},
    {"dirichlet, words, pixels", true, false, true, {"model.fusion=dirichlet", PIXELS, WORDS}},
};
enum { N_FUSIONS = sizeof FUSIONS / sizeof *FUSIONS };

static void open_after(struct nerve_config *c, struct trainer *t, const struct fusion *f, int steps, const char *const *more)
{
    visual_trainer(c, t, f->keys, more);
    for (int k = 0; k < steps; k++) visual_step(t);
}

/* Row w of plane p of [..,W,L]. */
static const float *row_of(const ag_tensor *x, int W, int plane, int w)
{
    const size_t L = (size_t)ag_cols(x);
    return x->val + ((size_t)plane * (size_t)W + (size_t)w) * L;
}

static int planes_of(const ag_tensor *x)
{
    return x->rank == 3 ? x->dim[0] : 1;
}

static size_t row_bytes(const ag_tensor *x)
{
    return (size_t)ag_cols(x) * sizeof *x->val;
}

/* ---- training ---- */

static void eight_tweets_are_learned_by_heart(const struct fusion *f)
{
    static struct nerve_config c;
    struct trainer t;
    struct evaluation x;
    struct score score;
    struct step_result r;
    struct err e = {0};
    const int32_t tweets[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    open_after(&c, &t, f, 0, KEYS("train.lr_encoder=3e-3", "train.lr_head=5e-3"));
    for (int k = 0; k < 120; k++)
        if (trainer_step(&t, 8, tweets, 1, &r, &e)) fail_msg("%s", e.text);
    const struct split *s = &t.splits[SPLIT_TRAIN];
    if (evaluate_split(&t.view, &t.graph, s, 512, false, NULL, &x, &e) || score_begin(&score, &t.model.shape.types, &e))
        fail_msg("%s", e.text);
    for (int k = 0; k < 8; k++) {
        const struct tweet *w = &s->data.tweets[k];
        if (score_add(&score, w->n_words, s->gold + w->first_word, w->n_words, x.predicted + w->first_word, &e)) fail_msg("%s", e.text);
    }
    assert_true(score.total[SCORE_LENIENT].gold > 0);
    const double f1 = score_measures(&score.total[SCORE_LENIENT]).f1;
    if (!(f1 == 1)) fail_msg("F1 on eight tweets seen 120 times is %.3f", f1);
    score_end(&score);
    evaluation_free(&x);
    trainer_close(&t);
}

static float *after(const struct fusion *f, const char *const *more, size_t *n)
{
    static struct nerve_config c;
    struct trainer t;
    open_after(&c, &t, f, 4, more);
    float *all = visual_values(&t, n);
    trainer_close(&t);
    return all;
}

/* adam_eps: a gradient that is zero but for rounding moves nothing. */
static void a_batch_in_parts_takes_the_same_step(const struct fusion *f)
{
    size_t n;
    double worst = 0;
#define DROPS "train.drop_image=0.5", "train.drop_text=0.3", "train.adam_eps=1e-3"
    const char *noise = f->pixels ? "train.noise_image=0.4" : "train.noise_image=0";
    float *whole = after(f, KEYS(DROPS, noise), &n), *split = after(f, KEYS(DROPS, noise, "train.accumulate=3"), &n);
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)whole[i] - (double)split[i]);
        if (!(d <= worst)) worst = d;
    }
    if (!(worst <= 2e-6)) fail_msg("largest difference %.3g", worst);
    free(whole);
    free(split);
}

static void any_number_of_threads_gives_the_same_bytes(const struct fusion *f)
{
    static const int THREADS[] = {1, 4, 2};
    size_t n;
    struct err e = {0};
    float *two = after(f, NULL, &n);
    for (size_t k = 0; k < 3; k++) {
        if (ag_start(THREADS[k], &e)) fail_msg("%s", e.text);
        float *other = after(f, NULL, &n);
        if (memcmp(two, other, n * sizeof *two) != 0) fail_msg("other bytes on %d threads", THREADS[k]);
        free(other);
    }
    free(two);
}

static void a_resumed_run_has_the_same_bytes(const struct fusion *f)
{
    static struct nerve_config c;
    struct trainer t;
    struct checkpoint *checkpoint;
    struct err e = {0};
    char path[PATH_MAX + 32];
    size_t n;
    snprintf(path, sizeof path, "%s/resumed.h5", visual_folder);
    float *whole = after(f, KEYS("train.drop_text=0.3"), &n);
    open_after(&c, &t, f, 2, KEYS("train.drop_text=0.3"));
    if (trainer_save(&t, path, true, &e)) fail_msg("%s", e.text);
    trainer_close(&t);
    open_after(&c, &t, f, 0, KEYS("train.drop_text=0.3"));
    if (checkpoint_open(path, &checkpoint, &e) || trainer_load(&t, checkpoint, path, &e)) fail_msg("%s", e.text);
    for (int k = 0; k < 2; k++) visual_step(&t);
    float *again = visual_values(&t, &n);
    assert_memory_equal(whole, again, n * sizeof *whole);
    free(whole);
    free(again);
    checkpoint_close(checkpoint);
    trainer_close(&t);
}

static void a_set_without_pictures_works(const struct fusion *f)
{
    static struct nerve_config c;
    struct trainer t;
    struct evaluation x;
    struct err e = {0};
    open_after(&c, &t, f, 0, KEYS(f->pixels ? "data.images=no-images" : "data.captions=none.txt"));
    assert_int_equal(visual_count(&t.splits[SPLIT_TRAIN].visual), 0);
    for (int k = 0; k < 3; k++) assert_false(visual_step(&t).skipped);
    if (evaluate_split(&t.view, &t.graph, &t.splits[SPLIT_VALID], 512, true, NULL, &x, &e)) fail_msg("%s", e.text);
    evaluation_free(&x);
    trainer_close(&t);
}

/* ---- what depends on what ---- */

static void the_text_head_does_not_depend_on_the_picture(const struct fusion *f)
{
    static struct nerve_config c[2];
    struct trainer t, other;
    struct visual_pass p[2];
    int32_t tweets[MANY];
    for (int k = 0; k < MANY; k++) tweets[k] = k;
    open_after(&c[0], &t, f, 4, NULL);
    open_after(&c[1], &other, f, 0, KEYS(f->pixels ? "data.images=other-images" : "data.captions=other-captions.txt"));
    visual_forward(&p[0], &t.model, &t.splits[SPLIT_TRAIN], MANY, tweets);
    visual_forward(&p[1], &t.model, &other.splits[SPLIT_TRAIN], MANY, tweets);
    const ag_tensor *x = p[0].forward.head[MODEL_TEXT], *y = p[1].forward.head[MODEL_TEXT], *a = p[0].forward.emissions,
                    *b = p[1].forward.emissions;
    if (x) assert_memory_equal(x->val, y->val, ag_size(x) * sizeof *x->val);
    if (t.model.shape.visual.source == SOURCE_NONE)
        assert_memory_equal(a->val, b->val, ag_size(a) * sizeof *a->val);
    else
        assert_int_not_equal(memcmp(a->val, b->val, ag_size(a) * sizeof *a->val), 0);
    for (int k = 0; k < 2; k++) visual_pass_free(&p[k]);
    trainer_close(&t);
    trainer_close(&other);
}

static void the_image_head_of_tags_does_not_depend_on_the_text(const struct fusion *f)
{
    static struct nerve_config c[2];
    struct trainer t, other;
    struct visual_pass p[2];
    int32_t tweets[MANY];
    for (int k = 0; k < MANY; k++) tweets[k] = k;
    open_after(&c[0], &t, f, 4, NULL);
    open_after(&c[1], &other, f, 0, KEYS("data.train=other-words.txt"));
    visual_forward(&p[0], &t.model, &t.splits[SPLIT_TRAIN], MANY, tweets);
    visual_forward(&p[1], &t.model, &other.splits[SPLIT_TRAIN], MANY, tweets);
    const ag_tensor *x[2];
    for (int k = 0; k < 2; k++) {
        x[k] = p[k].forward.head[MODEL_IMAGE];
        if (!x[k]) x[k] = p[k].forward.emissions;
    }
    for (int plane = 0; plane < planes_of(x[0]); plane++)
        for (int i = 0; i < MANY; i++) {
            const float *first = row_of(x[0], p[0].batch.W, plane, p[0].batch.word_start[i]);
            for (int k = 0; k < 2; k++)
                for (int w = p[k].batch.word_start[i]; w < p[k].batch.word_start[i + 1]; w++)
                    assert_memory_equal(row_of(x[k], p[k].batch.W, plane, w), first, row_bytes(x[0]));
        }
    for (int k = 0; k < 2; k++) visual_pass_free(&p[k]);
    trainer_close(&t);
    trainer_close(&other);
}

/* log softmax of the text's scores: the mean of one. */
static bool is_text_alone(const ag_tensor *emissions, const ag_tensor *text, int W, int w)
{
    const float *x = row_of(text, W, 0, w), *y = row_of(emissions, W, 0, w);
    double sum = 0;
    for (int l = 0; l < ag_cols(text); l++) sum += exp((double)x[l]);
    for (int l = 0; l < ag_cols(text); l++)
        if (!(fabs((double)y[l] - ((double)x[l] - log(sum))) <= 1e-6)) return false;
    return true;
}

static bool is_text_belief(const ag_tensor *fused, const ag_tensor *text, int W, int w)
{
    for (int plane = 0; plane < planes_of(fused); plane++)
        if (memcmp(row_of(fused, W, plane, w), row_of(text, W, plane, w), row_bytes(fused)) != 0) return false;
    return true;
}

static void without_a_picture_the_text_alone_speaks(const struct fusion *f)
{
    static struct nerve_config c;
    struct trainer t;
    struct visual_pass p;
    int32_t tweets[MANY];
    int words = 0, others = 0;
    for (int k = 0; k < MANY; k++) tweets[k] = k;
    open_after(&c, &t, f, 4, NULL);
    visual_forward(&p, &t.model, &t.splits[SPLIT_TRAIN], MANY, tweets);
    const ag_tensor *fused = p.forward.fused, *text = p.forward.head[MODEL_TEXT];
    for (int w = 0; w < p.batch.W; w++) {
        const bool same = fused ? is_text_belief(fused, text, p.batch.W, w) : is_text_alone(p.forward.emissions, text, p.batch.W, w);
        if (!p.batch.visual.seen[w] && !same) fail_msg("word %d has no picture, and not what its text says", w);
        words += !p.batch.visual.seen[w];
        others += p.batch.visual.seen[w] && !same;
    }
    assert_true(words > 0 && others > 0);
    visual_pass_free(&p);
    trainer_close(&t);
}

/* Of the largest entry. */
static void compare_rows(const struct visual_pass *whole, int i, const struct visual_pass *part, int j)
{
    const ag_tensor *x = whole->forward.emissions, *y = part->forward.emissions;
    const int from = whole->batch.word_start[i], n = whole->batch.word_start[i + 1] - from, at = part->batch.word_start[j];
    double largest = 0;
    assert_int_equal(part->batch.word_start[j + 1] - at, n);
    for (size_t k = 0; k < ag_size(x); k++) largest = fmax(largest, fabs((double)x->val[k]));
    for (int k = 0; k < n * ag_cols(x); k++) {
        const double d = fabs((double)row_of(x, 0, 0, from)[k] - (double)row_of(y, 0, 0, at)[k]);
        if (!(d <= 2.5e-6 * largest)) fail_msg("tweet %d is off by %.3g of the largest", i, d / largest);
    }
}

static void a_tweet_is_the_same_alone_and_in_every_order(const struct fusion *f)
{
    static struct nerve_config c;
    struct trainer t;
    struct visual_pass whole, turned, one;
    int32_t tweets[MANY], back[MANY];
    for (int k = 0; k < MANY; k++) back[MANY - 1 - k] = tweets[k] = k;
    open_after(&c, &t, f, 4, NULL);
    visual_forward(&whole, &t.model, &t.splits[SPLIT_TRAIN], MANY, tweets);
    visual_forward(&turned, &t.model, &t.splits[SPLIT_TRAIN], MANY, back);
    for (int k = 0; k < MANY; k++) {
        compare_rows(&whole, k, &turned, MANY - 1 - k);
        visual_forward(&one, &t.model, &t.splits[SPLIT_TRAIN], 1, &tweets[k]);
        compare_rows(&whole, k, &one, 0);
        visual_pass_free(&one);
    }
    visual_pass_free(&whole);
    visual_pass_free(&turned);
    trainer_close(&t);
}

/* ---- chance and time ---- */

static const char *const STILL[] = {"model.fusion=monig-prob", "model.visual=caption", "train.lr_encoder=0", "train.lr_head=0",
                                    "train.lr_crf=0",          "train.lr_fusion=0",    "train.batch=8",      NULL};

static void pictures_are_left_out_as_often_as_the_key_says(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    int had = 0, left = 0;
    (void)state;
    visual_trainer(&c, &t, STILL, KEYS("train.drop_image=0.3", "train.epochs=30"));
    while (t.state.step < t.steps) {
        visual_step(&t);
        const struct batch *b = &t.batch;
        for (int i = 0; i < b->B; i++) {
            if (visual_tokens(&t.splits[SPLIT_TRAIN].visual, b->tweet[i]) == 0) continue;
            had++;
            left += b->visual.start[i] == b->visual.start[i + 1];
        }
    }
    const double share = (double)left / had, sigma = sqrt(0.3 * 0.7 / had);
    assert_true(had > 800);
    if (!(fabs(share - 0.3) <= 4 * sigma)) fail_msg("%d of %d are left out: %.3f", left, had, share);
    trainer_close(&t);
}

/* Mean nu of the picture's belief over train's first tweets, clean or noise. */
static double claimed_by_pictures(const struct trainer *t, const struct corruption *noise)
{
    struct split s = t->splits[SPLIT_TRAIN];
    struct visual_pass p;
    int32_t tweets[MANY];
    double sum = 0;
    int n = 0;
    for (int k = 0; k < MANY; k++) tweets[k] = k;
    s.visual.corruption = noise;
    s.visual.corruption_seed = 77;
    visual_forward(&p, &t->model, &s, MANY, tweets);
    const ag_tensor *belief = p.forward.head[MODEL_IMAGE];
    for (int w = 0; w < p.batch.W; w++) {
        if (!p.batch.visual.seen[w]) continue;
        for (int l = 0; l < ag_cols(belief); l++) sum += evi_nig_at(belief, w, l).nu;
        n += ag_cols(belief);
    }
    visual_pass_free(&p);
    return sum / n;
}

/* Of one colour each, so that noise is something else. */
static void write_plain_pictures(void)
{
    enum { PLAIN_SIDE = 16, PICTURES = 100 };
    char path[PATH_MAX + 64];
    uint8_t rgb[PLAIN_SIDE * PLAIN_SIDE * 3];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/plain", visual_folder);
    if (mkdir(path, 0777)) fail_msg("%s: cannot be made", path);
    for (int id = 0; id < PICTURES; id++) {
        memset(rgb, id * 2, sizeof rgb);
        snprintf(path, sizeof path, "%s/plain/%d.png", visual_folder, id);
        if (picture_write_png(path, &(struct picture){PLAIN_SIDE, PLAIN_SIDE, rgb}, &e)) fail_msg("%s", e.text);
    }
}

static void a_picture_that_is_noise_claims_little_once_noise_was_seen(void **state)
{
    static const char *const KEYS_OF_ALL[] = {"model.fusion=monig-prob", PIXELS, TAGS, "data.images=plain", "train.noise_image=0.4", NULL};
    static const struct corruption NOISE = {CORRUPT_NOISE, 1};
    static struct nerve_config c;
    double clean[2], noise[2];
    (void)state;
    write_plain_pictures();
    for (int k = 0; k < 2; k++) {
        struct trainer t;
        visual_trainer(&c, &t, KEYS_OF_ALL,
                       KEYS(k == 0 ? "loss.noise=0" : "loss.noise=0.1", "train.epochs=12", "train.lr_visual=2e-3", "train.lr_fusion=2e-3"));
        for (int step = 0; step < 60; step++) visual_step(&t);
        clean[k] = claimed_by_pictures(&t, NULL);
        noise[k] = claimed_by_pictures(&t, &NOISE);
        trainer_close(&t);
    }
    if (!(noise[1] < 0.5 * clean[1])) fail_msg("nu of noise is %.3f, of pictures %.3f", noise[1], clean[1]);
    if (!(noise[0] > 0.5 * clean[0])) fail_msg("without loss.noise: nu of noise is %.3f, of pictures %.3f", noise[0], clean[0]);
}

enum { TWEETS_MAX = 200 };

/* A number that tells the pictures of a batch's tweet from one another. */
static float looks_like(const struct trainer *t, int i)
{
    enum { VALUES = 16 };
    const struct visual_batch *v = &t->batch.visual;
    const size_t side = (size_t)t->splits[SPLIT_TRAIN].visual.pipeline.size;
    size_t k = 0;
    float x = 0;
    while (v->tweet[k] != i) k++;
    for (size_t at = 0; at < VALUES; at++) x = x / 2 + v->pixels[k * 3 * side * side + at];
    return x;
}

static void pictures_are_noise_as_often_as_the_key_says(void **state)
{
    static const char *const KEYS_OF_ALL[] = {"model.fusion=monig-prob", PIXELS, TAGS, NULL};
    static struct nerve_config c;
    struct trainer t;
    float last[TWEETS_MAX] = {0};
    int had = 0, noisy = 0, again = 0;
    (void)state;
    visual_trainer(&c, &t, KEYS_OF_ALL, KEYS("train.drop_image=0.2", "train.noise_image=0.3", "train.epochs=12"));
    assert_true(t.splits[SPLIT_TRAIN].data.n_tweets <= TWEETS_MAX);
    for (int step = 0; step < 60; step++) {
        visual_step(&t);
        const struct batch *b = &t.batch;
        for (int i = 0; i < b->B; i++) {
            const int from = b->word_start[i], to = b->word_start[i + 1];
            if (from == to || b->visual.start[i] == b->visual.start[i + 1]) continue;
            had++;
            noisy += b->visual.noise[from];
            for (int w = from; w < to; w++) assert_int_equal(b->visual.noise[w], b->visual.noise[from]);
            if (!b->visual.noise[from]) continue;
            const float now = looks_like(&t, i);
            if (now == last[b->tweet[i]]) fail_msg("step %d: tweet %d sees the noise that it saw before", step, b->tweet[i]);
            again += last[b->tweet[i]] != 0;
            last[b->tweet[i]] = now;
        }
    }
    assert_true(again > 20);
    const double share = (double)noisy / had, sigma = sqrt(0.3 * 0.7 / had);
    assert_true(had > 200);
    if (!(fabs(share - 0.3) <= 4 * sigma)) fail_msg("%d of %d are noise: %.3f", noisy, had, share);
    trainer_close(&t);
}

static void a_tweet_keeps_its_text_where_its_picture_is_noise(void **state)
{
    static const char *const KEYS_OF_ALL[] = {"model.fusion=monig-prob", PIXELS, TAGS, NULL};
    static struct nerve_config c;
    struct trainer t;
    int heard = 0, silent = 0;
    (void)state;
    visual_trainer(&c, &t, KEYS_OF_ALL, KEYS("train.drop_text=1", "train.noise_image=0.5"));
    for (int step = 0; step < 5; step++) {
        visual_step(&t);
        const struct batch *b = &t.batch;
        for (int w = 0; w < b->W; w++) {
            assert_int_equal(b->heard[w], !b->visual.seen[w] || b->visual.noise[w]);
            heard += b->visual.noise[w];
            silent += !b->heard[w];
        }
    }
    assert_true(heard > 0 && silent > 0);
    trainer_close(&t);
}

enum { RAMP_STEPS = 20 };
static void losses(const char *const *more, double loss[RAMP_STEPS])
{
    static struct nerve_config c;
    struct trainer t;
    visual_trainer(&c, &t, STILL, more);
    assert_true(t.steps >= RAMP_STEPS && t.epoch_end[1] == 5);
    for (int k = 0; k < RAMP_STEPS; k++) loss[k] = visual_step(&t).loss;
    trainer_close(&t);
}

/* Parameters stand still, so a step's loss is linear in the weight of its evidential terms: 0 for an epoch, then a line over two. */
static void the_evidential_terms_rise_as_documented(void **state)
{
    double none[RAMP_STEPS], full[RAMP_STEPS], ramp[RAMP_STEPS];
    (void)state;
    losses(KEYS("loss.evidence=0"), none);
    losses(KEYS("loss.evidence=1", "loss.evidence_after=0", "loss.evidence_ramp=0"), full);
    losses(KEYS("loss.evidence=1", "loss.evidence_after=1", "loss.evidence_ramp=2"), ramp);
    for (int k = 0; k < RAMP_STEPS; k++) {
        const double risen = (ramp[k] - none[k]) / (full[k] - none[k]), expected = fmin(1, fmax(0, (k / 5.0 - 1) / 2));
        if (!(fabs(risen - expected) <= 1e-4)) fail_msg("step %d: %.6f, expected %.6f", k, risen, expected);
    }
}

static void are_the_same(const double a[RAMP_STEPS], const double b[RAMP_STEPS], const char *what)
{
    for (int k = 0; k < RAMP_STEPS; k++)
        if (a[k] != b[k]) fail_msg("%s, step %d: %.9f and %.9f", what, k, a[k], b[k]);
}

/* Parameters stand still. The loss of a step is the sum of its terms, and of the picture's cross-entropy alone this key tells. */
static void the_pictures_cross_entropy_may_be_balanced(void **state)
{
    double plain[RAMP_STEPS], balanced[RAMP_STEPS];
    (void)state;
    losses(KEYS("loss.evidence=0"), plain);
    losses(KEYS("loss.evidence=0", "loss.image_balanced=true"), balanced);
    for (int k = 0; k < RAMP_STEPS; k++)
        if (!(fabs(balanced[k] - plain[k]) > 1e-3)) fail_msg("step %d: %.6f and %.6f", k, plain[k], balanced[k]);
    losses(KEYS("loss.evidence=0", "train.drop_image=1"), plain);
    losses(KEYS("loss.evidence=0", "train.drop_image=1", "loss.image_balanced=true"), balanced);
    are_the_same(plain, balanced, "the text's cross-entropy");
#define UNBALANCED "loss.evidence_after=0", "loss.evidence_ramp=0", "loss.class_balanced=false", "loss.modality=0"
    losses(KEYS(UNBALANCED), plain);
    losses(KEYS(UNBALANCED, "loss.image_balanced=true"), balanced);
    are_the_same(plain, balanced, "the terms of evidence");
}

/* Parameters stand still, so a step's loss is linear in the weight of what is claimed about noise, and where nothing is noise there is no
 * such. */
static void only_noise_makes_a_claim_cost(void **state)
{
    double none[RAMP_STEPS], once[RAMP_STEPS], twice[RAMP_STEPS];
    (void)state;
#define SEES "model.visual=vit", "train.lr_visual=0"
    losses(KEYS(SEES, "train.noise_image=1e-12", "loss.noise=0"), none);
    losses(KEYS(SEES, "train.noise_image=1e-12", "loss.noise=1"), once);
    are_the_same(none, once, "pictures");
    losses(KEYS(SEES, "train.noise_image=0.5", "loss.noise=0"), none);
    losses(KEYS(SEES, "train.noise_image=0.5", "loss.noise=1"), once);
    losses(KEYS(SEES, "train.noise_image=0.5", "loss.noise=2"), twice);
    for (int k = 0; k < RAMP_STEPS; k++) {
        const double one = once[k] - none[k], two = twice[k] - none[k];
        if (!(one > 1 && fabs(two - 2 * one) <= 1e-4 * two)) fail_msg("step %d: %.6f and %.6f", k, one, two);
    }
}

/* ---- the table ---- */

static const struct promise {
    const char *name;
    void (*hold)(const struct fusion *f);
} PROMISES[] = {
#define PROMISE(name)                                                                                                                      \
    {                                                                                                                                      \
#name, name                                                                                                                        \
    }
    PROMISE(eight_tweets_are_learned_by_heart),
    PROMISE(a_batch_in_parts_takes_the_same_step),
    PROMISE(any_number_of_threads_gives_the_same_bytes),
    PROMISE(a_resumed_run_has_the_same_bytes),
    PROMISE(a_set_without_pictures_works),
    PROMISE(the_text_head_does_not_depend_on_the_picture),
    PROMISE(the_image_head_of_tags_does_not_depend_on_the_text),
    PROMISE(without_a_picture_the_text_alone_speaks),
    PROMISE(a_tweet_is_the_same_alone_and_in_every_order),
};
enum { N_PROMISES = sizeof PROMISES / sizeof *PROMISES };

static struct row {
    char name[128];
    const struct fusion *fusion;
    const struct promise *promise;
} rows[N_FUSIONS * N_PROMISES];

static bool concerns(const struct promise *p, const struct fusion *f)
{
    if (p->hold == eight_tweets_are_learned_by_heart) return f->text_suffices;
    if (p->hold == the_image_head_of_tags_does_not_depend_on_the_text) return f->query_tags;
    if (p->hold == without_a_picture_the_text_alone_speaks)
        return strstr(f->name, "average") || strstr(f->name, "monig") || strstr(f->name, "dirichlet");
    return p->hold != a_set_without_pictures_works || strcmp(f->name, "text") != 0;
}

static void the_promise_is_kept(void **state)
{
    const struct row *row = *state;
    row->promise->hold(row->fusion);
}

int main(void)
{
    struct CMUnitTest tests[7 + N_FUSIONS * N_PROMISES] = {
        cmocka_unit_test(pictures_are_left_out_as_often_as_the_key_says),
        cmocka_unit_test(the_evidential_terms_rise_as_documented),
        cmocka_unit_test(pictures_are_noise_as_often_as_the_key_says),
        cmocka_unit_test(a_picture_that_is_noise_claims_little_once_noise_was_seen),
        cmocka_unit_test(the_pictures_cross_entropy_may_be_balanced),
        cmocka_unit_test(only_noise_makes_a_claim_cost),
        cmocka_unit_test(a_tweet_keeps_its_text_where_its_picture_is_noise),
    };
    size_t n = 7;
    for (int f = 0; f < N_FUSIONS; f++)
        for (int k = 0; k < N_PROMISES; k++) {
            if (!concerns(&PROMISES[k], &FUSIONS[f])) continue;
            struct row *row = &rows[f * N_PROMISES + k];
            row->fusion = &FUSIONS[f];
            row->promise = &PROMISES[k];
            snprintf(row->name, sizeof row->name, "%s: %s", FUSIONS[f].name, PROMISES[k].name);
            tests[n++] = (struct CMUnitTest){.name = row->name, .test_func = the_promise_is_kept, .initial_state = row};
        }
    return _cmocka_run_group_tests("fusions", tests, n, visual_set_up, visual_tear_down);
}
