#include "model.h"
#include "rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SITE_HEAD = NN_SITE_OTHER };

void model_shape_free(struct model_shape *s)
{
    tag_set_free(&s->types);
    free(s->vocabulary);
    *s = (struct model_shape){0};
}

/* ---- declaring ---- */

static int make_constraints(struct model *m, struct err *e)
{
    int L = tag_count(&m->shape.types);
    m->forbidden_start = calloc((size_t)L, 1);
    m->forbidden_transition = calloc((size_t)L * (size_t)L, 1);
    if (!m->forbidden_start || !m->forbidden_transition) return err_set(e, ERR_INTERNAL, "out of memory for %d tags", L);
    for (int to = 0; to < L; to++) {
        m->forbidden_start[to] = !tag_follows(-1, to);
        for (int from = 0; from < L; from++) m->forbidden_transition[from * L + to] = !tag_follows(from, to);
    }
    return 0;
}

static void declare_parameters(struct model *m)
{
    int L = tag_count(&m->shape.types);
    ag_params_init(&m->params);
    bert_declare(&m->params, &m->shape.encoder, m->shape.encoder.family->prefix, &m->bert);
    nn_linear_declare(&m->params, "classifier", m->shape.encoder.encoder.width, L, &m->classifier);
    if (!m->shape.crf) return;
    crf_declare(&m->params, "crf.", L, &m->crf);
    m->crf.forbidden_start = m->forbidden_start;
    m->crf.forbidden_transition = m->forbidden_transition;
}

int model_declare(struct model *m, struct model_shape *shape, struct err *e)
{
    *m = (struct model){.shape = *shape};
    *shape = (struct model_shape){0};
    const struct model_shape *s = &m->shape;
    int code = wordpiece_from_text(s->vocabulary, s->vocabulary_size, "vocabulary", s->lower_case, &m->wordpiece, e);
    if (!code && wordpiece_size(m->wordpiece) > s->encoder.vocab_size)
        code = err_set(e, ERR_DATA, "the vocabulary has %d pieces, the encoder embeds %d", wordpiece_size(m->wordpiece),
                       s->encoder.vocab_size);
    if (!code && s->bio_constraints) code = make_constraints(m, e);
    if (code)
        model_free(m);
    else
        declare_parameters(m);
    return code;
}

void model_free(struct model *m)
{
    ag_params_free(&m->params);
    bert_free(&m->bert);
    if (!m->is_view) {
        model_shape_free(&m->shape);
        wordpiece_free(m->wordpiece);
        free(m->forbidden_start);
        free(m->forbidden_transition);
    }
    *m = (struct model){0};
}

void model_view(const struct model *of, struct model *view)
{
    *view = *of;
    view->is_view = true;
    declare_parameters(view);
    for (size_t k = 0; k < view->params.n; k++) ag_param_borrow(view->params.at[k], of->params.at[k]->val);
}

size_t model_parameters(const struct model *m)
{
    size_t n = 0;
    for (size_t k = 0; k < m->params.n; k++) n += m->params.at[k]->size;
    return n;
}

/* ---- values and roles ---- */

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* LayerNorm, layer_norm, layernorm, pre_layrnorm: the names of every family hold this. */
static bool is_norm(const ag_param *p)
{
    return strcasestr(p->name, "norm");
}

void model_initialize(struct model *m, uint32_t seed)
{
    for (size_t k = 0; k < m->params.n; k++) {
        ag_param *p = m->params.at[k];
        if (p->val) continue;
        struct rng r = rng_stream(seed, RNG_INIT, (uint32_t)k);
        ag_real *val = ag_param_own(p);
        bool crf = starts_with(p->name, "crf.");
        for (size_t i = 0; i < p->size; i++) {
            if (crf)
                val[i] = (ag_real)(0.2 * rng_uniform(&r) - 0.1);
            else if (p->rank > 1)
                val[i] = (ag_real)(0.02 * rng_normal(&r));
            else
                val[i] = is_norm(p) && strstr(p->name, "weight") ? 1 : 0;
        }
    }
}

int model_layer(const struct model *m, const ag_param *p)
{
    const struct bert_family *family = m->shape.encoder.family;
    if (!starts_with(p->name, family->prefix)) return -1;
    const char *name = p->name + strlen(family->prefix);
    if (!starts_with(name, family->names.layers)) return 0;
    return 1 + atoi(name + strlen(family->names.layers) + 1);
}

void model_train(struct model *m, int frozen_layers, size_t rows_max)
{
    for (size_t k = 0; k < m->params.n; k++) {
        ag_param *p = m->params.at[k];
        const int layer = model_layer(m, p);
        p->group = layer >= 0 ? GROUP_ENCODER + layer : starts_with(p->name, "crf.") ? GROUP_CRF : GROUP_HEAD;
        p->decay = p->rank > 1 && p->group != GROUP_CRF;
        p->role = frozen_layers > 0 && layer >= 0 && layer <= frozen_layers ? AG_FROZEN : AG_DENSE;
    }
    if (m->bert.word->role == AG_DENSE) m->bert.word->role = AG_SPARSE;
    ag_params_train(&m->params, rows_max);
}

int model_groups(const struct model *m)
{
    return GROUP_ENCODER + 1 + m->shape.encoder.encoder.layers;
}

/* ---- forward ---- */

ag_tensor *nerve_forward(ag_graph *g, const struct model *m, const struct batch *b, const nn_dropout *drop)
{
    ag_tensor *text = bert_forward(g, &m->bert, b->T, b->ids, b->position, b->B, b->seq_start, drop);
    ag_tensor *words = ag_gather(g, text, b->W, b->first);
    nn_dropout by_word = *drop;
    by_word.start = b->word_start;
    return nn_linear_forward(g, &m->classifier, ag_dropout_of(g, words, nn_dropout_at(&by_word, m->shape.dropout, SITE_HEAD)));
}

ag_tensor *model_loss(ag_graph *g, const struct model *m, ag_tensor *emissions, const struct batch *b)
{
    if (m->shape.crf) return crf_nll(g, &m->crf, emissions, b->tags, b->B, b->word_start);
    return ag_cross_entropy(g, emissions, b->tags, b->B, b->word_start);
}

static int largest(int n, const ag_real *x)
{
    int best = 0;
    for (int k = 1; k < n; k++)
        if (x[k] > x[best]) best = k;
    return best;
}

void model_decode(const struct model *m, const ag_tensor *emissions, const struct batch *b, int32_t *tags)
{
    int L = tag_count(&m->shape.types);
    if (!m->shape.crf) {
        for (int w = 0; w < b->W; w++) tags[w] = largest(L, emissions->val + (size_t)w * (size_t)L);
        return;
    }
    struct crf_scores scores = crf_scores_of(&m->crf);
    for (int i = 0; i < b->B; i++) {
        int from = b->word_start[i], n = b->word_start[i + 1] - from;
        crf_viterbi(&scores, n, emissions->val + (size_t)from * (size_t)L, tags + from);
    }
}

/* Without a CRF words are independent: the likelier of B- and I- (which was predicted) at the first word, I- inside, anything but I-
 * behind. */
static double independent_span(int L, int n, const float *emissions, struct span span)
{
    double p = 1;
    for (int w = span.first; w <= span.last + 1 && w < n; w++) {
        const float *x = emissions + (size_t)w * (size_t)L;
        double max = x[largest(L, x)], sum = 0;
        for (int k = 0; k < L; k++) sum += exp((double)x[k] - max);
        double begin = exp((double)x[tag_begin(span.type)] - max) / sum, inside = exp((double)x[tag_inside(span.type)] - max) / sum;
        p *= w == span.first ? fmax(begin, inside) : w <= span.last ? inside : 1 - inside;
    }
    return p;
}

double model_span_probability(const struct model *m, int n, const float *emissions, struct span span)
{
    int L = tag_count(&m->shape.types);
    if (!m->shape.crf) return independent_span(L, n, emissions, span);
    struct crf_scores scores = crf_scores_of(&m->crf);
    return crf_span_probability(&scores, n, emissions, span.first, span.last, tag_begin(span.type), tag_inside(span.type), CRF_LENIENT);
}
