/* picture_formats.h - the decoders behind picture_decode, one for each format. */
#ifndef DATA_PICTURE_FORMATS_H
#define DATA_PICTURE_FORMATS_H

#include "picture.h"

/* Each gives ERR_DATA or ERR_INTERNAL with name in the message, and *out only on success. */
typedef int (*picture_decoder)(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e);
int picture_from_jpeg(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e);
int picture_from_png(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e);
int picture_from_webp(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e);

/* Room for a picture of a size that a file states: checked against the limits first. */
int picture_make(size_t width, size_t height, const char *name, struct picture *out, struct err *e);

/* The EXIF orientation of a JPEG, 1 to 8; 1 (upright) where it has none that makes sense. */
int exif_orientation(const uint8_t *jpeg, size_t size);
/* Turns and mirrors a picture that was stored with this orientation so that it stands upright. */
int exif_turn(struct picture *p, int orientation, const char *name, struct err *e);

#endif
