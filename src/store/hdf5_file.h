/* hdf5_file.h - a file in memory whose every byte may be wrong: numbers of it, never behind its end, and steps that have an end.
 *
 * Addresses are those of HDF5, counted from the superblock.
 */
#ifndef STORE_HDF5_FILE_H
#define STORE_HDF5_FILE_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hdf5_file {
    const unsigned char *data; /* from the superblock on */
    size_t size;
    const char *path; /* for messages */
    /* Each thing that is looked at takes one, and has a byte of its own in a file that is as it should be: where none is left, parts of
     * the file hold each other. */
    size_t steps;
};

/* Numbers to be read one after another, little-endian. */
struct hdf5_bytes {
    const unsigned char *at;
    size_t left;
    bool is_short; /* more was read than there is: those numbers are 0 */
};

static inline uint64_t hdf5_number(struct hdf5_bytes *b, size_t bytes)
{
    uint64_t x = 0;
    if (bytes > b->left) {
        b->is_short = true;
        b->left = 0;
        return 0;
    }
    for (size_t i = 0; i < bytes && i < sizeof x; i++) x |= (uint64_t)b->at[i] << 8 * i;
    b->at += bytes;
    b->left -= bytes;
    return x;
}

/* The next so many of them by themselves. */
static inline struct hdf5_bytes hdf5_part(struct hdf5_bytes *b, size_t bytes)
{
    const struct hdf5_bytes part = {b->at, bytes <= b->left ? bytes : 0, false};
    hdf5_number(b, bytes);
    return part;
}

static const uint64_t HDF5_NOWHERE = UINT64_MAX; /* an address of nothing */

/* A thing of the file: false where it does not lie in it, has another signature, or is one too many. */
static inline bool hdf5_at(struct hdf5_file *f, uint64_t address, const char signature[5], size_t size, struct hdf5_bytes *out)
{
    if (f->steps == 0 || size < 4 || address > f->size || size > f->size - address) return false;
    f->steps--;
    *out = (struct hdf5_bytes){f->data + address, size, false};
    return hdf5_number(out, 4) == ((uint64_t)(unsigned char)signature[0] | (uint64_t)(unsigned char)signature[1] << 8 |
                                   (uint64_t)(unsigned char)signature[2] << 16 | (uint64_t)(unsigned char)signature[3] << 24);
}

static inline int hdf5_refuse(const struct hdf5_file *f, const char *what, uint64_t address, struct err *e)
{
    return err_set(e, ERR_DATA, "%s: not HDF5 as a checkpoint has it: %s at byte %ju is not as it should be", f->path, what,
                   (uintmax_t)address);
}

#endif
