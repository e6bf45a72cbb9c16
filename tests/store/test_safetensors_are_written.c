/* A safetensors file has the bytes that its format says, the same ones in whatever order the arrays come, and the reader gives every array
 * back to the bit, aligned to its type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "files.h"
#include "safetensors.h"
#include "safetensors_write.h"
#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const float floats[] = {1.5f, -0.0f, INFINITY, 0x1p-149f, NAN, 3};
static const double doubles[] = {0.1, -1e300};
static const int64_t wide[] = {INT64_MIN};
static const unsigned char bytes[] = {0, 1, 127, 128, 255};

static const struct array ARRAYS[] = {
    {"z", ARRAY_F32, 2, {2, 3}, 6, floats},
    {"odd", ARRAY_U8, 1, {5}, 5, bytes},
    {"half", ARRAY_F16, 1, {2}, 2, bytes},
    {"double", ARRAY_F64, 3, {1, 2, 1}, 2, doubles},
    {"a.bias", ARRAY_F32, 1, {1}, 1, floats},
    {"wide", ARRAY_I64, 0, {0}, 1, wide},
    {"empty \"\\ \xC3\xA9", ARRAY_F32, 2, {0, 3}, 0, NULL},
};
enum { N = sizeof ARRAYS / sizeof *ARRAYS };

static const char *written(const char *name, const struct array *arrays, size_t n)
{
    struct err e = {0};
    const char *path = in_folder(name);
    if (safetensors_write(path, arrays, n, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    return path;
}

static void the_bytes_are_those_of_the_format(void **state)
{
    (void)state;
    static const char HEADER[] = "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                 "\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[8,13]}}";
    const struct array two[] = {{"a", ARRAY_U8, 1, {5}, 5, bytes}, {"b", ARRAY_I64, 0, {0}, 1, wide}};
    struct err e = {0};
    char *file;
    size_t size;
    if (file_read(written("two", two, 2), SIZE_MAX, &file, &size, &e)) fail_msg("%s", e.text);
    const size_t end = (8 + strlen(HEADER) + 63) / 64 * 64;
    assert_int_equal(size, end + 8 + 5);
    uint64_t length;
    memcpy(&length, file, sizeof length);
    assert_int_equal(length, end - 8);
    assert_memory_equal(file + 8, HEADER, strlen(HEADER));
    for (size_t i = 8 + strlen(HEADER); i < end; i++) assert_int_equal(file[i], ' ');
    assert_memory_equal(file + end, wide, 8);
    assert_memory_equal(file + end + 8, bytes, 5);
    free(file);
}

static void every_array_comes_back_to_the_bit_and_aligned(void **state)
{
    (void)state;
    struct safetensors *s;
    struct err e = {0};
    if (safetensors_open(written("all", ARRAYS, N), &s, &e)) fail_msg("%s", e.text);
    assert_string_equal(safetensors_metadata(s, "format"), "pt");
    assert_int_equal(safetensors_count(s), N);
    for (size_t i = 0; i < N; i++) {
        const struct array *a = safetensors_find(s, ARRAYS[i].name);
        assert_non_null(a);
        assert_int_equal(a->type, ARRAYS[i].type);
        assert_int_equal(a->rank, ARRAYS[i].rank);
        for (int k = 0; k < a->rank; k++) assert_int_equal(a->dim[k], ARRAYS[i].dim[k]);
        const size_t size = array_type_size(a->type);
        if (a->size) assert_memory_equal(a->data, ARRAYS[i].data, a->size * size);
        assert_int_equal((uintptr_t)a->data % size, 0); /* the map begins at a page */
    }
    assert_int_equal((uintptr_t)safetensors_at(s, 0)->data % 64, 0);
    safetensors_close(s);
}

static void another_order_makes_the_same_bytes(void **state)
{
    (void)state;
    struct array backwards[N];
    struct err e = {0};
    char *first = NULL, *second = NULL;
    size_t first_size = 0, second_size = 0;
    for (size_t i = 0; i < N; i++) backwards[i] = ARRAYS[N - 1 - i];
    if (file_read(written("one", ARRAYS, N), SIZE_MAX, &first, &first_size, &e) ||
        file_read(written("other", backwards, N), SIZE_MAX, &second, &second_size, &e))
        fail_msg("%s", e.text);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
}

static void a_file_without_arrays_is_read_too(void **state)
{
    (void)state;
    struct safetensors *s;
    struct err e = {0};
    if (safetensors_open(written("none", NULL, 0), &s, &e)) fail_msg("%s", e.text);
    assert_int_equal(safetensors_count(s), 0);
    safetensors_close(s);
}

static void what_no_reader_would_take_is_not_written(void **state)
{
    (void)state;
    static const struct {
        struct array arrays[2];
        const char *message;
    } CASES[] = {
        {{{"a", ARRAY_U8, 1, {5}, 5, bytes}, {"a", ARRAY_F32, 1, {1}, 1, floats}}, "tensor \"a\": the name is taken"},
        {{{"", ARRAY_U8, 1, {5}, 5, bytes}, {"b", ARRAY_F32, 1, {1}, 1, floats}}, "name is empty or holds a control character"},
        {{{"a\n", ARRAY_U8, 1, {5}, 5, bytes}, {"b", ARRAY_F32, 1, {1}, 1, floats}}, "name is empty or holds a control character"},
        {{{"__metadata__", ARRAY_U8, 1, {5}, 5, bytes}, {"b", ARRAY_F32, 1, {1}, 1, floats}}, "\"__metadata__\": the name is taken"},
        {{{"a", ARRAY_U8, 1, {4}, 5, bytes}, {"b", ARRAY_F32, 1, {1}, 1, floats}},
         "tensor \"a\": its size is not the product of its shape"},
        {{{"a", ARRAY_U8, 2, {SIZE_MAX, 2}, 5, bytes}, {"b", ARRAY_F32, 1, {1}, 1, floats}}, "its size is not the product of its shape"},
    };
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        struct err e = {0};
        const int code = safetensors_write(in_folder("never"), CASES[k].arrays, 2, &e);
        assert_refused(code, ERR_INTERNAL, &e, CASES[k].message, "never");
        assert_false(file_exists(in_folder("never")));
    }
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    struct err e = {0};
    struct rlimit before;
    const struct rlimit little = {64, RLIM_INFINITY};
    char *file;
    size_t size;
    const char *path = write_file("old", "old", 3);
    const int files = count_files();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    const int code = safetensors_write(path, ARRAYS, N, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_refused(code, ERR_IO, &e, "old", "cannot write");
    assert_int_equal(count_files(), files);
    assert_int_equal(file_read(path, SIZE_MAX, &file, &size, &e), 0);
    assert_int_equal(size, 3);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_format),        cmocka_unit_test(every_array_comes_back_to_the_bit_and_aligned),
        cmocka_unit_test(another_order_makes_the_same_bytes),       cmocka_unit_test(a_file_without_arrays_is_read_too),
        cmocka_unit_test(what_no_reader_would_take_is_not_written), cmocka_unit_test(a_failed_write_leaves_the_old_file),
    };
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write() then */
    return cmocka_run_group_tests_name("safetensors are written", tests, make_folder, remove_folder);
}
