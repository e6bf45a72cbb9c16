/* batch.h - tweets cut into pieces once, then packed: sequences end to end, offsets beside them, not one padding piece.
 *
 * B sequences, T pieces (with [CLS] and [SEP]), W words. A word is represented by its first piece; a word without a piece is [UNK]. A tweet
 * of more than max_length pieces is cut at a word boundary: its later words are not in the batch.
 */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include "dataset.h"
#include "rng.h"
#include "visual.h"
#include "wordpiece.h"
#include <stdint.h>

/* A dataset as pieces. Tweet i owns pieces piece_start[i] .. piece_start[i+1]-1 ([CLS] first, [SEP] last) and, of its words, the first
 * word_start[i+1] - word_start[i]. */
struct encoded {
    int n_tweets;
    int32_t *ids;         /* [pieces] */
    int32_t *types;       /* [pieces] 1 for those of an appended caption, or NULL: all 0 */
    int32_t *piece_start; /* [n_tweets+1] */
    int32_t *first;       /* [words kept]: the word's first piece, counted from its tweet's [CLS] = 0 */
    int32_t *word_start;  /* [n_tweets+1], in kept words */
    int32_t *tags;        /* [words kept], or NULL where the dataset has no tags */
    int64_t words_cut;    /* words behind max_length, in all tweets */
    int64_t tweets_cut;
    int64_t words_unknown; /* words that had no piece at all */
};
int encode_dataset(const struct dataset *d, const struct wordpiece *w, int max_length, struct encoded *out, struct err *e);
void encoded_free(struct encoded *x);
/* Sets each tweet's caption behind it, [CLS] tweet [SEP] caption [SEP], as far as max_length pieces go; v has captions. Words and tags are
 * the tweet's as before. */
int encoded_append(struct encoded *x, const struct visual *v, int max_length, struct err *e);

/* One packed batch, with room for the largest of a run, so filling it never allocates. */
struct batch {
    int B, T, W;
    int32_t *ids;               /* [T] */
    int32_t *types;             /* [T], or NULL: all 0 */
    int32_t *position;          /* [T] 0, 1, ... in each sequence */
    int32_t *seq_start;         /* [B+1] */
    int32_t *first;             /* [W] row of the word's first piece, in 0 .. T-1 */
    int32_t *word_start;        /* [B+1] */
    int32_t *tags;              /* [W] (0 where the dataset has none) */
    int32_t *tweet;             /* [B] index in the dataset */
    int32_t *place;             /* [B] place in the global batch (dropout's counter) */
    struct visual_batch visual; /* empty where the model sees nothing */
    uint8_t *heard;             /* [W] 0 where the fusion goes without the word's text; NULL: nowhere */
    int32_t cap_B, cap_T, cap_W;
    int32_t *type_room; /* [cap_T] */
};
int batch_reserve(struct batch *b, int B, int T, int W, struct err *e);
void batch_fill(struct batch *b, const struct encoded *x, int n, const int32_t *tweets,
                int first_place); /* AG-free: plain arrays; sizes must fit the room */
void batch_free(struct batch *b);

/* The order of an epoch: which tweets make up each batch. Tweets are shuffled (seed, epoch), cut into pools of `pool` batches, sorted by
 * length inside a pool (stable), cut into batches, and the batches are shuffled. size: tweets a batch; token_budget > 0: instead as many
 * tweets as fit into that many pieces (at least one). */
struct batch_plan {
    int n_batches;
    int32_t *tweets; /* [n_tweets], batch after batch */
    int32_t *start;  /* [n_batches+1] */
};
int batch_plan_make(const struct encoded *x, int size, int token_budget, int pool, uint32_t seed, uint32_t epoch, struct batch_plan *out,
                    struct err *e);
/* For evaluation: all tweets by length, without chance. */
int batch_plan_sorted(const struct encoded *x, int size, int token_budget, struct batch_plan *out, struct err *e);
void batch_plan_free(struct batch_plan *p);
/* Room for the largest batch of the plan. */
int batch_reserve_plan(struct batch *b, const struct batch_plan *plan, const struct encoded *x, struct err *e);

#endif
