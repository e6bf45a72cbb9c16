/* From pixels to visual tokens, ViT and CLIP's vision tower give what transformers in float64 gives: every hidden state, the output, and
 * all gradients. Besides: which rows are tokens, pictures one by one, and what is said to a caller who is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "published.h"
#include "real.h"
#include "rng.h"
#include "tap.h"
#include "vit.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tolerances of float are the reference's README's. What is stored as float32 is within half a unit of its last digit of the truth. */
static const double FORWARD = DOUBLE_BUILD ? 1.2e-7 : 4e-6, ACTIVATION_GRADIENT = DOUBLE_BUILD ? 1e-10 : 5e-6;
static const double PARAMETER_GRADIENT = DOUBLE_BUILD ? 1e-10 : 1.5e-5, KEY_BIAS_GRADIENT = DOUBLE_BUILD ? 1e-10 : 2e-5;
static const double ALONE = DOUBLE_BUILD ? 1e-13 : 2.5e-6;
static const nn_dropout OFF = {.on = false};

/* A family's small model with its values, and the pictures of the reference. */
struct loaded {
    struct safetensors *file;
    ag_params params;
    struct vit vit;
    ag_graph g;
    int n;
    float *pixels; /* [n,3,S,S] */
};

static struct loaded *load(const struct family *family, struct vision_output output)
{
    struct loaded *m = calloc(1, sizeof *m);
    m->file = reference_open(named("%s.safetensors", family->name));
    struct json *config = config_open(reference_path(named("models/%s/config.json", family->name)));
    struct vit_config c = vit_config_of(config, family);
    json_free(config);
    c.output = output;
    ag_params_init(&m->params);
    ag_graph_init(&m->g);
    vit_declare(&m->params, &c, family->prefix, &m->vit);
    fill(&m->params, m->file, "param.");
    m->n = (int)reference_dim(m->file, "pixel_values", 0);
    m->pixels = reference_float(m->file, "pixel_values", NULL);
    assert_int_equal(reference_dim(m->file, "pixel_values", 2), c.image_size);
    return m;
}

static void unload(struct loaded *m)
{
    ag_graph_free(&m->g);
    vit_free(&m->vit);
    ag_params_free(&m->params);
    safetensors_close(m->file);
    free(m->pixels);
    free(m);
}

static int layers_of(const struct family *family)
{
    struct loaded *m = load(family, VISION_OUTPUT_ALL);
    const int layers = m->vit.config.encoder.layers;
    unload(m);
    return layers;
}

static ag_tensor *forward(struct loaded *m)
{
    return vit_forward(&m->g, &m->vit, m->n, m->pixels, &OFF);
}

/* ---- hidden states ---- */

static void every_hidden_state(void **state)
{
    const int layers = layers_of(*state);
    assert_true(layers > 0);
    for (int k = 0; k <= layers; k++) {
        struct loaded *m = load(*state, (struct vision_output){.layer = k, .class_token = true, .patch_tokens = true});
        const ag_tensor *x = forward(m);
        assert_int_equal(x->dim[0], m->n * vit_tokens(&m->vit.config));
        assert_close(m->file, named("hidden.%d", k), ag_size(x), x->val, FORWARD);
        unload(m);
    }
}

/* ViT's last_hidden_state, every row; CLIP's pooler_output, which is its class row. */
static void the_output(void **state)
{
    const struct family *family = *state;
    const bool clip = family->vision == &CLIP_VISION;
    struct loaded *m = load(family, (struct vision_output){.layer = VIT_OUTPUT, .class_token = true, .patch_tokens = !clip});
    const ag_tensor *x = forward(m);
    assert_close(m->file, clip ? "pooled" : "last", ag_size(x), x->val, FORWARD);
    unload(m);
}

static void class_and_patches_are_rows_of_the_whole(void **state)
{
    const int layers = layers_of(*state);
    for (int layer = VIT_OUTPUT; layer <= layers; layer++) {
        struct loaded *all = load(*state, (struct vision_output){layer, true, true});
        struct loaded *first = load(*state, (struct vision_output){layer, true, false});
        struct loaded *rest = load(*state, (struct vision_output){layer, false, true});
        const ag_tensor *whole = forward(all), *class_token = forward(first), *patches = forward(rest);
        const size_t C = (size_t)ag_cols(whole), P = (size_t)vit_patches(&all->vit.config);
        assert_int_equal(vit_tokens(&all->vit.config), P + 1);
        assert_int_equal(class_token->dim[0], all->n);
        assert_int_equal(patches->dim[0], (size_t)all->n * P);
        for (size_t b = 0; b < (size_t)all->n; b++) {
            assert_memory_equal(class_token->val + b * C, whole->val + b * (P + 1) * C, C * sizeof(ag_real));
            assert_memory_equal(patches->val + b * P * C, whole->val + (b * (P + 1) + 1) * C, P * C * sizeof(ag_real));
        }
        unload(all);
        unload(first);
        unload(rest);
    }
}

static void only_what_the_output_needs_is_declared(void **state)
{
    const struct family *family = *state;
    struct loaded *whole = load(family, VISION_OUTPUT_ALL), *part = load(family, (struct vision_output){1, true, true});
    const int layers = whole->vit.config.encoder.layers, per_layer = 16;
    assert_int_equal(whole->params.n - part->params.n, (layers - 1) * per_layer + 2);
    unload(whole);
    unload(part);
}

/* ---- gradients ---- */

/* Adds to dlast [n (P+1),C] what comes back from cotangent_pooled through the family's pooled row: CLIP's norm_last, whose parameters get
 * their gradients; ViT's tanh(W x + b), which is no part of the model. */
static void add_gradient_of_pooled(struct loaded *m, const struct family *family, const ag_tensor *last, ag_real *dlast)
{
    const int C = ag_cols(last), rows = vit_patches(&m->vit.config) + 1;
    const size_t size = (size_t)m->n * (size_t)C;
    ag_real *x = calloc(size, sizeof *x), *dx = calloc(size, sizeof *dx), *cotangent = reference_real(m->file, "cotangent_pooled", NULL);
    ag_real *w = NULL, *b = NULL;
    for (int i = 0; i < m->n; i++) memcpy(x + i * C, last->val + (size_t)i * (size_t)rows * (size_t)C, (size_t)C * sizeof *x);
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *row = ag_leaf(&g, 2, (int[]){m->n, C}, x, dx), *y;
    if (family->vision == &CLIP_VISION) {
        y = nn_norm_forward(&g, &m->vit.last_norm, row, m->vit.config.encoder.eps);
        assert_close(m->file, "pooled", size, y->val, FORWARD);
    } else {
        w = reference_real(m->file, "param.pooler.dense.weight", NULL);
        b = reference_real(m->file, "param.pooler.dense.bias", NULL);
        y = ag_linear(&g, row, ag_input(&g, 2, (int[]){C, C}, w), ag_input(&g, 1, &C, b));
        for (size_t i = 0; i < size; i++) cotangent[i] *= (ag_real)(1 - pow(tanh((double)y->val[i]), 2));
    }
    ag_backward(&g, y, cotangent);
    for (int i = 0; i < m->n; i++)
        for (int c = 0; c < C; c++) dlast[(size_t)i * (size_t)rows * (size_t)C + (size_t)c] += dx[i * C + c];
    ag_graph_free(&g);
    free(x);
    free(dx);
    free(cotangent);
    free(w);
    free(b);
}

static void every_gradient(void **state)
{
    const struct family *family = *state;
    struct loaded *m = load(family, VISION_OUTPUT_ALL);
    const int layers = m->vit.config.encoder.layers, rows = vit_patches(&m->vit.config) + 1;
    train_all(&m->params, 1);
    int32_t *start = calloc((size_t)m->n + 1, sizeof *start);
    for (int b = 0; b <= m->n; b++) start[b] = b * rows;
    ag_real **dhidden = calloc((size_t)layers + 1, sizeof *dhidden);
    ag_tensor *x = vit_embed(&m->g, &m->vit, m->n, m->pixels, &OFF);
    const size_t size = ag_size(x);
    for (int l = 0; l <= layers; l++) {
        if (l > 0) x = encoder_block_forward(&m->g, &m->vit.encoder, l - 1, x, m->n, start, &OFF);
        dhidden[l] = calloc(size, sizeof(ag_real));
        x = tap(&m->g, x, dhidden[l]);
    }
    /* last is behind norm_last in ViT, before it in CLIP. */
    if (family->vision == &VIT) x = nn_norm_forward(&m->g, &m->vit.last_norm, x, m->vit.config.encoder.eps);
    assert_close(m->file, "last", size, x->val, FORWARD);
    ag_real *dlast = reference_real(m->file, "cotangent", NULL);
    add_gradient_of_pooled(m, family, x, dlast);
    ag_backward(&m->g, x, dlast);

    for (int l = 0; l <= layers; l++) assert_close(m->file, named("dhidden.%d.f64", l), size, dhidden[l], ACTIVATION_GRADIENT);
    for (size_t i = 0; i < m->params.n; i++) {
        const ag_param *p = m->params.at[i];
        const char *tensor = named("grad64.%s", p->name);
        assert_true(p->has_grad);
        /* Softmax does not see a constant added to a row of scores, so the exact gradient of a key's bias is 0. */
        if (strstr(p->name, named("%s.bias", family->names->key)))
            assert_near(m->file, tensor, p->size, p->grad, KEY_BIAS_GRADIENT);
        else
            assert_close(m->file, tensor, p->size, p->grad, PARAMETER_GRADIENT);
    }
    for (int l = 0; l <= layers; l++) free(dhidden[l]);
    free(dhidden);
    free(dlast);
    free(start);
    unload(m);
}

/* ---- pictures one by one ---- */

static void a_picture_alone_is_the_same_as_among_others(void **state)
{
    struct loaded *m = load(*state, VISION_OUTPUT_ALL);
    const ag_tensor *all = forward(m);
    const size_t size = ag_size(all) / (size_t)m->n, picture = (size_t)(VIT_CHANNELS * m->vit.config.image_size * m->vit.config.image_size);
    double largest = 0, farthest = 0;
    for (size_t i = 0; i < ag_size(all); i++) largest = fmax(largest, fabs((double)all->val[i]));
    for (int b = 0; b < m->n; b++) {
        const ag_tensor *alone = vit_forward(&m->g, &m->vit, 1, m->pixels + (size_t)b * picture, &OFF);
        for (size_t i = 0; i < size; i++) {
            const double distance = fabs((double)(alone->val[i] - all->val[(size_t)b * size + i]));
            if (!(distance <= farthest)) farthest = distance;
        }
    }
    if (!(farthest <= ALONE * largest)) fail_msg("off by %.2e of the largest entry", farthest / largest);
    unload(m);
}

static void a_frozen_encoder_gives_a_picture_the_same_bytes_in_every_company_and_on_1_to_4_threads(void **state)
{
    struct loaded *m = load(*state, VISION_OUTPUT_ALL);
    struct err e = {0};
    const size_t size = (size_t)vit_tokens(&m->vit.config) * (size_t)m->vit.config.encoder.width;
    const size_t picture = (size_t)(VIT_CHANNELS * m->vit.config.image_size * m->vit.config.image_size);
    ag_real *all = calloc((size_t)m->n * size, sizeof *all), *alone = calloc(size, sizeof *alone);
    for (int threads = 1; threads <= 4; threads++) {
        assert_int_equal(ag_start(threads, &e), 0);
        memset(all, 0xff, (size_t)m->n * size * sizeof *all);
        assert_int_equal(vit_encode(&m->vit, m->n, m->pixels, all, &e), 0);
        for (int b = 0; b < m->n; b++) {
            assert_int_equal(vit_encode(&m->vit, 1, m->pixels + (size_t)b * picture, alone, &e), 0);
            assert_memory_equal(alone, all + (size_t)b * size, size * sizeof *alone);
            const ag_tensor *x = vit_forward(&m->g, &m->vit, 1, m->pixels + (size_t)b * picture, &OFF);
            assert_memory_equal(alone, x->val, size * sizeof *alone);
        }
    }
    assert_int_equal(vit_encode(&m->vit, 0, m->pixels, all, &e), 0);
    assert_int_equal(ag_start(2, &e), 0);
    free(all);
    free(alone);
    unload(m);
}

static void no_picture_is_legal(void **state)
{
    struct loaded *m = load(*state, VISION_OUTPUT_ALL);
    train_all(&m->params, 1);
    ag_tensor *x = vit_forward(&m->g, &m->vit, 0, m->pixels, &OFF);
    assert_int_equal(x->dim[0], 0);
    assert_int_equal(x->dim[1], m->vit.config.encoder.width);
    const ag_real none = 0;
    ag_backward(&m->g, x, &none);
    for (size_t i = 0; i < m->params.n; i++)
        for (size_t k = 0; k < m->params.at[i]->size; k++) assert_true(m->params.at[i]->grad[k] == 0);
    unload(m);
}

/* ---- a small ViT of any values ---- */

enum { SIDE = 13, PATCH = 4, PICTURES = 5 }; /* a column and a row of pixels belong to no patch */

static struct loaded *scratch(int layers, bool trained, double dropout)
{
    struct loaded *m = calloc(1, sizeof *m);
    const struct vit_config c = {
        .family = &VIT,
        .image_size = SIDE,
        .patch_size = PATCH,
        .encoder = {.layers = layers,
                    .width = 24,
                    .heads = 3,
                    .inner = 48,
                    .order = ENCODER_PRE_NORM,
                    .activation = AG_GELU,
                    .eps = 1e-12,
                    .dropout_hidden = dropout,
                    .dropout_attention = dropout},
        .output = VISION_OUTPUT_ALL,
    };
    ag_params_init(&m->params);
    ag_graph_init(&m->g);
    vit_declare(&m->params, &c, "vit.", &m->vit);
    for (size_t i = 0; i < m->params.n; i++) {
        struct rng r = rng_stream(1, RNG_TEST, (uint32_t)i);
        ag_real *val = ag_param_own(m->params.at[i]);
        for (size_t k = 0; k < m->params.at[i]->size; k++) val[k] = (ag_real)(0.2 * rng_normal(&r));
        m->params.at[i]->role = trained ? AG_DENSE : AG_FROZEN;
    }
    ag_params_train(&m->params, 1);
    m->n = PICTURES;
    m->pixels = calloc((size_t)PICTURES * VIT_CHANNELS * SIDE * SIDE, sizeof *m->pixels);
    struct rng r = rng_stream(2, RNG_TEST, 0);
    for (size_t k = 0; k < (size_t)PICTURES * VIT_CHANNELS * SIDE * SIDE; k++) m->pixels[k] = (float)rng_normal(&r);
    return m;
}

static void pixels_beyond_whole_patches_are_not_seen(void **state)
{
    (void)state;
    struct loaded *m = scratch(1, false, 0);
    assert_int_equal(vit_patches(&m->vit.config), 9);
    const ag_tensor *before = forward(m);
    for (int row = 0; row < PICTURES * VIT_CHANNELS * SIDE; row++) {
        m->pixels[row * SIDE + SIDE - 1] = 99;
        for (int x = 0; row % SIDE == SIDE - 1 && x < SIDE; x++) m->pixels[row * SIDE + x] = 99;
    }
    const ag_tensor *after = forward(m);
    assert_memory_equal(before->val, after->val, ag_size(before) * sizeof(ag_real));
    unload(m);
}

static size_t peak_of(int layers)
{
    struct loaded *m = scratch(layers, false, 0);
    forward(m);
    const size_t peak = m->g.arena.peak;
    unload(m);
    return peak;
}

static void a_frozen_pass_holds_one_layer(void **state)
{
    (void)state;
    assert_int_equal(peak_of(8), peak_of(2));
    struct loaded *m = scratch(8, true, 0);
    forward(m);
    assert_true(m->g.arena.peak > 2 * peak_of(8));
    unload(m);
}

static void after_the_first_step_none_allocates(void **state)
{
    (void)state;
    struct loaded *m = scratch(3, true, 0);
    size_t after_first = 0;
    for (int step = 0; step < 4; step++) {
        ag_params_zero_grad(&m->params);
        ag_tensor *x = forward(m);
        ag_real *dy = calloc(ag_size(x), sizeof *dy);
        ag_backward(&m->g, x, dy);
        free(dy);
        ag_graph_reset(&m->g);
        if (step == 0) after_first = m->g.allocations;
        assert_int_equal(m->g.allocations, after_first);
    }
    unload(m);
}

static void a_batch_that_is_split_has_the_same_masks(void **state)
{
    (void)state;
    static const int32_t PLACE[PICTURES] = {4, 0, 9, 2, 7};
    struct loaded *m = scratch(2, false, .3);
    const nn_dropout drop = {.on = true, .seed = 3, .step = 5, .place = PLACE},
                     last = {.on = true, .seed = 3, .step = 5, .place = PLACE + 3};
    const ag_tensor *whole = vit_forward(&m->g, &m->vit, PICTURES, m->pixels, &drop), *off = forward(m);
    const ag_tensor *part = vit_forward(&m->g, &m->vit, 2, m->pixels + (size_t)3 * VIT_CHANNELS * SIDE * SIDE, &last);
    const ag_real *same = whole->val + ag_size(whole) - ag_size(part), *other = off->val + ag_size(whole) - ag_size(part);
    double farthest = 0, dropped = 0;
    for (size_t i = 0; i < ag_size(part); i++) {
        farthest = fmax(farthest, fabs((double)(part->val[i] - same[i])));
        dropped = fmax(dropped, fabs((double)(part->val[i] - other[i])));
    }
    assert_true(farthest <= 1e-5);
    assert_true(dropped > 1e-2);
    unload(m);
}

/* The text encoder of the same step has other masks: every site is moved. */
static void a_visual_encoder_drops_at_sites_of_its_own(void **state)
{
    (void)state;
    const int32_t start[] = {0, 1}, place[] = {0};
    const nn_dropout drop = {.on = true, .site = NN_SITE_VISUAL, .n = 1, .start = start, .place = place};
    assert_int_equal(nn_dropout_at(&drop, .5, NN_SITE_LAYERS).site, NN_SITE_VISUAL + NN_SITE_LAYERS);
    struct loaded *m = scratch(0, false, .5);
    const nn_dropout as_text = {.on = true, .n = 1, .start = (int32_t[]){0, 10}, .place = place};
    const ag_tensor *text = vit_embed(&m->g, &m->vit, 1, m->pixels, &as_text),
                    *visual = vit_forward(&m->g, &m->vit, 1, m->pixels, &as_text);
    nn_dropout moved = as_text;
    moved.site = NN_SITE_VISUAL;
    const ag_tensor *expected =
        nn_norm_forward(&m->g, &m->vit.last_norm, vit_embed(&m->g, &m->vit, 1, m->pixels, &moved), m->vit.config.encoder.eps);
    assert_memory_equal(visual->val, expected->val, ag_size(visual) * sizeof(ag_real));
    assert_memory_not_equal(text->val, expected->val, ag_size(text) * sizeof(ag_real));
    unload(m);
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
static const struct vit_config RIGHT = {
    .family = &VIT,
    .image_size = 8,
    .patch_size = 4,
    .encoder = {.layers = 2, .width = 6, .heads = 2, .inner = 4, .order = ENCODER_PRE_NORM, .eps = 1e-12},
    .output = {VIT_OUTPUT, true, true},
};

static void declare(struct vit_config config)
{
    struct vit v;
    vit_declare(&wrong_params, &config, "", &v);
    vit_free(&v);
}
static void no_family(void)
{
    struct vit_config c = RIGHT;
    c.family = NULL;
    declare(c);
}
static void patches_beyond_the_picture(void)
{
    struct vit_config c = RIGHT;
    c.patch_size = 9;
    declare(c);
}
static void post_norm(void)
{
    struct vit_config c = RIGHT;
    c.encoder.order = ENCODER_POST_NORM;
    declare(c);
}
static void state_beyond_the_last(void)
{
    struct vit_config c = RIGHT;
    c.output.layer = 3;
    declare(c);
}
static void nothing_wanted(void)
{
    struct vit_config c = RIGHT;
    c.output.class_token = c.output.patch_tokens = false;
    declare(c);
}
static ag_tensor *zeros(int rank, int rows, int cols)
{
    static const ag_real zero[64];
    return ag_input(&wrong_graph, rank, rank == 1 ? &cols : (int[]){rows, cols}, zero);
}
static void positions_of_no_patch(void)
{
    vit_place(&wrong_graph, zeros(2, 4, 3), zeros(1, 1, 3), zeros(2, 1, 3));
}
static void class_of_another_width(void)
{
    vit_place(&wrong_graph, zeros(2, 4, 3), zeros(1, 1, 2), zeros(2, 5, 3));
}
static void part_of_a_picture(void)
{
    vit_place(&wrong_graph, zeros(2, 6, 3), zeros(1, 1, 3), zeros(2, 5, 3));
}

static const struct bug {
    const char *name, *text;
    void (*commit)(void);
} BUGS[] = {
    {"no family", "vit: of no family", no_family},
    {"patches larger than the picture", "vit: patches of 9 pixels in pictures of 8", patches_beyond_the_picture},
    {"post-norm blocks", "vit: its blocks are pre-norm", post_norm},
    {"a hidden state beyond the last", "vit: hidden state 3 of 2 layers", state_beyond_the_last},
    {"no visual token", "vit: neither the class token nor patches are wanted", nothing_wanted},
    {"positions without a patch", "vit_place: position has rank 2 and 1 rows: a class and patches have at least 2", positions_of_no_patch},
    {"a class token of another width", "vit_place: class has 2 entries in rank 1, position 3 columns", class_of_another_width},
    {"a part of a picture", "vit_place: patches are [6,3] of rank 2, positions are for pictures of [4,3]", part_of_a_picture},
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
    static const struct {
        const char *claim;
        CMUnitTestFunction check;
    } CLAIMS[] = {
        {"every hidden state", every_hidden_state},
        {"the output", the_output},
        {"class and patches are rows of the whole", class_and_patches_are_rows_of_the_whole},
        {"only what the output needs is declared", only_what_the_output_needs_is_declared},
        {"every gradient", every_gradient},
        {"a picture alone is the same as among others", a_picture_alone_is_the_same_as_among_others},
        {"a frozen encoder gives a picture the same bytes in every company and on 1 to 4 threads",
         a_frozen_encoder_gives_a_picture_the_same_bytes_in_every_company_and_on_1_to_4_threads},
        {"no picture is legal", no_picture_is_legal},
    };
    static const struct CMUnitTest OTHERS[] = {
        cmocka_unit_test(pixels_beyond_whole_patches_are_not_seen),   cmocka_unit_test(a_frozen_pass_holds_one_layer),
        cmocka_unit_test(after_the_first_step_none_allocates),        cmocka_unit_test(a_batch_that_is_split_has_the_same_masks),
        cmocka_unit_test(a_visual_encoder_drops_at_sites_of_its_own),
    };
    enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, N_OTHERS = sizeof OTHERS / sizeof *OTHERS, MOST = 64 };
    static char names[MOST][128];
    struct CMUnitTest tests[MOST + N_OTHERS + N_BUGS];
    size_t n = 0;
    for (int c = 0; c < N_CLAIMS; c++)
        for (int i = 0; i < N_FAMILIES && n < MOST; i++) {
            if (!FAMILIES[i].vision) continue;
            snprintf(names[n], sizeof names[n], "%s: %s", CLAIMS[c].claim, FAMILIES[i].name);
            tests[n] =
                (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].check, .initial_state = (void *)(uintptr_t)&FAMILIES[i]};
            n++;
        }
    memcpy(tests + n, OTHERS, sizeof OTHERS);
    n += N_OTHERS;
    for (int i = 0; i < N_BUGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = BUGS[i].name, .test_func = the_message_says_what_is_wrong, .initial_state = (void *)(uintptr_t)&BUGS[i]};
    return _cmocka_run_group_tests("vit reference", tests, n, NULL, NULL);
}
