#include "bench.h"
#include "bench_tweets.h"
#include "json.h"
#include "machine.h"
#include "model_store.h"
#include "sgemm.h"
#include "trainer.h"
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 64 };
#define ENOUGH_S    4.0
#define SGEMM_SHARE .05

/* ---- the model ---- */

static int make_shape(const struct nerve_config *config, const struct bench_options *options, struct model_shape *s, struct err *e)
{
    static const char *const types[] = {"LOC", "MISC", "ORG", "PER"};
    *s = (struct model_shape){.lower_case = true};
    int code = bench_shape(options->shape, &s->encoder, e);
    model_shape_of_config(config, s);
    for (size_t k = 0; k < sizeof types / sizeof *types && !code; k++) code = tag_set_add(&s->types, types[k], e);
    if (!code) code = bench_vocabulary(s->encoder.vocab_size, &s->vocabulary, &s->vocabulary_size, e);
    s->max_length = s->encoder.max_positions - s->encoder.position_offset;
    if (!code && config->model.frozen_layers > s->encoder.encoder.layers)
        code = err_set(e, ERR_CONFIG, "model.frozen_layers is %d, but the encoder has %d layers", config->model.frozen_layers,
                       s->encoder.encoder.layers);
    return code;
}

static double forward_flop(const struct model_shape *s, const struct encoded *x)
{
    const double C = s->encoder.encoder.width, F = s->encoder.encoder.inner, layers = s->encoder.encoder.layers;
    const double T = x->piece_start[x->n_tweets], W = x->word_start[x->n_tweets];
    double pairs = 0;
    for (int i = 0; i < x->n_tweets; i++) {
        const double n = x->piece_start[i + 1] - x->piece_start[i];
        pairs += n * n;
    }
    return layers * (2 * T * (4 * C * C + 2 * C * F) + 4 * pairs * C) + 2 * W * C * tag_count(&s->types);
}

/* ---- rounds, with sgemm beside ---- */

/* A round of all batches; true where a step went wrong. */
typedef bool (*bench_round)(void *context);

static int measure(bench_round round, void *context, ag_graph *g, struct bench *out, struct err *e)
{
    struct sgemm beside = {0};
    int code = 0;
    g->profile = &out->profile;
    for (; !code && out->rounds < ROUNDS_MAX && out->seconds < ENOUGH_S; out->rounds++) {
        const double before = out->seconds;
        ag_profile_start(&out->profile);
        const bool failed = round(context);
        ag_profile_stop(&out->profile);
        out->seconds = out->profile.seconds;
        if (failed) code = err_set(e, ERR_INTERNAL, "a loss or a gradient is not finite with these random weights: try another train.seed");
        if (out->rounds == 0) {
            out->peak_mb = machine_peak_mb(); /* without sgemm's own matrices */
            if (!code) code = sgemm_begin(&beside, e);
        }
        if (!code) sgemm_run(&beside, SGEMM_SHARE * (out->seconds - before));
    }
    g->profile = NULL;
    if (!code) out->sgemm = sgemm_gflops(&beside);
    sgemm_end(&beside);
    return code;
}

/* ---- training ---- */

static bool train_step(struct trainer *t, int b)
{
    const int32_t *start = t->plan.start + b;
    struct step_result r;
    struct err e = {0};
    return trainer_step(t, start[1] - start[0], t->plan.tweets + start[0], 1, &r, &e) || r.skipped;
}

static bool train_round(void *context)
{
    struct trainer *t = context;
    for (int b = 0; b < t->plan.n_batches; b++)
        if (train_step(t, b)) return true;
    return false;
}

/* A run of a few batches meets few words, whose rows alone have moments in memory: an epoch's are counted. */
static int touch_moments(struct trainer *t, const char *lengths, uint32_t seed, struct err *e)
{
    int64_t n;
    int32_t *rows = bench_epoch(lengths, &t->model.shape, seed, &n, e);
    if (!rows) return e->code;
    if (t->model.bert.word->role == AG_SPARSE) ag_param_touch_moments(t->model.bert.word, n, rows);
    free(rows);
    return 0;
}

static int bench_train(const struct nerve_config *config, const char *lengths, struct model_shape *shape, struct split *tweets,
                       struct bench *out, struct err *e)
{
    struct trainer t;
    int n, code = trainer_open_on(config, shape, tweets, &t, e);
    const int32_t *batch;
    double factor;
    if (code) return code;
    out->parameters = (int64_t)model_parameters(&t.model);
    out->flop = 3 * forward_flop(&t.model.shape, &t.splits[SPLIT_TRAIN].encoded);
    if (!(code = trainer_next(&t, &n, &batch, &factor, e)) && !(code = trainer_warm(&t, e)) && /* trainer_next makes the plan */
        !(code = touch_moments(&t, lengths, config->train.seed, e))) {
        train_step(&t, 0); /* the other moments' pages */
        code = measure(train_round, &t, &t.graph, out, e);
    }
    trainer_close(&t);
    return code;
}

/* ---- prediction ---- */

struct predictor {
    struct model model;
    ag_graph graph;
    const struct encoded *encoded;
    struct batch_plan plan;
    struct batch batch;
    int32_t *tags;
};

static bool predict_round(void *context)
{
    struct predictor *p = context;
    const nn_dropout none = {.on = false};
    for (int b = 0; b < p->plan.n_batches; b++) {
        ag_profile_phase(&p->graph, "batch");
        batch_fill(&p->batch, p->encoded, p->plan.start[b + 1] - p->plan.start[b], p->plan.tweets + p->plan.start[b], 0);
        ag_graph_reset(&p->graph);
        ag_profile_phase(&p->graph, NULL);
        const struct forward f = nerve_forward(&p->graph, &p->model, &p->batch, &none);
        ag_profile_phase(&p->graph, "decode");
        model_decode(&p->model, f.emissions, &p->batch, p->tags);
    }
    return false;
}

static int bench_predict(const struct nerve_config *config, struct model_shape *shape, const struct split *tweets, int batch,
                         struct bench *out, struct err *e)
{
    struct predictor p = {.encoded = &tweets->encoded};
    ag_graph_init(&p.graph);
    int code = model_declare(&p.model, shape, e);
    if (code) return code;
    model_initialize(&p.model, config->train.seed);
    model_pack(&p.model, NULL);
    out->parameters = (int64_t)model_parameters(&p.model);
    out->flop = forward_flop(&p.model.shape, p.encoded);
    if ((code = batch_plan_sorted(p.encoded, batch, 0, &p.plan, e)) || (code = batch_reserve_plan(&p.batch, &p.plan, p.encoded, e)))
        goto done;
    p.tags = malloc(((size_t)p.batch.cap_W + 1) * sizeof *p.tags);
    if (p.tags) {
        predict_round(&p); /* sizes the arena */
        code = measure(predict_round, &p, &p.graph, out, e);
    } else {
        code = err_set(e, ERR_INTERNAL, "out of memory for tags");
    }
done:
    free(p.tags);
    batch_free(&p.batch);
    batch_plan_free(&p.plan);
    ag_graph_free(&p.graph);
    model_free(&p.model);
    return code;
}

int bench_run(const struct nerve_config *config, const struct bench_options *options, struct bench *out, struct err *e)
{
    struct nerve_config c = *config;
    struct model_shape shape = {0};
    struct split tweets = {0};
    struct bench b = {0};
    c.train.batch = options->batch;
    c.train.batch_pieces = 0;
    if (config_looks(config)) return err_set(e, ERR_CONFIG, "a benchmark is of text alone: leave model.fusion away, or set it to text");
    int code = make_shape(&c, options, &shape, e);
    if (!code) code = bench_tweets(options->lengths, options->batches, options->batch, &shape, c.train.seed, &tweets, e);
    if (!code) {
        b.pieces = tweets.encoded.piece_start[tweets.encoded.n_tweets];
        code = options->predict ? bench_predict(&c, &shape, &tweets, options->batch, &b, e)
                                : bench_train(&c, options->lengths, &shape, &tweets, &b, e);
        b.steps = b.rounds * options->batches;
    }
    model_shape_free(&shape);
    split_free(&tweets);
    if (!code) *out = b;
    return code;
}

/* ---- as JSON ---- */

static int by_time(const void *a, const void *b)
{
    const ag_profile_row *x = a, *y = b;
    const double s = x->seconds[AG_FORWARD] + x->seconds[AG_BACKWARD], t = y->seconds[AG_FORWARD] + y->seconds[AG_BACKWARD];
    return (s < t) - (s > t);
}

static struct json *ops_json(const struct bench *b)
{
    ag_profile_row row[AG_PROFILE_ROWS];
    struct json *ops = json_new_array();
    memcpy(row, b->profile.row, sizeof row);
    qsort(row, (size_t)b->profile.n, sizeof *row, by_time);
    for (int k = 0; k < b->profile.n; k++) {
        struct json *op = json_new_object();
        const double forward = row[k].seconds[AG_FORWARD] * 1000 / b->steps, backward = row[k].seconds[AG_BACKWARD] * 1000 / b->steps;
        json_set_string(op, "name", row[k].name);
        json_set_number(op, "ms", forward + backward);
        json_set_number(op, "forward_ms", forward);
        json_set_number(op, "backward_ms", backward);
        json_set_number(op, "calls", (double)row[k].calls / b->steps);
        json_append(ops, op);
    }
    return ops;
}

struct json *bench_json(const struct bench_options *options, const struct bench *b)
{
    struct json *v = json_new_object();
    const double gflops = b->flop * b->rounds * 1e-9 / b->seconds;
    json_set_number(v, "tokens_per_s", (double)(b->pieces * b->rounds) / b->seconds);
    json_set_number(v, "step_ms", b->seconds * 1000 / b->steps);
    json_set_number(v, "peak_mb", b->peak_mb);
    json_set_number(v, "gflops", gflops);
    json_set_number(v, "sgemm_gflops", b->sgemm);
    json_set_number(v, "share_of_sgemm", gflops / b->sgemm);
    json_set(v, "ops", ops_json(b));
    json_set_string(v, "work", options->predict ? "predict" : "train");
    json_set_string(v, "shape", options->shape);
    json_set_integer(v, "batch", options->batch);
    json_set_integer(v, "parameters", b->parameters);
    json_set_integer(v, "pieces", b->pieces);
    json_set_integer(v, "rounds", b->rounds);
    json_set_integer(v, "steps", b->steps);
    json_set(v, "machine", machine_json());
    return v;
}
