/* subsets.h - scores of parts of a split: tweets with and without a picture, entities that train does not have, each type. */
#ifndef NERVE_SUBSETS_H
#define NERVE_SUBSETS_H

#include "dataset.h"
#include "entity_names.h"
#include "json.h"
#include "score.h"

struct subset {
    const char *name;
    const bool *tweets;               /* [n_tweets]: those of the subset; NULL: all */
    const struct entity_names *known; /* entities with these names, gold and predicted, are left out; NULL: none is */
};

/* {NAME: {"f1", "support"}}, lenient micro F1 and gold entities, of the n subsets and then of each type in `whole`, the scores of all of d.
 * f1 is null where a subset has no entity on either side. gold, predicted [words of d]. Free *out. */
int subsets_json(const struct score *whole, const struct dataset *d, const int *gold, const int *predicted, int n,
                 const struct subset *subsets, struct json **out, struct err *e);

#endif
