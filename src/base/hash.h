/* hash.h - XXH3, 128 bits: finds damage, does not resist an attacker. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>

struct hash {
    unsigned char bytes[16]; /* canonical (big-endian) form */
};

struct hash hash_bytes(const void *data, size_t size);
void hash_hex(const struct hash *h, char hex[33]); /* 32 digits and a NUL */

/* The same over pieces: begin, add any number of times, end (which frees). hash_begin aborts without memory (a few hundred bytes). */
struct hash_stream;
struct hash_stream *hash_begin(void);
void hash_add(struct hash_stream *s, const void *data, size_t size);
struct hash hash_end(struct hash_stream *s);

#endif
