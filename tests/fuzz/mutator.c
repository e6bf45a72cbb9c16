#include "mutator.h"
#include "rng.h"
#include <stdlib.h>
#include <string.h>

enum { SEED = 1, CHANGES_MOST = 4 };

static void *need(void *memory)
{
    if (!memory) abort();
    return memory;
}

struct seed *seeds_add(struct seeds *s, const void *data, size_t size)
{
    s->at = need(reallocarray(s->at, s->n + 1, sizeof *s->at));
    struct seed *added = &s->at[s->n++];
    *added = (struct seed){.data = need(malloc(size + 1)), .size = size};
    memcpy(added->data, data, size);
    return added;
}

void seeds_free(struct seeds *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->at[i].data);
        free(s->at[i].fixed);
    }
    free(s->at);
    *s = (struct seeds){0};
}

/* What is changed. */
struct mutation {
    struct rng rng;
    const struct seeds *seeds;
    const struct seed *of;
    unsigned char *data; /* room bytes */
    size_t size, room;
};

static size_t below(struct mutation *m, size_t n)
{
    return n > 0 ? rng_below(&m->rng, (uint32_t)n) : 0;
}

/* A length of 1 to n: short ones are as likely as long ones. */
static size_t some(struct mutation *m, size_t n)
{
    size_t most = (size_t)2 << below(m, 16);
    return n > 0 ? 1 + below(m, n < most ? n : most) : 0;
}

/* A part of size bytes of data: half of the time it is made of whole lines. */
static struct part some_part(struct mutation *m, const unsigned char *data, size_t size)
{
    struct part p = {.from = below(m, size)};
    p.size = some(m, size - p.from);
    if (below(m, 2)) return p;
    size_t end = p.from + p.size;
    while (p.from > 0 && data[p.from - 1] != '\n') p.from--;
    while (end < size && data[end - 1] != '\n') end++;
    p.size = end - p.from;
    return p;
}

/* A place whose bytes may change, with `room` of them behind it. */
static size_t some_place(struct mutation *m, size_t *room)
{
    if (!m->of->fixed) {
        const size_t place = below(m, m->size);
        *room = m->size - place;
        return place;
    }
    const struct part *p = &m->of->fixed[below(m, m->of->n_fixed)];
    const size_t place = below(m, p->size);
    *room = p->size - place;
    return p->from + place;
}

/* ---- changes that leave every other byte where it is ---- */

static void flip_bits(struct mutation *m)
{
    size_t room;
    for (size_t n = some(m, 8); n > 0; n--) m->data[some_place(m, &room)] ^= (unsigned char)(1u << below(m, 8));
}

static void set_bytes(struct mutation *m)
{
    static const unsigned char BYTES[] = {0,   1,    '\t', '\n', '\r', ' ',  '"',  '#',  '&',  '*',  '-',  '0', ':',
                                          '[', '\\', ']',  '{',  '}',  0x7F, 0x80, 0xC0, 0xED, 0xEF, 0xF4, 0xFF};
    size_t room, place = some_place(m, &room);
    const unsigned char byte = BYTES[below(m, sizeof BYTES)];
    for (size_t n = some(m, room < 8 ? room : 8); n > 0; n--) m->data[place++] = byte;
}

/* A binary number of 1 to 8 bytes, at its smallest, its largest, or near the size of the input. */
static void set_number(struct mutation *m)
{
    size_t room, place = some_place(m, &room);
    const uint64_t near = m->size - 8 + below(m, 16);
    const uint64_t numbers[] = {0, 1, 0x7F, 0x7FFF, 0x7FFFFFFF, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, near, 1 + (uint64_t)INT32_MAX};
    const uint64_t number = numbers[below(m, sizeof numbers / sizeof *numbers)];
    const size_t bytes = (size_t)1 << below(m, 4);
    memcpy(m->data + place, &number, bytes < room ? bytes : room);
}

static void overwrite(struct mutation *m)
{
    const struct seed *from = &m->seeds->at[below(m, m->seeds->n)];
    const struct part p = some_part(m, from->data, from->size);
    size_t room, place = some_place(m, &room);
    memcpy(m->data + place, from->data + p.from, p.size < room ? p.size : room);
}

/* ---- changes that move what stands behind them ---- */

static void replace(struct mutation *m, struct part p, const void *data, size_t size)
{
    const size_t left = m->size - p.size;
    if (left + size > MUTATION_LARGEST) return;
    if (left + size > m->room) {
        m->room = 2 * (left + size);
        m->data = need(realloc(m->data, m->room));
    }
    memmove(m->data + p.from + size, m->data + p.from + p.size, m->size - p.from - p.size);
    memcpy(m->data + p.from, data, size);
    m->size += size - p.size;
}

static void cut(struct mutation *m)
{
    replace(m, some_part(m, m->data, m->size), "", 0);
}

static void cut_end(struct mutation *m)
{
    m->size = below(m, m->size + 1);
}

/* Now and then often enough to meet limits of depth, length and number. */
static void repeat(struct mutation *m)
{
    const struct part p = some_part(m, m->data, m->size);
    const size_t times = below(m, 8) ? 1 + below(m, 4) : some(m, 5000), room = (size_t)64 << 10;
    const size_t copies = p.size == 0 ? 0 : p.size * times < room ? times : room / p.size;
    unsigned char *text = need(malloc(p.size * copies + 1));
    for (size_t i = 0; i < copies; i++) memcpy(text + i * p.size, m->data + p.from, p.size);
    replace(m, (struct part){.from = p.from}, text, p.size * copies);
    free(text);
}

static void splice(struct mutation *m)
{
    const struct seed *from = &m->seeds->at[below(m, m->seeds->n)];
    const struct part p = some_part(m, from->data, from->size);
    struct part place = some_part(m, m->data, m->size);
    if (below(m, 2)) place.size = 0;
    replace(m, place, from->data + p.from, p.size);
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* The first number in decimal digits from some place on. */
static void enlarge_number(struct mutation *m)
{
    static const char *const NUMBERS[] = {"0",
                                          "-1",
                                          "00",
                                          "1.5",
                                          "1e999",
                                          "-0",
                                          "2147483647",
                                          "2147483648",
                                          "4294967295",
                                          "4294967296",
                                          "65536",
                                          "9223372036854775807",
                                          "1000000000",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "99999999999999999999999999999999999"};
    size_t from = below(m, m->size);
    while (from < m->size && !is_digit(m->data[from])) from++;
    if (from == m->size) return;
    struct part p = {.from = from};
    while (from + p.size < m->size && is_digit(m->data[from + p.size])) p.size++;
    const char *number = NUMBERS[below(m, sizeof NUMBERS / sizeof *NUMBERS)];
    replace(m, p, number, strlen(number));
}

static void change(struct mutation *m)
{
    static void (*const STAYING[])(struct mutation * m) = {flip_bits, set_bytes, set_number, overwrite};
    static void (*const MOVING[])(struct mutation * m) = {cut, cut_end, repeat, splice, enlarge_number, enlarge_number};
    enum { N_STAYING = sizeof STAYING / sizeof *STAYING, N_MOVING = sizeof MOVING / sizeof *MOVING };
    const size_t which = below(m, m->of->fixed ? N_STAYING : N_STAYING + N_MOVING);
    if (m->size == 0) return;
    if (which < N_STAYING)
        STAYING[which](m);
    else
        MOVING[which - N_STAYING](m);
}

unsigned char *mutate(const struct seeds *s, uint32_t stream, uint32_t number, size_t *size, const struct seed **of)
{
    struct mutation m = {.rng = rng_stream(SEED + stream, RNG_TEST, number), .seeds = s};
    const bool is_changed = number < MUTATION_UNCHANGED;
    m.of = &s->at[is_changed ? below(&m, s->n) : (number - MUTATION_UNCHANGED) % s->n];
    m.size = m.of->size;
    m.room = m.size + 1;
    m.data = need(malloc(m.room));
    memcpy(m.data, m.of->data, m.size);
    for (size_t n = is_changed ? 1 + below(&m, 1 + below(&m, CHANGES_MOST)) : 0; n > 0; n--) change(&m);
    *size = m.size;
    *of = m.of;
    return m.data;
}
