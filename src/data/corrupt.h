/* corrupt.h - pictures, feature vectors and words made worse by a degree, to see what a model does with them.
 *
 * Degree 0 changes no byte; degree 1 leaves nothing of the original; in between a larger degree changes more of the same: what is drawn
 * does not depend on the degree. Everything is a function of seed, kind and the tweet's place in its split, so neither the order nor the
 * number of threads matters, and the same seed gives the same bytes.
 *
 *   noise          a picture: x + degree (u - x), u a random byte for each value
 *                  a feature vector: x + degree (g - x), g normal with the vector's own mean and deviation
 *   blur           a picture: the mean over a window that reaches degree^2 (side - 1) pixels to each side, as far as there is picture; at 1
 *                  that is the mean colour everywhere
 *   occlusion      a picture: a rectangle of its shape at a random place becomes gray, round(degree width height) pixels exactly: the last
 *                  column of the rectangle may be shorter
 *   shuffled       round(degree n) of the n tweets with a visual source hand theirs on in one random ring, so that none keeps its own
 *   missing        round(degree n) of them lose theirs
 *   typos          degree N of a tweet's N characters, on average exactly, are mistyped: swapped with the next one, left out, doubled,
 *                  or the key beside it hit; and of these a share `degree` instead becomes a letter drawn from a to z. So few typos are
 *                  slips, and at 1 each character is a random letter. A word keeps at least one character
 *   dropped-words  degree n of a tweet's n words, on average exactly, become the empty word, which has no piece: encode_dataset writes
 *                  [UNK] for it, so that words and tags stay in step
 */
#ifndef DATA_CORRUPT_H
#define DATA_CORRUPT_H

#include "dataset.h"
#include "err.h"
#include "picture.h"
#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of the random streams: one is never given another meaning. */
enum corrupt_kind {
    CORRUPT_NOISE,
    CORRUPT_BLUR,
    CORRUPT_OCCLUSION,
    CORRUPT_SHUFFLED,
    CORRUPT_MISSING,
    CORRUPT_TYPOS,
    CORRUPT_DROPPED_WORDS,
    N_CORRUPT_KINDS
};
extern const char *const CORRUPT_NAMES[N_CORRUPT_KINDS];

struct corruption {
    enum corrupt_kind kind;
    double degree; /* 0 .. 1 */
};

/* "KIND:DEGREE". ERR_USAGE. */
int corruption_parse(const char *text, struct corruption *c, struct err *e);

/* What a kind can be done to; several may be set. */
enum corrupt_target { CORRUPT_PICTURES = 1, CORRUPT_FEATURES = 2, CORRUPT_SOURCES = 4, CORRUPT_TEXT = 8 };
unsigned corrupt_targets(enum corrupt_kind kind);

/* Noise, blur, occlusion, in place. Meant for pictures as the encoder sees them, resized and cut: a degree then means the same for all.
 * ERR_INTERNAL without memory. */
int corrupt_picture(uint32_t seed, const struct corruption *c, int tweet, struct picture *p, struct err *e);

/* Noise on the n vectors x [n,C] of a tweet. */
void corrupt_features(uint32_t seed, const struct corruption *c, int tweet, int n, int C, float *x);

/* Shuffled, missing. has [n_tweets]: which tweets have a visual source. source [n_tweets] gets the tweet whose source each is given, itself
 * where nothing changes, -1 for none. Where the share is one tweet alone, a second takes part in the ring; a single tweet with a source
 * keeps it. ERR_INTERNAL without memory. */
int corrupt_sources(uint32_t seed, const struct corruption *c, int n_tweets, const bool *has, int32_t *source, struct err *e);

/* Typos, dropped words: all words of d anew. d stays as it is; a copy of the struct with these words in place is what encode_dataset takes.
 * End with corrupted_words_free. ERR_INTERNAL without memory. */
struct corrupted_words {
    char **words; /* [n_words] */
    char *text;   /* into which they point */
};
int corrupt_words(uint32_t seed, const struct corruption *c, const struct dataset *d, struct corrupted_words *out, struct err *e);
void corrupted_words_free(struct corrupted_words *w);

#endif
