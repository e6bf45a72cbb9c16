/* grow.h - room for one more element in an array that grows by half, so that n appends take time linear in n. */
#ifndef DATA_GROW_H
#define DATA_GROW_H

#include "err.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

/* Makes *array (of *cap items, NULL at first) hold at least n + 1; gives 0, or ERR_INTERNAL with *array as it was. */
static inline int grow(void **array, int n, int *cap, size_t item, struct err *e)
{
    if (n < *cap) return 0;
    size_t wanted = (size_t)*cap + (size_t)*cap / 2 + 64;
    void *larger = wanted <= INT_MAX && wanted <= SIZE_MAX / item ? realloc(*array, wanted * item) : NULL;
    if (!larger) return err_set(e, ERR_INTERNAL, "out of memory for more than %d items of %zu bytes", n, item);
    *array = larger;
    *cap = (int)wanted;
    return 0;
}

#endif
