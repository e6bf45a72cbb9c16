#include "event_records.h"
#include <string.h>

/* Bit by bit: a record is a few hundred bytes. */
uint32_t crc32c(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint32_t c = ~UINT32_C(0);
    for (size_t i = 0; i < size; i++) {
        c ^= bytes[i];
        for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? UINT32_C(0x82F63B78) : 0);
    }
    return ~c;
}

/* ---- little-endian numbers and protocol buffers ---- */

static unsigned char *put_fixed(unsigned char *at, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++) *at++ = (unsigned char)(x >> 8 * i);
    return at;
}

static unsigned char *put_varint(unsigned char *at, uint64_t x)
{
    for (; x >= 0x80; x >>= 7) *at++ = (unsigned char)(0x80 | (x & 0x7F));
    *at++ = (unsigned char)x;
    return at;
}

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static unsigned char *put_key(unsigned char *at, unsigned field, enum wire wire)
{
    return put_varint(at, field << 3 | wire);
}

static unsigned char *put_bytes(unsigned char *at, unsigned field, const void *data, size_t size)
{
    at = put_varint(put_key(at, field, WIRE_BYTES), size);
    memcpy(at, data, size);
    return at + size;
}

static unsigned char *put_double(unsigned char *at, unsigned field, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return put_fixed(put_key(at, field, WIRE_FIXED64), bits, 8);
}

static unsigned char *put_float(unsigned char *at, unsigned field, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return put_fixed(put_key(at, field, WIRE_FIXED32), bits, 4);
}

/* ---- records ---- */

static unsigned char *put_crc(unsigned char *at, const void *data, size_t size)
{
    uint32_t c = crc32c(data, size);
    return put_fixed(at, (uint32_t)((c >> 15 | c << 17) + UINT32_C(0xA282EAD8)), 4);
}

static size_t frame(const unsigned char *message, size_t size, unsigned char *record)
{
    unsigned char *at = put_crc(put_fixed(record, size, 8), record, 8);
    memcpy(at, message, size);
    return (size_t)(put_crc(at + size, message, size) - record);
}

size_t event_record_version(double wall_time, unsigned char record[EVENT_RECORD_MAX])
{
    static const char VERSION[] = "brain.Event:2";
    unsigned char message[64], *at = put_double(message, 1, wall_time);
    at = put_bytes(at, 3, VERSION, strlen(VERSION));
    return frame(message, (size_t)(at - message), record);
}

static size_t put_value(const struct event_scalar *s, unsigned char *value)
{
    unsigned char *at = put_bytes(value, 1, s->tag, strnlen(s->tag, EVENT_TAG_MAX));
    return (size_t)(put_float(at, 2, (float)s->value) - value);
}

size_t event_record_scalars(double wall_time, int64_t step, int n, const struct event_scalar *scalars,
                            unsigned char record[EVENT_RECORD_MAX])
{
    enum { VALUE_MAX = EVENT_TAG_MAX + 16 };
    unsigned char summary[EVENT_SCALARS_MAX * (VALUE_MAX + 4)], *end = summary, value[VALUE_MAX], message[EVENT_RECORD_MAX - 16], *at;
    for (int i = 0; i < n && i < EVENT_SCALARS_MAX; i++) end = put_bytes(end, 1, value, put_value(&scalars[i], value));
    at = put_double(message, 1, wall_time);
    at = put_varint(put_key(at, 2, WIRE_VARINT), (uint64_t)step);
    at = put_bytes(at, 5, summary, (size_t)(end - summary));
    return frame(message, (size_t)(at - message), record);
}
