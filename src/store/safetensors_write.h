/* safetensors_write.h - named arrays as a safetensors file, the form of safetensors.h.
 *
 * Its __metadata__ is {"format": "pt"}, which transformers wants to see. The same arrays give the same bytes, in whatever order they come:
 * they stand by the size of their elements, largest first, then by name, and the data begin at a multiple of 64 bytes, so every array is
 * aligned to its type.
 */
#ifndef STORE_SAFETENSORS_WRITE_H
#define STORE_SAFETENSORS_WRITE_H

#include "array.h"
#include "err.h"

/* Through file_write_atomic. ERR_INTERNAL: a name twice or with a character that is none (safetensors.h), or no memory. */
int safetensors_write(const char *path, const struct array *tensor, size_t n, struct err *e);

#endif
