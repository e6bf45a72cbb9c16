/* container.h - the user block in front of a checkpoint's HDF5 data: 512 bytes that say whether the rest is whole. libhdf5 and h5py skip
 * it.
 *
 *   0  magic "NERVECKP" | 8  u32 version | 12  u32 zero | 16  u64 length | 24  digest, 16 bytes |
 *  40  u64 place of the gap in the file | 48  u64 bytes of the gap | 56 .. 511  zero
 *
 * Little-endian; length and XXH3 digest are those of everything behind the block. Version 1 has no gap. In version 2 there is one: a part
 * of the file whose digests are kept elsewhere in it. The digest is then that of the 16 bytes that tell the gap, what is before it, what is
 * behind it.
 */
#ifndef STORE_CONTAINER_H
#define STORE_CONTAINER_H

#include "err.h"
#include "files.h"
#include "hash.h"
#include <stdint.h>

enum { CONTAINER_BLOCK = 512, CONTAINER_VERSION = 2 };

struct container_gap {
    uint64_t offset, size; /* in the file, block included; 0 and 0: none */
};
/* Of a file that has one, its digest begins with the gap. */
void container_begin(struct hash_stream *digest, const struct container_gap *gap);
void container_make(unsigned char block[CONTAINER_BLOCK], uint64_t length, const struct container_gap *gap, const struct hash *digest);

/* 0 and the digest, or ERR_DATA. path is for the message. It reads the whole file but for the gap. */
int container_check(const struct file_map *map, const char *path, struct hash *digest, struct err *e);

#endif
