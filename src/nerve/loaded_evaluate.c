#include "loaded_evaluate.h"
#include "assess.h"
#include "corrupted.h"
#include "corruption_test.h"
#include "files.h"
#include "log.h"
#include "subset.h"

struct work {
    struct loaded_model *m;
    const struct evaluate_request *r;
    ag_graph graph;
    struct visual_source visual;
    struct split tested, valid; /* valid is read where it is needed, and is another one than tested */
    struct evaluation of_tested, of_valid;
    struct entity_names known;
    struct subsets named;
    struct parts_of_split parts;
};

static int open_visual(struct work *w, struct err *e)
{
    const struct loaded_model *m = w->m;
    const char *given = visual_given_path(&w->r->given, &m->model.shape);
    return given ? visual_source_open_at(&m->config, &m->model.shape, given, &w->visual, e)
                 : visual_source_open(&m->config, &m->model.shape, w->r->directory, &w->visual, e);
}

static int read_split(const struct work *w, enum split_name which, struct split *s, struct err *e)
{
    const struct loaded_model *m = w->m;
    char path[PATH_MAX];
    int code;
    if ((code = split_path(&m->config, which, w->r->directory, path, sizeof path, e)) || (code = split_read(&m->config, path, s, e)) ||
        (code = split_encode(s, &m->model.shape.types, m->model.wordpiece, m->model.shape.max_length, e)))
        return code;
    return split_see(s, &w->visual, &m->model, e);
}

static int predict(struct work *w, const struct split *s, unsigned parts, struct evaluation *out, struct err *e)
{
    return evaluate_split(&w->m->model, &w->graph, s, w->m->config.train.eval_batch, parts, NULL, out, e);
}

/* ---- the temperature, and the split on which measures are chosen ---- */

static int fit_temperature(struct work *w, const struct split *valid, struct err *e)
{
    struct evaluation x;
    int code = predict(w, valid, EVALUATE_EMISSIONS, &x, e);
    if (code) return code;
    w->m->model.temperature = evaluation_temperature(&w->m->model, valid, &x);
    evaluation_free(&x);
    log_info("%s has no temperature; fitted on %s: %.4f", w->m->path, valid->data.path, w->m->model.temperature);
    return 0;
}

static int use_validation(struct work *w, struct err *e)
{
    const bool fits = !(w->m->model.temperature > 0), chooses = w->r->n_corruptions > 0 && model_has_evidence(&w->m->model),
               is_tested = w->r->split == SPLIT_VALID;
    struct err missing = {0};
    int code = 0;
    if (!fits && !chooses) return 0;
    if (!is_tested) code = read_split(w, SPLIT_VALID, &w->valid, &missing);
    if (code == ERR_NOINPUT && !chooses) {
        log_warning("%s has no temperature, and there is no validation split to fit one: %s", w->m->path, missing.text);
        return 0;
    }
    if (code) {
        *e = missing;
        return code;
    }
    if (fits && (code = fit_temperature(w, is_tested ? &w->tested : &w->valid, e))) return code;
    return chooses && !is_tested ? predict(w, &w->valid, EVALUATE_TWEETS, &w->of_valid, e) : 0;
}

/* ---- parts ---- */

/* Names of the data that the model was trained on, or where no run tells which, of the train split beside. False: there is none. */
static int read_known(struct work *w, bool *is_known, struct err *e)
{
    const struct nerve_config *c = &w->m->config;
    struct split train = {0};
    struct tag_set types = {0};
    char path[PATH_MAX];
    int code = split_path(c, SPLIT_TRAIN, c->data.dir[0] ? NULL : w->r->directory, path, sizeof path, e);
    *is_known = false;
    if (code) return code;
    if (!file_exists(path)) {
        log_info("%s is not there: which entities are unseen is not known", path);
        return 0;
    }
    if (!(code = split_read(c, path, &train, e)) && !(code = dataset_collect_types(&train.data, &types, e)) &&
        !(code = dataset_resolve_tags(&train.data, &types, e)))
        code = entity_names_of(&train.data, &types, &w->known, e);
    *is_known = !code;
    tag_set_free(&types);
    split_free(&train);
    return code;
}

static int read_parts(struct work *w, struct err *e)
{
    bool is_known;
    int code;
    if ((code = read_known(w, &is_known, e)) || (code = read_named_subsets(&w->m->config, w->r->directory, &w->named, e))) return code;
    return parts_of_split(&w->tested, is_known ? &w->known : NULL, w->named.n > 0 ? &w->named : NULL, &w->parts, e);
}

/* ---- all of it ---- */

static int add_corruption(struct work *w, struct json *json, struct err *e)
{
    const struct corruption_test t = {
        .model = &w->m->model,
        .graph = &w->graph,
        .batch_pieces = w->m->config.train.eval_batch,
        .valid =
            w->r->split == SPLIT_VALID ? (struct clean_split){&w->tested, &w->of_tested} : (struct clean_split){&w->valid, &w->of_valid},
        .tested = {&w->tested, &w->of_tested},
        .n_subsets = w->parts.n,
        .subsets = w->parts.subsets,
    };
    struct json *all = json_new_array(), *one;
    int code = 0;
    for (int k = 0; k < w->r->n_corruptions && !code; k++) {
        code = corruption_test_json(&t, &w->r->corruptions[k], w->r->seed, &one, e);
        if (!code) json_append(all, one);
    }
    if (code)
        json_free(all);
    else
        json_set(json, "corruption", all);
    return code;
}

static int assess(struct work *w, struct score *score, struct json **json, struct err *e)
{
    const unsigned parts = EVALUATE_FOUND | (w->r->n_corruptions > 0 ? EVALUATE_TWEETS : 0);
    const struct model *model = &w->m->model;
    int code;
    *json = NULL;
    if ((code = open_visual(w, e)) || (code = read_split(w, w->r->split, &w->tested, e)) || (code = use_validation(w, e)) ||
        (code = read_parts(w, e)) || (code = predict(w, &w->tested, parts, &w->of_tested, e)) ||
        (code = evaluation_score(model, &w->tested, &w->of_tested, score, e)))
        return code;
    code = assess_json(model, &w->tested, &w->of_tested, score, &w->parts, json, e);
    if (!code && w->r->n_corruptions > 0) code = add_corruption(w, *json, e);
    if (code) {
        json_free(*json);
        score_end(score);
    }
    return code;
}

int loaded_model_evaluate(struct loaded_model *m, const struct evaluate_request *r, struct score *score, struct json **json, struct err *e)
{
    struct work w = {.m = m, .r = r};
    int code = 0;
    if (!r->directory && !m->config.data.dir[0])
        return err_set(e, ERR_USAGE, "%s has no run directory beside it that names its data: say --data DIR", m->path);
    for (int k = 0; k < r->n_corruptions && !code; k++) code = corruption_check(&m->model, &r->corruptions[k], e);
    if (code) return code;
    ag_graph_init(&w.graph);
    code = assess(&w, score, json, e);
    parts_of_split_free(&w.parts);
    subsets_free(&w.named);
    entity_names_free(&w.known);
    evaluation_free(&w.of_tested);
    evaluation_free(&w.of_valid);
    split_free(&w.tested);
    split_free(&w.valid);
    visual_source_close(&w.visual);
    ag_graph_free(&w.graph);
    return code;
}
