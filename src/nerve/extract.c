#include "extract.h"
#include "clock.h"
#include "feature_file.h"
#include "features_identity.h"
#include "files.h"
#include "log.h"
#include "machine.h"
#include "pictures.h"
#include "progress.h"
#include "split.h"
#include "visual_shape.h"
#include "visual_source.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pictures that are decoded, then encoded, at a time: few, so that pixels take no room; enough for every thread. */
enum { CHUNK = 32 };

struct extraction {
    const struct nerve_config *config;
    struct split splits[N_SPLITS];
    const char **ids; /* [n] in the splits, sorted, each once */
    int n;
    struct model_shape shape; /* of it the visual part, the text's encoder */
    struct visual_source source;
    struct pretrained text;          /* captions */
    struct pretrained_vision vision; /* pictures */
    ag_params params;
    struct bert bert;
    struct vit vit;
    struct wordpiece *wordpiece;
    char *identity;
    int width, tokens; /* of a token; of a picture */
    double started;    /* when the first id was looked at */
    double seconds;    /* since then */
    int computed;      /* ids since then */
};

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for the features of a part");
}

static bool is_captions(const struct extraction *x)
{
    return x->shape.visual.source == SOURCE_CAPTION;
}

/* ---- ids ---- */

static int compare_ids(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int read_ids(struct extraction *x, struct err *e)
{
    char path[PATH_MAX];
    size_t n = 0, tweets = 0;
    for (int k = 0; k < N_SPLITS; k++) {
        int code = split_path(x->config, (enum split_name)k, NULL, path, sizeof path, e);
        if (!code) code = split_read(x->config, path, &x->splits[k], e);
        if (code) return code;
        tweets += (size_t)x->splits[k].data.n_tweets;
    }
    x->ids = calloc(tweets + 1, sizeof *x->ids);
    if (!x->ids) return out_of_memory(e);
    for (int k = 0; k < N_SPLITS; k++)
        for (int i = 0; i < x->splits[k].data.n_tweets; i++)
            if (x->splits[k].data.tweets[i].id) x->ids[n++] = x->splits[k].data.tweets[i].id;
    if (n == 0) return err_set(e, ERR_DATA, "%s: no tweet has an id (a line IMGID:<id> above it), so none has a picture", path);
    qsort(x->ids, n, sizeof *x->ids, compare_ids);
    for (size_t k = 0; k < n; k++)
        if (x->n == 0 || strcmp(x->ids[x->n - 1], x->ids[k]) != 0) x->ids[x->n++] = x->ids[k];
    return 0;
}

static void digest_ids(const struct extraction *x, int from, int to, char hex[33])
{
    struct hash_stream *stream = hash_begin();
    for (int k = from; k < to; k++) hash_add(stream, x->ids[k], strlen(x->ids[k]) + 1);
    const struct hash digest = hash_end(stream);
    hash_hex(&digest, hex);
}

/* ---- the encoder ---- */

static int open_vision(struct extraction *x, struct err *e)
{
    const char *folder = x->config->model.vision;
    struct visual_shape *s = &x->shape.visual;
    if (!folder[0])
        return err_set(e, ERR_CONFIG, "model.vision is not set: features are stored of the frozen encoder in a Hugging Face folder");
    int code = pretrained_vision_open(folder, &x->vision, e);
    if (code) return err_prefix(e, "model.vision: ");
    if ((code = visual_shape_make(x->config, NULL, &x->vision, NULL, s, e))) return code;
    vit_declare(&x->params, &s->vit, "vision.", &x->vit);
    if ((code = pretrained_vision_fill(&x->vision, &x->params, "vision.", e))) return err_prefix(e, "%s: ", folder);
    x->identity = features_identity_of_pictures(s, &x->vision.digest);
    x->width = s->vit.encoder.width;
    x->tokens = vit_tokens(&s->vit);
    return 0;
}

static int open_text(struct extraction *x, struct err *e)
{
    const char *folder = x->config->model.encoder;
    const int lower = x->config->model.lower_case;
    if (!folder[0])
        return err_set(e, ERR_CONFIG, "model.encoder is not set: captions go through the frozen encoder in a Hugging Face folder");
    int code = pretrained_open(folder, &x->text, e);
    if (code) return err_prefix(e, "model.encoder: ");
    const bool lower_case = lower == CONFIG_LOWER_AUTO ? x->text.lower_case : lower == CONFIG_LOWER_TRUE;
    x->shape.visual.caption_length = visual_shape_caption_length(x->config->model.caption_length, &x->text.config);
    if ((code = wordpiece_from_text(x->text.vocabulary, x->text.vocabulary_size, "vocab.txt", lower_case, &x->wordpiece, e)))
        return err_prefix(e, "%s: ", folder);
    if (wordpiece_size(x->wordpiece) > x->text.config.vocab_size)
        return err_set(e, ERR_DATA, "%s: the vocabulary has %d pieces, the encoder embeds %d", folder, wordpiece_size(x->wordpiece),
                       x->text.config.vocab_size);
    bert_declare(&x->params, &x->text.config, "caption.", &x->bert);
    if ((code = pretrained_fill(&x->text, &x->params, "caption.", e))) return err_prefix(e, "%s: ", folder);
    x->identity = features_identity_of_captions(&x->text, lower_case, x->shape.visual.caption_length);
    x->width = x->text.config.encoder.width;
    return 0;
}

static int open_extraction(struct extraction *x, struct err *e)
{
    static const char *const WORDS[] = {[SOURCE_NONE] = "none", [SOURCE_FEATURES] = "features"};
    const struct nerve_config *c = x->config;
    ag_params_init(&x->params);
    x->shape.visual.source = (enum config_visual)c->model.visual;
    x->shape.visual.turn = c->data.exif_orientation;
    if (c->model.visual == SOURCE_NONE || c->model.visual == SOURCE_FEATURES)
        return err_set(e, ERR_CONFIG, "model.visual is %s: set it to vit, clip or caption, whose features are to be stored",
                       WORDS[c->model.visual]);
    int code = is_captions(x) ? open_text(x, e) : open_vision(x, e);
    if (!code) code = read_ids(x, e);
    return code ? code : visual_source_open(c, &x->shape, NULL, &x->source, e);
}

/* Layer by layer, so that no more than one is in memory twice. */
static void pack_encoder(struct encoder *encoder, const struct weights *w)
{
    for (int l = 0; l < encoder->shape.layers; l++) {
        encoder_pack(encoder, l);
        weights_forget(w);
    }
}

static void close_extraction(struct extraction *x)
{
    visual_source_close(&x->source);
    bert_free(&x->bert);
    vit_free(&x->vit);
    ag_params_free(&x->params);
    pretrained_close(&x->text);
    pretrained_vision_close(&x->vision);
    wordpiece_free(x->wordpiece);
    free(x->identity);
    free(x->ids);
    for (int k = 0; k < N_SPLITS; k++) split_free(&x->splits[k]);
}

/* ---- one part ---- */

struct part {
    int from, to; /* ids */
    struct features_record *records;
    int n, bad;
    float *values;
};

static double rate_of(const struct extraction *x)
{
    return x->seconds > 0 ? x->computed / x->seconds : 0;
}

static void report(struct extraction *x, int done, int added)
{
    x->computed += added;
    x->seconds = clock_seconds() - x->started;
    const double rate = rate_of(x);
    progress_report(&(struct progress){.step = done,
                                       .steps = x->n,
                                       .tokens_per_s = rate,
                                       .eta = rate > 0 ? (x->n - done) / rate : -1,
                                       .phase = is_captions(x) ? "captions" : "pictures",
                                       .epoch_end = done == x->n});
}

static void add_record(struct extraction *x, struct part *p, int id, int count, const float *values)
{
    p->records[p->n++] = (struct features_record){.id = x->ids[id], .count = count, .values = values};
}

/* Names the bad ones, and moves the pixels of the others together: place[j] is where they were. */
static int keep_good(const struct extraction *x, struct part *p, int n, size_t size, const struct picture_reading *readings, float *pixels,
                     int *place, int *n_good, struct err *e)
{
    *n_good = 0;
    for (int k = 0; k < n; k++) {
        const struct picture_reading *r = &readings[k];
        if (r->code == ERR_NOINPUT) continue;
        if (r->code && r->code != ERR_DATA) return err_set(e, r->code, "%s", r->error.text);
        if (r->code && x->source.refuse_bad)
            return err_set(e, ERR_DATA, "%s: mend it, or let tweets go without such pictures by data.bad_image=drop", r->error.text);
        if (r->code) {
            log_warning("%s: not used", r->error.text);
            p->bad++;
            continue;
        }
        if (*n_good < k) memcpy(pixels + (size_t)*n_good * size, pixels + (size_t)k * size, size * sizeof *pixels);
        place[(*n_good)++] = k;
    }
    return 0;
}

static int compute_pictures(struct extraction *x, struct part *p, struct err *e)
{
    const size_t S = (size_t)x->shape.visual.pipeline.size, size = VIT_CHANNELS * S * S,
                 row = (size_t)x->tokens * (size_t)x->width; /* of a picture, in and out */
    struct picture_reading *readings = calloc(CHUNK, sizeof *readings);
    float *pixels = calloc(CHUNK * size, sizeof *pixels);
    p->values = calloc((size_t)(p->to - p->from) * row, sizeof *p->values);
    int code = readings && pixels && p->values ? 0 : out_of_memory(e);
    for (int from = p->from; from < p->to && !code; from += CHUNK) {
        const int n = p->to - from < CHUNK ? p->to - from : CHUNK;
        float *values = p->values + (size_t)p->n * row;
        int place[CHUNK], n_good;
        pictures_read(x->source.folder, n, x->ids + from, x->shape.visual.turn, &x->shape.visual.pipeline, ag_threads(), readings, pixels);
        if ((code = keep_good(x, p, n, size, readings, pixels, place, &n_good, e)) ||
            (code = vit_encode(&x->vit, n_good, pixels, values, e)))
            break;
        for (int j = 0; j < n_good; j++) add_record(x, p, from + place[j], x->tokens, values + (size_t)j * row);
        report(x, from + n, n);
    }
    free(readings);
    free(pixels);
    return code;
}

/* The captions of a part as one packed batch. */
static int pack_captions(const struct visual *v, int n, struct visual_batch *b, struct err *e)
{
    int32_t tweets[EXTRACT_PART];
    static const int32_t no_words[EXTRACT_PART + 1];
    for (int k = 0; k < n; k++) tweets[k] = k;
    int code = visual_batch_reserve(b, v, n, 0, v->start[n], e);
    return code ? code : visual_batch_fill(b, v, n, tweets, tweets, no_words, NULL, 1, e);
}

static int compute_captions(struct extraction *x, struct part *p, struct err *e)
{
    const char *text[EXTRACT_PART];
    const int n = p->to - p->from;
    struct visual v = {0};
    struct visual_batch b = {0};
    for (int k = 0; k < n; k++) text[k] = captions_find(&x->source.captions, x->ids[p->from + k]);
    int code = visual_of_captions(n, text, x->wordpiece, x->shape.visual.caption_length, &v, e);
    if (!code) code = pack_captions(&v, n, &b, e);
    if (!code && !(p->values = calloc((size_t)b.V * (size_t)x->width + 1, sizeof *p->values))) code = out_of_memory(e);
    if (!code) code = bert_encode(&x->bert, b.n, b.ids, b.position, b.caption_start, p->values, e);
    for (int j = 0; j < b.n && !code; j++)
        add_record(x, p, p->from + b.tweet[j], b.caption_start[j + 1] - b.caption_start[j],
                   p->values + (size_t)b.caption_start[j] * (size_t)x->width);
    if (!code) report(x, p->to, n);
    visual_batch_free(&b);
    visual_free(&v);
    return code;
}

static int make_part(struct extraction *x, const char *path, int from, int to, struct err *e)
{
    char asked[33];
    struct part p = {.from = from, .to = to, .records = calloc(EXTRACT_PART, sizeof *p.records)};
    int code = !p.records ? out_of_memory(e) : is_captions(x) ? compute_captions(x, &p, e) : compute_pictures(x, &p, e);
    digest_ids(x, from, to, asked);
    const struct features_source source = {
        .identity = x->identity, .asked = asked, .n_asked = to - from, .n_bad = p.bad, .width = x->width};
    if (!code) code = features_write(path, &source, p.n, p.records, e);
    free(p.values);
    free(p.records);
    return code;
}

/* ---- all parts ---- */

static int part_path(const char *path, int k, char out[PATH_MAX], struct err *e)
{
    const int n = snprintf(out, PATH_MAX, "%s.part-%04d", path, k);
    return n < 0 || n >= PATH_MAX ? err_set(e, ERR_USAGE, "%.200s...: the path is too long", path) : 0;
}

static int n_parts(const struct extraction *x)
{
    return (x->n + EXTRACT_PART - 1) / EXTRACT_PART;
}

static int part_end(const struct extraction *x, int k)
{
    return (k + 1) * EXTRACT_PART < x->n ? (k + 1) * EXTRACT_PART : x->n;
}

/* Whether a file that opened holds the features of ids from .. to-1 by this encoder. */
static int check_file(const struct extraction *x, const char *path, const struct features *f, int from, int to, struct err *e)
{
    char asked[33];
    const struct features_source s = features_source(f);
    int code = features_check_identity(path, s.identity, x->identity, "this run makes", e);
    digest_ids(x, from, to, asked);
    if (!code && strcmp(s.asked, asked) != 0) code = err_set(e, ERR_CONFIG, "%s: features of other ids than those of these splits", path);
    if (!code && (s.width != x->width || features_count(f) > to - from))
        code = err_set(e, ERR_DATA, "%s: %d records of width %d, where %d ids and width %d are told", path, features_count(f), s.width,
                       to - from, x->width);
    return code;
}

static bool is_whole(const struct features *f, const char *path)
{
    int count;
    const float *values;
    struct err e = {0};
    for (int k = 0; k < features_count(f); k++)
        if (features_at(f, k, &count, &values, &e)) {
            log_warning("%s: damaged: it is computed again", path);
            return false;
        }
    return true;
}

/* Takes over a part that an earlier call finished. */
static int take_part(const struct extraction *x, const char *path, int from, int to, bool *taken, struct err *e)
{
    struct features *f = NULL;
    *taken = false;
    if (!file_exists(path)) return 0;
    int code = features_open(path, &f, e);
    if (!code && !(code = check_file(x, path, f, from, to, e))) *taken = is_whole(f, path);
    features_close(f);
    return code ? err_prefix(e, "a part of an earlier run cannot be used (--force starts anew): ") : 0;
}

static int make_parts(struct extraction *x, const char *path, const volatile sig_atomic_t *stop, bool *finished, struct err *e)
{
    int kept = 0;
    *finished = false;
    for (int k = 0; k < n_parts(x); k++) {
        char part[PATH_MAX];
        bool taken;
        const int from = k * EXTRACT_PART, to = part_end(x, k);
        int code = part_path(path, k, part, e);
        if (!code) code = take_part(x, part, from, to, &taken, e);
        if (code) return code;
        kept += taken;
        if (taken) continue;
        if (kept > 0 && x->computed == 0) log_info("%d of %d parts are kept from an earlier run", kept, n_parts(x));
        if (x->computed == 0) x->started = clock_seconds();
        if ((code = make_part(x, part, from, to, e))) return code;
        if (*stop && k + 1 < n_parts(x)) return 0;
    }
    *finished = true;
    return 0;
}

/* Records of all parts, which stay open as long as they are borrowed. */
struct merge {
    struct features **parts; /* [n_parts] */
    struct features_record *records;
    int n, bad, tokens;
};

static int add_part(const struct extraction *x, struct merge *m, const char *path, int k, struct err *e)
{
    struct features **f = &m->parts[k];
    int code = features_open(path, f, e);
    if (!code) code = check_file(x, path, *f, k * EXTRACT_PART, part_end(x, k), e);
    if (code) return code;
    m->bad += (int)features_source(*f).n_bad;
    if (features_tokens(*f) > m->tokens) m->tokens = features_tokens(*f);
    for (int i = 0; i < features_count(*f) && !code; i++) {
        struct features_record *r = &m->records[m->n++];
        r->id = features_id(*f, i);
        code = features_at(*f, i, &r->count, &r->values, e);
    }
    return code;
}

static void tell(const struct extraction *x, const struct merge *m, const char *path)
{
    struct stat s;
    const char *thing = is_captions(x) ? "caption" : "picture";
    const double size = stat(path, &s) ? 0 : (double)s.st_size / 1e6;
    if (x->computed > 0)
        log_info("%d %ss in %.1f s: %.2f/s; peak memory %.0f MB", x->computed, thing, x->seconds, rate_of(x), machine_peak_mb());
    if (m->bad > 0) log_warning("%d pictures cannot be used: their tweets go without", m->bad);
    log_info("%s: %d of %d ids have a %s; at most %d visual tokens of width %d each, %.1f MB", path, m->n, x->n, thing, m->tokens, x->width,
             size);
}

static int merge_parts(const struct extraction *x, const char *path, struct err *e)
{
    char part[PATH_MAX], asked[33];
    const int n = n_parts(x);
    struct merge m = {.parts = calloc((size_t)n + 1, sizeof *m.parts), .records = calloc((size_t)x->n + 1, sizeof *m.records)};
    int code = m.parts && m.records ? 0 : out_of_memory(e);
    for (int k = 0; k < n && !code; k++)
        if (!(code = part_path(path, k, part, e))) code = add_part(x, &m, part, k, e);
    digest_ids(x, 0, x->n, asked);
    const struct features_source source = {.identity = x->identity, .asked = asked, .n_asked = x->n, .n_bad = m.bad, .width = x->width};
    if (!code) code = features_write(path, &source, m.n, m.records, e);
    if (!code) tell(x, &m, path);
    for (int k = 0; k < n && m.parts; k++) features_close(m.parts[k]);
    free(m.parts);
    free(m.records);
    return code;
}

/* Parts are written in order, so the first that is not there is behind the last. */
static int remove_parts(const char *path, struct err *e)
{
    char part[PATH_MAX];
    for (int k = 0;; k++) {
        int code = part_path(path, k, part, e);
        if (code) return code;
        if (!unlink(part)) continue;
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: cannot be removed: %s", part, strerror(errno));
    }
}

/* ---- */

/* What stands at path: nothing, or these very features, which a call that was killed behind its merge, say, has left complete. */
static int look_at_target(const struct extraction *x, const char *path, bool force, bool *complete, struct err *e)
{
    struct stat s;
    struct features *f = NULL;
    struct err why = {0};
    *complete = false;
    if (stat(path, &s)) return 0;
    if (!S_ISREG(s.st_mode)) return err_set(e, ERR_USAGE, "%s: is there and is no regular file; choose another --out", path);
    if (force) return 0;
    int code = features_open(path, &f, &why);
    if (!code) code = check_file(x, path, f, 0, x->n, &why);
    features_close(f);
    if (code) return err_set(e, ERR_USAGE, "%.700s; --force replaces it", why.text);
    *complete = true;
    return 0;
}

/* Now, and not when the first part is there to be written. */
static int make_directory_of(const char *path, struct err *e)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return 0;
    const int n = snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    return n < 0 || n >= PATH_MAX ? err_set(e, ERR_USAGE, "%.200s...: the path is too long", path) : directory_make(directory, e);
}

static int extract(struct extraction *x, const char *path, bool force, const volatile sig_atomic_t *stop, bool *finished, struct err *e)
{
    bool complete;
    int code;
    if ((code = open_extraction(x, e)) || (code = make_directory_of(path, e)) || (code = look_at_target(x, path, force, &complete, e)))
        return code;
    *finished = true;
    if (complete) {
        log_info("%s: is complete already; where the pictures or captions have changed, --force makes it anew", path);
        return remove_parts(path, e);
    }
    if (force && (code = remove_parts(path, e))) return code;
    if (is_captions(x))
        pack_encoder(&x->bert.encoder, x->text.weights);
    else
        pack_encoder(&x->vit.encoder, x->vision.weights);
    if ((code = make_parts(x, path, stop, finished, e)) || !*finished) return code;
    return (code = merge_parts(x, path, e)) ? code : remove_parts(path, e);
}

int extract_features(const struct nerve_config *c, const char *path, bool force, const volatile sig_atomic_t *stop, bool *finished,
                     struct err *e)
{
    struct extraction x = {.config = c};
    const int code = extract(&x, path, force, stop, finished, e);
    close_extraction(&x);
    return code;
}
