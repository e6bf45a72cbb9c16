/* Errors keep code and text; log lines and progress go to the sink that was set, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "checked.h"
#include "err.h"
#include "log.h"
#include "progress.h"
#include <cmocka.h>
#include <string.h>

static void err_set_keeps_code_and_text_and_returns_the_code(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_DATA, "%s:%d: no tag", "a.txt", 7), ERR_DATA);
    assert_int_equal(e.code, ERR_DATA);
    assert_string_equal(e.text, "a.txt:7: no tag");
}

static void err_prefix_puts_words_before_and_keeps_the_code(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_IO, "no space");
    assert_int_equal(err_prefix(&e, "checkpoint of step %d: ", 12), ERR_IO);
    assert_string_equal(e.text, "checkpoint of step 12: no space");
}

static void a_text_that_is_too_long_is_cut_and_ends(void **state)
{
    (void)state;
    struct err e;
    char name[2 * sizeof e.text];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    err_set(&e, ERR_IO, "%s", name);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_prefix(&e, "before: ");
    assert_int_equal(strncmp(e.text, "before: nnn", 11), 0);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_prefix(&e, "%s", name);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

struct lines {
    int count;
    enum log_level level;
    char last[64];
};

static void keep(void *context, enum log_level level, const char *line)
{
    struct lines *lines = context;
    lines->count++;
    lines->level = level;
    strncpy(lines->last, line, sizeof lines->last - 1);
}

static void a_log_line_goes_to_the_sink_with_its_level(void **state)
{
    (void)state;
    struct lines lines = {0};
    log_set_sink(keep, &lines);
    log_info("epoch %d", 3);
    assert_int_equal(lines.level, LOG_INFO);
    assert_string_equal(lines.last, "epoch 3");
    log_debug("d");
    assert_int_equal(lines.level, LOG_DEBUG);
    log_warning("w");
    assert_int_equal(lines.level, LOG_WARNING);
    log_set_sink(NULL, NULL);
    log_warning("dropped");
    assert_int_equal(lines.count, 3);
    assert_string_equal(lines.last, "w");
}

static void count_report(void *context, const struct progress *now)
{
    *(int64_t *)context += now->step;
}

static void progress_goes_to_the_sink(void **state)
{
    (void)state;
    int64_t steps = 0;
    const struct progress now = {.step = 5};
    progress_report(&now);
    progress_set_sink(count_report, &steps);
    progress_report(&now);
    progress_set_sink(NULL, NULL);
    progress_report(&now);
    assert_int_equal(steps, 5);
}

static void sizes_that_do_not_fit_are_told(void **state)
{
    (void)state;
    size_t x = 0;
    assert_true(size_mul(6, 7, &x) && x == 42);
    assert_true(size_add(6, 7, &x) && x == 13);
    assert_false(size_mul(SIZE_MAX / 2, 3, &x));
    assert_false(size_add(SIZE_MAX, 1, &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_set_keeps_code_and_text_and_returns_the_code),
        cmocka_unit_test(err_prefix_puts_words_before_and_keeps_the_code),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_and_ends),
        cmocka_unit_test(a_log_line_goes_to_the_sink_with_its_level),
        cmocka_unit_test(progress_goes_to_the_sink),
        cmocka_unit_test(sizes_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
