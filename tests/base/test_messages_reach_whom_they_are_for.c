/* Errors keep code and text; log lines and progress go to the sink that was set, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "checked.h"
#include "err.h"
#include "files.h"
#include "log.h"
#include "progress.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
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

static void the_text_of_others_stays_one_line_and_says_nothing_to_a_terminal(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_DATA, "name \"%s\": %s", "a\nb\033[2J\x7F", "caf\xC3\xA9 \xC3 \xFF \xC2\x9B!");
    assert_string_equal(e.text, "name \"a b [2J \": caf\xC3\xA9 ? ?   !");
    err_prefix(&e, "%s: ", "x\ty");
    assert_string_equal(e.text, "x y: name \"a b [2J \": caf\xC3\xA9 ? ?   !");
}

static void a_character_that_a_limit_cuts_is_no_broken_one(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_DATA, "%.4s", "caf\xC3\xA9");
    assert_string_equal(e.text, "caf?");
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
    log_warning("a\nb\xFF");
    assert_string_equal(lines.last, "a b?");
    log_set_sink(NULL, NULL);
    log_warning("dropped");
    assert_int_equal(lines.count, 4);
    assert_string_equal(lines.last, "a b?");
}

static void a_log_file_gets_each_line_with_time_and_level_after_what_it_held(void **state)
{
    (void)state;
    char folder[PATH_MAX], path[PATH_MAX], *text;
    size_t size;
    struct err e;
    assert_int_equal(temporary_folder(folder), 0);
    assert_int_equal(path_join(path, sizeof path, folder, "log", &e), 0);
    for (int run = 1; run <= 2; run++) {
        assert_int_equal(log_open_file(LOG_FILE_RUN, path, &e), 0);
        log_warning("run %d", run);
        log_close_file(LOG_FILE_RUN);
        log_info("after the end");
    }
    assert_int_equal(file_read(path, 1000, &text, &size, &e), 0);
    assert_int_equal(temporary_remove(folder), 0);
    int year, first, second, end;
    assert_int_equal(
        sscanf(text, "%d-%*d-%*dT%*d:%*d:%*dZ warning run %d %*d-%*d-%*dT%*d:%*d:%*dZ warning run %d%n", &year, &first, &second, &end), 3);
    assert_true(year >= 2024);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_string_equal(text + end, "\n");
    free(text);
}

static void a_log_file_that_cannot_be_opened_is_refused_by_name(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(log_open_file(LOG_FILE_RUN, "/nowhere/train.log", &e), ERR_IO);
    assert_string_equal(e.text, "/nowhere/train.log: cannot be opened for writing: No such file or directory");
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
        cmocka_unit_test(the_text_of_others_stays_one_line_and_says_nothing_to_a_terminal),
        cmocka_unit_test(a_character_that_a_limit_cuts_is_no_broken_one),
        cmocka_unit_test(a_log_line_goes_to_the_sink_with_its_level),
        cmocka_unit_test(a_log_file_gets_each_line_with_time_and_level_after_what_it_held),
        cmocka_unit_test(a_log_file_that_cannot_be_opened_is_refused_by_name),
        cmocka_unit_test(progress_goes_to_the_sink),
        cmocka_unit_test(sizes_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
