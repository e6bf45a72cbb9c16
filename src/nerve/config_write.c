/* config_write.c - a configuration as YAML and as JSON. */
#include "config.h"
#include "json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_letter_or_digit(char x)
{
    return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9');
}

/* Names and paths of everyday look need no quotes. */
static bool is_plain(const char *s)
{
    const char *first = strncmp(s, "../", 3) == 0 ? s + 3 : s;
    if (!is_letter_or_digit(*first) && *first != '/') return false;
    for (; *s; s++)
        if (!is_letter_or_digit(*s) && !strchr("_-./", *s)) return false;
    return true;
}

/* The text holds no control character (config_set_value), so quotes and backslashes are all that must be escaped. */
static void write_text(FILE *f, const char *s)
{
    if (is_plain(s) && strcmp(s, "null") != 0) {
        fputs(s, f);
        return;
    }
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') fputc('\\', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

/* The shortest decimal form that reads back to the same number; with a point before an exponent, since readers of YAML 1.1 (PyYAML) take
 * 3e-05 for a text. */
static void write_number(FILE *f, double x)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    const size_t mantissa = strcspn(text, "e");
    fprintf(f, "%.*s%s%s", (int)mantissa, text, text[mantissa] && !strchr(text, '.') ? ".0" : "", text + mantissa);
}

static void write_map(FILE *f, const struct config_map *map)
{
    fputc('{', f);
    for (int i = 0; i < map->n; i++) {
        if (i > 0) fputs(", ", f);
        write_text(f, map->pairs[i].from);
        fputs(": ", f);
        write_text(f, map->pairs[i].to);
    }
    fputc('}', f);
}

static void write_value(FILE *f, const struct config_key *k, const void *field)
{
    switch (k->type) {
    case CONFIG_INTEGER:
        fprintf(f, "%d", *(const int *)field);
        break;
    case CONFIG_SEED:
        fprintf(f, "%u", *(const uint32_t *)field);
        break;
    case CONFIG_NUMBER:
        write_number(f, *(const double *)field);
        break;
    case CONFIG_BOOLEAN:
        fputs(*(const bool *)field ? "true" : "false", f);
        break;
    case CONFIG_CHOICE:
        fputs(k->words[*(const int *)field], f);
        break;
    case CONFIG_TEXT:
        write_text(f, field);
        break;
    case CONFIG_MAP:
        write_map(f, field);
        break;
    }
}

static void write_origin(FILE *f, const struct nerve_config *c, int key, int width)
{
    int origin = c->origin[key];
    fprintf(f, "%*s  # ", width < 40 ? 40 - width : 0, "");
    if (origin > 0)
        fprintf(f, "%s:%d", c->file, origin);
    else
        fputs(origin == CONFIG_ARGUMENT ? "command line" : "default", f);
}

/* Lines of at most 100 columns. */
static void write_comment(FILE *f, const char *text)
{
    enum { WIDTH = 96 };
    while (*text) {
        size_t n = strlen(text), cut = n;
        if (n > WIDTH)
            for (cut = WIDTH; cut > 0 && text[cut] != ' ';) cut--;
        if (cut == 0) cut = strcspn(text, " "); /* a word that is longer than a line */
        fprintf(f, "  # %.*s\n", (int)cut, text);
        text += cut;
        text += strspn(text, " ");
    }
}

static void write_meaning(FILE *f, int key)
{
    char expected[256];
    const struct config_key *k = &CONFIG_KEYS[key];
    config_expected(key, expected, sizeof expected);
    write_comment(f, k->about);
    fprintf(f, "  # (%s%s)\n", expected, k->runtime ? "; a run may be resumed with another value" : "");
}

char *config_text(const struct nerve_config *c, enum config_form form)
{
    char *text = NULL;
    size_t size = 0;
    const char *section = "";
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        const char *dot = strchr(k->name, '.');
        size_t n = (size_t)(dot - k->name);
        if (form == CONFIG_PAYLOAD && k->runtime) continue;
        if (strncmp(section, k->name, n + 1) != 0) fprintf(f, "%s%.*s:\n", form == CONFIG_INIT && i > 0 ? "\n" : "", (int)n, k->name);
        if (form == CONFIG_INIT) write_meaning(f, i);
        section = k->name;
        long start = ftell(f);
        fprintf(f, "  %s: ", dot + 1);
        write_value(f, k, (const char *)c + k->offset);
        if (form == CONFIG_SHOW) write_origin(f, c, i, (int)(ftell(f) - start));
        fputc('\n', f);
    }
    bool failed = ferror(f);
    if (fclose(f) == 0 && !failed) return text;
    free(text);
    return NULL;
}

static struct json *map_json(const struct config_map *map)
{
    struct json *object = json_new_object();
    for (int i = 0; i < map->n; i++) json_set_string(object, map->pairs[i].from, map->pairs[i].to);
    return object;
}

static void set_value(struct json *section, const char *name, const struct config_key *k, const void *field)
{
    switch (k->type) {
    case CONFIG_INTEGER:
        json_set_integer(section, name, *(const int *)field);
        break;
    case CONFIG_SEED:
        json_set_integer(section, name, *(const uint32_t *)field);
        break;
    case CONFIG_NUMBER:
        json_set_number(section, name, *(const double *)field);
        break;
    case CONFIG_BOOLEAN:
        json_set_boolean(section, name, *(const bool *)field);
        break;
    case CONFIG_CHOICE:
        json_set_string(section, name, k->words[*(const int *)field]);
        break;
    case CONFIG_TEXT:
        json_set_string(section, name, field);
        break;
    case CONFIG_MAP:
        json_set(section, name, map_json(field));
        break;
    }
}

struct json *config_json(const struct nerve_config *c, enum config_form form)
{
    struct json *all = json_new_object(), *section = NULL;
    const char *before = "";
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        const char *dot = strchr(k->name, '.');
        size_t n = (size_t)(dot - k->name);
        if (form == CONFIG_PAYLOAD && k->runtime) continue;
        if (strncmp(before, k->name, n + 1) != 0) {
            char name[CONFIG_NAME_SIZE];
            snprintf(name, sizeof name, "%.*s", (int)n, k->name);
            json_set(all, name, section = json_new_object());
        }
        before = k->name;
        set_value(section, dot + 1, k, (const char *)c + k->offset);
    }
    return all;
}
