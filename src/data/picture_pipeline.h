/* picture_pipeline.h - from a picture of any size to the [3,S,S] that a visual encoder takes: resize, centre crop, normalise.
 *
 * A Hugging Face folder says how in its preprocessor_config.json (ViTImageProcessor, CLIPImageProcessor, also as ...Fast, ...Pil and
 * ...FeatureExtractor); a key that is absent or null has the value that the processor gives it.
 */
#ifndef DATA_PICTURE_PIPELINE_H
#define DATA_PICTURE_PIPELINE_H

#include "picture.h"
#include "picture_resize.h"

enum { PICTURE_PIPELINE_MAX = 2048 }; /* of resize and size */

struct picture_pipeline {
    bool square;                /* both sides become `resize`; otherwise the shorter one, and the longer keeps the picture's shape */
    int resize;                 /* pixels */
    enum picture_filter filter; /* of resizing */
    int size;                   /* S: of the square cut from the middle, size <= resize; equal where `square` cuts nothing */
    bool even;                  /* half a pixel at the cut goes to the even number, as in torchvision; otherwise down, as in Hugging Face */
    double rescale;             /* of a byte: value = (rescale * byte - mean) / std, for each channel */
    double mean[3], std[3];
};

enum picture_recipe {
    PICTURE_VIT,      /* both sides to S, bilinear; .5, .5: ViTImageProcessor */
    PICTURE_CLIP,     /* shorter side to S, bicubic, cut; CLIP's means: as it was published, and so CLIPImageProcessor but for `even` */
    PICTURE_IMAGENET, /* shorter side to 256/224 S, bilinear, cut; ImageNet's means: what networks for ImageNet, and most papers, take */
};
struct picture_pipeline picture_pipeline_of(enum picture_recipe recipe, int size);

/* Reads the text of a preprocessor_config.json; name stands in the messages. The recipe (VIT or CLIP) is that of the model, for a file that
 * names no processor. ERR_DATA where it wants what is not done here: another filter or processor, a result that is no square. */
int picture_pipeline_parse(const char *text, size_t n, const char *name, enum picture_recipe recipe, struct picture_pipeline *p,
                           struct err *e);

/* That of a model's folder: from its preprocessor_config.json or, where it has none, the recipe's. The model takes pictures of S = size. */
int picture_pipeline_read(const char *folder, enum picture_recipe recipe, int size, struct picture_pipeline *p, struct err *e);

/* The text of a preprocessor_config.json that picture_pipeline_parse reads as the same pipeline: also its identity. Free it. */
char *picture_pipeline_text(const struct picture_pipeline *p);

/* out [S,S,3] as a picture: resized and cut, not yet normalised. */
int picture_pipeline_cut(const struct picture_pipeline *p, const struct picture *in, struct picture *out, struct err *e);
/* out [3,S,S] from what picture_pipeline_cut gave. */
void picture_pipeline_normalise(const struct picture_pipeline *p, const struct picture *cut, float *out);
/* Both. */
int picture_pipeline_apply(const struct picture_pipeline *p, const struct picture *in, float *out, struct err *e);

#endif
