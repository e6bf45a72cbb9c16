/* ablate_table.c - the figures of the table, and it as JSON and CSV. */
#include "ablate_table.h"
#include "files.h"
#include "json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

static double value_of(const struct cell *c, size_t at)
{
    return *(const double *)((const char *)&c->result + at);
}

static bool counts(const struct table *t, const struct cell *c, int row, size_t at)
{
    return c->row == &t->a->rows[row] && c->state == CELL_FINISHED && isfinite(value_of(c, at));
}

/* mean = sum x / n, sd = sqrt(sum (x - mean)^2 / (n - 1)), over the finished cells of a row that have the number. at: its place in
 * struct cell_result. */
static struct table_spread spread(const struct table *t, int row, size_t at)
{
    struct table_spread s = {NAN, NAN, 0};
    double sum = 0, squares = 0;
    for (int k = 0; k < t->n_cells; k++) {
        if (!counts(t, &t->cells[k], row, at)) continue;
        sum += value_of(&t->cells[k], at);
        s.n++;
    }
    if (s.n > 0) s.mean = sum / s.n;
    for (int k = 0; k < t->n_cells; k++)
        if (counts(t, &t->cells[k], row, at)) squares += (value_of(&t->cells[k], at) - s.mean) * (value_of(&t->cells[k], at) - s.mean);
    if (s.n > 1) s.sd = sqrt(squares / (s.n - 1));
    return s;
}

static void summarize(struct table *t, int row)
{
    struct table_row *r = &t->rows[row];
    r->peak_mb = NAN;
    for (int k = 0; k < t->n_cells; k++) {
        const struct cell *c = &t->cells[k];
        if (c->row != &t->a->rows[row]) continue;
        r->cells++;
        r->finished += c->state == CELL_FINISHED;
        r->failed += c->state == CELL_FAILED;
        if (c->state == CELL_FINISHED) r->peak_mb = fmax(r->peak_mb, c->result.peak_mb);
    }
    r->f1 = spread(t, row, offsetof(struct cell_result, f1));
    r->seconds = spread(t, row, offsetof(struct cell_result, seconds)).mean;
    for (int k = 0; k < t->a->n_columns; k++) {
        r->column[k] = spread(t, row, offsetof(struct cell_result, column) + (size_t)k * sizeof(double));
        if (r->column[k].n > 0 || !t->a->columns[k].is_default) t->shown[k] = true;
    }
}

int table_begin(const struct ablation *a, const struct cell *cells, int n_cells, const double *p, struct table *t, struct err *e)
{
    *t = (struct table){.a = a, .cells = cells, .n_cells = n_cells};
    t->rows = calloc((size_t)a->n_rows, sizeof *t->rows);
    if (!t->rows) return err_set(e, ERR_INTERNAL, "out of memory for a table of %d rows", a->n_rows);
    for (int k = 0; k < a->n_rows; k++) {
        summarize(t, k);
        t->rows[k].p = p[k];
    }
    return 0;
}

void table_end(struct table *t)
{
    free(t->rows);
    *t = (struct table){0};
}

/* ---- JSON ---- */

static void set_value(struct json *object, const struct ablation_setting *s)
{
    const char *name = CONFIG_KEYS[s->key].name;
    switch (CONFIG_KEYS[s->key].type) {
    case CONFIG_INTEGER:
    case CONFIG_SEED:
        json_set_integer(object, name, strtoll(s->value, NULL, 10));
        break;
    case CONFIG_NUMBER:
        json_set_number(object, name, strtod(s->value, NULL));
        break;
    case CONFIG_BOOLEAN:
        json_set_boolean(object, name, strcmp(s->value, "true") == 0);
        break;
    case CONFIG_CHOICE:
    case CONFIG_TEXT:
    case CONFIG_MAP:
        json_set_string(object, name, s->value);
        break;
    }
}

static struct json *settings_json(const struct ablation_settings *s)
{
    struct json *v = json_new_object();
    for (int k = 0; k < s->n; k++) set_value(v, &s->at[k]);
    return v;
}

static struct json *spread_json(const struct table_spread *s)
{
    struct json *v = json_new_object();
    json_set_number(v, "mean", s->mean);
    json_set_number(v, "sd", s->sd);
    return v;
}

static struct json *run_json(const struct cell *c)
{
    static const char *const STATES[] = {"new", "begun", "finished", "failed"}; /* enum cell_state */
    struct json *v = json_new_object();
    json_set_integer(v, "seed", c->seed);
    json_set_string(v, "directory", c->directory);
    json_set_string(v, "state", STATES[c->state]);
    if (c->state == CELL_FAILED) json_set_string(v, "message", c->message);
    if (c->state == CELL_FINISHED) {
        json_set_number(v, "f1", c->result.f1);
        json_set_number(v, "seconds", c->result.seconds);
        json_set_number(v, "peak_mb", c->result.peak_mb);
    }
    return v;
}

static struct json *row_json(const struct table *t, int row)
{
    const struct table_row *r = &t->rows[row];
    struct json *v = json_new_object(), *seeds = json_new_array(), *columns = json_new_object(), *runs = json_new_array();
    for (int k = 0; k < t->n_cells; k++) {
        if (t->cells[k].row != &t->a->rows[row]) continue;
        if (t->cells[k].state == CELL_FINISHED) json_append_integer(seeds, t->cells[k].seed);
        json_append(runs, run_json(&t->cells[k]));
    }
    for (int k = 0; k < t->a->n_columns; k++)
        if (t->shown[k]) json_set(columns, t->a->columns[k].name, spread_json(&r->column[k]));
    json_set_string(v, "name", t->a->rows[row].name);
    json_set(v, "settings", settings_json(&t->a->rows[row].settings));
    json_set(v, "seeds", seeds);
    json_set_number(v, "mean", r->f1.mean);
    json_set_number(v, "sd", r->f1.sd);
    json_set_number(v, "p", r->p);
    json_set_number(v, "seconds", r->seconds);
    json_set_number(v, "peak_mb", r->peak_mb);
    json_set(v, "columns", columns);
    json_set(v, "runs", runs);
    return v;
}

static void write_json(FILE *f, const struct table *t)
{
    struct json *v = json_new_object(), *columns = json_new_array(), *rows = json_new_array(), *arguments = json_new_array();
    for (int k = 0; k < t->a->n_overrides; k++) json_append_string(arguments, t->a->overrides[k]);
    for (int k = 0; k < t->a->n_columns; k++) {
        if (!t->shown[k]) continue;
        struct json *column = json_new_object();
        json_set_string(column, "name", t->a->columns[k].name);
        json_set_string(column, "path", t->a->columns[k].path);
        json_append(columns, column);
    }
    for (int k = 0; k < t->a->n_rows; k++) json_append(rows, row_json(t, k));
    json_set_string(v, "ablation", t->a->file);
    json_set_string(v, "config", t->a->config);
    json_set(v, "settings", settings_json(&t->a->settings));
    json_set(v, "arguments", arguments);
    json_set_string(v, "base", t->a->rows[t->a->base].name);
    json_set(v, "columns", columns);
    json_set(v, "rows", rows);
    char *text = json_dump(v, 2);
    fprintf(f, "%s\n", text);
    free(text);
    json_free(v);
}

/* ---- CSV (RFC 4180, LF) ---- */

static void write_field(FILE *f, const char *text)
{
    if (!strpbrk(text, "\",\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) fprintf(f, "%s%c", *text == '"' ? "\"" : "", *text);
    fputc('"', f);
}

static void write_number(FILE *f, double x)
{
    if (isfinite(x))
        fprintf(f, ",%.9g", x);
    else
        fputc(',', f);
}

static void write_csv_row(FILE *f, const struct table *t, int row)
{
    const struct table_row *r = &t->rows[row];
    const char *message = "";
    write_field(f, t->a->rows[row].name);
    fprintf(f, ",%d,%d,%d", r->cells, r->finished, r->failed);
    for (int k = 0; k < t->a->n_columns; k++) {
        if (!t->shown[k]) continue;
        write_number(f, r->column[k].mean);
        write_number(f, r->column[k].sd);
    }
    write_number(f, r->p);
    write_number(f, r->seconds);
    write_number(f, r->peak_mb);
    for (int k = t->n_cells - 1; k >= 0; k--)
        if (t->cells[k].row == &t->a->rows[row] && t->cells[k].state == CELL_FAILED) message = t->cells[k].message;
    fputc(',', f);
    write_field(f, message);
    fputc('\n', f);
}

static void write_csv(FILE *f, const struct table *t)
{
    char name[1024];
    fputs("row,runs,finished,failed", f);
    for (int k = 0; k < t->a->n_columns; k++) {
        if (!t->shown[k]) continue;
        fputc(',', f);
        write_field(f, t->a->columns[k].name);
        fputc(',', f);
        snprintf(name, sizeof name, "%.1000s sd", t->a->columns[k].name);
        write_field(f, name);
    }
    fputs(",p,seconds,peak_mb,message\n", f);
    for (int k = 0; k < t->a->n_rows; k++) write_csv_row(f, t, k);
}

/* ---- files ---- */

static void write_markdown(FILE *f, const struct table *t)
{
    table_print(f, t, TABLE_MARKDOWN);
}

int table_write(const struct table *t, const char *directory, struct err *e)
{
    static const struct {
        const char *name;
        void (*write)(FILE *f, const struct table *t);
    } FILES[] = {{"table.md", write_markdown}, {"table.csv", write_csv}, {"table.json", write_json}};
    int code = 0;
    for (size_t k = 0; k < sizeof FILES / sizeof *FILES && !code; k++) {
        char path[PATH_MAX], *text = NULL;
        size_t size = 0;
        if ((code = path_join(path, sizeof path, directory, FILES[k].name, e))) break;
        FILE *f = open_memstream(&text, &size);
        if (!f) return err_set(e, ERR_INTERNAL, "%s: out of memory", path);
        FILES[k].write(f, t);
        const bool failed = ferror(f);
        code = fclose(f) != 0 || failed ? err_set(e, ERR_INTERNAL, "%s: out of memory", path) : file_write_bytes(path, text, size, e);
        free(text);
    }
    return code;
}
