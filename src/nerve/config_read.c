/* config_read.c - a configuration from a YAML file: two levels of maps are all that it has, so whatever is deeper is refused where it
 * begins, before anything is built. yaml_events.h says what else is refused, a second document too. */
#include "config.h"
#include "files.h"
#include "nearest.h"
#include "yaml_events.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct yaml y;
    struct nerve_config *c;
    int seen[CONFIG_KEY_ROOM]; /* line of each key, 0 where it did not come yet */
};

static int read_map(struct reader *r, int key)
{
    struct config_map *map = (struct config_map *)((char *)r->c + CONFIG_KEYS[key].offset);
    map->n = 0;
    if (yaml_next(&r->y)) return r->y.e->code;
    while (r->y.kind != YAML_MAP_END) {
        const char *text;
        bool quoted;
        char from[CONFIG_NAME_SIZE * 2], why[300];
        size_t at = yaml_place(&r->y);
        if (yaml_scalar(&r->y, CONFIG_KEYS[key].name, "a name", &text, &quoted)) return r->y.e->code;
        snprintf(from, sizeof from, "%s", text);
        for (int i = 0; i < map->n; i++)
            if (strcmp(map->pairs[i].from, from) == 0)
                return yaml_fail(&r->y, at, "'%s' stands a second time in '%s'", from, CONFIG_KEYS[key].name);
        if (yaml_next(&r->y) || yaml_scalar(&r->y, CONFIG_KEYS[key].name, "a name", &text, &quoted)) return r->y.e->code;
        if (!config_set_pair(r->c, key, from, text, why, sizeof why)) return yaml_fail(&r->y, at, "%s: %s", CONFIG_KEYS[key].name, why);
        if (yaml_next(&r->y)) return r->y.e->code;
    }
    return 0;
}

/* key_place: where an error stands whose value is empty. */
static int read_value(struct reader *r, int key, size_t key_place)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    const char *text;
    bool quoted;
    char expected[256], why[350];
    if (k->type == CONFIG_MAP && r->y.kind == YAML_MAP) return read_map(r, key);
    config_expected(key, expected, sizeof expected);
    if (yaml_scalar(&r->y, k->name, expected, &text, &quoted)) return r->y.e->code;
    size_t at = text[0] == '\0' ? key_place : yaml_place(&r->y);
    if (yaml_is_nothing(text, quoted)) text = k->type == CONFIG_MAP ? "{}" : "";
    if (!config_set_value(r->c, key, text, quoted, why, sizeof why)) return yaml_fail(&r->y, at, "%s: %s", k->name, why);
    return 0;
}

static int read_section(struct reader *r, const char *section)
{
    if (yaml_next(&r->y)) return r->y.e->code;
    while (r->y.kind != YAML_MAP_END) {
        const char *text;
        bool quoted;
        char name[2 * CONFIG_NAME_SIZE];
        if (yaml_scalar(&r->y, section, "a key", &text, &quoted)) return r->y.e->code;
        snprintf(name, sizeof name, "%s.%s", section, text);
        int key = config_find(name);
        if (key < 0) {
            const char *meant = config_nearest(name);
            return meant ? yaml_fail(&r->y, yaml_place(&r->y), "unknown key '%s': did you mean '%s'?", name, meant)
                         : yaml_fail(&r->y, yaml_place(&r->y), "unknown key '%s'; `nerve config keys` lists them", name);
        }
        if (r->seen[key])
            return yaml_fail(&r->y, yaml_place(&r->y), "key '%s' stands a second time; the first is in line %d", name, r->seen[key]);
        r->seen[key] = yaml_line(&r->y);
        r->c->origin[key] = r->seen[key];
        size_t at = yaml_place(&r->y);
        if (yaml_next(&r->y) || read_value(r, key, at) || yaml_next(&r->y)) return r->y.e->code;
    }
    return 0;
}

/* The sections of the table, each once, in its order. */
static size_t list_sections(char names[][CONFIG_NAME_SIZE], const char *list[])
{
    size_t n = 0;
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        size_t length = strcspn(CONFIG_KEYS[i].name, ".");
        if (n > 0 && strncmp(names[n - 1], CONFIG_KEYS[i].name, length) == 0 && names[n - 1][length] == '\0') continue;
        snprintf(names[n], CONFIG_NAME_SIZE, "%.*s", (int)length, CONFIG_KEYS[i].name);
        list[n] = names[n];
        n++;
    }
    return n;
}

static int unknown_section(struct reader *r, const char *name, const char *const *list, size_t n)
{
    const char *meant = nearest_word(name, list, n);
    int key = config_find(name);
    if (key >= 0)
        return yaml_fail(&r->y, yaml_place(&r->y), "'%s' stands below its section: write '%.*s:', and below it, indented, '%s: ...'", name,
                         (int)strcspn(name, "."), name, strchr(name, '.') + 1);
    if (meant) return yaml_fail(&r->y, yaml_place(&r->y), "unknown section '%.100s': did you mean '%s'?", name, meant);
    char all[256] = "";
    for (size_t i = 0, used = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", list[i]);
    return yaml_fail(&r->y, yaml_place(&r->y), "unknown section '%.100s': there are %s", name, all);
}

static int read_sections(struct reader *r)
{
    char names[CONFIG_KEY_ROOM][CONFIG_NAME_SIZE];
    const char *list[CONFIG_KEY_ROOM];
    size_t n = list_sections(names, list);
    bool seen[CONFIG_KEY_ROOM] = {false};
    if (yaml_next(&r->y)) return r->y.e->code;
    while (r->y.kind != YAML_MAP_END) {
        const char *text;
        bool quoted;
        size_t at = 0;
        if (yaml_scalar(&r->y, "the configuration", "the name of a section", &text, &quoted)) return r->y.e->code;
        while (at < n && strcmp(list[at], text) != 0) at++;
        if (at == n) return unknown_section(r, text, list, n);
        if (seen[at]) return yaml_fail(&r->y, yaml_place(&r->y), "section '%s' stands a second time", text);
        seen[at] = true;
        if (yaml_next(&r->y)) return r->y.e->code;
        if (r->y.kind == YAML_MAP) {
            if (read_section(r, list[at])) return r->y.e->code;
        } else {
            if (yaml_scalar(&r->y, list[at], "a map of keys", &text, &quoted)) return r->y.e->code;
            if (!yaml_is_nothing(text, quoted))
                return yaml_fail(&r->y, yaml_place(&r->y), "expected the keys of section '%s', found '%.100s'", list[at], text);
        }
        if (yaml_next(&r->y)) return r->y.e->code;
    }
    return 0;
}

/* An empty file says nothing, which is fine. */
static int read_document(struct reader *r)
{
    const char *text;
    bool quoted, empty;
    if (yaml_begin(&r->y, &empty)) return r->y.e->code;
    if (empty) return 0;
    if (r->y.kind == YAML_MAP) {
        if (read_sections(r)) return r->y.e->code;
    } else {
        if (yaml_scalar(&r->y, "the configuration", "a map of sections", &text, &quoted)) return r->y.e->code;
        if (!yaml_is_nothing(text, quoted)) return yaml_fail(&r->y, yaml_place(&r->y), "expected a map of sections, found '%.100s'", text);
    }
    return yaml_end(&r->y, "a configuration is one");
}

int config_read_text(const char *text, size_t size, const char *name, struct nerve_config *c, struct err *e)
{
    struct reader r = {.c = c};
    int code = yaml_open(text, size, name, &r.y, e);
    if (!code) {
        snprintf(c->file, sizeof c->file, "%s", name);
        code = read_document(&r);
    }
    yaml_close(&r.y);
    return code;
}

int config_read_file(const char *path, struct nerve_config *c, struct err *e)
{
    char *text;
    size_t size;
    int code = file_read(path, YAML_LARGEST, &text, &size, e);
    if (code == ERR_DATA) return e->code = ERR_CONFIG;
    if (code) return code;
    code = config_read_text(text, size, path, c, e);
    free(text);
    return code;
}
