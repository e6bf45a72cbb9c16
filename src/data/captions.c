/* captions.c - cuts the file into lines in place, sorts them by id, and finds one by halving. */
#include "captions.h"
#include "files.h"
#include "grow.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 28 };

static const char BLANKS[] = " \t\r";

/* `<id>.jpg :caption`, cut in place. */
static int add_line(struct captions *c, int *room, char *line, const char *path, int number, struct err *e)
{
    line += strspn(line, BLANKS);
    if (!*line) return 0;
    char *colon = strstr(line, " :"), *end = line + strcspn(line, BLANKS);
    if (!colon || line == end || *line == ':')
        return err_set(e, ERR_DATA, "%s:%d: a line is `<id>.jpg :caption`, not '%.80s'", path, number, line);
    char *text = colon + 2 + strspn(colon + 2, BLANKS), *behind = text + strlen(text);
    while (behind > text && strchr(BLANKS, behind[-1])) *--behind = '\0';
    *end = '\0';
    char *dot = strrchr(line, '.');
    if (dot && dot > line) *dot = '\0';
    int code = grow((void **)&c->at, c->n, room, sizeof *c->at, e);
    if (!code) c->at[c->n++] = (struct caption){.id = line, .text = text, .line = number};
    return code;
}

static int by_id(const void *a, const void *b)
{
    const struct caption *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int refuse_twice(const struct captions *c, const char *path, struct err *e)
{
    for (int k = 1; k < c->n; k++)
        if (strcmp(c->at[k - 1].id, c->at[k].id) == 0)
            return err_set(e, ERR_DATA, "%s:%d: '%.80s' has a caption on line %d already: keep one line for each id", path, c->at[k].line,
                           c->at[k].id, c->at[k - 1].line);
    return 0;
}

static int read_lines(struct captions *c, size_t size, const char *path, struct err *e)
{
    int room = 0, number = 0, code = 0;
    for (char *line = c->text, *next; !code && line < c->text + size; line = next) {
        char *end = memchr(line, '\n', (size_t)(c->text + size - line));
        next = end ? end + 1 : c->text + size;
        if (end) *end = '\0';
        const size_t length = (size_t)((end ? end : next) - line);
        number++;
        if (memchr(line, '\0', length) || utf8_valid(line, length) != length)
            code = err_set(e, ERR_DATA, "%s:%d: byte %zu is not valid UTF-8", path, number, utf8_valid(line, strlen(line)) + 1);
        else
            code = add_line(c, &room, line, path, number, e);
    }
    return code;
}

int captions_read(const char *path, struct captions *out, struct err *e)
{
    struct captions c = {0};
    size_t size;
    int code = file_read(path, FILE_MAX, &c.text, &size, e);
    if (code) return code;
    code = read_lines(&c, size, path, e);
    if (!code) {
        if (c.n > 0) qsort(c.at, (size_t)c.n, sizeof *c.at, by_id);
        code = refuse_twice(&c, path, e);
    }
    if (code)
        captions_free(&c);
    else
        *out = c;
    return code;
}

void captions_free(struct captions *c)
{
    free(c->at);
    free(c->text);
    *c = (struct captions){0};
}

static int id_of(const void *key, const void *member)
{
    return strcmp(key, ((const struct caption *)member)->id);
}

const char *captions_find(const struct captions *c, const char *id)
{
    const struct caption *found = id && c->n > 0 ? bsearch(id, c->at, (size_t)c->n, sizeof *c->at, id_of) : NULL;
    return found && found->text[0] ? found->text : NULL;
}
