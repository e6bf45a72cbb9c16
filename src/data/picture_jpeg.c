/* picture_jpeg.c - JPEG: baseline, extended and progressive, of 8 bits, in gray, YCbCr, RGB, CMYK and YCCK. The only file that knows
 * libjpeg.
 *
 * libjpeg's own choices stand, which are Pillow's: the slow integer transform, smooth upsampling of chroma. As there, its warnings about
 * damaged data are no errors, but a file that ends before its EOI marker is refused. Arithmetic coding, which no browser shows, is refused,
 * since decoding it can take a hundred times as long for the same number of bytes.
 *
 * CMYK with inverted inks c, m, y, k as stored (k = 255 - K, c = 255 - C):
 *   R = k - round(C k / 255),  round(x / 255) = (x + 128 + ((x + 128) >> 8)) >> 8;  G and B with M and Y.
 *
 * libjpeg leaves a function that failed by longjmp: what changes between setjmp and the jump is kept in a struct jpeg.
 */
#include "picture_formats.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

/* jpeglib.h needs size_t and FILE. */
#include <jerror.h>
#include <jpeglib.h>

/* Of libjpeg itself: of the coefficients of a progressive picture of PICTURE_PIXELS_MAX with four inks, and its rows. */
enum { MEMORY_MAX = 160 << 20 };

struct jpeg {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const char *name;
    struct picture picture;
    uint8_t *inks; /* [width,4] of a row */
    struct err *e;
    int code;
};

static _Noreturn void stop(struct jpeg *j, int code)
{
    j->code = code;
    longjmp(j->failed, 1);
}

static void stop_on_error(j_common_ptr cinfo)
{
    struct jpeg *j = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    const int code = cinfo->err->msg_code == JERR_OUT_OF_MEMORY ? ERR_INTERNAL : ERR_DATA;
    stop(j, err_set(j->e, code, "%s: not a JPEG that can be read: %s", j->name, text));
}

static void note_warning(j_common_ptr cinfo, int level)
{
    struct jpeg *j = cinfo->client_data;
    (void)level;
    if (cinfo->err->msg_code == JWRN_JPEG_EOF)
        stop(j, err_set(j->e, ERR_DATA, "%s: the JPEG ends before its end marker: it is cut short", j->name));
}

/* Called for each row of blocks that is read, by the decoder that counts the scans. */
static void limit_scans(j_common_ptr cinfo)
{
    struct jpeg *j = cinfo->client_data;
    const int scans = j->cinfo.input_scan_number;
    const int64_t scanned = (int64_t)scans * j->picture.width * j->picture.height;
    if (scans > PICTURE_SCANS_MAX || (scans > 1 && scanned > PICTURE_SCANNED_MAX))
        stop(j, err_set(j->e, ERR_DATA, "%s: a JPEG of %d x %d pixels with more than %d scans takes too long to read: store it as baseline",
                        j->name, j->picture.width, j->picture.height, scans - 1));
}

static void write_no_text(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void start(struct jpeg *j, const uint8_t *bytes, size_t size)
{
    struct jpeg_decompress_struct *c = &j->cinfo;
    jpeg_create_decompress(c);
    c->mem->max_memory_to_use = MEMORY_MAX;
    j->progress.progress_monitor = limit_scans;
    c->progress = &j->progress;
    jpeg_mem_src(c, bytes, size);
    jpeg_read_header(c, TRUE);
    if (c->arith_code)
        stop(j, err_set(j->e, ERR_DATA, "%s: a JPEG with arithmetic coding is not read: store it with Huffman coding", j->name));
    if (c->num_components == 2 || c->num_components > 4)
        stop(j,
             err_set(j->e, ERR_DATA, "%s: a JPEG of %d components is not read: store it as gray, RGB or CMYK", j->name, c->num_components));
    if (picture_make(c->image_width, c->image_height, j->name, &j->picture, j->e)) stop(j, j->e->code);
    c->out_color_space = c->num_components == 4 ? JCS_CMYK : JCS_RGB;
}

static uint8_t mix(unsigned ink, unsigned k)
{
    const unsigned x = (255 - ink) * k + 128;
    return (uint8_t)(k - ((x + (x >> 8)) >> 8));
}

static void read_row(struct jpeg *j, uint8_t *rgb)
{
    if (!j->inks) {
        jpeg_read_scanlines(&j->cinfo, &rgb, 1);
        return;
    }
    jpeg_read_scanlines(&j->cinfo, &j->inks, 1);
    for (int x = 0; x < j->picture.width; x++) {
        const uint8_t *ink = j->inks + (size_t)x * 4;
        for (int c = 0; c < 3; c++) rgb[x * 3 + c] = mix(ink[c], ink[3]);
    }
}

static void decode(struct jpeg *j, const uint8_t *bytes, size_t size)
{
    if (setjmp(j->failed)) return;
    start(j, bytes, size);
    const size_t width = (size_t)j->picture.width;
    if (j->cinfo.num_components == 4 && !(j->inks = malloc(width * 4)))
        stop(j, err_set(j->e, ERR_INTERNAL, "%s: no memory for a row", j->name));
    jpeg_start_decompress(&j->cinfo);
    for (size_t y = 0; y < (size_t)j->picture.height; y++) read_row(j, j->picture.rgb + y * width * 3);
    jpeg_finish_decompress(&j->cinfo);
}

int picture_from_jpeg(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e)
{
    struct jpeg j = {.name = name, .e = e};
    j.cinfo.err = jpeg_std_error(&j.errors);
    j.cinfo.client_data = &j;
    j.errors.error_exit = stop_on_error;
    j.errors.emit_message = note_warning;
    j.errors.output_message = write_no_text;
    decode(&j, bytes, size);
    jpeg_destroy_decompress(&j.cinfo);
    free(j.inks);
    if (j.code)
        picture_free(&j.picture);
    else
        *out = j.picture;
    return j.code;
}
