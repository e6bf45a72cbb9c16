/* split.h - one file of a data set, read, checked, and cut into pieces. */
#ifndef NERVE_SPLIT_H
#define NERVE_SPLIT_H

#include "batch.h"
#include "config.h"
#include "dataset.h"

enum split_name { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, N_SPLITS };
extern const char *const SPLIT_NAMES[N_SPLITS]; /* "train", "valid", "test" */

struct split {
    struct dataset data; /* tags repaired: what is trained on */
    int *gold;           /* [words] tags as the file has them: what is scored against */
    int repaired;        /* I- tags that continued nothing and became B- */
    struct encoded encoded;
    struct visual visual; /* what the tweets show; empty before split_see, and where the model looks at nothing */
};

/* Path of a split under the config: data.train, data.valid, data.test below data.dir (or below directory where that is not NULL). */
int split_path(const struct nerve_config *config, enum split_name which, const char *directory, char *path, size_t size, struct err *e);
/* Words and tag names. */
int split_read(const struct nerve_config *config, const char *path, struct split *s, struct err *e);
/* Tags by the given set, then pieces. */
int split_encode(struct split *s, const struct tag_set *types, const struct wordpiece *wordpiece, int max_length, struct err *e);
void split_free(struct split *s);

#endif
