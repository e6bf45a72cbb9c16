/* synth_text.h - what synthetic tweets are made of: clauses with slots, noise, invented names, captions. */
#ifndef DATA_SYNTH_TEXT_H
#define DATA_SYNTH_TEXT_H

#include "err.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SYNTH_TYPES = 4 };
extern const char *const SYNTH_TYPE[SYNTH_TYPES]; /* LOC, MISC, ORG, PER */

/* Streams of RNG_SYNTH, by what they decide: a split's words (0 to 2), what the knobs do to a tweet, a tweet's picture. */
#define SYNTH_STREAM_CHOICE(id)  (16 + 2 * (id))
#define SYNTH_STREAM_PICTURE(id) (17 + 2 * (id))

/* Lists end with NULL. A clause is words and marks separated by blanks; %L %M %O %P stand for an entity, %A for one of LOC, ORG
 * or PER, %N for a name that is none, %T for a time word. */
enum { SYNTH_CLAUSES_OF_ONE = 48, SYNTH_DISTRACTORS_NAMED = 6 }; /* of each list the first: with one type; with a name */
extern const char *const SYNTH_CLAUSES[];                        /* with one or two entities, whose types the words around decide */
extern const char *const SYNTH_AMBIGUOUS[];                      /* that say as much of a place as of an organisation or a person */
extern const char *const SYNTH_DISTRACTORS[];                    /* without an entity; some hold a name all the same */
extern const char *const SYNTH_OPENINGS[];
extern const char *const SYNTH_CONNECTORS[];
extern const char *const SYNTH_CLOSINGS[];
extern const char *const SYNTH_TIMES[];
/* Of a picture, by what it shows; never a name. */
enum { SYNTH_CAPTIONS_EACH = 4 };
extern const char *const *const SYNTH_CAPTIONS[SYNTH_TYPES];

/* Invented names: number i below SYNTH_NAMES gives, for one seed, its own name of one or two words, and no two numbers the same: its
 * first word has three syllables and tells the number. */
enum {
    SYNTH_ONSETS = 16,
    SYNTH_VOWELS = 5,
    SYNTH_SYLLABLES = SYNTH_ONSETS * SYNTH_VOWELS,
    SYNTH_NAMES = SYNTH_SYLLABLES * SYNTH_SYLLABLES * SYNTH_SYLLABLES
};
enum { SYNTH_NAME_WORDS = 2, SYNTH_WORD_ROOM = 3 * 3 + 1 };
void synth_syllable(int i, char out[4]);
int synth_name(uint32_t seed, int i, char words[SYNTH_NAME_WORDS][SYNTH_WORD_ROOM]); /* gives the number of words */

/* The vocabulary of an uncased tokenizer for these tweets, one piece a line: special pieces, characters, words of the clauses, syllables;
 * for tweets with pictures also the words of ambiguous clauses and captions. An unseen name falls into known pieces. */
int synth_write_vocabulary(FILE *f, bool pictures, struct err *e);

#endif
