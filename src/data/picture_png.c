/* picture_png.c - PNG, written and read. The only file that knows libpng.
 *
 * libpng leaves a function that failed by longjmp: between setjmp and the end of a function here, no local variable changes that is read
 * after the jump.
 */
#include "picture_formats.h"

#include "files.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

static void ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* ---- writing ---- */

struct writer {
    const char *path;
    unsigned char *data;
    size_t size, cap;
    struct err *e;
    int code;
};

static void stop_writing(png_structp png, png_const_charp message)
{
    struct writer *w = png_get_error_ptr(png);
    w->code = err_set(w->e, ERR_INTERNAL, "%s: libpng cannot write the picture: %s", w->path, message);
    png_longjmp(png, 1);
}

static void append(png_structp png, png_bytep bytes, size_t n)
{
    struct writer *w = png_get_io_ptr(png);
    if (n > w->cap - w->size) {
        const size_t cap = w->cap + (n > w->cap ? n : w->cap) + 4096;
        unsigned char *larger = realloc(w->data, cap);
        if (!larger) png_error(png, "no memory");
        w->data = larger;
        w->cap = cap;
    }
    memcpy(w->data + w->size, bytes, n);
    w->size += n;
}

static void no_flush(png_structp png)
{
    (void)png;
}

/* Every choice that shows in the bytes is made here and not left to libpng's defaults, which may change. */
static void write_pixels(png_structp png, png_infop info, const struct picture *p)
{
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_set_compression_level(png, 6);
    png_set_compression_strategy(png, 0);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_write_info(png, info);
    for (int y = 0; y < p->height; y++) png_write_row(png, p->rgb + (size_t)y * (size_t)p->width * 3);
    png_write_end(png, info);
}

static void encode(struct writer *w, png_structp png, png_infop info, const struct picture *p)
{
    if (setjmp(png_jmpbuf(png))) return;
    png_set_write_fn(png, w, append, no_flush);
    write_pixels(png, info, p);
}

int picture_encode_png(const struct picture *p, const char *name, void **data, size_t *size, struct err *e)
{
    struct writer w = {.path = name, .e = e};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, stop_writing, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        encode(&w, png, info, p);
    else
        w.code = err_set(e, ERR_INTERNAL, "%s: libpng cannot start", name);
    png_destroy_write_struct(&png, &info);
    if (w.code) {
        free(w.data);
        return w.code;
    }
    *data = w.data;
    *size = w.size;
    return 0;
}

int picture_write_png(const char *path, const struct picture *p, struct err *e)
{
    void *data = NULL;
    size_t size = 0;
    int code = picture_encode_png(p, path, &data, &size, e);
    if (!code) code = file_write_of_many(path, data, size, e);
    free(data);
    return code;
}

/* ---- reading ---- */

struct reader {
    const char *name;
    const uint8_t *bytes;
    size_t left;
    struct picture picture;
    uint8_t **rows; /* [height] */
    struct err *e;
    int code;
};

static void stop_reading(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    if (!r->code) r->code = err_set(r->e, ERR_DATA, "%s: not a PNG that can be read: %s", r->name, message);
    png_longjmp(png, 1);
}

static void take(png_structp png, png_bytep out, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->left) png_error(png, "it is cut short");
    memcpy(out, r->bytes, n);
    r->bytes += n;
    r->left -= n;
}

/* Whatever it holds becomes 8-bit RGB. */
static void want_rgb(png_structp png, png_infop info)
{
    const int type = png_get_color_type(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static void read_pixels(struct reader *r, png_structp png, png_infop info)
{
    if (setjmp(png_jmpbuf(png))) return;
    png_set_read_fn(png, r, take);
    /* Of all chunks only those that decide about pixels: texts and profiles are never unpacked. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    /* Others have the limits, and better messages: picture_make of the size, picture_decode of the bytes. */
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, PICTURE_BYTES_MAX);
    png_read_info(png, info);
    const size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if ((r->code = picture_make(width, height, r->name, &r->picture, r->e))) png_error(png, "size");
    want_rgb(png, info);
    if (png_get_rowbytes(png, info) != width * 3) png_error(png, "it does not become RGB");
    r->rows = malloc(height * sizeof *r->rows);
    if (!r->rows) {
        r->code = err_set(r->e, ERR_INTERNAL, "%s: no memory for %zu rows", r->name, height);
        png_error(png, "memory");
    }
    for (size_t y = 0; y < height; y++) r->rows[y] = r->picture.rgb + y * width * 3;
    /* What stands behind the last row is not looked at, as Pillow does. */
    png_read_image(png, r->rows);
}

int picture_from_png(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e)
{
    struct reader r = {.name = name, .bytes = bytes, .left = size, .e = e};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, stop_reading, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        read_pixels(&r, png, info);
    else
        r.code = err_set(e, ERR_INTERNAL, "%s: libpng cannot start", name);
    png_destroy_read_struct(&png, &info, NULL);
    free(r.rows);
    if (r.code)
        picture_free(&r.picture);
    else
        *out = r.picture;
    return r.code;
}
