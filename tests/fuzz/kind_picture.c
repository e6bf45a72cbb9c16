/* Pictures: whatever the bytes are, a picture within the limits with all its pixels, the same when it is read again, or a refusal. */
#include "kinds.h"
#include "made_pictures.h"
#include <stdlib.h>
#include <string.h>

static void add(struct seeds *s, struct bytes b)
{
    seeds_add(s, b.data, b.size);
    bytes_free(&b);
}

static void make_seeds(struct seeds *s)
{
    struct picture p = made_picture(61, 35);
    struct bytes tiff = made_tiff(true, 0x0112, 3, 1, 6);
    add(s, made_jpeg(&p, MADE_BASELINE));
    add(s, made_jpeg(&p, MADE_PROGRESSIVE));
    add(s, made_exif_jpeg(&p, tiff.data, tiff.size));
    add(s, made_png(&p));
    add(s, made_png_with_texts(2, 100, true));
    add(s, made_webp(&p));
    bytes_free(&tiff);
    picture_free(&p);
}

static enum fuzz_verdict read_picture(const struct fuzz_input *in)
{
    struct picture p = {0}, q = {0};
    struct err e = {0}, again = {0};
    const int code = picture_decode(in->data, in->size, in->path, true, &p, &e);
    fuzz_claim(picture_decode(in->data, in->size, in->path, true, &q, &again) == code, "read twice, %d the first time", code);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        fuzz_claim(strcmp(e.text, again.text) == 0, "\"%s\" and \"%s\"", e.text, again.text);
        return FUZZ_REFUSED;
    }
    const size_t pixels = (size_t)p.width * (size_t)p.height;
    fuzz_claim(p.width > 0 && p.height > 0 && p.width <= PICTURE_SIDE_MAX && p.height <= PICTURE_SIDE_MAX && pixels <= PICTURE_PIXELS_MAX,
               "%d x %d", p.width, p.height);
    fuzz_claim(p.width == q.width && p.height == q.height && memcmp(p.rgb, q.rgb, pixels * 3) == 0, "read twice, other pixels");
    picture_free(&p);
    picture_free(&q);
    return FUZZ_READ;
}

const struct fuzz_kind FUZZ_PICTURE = {
    .name = "picture", .stream = 9, .make_seeds = make_seeds, .read = read_picture, .least_read = 5, .least_refused = 25};
