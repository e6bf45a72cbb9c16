/* What checkpoint_write_plain makes is an HDF5 file from its first byte on, with every array and text of the checkpoint to the bit, the
 * same bytes each time; checkpoint_open refuses it with what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "checkpoint.h"
#include "files.h"
#include "skeleton.h"
#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const float floats[] = {1.5f, -0.0f, INFINITY, 0x1p-149f, NAN, 3};
static const unsigned char bytes[] = {0, 1, 127, 128, 255};
static const char text[] = "line 1\nline 2: \xC3\xA9\n";

static struct checkpoint *make_checkpoint(const char *name)
{
    struct err e = {0};
    struct checkpoint *c = NULL;
    struct checkpoint_writer *w = checkpoint_new();
    checkpoint_add_array(w, "/parameters/a.weight", ARRAY_F32, 2, (const size_t[]){2, 3}, floats);
    checkpoint_add_array(w, "/parameters/a.bias", ARRAY_F32, 1, (const size_t[]){0}, floats);
    checkpoint_add_array(w, "/optimizer/m/a.weight", ARRAY_U8, 1, (const size_t[]){sizeof bytes}, bytes);
    checkpoint_add_text(w, "config", text);
    checkpoint_add_text(w, "nothing", "");
    checkpoint_add_integer(w, "step", INT64_MIN);
    checkpoint_add_number(w, "best", 0.1);
    if (checkpoint_write(w, in_folder(name), NULL, &e) || checkpoint_open(in_folder(name), &c, &e)) fail_msg("%s", e.text);
    checkpoint_discard(w);
    return c;
}

static void write_plain(const struct checkpoint *c, const char *name)
{
    struct err e = {0};
    if (checkpoint_write_plain(c, in_folder(name), &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
}

struct comparison {
    const struct checkpoint *checkpoint;
    int arrays, texts;
};

static int compare(void *context, const struct entry *entry, struct err *e)
{
    struct comparison *x = context;
    const struct array *a = &entry->array;
    static const char meta[] = "/meta/";
    if (entry->is_text) {
        char *wanted;
        if (checkpoint_text(x->checkpoint, a->name + strlen(meta), &wanted, e)) return e->code;
        assert_true(strlen(wanted) == a->size || (a->size == 1 && !*wanted));
        assert_memory_equal(a->data, wanted, strlen(wanted));
        free(wanted);
        x->texts++;
        return 0;
    }
    const void *wanted;
    if (checkpoint_array(x->checkpoint, a->name, a->type, a->rank, a->dim, &wanted, e)) return e->code;
    assert_memory_equal(a->data, wanted, a->size * array_type_size(a->type));
    x->arrays++;
    return 0;
}

static void everything_is_in_it_to_the_bit(void **state)
{
    (void)state;
    struct checkpoint *c = make_checkpoint("a.h5");
    struct comparison x = {.checkpoint = c};
    struct file_map map;
    struct err e = {0};
    write_plain(c, "plain.h5");
    if (file_map(in_folder("plain.h5"), &map, &e)) fail_msg("%s", e.text);
    assert_memory_equal(map.data, "\x89HDF\r\n\x1a\n", 8);
    if (skeleton_read(map.data, map.size, 0, "plain.h5", compare, &x, &e)) fail_msg("%s", e.text);
    assert_int_equal(x.arrays, 5);
    assert_int_equal(x.texts, 2);
    file_unmap(&map);
    checkpoint_close(c);
}

static void the_same_checkpoint_makes_the_same_bytes(void **state)
{
    (void)state;
    struct checkpoint *c = make_checkpoint("a.h5");
    struct err e = {0};
    char *first = NULL, *second = NULL;
    size_t first_size = 0, second_size = 0;
    write_plain(c, "one.h5");
    write_plain(c, "two.h5");
    if (file_read(in_folder("one.h5"), SIZE_MAX, &first, &first_size, &e) ||
        file_read(in_folder("two.h5"), SIZE_MAX, &second, &second_size, &e))
        fail_msg("%s", e.text);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
    checkpoint_close(c);
}

static void it_is_refused_as_a_checkpoint_with_what_to_do(void **state)
{
    (void)state;
    struct checkpoint *c = make_checkpoint("a.h5"), *opened = NULL;
    struct err e = {0};
    write_plain(c, "plain.h5");
    assert_refused(checkpoint_open(in_folder("plain.h5"), &opened, &e), ERR_DATA, &e, "plain HDF5 without a checkpoint's digest",
                   "give it the checkpoint itself");
    assert_non_null(strstr(e.text, in_folder("plain.h5")));
    /* The signature alone says the same of a file that is shorter than a block. */
    assert_refused(checkpoint_open(write_file("short.h5", "\x89HDF\r\n\x1a\n", 8), &opened, &e), ERR_DATA, &e, "plain HDF5", "short.h5");
    assert_null(opened);
    checkpoint_close(c);
}

static void a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    struct checkpoint *c = make_checkpoint("a.h5");
    struct err e = {0};
    const struct rlimit none = {16, RLIM_INFINITY};
    struct rlimit before;
    const int files = count_files();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const int code = checkpoint_write_plain(c, in_folder("never.h5"), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_refused(code, ERR_IO, &e, "never.h5", "cannot write");
    assert_int_equal(count_files(), files);
    checkpoint_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_in_it_to_the_bit),
        cmocka_unit_test(the_same_checkpoint_makes_the_same_bytes),
        cmocka_unit_test(it_is_refused_as_a_checkpoint_with_what_to_do),
        cmocka_unit_test(a_failed_write_leaves_nothing),
    };
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write() then */
    return cmocka_run_group_tests_name("plain hdf5", tests, make_folder, remove_folder);
}
