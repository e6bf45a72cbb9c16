/* evaluate.h - a predicting model over a whole split. */
#ifndef NERVE_EVALUATE_H
#define NERVE_EVALUATE_H

#include "doubt.h"
#include "json.h"
#include "model.h"
#include "score.h"
#include "split.h"
#include <signal.h>

/* One entity that the model found, in words of its tweet. */
struct found {
    int tweet;
    struct span span;
    double score; /* probability of exactly this entity */
    struct doubt doubt;
};

/* One word at the tag that it got. */
struct tagged {
    double score; /* probability of the tag */
    struct doubt doubt;
};

/* What evaluate_split gives besides tags: a sum of these. */
enum evaluation_parts {
    EVALUATE_TAGS = 0,
    EVALUATE_FOUND = 1,     /* entities, their probabilities and doubt */
    EVALUATE_EMISSIONS = 2, /* of all words that were not cut off */
    EVALUATE_TWEETS = 4,    /* each tweet's doubt */
    EVALUATE_WORDS = 8,     /* each word's probability and doubt */
};

struct evaluation {
    int *predicted; /* [words of the split]; words behind max_length are O */
    struct found *found;
    size_t n_found;
    ag_real *emissions;   /* [words of split.encoded,L] */
    struct doubt *tweets; /* [tweets] doubt_of_tweet */
    struct tagged *words; /* [words of the split]; of words behind max_length all is NaN */
};

/* Predicts every tweet, in batches of about batch_pieces pieces, through graph (reset at each batch). Where *stop becomes true it gives
 * ERR_CHECK soon; stop may be NULL. */
int evaluate_split(const struct model *m, ag_graph *graph, const struct split *s, int batch_pieces, unsigned parts,
                   const volatile sig_atomic_t *stop, struct evaluation *out, struct err *e);
void evaluation_free(struct evaluation *x);

/* The temperature at which emissions of a split (EVALUATE_EMISSIONS) and the model's scores fit its tags best. */
double evaluation_temperature(const struct model *m, const struct split *s, const struct evaluation *x);

/* Scores against the file's own tags: what truncation hides is a miss. End *out with score_end. */
int evaluation_score(const struct model *m, const struct split *s, const struct evaluation *x, struct score *out, struct err *e);

/* One line for each tweet, in the shape of Hugging Face's token classification: {"id", "text", "entities": [{entity_group, score, word,
 * start, end}]}; text is the words joined by blanks, offsets count characters of it. Written atomically. */
int evaluation_write_predictions(const struct model *m, const struct split *s, const struct evaluation *x, const char *path, struct err *e);

#endif
