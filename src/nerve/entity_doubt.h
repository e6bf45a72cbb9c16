/* entity_doubt.h - how unsure a model is of an entity, from the tag distributions p [n,L] of its sentence's words: CRF marginals, or
 * softmax. More means more likely wrong, as for every uncertainty here.
 *
 *   margin    of a word with predicted tag y: the largest p(k), k other than y, minus p(y): -1 sure, 0 torn, above 0 where the best path
 * takes a tag that is not the word's most likely one entropy   of a word: - sum of p log p, in nats
 *
 * An entity's is the largest of its words': it is right only where every word of it is, so its most doubtful word decides. The mean would
 * make a long entity with one doubtful word look sure.
 */
#ifndef NERVE_ENTITY_DOUBT_H
#define NERVE_ENTITY_DOUBT_H

#include "tags.h"
#include <stdint.h>

/* L >= 2 tags; tags [n] are the predicted ones. */
double entity_margin(int L, const double *p, const int32_t *tags, const struct span *entity);
double entity_entropy(int L, const double *p, const struct span *entity);

#endif
