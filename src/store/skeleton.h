/* skeleton.h - the HDF5 side of a checkpoint: which arrays the file has and where in it their values lie.
 *
 * libhdf5 makes the file around the values and never sees the values: they are written and mapped at the places that it names. So it meets
 * no disk, where it reports a full one late or not at all and cannot close the file then. A file that is read it does not meet at all: of
 * wrong metadata it crashes.
 */
#ifndef STORE_SKELETON_H
#define STORE_SKELETON_H

#include "array.h"
#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SKELETON_ALIGNMENT = 64 };

struct array_piece; /* of an array that does not lie in one place before it is written, see checkpoint.h */

struct entry {
    struct array array; /* its name is the path in the file; a text is U8 [bytes] */
    bool is_text;
    const struct array_piece *piece; /* [n_pieces] instead of array.data, of an array to be written that has them */
    size_t n_pieces;
    void *owned;   /* the values, where they belong to the entry and not to the caller or the file; else NULL */
    size_t offset; /* in the file, of the values: a multiple of SKELETON_ALIGNMENT */
};

/* Whether a checkpoint stores arrays of this type. */
bool skeleton_knows(enum array_type type);

/* entry [n], sorted by path. Makes the HDF5 file in an unnamed file in memory, with user_block bytes in front and holes for the values, and
 * sets the offset of each entry. Close *fd. */
int skeleton_make(struct entry *entry, size_t n, size_t user_block, int *fd, size_t *size, struct err *e);

/* Calls visit for every dataset of the file that follows user_block bytes; its name and the entry are good during the call only, the data
 * points into the file. ERR_DATA where one is of another kind than skeleton_make makes, or the file none of HDF5 1.8's form. path is for
 * the messages. */
typedef int (*skeleton_visit)(void *context, const struct entry *entry, struct err *e);
int skeleton_read(const unsigned char *data, size_t size, size_t user_block, const char *path, skeleton_visit visit, void *context,
                  struct err *e);

#endif
