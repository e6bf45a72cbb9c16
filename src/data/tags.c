/* tags.c - the set of entity types, the tags that it spells, and entities read from tags. */
#include "tags.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Index of the first type that is not below `type`. */
static int lower_bound(const struct tag_set *s, const char *type)
{
    int low = 0, high = s->n_types;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(s->types[middle], type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tag_set_find(const struct tag_set *s, const char *type)
{
    int at = lower_bound(s, type);
    return at < s->n_types && strcmp(s->types[at], type) == 0 ? at : -1;
}

int tag_set_add(struct tag_set *s, const char *type, struct err *e)
{
    int at = lower_bound(s, type);
    if (at < s->n_types && strcmp(s->types[at], type) == 0) return 0;
    char *copy = strdup(type);
    char **types = copy ? realloc(s->types, ((size_t)s->n_types + 1) * sizeof *types) : NULL;
    if (!types) {
        free(copy);
        return err_set(e, ERR_INTERNAL, "out of memory for %d entity types", s->n_types + 1);
    }
    memmove(types + at + 1, types + at, (size_t)(s->n_types - at) * sizeof *types);
    types[at] = copy;
    s->types = types;
    s->n_types++;
    return 0;
}

void tag_set_free(struct tag_set *s)
{
    for (int i = 0; i < s->n_types; i++) free(s->types[i]);
    free(s->types);
    *s = (struct tag_set){0};
}

void tag_name(const struct tag_set *s, int tag, char *name, size_t size)
{
    if (tag == TAG_O)
        snprintf(name, size, "O");
    else
        snprintf(name, size, "%c-%s", tag_is_begin(tag) ? 'B' : 'I', s->types[tag_type(tag)]);
}

int tag_parse(const struct tag_set *s, const char *name)
{
    if (strcmp(name, "O") == 0) return TAG_O;
    if ((name[0] != 'B' && name[0] != 'I') || name[1] != '-') return -1;
    int type = tag_set_find(s, name + 2);
    if (type < 0) return -1;
    return name[0] == 'B' ? tag_begin(type) : tag_inside(type);
}

int tags_spans(int n, const int *tags, bool strict, struct span *spans)
{
    int n_spans = 0, open = -1; /* open: the type of the entity that the word before belongs to, or -1 */
    for (int i = 0; i < n; i++) {
        int type = tag_type(tags[i]);
        if (tag_is_inside(tags[i]) && type == open) {
            spans[n_spans - 1].last = i;
        } else if (tag_is_begin(tags[i]) || (tag_is_inside(tags[i]) && !strict)) {
            spans[n_spans++] = (struct span){.first = i, .last = i, .type = type};
            open = type;
        } else {
            open = -1;
        }
    }
    return n_spans;
}

bool tags_have(int n, const int *tags, const struct span *entity)
{
    const int first = entity->first, inside = tag_inside(entity->type);
    if (tag_type(tags[first]) != entity->type) return false;
    if (first > 0 && tags[first] == inside && tag_type(tags[first - 1]) == entity->type) return false;
    for (int i = first + 1; i <= entity->last; i++)
        if (tags[i] != inside) return false;
    return entity->last + 1 == n || tags[entity->last + 1] != inside;
}

int tags_repair(int n, int *tags)
{
    int changed = 0;
    for (int i = 0; i < n; i++) {
        if (tag_follows(i == 0 ? -1 : tags[i - 1], tags[i])) continue;
        tags[i] = tag_begin(tag_type(tags[i]));
        changed++;
    }
    return changed;
}
