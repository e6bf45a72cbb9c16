/* synth.h - synthetic tweets for trying the program without any data: templates, invented names, unseen names in valid and test. */
#ifndef DATA_SYNTH_H
#define DATA_SYNTH_H

#include "err.h"
#include <stdint.h>

struct synth_report {
    int tweets[3]; /* train, valid, test */
    int entities[3];
    double unseen[3];     /* share of a split's distinct entities (text and type) that never occur in train; 0 for train */
    double lexicon_f1[3]; /* lenient micro F1 of the lexicon baseline: each training name with its most frequent type, longest match from
                             the left */
};
/* Writes directory/{train,valid,test,vocab}.txt, 70/10/20: same bytes for the same n and seed. n >= 10. Existing files of these names are
 * replaced atomically. */
int synth_write(const char *directory, int n, uint32_t seed, struct synth_report *report, struct err *e);

#endif
