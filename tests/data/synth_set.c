/* synth_set.c - see synth_set.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "synth_set.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char root[PATH_MAX];
const char *const SPLITS[3] = {"train.txt", "valid.txt", "test.txt"};

const char *path_of(const char *folder, const char *file)
{
    static char path[4][2 * PATH_MAX];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s/%s", root, folder, file);
    return p;
}

struct synth_report make(const char *folder, const struct synth_options *o)
{
    struct synth_report report;
    struct err e = {0};
    if (synth_write(path_of(folder, "."), o, &report, &e)) fail_msg("%s", e.text);
    return report;
}

struct synth_options options_of(int tweets, uint32_t seed)
{
    struct synth_options o = SYNTH_DEFAULTS;
    o.tweets = tweets;
    o.seed = seed;
    return o;
}

char *text_of(const char *folder, const char *file)
{
    char *data;
    size_t size;
    struct err e = {0};
    if (file_read(path_of(folder, file), (size_t)1 << 30, &data, &size, &e)) fail_msg("%s", e.text);
    return data;
}

static bool is_in(const struct set *s, const char *subset, const char *id)
{
    for (int k = 0; k < s->subsets.n; k++) {
        if (strcmp(s->subsets.names[k], subset) == 0) return subset_has(&s->subsets, k, id);
    }
    return false;
}

static struct tweet_facts facts_of(const struct set *s, int split, int i, const char *folder)
{
    struct tweet_facts f = {.d = &s->d[split], .t = &s->d[split].tweets[i], .split = split, .shown = -1};
    char name[64];
    f.n_spans = tags_spans(f.t->n_words, f.d->tags + f.t->first_word, true, f.spans);
    assert_true(f.n_spans <= 16);
    f.text_decides = is_in(s, SYNTH_TEXT_DECIDES, f.t->id);
    f.picture_decides = is_in(s, SYNTH_PICTURE_DECIDES, f.t->id);
    f.undecided = is_in(s, SYNTH_UNDECIDED, f.t->id);
    f.contradicted = is_in(s, SYNTH_CONTRADICTED, f.t->id);
    snprintf(name, sizeof name, "images/%s.png", f.t->id);
    f.has_picture = file_exists(path_of(folder, name));
    return f;
}

void load(struct set *s, const char *folder)
{
    struct err e = {0};
    *s = (struct set){0};
    for (int i = 0; i < 3; i++) {
        if (conll_read(path_of(folder, SPLITS[i]), NULL, 0, &s->d[i], &e)) fail_msg("%s", e.text);
        s->n += s->d[i].n_tweets;
    }
    for (int t = 0; t < TYPES; t++) assert_int_equal(tag_set_add(&s->types, SYNTH_TYPE[t], &e), 0);
    if (subsets_read(path_of(folder, "subsets.txt"), &s->subsets, &e)) fail_msg("%s", e.text);
    s->tweets = calloc((size_t)s->n, sizeof *s->tweets);
    assert_non_null(s->tweets);
    for (int k = 0, n = 0; k < 3; k++) {
        if (dataset_resolve_tags(&s->d[k], &s->types, &e)) fail_msg("%s", e.text);
        for (int i = 0; i < s->d[k].n_tweets; i++) s->tweets[n++] = facts_of(s, k, i, folder);
    }
}

void free_set(struct set *s)
{
    for (int k = 0; k < 3; k++) dataset_free(&s->d[k]);
    tag_set_free(&s->types);
    subsets_free(&s->subsets);
    free(s->tweets);
}
