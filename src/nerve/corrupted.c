#include "corrupted.h"
#include <stdlib.h>
#include <string.h>

int corruption_check(const struct model *m, const struct corruption *c, struct err *e)
{
    static const struct {
        unsigned targets;
        const char *what, *has; /* it looks at; what there is for it */
    } SEES[] = {
        [SOURCE_NONE] = {CORRUPT_TEXT, "nothing but words", "typos and dropped-words"},
        [SOURCE_VIT] = {CORRUPT_TEXT | CORRUPT_SOURCES | CORRUPT_PICTURES, "pictures", "every kind"},
        [SOURCE_CLIP] = {CORRUPT_TEXT | CORRUPT_SOURCES | CORRUPT_PICTURES, "pictures", "every kind"},
        [SOURCE_CAPTION] = {CORRUPT_TEXT | CORRUPT_SOURCES, "captions", "shuffled, missing, typos and dropped-words"},
        [SOURCE_FEATURES] = {CORRUPT_TEXT | CORRUPT_SOURCES | CORRUPT_FEATURES, "stored features",
                             "noise, shuffled, missing, typos and dropped-words"},
    };
    const enum config_visual source = m->shape.visual.source;
    if (corrupt_targets(c->kind) & SEES[source].targets) return 0;
    return err_set(e, ERR_USAGE, "--corrupt: %s is not defined for a model that looks at %s; for it there are %s", CORRUPT_NAMES[c->kind],
                   SEES[source].what, SEES[source].has);
}

/* The words of d as pieces, with the captions behind them where the model reads these so: as split_encode and split_see do. */
static int cut_again(const struct dataset *d, const struct model *m, struct corrupted *out, struct err *e)
{
    const struct bert_config *encoder = &m->shape.encoder;
    int code = encode_dataset(d, m->wordpiece, m->shape.max_length, &out->split.encoded, e);
    out->has_own_pieces = !code;
    if (code || m->shape.fusion != FUSION_APPEND) return code;
    return encoded_append(&out->split.encoded, &out->split.visual, encoder->max_positions - encoder->position_offset, e);
}

static int change_words(const struct split *clean, const struct model *m, const struct corruption *c, uint32_t seed, struct corrupted *out,
                        struct err *e)
{
    struct corrupted_words words;
    struct dataset d = clean->data;
    int code = corrupt_words(seed, c, &d, &words, e);
    if (code) return code;
    d.words = words.words;
    code = cut_again(&d, m, out, e);
    for (int i = 0; i < d.n_tweets; i++) {
        const struct tweet *t = &d.tweets[i];
        out->before[i] = true;
        for (int k = t->first_word; k < t->first_word + t->n_words; k++) out->changed[i] |= strcmp(d.words[k], clean->data.words[k]) != 0;
    }
    corrupted_words_free(&words);
    return code;
}

/* Who shows what; where captions are set behind the tweets, these change too. */
static int change_sources(const struct split *clean, const struct model *m, const struct corruption *c, uint32_t seed,
                          struct corrupted *out, struct err *e)
{
    const int n = clean->data.n_tweets;
    int code = corrupt_sources(seed, c, n, out->before, out->split.visual.source, e);
    for (int i = 0; i < n && !code; i++) out->changed[i] = out->split.visual.source[i] != clean->visual.source[i];
    return code || m->shape.fusion != FUSION_APPEND ? code : cut_again(&clean->data, m, out, e);
}

int corrupted_make(const struct split *clean, const struct model *m, const struct corruption *c, uint32_t seed, struct corrupted *out,
                   struct err *e)
{
    const size_t n = (size_t)clean->data.n_tweets;
    const bool looks = clean->visual.kind != VISUAL_NONE;
    struct visual *v = &out->split.visual;
    *out = (struct corrupted){.split = *clean};
    v->source = calloc(n + 1, sizeof *v->source);
    out->before = calloc(n + 1, sizeof *out->before);
    out->changed = calloc(n + 1, sizeof *out->changed);
    int code = v->source && out->before && out->changed ? 0 : err_set(e, ERR_INTERNAL, "out of memory for %zu other tweets", n);
    if (code) goto done;
    for (size_t i = 0; i < n && looks; i++) {
        v->source[i] = clean->visual.source[i];
        out->before[i] = v->source[i] >= 0;
    }
    const unsigned targets = corrupt_targets(c->kind);
    if (targets & CORRUPT_TEXT) {
        code = change_words(clean, m, c, seed, out, e);
    } else if (targets & CORRUPT_SOURCES) {
        code = change_sources(clean, m, c, seed, out, e);
    } else {
        v->corruption = c;
        v->corruption_seed = seed;
        for (size_t i = 0; i < n; i++) out->changed[i] = out->before[i] && c->degree > 0;
    }
done:
    if (code) corrupted_free(out);
    return code;
}

void corrupted_free(struct corrupted *x)
{
    if (x->has_own_pieces) encoded_free(&x->split.encoded);
    free(x->split.visual.source);
    free(x->before);
    free(x->changed);
    *x = (struct corrupted){0};
}
