/* Lines of a pipe: given as soon as they are whole, whatever the pieces they come in, in bounded memory. */
#include "line_stream.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int ends[2];
static struct line_stream s;
static volatile sig_atomic_t stop;

static int begin(void **state)
{
    (void)state;
    struct err e = {0};
    stop = 0;
    return pipe2(ends, O_CLOEXEC) || line_stream_open(ends[0], &s, &e);
}

static int end(void **state)
{
    (void)state;
    line_stream_close(&s);
    close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
    return 0;
}

static void put(const char *text, size_t size)
{
    assert_int_equal(write(ends[1], text, size), size);
}

static void finish(void)
{
    close(ends[1]);
    ends[1] = -1;
}

static void read_more(void)
{
    struct err e = {0};
    assert_int_equal(line_stream_read(&s, 60000, &stop, &e), 1);
}

static void gives(const char *expected, long number)
{
    char *line;
    size_t size;
    assert_int_equal(line_stream_next(&s, &line, &size), LINE_GIVEN);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(line, expected);
    assert_int_equal(s.line, number);
}

static void is_at(enum line_state expected)
{
    char *line;
    size_t size;
    assert_int_equal(line_stream_next(&s, &line, &size), expected);
}

static void a_line_is_given_while_the_pipe_stays_open(void **state)
{
    (void)state;
    is_at(LINE_WAIT);
    put("one\ntw", 6);
    read_more();
    gives("one", 1);
    is_at(LINE_WAIT);
    put("o\n", 2);
    read_more();
    gives("two", 2);
    is_at(LINE_WAIT);
    finish();
    read_more();
    is_at(LINE_END);
    is_at(LINE_END);
}

static void the_last_line_needs_no_end(void **state)
{
    (void)state;
    put("a\nb", 3);
    finish();
    read_more();
    gives("a", 1);
    is_at(LINE_WAIT);
    read_more();
    gives("b", 2);
    is_at(LINE_END);
}

static void line_ends_and_the_byte_order_mark_are_taken_away(void **state)
{
    (void)state;
    static const char TEXT[] = "\xEF\xBB\xBF"
                               "a\r\n\r\nb\rc\n\xEF\xBB\xBF"
                               "d\n";
    put(TEXT, sizeof TEXT - 1);
    read_more();
    gives("a", 1);
    gives("", 2);
    gives("b\rc", 3);
    gives("\xEF\xBB\xBF"
          "d",
          4);
}

static void a_nul_is_a_byte_of_its_line(void **state)
{
    (void)state;
    char *line;
    size_t size;
    put("a\0b\n", 4);
    read_more();
    assert_int_equal(line_stream_next(&s, &line, &size), LINE_GIVEN);
    assert_int_equal(size, 3);
    assert_memory_equal(line, "a\0b", 4);
}

static void the_wait_has_an_end(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(line_stream_read(&s, 0, &stop, &e), 0);
    assert_int_equal(line_stream_read(&s, 1, &stop, &e), 0);
    stop = 1;
    put("a\n", 2);
    assert_int_equal(line_stream_read(&s, -1, &stop, &e), 0);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct line_stream directory;
    struct err e = {0};
    const int fd = open("/", O_RDONLY | O_CLOEXEC);
    assert_int_equal(line_stream_open(fd, &directory, &e), 0);
    assert_int_equal(line_stream_read(&directory, -1, &stop, &e), ERR_IO);
    assert_string_equal(e.text, "cannot read: Is a directory");
    line_stream_close(&directory);
    close(fd);
}

/* ---- long lines: more than a pipe holds, so another thread writes ---- */

struct writing {
    const size_t *lengths; /* of lines of 'x', up to a 0 */
    bool last_is_open;     /* the last one has no end */
};

static void *write_lines(void *context)
{
    const struct writing *w = context;
    for (const size_t *n = w->lengths; *n; n++) {
        char *text = malloc(*n + 1);
        size_t done = 0, size = *n + !(w->last_is_open && !n[1]);
        memset(text, 'x', *n);
        text[*n] = '\n';
        while (done < size) {
            const ssize_t more = write(ends[1], text + done, size - done);
            if (more <= 0) abort();
            done += (size_t)more;
        }
        free(text);
    }
    finish();
    return NULL;
}

static void lines_are(const struct writing *w)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_lines, (void *)(uintptr_t)w), 0);
    char *line;
    size_t size;
    enum line_state what;
    long number = 0;
    const char *memory = s.data;
    while ((what = line_stream_next(&s, &line, &size)) != LINE_END) {
        if (what == LINE_WAIT) {
            read_more();
            continue;
        }
        assert_int_equal(what, w->lengths[number] > LINE_MAX_BYTES ? LINE_TOO_LONG : LINE_GIVEN);
        if (what == LINE_GIVEN) assert_int_equal(size, w->lengths[number]);
        assert_int_equal(s.line, ++number);
    }
    assert_int_equal(w->lengths[number], 0);
    assert_ptr_equal(s.data, memory);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_line_that_is_too_long_is_left_out_alone(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = {5, LINE_MAX_BYTES, 1, LINE_MAX_BYTES + 1, 3, 20u * LINE_MAX_BYTES, LINE_MAX_BYTES - 1, 7, 0};
    lines_are(&(struct writing){LENGTHS, false});
}

static void the_last_line_may_be_too_long(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = {5, 3u * LINE_MAX_BYTES, 0};
    lines_are(&(struct writing){LENGTHS, true});
}

static void the_last_line_may_be_just_as_long_as_allowed(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = {5, LINE_MAX_BYTES, 0};
    lines_are(&(struct writing){LENGTHS, true});
}

#define LINE_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(a_line_is_given_while_the_pipe_stays_open),
        LINE_TEST(the_last_line_needs_no_end),
        LINE_TEST(line_ends_and_the_byte_order_mark_are_taken_away),
        LINE_TEST(a_nul_is_a_byte_of_its_line),
        LINE_TEST(the_wait_has_an_end),
        LINE_TEST(what_cannot_be_read_is_an_error),
        LINE_TEST(a_line_that_is_too_long_is_left_out_alone),
        LINE_TEST(the_last_line_may_be_too_long),
        LINE_TEST(the_last_line_may_be_just_as_long_as_allowed),
    };
    return cmocka_run_group_tests_name("lines come as they are written", tests, NULL, NULL);
}
