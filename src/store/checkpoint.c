/* checkpoint.c - see checkpoint.h: a sorted table of entries, collected and written, or found in a mapped file. What libhdf5 does is in
 * skeleton.c, the block in front of the file in container.c. */
#include "checkpoint.h"
#include "checked.h"
#include "container.h"
#include "files.h"
#include "skeleton.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char meta[] = "/meta";

/* "/meta/name" in fresh memory, or NULL. */
static char *meta_path(const char *name)
{
    const size_t size = sizeof meta + 1 + strlen(name);
    char *path = calloc(size, 1);
    if (path) snprintf(path, size, "%s/%s", meta, name);
    return path;
}

static int compare_paths(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return strcmp(a->array.name, b->array.name);
}

/* ---- the table, of a writer and of an open checkpoint: it owns its names ---- */

struct table {
    struct entry *entry; /* [count] */
    size_t count, room;
};

/* A place for one entry more, or NULL. */
static struct entry *table_grow(struct table *t)
{
    if (t->count == t->room) {
        const size_t room = t->room ? 2 * t->room : 64;
        struct entry *larger = reallocarray(t->entry, room, sizeof *larger);
        if (!larger) return NULL;
        t->entry = larger;
        t->room = room;
    }
    return &t->entry[t->count];
}

static void table_sort(struct table *t)
{
    if (t->count > 0) qsort(t->entry, t->count, sizeof *t->entry, compare_paths);
}

static void table_free(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free((char *)(uintptr_t)t->entry[i].array.name);
        free(t->entry[i].owned);
    }
    free(t->entry);
}

/* ---- writing ---- */

struct checkpoint_writer {
    struct table table;
    bool has_pieces;  /* of one array */
    struct err error; /* the first that adding met */
};

struct checkpoint_writer *checkpoint_new(void)
{
    return calloc(1, sizeof(struct checkpoint_writer));
}

void checkpoint_discard(struct checkpoint_writer *w)
{
    if (!w) return;
    table_free(&w->table);
    free(w);
}

/* Every part between the slashes is a name. */
static bool is_path(const char *path)
{
    while (*path == '/') {
        const char *name = ++path;
        path += strcspn(path, "/");
        const size_t length = (size_t)(path - name);
        if (length == 0 || (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))) return false;
        if (*path == 0) return true;
    }
    return false;
}

static void note(struct checkpoint_writer *w, const char *path, const char *reason)
{
    if (!w->error.code) err_set(&w->error, ERR_INTERNAL, "cannot keep \"%.200s\" in a checkpoint: %s", path, reason);
}

/* Takes path and owned, which may be NULL where memory is out. */
static void add(struct checkpoint_writer *w, char *path, struct entry entry)
{
    struct entry *place = path ? table_grow(&w->table) : NULL;
    if (!place) {
        note(w, path ? path : "", "no memory");
    } else if (!is_path(path)) {
        note(w, path, "not a path like /group/name");
    } else {
        entry.array.name = path;
        *place = entry;
        w->table.count++;
        return;
    }
    free(path);
    free(entry.owned);
}

static void add_array(struct checkpoint_writer *w, const char *path, enum array_type type, int rank, const size_t *dim, struct entry entry)
{
    size_t bytes, given = 0;
    entry.array.type = type;
    entry.array.rank = rank;
    entry.array.size = 1;
    if (!w) return;
    if (rank < 0 || rank > ARRAY_MAX_RANK || !skeleton_knows(type)) {
        note(w, path, "a type or rank that checkpoints have not");
        return;
    }
    for (int i = 0; i < rank; i++) {
        entry.array.dim[i] = dim[i];
        if (!size_mul(entry.array.size, dim[i], &entry.array.size)) note(w, path, "the product of its shape overflows");
    }
    if (!size_mul(entry.array.size, array_type_size(type), &bytes)) note(w, path, "the product of its shape overflows");
    for (size_t i = 0; i < entry.n_pieces; i++) given += entry.piece[i].size;
    if (!entry.array.data && given != bytes) note(w, path, "its pieces are not of its size");
    add(w, strdup(path), entry);
}

void checkpoint_add_array(struct checkpoint_writer *w, const char *path, enum array_type type, int rank, const size_t *dim,
                          const void *data)
{
    add_array(w, path, type, rank, dim, (struct entry){.array.data = data});
}

void checkpoint_add_pieces(struct checkpoint_writer *w, const char *path, enum array_type type, int rank, const size_t *dim, size_t n,
                           const struct array_piece *piece)
{
    if (w && w->has_pieces) note(w, path, "another array is in pieces already");
    if (w) w->has_pieces = true;
    add_array(w, path, type, rank, dim, (struct entry){.piece = piece, .n_pieces = n});
}

static void add_meta(struct checkpoint_writer *w, const char *name, struct array array, bool is_text, const void *value, size_t bytes)
{
    if (!w) return;
    void *owned = calloc(bytes + 1, 1);
    if (!owned) {
        note(w, name, "no memory");
        return;
    }
    array.data = memcpy(owned, value, bytes);
    add(w, meta_path(name), (struct entry){.array = array, .is_text = is_text, .owned = owned});
}

void checkpoint_add_text(struct checkpoint_writer *w, const char *name, const char *text)
{
    const size_t length = strlen(text);
    add_meta(w, name, (struct array){.type = ARRAY_U8, .rank = 1, .dim = {length}, .size = length}, true, text, length);
}

void checkpoint_add_integer(struct checkpoint_writer *w, const char *name, int64_t value)
{
    add_meta(w, name, (struct array){.type = ARRAY_I64, .size = 1}, false, &value, sizeof value);
}

void checkpoint_add_number(struct checkpoint_writer *w, const char *name, double value)
{
    add_meta(w, name, (struct array){.type = ARRAY_F64, .size = 1}, false, &value, sizeof value);
}

/* While a file is written. */
struct writing {
    const char *path; /* that the messages name */
    struct table *table;
    size_t block; /* bytes in front of the HDF5 data: CONTAINER_BLOCK, or none in a plain file */
    int fd, skeleton;
    size_t next; /* of the file, everything before it is written */
    struct container_gap gap;
    struct hash_stream *stream;
    struct hash digest;
    struct err *e;
};

/* Bytes that the digest leaves out. */
static int emit_apart(struct writing *w, const void *data, size_t size)
{
    w->next += size;
    return file_write_all(w->fd, data, size, w->path, w->e);
}

static int emit(struct writing *w, const void *data, size_t size)
{
    hash_add(w->stream, data, size);
    return emit_apart(w, data, size);
}

static int emit_values(struct writing *w, const struct entry *entry)
{
    int code = 0;
    if (!entry->piece) return emit(w, entry->array.data, entry->array.size * array_type_size(entry->array.type));
    for (size_t i = 0; i < entry->n_pieces && !code; i++) code = emit_apart(w, entry->piece[i].data, entry->piece[i].size);
    return code;
}

static void find_gap(struct writing *w)
{
    for (size_t i = 0; i < w->table->count; i++) {
        const struct entry *entry = &w->table->entry[i];
        const size_t size = entry->array.size * array_type_size(entry->array.type);
        if (entry->piece && size > 0) w->gap = (struct container_gap){.offset = entry->offset, .size = size};
    }
}

/* What libhdf5 made, up to a place in the file. */
static int emit_skeleton(struct writing *w, size_t end)
{
    unsigned char part[64 * 1024];
    while (w->next < end) {
        const size_t left = end - w->next, size = left < sizeof part ? left : sizeof part;
        const ssize_t got = pread(w->skeleton, part, size, (off_t)w->next);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return err_set(w->e, ERR_INTERNAL, "%s: cannot read the checkpoint's frame in memory: %m", w->path);
        const int code = emit(w, part, (size_t)got);
        if (code) return code;
    }
    return 0;
}

static int compare_offsets(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Everything behind the user block, in one pass: the skeleton with the values in its holes. */
static int emit_all(struct writing *w, size_t size)
{
    int code = 0;
    qsort(w->table->entry, w->table->count, sizeof *w->table->entry, compare_offsets);
    for (size_t i = 0; i < w->table->count && !code; i++) {
        const struct entry *entry = &w->table->entry[i];
        if (entry->array.size == 0) continue;
        code = emit_skeleton(w, entry->offset);
        if (!code) code = emit_values(w, entry);
    }
    return code ? code : emit_skeleton(w, size);
}

/* A limit on the size of files meets the file in memory too, where it reads as a failure of libhdf5: the real file is asked first. */
static int check_limit(const struct writing *w, struct err *e)
{
    size_t least = w->block;
    for (size_t i = 0; i < w->table->count; i++) least += w->table->entry[i].array.size * array_type_size(w->table->entry[i].array.type);
    if (ftruncate(w->fd, (off_t)least) || ftruncate(w->fd, 0)) return err_set(e, ERR_IO, "%s: cannot write %zu bytes: %m", w->path, least);
    return 0;
}

static int fill(void *context, const char *temp_path, int fd, struct err *e)
{
    static const unsigned char zeros[CONTAINER_BLOCK];
    unsigned char block[CONTAINER_BLOCK];
    struct writing *w = context;
    size_t size;
    int code;
    (void)temp_path;
    w->fd = fd;
    w->e = e;
    if ((code = check_limit(w, e))) return code;
    if ((code = skeleton_make(w->table->entry, w->table->count, w->block, &w->skeleton, &size, e))) {
        return err_prefix(e, "%s: cannot write the checkpoint: ", w->path);
    }
    find_gap(w);
    w->stream = hash_begin();
    container_begin(w->stream, &w->gap);
    w->next = w->block;
    code = file_write_all(fd, zeros, w->block, w->path, e);
    if (!code) code = emit_all(w, size);
    w->digest = hash_end(w->stream);
    close(w->skeleton);
    if (code || w->block == 0) return code;
    container_make(block, size - CONTAINER_BLOCK, &w->gap, &w->digest);
    if (lseek(fd, 0, SEEK_SET) != 0) return err_set(e, ERR_IO, "%s: cannot write: %m", w->path);
    return file_write_all(fd, block, sizeof block, w->path, e);
}

int checkpoint_write(const struct checkpoint_writer *w, const char *path, struct hash *digest, struct err *e)
{
    struct table sorted = {0};
    struct writing writing = {.path = path, .table = &sorted, .block = CONTAINER_BLOCK};
    int code;
    if (!w) return err_set(e, ERR_INTERNAL, "%s: no memory for a checkpoint", path);
    if (w->error.code) return err_set(e, w->error.code, "%s: %s", path, w->error.text);
    sorted.entry = calloc(w->table.count + 1, sizeof *sorted.entry);
    if (!sorted.entry) return err_set(e, ERR_INTERNAL, "%s: no memory for a checkpoint", path);
    for (; sorted.count < w->table.count; sorted.count++) sorted.entry[sorted.count] = w->table.entry[sorted.count];
    table_sort(&sorted);
    for (size_t i = 1; i < sorted.count; i++) {
        if (compare_paths(&sorted.entry[i - 1], &sorted.entry[i]) != 0) continue;
        code = err_set(e, ERR_INTERNAL, "%s: \"%.200s\" was added twice", path, sorted.entry[i].array.name);
        goto done;
    }
    code = file_write_atomic(path, fill, &writing, e);
    if (!code && digest) *digest = writing.digest;
done:
    free(sorted.entry);
    return code;
}

/* ---- reading ---- */

struct checkpoint {
    char *path;
    struct file_map map;
    struct hash digest;
    struct table table; /* sorted by path */
};

static int collect(void *context, const struct entry *entry, struct err *e)
{
    struct checkpoint *c = context;
    struct entry *place = table_grow(&c->table);
    char *name = strdup(entry->array.name);
    if (!place || !name) {
        free(name);
        return err_set(e, ERR_INTERNAL, "%s: no memory for %zu datasets", c->path, c->table.count + 1);
    }
    *place = *entry;
    place->array.name = name;
    c->table.count++;
    return 0;
}

int checkpoint_open(const char *path, struct checkpoint **out, struct err *e)
{
    int code;
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        code = err_set(e, ERR_INTERNAL, "%s: no memory", path);
        goto failed;
    }
    if ((code = file_map(path, &c->map, e)) || (code = container_check(&c->map, path, &c->digest, e))) goto failed;
    if ((code = skeleton_read(c->map.data, c->map.size, CONTAINER_BLOCK, path, collect, c, e))) goto failed;
    table_sort(&c->table);
    for (size_t i = 1; i < c->table.count; i++) {
        if (compare_paths(&c->table.entry[i - 1], &c->table.entry[i]) != 0) continue;
        code = err_set(e, ERR_DATA, "%s: the checkpoint has \"%.200s\" twice", path, c->table.entry[i].array.name);
        goto failed;
    }
    *out = c;
    return 0;
failed:
    checkpoint_close(c);
    return code;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c) return;
    table_free(&c->table);
    file_unmap(&c->map);
    free(c->path);
    free(c);
}

void checkpoint_forget(const struct checkpoint *c)
{
    file_map_forget(&c->map);
}

const char *checkpoint_path(const struct checkpoint *c)
{
    return c->path;
}

struct hash checkpoint_digest(const struct checkpoint *c)
{
    return c->digest;
}

static int find(const struct checkpoint *c, const char *path, const struct entry **entry, struct err *e)
{
    const struct entry key = {.array.name = path};
    *entry = c->table.count ? bsearch(&key, c->table.entry, c->table.count, sizeof key, compare_paths) : NULL;
    return *entry ? 0 : err_set(e, ERR_DATA, "%s: the checkpoint has no \"%.200s\"", c->path, path);
}

static int find_meta(const struct checkpoint *c, const char *name, const struct entry **entry, struct err *e)
{
    char *path = meta_path(name);
    if (!path) return err_set(e, ERR_INTERNAL, "%s: no memory", c->path);
    const int code = find(c, path, entry, e);
    free(path);
    return code;
}

static int refuse(const struct checkpoint *c, const struct entry *found, const char *wanted, struct err *e)
{
    char shape[ARRAY_SHAPE_TEXT];
    const struct array *a = &found->array;
    if (found->is_text) return err_set(e, ERR_DATA, "%s: \"%.200s\" is a text, where %s is wanted", c->path, a->name, wanted);
    return err_set(e, ERR_DATA, "%s: \"%.200s\" is %s %s, where %s is wanted", c->path, a->name, array_type_name(a->type),
                   array_shape_text(a->rank, a->dim, shape), wanted);
}

static bool is_like(const struct entry *entry, enum array_type type, int rank, const size_t *dim)
{
    if (entry->is_text || entry->array.type != type || entry->array.rank != rank) return false;
    for (int i = 0; i < rank; i++) {
        if (entry->array.dim[i] != dim[i]) return false;
    }
    return true;
}

int checkpoint_array(const struct checkpoint *c, const char *path, enum array_type type, int rank, const size_t *dim, const void **data,
                     struct err *e)
{
    const struct entry *entry;
    const int code = find(c, path, &entry, e);
    if (code) return code;
    if (!is_like(entry, type, rank, dim)) {
        char shape[ARRAY_SHAPE_TEXT], wanted[ARRAY_SHAPE_TEXT + 8];
        snprintf(wanted, sizeof wanted, "%s %s", array_type_name(type), array_shape_text(rank, dim, shape));
        return refuse(c, entry, wanted, e);
    }
    *data = entry->array.data;
    return 0;
}

int checkpoint_each(const struct checkpoint *c, const char *group, checkpoint_visit visit, void *context, struct err *e)
{
    const size_t length = strcmp(group, "/") == 0 ? 0 : strlen(group);
    for (size_t i = 0; i < c->table.count; i++) {
        const struct entry *entry = &c->table.entry[i];
        const char *name = entry->array.name;
        if (entry->is_text || strncmp(name, group, length) != 0 || name[length] != '/') continue;
        const int code = visit(context, &entry->array, e);
        if (code) return code;
    }
    return 0;
}

bool checkpoint_has(const struct checkpoint *c, const char *name)
{
    const struct entry *entry;
    struct err ignored = {0};
    return find_meta(c, name, &entry, &ignored) == 0;
}

int checkpoint_text(const struct checkpoint *c, const char *name, char **text, struct err *e)
{
    const struct entry *entry;
    const int code = find_meta(c, name, &entry, e);
    if (code) return code;
    if (!entry->is_text) return refuse(c, entry, "a text", e);
    char *copy = strndup(entry->array.data, entry->array.size);
    if (!copy) return err_set(e, ERR_INTERNAL, "%s: no memory for %zu bytes", c->path, entry->array.size);
    *text = copy;
    return 0;
}

static int scalar(const struct checkpoint *c, const char *name, enum array_type type, const char *wanted, void *value, struct err *e)
{
    const struct entry *entry;
    const int code = find_meta(c, name, &entry, e);
    if (code) return code;
    if (!is_like(entry, type, 0, NULL)) return refuse(c, entry, wanted, e);
    memcpy(value, entry->array.data, array_type_size(type));
    return 0;
}

int checkpoint_integer(const struct checkpoint *c, const char *name, int64_t *value, struct err *e)
{
    return scalar(c, name, ARRAY_I64, "an integer", value, e);
}

int checkpoint_number(const struct checkpoint *c, const char *name, double *value, struct err *e)
{
    return scalar(c, name, ARRAY_F64, "a number", value, e);
}

int checkpoint_write_plain(const struct checkpoint *c, const char *path, struct err *e)
{
    struct table copy = {.count = c->table.count, .entry = calloc(c->table.count + 1, sizeof *copy.entry)};
    struct writing writing = {.path = path, .table = &copy};
    if (!copy.entry) return err_set(e, ERR_INTERNAL, "%s: no memory for %zu datasets", path, copy.count);
    for (size_t i = 0; i < copy.count; i++) copy.entry[i] = c->table.entry[i];
    const int code = file_write_atomic(path, fill, &writing, e);
    free(copy.entry);
    return code;
}
