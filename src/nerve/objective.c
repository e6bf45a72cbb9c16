/* objective.c - model_loss: the loss of what is fused, and beside it what keeps each modality honest.
 *
 *   loss = CRF(fused) + modality sum_m CE_m + evidence sum over m and fused of (NIG_m + regulariser |error| (2 nu + alpha))
 *          + noise (2 nu + alpha) of the picture's belief where the picture is noise                                             monig
 *   loss = CRF(fused) + modality sum_m CE_m                                                                                    average
 *   loss = CRF(fused) + modality sum_m CE_m + evidence sum over m and fused of KL_m                                          dirichlet
 *
 * CRF is a tweet's negative log-likelihood, or without a CRF the cross-entropy of the emissions; CE is summed over its words, NIG and KL
 * over its words and tags. A word without a modality adds nothing to that modality's terms. The picture's CE may weigh words by the inverse
 * frequency of their tags: most words are O, and what a picture tells is about the others. CE_m is of softmax(s gamma_m + b) (onehot), of
 * gamma_m (prob), of the modality's softmax (average), or expected over its Dirichlet.
 */
#include "model.h"

struct terms {
    int n;
    ag_tensor *term[AG_MAX_IN];
    double weight[AG_MAX_IN];
};

static void add(struct terms *t, double weight, ag_tensor *term)
{
    t->term[t->n] = term;
    t->weight[t->n++] = weight;
}

static ag_tensor *cross_entropy(ag_graph *g, const struct model *m, ag_tensor *head, evi_words words, const ag_real *weight)
{
    if (m->shape.fusion == FUSION_AVERAGE) return evi_word_cross_entropy(g, head, words, weight);
    if (m->shape.fusion == FUSION_DIRICHLET) return evi_dirichlet_cross_entropy(g, head, words, weight);
    if (m->shape.head.reading == EVI_PROB) return evi_nig_cross_entropy(g, head, words, weight);
    return evi_word_cross_entropy(g, model_nig_emissions(g, m, head), words, weight);
}

/* Of one modality, or of what is fused: [B]. */
static ag_tensor *evidence(ag_graph *g, const struct model *m, ag_tensor *head, evi_words words, const struct objective *o)
{
    if (m->shape.fusion == FUSION_DIRICHLET) return evi_dirichlet_kl(g, head, words);
    ag_tensor *nll = evi_nig_nll(g, head, words, o->balance);
    if (o->regulariser == 0) return nll;
    return evi_weighted_sum(g, 2, (ag_tensor *[]){nll, evi_nig_regulariser(g, head, words, o->balance)}, (double[]){1, o->regulariser});
}

ag_tensor *model_loss(ag_graph *g, const struct model *m, const struct forward *f, const struct batch *b, const struct objective *o)
{
    struct terms t = {0};
    add(&t, 1,
        m->shape.crf ? crf_nll(g, &m->crf, f->emissions, b->tags, b->B, b->word_start)
                     : ag_cross_entropy(g, f->emissions, b->tags, b->B, b->word_start));
    for (int k = 0; k < MODEL_MODALITIES && f->head[k]; k++) {
        const evi_words words = {.n = b->B, .start = b->word_start, .tags = b->tags, .present = f->present[k]};
        if (o->modality > 0) add(&t, o->modality, cross_entropy(g, m, f->head[k], words, k == MODEL_IMAGE ? o->image_balance : NULL));
        if (o->evidence > 0 && f->fused) add(&t, o->evidence, evidence(g, m, f->head[k], words, o));
    }
    if (o->evidence > 0 && f->fused)
        add(&t, o->evidence, evidence(g, m, f->fused, (evi_words){.n = b->B, .start = b->word_start, .tags = b->tags}, o));
    if (o->noise > 0 && f->fused && m->shape.fusion != FUSION_DIRICHLET)
        add(&t, o->noise,
            evi_nig_evidence(g, f->head[MODEL_IMAGE],
                             (evi_words){.n = b->B, .start = b->word_start, .tags = b->tags, .present = b->visual.noise}));
    return t.n == 1 ? t.term[0] : evi_weighted_sum(g, t.n, t.term, t.weight);
}
