/* run_tweets.h - the tweets of a run's test split with what is true and what the run found: read from its predictions.jsonl and, by its
 * config.yaml, from its data.
 */
#ifndef NERVE_RUN_TWEETS_H
#define NERVE_RUN_TWEETS_H

#include "config.h"
#include "json.h"
#include "split.h"

struct run_entity {
    struct span span;         /* in words of its tweet; type in run_tweets.types */
    bool right;               /* a gold entity has the same words and type, lenient, and no entity before is it */
    const struct json *found; /* its object in predictions.jsonl */
};

struct run_tweets {
    struct nerve_config config;
    struct split split;
    struct tag_set types;
    struct json *lines; /* array of the objects of predictions.jsonl, one of each tweet */
    int *entity_start;  /* [n_tweets+1] */
    struct run_entity *entities;
};

/* ERR_NOINPUT: no predictions.jsonl or no test split. ERR_CONFIG: config.yaml. ERR_DATA: the lines are not of these tweets. */
int run_tweets_read(const char *run_directory, struct run_tweets *t, struct err *e);
void run_tweets_free(struct run_tweets *t);

/* Gold entities of tweet i, lenient, into spans (room for its words). Gives their number. */
int run_tweets_gold(const struct run_tweets *t, int i, struct span *spans);

/* "text" of tweet i's line. */
const char *run_tweets_text(const struct run_tweets *t, int i);

#endif
