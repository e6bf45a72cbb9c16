/* synth_text.c - the lists, and names from syllables: an onset and a vowel each, so that a word has one reading. No syllable is a word of
 * the clauses. */
#include "synth_text.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const SYNTH_TYPE[SYNTH_TYPES] = {"LOC", "MISC", "ORG", "PER"};

const char *const SYNTH_CLAUSES[] = {"flying to %L %T",
                                     "stuck in traffic near %L %T",
                                     "what a sunset over %L",
                                     "raining in %L all week",
                                     "born and raised in %L",
                                     "moving to %L next month",
                                     "greetings from beautiful %L",
                                     "the streets of %L are empty %T",
                                     "the road from %L to %L is closed",
                                     "anyone know a good hotel in %L ?",
                                     "landed safely at %L airport",
                                     "crossing the border into %L by train",
                                     "watching %M with popcorn %T",
                                     "the new season of %M is amazing",
                                     "finished reading %M in one night",
                                     "the soundtrack of %M on repeat",
                                     "playing %M on my phone %T",
                                     "the trailer for %M looks great",
                                     "episode two of %M made me cry",
                                     "my score in %M is terrible",
                                     "tickets for the premiere of %M sold out",
                                     "binge watched %M and then %M",
                                     "the plot of %M makes no sense",
                                     "downloaded %M and deleted it again",
                                     "%O announced record earnings %T",
                                     "shares of %O fell sharply",
                                     "just got hired by %O",
                                     "%O fired its coach %T",
                                     "the customer service of %O is awful",
                                     "lawsuit filed against %O %T",
                                     "%O beat %O in overtime",
                                     "%O will open a new factory",
                                     "strike at the offices of %O",
                                     "investors sue %O over losses",
                                     "the board of %O resigned %T",
                                     "an internship with %O starts monday",
                                     "met %P backstage %T",
                                     "happy birthday %P my friend",
                                     "%P sang so well %T",
                                     "the interview with %P was funny",
                                     "had dinner with %P and his wife",
                                     "%P kissed %P on stage",
                                     "my cousin %P got married",
                                     "praying for %P and her family",
                                     "%P said he is sorry",
                                     "coach %P shouted at the referee",
                                     "professor %P gave a lecture %T",
                                     "a selfie with my idol %P",
                                     "%P said she loves %L in the summer",
                                     "%P was hired by %O as a driver",
                                     "%O opens a shop in downtown %L",
                                     "%P plays the villain in the movie %M",
                                     NULL};

const char *const SYNTH_AMBIGUOUS[] = {"everyone is talking about %A %T",
                                       "so proud of %A %T",
                                       "%A trending worldwide %T",
                                       "cannot stop thinking about %A",
                                       "just look at %A",
                                       "%A never disappoints",
                                       "big day for %A",
                                       "good news about %A %T",
                                       "this changed %A forever",
                                       "a photo of %A %T",
                                       "nobody knows %A like we do",
                                       "I miss %A so much",
                                       "guess who loves %A",
                                       "one more story about %A",
                                       "remember %A ?",
                                       "%A made my day",
                                       "thank you %A",
                                       "there is only one %A",
                                       "years later %A still looks the same",
                                       "dreaming of %A %T",
                                       "%A all over the news",
                                       "we need to talk about %A",
                                       NULL};

const char *const SYNTH_DISTRACTORS[] = {"what does %N even mean ?",
                                         "the word %N is fun to spell",
                                         "typed %N by accident again",
                                         "my cat walked over the keyboard and wrote %N",
                                         "autocorrect changed it to %N",
                                         "%N is not a real word",
                                         "good morning everyone",
                                         "so tired of this weather",
                                         "coffee first , then work",
                                         "Happy Monday to all of you",
                                         "cannot believe it is Friday already",
                                         "need more sleep %T",
                                         "who is awake ?",
                                         "Merry Christmas and a Happy New Year",
                                         "my phone died %T",
                                         "this is so funny",
                                         NULL};

const char *const SYNTH_OPENINGS[] = {"omg", "lol", "ugh", "wow ,", "breaking :", "so", "honestly ,", "photo :", "update :", NULL};
const char *const SYNTH_CONNECTORS[] = {"and", "but", ",", ".", "!", "while", "because", "-", NULL};
const char *const SYNTH_CLOSINGS[] = {"!", "!!", "...", ".", ":)", "lol", "please", "<3", NULL};
const char *const SYNTH_TIMES[] = {"today", "tonight", "tomorrow", "yesterday", "again", "this morning", "last night", NULL};

static const char *const OF_MOUNTAINS[] = {"mountains with snow under the sun", "a valley below high peaks", "hills in the evening light",
                                           "a view over the mountains", NULL};
static const char *const OF_A_RECORD[] = {"a record with many grooves", "a vinyl disc seen from above", "the rings of an old record",
                                          "a disc on a table", NULL};
static const char *const OF_A_TOWER[] = {"a tower with rows of windows", "an office building in the city",
                                         "a tall building seen from the street", "lights in the windows of an office", NULL};
static const char *const OF_A_FACE[] = {"the face of somebody with short hair", "a portrait of somebody", "somebody looks into the camera",
                                        "head and shoulders of somebody", NULL};
const char *const *const SYNTH_CAPTIONS[SYNTH_TYPES] = {OF_MOUNTAINS, OF_A_RECORD, OF_A_TOWER, OF_A_FACE};

/* ---- names ---- */

enum { SECOND_WORDS = 16 };
static const char *const ONSETS[SYNTH_ONSETS] = {"f", "j", "k", "l", "p", "r", "v", "z", "br", "dr", "gr", "kl", "kr", "pr", "st", "tr"};
static const char VOWELS[SYNTH_VOWELS] = {'a', 'e', 'i', 'o', 'u'};

void synth_syllable(int i, char out[4])
{
    sprintf(out, "%s%c", ONSETS[i / SYNTH_VOWELS], VOWELS[i % SYNTH_VOWELS]);
}

static void spell(uint32_t digits, int n_syllables, char word[SYNTH_WORD_ROOM])
{
    word[0] = '\0';
    for (int k = 0; k < n_syllables; k++, digits /= SYNTH_SYLLABLES) {
        char syllable[4];
        synth_syllable((int)(digits % SYNTH_SYLLABLES), syllable);
        strcat(word, syllable);
    }
    word[0] = (char)toupper((unsigned char)word[0]);
}

/* One of SECOND_WORDS words that many names end with, as family names do. */
static void second_word(uint32_t i, char word[SYNTH_WORD_ROOM])
{
    spell(i * 7 % SYNTH_SYLLABLES + (i * 13 + 29) % SYNTH_SYLLABLES * SYNTH_SYLLABLES, 2, word);
}

int synth_name(uint32_t seed, int i, char words[SYNTH_NAME_WORDS][SYNTH_WORD_ROOM])
{
    /* A step without the factors 2 and 5 goes through all numbers before one comes again; SYNTH_NAMES has the factors 2 and 5 alone. */
    uint32_t number = (uint32_t)(((uint64_t)i * 736481u + (uint64_t)seed * 2654435761u) % SYNTH_NAMES);
    uint32_t mixed = (number ^ number >> 11) * 2654435769u;
    spell(number, 3, words[0]);
    if ((mixed >> 24) % 3 > 0) return 1;
    second_word((mixed >> 12) % SECOND_WORDS, words[1]);
    return 2;
}

/* ---- vocabulary ---- */

enum { VOCABULARY_MAX = 2000, WORD_ROOM = 24, PIECE_ROOM = WORD_ROOM + 2 };
struct vocabulary {
    char pieces[VOCABULARY_MAX][PIECE_ROOM];
    int n;
};

static void add(struct vocabulary *v, const char *prefix, const char *piece, int size)
{
    char text[PIECE_ROOM];
    snprintf(text, sizeof text, "%.2s%.*s", prefix, size < WORD_ROOM ? size : WORD_ROOM - 1, piece);
    for (int i = 0; i < v->n; i++) {
        if (strcmp(v->pieces[i], text) == 0) return;
    }
    if (v->n < VOCABULARY_MAX) strcpy(v->pieces[v->n++], text);
}

/* Runs of letters and digits in lower case, slots left out. */
static void add_words(struct vocabulary *v, const char *const *list)
{
    for (; *list; list++) {
        for (const char *at = *list; *at != '\0';) {
            char word[WORD_ROOM];
            int n = 0;
            if (*at == '%') at += 2;
            while (isalnum((unsigned char)*at) && n < WORD_ROOM - 1) word[n++] = (char)tolower((unsigned char)*at++);
            if (n > 0) add(v, "", word, n);
            if (n == 0 && *at != '\0') at++;
        }
    }
}

int synth_write_vocabulary(FILE *f, bool pictures, struct err *e)
{
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    static const char *const of_noise[] = {"rt", "http", "co", NULL};
    struct vocabulary *v = calloc(1, sizeof *v);
    if (!v) return err_set(e, ERR_INTERNAL, "out of memory for a vocabulary of %d pieces", VOCABULARY_MAX);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) add(v, "", special[i], WORD_ROOM - 1);
    for (char c = '!'; c <= '~'; c++) {
        if (!isupper((unsigned char)c)) add(v, "", &c, 1);
    }
    for (char c = '0'; c <= 'z'; c++) {
        if (isdigit((unsigned char)c) || islower((unsigned char)c)) add(v, "##", &c, 1);
    }
    add_words(v, SYNTH_CLAUSES);
    add_words(v, SYNTH_DISTRACTORS);
    add_words(v, SYNTH_OPENINGS);
    add_words(v, SYNTH_CONNECTORS);
    add_words(v, SYNTH_CLOSINGS);
    add_words(v, SYNTH_TIMES);
    add_words(v, of_noise);
    for (uint32_t i = 0; i < SECOND_WORDS; i++) {
        char word[SYNTH_WORD_ROOM];
        second_word(i, word);
        word[0] = (char)tolower((unsigned char)word[0]);
        add(v, "", word, WORD_ROOM - 1);
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < SYNTH_SYLLABLES; i++) {
            char syllable[4];
            synth_syllable(i, syllable);
            add(v, k == 0 ? "" : "##", syllable, 3);
        }
    }
    if (pictures) {
        add_words(v, SYNTH_AMBIGUOUS);
        for (int t = 0; t < SYNTH_TYPES; t++) add_words(v, SYNTH_CAPTIONS[t]);
    }
    for (int i = 0; i < v->n; i++) fprintf(f, "%s\n", v->pieces[i]);
    free(v);
    return 0;
}
