#include "features_identity.h"
#include "files.h"
#include "log.h"
#include "visual_look.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_file(const struct nerve_config *c, const struct model_shape *s, const char *directory, struct visual_source *v,
                     struct err *e)
{
    static const char *const KEYS[] = {[SOURCE_VIT] = "data.images",
                                       [SOURCE_CLIP] = "data.images",
                                       [SOURCE_CAPTION] = "data.captions",
                                       [SOURCE_FEATURES] = "data.features"};
    const char *name = v->kind == SOURCE_CAPTION ? c->data.captions : v->kind == SOURCE_FEATURES ? c->data.features : c->data.images;
    int code = path_join(v->path, sizeof v->path, directory ? directory : c->data.dir, name, e);
    if (code) return code;
    if (v->kind == SOURCE_CAPTION) {
        code = captions_read(v->path, &v->captions, e);
        if (!code && v->captions.n == 0) log_warning("%s holds no caption: every tweet goes without", v->path);
    } else if (v->kind == SOURCE_FEATURES) {
        code = features_open(v->path, &v->features, e);
    } else {
        code = picture_folder_open(v->path, &v->folder, e);
    }
    if (code == ERR_NOINPUT) return err_prefix(e, "%s: ", KEYS[v->kind]);
    if (code || v->kind != SOURCE_FEATURES) return code;
    const struct features_source source = features_source(v->features);
    if ((code = features_check_identity(v->path, source.identity, s->visual.identity, "the model was trained on", e))) return code;
    return source.width == s->visual.width
               ? 0
               : err_set(e, ERR_DATA, "%s: features of width %d for a model that takes %d", v->path, source.width, s->visual.width);
}

int visual_source_open(const struct nerve_config *c, const struct model_shape *s, const char *directory, struct visual_source *out,
                       struct err *e)
{
    struct visual_source v = {.kind = s->visual.source, .refuse_bad = c->data.bad_image == CONFIG_BAD_IMAGE_ERROR};
    int code = v.kind == SOURCE_NONE ? 0 : open_file(c, s, directory, &v, e);
    if (code)
        visual_source_close(&v);
    else
        *out = v;
    return code;
}

void visual_source_close(struct visual_source *v)
{
    captions_free(&v->captions);
    picture_folder_close(v->folder);
    features_close(v->features);
    *v = (struct visual_source){0};
}

int visual_source_open_at(const struct nerve_config *c, const struct model_shape *s, const char *path, struct visual_source *out,
                          struct err *e)
{
    const enum config_visual kind = s->visual.source;
    struct nerve_config own = *c;
    char *key = kind == SOURCE_CAPTION ? own.data.captions : kind == SOURCE_FEATURES ? own.data.features : own.data.images;
    if (strlen(path) >= CONFIG_TEXT_SIZE) return err_set(e, ERR_NOINPUT, "%.100s...: the path is too long", path);
    strcpy(key, path);
    return visual_source_open(&own, s, "", out, e);
}

int visual_source_open_if_there(const struct nerve_config *c, const struct model_shape *s, struct visual_source *out, struct err *e)
{
    static const char *const THINGS[] = {
        [SOURCE_VIT] = "pictures", [SOURCE_CLIP] = "pictures", [SOURCE_CAPTION] = "captions", [SOURCE_FEATURES] = "features"};
    const enum config_visual kind = s->visual.source;
    const char *key = kind == SOURCE_CAPTION ? c->data.captions : kind == SOURCE_FEATURES ? c->data.features : c->data.images;
    struct err missing = {0};
    *out = (struct visual_source){.kind = kind, .refuse_bad = c->data.bad_image == CONFIG_BAD_IMAGE_ERROR};
    if (kind == SOURCE_NONE) return 0;
    if (c->data.dir[0] && key[0]) {
        const int code = visual_source_open(c, s, NULL, out, &missing);
        if (!code) return 0;
        if (code != ERR_NOINPUT) {
            *e = missing;
            return code;
        }
    }
    log_warning("the model looks at %s and none are known%s%s: texts are predicted without", THINGS[kind], missing.text[0] ? ": " : "",
                missing.text);
    return 0;
}

const char *visual_given_path(const struct visual_given *given, const struct model_shape *s)
{
    const enum config_visual kind = s->visual.source;
    const struct {
        const char *option, *path;
        bool is_looked_at;
    } options[] = {
        {"--images", given->images, kind == SOURCE_VIT || kind == SOURCE_CLIP},
        {"--captions", given->captions, kind == SOURCE_CAPTION},
        {"--features", given->features, kind == SOURCE_FEATURES},
    };
    const char *path = NULL;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        if (options[k].is_looked_at)
            path = options[k].path;
        else if (options[k].path)
            log_warning("%s is not used: the model does not look at it", options[k].option);
    }
    return path;
}

/* ---- a split ---- */

struct bad_looks {
    int n;
    char first[512];
};

static void note_bad(void *context, int tweet, const char *message)
{
    struct bad_looks *b = context;
    (void)tweet;
    if (b->n++ == 0) snprintf(b->first, sizeof b->first, "%s", message);
    log_warning("%s: not used", message);
}

int split_see(struct split *s, const struct visual_source *v, const struct model *m, struct err *e)
{
    static const char *const THINGS[] = {
        [SOURCE_VIT] = "a picture", [SOURCE_CLIP] = "a picture", [SOURCE_CAPTION] = "a caption", [SOURCE_FEATURES] = "features"};
    const int n = s->data.n_tweets;
    struct bad_looks bad = {0};
    if (v->kind == SOURCE_NONE) return 0;
    struct visual_look *looks = calloc((size_t)n + 1, sizeof *looks);
    if (!looks) return err_set(e, ERR_INTERNAL, "%s: out of memory for what %d tweets show", s->data.path, n);
    for (int i = 0; i < n; i++) looks[i].id = s->data.tweets[i].id;
    int code = visual_look_up(v, m, n, looks, note_bad, &bad, &s->encoded, &s->visual, e);
    free(looks);
    if (code) return code;
    /* A damaged record was good when the file was made: another file is needed. */
    if (bad.n > 0 && v->kind == SOURCE_FEATURES) return err_set(e, ERR_DATA, "%s", bad.first);
    if (bad.n > 0 && v->refuse_bad)
        return err_set(e, ERR_DATA, "%s (of %d such pictures in %s): mend it, or let tweets go without by data.bad_image=drop", bad.first,
                       bad.n, s->data.path);
    if (bad.n > 0) log_warning("%s: %d pictures cannot be used: their tweets go without", s->data.path, bad.n);
    log_info("%s: %d of %d tweets have %s in %s", s->data.path, visual_count(&s->visual), n, THINGS[v->kind], v->path);
    return 0;
}
