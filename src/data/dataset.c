/* dataset.c - what is done with a dataset after it was read. */
#include "dataset.h"
#include <stdlib.h>

void dataset_free(struct dataset *d)
{
    for (int i = 0; i < d->n_tweets; i++) free(d->tweets[i].id);
    free(d->tweets);
    free(d->words);
    free(d->tag_names);
    free(d->tags);
    free(d->text);
    free(d->path);
    *d = (struct dataset){0};
}

int dataset_collect_types(const struct dataset *d, struct tag_set *types, struct err *e)
{
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        for (int k = 0; k < t->n_words; k++) {
            const char *name = d->tag_names[t->first_word + k];
            if (name[1] == '\0') continue; /* O */
            int code = tag_set_add(types, name + 2, e);
            if (code) return code;
            if (types->n_types <= DATASET_TYPES_MAX) continue;
            return err_set(e, ERR_DATA, "%s:%ld: \"%.200s\" is one entity type more than %d: does the last column hold the tags?", d->path,
                           t->line + k, name, DATASET_TYPES_MAX);
        }
    }
    return 0;
}

int dataset_resolve_tags(struct dataset *d, const struct tag_set *types, struct err *e)
{
    int *tags = malloc(((size_t)d->n_words + 1) * sizeof *tags);
    if (!tags) return err_set(e, ERR_INTERNAL, "%s: out of memory for the tags of %d words", d->path, d->n_words);
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        for (int k = 0; k < t->n_words; k++) {
            const char *name = d->tag_names[t->first_word + k];
            int tag = tag_parse(types, name);
            if (tag < 0) {
                free(tags);
                return err_set(
                    e, ERR_DATA,
                    "%s:%ld: the entity type of tag \"%.200s\" is not known: it does not occur in the data that the tag set was taken from; correct it or map it with data.rename",
                    d->path, t->line + k, name);
            }
            tags[t->first_word + k] = tag;
        }
    }
    free(d->tags);
    d->tags = tags;
    return 0;
}
