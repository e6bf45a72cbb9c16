/* container.h - the user block in front of a checkpoint's HDF5 data: 512 bytes that say whether the rest is whole. libhdf5 and h5py skip
 * it.
 *
 *   0  magic "NERVECKP" | 8  u32 version | 12  u32 zero | 16  u64 length | 24  digest, 16 bytes | 40 .. 511  zero
 *
 * Little-endian; length and XXH3 digest are those of everything behind the block.
 */
#ifndef STORE_CONTAINER_H
#define STORE_CONTAINER_H

#include "err.h"
#include "files.h"
#include "hash.h"
#include <stdint.h>

enum { CONTAINER_BLOCK = 512, CONTAINER_VERSION = 1 };

void container_make(unsigned char block[CONTAINER_BLOCK], uint64_t length, const struct hash *digest);

/* 0 and the digest, or ERR_DATA. path is for the message. It reads the whole file. */
int container_check(const struct file_map *map, const char *path, struct hash *digest, struct err *e);

#endif
