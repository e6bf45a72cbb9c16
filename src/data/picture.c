/* picture.c - which format the bytes have, and the limits that all share. See picture.h. */
#include "picture.h"
#include "checked.h"
#include "picture_formats.h"
#include <stdlib.h>
#include <string.h>

void picture_free(struct picture *p)
{
    free(p->rgb);
    *p = (struct picture){0};
}

int picture_make(size_t width, size_t height, const char *name, struct picture *out, struct err *e)
{
    size_t pixels, bytes;
    if (width == 0 || height == 0) return err_set(e, ERR_DATA, "%s: a picture of %zu x %zu has no pixels", name, width, height);
    if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX || !size_mul(width, height, &pixels) || pixels > PICTURE_PIXELS_MAX)
        return err_set(e, ERR_DATA, "%s: a picture of %zu x %zu is larger than what is read (sides up to %d, %d pixels): make it smaller",
                       name, width, height, PICTURE_SIDE_MAX, PICTURE_PIXELS_MAX);
    uint8_t *rgb = size_mul(pixels, 3, &bytes) ? malloc(bytes) : NULL;
    if (!rgb) return err_set(e, ERR_INTERNAL, "%s: no memory for a picture of %zu x %zu", name, width, height);
    *out = (struct picture){.width = (int)width, .height = (int)height, .rgb = rgb};
    return 0;
}

static bool begins(const uint8_t *bytes, size_t size, size_t at, const char *with)
{
    const size_t n = strlen(with);
    return size >= at + n && !memcmp(bytes + at, with, n);
}

int picture_decode(const void *bytes, size_t size, const char *name, bool turn, struct picture *out, struct err *e)
{
    const uint8_t *b = bytes;
    const bool is_jpeg = begins(b, size, 0, "\xFF\xD8\xFF");
    const bool is_png = begins(b, size, 0, "\x89PNG\r\n\x1A\n");
    const bool is_webp = begins(b, size, 0, "RIFF") && begins(b, size, 8, "WEBP");
    if (size > PICTURE_BYTES_MAX)
        return err_set(e, ERR_DATA, "%s: has %zu bytes, more than the %d that are read", name, size, PICTURE_BYTES_MAX);
    if (size == 0) return err_set(e, ERR_DATA, "%s: is empty", name);
    if (!is_jpeg && !is_png && !is_webp) return err_set(e, ERR_DATA, "%s: is no JPEG, PNG or WebP by its content", name);

    struct picture p;
    const picture_decoder decode = is_jpeg ? picture_from_jpeg : is_png ? picture_from_png : picture_from_webp;
    int code = decode(b, size, name, &p, e);
    if (code) return code;
    if (turn && is_jpeg) code = exif_turn(&p, exif_orientation(b, size), name, e);
    if (code)
        picture_free(&p);
    else
        *out = p;
    return code;
}
