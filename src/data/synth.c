/* synth.c - synthetic tweets: a clause with entities, noise around it, sometimes a second clause.
 *
 * What the words around decide is the type; what a name is called says little, so that a list of names does not help:
 *   - training draws names from a pool; each has a home type that it is used with most of the time, and no name is bound to it;
 *   - of the entities of valid and test, at most 3 in 7, counted from the front, are names of that pool; each other one is a name that
 * occurs nowhere else. So at least 4/7 of a split's distinct entities are unseen, and the lexicon baseline, whose recall is at most r =
 * 3/7, has F1 <= 2r/(1+r) = 0.6: for any n and seed. All of it is integer arithmetic on one stream of random numbers for each split.
 */
#include "synth.h"
#include "files.h"
#include "lexicon.h"
#include "rng.h"
#include "synth_text.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_MAX = 200000, /* beyond, names could run out */
    HOME_PERCENT = 50,
    KNOWN_OF_SEVEN = 3,
    SLOTS_MAX = 6, /* names of one tweet */
};
static const char *const SPLIT[3] = {"train", "valid", "test"};

struct writer {
    FILE *f;
    struct rng rng;
    uint32_t seed;
    bool training;
    int pool;       /* names of training: numbers 0 .. pool-1; name i has home type i mod SYNTH_TYPES */
    int next_fresh; /* the next number that no tweet has */
    int n_names;    /* of this split so far, entities and others apart */
    int n_others;
    bool capital; /* the tweet's next word begins with a capital */
};

static bool percent(struct writer *w, uint32_t p)
{
    return rng_below(&w->rng, 100) < p;
}

static const char *pick(struct writer *w, const char *const *list)
{
    uint32_t n = 0;
    while (list[n]) n++;
    return list[rng_below(&w->rng, n)];
}

/* True for 3 of every 7 in a row, and never for more than 3/7 of those from the front. */
static bool is_known(int i)
{
    return (i + 1) * (int64_t)KNOWN_OF_SEVEN / 7 > i * (int64_t)KNOWN_OF_SEVEN / 7;
}

/* A name's number, for a slot of a type or, with type -1, for a name that is no entity. */
static int draw_name(struct writer *w, int type)
{
    int *count = type < 0 ? &w->n_others : &w->n_names;
    if (!w->training && !is_known((*count)++)) return w->next_fresh++;
    if (type < 0 || !percent(w, HOME_PERCENT)) return (int)rng_below(&w->rng, (uint32_t)w->pool);
    return SYNTH_TYPES * (int)rng_below(&w->rng, (uint32_t)(w->pool / SYNTH_TYPES)) + type;
}

static void put(struct writer *w, const char *word, int size, const char *tag)
{
    char first = w->capital ? (char)toupper((unsigned char)*word) : *word;
    fprintf(w->f, "%c%.*s\t%s\n", first, size - 1, word + 1, tag);
    w->capital = false;
}

static void put_name(struct writer *w, int type)
{
    char words[SYNTH_NAME_WORDS][SYNTH_WORD_ROOM], tag[16] = "O";
    int n = synth_name(w->seed, draw_name(w, type), words);
    for (int i = 0; i < n; i++) {
        if (type >= 0) snprintf(tag, sizeof tag, "%c-%s", i == 0 ? 'B' : 'I', SYNTH_TYPE[type]);
        put(w, words[i], (int)strlen(words[i]), tag);
    }
}

/* Words and marks of a clause; see synth_text.h. */
static void put_clause(struct writer *w, const char *clause)
{
    static const char marks[SYNTH_TYPES + 1] = "LMOP";
    for (const char *at = clause; *at != '\0';) {
        int n = (int)strcspn(at, " ");
        if (*at != '%')
            put(w, at, n, "O");
        else if (at[1] == 'T')
            put_clause(w, pick(w, SYNTH_TIMES));
        else
            put_name(w, at[1] == 'N' ? -1 : (int)(strchr(marks, at[1]) - marks));
        at += n;
        if (*at == ' ') at++;
    }
}

/* "@mikoda42", "#KelaStuvi", "http://t.co/a1b2c3d4e5": words that belong to no clause. */
static void put_invented(struct writer *w, char kind)
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

static void put_tweet(struct writer *w, int id)
{
    fprintf(w->f, "IMGID:S_%06d\n", id);
    if (percent(w, 20)) {
        put_clause(w, "RT");
        put_invented(w, '@');
        put_clause(w, ":");
    } else if (percent(w, 15)) {
        put_invented(w, '@');
    }
    w->capital = percent(w, 50);
    if (percent(w, 20)) put_clause(w, pick(w, SYNTH_OPENINGS));
    put_clause(w, pick(w, percent(w, 80) ? SYNTH_CLAUSES : SYNTH_DISTRACTORS));
    if (percent(w, 40)) {
        put_clause(w, pick(w, SYNTH_CONNECTORS));
        put_clause(w, pick(w, percent(w, 50) ? SYNTH_CLAUSES : SYNTH_DISTRACTORS));
    }
    w->capital = false;
    if (percent(w, 40)) put_clause(w, pick(w, SYNTH_CLOSINGS));
    if (percent(w, 25)) put_invented(w, '#');
    if (percent(w, 35)) put_invented(w, 'h');
    fputc('\n', w->f);
}

/* ---- files ---- */

/* Fills memory by `put_all` and writes it to directory/name. */
static int write_file(const char *directory, const char *name, int (*put_all)(FILE *f, void *context, struct err *e), void *context,
                      struct err *e)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int code = f ? put_all(f, context, e) : err_set(e, ERR_INTERNAL, "%s/%s: out of memory", directory, name);
    if (f && fclose(f) != 0 && !code) code = err_set(e, ERR_INTERNAL, "%s/%s: out of memory", directory, name);
    if (!code) code = path_join(path, sizeof path, directory, name, e);
    if (!code) code = file_write_bytes(path, text, size, e);
    free(text);
    return code;
}

struct split {
    struct writer *w;
    int first_id, n;
};
static int put_split(FILE *f, void *context, struct err *e)
{
    const struct split *s = context;
    (void)e;
    s->w->f = f;
    for (int i = 0; i < s->n; i++) put_tweet(s->w, s->first_id + i);
    return 0;
}

static int put_vocabulary(FILE *f, void *context, struct err *e)
{
    (void)context;
    return synth_write_vocabulary(f, e);
}

static int read_split(const char *directory, const char *name, struct dataset *d, struct tag_set *types, struct err *e)
{
    char path[4096], file[16];
    snprintf(file, sizeof file, "%s.txt", name);
    int code = path_join(path, sizeof path, directory, file, e);
    if (!code) code = conll_read(path, NULL, 0, d, e);
    if (!code) code = dataset_resolve_tags(d, types, e);
    return code;
}

/* From the files themselves, so that the report holds for what any reader finds there. */
static int report_on(const char *directory, struct synth_report *report, struct err *e)
{
    struct tag_set types = {0};
    struct dataset d[3] = {{0}};
    struct lexicon *lexicon = NULL;
    int code = 0;
    for (int t = 0; t < SYNTH_TYPES && !code; t++) code = tag_set_add(&types, SYNTH_TYPE[t], e);
    for (int s = 0; s < 3 && !code; s++) code = read_split(directory, SPLIT[s], &d[s], &types, e);
    if (!code) code = lexicon_make(&d[0], &lexicon, e);
    for (int s = 0; s < 3 && !code; s++) {
        struct lexicon_score score;
        code = lexicon_evaluate(lexicon, &d[s], &score, e);
        if (code) break;
        report->tweets[s] = d[s].n_tweets;
        report->entities[s] = score.entities;
        report->unseen[s] = score.unseen;
        report->lexicon_f1[s] = score.f1;
    }
    lexicon_free(lexicon);
    for (int s = 0; s < 3; s++) dataset_free(&d[s]);
    tag_set_free(&types);
    return code;
}

int synth_write(const char *directory, int n, uint32_t seed, struct synth_report *report, struct err *e)
{
    if (n < 10 || n > N_MAX) return err_set(e, ERR_USAGE, "%d synthetic tweets: expected 10 to %d", n, N_MAX);
    int count[3] = {n / 10 * 7 + n % 10 * 7 / 10, n / 10, 0}, id = 0, code = directory_make(directory, e);
    count[2] = n - count[0] - count[1];
    /* About 2.5 uses of a name in training. */
    int pool = SYNTH_TYPES * (count[0] / 8 + 2), next_fresh = pool;
    _Static_assert(SYNTH_TYPES * (N_MAX / 10 * 7 / 8 + 2) + (int64_t)N_MAX * 3 / 10 * SLOTS_MAX < SYNTH_NAMES, "enough names");
    for (int s = 0; s < 3 && !code; s++) {
        char name[16];
        struct writer w = {
            .rng = rng_stream(seed, RNG_SYNTH, (uint32_t)s), .seed = seed, .training = s == 0, .pool = pool, .next_fresh = next_fresh};
        struct split split = {.w = &w, .first_id = id, .n = count[s]};
        snprintf(name, sizeof name, "%s.txt", SPLIT[s]);
        code = write_file(directory, name, put_split, &split, e);
        next_fresh = w.next_fresh;
        id += count[s];
    }
    if (!code) code = write_file(directory, "vocab.txt", put_vocabulary, NULL, e);
    if (!code) code = report_on(directory, report, e);
    return code;
}
