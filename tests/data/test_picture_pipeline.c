/* A pipeline is what preprocessor_config.json says, in each form that Hugging Face has written it in; what is not done here is refused by
 * the key's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "made_pictures.h"
#include "picture_pipeline.h"
#include "temporary.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[PATH_MAX];

static bool same(const struct picture_pipeline *a, const struct picture_pipeline *b)
{
    return a->square == b->square && a->resize == b->resize && a->filter == b->filter && a->size == b->size && a->even == b->even &&
           a->rescale == b->rescale && !memcmp(a->mean, b->mean, sizeof a->mean) && !memcmp(a->std, b->std, sizeof a->std);
}

/* ---- what a file says ---- */

struct form {
    const char *name;
    enum picture_recipe model; /* of the folder that holds the file */
    const char *text;
    struct {
        enum picture_recipe recipe; /* whose means and filter, where the file has no others */
        int resize, size;
        bool square;
    } expected;
};

static const struct form FORMS[] = {
    {"an empty ViT file has ViT's values", PICTURE_VIT, "{}", {PICTURE_VIT, 224, 224, true}},
    {"an empty CLIP file has CLIP's values", PICTURE_CLIP, "{}", {PICTURE_CLIP, 224, 224, false}},
    {"a number is both sides of a ViT", PICTURE_VIT, "{\"size\": 32}", {PICTURE_VIT, 32, 32, true}},
    {"a number is the shorter side of a CLIP", PICTURE_CLIP, "{\"size\": 336, \"crop_size\": 336}", {PICTURE_CLIP, 336, 336, false}},
    {"height and width", PICTURE_VIT, "{\"size\": {\"height\": 384, \"width\": 384}}", {PICTURE_VIT, 384, 384, true}},
    {"shortest edge and crop",
     PICTURE_CLIP,
     "{\"size\": {\"shortest_edge\": 256}, \"crop_size\": {\"height\": 224, \"width\": 224}}",
     {PICTURE_CLIP, 256, 224, false}},
    {"the processor's name counts more than the model's",
     PICTURE_VIT,
     "{\"image_processor_type\": \"CLIPImageProcessor\"}",
     {PICTURE_CLIP, 224, 224, false}},
    {"the name of older files", PICTURE_VIT, "{\"feature_extractor_type\": \"CLIPFeatureExtractor\"}", {PICTURE_CLIP, 224, 224, false}},
    {"the fast processor", PICTURE_CLIP, "{\"image_processor_type\": \"ViTImageProcessorFast\"}", {PICTURE_VIT, 224, 224, true}},
    {"null is absent", PICTURE_VIT, "{\"crop_size\": null, \"do_center_crop\": null, \"resample\": null}", {PICTURE_VIT, 224, 224, true}},
    {"a ViT may cut", PICTURE_VIT, "{\"size\": 256, \"do_center_crop\": true, \"crop_size\": 240}", {PICTURE_VIT, 256, 240, true}},
    {"other keys do not matter",
     PICTURE_VIT,
     "{\"processor_class\": \"X\", \"do_convert_rgb\": true, \"n\": [1]}",
     {PICTURE_VIT, 224, 224, true}},
};

static struct picture_pipeline parsed(const char *text, enum picture_recipe model)
{
    struct picture_pipeline p = {0};
    struct err e = {0};
    if (picture_pipeline_parse(text, strlen(text), "made.json", model, &p, &e)) fail_msg("%s", e.text);
    return p;
}

static void the_file_is_read_as_hugging_face_reads_it(void **state)
{
    const struct form *f = *state;
    const struct picture_pipeline p = parsed(f->text, f->model);
    struct picture_pipeline expected = picture_pipeline_of(f->expected.recipe, f->expected.size);
    expected.resize = f->expected.resize;
    expected.square = f->expected.square;
    expected.even = false;
    assert_true(same(&p, &expected));
}

static void every_number_comes_from_the_file(void **state)
{
    (void)state;
    struct picture_pipeline p =
        parsed("{\"resample\": 3, \"rescale_factor\": 0.5, \"image_mean\": [1, 2.5, -3], \"image_std\": 4}", PICTURE_VIT);
    assert_int_equal(p.filter, PICTURE_BICUBIC);
    assert_true(p.rescale == 0.5);
    assert_true(p.mean[0] == 1 && p.mean[1] == 2.5 && p.mean[2] == -3);
    assert_true(p.std[0] == 4 && p.std[1] == 4 && p.std[2] == 4);
    p = parsed("{\"do_rescale\": false, \"do_normalize\": false, \"image_mean\": [1, 2, 3], \"rescale_factor\": 0.5}", PICTURE_VIT);
    assert_true(p.rescale == 1);
    for (int c = 0; c < 3; c++) assert_true(p.mean[c] == 0 && p.std[c] == 1);
}

struct wrong {
    const char *text, *message;
};
static const struct wrong WRONG[] = {
    {"[]", "made.json: not a JSON object"},
    {"{", "made.json:1:1: not valid JSON"},
    {"{\"image_processor_type\": \"BitImageProcessor\"}", "made.json: processor \"BitImageProcessor\" is not known here"},
    {"{\"image_processor_type\": \"ViTHybridImageProcessor\"}", "made.json: processor \"ViTHybridImageProcessor\" is not known here"},
    {"{\"do_resize\": false}", "made.json: \"do_resize\" is false"},
    {"{\"do_resize\": 1}", "made.json: \"do_resize\" must be true or false"},
    {"{\"resample\": 1}", "made.json: \"resample\" must be 2 (bilinear) or 3 (bicubic)"},
    {"{\"size\": 0}", "made.json: \"size\" must be a number of pixels, 1 to 2048"},
    {"{\"size\": 2049}", "made.json: \"size\" must be a number of pixels, 1 to 2048"},
    {"{\"size\": \"224\"}", "made.json: \"size\" must be a number of pixels"},
    {"{\"size\": {\"height\": 224, \"width\": 256}}", "made.json: \"size\" must be a number of pixels"},
    {"{\"size\": {\"shortest_edge\": 224, \"longest_edge\": 300}}", "made.json: \"size\" must be a number of pixels"},
    {"{\"size\": {\"shortest_edge\": 224}}", "made.json: \"size\" keeps the picture's shape and nothing is cut"},
    {"{\"do_center_crop\": true, \"crop_size\": {\"shortest_edge\": 9}}", "made.json: \"crop_size\" must be a number of pixels"},
    {"{\"do_center_crop\": true, \"size\": 32, \"crop_size\": 33}", "made.json: \"crop_size\" 33 is larger than \"size\" 32"},
    {"{\"rescale_factor\": 0}", "made.json: \"rescale_factor\" must be a number above 0"},
    {"{\"image_mean\": [1, 2]}", "made.json: \"image_mean\" must be three numbers"},
    {"{\"image_mean\": [1, 2, \"3\"]}", "made.json: \"image_mean\" must be three numbers"},
    {"{\"image_std\": [1, 0, 1]}", "made.json: \"image_std\" must be three numbers above 0"},
};

static void it_is_refused_by_the_keys_name(void **state)
{
    const struct wrong *w = *state;
    struct picture_pipeline p = {.size = -1};
    struct err e = {0};
    assert_int_equal(picture_pipeline_parse(w->text, strlen(w->text), "made.json", PICTURE_VIT, &p, &e), ERR_DATA);
    if (strncmp(e.text, w->message, strlen(w->message)) != 0) fail_msg("\"%s\" does not begin with \"%s\"", e.text, w->message);
    assert_int_equal(p.size, -1);
}

static void a_pipeline_written_and_read_is_the_same(void **state)
{
    (void)state;
    struct picture_pipeline rows[] = {
        picture_pipeline_of(PICTURE_VIT, 224), picture_pipeline_of(PICTURE_CLIP, 336), picture_pipeline_of(PICTURE_IMAGENET, 224),
        parsed("{}", PICTURE_CLIP),
        parsed("{\"size\": 256, \"do_center_crop\": true, \"crop_size\": 240, \"image_mean\": 0.1}", PICTURE_VIT)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = picture_pipeline_text(&rows[i]);
        struct picture_pipeline p = parsed(text, PICTURE_VIT);
        /* Where nothing is cut, no rounding is either. */
        if (rows[i].square && rows[i].size == rows[i].resize) p.even = rows[i].even;
        assert_true(same(&p, &rows[i]));
        free(text);
    }
}

/* ---- of a folder ---- */

static void a_folder_without_the_file_has_the_recipe(void **state)
{
    (void)state;
    struct picture_pipeline p, expected = picture_pipeline_of(PICTURE_CLIP, 30);
    struct err e = {0};
    if (picture_pipeline_read(root, PICTURE_CLIP, 30, &p, &e)) fail_msg("%s", e.text);
    assert_true(same(&p, &expected));
}

static void a_folder_with_the_file_must_fit_the_model(void **state)
{
    (void)state;
    static const char text[] = "{\"size\": 48}";
    char folder[PATH_MAX + 8], path[PATH_MAX + 64];
    struct picture_pipeline p;
    struct err e = {0};
    snprintf(folder, sizeof folder, "%s/model", root);
    snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
    if (directory_make(folder, &e) || file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
    if (picture_pipeline_read(folder, PICTURE_VIT, 48, &p, &e)) fail_msg("%s", e.text);
    assert_int_equal(p.resize, 48);
    assert_int_equal(picture_pipeline_read(folder, PICTURE_VIT, 32, &p, &e), ERR_DATA);
    assert_non_null(strstr(e.text, "model/preprocessor_config.json: makes pictures of 48 x 48, but the model beside it takes 32 x 32"));
}

/* ---- what becomes of a picture ---- */

static struct picture cut_of(const struct picture_pipeline *p, const struct picture *in)
{
    struct picture out = {0};
    struct err e = {0};
    if (picture_pipeline_cut(p, in, &out, &e)) fail_msg("%s", e.text);
    return out;
}

static struct picture resized(const struct picture *in, int width, int height, struct picture_window window)
{
    struct picture out = {0};
    struct err e = {0};
    if (picture_resize(in, width, height, PICTURE_BICUBIC, window, &out, &e)) fail_msg("%s", e.text);
    return out;
}

/* The same pixels, taken out of the whole. */
static struct picture taken(const struct picture *whole, struct picture_window w)
{
    struct picture p = made_picture(w.width, w.height);
    for (int y = 0; y < w.height; y++)
        memcpy(p.rgb + (size_t)y * (size_t)w.width * 3, whole->rgb + (size_t)((w.top + y) * whole->width + w.left) * 3,
               (size_t)w.width * 3);
    return p;
}

static void a_window_is_that_part_of_the_whole(void **state)
{
    (void)state;
    static const int sizes[][2] = {{64, 48}, {100, 80}, {33, 97}, {64, 200}};
    struct picture in = made_picture(64, 48);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int width = sizes[i][0], height = sizes[i][1];
        const struct picture_window window = {width / 3, height / 4, width / 2, height / 2}, all = {0, 0, width, height};
        struct picture whole = resized(&in, width, height, all), part = resized(&in, width, height, window),
                       expected = taken(&whole, window);
        assert_same_picture(&part, &expected);
        picture_free(&whole);
        picture_free(&part);
        picture_free(&expected);
    }
    picture_free(&in);
}

static void a_picture_of_the_right_size_is_unchanged(void **state)
{
    (void)state;
    struct picture in = made_picture(30, 30);
    for (int recipe = PICTURE_VIT; recipe <= PICTURE_CLIP; recipe++) {
        const struct picture_pipeline p = picture_pipeline_of((enum picture_recipe)recipe, 30);
        struct picture out = cut_of(&p, &in);
        assert_same_picture(&in, &out);
        picture_free(&out);
    }
    picture_free(&in);
}

/* A surplus of 0, 1, 2, 3, 4 pixels: torchvision begins at 0, 0, 1, 2, 2, Hugging Face at 0, 0, 1, 1, 2. */
static void the_cut_rounds_as_the_library_that_it_follows(void **state)
{
    (void)state;
    static const int torchvision[] = {0, 0, 1, 2, 2, 2, 3, 4}, hugging_face[] = {0, 0, 1, 1, 2, 2, 3, 3};
    for (int surplus = 0; surplus < 8; surplus++) {
        for (int even = 0; even < 2; even++) {
            struct picture_pipeline p = picture_pipeline_of(PICTURE_CLIP, 30);
            p.even = even;
            const int first = even ? torchvision[surplus] : hugging_face[surplus];
            struct picture wide = made_picture(30 + surplus, 30), tall = made_picture(30, 30 + surplus);
            struct picture of_wide = cut_of(&p, &wide), of_tall = cut_of(&p, &tall);
            struct picture expected_wide = taken(&wide, (struct picture_window){first, 0, 30, 30});
            struct picture expected_tall = taken(&tall, (struct picture_window){0, first, 30, 30});
            assert_same_picture(&of_wide, &expected_wide);
            assert_same_picture(&of_tall, &expected_tall);
            struct picture *all[] = {&wide, &tall, &of_wide, &of_tall, &expected_wide, &expected_tall};
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) picture_free(all[i]);
        }
    }
}

/* Resized as a whole the first would have 17 million rows. */
static void pictures_of_any_shape_become_the_models_square(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, PICTURE_SIDE_MAX}, {PICTURE_SIDE_MAX, 1}, {1, 1}, {2, 3}, {PICTURE_SIDE_MAX, 2}};
    const struct picture_pipeline p = picture_pipeline_of(PICTURE_IMAGENET, 896);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct picture in = made_picture(sizes[i][0], sizes[i][1]), out = cut_of(&p, &in);
        assert_int_equal(out.width, 896);
        assert_int_equal(out.height, 896);
        picture_free(&in);
        picture_free(&out);
    }
}

static void channels_become_planes(void **state)
{
    (void)state;
    struct picture in = made_picture(5, 5);
    struct picture_pipeline p = picture_pipeline_of(PICTURE_VIT, 5);
    float x[3 * 25];
    struct err e = {0};
    const double mean[3] = {0.1, 0.2, 0.3}, std[3] = {0.5, 1, 2};
    memcpy(p.mean, mean, sizeof mean);
    memcpy(p.std, std, sizeof std);
    if (picture_pipeline_apply(&p, &in, x, &e)) fail_msg("%s", e.text);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 25; i++) {
            if (!(fabs((double)x[c * 25 + i] - (in.rgb[i * 3 + c] / 255.0 - mean[c]) / std[c]) <= 1e-6))
                fail_msg("channel %d, pixel %d", c, i);
        }
    }
    picture_free(&in);
}

int main(void)
{
    enum { N_FORMS = sizeof FORMS / sizeof *FORMS, N_WRONG = sizeof WRONG / sizeof *WRONG, N_SINGLE = 9 };
    struct CMUnitTest tests[N_SINGLE + N_FORMS + N_WRONG] = {
        cmocka_unit_test(every_number_comes_from_the_file),
        cmocka_unit_test(a_pipeline_written_and_read_is_the_same),
        cmocka_unit_test(a_folder_without_the_file_has_the_recipe),
        cmocka_unit_test(a_folder_with_the_file_must_fit_the_model),
        cmocka_unit_test(a_window_is_that_part_of_the_whole),
        cmocka_unit_test(a_picture_of_the_right_size_is_unchanged),
        cmocka_unit_test(the_cut_rounds_as_the_library_that_it_follows),
        cmocka_unit_test(pictures_of_any_shape_become_the_models_square),
        cmocka_unit_test(channels_become_planes),
    };
    struct CMUnitTest *next = tests + N_SINGLE;
    for (size_t i = 0; i < N_FORMS; i++)
        *next++ = (struct CMUnitTest){
            .name = FORMS[i].name, .test_func = the_file_is_read_as_hugging_face_reads_it, .initial_state = (void *)(uintptr_t)&FORMS[i]};
    for (size_t i = 0; i < N_WRONG; i++)
        *next++ = (struct CMUnitTest){
            .name = WRONG[i].text, .test_func = it_is_refused_by_the_keys_name, .initial_state = (void *)(uintptr_t)&WRONG[i]};
    if (temporary_folder(root)) return 1;
    const int failed = cmocka_run_group_tests_name("pipelines of pictures", tests, NULL, NULL);
    temporary_remove(root);
    return failed;
}
