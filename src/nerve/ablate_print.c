/* ablate_print.c - the table of an ablation for people: aligned on a terminal, or in Markdown. */
#include "ablate_table.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 256, GRID_COLUMNS = ABLATION_COLUMNS + 5 };

/* A line of the table as texts. */
struct line {
    int n;
    char text[GRID_COLUMNS][CELL_SIZE];
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->text[l->n++], CELL_SIZE, format, args);
    va_end(args);
}

/* A path with a word f1, precision or recall is shown in percent. */
static bool is_percent(const char *path)
{
    static const char *const WORDS[] = {"f1", "precision", "recall", "f1_at_coverage"};
    const char *colon = strchr(path, ':');
    for (const char *word = colon ? colon + 1 : path; *word;) {
        const size_t n = strcspn(word, ".");
        for (size_t k = 0; k < sizeof WORDS / sizeof *WORDS; k++)
            if (strlen(WORDS[k]) == n && strncmp(word, WORDS[k], n) == 0) return true;
        word += n + (word[n] == '.');
    }
    return false;
}

static void put_spread(struct line *l, const struct table_spread *s, bool percent)
{
    const double factor = percent ? 100 : 1;
    const int digits = percent ? 2 : 4;
    if (s->n == 0)
        put(l, "-");
    else if (s->n == 1)
        put(l, "%.*f", digits, factor * s->mean);
    else
        put(l, "%.*f ± %.*f", digits, factor * s->mean, digits, factor * s->sd);
}

static void put_time(struct line *l, double seconds)
{
    if (!isfinite(seconds)) {
        put(l, "-");
        return;
    }
    const long s = (long)(seconds + 0.5);
    if (s < 3600)
        put(l, "%ld:%02ld", s / 60, s % 60);
    else
        put(l, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void make_head(const struct table *t, struct line *l)
{
    put(l, "row");
    put(l, "seeds");
    for (int k = 0; k < t->a->n_columns; k++)
        if (t->shown[k]) put(l, "%s", t->a->columns[k].name);
    put(l, "p");
    put(l, "time");
    put(l, "peak MB");
}

static void make_line(const struct table *t, int row, struct line *l)
{
    const struct table_row *r = &t->rows[row];
    put(l, "%s", t->a->rows[row].name);
    if (r->finished == r->cells)
        put(l, "%d", r->cells);
    else if (r->failed)
        put(l, "%d of %d, %d failed", r->finished, r->cells, r->failed);
    else
        put(l, "%d of %d", r->finished, r->cells);
    for (int k = 0; k < t->a->n_columns; k++)
        if (t->shown[k]) put_spread(l, &r->column[k], is_percent(t->a->columns[k].path));
    if (row == t->a->base)
        put(l, "base");
    else if (isfinite(r->p))
        put(l, "%.4f", r->p);
    else
        put(l, "-");
    put_time(l, r->seconds);
    if (isfinite(r->peak_mb))
        put(l, "%.0f", r->peak_mb);
    else
        put(l, "-");
}

static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* The first column at its left edge, numbers at their right. */
static void print_aligned(FILE *f, const struct line *l, const int width[GRID_COLUMNS])
{
    for (int k = 0; k < l->n; k++) {
        const int gap = width[k] - width_of(l->text[k]);
        if (k == 0)
            fprintf(f, "%s%*s", l->text[k], gap, "");
        else
            fprintf(f, "  %*s%s", gap, "", l->text[k]);
    }
    fputc('\n', f);
}

static void print_markdown(FILE *f, const struct line *l)
{
    for (int k = 0; k < l->n; k++) {
        fputs(k == 0 ? "| " : " | ", f);
        for (const char *c = l->text[k]; *c; c++) fprintf(f, "%s%c", *c == '|' ? "\\" : "", *c);
    }
    fputs(" |\n", f);
}

static void print_failures(FILE *f, const struct table *t, enum table_form form)
{
    bool first = true;
    for (int k = 0; k < t->n_cells; k++) {
        const struct cell *c = &t->cells[k];
        if (c->state != CELL_FAILED) continue;
        if (first) fputc('\n', f);
        first = false;
        fprintf(f, "%s%s failed: %s\n", form == TABLE_MARKDOWN ? "* " : "", c->name, c->message);
    }
}

void table_print(FILE *f, const struct table *t, enum table_form form)
{
    struct line *lines = calloc((size_t)t->a->n_rows + 1, sizeof *lines);
    int width[GRID_COLUMNS] = {0};
    if (!lines) {
        fputs("out of memory for the table\n", f);
        return;
    }
    make_head(t, &lines[0]);
    for (int k = 0; k < t->a->n_rows; k++) make_line(t, k, &lines[k + 1]);
    for (int k = 0; k <= t->a->n_rows; k++)
        for (int i = 0; i < lines[k].n; i++)
            if (width_of(lines[k].text[i]) > width[i]) width[i] = width_of(lines[k].text[i]);
    for (int k = 0; k <= t->a->n_rows; k++) {
        if (form == TABLE_TERMINAL) {
            print_aligned(f, &lines[k], width);
            continue;
        }
        print_markdown(f, &lines[k]);
        if (k > 0) continue;
        for (int i = 0; i < lines[0].n; i++) fputs(i == 0 ? "| ---" : " | ---:", f);
        fputs(" |\n", f);
    }
    free(lines);
    print_failures(f, t, form);
}
