#include "corruption_test.h"
#include "corrupted.h"
#include "ranking.h"
#include <math.h>
#include <stdlib.h>

/* Evidential quantities of a tweet, and what makes more of each mean less trust. */
enum origin { OF_FUSED, OF_TEXT, OF_PICTURE };
static const struct measure {
    const char *name;
    double sign;
    enum origin origin;
    size_t offset;
} MEASURES[] = {
    {"fused.aleatoric", 1, OF_FUSED, offsetof(struct doubt, fused.aleatoric)},
    {"fused.epistemic", 1, OF_FUSED, offsetof(struct doubt, fused.epistemic)},
    {"fused.predictive_scale", 1, OF_FUSED, offsetof(struct doubt, fused.predictive_scale)},
    {"image.aleatoric", 1, OF_PICTURE, offsetof(struct doubt, modality[MODEL_IMAGE].aleatoric)},
    {"image.epistemic", 1, OF_PICTURE, offsetof(struct doubt, modality[MODEL_IMAGE].epistemic)},
    {"image.predictive_scale", 1, OF_PICTURE, offsetof(struct doubt, modality[MODEL_IMAGE].predictive_scale)},
    {"text.aleatoric", 1, OF_TEXT, offsetof(struct doubt, modality[MODEL_TEXT].aleatoric)},
    {"text.epistemic", 1, OF_TEXT, offsetof(struct doubt, modality[MODEL_TEXT].epistemic)},
    {"text.predictive_scale", 1, OF_TEXT, offsetof(struct doubt, modality[MODEL_TEXT].predictive_scale)},
    {"conflict", 1, OF_PICTURE, offsetof(struct doubt, conflict)},
    {"visual_share", -1, OF_PICTURE, offsetof(struct doubt, visual_share)},
};
enum { N_MEASURES = sizeof MEASURES / sizeof *MEASURES };
static const struct measure ENTROPY = {"entropy", 1, OF_FUSED, offsetof(struct doubt, entropy)};

/* A split as it is and corrupted. */
struct pair {
    const struct evaluation *clean;
    struct corrupted corrupted;
    struct evaluation evaluation;
};

static void pair_free(struct pair *p)
{
    evaluation_free(&p->evaluation);
    corrupted_free(&p->corrupted);
}

static int pair_make(const struct corruption_test *t, const struct clean_split *clean, const struct corruption *c, uint32_t seed,
                     struct pair *out, struct err *e)
{
    *out = (struct pair){.clean = clean->evaluation};
    int code = corrupted_make(clean->split, t->model, c, seed, &out->corrupted, e);
    if (!code)
        code = evaluate_split(t->model, t->graph, &out->corrupted.split, t->batch_pieces, EVALUATE_TWEETS, NULL, &out->evaluation, e);
    if (code) pair_free(out);
    return code;
}

static double value(const struct measure *m, const struct doubt *d)
{
    return m->sign * *(const double *)((const char *)d + m->offset);
}

/* NaN where it is undefined: of a quantity that some of these tweets do not have. */
static int auroc(const struct measure *m, const struct pair *p, double *out, struct err *e)
{
    const struct corrupted *x = &p->corrupted;
    const size_t tweets = (size_t)x->split.data.n_tweets;
    double *values = calloc(2 * tweets + 1, sizeof *values);
    bool *is_corrupted = calloc(2 * tweets + 1, sizeof *is_corrupted);
    struct ranking r = {0};
    size_t n = 0;
    int code = values && is_corrupted ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the scores of %zu tweets", tweets);
    for (size_t i = 0; i < tweets && !code; i++) {
        if (x->before[i]) values[n++] = value(m, &p->clean->tweets[i]);
        if (!x->changed[i]) continue;
        is_corrupted[n] = true;
        values[n++] = value(m, &p->evaluation.tweets[i]);
    }
    if (!code && !(code = ranking_make(n, values, is_corrupted, &r, e))) *out = ranking_auroc(&r);
    ranking_free(&r);
    free(values);
    free(is_corrupted);
    return code;
}

/* Every tweet has what is fused, and what the text says before it; whose words are corrupted may have no picture. Where there is no
 * picture, the belief of the text is what it was, and only what is fused is left to tell. */
static bool may_tell(const struct measure *m, enum corrupt_kind kind)
{
    if (kind == CORRUPT_MISSING) return m->origin == OF_FUSED;
    return m->origin != OF_PICTURE || !(corrupt_targets(kind) & CORRUPT_TEXT);
}

static int choose(const struct corruption_test *t, const struct corruption *c, uint32_t seed, const struct measure **out, struct err *e)
{
    struct pair p;
    double best = -1;
    *out = NULL;
    if (!model_has_evidence(t->model)) return 0;
    int code = pair_make(t, &t->valid, c, seed, &p, e);
    if (code) return code;
    for (int k = 0; k < N_MEASURES && !code; k++) {
        double a = NAN;
        if (!may_tell(&MEASURES[k], c->kind)) continue;
        code = auroc(&MEASURES[k], &p, &a, e);
        if (a > best) {
            best = a;
            *out = &MEASURES[k];
        }
    }
    pair_free(&p);
    return code;
}

static int add_scores(const struct corruption_test *t, const struct pair *p, struct json *v, struct json **subsets, struct err *e)
{
    struct score score;
    const struct split *s = &p->corrupted.split;
    int code = evaluation_score(t->model, s, &p->evaluation, &score, e);
    if (code) return code;
    json_set_number(v, "f1", score_measures(&score.total[SCORE_LENIENT]).f1);
    code = subsets_json(&score, &s->data, s->gold, p->evaluation.predicted, t->n_subsets, t->subsets, subsets, e);
    score_end(&score);
    return code;
}

int corruption_test_json(const struct corruption_test *t, const struct corruption *c, uint32_t seed, struct json **out, struct err *e)
{
    const struct measure *measure;
    struct pair p;
    double a = NAN, entropy = NAN;
    int code = choose(t, c, seed, &measure, e), changed = 0;
    if (code || (code = pair_make(t, &t->tested, c, seed, &p, e))) return code;
    struct json *v = json_new_object(), *subsets = NULL;
    json_set_string(v, "kind", CORRUPT_NAMES[c->kind]);
    json_set_number(v, "degree", c->degree);
    if ((code = add_scores(t, &p, v, &subsets, e)) || (measure && (code = auroc(measure, &p, &a, e))) ||
        (code = auroc(&ENTROPY, &p, &entropy, e)))
        goto done;
    for (int i = 0; i < p.corrupted.split.data.n_tweets; i++) changed += p.corrupted.changed[i];
    if (measure)
        json_set_string(v, "measure", measure->name);
    else
        json_set_number(v, "measure", NAN);
    json_set_number(v, "auroc", a);
    json_set_number(v, "entropy_auroc", entropy);
    json_set_integer(v, "tweets", changed);
    json_set(v, "subsets", subsets);
done:
    pair_free(&p);
    if (code) {
        json_free(subsets);
        json_free(v);
        return code;
    }
    *out = v;
    return 0;
}
