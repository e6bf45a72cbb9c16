/* The weights of a Hugging Face folder are found in one file or in those that an index names; what cannot be read is refused with what to
 * do. Every folder of the reference is a test of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "files.h"
#include "reference.h"
#include "weights.h"
#include <cmocka.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char models[] = "models";

static bool has(const char *folder, const char *name)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_exists(path);
}

/* Whether it must open follows from its files alone. */
static void folder_opens_or_is_refused_by_its_files(void **state)
{
    char name[PATH_MAX], folder[PATH_MAX];
    snprintf(name, sizeof name, "%s/%s", models, (const char *)*state);
    snprintf(folder, sizeof folder, "%s", reference_path(name));
    const bool readable = has(folder, "model.safetensors") || has(folder, "model.safetensors.index.json");
    const bool pickled = has(folder, "pytorch_model.bin") || has(folder, "pytorch_model.bin.index.json");
    struct weights *w = NULL;
    struct err e = {0};
    const int code = weights_open(folder, &w, &e);
    if (!readable) {
        assert_refused(code, pickled ? ERR_DATA : ERR_NOINPUT, &e, pickled ? "save_pretrained" : "no weights", folder);
        return;
    }
    if (code) fail_msg("%s", e.text);
    assert_true(weights_count(w) > 0);
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct array *a = weights_at(w, i);
        assert_ptr_equal(weights_find(w, a->name), a);
        if (i > 0) assert_true(strcmp(weights_at(w, i - 1)->name, a->name) < 0);
    }
    assert_null(weights_find(w, "no.such.tensor"));
    weights_close(w);
}

static const char
    header_a[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
    header_b[] =
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"extra\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}";

static int empty_folder(void **state)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "1.safetensors", "2.safetensors",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(in_folder(names[i]));
    return 0;
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static struct weights *open_folder(void)
{
    struct weights *w = NULL;
    struct err e = {0};
    if (weights_open(in_folder(""), &w, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    return w;
}

static void folder_is_refused(int wanted, const char *word, const char *second)
{
    struct weights *w = NULL;
    struct err e = {0};
    assert_refused(weights_open(in_folder(""), &w, &e), wanted, &e, word, second);
    assert_null(w);
}

static void an_index_gathers_the_tensors_it_names(void **state)
{
    (void)state;
    write_safetensors("1.safetensors", header_a, 2);
    write_safetensors("2.safetensors", header_b, 4);
    write_text("model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":5},\"weight_map\":{\"b\":\"2.safetensors\",\"a\":\"1.safetensors\"}}");
    struct weights *w = open_folder();
    assert_int_equal(weights_count(w), 2);
    assert_string_equal(weights_at(w, 0)->name, "a");
    assert_string_equal(weights_at(w, 1)->name, "b");
    assert_int_equal(weights_find(w, "b")->size, 3);
    assert_null(weights_find(w, "extra"));
    weights_close(w);
}

static void the_single_file_is_read_where_both_forms_are_there(void **state)
{
    (void)state;
    write_safetensors("model.safetensors", header_a, 2);
    write_text("model.safetensors.index.json", "{\"weight_map\":{\"b\":\"2.safetensors\"}}");
    write_text("pytorch_model.bin", "");
    struct weights *w = open_folder();
    assert_int_equal(weights_count(w), 1);
    assert_non_null(weights_find(w, "a"));
    weights_close(w);
}

static void the_digest_is_that_of_all_bytes_in_name_order(void **state)
{
    (void)state;
    char *first, *second, both[1000];
    size_t first_size, second_size;
    struct err e;
    write_safetensors("1.safetensors", header_a, 2);
    write_safetensors("2.safetensors", header_b, 4);
    write_text("model.safetensors.index.json", "{\"weight_map\":{\"b\":\"2.safetensors\",\"a\":\"1.safetensors\"}}");
    assert_int_equal(file_read(in_folder("1.safetensors"), 500, &first, &first_size, &e), 0);
    assert_int_equal(file_read(in_folder("2.safetensors"), 500, &second, &second_size, &e), 0);
    memcpy(both, first, first_size);
    memcpy(both + first_size, second, second_size);
    const struct hash wanted = hash_bytes(both, first_size + second_size);
    struct weights *w = open_folder();
    for (int i = 0; i < 2; i++) {
        const struct hash digest = weights_digest(w);
        assert_memory_equal(digest.bytes, wanted.bytes, sizeof wanted.bytes);
    }
    weights_close(w);
    free(first);
    free(second);
}

static void a_folder_without_weights_names_both_files_looked_for(void **state)
{
    (void)state;
    folder_is_refused(ERR_NOINPUT, "model.safetensors nor", "model.safetensors.index.json");
}

static void pickled_weights_are_refused_with_the_way_to_convert_them(void **state)
{
    (void)state;
    write_text("pytorch_model.bin", "");
    folder_is_refused(ERR_DATA, "/pytorch_model.bin:", "save_pretrained(FOLDER, safe_serialization=True)");
}

static void sharded_pickled_weights_are_refused_too(void **state)
{
    (void)state;
    write_text("pytorch_model.bin.index.json", "{}");
    folder_is_refused(ERR_DATA, "/pytorch_model.bin.index.json:", "save_pretrained(FOLDER, safe_serialization=True)");
}

static void a_folder_that_is_not_there_is_no_input(void **state)
{
    (void)state;
    struct weights *w = NULL;
    struct err e = {0};
    assert_refused(weights_open(in_folder("absent"), &w, &e), ERR_NOINPUT, &e, "absent", "no weights");
}

static const struct bad_index {
    const char *name, *text, *message;
} bad_indexes[] = {
    {"an_index_that_is_not_json", "weights", "not valid JSON"},
    {"an_index_without_a_map", "{\"metadata\":{}}", "has no \"weight_map\""},
    {"a_map_that_is_a_list", "{\"weight_map\":[]}", "has no \"weight_map\""},
    {"a_file_name_that_is_a_number", "{\"weight_map\":{\"a\":1}}", "tensor \"a\": \"\" is not the name of a file in the folder"},
    {"a_file_in_the_folder_above", "{\"weight_map\":{\"a\":\"../1.safetensors\"}}",
     "\"../1.safetensors\" is not the name of a file in the folder"},
    {"the_folder_above", "{\"weight_map\":{\"a\":\"..\"}}", "\"..\" is not the name of a file in the folder"},
    {"an_absolute_file", "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "\"/etc/passwd\" is not the name of a file in the folder"},
    {"an_empty_file_name", "{\"weight_map\":{\"a\":\"\"}}", "\"\" is not the name of a file in the folder"},
    {"a_tensor_twice_in_the_map", "{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}}", "duplicate"},
    {"a_tensor_that_its_file_has_not", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}",
     "tensor \"b\" is not in \"1.safetensors\""},
    {"a_broken_file", "{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}", "names \"pytorch_model.bin\": "},
};

static void index_is_refused(void **state)
{
    const struct bad_index *bad = *state;
    write_safetensors("1.safetensors", header_a, 2);
    write_text("pytorch_model.bin", "pickle");
    write_text("model.safetensors.index.json", bad->text);
    folder_is_refused(ERR_DATA, bad->message, "/model.safetensors.index.json");
}

static void a_file_of_the_index_that_is_not_there_is_named(void **state)
{
    (void)state;
    write_text("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"2.safetensors\"}}");
    folder_is_refused(ERR_NOINPUT, "index.json names \"2.safetensors\": ", "/2.safetensors: cannot open");
}

static void the_reference_has_model_folders(void **state)
{
    (void)state;
    fail_msg("no folder in %s", reference_path(models));
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup(test, empty_folder)
    static const struct CMUnitTest forms[] = {
        ALONE(an_index_gathers_the_tensors_it_names),
        ALONE(the_single_file_is_read_where_both_forms_are_there),
        ALONE(the_digest_is_that_of_all_bytes_in_name_order),
        ALONE(a_folder_without_weights_names_both_files_looked_for),
        ALONE(pickled_weights_are_refused_with_the_way_to_convert_them),
        ALONE(sharded_pickled_weights_are_refused_too),
        ALONE(a_folder_that_is_not_there_is_no_input),
        ALONE(a_file_of_the_index_that_is_not_there_is_named),
    };
    enum { FORMS = sizeof forms / sizeof *forms, BAD = sizeof bad_indexes / sizeof *bad_indexes };
    size_t folders;
    char **folder = reference_folders(models, &folders);
    const size_t count = FORMS + BAD + (folders ? folders : 1);
    struct CMUnitTest *tests = calloc(count, sizeof *tests), *next = tests + FORMS;
    if (!tests) abort();
    memcpy(tests, forms, sizeof forms);
    for (size_t i = 0; i < BAD; i++) {
        *next++ = (struct CMUnitTest){bad_indexes[i].name, index_is_refused, empty_folder, NULL, (void *)(uintptr_t)&bad_indexes[i]};
    }
    for (size_t i = 0; i < folders; i++)
        *next++ = (struct CMUnitTest){folder[i], folder_opens_or_is_refused_by_its_files, NULL, NULL, folder[i]};
    if (!folders) *next = (struct CMUnitTest)cmocka_unit_test(the_reference_has_model_folders);
    const int failed = _cmocka_run_group_tests("weights", tests, count, make_folder, remove_folder);
    free(tests);
    folders_free(folder);
    return failed;
}
