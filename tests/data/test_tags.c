/* Tags spell entities in one way: numbers follow the byte order of the types, and an I- that continues nothing has two readings, lenient
 * and strict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tags.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { N_MAX = 6 };

static void types_are_numbered_in_byte_order_however_they_are_added(void **state)
{
    (void)state;
    static const char *const orders[][4] = {{"PER", "LOC", "ORG", "MISC"}, {"MISC", "ORG", "LOC", "PER"}, {"LOC", "PER", "MISC", "ORG"}};
    static const char *const sorted[] = {"LOC", "MISC", "ORG", "PER"};
    for (size_t i = 0; i < 3; i++) {
        struct tag_set s = {0};
        struct err e = {0};
        for (size_t k = 0; k < 4; k++) assert_int_equal(tag_set_add(&s, orders[i][k], &e), 0);
        assert_int_equal(tag_set_add(&s, "ORG", &e), 0);
        assert_int_equal(s.n_types, 4);
        assert_int_equal(tag_count(&s), 9);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(s.types[k], sorted[k]);
            assert_int_equal(tag_set_find(&s, sorted[k]), k);
        }
        assert_int_equal(tag_set_find(&s, "per"), -1);
        assert_int_equal(tag_set_find(&s, ""), -1);
        tag_set_free(&s);
        assert_int_equal(s.n_types, 0);
    }
}

static void byte_order_is_unsigned(void **state)
{
    (void)state;
    struct tag_set s = {0};
    struct err e = {0};
    assert_int_equal(tag_set_add(&s, "\xC3\x89tat", &e) || tag_set_add(&s, "Zoo", &e), 0);
    assert_string_equal(s.types[0], "Zoo");
    tag_set_free(&s);
}

static void a_tag_is_read_back_from_its_name(void **state)
{
    (void)state;
    struct tag_set s = {0};
    struct err e = {0};
    static const char *const types[] = {"PER", "I-odd", "B", "product_line"};
    for (size_t k = 0; k < 4; k++) assert_int_equal(tag_set_add(&s, types[k], &e), 0);
    for (int tag = 0; tag < tag_count(&s); tag++) {
        char name[32];
        tag_name(&s, tag, name, sizeof name);
        assert_int_equal(tag_parse(&s, name), tag);
    }
    tag_set_free(&s);
}

static void what_is_no_tag_of_the_set_is_not_read(void **state)
{
    (void)state;
    struct tag_set s = {0};
    struct err e = {0};
    assert_int_equal(tag_set_add(&s, "PER", &e), 0);
    static const char *const wrong[] = {"",      "o",      "OO",    "B",     "B-",    "I-",   "PER",
                                        "B-per", "B-PERS", "B_PER", "S-PER", "E-PER", "-PER", "BI-PER"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (tag_parse(&s, wrong[i]) != -1) fail_msg("\"%s\" was read as a tag", wrong[i]);
    }
    tag_set_free(&s);
}

/* ---- spans: cases by hand; O, B-a = 1, I-a = 2, B-b = 3, I-b = 4 ---- */

struct spans_case {
    const char *name;
    int n;
    int tags[N_MAX];
    int n_lenient, n_strict, repaired;
    struct span lenient[N_MAX], strict[N_MAX];
};
static const struct spans_case SPANS[] = {
    {"no word has no entity", 0, {0}, 0, 0, 0, {{0, 0, 0}}, {{0, 0, 0}}},
    {"only O has no entity", 3, {0, 0, 0}, 0, 0, 0, {{0, 0, 0}}, {{0, 0, 0}}},
    {"an entity ends at O", 4, {1, 2, 0, 0}, 1, 1, 0, {{0, 1, 0}}, {{0, 1, 0}}},
    {"an entity ends with the sentence", 3, {0, 3, 4}, 1, 1, 0, {{1, 2, 1}}, {{1, 2, 1}}},
    {"B opens a new entity of the same type", 3, {1, 1, 2}, 2, 2, 0, {{0, 0, 0}, {1, 2, 0}}, {{0, 0, 0}, {1, 2, 0}}},
    {"an orphan I at the start", 3, {2, 2, 0}, 1, 0, 1, {{0, 1, 0}}, {{0, 0, 0}}},
    {"an orphan I after O", 3, {0, 4, 0}, 1, 0, 1, {{1, 1, 1}}, {{0, 0, 0}}},
    {"I of another type leaves the entity", 4, {1, 4, 4, 2}, 3, 1, 2, {{0, 0, 0}, {1, 2, 1}, {3, 3, 0}}, {{0, 0, 0}}},
    {"an entity after an orphan", 4, {2, 0, 1, 2}, 2, 1, 1, {{0, 0, 0}, {2, 3, 0}}, {{2, 3, 0}}},
    {"I after an orphan I of the same type belongs to none", 5, {0, 4, 4, 3, 4}, 2, 1, 1, {{1, 2, 1}, {3, 4, 1}}, {{3, 4, 1}}},
};

static void assert_spans(const char *reading, int n, const struct span *spans, int n_expected, const struct span *expected)
{
    if (n != n_expected) fail_msg("%s: %d entities, expected %d", reading, n, n_expected);
    for (int i = 0; i < n; i++) {
        if (spans[i].first != expected[i].first || spans[i].last != expected[i].last || spans[i].type != expected[i].type)
            fail_msg("%s: entity %d is %d..%d of type %d", reading, i, spans[i].first, spans[i].last, spans[i].type);
    }
}

static void entities_are_as_written_in_the_row(void **state)
{
    const struct spans_case *c = *state;
    struct span spans[N_MAX];
    assert_spans("lenient", tags_spans(c->n, c->tags, false, spans), spans, c->n_lenient, c->lenient);
    assert_spans("strict", tags_spans(c->n, c->tags, true, spans), spans, c->n_strict, c->strict);
    int tags[N_MAX];
    memcpy(tags, c->tags, sizeof tags);
    assert_int_equal(tags_repair(c->n, tags), c->repaired);
}

/* ---- properties, over every sequence of up to N_MAX tags of two types ---- */

static void for_every_sequence(void (*check)(int n, const int *tags))
{
    for (int n = 0; n <= N_MAX; n++) {
        int total = 1;
        for (int i = 0; i < n; i++) total *= 5;
        for (int code = 0; code < total; code++) {
            int tags[N_MAX] = {0}, rest = code;
            for (int i = 0; i < n; i++, rest /= 5) tags[i] = rest % 5;
            check(n, tags);
        }
    }
}

static void check_repair(int n, const int *tags)
{
    int repaired[N_MAX], changed = 0;
    struct span lenient[N_MAX], strict[N_MAX];
    memcpy(repaired, tags, sizeof repaired);
    int told = tags_repair(n, repaired);
    for (int i = 0; i < n; i++) {
        changed += repaired[i] != tags[i];
        assert_true(tag_follows(i == 0 ? -1 : repaired[i - 1], repaired[i]));
        assert_int_equal(tag_type(repaired[i]), tag_type(tags[i]));
    }
    assert_int_equal(told, changed);
    int n_lenient = tags_spans(n, tags, false, lenient);
    assert_spans("strict after repair", tags_spans(n, repaired, true, strict), strict, n_lenient, lenient);
    assert_spans("lenient after repair", tags_spans(n, repaired, false, strict), strict, n_lenient, lenient);
    assert_int_equal(tags_repair(n, repaired), 0);
}
static void repair_makes_the_strict_entities_the_lenient_ones(void **state)
{
    (void)state;
    for_every_sequence(check_repair);
}

/* By the definition, word by word: an entity i..j is legal where its words carry one type, only its first may be a B, the word behind does
 * not continue it, and its first word opens. */
static bool is_entity(int n, const int *tags, bool strict, int i, int j)
{
    int type = tag_type(tags[i]);
    if (type < 0) return false;
    bool continues = i > 0 && tag_is_inside(tags[i]) && tag_type(tags[i - 1]) == type;
    if (strict ? !tag_is_begin(tags[i]) : continues) return false;
    for (int k = i + 1; k <= j; k++) {
        if (tags[k] != tag_inside(type)) return false;
    }
    return j + 1 == n || tags[j + 1] != tag_inside(type);
}
static void check_by_definition(int n, const int *tags)
{
    for (int strict = 0; strict < 2; strict++) {
        struct span spans[N_MAX], expected[N_MAX];
        int n_expected = 0;
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                if (is_entity(n, tags, strict, i, j)) expected[n_expected++] = (struct span){i, j, tag_type(tags[i])};
            }
        }
        assert_spans(strict ? "strict" : "lenient", tags_spans(n, tags, strict, spans), spans, n_expected, expected);
    }
}
static void entities_are_those_of_the_definition(void **state)
{
    (void)state;
    for_every_sequence(check_by_definition);
}

static void check_each_span(int n, const int *tags)
{
    struct span spans[N_MAX];
    const int n_spans = tags_spans(n, tags, false, spans);
    int found = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            for (int type = 0; type < 2; type++) {
                const struct span asked = {i, j, type};
                if (!tags_have(n, tags, &asked)) continue;
                assert_true(found < n_spans);
                assert_spans("lenient", 1, &asked, 1, &spans[found++]);
            }
    assert_int_equal(found, n_spans);
}
static void tags_have_the_lenient_entities_and_no_other(void **state)
{
    (void)state;
    for_every_sequence(check_each_span);
}

int main(void)
{
    enum { N_ROWS = sizeof SPANS / sizeof *SPANS };
    struct CMUnitTest tests[7 + N_ROWS] = {
        cmocka_unit_test(types_are_numbered_in_byte_order_however_they_are_added),
        cmocka_unit_test(byte_order_is_unsigned),
        cmocka_unit_test(a_tag_is_read_back_from_its_name),
        cmocka_unit_test(what_is_no_tag_of_the_set_is_not_read),
        cmocka_unit_test(repair_makes_the_strict_entities_the_lenient_ones),
        cmocka_unit_test(entities_are_those_of_the_definition),
        cmocka_unit_test(tags_have_the_lenient_entities_and_no_other),
    };
    for (size_t i = 0; i < N_ROWS; i++)
        tests[7 + i] = (struct CMUnitTest){
            .name = SPANS[i].name, .test_func = entities_are_as_written_in_the_row, .initial_state = (void *)(uintptr_t)&SPANS[i]};
    return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
