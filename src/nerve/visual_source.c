#include "visual_source.h"
#include "features_identity.h"
#include "files.h"
#include "log.h"
#include "visual_shape.h"
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
    if (v->kind == SOURCE_CAPTION)
        code = captions_read(v->path, &v->captions, e);
    else if (v->kind == SOURCE_FEATURES)
        code = features_open(v->path, &v->features, e);
    else
        code = picture_folder_open(v->path, &v->folder, e);
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

/* ---- a split ---- */

static int out_of_memory(const struct split *s, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "%s: out of memory for what %d tweets show", s->data.path, s->data.n_tweets);
}

static int see_captions(struct split *s, const struct visual_source *v, const struct model *m, struct err *e)
{
    const char **text = calloc((size_t)s->data.n_tweets + 1, sizeof *text);
    if (!text) return out_of_memory(s, e);
    for (int i = 0; i < s->data.n_tweets; i++) text[i] = captions_find(&v->captions, s->data.tweets[i].id);
    const struct bert_config *encoder = &m->shape.encoder;
    const int length = visual_shape_caption_length(m->shape.visual.caption_length, encoder);
    int code = visual_of_captions(s->data.n_tweets, text, m->wordpiece, length, &s->visual, e);
    free(text);
    if (!code && m->shape.fusion == FUSION_APPEND)
        code = encoded_append(&s->encoded, &s->visual, encoder->max_positions - encoder->position_offset, e);
    return code;
}

struct bad_pictures {
    int n;
    char first[512];
};

static void note_bad(void *context, int tweet, const char *message)
{
    struct bad_pictures *b = context;
    (void)tweet;
    if (b->n++ == 0) snprintf(b->first, sizeof b->first, "%s", message);
    log_warning("%s: not used", message);
}

static int see_pictures(struct split *s, const struct visual_source *v, const struct model *m, struct err *e)
{
    struct bad_pictures bad = {0};
    s->picture_names = calloc((size_t)s->data.n_tweets + 1, sizeof *s->picture_names);
    if (!s->picture_names) return out_of_memory(s, e);
    for (int i = 0; i < s->data.n_tweets; i++) s->picture_names[i] = s->data.tweets[i].id;
    int code = visual_of_pictures(s->data.n_tweets, s->picture_names, v->folder, false, m->shape.visual.turn, &m->shape.visual.pipeline,
                                  vit_tokens(&m->shape.visual.vit), ag_threads(), note_bad, &bad, &s->visual, e);
    if (code) return code;
    if (bad.n > 0 && v->refuse_bad)
        return err_set(e, ERR_DATA,
                       "%s (and %d more in this split): mend it, or let tweets go without such pictures by data.bad_image=drop", bad.first,
                       bad.n - 1);
    if (bad.n > 0) log_warning("%s: %d pictures cannot be used: their tweets go without", s->data.path, bad.n);
    return 0;
}

/* A record that is damaged is an error, as a picture is that cannot be used now: it was good when the file was made. */
static int see_features(struct split *s, const struct visual_source *v, struct err *e)
{
    const int n = s->data.n_tweets;
    const float **values = calloc((size_t)n + 1, sizeof *values);
    int32_t *count = calloc((size_t)n + 1, sizeof *count);
    int code = values && count ? 0 : out_of_memory(s, e);
    for (int i = 0; i < n && !code; i++) {
        struct err failed = {0};
        code = features_find(v->features, s->data.tweets[i].id, &count[i], &values[i], &failed);
        if (code == ERR_NOINPUT)
            code = 0;
        else if (code)
            *e = failed;
    }
    if (!code) code = visual_of_features(n, values, count, features_source(v->features).width, &s->visual, e);
    free(values);
    free(count);
    return code;
}

int split_see(struct split *s, const struct visual_source *v, const struct model *m, struct err *e)
{
    static const char *const THINGS[] = {
        [SOURCE_VIT] = "a picture", [SOURCE_CLIP] = "a picture", [SOURCE_CAPTION] = "a caption", [SOURCE_FEATURES] = "features"};
    if (v->kind == SOURCE_NONE) return 0;
    int code = v->kind == SOURCE_CAPTION    ? see_captions(s, v, m, e)
               : v->kind == SOURCE_FEATURES ? see_features(s, v, e)
                                            : see_pictures(s, v, m, e);
    if (!code)
        log_info("%s: %d of %d tweets have %s in %s", s->data.path, visual_count(&s->visual), s->data.n_tweets, THINGS[v->kind], v->path);
    return code;
}
