/* corrupt_text.c - typos and dropped words: corrupt.h says what they are. */
#include "corrupt_stream.h"
#include "utf8.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One split being rewritten. */
struct writer {
    const struct dataset *d;
    double degree;
    char *at;     /* where the next word goes */
    char **words; /* of all tweets */
    uint32_t *c;  /* the characters of one tweet's words, and in `edit` what becomes of each */
    uint8_t *edit;
    int32_t *order;
};

/* Which `degree` of n things: the first ones of *order, whose number comes back. Rounded up or down by chance, so that short tweets have
 * their share on average. */
static int choose(struct rng *r, double degree, int n, int32_t *order)
{
    const int chosen = (int)(degree * n + rng_uniform(r));
    for (int i = 0; i < n; i++) order[i] = i;
    rng_shuffle(r, (size_t)n, order);
    return chosen < n ? chosen : n;
}

/* ---- typos ---- */

enum edit { KEEP, SWAP, LEAVE_OUT, DOUBLE, NEIGHBOUR, N_SLIPS = NEIGHBOUR, ANY_LETTER };

static const char *const KEYS_BESIDE[26] = {"qwsz",   "vghn",  "xdfv", "serfcx", "wsdr", "drtgvc", "ftyhbv", "gyujnb", "ujko",
                                            "huikmn", "jiolm", "kop",  "njk",    "bhjm", "iklp",   "ol",     "wa",     "edft",
                                            "awedxz", "rfgy",  "yhji", "cfgb",   "qase", "zsdc",   "tghu",   "asx"};

/* A character that a finger beside c's key would have given; a letter where c has no key of a letter or digit. Never c itself. */
static uint32_t neighbour(uint32_t c, uint32_t chance)
{
    if (c >= '0' && c <= '9') return c == '0' ? '9' : c == '9' || chance % 2 ? c - 1 : c + 1;
    const uint32_t upper = c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0, letter = c + upper;
    if (letter < 'a' || letter > 'z') return 'a' + chance % 26;
    const char *keys = KEYS_BESIDE[letter - 'a'];
    return (uint32_t)(unsigned char)keys[chance % strlen(keys)] - upper;
}

static void put(struct writer *w, uint32_t c)
{
    w->at += utf8_encode(c, w->at);
}

/* One word of n characters: what was planned for each, but for what would change nothing or leave nothing. */
static void write_word(struct writer *w, struct rng *r, int n, uint32_t *c, const uint8_t *edit)
{
    const char *start = w->at;
    for (int i = 0; i < n; i++) {
        const uint32_t letter = 'a' + rng_below(r, 26), chance = rng_u32(r);
        const bool last = i == n - 1;
        int what = edit[i];
        if (what == SWAP && (last || c[i] == c[i + 1])) what = NEIGHBOUR;
        if (what == LEAVE_OUT && last && w->at == start) what = NEIGHBOUR;
        if (what == LEAVE_OUT) continue;
        if (what == SWAP) {
            const uint32_t next = c[i + 1];
            c[i + 1] = c[i];
            c[i] = next;
        }
        put(w, what == ANY_LETTER ? letter : what == NEIGHBOUR ? neighbour(c[i], chance) : c[i]);
        if (what == DOUBLE) put(w, c[i]);
    }
    *w->at++ = '\0';
}

static void mistype_tweet(struct writer *w, struct rng *r, const struct tweet *t)
{
    int n = 0;
    for (int i = t->first_word; i < t->first_word + t->n_words; i++)
        for (const char *s = w->d->words[i], *end = s + strlen(s); s < end;) {
            const int bytes = utf8_decode(s, (size_t)(end - s), &w->c[n++]);
            assert(bytes > 0);
            s += bytes;
        }
    memset(w->edit, KEEP, (size_t)n);
    const int chosen = choose(r, w->degree, n, w->order);
    for (int k = 0; k < n; k++) {
        const bool any = rng_uniform(r) < w->degree;
        const uint32_t slip = 1 + rng_below(r, N_SLIPS);
        if (k < chosen) w->edit[w->order[k]] = any ? ANY_LETTER : (uint8_t)slip;
    }
    n = 0;
    for (int i = t->first_word; i < t->first_word + t->n_words; i++) {
        int length = 0;
        for (const char *s = w->d->words[i]; *s; s++) length += ((unsigned char)*s & 0xC0) != 0x80;
        w->words[i] = w->at;
        write_word(w, r, length, w->c + n, w->edit + n);
        n += length;
    }
}

/* ---- dropped words ---- */

static void drop_words(struct writer *w, struct rng *r, const struct tweet *t)
{
    const int chosen = choose(r, w->degree, t->n_words, w->order);
    memset(w->edit, KEEP, (size_t)t->n_words);
    for (int k = 0; k < chosen; k++) w->edit[w->order[k]] = LEAVE_OUT;
    for (int i = 0; i < t->n_words; i++) {
        const char *word = w->edit[i] == LEAVE_OUT ? "" : w->d->words[t->first_word + i];
        w->words[t->first_word + i] = w->at;
        w->at = stpcpy(w->at, word) + 1;
    }
}

/* ---- a split ---- */

/* Bytes of all words, and the most characters or words of one tweet. */
static void measure(const struct dataset *d, size_t *bytes, size_t *longest)
{
    *bytes = *longest = 0;
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        size_t length = 0;
        for (int k = t->first_word; k < t->first_word + t->n_words; k++) length += strlen(d->words[k]) + 1;
        *bytes += length;
        if (length > *longest) *longest = length;
    }
}

int corrupt_words(uint32_t seed, const struct corruption *c, const struct dataset *d, struct corrupted_words *out, struct err *e)
{
    assert(corrupt_targets(c->kind) & CORRUPT_TEXT);
    size_t bytes, longest;
    measure(d, &bytes, &longest);
    struct writer w = {.d = d, .degree = c->degree};
    w.words = calloc((size_t)d->n_words + 1, sizeof *w.words);
    /* Doubling is what makes a word longest. */
    char *text = w.at = reallocarray(NULL, bytes + 1, 2);
    w.c = reallocarray(NULL, longest + 1, sizeof *w.c);
    w.edit = malloc(longest + 1);
    w.order = reallocarray(NULL, longest + 1, sizeof *w.order);
    int code = 0;
    if (!w.words || !text || !w.c || !w.edit || !w.order) {
        free(w.words);
        free(text);
        code = err_set(e, ERR_INTERNAL, "%s: out of memory for %d other words", d->path, d->n_words);
    }
    for (int i = 0; i < d->n_tweets && !code; i++) {
        struct rng r = corrupt_stream(seed, c->kind, i);
        if (c->kind == CORRUPT_TYPOS)
            mistype_tweet(&w, &r, &d->tweets[i]);
        else
            drop_words(&w, &r, &d->tweets[i]);
    }
    free(w.c);
    free(w.edit);
    free(w.order);
    if (!code) *out = (struct corrupted_words){w.words, text};
    return code;
}

void corrupted_words_free(struct corrupted_words *w)
{
    free(w->words);
    free(w->text);
    *w = (struct corrupted_words){0};
}
