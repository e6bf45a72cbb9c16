/* safetensors.c - see safetensors.h.
 *
 * The file: u64 n (little-endian) | header, n bytes | data to the end of the file. The header is one JSON object,
 *   { "__metadata__": { key: text, ... }, NAME: { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, ... }
 * perhaps padded with blanks; offsets count from the start of the data. Source: https://github.com/huggingface/safetensors, "Format".
 */
#include "safetensors.h"
#include "checked.h"
#include "files.h"
#include "json.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, HEADER_MAX = 100 * 1000 * 1000 };

struct safetensors {
    struct file_map map;
    struct json *header; /* owns the names */
    size_t count;
    struct array *tensor;         /* [count] in the order of their bytes */
    const struct array **by_name; /* [count] */
};

/* While the header is read. */
struct reading {
    struct safetensors *s;
    const char *path;
    const unsigned char *data;
    size_t data_size;
};

static int refuse(const struct reading *r, const char *name, struct err *e, const char *reason)
{
    return err_set(e, ERR_DATA, "%s: tensor \"%.200s\": %s", r->path, name, reason);
}

static bool read_size(const struct json *v, size_t *size)
{
    int64_t x;
    if (!json_read_integer(v, &x) || x < 0) return false;
    *size = (size_t)x;
    return true;
}

static bool read_type(const struct json *v, enum array_type *type)
{
    const char *name = json_text(v);
    for (int t = 0; name && t < ARRAY_TYPES; t++) {
        *type = (enum array_type)t;
        if (!strcmp(name, array_type_name(*type))) return true;
    }
    return false;
}

static int read_shape(const struct reading *r, const struct json *shape, struct array *a, struct err *e)
{
    if (!json_is_array(shape)) return refuse(r, a->name, e, "\"shape\" is not a list of sizes");
    if (json_size(shape) > ARRAY_MAX_RANK) {
        return err_set(e, ERR_DATA, "%s: tensor \"%.200s\": has %zu dimensions, more than %d", r->path, a->name, json_size(shape),
                       ARRAY_MAX_RANK);
    }
    a->rank = (int)json_size(shape);
    a->size = 1;
    for (int i = 0; i < a->rank; i++) {
        if (!read_size(json_at(shape, (size_t)i), &a->dim[i])) return refuse(r, a->name, e, "\"shape\" is not a list of sizes");
        if (!size_mul(a->size, a->dim[i], &a->size)) return refuse(r, a->name, e, "the product of its shape overflows");
    }
    return 0;
}

bool safetensors_is_name(const char *name)
{
    const char *c = name;
    while ((unsigned char)*c >= ' ' && *c != 127) c++;
    return c > name && !*c;
}

/* One member of the header: leaves the tensor at the next free place. */
static int read_member(void *context, const char *name, const struct json *value, struct err *e)
{
    struct reading *r = context;
    const struct json *offsets = json_get(value, "data_offsets");
    struct array *a = &r->s->tensor[r->s->count];
    size_t begin, end, bytes;
    int code;
    if (!strcmp(name, "__metadata__")) return 0;
    if (!safetensors_is_name(name)) return err_set(e, ERR_DATA, "%s: a tensor's name is empty or holds a control character", r->path);
    a->name = name;
    if (!json_is_object(value)) return refuse(r, name, e, "is not described by a JSON object");
    if (!read_type(json_get(value, "dtype"), &a->type)) {
        const char *type = json_text(json_get(value, "dtype"));
        return err_set(e, ERR_DATA,
                       "%s: tensor \"%.200s\": unknown dtype \"%.20s\"; known are F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
                       r->path, name, type ? type : "");
    }
    if ((code = read_shape(r, json_get(value, "shape"), a, e))) return code;
    if (json_size(offsets) != 2 || !read_size(json_at(offsets, 0), &begin) || !read_size(json_at(offsets, 1), &end) || begin > end) {
        return refuse(r, name, e, "\"data_offsets\" is not [begin, end]");
    }
    if (end > r->data_size) {
        return err_set(e, ERR_DATA, "%s: tensor \"%.200s\": ends at byte %zu of the data, which has %zu; the file was cut short", r->path,
                       name, end, r->data_size);
    }
    if (!size_mul(a->size, array_type_size(a->type), &bytes)) return refuse(r, name, e, "the product of its shape overflows");
    if (bytes != end - begin) {
        char shape[ARRAY_SHAPE_TEXT];
        return err_set(e, ERR_DATA, "%s: tensor \"%.200s\": %s %s needs %zu bytes, its offsets hold %zu", r->path, name,
                       array_type_name(a->type), array_shape_text(a->rank, a->dim, shape), bytes, end - begin);
    }
    a->data = r->data + begin;
    r->s->count++;
    return 0;
}

static int read_metadata(void *context, const char *key, const struct json *value, struct err *e)
{
    const struct reading *r = context;
    return json_text(value) ? 0 : err_set(e, ERR_DATA, "%s: __metadata__: \"%.200s\" is not a text", r->path, key);
}

static uintptr_t begin_of(const struct array *a)
{
    return (uintptr_t)a->data;
}

static uintptr_t end_of(const struct array *a)
{
    return (uintptr_t)a->data + a->size * array_type_size(a->type);
}

/* An empty tensor comes before the one that begins where it lies. */
static int compare_places(const void *left, const void *right)
{
    const struct array *a = left, *b = right;
    if (begin_of(a) != begin_of(b)) return begin_of(a) < begin_of(b) ? -1 : 1;
    if (end_of(a) != end_of(b)) return end_of(a) < end_of(b) ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_names(const void *left, const void *right)
{
    const struct array *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static int check_no_hole(const struct reading *r, struct err *e)
{
    uintptr_t end = (uintptr_t)r->data;
    for (size_t i = 0; i < r->s->count; i++) {
        const struct array *a = &r->s->tensor[i];
        if (begin_of(a) < end) return refuse(r, a->name, e, "overlaps the tensor before it");
        if (begin_of(a) > end) return refuse(r, a->name, e, "there is a hole before it, which no tensor owns");
        end = end_of(a);
    }
    const size_t used = end - (uintptr_t)r->data;
    if (used == r->data_size) return 0;
    return err_set(e, ERR_DATA, "%s: %zu bytes behind the last tensor, which no tensor owns", r->path, r->data_size - used);
}

static int read_header(struct reading *r, struct err *e)
{
    struct safetensors *s = r->s;
    uint64_t length;
    int code;
    if (s->map.size < LENGTH_BYTES) return err_set(e, ERR_DATA, "%s: not a safetensors file: it has %zu bytes", r->path, s->map.size);
    memcpy(&length, s->map.data, sizeof length);
    if (length > HEADER_MAX) {
        return err_set(e, ERR_DATA, "%s: not a safetensors file: a header of %ju bytes, more than %d", r->path, (uintmax_t)length,
                       HEADER_MAX);
    }
    if (length > s->map.size - LENGTH_BYTES) {
        return err_set(e, ERR_DATA, "%s: a header of %ju bytes in a file of %zu; the file was cut short", r->path, (uintmax_t)length,
                       s->map.size);
    }
    r->data = s->map.data + LENGTH_BYTES + length;
    r->data_size = s->map.size - LENGTH_BYTES - (size_t)length;
    if ((code = json_parse((const char *)s->map.data + LENGTH_BYTES, (size_t)length, r->path, &s->header, e))) return code;
    if (!json_is_object(s->header)) return err_set(e, ERR_DATA, "%s: not a safetensors file: its header is no JSON object", r->path);

    const struct json *metadata = json_get(s->header, "__metadata__");
    if (metadata && !json_is_object(metadata)) return err_set(e, ERR_DATA, "%s: __metadata__ is no JSON object", r->path);
    if (metadata && (code = json_each(metadata, read_metadata, r, e))) return code;

    s->tensor = calloc(json_size(s->header) + 1, sizeof *s->tensor);
    s->by_name = calloc(json_size(s->header) + 1, sizeof *s->by_name);
    if (!s->tensor || !s->by_name) return err_set(e, ERR_INTERNAL, "%s: no memory for %zu tensors", r->path, json_size(s->header));
    if ((code = json_each(s->header, read_member, r, e))) return code;
    qsort(s->tensor, s->count, sizeof *s->tensor, compare_places);
    for (size_t i = 0; i < s->count; i++) s->by_name[i] = &s->tensor[i];
    qsort(s->by_name, s->count, sizeof *s->by_name, compare_names);
    return check_no_hole(r, e);
}

int safetensors_open(const char *path, struct safetensors **out, struct err *e)
{
    struct safetensors *s = calloc(1, sizeof *s);
    if (!s) return err_set(e, ERR_INTERNAL, "%s: no memory", path);
    struct reading r = {.s = s, .path = path};
    int code = file_map(path, &s->map, e);
    if (!code) code = read_header(&r, e);
    if (code) {
        safetensors_close(s);
        return code;
    }
    *out = s;
    return 0;
}

void safetensors_close(struct safetensors *s)
{
    if (!s) return;
    free(s->by_name);
    free(s->tensor);
    json_free(s->header);
    file_unmap(&s->map);
    free(s);
}

void safetensors_forget(const struct safetensors *s)
{
    file_map_forget(&s->map);
}

size_t safetensors_count(const struct safetensors *s)
{
    return s->count;
}

const struct array *safetensors_at(const struct safetensors *s, size_t i)
{
    return &s->tensor[i];
}

const struct array *safetensors_find(const struct safetensors *s, const char *name)
{
    const struct array wanted = {.name = name}, *key = &wanted;
    const struct array **found = bsearch(&key, s->by_name, s->count, sizeof *s->by_name, compare_names);
    return found ? *found : NULL;
}

const char *safetensors_metadata(const struct safetensors *s, const char *key)
{
    return json_text(json_get(json_get(s->header, "__metadata__"), key));
}

const void *safetensors_bytes(const struct safetensors *s, size_t *size)
{
    *size = s->map.size;
    return s->map.data;
}
