/* events.h - reads TensorBoard's event files, written from their description and not from the writer's code. */
#ifndef TEST_EVENTS_H
#define TEST_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct events_scalar {
    char tag[256];
    float value;
};
struct events_record {
    double wall_time;
    int64_t step;
    char version[64]; /* "" where it has none */
    int n;
    struct events_scalar scalars[64];
};

/* The record at *at, which moves behind it; false at the end. A frame, sum or message that is wrong ends the calling test. */
bool events_next(const unsigned char *file, size_t size, size_t *at, struct events_record *out);
/* The scalar of this tag, NaN where there is none. */
double events_value(const struct events_record *r, const char *tag);

#endif
