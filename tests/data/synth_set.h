/* synth_set.h - synthetic sets in a folder of the test, as any reader finds them. Every function ends the calling test where it cannot
 * serve. */
#ifndef TEST_SYNTH_SET_H
#define TEST_SYNTH_SET_H

#include "dataset.h"
#include "subset.h"
#include "synth.h"
#include "synth_text.h"
#include <limits.h>

enum { TYPES = SYNTH_TYPES };
extern char root[PATH_MAX]; /* holds the sets */
extern const char *const SPLITS[3];

const char *path_of(const char *folder, const char *file); /* root/folder/file; stays until the fifth call from here */
struct synth_options options_of(int tweets, uint32_t seed);
struct synth_report make(const char *folder, const struct synth_options *o);
char *text_of(const char *folder, const char *file); /* of a whole file; free it */

struct tweet_facts {
    const struct dataset *d;
    const struct tweet *t;
    int split, n_spans;
    struct span spans[16];
    bool text_decides, picture_decides, undecided, contradicted;
    bool has_picture;
    int shown; /* the type that the oracle sees; -1 without a picture */
};
struct set {
    struct dataset d[3];
    struct tag_set types;
    struct subsets subsets;
    int n;
    struct tweet_facts *tweets; /* [n] */
};

void load(struct set *s, const char *folder);
void free_set(struct set *s);

#endif
