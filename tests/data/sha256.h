/* sha256.h - the digest by which the reference names pixels. Source: FIPS 180-4, 5 and 6.2; the constants are computed, not typed: the
 * first 32 bits behind the point of the square and cube roots of the first primes. */
#ifndef TESTS_DATA_SHA256_H
#define TESTS_DATA_SHA256_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline uint32_t sha256_rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static inline void sha256_constants(uint32_t k[64], uint32_t h[8])
{
    for (int n = 0, candidate = 2; n < 64; candidate++) {
        int divisor = 2;
        while (candidate % divisor) divisor++;
        if (divisor < candidate) continue;
        const long double cube = cbrtl(candidate), square = sqrtl(candidate);
        k[n] = (uint32_t)((cube - floorl(cube)) * 4294967296.0L);
        if (n < 8) h[n] = (uint32_t)((square - floorl(square)) * 4294967296.0L);
        n++;
    }
}

static inline void sha256_block(const uint8_t *block, const uint32_t k[64], uint32_t h[8])
{
    uint32_t w[64], s[8];
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (int i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (sha256_rotate(a, 7) ^ sha256_rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (sha256_rotate(b, 17) ^ sha256_rotate(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 64; i++) {
        const uint32_t e = s[4], a = s[0];
        const uint32_t t1 =
            s[7] + (sha256_rotate(e, 6) ^ sha256_rotate(e, 11) ^ sha256_rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
        const uint32_t t2 = (sha256_rotate(a, 2) ^ sha256_rotate(a, 13) ^ sha256_rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

static inline void sha256_hex(const uint8_t *data, size_t size, char hex[65])
{
    uint32_t k[64], h[8];
    uint8_t end[128] = {0};
    sha256_constants(k, h);
    size_t at = 0;
    for (; size - at >= 64; at += 64) sha256_block(data + at, k, h);
    const size_t left = size - at, padded = left < 56 ? 64 : 128;
    memcpy(end, data + at, left);
    end[left] = 0x80;
    for (size_t i = 0; i < 8; i++) end[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
    for (size_t i = 0; i < padded; i += 64) sha256_block(end + i, k, h);
    for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", (unsigned)h[i]);
}

#endif
