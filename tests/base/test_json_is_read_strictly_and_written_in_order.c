/* JSON: what is read is well formed, what is written is JSON again with its members in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    struct err e = {0};
    if (json_parse(text, strlen(text), "test", &v, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    return v;
}

struct refusal {
    const char *what, *text, *message;
} refusals[] = {
    {"no text", "", "f.json:1:0: not valid JSON"},
    {"duplicate key", "{\"a\": 1,\n \"a\": 2}", "f.json:2:4: not valid JSON: duplicate object key"},
    {"trailing bytes", "{} x", "f.json:1:4: not valid JSON: end of file expected"},
    {"bad UTF-8", "\"\xff\"", "unable to decode byte 0xff"},
    {"cut off", "{\"a\": [1, 2", "f.json:1:11: not valid JSON"},
    {"trailing comma", "[1,]", "f.json:1:4: not valid JSON"},
    {"single quotes", "{'a': 1}", "f.json:1:2: not valid JSON"},
    {"NaN", "[NaN]", "f.json:1:4: not valid JSON"},
    {"integer over 64 bits", "9223372036854775808", "too big integer"},
    {"number over double", "1e400", "real number overflow"},
};

static void a_text_that_is_no_json_is_refused_with_its_place(void **state)
{
    const struct refusal *r = *state;
    struct json *v = NULL;
    struct err e = {0};
    assert_int_equal(json_parse(r->text, strlen(r->text), "f.json", &v, &e), ERR_DATA);
    assert_null(v);
    if (!strstr(e.text, r->message)) fail_msg("'%s' is not in '%s'", r->message, e.text);
    assert_null(strchr(e.text, '\n'));
}

/* depth brackets of each kind in turn, a string with brackets in it at the bottom. */
static char *nested(int depth)
{
    const char *bottom = "\"[[[\\\"{{{\"";
    char *text = malloc((size_t)depth * 6 + strlen(bottom) + 1), *end = text;
    assert_non_null(text);
    for (int i = 0; i < depth; i++) end = stpcpy(end, i % 2 ? "{\"k\":" : "[");
    end = stpcpy(end, bottom);
    for (int i = depth; i-- > 0;) end = stpcpy(end, i % 2 ? "}" : "]");
    return text;
}

static void nesting_of_64_levels_is_read(void **state)
{
    (void)state;
    char *text = nested(64);
    json_free(parse(text));
    free(text);
}

static void nesting_of_65_levels_is_refused(void **state)
{
    (void)state;
    char *text = nested(65);
    struct json *v = NULL;
    struct err e;
    assert_int_equal(json_parse(text, strlen(text), "deep.json", &v, &e), ERR_DATA);
    assert_string_equal(e.text, "deep.json:1: JSON nested deeper than 64 levels");
    free(text);
}

static void siblings_do_not_count_as_nesting(void **state)
{
    (void)state;
    char text[512] = "[";
    for (int i = 0; i < 100; i++) strcat(text, "[],");
    strcat(text, "[]]");
    struct json *v = parse(text);
    assert_int_equal(json_size(v), 101);
    json_free(v);
}

static void values_are_read_as_what_they_are_only(void **state)
{
    (void)state;
    struct json *v = parse(
        "{\"i\": -9223372036854775808, \"r\": 0.5, \"t\": true, \"f\": false, \"s\": \"\\u00e9\", \"n\": null, \"a\": [1, 2], \"o\": {}}");
    int64_t i = 0;
    double x = 0;
    bool b = false;
    assert_true(json_is_object(v));
    assert_int_equal(json_size(v), 8);
    assert_true(json_read_integer(json_get(v, "i"), &i));
    assert_true(i == INT64_MIN);
    assert_false(json_read_integer(json_get(v, "r"), &i));
    assert_false(json_read_integer(json_get(v, "s"), &i));
    assert_false(json_read_integer(json_get(v, "absent"), &i));
    assert_true(json_read_number(json_get(v, "r"), &x));
    assert_true(x == 0.5);
    assert_true(json_read_number(json_get(v, "i"), &x));
    assert_true(x == -0x1p63);
    assert_false(json_read_number(json_get(v, "t"), &x));
    assert_true(json_read_boolean(json_get(v, "t"), &b) && b);
    assert_true(json_read_boolean(json_get(v, "f"), &b) && !b);
    assert_false(json_read_boolean(json_get(v, "i"), &b));
    assert_false(json_read_boolean(NULL, &b));
    assert_string_equal(json_text(json_get(v, "s")), "\xc3\xa9");
    assert_null(json_text(json_get(v, "i")));
    assert_null(json_text(NULL));
    assert_true(json_is_array(json_get(v, "a")));
    assert_false(json_is_array(json_get(v, "o")));
    assert_false(json_is_object(NULL));
    assert_true(json_read_integer(json_at(json_get(v, "a"), 1), &i));
    assert_int_equal(i, 2);
    assert_null(json_at(json_get(v, "a"), 2));
    assert_null(json_at(v, 0));
    assert_null(json_get(json_get(v, "a"), "i"));
    assert_null(json_get(NULL, "i"));
    assert_int_equal(json_size(json_get(v, "s")), 0);
    json_free(v);
}

static int collect(void *context, const char *key, const struct json *value, struct err *e)
{
    char *keys = context;
    int64_t x;
    strcat(keys, key);
    return json_read_integer(value, &x) ? 0 : err_set(e, ERR_DATA, "%s is no integer", key);
}

static void members_are_visited_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct json *v = parse("{\"z\": 1, \"a\": 2, \"m\": 3}");
    struct err e = {0};
    char keys[16] = "";
    assert_int_equal(json_each(v, collect, keys, &e), 0);
    assert_string_equal(keys, "zam");
    json_free(v);
}

static void a_visit_that_fails_ends_the_walk_with_its_code(void **state)
{
    (void)state;
    struct json *v = parse("{\"z\": 1, \"a\": null, \"m\": 3}");
    struct err e;
    char keys[16] = "";
    assert_int_equal(json_each(v, collect, keys, &e), ERR_DATA);
    assert_string_equal(keys, "za");
    assert_string_equal(e.text, "a is no integer");
    json_free(v);
}

static void members_are_written_in_the_order_of_insertion(void **state)
{
    (void)state;
    struct json *v = json_new_object(), *a = json_new_array();
    json_set_integer(v, "z", INT64_MIN);
    json_set_number(v, "a", 0.25);
    json_set_boolean(v, "m", true);
    json_set_string(v, "b", "quote \" and \n");
    json_append_integer(a, 1);
    json_append_number(a, -2.5);
    json_append_string(a, "x");
    json_append(a, json_new_object());
    json_set(v, "list", a);
    char *text = json_dump(v, 0);
    assert_string_equal(text, "{\"z\":-9223372036854775808,\"a\":0.25,\"m\":true,\"b\":\"quote \\\" and \\n\",\"list\":[1,-2.5,\"x\",{}]}");
    free(text);
    text = json_dump(json_get(v, "list"), 2);
    assert_string_equal(text, "[\n  1,\n  -2.5,\n  \"x\",\n  {}\n]");
    free(text);
    json_free(v);
}

static void a_number_is_read_again_to_its_last_bit(void **state)
{
    (void)state;
    const double numbers[] = {0.1, 1.0 / 3, 3.0, -0.0, 5e-324, 1.7976931348623157e308, 123456789012345.67};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct json *v = json_new_array();
        double x;
        json_append_number(v, numbers[i]);
        char *text = json_dump(v, 0);
        struct json *again = parse(text);
        assert_true(json_read_number(json_at(again, 0), &x));
        assert_memory_equal(&x, &numbers[i], sizeof x);
        json_free(again);
        json_free(v);
        free(text);
    }
}

static void a_number_is_written_as_short_as_it_can_be(void **state)
{
    (void)state;
    struct json *v = json_new_object();
    json_set_number(v, "0.10000000000000001", 0.1);
    json_set_number(v, "a \"quote\" and \\", 1e-12);
    json_set_number(v, "b", 0.1 + 0.2);
    json_set_number(v, "c", 1.0 / 3);
    json_set_number(v, "d", 3);
    json_set_number(v, "e", 1e18);
    json_set_integer(v, "f", 1000000000000000000);
    json_set_boolean(v, "g", true);
    json_set_number(v, "h", -1e-5);
    char *text = json_dump(v, 0);
    assert_string_equal(
        text, "{\"0.10000000000000001\":0.1,\"a \\\"quote\\\" and \\\\\":1e-12,\"b\":0.30000000000000004,\"c\":0.3333333333333333,"
              "\"d\":3.0,\"e\":1e18,\"f\":1000000000000000000,\"g\":true,\"h\":-1e-05}");
    free(text);
    json_free(v);
}

static void a_number_that_is_not_finite_becomes_null(void **state)
{
    (void)state;
    struct json *v = json_new_object();
    json_set_number(v, "nan", NAN);
    json_set_number(v, "infinity", -INFINITY);
    char *text = json_dump(v, 0);
    assert_string_equal(text, "{\"nan\":null,\"infinity\":null}");
    free(text);
    json_free(v);
}

struct bytes {
    const char *what, *bytes, *text;
} strings[] = {
    {"valid", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"stray byte",
     "a\xff"
     "b\xc3\xa9",
     "a\xef\xbf\xbd"
     "b\xc3\xa9"},
    {"cut at the end", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
    {"overlong", "\xc0\xaf/", "\xef\xbf\xbd\xef\xbf\xbd/"},
    {"surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
};

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    const struct bytes *b = *state;
    struct json *v = json_new_array();
    json_append_string(v, b->bytes);
    char *text = json_dump(v, 0);
    struct json *again = parse(text);
    assert_string_equal(json_text(json_at(again, 0)), b->text);
    json_free(again);
    json_free(v);
    free(text);
}

enum { REFUSALS = sizeof refusals / sizeof *refusals, STRINGS = sizeof strings / sizeof *strings, OTHERS = 9 };

int main(void)
{
    struct CMUnitTest tests[OTHERS + REFUSALS + STRINGS] = {
        cmocka_unit_test(nesting_of_64_levels_is_read),
        cmocka_unit_test(nesting_of_65_levels_is_refused),
        cmocka_unit_test(siblings_do_not_count_as_nesting),
        cmocka_unit_test(values_are_read_as_what_they_are_only),
        cmocka_unit_test(members_are_visited_in_the_order_of_the_file),
        cmocka_unit_test(a_visit_that_fails_ends_the_walk_with_its_code),
        cmocka_unit_test(members_are_written_in_the_order_of_insertion),
        cmocka_unit_test(a_number_is_read_again_to_its_last_bit),
        cmocka_unit_test(a_number_is_written_as_short_as_it_can_be),
        cmocka_unit_test(a_number_that_is_not_finite_becomes_null),
    };
    static char names[REFUSALS + STRINGS][96];
    struct CMUnitTest *row = tests + OTHERS;
    for (int i = 0; i < REFUSALS; i++) {
        snprintf(names[i], sizeof names[i], "a_text_that_is_no_json_is_refused_with_its_place: %s", refusals[i].what);
        *row++ = (struct CMUnitTest){names[i], a_text_that_is_no_json_is_refused_with_its_place, NULL, NULL, &refusals[i]};
    }
    for (int i = 0; i < STRINGS; i++) {
        char *name = names[REFUSALS + i];
        snprintf(name, sizeof names[0], "bytes_that_are_no_utf8_are_replaced: %s", strings[i].what);
        *row++ = (struct CMUnitTest){name, bytes_that_are_no_utf8_are_replaced, NULL, NULL, &strings[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
