#include "pictures.h"

void pictures_read(const struct picture_folder *folder, int n, const char *const *ids, bool turn, const struct picture_pipeline *pipeline,
                   int threads, struct picture_reading *reading, float *pixels)
{
    const size_t size = 3 * (size_t)pipeline->size * (size_t)pipeline->size;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int k = 0; k < n; k++) {
        struct picture_reading *r = &reading[k];
        struct picture picture = {0};
        *r = (struct picture_reading){0};
        r->code = picture_read(folder, ids[k], turn, &picture, &r->error);
        if (!r->code) r->code = picture_pipeline_apply(pipeline, &picture, pixels + (size_t)k * size, &r->error);
        picture_free(&picture);
    }
}
