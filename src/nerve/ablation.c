/* ablation.c - the rows of an ablation: their names, settings, seeds and configs. */
#include "ablation.h"
#include "ablation_read.h"
#include "files.h"
#include "nearest.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ablation_column DEFAULTS[] = {
    {"test F1", "test:lenient.micro.f1", true},
    {"strict", "test:strict.micro.f1", true},
    {"valid F1", "valid:lenient.micro.f1", true},
    {"ECE", "test:calibration.ece", true},
    {"AURC", "test:selective.aurc", true},
    {"AUROC confidence", "test:error_auroc.confidence", true},
    {"AUROC aleatoric", "test:error_auroc.aleatoric", true},
    {"AUROC epistemic", "test:error_auroc.epistemic", true},
};
enum { N_DEFAULTS = sizeof DEFAULTS / sizeof *DEFAULTS };
_Static_assert(N_DEFAULTS <= (int)ABLATION_COLUMNS, "ABLATION_COLUMNS");

struct maker {
    struct yaml *y;
    const struct ablation_file *f;
    struct ablation *a;
    struct nerve_config common; /* what all rows start from */
};

/* ---- configs ---- */

static void apply(struct nerve_config *c, const struct ablation_settings *s)
{
    char why[512];
    for (int k = 0; k < s->n; k++) {
        if (!config_set_value(c, s->at[k].key, s->at[k].value, false, why, sizeof why)) abort(); /* the reader has tried it */
        c->origin[s->at[k].key] = CONFIG_ABLATION;
    }
}

static int base_config(struct maker *m)
{
    struct ablation *a = m->a;
    struct err *e = m->y->e, unread = {0};
    const char *path = a->file, *slash = strrchr(path, '/');
    char folder[PATH_MAX] = "";
    snprintf(folder, sizeof folder, "%.*s", (int)(slash ? slash - path + 1 : 0), path);
    if (path_join(a->config, sizeof a->config, folder, m->f->config.text, e)) return e->code;
    config_default(&m->common);
    const int code = config_read_file(a->config, &m->common, &unread);
    if (code == ERR_NOINPUT) return yaml_fail(m->y, m->f->config.place, "config: %.300s", unread.text);
    if (code) {
        *e = unread;
        return code;
    }
    apply(&m->common, &m->f->settings);
    for (int k = 0; k < a->n_overrides; k++)
        if (config_set(&m->common, a->overrides[k], e)) return e->code;
    return 0;
}

/* An override that a row would override again is a mistake of whoever wrote it. */
static int check_overrides(const struct maker *m)
{
    const char *const *overrides = m->a->overrides;
    for (int k = 0; k < m->a->n_overrides; k++) {
        const size_t length = strcspn(overrides[k], "=");
        if (length == strlen("train.seed") && strncmp(overrides[k], "train.seed", length) == 0)
            return err_set(m->y->e, ERR_USAGE, "argument '%.200s': the seeds are those of `seeds:` in %.200s", overrides[k], m->a->file);
        for (int i = 0; i < m->f->n_axes; i++)
            for (int j = 0; j < m->f->axes[i].n; j++)
                for (int s = 0; s < m->f->axes[i].groups[j].settings.n; s++) {
                    const char *name = CONFIG_KEYS[m->f->axes[i].groups[j].settings.at[s].key].name;
                    if (strlen(name) == length && strncmp(overrides[k], name, length) == 0)
                        return err_set(m->y->e, ERR_USAGE, "argument '%.200s': the axis '%.60s' of %.200s sets this key", overrides[k],
                                       m->f->axes[i].name, m->a->file);
                }
    }
    return 0;
}

static int finish_config(struct maker *m, struct ablation_row *row)
{
    struct err *e = m->y->e;
    row->config = m->common;
    apply(&row->config, &row->settings);
    int code = config_check(&row->config, e);
    if (!code) code = config_check_data(&row->config, e);
    return code ? err_prefix(e, "%.200s: row '%s': ", m->a->file, row->name) : 0;
}

/* ---- rows ---- */

static struct ablation_row *add_row(struct maker *m)
{
    struct ablation *a = m->a;
    if (a->n_rows == ABLATION_ROWS) {
        err_set(m->y->e, ERR_CONFIG, "%.200s: more than %d rows", a->file, ABLATION_ROWS);
        return NULL;
    }
    struct ablation_row *larger = realloc(a->rows, (size_t)(a->n_rows + 1) * sizeof *larger);
    if (!larger) {
        err_set(m->y->e, ERR_INTERNAL, "%.200s: out of memory for %d rows", a->file, a->n_rows + 1);
        return NULL;
    }
    a->rows = larger;
    struct ablation_row *row = &larger[a->n_rows++];
    memset(row, 0, sizeof *row);
    return row;
}

static void add_name(struct ablation_row *row, const char *text, const char *more)
{
    const size_t used = strlen(row->name);
    snprintf(row->name + used, sizeof row->name - used, "%s%s%s", used ? ", " : "", text, more);
}

static void add_seeds(struct ablation_seeds *to, const struct ablation_seeds *from)
{
    for (int k = 0; k < from->n; k++) {
        int at = 0;
        while (at < to->n && to->at[at] < from->at[k]) at++;
        if ((at < to->n && to->at[at] == from->at[k]) || to->n == ABLATION_SEEDS) continue;
        memmove(to->at + at + 1, to->at + at, (size_t)(to->n - at) * sizeof *to->at);
        to->at[at] = from->at[k];
        to->n++;
    }
}

static int add_group(struct maker *m, struct ablation_row *row, const struct ablation_group *g)
{
    char value[ABLATION_NAME_SIZE];
    if (g->name) add_name(row, g->name, "");
    for (int k = 0; k < g->settings.n; k++) {
        if (row->settings.n == ABLATION_SETTINGS)
            return err_set(m->y->e, ERR_CONFIG, "%.200s: a row of more than %d settings", m->a->file, ABLATION_SETTINGS);
        row->settings.at[row->settings.n++] = g->settings.at[k];
        snprintf(value, sizeof value, "=%s", g->settings.at[k].value);
        if (!g->name) add_name(row, CONFIG_KEYS[g->settings.at[k].key].name, value);
    }
    add_seeds(&row->seeds, &g->seeds);
    return 0;
}

/* Two axes that set one key cannot be joined. */
static int check_axes_are_apart(struct maker *m)
{
    int owner[CONFIG_KEY_ROOM] = {0}; /* axis, from 1 */
    for (int i = 0; i < m->f->n_axes; i++)
        for (int j = 0; j < m->f->axes[i].n; j++) {
            const struct ablation_settings *s = &m->f->axes[i].groups[j].settings;
            for (int k = 0; k < s->n; k++) {
                int *o = &owner[s->at[k].key];
                if (*o && *o != i + 1)
                    return yaml_fail(m->y, m->f->axes[i].place, "axes '%.60s' and '%.60s' both set %s: `mode: product` cannot join them",
                                     m->f->axes[*o - 1].name, m->f->axes[i].name, CONFIG_KEYS[s->at[k].key].name);
                *o = i + 1;
            }
        }
    return 0;
}

/* The last axis runs fastest. */
static int make_product(struct maker *m)
{
    int at[ABLATION_AXES] = {0};
    if (check_axes_are_apart(m)) return m->y->e->code;
    for (int axis = 0; axis >= 0;) {
        struct ablation_row *row = add_row(m);
        if (!row) return m->y->e->code;
        for (int i = 0; i < m->f->n_axes; i++)
            if (add_group(m, row, &m->f->axes[i].groups[at[i]])) return m->y->e->code;
        for (axis = m->f->n_axes - 1; axis >= 0 && ++at[axis] == m->f->axes[axis].n; axis--) at[axis] = 0;
    }
    return 0;
}

/* A value that is the base's own needs no row. */
static bool is_base(const struct maker *m, const struct ablation_group *g)
{
    static struct nerve_config changed;
    changed = m->common;
    apply(&changed, &g->settings);
    for (int k = 0; k < g->settings.n; k++)
        if (!config_key_same(&changed, &m->common, g->settings.at[k].key)) return false;
    return true;
}

static int make_single(struct maker *m)
{
    struct ablation_row *row = add_row(m);
    if (!row) return m->y->e->code;
    add_name(row, "base", "");
    for (int i = 0; i < m->f->n_axes; i++)
        for (int j = 0; j < m->f->axes[i].n; j++) {
            const struct ablation_group *g = &m->f->axes[i].groups[j];
            if (is_base(m, g)) {
                add_seeds(&m->a->rows[0].seeds, &g->seeds);
                continue;
            }
            if (!(row = add_row(m)) || add_group(m, row, g)) return m->y->e->code;
        }
    return 0;
}

static int name_directory(struct maker *m, int k)
{
    struct ablation_row *row = &m->a->rows[k];
    size_t n = 0;
    if (strlen(row->name) + 1 == sizeof row->name)
        return err_set(m->y->e, ERR_CONFIG, "%.200s: the row '%.60s...' has too long a name: give its values names, as {name: large, ...}",
                       m->a->file, row->name);
    for (const char *c = row->name; *c; c++) {
        const bool plain = isalnum((unsigned char)*c) || (strchr("=+-", *c) || (*c == '.' && n > 0));
        if (plain || (n > 0 && row->directory[n - 1] != '_')) row->directory[n++] = (char)(plain ? *c : '_');
    }
    if (n == 0) row->directory[n++] = '_';
    for (int i = 0; i < k; i++)
        if (strcmp(m->a->rows[i].directory, row->directory) == 0)
            return err_set(m->y->e, ERR_CONFIG, "%.200s: the rows '%.100s' and '%.100s' would both be written to runs/%.100s: rename one",
                           m->a->file, m->a->rows[i].name, row->name, row->directory);
    return 0;
}

static int find_base(struct maker *m)
{
    struct ablation *a = m->a;
    const char *names[ABLATION_ROWS];
    if (!m->f->base.text) return 0;
    for (int k = 0; k < a->n_rows; k++) {
        names[k] = a->rows[k].name;
        if (strcmp(names[k], m->f->base.text) == 0) {
            a->base = k;
            return 0;
        }
    }
    const char *meant = nearest_word(m->f->base.text, names, (size_t)a->n_rows);
    return yaml_fail(m->y, m->f->base.place, "base: no row is '%.100s'%s%.100s%s", m->f->base.text,
                     meant ? ": did you mean '" : "; the first is '", meant ? meant : names[0], meant ? "'?" : "'");
}

static int make(struct maker *m)
{
    struct ablation *a = m->a;
    a->settings = m->f->settings;
    a->n_columns = m->f->n_columns ? m->f->n_columns : N_DEFAULTS;
    memcpy(a->columns, m->f->n_columns ? m->f->columns : DEFAULTS, (size_t)a->n_columns * sizeof *a->columns);
    if (check_overrides(m) || base_config(m)) return m->y->e->code;
    if (m->f->mode == ABLATION_PRODUCT ? make_product(m) : make_single(m)) return m->y->e->code;
    for (int k = 0; k < a->n_rows; k++) {
        if (a->rows[k].seeds.n == 0) a->rows[k].seeds = m->f->seeds;
        if (name_directory(m, k) || finish_config(m, &a->rows[k])) return m->y->e->code;
    }
    return find_base(m);
}

int ablation_read_file(const char *path, int n, const char *const *overrides, struct ablation *a, struct err *e)
{
    struct yaml y = {0};
    char *text = NULL;
    size_t size;
    *a = (struct ablation){.n_overrides = n, .overrides = overrides};
    struct ablation_file *f = calloc(1, sizeof *f);
    struct maker *m = calloc(1, sizeof *m);
    int code = f && m ? 0 : err_set(e, ERR_INTERNAL, "%.200s: out of memory", path);
    if (!code) code = path_join(a->file, sizeof a->file, "", path, e);
    if (!code && (code = file_read(path, YAML_LARGEST, &text, &size, e)) == ERR_DATA) code = e->code = ERR_CONFIG;
    if (!code) code = yaml_open(text, size, path, &y, e);
    if (!code) code = ablation_read(&y, f);
    if (!code) {
        m->y = &y;
        m->f = f;
        m->a = a;
        code = make(m);
    }
    if (f) a->strings = f->strings;
    yaml_close(&y);
    free(text);
    free(m);
    free(f);
    return code;
}

void ablation_free(struct ablation *a)
{
    free(a->rows);
    free(a->strings);
    *a = (struct ablation){0};
}
