/* made_pictures.h - picture files that the tests make for themselves, well-formed and hostile. A failure ends the calling test. */
#ifndef TESTS_DATA_MADE_PICTURES_H
#define TESTS_DATA_MADE_PICTURES_H

#include "picture.h"

struct bytes {
    uint8_t *data;
    size_t size;
};
void bytes_free(struct bytes *b);
struct bytes bytes_insert(const struct bytes *b, size_t at, const void *data, size_t size); /* a copy with more in it */

struct picture made_picture(int width, int height); /* smooth, no two corners alike */
void assert_same_picture(const struct picture *a, const struct picture *b);

enum made_jpeg { MADE_BASELINE, MADE_PROGRESSIVE, MADE_ARITHMETIC, MADE_TWO_COMPONENTS };
struct bytes made_jpeg(const struct picture *p, enum made_jpeg kind);
struct bytes made_png(const struct picture *p);
struct bytes made_webp(const struct picture *p);

/* A JPEG with an APP1 segment behind its first marker; tiff of size bytes stands behind "Exif\0\0". */
struct bytes made_exif_jpeg(const struct picture *p, const void *tiff, size_t size);
struct bytes made_tiff(bool little, unsigned tag, unsigned type, unsigned count, unsigned value); /* one entry */

struct bytes made_jpeg_of_many_scans(int side, int n);           /* progressive, its last scan n times more */
struct bytes made_jpeg_of_size(unsigned width, unsigned height); /* as its header says */
struct bytes made_png_of_size(unsigned width, unsigned height);
struct bytes made_png_with_texts(int n, size_t size, bool packs); /* n chunks, each of `size` bytes when it is unpacked */
struct bytes made_animated_webp(void);

#endif
