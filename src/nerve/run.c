#include "run.h"
#include "assess.h"
#include "clock.h"
#include "evaluate.h"
#include "files.h"
#include "loaded_model.h"
#include "log.h"
#include "machine.h"
#include "metrics.h"
#include "model_store.h"
#include "progress.h"
#include "report.h"
#include "run_checkpoints.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct run {
    const struct nerve_config *config;
    struct run_directory directory;
    struct metrics metrics;
    struct trainer trainer;
    struct run_checkpoints checkpoints;
    const volatile sig_atomic_t *stop;
    int64_t resumes;
    double train_seconds; /* in steps of this epoch, by this process */
    int64_t train_pieces;
    double started;     /* when this process began */
    int64_t first_step; /* where it began */
    double loss_recent; /* running mean, for the progress line */
};

/* ---- run.json, config.yaml ---- */

static int write_run_json(const struct run *r, bool finished, struct err *e)
{
    struct json *json = json_new_object();
    char hex[33], host[256] = "", stamp[32];
    time_t t = time(NULL);
    struct tm utc;
    gethostname(host, sizeof host - 1);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    ag_machine machine = ag_describe();
    json_set_string(json, "nerve", machine_version());
    json_set_string(json, "written", stamp);
    json_set_string(json, "host", host);
    json_set_string(json, "kernels", machine.kernels);
    json_set_string(json, "blas", machine.blas);
    json_set_string(json, "core_type", machine.core_type);
    json_set_integer(json, "threads", machine.threads);
    json_set_integer(json, "seed", r->config->train.seed);
    hash_hex(&r->trainer.data_digest, hex);
    json_set_string(json, "data_digest", hex);
    hash_hex(&r->trainer.encoder_digest, hex);
    json_set_string(json, "encoder_digest", hex);
    json_set_integer(json, "parameters", (int64_t)model_parameters(&r->trainer.model));
    json_set_integer(json, "steps", r->trainer.steps);
    json_set_integer(json, "resumes", r->resumes);
    json_set_boolean(json, "finished", finished);
    return run_write_json(&r->directory, "run.json", json, e);
}

/* A path as it is seen from any directory; one that does not exist stays. */
static void make_absolute(char path[CONFIG_TEXT_SIZE])
{
    char *real = path[0] ? realpath(path, NULL) : NULL;
    if (real && strlen(real) < CONFIG_TEXT_SIZE) strcpy(path, real);
    free(real);
}

static int write_config(const struct run *r, struct err *e)
{
    static struct nerve_config resolved;
    char path[PATH_MAX];
    resolved = *r->config;
    make_absolute(resolved.data.dir);
    make_absolute(resolved.model.encoder);
    make_absolute(resolved.model.vision);
    make_absolute(resolved.train.init);
    char *text = config_text(&resolved, CONFIG_RESOLVED);
    if (!text) return err_set(e, ERR_INTERNAL, "out of memory for the config");
    int code = run_path(&r->directory, "config.yaml", path, e);
    if (!code) code = file_write_bytes(path, text, strlen(text), e);
    free(text);
    return code;
}

/* ---- checkpoints ---- */

/* metrics.jsonl reaches the disk before the checkpoint that knows of its lines. */
static int save(struct run *r, struct err *e)
{
    int code = metrics_sync(&r->metrics, e);
    return code ? code : run_save_last(&r->checkpoints, e);
}

static void warn_core_type(const struct run *r, const struct json *before)
{
    const char *then = json_text(json_get(before, "core_type")), *kernels = json_text(json_get(before, "kernels"));
    ag_machine machine = ag_describe();
    if (then && kernels && (strcmp(then, machine.core_type) != 0 || strcmp(kernels, machine.kernels) != 0))
        log_warning(
            "%s was trained on core type %s (%s kernels) and goes on under %s (%s): its bytes may differ from an uninterrupted run's",
            r->directory.path, then, kernels, machine.core_type, machine.kernels);
}

static int resume(struct run *r, const struct json *before, struct err *e)
{
    bool loaded;
    char metrics[PATH_MAX];
    int code = run_load_last(&r->checkpoints, &loaded, e);
    if (code) return code;
    int64_t resumes = 0;
    json_read_integer(json_get(before, "resumes"), &resumes);
    r->resumes = resumes + 1;
    if (loaded) {
        warn_core_type(r, before);
        log_info("resuming at step %lld of %lld", (long long)r->trainer.state.step, (long long)r->trainer.steps);
    } else {
        log_warning("%s: no usable checkpoint; starting from the beginning", r->directory.path);
    }
    code = run_path(&r->directory, METRICS_LINES, metrics, e);
    if (!code) code = metrics_cut(metrics, r->trainer.state.step, r->trainer.state.epochs, e);
    return code;
}

/* ---- evaluation ---- */

static int evaluate(struct run *r, enum split_name which, unsigned parts, struct score *score, struct evaluation *x, struct err *e)
{
    struct trainer *t = &r->trainer;
    struct progress p = {.epoch = trainer_epoch_of(t, t->state.step - 1),
                         .epochs = t->epochs,
                         .step = t->state.step,
                         .steps = t->steps,
                         .loss = r->loss_recent,
                         .eta = -1,
                         .phase = which == SPLIT_TEST ? "test" : "validate"};
    progress_report(&p);
    int code = evaluate_split(&t->view, &t->graph, &t->splits[which], r->config->train.eval_batch, parts, r->stop, x, e);
    if (!code) code = evaluation_score(&t->view, &t->splits[which], x, score, e);
    return code;
}

static int write_epoch(struct run *r, int64_t epoch, double loss, struct json *valid, bool best, double valid_seconds, struct err *e)
{
    double rate = r->train_seconds > 0 ? (double)r->train_pieces / r->train_seconds : 0;
    struct json *line = json_new_object();
    json_set_string(line, "event", "epoch");
    json_set_integer(line, "epoch", epoch);
    json_set_integer(line, "step", r->trainer.state.step);
    json_set_number(line, "loss", loss);
    json_set(line, "valid", valid);
    json_set_boolean(line, "best", best);
    json_set_integer(line, "skipped", r->trainer.state.skipped);
    json_set_number(line, "tokens_per_s", rate);
    json_set_number(line, "seconds", r->train_seconds);
    json_set_number(line, "valid_seconds", valid_seconds);
    json_set_number(line, "peak_mb", machine_peak_mb());
    r->train_seconds = 0;
    r->train_pieces = 0;
    return metrics_write(&r->metrics, line, e);
}

static int keep_best(struct run *r, double f1, int64_t epoch, const struct score *score, const struct evaluation *x, struct err *e)
{
    struct json *valid = NULL;
    r->trainer.model.temperature = evaluation_temperature(&r->trainer.model, &r->trainer.splits[SPLIT_VALID], x);
    r->trainer.state.best_f1 = f1;
    r->trainer.state.best_epoch = epoch;
    int code = run_save_best(&r->checkpoints, e);
    if (!code) code = score_json(score, &valid, e);
    if (!code) code = run_write_json(&r->directory, "eval/valid.json", valid, e);
    return code;
}

static int end_epoch(struct run *r, int64_t epoch, struct err *e)
{
    struct trainer_state *s = &r->trainer.state;
    struct score score = {0};
    struct evaluation x = {0};
    struct json *valid = NULL;
    double start = clock_seconds(), seconds = r->train_seconds, rate = seconds > 0 ? (double)r->train_pieces / seconds : 0;
    int code = evaluate(r, SPLIT_VALID, EVALUATE_EMISSIONS, &score, &x, e);
    if (code || (code = score_json(&score, &valid, e))) goto done;
    struct score_measures micro = score_measures(&score.total[SCORE_LENIENT]);
    double loss = s->loss_tweets ? s->loss_sum / (double)s->loss_tweets : NAN;
    bool best = micro.f1 > s->best_f1;
    s->epochs = epoch;
    s->loss_sum = 0;
    s->loss_tweets = 0;
    code = write_epoch(r, epoch, loss, valid, best, clock_seconds() - start, e);
    log_info("epoch %lld of %lld: loss %.4f, validation F1 %.2f (precision %.2f, recall %.2f)%s; %.0f tokens/s, %.0f s", (long long)epoch,
             (long long)r->trainer.epochs, loss, 100 * micro.f1, 100 * micro.precision, 100 * micro.recall, best ? ", the best so far" : "",
             rate, seconds);
    if (!code && best) code = keep_best(r, micro.f1, epoch, &score, &x, e);
done:
    evaluation_free(&x);
    score_end(&score);
    return code;
}

/* ---- the loop ---- */

static int log_step(struct run *r, const struct step_result *x, double factor, struct err *e)
{
    const struct trainer *t = &r->trainer;
    if (t->state.step % r->config->train.log_every && t->state.step != t->steps) return 0;
    struct json *line = json_new_object();
    json_set_string(line, "event", "step");
    json_set_integer(line, "step", t->state.step);
    json_set_integer(line, "epoch", trainer_epoch_of(t, t->state.step - 1));
    json_set_number(line, "loss", x->loss);
    json_set_number(line, "gradient_norm", x->norm);
    json_set_number(line, "learning_rate", factor * r->config->train.lr_encoder);
    json_set_boolean(line, "skipped", x->skipped);
    json_set_number(line, "tokens_per_s", r->train_seconds > 0 ? (double)r->train_pieces / r->train_seconds : 0);
    return metrics_write(&r->metrics, line, e);
}

static void show(struct run *r, const struct step_result *x, double factor)
{
    const struct trainer *t = &r->trainer;
    double rate = r->train_seconds > 0 ? (double)r->train_pieces / r->train_seconds : 0;
    if (!x->skipped) r->loss_recent = t->state.step == 1 || r->loss_recent == 0 ? x->loss : 0.95 * r->loss_recent + 0.05 * x->loss;
    int64_t epoch = trainer_epoch_of(t, t->state.step - 1),
            total = t->splits[SPLIT_TRAIN].encoded.piece_start[t->splits[SPLIT_TRAIN].encoded.n_tweets];
    double share = (double)(t->steps - t->state.step) / (double)(t->epoch_end[epoch] - t->epoch_end[epoch - 1]);
    struct progress p = {.epoch = epoch,
                         .epochs = t->epochs,
                         .step = t->state.step,
                         .steps = t->steps,
                         .loss = r->loss_recent,
                         .learning_rate = factor * r->config->train.lr_encoder,
                         .tokens_per_s = rate,
                         .eta = rate > 0 ? share * (double)total / rate : -1,
                         .phase = "train",
                         .epoch_end = t->state.step == t->epoch_end[epoch]};
    progress_report(&p);
}

static int one_step(struct run *r, struct err *e)
{
    struct trainer *t = &r->trainer;
    int n;
    const int32_t *tweets;
    double factor;
    int code = trainer_next(t, &n, &tweets, &factor, e);
    if (code) return code;
    double start = clock_seconds();
    struct step_result x;
    if ((code = trainer_step(t, n, tweets, factor, &x, e))) return code;
    r->train_seconds += clock_seconds() - start;
    r->train_pieces += x.pieces;
    show(r, &x, factor);
    if ((code = log_step(r, &x, factor, e))) return code;
    if (t->state.skipped_in_row >= r->config->train.max_bad_steps)
        return err_set(
            e, ERR_CHECK,
            "%lld steps in a row had a loss or gradient that is not finite; stopped at step %lld (lower the learning rates; the tweets are in train.log)",
            (long long)t->state.skipped_in_row, (long long)t->state.step);
    return 0;
}

/* After an epoch's evaluation: a function of the state, so that a resumed run ends where the other one does. */
static bool lost_patience(const struct run *r)
{
    const struct trainer_state *s = &r->trainer.state;
    const int patience = r->config->train.patience;
    return patience > 0 && s->epochs > 0 && s->step == r->trainer.epoch_end[s->epochs] && s->epochs - s->best_epoch >= patience;
}

/* Not before one step is done, so that a run that is resumed often enough comes to its end. */
static bool time_is_over(const struct run *r)
{
    const double limit = r->config->train.max_seconds;
    return limit > 0 && r->trainer.state.step > r->first_step && clock_seconds() - r->started >= limit;
}

/* Until the last step is done and its epoch evaluated, or a signal came. */
static int loop(struct run *r, bool *stopped, struct err *e)
{
    struct trainer *t = &r->trainer;
    struct trainer_state *s = &t->state;
    r->first_step = s->step;
    *stopped = false;
    for (;;) {
        int code = 0;
        while (s->epochs < t->epochs && s->step == t->epoch_end[s->epochs + 1] && !code) {
            code = end_epoch(r, s->epochs + 1, e);
            /* A signal in the middle of an evaluation: it is done again after resuming. What went wrong otherwise is no stop. */
            if (code == ERR_CHECK && *r->stop) {
                *stopped = true;
                *e = (struct err){0};
                return save(r, e);
            }
        }
        if (code) return code;
        bool end = s->step == t->steps || lost_patience(r), due = s->step > 0 && s->step % r->config->train.checkpoint_every == 0;
        const bool stop = *r->stop || time_is_over(r);
        if ((end || due || stop) && (code = save(r, e))) return code;
        if (end) return 0;
        if (stop) {
            *stopped = true;
            return 0;
        }
        if ((code = one_step(r, e))) return code;
    }
}

/* ---- the end: the best epoch on the test split ---- */

/* A split as eval/NAME.json has it; x has EVALUATE_FOUND. */
static int write_assessment(const struct run *r, enum split_name which, const struct score *score, const struct evaluation *x,
                            const struct entity_names *known, const struct subsets *named, struct err *e)
{
    const struct trainer *t = &r->trainer;
    struct parts_of_split parts;
    struct json *json;
    char name[32];
    snprintf(name, sizeof name, "eval/%s.json", SPLIT_NAMES[which]);
    int code = parts_of_split(&t->splits[which], known, named, &parts, e);
    if (code) return code;
    if (!(code = assess_json(&t->view, &t->splits[which], x, score, &parts, &json, e))) code = run_write_json(&r->directory, name, json, e);
    parts_of_split_free(&parts);
    return code;
}

static int write_test_line(struct run *r, const struct score *score, double start, struct err *e)
{
    struct json *line = NULL;
    int code = score_json(score, &line, e);
    if (code) return code;
    json_set_string(line, "event", "test");
    json_set_integer(line, "epoch", r->trainer.state.best_epoch);
    json_set_integer(line, "step", r->trainer.state.step);
    json_set_number(line, "seconds", clock_seconds() - start);
    json_set_number(line, "peak_mb", machine_peak_mb());
    return (code = metrics_write(&r->metrics, line, e)) ? code : metrics_sync(&r->metrics, e);
}

/* For a best.h5 of an earlier version, which has none. */
static int fit_temperature(struct run *r, struct err *e)
{
    struct trainer *t = &r->trainer;
    struct score score = {0};
    struct evaluation x = {0};
    int code = evaluate(r, SPLIT_VALID, EVALUATE_EMISSIONS, &score, &x, e);
    if (!code) t->view.temperature = evaluation_temperature(&t->view, &t->splits[SPLIT_VALID], &x);
    evaluation_free(&x);
    score_end(&score);
    return code;
}

static int assess_valid(struct run *r, const struct entity_names *known, const struct subsets *named, struct err *e)
{
    struct score score = {0};
    struct evaluation x = {0};
    int code = evaluate(r, SPLIT_VALID, EVALUATE_FOUND, &score, &x, e);
    if (!code) code = write_assessment(r, SPLIT_VALID, &score, &x, known, named, e);
    evaluation_free(&x);
    score_end(&score);
    return code;
}

static int finish(struct run *r, struct err *e)
{
    struct trainer *t = &r->trainer;
    struct score score = {0};
    struct evaluation x = {0};
    struct entity_names known = {0};
    struct subsets named = {0};
    char path[PATH_MAX];
    double start = clock_seconds();
    int code;
    if ((code = run_load_best(&r->checkpoints, e)) || (!(t->view.temperature > 0) && (code = fit_temperature(r, e))) ||
        (code = entity_names_of(&t->splits[SPLIT_TRAIN].data, &t->view.shape.types, &known, e)) ||
        (code = read_named_subsets(r->config, NULL, &named, e)) || (code = assess_valid(r, &known, &named, e)) ||
        (code = evaluate(r, SPLIT_TEST, EVALUATE_FOUND, &score, &x, e)) || (code = run_path(&r->directory, "predictions.jsonl", path, e)) ||
        (code = evaluation_write_predictions(&t->view, &t->splits[SPLIT_TEST], &x, path, e)) ||
        (code = write_assessment(r, SPLIT_TEST, &score, &x, &known, &named, e)) || (code = write_test_line(r, &score, start, e)))
        goto done;
    log_info("test F1 of epoch %lld, the best on validation: %.2f lenient, %.2f strict", (long long)t->state.best_epoch,
             100 * score_measures(&score.total[SCORE_LENIENT]).f1, 100 * score_measures(&score.total[SCORE_STRICT]).f1);
    code = report_write(r->directory.path, e);
done:
    entity_names_free(&known);
    subsets_free(&named);
    score_end(&score);
    evaluation_free(&x);
    return code;
}

static bool is_finished(const struct json *run)
{
    bool finished = false;
    json_read_boolean(json_get(run, "finished"), &finished);
    return finished;
}

/* --force would remove what the run starts from. */
static int check_initial_outside(const struct run *r, struct err *e)
{
    char path[PATH_MAX];
    struct err ignored = {0};
    if (checkpoint_find(r->config->train.init, path, &ignored)) return 0; /* the trainer says it better */
    char *initial = realpath(path, NULL), *directory = realpath(r->directory.path, NULL);
    const size_t length = directory ? strlen(directory) : 0;
    int code = 0;
    if (initial && directory && strncmp(initial, directory, length) == 0 && initial[length] == '/')
        code = err_set(e, ERR_USAGE, "train.init: %s is in --out itself, where --force removes it; choose another --out", path);
    free(initial);
    free(directory);
    return code;
}

static int open_trainer(struct run *r, enum run_mode mode, struct err *e)
{
    const char *initial = r->config->train.init;
    char own[PATH_MAX];
    if (mode == RUN_RESUME && initial[0] && !file_exists(initial) && run_find_checkpoint(&r->directory, own)) {
        log_info("train.init: %s is not there any more; the run's own checkpoint has all that it gave", initial);
        return trainer_open_again(r->config, own, &r->trainer, e);
    }
    const int code = mode == RUN_FORCE && initial[0] ? check_initial_outside(r, e) : 0;
    return code ? code : trainer_open(r->config, &r->trainer, e);
}

static int train(struct run *r, enum run_mode mode, const struct json *before, enum run_end *end, struct err *e)
{
    bool stopped;
    int code;
    if ((code = open_trainer(r, mode, e))) {
        if (mode == RUN_NEW) run_directory_abandon(&r->directory);
        return code;
    }
    log_info("%zu parameters, of which %zu are trained, %lld steps in %lld epochs, %d threads", model_parameters(&r->trainer.model),
             model_trainable(&r->trainer.model), (long long)r->trainer.steps, (long long)r->trainer.epochs, ag_threads());
    if ((code = run_directory_begin(&r->directory, mode, e)) || (mode == RUN_RESUME && (code = resume(r, before, e))) ||
        (code = write_config(r, e)) || (code = write_run_json(r, false, e)) || (code = metrics_open(r->directory.path, &r->metrics, e)) ||
        (code = trainer_warm(&r->trainer, e)) || (code = loop(r, &stopped, e)))
        return code;
    if (!stopped && r->trainer.state.step < r->trainer.steps)
        log_info("no better validation F1 in %d epochs: ended early", r->config->train.patience);
    if (!stopped) {
        code = finish(r, e);
        if (code == ERR_CHECK && *r->stop) {
            stopped = true;
            *e = (struct err){0};
            code = 0;
        }
    }
    *end = stopped ? RUN_STOPPED : RUN_FINISHED;
    if (!code && !stopped) code = write_run_json(r, true, e);
    return code;
}

/* A finished run stays as it is; but whoever asks for another config should hear that it was not trained. */
static int check_finished(const struct run *r, struct err *e)
{
    char path[PATH_MAX];
    struct checkpoint *c = NULL;
    int code;
    if ((code = run_path(&r->directory, "checkpoints/last.h5", path, e)) || (code = checkpoint_open(path, &c, e))) return code;
    code = checkpoint_check_config(c, path, r->config, e);
    checkpoint_close(c);
    if (!code) log_info("%s: this run is finished; nothing to do", r->directory.path);
    return code;
}

int run_train(const struct nerve_config *config, const char *directory, enum run_mode mode, const volatile sig_atomic_t *stop,
              enum run_end *end, struct err *e)
{
    struct run r = {.config = config, .stop = stop, .started = clock_seconds(), .directory = {.lock = -1}};
    r.checkpoints = (struct run_checkpoints){.directory = &r.directory, .trainer = &r.trainer, .step = -1, .epochs = -1};
    struct json *before = NULL;
    char path[PATH_MAX];
    int code = run_directory_open(directory, mode, &r.directory, e);
    if (code) return code;
    if (mode == RUN_RESUME) code = run_read_json(&r.directory, "run.json", &before, e);
    if (!code && is_finished(before)) {
        *end = RUN_FINISHED;
        code = check_finished(&r, e);
    } else if (!code && !(code = run_path(&r.directory, "train.log", path, e)) && !(code = log_open_file(LOG_FILE_RUN, path, e))) {
        code = train(&r, mode, before, end, e);
        log_close_file(LOG_FILE_RUN);
    }
    json_free(before);
    metrics_close(&r.metrics);
    trainer_close(&r.trainer);
    run_directory_close(&r.directory);
    return code;
}
