/* The picture of an id is the first file that exists, whatever it is called; nothing leads out of the folder, and a picture that is
 * missing, one that is bad, and a system that fails are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "made_pictures.h"
#include "temporary.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[PATH_MAX];
static struct picture_folder *folder;

static const char *path_of(const char *name)
{
    static char path[PATH_MAX + 256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, struct bytes b)
{
    struct err e = {0};
    if (file_write_bytes(path_of(name), b.data, b.size, &e)) fail_msg("%s", e.text);
    bytes_free(&b);
}

/* A file with a picture `width` wide, by which the tests know it. */
static void write_picture(const char *name, int width, struct bytes (*make)(const struct picture *))
{
    struct picture p = made_picture(width, 4);
    write_file(name, make(&p));
    picture_free(&p);
}

static struct bytes baseline(const struct picture *p)
{
    return made_jpeg(p, MADE_BASELINE);
}

static int make_everything(void **state)
{
    (void)state;
    struct err e = {0};
    if (temporary_folder(root)) return -1;
    if (directory_make(path_of("images/below"), &e) || directory_make(path_of("images/directory.jpg"), &e)) return -1;
    write_picture("images/all.webp", 8, made_webp);
    write_picture("images/all.png", 7, made_png);
    write_picture("images/all.jpeg", 6, baseline);
    write_picture("images/all.jpg", 5, baseline);
    write_picture("images/three.webp", 8, made_webp);
    write_picture("images/three.png", 7, made_png);
    write_picture("images/three.jpeg", 6, baseline);
    write_picture("images/two.webp", 8, made_webp);
    write_picture("images/two.png", 7, made_png);
    write_picture("images/one.webp", 8, made_webp);
    write_picture("images/other_content.jpg", 9, made_png);
    write_picture("images/O_2371.x-1.jpg", 10, baseline);
    write_picture("images/below/deep.png", 11, made_png);
    write_picture("outside.jpg", 12, baseline);
    write_file("images/bad.jpg", made_jpeg_of_size(65500, 65500));
    write_picture("images/bad.png", 7, made_png);
    if (mknod(path_of("images/socket.jpg"), S_IFSOCK | 0600, 0)) return -1;
    const int large = open(path_of("images/large.jpg"), O_WRONLY | O_CREAT, 0600);
    if (large < 0 || ftruncate(large, PICTURE_BYTES_MAX + 1)) return -1;
    close(large);
    if (mkfifo(path_of("images/pipe.jpg"), 0600) || symlink("../outside.jpg", path_of("images/out.jpg")) ||
        symlink("all.jpg", path_of("images/in.jpg")) || symlink("/dev/zero", path_of("images/zero.jpg")) ||
        symlink("..", path_of("images/up")))
        return -1;
    return picture_folder_open(path_of("images"), &folder, &e);
}

static int remove_everything(void **state)
{
    (void)state;
    picture_folder_close(folder);
    return temporary_remove(root);
}

struct row {
    const char *name; /* of the test */
    bool is_path;     /* for picture_read_file */
    const char *id;
    int width; /* of the picture, or 0 */
    int code;
    const char *message;
};

#define LONG_ID                                                                                                                            \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct row ROWS[] = {
    {"the .jpg comes first", false, "all", 5, 0, NULL},
    {"then the .jpeg", false, "three", 6, 0, NULL},
    {"then the .png", false, "two", 7, 0, NULL},
    {"then the .webp", false, "one", 8, 0, NULL},
    {"a PNG that is called .jpg is read", false, "other_content", 9, 0, NULL},
    {"an id may hold dots, dashes and underscores", false, "O_2371.x-1", 10, 0, NULL},
    {"a missing picture is ERR_NOINPUT", false, "absent", 0, ERR_NOINPUT, "images/absent: no such picture (.jpg, .jpeg, .png or .webp)"},
    {"the first that exists counts, bad or not", false, "bad", 0, ERR_DATA, "images/bad.jpg: a picture of 65500 x 65500"},
    {"a named pipe does not hang", false, "pipe", 0, ERR_DATA, "images/pipe.jpg: not a regular file"},
    {"a socket is no picture", false, "socket", 0, ERR_DATA, "images/socket.jpg: not a regular file"},
    {"a directory is no picture", false, "directory", 0, ERR_DATA, "images/directory.jpg: not a regular file"},
    {"a link out of the folder is not followed", false, "out", 0, ERR_DATA, "images/out.jpg: is a symbolic link, which is not followed"},
    {"nor one within", false, "in", 0, ERR_DATA, "images/in.jpg: is a symbolic link, which is not followed"},
    {"nor one to a device", false, "zero", 0, ERR_DATA, "images/zero.jpg: is a symbolic link, which is not followed"},
    {"a file of too many bytes is not read", false, "large", 0, ERR_DATA, "images/large.jpg: has"},
    {"an id that leads up is none", false, "../outside", 0, ERR_DATA, "\"../outside\" is no id of a picture"},
    {"an id with a slash is none", false, "below/deep", 0, ERR_DATA, "\"below/deep\" is no id of a picture"},
    {"an id with two dots is none", false, "a..b", 0, ERR_DATA, "\"a..b\" is no id of a picture"},
    {"an empty id is none", false, "", 0, ERR_DATA, "\"\" is no id of a picture"},
    {"an id with a blank is none", false, "a b", 0, ERR_DATA, "\"a b\" is no id of a picture"},
    {"an id of 130 characters is none", false, LONG_ID, 0, ERR_DATA, "is no id of a picture"},
    {"a path is read with its ending", true, "all.webp", 8, 0, NULL},
    {"a path may lead down", true, "below/deep.png", 11, 0, NULL},
    {"nor hold an empty name", true, "./below//deep.png", 0, ERR_DATA, "is no path of a picture"},
    {"a path may not lead up", true, "../outside.jpg", 0, ERR_DATA, "\"../outside.jpg\" is no path of a picture"},
    {"nor down and up", true, "below/../../outside.jpg", 0, ERR_DATA, "is no path of a picture"},
    {"nor through a link", true, "up/outside.jpg", 0, ERR_DATA, "images/up/outside.jpg: leads through a file or a symbolic link"},
    {"nor through a file", true, "all.jpg/x", 0, ERR_DATA, "images/all.jpg/x: leads through a file or a symbolic link"},
    {"an absolute path is refused", true, "/etc/passwd", 0, ERR_DATA, "\"/etc/passwd\" is no path of a picture"},
    {"an empty path is refused", true, "", 0, ERR_DATA, "\"\" is no path of a picture"},
    {"a folder is no picture", true, "below", 0, ERR_DATA, "images/below: not a regular file"},
    {"a path to nothing is ERR_NOINPUT", true, "below/absent.png", 0, ERR_NOINPUT, "images/below/absent.png: no such picture"},
};

static void it_is_read_or_refused_by_name(void **state)
{
    const struct row *r = *state;
    struct picture p = {0};
    struct err e = {0};
    const int code = r->is_path ? picture_read_file(folder, r->id, false, &p, &e) : picture_read(folder, r->id, false, &p, &e);
    if (code != r->code) fail_msg("gives %d and not %d: %s", code, r->code, e.text);
    assert_int_equal(p.width, r->width);
    assert_int_equal(e.code, code);
    if (r->message && !strstr(e.text, r->message)) fail_msg("\"%s\" does not hold \"%s\"", e.text, r->message);
    picture_free(&p);
}

/* But for what only the content tells. */
static void to_find_it_gives_the_same_answer(void **state)
{
    int compared = 0;
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row *r = &ROWS[i];
        struct err e = {0};
        if (r->is_path) continue;
        const int code = picture_find(folder, r->id, &e), expected = strcmp(r->id, "bad") == 0 ? 0 : r->code;
        if (code != expected || (code && !strstr(e.text, r->message))) fail_msg("%s: gives %d: %s", r->id, code, e.text);
        compared++;
    }
    assert_true(compared > 10);
}

static void a_file_without_permission_is_a_bad_picture(void **state)
{
    (void)state;
    struct picture p = {0};
    struct err e = {0};
    write_picture("images/locked.jpg", 5, baseline);
    assert_int_equal(chmod(path_of("images/locked.jpg"), 0), 0);
    if (!access(path_of("images/locked.jpg"), R_OK)) {
        print_message("root reads every file\n");
        skip();
    }
    assert_int_equal(picture_read(folder, "locked", false, &p, &e), ERR_DATA);
    assert_non_null(strstr(e.text, "images/locked.jpg: cannot open: Permission denied"));
}

static void a_system_that_fails_is_no_fault_of_the_picture(void **state)
{
    (void)state;
    struct rlimit limit;
    struct picture p = {0};
    struct err e = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int code = picture_read(folder, "all", false, &p, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(e.text, "images/all.jpg: cannot open: Too many open files"));
}

static void a_folder_that_is_not_there_is_said_so(void **state)
{
    (void)state;
    struct picture_folder *f = NULL;
    struct err e = {0};
    assert_int_equal(picture_folder_open(path_of("nowhere"), &f, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "nowhere: cannot open the folder of pictures: No such file or directory"));
    assert_int_equal(picture_folder_open(path_of("outside.jpg"), &f, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "outside.jpg: cannot open the folder of pictures: Not a directory"));
    assert_null(f);
}

int main(void)
{
    enum { N_ROWS = sizeof ROWS / sizeof *ROWS, N_SINGLE = 4 };
    struct CMUnitTest tests[N_SINGLE + N_ROWS] = {
        cmocka_unit_test(to_find_it_gives_the_same_answer),
        cmocka_unit_test(a_file_without_permission_is_a_bad_picture),
        cmocka_unit_test(a_system_that_fails_is_no_fault_of_the_picture),
        cmocka_unit_test(a_folder_that_is_not_there_is_said_so),
    };
    for (size_t i = 0; i < N_ROWS; i++)
        tests[N_SINGLE + i] = (struct CMUnitTest){
            .name = ROWS[i].name, .test_func = it_is_read_or_refused_by_name, .initial_state = (void *)(uintptr_t)&ROWS[i]};
    return cmocka_run_group_tests_name("folders of pictures", tests, make_everything, remove_everything);
}
