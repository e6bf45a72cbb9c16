#include "container.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct block {
    char magic[8];
    uint32_t version, zero;
    uint64_t length;
    struct hash digest;
    struct container_gap gap;
    unsigned char zeros[456];
};
_Static_assert(sizeof(struct block) == CONTAINER_BLOCK && offsetof(struct block, digest) == 24 && offsetof(struct block, gap) == 40,
               "the layout of container.h");

static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'}; /* the signature of a file without user block */
static const char magic[8] = {'N', 'E', 'R', 'V', 'E', 'C', 'K', 'P'};

void container_begin(struct hash_stream *digest, const struct container_gap *gap)
{
    if (gap->size > 0) hash_add(digest, gap, sizeof *gap);
}

void container_make(unsigned char block[CONTAINER_BLOCK], uint64_t length, const struct container_gap *gap, const struct hash *digest)
{
    struct block b = {.version = gap->size > 0 ? 2 : 1, .length = length, .digest = *digest, .gap = *gap};
    memcpy(b.magic, magic, sizeof magic);
    memcpy(block, &b, sizeof b);
}

static bool gap_fits(const struct block *b, size_t size)
{
    if (b->version == 1) return b->gap.offset == 0 && b->gap.size == 0;
    return b->gap.size > 0 && b->gap.offset >= sizeof *b && b->gap.offset <= size && b->gap.size <= size - b->gap.offset;
}

static struct hash digest_of(const struct block *b, const struct file_map *map)
{
    struct hash_stream *digest = hash_begin();
    const size_t before = b->gap.size > 0 ? (size_t)b->gap.offset : map->size, behind = before + (size_t)b->gap.size;
    container_begin(digest, &b->gap);
    hash_add(digest, map->data + sizeof *b, before - sizeof *b);
    hash_add(digest, map->data + behind, map->size - behind);
    return hash_end(digest);
}

int container_check(const struct file_map *map, const char *path, struct hash *digest, struct err *e)
{
    static const unsigned char zeros[sizeof(struct block) - offsetof(struct block, zeros)];
    struct block b;
    if (map->size >= sizeof hdf5 && memcmp(map->data, hdf5, sizeof hdf5) == 0) {
        return err_set(
            e, ERR_DATA,
            "%s: not a checkpoint but plain HDF5 without a checkpoint's digest, as `nerve export --to hdf5` writes it for other programs; nerve opens "
            "only files whose digest it can check: give it the checkpoint itself",
            path);
    }
    if (map->size < sizeof b) {
        return err_set(e, ERR_DATA, "%s: not a checkpoint: it has %zu bytes, fewer than the %zu in front of each", path, map->size,
                       sizeof b);
    }
    memcpy(&b, map->data, sizeof b);
    if (memcmp(b.magic, magic, sizeof magic) != 0) return err_set(e, ERR_DATA, "%s: not a checkpoint of nerve", path);
    if (b.version < 1 || b.version > CONTAINER_VERSION) {
        return err_set(e, ERR_DATA, "%s: a checkpoint in version %ju of the container; this program reads versions 1 to %d", path,
                       (uintmax_t)b.version, CONTAINER_VERSION);
    }
    const size_t length = map->size - sizeof b;
    if (b.length != length) {
        return err_set(e, ERR_DATA, "%s: the checkpoint %s: %zu bytes where %ju were written; use another one", path,
                       b.length > length ? "was cut short" : "has grown", length, (uintmax_t)b.length);
    }
    const bool fits = gap_fits(&b, map->size);
    const struct hash found = fits ? digest_of(&b, map) : (struct hash){{0}};
    if (!fits || b.zero || memcmp(b.zeros, zeros, sizeof zeros) != 0 || memcmp(found.bytes, b.digest.bytes, sizeof found.bytes) != 0) {
        return err_set(e, ERR_DATA, "%s: the checkpoint is damaged: its content is not what was written; use another one", path);
    }
    *digest = found;
    return 0;
}
