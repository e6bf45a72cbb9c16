/* visual_source.h - the files that captions, pictures or stored features come from, and what a split has of them. */
#ifndef NERVE_VISUAL_SOURCE_H
#define NERVE_VISUAL_SOURCE_H

#include "feature_file.h"
#include "model.h"
#include "split.h"
#include <limits.h>

struct visual_source {
    enum config_visual kind;
    struct captions captions;
    struct picture_folder *folder;
    struct features *features;
    bool refuse_bad; /* a picture that cannot be used is an error */
    char path[PATH_MAX];
};

/* Opens what a model of this shape looks at, below data.dir (directory, where it is not NULL). A model that looks at nothing opens nothing.
 * ERR_NOINPUT where it is not there: the message names the key. */
int visual_source_open(const struct nerve_config *c, const struct model_shape *s, const char *directory, struct visual_source *out,
                       struct err *e);
/* The same at a path, relative to the current directory, that stands in for the key's. */
int visual_source_open_at(const struct nerve_config *c, const struct model_shape *s, const char *path, struct visual_source *out,
                          struct err *e);
/* The run's own for a model that predicts: where it is not there, or no run is known, the log says so and *out holds no file. */
int visual_source_open_if_there(const struct nerve_config *c, const struct model_shape *s, struct visual_source *out, struct err *e);

/* What --images, --captions and --features name; each may be NULL. */
struct visual_given {
    const char *images, *captions, *features;
};
/* The one of them that a model of this shape looks at, or NULL. The log names the others: they are not used. */
const char *visual_given_path(const struct visual_given *given, const struct model_shape *s);

void visual_source_close(struct visual_source *v);

/* What the tweets of an encoded split show, found by their ids: fills s->visual, and with FUSION_APPEND sets captions behind the tweets.
 * Each picture that cannot be used is named in the log, and how many tweets show something is told. v must outlive s. */
int split_see(struct split *s, const struct visual_source *v, const struct model *m, struct err *e);

#endif
