#include "bench_tweets.h"
#include "files.h"
#include "json.h"
#include "pretrained.h"
#include "rng.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS_BYTES = 16 << 20, CONFIG_BYTES = 1 << 20, FIRST_PLAIN = 5, LENGTH_MIN = 3 };

/* ---- encoders ---- */

static struct bert_config bert_of(int layers, int width, int heads)
{
    return (struct bert_config){.family = &BERT,
                                .vocab_size = 30522,
                                .max_positions = 512,
                                .type_vocab = 2,
                                .encoder = {.layers = layers,
                                            .width = width,
                                            .heads = heads,
                                            .inner = 4 * width,
                                            .order = ENCODER_POST_NORM,
                                            .activation = AG_GELU,
                                            .eps = 1e-12}};
}

int bench_shape(const char *name, struct bert_config *out, struct err *e)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t size;
    struct json *json = NULL;
    if (strcmp(name, "minilm") == 0) *out = bert_of(6, 384, 12);
    if (strcmp(name, "bert-base") == 0) *out = bert_of(12, 768, 12);
    if (strcmp(name, "minilm") == 0 || strcmp(name, "bert-base") == 0) return 0;
    if (snprintf(path, sizeof path, "%s/config.json", name) >= (int)sizeof path)
        return err_set(e, ERR_NOINPUT, "%.80s...: the name of the folder is too long", name);
    int code = file_read(path, CONFIG_BYTES, &text, &size, e);
    if (code) return err_prefix(e, "--shape is minilm, bert-base or a folder with a config.json: ");
    if (!(code = json_parse(text, size, path, &json, e))) code = bert_config_from_json(json, path, out, e);
    json_free(json);
    free(text);
    return code;
}

int bench_vocabulary(int pieces, char **text, size_t *size, struct err *e)
{
    FILE *f = open_memstream(text, size);
    if (!f) return err_set(e, ERR_INTERNAL, "out of memory for a vocabulary of %d pieces", pieces);
    fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", f);
    for (int k = FIRST_PLAIN; k < pieces; k++) fprintf(f, "piece%d\n", k);
    if (fclose(f) != 0 || !*text) return err_set(e, ERR_INTERNAL, "out of memory for a vocabulary of %d pieces", pieces);
    return 0;
}

/* ---- lengths ---- */

/* Tweets of Twitter-2017's training split by their number of pieces under BERT's uncased vocabulary, from 7 pieces. */
static const int TWITTER_2017[] = {5,   23,  46,  48, 86, 107, 156, 155, 190, 238, 195, 219, 224, 207, 176, 188, 171,
                                   145, 128, 115, 89, 72, 114, 77,  47,  40,  36,  19,  12,  12,  13,  5,   7,   1,
                                   3,   0,   0,   2,  0,  1,   0,   0,   0,   0,   0,   0,   0,   0,   0,   1};
enum { TWITTER_2017_FIRST = 7, TWITTER_2017_N = sizeof TWITTER_2017 / sizeof *TWITTER_2017 };
#define WORDS_PER_PIECE    0.865 /* of that split, [CLS] and [SEP] not counted */
#define DISTINCT_PER_PIECE 0.135 /* 8273 different pieces among its 61180 */

struct lengths {
    int *at;
    size_t n;
};

static int twitter_2017(struct lengths *out, struct err *e)
{
    for (int k = 0; k < TWITTER_2017_N; k++) out->n += (size_t)TWITTER_2017[k];
    out->at = calloc(out->n, sizeof *out->at);
    if (!out->at) return err_set(e, ERR_INTERNAL, "out of memory for %zu lengths", out->n);
    size_t i = 0;
    for (int k = 0; k < TWITTER_2017_N; k++)
        for (int tweet = 0; tweet < TWITTER_2017[k]; tweet++) out->at[i++] = TWITTER_2017_FIRST + k;
    return 0;
}

static int by_length(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int read_lengths(const char *path, int most, struct lengths *out, struct err *e)
{
    char *text = NULL;
    size_t size = 0;
    int code = file_read(path, LENGTHS_BYTES, &text, &size, e);
    if (code) return code;
    out->at = calloc(size / 2 + 1, sizeof *out->at);
    if (!out->at) code = err_set(e, ERR_INTERNAL, "out of memory for the lengths in %zu bytes", size);
    long number = 0;
    for (char *line = text, *next; !code && line < text + size; line = next) {
        char *end = memchr(line, '\n', (size_t)(text + size - line)), *behind;
        next = end ? end + 1 : text + size;
        if (end) *end = '\0';
        number++;
        errno = 0;
        const long n = strtol(line, &behind, 10);
        if (behind == line || *behind != '\0' || errno || n < LENGTH_MIN || n > most)
            code = err_set(e, ERR_DATA, "%s:%ld: a length is a number of word pieces from %d to %d, [CLS] and [SEP] included, not '%.40s'",
                           path, number, LENGTH_MIN, most, line);
        else
            out->at[out->n++] = (int)n;
    }
    if (!code && out->n == 0) code = err_set(e, ERR_DATA, "%s: the file is empty: one number of word pieces in each line is needed", path);
    if (!code) qsort(out->at, out->n, sizeof *out->at, by_length);
    free(text);
    return code;
}

/* ---- tweets ---- */

static int words_of(int pieces)
{
    const int words = (int)lround(WORDS_PER_PIECE * (pieces - 2));
    return words > 0 ? words : 1;
}

/* Density 1/r over the ranks: a word's frequency falls as its rank grows (Zipf). */
static int32_t some_piece(int vocab_size, struct rng *r)
{
    const int32_t rank = (int32_t)pow(vocab_size - FIRST_PLAIN, rng_uniform(r)) - 1;
    return FIRST_PLAIN + rank;
}

static void fill(struct encoded *x, int i, int pieces, int words, const struct model_shape *shape, struct rng *r)
{
    enum { CLS = 2, SEP = 3 };
    int32_t *ids = x->ids + x->piece_start[i], *first = x->first + x->word_start[i], *tags = x->tags + x->word_start[i];
    x->piece_start[i + 1] = x->piece_start[i] + pieces;
    x->word_start[i + 1] = x->word_start[i] + words;
    for (int k = 0; k < pieces; k++) ids[k] = k == 0 ? CLS : k == pieces - 1 ? SEP : some_piece(shape->encoder.vocab_size, r);
    for (int w = 0; w < words; w++) {
        first[w] = 1 + (int32_t)((int64_t)w * (pieces - 2) / words);
        const int type = (int)rng_below(r, (uint32_t)shape->types.n_types);
        tags[w] = rng_uniform(r) < .1 ? tag_begin(type) : TAG_O;
    }
}

/* Of a list that is long enough, each batch is neighbours of it, as batches of the whole list are: those around the quantile
 * (b + 1/2) / batches. Else tweet i has the length at the quantile (i + 1/2) / n. */
static int length_of(const struct lengths *lengths, int batches, int batch, int i)
{
    const size_t n = (size_t)batches * (size_t)batch, len = lengths->n;
    if (len < n) return lengths->at[(size_t)(((double)i + .5) * (double)len / (double)n)];
    const double middle = (i / batch + .5) * (double)len / batches; /* at least batch / 2 from both ends */
    return lengths->at[(size_t)(middle - batch / 2.) + (size_t)(i % batch)];
}

int32_t *bench_epoch(const char *path, const struct model_shape *shape, uint32_t seed, int64_t *n, struct err *e)
{
    const int words = shape->encoder.vocab_size - FIRST_PLAIN;
    struct lengths lengths = {0};
    int64_t pieces = 0;
    int32_t *rows = NULL;
    int code = path ? read_lengths(path, shape->max_length, &lengths, e) : twitter_2017(&lengths, e);
    for (size_t k = 0; k < lengths.n && !code; k++) pieces += lengths.at[k] - 2;
    const int64_t wanted = (int64_t)(DISTINCT_PER_PIECE * (double)pieces), most = words / 2 < wanted ? words / 2 : wanted;
    bool *drawn = calloc((size_t)shape->encoder.vocab_size, sizeof *drawn);
    if (!code && (!drawn || !(rows = calloc((size_t)most + 1, sizeof *rows))))
        err_set(e, ERR_INTERNAL, "out of memory for the %lld words of an epoch", (long long)most);
    struct rng r = rng_stream(seed, RNG_BENCH, 1);
    for (*n = 0; rows && *n < most;) {
        const int32_t row = some_piece(shape->encoder.vocab_size, &r);
        if (!drawn[row]) rows[(*n)++] = row;
        drawn[row] = true;
    }
    free(drawn);
    free(lengths.at);
    return rows;
}

int bench_tweets(const char *path, int batches, int batch, const struct model_shape *shape, uint32_t seed, struct split *out, struct err *e)
{
    struct lengths lengths = {0};
    struct encoded *x = &out->encoded;
    const int n = batches * batch;
    size_t pieces = 0, words = 0;
    int code = path ? read_lengths(path, shape->max_length, &lengths, e) : twitter_2017(&lengths, e);
    if (code) goto done;
    if (lengths.at[lengths.n - 1] > shape->max_length || shape->encoder.vocab_size <= FIRST_PLAIN) {
        code = err_set(e, ERR_DATA, "an encoder of %d pieces and %d positions is too small: tweets have up to %d pieces",
                       shape->encoder.vocab_size, shape->max_length, lengths.at[lengths.n - 1]);
        goto done;
    }
    for (int i = 0; i < n; i++) {
        const int length = length_of(&lengths, batches, batch, i);
        pieces += (size_t)length;
        words += (size_t)words_of(length);
    }
    x->n_tweets = out->data.n_tweets = n;
    x->ids = calloc(pieces, sizeof *x->ids);
    x->piece_start = calloc((size_t)n + 1, sizeof *x->piece_start);
    x->first = calloc(words, sizeof *x->first);
    x->word_start = calloc((size_t)n + 1, sizeof *x->word_start);
    x->tags = calloc(words, sizeof *x->tags);
    out->data.tweets = calloc((size_t)n, sizeof *out->data.tweets);
    if (!x->ids || !x->piece_start || !x->first || !x->word_start || !x->tags || !out->data.tweets) {
        code = err_set(e, ERR_INTERNAL, "out of memory for %d tweets", n);
        goto done;
    }
    struct rng r = rng_stream(seed, RNG_BENCH, 0);
    for (int i = 0; i < n; i++) {
        const int length = length_of(&lengths, batches, batch, i);
        fill(x, i, length, words_of(length), shape, &r);
    }
done:
    free(lengths.at);
    return code;
}
