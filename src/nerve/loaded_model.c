#include "loaded_model.h"
#include "files.h"
#include "model_store.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_directory(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int checkpoint_find(const char *argument, char path[PATH_MAX], struct err *e)
{
    static const char *const CANDIDATES[] = {"checkpoints/best.h5", "checkpoints/last.h5", "checkpoints/previous.h5"};
    if (!is_directory(argument)) return path_join(path, PATH_MAX, "", argument, e);
    for (size_t k = 0; k < sizeof CANDIDATES / sizeof *CANDIDATES; k++) {
        int code = path_join(path, PATH_MAX, argument, CANDIDATES[k], e);
        if (code || file_exists(path)) return code;
    }
    return err_set(e, ERR_NOINPUT, "%s: no checkpoint in this run directory (checkpoints/best.h5, last.h5 or previous.h5)", argument);
}

/* config.yaml of the run to which RUN/checkpoints/X.h5 belongs; false where there is none. */
static bool find_config(const char *checkpoint, char path[PATH_MAX])
{
    const char *slash = strrchr(checkpoint, '/');
    int directory = slash ? (int)(slash - checkpoint) : 0,
        n = snprintf(path, PATH_MAX, "%.*s%s../config.yaml", directory, checkpoint, slash ? "/" : "");
    return n > 0 && n < PATH_MAX && file_exists(path);
}

int loaded_model_open(const char *run_or_checkpoint, struct loaded_model *out, struct err *e)
{
    char config[PATH_MAX];
    int code;
    *out = (struct loaded_model){0};
    if ((code = checkpoint_find(run_or_checkpoint, out->path, e)) || (code = checkpoint_open(out->path, &out->checkpoint, e)) ||
        (code = model_open(out->checkpoint, out->path, &out->model, e)))
        goto fail;
    config_default(&out->config);
    code = find_config(out->path, config) ? config_read_file(config, &out->config, e)
                                          : checkpoint_config(out->checkpoint, out->path, &out->config, e);
    if (!code) return 0;
fail:
    loaded_model_close(out);
    return code;
}

void loaded_model_close(struct loaded_model *m)
{
    model_free(&m->model);
    checkpoint_close(m->checkpoint);
    *m = (struct loaded_model){0};
}

/* ---- description ---- */

static int count_values(void *context, const struct array *a, struct err *e)
{
    (void)e;
    *(size_t *)context += a->size;
    return 0;
}

static int describe_texts(const struct checkpoint *c, const char *path, struct json *out, struct err *e)
{
    struct nerve_config config;
    struct json *encoder = NULL, *types;
    char *text = NULL, *rest = NULL;
    int code = checkpoint_text(c, "encoder", &text, e);
    if (!code) code = json_parse(text, strlen(text), path, &encoder, e);
    free(text);
    text = NULL;
    if (!code) code = checkpoint_text(c, "types", &text, e);
    if (!code) code = checkpoint_config(c, path, &config, e);
    if (code) {
        json_free(encoder);
        free(text);
        return code;
    }
    types = json_new_array();
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) json_append_string(types, line);
    json_set(out, "types", types);
    json_set(out, "encoder", encoder);
    json_set(out, "config", config_json(&config, CONFIG_PAYLOAD));
    free(text);
    return 0;
}

/* How many of its values a run trains. */
static int count_trainable(const struct checkpoint *c, const char *path, int64_t *n, struct err *e)
{
    struct nerve_config config;
    struct model m;
    int code = checkpoint_config(c, path, &config, e);
    if (code || (code = model_open(c, path, &m, e))) return code;
    model_place(&m, &config);
    *n = (int64_t)model_trainable(&m);
    model_free(&m);
    return 0;
}

static int describe(const struct checkpoint *c, const char *path, struct json *out, struct err *e)
{
    static const char *const INTEGERS[] = {"format", "step", "updates", "epochs", "skipped", "best_epoch"};
    char hex[33];
    int64_t x, trainable = 0;
    double f1, T = NAN;
    size_t parameters = 0;
    int code = checkpoint_check_format(c, e);
    struct hash digest = checkpoint_digest(c);
    hash_hex(&digest, hex);
    json_set_string(out, "path", path);
    json_set_string(out, "digest", hex);
    for (size_t k = 0; k < sizeof INTEGERS / sizeof *INTEGERS && !code; k++) {
        code = checkpoint_integer(c, INTEGERS[k], &x, e);
        if (!code) json_set_integer(out, INTEGERS[k], x);
    }
    if (code || (code = checkpoint_integer(c, "has_optimizer", &x, e)) || (code = checkpoint_number(c, "best_f1", &f1, e)) ||
        (checkpoint_has(c, "temperature") && (code = checkpoint_number(c, "temperature", &T, e))) ||
        (code = checkpoint_each(c, "/parameters", count_values, &parameters, e)) || (code = count_trainable(c, path, &trainable, e)))
        return code;
    json_set_number(out, "best_f1", f1);
    json_set_number(out, "temperature", T);
    json_set_boolean(out, "has_optimizer", x != 0);
    json_set_integer(out, "parameters", (int64_t)parameters);
    json_set_integer(out, "trainable", trainable);
    return describe_texts(c, path, out, e);
}

int checkpoint_describe(const char *run_or_checkpoint, struct json **out, struct err *e)
{
    char path[PATH_MAX];
    struct checkpoint *c = NULL;
    int code;
    if ((code = checkpoint_find(run_or_checkpoint, path, e)) || (code = checkpoint_open(path, &c, e))) return code;
    struct json *json = json_new_object();
    code = describe(c, path, json, e);
    checkpoint_close(c);
    if (code) {
        json_free(json);
        return code;
    }
    *out = json;
    return 0;
}
