/* words.h - a plain text cut into words, in the manner of the Twitter data sets, with places in the untouched text.
 *
 * From the left, the first rule that fits makes a word:
 *
 *   1  blanks, control and format characters belong to no word;
 *   2  a web address: http:// or https:// or www. and all up to a blank, without the closing marks . , ; : ! ? ' " ) ] } and their like;
 *   3  an e-mail address: name@host.domain;
 *   4  a number: digits with single . , : between them (80,000   4.99   9:30); letters behind it begin another word (5 th);
 *   5  letters, with the digits, underscores and combining marks that follow (WNBA20, Bundesliga_EN);
 *   6  an ideograph alone; an emoji with its modifiers and all that zero-width joiners tie to it; a flag's two letters;
 *   7  any other character alone: # of a hashtag, @ of a mention, apostrophes and hyphens too (# NBA   @ user   don ' t   Cavs - Warriors).
 */
#ifndef DATA_WORDS_H
#define DATA_WORDS_H

#include "err.h"
#include <stddef.h>
#include <stdint.h>

struct text_word {
    int32_t byte_first, byte_end; /* in the text, in UTF-8 bytes */
    int32_t char_first, char_end; /* the same in code points */
};

/* Words of a text of size bytes, which must be UTF-8, in fresh or grown memory: *words with room *cap (start with NULL, 0; free *words at
 * the end). Gives their number; ERR_DATA where a byte is not UTF-8, ERR_INTERNAL without memory or from 2 GiB of text on. Time linear in
 * size. */
int words_cut(const char *text, size_t size, struct text_word **words, int *cap, struct err *e);

#endif
