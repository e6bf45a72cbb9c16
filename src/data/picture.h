/* picture.h - pictures as bytes: red, green, blue, row after row.
 *
 * Functions that take no shared object may be called by several threads at once.
 */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "err.h"
#include <stdint.h>

struct picture {
    int width, height;
    uint8_t *rgb; /* [height,width,3] */
};

void picture_free(struct picture *p);

/* Writes a PNG through file_write_bytes. The same pixels give the same bytes with the same zlib. */
int picture_write_png(const char *path, const struct picture *p, struct err *e);

#endif
