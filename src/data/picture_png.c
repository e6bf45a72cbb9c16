/* picture_png.c - PNG, written and read. The only file that knows libpng.
 *
 * libpng leaves a function that failed by longjmp: between setjmp and the end of a function here, no local variable changes that is read
 * after the jump.
 */
#include "picture.h"

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

int picture_write_png(const char *path, const struct picture *p, struct err *e)
{
    struct writer w = {.path = path, .e = e};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, stop_writing, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        encode(&w, png, info, p);
    else
        w.code = err_set(e, ERR_INTERNAL, "%s: libpng cannot start", path);
    png_destroy_write_struct(&png, &info);
    if (!w.code) w.code = file_write_bytes(path, w.data, w.size, e);
    free(w.data);
    return w.code;
}
