#include "features_identity.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_digest(struct json *json, const char *key, const struct hash *digest)
{
    char hex[33];
    hash_hex(digest, hex);
    json_set_string(json, key, hex);
}

/* Takes json. */
static char *text_of(struct json *json)
{
    char *text = json_dump(json, 2);
    json_free(json);
    return text;
}

char *features_identity_of_pictures(const struct visual_shape *s, const struct hash *weights)
{
    struct json *json = json_new_object(), *preprocessing = NULL;
    char *pipeline = picture_pipeline_text(&s->pipeline);
    struct err ignored = {0};
    json_set_string(json, "source", "pictures");
    json_set(json, "model", vit_config_to_json(&s->vit));
    set_digest(json, "weights", weights);
    if (pipeline && !json_parse(pipeline, strlen(pipeline), "preprocessing", &preprocessing, &ignored))
        json_set(json, "preprocessing", preprocessing);
    json_set_boolean(json, "exif_orientation", s->turn);
    free(pipeline);
    return text_of(json);
}

char *features_identity_of_captions(const struct pretrained *p, bool lower_case, int caption_length)
{
    struct json *json = json_new_object();
    const struct hash vocabulary = hash_bytes(p->vocabulary, p->vocabulary_size);
    json_set_string(json, "source", "captions");
    json_set(json, "model", bert_config_to_json(&p->config));
    set_digest(json, "weights", &p->digest);
    set_digest(json, "vocabulary", &vocabulary);
    json_set_boolean(json, "lower_case", lower_case);
    json_set_integer(json, "caption_length", caption_length);
    return text_of(json);
}

/* ---- what differs ---- */

enum { NAME_SIZE = 128, VALUE_SIZE = 120 };

struct comparison {
    const struct json *wanted;
    char name[NAME_SIZE]; /* of the first member that differs: "model.output.layer"; "" */
    char found_text[VALUE_SIZE], wanted_text[VALUE_SIZE];
};

static void show(const struct json *value, char text[VALUE_SIZE])
{
    char *dump = value ? json_dump(value, 0) : NULL;
    snprintf(text, VALUE_SIZE, "%.*s", VALUE_SIZE - 1, dump ? dump : "absent");
    free(dump);
}

static bool is_same(const struct json *a, const struct json *b)
{
    char *x = json_dump(a, 0), *y = b ? json_dump(b, 0) : NULL;
    const bool same = x && y && strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

/* The value stays good: it belongs to an object that the caller holds. */
static int compare(void *context, const char *key, const struct json *value, struct err *e)
{
    struct comparison *c = context;
    const struct json *wanted = json_get(c->wanted, key);
    if (is_same(value, wanted)) return 0;
    const size_t length = strlen(c->name);
    snprintf(c->name + length, NAME_SIZE - length, "%s%.60s", length ? "." : "", key);
    show(value, c->found_text);
    show(wanted, c->wanted_text);
    c->wanted = wanted;
    if (json_is_object(value) && json_is_object(wanted)) json_each(value, compare, c, e);
    return ERR_CONFIG; /* no other member is looked at */
}

int features_check_identity(const char *path, const char *found, const char *wanted, const char *who, struct err *e)
{
    struct json *a = NULL, *b = NULL;
    struct comparison c = {0};
    if (strcmp(found, wanted) == 0) return 0;
    int code = json_parse(found, strlen(found), path, &a, e);
    if (!code) code = json_parse(wanted, strlen(wanted), path, &b, e);
    if (!code) {
        struct err inner = {0};
        c.wanted = b;
        json_each(a, compare, &c, &inner);
        code = err_set(e, ERR_CONFIG, "%s: features of another encoder or preprocessing: %s is %s here, %s features where it is %s", path,
                       c.name[0] ? c.name : "their description", c.found_text, who, c.wanted_text);
    }
    json_free(a);
    json_free(b);
    return code;
}
