/* yaml_events.c - see yaml_events.h. The only room that knows libfyaml, of which it uses the events: whoever reads refuses what is too deep
 * where it begins, before anything is built. */
#include "yaml_events.h"
#include "utf8.h"
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 100 };

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

int yaml_fail(struct yaml *y, size_t at, const char *format, ...)
{
    char what[400], shown[4 * SHOWN + 2 * SHOWN + 32];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    if (at > y->size) at = y->size;
    size_t start = at, end = at, column = 0;
    long line = 1;
    while (start > 0 && y->text[start - 1] != '\n') start--;
    while (end < y->size && y->text[end] != '\n' && y->text[end] != '\r') end++;
    for (size_t i = 0; i < start; i++) line += y->text[i] == '\n';
    for (size_t i = start; i < at; i++) column += ((unsigned char)y->text[i] & 0xC0) != 0x80;
    show_line(shown, sizeof shown, y->text + start, end - start, column);
    err_set(y->e, ERR_CONFIG, "%.200s:%ld:%zu: %s", y->name, line, column + 1, what);
    const size_t used = strlen(y->e->text);
    snprintf(y->e->text + used, sizeof y->e->text - used, "\n  %5ld | %s", line, shown);
    return ERR_CONFIG;
}

/* What libfyaml found: its first message; it counts lines from 1 and columns from 1. Some things it refuses without one: they stand behind
 * the event before, which begins at before. */
static int fail_as_diagnosed(struct yaml *y, size_t before)
{
    void *place = NULL;
    const struct fy_diag_error *d = fy_diag_errors_iterate(y->diag, &place);
    if (!d) return yaml_fail(y, before, "not valid YAML, here or right behind");
    size_t at = 0;
    for (int line = 1; line < d->line && at < y->size; at++) line += y->text[at] == '\n';
    for (int column = 1; column < d->column && at < y->size && y->text[at] != '\n'; column++) {
        uint32_t c;
        int n = utf8_decode(y->text + at, y->size - at, &c);
        at += n > 0 ? (size_t)n : 1;
    }
    return yaml_fail(y, at, "not valid YAML: %.300s", d->msg);
}

/* Bytes that no YAML parser needs to see. */
static int check_bytes(struct yaml *y)
{
    size_t valid = utf8_valid(y->text, y->size);
    bool indentation = true, tab = false;
    for (size_t i = 0; i < y->size; i++) {
        unsigned char x = (unsigned char)y->text[i];
        if (i == valid || (x < 0x20 && x != '\t' && x != '\n' && x != '\r') || x == 0x7F)
            return yaml_fail(y, i, "byte 0x%02X is no printable UTF-8", x);
        /* To YAML it ends a line, to an editor it does not: lines would be counted in two ways. */
        if (x == '\r' && (i + 1 == y->size || y->text[i + 1] != '\n'))
            return yaml_fail(y, i, "a carriage return inside the line: lines must end with LF or CR LF");
        if (x == '\n') {
            indentation = true;
            tab = false;
        } else if (indentation && (x == ' ' || x == '\t')) {
            tab = tab || x == '\t';
        } else {
            if (indentation && tab && x != '#' && x != '\r') return yaml_fail(y, i, "a tab in the indentation: YAML wants blanks");
            indentation = false;
        }
    }
    return 0;
}

size_t yaml_place(const struct yaml *y)
{
    const struct fy_mark *mark = fy_event_start_mark(y->event);
    return mark ? mark->input_pos : y->size;
}

int yaml_line(const struct yaml *y)
{
    const struct fy_mark *mark = fy_event_start_mark(y->event);
    return mark ? mark->line + 1 : 1;
}

static enum yaml_kind kind_of(const struct fy_event *event)
{
    switch (event->type) {
    case FYET_MAPPING_START:
        return YAML_MAP;
    case FYET_MAPPING_END:
        return YAML_MAP_END;
    case FYET_SEQUENCE_START:
        return YAML_LIST;
    case FYET_SEQUENCE_END:
        return YAML_LIST_END;
    case FYET_SCALAR:
        return YAML_SCALAR;
    default:
        return YAML_OTHER;
    }
}

int yaml_next(struct yaml *y)
{
    const size_t before = y->event ? yaml_place(y) : 0;
    fy_parser_event_free(y->parser, y->event);
    y->event = fy_parser_parse(y->parser);
    if (!y->event) return fail_as_diagnosed(y, before);
    if (y->event->type == FYET_ALIAS || fy_event_get_anchor_token(y->event))
        return yaml_fail(y, yaml_place(y), "anchors and aliases are not used here: write the value");
    if (fy_event_get_tag_token(y->event)) return yaml_fail(y, yaml_place(y), "tags are not used here: write the value alone");
    y->kind = kind_of(y->event);
    return 0;
}

int yaml_scalar(struct yaml *y, const char *where, const char *expected, const char **text, bool *quoted)
{
    if (y->kind != YAML_SCALAR)
        return yaml_fail(y, yaml_place(y), "%s: expected %s, found a %s", where, expected, y->kind == YAML_LIST ? "list" : "map");
    struct fy_token *token = fy_event_get_token(y->event);
    *quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    *text = token ? fy_token_get_text0(token) : "";
    if (!*text) return err_set(y->e, ERR_INTERNAL, "%.200s: out of memory", y->name);
    if (token && strlen(*text) != fy_token_get_text_length(token)) return yaml_fail(y, yaml_place(y), "a text with a zero byte");
    return 0;
}

bool yaml_is_nothing(const char *text, bool quoted)
{
    return !quoted && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

int yaml_open(const char *text, size_t size, const char *name, struct yaml *y, struct err *e)
{
    *y = (struct yaml){.text = text, .name = name, .size = size, .e = e, .kind = YAML_OTHER};
    int code;
    if (size > YAML_LARGEST) return err_set(e, ERR_CONFIG, "%.200s: more than %d bytes, which no configuration has", name, YAML_LARGEST);
    if ((code = check_bytes(y))) return code;
    struct fy_diag_cfg diag = {.level = FYET_ERROR, .module_mask = ~0u};
    y->diag = fy_diag_create(&diag);
    if (!y->diag) return err_set(e, ERR_INTERNAL, "%.200s: out of memory", name);
    fy_diag_set_collect_errors(y->diag, true);
    struct fy_parse_cfg parse = {.search_path = "", .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = y->diag};
    y->parser = fy_parser_create(&parse);
    if (!y->parser || fy_parser_set_string(y->parser, text, size)) return err_set(e, ERR_INTERNAL, "%.200s: out of memory", name);
    return 0;
}

void yaml_close(struct yaml *y)
{
    if (y->parser) fy_parser_event_free(y->parser, y->event);
    fy_parser_destroy(y->parser);
    fy_diag_destroy(y->diag);
    *y = (struct yaml){0};
}

/* stream start, at most one document, stream end. */
int yaml_begin(struct yaml *y, bool *empty)
{
    if (yaml_next(y) || yaml_next(y)) return y->e->code;
    *empty = y->event->type == FYET_STREAM_END;
    return *empty ? 0 : yaml_next(y);
}

int yaml_end(struct yaml *y, const char *what)
{
    if (yaml_next(y) || yaml_next(y)) return y->e->code;
    return y->event->type == FYET_STREAM_END ? 0 : yaml_fail(y, yaml_place(y), "a second document: %s", what);
}
