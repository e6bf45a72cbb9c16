/* Log lines and progress on stderr: a bar on a terminal, plain lines elsewhere. stderr is a pseudo-terminal or a pipe of this program. */
#include "log.h"
#include "progress.h"
#include "sink.h"
#include "terminal.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct {
    int reader, saved;
} screen;

static void replace_stderr(int fd)
{
    fflush(stderr);
    screen.saved = dup(STDERR_FILENO);
    assert_true(screen.saved >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

static void open_terminal(unsigned short columns)
{
    screen.reader = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(screen.reader >= 0);
    assert_int_equal(grantpt(screen.reader) || unlockpt(screen.reader), 0);
    int fd = open(ptsname(screen.reader), O_RDWR | O_NOCTTY);
    struct termios settings;
    struct winsize size = {.ws_col = columns, .ws_row = 24};
    assert_true(fd >= 0);
    assert_int_equal(tcgetattr(fd, &settings), 0);
    cfmakeraw(&settings);
    assert_int_equal(tcsetattr(fd, TCSANOW, &settings) || ioctl(fd, TIOCSWINSZ, &size), 0);
    replace_stderr(fd);
}

static void open_pipe(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    screen.reader = ends[0];
    replace_stderr(ends[1]);
}

/* What was written since, and stderr is as before. A pseudo-terminal hands bytes over when it likes, so a last byte marks the end. */
static char *shown(void)
{
    static char text[16384];
    size_t n = 0;
    assert_int_equal(write(STDERR_FILENO, "\f", 1), 1);
    do {
        ssize_t more = read(screen.reader, text + n, sizeof text - n);
        assert_true(more > 0);
        n += (size_t)more;
    } while (text[n - 1] != '\f');
    text[n - 1] = '\0';
    assert_int_equal(dup2(screen.saved, STDERR_FILENO), STDERR_FILENO);
    close(screen.saved);
    close(screen.reader);
    return text;
}

static struct progress at(int64_t step)
{
    return (struct progress){.epoch = 2,
                             .epochs = 6,
                             .step = step,
                             .steps = 100,
                             .loss = 4.3125,
                             .learning_rate = 8.1e-5,
                             .tokens_per_s = 912.4,
                             .eta = 201,
                             .phase = "train"};
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

static void a_terminal_gets_a_bar(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    open_terminal(200);
    sink_start();
    struct progress now = at(50);
    progress_report(&now);
    sink_clear();
    sink_clear();
    assert_string_equal(
        shown(), "\r[==========>         ] train: epoch 2/6, step 50/100, loss 4.312, lr 8.1e-05, 912 tokens/s, ETA 3:21\033[K\r\033[K");
}

static void the_bar_fits_the_terminal(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    open_terminal(40);
    sink_start();
    struct progress now = at(100);
    progress_report(&now);
    assert_string_equal(shown(), "\r[====================] train: epoch 2/6\033[K");
}

static void the_bar_is_redrawn_at_most_ten_times_a_second(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    open_terminal(80);
    sink_start();
    for (int i = 0; i < 100; i++) {
        struct progress now = at(i);
        progress_report(&now);
    }
    struct progress last = at(100);
    last.epoch_end = true;
    progress_report(&last);
    const char *text = shown();
    assert_in_range(count(text, "\033[K"), 2, 20); /* the first, the epoch's end, and few between even on a busy machine */
    assert_non_null(strstr(text, "step 100/100"));
}

static void a_log_line_takes_the_place_of_the_bar(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    open_terminal(30);
    sink_start();
    struct progress now = at(1);
    progress_report(&now);
    log_info("epoch %d done", 1);
    log_info("saved");
    log_debug("for the file alone");
    assert_string_equal(shown(), "\r[>                   ] train:\033[K\r\033[Kepoch 1 done\nsaved\n");
}

static void colours_are_for_terminals_that_want_them(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    open_terminal(80);
    sink_start();
    log_warning("look");
    assert_string_equal(shown(), "\033[33mwarning:\033[0m look\n");

    setenv("NO_COLOR", "1", 1);
    open_terminal(80);
    sink_start();
    log_warning("look");
    struct progress now = at(1);
    progress_report(&now);
    const char *text = shown();
    assert_memory_equal(text, "warning: look\n\r[>", 17);
    unsetenv("NO_COLOR");
}

static void a_dumb_terminal_gets_lines(void **state)
{
    (void)state;
    setenv("TERM", "dumb", 1);
    open_terminal(80);
    assert_false(terminal_colours(STDERR_FILENO));
    sink_start();
    log_warning("look");
    struct progress now = at(7);
    progress_report(&now);
    assert_string_equal(shown(), "warning: look\ntrain: epoch 2/6, step 7/100, loss 4.312, lr 8.1e-05, 912 tokens/s, ETA 3:21\n");
}

static void a_pipe_gets_few_lines_and_each_end_of_an_epoch(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    open_pipe();
    sink_start();
    for (int i = 1; i <= 100; i++) {
        struct progress now = at(i);
        now.epoch_end = i % 50 == 0;
        progress_report(&now);
    }
    const char *text = shown();
    assert_int_equal(count(text, "step 1/100,"), 1);
    assert_int_equal(count(text, "step 50/100,"), 1);
    assert_int_equal(count(text, "step 100/100,"), 1);
    assert_in_range(count(text, "\n"), 3, 20);
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\033'));
}

static void what_is_not_known_is_not_invented(void **state)
{
    (void)state;
    open_pipe();
    sink_start();
    struct progress now = at(1);
    now.eta = -1;
    progress_report(&now);
    now.phase = "validate";
    now.epoch_end = true;
    progress_report(&now);
    assert_string_equal(shown(),
                        "train: epoch 2/6, step 1/100, loss 4.312, lr 8.1e-05, 912 tokens/s, ETA ?\nvalidate: epoch 2/6, step 1/100\n");
}

static void what_has_no_epochs_is_counted(void **state)
{
    (void)state;
    open_pipe();
    sink_start();
    progress_report(&(struct progress){.step = 512, .steps = 7000, .tokens_per_s = 12.34, .eta = 527, .phase = "pictures"});
    assert_string_equal(shown(), "pictures: 512/7000, 12.3/s, ETA 8:47\n");
}

static void several_runs_have_one_bar(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    open_terminal(200);
    sink_start();
    sink_show_runs(1.5, 3, "crf, seed 2: train: epoch 1/2");
    assert_string_equal(shown(), "\r[==========>         ] 1 of 3 runs; crf, seed 2: train: epoch 1/2\033[K");
    open_terminal(38); /* a character is not cut in two */
    sink_start();
    sink_show_runs(3, 3, "\u00e9\u00e9");
    assert_string_equal(shown(), "\r[====================] 3 of 3 runs; \033[K");
}

static void info_can_be_hidden_and_warnings_and_progress_not(void **state)
{
    (void)state;
    open_pipe();
    sink_start();
    sink_hide_info(true);
    log_info("hidden");
    log_warning("look");
    sink_show_runs(0, 3, "checking");
    sink_hide_info(false);
    log_info("seen");
    assert_string_equal(shown(), "warning: look\n0 of 3 runs; checking\nseen\n");
}

/* A machine may have none: a container without /dev/pts. */
static bool has_terminals(void)
{
    int reader = posix_openpt(O_RDWR | O_NOCTTY);
    int fd = reader >= 0 && !grantpt(reader) && !unlockpt(reader) ? open(ptsname(reader), O_RDWR | O_NOCTTY) : -1;
    if (fd >= 0) close(fd);
    if (reader >= 0) close(reader);
    return fd >= 0;
}

int main(void)
{
    enum { N_EVERYWHERE = 3 };
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_gets_few_lines_and_each_end_of_an_epoch),
        cmocka_unit_test(what_is_not_known_is_not_invented),
        cmocka_unit_test(info_can_be_hidden_and_warnings_and_progress_not),
        cmocka_unit_test(a_terminal_gets_a_bar),
        cmocka_unit_test(the_bar_fits_the_terminal),
        cmocka_unit_test(what_has_no_epochs_is_counted),
        cmocka_unit_test(several_runs_have_one_bar),
        cmocka_unit_test(the_bar_is_redrawn_at_most_ten_times_a_second),
        cmocka_unit_test(a_log_line_takes_the_place_of_the_bar),
        cmocka_unit_test(colours_are_for_terminals_that_want_them),
        cmocka_unit_test(a_dumb_terminal_gets_lines),
    };
    bool terminals = has_terminals();
    if (!terminals) fprintf(stderr, "progress on a terminal is not tested: this machine has no pseudo-terminals\n");
    return _cmocka_run_group_tests("progress", tests, terminals ? sizeof tests / sizeof *tests : N_EVERYWHERE, NULL, NULL);
}
