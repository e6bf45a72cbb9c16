/* visual.h - what the tweets of a split show: captions as word pieces, pictures as pixels, or stored features.
 *
 * V visual tokens, S their width. A tweet without a visual source owns zero tokens.
 */
#ifndef DATA_VISUAL_H
#define DATA_VISUAL_H

#include "captions.h"
#include "corrupt.h"
#include "hash.h"
#include "picture_pipeline.h"
#include "wordpiece.h"
#include <stdbool.h>
#include <stdint.h>

enum visual_kind { VISUAL_NONE, VISUAL_CAPTIONS, VISUAL_PICTURES, VISUAL_FEATURES };

struct visual {
    enum visual_kind kind;
    int n_tweets;
    int32_t *source; /* [n_tweets] whose caption, picture or features a tweet has: its own, or -1 for none */
    /* captions: that of tweet i is pieces start[i] .. start[i+1]-1, [CLS] first, [SEP] last */
    int32_t *ids, *start;
    /* pictures */
    const struct picture_folder *folder; /* borrowed, as the names are */
    const char **name;                   /* [n_tweets] ids, or paths below the folder; NULL: none */
    bool *by_path;                       /* [n_tweets] the name is a path */
    bool turn;
    struct picture_pipeline pipeline;
    int tokens; /* that the encoder makes of a picture */
    /* features: that of tweet i is [count[i],width], borrowed */
    const float **features;
    int32_t *count;
    int width;
    struct hash digest; /* of all that the tweets show */
    /* noise, blur, occlusion of pictures, cut but not normalised yet, or noise of features, on their way into a batch; NULL: none */
    const struct corruption *corruption;
    uint32_t corruption_seed;
};

/* Captions cut into pieces, of which the last ones are left out where there are more than max_length. text [n_tweets], NULL where a tweet
 * has none. */
int visual_of_captions(int n_tweets, const char *const *text, const struct wordpiece *w, int max_length, struct visual *out, struct err *e);

/* Pictures: each is read once, on `threads` threads, and a tweet without one, or with a bad one, shows nothing. by_path [n_tweets], or
 * NULL: all names are ids. report, where it is not NULL, is told of each bad one, in the order of the tweets, and of a path at which there
 * is none: who names a file means one. Fails where a picture cannot be read for other reasons than its bytes. */
typedef void (*visual_report)(void *context, int tweet, const char *message);
int visual_of_pictures(int n_tweets, const char *const *name, const struct picture_folder *folder, const bool *by_path, bool turn,
                       const struct picture_pipeline *pipeline, int tokens, int threads, visual_report report, void *context,
                       struct visual *out, struct err *e);

/* Features [count[i],width] of each tweet, NULL where it has none. */
int visual_of_features(int n_tweets, const float *const *features, const int32_t *count, int width, struct visual *out, struct err *e);

void visual_free(struct visual *v);
int visual_count(const struct visual *v);             /* tweets that show something */
int visual_tokens(const struct visual *v, int tweet); /* that the tweet owns */

/* The visual part of a packed batch. Captions, pictures and features are called looks here: n of them, of the tweets that have one. */
struct visual_batch {
    int V, n;
    int32_t *start;          /* [B+1] tokens of each tweet */
    int32_t *tweet;          /* [n] of the batch, ascending */
    int32_t *place;          /* [n] its tweet's place in the global batch */
    uint8_t *seen;           /* [W] 1 where the word's tweet owns tokens */
    uint8_t *noise;          /* [W] 1 where they are noise, which a step of training put there */
    int32_t *ids, *position; /* captions: [V] */
    int32_t *caption_start;  /* captions: [n+1] */
    float *pixels;           /* pictures: [n,3,S,S] */
    float *features;         /* features: [V,width] */
    int cap_B, cap_W, cap_V;
};
/* Room for batches of at most B tweets, W words, V tokens. */
int visual_batch_reserve(struct visual_batch *b, const struct visual *v, int B, int W, int V, struct err *e);
/* What a step of training changes of what its tweets show: nothing, all of it, or, of pictures and features, each value for noise. */
enum visual_change { VISUAL_KEPT, VISUAL_LEFT_OUT, VISUAL_NOISE };
struct visual_changes {
    const uint8_t *of; /* [B] enum visual_change */
    uint32_t seed;     /* of the noise */
};
/* changes: NULL: nothing. Reads pictures on `threads` threads; fails where one that was good when the split was read is not any more. */
int visual_batch_fill(struct visual_batch *b, const struct visual *v, int B, const int32_t *tweets, const int32_t *place,
                      const int32_t *word_start, const struct visual_changes *changes, int threads, struct err *e);
void visual_batch_free(struct visual_batch *b);

#endif
