/* Every Hugging Face folder of the reference: a BERT or a DistilBERT loads and gives the stored hidden states, whatever its layout;
 * everything else is refused by name. */
#include "copied_folder.h"
#include "files.h"
#include "log.h"
#include "pretrained.h"
#include "reference.h"
#include "temporary.h"
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

static int n_logits; /* folders whose logits were compared */

/* ---- the reference's folders ---- */

/* The last hidden state of the reference's ids in a model made of the folder. */
static float *hidden_of(const char *path, const struct safetensors *ids_of, size_t *n, ag_params *params, struct err *e)
{
    struct pretrained p;
    struct bert bert;
    ag_graph graph;
    size_t T, sequences;
    if (pretrained_open(path, &p, e)) return NULL;
    ag_params_init(params);
    bert_declare(params, &p.config, "x.", &bert);
    if (pretrained_fill(&p, params, "x.", e)) fail_msg("%s", e->text);
    int32_t *ids = reference_int(ids_of, "input_ids", &T), *position = reference_int(ids_of, "position_ids", NULL),
            *start = reference_int(ids_of, "seq_start", &sequences), *types = NULL;
    if (p.config.type_vocab > 0) types = reference_int(ids_of, "token_type_ids", NULL);
    nn_dropout none = {.on = false};
    ag_graph_init(&graph);
    ag_tensor *x = bert_embed(&graph, &bert, (int)T, ids, position, types, &none);
    x = encoder_forward(&graph, &bert.encoder, x, (int)sequences - 1, start, &none);
    *n = ag_size(x);
    float *hidden = malloc(*n * sizeof *hidden);
    memcpy(hidden, x->val, *n * sizeof *hidden);
    ag_graph_free(&graph);
    bert_free(&bert);
    ag_params_free(params);
    pretrained_close(&p);
    free(ids);
    free(position);
    free(start);
    free(types);
    return hidden;
}

static bool has(const char *path, const char *file)
{
    char name[PATH_MAX + 32];
    snprintf(name, sizeof name, "%s/%s", path, file);
    return file_exists(name);
}

/* <type>_tiny.safetensors holds the hidden states of float32 weights; the variants' file those of a half-precision folder, named after the
 * last part of the folder's name. */
static void compare_with_reference(const char *name, const float *hidden, size_t n, const struct safetensors *full)
{
    struct safetensors *variants = reference_open("bert_tiny_variants.safetensors");
    char tensor[300];
    size_t expected_n;
    int layers = 0;
    const char *part = strrchr(name, '_');
    snprintf(tensor, sizeof tensor, "%s.last", part ? part + 1 : name);
    const struct safetensors *s = variants;
    if (!safetensors_find(variants, tensor)) {
        s = full;
        do snprintf(tensor, sizeof tensor, "hidden.%d", ++layers);
        while (safetensors_find(full, tensor));
        snprintf(tensor, sizeof tensor, "hidden.%d", layers - 1);
    }
    double *expected = reference_double(s, tensor, &expected_n);
    assert_int_equal(n, expected_n);
    double difference = relative_difference(n, hidden, expected);
    if (!(difference <= FORWARD)) fail_msg("%s: %s differs by %.3g", name, tensor, difference);
    free(expected);
    safetensors_close(variants);
}

/* A folder with a head whose output the variants' file knows under the folder's name, as token_classification.logits: the head on our
 * hidden states [T,C] gives it. */
static void compare_logits(const char *name, const char *path, const float *hidden, size_t n)
{
    struct safetensors *variants = reference_open("bert_tiny_variants.safetensors");
    struct weights *w;
    struct err e = {0};
    char tensor[300];
    size_t expected_n;
    bool known = false;
    for (const char *end = name; end && !known; end = strchr(end, '_') ? strchr(end, '_') + 1 : NULL) {
        snprintf(tensor, sizeof tensor, "%s.logits", end);
        known = safetensors_find(variants, tensor);
    }
    if (!known) goto done;
    if (weights_open(path, &w, &e)) fail_msg("%s", e.text);
    const struct array *weight = weights_find(w, "classifier.weight"), *bias = weights_find(w, "classifier.bias");
    assert_true(weight && bias && weight->rank == 2);
    float *weights = calloc(weight->size + 1, sizeof *weights), *biases = calloc(bias->size + 1, sizeof *biases);
    if (array_to_float(weight, weights, &e) || array_to_float(bias, biases, &e)) fail_msg("%s", e.text);
    size_t L = weight->dim[0], C = weight->dim[1], T = n / C;
    double *expected = reference_double(variants, tensor, &expected_n);
    float *logits = malloc((T * L + 1) * sizeof *logits);
    assert_int_equal(T * L, expected_n);
    for (size_t i = 0; i < T * L; i++) {
        double sum = (double)biases[i % L];
        for (size_t c = 0; c < C; c++) sum += (double)hidden[i / L * C + c] * (double)weights[i % L * C + c];
        logits[i] = (float)sum;
    }
    double difference = relative_difference(T * L, logits, expected);
    if (!(difference <= FORWARD)) fail_msg("%s: %s differs by %.3g", name, tensor, difference);
    n_logits++;
    free(weights);
    free(biases);
    free(logits);
    free(expected);
    weights_close(w);
done:
    safetensors_close(variants);
}

static void folder_loads_or_is_refused(void **state)
{
    const char *name = *state;
    char path[PATH_MAX];
    struct err e = {0};
    ag_params params;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", reference_path("models"), name);
    char *type = model_type_of(path);
    char file[300];
    const bool is_read = strcmp(type, "bert") == 0 || strcmp(type, "distilbert") == 0;
    snprintf(file, sizeof file, "%s_tiny.safetensors", is_read ? type : "bert");
    struct safetensors *s = reference_open(file);
    float *hidden = hidden_of(path, s, &n, &params, &e);
    if (!is_read) {
        assert_null(hidden);
        assert_int_equal(e.code, ERR_DATA);
        if (!strstr(e.text, type)) fail_msg("expected '%s' in: %s", type, e.text);
    } else if (!has(path, "model.safetensors") && !has(path, "model.safetensors.index.json")) {
        assert_null(hidden);
        if (!strstr(e.text, "pytorch_model.bin") || !strstr(e.text, "save_pretrained")) fail_msg("%s", e.text);
    } else {
        if (!hidden) fail_msg("%s", e.text);
        compare_with_reference(name, hidden, n, s);
        compare_logits(name, path, hidden, n);
    }
    free(hidden);
    free(type);
    safetensors_close(s);
}

static void a_head_on_the_hidden_states_gave_its_logits(void **state)
{
    (void)state;
    reference_path("models"); /* skips where there is no reference */
    assert_true(n_logits > 0);
}

/* ---- folders broken by hand ---- */

static void copy_bert(void)
{
    copy_folder("bert_tiny");
}

/* Opens and fills the copy: the message of what refuses it. */
static void assert_copy_refused(const char *part, const char *other_part)
{
    char path[PATH_MAX + 8];
    struct err e = {0};
    struct pretrained p;
    struct bert bert;
    ag_params params;
    snprintf(path, sizeof path, "%s/m", folder);
    int code = pretrained_open(path, &p, &e);
    if (!code) {
        ag_params_init(&params);
        bert_declare(&params, &p.config, "x.", &bert);
        code = pretrained_fill(&p, &params, "x.", &e);
        bert_free(&bert);
        ag_params_free(&params);
        pretrained_close(&p);
    }
    assert_int_equal(code, ERR_DATA);
    if (!strstr(e.text, part) || !strstr(e.text, other_part)) fail_msg("expected '%s' and '%s' in: %s", part, other_part, e.text);
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    copy_bert();
    replace("model.safetensors", "encoder.layer.0.output.dense.weight", "encoder.layer.0.output.dense.wxxxxx");
    assert_copy_refused("'encoder.layer.0.output.dense.weight'", "missing");
}

static void a_misshapen_tensor_is_named_with_both_shapes(void **state)
{
    (void)state;
    copy_bert();
    struct err e = {0};
    char path[PATH_MAX + 64], *text, value[32];
    size_t size;
    int64_t inner;
    struct json *json = NULL;
    snprintf(path, sizeof path, "%s/m/config.json", folder);
    if (file_read(path, 1 << 20, &text, &size, &e) || json_parse(text, size, path, &json, &e)) fail_msg("%s", e.text);
    assert_true(json_read_integer(json_get(json, "intermediate_size"), &inner));
    json_free(json);
    free(text);
    snprintf(value, sizeof value, "%lld", (long long)inner + 1);
    write_config_with("intermediate_size", value);
    assert_copy_refused("intermediate.dense", "config.json asks for [");
}

static void a_weight_that_is_not_finite_is_named(void **state)
{
    (void)state;
    copy_bert();
    char path[PATH_MAX + 64], *bytes;
    size_t size;
    struct err e = {0};
    struct safetensors *s;
    snprintf(path, sizeof path, "%s/m/model.safetensors", folder);
    if (safetensors_open(path, &s, &e)) fail_msg("%s", e.text);
    const struct array *a = safetensors_find(s, "encoder.layer.0.output.dense.bias");
    assert_non_null(a);
    size_t from_end = 0; /* the tensors stand in the order of their bytes, and the last one ends the file */
    for (size_t k = safetensors_count(s); k > 0; k--) {
        const struct array *b = safetensors_at(s, k - 1);
        from_end += b->size * array_type_size(b->type);
        if (b == a) break;
    }
    safetensors_close(s);
    if (file_read(path, 1 << 28, &bytes, &size, &e)) fail_msg("%s", e.text);
    const float infinity = 1.0f / 0.0f;
    memcpy(bytes + size - from_end, &infinity, sizeof infinity);
    if (file_write_bytes(path, bytes, size, &e)) fail_msg("%s", e.text);
    free(bytes);
    assert_copy_refused("encoder.layer.0.output.dense.bias", "not finite");
}

static void a_config_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *part;
    } CASES[] = {
        {"hidden_act", "\"swish\"", "swish"},
        {"hidden_act", "7", "hidden_act"},
        {"num_attention_heads", "99991", "multiple"}, /* of a prime beyond every width */
        {"num_hidden_layers", "1000000000", "num_hidden_layers"},
        {"num_hidden_layers", "-1", "num_hidden_layers"},
        {"hidden_size", "\"wide\"", "not an integer"},
        {"layer_norm_eps", "2", "layer_norm_eps"},
        {"is_decoder", "true", "is_decoder"},
        {"model_type", "\"gpt2\"", "gpt2"},
        {"vocab_size", "null", "vocab_size"},
        {"max_position_embeddings", "1", "max_position_embeddings"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        copy_bert();
        write_config_with(CASES[k].key, CASES[k].value);
        assert_copy_refused(CASES[k].part, "config.json");
    }
    copy_bert();
    replace("config.json", "\"hidden_size\"", "\"hidden_sIze\"");
    assert_copy_refused("\"hidden_size\" is missing", "config.json");
    copy_bert();
    replace("config.json", "{", "[");
    assert_copy_refused("config.json", "not valid JSON");
}

static void a_distilbert_config_that_makes_no_sense_is_refused_in_its_own_words(void **state)
{
    static const struct {
        const char *key, *value, *part;
    } CASES[] = {
        {"activation", "\"swish\"", "activation \"swish\" is not known"},
        {"n_heads", "99991", "is not a multiple of n_heads 99991"},
        {"n_layers", "-1", "\"n_layers\" is -1"},
        {"dim", "\"wide\"", "\"dim\" is not an integer"},
        {"hidden_dim", "null", "hidden_dim"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        copy_folder("distilbert_tiny");
        write_config_with(CASES[k].key, CASES[k].value);
        assert_copy_refused(CASES[k].part, "config.json");
    }
    copy_folder("distilbert_tiny_masked_lm");
    replace("model.safetensors", "layer.0.ffn.lin1.bias", "layer.0.ffn.lin1.bxxx");
    assert_copy_refused("'transformer.layer.0.ffn.lin1.bias'", "the prefix 'distilbert.'");
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

static void other_heads_are_ignored_with_one_line(void **state)
{
    struct err e = {0};
    struct pretrained p;
    struct bert bert;
    ag_params params;
    size_t count;
    int with_heads = 0;
    (void)state;
    reference_path("models"); /* skips where there is no reference */
    char **names = reference_folders("models", &count);
    for (size_t k = 0; k < count; k++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", reference_path("models"), names[k]);
        if (pretrained_open(path, &p, &e)) continue;
        ag_params_init(&params);
        bert_declare(&params, &p.config, "x.", &bert);
        lines = 0;
        log_set_sink(count_line, NULL);
        assert_int_equal(pretrained_fill(&p, &params, "x.", &e), 0);
        log_set_sink(NULL, NULL);
        assert_int_equal(lines, weights_count(p.weights) > params.n);
        if (lines) {
            assert_non_null(strstr(last_line, "ignored"));
            with_heads++;
        }
        bert_free(&bert);
        ag_params_free(&params);
        pretrained_close(&p);
    }
    folders_free(names);
    assert_true(with_heads > 0);
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_misshapen_tensor_is_named_with_both_shapes),
        cmocka_unit_test(a_weight_that_is_not_finite_is_named),
        cmocka_unit_test(a_config_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_distilbert_config_that_makes_no_sense_is_refused_in_its_own_words),
        cmocka_unit_test(other_heads_are_ignored_with_one_line),
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
    tests[N_FIXED + count] = (struct CMUnitTest)cmocka_unit_test(a_head_on_the_hidden_states_gave_its_logits);
    int status = _cmocka_run_group_tests("pretrained folders load as published", tests, count + N_FIXED + 1, copied_folder_set_up,
                                         copied_folder_tear_down);
    free(tests);
    folders_free(names);
    return status;
}
