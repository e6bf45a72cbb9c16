/* Named subsets are read from lines of an id and names, and a tweet is found in them by its id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "subset.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static char root[PATH_MAX], path[PATH_MAX + 32];

static int read_text(const char *text, size_t size, struct subsets *s, struct err *e)
{
    struct err own = {0};
    if (file_write_bytes(path, text, size, &own)) fail_msg("%s", own.text);
    return subsets_read(path, s, e);
}

static void a_tweet_is_in_the_subsets_that_its_lines_name(void **state)
{
    (void)state;
    static const char text[] = "b hard long\n"
                               "\n"
                               "a\teasy\r\n"
                               "c  long \n"
                               "b easy hard";
    static const bool in[3][3] = {{false, false, true}, {true, true, true}, {false, true, false}}; /* [a b c][hard long easy] */
    struct subsets s;
    struct err e = {0};
    if (read_text(text, strlen(text), &s, &e)) fail_msg("%s", e.text);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.names[0], "hard");
    assert_string_equal(s.names[1], "long");
    assert_string_equal(s.names[2], "easy");
    assert_int_equal(s.n_members, 5);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) assert_int_equal(subset_has(&s, k, (const char *const[]){"a", "b", "c"}[i]), in[i][k]);
    }
    assert_false(subset_has(&s, 0, "d"));
    assert_false(subset_has(&s, 0, ""));
    assert_false(subset_has(&s, 0, NULL));
    subsets_free(&s);
}

static void thousands_of_ids_are_found(void **state)
{
    (void)state;
    enum { N = 5000 };
    static char text[N * 16];
    size_t used = 0;
    for (int i = 0; i < N; i++) used += (size_t)sprintf(text + used, "%d %s\n", i * 7919 % N, i * 7919 % N % 3 ? "rest" : "third");
    struct subsets s;
    struct err e = {0};
    if (read_text(text, used, &s, &e)) fail_msg("%s", e.text);
    assert_int_equal(s.n_members, N);
    for (int i = 0; i < N; i++) {
        char id[16];
        sprintf(id, "%d", i);
        for (int k = 0; k < 2; k++) assert_int_equal(subset_has(&s, k, id), (strcmp(s.names[k], "third") == 0) == (i % 3 == 0));
    }
    subsets_free(&s);
}

struct refusal {
    const char *name, *text;
    size_t size;
    const char *message;
};
#define BYTES(text) text, sizeof text - 1
static const struct refusal REFUSALS[] = {
    {"an id alone", BYTES("a x\nb\n"), "subsets.txt:2: id 'b' stands without a subset: a line is `<id> <name> [<name> ...]`"},
    {"a name of other characters", BYTES("a x\n\nb x,y\n"),
     "subsets.txt:3: 'x,y' is no name of a subset: 1 to 64 of the characters A-Z a-z 0-9 _ . -"},
    {"a long name", BYTES("a 01234567890123456789012345678901234567890123456789012345678901234\n"), "subsets.txt:1: '0123456789"},
    {"an empty file", BYTES(""), "subsets.txt: holds no line: expected `<id> <name> [<name> ...]`"},
    {"blank lines", BYTES("\n \n\t\n"), "subsets.txt: holds no line: "},
    {"a NUL", BYTES("a x\0\nb x\n"), "subsets.txt: holds a NUL byte: "},
};

static void is_refused(void **state)
{
    const struct refusal *r = *state;
    struct subsets s;
    struct err e = {0};
    assert_int_equal(read_text(r->text, r->size, &s, &e), ERR_DATA);
    if (!strstr(e.text, r->message)) fail_msg("%s", e.text);
}

static void more_subsets_than_a_table_holds_are_refused(void **state)
{
    (void)state;
    char text[SUBSETS_MAX * 8 + 16] = "a";
    struct subsets s;
    struct err e = {0};
    for (int k = 0; k < SUBSETS_MAX; k++) sprintf(text + strlen(text), " s%d", k);
    assert_int_equal(read_text(text, strlen(text), &s, &e), 0);
    assert_int_equal(s.n, SUBSETS_MAX);
    subsets_free(&s);
    strcat(text, "\nb more");
    assert_int_equal(read_text(text, strlen(text), &s, &e), ERR_DATA);
    assert_non_null(strstr(e.text, "subsets.txt:2: subset 'more' is one more than 64"));
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct subsets s;
    struct err e = {0};
    assert_int_equal(subsets_read("/nonexistent/subsets.txt", &s, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "/nonexistent/subsets.txt"));
}

static int begin(void **state)
{
    (void)state;
    if (temporary_folder(root)) return -1;
    snprintf(path, sizeof path, "%s/subsets.txt", root);
    return 0;
}
static int end(void **state)
{
    (void)state;
    return temporary_remove(root);
}

int main(void)
{
    enum { N_REFUSALS = sizeof REFUSALS / sizeof *REFUSALS, N_OTHER = 4 };
    struct CMUnitTest tests[N_OTHER + N_REFUSALS] = {
        cmocka_unit_test(a_tweet_is_in_the_subsets_that_its_lines_name),
        cmocka_unit_test(thousands_of_ids_are_found),
        cmocka_unit_test(more_subsets_than_a_table_holds_are_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };
    for (int i = 0; i < N_REFUSALS; i++)
        tests[N_OTHER + i] =
            (struct CMUnitTest){.name = REFUSALS[i].name, .test_func = is_refused, .initial_state = (void *)(uintptr_t)&REFUSALS[i]};
    return cmocka_run_group_tests_name("subset", tests, begin, end);
}
