/* utf8.h - code points in and out of UTF-8: the form of RFC 3629 (no surrogates, nothing above U+10FFFF, no overlong form). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the code point at the front of s, which has size > 0 bytes, and its value; 0 where it is not valid UTF-8. */
static inline int utf8_decode(const char *s, size_t size, uint32_t *c)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char b = (unsigned char)s[0];
    int n = b < 0x80 ? 1 : b >= 0xC2 && b < 0xE0 ? 2 : b >= 0xE0 && b < 0xF0 ? 3 : b >= 0xF0 && b < 0xF5 ? 4 : 0;
    if (n == 0 || (size_t)n > size) return 0;
    uint32_t x = n == 1 ? b : b & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
        x = x << 6 | ((unsigned char)s[i] & 0x3F);
    }
    if (x < least[n] || x > 0x10FFFF || (x >= 0xD800 && x < 0xE000)) return 0;
    *c = x;
    return n;
}

/* Writes a code point; gives its number of bytes. */
static inline int utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(c | (0xF00u >> n & 0xFF));
    return n;
}

/* How many bytes from the front are valid: size where all are. */
static inline size_t utf8_valid(const char *s, size_t size)
{
    size_t at = 0;
    uint32_t c;
    for (int n; at < size && (n = utf8_decode(s + at, size - at, &c)) > 0;) at += (size_t)n;
    return at;
}

#endif
