#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "ag.h"
#include "copied_folder.h"
#include "files.h"
#include "json.h"
#include "reference.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char folder[PATH_MAX];

int copied_folder_set_up(void **state)
{
    struct err e = {0};
    (void)state;
    return temporary_folder(folder) || ag_start(2, &e) ? -1 : 0;
}

int copied_folder_tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

char *model_type_of(const char *path)
{
    char name[PATH_MAX + 16], *text;
    size_t size;
    struct err e = {0};
    struct json *json = NULL;
    snprintf(name, sizeof name, "%s/config.json", path);
    if (file_read(name, 1 << 20, &text, &size, &e) || json_parse(text, size, name, &json, &e)) fail_msg("%s", e.text);
    char *type = strdup(json_text(json_get(json, "model_type")));
    json_free(json);
    free(text);
    return type;
}

void copy_folder(const char *name)
{
    char command[5 * PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s/m' && cp -r '%s/%s' '%s/m' && chmod -R u+w '%s/m'", folder, reference_path("models"),
             name, folder, folder);
    assert_int_equal(system(command), 0);
}
void replace(const char *file, const char *from, const char *to)
{
    char path[PATH_MAX + 64], *bytes;
    size_t size;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/m/%s", folder, file);
    if (file_read(path, 1 << 28, &bytes, &size, &e)) fail_msg("%s", e.text);
    char *at = memmem(bytes, size, from, strlen(from));
    if (!at) fail_msg("no '%s' in %s", from, file);
    memcpy(at, to, strlen(to));
    if (file_write_bytes(path, bytes, size, &e)) fail_msg("%s", e.text);
    free(bytes);
}

void write_config_with(const char *key, const char *value)
{
    char path[PATH_MAX + 64], *text, changed[8192];
    size_t size;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/m/config.json", folder);
    if (file_read(path, 1 << 20, &text, &size, &e)) fail_msg("%s", e.text);
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    char *at = strstr(text, pattern), *end = at ? at + strcspn(at, ",\n}") : NULL;
    if (!at) fail_msg("config.json has no %s", key);
    int n = snprintf(changed, sizeof changed, "%.*s%s %s%s", (int)(at - text), text, pattern, value, end);
    if (file_write_bytes(path, changed, (size_t)n, &e)) fail_msg("%s", e.text);
    free(text);
}
