/* Features come back by id as they were given; a damaged record is refused by its id and the others are still read; damage of all else, and
 * a file that contradicts itself, is refused when it is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broken.h"
#include "checkpoint.h"
#include "feature_file.h"
#include "files.h"
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 3, N = 3 };
static const float first[2][WIDTH] = {{1, -2, 3}, {4, 5, 0x1p-149f}}, second[1][WIDTH] = {{7, 8, 9}}, third[3][WIDTH] = {{0}, {1}, {-0.0f}};
static const struct features_record records[N] = {{"10", 2, first[0]}, {"9", 1, second[0]}, {"O_1", 3, third[0]}};
static const struct features_source source = {
    .identity = "{\"encoder\": \"x\"}", .asked = "digest", .n_asked = 5, .n_bad = 1, .width = WIDTH};

static const char *write_features(const char *name, int n, const struct features_record *r)
{
    struct err e = {0};
    const char *path = in_folder(name);
    if (features_write(path, &source, n, r, &e)) fail_msg("%s", e.text);
    return path;
}

static struct features *open_features(const char *path)
{
    struct features *f = NULL;
    struct err e = {0};
    if (features_open(path, &f, &e)) fail_msg("%s", e.text);
    return f;
}

static void assert_record(const struct features *f, const struct features_record *r)
{
    int count;
    const float *values;
    struct err e = {0};
    if (features_find(f, r->id, &count, &values, &e)) fail_msg("%s", e.text);
    assert_int_equal(count, r->count);
    assert_memory_equal(values, r->values, (size_t)count * WIDTH * sizeof *values);
}

static void records_come_back_by_their_ids(void **state)
{
    (void)state;
    struct features *f = open_features(write_features("a.h5", N, records));
    for (int k = 0; k < N; k++) {
        assert_string_equal(features_id(f, k), records[k].id);
        assert_record(f, &records[k]);
    }
    assert_int_equal(features_count(f), N);
    assert_int_equal(features_tokens(f), 3);
    features_close(f);
}

static void a_file_says_where_its_records_come_from(void **state)
{
    (void)state;
    struct features *f = open_features(write_features("a.h5", N, records));
    const struct features_source s = features_source(f);
    assert_string_equal(s.identity, source.identity);
    assert_string_equal(s.asked, source.asked);
    assert_int_equal(s.n_asked, 5);
    assert_int_equal(s.n_bad, 1);
    assert_int_equal(s.width, WIDTH);
    features_close(f);
}

static void an_id_without_a_record_is_no_input(void **state)
{
    (void)state;
    int count;
    const float *values;
    struct err e = {0};
    struct features *f = open_features(write_features("a.h5", N, records));
    assert_refused(features_find(f, "8", &count, &values, &e), ERR_NOINPUT, &e, "no features of '8'", "a.h5");
    assert_int_equal(features_find(f, NULL, &count, &values, &e), ERR_NOINPUT);
    features_close(f);
}

static void a_file_of_no_record_is_read(void **state)
{
    (void)state;
    int count;
    const float *values;
    struct err e = {0};
    struct features *f = open_features(write_features("none.h5", 0, NULL));
    assert_int_equal(features_count(f), 0);
    assert_int_equal(features_tokens(f), 0);
    assert_int_equal(features_source(f).width, WIDTH);
    assert_int_equal(features_find(f, "10", &count, &values, &e), ERR_NOINPUT);
    features_close(f);
}

static void the_same_records_make_the_same_bytes(void **state)
{
    (void)state;
    char *a, *b;
    size_t a_size, b_size;
    struct err e = {0};
    assert_int_equal(file_read(write_features("a.h5", N, records), SIZE_MAX, &a, &a_size, &e), 0);
    assert_int_equal(file_read(write_features("b.h5", N, records), SIZE_MAX, &b, &b_size, &e), 0);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
}

/* ---- damage ---- */

/* How many records a file that opens has lost; each is refused by its id. */
static int count_damaged(const struct features *f)
{
    int damaged = 0, count;
    const float *values;
    for (int k = 0; k < N; k++) {
        struct err e = {0};
        const int code = features_find(f, records[k].id, &count, &values, &e);
        if (!code) continue;
        char named[64];
        snprintf(named, sizeof named, "the features of '%s' are damaged", records[k].id);
        assert_refused(code, ERR_DATA, &e, named, "--force");
        damaged++;
    }
    return damaged;
}

static void a_flipped_bit_costs_one_record_or_the_file(void **state)
{
    (void)state;
    char *good;
    size_t size, lost_records = 0;
    struct err e = {0};
    const char *path = write_features("flipped.h5", N, records);
    assert_int_equal(file_read(path, SIZE_MAX, &good, &size, &e), 0);
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t place = 0; place < size; place++) {
        struct features *f = NULL;
        const char flipped = (char)(good[place] ^ (1 << place % 8));
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)place), 1);
        const int code = features_open(path, &f, &e);
        if (code != ERR_DATA && (code || count_damaged(f) != 1)) fail_msg("byte %zu: code %d", place, code);
        lost_records += code == 0;
        features_close(f);
        assert_int_equal(pwrite(fd, good + place, 1, (off_t)place), 1);
    }
    assert_int_equal(lost_records, sizeof first + sizeof second + sizeof third);
    close(fd);
    free(good);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    char *good;
    size_t size;
    struct err e = {0};
    const char *path = write_features("cut.h5", N, records);
    assert_int_equal(file_read(path, SIZE_MAX, &good, &size, &e), 0);
    free(good);
    while (size-- > 0) {
        struct features *f = NULL;
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_equal(features_open(path, &f, &e), ERR_DATA);
        assert_null(f);
    }
}

static void a_checkpoint_is_no_file_of_features(void **state)
{
    (void)state;
    struct features *f = NULL;
    struct err e = {0};
    struct checkpoint_writer *w = checkpoint_new();
    checkpoint_add_integer(w, "format", 1);
    assert_int_equal(checkpoint_write(w, in_folder("model.h5"), NULL, &e), 0);
    checkpoint_discard(w);
    assert_refused(features_open(in_folder("model.h5"), &f, &e), ERR_DATA, &e, "no file of features", "nerve features");
}

static void a_file_that_is_not_there_is_no_input(void **state)
{
    (void)state;
    struct features *f = NULL;
    struct err e = {0};
    assert_refused(features_open(in_folder("absent.h5"), &f, &e), ERR_NOINPUT, &e, "absent.h5", "No such file");
}

/* ---- what is not written ---- */

static void a_number_that_is_not_finite_is_not_saved(void **state)
{
    (void)state;
    static const float broken[2][WIDTH] = {{1, 2, 3}, {4, NAN, 6}};
    struct err e = {0};
    assert_refused(features_write(in_folder("nan.h5"), &source, 1, &(struct features_record){"77", 2, broken[0]}, &e), ERR_CHECK, &e,
                   "'77'", "not finite");
    assert_false(file_exists(in_folder("nan.h5")));
}

static void ids_that_cannot_be_found_again_are_not_saved(void **state)
{
    (void)state;
    static const struct features_record WRONG[][2] = {
        {{"9", 1, second[0]}, {"10", 1, second[0]}}, /* out of order */
        {{"9", 1, second[0]}, {"9", 1, second[0]}},    {{"", 1, second[0]}, {"9", 1, second[0]}},
        {{"a", 1, second[0]}, {"b\nc", 1, second[0]}}, {{"a", 1, second[0]}, {"b", 0, second[0]}},
    };
    for (size_t k = 0; k < sizeof WRONG / sizeof *WRONG; k++) {
        struct err e = {0};
        assert_refused(features_write(in_folder("wrong.h5"), &source, 2, WRONG[k], &e), ERR_INTERNAL, &e, "record '", "wrong.h5");
    }
}

/* ---- whole files that contradict themselves ---- */

static const struct contradiction {
    const char *name, *message, *ids;
    int64_t version, records, rows, width, start[3];
} contradictions[] = {
    {"a_file_of_the_same_form_is_read", NULL, "a\nb\n", 1, 2, 3, WIDTH, {0, 1, 3}},
    {"a_later_version_is_named", "features of version 2: this program reads version 1", "a\nb\n", 2, 2, 3, WIDTH, {0, 1, 3}},
    {"fewer_ids_than_records", "fewer ids than records", "a\n", 1, 2, 3, WIDTH, {0, 1, 3}},
    {"more_ids_than_records", "more ids than records", "a\nb\nc\n", 1, 2, 3, WIDTH, {0, 1, 3}},
    {"ids_out_of_order", "its ids are not in order", "b\na\n", 1, 2, 3, WIDTH, {0, 1, 3}},
    {"an_id_twice", "its ids are not in order", "a\na\n", 1, 2, 3, WIDTH, {0, 1, 3}},
    {"a_record_without_rows", "a record has no rows of its own", "a\nb\n", 1, 2, 3, WIDTH, {0, 0, 3}},
    {"a_record_behind_the_end", "a record has no rows of its own", "a\nb\n", 1, 2, 3, WIDTH, {0, 1, 4}},
    {"a_record_before_the_start", "a record has no rows of its own", "a\nb\n", 1, 2, 3, WIDTH, {-1, 1, 3}},
    {"rows_in_front_of_all_records", "rows that are no record's", "a\nb\n", 1, 2, 3, WIDTH, {1, 2, 3}},
    {"rows_behind_all_records", "rows that are no record's", "a\nb\n", 1, 2, 3, WIDTH, {0, 1, 2}},
    {"more_records_than_starts", "/start", "a\nb\n", 1, 3, 3, WIDTH, {0, 1, 3}},
    {"more_rows_than_values", "/features", "a\nb\n", 1, 2, 4, WIDTH, {0, 1, 3}},
    {"another_width_than_the_values", "/features", "a\nb\n", 1, 2, 3, WIDTH + 1, {0, 1, 3}},
    {"a_negative_number_of_records", "records", "a\nb\n", 1, -1, 3, WIDTH, {0, 1, 3}},
};

static void contradiction_is_refused(void **state)
{
    const struct contradiction *c = *state;
    static const unsigned char digests[2][16];
    struct checkpoint_writer *w = checkpoint_new();
    struct features *f = NULL;
    struct err e = {0};
    checkpoint_add_array(w, "/features", ARRAY_F32, 2, (size_t[]){3, WIDTH}, third);
    checkpoint_add_array(w, "/start", ARRAY_I64, 1, (size_t[]){3}, c->start);
    checkpoint_add_array(w, "/digests", ARRAY_U8, 2, (size_t[]){2, 16}, digests);
    checkpoint_add_text(w, "ids", c->ids);
    checkpoint_add_text(w, "identity", "x");
    checkpoint_add_text(w, "asked", "x");
    checkpoint_add_integer(w, "features", c->version);
    checkpoint_add_integer(w, "records", c->records);
    checkpoint_add_integer(w, "rows", c->rows);
    checkpoint_add_integer(w, "width", c->width);
    checkpoint_add_integer(w, "n_asked", 2);
    checkpoint_add_integer(w, "n_bad", 0);
    assert_int_equal(checkpoint_write(w, in_folder("x.h5"), NULL, &e), 0);
    checkpoint_discard(w);
    const int code = features_open(in_folder("x.h5"), &f, &e);
    if (c->message)
        assert_refused(code, ERR_DATA, &e, c->message, "x.h5");
    else if (code)
        fail_msg("%s", e.text);
    features_close(f);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(records_come_back_by_their_ids),
        cmocka_unit_test(a_file_says_where_its_records_come_from),
        cmocka_unit_test(an_id_without_a_record_is_no_input),
        cmocka_unit_test(a_file_of_no_record_is_read),
        cmocka_unit_test(the_same_records_make_the_same_bytes),
        cmocka_unit_test(a_flipped_bit_costs_one_record_or_the_file),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_checkpoint_is_no_file_of_features),
        cmocka_unit_test(a_file_that_is_not_there_is_no_input),
        cmocka_unit_test(a_number_that_is_not_finite_is_not_saved),
        cmocka_unit_test(ids_that_cannot_be_found_again_are_not_saved),
    };
    enum { OWN = sizeof own / sizeof *own, CONTRADICTIONS = sizeof contradictions / sizeof *contradictions };
    struct CMUnitTest tests[OWN + CONTRADICTIONS];
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < CONTRADICTIONS; i++)
        tests[OWN + i] =
            (struct CMUnitTest){contradictions[i].name, contradiction_is_refused, NULL, NULL, (void *)(uintptr_t)&contradictions[i]};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
