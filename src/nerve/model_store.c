#include "model_store.h"
#include "machine.h"
#include "pretrained_vision.h"
#include "temperature.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 640 };

static void array_path(char path[PATH_BYTES], const char *group, const ag_param *p)
{
    snprintf(path, PATH_BYTES, "%s/%s", group, p->name);
}

static void dimensions(const ag_param *p, size_t dim[AG_MAX_RANK])
{
    for (int i = 0; i < p->rank; i++) dim[i] = (size_t)p->dim[i];
}

/* ---- writing ---- */

static int add_parameters(const struct trainer *t, struct checkpoint_writer *w, bool with_optimizer, struct err *e)
{
    char path[PATH_BYTES];
    size_t dim[AG_MAX_RANK];
    ag_params_settle(&t->model.params);
    for (size_t k = 0; k < t->model.params.n; k++) {
        const ag_param *p = t->model.params.at[k];
        for (size_t i = 0; i < p->size; i++)
            if (!isfinite(p->val[i])) return err_set(e, ERR_CHECK, "parameter '%s' is not finite at element %zu: not saved", p->name, i);
        dimensions(p, dim);
        array_path(path, "/parameters", p);
        checkpoint_add_array(w, path, ARRAY_F32, p->rank, dim, p->val);
        if (!with_optimizer || p->role == AG_FROZEN) continue;
        array_path(path, "/optimizer/m", p);
        checkpoint_add_array(w, path, ARRAY_F32, p->rank, dim, p->m);
        array_path(path, "/optimizer/v", p);
        checkpoint_add_array(w, path, ARRAY_F32, p->rank, dim, p->v);
    }
    return 0;
}

/* Names of the types, one a line; NULL without memory. */
static char *types_text(const struct tag_set *s)
{
    size_t size = 1;
    for (int k = 0; k < s->n_types; k++) size += strlen(s->types[k]) + 1;
    char *text = calloc(size, 1), *at = text;
    for (int k = 0; text && k < s->n_types; k++) at = stpcpy(stpcpy(at, s->types[k]), "\n");
    return text;
}

static char *encoder_text(const struct bert_config *c)
{
    struct json *json = bert_config_to_json(c);
    char *text = json_dump(json, 2);
    json_free(json);
    return text;
}

static char *vision_text(const struct vit_config *c)
{
    struct json *json = vit_config_to_json(c);
    char *text = json_dump(json, 2);
    json_free(json);
    return text;
}

/* What a model that looks at something needs besides its keys. */
static int add_visual(const struct visual_shape *s, struct checkpoint_writer *w, struct err *e)
{
    if (s->source == SOURCE_NONE) return 0;
    checkpoint_add_integer(w, "visual_frozen", s->frozen);
    if (s->source == SOURCE_FEATURES) {
        checkpoint_add_text(w, "features", s->identity);
        checkpoint_add_integer(w, "features_width", s->width);
    }
    if (s->source != SOURCE_VIT && s->source != SOURCE_CLIP) return 0;
    char *vision = vision_text(&s->vit), *pipeline = picture_pipeline_text(&s->pipeline);
    const bool there = vision && pipeline;
    if (there) {
        checkpoint_add_text(w, "vision", vision);
        checkpoint_add_text(w, "preprocessing", pipeline);
    }
    free(vision);
    free(pipeline);
    return there ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the shape of a visual encoder");
}

static int add_shape(const struct model_shape *s, struct checkpoint_writer *w, struct err *e)
{
    char *types = types_text(&s->types), *encoder = encoder_text(&s->encoder);
    int code = types ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the names of types");
    if (!code) {
        checkpoint_add_text(w, "types", types);
        checkpoint_add_text(w, "encoder", encoder);
        checkpoint_add_text(w, "vocabulary", s->vocabulary);
        checkpoint_add_integer(w, "lower_case", s->lower_case);
        checkpoint_add_integer(w, "max_length", s->max_length);
        code = add_visual(&s->visual, w, e);
    }
    free(encoder);
    free(types);
    return code;
}

static void add_state(const struct trainer *t, struct checkpoint_writer *w)
{
    const struct trainer_state *s = &t->state;
    char hex[33];
    hash_hex(&t->data_digest, hex);
    checkpoint_add_text(w, "data_digest", hex);
    hash_hex(&t->encoder_digest, hex);
    checkpoint_add_text(w, "encoder_digest", hex);
    checkpoint_add_integer(w, "step", s->step);
    checkpoint_add_integer(w, "updates", s->updates);
    checkpoint_add_integer(w, "epochs", s->epochs);
    checkpoint_add_integer(w, "skipped", s->skipped);
    checkpoint_add_integer(w, "skipped_in_row", s->skipped_in_row);
    checkpoint_add_integer(w, "loss_tweets", s->loss_tweets);
    checkpoint_add_integer(w, "best_epoch", s->best_epoch);
    checkpoint_add_number(w, "loss_sum", s->loss_sum);
    checkpoint_add_number(w, "best_f1", s->best_f1);
}

int trainer_save(const struct trainer *t, const char *path, bool with_optimizer, struct err *e)
{
    struct checkpoint_writer *w = checkpoint_new();
    char *config = config_text(t->config, CONFIG_PAYLOAD);
    int code = w && config ? 0 : err_set(e, ERR_INTERNAL, "out of memory for a checkpoint");
    if (!code) code = add_parameters(t, w, with_optimizer, e);
    if (!code) code = add_shape(&t->model.shape, w, e);
    if (!code) {
        add_state(t, w);
        checkpoint_add_integer(w, "format", MODEL_FORMAT);
        checkpoint_add_integer(w, "has_optimizer", with_optimizer);
        if (!with_optimizer && t->model.temperature > 0) checkpoint_add_number(w, "temperature", t->model.temperature);
        checkpoint_add_text(w, "config", config);
        code = checkpoint_write(w, path, NULL, e);
    }
    free(config);
    checkpoint_discard(w);
    return code;
}

/* ---- reading ---- */

int checkpoint_check_format(const struct checkpoint *c, struct err *e)
{
    int64_t format;
    int code = checkpoint_integer(c, "format", &format, e);
    if (code || (format >= MODEL_FORMAT_OLDEST && format <= MODEL_FORMAT)) return code;
    return err_set(e, ERR_DATA, "%s: the checkpoint has format %lld, of %s nerve; this one, nerve %s, reads formats %d to %d",
                   checkpoint_path(c), (long long)format, format > MODEL_FORMAT ? "a later" : "no", machine_version(), MODEL_FORMAT_OLDEST,
                   MODEL_FORMAT);
}

int checkpoint_config(const struct checkpoint *c, const char *path, struct nerve_config *config, struct err *e)
{
    char *text = NULL;
    struct err wrong = {0};
    int code = checkpoint_check_format(c, e);
    if (!code) code = checkpoint_text(c, "config", &text, e);
    if (!code) {
        config_default(config);
        code = config_read_text(text, strlen(text), "\"/meta/config\"", config, &wrong);
        /* Nobody has written it by hand: a caret would point into a file that is not there. */
        if (code)
            code = err_set(e, code == ERR_CONFIG ? ERR_DATA : code, "%s: the checkpoint is damaged, or another program wrote it: %.*s",
                           path, (int)strcspn(wrong.text, "\n"), wrong.text);
    }
    free(text);
    return code;
}

static int read_types(const struct checkpoint *c, struct tag_set *types, struct err *e)
{
    char *text = NULL, *rest = NULL;
    int code = checkpoint_text(c, "types", &text, e);
    if (code) return code;
    for (char *line = strtok_r(text, "\n", &rest); line && !code; line = strtok_r(NULL, "\n", &rest)) {
        const int before = types->n_types;
        if ((code = tag_set_add(types, line, e))) break;
        /* Their order says which row of the head is whose. */
        if (types->n_types == before || strcmp(types->types[before], line) != 0 || types->n_types > DATASET_TYPES_MAX)
            code =
                err_set(e, ERR_DATA, "%s: \"/meta/types\" is no list of at most %d names in order", checkpoint_path(c), DATASET_TYPES_MAX);
    }
    free(text);
    return code;
}

static int read_encoder(const struct checkpoint *c, const char *path, struct bert_config *out, struct err *e)
{
    char *text = NULL;
    struct json *json = NULL;
    int code = checkpoint_text(c, "encoder", &text, e);
    if (!code) code = json_parse(text, strlen(text), path, &json, e);
    if (!code) code = bert_config_from_json(json, path, out, e);
    json_free(json);
    free(text);
    return code;
}

static int read_vision(const struct checkpoint *c, const char *path, struct visual_shape *s, struct err *e)
{
    char *text = NULL, *pipeline = NULL;
    struct json *json = NULL;
    int code = checkpoint_text(c, "vision", &text, e);
    if (!code) code = json_parse(text, strlen(text), path, &json, e);
    if (!code) code = vit_config_from_json(json, path, &s->vit, e);
    if (!code) code = checkpoint_text(c, "preprocessing", &pipeline, e);
    if (!code)
        code = picture_pipeline_parse(pipeline, strlen(pipeline), path, s->source == SOURCE_CLIP ? PICTURE_CLIP : PICTURE_VIT, &s->pipeline,
                                      e);
    if (!code && s->pipeline.size != s->vit.image_size)
        code = err_set(e, ERR_DATA, "%s: pictures of %d pixels for an encoder that takes %d", path, s->pipeline.size, s->vit.image_size);
    json_free(json);
    free(text);
    free(pipeline);
    return code;
}

static int read_features(const struct checkpoint *c, const char *path, struct visual_shape *s, struct err *e)
{
    int64_t width;
    int code = checkpoint_text(c, "features", &s->identity, e);
    if (!code) code = checkpoint_integer(c, "features_width", &width, e);
    if (code) return code;
    if (width < 1 || width > INT_MAX) return err_set(e, ERR_DATA, "%s: features of width %lld", path, (long long)width);
    s->width = (int)width;
    return 0;
}

static int read_visual(const struct checkpoint *c, const char *path, const struct nerve_config *config, struct visual_shape *s,
                       struct err *e)
{
    int64_t frozen;
    s->source = config_looks(config) ? (enum config_visual)config->model.visual : SOURCE_NONE;
    if (s->source == SOURCE_NONE) return 0;
    int code = checkpoint_integer(c, "visual_frozen", &frozen, e);
    if (!code) s->frozen = frozen != 0;
    if (code || s->source == SOURCE_CAPTION) return code;
    return s->source == SOURCE_FEATURES ? read_features(c, path, s, e) : read_vision(c, path, s, e);
}

static int read_shape(const struct checkpoint *c, const char *path, struct model_shape *s, struct err *e)
{
    struct nerve_config config;
    int64_t lower_case, max_length;
    int code = checkpoint_config(c, path, &config, e);
    if (code) return code;
    if ((code = read_types(c, &s->types, e)) || (code = read_encoder(c, path, &s->encoder, e)) ||
        (code = checkpoint_text(c, "vocabulary", &s->vocabulary, e)) || (code = checkpoint_integer(c, "lower_case", &lower_case, e)) ||
        (code = checkpoint_integer(c, "max_length", &max_length, e)) || (code = read_visual(c, path, &config, &s->visual, e)))
        return code;
    model_shape_of_config(&config, s);
    if (max_length < 3 || max_length > s->encoder.max_positions)
        return err_set(e, ERR_DATA, "%s: max_length %lld does not fit the encoder", path, (long long)max_length);
    s->vocabulary_size = strlen(s->vocabulary);
    s->lower_case = lower_case != 0;
    s->max_length = (int)max_length;
    return 0;
}

static int find_values(const struct checkpoint *c, const char *group, const ag_param *p, const float **values, struct err *e)
{
    char path[PATH_BYTES];
    size_t dim[AG_MAX_RANK];
    const void *data;
    array_path(path, group, p);
    dimensions(p, dim);
    int code = checkpoint_array(c, path, ARRAY_F32, p->rank, dim, &data, e);
    if (!code) *values = data;
    return code;
}

/* 0 where none was fitted, as before format 3 and in last.h5. */
static int read_temperature(const struct checkpoint *c, double *T, struct err *e)
{
    *T = 0;
    if (!checkpoint_has(c, "temperature")) return 0;
    const int code = checkpoint_number(c, "temperature", T, e);
    if (code || (*T >= TEMPERATURE_MIN && *T <= TEMPERATURE_MAX)) return code;
    return err_set(e, ERR_DATA, "%s: temperature %g is not between %g and %g", checkpoint_path(c), *T, TEMPERATURE_MIN, TEMPERATURE_MAX);
}

int model_open(const struct checkpoint *c, const char *path, struct model *m, struct err *e)
{
    struct model_shape shape = {0};
    int code = read_shape(c, path, &shape, e);
    if (code) {
        model_shape_free(&shape);
        return code;
    }
    if ((code = model_declare(m, &shape, e))) return err_prefix(e, "%s: ", path);
    for (size_t k = 0; k < m->params.n && !code; k++) {
        const float *values;
        code = find_values(c, "/parameters", m->params.at[k], &values, e);
        if (!code) ag_param_borrow(m->params.at[k], values);
    }
    if (!code) code = read_temperature(c, &m->temperature, e);
    if (code) model_free(m);
    return code;
}

void model_pack(struct model *m, const struct checkpoint *c)
{
    struct encoder *const encoders[] = {&m->bert.encoder, &m->caption.encoder, &m->vit.encoder};
    for (size_t k = 0; k < sizeof encoders / sizeof *encoders; k++)
        for (int l = 0; encoders[k]->layer && l < encoders[k]->shape.layers; l++) {
            encoder_pack(encoders[k], l);
            if (c) checkpoint_forget(c); /* layer by layer, so that no more than one is in memory twice */
        }
}

int trainer_load_parameters(struct trainer *t, const struct checkpoint *c, struct err *e)
{
    ag_params_settle(&t->model.params);
    for (size_t k = 0; k < t->model.params.n; k++) {
        ag_param *p = t->model.params.at[k];
        const float *values;
        int code = find_values(c, "/parameters", p, &values, e);
        if (code) return code;
        if (p->role != AG_FROZEN) memcpy(p->val, values, p->size * sizeof *values);
    }
    const int code = read_temperature(c, &t->model.temperature, e);
    t->view.temperature = t->model.temperature;
    return code;
}

/* Parameters and moments. All are found before the first one is copied: a checkpoint that lacks one changes nothing. */
static int load_values(struct trainer *t, const struct checkpoint *c, struct err *e)
{
    ag_params_settle(&t->model.params);
    for (int copy = 0; copy < 2; copy++) {
        for (size_t k = 0; k < t->model.params.n; k++) {
            ag_param *p = t->model.params.at[k];
            const float *values, *m, *v;
            int code;
            if ((code = find_values(c, "/parameters", p, &values, e))) return code;
            if (p->role == AG_FROZEN) continue; /* as it was made: the same, and perhaps in a file mapped read-only */
            if (copy) memcpy(p->val, values, p->size * sizeof *values);
            if ((code = find_values(c, "/optimizer/m", p, &m, e)) || (code = find_values(c, "/optimizer/v", p, &v, e))) return code;
            if (copy) memcpy(p->m, m, p->size * sizeof *m);
            if (copy) memcpy(p->v, v, p->size * sizeof *v);
        }
    }
    return 0;
}

static int load_state(const struct checkpoint *c, struct trainer_state *s, struct err *e)
{
    int code;
    if ((code = checkpoint_integer(c, "step", &s->step, e)) || (code = checkpoint_integer(c, "updates", &s->updates, e)) ||
        (code = checkpoint_integer(c, "epochs", &s->epochs, e)) || (code = checkpoint_integer(c, "skipped", &s->skipped, e)) ||
        (code = checkpoint_integer(c, "skipped_in_row", &s->skipped_in_row, e)) ||
        (code = checkpoint_integer(c, "loss_tweets", &s->loss_tweets, e)) ||
        (code = checkpoint_integer(c, "best_epoch", &s->best_epoch, e)) || (code = checkpoint_number(c, "loss_sum", &s->loss_sum, e)))
        return code;
    return checkpoint_number(c, "best_f1", &s->best_f1, e);
}

static int check_same(const char *before, const char *now, const char *what, struct err *e)
{
    if (strcmp(before, now) == 0) return 0;
    return err_set(e, ERR_CONFIG, "%s changed since this run was saved: a run goes on with the same content only; start anew with --force",
                   what);
}

static int check_text(const struct checkpoint *c, const char *name, const char *now, const char *what, struct err *e)
{
    char *text = NULL;
    int code = checkpoint_text(c, name, &text, e);
    if (!code) code = check_same(text, now, what, e);
    free(text);
    return code;
}

static int check_digest(const struct checkpoint *c, const char *name, const struct hash *now, const char *what, struct err *e)
{
    char hex[33];
    hash_hex(now, hex);
    return check_text(c, name, hex, what, e);
}

/* What an encoder is, however an older version of this program wrote it down. */
static int check_encoder(const struct checkpoint *c, const char *path, const struct bert_config *encoder, struct err *e)
{
    struct bert_config saved;
    int code = read_encoder(c, path, &saved, e);
    if (code) return code;
    char *before = encoder_text(&saved), *now = encoder_text(encoder);
    code = check_same(before, now, "the encoder's config.json", e);
    free(before);
    free(now);
    return code;
}

/* What comes from files beside the data and the weights: vocab.txt and config.json. */
static int check_shape(const struct checkpoint *c, const char *path, const struct model_shape *s, struct err *e)
{
    const int code = check_text(c, "vocabulary", s->vocabulary, "the vocabulary (vocab.txt)", e);
    return code ? code : check_encoder(c, path, &s->encoder, e);
}

/* What encoder gave the features comes before all that they make of the data. */
static int check_features(const struct checkpoint *c, const struct visual_shape *s, struct err *e)
{
    if (s->source != SOURCE_FEATURES) return 0;
    return check_text(c, "features", s->identity, "the encoder that gave the features (data.features)", e);
}

int checkpoint_check_config(const struct checkpoint *c, const char *path, const struct nerve_config *config, struct err *e)
{
    struct nerve_config saved;
    int code = checkpoint_config(c, path, &saved, e);
    if (code) return code;
    const char *key = config_difference(config, &saved);
    if (key)
        code = err_set(
            e, ERR_CONFIG,
            "%s: %s is not what this run was started with: a run goes on with the same keys only (runtime keys may change); start anew with --force",
            path, key);
    return code;
}

int trainer_load(struct trainer *t, const struct checkpoint *c, const char *path, struct err *e)
{
    const char *weights = t->config->train.init[0] ? "the weights it started from (train.init)" : "the encoder's weights (model.encoder)";
    struct trainer_state state = {0};
    int code;
    if ((code = checkpoint_check_config(c, path, t->config, e)) || (code = check_features(c, &t->model.shape.visual, e)) ||
        (code = check_digest(c, "data_digest", &t->data_digest, "the data (data.dir)", e)) ||
        (code = check_digest(c, "encoder_digest", &t->encoder_digest, weights, e)) || (code = check_shape(c, path, &t->model.shape, e)) ||
        (code = load_state(c, &state, e)))
        return code;
    if (state.step < 0 || state.step > t->steps || state.epochs < 0 || state.epochs > t->epochs)
        return err_set(e, ERR_DATA, "checkpoint stands at step %lld of a run of %lld", (long long)state.step, (long long)t->steps);
    if ((code = load_values(t, c, e))) return code;
    t->state = state;
    return 0;
}
