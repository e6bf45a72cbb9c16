/* report_tweets.h - the tweets of a run for its report: which types are taken for which, what the tweets show, and which of them tell most.
 */
#ifndef NERVE_REPORT_TWEETS_H
#define NERVE_REPORT_TWEETS_H

#include "captions.h"
#include "picture.h"
#include "run_tweets.h"

/* Nothing but `why` is there where the run cannot be shown with its tweets. */
struct report_tweets {
    char why[1100]; /* one sentence; "" where all was read */
    struct run_tweets run;
    long *confusion;               /* [types+1,types+1]: gold type (last: none), found type (last: none) */
    struct picture_folder *images; /* NULL: none is there */
    struct captions captions;      /* empty: none are there */
};

/* Data that moved, changed or never were are no error: they are told in t->why. ERR_INTERNAL without memory. */
int report_tweets_read(const char *run_directory, struct report_tweets *t, struct err *e);
void report_tweets_free(struct report_tweets *t);

/* The tweets that tell most, by three questions in turn until `each` tweets answered each one: whose entity do text and picture contradict
 * each other on most; which wrong entity was the model surest of; which entity was it least sure of. No tweet twice, none of more than
 * REPORT_TEXT_MAX bytes. */
enum report_question { REPORT_CONTRADICTING, REPORT_WRONG, REPORT_DOUBTFUL, N_REPORT_QUESTIONS };
enum { REPORT_TEXT_MAX = 2000, REPORT_EACH_MAX = 4 };
/* tweets [N_REPORT_QUESTIONS,REPORT_EACH_MAX], -1 where there are no more. each <= REPORT_EACH_MAX */
void report_tweets_choose(const struct report_tweets *t, int each, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX]);

#endif
