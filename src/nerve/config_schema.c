/* config_schema.c - the table of keys as JSON Schema (draft 2020-12), for editors and other programs that check a configuration. A map's
 * names are free; all else that is not in the table is refused. */
#include "config.h"
#include "json.h"
#include <stdlib.h>
#include <string.h>

/* A choice of the words true and false is a boolean to whoever reads YAML by its own rules. */
static struct json *words_json(const char *const *words)
{
    struct json *all = json_new_array();
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], "true") == 0 || strcmp(words[i], "false") == 0)
            json_append_boolean(all, words[i][0] == 't');
        else
            json_append_string(all, words[i]);
    }
    return all;
}

static struct json *value_schema(const struct config_key *k)
{
    struct json *v = json_new_object(), *names;
    json_set_string(v, "description", k->about);
    switch (k->type) {
    case CONFIG_INTEGER:
    case CONFIG_SEED:
        json_set_string(v, "type", "integer");
        json_set_integer(v, "minimum", (int64_t)k->low);
        json_set_integer(v, "maximum", (int64_t)k->high);
        json_set_integer(v, "default", strtoll(k->initial, NULL, 10));
        break;
    case CONFIG_NUMBER:
        json_set_string(v, "type", "number");
        json_set_number(v, "minimum", k->low);
        json_set_number(v, "maximum", k->high);
        json_set_number(v, "default", strtod(k->initial, NULL));
        break;
    case CONFIG_BOOLEAN:
        json_set_string(v, "type", "boolean");
        json_set_boolean(v, "default", strcmp(k->initial, "true") == 0);
        break;
    case CONFIG_CHOICE:
        json_set(v, "enum", words_json(k->words));
        json_set_string(v, "default", k->initial);
        break;
    case CONFIG_TEXT:
        json_set_string(v, "type", "string");
        json_set_integer(v, "minLength", k->initial[0] ? 1 : 0);
        json_set_string(v, "default", k->initial);
        break;
    case CONFIG_MAP:
        json_set_string(v, "type", "object");
        names = json_new_object();
        json_set_string(names, "type", "string");
        json_set_integer(names, "minLength", 1);
        json_set(v, "additionalProperties", names);
        json_set_integer(v, "maxProperties", CONFIG_MAP_SIZE);
        json_set(v, "default", json_new_object());
        break;
    }
    return v;
}

static struct json *object_schema(struct json *properties)
{
    struct json *v = json_new_object();
    json_set_string(v, "type", "object");
    json_set_boolean(v, "additionalProperties", false);
    json_set(v, "properties", properties);
    return v;
}

struct json *config_schema(void)
{
    struct json *sections = json_new_object(), *keys = NULL;
    const char *before = "";
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        const char *dot = strchr(k->name, '.');
        size_t n = (size_t)(dot - k->name);
        if (strncmp(before, k->name, n + 1) != 0) {
            char name[CONFIG_NAME_SIZE] = "";
            strncat(name, k->name, n);
            json_set(sections, name, object_schema(keys = json_new_object()));
        }
        before = k->name;
        json_set(keys, dot + 1, value_schema(k));
    }
    struct json *v = object_schema(sections);
    json_set_string(v, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_set_string(v, "title", "A configuration of nerve");
    return v;
}
