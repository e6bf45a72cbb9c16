#include "visual_look.h"
#include "visual_shape.h"
#include <stdio.h>
#include <stdlib.h>

bool visual_look_suits(enum config_visual source, const struct visual_look *look, char *why, size_t room)
{
    static const char *const TAKES[] = {[SOURCE_VIT] = "'image', a path below the folder of pictures",
                                        [SOURCE_CLIP] = "'image', a path below the folder of pictures",
                                        [SOURCE_CAPTION] = "'caption', the words of one",
                                        [SOURCE_FEATURES] = "stored features alone, which the 'id' finds"};
    const bool pictures = source == SOURCE_VIT || source == SOURCE_CLIP;
    if (source == SOURCE_NONE || ((!look->image || pictures) && (!look->caption || source == SOURCE_CAPTION))) return true;
    snprintf(why, room, "has %s: the model takes %s",
             !look->caption ? "an 'image'"
             : look->image  ? "both 'image' and 'caption'"
                            : "a 'caption'",
             TAKES[source]);
    return false;
}

static int out_of_memory(int n, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for what %d tweets show", n);
}

static int see_captions(const struct visual_source *v, const struct model *m, int n, const struct visual_look *looks, struct encoded *x,
                        struct visual *visual, struct err *e)
{
    const char **text = calloc((size_t)n + 1, sizeof *text);
    if (!text) return out_of_memory(n, e);
    for (int i = 0; i < n; i++) text[i] = looks[i].caption ? looks[i].caption : captions_find(&v->captions, looks[i].id);
    const struct bert_config *encoder = &m->shape.encoder;
    const int length = visual_shape_caption_length(m->shape.visual.caption_length, encoder);
    int code = visual_of_captions(n, text, m->wordpiece, length, visual, e);
    free(text);
    if (!code && m->shape.fusion == FUSION_APPEND) code = encoded_append(x, visual, encoder->max_positions - encoder->position_offset, e);
    return code;
}

static int see_pictures(const struct visual_source *v, const struct model *m, int n, const struct visual_look *looks, visual_report report,
                        void *context, struct visual *visual, struct err *e)
{
    const struct visual_shape *s = &m->shape.visual;
    const char **name = calloc((size_t)n + 1, sizeof *name);
    bool *by_path = calloc((size_t)n + 1, sizeof *by_path);
    int code = name && by_path ? 0 : out_of_memory(n, e);
    for (int i = 0; i < n && !code; i++) {
        by_path[i] = looks[i].image != NULL;
        if (v->folder)
            name[i] = by_path[i] ? looks[i].image : looks[i].id;
        else if (by_path[i])
            report(context, i, "no folder of pictures is known, below which 'image' could be");
    }
    if (!code)
        code = visual_of_pictures(n, name, v->folder, by_path, s->turn, &s->pipeline, vit_tokens(&s->vit), ag_threads(), report, context,
                                  visual, e);
    free(name);
    free(by_path);
    return code;
}

static int see_features(const struct visual_source *v, const struct model *m, int n, const struct visual_look *looks, visual_report report,
                        void *context, struct visual *visual, struct err *e)
{
    const float **values = calloc((size_t)n + 1, sizeof *values);
    int32_t *count = calloc((size_t)n + 1, sizeof *count);
    int code = values && count ? 0 : out_of_memory(n, e);
    for (int i = 0; i < n && !code && v->features; i++) {
        struct err failed = {0};
        code = features_find(v->features, looks[i].id, &count[i], &values[i], &failed);
        if (code == ERR_DATA) report(context, i, failed.text);
        if (code == ERR_DATA || code == ERR_NOINPUT) {
            values[i] = NULL;
            code = 0;
        } else if (code) {
            *e = failed;
        }
    }
    if (!code) code = visual_of_features(n, values, count, m->shape.visual.width, visual, e);
    free(values);
    free(count);
    return code;
}

int visual_look_up(const struct visual_source *v, const struct model *m, int n, const struct visual_look *looks, visual_report report,
                   void *context, struct encoded *x, struct visual *visual, struct err *e)
{
    switch (m->shape.visual.source) {
    case SOURCE_VIT:
    case SOURCE_CLIP:
        return see_pictures(v, m, n, looks, report, context, visual, e);
    case SOURCE_CAPTION:
        return see_captions(v, m, n, looks, x, visual, e);
    case SOURCE_FEATURES:
        return see_features(v, m, n, looks, report, context, visual, e);
    case SOURCE_NONE:
        break;
    }
    return 0;
}
