#include "feature_file.h"
#include "checkpoint.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES_VERSION = 1 };

static int out_of_memory(const char *path, int n, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "%s: out of memory for %d records", path, n);
}

/* ---- writing ---- */

/* The columns of the file, and the pieces that are the records' values. */
struct columns {
    char *ids;
    int64_t *start;            /* [n+1] */
    struct hash *digests;      /* [n] */
    struct array_piece *piece; /* [n] */
};

static int check_record(const char *path, const struct features_record *r, const struct features_record *before, int width, struct err *e)
{
    if (r->id[0] == '\0' || strchr(r->id, '\n') || (before && strcmp(before->id, r->id) >= 0) || r->count < 1)
        return err_set(e, ERR_INTERNAL, "%s: record '%.200s' has an id that is empty, of two lines or not in order, or no token", path,
                       r->id);
    for (size_t k = 0; k < (size_t)r->count * (size_t)width; k++)
        if (!isfinite(r->values[k]))
            return err_set(e, ERR_CHECK, "%s: what the encoder gives for '%.200s' is not finite: not saved", path, r->id);
    return 0;
}

static int fill_columns(const char *path, int width, int n, const struct features_record *records, struct columns *c, struct err *e)
{
    size_t bytes = 1;
    for (int k = 0; k < n; k++) bytes += strlen(records[k].id) + 1;
    c->ids = calloc(bytes, 1);
    c->start = calloc((size_t)n + 1, sizeof *c->start);
    c->digests = calloc((size_t)n + 1, sizeof *c->digests);
    c->piece = calloc((size_t)n + 1, sizeof *c->piece);
    if (!c->ids || !c->start || !c->digests || !c->piece) return out_of_memory(path, n, e);
    char *end = c->ids;
    for (int k = 0; k < n; k++) {
        const struct features_record *r = &records[k];
        int code = check_record(path, r, k ? r - 1 : NULL, width, e);
        if (code) return code;
        c->piece[k] = (struct array_piece){.data = r->values, .size = (size_t)r->count * (size_t)width * sizeof *r->values};
        c->digests[k] = hash_bytes(c->piece[k].data, c->piece[k].size);
        c->start[k + 1] = c->start[k] + r->count;
        end = stpcpy(stpcpy(end, r->id), "\n");
    }
    return 0;
}

int features_write(const char *path, const struct features_source *source, int n, const struct features_record *records, struct err *e)
{
    struct columns c = {0};
    struct checkpoint_writer *w = checkpoint_new();
    int code = fill_columns(path, source->width, n, records, &c, e);
    if (!code) {
        checkpoint_add_pieces(w, "/features", ARRAY_F32, 2, (size_t[]){(size_t)c.start[n], (size_t)source->width}, (size_t)n, c.piece);
        checkpoint_add_array(w, "/start", ARRAY_I64, 1, (size_t[]){(size_t)n + 1}, c.start);
        checkpoint_add_array(w, "/digests", ARRAY_U8, 2, (size_t[]){(size_t)n, sizeof *c.digests}, c.digests);
        checkpoint_add_text(w, "ids", c.ids);
        checkpoint_add_text(w, "identity", source->identity);
        checkpoint_add_text(w, "asked", source->asked);
        checkpoint_add_integer(w, "features", FEATURES_VERSION);
        checkpoint_add_integer(w, "records", n);
        checkpoint_add_integer(w, "rows", c.start[n]);
        checkpoint_add_integer(w, "width", source->width);
        checkpoint_add_integer(w, "n_asked", source->n_asked);
        checkpoint_add_integer(w, "n_bad", source->n_bad);
        code = checkpoint_write(w, path, NULL, e);
    }
    checkpoint_discard(w);
    free(c.ids);
    free(c.start);
    free(c.digests);
    free(c.piece);
    return code;
}

/* ---- reading ---- */

struct features {
    char *path;
    struct checkpoint *checkpoint;
    char *ids, *identity, *asked;
    const char **id; /* [n], into ids */
    int n, width, tokens;
    int64_t n_asked, n_bad;
    const int64_t *start;
    const struct hash *digests;
    const float *values;
};

static int damaged(const struct features *f, const char *what, struct err *e)
{
    return err_set(e, ERR_DATA, "%s: no file of features: %s", f->path, what);
}

/* An integer from 0 to high. */
static int read_count(const struct features *f, const char *name, int64_t high, int64_t *out, struct err *e)
{
    int code = checkpoint_integer(f->checkpoint, name, out, e);
    if (!code && (*out < 0 || *out > high)) code = damaged(f, name, e);
    return code;
}

/* Names of the records, cut in place: n lines, in order. */
static int cut_ids(struct features *f, struct err *e)
{
    char *rest = f->ids;
    f->id = calloc((size_t)f->n + 1, sizeof *f->id);
    if (!f->id) return out_of_memory(f->path, f->n, e);
    for (int k = 0; k < f->n; k++) {
        char *end = strchr(rest, '\n');
        if (!end) return damaged(f, "fewer ids than records", e);
        *end = '\0';
        f->id[k] = rest;
        if (k > 0 && strcmp(f->id[k - 1], rest) >= 0) return damaged(f, "its ids are not in order", e);
        rest = end + 1;
    }
    return *rest ? damaged(f, "more ids than records", e) : 0;
}

static int check_starts(struct features *f, int64_t rows, struct err *e)
{
    for (int k = 0; k < f->n; k++) {
        const int64_t from = f->start[k], to = f->start[k + 1];
        if (from < 0 || to <= from || to > rows || to - from > INT_MAX) return damaged(f, "a record has no rows of its own", e);
        if (to - from > f->tokens) f->tokens = (int)(to - from);
    }
    return f->start[0] != 0 || f->start[f->n] != rows ? damaged(f, "rows that are no record's", e) : 0;
}

static int read_all(struct features *f, struct err *e)
{
    const struct checkpoint *c = f->checkpoint;
    const void *start, *digests, *values;
    int64_t version, n, rows, width;
    int code = checkpoint_integer(c, "features", &version, e);
    if (code) return damaged(f, "`nerve features` writes them, and it has not written this one", e);
    if (version != FEATURES_VERSION)
        return err_set(e, ERR_DATA, "%s: features of version %lld: this program reads version %d", f->path, (long long)version,
                       FEATURES_VERSION);
    if ((code = read_count(f, "records", INT_MAX - 1, &n, e)) || (code = read_count(f, "rows", INT64_MAX, &rows, e)) ||
        (code = read_count(f, "width", INT_MAX, &width, e)) || (code = read_count(f, "n_asked", INT64_MAX, &f->n_asked, e)) ||
        (code = read_count(f, "n_bad", INT64_MAX, &f->n_bad, e)) || (code = checkpoint_text(c, "ids", &f->ids, e)) ||
        (code = checkpoint_text(c, "identity", &f->identity, e)) || (code = checkpoint_text(c, "asked", &f->asked, e)) ||
        (code = checkpoint_array(c, "/start", ARRAY_I64, 1, (size_t[]){(size_t)n + 1}, &start, e)) ||
        (code = checkpoint_array(c, "/digests", ARRAY_U8, 2, (size_t[]){(size_t)n, sizeof *f->digests}, &digests, e)) ||
        (code = checkpoint_array(c, "/features", ARRAY_F32, 2, (size_t[]){(size_t)rows, (size_t)width}, &values, e)))
        return code;
    f->n = (int)n;
    f->width = (int)width;
    f->start = start;
    f->digests = digests;
    f->values = values;
    if (width == 0) return damaged(f, "tokens of no width", e);
    return (code = cut_ids(f, e)) ? code : check_starts(f, rows, e);
}

int features_open(const char *path, struct features **out, struct err *e)
{
    struct features *f = calloc(1, sizeof *f);
    int code = 0;
    if (!f || !(f->path = strdup(path))) code = out_of_memory(path, 0, e);
    if (!code && !(code = checkpoint_open(path, &f->checkpoint, e))) code = read_all(f, e);
    if (code)
        features_close(f);
    else
        *out = f;
    return code;
}

void features_close(struct features *f)
{
    if (!f) return;
    checkpoint_close(f->checkpoint);
    free(f->ids);
    free(f->identity);
    free(f->asked);
    free(f->id);
    free(f->path);
    free(f);
}

struct features_source features_source(const struct features *f)
{
    return (struct features_source){
        .identity = f->identity, .asked = f->asked, .n_asked = f->n_asked, .n_bad = f->n_bad, .width = f->width};
}

int features_count(const struct features *f)
{
    return f->n;
}

int features_tokens(const struct features *f)
{
    return f->tokens;
}

const char *features_id(const struct features *f, int k)
{
    return f->id[k];
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int features_find(const struct features *f, const char *id, int *count, const float **values, struct err *e)
{
    const char **found = id && f->n > 0 ? bsearch(&id, f->id, (size_t)f->n, sizeof *f->id, compare_ids) : NULL;
    if (!found) return err_set(e, ERR_NOINPUT, "%s: no features of '%.200s'", f->path, id ? id : "");
    return features_at(f, (int)(found - f->id), count, values, e);
}

int features_at(const struct features *f, int k, int *count, const float **values, struct err *e)
{
    const size_t rows = (size_t)(f->start[k + 1] - f->start[k]), width = (size_t)f->width;
    const float *at = f->values + (size_t)f->start[k] * width;
    const struct hash found = hash_bytes(at, rows * width * sizeof *at);
    if (memcmp(found.bytes, f->digests[k].bytes, sizeof found.bytes) != 0)
        return err_set(
            e, ERR_DATA,
            "%s: the features of '%.200s' are damaged: they are not what was written; make the file anew with `nerve features --force`",
            f->path, f->id[k]);
    *count = (int)rows;
    *values = at;
    return 0;
}
