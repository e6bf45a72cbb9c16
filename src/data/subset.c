/* subset.c - reads the lines, sorts the pairs of id and subset, and finds one by halving. */
#include "subset.h"
#include "files.h"
#include "grow.h"
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 28, NAME_MAX_BYTES = 64 };

static bool is_name(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return n >= 1 && n <= NAME_MAX_BYTES && s[n] == '\0';
}

static int subset_of(struct subsets *s, char *name, const char *path, int line, struct err *e)
{
    for (int k = 0; k < s->n; k++) {
        if (strcmp(s->names[k], name) == 0) return k;
    }
    if (!is_name(name))
        return err_set(e, ERR_DATA, "%s:%d: '%.80s' is no name of a subset: 1 to %d of the characters A-Z a-z 0-9 _ . -", path, line, name,
                       NAME_MAX_BYTES);
    if (s->n == SUBSETS_MAX) return err_set(e, ERR_DATA, "%s:%d: subset '%s' is one more than %d", path, line, name, SUBSETS_MAX);
    s->names[s->n] = name;
    return s->n++;
}

static int add_line(struct subsets *s, char *text, int *room, const char *path, int line, struct err *e)
{
    static const char blanks[] = " \t\r";
    char *save = NULL, *id = strtok_r(text, blanks, &save), *name = id ? strtok_r(NULL, blanks, &save) : NULL;
    if (!id) return 0;
    if (!name)
        return err_set(e, ERR_DATA, "%s:%d: id '%.80s' stands without a subset: a line is `<id> <name> [<name> ...]`", path, line, id);
    for (; name; name = strtok_r(NULL, blanks, &save)) {
        int k = subset_of(s, name, path, line, e);
        if (k < 0) return k;
        int code = grow((void **)&s->members, s->n_members, room, sizeof *s->members, e);
        if (code) return code;
        s->members[s->n_members++] = (struct subset_member){.id = id, .subset = k};
    }
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct subset_member *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->subset > y->subset) - (x->subset < y->subset);
}

static void sort_members(struct subsets *s)
{
    int n = 0;
    qsort(s->members, (size_t)s->n_members, sizeof *s->members, by_id);
    for (int i = 0; i < s->n_members; i++) {
        if (n == 0 || by_id(&s->members[n - 1], &s->members[i]) != 0) s->members[n++] = s->members[i];
    }
    s->n_members = n;
}

int subsets_read(const char *path, struct subsets *out, struct err *e)
{
    struct subsets s = {0};
    size_t size = 0;
    int room = 0, line = 0, code = file_read(path, FILE_MAX, &s.text, &size, e);
    if (code) return code;
    if (strlen(s.text) != size) code = err_set(e, ERR_DATA, "%s: holds a NUL byte: expected lines `<id> <name> [<name> ...]`", path);
    for (char *at = s.text, *end = NULL; !code && at; at = end ? end + 1 : NULL) {
        end = strchr(at, '\n');
        if (end) *end = '\0';
        code = add_line(&s, at, &room, path, ++line, e);
    }
    if (!code && s.n_members == 0) code = err_set(e, ERR_DATA, "%s: holds no line: expected `<id> <name> [<name> ...]`", path);
    if (code) {
        subsets_free(&s);
        return code;
    }
    sort_members(&s);
    *out = s;
    return 0;
}

void subsets_free(struct subsets *s)
{
    free(s->members);
    free(s->text);
    *s = (struct subsets){0};
}

bool subset_has(const struct subsets *s, int k, const char *id)
{
    struct subset_member wanted = {.id = id, .subset = k};
    return id && bsearch(&wanted, s->members, (size_t)s->n_members, sizeof wanted, by_id);
}
