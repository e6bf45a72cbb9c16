#include "model.h"
#include "rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_shape_free(struct model_shape *s)
{
    tag_set_free(&s->types);
    free(s->vocabulary);
    free(s->visual.identity);
    *s = (struct model_shape){0};
}

void model_shape_of_config(const struct nerve_config *c, struct model_shape *s)
{
    const bool heads_of_their_own = c->model.fusion == FUSION_IMAGE || c->model.fusion >= FUSION_AVERAGE;
    s->crf = c->model.crf;
    s->bio_constraints = c->model.crf && c->model.bio_constraints;
    s->dropout = c->model.dropout;
    s->fusion = (enum config_fusion)c->model.fusion;
    s->query_tags = heads_of_their_own && c->model.image_query == IMAGE_QUERY_TAGS;
    s->residual = c->model.cross_residual == CONFIG_RESIDUAL_AUTO ? !heads_of_their_own : c->model.cross_residual == CONFIG_RESIDUAL_TRUE;
    s->head = (evi_head){.reading = c->model.fusion == FUSION_MONIG_ONEHOT ? EVI_ONEHOT : EVI_PROB,
                         .nu_min = c->model.nu_min,
                         .nu_max = c->model.nu_max,
                         .alpha_min = c->model.alpha_min,
                         .alpha_max = c->model.alpha_max,
                         .beta_min = c->model.beta_min,
                         .tie_alpha = c->model.tie_alpha};
    s->vacuous_neutral = c->model.vacuous_neutral;
    s->visual.source = config_looks(c) ? (enum config_visual)c->model.visual : SOURCE_NONE;
    s->visual.turn = c->data.exif_orientation;
    s->visual.own_encoder =
        s->visual.source == SOURCE_CAPTION && c->model.fusion != FUSION_APPEND && c->model.caption_encoder == CONFIG_CAPTIONS_OWN;
    s->visual.caption_length = c->model.caption_length;
    s->encoder.encoder.lora_rank = c->model.lora_rank;
    s->encoder.encoder.lora_alpha = c->model.lora_alpha;
    s->visual.vit.encoder.lora_rank = c->model.vision_lora_rank;
    s->visual.vit.encoder.lora_alpha = c->model.vision_lora_alpha;
    s->encoder.encoder.dropout_hidden = s->visual.vit.encoder.dropout_hidden = c->model.dropout_hidden;
    s->encoder.encoder.dropout_attention = s->visual.vit.encoder.dropout_attention = c->model.dropout_attention;
}

/* ---- declaring ---- */

static bool looks(const struct model_shape *s)
{
    return s->visual.source != SOURCE_NONE && s->fusion != FUSION_APPEND;
}

/* Width of a visual token. */
static int source_width(const struct model_shape *s)
{
    switch (s->visual.source) {
    case SOURCE_VIT:
    case SOURCE_CLIP:
        return s->visual.vit.encoder.width;
    case SOURCE_FEATURES:
        return s->visual.width;
    default:
        return s->encoder.encoder.width;
    }
}

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

/* Behind all other parameters, so that these start from the same values where stored features stand in for the encoder. */
static void declare_visual_encoder(struct model *m)
{
    const struct model_shape *s = &m->shape;
    if (s->visual.source == SOURCE_VIT || s->visual.source == SOURCE_CLIP) vit_declare(&m->params, &s->visual.vit, "vision.", &m->vit);
    if (!s->visual.own_encoder) return;
    struct bert_config caption = s->encoder;
    if (s->visual.frozen) caption.encoder.lora_rank = 0;
    bert_declare(&m->params, &caption, "caption.", &m->caption);
}

static void declare_cross(struct model *m)
{
    const struct model_shape *s = &m->shape;
    const struct encoder_shape *e = &s->encoder.encoder;
    const struct cross_shape cross = {.width = e->width,
                                      .source = source_width(s),
                                      .heads = e->heads,
                                      .tags = s->query_tags ? tag_count(&s->types) : 0,
                                      .residual = s->residual || s->query_tags, /* a tag keeps its own query: no text is in it */
                                      .eps = e->eps,
                                      .dropout_hidden = e->dropout_hidden,
                                      .dropout_attention = e->dropout_attention};
    cross_declare(&m->params, &cross, "cross.", &m->cross);
}

/* Numbers that a head gives for a word and tag. */
static int planes(const struct model_shape *s)
{
    return s->fusion == FUSION_MONIG_ONEHOT || s->fusion == FUSION_MONIG_PROB ? EVI_PLANES : 1;
}

static void declare_heads(struct model *m)
{
    const struct model_shape *s = &m->shape;
    const int C = s->encoder.encoder.width, L = tag_count(&s->types), by_word = planes(s) * L,
              of_tags = s->query_tags ? planes(s) : by_word;
    const bool rows_are_mixed = s->fusion == FUSION_CROSS;
    if (s->fusion != FUSION_IMAGE) nn_linear_declare(&m->params, "classifier", C, by_word, &m->text);
    if (looks(s) && !rows_are_mixed) nn_linear_declare(&m->params, "visual_classifier", C, of_tags, &m->image);
    if (s->fusion == FUSION_GATE) {
        nn_linear_declare(&m->params, "gate.word", C, C, &m->gate_word);
        nn_linear_declare(&m->params, "gate.seen", C, C, &m->gate_seen);
    }
    if (s->fusion == FUSION_MONIG_ONEHOT) {
        m->scale = ag_params_add(&m->params, "emissions.scale", 1, (int[]){1});
        m->offset = ag_params_add(&m->params, "emissions.offset", 1, (int[]){L});
    }
}

static void declare_parameters(struct model *m)
{
    ag_params_init(&m->params);
    bert_declare(&m->params, &m->shape.encoder, m->shape.encoder.family->prefix, &m->bert);
    if (looks(&m->shape)) declare_cross(m);
    declare_heads(m);
    if (m->shape.crf) {
        crf_declare(&m->params, "crf.", tag_count(&m->shape.types), &m->crf);
        m->crf.forbidden_start = m->forbidden_start;
        m->crf.forbidden_transition = m->forbidden_transition;
    }
    if (looks(&m->shape)) declare_visual_encoder(m);
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
    bert_free(&m->caption);
    vit_free(&m->vit);
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
    for (size_t k = 0; k < view->params.n; k++) ag_param_view(view->params.at[k], of->params.at[k]);
}

bool model_sees(const struct model *m)
{
    return looks(&m->shape);
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

/* Names of every family's LayerNorms hold one of these. */
static bool is_norm(const ag_param *p)
{
    return strstr(p->name, "LayerNorm") || strstr(p->name, "layer_norm") || strstr(p->name, "layernorm") || strstr(p->name, "layrnorm");
}

/* The start of emissions = s gamma + b: scores of one-hot tags far enough apart for a CRF to prefer one. */
#define SCALE_AT_START 8

/* Values with a start of their own; false for all others. */
static bool initialize_evidence(const struct model *m, const ag_param *p, ag_real *val)
{
    const int L = tag_count(&m->shape.types);
    if (p == m->scale) {
        val[0] = SCALE_AT_START;
        return true;
    }
    if (planes(&m->shape) == 1 || (p != m->text.b && p != m->image.b)) return false;
    evi_nig_head_bias(&m->shape.head, p->dim[0] == EVI_PLANES ? 1 : L, val);
    return true;
}

/* Standard deviation of a matrix that begins by chance. What looks at pictures is as narrow as it is new, and deviation .02, made for
 * BERT's 768 columns, would leave its attention blind for many epochs: variance 1 / (3 inputs) instead, as torch's nn.Linear has it, and 1
 * for the queries of tags, which are told apart by nothing else. */
static double deviation(const ag_param *p)
{
    const bool looks = starts_with(p->name, "vision.") || starts_with(p->name, "cross.");
    const bool table = strstr(p->name, "cls_token") || strstr(p->name, "class_embedding") || strstr(p->name, "position_embedding");
    if (strstr(p->name, "tag_query")) return 1;
    return looks && !table ? sqrt(1 / (3 * (double)(p->size / (size_t)p->dim[0]))) : 0.02;
}

/* Of a parameter of the captions' own encoder the text's, which it starts as; NULL where there is none. */
static const ag_param *text_of(const struct model *m, const ag_param *p)
{
    static const char CAPTION[] = "caption.";
    char name[NN_NAME_MAX];
    if (nn_is_lora(p) || !starts_with(p->name, CAPTION)) return NULL;
    nn_name(name, "%s%s", m->shape.encoder.family->prefix, p->name + strlen(CAPTION));
    return ag_params_find(&m->params, name);
}

void model_initialize(struct model *m, uint32_t seed)
{
    nn_lora_start(&m->params);
    for (size_t k = 0; k < m->params.n; k++) {
        ag_param *p = m->params.at[k];
        if (p->val) continue;
        const ag_param *text = text_of(m, p);
        if (text) {
            memcpy(ag_param_own(p), text->val, p->size * sizeof *p->val);
            continue;
        }
        struct rng r = rng_stream(seed, RNG_INIT, (uint32_t)k);
        ag_real *val = ag_param_own(p);
        const double std = deviation(p);
        bool crf = starts_with(p->name, "crf.");
        if (initialize_evidence(m, p, val)) continue;
        for (size_t i = 0; i < p->size; i++) {
            if (crf)
                val[i] = (ag_real)(0.2 * rng_uniform(&r) - 0.1);
            else if (p->rank > 1)
                val[i] = (ag_real)(std * rng_normal(&r));
            else
                val[i] = is_norm(p) && strstr(p->name, "weight") ? 1 : 0;
        }
    }
}

/* 0 for an encoder's embeddings, 1 for its first layer and so on, layers + 1 for what stands behind the last one; -1 where the parameter is
 * another's. */
static int layer_in(const ag_param *p, const char *prefix, const struct encoder_names *names, int layers)
{
    if (!starts_with(p->name, prefix)) return -1;
    const char *name = p->name + strlen(prefix);
    if (starts_with(name, names->layers)) return 1 + atoi(name + strlen(names->layers) + 1);
    return strstr(name, "embeddings") || strstr(name, "pre_layrnorm") ? 0 : layers + 1;
}

int model_layer(const struct model *m, const ag_param *p)
{
    const struct bert_config *c = &m->shape.encoder;
    return layer_in(p, c->family->prefix, &c->family->names, c->encoder.layers);
}

/* How an encoder trains: none, the last, or all of its layers, or LoRA's pairs in them. */
struct training {
    int layers, frozen;
    bool lora;
};

static enum ag_role role_of(const ag_param *p, int layer, struct training t)
{
    const bool frozen = t.frozen > 0 && (layer <= t.frozen || t.frozen >= t.layers);
    return frozen || (t.lora && !nn_is_lora(p)) ? AG_FROZEN : AG_DENSE;
}

/* Group and role of a parameter that is not the text encoder's. */
static void place_other(const struct model *m, const struct nerve_config *c, ag_param *p)
{
    const struct bert_config *caption = &m->shape.encoder;
    const struct vit_config *vit = &m->shape.visual.vit;
    p->role = AG_DENSE;
    if (starts_with(p->name, "caption.")) {
        const struct training t = {caption->encoder.layers, c->model.caption_frozen_layers, caption->encoder.lora_rank > 0};
        p->group = GROUP_VISUAL;
        p->role = role_of(p, layer_in(p, "caption.", &caption->family->names, t.layers), t);
    } else if (starts_with(p->name, "vision.")) {
        const int layers = vit->encoder.layers, frozen = c->model.vision_frozen_layers;
        const struct training t = {layers, m->shape.visual.frozen ? layers : frozen, vit->encoder.lora_rank > 0};
        p->group = GROUP_VISUAL;
        p->role = role_of(p, layer_in(p, "vision.", &vit->family->names, layers), t);
    } else {
        p->group = starts_with(p->name, "crf.")                                      ? GROUP_CRF
                   : starts_with(p->name, "cross.") || starts_with(p->name, "gate.") ? GROUP_FUSION
                                                                                     : GROUP_HEAD;
    }
}

static void make_sparse(ag_param *table)
{
    if (table && table->role == AG_DENSE) table->role = AG_SPARSE;
}

void model_place(struct model *m, const struct nerve_config *c)
{
    const struct encoder_shape *s = &m->shape.encoder.encoder;
    for (size_t k = 0; k < m->params.n; k++) {
        ag_param *p = m->params.at[k];
        const int layer = model_layer(m, p);
        if (layer < 0) {
            place_other(m, c, p);
        } else {
            p->group = GROUP_ENCODER + layer;
            p->role = role_of(p, layer, (struct training){s->layers, c->model.frozen_layers, s->lora_rank > 0});
        }
        p->decay = p->rank > 1 && p->group != GROUP_CRF;
    }
    make_sparse(m->bert.word);
    make_sparse(m->caption.word);
}

void model_train(struct model *m, const struct nerve_config *c, size_t rows_max)
{
    model_place(m, c);
    ag_params_train(&m->params, rows_max);
}

size_t model_trainable(const struct model *m)
{
    size_t n = 0;
    for (size_t k = 0; k < m->params.n; k++)
        if (m->params.at[k]->role != AG_FROZEN) n += m->params.at[k]->size;
    return n;
}

/* The affine map of which w is the matrix, in an encoder's blocks; NULL where it is none of them. */
static const nn_linear *linear_of(const struct encoder *e, const ag_param *w)
{
    for (int l = 0; e->layer && l < e->shape.layers; l++) {
        const struct encoder_layer *x = &e->layer[l];
        const nn_linear *all[] = {&x->query, &x->key, &x->value, &x->attention_output, &x->up, &x->down};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            if (all[k]->w == w) return all[k];
    }
    return NULL;
}

const nn_linear *model_lora(const struct model *m, const ag_param *w)
{
    const struct encoder *all[] = {&m->bert.encoder, &m->caption.encoder, &m->vit.encoder};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const nn_linear *l = linear_of(all[k], w);
        if (l) return l->down ? l : NULL;
    }
    return NULL;
}

int model_groups(const struct model *m)
{
    return GROUP_ENCODER + 1 + m->shape.encoder.encoder.layers;
}

/* ---- tags ---- */

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
static double independent_span(int L, int n, const float *emissions, struct span span, double T)
{
    double p = 1;
    for (int w = span.first; w <= span.last + 1 && w < n; w++) {
        const float *x = emissions + (size_t)w * (size_t)L;
        double max = x[largest(L, x)], sum = 0;
        for (int k = 0; k < L; k++) sum += exp(((double)x[k] - max) / T);
        double begin = exp(((double)x[tag_begin(span.type)] - max) / T) / sum,
               inside = exp(((double)x[tag_inside(span.type)] - max) / T) / sum;
        p *= w == span.first ? fmax(begin, inside) : w <= span.last ? inside : 1 - inside;
    }
    return p;
}

struct crf_scores model_crf_scores(const struct model *m)
{
    struct crf_scores scores = crf_scores_of(&m->crf);
    scores.temperature = m->temperature;
    return scores;
}

double model_span_probability(const struct model *m, int n, const float *emissions, struct span span)
{
    int L = tag_count(&m->shape.types);
    if (!m->shape.crf) return independent_span(L, n, emissions, span, m->temperature > 0 ? m->temperature : 1);
    struct crf_scores scores = model_crf_scores(m);
    return crf_span_probability(&scores, n, emissions, span.first, span.last, tag_begin(span.type), tag_inside(span.type), CRF_LENIENT);
}
