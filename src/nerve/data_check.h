/* data_check.h - what is wrong or doubtful in a data set, line by line. An error is what training refuses; a warning is read all the same.
 */
#ifndef NERVE_DATA_CHECK_H
#define NERVE_DATA_CHECK_H

#include "json.h"
#include "split.h"

enum data_problem {
    DATA_BAD_BYTES,
    DATA_MISSING_TAG,
    DATA_EMPTY_TOKEN,
    DATA_UNKNOWN_TAG,
    DATA_MISSING_ID,
    DATA_EMPTY_SENTENCE, /* an IMGID line without words below it */
    DATA_EMPTY_SPLIT,
    DATA_NO_TYPES,           /* no word of any split has a tag but O */
    DATA_ORPHAN_INSIDE,      /* I- after O or at the start */
    DATA_ILLEGAL_TRANSITION, /* I- after an entity of another type */
    DATA_DUPLICATE_ID,       /* twice in a split */
    DATA_DUPLICATE_TEXT,
    DATA_OVERLAP_ID, /* in two splits */
    DATA_OVERLAP_TEXT,
    DATA_RARE_TYPE,
    DATA_UNTRAINED_TYPE,
    DATA_NO_PIECE,
    DATA_TRUNCATED,
    DATA_IMAGE_MISSING,
    N_DATA_PROBLEMS
};
extern const struct data_problem_row {
    const char *code; /* as users and other programs know it */
    bool is_error;
} DATA_PROBLEMS[N_DATA_PROBLEMS];

struct finding {
    enum data_problem what;
    int split;
    long line;
    char *message;
};
struct findings {
    char *path[N_SPLITS];
    struct finding *at; /* by split, then line, then problem */
    size_t n, cap;
    size_t count[N_DATA_PROBLEMS], errors, warnings;
    bool has_pieces; /* a vocabulary was there: words were cut into pieces */
    bool failed;     /* out of memory while adding */
};

enum { DATA_RARE = 10 }; /* entities of a type in train below which it is rare */

/* Looks at the data of a config. images: a folder where the picture of tweet ID is ID, ID.jpg, ID.jpeg, ID.png or ID.webp; NULL: pictures
 * are not looked for. End *out with findings_free. */
int data_check(const struct nerve_config *config, const char *images, struct findings *out, struct err *e);
void findings_free(struct findings *f);

/* {"errors", "warnings", "counts": {code: n}, "problems": [{"severity", "code", "file", "line", "message"}]}. Free it. */
struct json *findings_json(const struct findings *f);

#endif
