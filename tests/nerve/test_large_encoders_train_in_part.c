/* Frozen, the last layers, LoRA or all: what of each encoder trains, at which rate, and what the rest costs. */
#include "export.h"
#include "loaded_model.h"
#include "model_store.h"
#include "reference.h"
#include "visual_tweets.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* ---- what trains ---- */

/* What of the parameters below a prefix trains. */
enum part { NONE, PAIRS, SECOND_LAYER, PAIRS_OF_SECOND_LAYER, ALL };

static bool is_in(enum part part, const ag_param *p)
{
    const bool second = strstr(p->name, "layer.1.") || strstr(p->name, "vision.layernorm"); /* which stands behind it */
    switch (part) {
    case NONE:
        return false;
    case PAIRS:
        return nn_is_lora(p);
    case SECOND_LAYER:
        return second;
    case PAIRS_OF_SECOND_LAYER:
        return second && nn_is_lora(p);
    default:
        return true;
    }
}

static const struct way {
    const char *name, *prefix;
    enum part part;
    const char *keys[6];
} WAYS[] = {
    {"text: all", "bert.", ALL, {"model.fusion=text"}},
    {"text: the last layer", "bert.", SECOND_LAYER, {"model.frozen_layers=1"}},
    {"text: none", "bert.", NONE, {"model.frozen_layers=2"}},
    {"text: LoRA", "bert.", PAIRS, {"model.lora_rank=3"}},
    {"text: LoRA in the last layer", "bert.", PAIRS_OF_SECOND_LAYER, {"model.lora_rank=3", "model.frozen_layers=1"}},
#define CAPTIONS "model.fusion=monig-prob", "model.visual=caption", "model.caption_encoder=own"
    {"captions: all", "caption.", ALL, {CAPTIONS}},
    {"captions: the last layer", "caption.", SECOND_LAYER, {CAPTIONS, "model.caption_frozen_layers=1"}},
    {"captions: none", "caption.", NONE, {CAPTIONS, "model.caption_frozen_layers=2"}},
    {"captions: LoRA", "caption.", PAIRS, {CAPTIONS, "model.lora_rank=3"}},
    {"captions: none beside LoRA", "caption.", NONE, {CAPTIONS, "model.lora_rank=3", "model.caption_frozen_layers=2"}},
    {"text: LoRA beside frozen captions", "bert.", PAIRS, {CAPTIONS, "model.lora_rank=3", "model.caption_frozen_layers=2"}},
#define PIXELS "model.fusion=concat", "model.visual=vit"
    {"pictures: all", "vision.", ALL, {PIXELS}},
    {"pictures: the last layer", "vision.", SECOND_LAYER, {PIXELS, "model.vision_frozen_layers=1"}},
    {"pictures: none", "vision.", NONE, {PIXELS, "model.vision_frozen_layers=2"}},
    {"pictures: none of the layers that are needed", "vision.", NONE, {PIXELS, "model.vision_layer=1", "model.vision_frozen_layers=1"}},
    {"pictures: LoRA", "vision.", PAIRS, {PIXELS, "model.vision_lora_rank=3"}},
    {"text: all beside LoRA for pictures", "bert.", ALL, {PIXELS, "model.vision_lora_rank=3"}},
};
enum { N_WAYS = sizeof WAYS / sizeof *WAYS };

/* In three steps each value that trains moves, none else does, and no memory is held for training it. */
static void this_part_moves_and_no_other(void **state)
{
    const struct way *way = *state;
    static struct nerve_config c;
    struct trainer t;
    size_t n, at = 0, seen = 0, trained = 0, blocks = 0;
    visual_trainer(&c, &t, way->keys, KEYS("train.warmup=0"));
    float *before = visual_values(&t, &n);
    for (int k = 0; k < 3; k++) visual_step(&t);
    for (size_t k = 0; k < t.model.params.n; k++) {
        const ag_param *p = t.model.params.at[k];
        const bool moved = memcmp(before + at, p->val, p->size * sizeof *before) != 0, trains = p->role != AG_FROZEN;
        at += p->size;
        if (trains) trained += p->size;
        if (trains) blocks += (p->size + 15) / 16 * 16;
        if (moved && !trains) fail_msg("%s is frozen and moved", p->name);
        if (!trains && (p->grad || p->m || p->v)) fail_msg("%s is frozen and has training blocks", p->name);
        if (!starts_with(p->name, way->prefix)) continue;
        seen++;
        if (trains != is_in(way->part, p)) fail_msg("%s trains: %d", p->name, trains);
        /* The gradient of a key's bias is zero but for rounding; without pictures of its own kind a table's row has none. */
        if (trains && !moved && !strstr(p->name, "key.bias")) fail_msg("%s trains and did not move", p->name);
    }
    assert_true(seen > 0);
    assert_int_equal(model_trainable(&t.model), trained);
    assert_int_equal(t.model.params.block_size, blocks);
    free(before);
    trainer_close(&t);
}

static size_t activations(const char *const *keys)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    visual_trainer(&c, &t, keys, NULL);
    if (trainer_warm(&t, &e)) fail_msg("%s", e.text);
    const size_t peak = t.graph.arena.peak;
    trainer_close(&t);
    return peak;
}

static void the_activations_of_frozen_layers_are_not_kept(void **state)
{
    (void)state;
    const size_t all = activations(KEYS("model.layers=6")), last = activations(KEYS("model.layers=6", "model.frozen_layers=5")),
                 none = activations(KEYS("model.layers=6", "model.frozen_layers=6"));
    if (!(2 * last < all && none < last)) fail_msg("%zu bytes for all layers, %zu for the last, %zu for none", all, last, none);
}

/* ---- LoRA ---- */

static void lora_starts_where_the_frozen_model_does(void **state)
{
    static struct nerve_config c[2];
    struct trainer t[2];
    struct visual_pass p[2];
    const int32_t tweets[] = {0, 1, 2, 3, 4};
    (void)state;
    visual_trainer(&c[0], &t[0], KEYS("model.frozen_layers=2"), NULL);
    visual_trainer(&c[1], &t[1], KEYS("model.lora_rank=3"), NULL);
    /* Initial values go by the place of a parameter, which LoRA's pairs move. */
    for (size_t k = 0; k < t[0].model.params.n; k++) {
        const ag_param *from = t[0].model.params.at[k];
        ag_param *to = ag_params_find(&t[1].model.params, from->name);
        assert_int_equal(from->size, to->size);
        memcpy(to->val, from->val, from->size * sizeof *from->val);
    }
    for (int k = 0; k < 2; k++) visual_forward(&p[k], &t[k].model, &t[k].splits[SPLIT_TRAIN], 5, tweets);
    const ag_tensor *x = p[0].forward.emissions, *y = p[1].forward.emissions;
    for (size_t i = 0; i < ag_size(x); i++) assert_true(x->val[i] == y->val[i]);
    for (int k = 0; k < 2; k++) visual_pass_free(&p[k]);
    for (int k = 0; k < 2; k++) trainer_close(&t[k]);
}

/* Adam's first step moves a parameter by its learning rate, whatever the size of the gradient; B alone has one, since it is 0. */
static void pairs_have_the_rate_and_the_decay_of_their_layer(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    struct {
        const char *encoder, *layer;
        double rate, most;
    } rates[] = {{"bert.", "layer.0.", 0.5e-3, 0},
                 {"bert.", "layer.1.", 1e-3, 0},
                 {"vision.", "layer.0.", 3e-3, 0},
                 {"vision.", "layer.1.", 3e-3, 0}};
    enum { N_RATES = sizeof rates / sizeof *rates };
    size_t n, at = 0;
    (void)state;
    visual_trainer(&c, &t, KEYS("model.fusion=concat", "model.visual=vit", "model.lora_rank=3", "model.vision_lora_rank=2"),
                   KEYS("train.warmup=0", "train.layer_decay=0.5", "train.lr_visual=3e-3", "train.weight_decay=0"));
    float *before = visual_values(&t, &n);
    visual_step(&t);
    for (size_t k = 0; k < t.model.params.n; at += t.model.params.at[k++]->size) {
        const ag_param *p = t.model.params.at[k];
        if (!nn_is_lora(p)) continue;
        assert_true(p->decay);
        for (size_t j = 0; j < N_RATES; j++)
            for (size_t i = 0; i < p->size && starts_with(p->name, rates[j].encoder) && strstr(p->name, rates[j].layer); i++)
                rates[j].most = fmax(rates[j].most, fabs((double)(p->val[i] - before[at + i])));
    }
    for (size_t j = 0; j < N_RATES; j++)
        if (!(fabs(rates[j].most - rates[j].rate) <= 0.01 * rates[j].rate))
            fail_msg("%s%s moved by %g, not by %g", rates[j].encoder, rates[j].layer, rates[j].most, rates[j].rate);
    free(before);
    trainer_close(&t);
}

/* ---- published weights ---- */

static const char *const *with_folder(const char *name, const char *key)
{
    static char text[2 * PATH_MAX];
    static const char *keys[] = {text, "data.max_length=16", NULL};
    snprintf(text, sizeof text, "%s=%s", key, reference_path(name));
    return keys;
}

/* Every frozen value is that of the mapped file itself, not a copy. */
static void assert_values_lie_in(const struct weights *w, const struct model *m, const char *prefix, const char *published)
{
    int there = 0;
    char name[512];
    for (size_t k = 0; k < m->params.n; k++) {
        const ag_param *p = m->params.at[k];
        if (!starts_with(p->name, prefix) || p->role != AG_FROZEN) continue;
        const struct array *a = weights_find(w, p->name + strlen(prefix));
        snprintf(name, sizeof name, "%s%s", published, p->name + strlen(prefix));
        if (!a) a = weights_find(w, name);
        assert_non_null(a);
        assert_int_equal(a->type, ARRAY_F32);
        assert_ptr_equal(a->data, p->val);
        there++;
    }
    assert_true(there > 0);
}

static void frozen_values_stay_in_the_mapped_file(void **state)
{
    static const char *const TEXT[] = {"model.lora_rank=2", "model.frozen_layers=1"};
    static const char *const PICTURES[] = {"model.vision_lora_rank=2", "model.vision_frozen_layers=-1"};
    static struct nerve_config c;
    struct trainer t;
    (void)state;
    for (int k = 0; k < 2; k++) {
        visual_trainer(&c, &t, with_folder("models/bert_tiny", "model.encoder"), KEYS(TEXT[k]));
        visual_step(&t);
        assert_values_lie_in(t.pretrained.weights, &t.model, "bert.", "bert.");
        trainer_close(&t);
        visual_trainer(&c, &t, with_folder("models/vit_tiny", "model.vision"),
                       KEYS("model.fusion=concat", "model.visual=vit", PICTURES[k]));
        visual_step(&t);
        assert_values_lie_in(t.vision.weights, &t.model, "vision.", "vit.");
        trainer_close(&t);
    }
}

/* ---- giving and taking ---- */

static char *path_of(const char *name)
{
    static char paths[4][2 * PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", visual_folder, name);
    return path;
}

/* A checkpoint of a model with LoRA of rank 3 and alpha 5 whose pairs have changed every matrix. */
static void save_lora(const char *name)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    visual_trainer(&c, &t, KEYS("model.lora_rank=3", "model.lora_alpha=5"), NULL);
    for (size_t k = 0; k < t.model.params.n; k++) {
        ag_param *p = t.model.params.at[k];
        struct rng r = rng_stream(7, RNG_TEST, (uint32_t)k);
        for (size_t i = 0; i < p->size && nn_is_lora(p); i++) p->val[i] = (float)(0.1 * rng_normal(&r));
    }
    if (trainer_save(&t, path_of(name), false, &e)) fail_msg("%s", e.text);
    trainer_close(&t);
}

/* [o][k] of W + 5/3 B A in double, rounded once. */
static float merged_at(const struct model *m, const ag_param *w, size_t i)
{
    char name[512];
    const int length = (int)(strlen(w->name) - strlen(".weight"));
    snprintf(name, sizeof name, "%.*s.lora_A.weight", length, w->name);
    const ag_param *a = ag_params_find(&m->params, name);
    snprintf(name, sizeof name, "%.*s.lora_B.weight", length, w->name);
    const ag_param *b = ag_params_find(&m->params, name);
    if (!a) return w->val[i];
    const size_t K = (size_t)a->dim[1], o = i / K, k = i % K;
    double sum = 0;
    for (size_t r = 0; r < 3; r++) sum += (double)b->val[3 * o + r] * (double)a->val[r * K + k];
    return (float)((double)w->val[i] + 5.0 / 3 * sum);
}

static struct weights *export_and_open(const char *checkpoint, const char *name)
{
    struct weights *w = NULL;
    struct err e = {0};
    if (export_folder(path_of(checkpoint), path_of(name), false, false, &e) || weights_open(path_of(name), &w, &e)) fail_msg("%s", e.text);
    return w;
}

static void an_exported_folder_holds_the_merged_matrices_and_no_pair(void **state)
{
    struct checkpoint *c;
    struct model m;
    struct err e = {0};
    size_t encoder = 0, changed = 0;
    (void)state;
    save_lora("lora.h5");
    struct weights *w = export_and_open("lora.h5", "merged");
    if (checkpoint_open(path_of("lora.h5"), &c, &e) || model_open(c, path_of("lora.h5"), &m, &e)) fail_msg("%s", e.text);
    for (size_t k = 0; k < m.params.n; k++) {
        const ag_param *p = m.params.at[k];
        if (!starts_with(p->name, "bert.") || nn_is_lora(p)) continue;
        const struct array *a = weights_find(w, p->name + strlen("bert."));
        assert_non_null(a);
        assert_int_equal(a->size, p->size);
        const float *values = a->data;
        for (size_t i = 0; i < p->size; i++)
            if (!(values[i] == merged_at(&m, p, i))) fail_msg("%s, element %zu", p->name, i);
        encoder++;
        changed += memcmp(values, p->val, p->size * sizeof *values) != 0;
    }
    assert_int_equal(weights_count(w), encoder);
    assert_int_equal(changed, 6 * 2);
    model_free(&m);
    checkpoint_close(c);
    weights_close(w);
}

static void the_exported_encoder_gives_what_the_pairs_gave(void **state)
{
    struct checkpoint *c;
    struct model lora;
    static struct nerve_config config;
    struct trainer t;
    struct visual_pass p[2];
    struct err e = {0};
    const int32_t tweets[] = {0, 1, 2, 3, 4, 5, 6};
    char key[2 * PATH_MAX];
    double worst = 0, largest = 0;
    (void)state;
    save_lora("outputs.h5");
    weights_close(export_and_open("outputs.h5", "outputs"));
    snprintf(key, sizeof key, "model.encoder=%s", path_of("outputs"));
    visual_trainer(&config, &t, KEYS(key), NULL);
    if (checkpoint_open(path_of("outputs.h5"), &c, &e) || model_open(c, path_of("outputs.h5"), &lora, &e)) fail_msg("%s", e.text);
    for (size_t k = 0; k < t.model.params.n; k++) { /* the folder has no head */
        ag_param *to = t.model.params.at[k];
        if (!starts_with(to->name, "bert.")) memcpy(to->val, ag_params_find(&lora.params, to->name)->val, to->size * sizeof *to->val);
    }
    visual_forward(&p[0], &lora, &t.splits[SPLIT_TRAIN], 7, tweets);
    visual_forward(&p[1], &t.model, &t.splits[SPLIT_TRAIN], 7, tweets);
    const ag_tensor *x = p[0].forward.emissions, *y = p[1].forward.emissions;
    for (size_t i = 0; i < ag_size(x); i++) {
        worst = fmax(worst, fabs((double)x->val[i] - (double)y->val[i]));
        largest = fmax(largest, fabs((double)y->val[i]));
        assert_true(isfinite(x->val[i]) && isfinite(y->val[i]));
    }
    if (!(largest > 0 && worst <= 2.5e-6 * largest)) fail_msg("off by %.3g of the largest emission", worst / largest);
    for (int k = 0; k < 2; k++) visual_pass_free(&p[k]);
    model_free(&lora);
    checkpoint_close(c);
    trainer_close(&t);
}

/* From chance, too: train.init is below, and a folder fills both. */
static void captions_own_encoder_starts_as_the_texts(void **state)
{
    static struct nerve_config c;
    struct trainer t;
    int there = 0;
    (void)state;
    visual_trainer(&c, &t, KEYS(CAPTIONS, "model.lora_rank=3"), NULL);
    for (size_t k = 0; k < t.model.params.n; k++) {
        const ag_param *p = t.model.params.at[k];
        char name[512];
        if (!starts_with(p->name, "caption.") || nn_is_lora(p)) continue;
        snprintf(name, sizeof name, "bert.%s", p->name + strlen("caption."));
        const ag_param *text = ag_params_find(&t.model.params, name);
        assert_ptr_not_equal(text->val, p->val);
        assert_int_equal(text->size, p->size);
        assert_memory_equal(text->val, p->val, p->size * sizeof *p->val);
        there++;
    }
    assert_true(there > 0);
    trainer_close(&t);
}

/* What a run starts from where train.init has LoRA of rank 3 and alpha 5, or none. */
static const struct start {
    const char *name;
    bool from_lora, merged, pairs_go_on;
    const char *keys[4];
} STARTS[] = {
    {"the same LoRA goes on", true, false, true, {"model.lora_rank=3", "model.lora_alpha=5"}},
    {"without LoRA the matrices start as merged", true, true, false, {"model.lora_rank=0"}},
    {"frozen, too", true, true, false, {"model.frozen_layers=2"}},
    {"another rank starts anew on merged matrices", true, true, false, {"model.lora_rank=2", "model.lora_alpha=5"}},
    {"another alpha, too", true, true, false, {"model.lora_rank=3", "model.lora_alpha=6"}},
    {"LoRA starts on the matrices of a run without", false, false, false, {"model.lora_rank=2"}},
};
enum { N_STARTS = sizeof STARTS / sizeof *STARTS };

static void save_plain(const char *name)
{
    static struct nerve_config c;
    struct trainer t;
    struct err e = {0};
    visual_trainer(&c, &t, NULL, NULL);
    if (trainer_save(&t, path_of(name), false, &e)) fail_msg("%s", e.text);
    trainer_close(&t);
}

static void train_init_takes_what_was_learned(void **state)
{
    const struct start *s = *state;
    static struct nerve_config c;
    struct trainer t;
    struct checkpoint *checkpoint;
    struct model from;
    struct err e = {0};
    char init[2 * PATH_MAX];
    s->from_lora ? save_lora("init.h5") : save_plain("init.h5");
    snprintf(init, sizeof init, "train.init=%s", path_of("init.h5"));
    visual_trainer(&c, &t, KEYS(init, "model.fusion=concat", "model.visual=caption", "model.caption_encoder=own"), s->keys);
    if (checkpoint_open(path_of("init.h5"), &checkpoint, &e) || model_open(checkpoint, path_of("init.h5"), &from, &e))
        fail_msg("%s", e.text);
    int encoders = 0;
    for (size_t k = 0; k < t.model.params.n; k++) {
        const ag_param *p = t.model.params.at[k];
        char name[512];
        if (!starts_with(p->name, "bert.") && !starts_with(p->name, "caption.")) continue;
        snprintf(name, sizeof name, "bert.%s", strchr(p->name, '.') + 1); /* captions' own encoder starts as the text's */
        const ag_param *source = ag_params_find(&from.params, name);
        encoders++;
        for (size_t i = 0; i < p->size; i++) {
            if (nn_is_lora(p) && !s->pairs_go_on) {
                if (strstr(p->name, "lora_B") && p->val[i] != 0) fail_msg("%s does not begin at 0", p->name);
            } else if (!(p->val[i] == (s->merged ? merged_at(&from, source, i) : source->val[i]))) {
                fail_msg("%s, element %zu", p->name, i);
            }
        }
    }
    assert_true(encoders > 0);
    visual_step(&t);
    model_free(&from);
    checkpoint_close(checkpoint);
    trainer_close(&t);
}

static void the_count_of_what_trains_is_told_of_a_checkpoint(void **state)
{
    static const char *const KEYS_OF[][4] = {
        {"model.lora_rank=3"}, {"model.frozen_layers=1"}, {"model.fusion=concat", "model.visual=vit", "model.vision_frozen_layers=2"}};
    (void)state;
    for (size_t k = 0; k < sizeof KEYS_OF / sizeof *KEYS_OF; k++) {
        static struct nerve_config c;
        struct trainer t;
        struct json *info = NULL;
        struct err e = {0};
        int64_t parameters = 0, trainable = 0;
        visual_trainer(&c, &t, KEYS_OF[k], NULL);
        if (trainer_save(&t, path_of("told.h5"), false, &e) || checkpoint_describe(path_of("told.h5"), &info, &e)) fail_msg("%s", e.text);
        assert_true(json_read_integer(json_get(info, "parameters"), &parameters) &&
                    json_read_integer(json_get(info, "trainable"), &trainable));
        assert_int_equal(parameters, model_parameters(&t.model));
        assert_int_equal(trainable, model_trainable(&t.model));
        assert_true(trainable > 0 && trainable < parameters);
        json_free(info);
        trainer_close(&t);
    }
}

/* ---- what contradicts itself ---- */

static void lora_in_no_layer_is_refused(void **state)
{
    (void)state;
    visual_refused("model.lora_rank: LoRA trains in layers that are not frozen, but model.frozen_layers freezes all 2",
                   KEYS("model.lora_rank=2", "model.frozen_layers=2"));
    visual_refused("model.vision_lora_rank: LoRA trains in layers that are not frozen, but model.vision_frozen_layers freezes all 2",
                   KEYS("model.fusion=concat", "model.visual=vit", "model.vision_lora_rank=2", "model.vision_frozen_layers=2"));
}

int main(void)
{
    struct CMUnitTest tests[16 + N_WAYS + N_STARTS] = {
        cmocka_unit_test(the_activations_of_frozen_layers_are_not_kept),
        cmocka_unit_test(lora_starts_where_the_frozen_model_does),
        cmocka_unit_test(captions_own_encoder_starts_as_the_texts),
        cmocka_unit_test(pairs_have_the_rate_and_the_decay_of_their_layer),
        cmocka_unit_test(frozen_values_stay_in_the_mapped_file),
        cmocka_unit_test(an_exported_folder_holds_the_merged_matrices_and_no_pair),
        cmocka_unit_test(the_exported_encoder_gives_what_the_pairs_gave),
        cmocka_unit_test(the_count_of_what_trains_is_told_of_a_checkpoint),
        cmocka_unit_test(lora_in_no_layer_is_refused),
    };
    size_t n = 0;
    while (tests[n].test_func) n++;
    for (int k = 0; k < N_WAYS; k++)
        tests[n++] = (struct CMUnitTest){
            .name = WAYS[k].name, .test_func = this_part_moves_and_no_other, .initial_state = (void *)(uintptr_t)&WAYS[k]};
    for (int k = 0; k < N_STARTS; k++)
        tests[n++] = (struct CMUnitTest){
            .name = STARTS[k].name, .test_func = train_init_takes_what_was_learned, .initial_state = (void *)(uintptr_t)&STARTS[k]};
    return _cmocka_run_group_tests("large encoders", tests, n, visual_set_up, visual_tear_down);
}
