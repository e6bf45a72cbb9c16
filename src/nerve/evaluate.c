#include "evaluate.h"
#include <stdlib.h>
#include <string.h>

/* The entities of tweet i of a batch, whose words have these tags; spans and marginals are room for its words. */
static int add_tweet(const struct model *m, const struct batch *b, const struct forward *f, int i, const int32_t *tags, struct span *spans,
                     double *marginals, struct evaluation *out, struct err *e)
{
    const int L = tag_count(&m->shape.types), from = b->word_start[i], n = b->word_start[i + 1] - from;
    const int count = tags_spans(n, tags + from, false, spans);
    struct found *grown = realloc(out->found, (out->n_found + (size_t)count + 1) * sizeof *grown);
    if (!grown) return err_set(e, ERR_INTERNAL, "out of memory for predicted entities");
    out->found = grown;
    if (count > 0) model_marginals(m, f, b, i, marginals);
    for (int k = 0; k < count; k++)
        out->found[out->n_found++] =
            (struct found){.tweet = b->tweet[i],
                           .span = spans[k],
                           .score = model_span_probability(m, n, f->emissions->val + (size_t)from * (size_t)L, spans[k]),
                           .doubt = doubt_of(m, f, b, i, tags + from, marginals, &spans[k])};
    return 0;
}

static int add_found(const struct model *m, const struct batch *b, const struct forward *f, const int32_t *tags, struct evaluation *out,
                     struct err *e)
{
    const size_t W = (size_t)b->W + 1, L = (size_t)tag_count(&m->shape.types);
    struct span *spans = malloc(W * sizeof *spans);
    double *marginals = malloc(W * L * sizeof *marginals);
    int code = spans && marginals ? 0 : err_set(e, ERR_INTERNAL, "out of memory for predicted entities");
    for (int i = 0; i < b->B && !code; i++) code = add_tweet(m, b, f, i, tags, spans, marginals, out, e);
    free(spans);
    free(marginals);
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
                         bool want_found, struct evaluation *out, struct err *e)
{
    struct pass p = {.model = m, .graph = graph, .batch = b, .tags = tags};
    ag_graph_reset(graph);
    int code = ag_try(run_pass, &p, e);
    if (code) return code;
    for (int i = 0; i < b->B; i++) {
        int n = b->word_start[i + 1] - b->word_start[i];
        memcpy(out->predicted + s->data.tweets[b->tweet[i]].first_word, tags + b->word_start[i], (size_t)n * sizeof *tags);
    }
    return want_found ? add_found(m, b, &p.forward, tags, out, e) : 0;
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

int evaluate_split(const struct model *m, ag_graph *graph, const struct split *s, int batch_pieces, bool want_found,
                   const volatile sig_atomic_t *stop, struct evaluation *out, struct err *e)
{
    struct batch_plan plan = {0};
    struct batch b = {0};
    int32_t *tags = NULL;
    *out = (struct evaluation){0};
    int code = batch_plan_sorted(&s->encoded, 0, batch_pieces, &plan, e);
    if (code || (code = batch_reserve_plan(&b, &plan, &s->encoded, e)) || (code = reserve_visual(m, &b, &plan, &s->visual, e))) goto done;
    tags = malloc(((size_t)b.cap_W + 1) * sizeof *tags);
    out->predicted = calloc((size_t)s->data.n_words + 1, sizeof *out->predicted);
    if (!tags || !out->predicted) {
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
        if (!code) code = predict_batch(m, graph, s, &b, tags, want_found, out, e);
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
    *x = (struct evaluation){0};
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
