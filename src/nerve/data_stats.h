/* data_stats.h - how large a data set is, and what is in it. */
#ifndef NERVE_DATA_STATS_H
#define NERVE_DATA_STATS_H

#include "json.h"
#include "split.h"

enum { STATS_BINS = 12 }; /* of the histogram of lengths */

struct split_stats {
    int tweets, words, longest; /* words of the longest tweet */
    int ids;                    /* tweets with an id */
    int lenient, strict;        /* entities under either reading */
    int *by_type[2];            /* [types] lenient, strict */
    int orphan_inside;          /* I- that continues nothing */
    int unseen; /* lenient entities whose words (lower case, without accents) and type are no entity of train; 0 for train */
    /* where a vocabulary was there */
    int pieces; /* with [CLS] and [SEP], before cutting */
    int longest_pieces;
    int words_without_piece, tweets_cut, words_cut;
    int histogram[STATS_BINS]; /* tweets of bin_width * k + 1 .. bin_width * (k + 1) pieces, the last bin all above */
};
struct data_stats {
    struct tag_set types;
    struct split_stats split[N_SPLITS];
    bool has_pieces;
    int bin_width, max_length;
};

/* End *out with data_stats_free. */
int data_stats(const struct nerve_config *config, struct data_stats *out, struct err *e);
void data_stats_free(struct data_stats *s);

/* {"types", "splits": {"train": {"tweets", "words", "longest", "entities": {"lenient", "strict", "by_type": {TYPE: {"lenient", "strict"}}},
 * "orphan_inside", "unseen" (not of train), "pieces": {"all", "longest", "words_without", "tweets_cut", "words_cut", "histogram": [{"from",
 * "to", "tweets"}]}}}}; pieces where a vocabulary was there. Free it. */
struct json *data_stats_json(const struct data_stats *s);
/* The same for a person. Free it. */
int data_stats_table(const struct data_stats *s, char **table, struct err *e);

#endif
