/* entity_names.h - the names that a data set has entities of: an entity is unseen where train has none of the same words, in lower case and
 * without accents, and the same type. Entities are the lenient ones. */
#ifndef NERVE_ENTITY_NAMES_H
#define NERVE_ENTITY_NAMES_H

#include "dataset.h"
#include <stdbool.h>

struct entity_names {
    char **at; /* [n], sorted: the type, then the words */
    size_t n;
};

/* Of d, whose tags are those of types. End *out with entity_names_free. ERR_INTERNAL without memory. */
int entity_names_of(const struct dataset *d, const struct tag_set *types, struct entity_names *out, struct err *e);
void entity_names_free(struct entity_names *x);

/* *known: whether x has the name of an entity of tweet t in d. Types are compared by their names, so the two data sets need not share a
 * set. */
int entity_names_find(const struct entity_names *x, const struct dataset *d, const struct tag_set *types, const struct tweet *t,
                      const struct span *entity, bool *known, struct err *e);

#endif
