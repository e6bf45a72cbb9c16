/* bench_tweets.h - what a benchmark runs on: encoders by name, and tweets of given lengths whose pieces come from chance. */
#ifndef NERVE_BENCH_TWEETS_H
#define NERVE_BENCH_TWEETS_H

#include "model.h"
#include "split.h"

/* "minilm" (6 layers of 384 columns), "bert-base" (12 of 768), or a folder, of which config.json alone is read. */
int bench_shape(const char *name, struct bert_config *out, struct err *e);
/* A vocab.txt of that many pieces, in fresh memory. */
int bench_vocabulary(int pieces, char **text, size_t *size, struct err *e);
/* n tweets whose lengths stand evenly in the list, at its quantiles (k + 1/2) / n. lengths: bench.h. Ends with split_free. */
int bench_tweets(const char *lengths, int n, const struct model_shape *shape, uint32_t seed, struct split *out, struct err *e);

#endif
