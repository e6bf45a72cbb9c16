/* batch.c - words cut into pieces once, then copied end to end. */
#include "batch.h"
#include "grow.h"
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What encode_dataset holds while it runs. */
struct encoder {
    const struct wordpiece *w;
    struct piece *pieces; /* of one word */
    int cap_pieces, cap_ids, n_ids;
    struct encoded *x;
};

static int add_id(struct encoder *k, int32_t id, struct err *e)
{
    int code = grow((void **)&k->x->ids, k->n_ids, &k->cap_ids, sizeof *k->x->ids, e);
    if (!code) k->x->ids[k->n_ids++] = id;
    return code;
}

/* [CLS], the words that fit, [SEP]. */
static int encode_tweet(struct encoder *k, const struct dataset *d, int tweet, int max_length, struct err *e)
{
    struct encoded *x = k->x;
    const struct tweet *t = &d->tweets[tweet];
    int start = k->n_ids, n_kept = x->word_start[tweet], kept_end = n_kept + t->n_words;
    bool cut = false;
    int code = add_id(k, wordpiece_cls(k->w), e);
    for (int i = t->first_word; i < t->first_word + t->n_words && !code && !cut; i++) {
        int n = wordpiece_encode(k->w, d->words[i], strlen(d->words[i]), &k->pieces, &k->cap_pieces);
        if (n < 0) return err_set(e, n, "%s:%ld: out of memory for the pieces of a word", d->path, t->line + i - t->first_word);
        int needed = n > 0 ? n : 1;
        cut = k->n_ids - start + needed + 1 > max_length;
        if (cut) break;
        x->first[n_kept] = k->n_ids - start;
        if (x->tags) x->tags[n_kept] = d->tags[i];
        n_kept++;
        if (n == 0) {
            x->words_unknown++;
            code = add_id(k, wordpiece_unknown(k->w), e);
        }
        for (int j = 0; j < n && !code; j++) code = add_id(k, k->pieces[j].id, e);
    }
    if (!code) code = add_id(k, wordpiece_sep(k->w), e);
    x->tweets_cut += cut;
    x->words_cut += kept_end - n_kept;
    x->piece_start[tweet + 1] = k->n_ids;
    x->word_start[tweet + 1] = n_kept;
    return code;
}

int encode_dataset(const struct dataset *d, const struct wordpiece *w, int max_length, struct encoded *out, struct err *e)
{
    assert(max_length >= 3); /* [CLS], a piece, [SEP] */
    struct encoded x = {.n_tweets = d->n_tweets};
    struct encoder k = {.w = w, .x = &x};
    size_t n_starts = (size_t)d->n_tweets + 1, n_words = (size_t)d->n_words + 1;
    x.piece_start = calloc(n_starts, sizeof *x.piece_start);
    x.word_start = calloc(n_starts, sizeof *x.word_start);
    x.first = calloc(n_words, sizeof *x.first);
    if (d->tags) x.tags = calloc(n_words, sizeof *x.tags);
    int code = 0;
    if (!x.piece_start || !x.word_start || !x.first || (d->tags && !x.tags))
        code = err_set(e, ERR_INTERNAL, "%s: out of memory for the pieces of %d words", d->path, d->n_words);
    for (int i = 0; i < d->n_tweets && !code; i++) code = encode_tweet(&k, d, i, max_length, e);
    free(k.pieces);
    if (code)
        encoded_free(&x);
    else
        *out = x;
    return code;
}

/* Of tweet i, with its [SEP] for which the tweet has the room already. */
static int appended(const struct encoded *x, const struct visual *v, int i, int max_length)
{
    const int n = x->piece_start[i + 1] - x->piece_start[i], room = max_length - n, caption = visual_tokens(v, i) - 1;
    return caption < 0 || room < 2 ? 0 : caption < room ? caption : room;
}

int encoded_append(struct encoded *x, const struct visual *v, int max_length, struct err *e)
{
    int64_t n = x->piece_start[x->n_tweets];
    for (int i = 0; i < x->n_tweets; i++) n += appended(x, v, i, max_length);
    int32_t *ids = n <= INT_MAX ? calloc((size_t)n + 1, sizeof *ids) : NULL, *types = ids ? calloc((size_t)n + 1, sizeof *types) : NULL;
    int32_t *start = types ? calloc((size_t)x->n_tweets + 1, sizeof *start) : NULL;
    if (!start) {
        free(ids);
        free(types);
        return err_set(e, ERR_INTERNAL, "out of memory for %lld pieces of tweets and captions", (long long)n);
    }
    for (int i = 0; i < x->n_tweets; i++) {
        const int own = x->piece_start[i + 1] - x->piece_start[i], more = appended(x, v, i, max_length);
        int32_t *at = ids + start[i];
        memcpy(at, x->ids + x->piece_start[i], (size_t)own * sizeof *at);
        start[i + 1] = start[i] + own + more;
        if (more == 0) continue;
        const int32_t *caption = v->ids + v->start[v->source[i]], sep = at[own - 1];
        memcpy(at + own, caption + 1, (size_t)more * sizeof *at);
        at[own + more - 1] = sep;
        for (int k = own; k < own + more; k++) types[start[i] + k] = 1;
    }
    free(x->ids);
    free(x->piece_start);
    x->ids = ids;
    x->types = types;
    x->piece_start = start;
    return 0;
}

void encoded_free(struct encoded *x)
{
    free(x->ids);
    free(x->types);
    free(x->piece_start);
    free(x->first);
    free(x->word_start);
    free(x->tags);
    *x = (struct encoded){0};
}

/* ---- one packed batch ---- */

static bool resize(int32_t **a, int n)
{
    int32_t *larger = realloc(*a, ((size_t)n + 1) * sizeof *larger);
    if (larger) *a = larger;
    return larger != NULL;
}

int batch_reserve(struct batch *b, int B, int T, int W, struct err *e)
{
    assert(B >= 0 && T >= 0 && W >= 0);
    bool there = resize(&b->seq_start, B) && resize(&b->word_start, B) && resize(&b->tweet, B) && resize(&b->place, B) &&
                 resize(&b->ids, T) && resize(&b->type_room, T) && resize(&b->position, T) && resize(&b->first, W) && resize(&b->tags, W);
    if (!there) return err_set(e, ERR_INTERNAL, "out of memory for a batch of %d tweets, %d pieces, %d words", B, T, W);
    b->cap_B = B;
    b->cap_T = T;
    b->cap_W = W;
    return 0;
}

void batch_fill(struct batch *b, const struct encoded *x, int n, const int32_t *tweets, int first_place)
{
    assert(n <= b->cap_B);
    int32_t T = 0, W = 0;
    for (int i = 0; i < n; i++) {
        int32_t tweet = tweets[i];
        assert(tweet >= 0 && tweet < x->n_tweets);
        int32_t from = x->piece_start[tweet], n_pieces = x->piece_start[tweet + 1] - from;
        int32_t word = x->word_start[tweet], n_words = x->word_start[tweet + 1] - word;
        assert(n_pieces <= b->cap_T - T && n_words <= b->cap_W - W);
        b->tweet[i] = tweet;
        b->place[i] = first_place + i;
        b->seq_start[i] = T;
        b->word_start[i] = W;
        memcpy(b->ids + T, x->ids + from, (size_t)n_pieces * sizeof *b->ids);
        if (x->types) memcpy(b->type_room + T, x->types + from, (size_t)n_pieces * sizeof *b->type_room);
        for (int32_t j = 0; j < n_pieces; j++) b->position[T + j] = j;
        for (int32_t j = 0; j < n_words; j++) {
            b->first[W + j] = T + x->first[word + j];
            b->tags[W + j] = x->tags ? x->tags[word + j] : TAG_O;
        }
        T += n_pieces;
        W += n_words;
    }
    b->seq_start[n] = T;
    b->word_start[n] = W;
    b->types = x->types ? b->type_room : NULL;
    b->heard = NULL;
    b->B = n;
    b->T = T;
    b->W = W;
}

void batch_free(struct batch *b)
{
    visual_batch_free(&b->visual);
    free(b->ids);
    free(b->type_room);
    free(b->position);
    free(b->seq_start);
    free(b->first);
    free(b->word_start);
    free(b->tags);
    free(b->tweet);
    free(b->place);
    *b = (struct batch){0};
}
