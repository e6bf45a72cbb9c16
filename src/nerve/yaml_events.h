/* yaml_events.h - the events of a YAML file, one after another, for whoever reads a file that people write; and messages that point into
 * it.
 *
 * A message is ERR_CONFIG: file:line:col, what is wrong, and below it the line and a caret. Refused before anybody sees an event: anchors,
 * aliases, tags, bytes that are no printable UTF-8, tabs in the indentation, carriage returns inside a line,
 * more than YAML_LARGEST bytes.
 */
#ifndef NERVE_YAML_EVENTS_H
#define NERVE_YAML_EVENTS_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>

enum { YAML_LARGEST = 64 * 1024 };

enum yaml_kind { YAML_MAP, YAML_MAP_END, YAML_LIST, YAML_LIST_END, YAML_SCALAR, YAML_OTHER };

struct yaml {
    const char *text, *name; /* borrowed, as long as it is open */
    size_t size;
    struct err *e;
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_event *event; /* the current one */
    enum yaml_kind kind;    /* its kind */
};

/* name stands for the path. End with yaml_close, also where it failed. */
int yaml_open(const char *text, size_t size, const char *name, struct yaml *y, struct err *e);
void yaml_close(struct yaml *y);

/* All that give an int: 0, or the code of the error that stands in *e. */

/* To the first event of the only document: *empty where the file says nothing. */
int yaml_begin(struct yaml *y, bool *empty);
/* Behind the last event of the document: there is no second one. what: "a configuration is one". */
int yaml_end(struct yaml *y, const char *what);
int yaml_next(struct yaml *y);

/* The current event as text, until the next one; fails where it is none. where: the key or section that it belongs to. */
int yaml_scalar(struct yaml *y, const char *where, const char *expected, const char **text, bool *quoted);
bool yaml_is_nothing(const char *text, bool quoted); /* what YAML calls null */

size_t yaml_place(const struct yaml *y); /* of the current event, for yaml_fail */
int yaml_line(const struct yaml *y);
/* The message, and below it the line and a caret under its byte `at`. */
int yaml_fail(struct yaml *y, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
