/* weights.h - the weights of a Hugging Face folder: model.safetensors alone, or the files that model.safetensors.index.json names.
 *
 * A folder with an index has the tensors of its weight_map and no others. Refused: an index that names a file outside of the folder or a
 * tensor that its file has not (ERR_DATA); weights in PyTorch's pickle form alone (ERR_DATA, with the way to convert them); no weights
 * (ERR_NOINPUT).
 */
#ifndef STORE_WEIGHTS_H
#define STORE_WEIGHTS_H

#include "array.h"
#include "err.h"
#include "hash.h"

struct weights;

int weights_open(const char *folder, struct weights **out, struct err *e);
void weights_close(struct weights *w);        /* NULL is fine */
void weights_forget(const struct weights *w); /* values stay valid, but out of memory until they are read */
size_t weights_count(const struct weights *w);
const struct array *weights_at(const struct weights *w, size_t i);           /* in name order */
const struct array *weights_find(const struct weights *w, const char *name); /* NULL where there is none */

/* XXH3 over the bytes of all files, in the order of their names. It reads them all, on the first call only. */
struct hash weights_digest(struct weights *w);

#endif
