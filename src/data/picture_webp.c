/* picture_webp.c - WebP, lossy and lossless; alpha is dropped. An animation is refused. The only file that knows libwebp. */
#include "picture_formats.h"
#include <webp/decode.h>

static const char *reason(VP8StatusCode status)
{
    switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return "it is cut short";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "it uses a feature that libwebp does not read";
    default:
        return "it is damaged";
    }
}

static int fail(VP8StatusCode status, const char *name, struct err *e)
{
    if (status == VP8_STATUS_OUT_OF_MEMORY) return err_set(e, ERR_INTERNAL, "%s: no memory to decode the WebP", name);
    return err_set(e, ERR_DATA, "%s: not a WebP that can be read: %s", name, reason(status));
}

int picture_from_webp(const uint8_t *bytes, size_t size, const char *name, struct picture *out, struct err *e)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return err_set(e, ERR_INTERNAL, "%s: libwebp is of another version than its headers", name);
    VP8StatusCode status = WebPGetFeatures(bytes, size, &config.input);
    if (status != VP8_STATUS_OK) return fail(status, name, e);
    if (config.input.has_animation) return err_set(e, ERR_DATA, "%s: an animated WebP is not read: store one of its pictures", name);
    struct picture p;
    const int code = picture_make((size_t)config.input.width, (size_t)config.input.height, name, &p, e);
    if (code) return code;
    const int stride = p.width * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){.rgba = p.rgb, .stride = stride, .size = (size_t)stride * (size_t)p.height};
    status = WebPDecode(bytes, size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status != VP8_STATUS_OK) {
        picture_free(&p);
        return fail(status, name, e);
    }
    *out = p;
    return 0;
}
