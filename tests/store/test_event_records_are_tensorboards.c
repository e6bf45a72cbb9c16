/* Event files, read back by a reader that shares no code with the writer. */
#include "event_records.h"
#include "events.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static void the_sum_is_castagnolis(void **state)
{
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(bytes, 32), 0x46DD794E);
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
    assert_int_equal(crc32c("", 0), 0);
}

/* The first record of a file as TensorFlow 2 wrote it, at wall time 1. */
static void the_first_record_is_the_known_one(void **state)
{
    (void)state;
    static const unsigned char HEAD[] = {24, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char MESSAGE[] = {9,   0,   0,   0,   0,   0,   0,   240, 63,  26,  13,  'b',
                                            'r', 'a', 'i', 'n', '.', 'E', 'v', 'e', 'n', 't', ':', '2'};
    unsigned char record[EVENT_RECORD_MAX];
    assert_int_equal(event_record_version(1, record), 8 + 4 + sizeof MESSAGE + 4);
    assert_memory_equal(record, HEAD, sizeof HEAD);
    assert_memory_equal(record + 12, MESSAGE, sizeof MESSAGE);
    /* The masked sum of a length of 24, with which every event file begins. */
    static const unsigned char SUM[] = {0xA3, 0x7F, 0x4B, 0x22};
    assert_memory_equal(record + 8, SUM, sizeof SUM);
}

static void scalars_come_back(void **state)
{
    (void)state;
    unsigned char file[3 * EVENT_RECORD_MAX];
    char names[EVENT_SCALARS_MAX][EVENT_TAG_MAX + 1];
    struct event_scalar many[EVENT_SCALARS_MAX];
    struct events_record r;
    const int64_t large = INT64_C(1) << 40;
    const struct event_scalar two[] = {{"train/loss", 0.1}, {"train/norm", -3e30}};
    for (int i = 0; i < EVENT_SCALARS_MAX; i++) {
        memset(names[i], 'a' + i % 26, EVENT_TAG_MAX);
        snprintf(names[i] + EVENT_TAG_MAX - 4, 5, "%04d", i);
        many[i] = (struct event_scalar){names[i], i};
    }
    size_t size = event_record_scalars(1.5, large, 2, two, file), at = 0;
    size += event_record_scalars(2.5, 0, 0, NULL, file + size);
    size += event_record_scalars(3.5, 127, EVENT_SCALARS_MAX, many, file + size);

    assert_true(events_next(file, size, &at, &r));
    assert_true(r.wall_time == 1.5);
    assert_true(r.step == large);
    assert_int_equal(r.n, 2);
    assert_true(events_value(&r, "train/loss") == (double)0.1f);
    assert_true(events_value(&r, "train/norm") == (double)-3e30f);
    assert_true(events_next(file, size, &at, &r));
    assert_int_equal(r.n, 0);
    assert_int_equal(r.step, 0);
    assert_true(events_next(file, size, &at, &r));
    assert_int_equal(r.n, EVENT_SCALARS_MAX);
    for (int i = 0; i < EVENT_SCALARS_MAX; i++) assert_true(events_value(&r, names[i]) == i);
    assert_false(events_next(file, size, &at, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_castagnolis),
        cmocka_unit_test(the_first_record_is_the_known_one),
        cmocka_unit_test(scalars_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
