/* pictures.h - several pictures at a time, as a visual encoder takes them. */
#ifndef DATA_PICTURES_H
#define DATA_PICTURES_H

#include "picture_pipeline.h"

struct picture_reading {
    int code; /* of picture_read or picture_pipeline_apply */
    struct err error;
};

/* The pictures of n ids on `threads` threads: pixels [n,3,S,S], where reading[k].code is not 0 undefined ones. */
void pictures_read(const struct picture_folder *folder, int n, const char *const *ids, bool turn, const struct picture_pipeline *pipeline,
                   int threads, struct picture_reading *reading, float *pixels);

#endif
