/* picture.h - pictures as bytes: red, green, blue, row after row. Read from JPEG, PNG and WebP, whatever the file is called.
 *
 * To RGB as Pillow's convert("RGB") does it: gray is copied three times, alpha is dropped and not blended, a transparent palette entry
 * keeps its colour, gamma and colour profiles are not applied. 16 bits keep the high byte (Pillow clips 16-bit gray, which makes it white).
 * The inks of a CMYK JPEG are stored inverted, as Adobe's programs do.
 *
 * Bad pictures are ERR_DATA: damaged or cut short, larger than the limits, of another format, not a regular file. The limits hold before
 * pixels are decoded, so that no file takes more than about 250 MB or two seconds. Functions that write no shared object, here all, may be
 * called by several threads at once.
 */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PICTURE_BYTES_MAX = 20 << 20,  /* of the file */
    PICTURE_SIDE_MAX = 16384,      /* of width and of height */
    PICTURE_PIXELS_MAX = 1 << 24,  /* width * height: 4096 x 4096 */
    PICTURE_SCANS_MAX = 32,        /* of a JPEG; a usual progressive one has 10 */
    PICTURE_SCANNED_MAX = 1 << 28, /* of a JPEG of several scans: scans * width * height, 16 scans of 4096 x 4096 */
};

struct picture {
    int width, height;
    uint8_t *rgb; /* [height,width,3] */
};

void picture_free(struct picture *p);

/* The picture in size bytes; name stands in the messages. turn: as its EXIF orientation says (JPEG only; a bad one means upright). */
int picture_decode(const void *bytes, size_t size, const char *name, bool turn, struct picture *out, struct err *e);

/* A folder of pictures. ERR_NOINPUT where it is not there. */
struct picture_folder;
int picture_folder_open(const char *path, struct picture_folder **out, struct err *e);
void picture_folder_close(struct picture_folder *f); /* NULL is fine */

/* The picture of an id is the first of ID.jpg, ID.jpeg, ID.png and ID.webp that exists. An id has 1 to 128 of the characters A-Z a-z 0-9 _
 * . - and no "..". picture_read_file takes a path below the folder instead: not absolute, without "..". Only regular files below the folder
 * are read; a symbolic link is not followed, wherever it leads.
 *
 * ERR_NOINPUT: there is none. ERR_DATA: there is one, but it cannot be used, or the id is none. ERR_IO: the system failed, and the next
 * picture would not fare better. ERR_INTERNAL: no memory. */
int picture_read(const struct picture_folder *f, const char *id, bool turn, struct picture *out, struct err *e);
int picture_read_file(const struct picture_folder *f, const char *path, bool turn, struct picture *out, struct err *e);

/* The same answer for an id, of the file alone: nothing is read or decoded. */
int picture_find(const struct picture_folder *f, const char *id, struct err *e);

/* The bytes of a PNG in fresh memory: free *data. name stands in the messages. */
int picture_encode_png(const struct picture *p, const char *name, void **data, size_t *size, struct err *e);
/* Writes a PNG through file_write_of_many: file_sync_many is the caller's. The same pixels give the same bytes with the same zlib. */
int picture_write_png(const char *path, const struct picture *p, struct err *e);

#endif
