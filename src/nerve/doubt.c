#include "doubt.h"
#include "entity_doubt.h"
#include <math.h>

static const evi_uncertainty NONE = {NAN, NAN, NAN};

bool model_has_evidence(const struct model *m)
{
    return m->shape.fusion == FUSION_MONIG_ONEHOT || m->shape.fusion == FUSION_MONIG_PROB || m->shape.fusion == FUSION_DIRICHLET;
}

struct doubt doubt_none(void)
{
    return (struct doubt){NAN, NAN, NONE, {NONE, NONE}, NAN, NAN};
}

static void softmax(int L, const ag_real *x, double T, double *p)
{
    double most = (double)x[0], sum = 0;
    for (int k = 1; k < L; k++) most = fmax(most, (double)x[k]);
    for (int k = 0; k < L; k++) sum += p[k] = exp(((double)x[k] - most) / T);
    for (int k = 0; k < L; k++) p[k] /= sum;
}

void model_marginals(const struct model *m, const struct forward *f, const struct batch *b, int i, double *marginals)
{
    const int L = tag_count(&m->shape.types), from = b->word_start[i], n = b->word_start[i + 1] - from;
    const ag_real *emissions = f->emissions->val + (size_t)from * (size_t)L;
    if (m->shape.crf) {
        const struct crf_scores scores = model_crf_scores(m);
        crf_marginals(&scores, n, emissions, marginals);
    } else {
        const double T = m->temperature > 0 ? m->temperature : 1;
        for (int w = 0; w < n; w++) softmax(L, emissions + (size_t)w * (size_t)L, T, marginals + (size_t)w * (size_t)L);
    }
}

/* ---- evidence of some words: first .. first+n-1 of the batch, at their tags ---- */

static evi_uncertainty dirichlet(const ag_tensor *evidence, int first, int n)
{
    const int L = ag_cols(evidence);
    evi_uncertainty u = NONE;
    u.epistemic = 0;
    for (int w = first; w < first + n; w++) u.epistemic += evi_dirichlet_uncertainty(L, evidence->val + (size_t)w * (size_t)L) / n;
    return u;
}

static double dirichlet_conflict(const ag_tensor *text, const ag_tensor *image, int first, int n)
{
    const int L = ag_cols(text);
    double sum = 0;
    for (int w = first; w < first + n; w++)
        sum += evi_dirichlet_conflict(L, text->val + (size_t)w * (size_t)L, image->val + (size_t)w * (size_t)L);
    return sum / n;
}

struct doubt doubt_of(const struct model *m, const struct forward *f, const struct batch *b, int i, const int32_t *tags,
                      const double *marginals, const struct span *entity)
{
    const int L = tag_count(&m->shape.types), first = b->word_start[i] + entity->first, n = entity->last - entity->first + 1;
    const bool seen = model_sees(m) && b->visual.start[i] < b->visual.start[i + 1];
    struct doubt d = doubt_none();
    d.margin = entity_margin(L, marginals, tags, entity);
    d.entropy = entity_entropy(L, marginals, entity);
    if (!model_has_evidence(m)) return d;
    const bool is_dirichlet = m->shape.fusion == FUSION_DIRICHLET;
    const int32_t *at = tags + entity->first;
    const ag_tensor *text = f->head[MODEL_TEXT], *image = f->head[MODEL_IMAGE];
    d.fused = is_dirichlet ? dirichlet(f->fused, first, n) : evi_uncertainty_of(f->fused, first, n, at);
    d.modality[MODEL_TEXT] = is_dirichlet ? dirichlet(text, first, n) : evi_uncertainty_of(text, first, n, at);
    if (!seen) return d;
    d.modality[MODEL_IMAGE] = is_dirichlet ? dirichlet(image, first, n) : evi_uncertainty_of(image, first, n, at);
    d.conflict = is_dirichlet ? dirichlet_conflict(text, image, first, n) : evi_conflict_of(text, image, first, n, at);
    if (!is_dirichlet) d.visual_share = evi_visual_share_of(image, f->fused, first, n, at);
    return d;
}

struct doubt doubt_of_tweet(const struct model *m, const struct forward *f, const struct batch *b, int i, const int32_t *tags,
                            const double *marginals)
{
    const int L = tag_count(&m->shape.types), n = b->word_start[i + 1] - b->word_start[i];
    if (n == 0) return doubt_none();
    struct doubt d = doubt_of(m, f, b, i, tags, marginals, &(struct span){0, n - 1, 0});
    d.margin = d.entropy = 0;
    for (int w = 0; w < n; w++) {
        const struct span word = {w, w, 0};
        d.margin += entity_margin(L, marginals, tags, &word) / n;
        d.entropy += entity_entropy(L, marginals, &word) / n;
    }
    return d;
}

/* ---- as JSON ---- */

static void add_uncertainty(const evi_uncertainty *u, struct json *into)
{
    json_set_number(into, "aleatoric", u->aleatoric);
    json_set_number(into, "epistemic", u->epistemic);
    json_set_number(into, "predictive_scale", u->predictive_scale);
}

void doubt_add_json(const struct doubt *d, struct json *entity)
{
    static const char *const NAMES[MODEL_MODALITIES] = {[MODEL_TEXT] = "text", [MODEL_IMAGE] = "image"};
    struct json *modalities = json_new_object();
    add_uncertainty(&d->fused, entity);
    json_set_number(entity, "conflict", d->conflict);
    json_set_number(entity, "visual_share", d->visual_share);
    for (int k = 0; k < MODEL_MODALITIES; k++) {
        struct json *modality = isnan(d->modality[k].epistemic) ? NULL : json_new_object();
        if (modality) {
            add_uncertainty(&d->modality[k], modality);
            json_set(modalities, NAMES[k], modality);
        } else {
            json_set_number(modalities, NAMES[k], NAN);
        }
    }
    json_set(entity, "modalities", modalities);
}
