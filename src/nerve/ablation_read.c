/* ablation_read.c - an ablation file, from its YAML: what each key holds, checked where it stands. */
#include "ablation_read.h"
#include "nearest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct yaml *y;
    struct ablation_file *f;
    struct nerve_config scratch; /* on which values are tried */
    size_t used, room;           /* bytes of f->strings */
};

enum { N_KEYS = 7 };
static const char *const KEYS[N_KEYS] = {"config", "settings", "seeds", "mode", "base", "axes", "columns"};
enum key { KEY_CONFIG, KEY_SETTINGS, KEY_SEEDS, KEY_MODE, KEY_BASE, KEY_AXES, KEY_COLUMNS };

/* ---- texts ---- */

/* A copy that lasts. The file's scalars, each with its NUL, are never longer than four times the file. */
static const char *keep(struct reader *r, const char *text)
{
    const size_t size = strlen(text) + 1;
    if (size > r->room - r->used) return NULL;
    char *kept = r->f->strings + r->used;
    memcpy(kept, text, size);
    r->used += size;
    return kept;
}

/* The current event as a text of a line, that is not empty and lasts. */
static int read_text(struct reader *r, const char *where, const char *expected, const char **out)
{
    const char *text;
    bool quoted;
    if (yaml_scalar(r->y, where, expected, &text, &quoted)) return r->y->e->code;
    if (yaml_is_nothing(text, quoted) || !*text)
        return yaml_fail(r->y, yaml_place(r->y), "%s: expected %s, found nothing", where, expected);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return yaml_fail(r->y, yaml_place(r->y), "%s: byte 0x%02X is no printable UTF-8", where, (unsigned char)*c);
    *out = keep(r, text);
    return *out ? 0 : yaml_fail(r->y, yaml_place(r->y), "%s: too long", where);
}

static int unknown(struct reader *r, const char *what, const char *text, const char *const *list, size_t n)
{
    const char *meant = nearest_word(text, list, n);
    if (meant) return yaml_fail(r->y, yaml_place(r->y), "unknown %s '%.100s': did you mean '%s'?", what, text, meant);
    char all[256] = "";
    for (size_t i = 0, used = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", list[i]);
    return yaml_fail(r->y, yaml_place(r->y), "unknown %s '%.100s': there are %s", what, text, all);
}

/* ---- settings ---- */

static int unknown_key(struct reader *r, const char *name)
{
    const char *meant = config_nearest(name);
    return meant ? yaml_fail(r->y, yaml_place(r->y), "unknown key '%.100s': did you mean '%s'?", name, meant)
                 : yaml_fail(r->y, yaml_place(r->y), "unknown key '%.100s'; `nerve config keys` lists them", name);
}

/* The current event is a key's name. */
static int find_key(struct reader *r, const char *name, int *key)
{
    *key = config_find(name);
    if (*key < 0) return unknown_key(r, name);
    if (strcmp(name, "train.seed") == 0) return yaml_fail(r->y, yaml_place(r->y), "train.seed: `seeds:` says which seeds a row has");
    if (CONFIG_KEYS[*key].type == CONFIG_MAP) return yaml_fail(r->y, yaml_place(r->y), "%s: a map has its place in the base config", name);
    return 0;
}

/* The current event is the value of a key. */
static int read_setting(struct reader *r, int key, struct ablation_settings *out)
{
    const char *name = CONFIG_KEYS[key].name, *text;
    char expected[256], why[350];
    bool quoted;
    if (out->n == ABLATION_SETTINGS) return yaml_fail(r->y, yaml_place(r->y), "more than %d settings", ABLATION_SETTINGS);
    config_expected(key, expected, sizeof expected);
    if (yaml_scalar(r->y, name, expected, &text, &quoted)) return r->y->e->code;
    if (yaml_is_nothing(text, quoted)) text = "";
    if (!config_set_value(&r->scratch, key, text, quoted, why, sizeof why)) return yaml_fail(r->y, yaml_place(r->y), "%s: %s", name, why);
    const char *value = keep(r, text);
    if (!value) return yaml_fail(r->y, yaml_place(r->y), "%s: too long", name);
    out->at[out->n++] = (struct ablation_setting){key, value};
    return 0;
}

/* The current event is a key's name, which was not set in *out before; its value follows. */
static int read_pair(struct reader *r, const char *name, struct ablation_settings *out)
{
    int key;
    if (find_key(r, name, &key)) return r->y->e->code;
    for (int k = 0; k < out->n; k++)
        if (out->at[k].key == key) return yaml_fail(r->y, yaml_place(r->y), "key '%s' stands a second time", CONFIG_KEYS[key].name);
    return yaml_next(r->y) ? r->y->e->code : read_setting(r, key, out);
}

static int read_settings(struct reader *r)
{
    const char *text;
    bool quoted;
    if (r->y->kind != YAML_MAP) {
        if (yaml_scalar(r->y, "settings", "a map of keys, as {train.epochs: 4}", &text, &quoted)) return r->y->e->code;
        if (yaml_is_nothing(text, quoted)) return 0;
        return yaml_fail(r->y, yaml_place(r->y), "settings: expected a map of keys, as {train.epochs: 4}, found '%.100s'", text);
    }
    if (yaml_next(r->y)) return r->y->e->code;
    while (r->y->kind != YAML_MAP_END)
        if (yaml_scalar(r->y, "settings", "a key", &text, &quoted) || read_pair(r, text, &r->f->settings) || yaml_next(r->y))
            return r->y->e->code;
    return 0;
}

/* ---- lists ---- */

/* To the first element of a list that is not empty. */
static int enter_list(struct reader *r, const char *where, const char *expected)
{
    const char *text;
    bool quoted;
    const size_t at = yaml_place(r->y);
    if (r->y->kind == YAML_MAP) return yaml_fail(r->y, at, "%s: expected a list of %s, found a map", where, expected);
    if (r->y->kind != YAML_LIST) {
        if (yaml_scalar(r->y, where, "a list", &text, &quoted)) return r->y->e->code;
        return yaml_fail(r->y, at, "%s: expected a list of %s, found '%.100s'", where, expected, text);
    }
    if (yaml_next(r->y)) return r->y->e->code;
    return r->y->kind == YAML_LIST_END ? yaml_fail(r->y, at, "%s: expected a list of %s, found none", where, expected) : 0;
}

static int read_seeds(struct reader *r, struct ablation_seeds *out)
{
    static const char EXPECTED[] = "an integer from 0 to 4294967295";
    const int key = config_find("train.seed");
    if (enter_list(r, "seeds", "integers, as [1, 2, 3]")) return r->y->e->code;
    out->n = 0;
    for (; r->y->kind != YAML_LIST_END;) {
        const char *text;
        char why[350];
        bool quoted;
        int at = 0;
        if (yaml_scalar(r->y, "seeds", EXPECTED, &text, &quoted)) return r->y->e->code;
        if (!config_set_value(&r->scratch, key, text, quoted, why, sizeof why)) return yaml_fail(r->y, yaml_place(r->y), "seeds: %s", why);
        const uint32_t seed = r->scratch.train.seed;
        while (at < out->n && out->at[at] < seed) at++;
        if (at < out->n && out->at[at] == seed) return yaml_fail(r->y, yaml_place(r->y), "seeds: %u stands a second time", seed);
        if (out->n == ABLATION_SEEDS) return yaml_fail(r->y, yaml_place(r->y), "seeds: more than %d", ABLATION_SEEDS);
        memmove(out->at + at + 1, out->at + at, (size_t)(out->n - at) * sizeof *out->at);
        out->at[at] = seed;
        out->n++;
        if (yaml_next(r->y)) return r->y->e->code;
    }
    return 0;
}

/* ---- axes ---- */

static int read_group(struct reader *r, const struct ablation_axis *axis, struct ablation_group *g)
{
    const char *text;
    bool quoted;
    const size_t at = yaml_place(r->y);
    if (r->y->kind == YAML_SCALAR) {
        const char *meant = config_nearest(axis->name);
        return yaml_fail(r->y, at,
                         "axis '%.60s': expected settings, as {model.crf: true}; a list of values alone has the name of a key%s%s%s",
                         axis->name, meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    }
    if (r->y->kind != YAML_MAP)
        return yaml_fail(r->y, at, "axis '%.60s': expected settings, as {model.crf: true}, found a list", axis->name);
    if (yaml_next(r->y)) return r->y->e->code;
    while (r->y->kind != YAML_MAP_END) {
        if (yaml_scalar(r->y, axis->name, "a key", &text, &quoted)) return r->y->e->code;
        const bool is_name = strcmp(text, "name") == 0, is_seeds = strcmp(text, "seeds") == 0;
        if ((is_name && g->name) || (is_seeds && g->seeds.n)) return yaml_fail(r->y, yaml_place(r->y), "'%s' stands a second time", text);
        if (!is_name && !is_seeds) {
            if (read_pair(r, text, &g->settings)) return r->y->e->code;
        } else if (yaml_next(r->y) || (is_name ? read_text(r, "name", "a name", &g->name) : read_seeds(r, &g->seeds))) {
            return r->y->e->code;
        }
        if (yaml_next(r->y)) return r->y->e->code;
    }
    return g->name || g->settings.n ? 0 : yaml_fail(r->y, at, "axis '%.60s': a value without settings needs a name", axis->name);
}

/* The current event is an axis' name. */
static int read_axis(struct reader *r, struct ablation_axis *axis)
{
    int key = -1;
    axis->place = yaml_place(r->y);
    if (read_text(r, "axes", "the name of an axis", &axis->name)) return r->y->e->code;
    if (strchr(axis->name, '.') && find_key(r, axis->name, &key)) return r->y->e->code;
    if (yaml_next(r->y) || enter_list(r, axis->name, key >= 0 ? "values" : "settings, as [{model.crf: true}]")) return r->y->e->code;
    while (r->y->kind != YAML_LIST_END) {
        struct ablation_group *g = &axis->groups[axis->n];
        if (axis->n == ABLATION_GROUPS)
            return yaml_fail(r->y, yaml_place(r->y), "axis '%.60s': more than %d values", axis->name, ABLATION_GROUPS);
        if (key >= 0 ? read_setting(r, key, &g->settings) : read_group(r, axis, g)) return r->y->e->code;
        axis->n++;
        if (yaml_next(r->y)) return r->y->e->code;
    }
    return 0;
}

static int read_axes(struct reader *r)
{
    struct ablation_file *f = r->f;
    const char *text;
    bool quoted;
    if (r->y->kind != YAML_MAP) {
        if (yaml_scalar(r->y, "axes", "a map of lists, as {model.crf: [true, false]}", &text, &quoted)) return r->y->e->code;
        return yaml_fail(r->y, yaml_place(r->y), "axes: expected a map of lists, as {model.crf: [true, false]}, found '%.100s'", text);
    }
    if (yaml_next(r->y)) return r->y->e->code;
    while (r->y->kind != YAML_MAP_END) {
        struct ablation_axis *axis = &f->axes[f->n_axes];
        if (f->n_axes == ABLATION_AXES) return yaml_fail(r->y, yaml_place(r->y), "more than %d axes", ABLATION_AXES);
        if (read_axis(r, axis)) return r->y->e->code;
        for (int k = 0; k < f->n_axes; k++)
            if (strcmp(f->axes[k].name, axis->name) == 0)
                return yaml_fail(r->y, axis->place, "axis '%.60s' stands a second time", axis->name);
        f->n_axes++;
        if (yaml_next(r->y)) return r->y->e->code;
    }
    return 0;
}

/* ---- columns ---- */

static int check_path(struct reader *r, const char *path)
{
    static const char *const FILES[] = {"test", "valid", "run"};
    const char *colon = strchr(path, ':'), *names = colon ? colon + 1 : path;
    char file[64];
    size_t known = 0;
    if (colon) {
        snprintf(file, sizeof file, "%.*s", (int)(colon - path < 60 ? colon - path : 60), path);
        while (known < 3 && strcmp(file, FILES[known]) != 0) known++;
        if (known == 3) return unknown(r, "file of a column", file, FILES, 3);
    }
    const size_t n = strlen(names);
    if (n == 0 || names[0] == '.' || names[n - 1] == '.' || strstr(names, ".."))
        return yaml_fail(r->y, yaml_place(r->y), "columns: expected names with dots between, as calibration.ece, found '%.100s'", names);
    return 0;
}

static int read_column(struct reader *r, struct ablation_column *c)
{
    static const char *const PARTS[] = {"name", "path"};
    const size_t at = yaml_place(r->y);
    const char *text;
    bool quoted;
    if (r->y->kind != YAML_MAP) {
        if (read_text(r, "columns", "a path, as calibration.ece", &c->path)) return r->y->e->code;
        c->name = c->path;
        return check_path(r, c->path);
    }
    if (yaml_next(r->y)) return r->y->e->code;
    while (r->y->kind != YAML_MAP_END) {
        if (yaml_scalar(r->y, "columns", "name or path", &text, &quoted)) return r->y->e->code;
        const bool is_name = strcmp(text, "name") == 0;
        if (!is_name && strcmp(text, "path") != 0) return unknown(r, "key of a column", text, PARTS, 2);
        if (is_name ? c->name != NULL : c->path != NULL) return yaml_fail(r->y, yaml_place(r->y), "'%s' stands a second time", text);
        if (yaml_next(r->y) || read_text(r, "columns", is_name ? "a name" : "a path, as calibration.ece", is_name ? &c->name : &c->path) ||
            (!is_name && check_path(r, c->path)) || yaml_next(r->y))
            return r->y->e->code;
    }
    if (!c->path) return yaml_fail(r->y, at, "columns: a column needs a path, as {name: ECE, path: calibration.ece}");
    if (!c->name) c->name = c->path;
    return 0;
}

static int read_columns(struct reader *r)
{
    struct ablation_file *f = r->f;
    if (enter_list(r, "columns", "paths, as [calibration.ece]")) return r->y->e->code;
    while (r->y->kind != YAML_LIST_END) {
        const size_t at = yaml_place(r->y);
        struct ablation_column *c = &f->columns[f->n_columns];
        if (f->n_columns == ABLATION_COLUMNS) return yaml_fail(r->y, at, "more than %d columns", ABLATION_COLUMNS);
        if (read_column(r, c)) return r->y->e->code;
        for (int k = 0; k < f->n_columns; k++)
            if (strcmp(f->columns[k].name, c->name) == 0) return yaml_fail(r->y, at, "column '%.60s' stands a second time", c->name);
        f->n_columns++;
        if (yaml_next(r->y)) return r->y->e->code;
    }
    return 0;
}

/* ---- the file ---- */

static int read_mode(struct reader *r)
{
    static const char *const MODES[] = {"product", "single"}; /* enum ablation_mode */
    const char *text;
    if (read_text(r, "mode", "product or single", &text)) return r->y->e->code;
    for (int k = 0; k < 2; k++) {
        if (strcmp(text, MODES[k]) != 0) continue;
        r->f->mode = (enum ablation_mode)k;
        return 0;
    }
    return unknown(r, "mode", text, MODES, 2);
}

static int read_value(struct reader *r, enum key key)
{
    struct ablation_file *f = r->f;
    switch (key) {
    case KEY_CONFIG:
        f->config.place = yaml_place(r->y);
        return read_text(r, "config", "the path of the base config", &f->config.text);
    case KEY_SETTINGS:
        return read_settings(r);
    case KEY_SEEDS:
        return read_seeds(r, &f->seeds);
    case KEY_MODE:
        return read_mode(r);
    case KEY_BASE:
        f->base.place = yaml_place(r->y);
        return read_text(r, "base", "the name of a row", &f->base.text);
    case KEY_AXES:
        return read_axes(r);
    case KEY_COLUMNS:
        return read_columns(r);
    }
    return 0;
}

static int read_keys(struct reader *r)
{
    int seen[N_KEYS] = {0};
    if (yaml_next(r->y)) return r->y->e->code;
    while (r->y->kind != YAML_MAP_END) {
        const char *text;
        bool quoted;
        int key = 0;
        if (yaml_scalar(r->y, "the ablation", "a key", &text, &quoted)) return r->y->e->code;
        while (key < N_KEYS && strcmp(KEYS[key], text) != 0) key++;
        if (key == N_KEYS) return unknown(r, "key", text, KEYS, N_KEYS);
        if (seen[key]) return yaml_fail(r->y, yaml_place(r->y), "key '%s' stands a second time; the first is in line %d", text, seen[key]);
        seen[key] = yaml_line(r->y);
        if (yaml_next(r->y) || read_value(r, (enum key)key) || yaml_next(r->y)) return r->y->e->code;
    }
    if (!r->f->config.text) return yaml_fail(r->y, 0, "`config:` is missing: the base config, relative to this file");
    if (r->f->n_axes == 0) return yaml_fail(r->y, 0, "`axes:` is missing: what varies, as {model.crf: [true, false]}");
    return 0;
}

int ablation_read(struct yaml *y, struct ablation_file *f)
{
    struct reader *r = calloc(1, sizeof *r);
    const char *text = "";
    bool empty, quoted;
    f->strings = malloc(4 * y->size + 64);
    if (!r || !f->strings) {
        free(r);
        return err_set(y->e, ERR_INTERNAL, "%.200s: out of memory", y->name);
    }
    *r = (struct reader){.y = y, .f = f, .room = 4 * y->size + 64};
    config_default(&r->scratch);
    f->seeds = (struct ablation_seeds){1, {1}};
    int code = yaml_begin(y, &empty);
    if (!code && empty) code = yaml_fail(y, 0, "the file says nothing: an ablation needs `config:` and `axes:`");
    if (!code && y->kind != YAML_MAP) {
        code = yaml_scalar(y, "the ablation", "a map of keys", &text, &quoted);
        if (!code) code = yaml_fail(y, yaml_place(y), "the ablation: expected a map of keys, found '%.100s'", text);
    }
    if (!code) code = read_keys(r);
    if (!code) code = yaml_end(y, "an ablation is one");
    free(r);
    return code;
}
