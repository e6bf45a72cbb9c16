#include "entity_names.h"
#include "utf8.h"
#include "wordpiece_tables.h"
#include <stdlib.h>
#include <string.h>

static int out_of_memory(const struct dataset *d, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for the entities of %s", d->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "TYPE word word"; NULL without memory. */
static char *name_of(const struct dataset *d, const struct tag_set *types, const struct tweet *t, const struct span *entity)
{
    const char *type = types->types[entity->type];
    size_t size = strlen(type) + 1;
    for (int w = entity->first; w <= entity->last; w++) size += 1 + 4 * CODEPOINT_FOLD_MAX * strlen(d->words[t->first_word + w]);
    char *name = malloc(size);
    if (!name) return NULL;
    char *at = stpcpy(name, type);
    for (int w = entity->first; w <= entity->last; w++) {
        const char *word = d->words[t->first_word + w];
        size_t left = strlen(word);
        uint32_t c, to[CODEPOINT_FOLD_MAX];
        *at++ = ' ';
        for (int n; left > 0 && (n = utf8_decode(word, left, &c)) > 0; word += n, left -= (size_t)n)
            for (int k = 0, folded = codepoint_fold(c, to); k < folded; k++) at += utf8_encode(to[k], at);
    }
    *at = '\0';
    return name;
}

static int add_name(struct entity_names *x, size_t *cap, char *name)
{
    if (!name) return -1;
    if (x->n == *cap) {
        const size_t larger = 2 * *cap + 256;
        char **grown = reallocarray(x->at, larger, sizeof *grown);
        if (!grown) {
            free(name);
            return -1;
        }
        x->at = grown;
        *cap = larger;
    }
    x->at[x->n++] = name;
    return 0;
}

int entity_names_of(const struct dataset *d, const struct tag_set *types, struct entity_names *out, struct err *e)
{
    struct entity_names x = {0};
    struct span *spans = NULL;
    size_t cap = 0;
    int code = 0;
    for (int i = 0; i < d->n_tweets && !code; i++) {
        const struct tweet *t = &d->tweets[i];
        struct span *grown = reallocarray(spans, (size_t)t->n_words + 1, sizeof *grown);
        if (!grown) {
            code = -1;
            break;
        }
        spans = grown;
        const int n = tags_spans(t->n_words, d->tags + t->first_word, false, spans);
        for (int k = 0; k < n && !code; k++) code = add_name(&x, &cap, name_of(d, types, t, &spans[k]));
    }
    free(spans);
    if (code) {
        entity_names_free(&x);
        return out_of_memory(d, e);
    }
    if (x.n > 0) qsort(x.at, x.n, sizeof *x.at, by_name);
    *out = x;
    return 0;
}

void entity_names_free(struct entity_names *x)
{
    for (size_t i = 0; i < x->n; i++) free(x->at[i]);
    free(x->at);
    *x = (struct entity_names){0};
}

int entity_names_find(const struct entity_names *x, const struct dataset *d, const struct tag_set *types, const struct tweet *t,
                      const struct span *entity, bool *known, struct err *e)
{
    char *name = name_of(d, types, t, entity);
    if (!name) return out_of_memory(d, e);
    *known = x->n > 0 && bsearch(&name, x->at, x->n, sizeof *x->at, by_name);
    free(name);
    return 0;
}
