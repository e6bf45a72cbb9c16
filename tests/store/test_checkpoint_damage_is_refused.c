/* A checkpoint with a bit that is not as it was written, cut anywhere, grown, of another version or no checkpoint at all is refused with
 * what is wrong; so is a whole one that holds what checkpoints have not. No file but the checkpoint itself is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "checkpoint.h"
#include "container.h"
#include "files.h"
#include "foreign.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *good; /* the bytes of a small checkpoint */
static size_t good_size;

static int make_good(void **state)
{
    static const float values[3] = {1, 2, 3};
    struct err e;
    if (make_folder(state)) return -1;
    struct checkpoint_writer *w = checkpoint_new();
    checkpoint_add_array(w, "/a", ARRAY_F32, 1, (const size_t[]){3}, values);
    checkpoint_add_text(w, "t", "text");
    const int code = checkpoint_write(w, in_folder("good.h5"), NULL, &e);
    checkpoint_discard(w);
    return code || file_read(in_folder("good.h5"), SIZE_MAX, &good, &good_size, &e) ? -1 : 0;
}

static int remove_good(void **state)
{
    free(good);
    return remove_folder(state);
}

static void file_is_refused(const char *path, int wanted, const char *word)
{
    struct checkpoint *c = NULL;
    struct err e = {0};
    assert_refused(checkpoint_open(path, &c, &e), wanted, &e, word, path);
    assert_null(c);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    const char *path = write_file("flipped.h5", good, good_size);
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t place = 0; place < good_size; place++) {
        for (int bit = 0; bit < 8; bit++) {
            struct checkpoint *c = NULL;
            struct err e = {0};
            const char flipped = (char)(good[place] ^ (1 << bit));
            assert_int_equal(pwrite(fd, &flipped, 1, (off_t)place), 1);
            if (checkpoint_open(path, &c, &e) != ERR_DATA) fail_msg("bit %d of byte %zu: not refused", bit, place);
            assert_null(c);
        }
        assert_int_equal(pwrite(fd, good + place, 1, (off_t)place), 1);
    }
    close(fd);
    struct checkpoint *c = NULL;
    struct err e = {0};
    assert_int_equal(checkpoint_open(path, &c, &e), 0);
    checkpoint_close(c);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    const char *path = write_file("cut.h5", good, good_size);
    for (size_t size = good_size; size-- > 0;) {
        struct checkpoint *c = NULL;
        struct err e = {0};
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_equal(checkpoint_open(path, &c, &e), ERR_DATA);
        assert_null(c);
    }
}

static void a_cut_says_how_much_is_left(void **state)
{
    (void)state;
    char message[100];
    snprintf(message, sizeof message, "the checkpoint was cut short: %zu bytes where %zu were written; use another one", good_size - 513,
             good_size - 512);
    file_is_refused(write_file("cut.h5", good, good_size - 1), ERR_DATA, message);
}

static void a_byte_more_is_refused(void **state)
{
    (void)state;
    char *grown = calloc(good_size + 1, 1);
    assert_non_null(grown);
    memcpy(grown, good, good_size);
    file_is_refused(write_file("grown.h5", grown, good_size + 1), ERR_DATA, "the checkpoint has grown: ");
    free(grown);
}

static void refuse_changed_by(int step, size_t place, const char *message)
{
    char *changed = malloc(good_size);
    assert_non_null(changed);
    memcpy(changed, good, good_size);
    changed[place] = (char)(changed[place] + step);
    file_is_refused(write_file("changed.h5", changed, good_size), ERR_DATA, message);
    free(changed);
}

static void refuse_changed(size_t place, const char *message)
{
    refuse_changed_by(1, place, message);
}

static void another_version_is_named(void **state)
{
    (void)state;
    refuse_changed_by(CONTAINER_VERSION, 8, "a checkpoint in version 3 of the container; this program reads versions 1 to 2");
    refuse_changed_by(-1, 8, "a checkpoint in version 0 of the container; this program reads versions 1 to 2");
}

static void another_magic_is_no_checkpoint(void **state)
{
    (void)state;
    refuse_changed(0, "not a checkpoint of nerve");
}

static void damage_says_what_to_do(void **state)
{
    (void)state;
    refuse_changed(good_size - 1, "the checkpoint is damaged: its content is not what was written; use another one");
    refuse_changed(24, "the checkpoint is damaged");
    refuse_changed(511, "the checkpoint is damaged");
}

static void an_empty_file_is_no_checkpoint(void **state)
{
    (void)state;
    file_is_refused(write_file("empty.h5", "", 0), ERR_DATA, "not a checkpoint: it has 0 bytes");
}

static void a_plain_hdf5_file_is_no_checkpoint(void **state)
{
    (void)state;
    file_is_refused(write_file("plain.h5", good + CONTAINER_BLOCK, good_size - CONTAINER_BLOCK), ERR_DATA, "not a checkpoint");
}

static void a_directory_is_no_input(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(directory_make(in_folder("directory.h5"), &e), 0);
    file_is_refused(in_folder("directory.h5"), ERR_NOINPUT, "not a regular file");
}

static void a_file_that_is_not_there_is_no_input(void **state)
{
    (void)state;
    file_is_refused(in_folder("absent.h5"), ERR_NOINPUT, "No such file");
}

static const struct stranger {
    const char *name;
    int (*make)(const char *path, const char *other);
    const char *message;
} strangers[] = {
    {"values_in_chunks", foreign_chunked, "dataset \"/x\": its values do not lie in one piece in this file"},
    {"compressed_values", foreign_compressed, "dataset \"/x\": its values do not lie in one piece in this file"},
    {"values_in_the_header", foreign_compact, "dataset \"/x\": its values do not lie in one piece in this file"},
    {"values_in_another_file", foreign_external_values, "dataset \"/x\": its values do not lie in one piece in this file"},
    {"values_that_were_never_written", foreign_unallocated, "dataset \"/x\": its values are not all there"},
    {"values_out_of_line", foreign_unaligned, "its values are not aligned to 64 bytes"},
    {"half_precision", foreign_half_precision, "dataset \"/x\": its type is none that a checkpoint has"},
    {"the_other_order_of_bytes", foreign_big_endian, "dataset \"/x\": its type is none that a checkpoint has"},
    {"a_compound", foreign_compound, "dataset \"/x\": its type is none that a checkpoint has"},
    {"a_text_of_variable_length", foreign_variable_text, "dataset \"/x\": its type is none that a checkpoint has"},
    {"a_list_of_texts", foreign_list_of_texts, "dataset \"/x\": its shape is none that a checkpoint has"},
    {"nine_dimensions", foreign_nine_dimensions, "dataset \"/x\": its shape is none that a checkpoint has"},
    {"no_shape", foreign_without_a_shape, "dataset \"/x\": its shape is none that a checkpoint has"},
    {"what_is_not_hdf5", foreign_not_hdf5, "not HDF5 behind its first 512 bytes"},
    {"a_file_of_older_hdf5", foreign_old_form, "not HDF5 as a checkpoint has it: the superblock at byte 0 is not as it should be"},
    {"a_group_of_older_hdf5", foreign_old_group, "not HDF5 as a checkpoint has it: an object header at byte "},
    {"a_name_that_stands_twice", foreign_name_twice, "the checkpoint has \"/y\" twice"},
    {"a_group_in_itself", foreign_group_in_itself, "are too deep; do they hold each other?"},
};

static void stranger_is_refused(void **state)
{
    const struct stranger *s = *state;
    const char *path = in_folder("stranger.h5"), *other = write_file("other", good, good_size);
    assert_int_equal(s->make(path, other), 0);
    file_is_refused(path, ERR_DATA, s->message);
}

static const struct stranger links[] = {
    {"a_soft_link_is_not_followed", foreign_soft_link, ""},
    {"an_external_link_is_not_followed", foreign_external_link, ""},
};

static int count(void *context, const struct array *a, struct err *e)
{
    (void)e;
    ++*(int *)context;
    assert_string_equal(a->name, "/y");
    return 0;
}

static void link_is_not_followed(void **state)
{
    const struct stranger *s = *state;
    struct checkpoint *c = NULL;
    struct err e = {0};
    const void *data;
    int arrays = 0;
    const char *path = in_folder("link.h5");
    assert_int_equal(s->make(path, in_folder("beside.h5")), 0);
    if (checkpoint_open(path, &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(checkpoint_array(c, "/x", ARRAY_F32, 1, (const size_t[]){4}, &data, &e), ERR_DATA);
    assert_int_equal(checkpoint_each(c, "/", count, &arrays, &e), 0);
    assert_int_equal(arrays, s->make == foreign_external_link ? 0 : 1);
    checkpoint_close(c);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_cut_says_how_much_is_left),
        cmocka_unit_test(a_byte_more_is_refused),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(another_magic_is_no_checkpoint),
        cmocka_unit_test(damage_says_what_to_do),
        cmocka_unit_test(an_empty_file_is_no_checkpoint),
        cmocka_unit_test(a_plain_hdf5_file_is_no_checkpoint),
        cmocka_unit_test(a_directory_is_no_input),
        cmocka_unit_test(a_file_that_is_not_there_is_no_input),
    };
    enum { OWN = sizeof own / sizeof *own, STRANGERS = sizeof strangers / sizeof *strangers, LINKS = sizeof links / sizeof *links };
    struct CMUnitTest tests[OWN + STRANGERS + LINKS];
    size_t n = OWN;
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < STRANGERS; i++) {
        tests[n++] = (struct CMUnitTest){strangers[i].name, stranger_is_refused, NULL, NULL, (void *)(uintptr_t)&strangers[i]};
    }
    for (size_t i = 0; i < LINKS; i++)
        tests[n++] = (struct CMUnitTest){links[i].name, link_is_not_followed, NULL, NULL, (void *)(uintptr_t)&links[i]};
    return cmocka_run_group_tests(tests, make_good, remove_good);
}
