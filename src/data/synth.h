/* synth.h - synthetic tweets for trying the program without any data: templates, invented names, unseen names in valid and test, and
 * pictures that decide what the words leave open. */
#ifndef DATA_SYNTH_H
#define DATA_SYNTH_H

#include "err.h"
#include <stdbool.h>
#include <stdint.h>

enum { SYNTH_TWEETS_MIN = 10, SYNTH_TWEETS_MAX = 200000 };

/* Shares and the degree are 0 to 1. What they decide is drawn for each tweet apart: another share of missing pictures, say, changes no
 * other picture and no word. */
struct synth_options {
    int tweets;
    uint32_t seed;
    bool pictures;         /* false: text decides every tweet, and the next four say nothing */
    double ambiguity;      /* share of tweets with a name whose type the text does not tell */
    double picture_noise;  /* 0 none, 1 hardly anything but noise to see */
    double contradictions; /* share of the other tweets that have an entity: their picture shows a type that none of theirs has */
    double missing;        /* share of tweets without a picture */
    double label_noise;    /* share of train's entities that are called another type */
};
#define SYNTH_DEFAULTS                                                                                                                     \
    (struct synth_options)                                                                                                                 \
    {                                                                                                                                      \
        .tweets = 2000, .seed = 1, .pictures = true, .ambiguity = 0.4, .picture_noise = 0.2, .contradictions = 0, .missing = 0.05       \
    }

/* What of a tweet decides its types; each of its lines in subsets.txt names these and, behind them, SYNTH_CONTRADICTED where it is so. */
#define SYNTH_TEXT_DECIDES    "text_decides"
#define SYNTH_PICTURE_DECIDES "picture_decides"
#define SYNTH_UNDECIDED       "undecided" /* the picture would, and is missing */
#define SYNTH_CONTRADICTED    "contradicted"

struct synth_report {
    int tweets[3]; /* train, valid, test */
    int entities[3];
    int pictures[3];
    int picture_decides[3]; /* tweets */
    double unseen[3];       /* share of a split's distinct entities (text and type) that never occur in train; 0 for train */
    double lexicon_f1[3];   /* lenient micro F1 of the lexicon baseline: each training name with its most frequent type, longest match from
                               the left */
};
/* Writes directory/{train,valid,test,vocab}.txt, 70/10/20, and with pictures images/<id>.png, captions.txt (lines `<id>.jpg :caption`, of
 * what the picture shows) and subsets.txt: the same text and pixels for the same options. Existing files of these names are replaced
 * atomically; captions, subsets and pictures of an earlier set in the same directory are removed. */
int synth_write(const char *directory, const struct synth_options *o, struct synth_report *report, struct err *e);

#endif
