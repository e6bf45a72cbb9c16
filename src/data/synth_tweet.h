/* synth_tweet.h - the words and tags of one synthetic tweet after another. */
#ifndef DATA_SYNTH_TWEET_H
#define DATA_SYNTH_TWEET_H

#include "rng.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SYNTH_ID "S_%06d" /* of a tweet */
/* Names of one tweet, at most. */
enum { SYNTH_SLOTS_MAX = 6 };

struct synth_writer {
    FILE *f;
    struct rng rng; /* of the words */
    uint32_t seed;
    bool training;
    bool plain;     /* see synth_tweet.c */
    int pool;       /* names of training: numbers 0 .. pool-1; name i has home type i mod SYNTH_TYPES */
    int next_fresh; /* the next number that no tweet has */
    int n_names;    /* of this split so far: entities, ambiguous ones, and names that are none apart */
    int n_ambiguous;
    int n_others;
    bool capital; /* the tweet's next word begins with a capital */

    /* Of the tweet that is written. */
    struct rng choice;  /* of what is no word */
    double label_noise; /* share of its entities that are called another type */
    int hidden;         /* the type of its ambiguous name, which the words do not tell; -1: it has none */
    int first_type;     /* of its first entity, as it is, whatever it is called; -1 where it has none */
};

/* Writes the tweet of an id; the last three fields say what it is. */
void synth_put_tweet(struct synth_writer *w, int id);

#endif
