/* captions.h - what stands in a tweet's picture, in words: a text file of lines `<id>.jpg :caption`, as the Twitter sets have it.
 *
 * The id is what stands before the first blank, without its extension; the caption what stands behind the first " :", without blanks around
 * it. A caption without a character is none.
 */
#ifndef DATA_CAPTIONS_H
#define DATA_CAPTIONS_H

#include "err.h"
#include <stddef.h>

struct caption {
    const char *id, *text;
    int line; /* of the file */
};
struct captions {
    int n;
    struct caption *at; /* sorted by id */
    char *text;         /* into which they point */
};

/* A line without " :", bad UTF-8, or an id that stands twice: ERR_DATA with file:line. A file without a line is one in which no id has a
 * caption. */
int captions_read(const char *path, struct captions *out, struct err *e);
void captions_free(struct captions *c);

/* The caption of an id; NULL where there is none, or id is NULL. */
const char *captions_find(const struct captions *c, const char *id);

#endif
