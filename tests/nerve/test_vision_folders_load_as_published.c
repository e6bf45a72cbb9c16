/* Every Hugging Face folder of the reference that holds a vision encoder, ViT, CLIP's tower or all of CLIP, with and without prefixes,
 * loads and gives the stored hidden states; everything else is refused by name. */
#include "copied_folder.h"
#include "log.h"
#include "pretrained_vision.h"
#include "reference.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of the reference's tables: four times what PyTorch loses in float32. */
static const double FORWARD = 4e-6;

/* Of which a folder's model_type is read, and the file that says what it must give. */
static const struct known {
    const char *type, *reference, *output; /* output: the tensor of all rows, or of the class rows, behind the last LayerNorm */
    bool class_rows;
} KNOWN[] = {
    {"vit", "vit_tiny.safetensors", "last", false},
    {"clip_vision_model", "clip_vision_tiny.safetensors", "pooled", true},
    {"clip", "clip_vision_tiny.safetensors", "pooled", true},
};
enum { N_KNOWN = sizeof KNOWN / sizeof *KNOWN };

static const struct known *known_of(const char *type)
{
    for (int k = 0; k < N_KNOWN; k++)
        if (strcmp(KNOWN[k].type, type) == 0) return &KNOWN[k];
    return NULL;
}

static int loaded[N_KNOWN]; /* folders of each type */

static void assert_tokens(const struct pretrained_vision *p, struct vision_output output, const struct safetensors *s, const char *tensor)
{
    struct err e = {0};
    ag_params params;
    ag_params_init(&params);
    struct vit_config config = p->config;
    config.output = output;
    struct vit vit;
    vit_declare(&params, &config, "x.", &vit);
    if (pretrained_vision_fill(p, &params, "x.", &e)) fail_msg("%s", e.text);
    const int n = (int)reference_dim(s, "pixel_values", 0);
    assert_int_equal(reference_dim(s, "pixel_values", 3), config.image_size);
    float *pixels = reference_float(s, "pixel_values", NULL);
    const size_t size = (size_t)n * (size_t)vit_tokens(&config) * (size_t)config.encoder.width;
    float *tokens = calloc(size, sizeof *tokens);
    assert_int_equal(vit_encode(&vit, n, pixels, tokens, &e), 0);
    size_t expected_n;
    double *expected = reference_double(s, tensor, &expected_n);
    assert_int_equal(size, expected_n);
    const double difference = relative_difference(size, tokens, expected);
    if (!(difference <= FORWARD)) fail_msg("%s differs by %.3g", tensor, difference);
    free(expected);
    free(tokens);
    free(pixels);
    vit_free(&vit);
    ag_params_free(&params);
}

static void folder_loads_or_is_refused(void **state)
{
    char path[PATH_MAX], tensor[32];
    struct err e = {0};
    struct pretrained_vision p;
    snprintf(path, sizeof path, "%s/%s", reference_path("models"), (const char *)*state);
    char *type = model_type_of(path);
    const struct known *known = known_of(type);
    const int code = pretrained_vision_open(path, &p, &e);
    if (!known) {
        assert_int_equal(code, ERR_DATA);
        if (!strstr(e.text, type) || !strstr(e.text, "only \"vit\", \"clip\" and \"clip_vision_model\" are read")) fail_msg("%s", e.text);
    } else {
        if (code) fail_msg("%s", e.text);
        struct safetensors *s = reference_open(known->reference);
        assert_tokens(&p, (struct vision_output){VIT_OUTPUT, true, !known->class_rows}, s, known->output);
        for (int k = 0; k <= p.config.encoder.layers; k++) {
            snprintf(tensor, sizeof tensor, "hidden.%d", k);
            assert_tokens(&p, (struct vision_output){k, true, true}, s, tensor);
        }
        safetensors_close(s);
        pretrained_vision_close(&p);
        loaded[known - KNOWN]++;
    }
    free(type);
}

static void a_folder_of_each_type_was_there(void **state)
{
    (void)state;
    reference_path("models"); /* skips where there is no reference */
    for (int k = 0; k < N_KNOWN; k++)
        if (!loaded[k]) fail_msg("no folder of model_type %s", KNOWN[k].type);
}

/* ---- config.json both ways ---- */

static void the_config_of_a_checkpoint_reads_back(void **state)
{
    (void)state;
    for (int family = 0; family < 2; family++) {
        const struct vit_config c = {
            .family = family ? &CLIP_VISION : &VIT,
            .image_size = 60,
            .patch_size = 7,
            .encoder = {.layers = 3,
                        .width = 20,
                        .heads = 5,
                        .inner = 11,
                        .order = ENCODER_PRE_NORM,
                        .activation = family ? AG_GELU : AG_QUICK_GELU, /* not the family's own */
                        .eps = 3e-7},
            .output = {.layer = 2, .class_token = false, .patch_tokens = true},
        };
        struct vit_config again;
        struct err e = {0};
        struct json *json = vit_config_to_json(&c);
        if (vit_config_from_json(json, "checkpoint", &again, &e)) fail_msg("%s", e.text);
        json_free(json);
        assert_ptr_equal(again.family, c.family);
        assert_int_equal(again.image_size, c.image_size);
        assert_int_equal(again.patch_size, c.patch_size);
        assert_int_equal(again.encoder.layers, c.encoder.layers);
        assert_int_equal(again.encoder.width, c.encoder.width);
        assert_int_equal(again.encoder.heads, c.encoder.heads);
        assert_int_equal(again.encoder.inner, c.encoder.inner);
        assert_int_equal(again.encoder.order, c.encoder.order);
        assert_int_equal(again.encoder.activation, c.encoder.activation);
        assert_true(again.encoder.eps == c.encoder.eps);
        assert_int_equal(again.output.layer, c.output.layer);
        assert_false(again.output.class_token);
        assert_true(again.output.patch_tokens);
    }
}

static void a_size_that_is_absent_is_the_one_of_transformers(void **state)
{
    static const struct {
        const char *text;
        int image, patch, width, layers;
        ag_activation activation;
        double eps;
    } CASES[] = {
        {"{\"model_type\": \"vit\"}", 224, 16, 768, 12, AG_GELU, 1e-12},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"model_type\": \"clip_vision_model\", \"patch_size\": 14}}", 224, 14, 768, 12,
         AG_QUICK_GELU, 1e-5},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        struct json *json = NULL;
        struct err e = {0};
        struct vit_config c;
        assert_int_equal(json_parse(CASES[k].text, strlen(CASES[k].text), "config.json", &json, &e), 0);
        if (vit_config_from_json(json, "config.json", &c, &e)) fail_msg("%s", e.text);
        assert_int_equal(c.image_size, CASES[k].image);
        assert_int_equal(c.patch_size, CASES[k].patch);
        assert_int_equal(c.encoder.width, CASES[k].width);
        assert_int_equal(c.encoder.layers, CASES[k].layers);
        assert_int_equal(c.encoder.activation, CASES[k].activation);
        assert_true(c.encoder.eps == CASES[k].eps);
        assert_int_equal(c.output.layer, VIT_OUTPUT);
        assert_true(c.output.class_token && c.output.patch_tokens);
        json_free(json);
    }
}

/* ---- folders broken by hand ---- */

static void assert_copy_refused(const char *part, const char *other_part)
{
    char path[PATH_MAX + 8];
    struct err e = {0};
    struct pretrained_vision p;
    snprintf(path, sizeof path, "%s/m", folder);
    int code = pretrained_vision_open(path, &p, &e);
    if (!code) {
        struct vit vit;
        ag_params params;
        ag_params_init(&params);
        vit_declare(&params, &p.config, "x.", &vit);
        code = pretrained_vision_fill(&p, &params, "x.", &e);
        vit_free(&vit);
        ag_params_free(&params);
        pretrained_vision_close(&p);
    }
    assert_int_equal(code, ERR_DATA);
    if (!strstr(e.text, part) || !strstr(e.text, other_part)) fail_msg("expected '%s' and '%s' in: %s", part, other_part, e.text);
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    copy_folder("vit_tiny");
    replace("model.safetensors", "embeddings.cls_token", "embeddings.cls_tokex");
    assert_copy_refused("'embeddings.cls_token'", "the prefix 'vit.'");
    copy_folder("clip_tiny_full");
    replace("model.safetensors", "vision_model.post_layernorm.bias", "vision_model.post_layernorm.bixs");
    assert_copy_refused("'post_layernorm.bias' is missing", "the prefix 'vision_model.'");
}

static void pictures_of_another_size_are_refused_with_both_shapes(void **state)
{
    (void)state;
    copy_folder("vit_tiny");
    write_config_with("image_size", "640");
    assert_copy_refused("tensor 'embeddings.position_embeddings' has shape [1,", "config.json asks for [1,");
    copy_folder("clip_vision_tiny");
    write_config_with("patch_size", "1");
    assert_copy_refused("has shape [", "config.json asks for [");
}

static void a_config_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *folder, *key, *value, *part;
    } CASES[] = {
        {"vit_tiny", "hidden_act", "\"swish\"", "hidden_act \"swish\" is not known"},
        {"vit_tiny", "num_attention_heads", "99991", "hidden_size"}, /* a prime beyond every width */
        {"vit_tiny", "num_hidden_layers", "-1", "\"num_hidden_layers\" is -1"},
        {"vit_tiny", "num_channels", "4", "\"num_channels\" is 4, expected 3 to 3"},
        {"vit_tiny", "image_size", "1", "is larger than image_size 1"},
        {"vit_tiny", "image_size", "1000000000", "\"image_size\" is 1000000000"},
        {"vit_tiny", "patch_size", "0", "\"patch_size\" is 0"},
        {"vit_tiny", "qkv_bias", "false", "qkv_bias is false"},
        {"vit_tiny", "layer_norm_eps", "0", "layer_norm_eps is not a number between 0 and 1"},
        {"vit_tiny", "model_type", "\"beit\"", "model_type is \"beit\""},
        {"clip_vision_tiny", "hidden_size", "\"wide\"", "\"hidden_size\" is not an integer"},
        {"clip_tiny_full", "vision_config", "7, \"was\": {", "there is no object vision_config"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        copy_folder(CASES[k].folder);
        write_config_with(CASES[k].key, CASES[k].value);
        assert_copy_refused(CASES[k].part, "config.json");
    }
}

static int lines;
static char last_line[1024];
static void count_line(void *context, enum log_level level, const char *line)
{
    (void)context;
    (void)level;
    lines++;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void the_text_tower_is_ignored_with_one_line(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct err e = {0};
    struct pretrained_vision p;
    struct vit vit;
    ag_params params;
    snprintf(path, sizeof path, "%s/clip_tiny_full", reference_path("models"));
    if (pretrained_vision_open(path, &p, &e)) fail_msg("%s", e.text);
    ag_params_init(&params);
    vit_declare(&params, &p.config, "x.", &vit);
    lines = 0;
    log_set_sink(count_line, NULL);
    assert_int_equal(pretrained_vision_fill(&p, &params, "x.", &e), 0);
    log_set_sink(NULL, NULL);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "ignored"));
    vit_free(&vit);
    ag_params_free(&params);
    pretrained_vision_close(&p);
}

static void a_folder_fills_an_encoder_with_lora_whose_pairs_start_at_nothing(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct err e = {0};
    struct pretrained_vision p;
    struct vit vit[2];
    ag_params params[2];
    snprintf(path, sizeof path, "%s/vit_tiny", reference_path("models"));
    if (pretrained_vision_open(path, &p, &e)) fail_msg("%s", e.text);
    const size_t S = (size_t)p.config.image_size, size = (size_t)vit_tokens(&p.config) * (size_t)p.config.encoder.width;
    float *pixels = calloc(VIT_CHANNELS * S * S, sizeof *pixels), *tokens = calloc(2 * size, sizeof *tokens);
    for (size_t i = 0; i < S; i++) pixels[i * S + i] = 1;
    for (int k = 0; k < 2; k++) {
        p.config.encoder.lora_rank = 2 * k;
        p.config.encoder.lora_alpha = 4;
        ag_params_init(&params[k]);
        vit_declare(&params[k], &p.config, "x.", &vit[k]);
        if (pretrained_vision_fill(&p, &params[k], "x.", &e)) fail_msg("%s", e.text);
        nn_lora_start(&params[k]);
        for (size_t i = 0; i < params[k].n; i++) {
            ag_param *q = params[k].at[i];
            if (q->val) continue;
            assert_non_null(strstr(q->name, ".lora_A.weight"));
            ag_real *val = ag_param_own(q);
            for (size_t j = 0; j < q->size; j++) val[j] = 1;
        }
        assert_int_equal(vit_encode(&vit[k], 1, pixels, tokens + (size_t)k * size, &e), 0);
    }
    for (size_t i = 0; i < size; i++) assert_true(tokens[i] == tokens[size + i]);
    assert_true(params[1].n > params[0].n);
    for (int k = 0; k < 2; k++) {
        vit_free(&vit[k]);
        ag_params_free(&params[k]);
    }
    pretrained_vision_close(&p);
    free(pixels);
    free(tokens);
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(the_config_of_a_checkpoint_reads_back),
        cmocka_unit_test(a_size_that_is_absent_is_the_one_of_transformers),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(pictures_of_another_size_are_refused_with_both_shapes),
        cmocka_unit_test(a_config_that_makes_no_sense_is_refused),
        cmocka_unit_test(the_text_tower_is_ignored_with_one_line),
        cmocka_unit_test(a_folder_fills_an_encoder_with_lora_whose_pairs_start_at_nothing),
    };
    enum { N_FIXED = sizeof fixed / sizeof *fixed };
    size_t count;
    char **names = reference_folders("models", &count);
    struct CMUnitTest *tests = calloc(count + N_FIXED + 1, sizeof *tests);
    if (!tests) return 1;
    memcpy(tests, fixed, sizeof fixed);
    for (size_t k = 0; k < count; k++)
        tests[N_FIXED + k] = (struct CMUnitTest){.name = names[k], .test_func = folder_loads_or_is_refused, .initial_state = names[k]};
    /* After the folders. */
    tests[N_FIXED + count] = (struct CMUnitTest)cmocka_unit_test(a_folder_of_each_type_was_there);
    int status = _cmocka_run_group_tests("vision folders load as published", tests, count + N_FIXED + 1, copied_folder_set_up,
                                         copied_folder_tear_down);
    free(tests);
    folders_free(names);
    return status;
}
