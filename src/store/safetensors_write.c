/* safetensors_write.c - see safetensors_write.h; the form of the file stands in safetensors.c. */
#include "safetensors_write.h"
#include "checked.h"
#include "files.h"
#include "json.h"
#include "safetensors.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, ALIGNMENT = 64 };

struct writing {
    const char *path;
    const struct array **order; /* [n] */
    size_t n;
    char *header; /* with its length in front and blanks behind */
    size_t header_size;
};

static int compare(const void *left, const void *right)
{
    const struct array *const *a = left, *const *b = right;
    const size_t x = array_type_size((*a)->type), y = array_type_size((*b)->type);
    if (x != y) return x > y ? -1 : 1;
    return strcmp((*a)->name, (*b)->name);
}

static size_t bytes_of(const struct array *a)
{
    return a->size * array_type_size(a->type);
}

static int check(const struct writing *w, const struct json *header, const struct array *a, struct err *e)
{
    size_t product = 1;
    for (int k = 0; k < a->rank; k++)
        if (!size_mul(product, a->dim[k], &product)) product = SIZE_MAX;
    if (!safetensors_is_name(a->name))
        return err_set(e, ERR_INTERNAL, "%s: a tensor's name is empty or holds a control character", w->path);
    if (json_get(header, a->name)) return err_set(e, ERR_INTERNAL, "%s: tensor \"%.200s\": the name is taken", w->path, a->name);
    if (product != a->size)
        return err_set(e, ERR_INTERNAL, "%s: tensor \"%.200s\": its size is not the product of its shape", w->path, a->name);
    return 0;
}

static struct json *describe(const struct array *a, size_t begin)
{
    struct json *json = json_new_object(), *shape = json_new_array(), *offsets = json_new_array();
    json_set_string(json, "dtype", array_type_name(a->type));
    for (int k = 0; k < a->rank; k++) json_append_integer(shape, (int64_t)a->dim[k]);
    json_set(json, "shape", shape);
    json_append_integer(offsets, (int64_t)begin);
    json_append_integer(offsets, (int64_t)(begin + bytes_of(a)));
    json_set(json, "data_offsets", offsets);
    return json;
}

static int make_header(struct writing *w, struct err *e)
{
    struct json *json = json_new_object(), *metadata = json_new_object();
    size_t begin = 0;
    json_set_string(metadata, "format", "pt");
    json_set(json, "__metadata__", metadata);
    int code = 0;
    for (size_t i = 0; i < w->n && !(code = check(w, json, w->order[i], e)); i++) {
        json_set(json, w->order[i]->name, describe(w->order[i], begin));
        begin += bytes_of(w->order[i]);
    }
    if (code) {
        json_free(json);
        return code;
    }
    char *text = json_dump(json, 0);
    json_free(json);
    const size_t length = strlen(text), end = LENGTH_BYTES + length;
    w->header_size = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    w->header = malloc(w->header_size);
    if (w->header) {
        const uint64_t padded = w->header_size - LENGTH_BYTES;
        memcpy(w->header, &padded, LENGTH_BYTES);
        memcpy(w->header + LENGTH_BYTES, text, length);
        memset(w->header + end, ' ', w->header_size - end);
    }
    free(text);
    return w->header ? 0 : err_set(e, ERR_INTERNAL, "%s: no memory for the header of %zu tensors", w->path, w->n);
}

static int fill(void *context, const char *temp_path, int fd, struct err *e)
{
    const struct writing *w = context;
    (void)temp_path;
    int code = file_write_all(fd, w->header, w->header_size, w->path, e);
    for (size_t i = 0; i < w->n && !code; i++) code = file_write_all(fd, w->order[i]->data, bytes_of(w->order[i]), w->path, e);
    return code;
}

int safetensors_write(const char *path, const struct array *tensor, size_t n, struct err *e)
{
    struct writing w = {.path = path, .order = calloc(n + 1, sizeof *w.order), .n = n};
    int code;
    if (!w.order) return err_set(e, ERR_INTERNAL, "%s: no memory for %zu tensors", path, n);
    for (size_t i = 0; i < n; i++) w.order[i] = &tensor[i];
    qsort(w.order, n, sizeof *w.order, compare);
    if (!(code = make_header(&w, e))) code = file_write_atomic(path, fill, &w, e);
    free(w.header);
    free(w.order);
    return code;
}
