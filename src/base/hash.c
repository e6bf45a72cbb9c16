#include "hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(sizeof(XXH128_canonical_t) == sizeof(struct hash), "the canonical form is 16 bytes");

/* XXH3_state_t wants an alignment of 64, which its own constructor knows. */
struct hash_stream {
    XXH3_state_t *state;
};

static struct hash canonical(XXH128_hash_t value)
{
    XXH128_canonical_t form;
    struct hash h;
    XXH128_canonicalFromHash(&form, value);
    memcpy(h.bytes, form.digest, sizeof h.bytes);
    return h;
}

struct hash hash_bytes(const void *data, size_t size)
{
    return canonical(XXH3_128bits(data, size));
}

void hash_hex(const struct hash *h, char hex[33])
{
    for (size_t i = 0; i < sizeof h->bytes; i++) snprintf(hex + 2 * i, 3, "%02x", h->bytes[i]);
}

struct hash_stream *hash_begin(void)
{
    struct hash_stream *s = malloc(sizeof *s);
    if (!s || !(s->state = XXH3_createState())) abort();
    XXH3_128bits_reset(s->state);
    return s;
}

void hash_add(struct hash_stream *s, const void *data, size_t size)
{
    XXH3_128bits_update(s->state, data, size);
}

struct hash hash_end(struct hash_stream *s)
{
    const struct hash h = canonical(XXH3_128bits_digest(s->state));
    XXH3_freeState(s->state);
    free(s);
    return h;
}
