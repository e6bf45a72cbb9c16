/* corrupted.h - a split whose words, or what its tweets show, were made worse: corrupt.h says how. */
#ifndef NERVE_CORRUPTED_H
#define NERVE_CORRUPTED_H

#include "corrupt.h"
#include "model.h"
#include "split.h"

struct corrupted {
    struct split split; /* shares with the split it was made of all that is as before; do not free it by itself */
    bool *before;       /* [tweets] those that could change: all where words do, else those that show something */
    bool *changed;      /* [tweets] those that did */
    bool has_own_pieces;
};

/* ERR_USAGE where a model does not read what the corruption is of, in words for the user. */
int corruption_check(const struct model *m, const struct corruption *c, struct err *e);

/* clean, as split_see left it, and c must outlive out. The same seed gives the same bytes. End *out with corrupted_free. */
int corrupted_make(const struct split *clean, const struct model *m, const struct corruption *c, uint32_t seed, struct corrupted *out,
                   struct err *e);
void corrupted_free(struct corrupted *x);

#endif
