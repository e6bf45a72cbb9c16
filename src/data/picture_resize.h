/* picture_resize.h - antialiased resizing, Pillow's to the byte. */
#ifndef DATA_PICTURE_RESIZE_H
#define DATA_PICTURE_RESIZE_H

#include "picture.h"

enum picture_filter { PICTURE_BILINEAR = 2, PICTURE_BICUBIC = 3 }; /* Pillow's numbers, as in preprocessor_config.json */

struct picture_window {
    int left, top, width, height;
};

/* *out: the window of what `in` becomes when it is resized to width x height; only what the window shows is computed. The window lies
 * within. */
int picture_resize(const struct picture *in, int width, int height, enum picture_filter filter, struct picture_window window,
                   struct picture *out, struct err *e);

#endif
