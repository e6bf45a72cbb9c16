/* Every picture of the reference is decoded, resized, cut and normalised to the bytes that Pillow and its libraries give. The rows are made
 * of images.json: its files, and for each its results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "json.h"
#include "picture_pipeline.h"
#include "reference.h"
#include "sha256.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

/* A result of a file: "rgb", or the name of a pipeline. */
struct row {
    char name[256]; /* also that of its tensor */
    char file[256]; /* below the reference */
    char result[32];
    const struct json *expected; /* of "rgb": the object that has rgb_sha256 */
    bool turn, has_tensor;
};

enum { ROWS_MAX = 4096 };
static struct row rows[ROWS_MAX];
static struct CMUnitTest tests[ROWS_MAX];
static size_t n_rows;
static struct json *reference;

static double number(const struct json *v)
{
    double x = NAN;
    assert_true(json_read_number(v, &x));
    return x;
}

static int integer(const struct json *v)
{
    int64_t x = -1;
    assert_true(json_read_integer(v, &x));
    return (int)x;
}

static struct picture decode(const struct row *r)
{
    struct picture p = {0};
    char *bytes = NULL;
    size_t size = 0;
    struct err e = {0};
    const char *path = reference_path(r->file);
    if (file_read(path, PICTURE_BYTES_MAX, &bytes, &size, &e) || picture_decode(bytes, size, path, r->turn, &p, &e)) fail_msg("%s", e.text);
    free(bytes);
    return p;
}

static void assert_digest(const struct picture *p, const char *expected)
{
    char hex[65];
    assert_non_null(expected);
    sha256_hex(p->rgb, (size_t)p->width * (size_t)p->height * 3, hex);
    assert_string_equal(hex, expected);
}

static void assert_tensor(const struct picture *p, const struct row *r)
{
    struct safetensors *s = reference_open("images.safetensors");
    const struct array *a = reference_array(s, r->name);
    assert_int_equal(a->type, ARRAY_U8);
    assert_int_equal(a->rank, 3);
    assert_int_equal(a->dim[0], p->height);
    assert_int_equal(a->dim[1], p->width);
    assert_int_equal(a->dim[2], 3);
    assert_memory_equal(p->rgb, a->data, a->size);
    safetensors_close(s);
}

static void its_pixels_are_those_of_the_reference(void **state)
{
    const struct row *r = *state;
    struct picture p = decode(r);
    const struct json *size = json_get(r->expected, "rgb_size");
    assert_int_equal(p.width, integer(json_at(size, 0)));
    assert_int_equal(p.height, integer(json_at(size, 1)));
    assert_digest(&p, json_text(json_get(r->expected, "rgb_sha256")));
    if (r->has_tensor) assert_tensor(&p, r);
    picture_free(&p);
}

/* The recipe by the letters of a pipeline's name, its S by the tensor's shape. */
static struct picture_pipeline pipeline_of(const struct row *r)
{
    struct safetensors *s = reference_open("images.safetensors");
    const int size = (int)reference_dim(s, r->name, 0);
    safetensors_close(s);
    const bool is_clip = !strncmp(r->result, "clip", 4), is_vit = !strncmp(r->result, "vit", 3);
    return picture_pipeline_of(is_clip ? PICTURE_CLIP : is_vit ? PICTURE_VIT : PICTURE_IMAGENET, size);
}

static void assert_means(const struct row *r, const struct picture_pipeline *p)
{
    const struct json *pair = json_get(json_get(reference, "normalisation_mean_std"), r->result);
    for (size_t c = 0; c < 3; c++) {
        assert_true(p->mean[c] == number(json_at(json_at(pair, 0), c)));
        assert_true(p->std[c] == number(json_at(json_at(pair, 1), c)));
    }
}

static void assert_near(double x, double expected)
{
    if (!(fabs(x - expected) <= 2e-6)) fail_msg("%.9g is not %.9g", x, expected);
}

/* x [3,S,S]: five values of it, and the mean and deviation of each channel. */
static void assert_normalised(const struct row *r, const float *x, size_t S)
{
    const struct json *probes = json_get(r->expected, "probes_y_x_channel_value");
    assert_true(json_size(probes) > 0);
    for (size_t i = 0; i < json_size(probes); i++) {
        const struct json *probe = json_at(probes, i);
        const size_t row = (size_t)integer(json_at(probe, 0)), column = (size_t)integer(json_at(probe, 1)),
                     c = (size_t)integer(json_at(probe, 2));
        assert_near((double)x[(c * S + row) * S + column], number(json_at(probe, 3)));
    }
    for (size_t c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        const double n = (double)(S * S);
        for (size_t i = 0; i < S * S; i++) sum += (double)x[c * S * S + i];
        for (size_t i = 0; i < S * S; i++) squares += pow((double)x[c * S * S + i] - sum / n, 2);
        assert_near(sum / n, number(json_at(json_get(r->expected, "normalised_mean"), c)));
        assert_near(sqrt(squares / n), number(json_at(json_get(r->expected, "normalised_std"), c)));
    }
}

static void the_encoder_sees_the_bytes_of_the_reference(void **state)
{
    const struct row *r = *state;
    struct picture p = decode(r), cut = {0};
    const struct picture_pipeline pipeline = pipeline_of(r);
    const size_t S = (size_t)pipeline.size;
    float *x = malloc(3 * S * S * sizeof *x);
    struct err e = {0};
    assert_non_null(x);
    if (picture_pipeline_cut(&pipeline, &p, &cut, &e)) fail_msg("%s", e.text);
    assert_tensor(&cut, r);
    assert_digest(&cut, json_text(json_get(r->expected, "sha256")));
    assert_means(r, &pipeline);
    if (picture_pipeline_apply(&pipeline, &p, x, &e)) fail_msg("%s", e.text);
    assert_normalised(r, x, S);
    free(x);
    picture_free(&cut);
    picture_free(&p);
}

static void without_the_reference_there_is_nothing_to_compare(void **state)
{
    (void)state;
    reference_path("images.json");
    fail_msg("the reference has no images.json that could be read");
}

/* ---- the rows ---- */

struct place {
    const char *key;
    const struct json *of_file;
    bool turn;
};

static void add(const struct place *at, const char *result, const struct json *expected, bool has_tensor, void (*test)(void **))
{
    if (n_rows == ROWS_MAX) abort();
    struct row *r = &rows[n_rows];
    snprintf(r->name, sizeof r->name, "%s/%s%s", at->key, at->turn ? "transposed." : "", result);
    snprintf(r->file, sizeof r->file, "%s", json_text(json_get(at->of_file, "file")));
    snprintf(r->result, sizeof r->result, "%s", result);
    r->expected = expected;
    r->turn = at->turn;
    r->has_tensor = has_tensor;
    tests[n_rows++] = (struct CMUnitTest){.name = r->name, .test_func = test, .initial_state = r};
}

static int add_pipeline(void *context, const char *key, const struct json *value, struct err *e)
{
    (void)e;
    if (json_is_object(value)) add(context, key, value, true, the_encoder_sees_the_bytes_of_the_reference);
    return 0;
}

static int add_file(void *context, const char *key, const struct json *value, struct err *e)
{
    const struct safetensors *tensors = context;
    for (int turn = 0; turn < 2; turn++) {
        struct place at = {.key = key, .of_file = value, .turn = turn};
        char tensor[300];
        const struct json *results = json_get(value, turn ? "transposed" : "result");
        if (!results) continue;
        /* The files of the data folder have the digest of their pixels alone. */
        snprintf(tensor, sizeof tensor, "%s/%srgb", key, turn ? "transposed." : "");
        add(&at, "rgb", results, safetensors_find(tensors, tensor) != NULL, its_pixels_are_those_of_the_reference);
        json_each(results, add_pipeline, &at, e);
    }
    return 0;
}

static bool read_rows(void)
{
    char path[4096];
    const char *folder = getenv("NERVE_REFERENCE");
    char *text = NULL;
    size_t size = 0;
    struct safetensors *tensors = NULL;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/images.json", folder ? folder : "");
    if (!folder || file_read(path, 1 << 24, &text, &size, &e) || json_parse(text, size, path, &reference, &e)) return false;
    free(text);
    snprintf(path, sizeof path, "%s/images.safetensors", folder);
    if (safetensors_open(path, &tensors, &e)) return false;
    json_each(json_get(reference, "files"), add_file, tensors, &e);
    safetensors_close(tensors);
    return true;
}

int main(void)
{
    if (!read_rows() || n_rows == 0) {
        const struct CMUnitTest nothing[] = {cmocka_unit_test(without_the_reference_there_is_nothing_to_compare)};
        return cmocka_run_group_tests(nothing, NULL, NULL);
    }
    const int failed = _cmocka_run_group_tests("pictures of the reference", tests, n_rows, NULL, NULL);
    json_free(reference);
    return failed;
}
