/* rng.c - Philox4x32-10 (Salmon et al. 2011) and the draws made of it.
 *
 * A round takes the counter (c0,c1,c2,c3) and key (k0,k1) to (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)); between two
 * rounds the key moves on by the Weyl constants W0, W1. A stream is the blocks of the counters 0, 1, 2, ..., each read from its first word
 * to its last.
 */
#include "rng.h"
#include <assert.h>
#include <math.h>

enum { ROUNDS = 10, BLOCK_WORDS = 4 };

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    const uint32_t M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++, k0 += W0, k1 += W1) {
        uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void rng_key(uint32_t seed, enum rng_purpose purpose, uint32_t sub, uint32_t key[2])
{
    assert(sub < UINT32_C(1) << 24);
    key[0] = seed;
    key[1] = (uint32_t)purpose << 24 | sub;
}

struct rng rng_stream(uint32_t seed, enum rng_purpose purpose, uint32_t sub)
{
    struct rng r = {.used = BLOCK_WORDS};
    rng_key(seed, purpose, sub, r.key);
    return r;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->used == BLOCK_WORDS) {
        const uint32_t counter[4] = {(uint32_t)r->next, (uint32_t)(r->next >> 32), 0, 0};
        rng_philox(counter, r->key, r->block);
        r->next++;
        r->used = 0;
    }
    return r->block[r->used++];
}

/* Lemire 2019, "Fast random integer generation in an interval": the high word of u n is uniform once the first 2^32 mod n low words are
 * refused. */
uint32_t rng_below(struct rng *r, uint32_t n)
{
    assert(n > 0);
    uint64_t product = (uint64_t)rng_u32(r) * n;
    if ((uint32_t)product < n) {
        const uint32_t refused = -n % n;
        while ((uint32_t)product < refused) product = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

double rng_uniform(struct rng *r)
{
    const uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

/* Box and Muller: sqrt(-2 ln u) cos(2 pi v). The sine, a second normal number, is not kept: a draw is then a function of its place alone.
 */
double rng_normal(struct rng *r)
{
    const double pi = 3.14159265358979323846;
    const double u = 1 - rng_uniform(r), v = rng_uniform(r);
    return sqrt(-2 * log(u)) * cos(2 * pi * v);
}

void rng_shuffle(struct rng *r, size_t n, int32_t *a)
{
    assert(n <= UINT32_MAX);
    for (size_t left = n; left > 1; left--) {
        const uint32_t chosen = rng_below(r, (uint32_t)left);
        const int32_t last = a[left - 1];
        a[left - 1] = a[chosen];
        a[chosen] = last;
    }
}
