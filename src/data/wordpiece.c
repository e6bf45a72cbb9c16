/* wordpiece.c - BERT's tokenizer in one pass over the text.
 *
 * Normalise: control characters are dropped, blanks become one kind, ideographs stand alone; uncased models fold each code point to lower
 * case without accents. Split: at blanks; a punctuation mark or an ideograph is a word of its own. Cut: from the left, always the longest
 * piece of the vocabulary ("##" marks a piece inside a word); where no piece fits, the whole word is [UNK], as is a word of more than
 * WORD_MAX code points.
 *
 * A word is matched through a hash of each of its prefixes, so a word costs at most WORD_MAX^2 / 2 look-ups and a text time linear in its
 * size. A piece's offsets run from the first to the last original character that is left in it: what was dropped in between is inside, what
 * was dropped around is not.
 *
 * Source: Hugging Face tokenizers 0.23, BertNormalizer, BertPreTokenizer, WordPiece.
 */
#include "wordpiece.h"
#include "grow.h"
#include "log.h"
#include "utf8.h"
#include "wordpiece_tables.h"
#include <limits.h>
#include <string.h>

enum { WORD_MAX = 100 };

struct wordpiece {
    char *text;    /* the vocabulary, a NUL behind each piece */
    char **pieces; /* [n], into text */
    int n;
    int32_t *slots; /* [mask+1] open addressing: a piece's id, or -1 */
    uint32_t mask;
    int piece_max; /* code points of the longest piece, "##" not counted */
    bool lower_case;
    int32_t unknown, cls, sep;
};

/* ---- the vocabulary ---- */

/* FNV-1a, a byte at a time, so that the hash of a longer prefix continues that of a shorter one. */
static const uint64_t HASH_START = 0xCBF29CE484222325u;
static uint64_t hash_on(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
    return h;
}

static uint32_t slot_of(const struct wordpiece *w, uint64_t h)
{
    return (uint32_t)((h ^ h >> 29) * 0x9E3779B97F4A7C15u >> 32) & w->mask;
}

/* The piece that is `prefix` followed by n bytes of s, whose hash together is h; -1 where there is none. */
static int32_t find_piece(const struct wordpiece *w, uint64_t h, const char *prefix, const char *s, size_t n)
{
    size_t n_prefix = strlen(prefix);
    for (uint32_t at = slot_of(w, h);; at = (at + 1) & w->mask) {
        int32_t id = w->slots[at];
        if (id < 0) return -1;
        const char *piece = w->pieces[id];
        if (strncmp(piece, prefix, n_prefix) == 0 && strncmp(piece + n_prefix, s, n) == 0 && piece[n_prefix + n] == '\0') return id;
    }
}

static int32_t find_whole(const struct wordpiece *w, const char *s)
{
    return find_piece(w, hash_on(HASH_START, s, strlen(s)), "", s, strlen(s));
}

/* Cuts w->text, of size bytes, into pieces: one a line; an end of line behind the last is no piece more. */
static int split_lines(struct wordpiece *w, size_t size, const char *name, struct err *e)
{
    int cap = 0;
    char *at = w->text, *end = w->text + size;
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        char *next = newline ? newline + 1 : end;
        if (stop > at && stop[-1] == '\r') stop--;
        *stop = '\0';
        size_t n = (size_t)(stop - at);
        if (n == 0) return err_set(e, ERR_DATA, "%s:%d: an empty line: expected one piece a line", name, w->n + 1);
        if (strlen(at) < n || utf8_valid(at, n) < n)
            return err_set(e, ERR_DATA,
                           "%s:%d: the piece is not valid UTF-8 text: this is no BERT vocabulary (vocab.txt), or it is damaged", name,
                           w->n + 1);
        int code = grow((void **)&w->pieces, w->n, &cap, sizeof *w->pieces, e);
        if (code) return err_prefix(e, "%s: ", name);
        w->pieces[w->n++] = at;
        at = next;
    }
    return 0;
}

static int n_codepoints(const char *s)
{
    int n = 0;
    for (; *s != '\0'; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static int index_pieces(struct wordpiece *w, const char *name, struct err *e)
{
    uint32_t n_slots = 16;
    while (n_slots / 2 < (uint32_t)w->n) n_slots *= 2; /* never more than half full, so every search ends soon */
    w->slots = malloc((size_t)n_slots * sizeof *w->slots);
    if (!w->slots) return err_set(e, ERR_INTERNAL, "%s: out of memory for %d pieces", name, w->n);
    memset(w->slots, 0xFF, (size_t)n_slots * sizeof *w->slots);
    w->mask = n_slots - 1;
    for (int32_t id = 0; id < w->n; id++) {
        const char *piece = w->pieces[id];
        const int32_t before = find_whole(w, piece);
        if (before >= 0)
            log_warning("%s:%d: piece \"%.60s\" stands on line %d already: the later line is its id", name, id + 1, piece, before + 1);
        uint32_t at = slot_of(w, hash_on(HASH_START, piece, strlen(piece)));
        while (w->slots[at] >= 0 && w->slots[at] != before) at = (at + 1) & w->mask;
        w->slots[at] = id;
        int length = n_codepoints(piece) - (strncmp(piece, "##", 2) == 0 ? 2 : 0);
        if (length > w->piece_max) w->piece_max = length;
    }
    return 0;
}

static int find_special(const struct wordpiece *w, const char *piece, int32_t *id, const char *name, struct err *e)
{
    *id = find_whole(w, piece);
    return *id >= 0 ? 0
                    : err_set(e, ERR_DATA, "%s: has no piece %s: this is no BERT vocabulary (vocab.txt, one piece a line)", name, piece);
}

int wordpiece_from_text(const char *text, size_t size, const char *name, bool lower_case, struct wordpiece **out, struct err *e)
{
    struct wordpiece *w = calloc(1, sizeof *w);
    if (w && size < INT_MAX) w->text = malloc(size + 1);
    int code = w && w->text ? 0 : err_set(e, ERR_INTERNAL, "%s: out of memory for a vocabulary of %zu bytes", name, size);
    if (code) goto failed;
    memcpy(w->text, text, size);
    w->text[size] = '\0';
    w->lower_case = lower_case;
    code = split_lines(w, size, name, e);
    if (!code) code = index_pieces(w, name, e);
    if (!code) code = find_special(w, "[UNK]", &w->unknown, name, e);
    if (!code) code = find_special(w, "[CLS]", &w->cls, name, e);
    if (!code) code = find_special(w, "[SEP]", &w->sep, name, e);
    if (code) goto failed;
    *out = w;
    return 0;
failed:
    wordpiece_free(w);
    return code;
}

void wordpiece_free(struct wordpiece *w)
{
    if (!w) return;
    free(w->text);
    free(w->pieces);
    free(w->slots);
    free(w);
}

int wordpiece_size(const struct wordpiece *w)
{
    return w->n;
}
int32_t wordpiece_unknown(const struct wordpiece *w)
{
    return w->unknown;
}
int32_t wordpiece_cls(const struct wordpiece *w)
{
    return w->cls;
}
int32_t wordpiece_sep(const struct wordpiece *w)
{
    return w->sep;
}
const char *wordpiece_piece(const struct wordpiece *w, int32_t id)
{
    return w->pieces[id];
}

/* ---- code points ---- */

enum codepoint_class codepoint_class_of(uint32_t c)
{
    int low = 0, high = N_CODEPOINT_RANGES;
    while (low < high) {
        int middle = (low + high) / 2;
        if (CODEPOINT_RANGES[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < N_CODEPOINT_RANGES && CODEPOINT_RANGES[low].first <= c ? CODEPOINT_RANGES[low].what : CP_KEEP;
}

/* A Hangul syllable as its jamo (Unicode, section 3.12). */
static int fold_hangul(uint32_t c, uint32_t to[CODEPOINT_FOLD_MAX])
{
    uint32_t s = c - 0xAC00;
    to[0] = 0x1100 + s / 588;
    to[1] = 0x1161 + s % 588 / 28;
    to[2] = 0x11A7 + s % 28;
    return s % 28 == 0 ? 2 : 3;
}

/* What c becomes in an uncased model: gives the number of code points. */
int codepoint_fold(uint32_t c, uint32_t to[CODEPOINT_FOLD_MAX])
{
    if (c >= 0xAC00 && c <= 0xD7A3) return fold_hangul(c, to);
    int low = 0, high = N_CODEPOINT_FOLDS;
    while (low < high) {
        int middle = (low + high) / 2;
        if (CODEPOINT_FOLDS[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    const struct codepoint_fold *f = &CODEPOINT_FOLDS[low];
    if (low == N_CODEPOINT_FOLDS || c < f->first || (c - f->first) % f->step != 0) {
        to[0] = c;
        return 1;
    }
    memcpy(to, f->to, sizeof f->to);
    to[0] += c - f->first;
    return f->n;
}

/* ---- cutting ---- */

/* Where a normalised code point comes from. */
struct origin {
    int32_t byte, byte_end, character;
};

/* The word that is being read. Of one that is too long, only the count and the ends are kept. */
struct cutter {
    const struct wordpiece *w;
    int n;                     /* code points so far */
    char text[4 * WORD_MAX];   /* normalised */
    uint16_t at[WORD_MAX + 1]; /* where code point i begins in text; at[n] is its end */
    struct origin from[WORD_MAX];
    struct origin last;
    struct piece **pieces;
    int *cap;
    int n_pieces;
};

static int add_piece(struct cutter *k, int32_t id, const struct origin *first, const struct origin *last)
{
    struct err ignored;
    if (grow((void **)k->pieces, k->n_pieces, k->cap, sizeof **k->pieces, &ignored)) return ERR_INTERNAL;
    (*k->pieces)[k->n_pieces++] = (struct piece){
        .id = id, .byte_first = first->byte, .byte_end = last->byte_end, .char_first = first->character, .char_end = last->character + 1};
    return 0;
}

/* The longest piece that begins at code point `from`; *end is the code point behind it. -1 where there is none. */
static int32_t longest_piece(const struct cutter *k, int from, int *end)
{
    const char *prefix = from == 0 ? "" : "##", *start = k->text + k->at[from];
    uint64_t hash[WORD_MAX + 1]; /* of the prefix and the first i code points */
    int longest = k->n - from < k->w->piece_max ? k->n - from : k->w->piece_max;
    hash[0] = hash_on(HASH_START, prefix, strlen(prefix));
    for (int i = 0; i < longest; i++)
        hash[i + 1] = hash_on(hash[i], k->text + k->at[from + i], (size_t)(k->at[from + i + 1] - k->at[from + i]));
    for (int i = longest; i > 0; i--) {
        int32_t id = find_piece(k->w, hash[i], prefix, start, (size_t)(k->at[from + i] - k->at[from]));
        if (id < 0) continue;
        *end = from + i;
        return id;
    }
    return -1;
}

static int end_word(struct cutter *k)
{
    int before = k->n_pieces, n = k->n, code = 0;
    if (n == 0) return 0;
    bool known = n <= WORD_MAX;
    for (int from = 0, end = 0; known && !code && from < n; from = end) {
        int32_t id = longest_piece(k, from, &end);
        known = id >= 0;
        if (known) code = add_piece(k, id, &k->from[from], &k->from[end - 1]);
    }
    if (!known) {
        k->n_pieces = before;
        code = add_piece(k, k->w->unknown, &k->from[0], &k->last);
    }
    k->n = 0;
    return code;
}

static void add_codepoint(struct cutter *k, uint32_t c, struct origin from)
{
    if (k->n < WORD_MAX) {
        int at = k->n == 0 ? 0 : k->at[k->n];
        k->from[k->n] = from;
        k->at[k->n] = (uint16_t)at;
        k->at[k->n + 1] = (uint16_t)(at + utf8_encode(c, k->text + at));
    }
    k->n++;
    k->last = from;
}

static int add_alone(struct cutter *k, uint32_t c, struct origin from)
{
    int code = end_word(k);
    if (code) return code;
    add_codepoint(k, c, from);
    return end_word(k);
}

static int take(struct cutter *k, uint32_t c, struct origin from)
{
    enum codepoint_class what = codepoint_class_of(c);
    if (what == CP_DROP) return 0;
    if (what == CP_SPACE) return end_word(k);
    uint32_t to[CODEPOINT_FOLD_MAX] = {c};
    int n = k->w->lower_case ? codepoint_fold(c, to) : 1, code = 0;
    for (int i = 0; i < n && !code; i++) {
        /* Ideographs are told by the character itself, punctuation by what it becomes: U+2260 becomes "=". */
        if (what == CP_CJK || codepoint_class_of(to[i]) == CP_PUNCTUATION)
            code = add_alone(k, to[i], from);
        else
            add_codepoint(k, to[i], from);
    }
    return code;
}

int wordpiece_encode(const struct wordpiece *w, const char *text, size_t size, struct piece **pieces, int *cap)
{
    if (size >= INT32_MAX) return ERR_INTERNAL;
    struct cutter k;
    k.w = w;
    k.n = 0;
    k.pieces = pieces;
    k.cap = cap;
    k.n_pieces = 0;
    int32_t character = 0;
    int code = 0;
    for (size_t at = 0; at < size && !code; character++) {
        uint32_t c = 0xFFFD; /* dropped: what a byte that is no UTF-8 stands for */
        int n = utf8_decode(text + at, size - at, &c);
        if (n == 0) n = 1;
        code = take(&k, c, (struct origin){.byte = (int32_t)at, .byte_end = (int32_t)at + n, .character = character});
        at += (size_t)n;
    }
    if (!code) code = end_word(&k);
    return code ? code : k.n_pieces;
}
