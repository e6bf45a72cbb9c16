/* picture_pipeline.c - see picture_pipeline.h. */
#include "picture_pipeline.h"
#include <string.h>

struct picture_pipeline picture_pipeline_of(enum picture_recipe recipe, int size)
{
    struct picture_pipeline p = {.resize = size, .size = size, .filter = PICTURE_BILINEAR, .even = true, .rescale = 1.0 / 255};
    static const double half[3] = {.5, .5, .5};
    static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073}, clip_std[3] = {0.26862954, 0.26130258, 0.27577711};
    static const double imagenet_mean[3] = {0.485, 0.456, 0.406}, imagenet_std[3] = {0.229, 0.224, 0.225};
    const double *mean = half, *std = half;
    switch (recipe) {
    case PICTURE_VIT:
        p.square = true;
        break;
    case PICTURE_CLIP:
        p.filter = PICTURE_BICUBIC;
        mean = clip_mean;
        std = clip_std;
        break;
    case PICTURE_IMAGENET:
        p.resize = size * 256 / 224;
        mean = imagenet_mean;
        std = imagenet_std;
        break;
    }
    memcpy(p.mean, mean, sizeof p.mean);
    memcpy(p.std, std, sizeof p.std);
    return p;
}

/* Where the crop begins on a side. */
static int cut_at(int side, int size, bool even)
{
    const int surplus = side - size, down = surplus / 2;
    return even && surplus % 4 == 3 ? down + 1 : down;
}

/* int(resize * longer / shorter), as torchvision and Hugging Face have it. */
static int longer_side(int resize, int longer, int shorter)
{
    return (int)((int64_t)resize * longer / shorter);
}

int picture_pipeline_cut(const struct picture_pipeline *p, const struct picture *in, struct picture *out, struct err *e)
{
    int width = p->resize, height = p->resize;
    if (!p->square && in->width > in->height) width = longer_side(p->resize, in->width, in->height);
    if (!p->square && in->height > in->width) height = longer_side(p->resize, in->height, in->width);
    const struct picture_window window = {cut_at(width, p->size, p->even), cut_at(height, p->size, p->even), p->size, p->size};
    return picture_resize(in, width, height, p->filter, window, out, e);
}

void picture_pipeline_normalise(const struct picture_pipeline *p, const struct picture *cut, float *out)
{
    const size_t n = (size_t)cut->width * (size_t)cut->height;
    for (int c = 0; c < 3; c++) {
        float value[256];
        for (int byte = 0; byte < 256; byte++) value[byte] = (float)((byte * p->rescale - p->mean[c]) / p->std[c]);
        for (size_t i = 0; i < n; i++) *out++ = value[cut->rgb[i * 3 + (size_t)c]];
    }
}

int picture_pipeline_apply(const struct picture_pipeline *p, const struct picture *in, float *out, struct err *e)
{
    struct picture cut;
    const int code = picture_pipeline_cut(p, in, &cut, e);
    if (code) return code;
    picture_pipeline_normalise(p, &cut, out);
    picture_free(&cut);
    return 0;
}
