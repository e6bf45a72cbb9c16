/* forward.c - nerve_forward: the picture of the architecture, one line for each arrow. */
#include "model.h"

enum { SITE_HEAD = NN_SITE_OTHER };

/* What a pass needs everywhere. */
struct pass {
    ag_graph *g;
    const struct model *m;
    const struct batch *b;
    const nn_dropout *drop;
};

/* What a frozen encoder gives is, to the byte, what `nerve features` stored. */
static ag_tensor *encode_frozen(const struct pass *p)
{
    const struct visual_batch *v = &p->b->visual;
    const bool captions = p->m->shape.visual.source == SOURCE_CAPTION;
    const int C = captions ? p->m->shape.encoder.encoder.width : p->m->shape.visual.vit.encoder.width;
    ag_real *tokens = ag_save(p->g, (size_t)v->V * (size_t)C * sizeof *tokens);
    struct err e = {0};
    const int failed = captions ? bert_encode(&p->m->caption, v->n, v->ids, v->position, v->caption_start, tokens, &e)
                                : vit_encode(&p->m->vit, v->n, v->pixels, tokens, &e);
    AG_CHECK(!failed, "%s", e.text);
    return ag_input(p->g, 2, (int[]){v->V, C}, tokens);
}

/* Visual tokens [V,S]; a tweet without a picture owns none. */
static ag_tensor *see(const struct pass *p)
{
    const struct visual_shape *s = &p->m->shape.visual;
    const struct visual_batch *v = &p->b->visual;
    nn_dropout drop = *p->drop;
    drop.site = NN_SITE_VISUAL;
    drop.n = v->n;
    drop.start = v->caption_start;
    drop.place = v->place;
    if (s->source == SOURCE_FEATURES) return ag_input(p->g, 2, (int[]){v->V, s->width}, v->features);
    if (s->frozen) return encode_frozen(p);
    if (s->source == SOURCE_CAPTION)
        return bert_forward(p->g, s->own_encoder ? &p->m->caption : &p->m->bert, v->V, v->ids, v->position, NULL, v->n, v->caption_start,
                            &drop);
    return vit_forward(p->g, &p->m->vit, v->n, v->pixels, &drop);
}

/* Words seen through the picture [W,C], or, of the queries of tags, what the picture says about each tag [B L,C]. */
static ag_tensor *look(const struct pass *p, ag_tensor *words, ag_tensor *visual)
{
    const struct batch *b = p->b;
    if (p->m->shape.query_tags) return cross_tags_forward(p->g, &p->m->cross, b->B, visual, b->visual.start, p->drop);
    return cross_forward(p->g, &p->m->cross, words, b->B, b->word_start, visual, b->visual.start, p->drop);
}

/* The picture's scores of tags [W,L]. */
static ag_tensor *image_logits(const struct pass *p, ag_tensor *seen)
{
    ag_tensor *z = nn_linear_forward(p->g, &p->m->image, seen);
    if (!p->m->shape.query_tags) return z;
    const int L = tag_count(&p->m->shape.types);
    return evi_spread(p->g, ag_reshape(p->g, z, 2, (int[]){p->b->B, L}), p->b->W, p->b->word_start);
}

static ag_tensor *image_belief(const struct pass *p, ag_tensor *seen)
{
    ag_tensor *belief = evi_nig_head(p->g, nn_linear_forward(p->g, &p->m->image, seen), tag_count(&p->m->shape.types), &p->m->shape.head);
    return p->m->shape.query_tags ? evi_spread(p->g, belief, p->b->W, p->b->word_start) : belief;
}

static ag_tensor *image_evidence(const struct pass *p, ag_tensor *seen)
{
    ag_tensor *evidence = evi_evidence(p->g, nn_linear_forward(p->g, &p->m->image, seen), tag_count(&p->m->shape.types));
    return p->m->shape.query_tags ? evi_spread(p->g, evidence, p->b->W, p->b->word_start) : evidence;
}

/* One belief of two; a modality that is missing is left out. */
static void fuse(const struct pass *p, ag_tensor *words, ag_tensor *seen, struct forward *f)
{
    ag_graph *g = p->g;
    const struct model *m = p->m;
    const int L = tag_count(&m->shape.types);
    ag_tensor *z = nn_linear_forward(g, &m->text, words);
    f->present[MODEL_TEXT] = p->b->heard;
    f->present[MODEL_IMAGE] = p->b->visual.seen;
    if (m->shape.fusion == FUSION_AVERAGE) {
        f->head[MODEL_TEXT] = z;
        f->head[MODEL_IMAGE] = image_logits(p, seen);
        f->emissions = evi_average(g, MODEL_MODALITIES, f->head, f->present);
    } else if (m->shape.fusion == FUSION_DIRICHLET) {
        f->head[MODEL_TEXT] = evi_evidence(g, z, L);
        f->head[MODEL_IMAGE] = image_evidence(p, seen);
        f->fused = evi_dempster_fuse(g, MODEL_MODALITIES, f->head, f->present);
        f->emissions = evi_dirichlet_emissions(g, f->fused);
    } else {
        f->head[MODEL_TEXT] = evi_nig_head(g, z, L, &m->shape.head);
        f->head[MODEL_IMAGE] = image_belief(p, seen);
        f->fused = evi_monig_fuse(g, MODEL_MODALITIES, f->head, f->present, m->shape.vacuous_neutral);
        f->emissions = model_nig_emissions(g, m, f->fused);
    }
}

ag_tensor *model_nig_emissions(ag_graph *g, const struct model *m, ag_tensor *belief)
{
    if (m->shape.head.reading == EVI_PROB) return evi_nig_emissions(g, EVI_PROB, belief, NULL, NULL);
    return evi_nig_emissions(g, EVI_ONEHOT, belief, ag_use(g, m->scale), ag_use(g, m->offset));
}

struct forward nerve_forward(ag_graph *g, const struct model *m, const struct batch *b, const nn_dropout *drop)
{
    const struct pass p = {.g = g, .m = m, .b = b, .drop = drop};
    struct forward f = {0};
    nn_dropout by_word = *drop;
    by_word.start = b->word_start;

    const int32_t *types = m->shape.encoder.type_vocab > 1 ? b->types : NULL; /* a DistilBERT has none: [SEP] alone sets a caption apart */
    ag_tensor *text = bert_forward(g, &m->bert, b->T, b->ids, b->position, types, b->B, b->seq_start, drop);
    ag_tensor *rows = ag_gather(g, text, b->W, b->first);
    ag_tensor *words = ag_dropout_of(g, rows, nn_dropout_at(&by_word, m->shape.dropout, SITE_HEAD));
    ag_tensor *seen = model_sees(m) ? look(&p, rows, see(&p)) : NULL;

    switch (m->shape.fusion) {
    case FUSION_TEXT:
    case FUSION_APPEND:
        f.emissions = nn_linear_forward(g, &m->text, words);
        break;
    case FUSION_IMAGE:
        f.emissions = image_logits(&p, seen);
        break;
    case FUSION_CROSS:
        f.emissions = nn_linear_forward(g, &m->text, seen);
        break;
    case FUSION_GATE:
        seen = ag_gate(g, ag_add(g, nn_linear_forward(g, &m->gate_word, words), nn_linear_forward(g, &m->gate_seen, seen), AG_NO_DROPOUT),
                       seen);
        /* fall through */
    case FUSION_CONCAT: /* one affine map of both, side by side */
        f.emissions = ag_add(g, nn_linear_forward(g, &m->text, words), nn_linear_forward(g, &m->image, seen), AG_NO_DROPOUT);
        break;
    case FUSION_AVERAGE:
    case FUSION_MONIG_ONEHOT:
    case FUSION_MONIG_PROB:
    case FUSION_DIRICHLET:
        fuse(&p, words, seen, &f);
        break;
    }
    return f;
}
