/* A picture that is written is a PNG with these pixels, the same bytes each time, and whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "picture.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[PATH_MAX];

static const char *path_of(const char *name)
{
    static char path[2][PATH_MAX + 64];
    static unsigned next;
    char *p = path[next++ % 2];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static struct picture coloured(int width, int height)
{
    struct picture p = {.width = width, .height = height, .rgb = malloc((size_t)width * (size_t)height * 3)};
    assert_non_null(p.rgb);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint8_t *at = p.rgb + ((size_t)y * (size_t)width + (size_t)x) * 3;
            at[0] = (uint8_t)(x * 7 + y);
            at[1] = (uint8_t)(y * 11);
            at[2] = (uint8_t)(x * x + 3 * y);
        }
    }
    return p;
}

static void the_same_pixels_give_the_same_bytes(void **state)
{
    (void)state;
    struct picture p = coloured(31, 17);
    struct err e = {0};
    char *first = NULL, *second = NULL;
    size_t n_first = 0, n_second = 0;
    if (picture_write_png(path_of("a.png"), &p, &e) || picture_write_png(path_of("b.png"), &p, &e)) fail_msg("%s", e.text);
    if (file_read(path_of("a.png"), 1 << 20, &first, &n_first, &e) || file_read(path_of("b.png"), 1 << 20, &second, &n_second, &e))
        fail_msg("%s", e.text);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    assert_memory_equal(first, "\x89PNG\r\n\x1a\n", 8);
    free(first);
    free(second);
    picture_free(&p);
}

static void a_folder_that_is_not_there_is_an_error_with_the_path(void **state)
{
    (void)state;
    struct picture p = coloured(2, 2);
    struct err e = {0};
    assert_int_equal(picture_write_png(path_of("none/a.png"), &p, &e), ERR_IO);
    assert_non_null(strstr(e.text, "none/a.png: cannot open its directory"));
    picture_free(&p);
}

static void a_picture_without_pixels_is_refused(void **state)
{
    (void)state;
    struct picture p = {0};
    struct err e = {0};
    assert_int_equal(picture_write_png(path_of("empty.png"), &p, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "empty.png: libpng cannot write the picture"));
    assert_false(file_exists(path_of("empty.png")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_pixels_give_the_same_bytes),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error_with_the_path),
        cmocka_unit_test(a_picture_without_pixels_is_refused),
    };
    if (temporary_folder(root)) return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temporary_remove(root);
    return failed;
}
