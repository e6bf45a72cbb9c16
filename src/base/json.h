/* json.h - JSON values, read and written. The only room that knows jansson, whose symbols no name here may repeat.
 *
 * A value that json_new_object, json_new_array or json_parse gave must be freed; a value put into another belongs to it. Everything that
 * json_get or json_at gives is borrowed. Building never fails but for memory, which aborts (metrics and reports are small).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* Refuses duplicate keys, trailing bytes, bad UTF-8, and nesting deeper than 64. name stands in the message, with line and column. */
int json_parse(const char *text, size_t size, const char *name, struct json **value, struct err *e);
void json_free(struct json *v);

bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_read_null(const struct json *v);                               /* it is null: false where absent */
const struct json *json_get(const struct json *object, const char *key); /* NULL where absent or not an object */
size_t json_size(const struct json *v);                                  /* members or elements */
const struct json *json_at(const struct json *array, size_t i);
bool json_read_integer(const struct json *v, int64_t *x); /* false where it is no integer (NULL included) */
bool json_read_number(const struct json *v, double *x);
bool json_read_boolean(const struct json *v, bool *x);
const char *json_text(const struct json *v); /* NULL where it is no string */
typedef int (*json_member)(void *context, const char *key, const struct json *value, struct err *e);
int json_each(const struct json *object, json_member visit, void *context, struct err *e); /* in the file's order, until a visit is not 0 */

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *s);
struct json *json_new_integer(int64_t x);
void json_set(struct json *object, const char *key, struct json *value); /* takes value */
void json_set_integer(struct json *object, const char *key, int64_t x);
void json_set_number(struct json *object, const char *key, double x); /* null where x is not finite: JSON has no word for it */
void json_set_boolean(struct json *object, const char *key, bool x);
void json_set_string(struct json *object, const char *key, const char *s);
void json_set_text(struct json *object, const char *key, const char *s, size_t size); /* size bytes of UTF-8, without a NUL behind them */
struct json *json_share(const struct json *v); /* the same value once more, which must be freed or given away too; nobody may change it */
void json_append(struct json *array, struct json *value); /* takes value */
void json_append_integer(struct json *array, int64_t x);
void json_append_number(struct json *array, double x);
void json_append_boolean(struct json *array, bool x);
void json_append_string(struct json *array, const char *s);

/* Members in the order of insertion, numbers with the fewest of 15 to 17 digits that give them back. indent 0: one line. Free the text. */
char *json_dump(const struct json *v, int indent);

#endif
