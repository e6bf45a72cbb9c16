/* nearest.h - "did you mean": the word that was probably meant. */
#ifndef NERVE_NEAREST_H
#define NERVE_NEAREST_H

#include <stddef.h>

/* Of n words the one with the least edit distance (insert, delete, replace, swap neighbours), where that is at most a third of the word;
 * else the first that begins with it; else NULL. */
const char *nearest_word(const char *word, const char *const *words, size_t n);

#endif
