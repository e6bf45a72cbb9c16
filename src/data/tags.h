/* tags.h - BIO tags and the entities that they spell.
 *
 * Tag 0 is O; type t has tags 1 + 2t (B-) and 2 + 2t (I-). Types are in byte order of their names, so the same data always gives the same
 * numbers.
 */
#ifndef DATA_TAGS_H
#define DATA_TAGS_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>

struct tag_set {
    int n_types;
    char **types; /* owned, sorted */
};
enum { TAG_O = 0 };

static inline int tag_count(const struct tag_set *s)
{
    return 1 + 2 * s->n_types;
}
static inline int tag_begin(int type)
{
    return 1 + 2 * type;
}
static inline int tag_inside(int type)
{
    return 2 + 2 * type;
}
static inline int tag_type(int tag)
{
    return tag == TAG_O ? -1 : (tag - 1) / 2;
}
static inline bool tag_is_begin(int tag)
{
    return tag % 2 == 1;
}
static inline bool tag_is_inside(int tag)
{
    return tag > 0 && tag % 2 == 0;
}
/* I-x may follow only B-x or I-x: `from` is the tag before, or -1 at the start of a sentence. */
static inline bool tag_follows(int from, int to)
{
    return !tag_is_inside(to) || (from > 0 && tag_type(from) == tag_type(to));
}

int tag_set_add(struct tag_set *s, const char *type,
                struct err *e); /* keeps the order; adding a type twice changes nothing. Renumbers: add all types before reading tags. */
int tag_set_find(const struct tag_set *s, const char *type); /* index, or -1 */
void tag_set_free(struct tag_set *s);
/* "O", "B-PER", ...: written to name, which has size bytes. */
void tag_name(const struct tag_set *s, int tag, char *name, size_t size);
int tag_parse(const struct tag_set *s, const char *name); /* the tag, or -1 */

struct span {
    int first, last; /* words, inclusive */
    int type;
};
/* Entities of n tags, into spans (room for n); gives their number. lenient (conlleval): I-x that continues nothing opens an entity. strict
 * (IOB2): it belongs to none. */
int tags_spans(int n, const int *tags, bool strict, struct span *spans);
/* Whether this is one of the lenient entities, its words 0 .. n-1. */
bool tags_have(int n, const int *tags, const struct span *entity);
/* Makes every I-x that continues nothing a B-x: exactly the lenient entities. Gives how many it changed. */
int tags_repair(int n, int *tags);

#endif
