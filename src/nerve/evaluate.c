#include "evaluate.h"
#include "temperature.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is done with a batch that went through the model. */
struct passed {
    const struct model *model;
    const struct split *split;
    const struct batch *batch;
    const struct forward *forward;
    const int32_t *tags;
    struct span *spans; /* room for the entities and the marginals of a tweet */
    double *marginals;
};

static int add_found(const struct passed *p, int i, struct evaluation *out, struct err *e)
{
    const struct model *m = p->model;
    const int L = tag_count(&m->shape.types), from = p->batch->word_start[i], n = p->batch->word_start[i + 1] - from;
    const int count = tags_spans(n, p->tags + from, false, p->spans);
    struct found *grown = realloc(out->found, (out->n_found + (size_t)count + 1) * sizeof *grown);
    if (!grown) return err_set(e, ERR_INTERNAL, "out of memory for predicted entities");
    out->found = grown;
    for (int k = 0; k < count; k++)
        out->found[out->n_found++] =
            (struct found){.tweet = p->batch->tweet[i],
                           .span = p->spans[k],
                           .score = model_span_probability(m, n, p->forward->emissions->val + (size_t)from * (size_t)L, p->spans[k]),
                           .doubt = doubt_of(m, p->forward, p->batch, i, p->tags + from, p->marginals, &p->spans[k])};
    return 0;
}

static void add_words(const struct passed *p, int i, struct tagged *words)
{
    const int L = tag_count(&p->model->shape.types), from = p->batch->word_start[i], n = p->batch->word_start[i + 1] - from;
    for (int w = 0; w < n; w++)
        words[w] = (struct tagged){
            .score = p->marginals[w * L + p->tags[from + w]],
            .doubt = doubt_of(p->model, p->forward, p->batch, i, p->tags + from, p->marginals, &(struct span){.first = w, .last = w})};
}

static int add_tweet(const struct passed *p, int i, unsigned parts, struct evaluation *out, struct err *e)
{
    const struct batch *b = p->batch;
    const int tweet = b->tweet[i], from = b->word_start[i], n = b->word_start[i + 1] - from;
    const size_t L = (size_t)tag_count(&p->model->shape.types);
    memcpy(out->predicted + p->split->data.tweets[tweet].first_word, p->tags + from, (size_t)n * sizeof *p->tags);
    if (parts & EVALUATE_EMISSIONS)
        memcpy(out->emissions + (size_t)p->split->encoded.word_start[tweet] * L, p->forward->emissions->val + (size_t)from * L,
               (size_t)n * L * sizeof *out->emissions);
    if (parts & (EVALUATE_FOUND | EVALUATE_TWEETS | EVALUATE_WORDS)) model_marginals(p->model, p->forward, b, i, p->marginals);
    if (parts & EVALUATE_TWEETS) out->tweets[tweet] = doubt_of_tweet(p->model, p->forward, b, i, p->tags + from, p->marginals);
    if (parts & EVALUATE_WORDS) add_words(p, i, out->words + p->split->data.tweets[tweet].first_word);
    return parts & EVALUATE_FOUND ? add_found(p, i, out, e) : 0;
}

static int add_batch(struct passed *p, unsigned parts, struct evaluation *out, struct err *e)
{
    const size_t W = (size_t)p->batch->W + 1, L = (size_t)tag_count(&p->model->shape.types);
    p->spans = malloc(W * sizeof *p->spans);
    p->marginals = malloc(W * L * sizeof *p->marginals);
    int code = p->spans && p->marginals ? 0 : err_set(e, ERR_INTERNAL, "out of memory for predicted entities");
    for (int i = 0; i < p->batch->B && !code; i++) code = add_tweet(p, i, parts, out, e);
    free(p->spans);
    free(p->marginals);
    return code;
}

struct pass {
    const struct model *model;
    ag_graph *graph;
    const struct batch *batch;
    int32_t *tags;
    struct forward forward;
};

static void run_pass(void *context)
{
    struct pass *p = context;
    const nn_dropout none = {.on = false};
    p->forward = nerve_forward(p->graph, p->model, p->batch, &none);
    model_decode(p->model, p->forward.emissions, p->batch, p->tags);
}

static int predict_batch(const struct model *m, ag_graph *graph, const struct split *s, const struct batch *b, int32_t *tags,
                         unsigned parts, struct evaluation *out, struct err *e)
{
    struct pass p = {.model = m, .graph = graph, .batch = b, .tags = tags};
    ag_graph_reset(graph);
    int code = ag_try(run_pass, &p, e);
    if (code) return code;
    return add_batch(&(struct passed){.model = m, .split = s, .batch = b, .forward = &p.forward, .tags = tags}, parts, out, e);
}

static int reserve_visual(const struct model *m, struct batch *b, const struct batch_plan *plan, const struct visual *v, struct err *e)
{
    int most = 0;
    if (!model_sees(m)) return 0;
    for (int k = 0; k < plan->n_batches; k++) {
        int V = 0;
        for (int i = plan->start[k]; i < plan->start[k + 1]; i++) V += visual_tokens(v, plan->tweets[i]);
        if (V > most) most = V;
    }
    return visual_batch_reserve(&b->visual, v, b->cap_B, b->cap_W, most, e);
}

static int by_tweet(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->tweet != y->tweet) return x->tweet < y->tweet ? -1 : 1;
    return (x->span.first > y->span.first) - (x->span.first < y->span.first);
}

static bool make_room(const struct model *m, const struct split *s, unsigned parts, struct evaluation *out)
{
    const size_t kept = (size_t)s->encoded.word_start[s->encoded.n_tweets], L = (size_t)tag_count(&m->shape.types);
    const struct tagged unknown = {.score = NAN, .doubt = doubt_none()};
    out->predicted = calloc((size_t)s->data.n_words + 1, sizeof *out->predicted);
    if (parts & EVALUATE_EMISSIONS) out->emissions = calloc(kept * L + 1, sizeof *out->emissions);
    if (parts & EVALUATE_TWEETS) out->tweets = calloc((size_t)s->data.n_tweets + 1, sizeof *out->tweets);
    if (parts & EVALUATE_WORDS) out->words = calloc((size_t)s->data.n_words + 1, sizeof *out->words);
    for (int w = 0; w < s->data.n_words && out->words; w++) out->words[w] = unknown;
    return out->predicted && (out->words || !(parts & EVALUATE_WORDS)) && (out->emissions || !(parts & EVALUATE_EMISSIONS)) &&
           (out->tweets || !(parts & EVALUATE_TWEETS));
}

int evaluate_split(const struct model *m, ag_graph *graph, const struct split *s, int batch_pieces, unsigned parts,
                   const volatile sig_atomic_t *stop, struct evaluation *out, struct err *e)
{
    struct batch_plan plan = {0};
    struct batch b = {0};
    int32_t *tags = NULL;
    *out = (struct evaluation){0};
    int code = batch_plan_sorted(&s->encoded, 0, batch_pieces, &plan, e);
    if (code || (code = batch_reserve_plan(&b, &plan, &s->encoded, e)) || (code = reserve_visual(m, &b, &plan, &s->visual, e))) goto done;
    tags = malloc(((size_t)b.cap_W + 1) * sizeof *tags);
    if (!tags || !make_room(m, s, parts, out)) {
        code = err_set(e, ERR_INTERNAL, "out of memory for the predictions of %d words", s->data.n_words);
        goto done;
    }
    for (int k = 0; k < plan.n_batches && !code; k++) {
        if (stop && *stop) {
            code = err_set(e, ERR_CHECK, "stopped by a signal");
            break;
        }
        batch_fill(&b, &s->encoded, plan.start[k + 1] - plan.start[k], plan.tweets + plan.start[k], 0);
        if (model_sees(m)) code = visual_batch_fill(&b.visual, &s->visual, b.B, b.tweet, b.place, b.word_start, NULL, ag_threads(), e);
        if (!code) code = predict_batch(m, graph, s, &b, tags, parts, out, e);
    }
    ag_graph_reset(graph);
    if (out->n_found) qsort(out->found, out->n_found, sizeof *out->found, by_tweet);
done:
    free(tags);
    batch_free(&b);
    batch_plan_free(&plan);
    if (code) evaluation_free(out);
    return code;
}

void evaluation_free(struct evaluation *x)
{
    free(x->predicted);
    free(x->found);
    free(x->emissions);
    free(x->tweets);
    free(x->words);
    *x = (struct evaluation){0};
}

double evaluation_temperature(const struct model *m, const struct split *s, const struct evaluation *x)
{
    const struct encoded *c = &s->encoded;
    const int L = tag_count(&m->shape.types);
    if (!m->shape.crf) return temperature_of_rows((size_t)c->word_start[c->n_tweets], L, x->emissions, c->tags).T;
    const struct crf_scores scores = crf_scores_of(&m->crf);
    return temperature_of_chains(&scores, c->n_tweets, c->word_start, x->emissions, c->tags).T;
}

int evaluation_score(const struct model *m, const struct split *s, const struct evaluation *x, struct score *out, struct err *e)
{
    int code = score_begin(out, &m->shape.types, e);
    if (code) return code;
    for (int i = 0; i < s->data.n_tweets && !code; i++) {
        const struct tweet *t = &s->data.tweets[i];
        code = score_add(out, t->n_words, s->gold + t->first_word, t->n_words, x->predicted + t->first_word, e);
    }
    if (code) score_end(out);
    return code;
}
