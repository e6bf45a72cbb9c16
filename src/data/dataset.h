/* dataset.h - tweets with their words and tags, in plain arrays. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "err.h"
#include "hash.h"
#include "tags.h"
#include <stdint.h>

struct tweet {
    char *id;       /* of IMGID, or NULL */
    long line;      /* of the first word, from 1 */
    int first_word; /* in the dataset's words */
    int n_words;
};

struct dataset {
    int n_tweets, n_words;
    struct tweet *tweets;
    char **words;       /* [n_words], UTF-8 */
    char **tag_names;   /* [n_words], after renaming: "O", "B-PER"; before dataset_resolve_tags */
    int *tags;          /* [n_words]; NULL before dataset_resolve_tags */
    struct hash digest; /* of the file's bytes */
    char *text;         /* the file, into which words and tag_names point */
    char *path;
};

/* One old=new pair of `data.rename`. */
struct tag_rename {
    const char *from, *to; /* type names */
};

/* Reads a CoNLL file: `IMGID:<id>` lines (optional), `token<TAB or blanks>tag` lines, blank lines between sentences. The first column is
 * the token and the last is the tag; two columns are needed. CR LF, a byte order mark and a last line without an end are read; bad UTF-8, a
 * missing tag, a tag that is not O, B-x or I-x: ERR_DATA with file:line. A file without any sentence is ERR_DATA. */
int conll_read(const char *path, const struct tag_rename *rename, int n_rename, struct dataset *out, struct err *e);
/* The same, but each line that conll_read would refuse is told to report, and reading goes on: the word on it is U+FFFD with tag O, so that
 * words and lines stay in step. Fails where the file cannot be read. */
enum conll_problem { CONLL_BAD_BYTES, CONLL_NO_TAG, CONLL_NO_TOKEN, CONLL_BAD_TAG, CONLL_NO_ID, CONLL_NO_WORDS, CONLL_NO_SENTENCE };
typedef void (*conll_report)(void *context, enum conll_problem what, long line, const char *message);
int conll_check(const char *path, const struct tag_rename *rename, int n_rename, conll_report report, void *context, struct dataset *out,
                struct err *e);
void dataset_free(struct dataset *d);

/* Adds every type that occurs. A model's tables grow with the square of the types, so more than any annotation has are refused: ERR_DATA
 * with file:line. */
enum { DATASET_TYPES_MAX = 1000 };
int dataset_collect_types(const struct dataset *d, struct tag_set *types, struct err *e);
/* Fills d->tags. A type that the set does not know: ERR_DATA with file:line. */
int dataset_resolve_tags(struct dataset *d, const struct tag_set *types, struct err *e);

#endif
