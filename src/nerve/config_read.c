/* config_read.c - a configuration from a YAML file. The only room that knows libfyaml, of which it uses the events: two levels of maps are
 * all that a configuration has, so whatever is deeper is refused where it begins, before anything is built.
 *
 * Refused: anchors, aliases, tags, a second document, bytes that are no printable UTF-8, tabs in the indentation, more than 64 KiB.
 */
#include "config.h"
#include "files.h"
#include "nearest.h"
#include "utf8.h"
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 64 * 1024, SHOWN = 100 };

struct reader {
    const char *text, *name;
    size_t size;
    struct nerve_config *c;
    struct err *e;
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_event *event;    /* the current one */
    int seen[CONFIG_KEY_ROOM]; /* line of each key, 0 where it did not come yet */
};

/* One character for each code point of the line around column (from 0), so that the caret stands right below it. */
static void show_line(char *out, size_t size, const char *line, size_t length, size_t column)
{
    size_t skip = column > SHOWN - 20 ? column - (SHOWN - 20) : 0, shown = 0, used = 0;
    for (size_t at = 0, i = 0; at < length && shown < SHOWN && used + 5 < size; i++) {
        uint32_t c;
        int n = utf8_decode(line + at, length - at, &c);
        if (i >= skip) {
            bool printable = n > 0 && c >= 0x20 && c != 0x7F;
            if (printable)
                memcpy(out + used, line + at, (size_t)n);
            else
                out[used] = c == '\t' && n > 0 ? ' ' : '?';
            used += printable ? (size_t)n : 1;
            shown++;
        }
        at += n > 0 ? (size_t)n : 1;
    }
    snprintf(out + used, size - used, "\n        | %*s^", (int)(column - skip), "");
}

/* The message, and below it the line and a caret under its byte at. */
__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, size_t at, const char *format, ...)
{
    char what[400], shown[4 * SHOWN + 2 * SHOWN + 32];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    if (at > r->size) at = r->size;
    size_t start = at, end = at, column = 0;
    long line = 1;
    while (start > 0 && r->text[start - 1] != '\n') start--;
    while (end < r->size && r->text[end] != '\n' && r->text[end] != '\r') end++;
    for (size_t i = 0; i < start; i++) line += r->text[i] == '\n';
    for (size_t i = start; i < at; i++) column += ((unsigned char)r->text[i] & 0xC0) != 0x80;
    show_line(shown, sizeof shown, r->text + start, end - start, column);
    return err_set(r->e, ERR_CONFIG, "%.200s:%ld:%zu: %s\n  %5ld | %s", r->name, line, column + 1, what, line, shown);
}

/* What libfyaml found: its first message; it counts lines from 1 and columns from 1. */
static int fail_as_diagnosed(struct reader *r)
{
    void *place = NULL;
    const struct fy_diag_error *d = fy_diag_errors_iterate(r->diag, &place);
    if (!d) return err_set(r->e, ERR_INTERNAL, "%.200s: libfyaml failed without a message; is memory short?", r->name);
    size_t at = 0;
    for (int line = 1; line < d->line && at < r->size; at++) line += r->text[at] == '\n';
    for (int column = 1; column < d->column && at < r->size && r->text[at] != '\n'; column++) {
        uint32_t c;
        int n = utf8_decode(r->text + at, r->size - at, &c);
        at += n > 0 ? (size_t)n : 1;
    }
    return fail(r, at, "not valid YAML: %.300s", d->msg);
}

/* Bytes that no YAML parser needs to see. */
static int check_bytes(struct reader *r)
{
    size_t valid = utf8_valid(r->text, r->size);
    bool indentation = true, tab = false;
    for (size_t i = 0; i < r->size; i++) {
        unsigned char x = (unsigned char)r->text[i];
        if (i == valid || (x < 0x20 && x != '\t' && x != '\n' && x != '\r') || x == 0x7F)
            return fail(r, i, "byte 0x%02X is no printable UTF-8", x);
        if (x == '\n') {
            indentation = true;
            tab = false;
        } else if (indentation && (x == ' ' || x == '\t')) {
            tab = tab || x == '\t';
        } else {
            if (indentation && tab && x != '#' && x != '\r') return fail(r, i, "a tab in the indentation: YAML wants blanks");
            indentation = false;
        }
    }
    return 0;
}

static size_t place(const struct reader *r)
{
    const struct fy_mark *mark = fy_event_start_mark(r->event);
    return mark ? mark->input_pos : r->size;
}

static int line_of(const struct reader *r)
{
    const struct fy_mark *mark = fy_event_start_mark(r->event);
    return mark ? mark->line + 1 : 1;
}

static int next(struct reader *r)
{
    fy_parser_event_free(r->parser, r->event);
    r->event = fy_parser_parse(r->parser);
    if (!r->event) return fail_as_diagnosed(r);
    if (r->event->type == FYET_ALIAS || fy_event_get_anchor_token(r->event))
        return fail(r, place(r), "anchors and aliases are not used here: write the value");
    if (fy_event_get_tag_token(r->event)) return fail(r, place(r), "tags are not used here: write the value alone");
    return 0;
}

/* The current event as text; fails where it is none. Valid until the next event. where: the key or section that it belongs to. */
static int scalar(struct reader *r, const char *where, const char *expected, const char **text, bool *quoted)
{
    if (r->event->type != FYET_SCALAR)
        return fail(r, place(r), "%s: expected %s, found a %s", where, expected, r->event->type == FYET_SEQUENCE_START ? "list" : "map");
    struct fy_token *token = fy_event_get_token(r->event);
    *quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    *text = token ? fy_token_get_text0(token) : "";
    if (!*text) return err_set(r->e, ERR_INTERNAL, "%.200s: out of memory", r->name);
    if (token && strlen(*text) != fy_token_get_text_length(token)) return fail(r, place(r), "a text with a zero byte");
    return 0;
}

static bool is_nothing(const char *text, bool quoted)
{
    return !quoted && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static int read_map(struct reader *r, int key)
{
    struct config_map *map = (struct config_map *)((char *)r->c + CONFIG_KEYS[key].offset);
    map->n = 0;
    if (next(r)) return r->e->code;
    while (r->event->type != FYET_MAPPING_END) {
        const char *text;
        bool quoted;
        char from[CONFIG_NAME_SIZE * 2], why[300];
        size_t at = place(r);
        if (scalar(r, CONFIG_KEYS[key].name, "a name", &text, &quoted)) return r->e->code;
        snprintf(from, sizeof from, "%s", text);
        for (int i = 0; i < map->n; i++)
            if (strcmp(map->pairs[i].from, from) == 0) return fail(r, at, "'%s' stands a second time in '%s'", from, CONFIG_KEYS[key].name);
        if (next(r) || scalar(r, CONFIG_KEYS[key].name, "a name", &text, &quoted)) return r->e->code;
        if (!config_set_pair(r->c, key, from, text, why, sizeof why)) return fail(r, at, "%s: %s", CONFIG_KEYS[key].name, why);
        if (next(r)) return r->e->code;
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
    if (k->type == CONFIG_MAP && r->event->type == FYET_MAPPING_START) return read_map(r, key);
    config_expected(key, expected, sizeof expected);
    if (scalar(r, k->name, expected, &text, &quoted)) return r->e->code;
    size_t at = text[0] == '\0' ? key_place : place(r);
    if (is_nothing(text, quoted)) text = k->type == CONFIG_MAP ? "{}" : "";
    if (!config_set_value(r->c, key, text, quoted, why, sizeof why)) return fail(r, at, "%s: %s", k->name, why);
    return 0;
}

static int read_section(struct reader *r, const char *section)
{
    if (next(r)) return r->e->code;
    while (r->event->type != FYET_MAPPING_END) {
        const char *text;
        bool quoted;
        char name[2 * CONFIG_NAME_SIZE];
        if (scalar(r, section, "a key", &text, &quoted)) return r->e->code;
        snprintf(name, sizeof name, "%s.%s", section, text);
        int key = config_find(name);
        if (key < 0) {
            const char *meant = config_nearest(name);
            return meant ? fail(r, place(r), "unknown key '%s': did you mean '%s'?", name, meant)
                         : fail(r, place(r), "unknown key '%s'; `nerve config keys` lists them", name);
        }
        if (r->seen[key]) return fail(r, place(r), "key '%s' stands a second time; the first is in line %d", name, r->seen[key]);
        r->seen[key] = line_of(r);
        r->c->origin[key] = r->seen[key];
        size_t at = place(r);
        if (next(r) || read_value(r, key, at) || next(r)) return r->e->code;
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
        return fail(r, place(r), "'%s' stands below its section: write '%.*s:', and below it, indented, '%s: ...'", name,
                    (int)strcspn(name, "."), name, strchr(name, '.') + 1);
    if (meant) return fail(r, place(r), "unknown section '%.100s': did you mean '%s'?", name, meant);
    char all[256] = "";
    for (size_t i = 0, used = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", list[i]);
    return fail(r, place(r), "unknown section '%.100s': there are %s", name, all);
}

static int read_sections(struct reader *r)
{
    char names[CONFIG_KEY_ROOM][CONFIG_NAME_SIZE];
    const char *list[CONFIG_KEY_ROOM];
    size_t n = list_sections(names, list);
    bool seen[CONFIG_KEY_ROOM] = {false};
    if (next(r)) return r->e->code;
    while (r->event->type != FYET_MAPPING_END) {
        const char *text;
        bool quoted;
        size_t at = 0;
        if (scalar(r, "the configuration", "the name of a section", &text, &quoted)) return r->e->code;
        while (at < n && strcmp(list[at], text) != 0) at++;
        if (at == n) return unknown_section(r, text, list, n);
        if (seen[at]) return fail(r, place(r), "section '%s' stands a second time", text);
        seen[at] = true;
        if (next(r)) return r->e->code;
        if (r->event->type == FYET_MAPPING_START) {
            if (read_section(r, list[at])) return r->e->code;
        } else {
            if (scalar(r, list[at], "a map of keys", &text, &quoted)) return r->e->code;
            if (!is_nothing(text, quoted)) return fail(r, place(r), "expected the keys of section '%s', found '%.100s'", list[at], text);
        }
        if (next(r)) return r->e->code;
    }
    return 0;
}

/* stream start, at most one document, stream end. An empty file says nothing, which is fine. */
static int read_stream(struct reader *r)
{
    const char *text;
    bool quoted;
    if (next(r) || next(r)) return r->e->code;
    if (r->event->type == FYET_STREAM_END) return 0;
    if (next(r)) return r->e->code;
    if (r->event->type == FYET_MAPPING_START) {
        if (read_sections(r)) return r->e->code;
    } else {
        if (scalar(r, "the configuration", "a map of sections", &text, &quoted)) return r->e->code;
        if (!is_nothing(text, quoted)) return fail(r, place(r), "expected a map of sections, found '%.100s'", text);
    }
    if (next(r) || next(r)) return r->e->code;
    return r->event->type == FYET_STREAM_END ? 0 : fail(r, place(r), "a second document: a configuration is one");
}

int config_read_text(const char *text, size_t size, const char *name, struct nerve_config *c, struct err *e)
{
    struct reader r = {.text = text, .name = name, .size = size, .c = c, .e = e};
    int code;
    if (size > LARGEST_FILE) return err_set(e, ERR_CONFIG, "%.200s: more than %d bytes, which no configuration has", name, LARGEST_FILE);
    if ((code = check_bytes(&r))) return code;
    struct fy_diag_cfg diag = {.level = FYET_ERROR, .module_mask = ~0u};
    r.diag = fy_diag_create(&diag);
    if (!r.diag) return err_set(e, ERR_INTERNAL, "%.200s: out of memory", name);
    fy_diag_set_collect_errors(r.diag, true);
    struct fy_parse_cfg parse = {.search_path = "", .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = r.diag};
    r.parser = fy_parser_create(&parse);
    if (!r.parser || fy_parser_set_string(r.parser, text, size)) {
        code = err_set(e, ERR_INTERNAL, "%.200s: out of memory", name);
        goto done;
    }
    snprintf(c->file, sizeof c->file, "%s", name);
    code = read_stream(&r);
done:
    if (r.parser) fy_parser_event_free(r.parser, r.event);
    fy_parser_destroy(r.parser);
    fy_diag_destroy(r.diag);
    return code;
}

int config_read_file(const char *path, struct nerve_config *c, struct err *e)
{
    char *text;
    size_t size;
    int code = file_read(path, LARGEST_FILE, &text, &size, e);
    if (code == ERR_DATA) return e->code = ERR_CONFIG;
    if (code) return code;
    code = config_read_text(text, size, path, c, e);
    free(text);
    return code;
}
