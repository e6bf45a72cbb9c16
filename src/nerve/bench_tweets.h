/* bench_tweets.h - what a benchmark runs on: encoders by name, and tweets of given lengths whose pieces come from chance. */
#ifndef NERVE_BENCH_TWEETS_H
#define NERVE_BENCH_TWEETS_H

#include "model.h"
#include "split.h"

/* "minilm" (6 layers of 384 columns), "bert-base" (12 of 768), or a folder, of which config.json alone is read. */
int bench_shape(const char *name, struct bert_config *out, struct err *e);
/* A vocab.txt of that many pieces, in fresh memory. */
int bench_vocabulary(int pieces, char **text, size_t *size, struct err *e);
/* batches * batch tweets, by length: each batch is neighbours in the sorted list, and batches stand evenly in it, so that what a peer pads
 * is what it pads in batches of the whole list. A list of fewer lengths gives those at its quantiles. lengths: bench.h. Ends with
 * split_free. */
int bench_tweets(const char *lengths, int batches, int batch, const struct model_shape *shape, uint32_t seed, struct split *out,
                 struct err *e);
/* The different word pieces [n] that an epoch over the whole list meets: as many as Twitter-2017 has for its length, half of the vocabulary
 * at most, drawn as those of bench_tweets are. Fresh memory; NULL with e. */
int32_t *bench_epoch(const char *lengths, const struct model_shape *shape, uint32_t seed, int64_t *n, struct err *e);

#endif
