/* wordpiece_tables.h - what BERT's normaliser and pre-tokenizer do with a code point. The tables follow Unicode 8 or so, as the published
 * tokenizer does: a newer library differs on hundreds of code points. Both are sorted and without overlap. */
#ifndef DATA_WORDPIECE_TABLES_H
#define DATA_WORDPIECE_TABLES_H

#include <stdint.h>

enum codepoint_class {
    CP_KEEP,        /* in no range */
    CP_DROP,        /* control and format characters, private use, U+FFFD */
    CP_SPACE,       /* ends a word */
    CP_PUNCTUATION, /* a word of its own */
    CP_CJK,         /* an ideograph: a word of its own */
};
struct codepoint_range {
    uint32_t first, last;
    enum codepoint_class what;
};
extern const struct codepoint_range CODEPOINT_RANGES[];
extern const int N_CODEPOINT_RANGES;
enum codepoint_class codepoint_class_of(uint32_t c); /* in wordpiece.c */

/* Lower case without accents (the uncased models). first, first + step, ..., last become n code points: none, or to[0] + (c - first), or
 * (then first == last) to[0 .. n-1]. All others stay, but for Hangul syllables, which become their jamo. */
enum { CODEPOINT_FOLD_MAX = 3 };
struct codepoint_fold {
    uint32_t first, last;
    uint8_t step, n;
    uint32_t to[CODEPOINT_FOLD_MAX];
};
extern const struct codepoint_fold CODEPOINT_FOLDS[];
extern const int N_CODEPOINT_FOLDS;
int codepoint_fold(uint32_t c, uint32_t to[CODEPOINT_FOLD_MAX]); /* what c becomes: gives the number of code points; in wordpiece.c */

#endif
