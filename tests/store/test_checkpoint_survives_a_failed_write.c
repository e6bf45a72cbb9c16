/* A checkpoint that cannot be written leaves the old one as it was and nothing beside, and the next one can be written; a process that is
 * killed while it writes leaves the old or the new one whole.
 *
 * Calls of the code under test go through this file (linked with --wrap), which can make the n-th of them fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "checkpoint.h"
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* libhdf5 loses what belongs to a file that it cannot close, about 36 kB: not ours to report. */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

/* ---- the calls ---- */

enum kind { NO_KIND, SYSTEM, MEMORY };
static struct {
    enum kind kind;
    int at, calls; /* the call that fails, from 1; so far */
    bool has_failed;
} injected;

static void inject(enum kind kind, int at)
{
    injected.kind = kind;
    injected.at = at;
    injected.calls = 0;
    injected.has_failed = false;
}

static bool fails(enum kind kind, int error)
{
    if (injected.kind != kind || ++injected.calls != injected.at) return false;
    injected.has_failed = true;
    errno = error;
    return true;
}

#define WRAPPED(kind, error, failure, result, name, parameters, arguments)                                                                 \
    result __real_##name parameters;                                                                                                       \
    result __wrap_##name parameters;                                                                                                       \
    result __wrap_##name parameters                                                                                                        \
    {                                                                                                                                      \
        return fails(kind, error) ? (failure) : __real_##name arguments;                                                                   \
    }

WRAPPED(SYSTEM, ENOSPC, -1, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAPPED(SYSTEM, EIO, -1, int, fsync, (int fd), (fd))
WRAPPED(SYSTEM, EIO, -1, int, rename, (const char *from, const char *to), (from, to))
WRAPPED(SYSTEM, EIO, -1, off_t, lseek64, (int fd, off_t offset, int from), (fd, offset, from))
WRAPPED(SYSTEM, EMFILE, -1, int, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAPPED(MEMORY, ENOMEM, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAPPED(MEMORY, ENOMEM, NULL, void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAPPED(MEMORY, ENOMEM, NULL, char *, strdup, (const char *s), (s))
WRAPPED(MEMORY, ENOMEM, NULL, char *, strndup, (const char *s, size_t n), (s, n))

/* ---- two checkpoints, told apart by their step ---- */

enum { OLD = 1, NEW = 2, VALUES = 2000 };
static float values[VALUES];

static int write_step(const char *name, int64_t step, struct err *e)
{
    static const size_t dim[] = {VALUES};
    struct checkpoint_writer *w = checkpoint_new();
    for (size_t i = 0; i < VALUES; i++) values[i] = (float)step;
    checkpoint_add_array(w, "/parameters/a", ARRAY_F32, 1, dim, values);
    checkpoint_add_array(w, "/parameters/b", ARRAY_F32, 1, dim, values);
    checkpoint_add_integer(w, "step", step);
    checkpoint_add_text(w, "config", "train:\n");
    const int code = checkpoint_write(w, in_folder(name), NULL, e);
    checkpoint_discard(w);
    return code;
}

static int read_step(const char *name, int64_t *step, struct err *e)
{
    static const size_t dim[] = {VALUES};
    struct checkpoint *c;
    const void *data = NULL;
    char *config = NULL;
    int code = checkpoint_open(in_folder(name), &c, e);
    if (code) return code;
    if (!(code = checkpoint_integer(c, "step", step, e)) && !(code = checkpoint_array(c, "/parameters/b", ARRAY_F32, 1, dim, &data, e))) {
        code = checkpoint_text(c, "config", &config, e);
    }
    for (size_t i = 0; i < VALUES && !code; i++) assert_true(((const float *)data)[i] == (float)*step);
    free(config);
    checkpoint_close(c);
    return code;
}

static int64_t step_of(const char *name)
{
    struct err e;
    int64_t step = 0;
    inject(NO_KIND, 0);
    if (read_step(name, &step, &e)) fail_msg("%s", e.text);
    return step;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d)) count++;
    closedir(d);
    return count;
}

static int write_old(void **state)
{
    struct err e;
    (void)state;
    inject(NO_KIND, 0);
    return write_step("c.h5", OLD, &e);
}

/* ---- failures ---- */

static void whichever_call_fails_the_old_checkpoint_stays(void **state)
{
    (void)state;
    const int files = count_files(), descriptors = count_descriptors();
    int failures = 0;
    for (int n = 1;; n++, failures++) {
        struct err e = {0};
        assert_int_equal(write_old(NULL), 0);
        inject(SYSTEM, n);
        const int code = write_step("c.h5", NEW, &e);
        if (!injected.has_failed) {
            assert_int_equal(code, 0);
            assert_true(step_of("c.h5") == NEW);
            break;
        }
        assert_true(code == ERR_IO || code == ERR_INTERNAL);
        assert_int_equal(e.code, code);
        assert_non_null(strstr(e.text, in_folder("c.h5")));
        assert_null(strchr(e.text, '\n'));
        /* Only where the directory could not be synced the new file is there already. */
        const bool is_last = strstr(e.text, "cannot sync its directory");
        assert_true(step_of("c.h5") == (is_last ? NEW : OLD));
        assert_int_equal(count_files(), files);
        assert_int_equal(count_descriptors(), descriptors);
    }
    assert_true(failures >= 8);
}

static void a_full_disk_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    inject(SYSTEM, 2);
    assert_refused(write_step("c.h5", NEW, &e), ERR_IO, &e, "No space left on device", in_folder("c.h5"));
}

static void whichever_allocation_fails_is_an_error_and_no_crash(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        struct err e = {0};
        int64_t step = 0;
        assert_int_equal(write_old(NULL), 0);
        inject(MEMORY, n);
        int code = write_step("c.h5", NEW, &e);
        const bool is_written = code == 0;
        if (is_written) code = read_step("c.h5", &step, &e);
        if (!injected.has_failed) {
            assert_int_equal(code, 0);
            assert_true(n > 10);
            break;
        }
        assert_refused(code, ERR_INTERNAL, &e, "no memory", in_folder("c.h5"));
        assert_true(step_of("c.h5") == (is_written ? NEW : OLD));
    }
}

static void limit_file_size(rlim_t limit)
{
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
    now.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

/* Of every file: of the one in memory too, which libhdf5 writes. */
static void wherever_files_reach_their_limit_the_old_checkpoint_stays(void **state)
{
    (void)state;
    struct rlimit before;
    struct stat status;
    const int files = count_files(), descriptors = count_descriptors();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(stat(in_folder("c.h5"), &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < (rlim_t)status.st_size; limit += 64) {
        struct err e = {0};
        limit_file_size(limit);
        const int code = write_step("c.h5", NEW, &e);
        limit_file_size(before.rlim_cur);
        assert_true(code == ERR_IO || code == ERR_INTERNAL);
        assert_non_null(strstr(e.text, in_folder("c.h5")));
        assert_null(strchr(e.text, '\n'));
        assert_true(step_of("c.h5") == OLD);
        assert_int_equal(count_files(), files);
    }
    struct err e = {0};
    assert_int_equal(write_step("c.h5", NEW, &e), 0);
    assert_true(step_of("c.h5") == NEW);
    assert_int_equal(count_descriptors(), descriptors);
    signal(SIGXFSZ, SIG_DFL);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    assert_refused(write_step("absent/c.h5", NEW, &e), ERR_IO, &e, "absent/c.h5", "No such file");
}

/* ---- death ---- */

static void write_for_ever(void)
{
    struct err e;
    for (int64_t step = NEW;; step++) {
        if (write_step("c.h5", step, &e)) _exit(1);
    }
}

static void a_killed_process_leaves_a_whole_checkpoint(void **state)
{
    (void)state;
    enum { ROUNDS = 20, MILLISECOND = 1000 * 1000 };
    int64_t newest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int status;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_for_ever();
        nanosleep(&(struct timespec){.tv_nsec = (5 + 7 * round) * MILLISECOND}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        const int64_t step = step_of("c.h5");
        if (step > newest) newest = step;
    }
    /* Some of them came far enough to write. */
    assert_true(newest >= NEW);
}

int main(void)
{
#define FROM_OLD(test) cmocka_unit_test_setup(test, write_old)
    const struct CMUnitTest tests[] = {
        FROM_OLD(whichever_call_fails_the_old_checkpoint_stays),
        FROM_OLD(a_full_disk_is_named),
        FROM_OLD(whichever_allocation_fails_is_an_error_and_no_crash),
        FROM_OLD(wherever_files_reach_their_limit_the_old_checkpoint_stays),
        FROM_OLD(a_folder_that_is_not_there_is_named),
        FROM_OLD(a_killed_process_leaves_a_whole_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
