/* subset.h - named subsets of tweets, by their ids: a text file of lines `<id> <name> [<name> ...]`, the fields apart by blanks or TABs. An
 * id may stand on several lines and in any number of subsets; blank lines are skipped. docs/data.md describes it for users. */
#ifndef DATA_SUBSET_H
#define DATA_SUBSET_H

#include "err.h"
#include <stdbool.h>

enum { SUBSETS_MAX = 64 };

struct subset_member {
    const char *id;
    int subset;
};
struct subsets {
    int n;                    /* subsets */
    char *names[SUBSETS_MAX]; /* in the order in which they first occur; they and the ids point into text */
    int n_members;
    struct subset_member *members; /* sorted by id and subset, each once */
    char *text;
};

/* A name has 1 to 64 of the characters A-Z a-z 0-9 _ . -. A line with an id alone, a name that is none, more than SUBSETS_MAX of them, or a
 * file without any line: ERR_DATA with file:line. A file that is not there: ERR_NOINPUT. */
int subsets_read(const char *path, struct subsets *out, struct err *e);
void subsets_free(struct subsets *s);

/* True where the tweet of this id is in subset k of names; a tweet without id (NULL) is in none. */
bool subset_has(const struct subsets *s, int k, const char *id);

#endif
