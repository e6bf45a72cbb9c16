/* rng.h - random numbers that are a function of a counter: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 *
 * Nothing has a hidden state: a number depends on the seed, the purpose and its place alone, so a run that is resumed, split over threads or
 * over accumulation steps draws the same ones.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* One stream for each purpose. The values are part of the checkpoint format: a number is never used again for something else. */
enum rng_purpose { RNG_INIT = 1, RNG_SHUFFLE = 2, RNG_DROPOUT = 3, RNG_SYNTH = 4, RNG_BOOTSTRAP = 5, RNG_TEST = 6, RNG_BENCH = 7, RNG_CORRUPT = 8, RNG_LEAVE_OUT_IMAGE = 9, RNG_LEAVE_OUT_TEXT = 10, RNG_NOISE = 11 };

/* out = Philox4x32-10(counter, key). */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* key of (seed, purpose, sub): sub < 2^24 tells streams of one purpose apart (a dropout site, an epoch, a parameter). */
void rng_key(uint32_t seed, enum rng_purpose purpose, uint32_t sub, uint32_t key[2]);

/* A stream read in order, for code that draws one number after another. */
struct rng {
    uint32_t key[2];
    uint64_t next; /* counter of the next block */
    uint32_t block[4];
    int used; /* words of block that are spent */
};
struct rng rng_stream(uint32_t seed, enum rng_purpose purpose, uint32_t sub);
uint32_t rng_u32(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);       /* uniform on 0 .. n-1, without bias; n > 0 */
double rng_uniform(struct rng *r);                   /* uniform on [0, 1), 53 bits */
double rng_normal(struct rng *r);                    /* mean 0, standard deviation 1 */
void rng_shuffle(struct rng *r, size_t n, int32_t *a); /* Fisher-Yates; n <= 2^32 - 1 */

#endif
