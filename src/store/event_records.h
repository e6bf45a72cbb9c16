/* event_records.h - scalars over steps, in the files that TensorBoard reads: TFRecords of tensorflow.Event messages.
 *
 *   record   u64 length | u32 mask(crc(length)) | message | u32 mask(crc(message))        little-endian
 *   mask(c) = ((c >> 15) | (c << 17)) + 0xa282ead8        crc: CRC-32C (Castagnoli)
 *   Event    1: double wall_time   2: int64 step   3: string file_version   5: Summary
 *   Summary  1: Value, repeated: { 1: string tag   2: float simple_value }
 *
 * The first record of a file holds file_version "brain.Event:2". Source: tensorflow/core/lib/io/record_writer.h, core/util/event.proto,
 * core/framework/summary.proto. A reader looks for "tfevents" in a file's name.
 */
#ifndef STORE_EVENT_RECORDS_H
#define STORE_EVENT_RECORDS_H

#include <stddef.h>
#include <stdint.h>

struct event_scalar {
    const char *tag; /* at most EVENT_TAG_MAX bytes */
    double value;    /* stored as a float */
};
enum { EVENT_TAG_MAX = 200, EVENT_SCALARS_MAX = 32 };
enum { EVENT_RECORD_MAX = 64 + EVENT_SCALARS_MAX * (EVENT_TAG_MAX + 32) };

/* Each gives the record's size, at most EVENT_RECORD_MAX. */
size_t event_record_version(double wall_time, unsigned char record[EVENT_RECORD_MAX]); /* a file's first */
/* wall_time: seconds since 1970. step >= 0. */
size_t event_record_scalars(double wall_time, int64_t step, int n, const struct event_scalar *scalars,
                            unsigned char record[EVENT_RECORD_MAX]);

uint32_t crc32c(const void *data, size_t size);

#endif
