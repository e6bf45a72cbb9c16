/* synth_tweet.c - a clause with entities, noise around it, sometimes a second clause.
 *
 * What the words around decide is the type; what a name is called says little, so that a list of names does not help:
 *   - training draws names from a pool; each has a home type that it is used with most of the time, and no name is bound to it;
 *   - of the entities of valid and test, at most 3 in 7, counted from the front, are names of that pool; each other one is a name that
 * occurs nowhere else. So at least 4/7 of a split's distinct entities are unseen, and the lexicon baseline, whose recall is at most r =
 * 3/7, has F1 <= 2r/(1+r) = 0.6: for any n and seed.
 * Ambiguous names are counted apart, so that both holds for them too; the known ones are few (an eighth of the pool), so that each comes as
 * several types. No random number that a word depends on is drawn for a type: the text of an ambiguous name is the same for all three.
 *
 * A plain set, which comes with pictures, is one whose text a small model learns from about 500 tweets, the share of 840 that text decides:
 * half of the clauses, names in one clause of a tweet, and no home types. With all of it such a model reached F1 .85 to .90 on them, so .93
 * to .98. Two clauses with names of two types are rare in so few tweets, and which words belong to which name was nearly all that a model
 * had not learned; a picture, which shows one type, made it worse.
 */
#include "synth_tweet.h"
#include "synth_text.h"
#include <ctype.h>
#include <string.h>

enum {
    HOME_PERCENT = 50,
    KNOWN_OF_SEVEN = 3,
    AMBIGUOUS_PART = 8, /* the first eighth of the pool */
};

static bool percent(struct synth_writer *w, uint32_t p)
{
    return rng_below(&w->rng, 100) < p;
}

static const char *pick(struct synth_writer *w, const char *const *list)
{
    uint32_t n = 0;
    while (list[n]) n++;
    return list[rng_below(&w->rng, n)];
}

static int type_of(char slot)
{
    static const char slots[SYNTH_TYPES + 1] = "LMOP"; /* in the order of SYNTH_TYPE */
    return (int)(strchr(slots, slot) - slots);
}

/* The clauses with slots of one type come first; a plain set has every second of them. */
static const char *pick_clause(struct synth_writer *w)
{
    uint32_t n = 0;
    if (w->plain) return SYNTH_CLAUSES[2 * rng_below(&w->rng, SYNTH_CLAUSES_OF_ONE / 2)];
    while (SYNTH_CLAUSES[n]) n++;
    return SYNTH_CLAUSES[rng_below(&w->rng, n)];
}

/* True for 3 of every 7 in a row, and never for more than 3/7 of those from the front. */
static bool is_known(int i)
{
    return (i + 1) * (int64_t)KNOWN_OF_SEVEN / 7 > i * (int64_t)KNOWN_OF_SEVEN / 7;
}

/* The number of a name for a slot, which is the letter of a mark: of a type, A, or N. */
static int draw_name(struct synth_writer *w, char slot)
{
    int *count = slot == 'N' ? &w->n_others : slot == 'A' ? &w->n_ambiguous : &w->n_names;
    if (!w->training && !is_known((*count)++)) return w->next_fresh++;
    if (slot == 'A') return (int)rng_below(&w->rng, (uint32_t)(w->pool / AMBIGUOUS_PART));
    if (slot == 'N' || w->plain || !percent(w, HOME_PERCENT)) return (int)rng_below(&w->rng, (uint32_t)w->pool);
    return SYNTH_TYPES * (int)rng_below(&w->rng, (uint32_t)(w->pool / SYNTH_TYPES)) + type_of(slot);
}

static void put(struct synth_writer *w, const char *word, int size, const char *tag)
{
    char first = w->capital ? (char)toupper((unsigned char)*word) : *word;
    fprintf(w->f, "%c%.*s\t%s\n", first, size - 1, word + 1, tag);
    w->capital = false;
}

/* Notes an entity, and gives the type that it is called. */
static int label(struct synth_writer *w, int type)
{
    if (w->first_type < 0) w->first_type = type;
    const bool is_wrong = rng_uniform(&w->choice) < w->label_noise;
    const int other = 1 + (int)rng_below(&w->choice, SYNTH_TYPES - 1); /* always drawn: what comes after does not depend on the share */
    return is_wrong ? (type + other) % SYNTH_TYPES : type;
}

static void put_name(struct synth_writer *w, char slot)
{
    char words[SYNTH_NAME_WORDS][SYNTH_WORD_ROOM], tag[16] = "O";
    int n = synth_name(w->seed, draw_name(w, slot), words);
    int called = slot == 'N' ? -1 : label(w, slot == 'A' ? w->hidden : type_of(slot));
    for (int i = 0; i < n; i++) {
        if (called >= 0) snprintf(tag, sizeof tag, "%c-%s", i == 0 ? 'B' : 'I', SYNTH_TYPE[called]);
        put(w, words[i], (int)strlen(words[i]), tag);
    }
}

/* Words and marks of a clause; see synth_text.h. */
static void put_clause(struct synth_writer *w, const char *clause)
{
    for (const char *at = clause; *at != '\0';) {
        int n = (int)strcspn(at, " ");
        if (*at != '%')
            put(w, at, n, "O");
        else if (at[1] == 'T')
            put_clause(w, pick(w, SYNTH_TIMES));
        else
            put_name(w, at[1]);
        at += n;
        if (*at == ' ') at++;
    }
}

/* "@mikoda42", "#KelaStuvi", "http://t.co/a1b2c3d4e5": words that belong to no clause. */
static void put_invented(struct synth_writer *w, char kind)
{
    char word[40], syllable[4];
    int used = snprintf(word, sizeof word, "%s", kind == '@' ? "@" : kind == '#' ? "#" : "http://t.co/");
    for (int k = 0; kind != 'h' && k < 3; k++) {
        synth_syllable((int)rng_below(&w->rng, SYNTH_SYLLABLES), syllable);
        if (kind == '#' && k != 1) syllable[0] = (char)toupper((unsigned char)syllable[0]);
        used += snprintf(word + used, sizeof word - (size_t)used, "%s", syllable);
    }
    if (kind == '@' && percent(w, 40)) used += snprintf(word + used, sizeof word - (size_t)used, "%u", rng_below(&w->rng, 100));
    for (int k = 0; kind == 'h' && k < 10; k++)
        word[used++] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng_below(&w->rng, 62)];
    put(w, word, used, "O");
}

void synth_put_tweet(struct synth_writer *w, int id)
{
    w->first_type = -1;
    fprintf(w->f, "IMGID:" SYNTH_ID "\n", id);
    if (percent(w, 20)) {
        put_clause(w, "RT");
        put_invented(w, '@');
        put_clause(w, ":");
    } else if (percent(w, 15)) {
        put_invented(w, '@');
    }
    w->capital = percent(w, 50);
    if (percent(w, 20)) put_clause(w, pick(w, SYNTH_OPENINGS));
    put_clause(w, w->hidden >= 0 ? pick(w, SYNTH_AMBIGUOUS) : percent(w, 80) ? pick_clause(w) : pick(w, SYNTH_DISTRACTORS));
    if (percent(w, 40)) {
        put_clause(w, pick(w, SYNTH_CONNECTORS));
        const char *const *others = SYNTH_DISTRACTORS + (w->plain ? SYNTH_DISTRACTORS_NAMED : 0);
        put_clause(w, !w->plain && percent(w, 50) ? pick_clause(w) : pick(w, others));
    }
    w->capital = false;
    if (percent(w, 40)) put_clause(w, pick(w, SYNTH_CLOSINGS));
    if (percent(w, 25)) put_invented(w, '#');
    if (percent(w, 35)) put_invented(w, 'h');
    fputc('\n', w->f);
}
