/* mutator.h - inputs that are nearly right: bytes flipped, cut, repeated, spliced, numbers made huge.
 *
 * A mutation is a function of the seeds, a stream and its number alone, so that a number is all that it takes to make one again.
 */
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a seed. */
struct part {
    size_t from, size;
};

/* An input that reads. */
struct seed {
    unsigned char *data;
    size_t size;
    struct part *fixed; /* [n_fixed]: where this is not NULL nothing moves, and only bytes of these parts change */
    size_t n_fixed;
    int tag; /* what the kind wants to know of it */
};

struct seeds {
    struct seed *at; /* [n] */
    size_t n;
};
/* Takes a copy of the bytes. Gives the seed, good until the next one is added. */
struct seed *seeds_add(struct seeds *s, const void *data, size_t size);
void seeds_free(struct seeds *s);

enum {
    MUTATION_LARGEST = 1 << 20,   /* bytes, at most */
    MUTATION_UNCHANGED = 1 << 23, /* numbers from here on are the seeds as they are */
    MUTATION_END = 1 << 24,
};

/* One to four changes of a seed that the number chooses, too. Fresh memory: free it. */
unsigned char *mutate(const struct seeds *s, uint32_t stream, uint32_t number, size_t *size, const struct seed **of);

#endif
