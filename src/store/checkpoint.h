/* checkpoint.h - a checkpoint is an HDF5 file behind a 512-byte user block that holds magic, container version, length and the XXH3 digest
 * of the rest.
 *
 * Length and digest are checked before anything else is read. Arrays are contiguous little-endian datasets aligned to 64 bytes. Texts and
 * numbers are scalar datasets in the group /meta: a text a string of fixed length, a number F64, an integer I64. The same content gives the
 * same bytes, in whatever order it was added. Written through file_write_atomic. libhdf5 is not thread-safe: one call of checkpoint_write
 * at a time.
 */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "array.h"
#include "err.h"
#include "hash.h"
#include <stdbool.h>
#include <stdint.h>

/* ---- writing: collect, then write. Array data is borrowed until checkpoint_write; names are paths like
 * "/parameters/bert.embeddings.LayerNorm.weight"; groups are made as needed. Nothing that is added is refused at once: checkpoint_write
 * returns ERR_INTERNAL where memory ran out, a name came twice or is no path, or a type or rank is none of those below. ---- */
struct checkpoint_writer;
struct checkpoint_writer *checkpoint_new(void);
/* F32, F64, I32, I64, U8; rank 0 is one element */
void checkpoint_add_array(struct checkpoint_writer *w, const char *path, enum array_type type, int rank, const size_t *dim,
                          const void *data);
void checkpoint_add_text(struct checkpoint_writer *w, const char *name, const char *text); /* any length, UTF-8 */
void checkpoint_add_integer(struct checkpoint_writer *w, const char *name, int64_t value);
void checkpoint_add_number(struct checkpoint_writer *w, const char *name, double value);
/* An array whose values lie in n pieces, one behind the other. The file's digest leaves them out, so that a large one need not be read to
 * open the file: who adds it keeps digests of what it holds in another array. One array of a file at most. */
struct array_piece {
    const void *data;
    size_t size; /* bytes */
};
void checkpoint_add_pieces(struct checkpoint_writer *w, const char *path, enum array_type type, int rank, const size_t *dim, size_t n,
                           const struct array_piece *piece);
int checkpoint_write(const struct checkpoint_writer *w, const char *path, struct hash *digest, struct err *e); /* digest may be NULL */
void checkpoint_discard(struct checkpoint_writer *w);                                                          /* NULL is fine */

/* ---- reading ---- */
struct checkpoint;
/* Reads all of the file but the values of an array that was added in pieces. ERR_NOINPUT: not there. ERR_DATA: not a checkpoint, cut short,
 * damaged (digest), of an unknown container version, or with a dataset of another kind than those above. */
int checkpoint_open(const char *path, struct checkpoint **out, struct err *e);
void checkpoint_close(struct checkpoint *c);             /* NULL is fine */
void checkpoint_forget(const struct checkpoint *c);      /* values stay valid, but out of memory until they are read */
const char *checkpoint_path(const struct checkpoint *c); /* as it was opened */
struct hash checkpoint_digest(const struct checkpoint *c);
/* Values of a dataset in the mapped file, valid until checkpoint_close. ERR_DATA where it is absent or of another type or shape. */
int checkpoint_array(const struct checkpoint *c, const char *path, enum array_type type, int rank, const size_t *dim, const void **data,
                     struct err *e);
/* Every array below a group, e.g. "/parameters", with its whole path as the name: in the order of names, until a visit is not 0. */
typedef int (*checkpoint_visit)(void *context, const struct array *a, struct err *e);
int checkpoint_each(const struct checkpoint *c, const char *group, checkpoint_visit visit, void *context, struct err *e);
bool checkpoint_has(const struct checkpoint *c, const char *name);                             /* a text or number of /meta */
int checkpoint_text(const struct checkpoint *c, const char *name, char **text, struct err *e); /* fresh memory: free it */
int checkpoint_integer(const struct checkpoint *c, const char *name, int64_t *value, struct err *e);
int checkpoint_number(const struct checkpoint *c, const char *name, double *value, struct err *e);

/* All of it as a plain HDF5 file without the block, for other programs; checkpoint_open refuses it, since nothing says whether it is whole.
 */
int checkpoint_write_plain(const struct checkpoint *c, const char *path, struct err *e);

#endif
