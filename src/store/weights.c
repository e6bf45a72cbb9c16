/* weights.c - see weights.h. The index: { "metadata": {...}, "weight_map": { tensor: file name, ... } }. */
#include "weights.h"
#include "files.h"
#include "json.h"
#include "safetensors.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char single_name[] = "model.safetensors", index_name[] = "model.safetensors.index.json";
enum { INDEX_MAX = 100 * 1000 * 1000 };

struct weights {
    struct safetensors **file; /* [files] in the order of their names */
    size_t files;
    const struct array **tensor; /* [count] in the order of their names */
    size_t count;
    struct hash digest;
    bool has_digest;
};

/* A row of weight_map. */
struct place {
    const char *tensor, *file;
};

/* While the index is read. */
struct reading {
    const char *folder, *index; /* paths */
    struct place *place;        /* [places] */
    size_t places;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    const int files = strcmp(a->file, b->file);
    return files ? files : strcmp(a->tensor, b->tensor);
}

static int compare_names(const void *left, const void *right)
{
    const struct array *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static bool is_plain_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int read_place(void *context, const char *tensor, const struct json *value, struct err *e)
{
    struct reading *r = context;
    const char *file = json_text(value);
    if (!file || !is_plain_name(file)) {
        return err_set(e, ERR_DATA, "%s: tensor \"%.200s\": \"%.200s\" is not the name of a file in the folder", r->index, tensor,
                       file ? file : "");
    }
    r->place[r->places++] = (struct place){tensor, file};
    return 0;
}

static int open_next(struct weights *w, const char *path, struct err *e)
{
    const int code = safetensors_open(path, &w->file[w->files], e);
    if (!code) w->files++;
    return code;
}

/* Makes room for so many tensors, and for as many files: each has one at least. */
static int make_room(struct weights *w, size_t count, struct err *e)
{
    w->file = calloc(count + 1, sizeof *w->file);
    w->tensor = calloc(count + 1, sizeof *w->tensor);
    return w->file && w->tensor ? 0 : err_set(e, ERR_INTERNAL, "no memory for %zu tensors", count);
}

static int open_single(struct weights *w, const char *path, struct err *e)
{
    struct safetensors *s;
    int code = safetensors_open(path, &s, e);
    if (code) return code;
    if ((code = make_room(w, safetensors_count(s), e))) {
        safetensors_close(s);
        return code;
    }
    w->file[w->files++] = s;
    while (w->count < safetensors_count(s)) {
        w->tensor[w->count] = safetensors_at(s, w->count);
        w->count++;
    }
    return 0;
}

static int open_places(struct weights *w, const struct reading *r, struct err *e)
{
    char path[PATH_MAX];
    int code;
    for (size_t i = 0; i < r->places; i++) {
        const struct place *p = &r->place[i];
        if (i == 0 || strcmp(p->file, p[-1].file) != 0) {
            if ((code = path_join(path, sizeof path, r->folder, p->file, e))) return code;
            if ((code = open_next(w, path, e))) { return err_prefix(e, "%s names \"%.200s\": ", r->index, p->file); }
        }
        if (!(w->tensor[w->count++] = safetensors_find(w->file[w->files - 1], p->tensor))) {
            return err_set(e, ERR_DATA, "%s: tensor \"%.200s\" is not in \"%.200s\"", r->index, p->tensor, p->file);
        }
    }
    return 0;
}

static int open_sharded(struct weights *w, const char *folder, const char *index_path, struct err *e)
{
    struct reading r = {.folder = folder, .index = index_path};
    struct json *index = NULL;
    char *text = NULL;
    size_t size;
    int code;
    if ((code = file_read(index_path, INDEX_MAX, &text, &size, e)) || (code = json_parse(text, size, index_path, &index, e))) goto done;
    const struct json *map = json_get(index, "weight_map");
    if (!json_is_object(map)) {
        code = err_set(e, ERR_DATA, "%s: has no \"weight_map\" from tensor to file", index_path);
        goto done;
    }
    if ((code = make_room(w, json_size(map), e))) goto done;
    if (!(r.place = calloc(json_size(map) + 1, sizeof *r.place))) {
        code = err_set(e, ERR_INTERNAL, "%s: no memory for %zu tensors", index_path, json_size(map));
        goto done;
    }
    if ((code = json_each(map, read_place, &r, e))) goto done;
    qsort(r.place, r.places, sizeof *r.place, compare_places);
    code = open_places(w, &r, e);
done:
    free(r.place);
    json_free(index);
    free(text);
    return code;
}

/* No file of ours: say what the folder has instead. */
static int refuse(const char *folder, struct err *e)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        const int code = path_join(path, sizeof path, folder, pickles[i], e);
        if (code) return code;
        if (!file_exists(path)) continue;
        return err_set(
            e, ERR_DATA,
            "%s: weights in PyTorch's pickle form cannot be read; load the folder in Python with transformers' from_pretrained and store it with "
            "save_pretrained(FOLDER, safe_serialization=True), which writes %s",
            path, single_name);
    }
    return err_set(e, ERR_NOINPUT, "%s: no weights: neither %s nor %s is there", folder, single_name, index_name);
}

static int open_folder(struct weights *w, const char *folder, struct err *e)
{
    char single[PATH_MAX], index[PATH_MAX];
    int code;
    if ((code = path_join(single, sizeof single, folder, single_name, e)) ||
        (code = path_join(index, sizeof index, folder, index_name, e))) {
        return code;
    }
    return file_exists(single) ? open_single(w, single, e) : file_exists(index) ? open_sharded(w, folder, index, e) : refuse(folder, e);
}

int weights_open(const char *folder, struct weights **out, struct err *e)
{
    struct weights *w = calloc(1, sizeof *w);
    if (!w) return err_set(e, ERR_INTERNAL, "%s: no memory", folder);
    const int code = open_folder(w, folder, e);
    if (code) {
        weights_close(w);
        return code;
    }
    qsort(w->tensor, w->count, sizeof *w->tensor, compare_names);
    *out = w;
    return 0;
}

void weights_close(struct weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->files; i++) safetensors_close(w->file[i]);
    free(w->tensor);
    free(w->file);
    free(w);
}

void weights_forget(const struct weights *w)
{
    for (size_t i = 0; i < w->files; i++) safetensors_forget(w->file[i]);
}

size_t weights_count(const struct weights *w)
{
    return w->count;
}

const struct array *weights_at(const struct weights *w, size_t i)
{
    return w->tensor[i];
}

const struct array *weights_find(const struct weights *w, const char *name)
{
    const struct array wanted = {.name = name}, *key = &wanted;
    const struct array **found = bsearch(&key, w->tensor, w->count, sizeof *w->tensor, compare_names);
    return found ? *found : NULL;
}

struct hash weights_digest(struct weights *w)
{
    if (!w->has_digest) {
        struct hash_stream *s = hash_begin();
        for (size_t i = 0; i < w->files; i++) {
            size_t size;
            const void *bytes = safetensors_bytes(w->file[i], &size);
            hash_add(s, bytes, size);
        }
        w->digest = hash_end(s);
        w->has_digest = true;
    }
    return w->digest;
}
