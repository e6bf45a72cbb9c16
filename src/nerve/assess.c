#include "assess.h"
#include "files.h"
#include "trust.h"
#include <limits.h>
#include <stdlib.h>

/* ---- parts ---- */

enum { WITH_PICTURE, WITHOUT_PICTURE, UNSEEN, OWN_PARTS };

int read_named_subsets(const struct nerve_config *c, const char *directory, struct subsets *out, struct err *e)
{
    char path[PATH_MAX];
    *out = (struct subsets){0};
    const int code = path_join(path, sizeof path, directory ? directory : c->data.dir, "subsets.txt", e);
    return code || !file_exists(path) ? code : subsets_read(path, out, e);
}

static void add_part(struct parts_of_split *p, const char *name, const bool *tweets, const struct entity_names *known)
{
    p->subsets[p->n++] = (struct subset){name, tweets, known};
}

int parts_of_split(const struct split *s, const struct entity_names *known, const struct subsets *named, struct parts_of_split *out,
                   struct err *e)
{
    const size_t n_tweets = (size_t)s->data.n_tweets, most = OWN_PARTS + (named ? (size_t)named->n : 0);
    struct parts_of_split p = {.subsets = calloc(most, sizeof *p.subsets), .members = calloc(most * (n_tweets + 1), sizeof *p.members)};
    if (!p.subsets || !p.members) {
        parts_of_split_free(&p);
        return err_set(e, ERR_INTERNAL, "out of memory for the parts of %zu tweets", n_tweets);
    }
    if (s->visual.kind != VISUAL_NONE) {
        bool *with = p.members + WITH_PICTURE * n_tweets, *without = p.members + WITHOUT_PICTURE * n_tweets;
        for (size_t i = 0; i < n_tweets; i++) with[i] = !(without[i] = s->visual.source[i] < 0);
        add_part(&p, "with_picture", with, NULL);
        add_part(&p, "without_picture", without, NULL);
    }
    if (known) add_part(&p, "unseen", NULL, known);
    for (int k = 0; named && k < named->n; k++) {
        bool *members = p.members + (OWN_PARTS + (size_t)k) * n_tweets, any = false;
        for (size_t i = 0; i < n_tweets; i++) any |= members[i] = subset_has(named, k, s->data.tweets[i].id);
        if (any) add_part(&p, named->names[k], members, NULL);
    }
    *out = p;
    return 0;
}

void parts_of_split_free(struct parts_of_split *p)
{
    free(p->subsets);
    free(p->members);
    *p = (struct parts_of_split){0};
}

/* ---- JSON ---- */

static int add_trust(const struct model *m, const struct split *s, const struct evaluation *x, const struct score *score, struct json *into,
                     struct err *e)
{
    struct trust_entity *entities = calloc(x->n_found + 1, sizeof *entities);
    if (!entities) return err_set(e, ERR_INTERNAL, "out of memory for the scores of %zu entities", x->n_found);
    for (size_t k = 0; k < x->n_found; k++) {
        const struct found *f = &x->found[k];
        const struct tweet *t = &s->data.tweets[f->tweet];
        entities[k] = (struct trust_entity){.right = tags_have(t->n_words, s->gold + t->first_word, &f->span),
                                            .confidence = f->score,
                                            .margin = f->doubt.margin,
                                            .entropy = f->doubt.entropy,
                                            .aleatoric = f->doubt.fused.aleatoric,
                                            .epistemic = f->doubt.fused.epistemic,
                                            .predictive_scale = f->doubt.fused.predictive_scale};
    }
    int code = trust_json(x->n_found, entities, (size_t)score->total[SCORE_LENIENT].gold, m->temperature > 0 ? m->temperature : 1, into, e);
    free(entities);
    return code;
}

int assess_json(const struct model *m, const struct split *s, const struct evaluation *x, const struct score *score,
                const struct parts_of_split *parts, struct json **out, struct err *e)
{
    struct json *v = NULL, *subsets = NULL;
    int code = score_json(score, &v, e);
    if (code) return code;
    if ((code = add_trust(m, s, x, score, v, e)) ||
        (code = subsets_json(score, &s->data, s->gold, x->predicted, parts->n, parts->subsets, &subsets, e))) {
        json_free(v);
        return code;
    }
    json_set(v, "subsets", subsets);
    *out = v;
    return 0;
}
