#include "nerve.h"
#include "loaded_model.h"
#include "log.h"
#include "machine.h"
#include "model_store.h"
#include "predict.h"
#include "words.h"
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct nerve_model {
    struct loaded_model loaded;
    struct visual_source source;
    ag_graph graph;
    pthread_mutex_t lock; /* of source and graph */
};

struct nerve_prediction {
    size_t n_texts;
    size_t *entity_start; /* [n_texts+1] */
    struct nerve_entity *entities;
    struct nerve_doubt *doubts; /* of each entity */
    char **notes;               /* [n_texts] */
};

/* Codes and texts are the same inside and outside. */
_Static_assert((int)NERVE_ERROR_USAGE == ERR_USAGE && (int)NERVE_ERROR_DATA == ERR_DATA && (int)NERVE_ERROR_NOINPUT == ERR_NOINPUT &&
                   (int)NERVE_ERROR_INTERNAL == ERR_INTERNAL && (int)NERVE_ERROR_IO == ERR_IO && (int)NERVE_ERROR_CONFIG == ERR_CONFIG,
               "each code of nerve.h is the one of err.h");
_Static_assert((int)NERVE_LOG_DEBUG == LOG_DEBUG && (int)NERVE_LOG_INFO == LOG_INFO && (int)NERVE_LOG_WARNING == LOG_WARNING,
               "each level of nerve.h is the one of log.h");
_Static_assert(sizeof((struct nerve_error *)0)->text == sizeof((struct err *)0)->text, "a message of err.h fits into one of nerve.h");

static int give(const struct err *from, struct nerve_error *to)
{
    if (from->code && to) {
        to->code = from->code;
        memcpy(to->text, from->text, sizeof to->text);
    }
    return from->code;
}

const char *nerve_version(void)
{
    return machine_version();
}

/* ---- the log ---- */

static nerve_log user_log;

static void pass_line(void *context, enum log_level level, const char *line)
{
    user_log(context, (enum nerve_log_level)level, line);
}

void nerve_set_log(nerve_log log, void *context)
{
    user_log = log;
    log_set_sink(log ? pass_line : NULL, context);
}

/* ---- models ---- */

/* The engine and libhdf5 belong to the process: models are opened and closed one at a time. */
static pthread_mutex_t process = PTHREAD_MUTEX_INITIALIZER;
static int wanted_threads, open_models;

int nerve_set_threads(int threads, struct nerve_error *error)
{
    struct err e = {0};
    pthread_mutex_lock(&process);
    if (threads < 0)
        err_set(&e, ERR_USAGE, "nerve_set_threads: %d threads", threads);
    else if (open_models > 0)
        err_set(&e, ERR_USAGE, "nerve_set_threads: %d models are open; set it before the first is opened", open_models);
    else
        wanted_threads = threads;
    pthread_mutex_unlock(&process);
    return give(&e, error);
}

struct opening {
    const char *path;
    nerve_model *model;
    struct err *e;
};

static void open_files(const struct opening *o)
{
    struct loaded_model *m = &o->model->loaded;
    if (loaded_model_open(o->path, m, o->e)) return;
    if (visual_source_open_if_there(&m->config, &m->model.shape, &o->model->source, o->e))
        loaded_model_close(m);
    else
        model_pack(&m->model, m->checkpoint);
}

static void open_model(void *context)
{
    const struct opening *o = context;
    if (open_models > 0 || !machine_start(wanted_threads, o->e)) open_files(o);
}

int nerve_model_open(const char *run_or_checkpoint, nerve_model **model, struct nerve_error *error)
{
    struct err e = {0};
    struct opening o = {.path = run_or_checkpoint, .model = calloc(1, sizeof *o.model), .e = &e};
    *model = NULL;
    if (!o.model)
        err_set(&e, ERR_INTERNAL, "out of memory for a model");
    else if (!run_or_checkpoint)
        err_set(&e, ERR_USAGE, "nerve_model_open: the path is NULL");
    else {
        pthread_mutex_lock(&process);
        const int before = ag_enter();
        ag_try(open_model, &o, &e);
        ag_leave(before);
        if (!e.code) open_models++;
        pthread_mutex_unlock(&process);
    }
    if (e.code) {
        free(o.model);
    } else {
        pthread_mutex_init(&o.model->lock, NULL);
        ag_graph_init(&o.model->graph);
        *model = o.model;
    }
    return give(&e, error);
}

void nerve_model_close(nerve_model *model)
{
    if (!model) return;
    pthread_mutex_lock(&process);
    visual_source_close(&model->source);
    loaded_model_close(&model->loaded);
    open_models--;
    pthread_mutex_unlock(&process);
    ag_graph_free(&model->graph);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

int nerve_model_source(nerve_model *model, const char *path, struct nerve_error *error)
{
    struct err e = {0};
    struct visual_source source = {0};
    if (!model || !path)
        err_set(&e, ERR_USAGE, "nerve_model_source: the %s is NULL", model ? "path" : "model");
    else if (model->loaded.model.shape.visual.source == SOURCE_NONE)
        err_set(&e, ERR_USAGE, "nerve_model_source: the model looks at text alone");
    else {
        pthread_mutex_lock(&process);
        const int code = visual_source_open_at(&model->loaded.config, &model->loaded.model.shape, path, &source, &e);
        pthread_mutex_unlock(&process);
        pthread_mutex_lock(&model->lock);
        if (!code) {
            visual_source_close(&model->source);
            model->source = source;
        }
        pthread_mutex_unlock(&model->lock);
    }
    return give(&e, error);
}

int nerve_model_types(const nerve_model *model)
{
    return model->loaded.model.shape.types.n_types;
}

const char *nerve_model_type(const nerve_model *model, int type)
{
    const struct tag_set *types = &model->loaded.model.shape.types;
    return type >= 0 && type < types->n_types ? types->types[type] : NULL;
}

/* ---- predicting ---- */

/* What a call holds: outside of the function that a check may leave, so that it is freed in any case. */
struct work {
    nerve_model *model;
    int n;
    const char *call;         /* its name */
    const char *const *texts; /* [n], or NULL: */
    const char *inputs;       /* n struct nerve_input, input_size bytes apart */
    size_t input_size;
    struct sentence *sentences; /* [n]; their words are fresh memory */
    struct prediction found;
    nerve_prediction *out;
    struct err *e;
};

static struct nerve_input input_of(const struct work *w, int i)
{
    struct nerve_input x = {0};
    if (w->texts)
        x.text = w->texts[i];
    else
        memcpy(&x, w->inputs + (size_t)i * w->input_size, sizeof x);
    return x;
}

static int cut(struct work *w)
{
    const enum config_visual source = w->model->loaded.model.shape.visual.source;
    for (int i = 0; i < w->n; i++) {
        struct text_word *words = NULL;
        int cap = 0;
        char why[160];
        const struct nerve_input x = input_of(w, i);
        const struct visual_look look = {x.id, x.image, x.caption};
        if (!x.text) return err_set(w->e, ERR_USAGE, "%s: text %d is NULL", w->call, i);
        if (!visual_look_suits(source, &look, why, sizeof why)) return err_set(w->e, ERR_USAGE, "%s: text %d %s", w->call, i, why);
        const size_t size = strlen(x.text);
        const int n = words_cut(x.text, size, &words, &cap, w->e);
        w->sentences[i] = (struct sentence){.text = x.text, .size = size, .n_words = n < 0 ? 0 : n, .words = words, .look = look};
        if (n < 0) return err_prefix(w->e, "text %d: ", i);
    }
    return 0;
}

static struct nerve_uncertainty uncertainty(const evi_uncertainty *u)
{
    return (struct nerve_uncertainty){u->aleatoric, u->epistemic, u->predictive_scale};
}

static struct nerve_doubt doubt_outside(const struct doubt *d)
{
    return (struct nerve_doubt){.fused = uncertainty(&d->fused),
                                .text = uncertainty(&d->modality[MODEL_TEXT]),
                                .image = uncertainty(&d->modality[MODEL_IMAGE]),
                                .conflict = d->conflict,
                                .visual_share = d->visual_share,
                                .margin = d->margin,
                                .entropy = d->entropy};
}

static int collect(struct work *w)
{
    struct prediction *p = &w->found;
    const size_t n_entities = (size_t)p->entity_start[w->n];
    nerve_prediction *out = w->out = calloc(1, sizeof *out);
    if (out) {
        out->entity_start = calloc((size_t)w->n + 1, sizeof *out->entity_start);
        out->entities = calloc(n_entities + 1, sizeof *out->entities);
        out->doubts = calloc(n_entities + 1, sizeof *out->doubts);
    }
    if (!out || !out->entity_start || !out->entities || !out->doubts)
        return err_set(w->e, ERR_INTERNAL, "out of memory for %zu entities", n_entities);
    out->n_texts = (size_t)w->n;
    out->notes = p->note; /* taken */
    p->note = NULL;
    for (int i = 0; i < w->n; i++) {
        out->entity_start[i + 1] = (size_t)p->entity_start[i + 1];
        for (int k = p->entity_start[i]; k < p->entity_start[i + 1]; k++) {
            const struct entity *x = &p->entities[k];
            out->doubts[k] = doubt_outside(&x->doubt);
            const struct text_word *first = &w->sentences[i].words[x->first], *last = &w->sentences[i].words[x->last];
            out->entities[k] = (struct nerve_entity){.type = nerve_model_type(w->model, x->type),
                                                     .score = x->score,
                                                     .start = (size_t)first->char_first,
                                                     .end = (size_t)last->char_end,
                                                     .byte_start = (size_t)first->byte_first,
                                                     .byte_end = (size_t)last->byte_end};
        }
    }
    return 0;
}

static void predict(void *context)
{
    struct work *w = context;
    const struct loaded_model *m = &w->model->loaded;
    if (cut(w) || predict_sentences(&m->model, &w->model->graph, w->n, w->sentences, &w->model->source, m->config.train.eval_batch, false,
                                    &w->found, w->e))
        return;
    collect(w);
}

static void work_end(struct work *w)
{
    for (int i = 0; i < w->n && w->sentences; i++) free((void *)(uintptr_t)w->sentences[i].words);
    free(w->sentences);
    prediction_free(&w->found);
}

static int predict_all(struct work w, size_t n, nerve_prediction **prediction, struct nerve_error *error)
{
    struct err e = {0};
    nerve_model *model = w.model;
    w.e = &e;
    *prediction = NULL;
    if (!model || (n > 0 && !w.texts && !w.inputs))
        err_set(&e, ERR_USAGE, "%s: %s NULL", w.call, model ? "texts are" : "the model is");
    else if (n >= INT_MAX)
        err_set(&e, ERR_USAGE, "%s: %zu texts; at most %d at once", w.call, n, INT_MAX - 1);
    else if (!(w.sentences = calloc(n + 1, sizeof *w.sentences)))
        err_set(&e, ERR_INTERNAL, "out of memory for %zu texts", n);
    else {
        w.n = (int)n;
        pthread_mutex_lock(&model->lock);
        const int before = ag_enter();
        ag_try(predict, &w, &e);
        ag_leave(before);
        if (e.code) ag_graph_free(&model->graph);
        pthread_mutex_unlock(&model->lock);
    }
    work_end(&w);
    if (e.code)
        nerve_prediction_free(w.out);
    else
        *prediction = w.out;
    return give(&e, error);
}

int nerve_predict(nerve_model *model, size_t n, const char *const *texts, nerve_prediction **prediction, struct nerve_error *error)
{
    return predict_all((struct work){.call = "nerve_predict", .model = model, .texts = texts}, n, prediction, error);
}

int nerve_predict_inputs(nerve_model *model, size_t n, const struct nerve_input *inputs, size_t input_size, nerve_prediction **prediction,
                         struct nerve_error *error)
{
    struct err e = {0};
    if (input_size >= sizeof *inputs)
        return predict_all(
            (struct work){.call = "nerve_predict_inputs", .model = model, .inputs = (const char *)inputs, .input_size = input_size}, n,
            prediction, error);
    *prediction = NULL;
    err_set(&e, ERR_USAGE, "nerve_predict_inputs: inputs of %zu bytes; they have %zu", input_size, sizeof *inputs);
    return give(&e, error);
}

void nerve_prediction_free(nerve_prediction *prediction)
{
    if (!prediction) return;
    for (size_t i = 0; i < prediction->n_texts && prediction->notes; i++) free(prediction->notes[i]);
    free(prediction->notes);
    free(prediction->doubts);
    free(prediction->entity_start);
    free(prediction->entities);
    free(prediction);
}

size_t nerve_prediction_entities(const nerve_prediction *prediction, size_t text, const struct nerve_entity **entities)
{
    *entities = NULL;
    if (text >= prediction->n_texts) return 0;
    *entities = prediction->entities + prediction->entity_start[text];
    return prediction->entity_start[text + 1] - prediction->entity_start[text];
}

const char *nerve_prediction_note(const nerve_prediction *prediction, size_t text)
{
    return text < prediction->n_texts ? prediction->notes[text] : NULL;
}

int nerve_prediction_doubt(const nerve_prediction *prediction, size_t text, size_t entity, struct nerve_doubt *doubt, size_t doubt_size,
                           struct nerve_error *error)
{
    const struct nerve_entity *entities;
    const size_t n = nerve_prediction_entities(prediction, text, &entities);
    struct err e = {0};
    if (doubt_size != sizeof *doubt)
        err_set(&e, ERR_USAGE, "nerve_prediction_doubt: a doubt of %zu bytes; it has %zu", doubt_size, sizeof *doubt);
    else if (entity >= n)
        err_set(&e, ERR_USAGE, "nerve_prediction_doubt: text %zu has %zu entities, not %zu", text, n, entity + 1);
    else
        *doubt = prediction->doubts[prediction->entity_start[text] + entity];
    return give(&e, error);
}
