/* array.h - a named array, as files of weights hold them. */
#ifndef STORE_ARRAY_H
#define STORE_ARRAY_H

#include "err.h"
#include <stddef.h>
#include <stdint.h>

enum array_type {
    ARRAY_F64,
    ARRAY_F32,
    ARRAY_F16,
    ARRAY_BF16,
    ARRAY_I64,
    ARRAY_I32,
    ARRAY_I16,
    ARRAY_I8,
    ARRAY_U8,
    ARRAY_BOOL,
    ARRAY_TYPES
};
enum { ARRAY_MAX_RANK = 8 };

struct array {
    const char *name;
    enum array_type type;
    int rank;
    size_t dim[ARRAY_MAX_RANK];
    size_t size;      /* elements */
    const void *data; /* row-major, little-endian; aligned to its type only where the file is */
};

size_t array_type_size(enum array_type type);      /* bytes of one element */
const char *array_type_name(enum array_type type); /* "F32", "BF16", ... */

/* Widens F64 (rounded), F32, F16, BF16 to float, exactly but for F64. 0, or ERR_DATA for the other types. */
int array_to_float(const struct array *a, float *dst, struct err *e);

/* "[2, 3]" for messages, cut where text is full. */
enum { ARRAY_SHAPE_TEXT = 200 };
const char *array_shape_text(int rank, const size_t *dim, char text[ARRAY_SHAPE_TEXT]);

#endif
