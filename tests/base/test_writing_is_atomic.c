/* A file written through file_write_atomic is at every moment the old one or the whole new one: whichever call fails, and wherever the
 * process dies.
 *
 * write, fsync, close and rename of the code under test go through this file (linked with --wrap), which can make the n-th of them fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "temporary.h"
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum fault { NONE, FAIL, INTERRUPT, SHORTEN, DIE };

static struct {
    enum fault fault;
    int at;                 /* the call that meets it, from 1 */
    int calls;              /* so far */
    const char *fault_call; /* which call met it */
    char order[128];        /* the calls by name */
} injected;

static void inject(enum fault fault, int at)
{
    memset(&injected, 0, sizeof injected);
    injected.fault = fault;
    injected.at = at;
}

static bool meets(const char *call)
{
    const size_t used = strlen(injected.order);
    snprintf(injected.order + used, sizeof injected.order - used, "%s%s", used ? " " : "", call);
    if (injected.fault == NONE || ++injected.calls != injected.at) return false;
    injected.fault_call = call;
    if (injected.fault == DIE) _exit(0);
    errno = injected.fault == INTERRUPT ? EINTR : EIO;
    return true;
}

ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (!meets("write")) return __real_write(fd, data, size);
    return injected.fault == SHORTEN ? __real_write(fd, data, size / 2) : -1;
}

static bool is_directory(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return S_ISDIR(status.st_mode);
}

int __wrap_fsync(int fd)
{
    return meets(is_directory(fd) ? "fsync-directory" : "fsync") ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
    const char *call = is_directory(fd) ? "close-directory" : "close";
    if (!meets(call)) return __real_close(fd);
    const int error = errno;
    __real_close(fd);
    errno = error;
    return -1;
}

int __wrap_rename(const char *from, const char *to)
{
    return meets("rename") ? -1 : __real_rename(from, to);
}

static const char old_text[] = "the old file", new_text[] = "the new file, which is longer";
static char folder[PATH_MAX], path[PATH_MAX];

static int make_folder(void **state)
{
    (void)state;
    struct err e;
    return temporary_folder(folder) || path_join(path, sizeof path, folder, "file", &e);
}

static int remove_folder(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

static int write_old(void **state)
{
    (void)state;
    struct err e;
    inject(NONE, 0);
    return file_write_bytes(path, old_text, strlen(old_text), &e);
}

static bool holds(const char *text)
{
    struct err e;
    char *data;
    size_t size;
    inject(NONE, 0);
    assert_int_equal(file_read(path, 1000, &data, &size, &e), 0);
    const bool same = size == strlen(text) && !memcmp(data, text, size);
    free(data);
    return same;
}

static int count_entries(const char *directory)
{
    int count = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    while (readdir(d)) count++;
    closedir(d);
    return count - 2;
}

static void calls_come_in_the_order_that_survives_a_power_cut(void **state)
{
    (void)state;
    struct err e = {0};
    inject(NONE, 0);
    assert_int_equal(file_write_bytes(path, new_text, strlen(new_text), &e), 0);
    assert_string_equal(injected.order, "write fsync close rename fsync-directory close-directory");
    assert_int_equal(e.code, 0);
    assert_true(holds(new_text));
}

static void one_file_of_many_is_not_synced_by_itself(void **state)
{
    (void)state;
    struct err e = {0};
    inject(NONE, 0);
    assert_int_equal(file_write_of_many(path, new_text, strlen(new_text), &e), 0);
    assert_string_equal(injected.order, "write close rename close-directory");
    assert_true(holds(new_text));
    assert_int_equal(file_sync_many(folder, &e), 0);
    assert_int_equal(e.code, 0);
}

static void whichever_call_fails_one_file_of_many_is_old_or_whole(void **state)
{
    (void)state;
    const int descriptors = count_entries("/proc/self/fd");
    for (int n = 1; n <= 3; n++) {
        struct err e = {0};
        write_old(NULL);
        inject(FAIL, n);
        assert_int_equal(file_write_of_many(path, new_text, strlen(new_text), &e), ERR_IO);
        assert_non_null(strstr(e.text, "/file"));
        assert_true(holds(old_text));
        assert_int_equal(count_entries(folder), 1);
        assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    }
}

static void what_is_synced_must_be_a_directory(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(file_sync_many(path, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "/file: cannot open: Not a directory"));
}

static void whichever_call_fails_the_file_is_old_or_whole_and_nothing_is_left(void **state)
{
    (void)state;
    const int descriptors = count_entries("/proc/self/fd");
    for (int n = 1;; n++) {
        struct err e = {0};
        write_old(NULL);
        inject(FAIL, n);
        const int code = file_write_bytes(path, new_text, strlen(new_text), &e);
        const char *call = injected.fault_call;
        if (!call) {
            assert_int_equal(code, 0);
            assert_int_equal(n, 7);
            break;
        }
        /* What is closed last was only read. */
        const bool harmless = !strcmp(call, "close-directory"), renamed = harmless || !strcmp(call, "fsync-directory");
        assert_int_equal(code, harmless ? 0 : ERR_IO);
        assert_true(holds(renamed ? new_text : old_text));
        assert_int_equal(count_entries(folder), 1);
        assert_int_equal(count_entries("/proc/self/fd"), descriptors);
        if (code) assert_non_null(strstr(e.text, "Input/output error"));
        if (code) assert_non_null(strstr(e.text, "/file"));
    }
}

static void a_signal_in_any_call_is_not_an_error(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        struct err e;
        write_old(NULL);
        inject(INTERRUPT, n);
        const int code = file_write_bytes(path, new_text, strlen(new_text), &e);
        const char *call = injected.fault_call;
        if (!call) break;
        /* rename is not interruptible on Linux, and nothing promises it. */
        if (!strcmp(call, "rename")) continue;
        assert_int_equal(code, 0);
        assert_true(holds(new_text));
    }
}

static void a_short_write_is_continued(void **state)
{
    (void)state;
    struct err e;
    inject(SHORTEN, 1);
    assert_int_equal(file_write_bytes(path, new_text, strlen(new_text), &e), 0);
    assert_string_equal(injected.fault_call, "write");
    assert_true(holds(new_text));
}

static void a_process_that_dies_before_any_call_leaves_the_old_or_the_whole_new_file(void **state)
{
    (void)state;
    for (int n = 1, met = 1; met; n++) {
        struct err e;
        int status;
        write_old(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            inject(DIE, n);
            _exit(file_write_bytes(path, new_text, strlen(new_text), &e) ? 1 : 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        met = WEXITSTATUS(status) == 0;
        assert_true(met || WEXITSTATUS(status) == 2);
        assert_true(holds(met && n <= 4 ? old_text : new_text));
    }
}

static int fill_half_and_fail(void *context, const char *temp_path, int fd, struct err *e)
{
    (void)context;
    const int code = file_write_all(fd, new_text, strlen(new_text) / 2, temp_path, e);
    return code ? code : err_set(e, ERR_DATA, "the filler gave up");
}

static void a_fill_that_fails_leaves_the_old_file_and_its_own_message(void **state)
{
    (void)state;
    struct err e;
    const int entries = count_entries(folder);
    assert_int_equal(file_write_atomic(path, fill_half_and_fail, NULL, &e), ERR_DATA);
    assert_string_equal(e.text, "the filler gave up");
    assert_true(holds(old_text));
    assert_int_equal(count_entries(folder), entries);
}

/* As a library does that wants a name and not a descriptor. */
static int fill_by_name(void *context, const char *temp_path, int fd, struct err *e)
{
    char *seen = context;
    strcpy(seen, temp_path);
    (void)fd;
    FILE *f = fopen(temp_path, "w");
    if (!f || fputs(new_text, f) < 0 || fclose(f)) return err_set(e, ERR_IO, "cannot fill");
    return 0;
}

static void a_fill_may_open_the_temporary_file_which_lies_hidden_beside(void **state)
{
    (void)state;
    struct err e;
    char temporary[PATH_MAX], expected[PATH_MAX];
    assert_int_equal(file_write_atomic(path, fill_by_name, temporary, &e), 0);
    assert_true(holds(new_text));
    assert_int_equal(path_join(expected, sizeof expected, folder, ".file.", &e), 0);
    assert_int_equal(strncmp(temporary, expected, strlen(expected)), 0);
    assert_int_equal(strlen(temporary), strlen(expected) + 6);
}

static void the_mode_is_that_of_any_new_file(void **state)
{
    (void)state;
    struct err e;
    struct stat status;
    const mode_t before = umask(027);
    assert_int_equal(file_write_bytes(path, new_text, strlen(new_text), &e), 0);
    umask(before);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

static void a_file_without_a_directory_in_its_name_is_written_here(void **state)
{
    (void)state;
    struct err e;
    char here[PATH_MAX];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    const int code = file_write_bytes("file", new_text, strlen(new_text), &e);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(code, 0);
    assert_true(holds(new_text));
}

static void a_missing_directory_is_refused_by_name(void **state)
{
    (void)state;
    struct err e;
    char missing[PATH_MAX];
    assert_int_equal(path_join(missing, sizeof missing, folder, "missing/file", &e), 0);
    assert_int_equal(file_write_bytes(missing, "", 0, &e), ERR_IO);
    assert_non_null(strstr(e.text, "missing/file: cannot open its directory: No such file"));
}

static void a_directory_is_not_replaced_by_a_file(void **state)
{
    (void)state;
    struct err e;
    char directory[PATH_MAX];
    assert_int_equal(path_join(directory, sizeof directory, folder, "directory", &e), 0);
    assert_int_equal(directory_make(directory, &e), 0);
    const int entries = count_entries(folder);
    assert_int_equal(file_write_bytes(directory, "", 0, &e), ERR_IO);
    assert_non_null(strstr(e.text, "Is a directory"));
    assert_int_equal(count_entries(folder), entries);
}

static void a_directory_without_write_permission_is_refused(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    struct err e;
    char locked[PATH_MAX], file[PATH_MAX];
    const uid_t user = geteuid();
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(path_join(locked, sizeof locked, folder, "locked", &e), 0);
    assert_int_equal(path_join(file, sizeof file, locked, "file", &e), 0);
    assert_int_equal(mkdir(locked, 0555), 0);
    /* Root may write anywhere. */
    if (user == 0) assert_int_equal(seteuid(NOBODY), 0);
    const int code = file_write_bytes(file, "", 0, &e);
    if (user == 0) assert_int_equal(seteuid(user), 0);
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(e.text, "locked/file: cannot create a file in its directory: Permission denied"));
    assert_int_equal(count_entries(locked), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(calls_come_in_the_order_that_survives_a_power_cut, write_old),
        cmocka_unit_test_setup(one_file_of_many_is_not_synced_by_itself, write_old),
        cmocka_unit_test_setup(whichever_call_fails_one_file_of_many_is_old_or_whole, write_old),
        cmocka_unit_test_setup(what_is_synced_must_be_a_directory, write_old),
        cmocka_unit_test_setup(whichever_call_fails_the_file_is_old_or_whole_and_nothing_is_left, write_old),
        cmocka_unit_test_setup(a_signal_in_any_call_is_not_an_error, write_old),
        cmocka_unit_test_setup(a_short_write_is_continued, write_old),
        cmocka_unit_test_setup(a_process_that_dies_before_any_call_leaves_the_old_or_the_whole_new_file, write_old),
        cmocka_unit_test_setup(a_fill_that_fails_leaves_the_old_file_and_its_own_message, write_old),
        cmocka_unit_test_setup(a_fill_may_open_the_temporary_file_which_lies_hidden_beside, write_old),
        cmocka_unit_test_setup(the_mode_is_that_of_any_new_file, write_old),
        cmocka_unit_test_setup(a_file_without_a_directory_in_its_name_is_written_here, write_old),
        cmocka_unit_test_setup(a_missing_directory_is_refused_by_name, write_old),
        cmocka_unit_test_setup(a_directory_is_not_replaced_by_a_file, write_old),
        cmocka_unit_test_setup(a_directory_without_write_permission_is_refused, write_old),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
