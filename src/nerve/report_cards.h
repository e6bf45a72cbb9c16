/* report_cards.h - tweets of a run as cards: entities coloured, the picture or the caption, the uncertainties by modality. */
#ifndef NERVE_REPORT_CARDS_H
#define NERVE_REPORT_CARDS_H

#include "report_tweets.h"
#include <stdio.h>

/* Up to `each` tweets for each question of report_tweets_choose. A picture becomes a PNG of at most 128 x 128 pixels, so that a card takes
 * at most about 100 KB. */
void report_write_cards(FILE *out, const struct report_tweets *t, int each);

#endif
