/* json.c - json.h over jansson: a struct json is a json_t under another name. */
#include "json.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson has macros of these names. */
#undef json_is_object
#undef json_is_array

enum { DEPTH_MAX = 64 };

static json_t *in(const struct json *v)
{
    union {
        const struct json *outside;
        json_t *inside;
    } cast = {v};
    return cast.inside;
}

static struct json *out(json_t *v)
{
    if (!v) abort();
    return (struct json *)v;
}

/* jansson's own limit, 2048 by recursion, is fixed when it is built. Counts brackets outside of strings: of a text that is no JSON it may
 * say anything, which the parser then says better. */
static bool is_too_deep(const char *text, size_t size, int *line)
{
    int depth = 0;
    bool in_string = false;
    *line = 1;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (c == '\n') ++*line;
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > DEPTH_MAX) return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

int json_parse(const char *text, size_t size, const char *name, struct json **value, struct err *e)
{
    int line;
    json_error_t error;
    if (is_too_deep(text, size, &line)) return err_set(e, ERR_DATA, "%s:%d: JSON nested deeper than %d levels", name, line, DEPTH_MAX);
    json_t *v = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!v) return err_set(e, ERR_DATA, "%s:%d:%d: not valid JSON: %s", name, error.line, error.column, error.text);
    *value = out(v);
    return 0;
}

void json_free(struct json *v)
{
    json_decref(in(v));
}

static bool is(const struct json *v, json_type type)
{
    return v && json_typeof(in(v)) == type;
}

bool json_is_object(const struct json *v)
{
    return is(v, JSON_OBJECT);
}

bool json_is_array(const struct json *v)
{
    return is(v, JSON_ARRAY);
}

bool json_read_null(const struct json *v)
{
    return is(v, JSON_NULL);
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(in(object), key);
}

size_t json_size(const struct json *v)
{
    return is(v, JSON_OBJECT) ? json_object_size(in(v)) : json_array_size(in(v));
}

const struct json *json_at(const struct json *array, size_t i)
{
    return (const struct json *)json_array_get(in(array), i);
}

bool json_read_integer(const struct json *v, int64_t *x)
{
    if (!is(v, JSON_INTEGER)) return false;
    *x = json_integer_value(in(v));
    return true;
}

bool json_read_number(const struct json *v, double *x)
{
    if (!is(v, JSON_INTEGER) && !is(v, JSON_REAL)) return false;
    *x = json_number_value(in(v));
    return true;
}

bool json_read_boolean(const struct json *v, bool *x)
{
    if (!is(v, JSON_TRUE) && !is(v, JSON_FALSE)) return false;
    *x = is(v, JSON_TRUE);
    return true;
}

const char *json_text(const struct json *v)
{
    return json_string_value(in(v));
}

int json_each(const struct json *object, json_member visit, void *context, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(in(object), key, value)
    {
        const int stopped = visit(context, key, (const struct json *)value, e);
        if (stopped) return stopped;
    }
    return 0;
}

struct json *json_new_object(void)
{
    return out(json_object());
}

struct json *json_new_array(void)
{
    return out(json_array());
}

static size_t utf8_length(unsigned char first)
{
    return first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

/* A path may hold any byte, JSON only UTF-8: what is none becomes U+FFFD, byte by byte. */
static json_t *new_string(const char *s)
{
    json_t *whole = json_string(s);
    if (whole) return whole;
    char *clean = malloc(3 * strlen(s) + 1), *end = clean;
    if (!clean) abort();
    while (*s) {
        const size_t length = utf8_length((unsigned char)*s);
        json_t *character = length && strnlen(s, length) == length ? json_stringn(s, length) : NULL;
        const size_t taken = character ? length : 1;
        const char *from = character ? s : "\xEF\xBF\xBD";
        end = mempcpy(end, from, character ? length : 3);
        json_decref(character);
        s += taken;
    }
    *end = 0;
    whole = json_string(clean);
    free(clean);
    return whole;
}

static json_t *new_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void set(struct json *object, const char *key, json_t *value)
{
    if (json_object_set_new(in(object), key, value)) abort();
}

static void append(struct json *array, json_t *value)
{
    if (json_array_append_new(in(array), value)) abort();
}

void json_set(struct json *object, const char *key, struct json *value)
{
    set(object, key, in(value));
}

void json_set_integer(struct json *object, const char *key, int64_t x)
{
    set(object, key, json_integer(x));
}

void json_set_number(struct json *object, const char *key, double x)
{
    set(object, key, new_number(x));
}

void json_set_boolean(struct json *object, const char *key, bool x)
{
    set(object, key, x ? json_true() : json_false());
}

void json_set_string(struct json *object, const char *key, const char *s)
{
    set(object, key, new_string(s));
}

struct json *json_new_string(const char *s)
{
    return out(new_string(s));
}

struct json *json_new_integer(int64_t x)
{
    return out(json_integer(x));
}

void json_set_text(struct json *object, const char *key, const char *s, size_t size)
{
    json_t *text = json_stringn(s, size);
    if (!text) abort();
    set(object, key, text);
}

struct json *json_share(const struct json *v)
{
    return out(json_incref(in(v)));
}

void json_append(struct json *array, struct json *value)
{
    append(array, in(value));
}

void json_append_integer(struct json *array, int64_t x)
{
    append(array, json_integer(x));
}

void json_append_number(struct json *array, double x)
{
    append(array, new_number(x));
}

void json_append_boolean(struct json *array, bool x)
{
    append(array, json_boolean(x));
}

void json_append_string(struct json *array, const char *s)
{
    append(array, new_string(s));
}

/* A number of 17 digits, as 0.10000000000000001, becomes the shortest that gives it back. Gives the length at `to`. */
static size_t put_shorter(const char *number, size_t size, char *to)
{
    const bool is_real = memchr(number, '.', size) || memchr(number, 'e', size);
    const double x = strtod(number, NULL);
    for (int digits = 15; digits <= 16 && is_real; digits++) {
        char shorter[32];
        const int n = snprintf(shorter, sizeof shorter, "%.*g", digits, x);
        if ((size_t)n < size && strpbrk(shorter, ".e") && strtod(shorter, NULL) == x) {
            memcpy(to, shorter, (size_t)n);
            return (size_t)n;
        }
    }
    memmove(to, number, size);
    return size;
}

static void shorten_numbers(char *text)
{
    char *to = text;
    bool in_string = false;
    for (const char *at = text; *at;) {
        const size_t size = in_string || !strchr("-0123456789", *at) ? 0 : strspn(at, "-+.0123456789e");
        if (size > 0) {
            to += put_shorter(at, size, to);
            at += size;
            continue;
        }
        if (in_string && *at == '\\')
            *to++ = *at++;
        else if (*at == '"')
            in_string = !in_string;
        *to++ = *at++;
    }
    *to = '\0';
}

char *json_dump(const struct json *v, int indent)
{
    char *text = json_dumps(in(v), JSON_ENCODE_ANY | (indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT) | JSON_REAL_PRECISION(17));
    if (!text) abort();
    shorten_numbers(text);
    return text;
}
