/* What a checkpoint was given comes back to the bit, aligned to 64 bytes; what it has not is refused by name; the same content makes the
 * same bytes; the file is HDF5 for everybody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "checkpoint.h"
#include "files.h"
#include "foreign.h"
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const float floats[2][3] = {{1.5f, -0.0f, INFINITY}, {0x1p-149f, NAN, 3}};
static const double doubles[4] = {0.1, -1e300, 0x1p-1074, 7};
static const int64_t wide[2] = {INT64_MIN, INT64_MAX};
static const int32_t narrow[3] = {INT32_MIN, 0, INT32_MAX};
static const unsigned char bytes[5] = {0, 1, 127, 128, 255};
static const char text[] = "line 1\nline 2: \xC3\xA9 \xF0\x9F\x98\x80\n";

static const struct stored {
    const char *path;
    enum array_type type;
    int rank;
    size_t dim[ARRAY_MAX_RANK];
    const void *data;
    size_t size; /* bytes */
} arrays[] = {
    {"/parameters/bert.embeddings.LayerNorm.weight", ARRAY_F32, 2, {2, 3}, floats, sizeof floats},
    {"/parameters/bert.embeddings.LayerNorm.bias", ARRAY_F32, 1, {6}, floats, sizeof floats},
    {"/optimizer/m/a", ARRAY_F64, 4, {1, 2, 1, 2}, doubles, sizeof doubles},
    {"/optimizer/m-b", ARRAY_F64, 1, {4}, doubles, sizeof doubles},
    {"/optimizer/v/deep/deeper/a", ARRAY_I64, 1, {2}, wide, sizeof wide},
    {"/order", ARRAY_I32, 8, {1, 1, 1, 3, 1, 1, 1, 1}, narrow, sizeof narrow},
    {"/bytes", ARRAY_U8, 1, {5}, bytes, sizeof bytes},
    {"/one", ARRAY_F32, 0, {0}, floats, sizeof floats[0][0]},
    {"/empty", ARRAY_F32, 2, {0, 3}, floats, 0},
};
enum { ARRAYS = sizeof arrays / sizeof *arrays };

static void add_array(struct checkpoint_writer *w, const struct stored *s)
{
    checkpoint_add_array(w, s->path, s->type, s->rank, s->dim, s->data);
}

static void add_all(struct checkpoint_writer *w)
{
    for (size_t i = 0; i < ARRAYS; i++) add_array(w, &arrays[i]);
    checkpoint_add_text(w, "config", text);
    checkpoint_add_text(w, "nothing", "");
    checkpoint_add_integer(w, "step", INT64_MIN);
    checkpoint_add_number(w, "best", (double)NAN);
}

static struct hash write_with(void (*fill)(struct checkpoint_writer *w), const char *name)
{
    struct err e = {0};
    struct hash digest = {0};
    struct checkpoint_writer *w = checkpoint_new();
    fill(w);
    if (checkpoint_write(w, in_folder(name), &digest, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    checkpoint_discard(w);
    return digest;
}

static struct checkpoint *open_it(const char *name)
{
    struct checkpoint *c = NULL;
    struct err e = {0};
    if (checkpoint_open(in_folder(name), &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    return c;
}

static void every_array_comes_back_to_the_bit_and_aligned(void **state)
{
    (void)state;
    const struct hash digest = write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    const struct hash read = checkpoint_digest(c);
    assert_memory_equal(digest.bytes, read.bytes, sizeof digest.bytes);
    for (size_t i = 0; i < ARRAYS; i++) {
        const struct stored *s = &arrays[i];
        const void *data = NULL;
        struct err e = {0};
        if (checkpoint_array(c, s->path, s->type, s->rank, s->dim, &data, &e)) fail_msg("%s", e.text);
        assert_non_null(data);
        assert_memory_equal(data, s->data, s->size);
        /* The map begins at a page, so that this is the place in the file too. */
        assert_int_equal((uintptr_t)data % 64, 0);
    }
    checkpoint_close(c);
}

static void texts_and_numbers_come_back(void **state)
{
    (void)state;
    struct err e = {0};
    char *read;
    int64_t integer;
    double number;
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_int_equal(checkpoint_text(c, "config", &read, &e), 0);
    assert_string_equal(read, text);
    free(read);
    assert_int_equal(checkpoint_text(c, "nothing", &read, &e), 0);
    assert_string_equal(read, "");
    free(read);
    assert_int_equal(checkpoint_integer(c, "step", &integer, &e), 0);
    assert_true(integer == INT64_MIN);
    assert_int_equal(checkpoint_number(c, "best", &number, &e), 0);
    assert_true(isnan(number));
    assert_int_equal(e.code, 0);
    checkpoint_close(c);
}

static char *long_text(void)
{
    const size_t size = 300 * 1000;
    char *t = malloc(size + 1);
    assert_non_null(t);
    for (size_t i = 0; i < size; i++) t[i] = (char)('a' + i % 26);
    t[size] = 0;
    return t;
}

static void add_long_text(struct checkpoint_writer *w)
{
    char *t = long_text();
    checkpoint_add_text(w, "vocabulary", t);
    free(t);
}

static void a_text_may_be_longer_than_an_attribute(void **state)
{
    (void)state;
    struct err e = {0};
    char *read, *wanted = long_text();
    write_with(add_long_text, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_int_equal(checkpoint_text(c, "vocabulary", &read, &e), 0);
    assert_string_equal(read, wanted);
    free(read);
    free(wanted);
    checkpoint_close(c);
}

static void add_nothing(struct checkpoint_writer *w)
{
    (void)w;
}

static int visit_nothing(void *context, const struct array *a, struct err *e)
{
    (void)context;
    return err_set(e, ERR_INTERNAL, "visited %s", a->name);
}

static void a_checkpoint_may_be_empty(void **state)
{
    (void)state;
    struct err e = {0};
    const void *data;
    write_with(add_nothing, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_int_equal(checkpoint_each(c, "/", visit_nothing, NULL, &e), 0);
    assert_refused(checkpoint_array(c, "/a", ARRAY_F32, 0, NULL, &data, &e), ERR_DATA, &e, "the checkpoint has no \"/a\"",
                   in_folder("a.h5"));
    checkpoint_close(c);
}

/* ---- names of what is missing or other ---- */

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    const void *data = NULL;
    char *read = NULL;
    int64_t integer;
    double number;
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    const char *path = in_folder("a.h5");
    assert_refused(checkpoint_array(c, "/parameters/absent", ARRAY_F32, 1, (const size_t[]){6}, &data, &e), ERR_DATA, &e,
                   "the checkpoint has no \"/parameters/absent\"", path);
    assert_refused(checkpoint_array(c, "/parameters", ARRAY_F32, 1, (const size_t[]){6}, &data, &e), ERR_DATA, &e, "has no \"/parameters\"",
                   path);
    assert_refused(checkpoint_text(c, "absent", &read, &e), ERR_DATA, &e, "has no \"/meta/absent\"", path);
    assert_refused(checkpoint_integer(c, "absent", &integer, &e), ERR_DATA, &e, "has no \"/meta/absent\"", path);
    assert_refused(checkpoint_number(c, "absent", &number, &e), ERR_DATA, &e, "has no \"/meta/absent\"", path);
    assert_null(data);
    assert_null(read);
    checkpoint_close(c);
}

static void another_shape_or_type_is_named_with_both(void **state)
{
    (void)state;
    static const char path[] = "/parameters/bert.embeddings.LayerNorm.weight";
    struct err e = {0};
    const void *data = NULL;
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_refused(checkpoint_array(c, path, ARRAY_F32, 2, (const size_t[]){3, 2}, &data, &e), ERR_DATA, &e, path,
                   "is F32 [2, 3], where F32 [3, 2] is wanted");
    assert_refused(checkpoint_array(c, path, ARRAY_F32, 1, (const size_t[]){6}, &data, &e), ERR_DATA, &e, path,
                   "is F32 [2, 3], where F32 [6] is wanted");
    assert_refused(checkpoint_array(c, path, ARRAY_I32, 2, (const size_t[]){2, 3}, &data, &e), ERR_DATA, &e, path,
                   "is F32 [2, 3], where I32 [2, 3] is wanted");
    assert_refused(checkpoint_array(c, "/meta/config", ARRAY_U8, 1, (const size_t[]){sizeof text - 1}, &data, &e), ERR_DATA, &e,
                   "\"/meta/config\"", "is a text, where U8 [");
    assert_null(data);
    checkpoint_close(c);
}

static void a_text_is_no_number_and_a_number_no_text(void **state)
{
    (void)state;
    struct err e = {0};
    char *read = NULL;
    int64_t integer = 7;
    double number = 7;
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_refused(checkpoint_text(c, "step", &read, &e), ERR_DATA, &e, "\"/meta/step\" is I64 [], where a text is wanted",
                   in_folder("a.h5"));
    assert_refused(checkpoint_integer(c, "config", &integer, &e), ERR_DATA, &e, "\"/meta/config\" is a text, where an integer is wanted",
                   "");
    assert_refused(checkpoint_integer(c, "best", &integer, &e), ERR_DATA, &e, "\"/meta/best\" is F64 [], where an integer is wanted", "");
    assert_refused(checkpoint_number(c, "step", &number, &e), ERR_DATA, &e, "\"/meta/step\" is I64 [], where a number is wanted", "");
    assert_null(read);
    assert_true(integer == 7 && number == 7);
    checkpoint_close(c);
}

/* ---- listing ---- */

static int list(void *context, const struct array *a, struct err *e)
{
    char *names = context, shape[ARRAY_SHAPE_TEXT];
    (void)e;
    sprintf(names + strlen(names), "%s %s %s %zu;", a->name, array_type_name(a->type), array_shape_text(a->rank, a->dim, shape), a->size);
    return 0;
}

static void arrays_below_a_group_are_listed_in_name_order(void **state)
{
    (void)state;
    struct err e = {0};
    char names[1000] = "";
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_int_equal(checkpoint_each(c, "/parameters", list, names, &e), 0);
    assert_string_equal(names,
                        "/parameters/bert.embeddings.LayerNorm.bias F32 [6] 6;/parameters/bert.embeddings.LayerNorm.weight F32 [2, 3] 6;");
    names[0] = 0;
    assert_int_equal(checkpoint_each(c, "/optimizer/m", list, names, &e), 0);
    assert_string_equal(names, "/optimizer/m/a F64 [1, 2, 1, 2] 4;");
    names[0] = 0;
    assert_int_equal(checkpoint_each(c, "/meta", list, names, &e), 0);
    assert_string_equal(names, "/meta/best F64 [] 1;/meta/step I64 [] 1;");
    names[0] = 0;
    assert_int_equal(checkpoint_each(c, "/", list, names, &e), 0);
    assert_non_null(strstr(names, "/empty F32 [0, 3] 0;"));
    names[0] = 0;
    assert_int_equal(checkpoint_each(c, "/absent", list, names, &e), 0);
    assert_string_equal(names, "");
    checkpoint_close(c);
}

static int count_one(void *context, const struct array *a, struct err *e)
{
    (void)a;
    (void)e;
    ++*(int *)context;
    return 0;
}

/* So many that libhdf5's tree of them has three levels, and blocks of its heap are cut once more. */
static void a_group_may_have_thousands_of_arrays(void **state)
{
    enum { MANY = 8000 };
    (void)state;
    struct checkpoint *c = NULL;
    struct err e = {0};
    int n = 0;
    assert_int_equal(foreign_many(in_folder("many.h5"), MANY), 0);
    if (checkpoint_open(in_folder("many.h5"), &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(checkpoint_each(c, "/g", count_one, &n, &e), 0);
    assert_int_equal(n, MANY);
    for (int i = 0; i < MANY; i++) {
        char name[120];
        const void *data;
        snprintf(name, sizeof name, "/g/a parameter with a long name, as they have in models of many layers: %06d", i);
        if (checkpoint_array(c, name, ARRAY_F32, 1, (const size_t[]){0}, &data, &e)) fail_msg("%s", e.text);
    }
    checkpoint_close(c);
}

static void a_visit_that_fails_ends_the_list(void **state)
{
    (void)state;
    struct err e = {0};
    write_with(add_all, "a.h5");
    struct checkpoint *c = open_it("a.h5");
    assert_refused(checkpoint_each(c, "/parameters", visit_nothing, NULL, &e), ERR_INTERNAL, &e,
                   "visited /parameters/bert.embeddings.LayerNorm.bias", "");
    checkpoint_close(c);
}

static void two_checkpoints_may_be_open_at_once(void **state)
{
    (void)state;
    struct err e = {0};
    const void *data;
    write_with(add_all, "a.h5");
    write_with(add_nothing, "b.h5");
    struct checkpoint *a = open_it("a.h5"), *b = open_it("b.h5"), *again = open_it("a.h5");
    assert_int_equal(checkpoint_array(a, "/bytes", ARRAY_U8, 1, (const size_t[]){5}, &data, &e), 0);
    assert_int_equal(checkpoint_array(again, "/bytes", ARRAY_U8, 1, (const size_t[]){5}, &data, &e), 0);
    assert_int_equal(checkpoint_array(b, "/bytes", ARRAY_U8, 1, (const size_t[]){5}, &data, &e), ERR_DATA);
    checkpoint_close(b);
    checkpoint_close(a);
    assert_memory_equal(data, bytes, sizeof bytes);
    checkpoint_close(again);
}

/* ---- the same bytes ---- */

static void add_all_backwards(struct checkpoint_writer *w)
{
    checkpoint_add_number(w, "best", (double)NAN);
    checkpoint_add_integer(w, "step", INT64_MIN);
    checkpoint_add_text(w, "nothing", "");
    checkpoint_add_text(w, "config", text);
    for (size_t i = ARRAYS; i-- > 0;) add_array(w, &arrays[i]);
}

static void next_second(void)
{
    const time_t now = time(NULL);
    while (time(NULL) == now) nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

static void the_same_content_makes_the_same_bytes_at_another_time_and_in_another_order(void **state)
{
    (void)state;
    char *first, *second;
    size_t first_size, second_size;
    struct err e;
    write_with(add_all, "a.h5");
    /* HDF5 counts its times in seconds. */
    next_second();
    write_with(add_all_backwards, "b.h5");
    assert_int_equal(file_read(in_folder("a.h5"), SIZE_MAX, &first, &first_size, &e), 0);
    assert_int_equal(file_read(in_folder("b.h5"), SIZE_MAX, &second, &second_size, &e), 0);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
}

/* ---- what a caller does wrong ---- */

static void add_twice(struct checkpoint_writer *w)
{
    add_array(w, &arrays[0]);
    add_array(w, &arrays[1]);
    add_array(w, &arrays[0]);
}

static void add_meta_twice(struct checkpoint_writer *w)
{
    checkpoint_add_integer(w, "step", 1);
    checkpoint_add_text(w, "step", "1");
}

static void add_below_an_array(struct checkpoint_writer *w)
{
    checkpoint_add_array(w, "/a", ARRAY_U8, 1, (const size_t[]){5}, bytes);
    checkpoint_add_array(w, "/a/b", ARRAY_U8, 1, (const size_t[]){5}, bytes);
}

static void add_half_precision(struct checkpoint_writer *w)
{
    checkpoint_add_array(w, "/half", ARRAY_F16, 1, (const size_t[]){1}, bytes);
}

static void add_nine_dimensions(struct checkpoint_writer *w)
{
    checkpoint_add_array(w, "/nine", ARRAY_U8, 9, (const size_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, bytes);
}

static void add_overflow(struct checkpoint_writer *w)
{
    checkpoint_add_array(w, "/large", ARRAY_F64, 1, (const size_t[]){SIZE_MAX / 4}, bytes);
}

static void add_name(struct checkpoint_writer *w, const char *path)
{
    checkpoint_add_array(w, path, ARRAY_U8, 1, (const size_t[]){5}, bytes);
}

static void add_relative(struct checkpoint_writer *w)
{
    add_name(w, "a/b");
}

static void add_group(struct checkpoint_writer *w)
{
    add_name(w, "/a/");
}

static void add_root(struct checkpoint_writer *w)
{
    add_name(w, "/");
}

static void add_no_name(struct checkpoint_writer *w)
{
    add_name(w, "");
}

static void add_two_slashes(struct checkpoint_writer *w)
{
    add_name(w, "/a//b");
}

static void add_dot(struct checkpoint_writer *w)
{
    add_name(w, "/a/./b");
}

static void add_dots(struct checkpoint_writer *w)
{
    add_name(w, "/a/../b");
}

static const struct array_piece halves[2] = {{bytes, 2}, {bytes + 2, 3}};

static void add_too_few_pieces(struct checkpoint_writer *w)
{
    checkpoint_add_pieces(w, "/pieces", ARRAY_U8, 1, (const size_t[]){5}, 1, halves);
}

static void add_pieces_twice(struct checkpoint_writer *w)
{
    checkpoint_add_pieces(w, "/pieces", ARRAY_U8, 1, (const size_t[]){5}, 2, halves);
    checkpoint_add_pieces(w, "/more", ARRAY_U8, 1, (const size_t[]){5}, 2, halves);
}

static const struct misuse {
    const char *name;
    void (*fill)(struct checkpoint_writer *w);
    const char *message;
} misuses[] = {
    {"an_array_twice", add_twice, "\"/parameters/bert.embeddings.LayerNorm.weight\" was added twice"},
    {"a_name_of_meta_twice", add_meta_twice, "\"/meta/step\" was added twice"},
    {"an_array_below_an_array", add_below_an_array, "HDF5 cannot make the group /a: "},
    {"a_type_that_is_not_stored", add_half_precision, "\"/half\" in a checkpoint: a type or rank that checkpoints have not"},
    {"a_rank_that_is_not_stored", add_nine_dimensions, "\"/nine\" in a checkpoint: a type or rank that checkpoints have not"},
    {"a_shape_that_overflows", add_overflow, "\"/large\" in a checkpoint: the product of its shape overflows"},
    {"a_path_without_a_slash", add_relative, "\"a/b\" in a checkpoint: not a path like /group/name"},
    {"a_path_that_ends_in_a_slash", add_group, "\"/a/\" in a checkpoint: not a path"},
    {"the_root_as_a_path", add_root, "\"/\" in a checkpoint: not a path"},
    {"an_empty_path", add_no_name, "\"\" in a checkpoint: not a path"},
    {"an_empty_name_in_a_path", add_two_slashes, "\"/a//b\" in a checkpoint: not a path"},
    {"pieces_of_another_size", add_too_few_pieces, "\"/pieces\" in a checkpoint: its pieces are not of its size"},
    {"two_arrays_in_pieces", add_pieces_twice, "\"/more\" in a checkpoint: another array is in pieces already"},
    {"a_dot_in_a_path", add_dot, "\"/a/./b\" in a checkpoint: not a path"},
    {"two_dots_in_a_path", add_dots, "\"/a/../b\" in a checkpoint: not a path"},
};

static void misuse_is_named_when_it_is_written(void **state)
{
    const struct misuse *m = *state;
    struct err e = {0};
    struct checkpoint_writer *w = checkpoint_new();
    const int files = count_files();
    const char *path = in_folder("misuse.h5");
    m->fill(w);
    assert_refused(checkpoint_write(w, path, NULL, &e), ERR_INTERNAL, &e, m->message, path);
    checkpoint_discard(w);
    assert_int_equal(count_files(), files);
}

/* ---- memory ---- */

static void a_large_array_is_written_without_a_copy_of_it(void **state)
{
    (void)state;
    enum { MIB = 1024 * 1024, LARGE = 100, LITTLE = 16 };
    struct rusage before, after;
    struct err e = {0};
    const size_t dim[1] = {(size_t)LARGE * MIB / sizeof(float)};
    float *x = malloc(dim[0] * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < dim[0]; i++) x[i] = (float)i;
    struct checkpoint_writer *w = checkpoint_new();
    checkpoint_add_array(w, "/large", ARRAY_F32, 1, dim, x);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(checkpoint_write(w, in_folder("large.h5"), NULL, &e), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true((after.ru_maxrss - before.ru_maxrss) * 1024 <= (long)LITTLE * MIB);
    checkpoint_discard(w);
    struct checkpoint *c = open_it("large.h5");
    const void *data;
    assert_int_equal(checkpoint_array(c, "/large", ARRAY_F32, 1, dim, &data, &e), 0);
    assert_true(!memcmp(data, x, dim[0] * sizeof *x));
    checkpoint_close(c);
    free(x);
}

/* ---- the programs of others ---- */

static void h5dump_shows_it(void **state)
{
    (void)state;
    char command[PATH_MAX + 100], output[20000];
    write_with(add_all, "a.h5");
    snprintf(command, sizeof command, "h5dump -H '%s' 2>&1", in_folder("a.h5"));
    FILE *p = popen(command, "r");
    assert_non_null(p);
    const size_t size = fread(output, 1, sizeof output - 1, p);
    output[size] = 0;
    assert_int_equal(pclose(p), 0);
    assert_non_null(strstr(output, "GROUP \"parameters\""));
    assert_non_null(strstr(output, "DATASET \"bert.embeddings.LayerNorm.weight\""));
    assert_non_null(strstr(output, "H5T_IEEE_F32LE"));
    assert_non_null(strstr(output, "{ ( 2, 3 ) / ( 2, 3 ) }"));
}

static const char python[] = "import h5py, sys\n"
                             "f = h5py.File(sys.argv[1], 'r')\n"
                             "assert f['/optimizer/m/a'].shape == (1, 2, 1, 2)\n"
                             "assert f['/optimizer/m/a'][0, 1, 0, 1] == 7 and f['/optimizer/m/a'][0, 0, 0, 0] == 0.1\n"
                             "assert f['/order'][()].ravel().tolist() == [-2**31, 0, 2**31 - 1]\n"
                             "assert f['/bytes'][()].tolist() == [0, 1, 127, 128, 255]\n"
                             "assert f['/empty'].shape == (0, 3)\n"
                             "assert f['/meta/step'][()] == -2**63\n"
                             "assert f['/meta/nothing'][()] == b''\n"
                             "assert f['/meta/config'][()].decode() == 'line 1\\nline 2: \\u00e9 \\U0001f600\\n'\n"
                             "assert f['/parameters/bert.embeddings.LayerNorm.weight'][0, 0] == 1.5\n";

static void h5py_reads_it(void **state)
{
    (void)state;
    char command[2 * PATH_MAX + 100];
    write_with(add_all, "a.h5");
    write_file("read.py", python, sizeof python - 1);
    snprintf(command, sizeof command, "/usr/bin/python3 '%s' '%s'", in_folder("read.py"), in_folder("a.h5"));
    assert_int_equal(system(command), 0);
}

/* A program that the machine has not is no test of it. */
static bool has(const char *command, const char *program)
{
    const bool is_there = system(command) == 0;
    if (!is_there) fprintf(stderr, "%s is not installed: no test of it\n", program);
    return is_there;
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(every_array_comes_back_to_the_bit_and_aligned),
        cmocka_unit_test(texts_and_numbers_come_back),
        cmocka_unit_test(a_text_may_be_longer_than_an_attribute),
        cmocka_unit_test(a_checkpoint_may_be_empty),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(another_shape_or_type_is_named_with_both),
        cmocka_unit_test(a_text_is_no_number_and_a_number_no_text),
        cmocka_unit_test(arrays_below_a_group_are_listed_in_name_order),
        cmocka_unit_test(a_group_may_have_thousands_of_arrays),
        cmocka_unit_test(a_visit_that_fails_ends_the_list),
        cmocka_unit_test(two_checkpoints_may_be_open_at_once),
        cmocka_unit_test(the_same_content_makes_the_same_bytes_at_another_time_and_in_another_order),
        cmocka_unit_test(a_large_array_is_written_without_a_copy_of_it),
    };
    enum { OWN = sizeof own / sizeof *own, MISUSES = sizeof misuses / sizeof *misuses, PROGRAMS = 2 };
    struct CMUnitTest tests[OWN + MISUSES + PROGRAMS];
    size_t n = OWN;
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < MISUSES; i++) {
        tests[n++] = (struct CMUnitTest){misuses[i].name, misuse_is_named_when_it_is_written, NULL, NULL, (void *)(uintptr_t)&misuses[i]};
    }
    if (has("h5dump --version >/dev/null 2>&1", "h5dump")) tests[n++] = (struct CMUnitTest)cmocka_unit_test(h5dump_shows_it);
    if (has("/usr/bin/python3 -c 'import h5py' 2>/dev/null", "h5py")) tests[n++] = (struct CMUnitTest)cmocka_unit_test(h5py_reads_it);
    return _cmocka_run_group_tests("checkpoint", tests, n, make_folder, remove_folder);
}
