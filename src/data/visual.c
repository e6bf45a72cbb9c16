/* visual.c - the visual source of a split, and its part of a packed batch. */
#include "visual.h"
#include "grow.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(int n_tweets, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for what %d tweets show", n_tweets);
}

static int begin(enum visual_kind kind, int n_tweets, struct visual *v, struct err *e)
{
    *v = (struct visual){.kind = kind, .n_tweets = n_tweets};
    v->source = calloc((size_t)n_tweets + 1, sizeof *v->source);
    return v->source ? 0 : out_of_memory(n_tweets, e);
}

static int finish(int code, struct visual *v, struct visual *out)
{
    if (code)
        visual_free(v);
    else
        *out = *v;
    return code;
}

/* ---- captions ---- */

static int add_caption(struct visual *v, int tweet, const char *text, const struct wordpiece *w, int max_length, struct piece **pieces,
                       int *cap_pieces, int *cap_ids, struct err *e)
{
    int at = v->start[tweet], n = text ? wordpiece_encode(w, text, strlen(text), pieces, cap_pieces) : 0;
    if (n < 0) return out_of_memory(v->n_tweets, e);
    if (n > max_length - 2) n = max_length - 2;
    v->source[tweet] = n > 0 ? tweet : -1;
    v->start[tweet + 1] = at + (n > 0 ? n + 2 : 0);
    while (v->start[tweet + 1] > *cap_ids) {
        int code = grow((void **)&v->ids, *cap_ids, cap_ids, sizeof *v->ids, e);
        if (code) return code;
    }
    if (n == 0) return 0;
    v->ids[at++] = wordpiece_cls(w);
    for (int k = 0; k < n; k++) v->ids[at++] = (*pieces)[k].id;
    v->ids[at] = wordpiece_sep(w);
    return 0;
}

int visual_of_captions(int n_tweets, const char *const *text, const struct wordpiece *w, int max_length, struct visual *out, struct err *e)
{
    struct visual v;
    struct piece *pieces = NULL;
    int cap_pieces = 0, cap_ids = 0;
    assert(max_length >= 3); /* [CLS], a piece, [SEP] */
    int code = begin(VISUAL_CAPTIONS, n_tweets, &v, e);
    if (!code && !(v.start = calloc((size_t)n_tweets + 1, sizeof *v.start))) code = out_of_memory(n_tweets, e);
    for (int i = 0; i < n_tweets && !code; i++) code = add_caption(&v, i, text[i], w, max_length, &pieces, &cap_pieces, &cap_ids, e);
    free(pieces);
    struct hash_stream *digest = hash_begin();
    if (!code) {
        hash_add(digest, v.start, ((size_t)n_tweets + 1) * sizeof *v.start);
        hash_add(digest, v.ids, (size_t)v.start[n_tweets] * sizeof *v.ids);
    }
    v.digest = hash_end(digest);
    return finish(code, &v, out);
}

/* ---- pictures ---- */

static int read_cut(const struct visual *v, int tweet, struct picture *cut, struct err *e)
{
    struct picture picture = {0};
    int code = v->by_path[tweet] ? picture_read_file(v->folder, v->name[tweet], v->turn, &picture, e)
                                 : picture_read(v->folder, v->name[tweet], v->turn, &picture, e);
    if (!code) code = picture_pipeline_cut(&v->pipeline, &picture, cut, e);
    picture_free(&picture);
    return code;
}

/* What reading each picture once tells. */
struct checked {
    char *message; /* why it cannot be used; fresh memory */
    struct hash digest;
};

static int check_pictures(struct visual *v, int threads, struct checked *each, struct err *e)
{
    int code = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int i = 0; i < v->n_tweets; i++) {
        struct picture cut = {0};
        struct err failed = {0};
        const int failure = v->name[i] ? read_cut(v, i, &cut, &failed) : ERR_NOINPUT;
        if (!failure) each[i].digest = hash_bytes(cut.rgb, (size_t)cut.width * (size_t)cut.height * 3);
        picture_free(&cut);
        v->source[i] = failure ? -1 : i;
        const bool bad = failure == ERR_DATA || (failure == ERR_NOINPUT && v->by_path[i]);
        if (bad) each[i].message = strdup(failed.text);
        if (!failure || (bad && each[i].message) || (!bad && failure == ERR_NOINPUT)) continue;
#pragma omp critical
        if (!code) code = bad ? out_of_memory(v->n_tweets, e) : err_set(e, failure, "%s", failed.text);
    }
    return code;
}

int visual_of_pictures(int n_tweets, const char *const *name, const struct picture_folder *folder, const bool *by_path, bool turn,
                       const struct picture_pipeline *pipeline, int tokens, int threads, visual_report report, void *context,
                       struct visual *out, struct err *e)
{
    struct visual v;
    int code = begin(VISUAL_PICTURES, n_tweets, &v, e);
    struct checked *each = calloc((size_t)n_tweets + 1, sizeof *each);
    v.folder = folder;
    v.name = calloc((size_t)n_tweets + 1, sizeof *v.name);
    v.by_path = calloc((size_t)n_tweets + 1, sizeof *v.by_path);
    v.turn = turn;
    v.pipeline = *pipeline;
    v.tokens = tokens;
    if (!code && (!each || !v.name || !v.by_path)) code = out_of_memory(n_tweets, e);
    for (int i = 0; i < n_tweets && !code; i++) {
        v.name[i] = name[i];
        v.by_path[i] = name[i] && by_path && by_path[i];
    }
    if (!code) code = check_pictures(&v, threads, each, e);
    struct hash_stream *digest = hash_begin();
    for (int i = 0; i < n_tweets && each; i++) {
        hash_add(digest, each[i].digest.bytes, sizeof each[i].digest.bytes);
        if (each[i].message && !code && report) report(context, i, each[i].message);
        free(each[i].message);
    }
    v.digest = hash_end(digest);
    free(each);
    return finish(code, &v, out);
}

/* ---- features ---- */

int visual_of_features(int n_tweets, const float *const *features, const int32_t *count, int width, struct visual *out, struct err *e)
{
    struct visual v;
    int code = begin(VISUAL_FEATURES, n_tweets, &v, e);
    v.width = width;
    v.features = calloc((size_t)n_tweets + 1, sizeof *v.features);
    v.count = calloc((size_t)n_tweets + 1, sizeof *v.count);
    if (!code && (!v.features || !v.count)) code = out_of_memory(n_tweets, e);
    struct hash_stream *digest = hash_begin();
    for (int i = 0; i < n_tweets && !code; i++) {
        v.features[i] = features[i];
        v.count[i] = features[i] ? count[i] : 0;
        v.source[i] = v.count[i] > 0 ? i : -1;
        hash_add(digest, &v.count[i], sizeof v.count[i]);
        hash_add(digest, features[i], (size_t)v.count[i] * (size_t)width * sizeof **features);
    }
    v.digest = hash_end(digest);
    return finish(code, &v, out);
}

void visual_free(struct visual *v)
{
    free(v->source);
    free(v->ids);
    free(v->start);
    free(v->name);
    free(v->by_path);
    free(v->features);
    free(v->count);
    *v = (struct visual){0};
}

int visual_count(const struct visual *v)
{
    int n = 0;
    for (int i = 0; i < v->n_tweets; i++) n += v->source[i] >= 0;
    return n;
}

int visual_tokens(const struct visual *v, int tweet)
{
    const int32_t source = v->kind == VISUAL_NONE ? -1 : v->source[tweet];
    if (source < 0) return 0;
    return v->kind == VISUAL_CAPTIONS ? v->start[source + 1] - v->start[source] : v->kind == VISUAL_FEATURES ? v->count[source] : v->tokens;
}

/* ---- one packed batch ---- */

static bool resize(void *array, size_t n, size_t item)
{
    void **a = array, *larger = realloc(*a, (n + 1) * item);
    if (larger) *a = larger;
    return larger != NULL;
}

int visual_batch_reserve(struct visual_batch *b, const struct visual *v, int B, int W, int V, struct err *e)
{
    const bool captions = v->kind == VISUAL_CAPTIONS, pictures = v->kind == VISUAL_PICTURES, features = v->kind == VISUAL_FEATURES;
    const size_t S = (size_t)v->pipeline.size;
    const bool there =
        resize(&b->start, (size_t)B + 1, sizeof *b->start) && resize(&b->tweet, (size_t)B, sizeof *b->tweet) &&
        resize(&b->place, (size_t)B, sizeof *b->place) && resize(&b->seen, (size_t)W, sizeof *b->seen) &&
        resize(&b->noise, (size_t)W, sizeof *b->noise) && resize(&b->caption_start, (size_t)B + 1, sizeof *b->caption_start) &&
        (!captions || (resize(&b->ids, (size_t)V, sizeof *b->ids) && resize(&b->position, (size_t)V, sizeof *b->position))) &&
        (!pictures || resize(&b->pixels, (size_t)B * 3 * S * S, sizeof *b->pixels)) &&
        (!features || resize(&b->features, (size_t)V * (size_t)v->width, sizeof *b->features));
    if (!there) return err_set(e, ERR_INTERNAL, "out of memory for the %d visual tokens of %d tweets", V, B);
    b->cap_B = B;
    b->cap_W = W;
    b->cap_V = V;
    return 0;
}

static void fill_caption(struct visual_batch *b, const struct visual *v, int32_t source, int at)
{
    const int n = v->start[source + 1] - v->start[source];
    memcpy(b->ids + at, v->ids + v->start[source], (size_t)n * sizeof *b->ids);
    for (int k = 0; k < n; k++) b->position[at + k] = k;
}

/* What is done to a tweet's picture or features, and by which random numbers; by NULL: nothing. */
struct made_worse {
    const struct corruption *by;
    uint32_t seed;
};

static struct made_worse corruption_of(const struct visual *v, const struct visual_changes *changes, int i)
{
    static const struct corruption NOISE = {CORRUPT_NOISE, 1};
    if (changes && changes->of[i] == VISUAL_NOISE) return (struct made_worse){&NOISE, changes->seed};
    return (struct made_worse){v->corruption, v->corruption_seed};
}

static void fill_features(struct visual_batch *b, const struct visual *v, int tweet, int tokens, struct made_worse worse)
{
    float *at = b->features + (size_t)b->V * (size_t)v->width;
    memcpy(at, v->features[v->source[tweet]], (size_t)tokens * (size_t)v->width * sizeof *at);
    if (worse.by) corrupt_features(worse.seed, worse.by, tweet, tokens, v->width, at);
}

static int fill_pixels(struct visual_batch *b, const struct visual *v, const int32_t *tweets, const struct visual_changes *changes,
                       int threads, struct err *e)
{
    const size_t size = 3 * (size_t)v->pipeline.size * (size_t)v->pipeline.size;
    int code = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int k = 0; k < b->n; k++) {
        struct picture cut = {0};
        struct err failed = {0};
        const int tweet = tweets[b->tweet[k]], unread = read_cut(v, v->source[tweet], &cut, &failed);
        const struct made_worse worse = corruption_of(v, changes, b->tweet[k]);
        const int failure = unread || !worse.by ? unread : corrupt_picture(worse.seed, worse.by, tweet, &cut, &failed);
        if (!failure) picture_pipeline_normalise(&v->pipeline, &cut, b->pixels + (size_t)k * size);
        picture_free(&cut);
        if (!failure) continue;
#pragma omp critical
        if (!code)
            code = err_set(e, failure == ERR_NOINPUT ? ERR_IO : failure, "%s%s", failed.text,
                           unread ? " (it was there when the split was read)" : "");
    }
    return code;
}

int visual_batch_fill(struct visual_batch *b, const struct visual *v, int B, const int32_t *tweets, const int32_t *place,
                      const int32_t *word_start, const struct visual_changes *changes, int threads, struct err *e)
{
    assert(B <= b->cap_B && word_start[B] <= b->cap_W);
    b->V = b->n = 0;
    b->start[0] = b->caption_start[0] = 0;
    for (int i = 0; i < B; i++) {
        const int tokens = changes && changes->of[i] == VISUAL_LEFT_OUT ? 0 : visual_tokens(v, tweets[i]);
        memset(b->seen + word_start[i], tokens > 0, (size_t)(word_start[i + 1] - word_start[i]));
        memset(b->noise + word_start[i], tokens > 0 && changes && changes->of[i] == VISUAL_NOISE,
               (size_t)(word_start[i + 1] - word_start[i]));
        b->start[i + 1] = b->V + tokens;
        if (tokens == 0) continue;
        assert(b->V + tokens <= b->cap_V);
        const int32_t source = v->source[tweets[i]];
        if (v->kind == VISUAL_CAPTIONS) fill_caption(b, v, source, b->V);
        if (v->kind == VISUAL_FEATURES) fill_features(b, v, tweets[i], tokens, corruption_of(v, changes, i));
        b->tweet[b->n] = i;
        b->place[b->n] = place[i];
        b->V += tokens;
        b->caption_start[++b->n] = b->V;
    }
    return v->kind == VISUAL_PICTURES ? fill_pixels(b, v, tweets, changes, threads, e) : 0;
}

void visual_batch_free(struct visual_batch *b)
{
    free(b->start);
    free(b->tweet);
    free(b->place);
    free(b->seen);
    free(b->noise);
    free(b->ids);
    free(b->position);
    free(b->caption_start);
    free(b->pixels);
    free(b->features);
    *b = (struct visual_batch){0};
}
