/* Reading and mapping give the whole file or a message that names it; directories and paths are made, looked at and joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "temporary.h"
#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];

static int make_folder(void **state)
{
    (void)state;
    return temporary_folder(folder);
}

static int remove_folder(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    struct err e;
    assert_int_equal(path_join(path, sizeof path, folder, name, &e), 0);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_file_is_read_whole_with_a_nul_behind_it(void **state)
{
    (void)state;
    const char *path = in_folder("text");
    struct err e = {0};
    char *data;
    size_t size;
    write_file(path, "two\nlines\n");
    assert_int_equal(file_read(path, 10, &data, &size, &e), 0);
    assert_int_equal(size, 10);
    assert_string_equal(data, "two\nlines\n");
    assert_int_equal(e.code, 0);
    free(data);
}

static void an_empty_file_is_read_as_no_bytes(void **state)
{
    (void)state;
    const char *path = in_folder("empty");
    struct err e;
    char *data;
    size_t size;
    write_file(path, "");
    assert_int_equal(file_read(path, 0, &data, &size, &e), 0);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    free(data);
}

static void a_file_over_the_limit_is_refused_with_both_sizes(void **state)
{
    (void)state;
    const char *path = in_folder("large");
    struct err e;
    char *data;
    size_t size;
    write_file(path, "12345");
    assert_int_equal(file_read(path, 4, &data, &size, &e), ERR_DATA);
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, "5 bytes, more than the 4"));
}

static void a_missing_file_is_refused_by_name(void **state)
{
    (void)state;
    const char *path = in_folder("missing");
    struct err e;
    char *data;
    size_t size;
    struct file_map map;
    assert_int_equal(file_read(path, 10, &data, &size, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, "No such file"));
    assert_int_equal(file_map(path, &map, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "No such file"));
}

static void a_directory_is_not_read_as_a_file(void **state)
{
    (void)state;
    struct err e;
    char *data;
    size_t size;
    struct file_map map;
    assert_int_equal(file_read(folder, 1 << 20, &data, &size, &e), ERR_IO);
    assert_non_null(strstr(e.text, "Is a directory"));
    assert_int_equal(file_map(folder, &map, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "not a regular file"));
}

enum { PIPED = 200000 };

static void *feed(void *path)
{
    FILE *f = fopen(path, "w");
    for (int i = 0; f && i < PIPED; i++) fputc('a' + i % 26, f);
    return f && !fclose(f) ? path : NULL;
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct err e;
    pthread_t writer;
    void *fed;
    char *data;
    size_t size;
    strcpy(path, in_folder("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, feed, path), 0);
    const int code = file_read(path, PIPED, &data, &size, &e);
    assert_int_equal(pthread_join(writer, &fed), 0);
    assert_non_null(fed);
    assert_int_equal(code, 0);
    assert_int_equal(size, PIPED);
    for (int i = 0; i < PIPED; i++) assert_int_equal(data[i], 'a' + i % 26);
    free(data);
}

static void a_pipe_over_the_limit_is_refused(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct err e;
    pthread_t writer;
    char *data;
    size_t size;
    strcpy(path, in_folder("long pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, feed, path), 0);
    /* One byte too few, so that the writer is not stopped by a closed pipe. */
    const int code = file_read(path, PIPED - 1, &data, &size, &e);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(code, ERR_DATA);
    assert_non_null(strstr(e.text, "more than the 199999 bytes"));
}

static void a_map_holds_the_bytes_of_the_file(void **state)
{
    (void)state;
    const char *path = in_folder("mapped");
    struct err e;
    struct file_map map;
    write_file(path, "mapped bytes");
    assert_int_equal(file_map(path, &map, &e), 0);
    assert_int_equal(map.size, 12);
    assert_memory_equal(map.data, "mapped bytes", 12);
    file_unmap(&map);
    assert_null(map.data);
}

static void a_map_of_an_empty_file_is_null_and_can_be_unmapped(void **state)
{
    (void)state;
    const char *path = in_folder("empty map");
    struct err e;
    struct file_map map;
    write_file(path, "");
    assert_int_equal(file_map(path, &map, &e), 0);
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    file_unmap(&map);
}

static void a_directory_is_made_with_its_parents_and_may_exist(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct err e = {0};
    bool is_empty = false;
    strcpy(path, in_folder("a/b//c/"));
    assert_int_equal(directory_make(path, &e), 0);
    assert_int_equal(directory_make(path, &e), 0);
    assert_int_equal(directory_is_empty(path, &is_empty, &e), 0);
    assert_true(is_empty);
    assert_int_equal(e.code, 0);
}

static void a_directory_below_a_file_is_refused(void **state)
{
    (void)state;
    struct err e;
    write_file(in_folder("plain"), "");
    assert_int_equal(directory_make(in_folder("plain"), &e), ERR_IO);
    assert_non_null(strstr(e.text, "plain: cannot make the directory: File exists"));
    assert_int_equal(directory_make(in_folder("plain/below"), &e), ERR_IO);
    assert_non_null(strstr(e.text, "plain: cannot make the directory: File exists"));
}

static void a_missing_directory_counts_as_empty_and_a_hidden_file_fills_one(void **state)
{
    (void)state;
    struct err e;
    bool is_empty = false;
    assert_int_equal(directory_is_empty(in_folder("nowhere"), &is_empty, &e), 0);
    assert_true(is_empty);
    assert_int_equal(directory_make(in_folder("filled"), &e), 0);
    write_file(in_folder("filled/.hidden"), "");
    assert_int_equal(directory_is_empty(in_folder("filled"), &is_empty, &e), 0);
    assert_false(is_empty);
}

static void what_is_no_directory_is_refused_when_asked_whether_it_is_empty(void **state)
{
    (void)state;
    struct err e;
    bool is_empty;
    write_file(in_folder("no directory"), "");
    assert_int_equal(directory_is_empty(in_folder("no directory"), &is_empty, &e), ERR_IO);
    assert_non_null(strstr(e.text, "Not a directory"));
}

static void a_file_exists_or_not(void **state)
{
    (void)state;
    write_file(in_folder("here"), "");
    assert_true(file_exists(in_folder("here")));
    assert_true(file_exists(folder));
    assert_false(file_exists(in_folder("not here")));
}

struct join {
    const char *directory, *name, *path;
} joins[] = {
    {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}, {"", "b", "b"}, {".", "b/c", "./b/c"},
};

static void path_join_gives_the_path(void **state)
{
    const struct join *j = *state;
    char path[16];
    struct err e;
    assert_int_equal(path_join(path, sizeof path, j->directory, j->name, &e), 0);
    assert_string_equal(path, j->path);
}

static void path_join_refuses_what_does_not_fit(void **state)
{
    (void)state;
    char path[8];
    struct err e = {0};
    assert_int_equal(path_join(path, sizeof path, "abc", "def", &e), 0);
    assert_int_equal(e.code, 0);
    assert_int_equal(path_join(path, sizeof path, "abc", "defg", &e), ERR_NOINPUT);
    assert_string_equal(e.text, "abc/defg: the path is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_with_a_nul_behind_it),
        cmocka_unit_test(an_empty_file_is_read_as_no_bytes),
        cmocka_unit_test(a_file_over_the_limit_is_refused_with_both_sizes),
        cmocka_unit_test(a_missing_file_is_refused_by_name),
        cmocka_unit_test(a_directory_is_not_read_as_a_file),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(a_pipe_over_the_limit_is_refused),
        cmocka_unit_test(a_map_holds_the_bytes_of_the_file),
        cmocka_unit_test(a_map_of_an_empty_file_is_null_and_can_be_unmapped),
        cmocka_unit_test(a_directory_is_made_with_its_parents_and_may_exist),
        cmocka_unit_test(a_directory_below_a_file_is_refused),
        cmocka_unit_test(a_missing_directory_counts_as_empty_and_a_hidden_file_fills_one),
        cmocka_unit_test(what_is_no_directory_is_refused_when_asked_whether_it_is_empty),
        cmocka_unit_test(a_file_exists_or_not),
        {"path_join_gives_the_path: relative", path_join_gives_the_path, NULL, NULL, &joins[0]},
        {"path_join_gives_the_path: slash at the end", path_join_gives_the_path, NULL, NULL, &joins[1]},
        {"path_join_gives_the_path: absolute name", path_join_gives_the_path, NULL, NULL, &joins[2]},
        {"path_join_gives_the_path: root", path_join_gives_the_path, NULL, NULL, &joins[3]},
        {"path_join_gives_the_path: no directory", path_join_gives_the_path, NULL, NULL, &joins[4]},
        {"path_join_gives_the_path: folder in the name", path_join_gives_the_path, NULL, NULL, &joins[5]},
        cmocka_unit_test(path_join_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
