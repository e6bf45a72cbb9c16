#include "events.h"
#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t x = 0;
    while (bytes > 0) x = x << 8 | p[--bytes];
    return x;
}

/* From a table of the bytes' remainders, most significant step first. */
static uint32_t sum_of(const unsigned char *p, size_t size)
{
    static uint32_t table[256];
    for (uint32_t i = 1; i < 256 && !table[255]; i++) {
        uint32_t c = i;
        for (int k = 8; k > 0; k--) c = c & 1 ? 0x82F63B78u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    uint32_t c = 0xFFFFFFFFu;
    while (size-- > 0) c = table[(c ^ *p++) & 0xFF] ^ c >> 8;
    return c ^ 0xFFFFFFFFu;
}

static void check_sum(const unsigned char *p, size_t size, const char *of)
{
    const uint32_t c = sum_of(p, size), masked = ((c >> 15) | (c << 17)) + 0xA282EAD8u;
    if (little(p + size, 4) != masked) fail_msg("the checksum of %s is wrong", of);
}

/* ---- protocol buffers ---- */

struct message {
    const unsigned char *at, *end;
};
struct field {
    unsigned number, wire;
    uint64_t number_value;  /* of a varint or a fixed number */
    struct message content; /* of bytes */
};

static uint64_t varint(struct message *m)
{
    uint64_t x = 0;
    for (int shift = 0;; shift += 7) {
        if (m->at == m->end || shift > 63) fail_msg("a varint has no end");
        x |= (uint64_t)(*m->at & 0x7F) << shift;
        if (!(*m->at++ & 0x80)) return x;
    }
}

static bool next_field(struct message *m, struct field *f)
{
    if (m->at == m->end) return false;
    const uint64_t key = varint(m);
    *f = (struct field){.number = (unsigned)(key >> 3), .wire = (unsigned)(key & 7)};
    size_t size = f->wire == 1 ? 8 : f->wire == 5 ? 4 : 0;
    if (f->wire == 0) {
        f->number_value = varint(m);
        return true;
    }
    if (f->wire == 2) size = (size_t)varint(m);
    if (size == 0 && f->wire != 2) fail_msg("wire type %u", f->wire);
    if ((size_t)(m->end - m->at) < size) fail_msg("a field is longer than its message");
    f->content = (struct message){m->at, m->at + size};
    if (f->wire != 2) f->number_value = little(m->at, (int)size);
    m->at += size;
    return true;
}

static void text_of(const struct field *f, char *text, size_t room)
{
    const size_t n = (size_t)(f->content.end - f->content.at);
    assert_int_equal(f->wire, 2);
    assert_true(n < room);
    memcpy(text, f->content.at, n);
    text[n] = '\0';
}

static void read_scalar(struct message m, struct events_scalar *s)
{
    struct field f;
    *s = (struct events_scalar){.value = NAN};
    while (next_field(&m, &f)) {
        if (f.number == 1) text_of(&f, s->tag, sizeof s->tag);
        if (f.number == 2) {
            const uint32_t bits = (uint32_t)f.number_value;
            assert_int_equal(f.wire, 5);
            memcpy(&s->value, &bits, sizeof bits);
        }
    }
}

static void read_event(struct message m, struct events_record *r)
{
    struct field f, value;
    while (next_field(&m, &f)) {
        if (f.number == 1) memcpy(&r->wall_time, &f.number_value, sizeof r->wall_time);
        if (f.number == 2) r->step = (int64_t)f.number_value;
        if (f.number == 3) text_of(&f, r->version, sizeof r->version);
        if (f.number == 5)
            while (next_field(&f.content, &value)) {
                assert_int_equal(value.number, 1);
                assert_true(r->n < 64);
                read_scalar(value.content, &r->scalars[r->n++]);
            }
    }
}

bool events_next(const unsigned char *file, size_t size, size_t *at, struct events_record *out)
{
    *out = (struct events_record){0};
    if (*at == size) return false;
    if (size - *at < 16) fail_msg("%zu bytes at the end are no record", size - *at);
    const uint64_t length = little(file + *at, 8);
    check_sum(file + *at, 8, "a length");
    if (length > size - *at - 16) fail_msg("a record is longer than its file");
    check_sum(file + *at + 12, (size_t)length, "a message");
    read_event((struct message){file + *at + 12, file + *at + 12 + length}, out);
    *at += (size_t)length + 16;
    return true;
}

double events_value(const struct events_record *r, const char *tag)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->scalars[i].tag, tag) == 0) return (double)r->scalars[i].value;
    return (double)NAN;
}
