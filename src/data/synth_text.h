/* synth_text.h - what synthetic tweets are made of: clauses with slots, noise, invented names. */
#ifndef DATA_SYNTH_TEXT_H
#define DATA_SYNTH_TEXT_H

#include "err.h"
#include <stdint.h>
#include <stdio.h>

enum { SYNTH_TYPES = 4 };
extern const char *const SYNTH_TYPE[SYNTH_TYPES]; /* LOC, MISC, ORG, PER */

/* Lists end with NULL. A clause is words and marks separated by blanks; %L %M %O %P stand for an entity, %N for a name that is none, %T for
 * a time word. */
extern const char *const SYNTH_CLAUSES[];     /* with one or two entities, whose types the words around decide */
extern const char *const SYNTH_DISTRACTORS[]; /* without an entity; some hold a name all the same */
extern const char *const SYNTH_OPENINGS[];
extern const char *const SYNTH_CONNECTORS[];
extern const char *const SYNTH_CLOSINGS[];
extern const char *const SYNTH_TIMES[];

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

/* The vocabulary of an uncased tokenizer for these tweets, one piece a line: special pieces, characters, words of the clauses, syllables.
 * An unseen name falls into known pieces. */
int synth_write_vocabulary(FILE *f, struct err *e);

#endif
