/* safetensors.h - the weight files of Hugging Face: an 8-byte length, a JSON header, the tensors' bytes. Mapped read-only.
 *
 * Refused (ERR_DATA, with the file's name and the tensor's): a header above 100 MB or longer than the file, one that is not JSON or has
 * duplicate keys, a tensor name that is empty or holds a control character, an unknown dtype, rank above 8, a shape whose product overflows
 * or does not match the offsets, holes and overlaps between tensors, a last end that is not the end of the file.
 */
#ifndef STORE_SAFETENSORS_H
#define STORE_SAFETENSORS_H

#include "array.h"
#include "err.h"
#include <stdbool.h>

struct safetensors;

int safetensors_open(const char *path, struct safetensors **out, struct err *e);
void safetensors_close(struct safetensors *s);        /* NULL is fine */
void safetensors_forget(const struct safetensors *s); /* values stay valid, but out of memory until they are read */
size_t safetensors_count(const struct safetensors *s);
const struct array *safetensors_at(const struct safetensors *s, size_t i);           /* in the order of their bytes in the file */
const struct array *safetensors_find(const struct safetensors *s, const char *name); /* NULL where there is none */
const char *safetensors_metadata(const struct safetensors *s, const char *key);      /* of __metadata__; NULL where there is none */
bool safetensors_is_name(const char *name);                                          /* may a tensor be called so? */
const void *safetensors_bytes(const struct safetensors *s, size_t *size);            /* the whole file, for a digest */

#endif
