#include "subsets.h"
#include <math.h>

/* What decides whether an entity of tweet t counts. */
struct question {
    const struct subset *subset;
    const struct dataset *d;
    const struct tag_set *types;
    const struct tweet *t;
    int code;
    struct err *e;
};

static bool is_unseen(void *context, const struct span *entity)
{
    struct question *q = context;
    bool known = false;
    if (!q->code) q->code = entity_names_find(q->subset->known, q->d, q->types, q->t, entity, &known, q->e);
    return !known;
}

static int score_subset(const struct subset *subset, const struct dataset *d, const int *gold, const int *predicted, struct score *s,
                        struct err *e)
{
    int code = 0;
    for (int i = 0; i < d->n_tweets && !code; i++) {
        const struct tweet *t = &d->tweets[i];
        struct question q = {subset, d, s->types, t, 0, e};
        if (subset->tweets && !subset->tweets[i]) continue;
        code = score_add_part(s, t->n_words, gold + t->first_word, t->n_words, predicted + t->first_word, subset->known ? is_unseen : NULL,
                              &q, e);
        if (!code) code = q.code;
    }
    return code;
}

static struct json *counts_json(const struct score_counts *c)
{
    struct json *v = json_new_object();
    json_set_number(v, "f1", c->gold + c->predicted > 0 ? score_measures(c).f1 : NAN);
    json_set_integer(v, "support", c->gold);
    return v;
}

int subsets_json(const struct score *whole, const struct dataset *d, const int *gold, const int *predicted, int n,
                 const struct subset *subsets, struct json **out, struct err *e)
{
    struct json *v = json_new_object();
    int code = 0;
    for (int k = 0; k < n && !code; k++) {
        struct score s;
        code = score_begin(&s, whole->types, e);
        if (code) break;
        code = score_subset(&subsets[k], d, gold, predicted, &s, e);
        if (!code) json_set(v, subsets[k].name, counts_json(&s.total[SCORE_LENIENT]));
        score_end(&s);
    }
    for (int t = 0; t < whole->types->n_types && !code; t++)
        json_set(v, whole->types->types[t], counts_json(&whole->per_type[SCORE_LENIENT][t]));
    if (code)
        json_free(v);
    else
        *out = v;
    return code;
}
