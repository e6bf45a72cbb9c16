#include "trainer.h"
#include "files.h"
#include "log.h"
#include "profile.h"
#include "visual_shape.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCABULARY_MAX = 64 << 20 };

/* ---- opening: data, model, plan ---- */

static int read_splits(struct trainer *t, struct err *e)
{
    char path[PATH_MAX];
    struct hash_stream *digest = hash_begin();
    int code = 0;
    for (int k = 0; k < N_SPLITS && !code; k++) {
        code = split_path(t->config, (enum split_name)k, NULL, path, sizeof path, e);
        if (!code) code = split_read(t->config, path, &t->splits[k], e);
        if (!code) hash_add(digest, t->splits[k].data.digest.bytes, sizeof t->splits[k].data.digest.bytes);
    }
    t->data_digest = hash_end(digest);
    return code;
}

/* The encoder as a folder gives it, or a small one by the config's sizes. */
static int shape_from_folder(const struct pretrained *p, struct model_shape *s, struct err *e)
{
    s->encoder = p->config;
    s->lower_case = p->lower_case;
    s->vocabulary_size = p->vocabulary_size;
    s->vocabulary = malloc(p->vocabulary_size + 1);
    if (!s->vocabulary) return err_set(e, ERR_INTERNAL, "out of memory for a vocabulary of %zu bytes", p->vocabulary_size);
    memcpy(s->vocabulary, p->vocabulary, p->vocabulary_size + 1);
    return 0;
}

static int shape_from_scratch(const struct nerve_config *c, struct model_shape *s, struct err *e)
{
    char path[PATH_MAX];
    int code = config_data_path(c, c->model.vocab, path, e);
    if (!code) code = file_read(path, VOCABULARY_MAX, &s->vocabulary, &s->vocabulary_size, e);
    if (code) return code;
    struct wordpiece *w = NULL;
    code = wordpiece_from_text(s->vocabulary, s->vocabulary_size, path, true, &w, e);
    if (code) return code;
    s->lower_case = true;
    s->encoder = (struct bert_config){
        .family = &BERT,
        .vocab_size = wordpiece_size(w),
        .type_vocab = 2,
        .max_positions = c->model.max_positions,
        .encoder = {.layers = c->model.layers,
                    .width = c->model.width,
                    .heads = c->model.heads,
                    .inner = c->model.inner,
                    .order = ENCODER_POST_NORM,
                    .activation = AG_GELU,
                    .eps = 1e-12},
    };
    wordpiece_free(w);
    return 0;
}

static int make_shape(struct trainer *t, struct model_shape *s, struct err *e)
{
    const struct nerve_config *c = t->config;
    *s = (struct model_shape){0};
    int code = t->initial.checkpoint ? initial_shape(&t->initial, s, e)
               : c->model.encoder[0] ? shape_from_folder(&t->pretrained, s, e)
                                     : shape_from_scratch(c, s, e);
    if (code) return code;
    if (c->model.lower_case != CONFIG_LOWER_AUTO) s->lower_case = c->model.lower_case == CONFIG_LOWER_TRUE;
    s->visual.source = config_looks(c) ? (enum config_visual)c->model.visual : SOURCE_NONE;
    s->visual.own_encoder = s->visual.source == SOURCE_CAPTION && c->model.caption_encoder == CONFIG_CAPTIONS_OWN;
    const struct visual_shape *before = t->initial.checkpoint ? &t->initial.model.shape.visual : NULL;
    if ((code = visual_shape_make(c, &s->encoder, &t->vision, before, &s->visual, e))) return code;
    model_shape_of_config(c, s);
    int limit = s->encoder.max_positions - s->encoder.position_offset;
    s->max_length = c->data.max_length > 0 && c->data.max_length < limit ? c->data.max_length : limit;
    if (s->max_length < c->data.max_length)
        log_warning("data.max_length %d is more than the encoder's %d positions: tweets are cut at %d pieces", c->data.max_length, limit,
                    s->max_length);
    if (c->model.frozen_layers > s->encoder.encoder.layers)
        return err_set(e, ERR_CONFIG, "model.frozen_layers is %d, but the encoder has %d layers", c->model.frozen_layers,
                       s->encoder.encoder.layers);
    if (c->model.lora_rank > 0 && c->model.frozen_layers > 0 && c->model.frozen_layers == s->encoder.encoder.layers)
        return shape_no_lora("model.lora_rank", "model.frozen_layers", s->encoder.encoder.layers, e);
    for (int k = 0; k < N_SPLITS; k++)
        if ((code = dataset_collect_types(&t->splits[k].data, &s->types, e))) return code;
    if (s->types.n_types == 0)
        return err_set(e, ERR_DATA, "%s: no word has a tag but O: there is nothing to learn", t->splits[SPLIT_TRAIN].data.path);
    return 0;
}

/* Opens what the weights come from; neither: from chance. */
static int open_weights(struct trainer *t, const char *own_checkpoint, struct err *e)
{
    const struct nerve_config *c = t->config;
    int code = 0;
    if (c->train.init[0]) {
        code = initial_open(own_checkpoint ? own_checkpoint : c->train.init, own_checkpoint != NULL, &t->initial, e);
        if (code && !own_checkpoint) err_prefix(e, "train.init: ");
        t->encoder_digest = t->initial.digest;
    } else if (c->model.encoder[0]) {
        code = pretrained_open(c->model.encoder, &t->pretrained, e);
        t->encoder_digest = t->pretrained.digest;
    }
    if (code || !config_looks(c) || !c->model.vision[0] || (c->model.visual != SOURCE_VIT && c->model.visual != SOURCE_CLIP)) return code;
    if ((code = pretrained_vision_open(c->model.vision, &t->vision, e))) return err_prefix(e, "model.vision: ");
    struct hash_stream *both = hash_begin();
    hash_add(both, t->encoder_digest.bytes, sizeof t->encoder_digest.bytes);
    hash_add(both, t->vision.digest.bytes, sizeof t->vision.digest.bytes);
    t->encoder_digest = hash_end(both);
    return 0;
}

/* Borrows what files give to parameters that have no values yet. */
static int fill_model(struct trainer *t, struct err *e)
{
    const char *folder = t->config->model.encoder;
    struct model *m = &t->model;
    int code = 0;
    if (t->initial.checkpoint) initial_fill(&t->initial, m);
    if (folder[0] && ((code = pretrained_fill(&t->pretrained, &m->params, m->shape.encoder.family->prefix, e)) ||
                      (m->shape.visual.own_encoder && (code = pretrained_fill(&t->pretrained, &m->params, "caption.", e)))))
        return err_prefix(e, "%s: ", folder);
    if (t->vision.weights && (code = pretrained_vision_fill(&t->vision, &m->params, "vision.", e)))
        return err_prefix(e, "%s: ", t->config->model.vision);
    model_initialize(m, t->config->train.seed);
    return 0;
}

/* Cuts the splits into pieces, and finds what their tweets show. */
static int encode_splits(struct trainer *t, struct err *e)
{
    const struct model_shape *s = &t->model.shape;
    int code = visual_source_open(t->config, s, NULL, &t->visual, e);
    for (int k = 0; k < N_SPLITS && !code; k++) {
        code = split_encode(&t->splits[k], &s->types, t->model.wordpiece, s->max_length, e);
        if (!code) code = split_see(&t->splits[k], &t->visual, &t->model, e);
    }
    if (code || s->visual.source == SOURCE_NONE) return code;
    struct hash_stream *digest = hash_begin();
    hash_add(digest, t->data_digest.bytes, sizeof t->data_digest.bytes);
    for (int k = 0; k < N_SPLITS; k++) hash_add(digest, t->splits[k].visual.digest.bytes, sizeof t->splits[k].visual.digest.bytes);
    t->data_digest = hash_end(digest);
    return 0;
}

static int make_model(struct trainer *t, const char *own_checkpoint, struct err *e)
{
    struct model_shape shape = {0};
    const char *folder = t->config->model.encoder;
    int code = open_weights(t, own_checkpoint, e);
    if (!code) code = make_shape(t, &shape, e);
    if (code) {
        model_shape_free(&shape);
        return code;
    }
    if ((code = model_declare(&t->model, &shape, e))) return folder[0] ? err_prefix(e, "%s: ", folder) : code;
    if ((code = fill_model(t, e))) return code;
    return encode_splits(t, e);
}

/* Of tweets from .. to-1, by their offsets. */
static int64_t count(const int32_t *start, const int32_t *tweets, int from, int to)
{
    int64_t n = 0;
    for (int k = from; k < to; k++) n += start[tweets[k] + 1] - start[tweets[k]];
    return n;
}

/* Where the part of a step's n tweets that begins at `from` ends: train.accumulate parts of one size, or as many tweets as
 * train.accumulate_pieces holds, at least one. */
static int part_end(const struct trainer *t, int n, const int32_t *tweets, int part, int from)
{
    const struct nerve_config *c = t->config;
    const int32_t *start = t->splits[SPLIT_TRAIN].encoded.piece_start;
    const int parts = c->train.accumulate < n ? c->train.accumulate : n;
    if (c->train.accumulate_pieces == 0) return (int)((int64_t)n * (part + 1) / parts);
    int to = from + 1;
    for (int64_t pieces = count(start, tweets, from, to); to < n; to++) {
        pieces += count(start, tweets, to, to + 1);
        if (pieces > c->train.accumulate_pieces) break;
    }
    return to;
}

static int64_t count_visual(const struct visual *v, const int32_t *tweets, int from, int to)
{
    int64_t n = 0;
    if (v->kind != VISUAL_NONE)
        for (int k = from; k < to; k++) n += visual_tokens(v, tweets[k]);
    return n;
}

static void note_sizes(struct trainer *t, const struct batch_plan *plan, int64_t epoch)
{
    const struct encoded *x = &t->splits[SPLIT_TRAIN].encoded;
    const struct visual *v = &t->splits[SPLIT_TRAIN].visual;
    for (int b = 0; b < plan->n_batches; b++) {
        const int n = plan->start[b + 1] - plan->start[b];
        const int32_t *tweets = plan->tweets + plan->start[b];
        int64_t step = 0;
        for (int part = 0, from = 0, to; from < n; part++, from = to) {
            to = part_end(t, n, tweets, part, from);
            const int64_t pieces = count(x->piece_start, tweets, from, to), words = count(x->word_start, tweets, from, to),
                          visual = x->types ? 0 : count_visual(v, tweets, from, to);
            step += pieces + (v->kind == VISUAL_CAPTIONS ? visual : 0);
            if (pieces > t->largest_pieces) t->largest_pieces = pieces;
            if (visual > t->largest_visual) t->largest_visual = visual;
            if (pieces + visual > t->largest_part) {
                t->largest_part = pieces + visual;
                t->largest_epoch = epoch;
                t->largest_batch = b;
            }
            if (words > t->largest_words) t->largest_words = words;
            if (to - from > t->largest_tweets) t->largest_tweets = to - from;
        }
        if (step > t->largest_step) t->largest_step = step;
    }
}

static int make_plan(const struct trainer *t, int64_t epoch, struct batch_plan *plan, struct err *e)
{
    const struct nerve_config *c = t->config;
    return batch_plan_make(&t->splits[SPLIT_TRAIN].encoded, c->train.batch, c->train.batch_pieces, c->train.pool, c->train.seed,
                           (uint32_t)epoch, plan, e);
}

/* Every epoch's batches, once, ahead: their number makes the schedule, their sizes the memory. */
static int plan_run(struct trainer *t, struct err *e)
{
    const struct nerve_config *c = t->config;
    t->epoch_end = calloc((size_t)c->train.epochs + 1, sizeof *t->epoch_end);
    if (!t->epoch_end) return err_set(e, ERR_INTERNAL, "out of memory for a plan of %d epochs", c->train.epochs);
    for (int64_t epoch = 1; epoch <= c->train.epochs; epoch++) {
        struct batch_plan plan = {0};
        int code = make_plan(t, epoch, &plan, e);
        if (code) return code;
        note_sizes(t, &plan, epoch);
        t->epoch_end[epoch] = t->epoch_end[epoch - 1] + plan.n_batches;
        t->epochs = epoch;
        batch_plan_free(&plan);
        if (c->train.max_steps > 0 && t->epoch_end[epoch] >= c->train.max_steps) {
            t->epoch_end[epoch] = c->train.max_steps;
            break;
        }
    }
    t->steps = t->epoch_end[t->epochs];
    t->warmup = (int64_t)floor(c->train.warmup * (double)t->steps);
    int code = batch_reserve(&t->batch, (int)t->largest_tweets, (int)t->largest_pieces, (int)t->largest_words, e);
    if (!code && model_sees(&t->model))
        code = visual_batch_reserve(&t->batch.visual, &t->splits[SPLIT_TRAIN].visual, (int)t->largest_tweets, (int)t->largest_words,
                                    (int)t->largest_visual, e);
    t->change = calloc((size_t)t->largest_tweets + 1, 1);
    t->heard = calloc((size_t)t->largest_words + 1, 1);
    if (!code && (!t->change || !t->heard))
        code = err_set(e, ERR_INTERNAL, "out of memory for a batch of %lld tweets", (long long)t->largest_tweets);
    return code;
}

/* How often each tag occurs in training decides what a word of it weighs. */
static int make_balance(struct trainer *t, struct err *e)
{
    const int L = tag_count(&t->model.shape.types);
    const struct encoded *x = &t->splits[SPLIT_TRAIN].encoded;
    if (!t->config->loss.class_balanced && !t->config->loss.image_balanced) return 0;
    int64_t *count = calloc((size_t)L, sizeof *count);
    t->balance = calloc((size_t)L * (size_t)L, sizeof *t->balance);
    if (!count || !t->balance) {
        free(count);
        return err_set(e, ERR_INTERNAL, "out of memory for the weights of %d tags", L);
    }
    for (int w = 0; w < x->word_start[x->n_tweets]; w++) count[x->tags[w]]++;
    evi_inverse_frequency(L, count, t->balance);
    free(count);
    return 0;
}

/* Layer-wise decay (Sun et al. 2019, arXiv 1905.05583, section 5.3.4): the last layer has the encoder's rate, each one below that of the
 * next times the decay, the embeddings, as layer 0, the lowest. */
static int make_groups(struct trainer *t, struct err *e)
{
    const struct nerve_config *c = t->config;
    const int layers = t->model.shape.encoder.encoder.layers;
    t->groups = calloc((size_t)model_groups(&t->model), sizeof *t->groups);
    if (!t->groups) return err_set(e, ERR_INTERNAL, "out of memory for %d optimizer groups", model_groups(&t->model));
    t->groups[GROUP_HEAD] = (ag_group){c->train.lr_head, c->train.weight_decay};
    t->groups[GROUP_CRF] = (ag_group){c->train.lr_crf, c->train.weight_decay};
    t->groups[GROUP_FUSION] = (ag_group){c->train.lr_fusion, c->train.weight_decay};
    t->groups[GROUP_VISUAL] = (ag_group){c->train.lr_visual, c->train.weight_decay};
    double rate = c->train.lr_encoder;
    for (int layer = layers; layer >= 0; layer--, rate *= c->train.layer_decay)
        t->groups[GROUP_ENCODER + layer] = (ag_group){rate, c->train.weight_decay};
    return 0;
}

static void begin(const struct nerve_config *config, struct trainer *t)
{
    *t = (struct trainer){.config = config, .state = {.best_f1 = -1}};
    ag_graph_init(&t->graph);
    ag_params_init(&t->model.params);
}

static void make_trainable(struct trainer *t)
{
    const struct nerve_config *c = t->config;
    model_train(&t->model, c, (size_t)t->largest_step);
    /* What trains was copied; only frozen parameters still lie in the mapped files. */
    bool frozen = false;
    for (size_t k = 0; k < t->model.params.n; k++) frozen |= t->model.params.at[k]->role == AG_FROZEN;
    if (!frozen) {
        pretrained_close(&t->pretrained);
        pretrained_vision_close(&t->vision);
        initial_close(&t->initial);
    }
    model_view(&t->model, &t->view);
}

static int open_trainer(const struct nerve_config *config, const char *own_checkpoint, struct trainer *t, struct err *e)
{
    begin(config, t);
    int code;
    if ((code = read_splits(t, e)) || (code = make_model(t, own_checkpoint, e)) || (code = plan_run(t, e)) || (code = make_groups(t, e)) ||
        (code = make_balance(t, e))) {
        trainer_close(t);
        return code;
    }
    make_trainable(t);
    return 0;
}

int trainer_open(const struct nerve_config *config, struct trainer *t, struct err *e)
{
    return open_trainer(config, NULL, t, e);
}

int trainer_open_again(const struct nerve_config *config, const char *own_checkpoint, struct trainer *t, struct err *e)
{
    return open_trainer(config, own_checkpoint, t, e);
}

int trainer_open_on(const struct nerve_config *config, struct model_shape *shape, struct split *train, struct trainer *t, struct err *e)
{
    begin(config, t);
    t->splits[SPLIT_TRAIN] = *train;
    *train = (struct split){0};
    int code = model_declare(&t->model, shape, e);
    if (!code) {
        model_initialize(&t->model, config->train.seed);
        if (!(code = plan_run(t, e)) && !(code = make_groups(t, e))) code = make_balance(t, e);
    }
    if (code)
        trainer_close(t);
    else
        make_trainable(t);
    return code;
}

void trainer_close(struct trainer *t)
{
    batch_plan_free(&t->plan);
    batch_free(&t->batch);
    free(t->groups);
    free(t->epoch_end);
    free(t->change);
    free(t->heard);
    free(t->balance);
    model_free(&t->view);
    model_free(&t->model);
    pretrained_close(&t->pretrained);
    pretrained_vision_close(&t->vision);
    initial_close(&t->initial);
    ag_graph_free(&t->graph);
    for (int k = 0; k < N_SPLITS; k++) split_free(&t->splits[k]);
    visual_source_close(&t->visual);
    *t = (struct trainer){0};
}

/* ---- the step ---- */

/* A tweet's own number in [0, 1), of this step and purpose: the same however the step is cut into parts. */
static double chance(const struct trainer *t, enum rng_purpose purpose, int place)
{
    uint32_t key[2], out[4];
    rng_key(t->config->train.seed, purpose, 0, key);
    rng_philox((const uint32_t[]){(uint32_t)place, 0, (uint32_t)t->state.step, 0}, key, out);
    return out[0] * 0x1p-32;
}

/* What becomes of a tweet's picture in this step. */
static uint8_t change_of(const struct trainer *t, int place)
{
    const struct nerve_config *c = t->config;
    if (t->warming) return VISUAL_KEPT;
    if (chance(t, RNG_LEAVE_OUT_IMAGE, place) < c->train.drop_image) return VISUAL_LEFT_OUT;
    return chance(t, RNG_NOISE, place) < c->train.noise_image ? VISUAL_NOISE : VISUAL_KEPT;
}

/* Another one in each step. */
static uint32_t noise_seed(const struct trainer *t)
{
    return (uint32_t)(chance(t, RNG_NOISE, -1) * 0x1p32);
}

/* Which tweets of a part go without their picture or see noise, and which words go without their text in the fusion: none of a tweet that
 * has no picture to answer for it. */
static int fill_batch(struct trainer *t, int n, const int32_t *tweets, int first_place, struct err *e)
{
    const struct nerve_config *c = t->config;
    const struct split *s = &t->splits[SPLIT_TRAIN];
    struct batch *b = &t->batch;
    batch_fill(b, &s->encoded, n, tweets, first_place);
    if (!model_sees(&t->model)) return 0;
    for (int i = 0; i < n; i++) t->change[i] = change_of(t, b->place[i]);
    const struct visual_changes changes = {t->change, noise_seed(t)};
    int code = visual_batch_fill(&b->visual, &s->visual, n, tweets, b->place, b->word_start, &changes, ag_threads(), e);
    for (int i = 0; i < n && c->train.drop_text > 0; i++) {
        const bool shows = t->change[i] != VISUAL_NOISE && b->visual.start[i] < b->visual.start[i + 1];
        const bool silent = shows && chance(t, RNG_LEAVE_OUT_TEXT, b->place[i]) < c->train.drop_text;
        memset(t->heard + b->word_start[i], !silent, (size_t)(b->word_start[i + 1] - b->word_start[i]));
    }
    if (c->train.drop_text > 0) b->heard = t->heard;
    return code;
}

/* What the loss's terms weigh in this step: the evidential ones rise in a line once loss.evidence_after epochs are over. */
static struct objective objective_now(const struct trainer *t)
{
    const struct nerve_config *c = t->config;
    const int64_t epoch = trainer_epoch_of(t, t->state.step), start = t->epoch_end[epoch - 1], end = t->epoch_end[epoch];
    const double epochs = (double)(epoch - 1) + (double)(t->state.step - start) / (double)(end > start ? end - start : 1);
    const double risen =
        c->loss.evidence_ramp > 0 ? (epochs - c->loss.evidence_after) / c->loss.evidence_ramp : epochs >= c->loss.evidence_after;
    return (struct objective){.modality = c->loss.modality,
                              .evidence = t->warming ? c->loss.evidence : c->loss.evidence * fmin(1, fmax(0, risen)),
                              .regulariser = c->loss.regulariser,
                              .noise = c->train.noise_image > 0 ? c->loss.noise : 0,
                              .balance = c->loss.class_balanced ? t->balance : NULL,
                              .image_balance = c->loss.image_balanced ? t->balance : NULL};
}

/* Forward and backward of one part of a step; adds its tweets' losses to *sum. weight: 1 / tweets of the whole step. */
static int pass(struct trainer *t, int n, const int32_t *tweets, int first_place, ag_real weight, double *sum, struct err *e)
{
    const struct objective objective = objective_now(t);
    ag_profile_phase(&t->graph, "batch");
    int code = fill_batch(t, n, tweets, first_place, e);
    ag_profile_phase(&t->graph, NULL);
    if (code) return code;
    nn_dropout drop = {.on = true,
                       .seed = t->config->train.seed,
                       .step = (uint32_t)t->state.step,
                       .n = n,
                       .start = t->batch.seq_start,
                       .place = t->batch.place};
    ag_graph_reset(&t->graph);
    const struct forward f = nerve_forward(&t->graph, &t->model, &t->batch, &drop);
    ag_tensor *loss = model_loss(&t->graph, &t->model, &f, &t->batch, &objective);
    for (int b = 0; b < n; b++) *sum += (double)loss->val[b];
    ag_real *share = ag_save(&t->graph, (size_t)n * sizeof *share);
    for (int b = 0; b < n; b++) share[b] = weight;
    ag_backward(&t->graph, loss, share);
    return 0;
}

static int accumulate(struct trainer *t, int n, const int32_t *tweets, double *sum, int64_t *pieces, struct err *e)
{
    int code = 0;
    ag_params_zero_grad(&t->model.params);
    for (int part = 0, from = 0, to; from < n && !code; part++, from = to) {
        to = part_end(t, n, tweets, part, from);
        code = pass(t, to - from, tweets + from, from, (ag_real)(1.0 / n), sum, e);
        *pieces += t->batch.T;
    }
    return code;
}

static void log_skipped(const struct trainer *t, int n, const int32_t *tweets, const struct step_result *r)
{
    char ids[512] = "";
    for (int k = 0; k < n && strlen(ids) < sizeof ids - 80; k++) {
        const struct tweet *tweet = &t->splits[SPLIT_TRAIN].data.tweets[tweets[k]];
        size_t used = strlen(ids);
        if (tweet->id)
            snprintf(ids + used, sizeof ids - used, "%s%.60s", k ? ", " : "", tweet->id);
        else
            snprintf(ids + used, sizeof ids - used, "%sline %ld", k ? ", " : "", tweet->line);
    }
    log_warning("step %lld skipped: loss %g, gradient norm %g; tweets %s", (long long)t->state.step + 1, r->loss, r->norm, ids);
}

int trainer_step(struct trainer *t, int n, const int32_t *tweets, double factor, struct step_result *out, struct err *e)
{
    const struct nerve_config *c = t->config;
    struct trainer_state *s = &t->state;
    struct step_result r = {0};
    double sum = 0;
    int code = accumulate(t, n, tweets, &sum, &r.pieces, e);
    if (code) return code;
    r.loss = sum / n;
    ag_profile_phase(&t->graph, "gradient norm");
    r.norm = ag_grad_norm(&t->model.params);
    ag_profile_phase(&t->graph, "AdamW");
    r.skipped = !(isfinite(r.loss) && isfinite(r.norm));
    if (r.skipped) {
        s->skipped++;
        s->skipped_in_row++;
        log_skipped(t, n, tweets, &r);
    } else {
        s->skipped_in_row = 0;
        s->loss_sum += sum;
        s->loss_tweets += n;
        s->updates++;
        ag_adamw_step(&t->model.params, t->groups, model_groups(&t->model), factor, s->updates, c->train.adam_beta1, c->train.adam_beta2,
                      c->train.adam_eps, r.norm, c->train.clip);
    }
    s->step++;
    *out = r;
    return 0;
}

int64_t trainer_epoch_of(const struct trainer *t, int64_t step)
{
    int64_t epoch = 1;
    while (epoch < t->epochs && step >= t->epoch_end[epoch]) epoch++;
    return epoch;
}

int trainer_next(struct trainer *t, int *n, const int32_t **tweets, double *factor, struct err *e)
{
    int64_t epoch = trainer_epoch_of(t, t->state.step);
    if (t->plan_epoch != epoch) {
        batch_plan_free(&t->plan);
        t->plan_epoch = 0;
        int code = make_plan(t, epoch, &t->plan, e);
        if (code) return code;
        t->plan_epoch = epoch;
    }
    int64_t k = t->state.step - t->epoch_end[epoch - 1];
    *n = t->plan.start[k + 1] - t->plan.start[k];
    *tweets = t->plan.tweets + t->plan.start[k];
    const bool cosine = t->config->train.schedule == CONFIG_SCHEDULE_COSINE;
    *factor = (cosine ? ag_schedule_cosine : ag_schedule_linear)(t->state.step, t->warmup, t->steps);
    return 0;
}

int trainer_warm(struct trainer *t, struct err *e)
{
    struct batch_plan plan = {0};
    int code = make_plan(t, t->largest_epoch, &plan, e);
    if (code) return code;
    const int32_t *tweets = plan.tweets + plan.start[t->largest_batch];
    int n = plan.start[t->largest_batch + 1] - plan.start[t->largest_batch];
    int64_t pieces = 0;
    double sum = 0;
    t->warming = true;
    for (int k = 0; k < 2 && !code; k++) code = accumulate(t, n, tweets, &sum, &pieces, e);
    t->warming = false;
    ag_params_zero_grad(&t->model.params);
    ag_graph_reset(&t->graph);
    log_info("largest batch: %lld pieces%s; its activations need %.1f MB", (long long)t->largest_pieces,
             t->largest_pieces < t->largest_step ? " in its largest part" : "", (double)t->graph.arena.peak / 1e6);
    batch_plan_free(&plan);
    return code;
}
