/* score.h - how well predicted entities match the gold ones: precision, recall, F1, under two readings of the tags side by side.
 *
 * lenient (conlleval): an I-x that continues nothing opens an entity. strict (IOB2): it belongs to none. An entity is correct where first
 * word, last word and type agree. Measures are fractions, 0 where they are undefined. Macro is the mean over the types that have an entity
 * on either side under that reading.
 */
#ifndef NERVE_SCORE_H
#define NERVE_SCORE_H

#include "err.h"
#include "tags.h"
#include <stdint.h>

struct json;

enum score_reading { SCORE_LENIENT, SCORE_STRICT, SCORE_READINGS };

struct score_counts {
    int64_t correct, gold, predicted; /* entities; gold is the support */
};
struct score_measures {
    double precision, recall, f1;
};

/* Sums over sentences (tweets). */
struct score {
    const struct tag_set *types; /* borrowed */
    int64_t words, words_right;  /* words whose tag is right */
    struct score_counts total[SCORE_READINGS];
    struct score_counts *per_type[SCORE_READINGS];    /* [n_types] */
    struct score_counts (*sentences)[SCORE_READINGS]; /* [n_sentences], for the interval */
    int n_sentences, cap_sentences;
    struct span *spans[2]; /* room for the entities of one sentence: gold, predicted */
    int cap_spans[2];
};

/* types must live as long as s and stay as they are. ERR_INTERNAL without memory. */
int score_begin(struct score *s, const struct tag_set *types, struct err *e);
void score_end(struct score *s);
/* One sentence: gold [n], predicted [n_predicted], n_predicted <= n. Words that were cut off before prediction count as O, so their gold
 * entities are misses. */
int score_add(struct score *s, int n, const int *gold, int n_predicted, const int *predicted, struct err *e);
/* The same for a part of the entities: gold and predicted ones count where `belongs` says so of their words and type, so that an entity
 * that is correct belongs on both sides or on none. Words count as ever. */
typedef bool score_belongs(void *context, const struct span *entity);
int score_add_part(struct score *s, int n, const int *gold, int n_predicted, const int *predicted, score_belongs *belongs, void *context,
                   struct err *e);

struct score_measures score_measures(const struct score_counts *c);
void score_counts_add(struct score_counts *sum, const struct score_counts *c);
struct score_measures score_macro(const struct score *s, enum score_reading reading);
/* 95 % interval of micro F1: percentiles 2.5 and 97.5 (linear between neighbours) of 1000 bootstrap resamples of the sentences. The same
 * scores always give the same interval. Both 0 without a sentence. ERR_INTERNAL without memory. */
int score_interval(const struct score *s, enum score_reading reading, double interval[2], struct err *e);
/* The percentiles by themselves, of n > 0 values, which it sorts. */
void score_percentiles(int n, double *values, double interval[2]);

/* {sentences, words, tag_accuracy, lenient: {micro: {precision, recall, f1, support, correct, predicted, f1_interval}, macro: {precision,
 * recall, f1}, per_type: {PER: {precision, recall, f1, support, correct, predicted}, ...}}, strict: ...}. Free *out. */
int score_json(const struct score *s, struct json **out, struct err *e);
/* The same as a table for people, several lines. Fresh memory: free it. */
int score_table(const struct score *s, char **out, struct err *e);

/* Scores a file of lines `token ... gold predicted`, separated by TABs or blanks, and blank lines between sentences; IMGID and -DOCSTART-
 * lines are skipped. The types that occur are added to *types, which s then borrows. text has a NUL behind its size bytes and is
 * changed. Any other line: ERR_DATA with name:line. On success end with score_end. */
int score_columns(char *text, size_t size, const char *name, struct tag_set *types, struct score *s, struct err *e);

#endif
