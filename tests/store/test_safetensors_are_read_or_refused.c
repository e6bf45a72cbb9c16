/* A safetensors file is read as it is, or refused with a line that names the file, the tensor and what is wrong with it. Each row of the
 * tables is a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "safetensors.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct refusal {
    const char *name, *header;
    size_t data_size;
    const char *message; /* a part of it */
} refusals[] = {
    {"a_header_that_is_not_json", "{\"a\"", 0, "not valid JSON"},
    {"a_header_that_is_a_list", "[]", 0, "its header is no JSON object"},
    {"an_empty_header", "", 0, "not valid JSON"},
    {"something_behind_the_header", "{} {}", 0, "not valid JSON"},
    {"a_tensor_twice",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
     "duplicate"},
    {"a_dtype_twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "duplicate"},
    {"a_tensor_without_a_name", "{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "empty or holds a control character"},
    {"a_line_end_in_a_name", "{\"a\\nb\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "empty or holds a control character"},
    {"a_tensor_that_is_no_object", "{\"a\":[1]}", 0, "tensor \"a\": is not described by a JSON object"},
    {"an_unknown_dtype", "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "tensor \"a\": unknown dtype \"F8_E4M3\"; known are F64,"},
    {"an_unknown_dtype_of_two_lines", "{\"a\":{\"dtype\":\"F\\n32\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "tensor \"a\": unknown dtype \"F 32\""},
    {"a_header_with_bytes_that_are_no_text", "{\"\xFF\x01\"}", 0, "not valid JSON: "},
    {"no_dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor \"a\": unknown dtype \"\""},
    {"a_dtype_that_is_a_number", "{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor \"a\": unknown dtype \"\""},
    {"no_shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "tensor \"a\": \"shape\" is not a list of sizes"},
    {"a_negative_size", "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1,
     "tensor \"a\": \"shape\" is not a list of sizes"},
    {"a_size_with_a_fraction", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1,
     "tensor \"a\": \"shape\" is not a list of sizes"},
    {"nine_dimensions", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
     "tensor \"a\": has 9 dimensions, more than 8"},
    {"a_product_of_sizes_that_overflows", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "tensor \"a\": the product of its shape overflows"},
    {"bytes_that_overflow", "{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0,
     "tensor \"a\": the product of its shape overflows"},
    {"a_size_beyond_64_bits", "{\"a\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}", 1,
     "not valid JSON: too big integer"},
    {"no_offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "tensor \"a\": \"data_offsets\" is not [begin, end]"},
    {"one_offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1]}}", 1,
     "tensor \"a\": \"data_offsets\" is not [begin, end]"},
    {"three_offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1,
     "tensor \"a\": \"data_offsets\" is not [begin, end]"},
    {"offsets_backwards", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1,
     "tensor \"a\": \"data_offsets\" is not [begin, end]"},
    {"a_negative_offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1,
     "tensor \"a\": \"data_offsets\" is not [begin, end]"},
    {"offsets_too_few_for_the_shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,23]}}", 23,
     "tensor \"a\": F32 [2, 3] needs 24 bytes, its offsets hold 23"},
    {"offsets_too_many_for_the_shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,8]}}", 8,
     "tensor \"a\": F32 [] needs 4 bytes, its offsets hold 8"},
    {"a_tensor_behind_the_end", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 3,
     "tensor \"a\": ends at byte 4 of the data, which has 3; the file was cut short"},
    {"a_hole_at_the_start", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
     "tensor \"a\": there is a hole before it"},
    {"a_hole_between",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3,
     "tensor \"b\": there is a hole before it"},
    {"an_overlap",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3,
     "tensor \"b\": overlaps the tensor before it"},
    {"two_tensors_in_one_place",
     "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2,
     "tensor \"b\": overlaps the tensor before it"},
    {"an_empty_tensor_inside_another",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}", 2,
     "tensor \"b\": overlaps the tensor before it"},
    {"bytes_behind_the_last_tensor", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 3,
     "2 bytes behind the last tensor"},
    {"data_without_a_tensor", "{}", 1, "1 bytes behind the last tensor"},
    {"metadata_that_is_no_object", "{\"__metadata__\":\"pt\"}", 0, "__metadata__ is no JSON object"},
    {"metadata_that_is_no_text", "{\"__metadata__\":{\"format\":1}}", 0, "__metadata__: \"format\" is not a text"},
};

static void refusal_is_named(void **state)
{
    const struct refusal *r = *state;
    struct safetensors *s = NULL;
    struct err e = {0};
    const char *path = write_safetensors("x.safetensors", r->header, r->data_size);
    assert_refused(safetensors_open(path, &s, &e), ERR_DATA, &e, r->message, path);
    assert_null(s);
}

static const struct stump {
    const char *name;
    unsigned char bytes[16];
    size_t size;
    const char *message;
} stumps[] = {
    {"an_empty_file", {0}, 0, "not a safetensors file: it has 0 bytes"},
    {"seven_bytes", {0}, 7, "not a safetensors file: it has 7 bytes"},
    {"a_header_longer_than_the_file",
     {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
     10,
     "a header of 3 bytes in a file of 10; the file was cut short"},
    {"a_header_of_100000001_bytes", {0x01, 0xE1, 0xF5, 0x05}, 8, "a header of 100000001 bytes, more than 100000000"},
    {"a_header_of_2_to_the_64_bytes", {255, 255, 255, 255, 255, 255, 255, 255}, 16, "a header of 18446744073709551615 bytes, more than"},
    {"a_header_that_is_not_utf8", {7, 0, 0, 0, 0, 0, 0, 0, '{', '"', 0xFF, '"', ':', '1', '}'}, 15, "not valid JSON: unable to decode"},
};

static void stump_is_named(void **state)
{
    const struct stump *stump = *state;
    struct safetensors *s = NULL;
    struct err e = {0};
    const char *path = write_file("x.safetensors", stump->bytes, stump->size);
    assert_refused(safetensors_open(path, &s, &e), ERR_DATA, &e, stump->message, path);
}

static struct safetensors *open_by_hand(const char *header, size_t data_size)
{
    struct safetensors *s = NULL;
    struct err e = {0};
    if (safetensors_open(write_safetensors("x.safetensors", header, data_size), &s, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    return s;
}

static void tensors_come_in_the_order_of_their_bytes_and_are_found_by_name(void **state)
{
    (void)state;
    struct safetensors *s =
        open_by_hand("{\"a\":{\"dtype\":\"I16\",\"shape\":[2,1],\"data_offsets\":[3,7]},\"c\":{\"dtype\":\"U8\",\"shape\":[3],"
                     "\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[7,11]}}   ",
                     11);
    static const char *const order[] = {"c", "a", "b"};
    assert_int_equal(safetensors_count(s), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct array *a = safetensors_at(s, i);
        assert_string_equal(a->name, order[i]);
        assert_ptr_equal(safetensors_find(s, order[i]), a);
    }
    const struct array *a = safetensors_find(s, "a");
    assert_int_equal(a->type, ARRAY_I16);
    assert_int_equal(a->rank, 2);
    assert_int_equal(a->dim[0], 2);
    assert_int_equal(a->dim[1], 1);
    assert_int_equal(a->size, 2);
    assert_memory_equal(a->data, "\x03\x04\x05\x06", 4);
    assert_int_equal(safetensors_find(s, "b")->rank, 0);
    assert_int_equal(safetensors_find(s, "b")->size, 1);
    assert_memory_equal(safetensors_find(s, "b")->data, "\x07\x08\x09\x0a", 4);
    assert_null(safetensors_find(s, "d"));
    assert_null(safetensors_find(s, "__metadata__"));
    safetensors_close(s);
}

static void data_at_odd_addresses_are_widened(void **state)
{
    (void)state;
    static const char plain[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    for (size_t blanks = 0; blanks < 8; blanks++) {
        static const unsigned char bytes[] = {0, 1, 2, 3, 4, 5, 6, 7};
        char header[sizeof plain + 8];
        float x[2];
        struct err e;
        snprintf(header, sizeof header, "%s%.*s", plain, (int)blanks, "        ");
        struct safetensors *s = open_by_hand(header, 8);
        assert_int_equal(array_to_float(safetensors_at(s, 0), x, &e), 0);
        assert_memory_equal(x, bytes, sizeof x);
        safetensors_close(s);
    }
}

static void tensors_may_be_empty(void **state)
{
    (void)state;
    struct safetensors *s = open_by_hand(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":"
        "[0,4]},\"c\":{\"dtype\":\"F32\",\"shape\":[3,0,9223372036854775807],\"data_offsets\":[4,4]}}",
        4);
    assert_int_equal(safetensors_count(s), 3);
    assert_int_equal(safetensors_find(s, "a")->size, 0);
    assert_int_equal(safetensors_find(s, "b")->size, 1);
    assert_int_equal(safetensors_find(s, "c")->size, 0);
    safetensors_close(s);
}

static void a_file_may_hold_no_tensor(void **state)
{
    (void)state;
    struct safetensors *s = open_by_hand("{}", 0);
    assert_int_equal(safetensors_count(s), 0);
    assert_null(safetensors_find(s, "a"));
    assert_null(safetensors_metadata(s, "format"));
    safetensors_close(s);
}

static void metadata_are_given(void **state)
{
    (void)state;
    struct safetensors *s = open_by_hand("{\"__metadata__\":{\"format\":\"pt\",\"empty\":\"\"}}", 0);
    assert_int_equal(safetensors_count(s), 0);
    assert_string_equal(safetensors_metadata(s, "format"), "pt");
    assert_string_equal(safetensors_metadata(s, "empty"), "");
    assert_null(safetensors_metadata(s, "absent"));
    safetensors_close(s);
}

static void every_type_has_its_name_and_size(void **state)
{
    (void)state;
    for (int t = 0; t < ARRAY_TYPES; t++) {
        char header[100];
        const enum array_type type = (enum array_type)t;
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%zu]}}", array_type_name(type),
                 3 * array_type_size(type));
        struct safetensors *s = open_by_hand(header, 3 * array_type_size(type));
        assert_int_equal(safetensors_at(s, 0)->type, type);
        safetensors_close(s);
    }
}

static void every_cut_of_a_file_is_refused(void **state)
{
    (void)state;
    size_t size;
    struct safetensors *s = open_by_hand("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    const void *bytes = safetensors_bytes(s, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct safetensors *none = NULL;
        struct err e = {0};
        assert_int_equal(safetensors_open(write_file("cut.safetensors", bytes, cut), &none, &e), ERR_DATA);
        assert_null(none);
    }
    safetensors_close(s);
}

static void a_file_that_is_not_there_is_no_input(void **state)
{
    (void)state;
    struct safetensors *s = NULL;
    struct err e = {0};
    assert_refused(safetensors_open(in_folder("absent.safetensors"), &s, &e), ERR_NOINPUT, &e, "absent.safetensors", "No such file");
    assert_refused(safetensors_open(in_folder(""), &s, &e), ERR_NOINPUT, &e, "not a regular file", in_folder(""));
}

int main(void)
{
    enum { REFUSALS = sizeof refusals / sizeof *refusals, STUMPS = sizeof stumps / sizeof *stumps };
    static const struct CMUnitTest readings[] = {
        cmocka_unit_test(tensors_come_in_the_order_of_their_bytes_and_are_found_by_name),
        cmocka_unit_test(data_at_odd_addresses_are_widened),
        cmocka_unit_test(tensors_may_be_empty),
        cmocka_unit_test(a_file_may_hold_no_tensor),
        cmocka_unit_test(metadata_are_given),
        cmocka_unit_test(every_type_has_its_name_and_size),
        cmocka_unit_test(every_cut_of_a_file_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_no_input),
    };
    enum { READINGS = sizeof readings / sizeof *readings };
    struct CMUnitTest tests[READINGS + REFUSALS + STUMPS];
    struct CMUnitTest *next = tests;
    memcpy(tests, readings, sizeof readings);
    next += READINGS;
    for (size_t i = 0; i < REFUSALS; i++) {
        *next++ = (struct CMUnitTest){refusals[i].name, refusal_is_named, NULL, NULL, (void *)(uintptr_t)&refusals[i]};
    }
    for (size_t i = 0; i < STUMPS; i++) {
        *next++ = (struct CMUnitTest){stumps[i].name, stump_is_named, NULL, NULL, (void *)(uintptr_t)&stumps[i]};
    }
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
