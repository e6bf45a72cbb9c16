#include "container.h"
#include <stddef.h>
#include <string.h>

struct block {
    char magic[8];
    uint32_t version, zero;
    uint64_t length;
    struct hash digest;
    unsigned char zeros[472];
};
_Static_assert(sizeof(struct block) == CONTAINER_BLOCK && offsetof(struct block, digest) == 24, "the layout of container.h");

static const unsigned char hdf5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'}; /* the signature of a file without user block */
static const char magic[8] = {'N', 'E', 'R', 'V', 'E', 'C', 'K', 'P'};

void container_make(unsigned char block[CONTAINER_BLOCK], uint64_t length, const struct hash *digest)
{
    struct block b = {.version = CONTAINER_VERSION, .length = length, .digest = *digest};
    memcpy(b.magic, magic, sizeof magic);
    memcpy(block, &b, sizeof b);
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
    if (b.version != CONTAINER_VERSION) {
        return err_set(e, ERR_DATA, "%s: a checkpoint in version %ju of the container; this program reads version %d", path,
                       (uintmax_t)b.version, CONTAINER_VERSION);
    }
    const size_t length = map->size - sizeof b;
    if (b.length != length) {
        return err_set(e, ERR_DATA, "%s: the checkpoint %s: %zu bytes where %ju were written; use another one", path,
                       b.length > length ? "was cut short" : "has grown", length, (uintmax_t)b.length);
    }
    const struct hash found = hash_bytes(map->data + sizeof b, length);
    if (b.zero || memcmp(b.zeros, zeros, sizeof zeros) != 0 || memcmp(found.bytes, b.digest.bytes, sizeof found.bytes) != 0) {
        return err_set(e, ERR_DATA, "%s: the checkpoint is damaged: its content is not what was written; use another one", path);
    }
    *digest = found;
    return 0;
}
