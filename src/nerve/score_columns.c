/* score_columns.c - entity scores of a file of any system: lines `token ... gold predicted`. */
#include "grow.h"
#include "score.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 40 };

struct columns {
    const char *name;
    long line;
    char *gold, *predicted; /* of the current line, or NULL where it ends a sentence */
};

static bool is_blank(char x)
{
    return x == ' ' || x == '\t';
}

/* Cuts the last column off line[0 .. *n); NULL where no column is left. */
static char *last_column(char *line, size_t *n)
{
    while (*n > 0 && is_blank(line[*n - 1])) --*n;
    size_t end = *n;
    while (*n > 0 && !is_blank(line[*n - 1])) --*n;
    if (*n == end) return NULL;
    line[end] = '\0';
    return line + *n;
}

static bool starts_with(const char *line, size_t n, const char *mark)
{
    return n >= strlen(mark) && memcmp(line, mark, strlen(mark)) == 0;
}

static int check_tag(const struct columns *c, const char *column, const char *tag, struct err *e)
{
    bool fine = strcmp(tag, "O") == 0 || ((tag[0] == 'B' || tag[0] == 'I') && tag[1] == '-' && tag[2] != '\0');
    if (utf8_valid(tag, strlen(tag)) != strlen(tag))
        return err_set(e, ERR_DATA, "%s:%ld: the %s tag is no UTF-8", c->name, c->line, column);
    if (fine) return 0;
    return err_set(e, ERR_DATA,
                   "%s:%ld: the %s tag '%.*s' is not O, B-<type> or I-<type>: the last two columns must be gold and predicted tags",
                   c->name, c->line, column, (int)(strlen(tag) < SHOWN ? strlen(tag) : SHOWN), tag);
}

/* A token may be a blank where a TAB follows it; only the last two columns matter. */
static int split_line(struct columns *c, char *line, size_t n, struct err *e)
{
    c->gold = c->predicted = NULL;
    if (n > 0 && line[n - 1] == '\r') n--;
    if (memchr(line, '\0', n)) return err_set(e, ERR_DATA, "%s:%ld: the line holds a NUL byte: this is no text file", c->name, c->line);
    size_t blanks = 0, first = 0;
    while (blanks < n && is_blank(line[blanks])) blanks++;
    if (blanks == n || starts_with(line, n, "-DOCSTART-")) return 0;
    while (first < n && !is_blank(line[first])) first++;
    if (starts_with(line, n, "IMGID:") && first == n) return 0;
    c->predicted = last_column(line, &n);
    c->gold = last_column(line, &n);
    if (!c->gold || n == 0 || (blanks >= n && line[n - 1] != '\t'))
        return err_set(e, ERR_DATA, "%s:%ld: less than three columns: expected token, gold tag, predicted tag", c->name, c->line);
    int code = check_tag(c, "gold", c->gold, e);
    return code ? code : check_tag(c, "predicted", c->predicted, e);
}

struct rows {
    struct row {
        char *gold, *predicted; /* NULL: the end of a sentence */
    } * at;
    int n, cap, longest; /* longest: rows of the longest sentence */
};

static int read_rows(char *text, size_t size, const char *name, struct rows *rows, struct err *e)
{
    struct columns c = {.name = name};
    size_t at = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    int begin = 0, code = 0;
    for (c.line = 1; !code && at < size; c.line++) {
        char *newline = memchr(text + at, '\n', size - at);
        size_t n = newline ? (size_t)(newline - text) - at : size - at;
        code = split_line(&c, text + at, n, e);
        if (!code) code = grow((void **)&rows->at, rows->n + 1, &rows->cap, sizeof *rows->at, e);
        if (code) break;
        rows->at[rows->n++] = (struct row){c.gold, c.predicted};
        if (!c.gold) begin = rows->n;
        if (rows->n - begin > rows->longest) rows->longest = rows->n - begin;
        at += n + 1;
    }
    if (!code && rows->n > 0) rows->at[rows->n++] = (struct row){0}; /* grow left room for it */
    return code;
}

static int collect_types(const struct rows *rows, struct tag_set *types, struct err *e)
{
    for (int i = 0; i < rows->n; i++) {
        const char *tags[2] = {rows->at[i].gold, rows->at[i].predicted};
        for (int side = 0; side < 2; side++)
            if (tags[side] && strcmp(tags[side], "O") != 0 && tag_set_add(types, tags[side] + 2, e)) return e->code;
    }
    return 0;
}

static int add_sentences(const struct rows *rows, const struct tag_set *types, struct score *s, struct err *e)
{
    int *gold = malloc(((size_t)rows->longest + 1) * sizeof *gold), *predicted = malloc(((size_t)rows->longest + 1) * sizeof *predicted);
    int n = 0, code = gold && predicted ? 0 : err_set(e, ERR_INTERNAL, "out of memory for a sentence of %d words", rows->longest);
    for (int i = 0; !code && i < rows->n; i++) {
        if (rows->at[i].gold) {
            gold[n] = tag_parse(types, rows->at[i].gold);
            predicted[n++] = tag_parse(types, rows->at[i].predicted);
        } else if (n > 0) {
            code = score_add(s, n, gold, n, predicted, e);
            n = 0;
        }
    }
    free(gold);
    free(predicted);
    return code;
}

int score_columns(char *text, size_t size, const char *name, struct tag_set *types, struct score *s, struct err *e)
{
    struct rows rows = {0};
    int code = read_rows(text, size, name, &rows, e);
    if (!code) code = collect_types(&rows, types, e);
    if (!code) code = score_begin(s, types, e);
    if (!code && (code = add_sentences(&rows, types, s, e))) score_end(s);
    free(rows.at);
    return code;
}
