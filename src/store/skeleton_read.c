/* skeleton_read.c - see skeleton.h: the datasets of an HDF5 file, as far as skeleton_make makes them.
 *
 * libhdf5 is not asked: of a file whose metadata are wrong it frees what it never allocated, and a digest says only that a file is as
 * somebody wrote it. Every number here may be anything: hdf5_file.h keeps reads inside the file and gives all work an end.
 *
 *   superblock, version 2   signature | u8 version, offset size, length size, flags | u64 base, extension, end, root | u32 sum
 *   object header           "OHDR" | u8 2, flags | times (flag 32: 16 bytes), limits (flag 16: 4 bytes) | size of messages, 1 << (flags &
 * 3) bytes | messages | u32 sum;  continued in "OCHK" | messages | u32 sum message                 u8 type | u16 size | u8 flags | u16
 * order (flag 4 of the header) | size bytes
 *
 * An object with a layout is a dataset; one with links or a place for them a group; what else there is holds no values. The sums are not
 * looked at: the file's digest covers them. Source: HDF5 File Format Specification 3.0, II.A and IV.
 */
#include "checked.h"
#include "hdf5_links.h"
#include "skeleton.h"
#include "utf8.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum message {
    SPACE = 1,
    LINK_INFO = 2,
    TYPE = 3,
    EXTERNAL = 7,
    LAYOUT = 8,
    LINK = 6,
    FILTERS = 11,
    CONTINUED = 16,
    OLD_GROUP = 17,
    MESSAGES
};
enum { SIZED = 8, GROUPS_MAX = 32, CHUNKS_MAX = 64, IS_SHARED = 2 };

struct reading {
    struct hdf5_file f;
    size_t user_block;
    char path[PATH_MAX]; /* in the file, of what is read now */
    size_t length;       /* of it */
    int groups;          /* that it stands in */
    skeleton_visit visit;
    void *context;
    struct err *e;
};

/* The messages of an object that say what it is. */
struct object {
    struct hdf5_bytes message[MESSAGES]; /* the last of a type */
    unsigned char flags[MESSAGES];
    bool has[MESSAGES];
};

static int refuse(const struct reading *r, const char *reason)
{
    return err_set(r->e, ERR_DATA, "%s: dataset \"%.200s\": %s", r->f.path, r->path, reason);
}

/* ---- datasets ---- */

/* Class, class bits, size and properties of the types that skeleton.c stores, as they lie in the file. */
static const struct {
    enum array_type type;
    unsigned char class, bits[3], size, properties[12], n_properties;
} TYPES[] = {
    {ARRAY_F64, 1, {0x20, 0x3F, 0}, 8, {0, 0, 64, 0, 52, 11, 0, 52, 0xFF, 3, 0, 0}, 12},
    {ARRAY_F32, 1, {0x20, 0x1F, 0}, 4, {0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}, 12},
    {ARRAY_I64, 0, {0x08, 0, 0}, 8, {0, 0, 64, 0}, 4},
    {ARRAY_I32, 0, {0x08, 0, 0}, 4, {0, 0, 32, 0}, 4},
    {ARRAY_U8, 0, {0, 0, 0}, 1, {0, 0, 8, 0}, 4},
};
enum { STRING = 3 };

static bool is_type(size_t t, unsigned class, const unsigned char *bits, uint64_t size, struct hdf5_bytes properties)
{
    return class == TYPES[t].class && memcmp(bits, TYPES[t].bits, sizeof TYPES[t].bits) == 0 && size == TYPES[t].size &&
           properties.left >= TYPES[t].n_properties && memcmp(properties.at, TYPES[t].properties, TYPES[t].n_properties) == 0;
}

static int read_type(const struct reading *r, const struct object *o, struct entry *entry)
{
    struct hdf5_bytes b = o->message[TYPE];
    const unsigned class = (unsigned)hdf5_number(&b, 1) & 15;
    const struct hdf5_bytes bits = hdf5_part(&b, 3);
    const uint64_t size = hdf5_number(&b, 4);
    bool is_known = false;
    if (o->has[TYPE] && !(o->flags[TYPE] & IS_SHARED) && !b.is_short) {
        for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES && !is_known; t++) {
            entry->array.type = TYPES[t].type;
            is_known = is_type(t, class, bits.at, size, b);
        }
        if (class == STRING && size > 0) {
            entry->is_text = is_known = true;
            entry->array.type = ARRAY_U8;
            entry->array.size = size;
        }
    }
    return is_known ? 0 : refuse(r, "its type is none that a checkpoint has");
}

/* Version 1 has no kind: of no dimension it is a scalar. */
static int read_shape(const struct reading *r, const struct object *o, struct entry *entry)
{
    enum { SCALAR, SIMPLE };
    struct array *a = &entry->array;
    struct hdf5_bytes b = o->message[SPACE];
    const uint64_t version = hdf5_number(&b, 1), rank = hdf5_number(&b, 1);
    hdf5_number(&b, 1);
    const uint64_t kind = version == 2 ? hdf5_number(&b, 1) : rank > 0 ? SIMPLE : SCALAR;
    if (version == 1) hdf5_number(&b, 5);
    if (!o->has[SPACE] || (o->flags[SPACE] & IS_SHARED) || version < 1 || version > 2 || rank > ARRAY_MAX_RANK ||
        kind != (rank > 0 ? SIMPLE : SCALAR) || (entry->is_text && rank > 0) || b.left < 8 * rank)
        return refuse(r, "its shape is none that a checkpoint has");
    if (entry->is_text) {
        a->rank = 1;
        a->dim[0] = a->size;
        return 0;
    }
    a->rank = (int)rank;
    a->size = 1;
    for (int i = 0; i < a->rank; i++) {
        a->dim[i] = hdf5_number(&b, 8);
        if (!size_mul(a->size, a->dim[i], &a->size)) return refuse(r, "the product of its shape overflows");
    }
    return 0;
}

static int read_place(const struct reading *r, const struct object *o, struct entry *entry)
{
    enum { CONTIGUOUS = 1 };
    struct array *a = &entry->array;
    struct hdf5_bytes b = o->message[LAYOUT];
    size_t bytes, end;
    const uint64_t version = hdf5_number(&b, 1), class = hdf5_number(&b, 1), address = hdf5_number(&b, 8), stored = hdf5_number(&b, 8);
    if (version < 3 || version > 4 || class != CONTIGUOUS || b.is_short || o->has[EXTERNAL] || o->has[FILTERS])
        return refuse(r, "its values do not lie in one piece in this file");
    if (!size_mul(a->size, array_type_size(a->type), &bytes)) return refuse(r, "the product of its shape overflows");
    a->data = r->f.data;
    if (bytes == 0) return 0;
    if (address == HDF5_NOWHERE || stored != bytes) return refuse(r, "its values are not all there");
    if (!size_add(address, bytes, &end) || end > r->f.size) return refuse(r, "its values lie behind the end of the file");
    entry->offset = r->user_block + address;
    if (entry->offset % SKELETON_ALIGNMENT) return refuse(r, "its values are not aligned to 64 bytes");
    a->data = r->f.data + address;
    return 0;
}

static int read_dataset(const struct reading *r, const struct object *o)
{
    struct entry entry = {.array.name = r->path};
    int code;
    if ((code = read_type(r, o, &entry)) || (code = read_shape(r, o, &entry)) || (code = read_place(r, o, &entry))) return code;
    return r->visit(r->context, &entry, r->e);
}

/* ---- links ---- */

static int read_object(struct reading *r, uint64_t address);

/* What a link leads to, below the path of its group. Soft and external links are not followed. */
static int follow(struct reading *r, struct hdf5_bytes name, uint64_t address)
{
    const size_t before = r->length;
    const char *text = (const char *)name.at;
    if (name.left == 0 || memchr(text, 0, name.left) || memchr(text, '/', name.left) || utf8_valid(text, name.left) < name.left)
        return err_set(r->e, ERR_DATA, "%s: a name below \"%.200s/\" is none that a checkpoint has", r->f.path, r->path);
    if (r->groups == GROUPS_MAX || name.left + 1 >= sizeof r->path - before)
        return err_set(r->e, ERR_DATA, "%s: the groups in \"%.200s\" are too deep; do they hold each other?", r->f.path, r->path);
    r->path[before] = '/';
    memcpy(r->path + before + 1, text, name.left);
    r->length = before + 1 + name.left;
    r->path[r->length] = 0;
    r->groups++;
    const int code = read_object(r, address);
    r->groups--;
    r->length = before;
    r->path[before] = 0;
    return code;
}

static int read_link(void *context, struct hdf5_bytes b, struct err *e)
{
    enum { HAS_ORDER = 4, HAS_KIND = 8, HAS_ENCODING = 16, HARD = 0 };
    struct reading *r = context;
    const uint64_t version = hdf5_number(&b, 1), flags = hdf5_number(&b, 1);
    const uint64_t kind = flags & HAS_KIND ? hdf5_number(&b, 1) : HARD;
    if (flags & HAS_ORDER) hdf5_number(&b, 8);
    if (flags & HAS_ENCODING) hdf5_number(&b, 1);
    const struct hdf5_bytes name = hdf5_part(&b, hdf5_number(&b, (size_t)1 << (flags & 3)));
    if (kind != HARD && !b.is_short) return 0;
    const uint64_t address = hdf5_number(&b, 8);
    if (version != 1 || b.is_short) return err_set(e, ERR_DATA, "%s: a link of \"%.200s/\" is not as it should be", r->f.path, r->path);
    return follow(r, name, address);
}

/* ---- objects ---- */

struct chunk {
    uint64_t address;
    struct hdf5_bytes messages;
};
struct chunks {
    struct chunk at[CHUNKS_MAX];
    int n;
};

static bool add_chunk(struct reading *r, struct chunks *c, struct hdf5_bytes place)
{
    struct hdf5_bytes b;
    const uint64_t address = hdf5_number(&place, 8), size = hdf5_number(&place, 8);
    if (place.is_short || c->n == CHUNKS_MAX || size < 8 || !hdf5_at(&r->f, address, "OCHK", size, &b)) return false;
    c->at[c->n++] = (struct chunk){address, hdf5_part(&b, size - 8)};
    return true;
}

static bool open_header(struct reading *r, uint64_t address, unsigned *flags, struct chunks *c)
{
    enum { HAS_LIMITS = 16, HAS_TIMES = 32 };
    struct hdf5_bytes b;
    if (address > r->f.size || !hdf5_at(&r->f, address, "OHDR", r->f.size - address, &b) || hdf5_number(&b, 1) != 2) return false;
    *flags = (unsigned)hdf5_number(&b, 1);
    hdf5_number(&b, (*flags & HAS_TIMES ? 16 : 0) + (*flags & HAS_LIMITS ? 4 : 0));
    const uint64_t size = hdf5_number(&b, (size_t)1 << (*flags & 3));
    if (size > b.left) return false;
    c->at[0] = (struct chunk){address, hdf5_part(&b, size)};
    c->n = 1;
    return true;
}

/* The messages of a chunk; links are followed at once, and further chunks noted. What is left at its end is a gap. */
static int read_chunk(struct reading *r, struct chunk chunk, unsigned flags, struct chunks *c, struct object *o)
{
    enum { HAS_ORDERS = 4 };
    struct hdf5_bytes *b = &chunk.messages;
    const size_t head = flags & HAS_ORDERS ? 6 : 4;
    int code = 0;
    while (b->left >= head && !code) {
        const uint64_t type = hdf5_number(b, 1), size = hdf5_number(b, 2), message_flags = hdf5_number(b, 1);
        hdf5_number(b, head - 4);
        const struct hdf5_bytes message = hdf5_part(b, size);
        if (b->is_short || r->f.steps-- == 0) return hdf5_refuse(&r->f, "an object header", chunk.address, r->e);
        if (type == CONTINUED && !add_chunk(r, c, message)) return hdf5_refuse(&r->f, "an object header", chunk.address, r->e);
        if (type == LINK) code = read_link(r, message, r->e);
        if (type >= MESSAGES) continue;
        o->message[type] = message;
        o->flags[type] = (unsigned char)message_flags;
        o->has[type] = true;
    }
    return code;
}

static int read_many_links(struct reading *r, struct hdf5_bytes info)
{
    enum { HAS_ORDER = 1 };
    hdf5_number(&info, 1);
    if (hdf5_number(&info, 1) & HAS_ORDER) hdf5_number(&info, 8);
    const uint64_t heap = hdf5_number(&info, 8), tree = hdf5_number(&info, 8);
    if (info.is_short || heap == HDF5_NOWHERE) return 0;
    return hdf5_links_each(&r->f, heap, tree, read_link, r, r->e);
}

static int read_object(struct reading *r, uint64_t address)
{
    struct object o = {0};
    struct chunks chunks;
    unsigned flags;
    int code = 0;
    if (!open_header(r, address, &flags, &chunks)) return hdf5_refuse(&r->f, "an object header", address, r->e);
    for (int i = 0; i < chunks.n && !code; i++) code = read_chunk(r, chunks.at[i], flags, &chunks, &o);
    if (code) return code;
    if (o.has[OLD_GROUP]) return err_set(r->e, ERR_DATA, "%s: \"%.200s/\" is a group in the form of HDF5 before 1.8", r->f.path, r->path);
    if (o.has[LAYOUT]) return read_dataset(r, &o);
    return o.has[LINK_INFO] ? read_many_links(r, o.message[LINK_INFO]) : 0;
}

int skeleton_read(const unsigned char *data, size_t size, size_t user_block, const char *path, skeleton_visit visit, void *context,
                  struct err *e)
{
    static const unsigned char SIGNATURE[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    const size_t left = size >= user_block ? size - user_block : 0;
    struct reading r = {{data + user_block, left, path, left}, .user_block = user_block, .visit = visit, .context = context, .e = e};
    struct hdf5_bytes b = {r.f.data, left, false};
    if (left < 48 || memcmp(r.f.data, SIGNATURE, sizeof SIGNATURE) != 0)
        return err_set(e, ERR_DATA, "%s: not HDF5 behind its first %zu bytes", path, user_block);
    hdf5_number(&b, sizeof SIGNATURE);
    const uint64_t version = hdf5_number(&b, 1), sizes = hdf5_number(&b, 2);
    hdf5_number(&b, 1);
    const uint64_t base = hdf5_number(&b, 8), extension = hdf5_number(&b, 8), end = hdf5_number(&b, 8), root = hdf5_number(&b, 8);
    if (version < 2 || version > 3 || sizes != (SIZED | SIZED << 8) || base != user_block || extension != HDF5_NOWHERE || end != size)
        return hdf5_refuse(&r.f, "the superblock", 0, e);
    return read_object(&r, root);
}
