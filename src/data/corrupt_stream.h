/* corrupt_stream.h - the random numbers of one tweet's corruption. */
#ifndef DATA_CORRUPT_STREAM_H
#define DATA_CORRUPT_STREAM_H

#include "corrupt.h"
#include "rng.h"

/* Each tweet has 2^32 blocks of a kind's stream to itself: more than a picture of the largest size takes. */
static inline struct rng corrupt_stream(uint32_t seed, enum corrupt_kind kind, int tweet)
{
    struct rng r = rng_stream(seed, RNG_CORRUPT, (uint32_t)kind);
    r.next = (uint64_t)tweet << 32;
    return r;
}

#endif
