#include "dry_run.h"
#include "clock.h"
#include "evaluate.h"
#include "json.h"
#include "machine.h"
#include "trainer.h"
#include <stdlib.h>

/* ---- the size of things ---- */

static void describe(const struct trainer *t, struct dry_run *d)
{
    for (int k = 0; k < N_SPLITS; k++) d->tweets[k] = t->splits[k].data.n_tweets;
    d->parameters = (int64_t)model_parameters(&t->model);
    d->trainable = (int64_t)model_trainable(&t->model);
    d->epochs = t->epochs;
    d->steps = t->steps;
    d->warmup = t->warmup;
    d->largest_pieces = t->largest_pieces;
}

static int64_t pieces_of(const struct encoded *x)
{
    return x->piece_start[x->n_tweets];
}

/* A few steps meet few words; a run meets all of them. */
static void touch_moments(const struct trainer *t)
{
    const struct split *train = &t->splits[SPLIT_TRAIN];
    ag_param *word = t->model.bert.word, *caption = t->model.caption.word;
    if (word->role == AG_SPARSE) ag_param_touch_moments(word, pieces_of(&train->encoded), train->encoded.ids);
    if (caption && caption->role == AG_SPARSE)
        ag_param_touch_moments(caption, train->visual.start[train->visual.n_tweets], train->visual.ids);
}

/* ---- steps ---- */

struct sized {
    int64_t pieces;
    int batch;
};

static int by_size(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;
    if (x->pieces != y->pieces) return x->pieces < y->pieces ? -1 : 1;
    return (x->batch > y->batch) - (x->batch < y->batch);
}

/* The batches of a plan from the smallest to the largest; NULL without memory. */
static struct sized *sort_batches(const struct batch_plan *plan, const struct encoded *x)
{
    struct sized *all = calloc((size_t)plan->n_batches + 1, sizeof *all);
    for (int b = 0; all && b < plan->n_batches; b++) {
        all[b].batch = b;
        for (int k = plan->start[b]; k < plan->start[b + 1]; k++)
            all[b].pieces += x->piece_start[plan->tweets[k] + 1] - x->piece_start[plan->tweets[k]];
    }
    if (all) qsort(all, (size_t)plan->n_batches, sizeof *all, by_size);
    return all;
}

/* At the full learning rates, as most steps nearly have them. */
static int step(struct trainer *t, int batch, int64_t *pieces, struct err *e)
{
    const int32_t *start = t->plan.start + batch;
    struct step_result r = {0};
    int code = trainer_step(t, start[1] - start[0], t->plan.tweets + start[0], 1, &r, e);
    *pieces += r.pieces;
    return code;
}

static int time_steps(struct trainer *t, struct dry_run *d, struct err *e)
{
    int n;
    const int32_t *tweets;
    double factor, seconds = 0;
    int64_t pieces = 0;
    int code = trainer_next(t, &n, &tweets, &factor, e); /* makes the first epoch's plan */
    if (code) return code;
    struct sized *sorted = sort_batches(&t->plan, &t->splits[SPLIT_TRAIN].encoded);
    if (!sorted) return err_set(e, ERR_INTERNAL, "out of memory for the order of %d batches", t->plan.n_batches);
    code = step(t, sorted[t->plan.n_batches / 2].batch, &pieces, e);
    pieces = 0;
    for (int64_t k = 0; k < N_TIMED && !code; k++) {
        const double start = clock_seconds();
        code = step(t, sorted[(2 * k + 1) * t->plan.n_batches / (2 * N_TIMED)].batch, &pieces, e);
        seconds += clock_seconds() - start;
    }
    free(sorted);
    if (code) return code;
    d->step_seconds = seconds / N_TIMED;
    d->tokens_per_s = (double)pieces / seconds;
    d->train_seconds = d->step_seconds * (double)t->steps;
    return 0;
}

/* ---- evaluation ---- */

/* The first tweets of validation that make up one batch stand for all. */
static int time_evaluation(struct trainer *t, struct dry_run *d, struct err *e)
{
    const int64_t all = t->epochs * pieces_of(&t->splits[SPLIT_VALID].encoded) + pieces_of(&t->splits[SPLIT_TEST].encoded);
    struct split part = t->splits[SPLIT_VALID];
    struct evaluation x;
    while (part.encoded.n_tweets > 1 && pieces_of(&part.encoded) > t->config->train.eval_batch) part.encoded.n_tweets--;
    const double start = clock_seconds();
    int code = evaluate_split(&t->view, &t->graph, &part, t->config->train.eval_batch, EVALUATE_FOUND, NULL, &x, e);
    if (code) return code;
    d->evaluate_seconds = (clock_seconds() - start) * (double)all / (double)pieces_of(&part.encoded);
    evaluation_free(&x);
    return 0;
}

int dry_run(const struct nerve_config *config, struct dry_run *out, struct err *e)
{
    struct trainer t;
    struct dry_run d = {0};
    int code = trainer_open(config, &t, e);
    if (code) return code;
    describe(&t, &d);
    if ((code = trainer_warm(&t, e)) || (code = time_steps(&t, &d, e)) || (code = time_evaluation(&t, &d, e))) goto done;
    touch_moments(&t);
    d.peak_mb = machine_peak_mb();
    *out = d;
done:
    trainer_close(&t);
    return code;
}

struct json *dry_run_json(const struct dry_run *d)
{
    struct json *json = json_new_object(), *tweets = json_new_object();
    json_set_integer(json, "parameters", d->parameters);
    json_set_integer(json, "trainable", d->trainable);
    for (int k = 0; k < N_SPLITS; k++) json_set_integer(tweets, SPLIT_NAMES[k], d->tweets[k]);
    json_set(json, "tweets", tweets);
    json_set_integer(json, "epochs", d->epochs);
    json_set_integer(json, "steps", d->steps);
    json_set_integer(json, "warmup", d->warmup);
    json_set_integer(json, "largest_pieces", d->largest_pieces);
    json_set_number(json, "peak_mb", d->peak_mb);
    json_set_number(json, "step_seconds", d->step_seconds);
    json_set_number(json, "tokens_per_s", d->tokens_per_s);
    json_set_number(json, "train_seconds", d->train_seconds);
    json_set_number(json, "evaluate_seconds", d->evaluate_seconds);
    json_set_number(json, "seconds", d->train_seconds + d->evaluate_seconds);
    return json;
}
