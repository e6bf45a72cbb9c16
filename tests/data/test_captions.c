/* A captions file as captions.h says: what an id and a caption are, and which line is wrong where one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "captions.h"
#include "files.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static char folder[PATH_MAX], path[PATH_MAX + 16];

static int read_bytes(const char *text, size_t size, struct captions *c, struct err *e)
{
    struct err failed = {0};
    if (file_write_bytes(path, text, size, &failed)) fail_msg("%s", failed.text);
    return captions_read(path, c, e);
}

struct found {
    const char *name, *text, *id, *caption; /* caption NULL: there is none */
};
static const struct found FOUND[] = {
    {"a line of the Twitter sets", "17_06_1.jpg :a man in a hat\n", "17_06_1", "a man in a hat"},
    {"the last line without an end", "a.jpg :x\nb.jpg :y", "b", "y"},
    {"CR before LF is none of it", "a.jpg :x\r\nb.jpg :y\r\n", "a", "x"},
    {"blanks around the caption are none of it", "a.jpg : \t x y \t\n", "a", "x y"},
    {"a caption that holds the mark", "a.jpg :x :y : z\n", "a", "x :y : z"},
    {"any extension", "a.webp :x\n", "a", "x"},
    {"no extension", "a :x\n", "a", "x"},
    {"the last extension alone", "a.b.jpg :x\n", "a.b", "x"},
    {"an id that begins with a point", ".jpg :x\n", ".jpg", "x"},
    {"lines in any order", "c.jpg :3\na.jpg :1\nb.jpg :2\n", "b", "2"},
    {"empty lines between", "\n \t\na.jpg :x\n\n", "a", "x"},
    {"letters beyond ASCII", "a.jpg :caf\xC3\xA9 \xF0\x9F\x99\x82\n", "a", "caf\xC3\xA9 \xF0\x9F\x99\x82"},
    {"a caption without a character is none", "a.jpg :\nb.jpg :x\n", "a", NULL},
    {"a caption of blanks is none", "a.jpg :  \nb.jpg :x\n", "a", NULL},
    {"an id that is not there", "a.jpg :x\n", "b", NULL},
    {"an id with its extension is another", "a.jpg :x\n", "a.jpg", NULL},
    {"letters have their case", "A.jpg :x\n", "a", NULL},
    {"no id", "a.jpg :x\n", NULL, NULL},
    {"a file of nothing", "", "a", NULL},
    {"empty lines alone", "\n\n \n", "a", NULL},
};
static void id_has_its_caption(void **state)
{
    const struct found *f = *state;
    struct captions c;
    struct err e = {0};
    if (read_bytes(f->text, strlen(f->text), &c, &e)) fail_msg("%s", e.text);
    const char *text = captions_find(&c, f->id);
    if (!text != !f->caption || (text && strcmp(text, f->caption) != 0)) fail_msg("found '%s'", text ? text : "nothing");
    captions_free(&c);
    assert_null(captions_find(&c, f->id));
}

struct wrong {
    const char *name, *text;
    size_t size; /* 0: as a text */
    int line;
    const char *why;
};
static const struct wrong WRONG[] = {
    {"no mark", "a.jpg :x\nb.jpg y\n", 0, 2, "a line is `<id>.jpg :caption`, not 'b.jpg y'"},
    {"a mark without the blank", "a.jpg:x\n", 0, 1, "a line is `<id>.jpg :caption`"},
    {"no id", " :x\n", 0, 1, "a line is `<id>.jpg :caption`"},
    {"an id that stands twice", "a.jpg :x\nb.jpg :y\na.jpg :z\n", 0, 3, "'a' has a caption on line 1 already"},
    {"an id that stands twice, otherwise named", "a.jpg :x\na.png :y\n", 0, 2, "'a' has a caption on line 1 already"},
    {"bytes that are no text", "a.jpg :x\nb.jpg :\xFF\n", 0, 2, "byte 8 is not valid UTF-8"},
    {"a NUL", "a.jpg :x\nb.jpg :y\0z\n", 20, 2, "byte 9 is not valid UTF-8"},
};
static void wrong_line_is_named(void **state)
{
    const struct wrong *w = *state;
    struct captions c = {.n = 77};
    struct err e = {0};
    char front[PATH_MAX + 64];
    assert_int_equal(read_bytes(w->text, w->size ? w->size : strlen(w->text), &c, &e), ERR_DATA);
    snprintf(front, sizeof front, "%s:%d: ", path, w->line);
    if (strncmp(e.text, front, strlen(front)) != 0 || !strstr(e.text, w->why)) fail_msg("%s", e.text);
    assert_int_equal(c.n, 77);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct captions c;
    struct err e = {0};
    assert_int_equal(captions_read("/no/such/captions.txt", &c, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "/no/such/captions.txt"));
}

/* More than any first room, in the order that is worst for it. */
static void each_of_many_is_found(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static char text[MANY * 32];
    struct captions c;
    struct err e = {0};
    char *at = text;
    for (int i = MANY; i-- > 0;) at += sprintf(at, "id%d.jpg :caption %d\n", i, i);
    if (read_bytes(text, (size_t)(at - text), &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(c.n, MANY);
    for (int i = 0; i < MANY; i++) {
        char id[16], expected[32];
        snprintf(id, sizeof id, "id%d", i);
        snprintf(expected, sizeof expected, "caption %d", i);
        const char *found = captions_find(&c, id);
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
    captions_free(&c);
}

static int begin(void **state)
{
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(path, sizeof path, "%s/captions.txt", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    enum { N_FOUND = sizeof FOUND / sizeof *FOUND, N_WRONG = sizeof WRONG / sizeof *WRONG };
    struct CMUnitTest tests[2 + N_FOUND + N_WRONG] = {
        cmocka_unit_test(a_file_that_is_not_there_is_told),
        cmocka_unit_test(each_of_many_is_found),
    };
    struct CMUnitTest *at = tests + 2;
    for (size_t i = 0; i < N_FOUND; i++)
        *at++ = (struct CMUnitTest){.name = FOUND[i].name, .test_func = id_has_its_caption, .initial_state = (void *)(uintptr_t)&FOUND[i]};
    for (size_t i = 0; i < N_WRONG; i++)
        *at++ = (struct CMUnitTest){.name = WRONG[i].name, .test_func = wrong_line_is_named, .initial_state = (void *)(uintptr_t)&WRONG[i]};
    return cmocka_run_group_tests_name("captions", tests, begin, end);
}
