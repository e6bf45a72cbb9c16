#include "made_pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "files.h"
#include "temporary.h"
#include <cmocka.h>
#include <jpeglib.h>
#include <stdlib.h>
#include <string.h>
#include <webp/encode.h>
#include <zlib.h>

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

struct bytes bytes_insert(const struct bytes *b, size_t at, const void *data, size_t size)
{
    struct bytes all = {.data = malloc(b->size + size + 1), .size = b->size + size};
    assert_non_null(all.data);
    if (at > 0) memcpy(all.data, b->data, at);
    memcpy(all.data + at, data, size);
    if (b->size > at) memcpy(all.data + at + size, b->data + at, b->size - at);
    return all;
}

/* b with more in it, and the old bytes freed. */
static struct bytes grown(struct bytes b, size_t at, const void *data, size_t size)
{
    const struct bytes all = bytes_insert(&b, at, data, size);
    bytes_free(&b);
    return all;
}

struct picture made_picture(int width, int height)
{
    struct picture p = {.width = width, .height = height, .rgb = malloc((size_t)width * (size_t)height * 3)};
    uint8_t *at = p.rgb;
    assert_non_null(p.rgb);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            *at++ = (uint8_t)(30 + 200 * x / width);
            *at++ = (uint8_t)(20 + 220 * y / height);
            *at++ = (uint8_t)(250 - 100 * x / width - 90 * y / height);
        }
    }
    return p;
}

void assert_same_picture(const struct picture *a, const struct picture *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
}

/* ---- well-formed ---- */

struct bytes made_jpeg(const struct picture *p, enum made_jpeg kind)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &size);
    c.image_width = (JDIMENSION)p->width;
    c.image_height = (JDIMENSION)p->height;
    c.input_components = kind == MADE_TWO_COMPONENTS ? 2 : 3;
    c.in_color_space = kind == MADE_TWO_COMPONENTS ? JCS_UNKNOWN : JCS_RGB;
    jpeg_set_defaults(&c);
    c.arith_code = kind == MADE_ARITHMETIC;
    if (kind == MADE_PROGRESSIVE) jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = p->rgb + (size_t)y * (size_t)p->width * 3;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return (struct bytes){.data = data, .size = size};
}

struct bytes made_png(const struct picture *p)
{
    char folder[PATH_MAX], path[PATH_MAX + 16], *data = NULL;
    size_t size = 0;
    struct err e = {0};
    assert_int_equal(temporary_folder(folder), 0);
    snprintf(path, sizeof path, "%s/picture.png", folder);
    if (picture_write_png(path, p, &e) || file_read(path, (size_t)1 << 30, &data, &size, &e)) fail_msg("%s", e.text);
    assert_int_equal(temporary_remove(folder), 0);
    return (struct bytes){.data = (uint8_t *)data, .size = size};
}

struct bytes made_webp(const struct picture *p)
{
    uint8_t *webp = NULL;
    struct bytes none = {0};
    const size_t size = WebPEncodeLosslessRGB(p->rgb, p->width, p->height, p->width * 3, &webp);
    assert_true(size > 0);
    const struct bytes b = bytes_insert(&none, 0, webp, size);
    WebPFree(webp);
    return b;
}

/* ---- EXIF ---- */

static void put(uint8_t *at, unsigned x, int n, bool little)
{
    for (int i = 0; i < n; i++) at[little ? i : n - 1 - i] = (uint8_t)(x >> 8 * i);
}

struct bytes made_exif_jpeg(const struct picture *p, const void *tiff, size_t size)
{
    uint8_t head[10] = {0xFF, 0xE1, 0, 0, 'E', 'x', 'i', 'f', 0, 0};
    put(head + 2, (unsigned)size + 8, 2, false);
    const struct bytes b = grown(made_jpeg(p, MADE_BASELINE), 2, head, sizeof head);
    return grown(b, 2 + sizeof head, tiff, size);
}

struct bytes made_tiff(bool little, unsigned tag, unsigned type, unsigned count, unsigned value)
{
    enum { HEAD = 8, COUNT = 2, ENTRY = 12, NEXT = 4 };
    struct bytes b = {.data = calloc(1, HEAD + COUNT + ENTRY + NEXT), .size = HEAD + COUNT + ENTRY + NEXT};
    assert_non_null(b.data);
    memcpy(b.data, little ? "II" : "MM", 2);
    put(b.data + 2, 42, 2, little);
    put(b.data + 4, HEAD, 4, little);
    put(b.data + 8, 1, 2, little);
    put(b.data + 10, tag, 2, little);
    put(b.data + 12, type, 2, little);
    put(b.data + 14, count, 4, little);
    put(b.data + 18, value, 2, little);
    return b;
}

/* ---- hostile ---- */

static size_t find_last(const struct bytes *b, uint8_t marker)
{
    for (size_t at = b->size - 1; at > 0; at--) {
        if (b->data[at - 1] == 0xFF && b->data[at] == marker) return at - 1;
    }
    fail_msg("no marker %02X", marker);
    return 0;
}

struct bytes made_jpeg_of_many_scans(int side, int n)
{
    struct picture p = made_picture(side, side);
    struct bytes b = made_jpeg(&p, MADE_PROGRESSIVE);
    picture_free(&p);
    const size_t scan = find_last(&b, 0xDA), end = find_last(&b, 0xD9), size = end - scan;
    uint8_t *more = malloc(size * (size_t)n);
    assert_non_null(more);
    for (int i = 0; i < n; i++) memcpy(more + (size_t)i * size, b.data + scan, size);
    b = grown(b, end, more, size * (size_t)n);
    free(more);
    return b;
}

struct bytes made_jpeg_of_size(unsigned width, unsigned height)
{
    struct picture p = made_picture(16, 16);
    struct bytes b = made_jpeg(&p, MADE_BASELINE);
    picture_free(&p);
    uint8_t *frame = b.data + find_last(&b, 0xC0);
    put(frame + 5, height, 2, false);
    put(frame + 7, width, 2, false);
    return b;
}

static struct bytes with_chunk(struct bytes png, size_t at, const char type[4], const void *data, size_t size)
{
    struct bytes none = {0}, chunk = bytes_insert(&none, 0, "....", 4);
    put(chunk.data, (unsigned)size, 4, false);
    chunk = grown(chunk, 4, type, 4);
    chunk = grown(chunk, 8, data, size);
    uint8_t sum[4];
    put(sum, (unsigned)crc32(0, chunk.data + 4, (uInt)size + 4), 4, false);
    chunk = grown(chunk, 8 + size, sum, 4);
    png = grown(png, at, chunk.data, chunk.size);
    bytes_free(&chunk);
    return png;
}

enum { AFTER_IHDR = 8 + 25 };

struct bytes made_png_of_size(unsigned width, unsigned height)
{
    struct picture p = made_picture(16, 16);
    struct bytes b = made_png(&p);
    picture_free(&p);
    put(b.data + 16, width, 4, false);
    put(b.data + 20, height, 4, false);
    put(b.data + 29, (unsigned)crc32(0, b.data + 12, 17), 4, false);
    return b;
}

struct bytes made_png_with_texts(int n, size_t size, bool packs)
{
    static const uint8_t keyword[] = {'k', 0, 0};
    uLong packed_size = compressBound(size);
    uint8_t *text = malloc(size), *packed = malloc(sizeof keyword + packed_size);
    struct picture p = made_picture(16, 16);
    struct bytes b = made_png(&p);
    picture_free(&p);
    assert_true(text && packed);
    memset(text, 'x', size);
    memcpy(packed, keyword, sizeof keyword);
    assert_int_equal(compress2(packed + sizeof keyword, &packed_size, text, size, packs), Z_OK);
    for (int i = 0; i < n; i++) b = with_chunk(b, AFTER_IHDR, "zTXt", packed, sizeof keyword + packed_size);
    free(text);
    free(packed);
    return b;
}

struct bytes made_animated_webp(void)
{
    static const uint8_t extended[] = {'V', 'P', '8', 'X', 10, 0, 0, 0, 2, 0, 0, 0, 15, 0, 0, 15, 0, 0}; /* flag 2: animation; 16 x 16 */
    struct picture p = made_picture(16, 16);
    struct bytes b = grown(made_webp(&p), 12, extended, sizeof extended);
    picture_free(&p);
    put(b.data + 4, (unsigned)b.size - 8, 4, true);
    return b;
}
