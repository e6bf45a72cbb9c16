/* visual_tweets.c - see visual_tweets.h. */
#include "visual_tweets.h"
#include "picture.h"
#include "temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

char visual_folder[PATH_MAX];

/* ---- the folder ---- */

enum { TRAIN = 40, VALID = 12, SIDE = 20 };
static const char *const NAMES[][2] = {{"anna", "PER"}, {"berlin", "LOC"}, {"acme", "ORG"}, {"boris", "PER"}, {"oslo", "LOC"}};
static const char *const OTHERS[] = {"the", "day", "in", "with", "a", "walk", "rain", "of", "photo", "street"};
enum { N_NAMES = sizeof NAMES / sizeof *NAMES, N_OTHERS = sizeof OTHERS / sizeof *OTHERS };

static FILE *create(const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", visual_folder, name);
    FILE *f = fopen(path, "w");
    if (!f) fail_msg("%s: cannot be made", path);
    return f;
}

static void close_file(FILE *f)
{
    if (fclose(f)) fail_msg("%s: a file cannot be written", visual_folder);
}

static bool shows_nothing(int id)
{
    return id % 5 == 4;
}

static void write_tweets(const char *name, int from, int n, uint32_t seed)
{
    FILE *f = create(name);
    for (int id = from; id < from + n; id++) {
        struct rng r = rng_stream(seed, RNG_TEST, (uint32_t)id);
        fprintf(f, "IMGID:%d\n", id);
        for (int w = (int)rng_below(&r, 3); w >= 0; w--) fprintf(f, "%s\tO\n", OTHERS[rng_below(&r, N_OTHERS)]);
        for (int k = (int)rng_below(&r, 2); k >= 0; k--) {
            const char *const *named = NAMES[rng_below(&r, N_NAMES)];
            fprintf(f, "%s\tB-%s\n", named[0], named[1]);
            if (rng_below(&r, 2)) fprintf(f, "street\tI-%s\n", named[1]);
            for (int w = (int)rng_below(&r, 5); w >= 0; w--) fprintf(f, "%s\tO\n", OTHERS[rng_below(&r, N_OTHERS)]);
        }
        fprintf(f, "\n");
    }
    close_file(f);
}

static void write_vocabulary(void)
{
    FILE *f = create("vocab.txt");
    fprintf(f, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int k = 0; k < N_NAMES; k++) fprintf(f, "%s\n", NAMES[k][0]);
    for (int k = 0; k < N_OTHERS; k++) fprintf(f, "%s\n", OTHERS[k]);
    close_file(f);
}

static void write_captions(const char *name, uint32_t seed)
{
    FILE *f = create(name);
    for (int id = 0; id < TRAIN + 2 * VALID; id++) {
        struct rng r = rng_stream(seed, RNG_TEST, (uint32_t)id);
        if (shows_nothing(id)) continue;
        fprintf(f, "%d.jpg :a photo of", id);
        for (int w = (int)rng_below(&r, 4); w >= 0; w--)
            fprintf(f, " %s", rng_below(&r, 2) ? NAMES[rng_below(&r, N_NAMES)][0] : OTHERS[rng_below(&r, N_OTHERS)]);
        fprintf(f, "\n");
    }
    close_file(f);
}

static void write_pictures(const char *name, uint32_t seed)
{
    char path[2 * PATH_MAX];
    uint8_t rgb[SIDE * SIDE * 3];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", visual_folder, name);
    if (mkdir(path, 0777)) fail_msg("%s: cannot be made", path);
    for (int id = 0; id < TRAIN + 2 * VALID; id++) {
        struct rng r = rng_stream(seed, RNG_TEST, (uint32_t)id);
        if (shows_nothing(id)) continue;
        for (size_t k = 0; k < sizeof rgb; k++) rgb[k] = (uint8_t)rng_below(&r, 256);
        snprintf(path, sizeof path, "%s/%s/%d.png", visual_folder, name, id);
        if (picture_write_png(path, &(struct picture){SIDE, SIDE, rgb}, &e)) fail_msg("%s", e.text);
    }
}

int visual_set_up(void **state)
{
    struct err e = {0};
    char path[PATH_MAX + 64];
    (void)state;
    if (temporary_folder(visual_folder) || ag_start(2, &e)) fail_msg("%s", e.text);
    write_tweets("train.txt", 0, TRAIN, 1);
    write_tweets("other-words.txt", 0, TRAIN, 2);
    write_tweets("valid.txt", TRAIN, VALID, 1);
    write_tweets("test.txt", TRAIN + VALID, VALID, 1);
    write_vocabulary();
    write_captions("captions.txt", 3);
    write_captions("other-captions.txt", 4);
    FILE *f = create("none.txt");
    fprintf(f, "nobody.jpg :a photo\n");
    close_file(f);
    write_pictures("images", 5);
    write_pictures("other-images", 6);
    snprintf(path, sizeof path, "%s/no-images", visual_folder);
    return mkdir(path, 0777);
}

int visual_tear_down(void **state)
{
    (void)state;
    return temporary_remove(visual_folder);
}

/* ---- trainers ---- */

static int configure(struct nerve_config *c, const char *const *keys, struct err *e)
{
    int code = 0;
    for (int k = 0; keys && keys[k] && !code; k++) code = config_set(c, keys[k], e);
    return code;
}

static int make_config(struct nerve_config *c, const char *const *keys, const char *const *more, struct err *e)
{
    static const char *const SMALL[] = {
        "model.layers=2",        "model.width=32",        "model.heads=4",        "model.inner=48",        "model.max_positions=128",
        "model.vision_layers=2", "model.vision_width=24", "model.vision_heads=3", "model.vision_inner=40", "model.vision_size=16",
        "model.vision_patch=8",  "train.epochs=4",        "train.batch=8",        "train.lr_encoder=1e-3", NULL};
    char argument[PATH_MAX + 32];
    config_default(c);
    snprintf(argument, sizeof argument, "data.dir=%s", visual_folder);
    int code = config_set(c, argument, e);
    if (!code) code = configure(c, SMALL, e);
    if (!code) code = configure(c, keys, e);
    if (!code) code = configure(c, more, e);
    return code ? code : config_check(c, e);
}

void visual_trainer(struct nerve_config *c, struct trainer *t, const char *const *keys, const char *const *more)
{
    struct err e = {0};
    if (make_config(c, keys, more, &e) || trainer_open(c, t, &e)) fail_msg("%s", e.text);
}

void visual_refused(const char *part, const char *const *keys)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    if (!make_config(&c, keys, NULL, &e) && !trainer_open(&c, &t, &e)) fail_msg("nothing was refused: %s", part);
    if (!strstr(e.text, part)) fail_msg("expected '%s' in: %s", part, e.text);
}

struct step_result visual_step(struct trainer *t)
{
    struct err e = {0};
    int n;
    const int32_t *tweets;
    double factor;
    struct step_result r = {0};
    if (trainer_next(t, &n, &tweets, &factor, &e) || trainer_step(t, n, tweets, factor, &r, &e)) fail_msg("%s", e.text);
    ag_params_settle(&t->model.params); /* tests read values as they lie */
    return r;
}

float *visual_values(const struct trainer *t, size_t *n)
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

void visual_forward(struct visual_pass *p, const struct model *m, const struct split *s, int n, const int32_t *tweets)
{
    const struct encoded *x = &s->encoded;
    const nn_dropout none = {.on = false};
    struct err e = {0};
    int T = 0, W = 0, V = 0;
    *p = (struct visual_pass){0};
    ag_graph_init(&p->graph);
    for (int k = 0; k < n; k++) {
        T += x->piece_start[tweets[k] + 1] - x->piece_start[tweets[k]];
        W += x->word_start[tweets[k] + 1] - x->word_start[tweets[k]];
        if (model_sees(m)) V += visual_tokens(&s->visual, tweets[k]);
    }
    struct batch *b = &p->batch;
    if (batch_reserve(b, n, T, W, &e)) fail_msg("%s", e.text);
    batch_fill(b, x, n, tweets, 0);
    if (model_sees(m) && (visual_batch_reserve(&b->visual, &s->visual, n, W, V, &e) ||
                          visual_batch_fill(&b->visual, &s->visual, n, tweets, b->place, b->word_start, NULL, 2, &e)))
        fail_msg("%s", e.text);
    p->forward = nerve_forward(&p->graph, m, b, &none);
}

void visual_pass_free(struct visual_pass *p)
{
    ag_graph_free(&p->graph);
    batch_free(&p->batch);
}
