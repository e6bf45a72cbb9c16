/* plan.c - which tweets make up each batch. Tweets of like length share a batch, so that its sequences end together; chance stays in which
 * tweets those are and in the order of batches. */
#include "batch.h"
#include "rng.h"
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int32_t length_of(const struct encoded *x, int32_t tweet)
{
    return x->piece_start[tweet + 1] - x->piece_start[tweet];
}

/* How many of n tweets fit from the front: at most `count`, or with budget > 0 as many as have at most `budget` pieces together; at least
 * one. */
static int n_fitting(const struct encoded *x, int n, const int32_t *tweets, int64_t count, int64_t budget)
{
    if (budget <= 0) return count < n ? (int)count : n;
    int64_t pieces = 0;
    int fit = 0;
    while (fit < n && (pieces += length_of(x, tweets[fit])) <= budget) fit++;
    return fit > 0 ? fit : 1;
}

/* Stable sort by length: counts how many are shorter. room [n], places [longest + 2]. */
static void sort_by_length(const struct encoded *x, int n, int32_t *tweets, int32_t longest, int32_t *room, int32_t *places)
{
    memset(places, 0, ((size_t)longest + 2) * sizeof *places);
    for (int i = 0; i < n; i++) places[length_of(x, tweets[i]) + 1]++;
    for (int32_t l = 0; l <= longest; l++) places[l + 1] += places[l];
    for (int i = 0; i < n; i++) room[places[length_of(x, tweets[i])]++] = tweets[i];
    memcpy(tweets, room, (size_t)n * sizeof *tweets);
}

/* p->tweets are in the order in which pools take them. Sorts each pool of pool_count tweets (or pool_budget pieces) and cuts it into
 * batches. */
static int cut_pools(const struct encoded *x, int64_t pool_count, int64_t pool_budget, int size, int budget, struct batch_plan *p,
                     struct err *e)
{
    int32_t longest = 0;
    for (int i = 0; i < x->n_tweets; i++) longest = length_of(x, i) > longest ? length_of(x, i) : longest;
    int32_t *room = malloc(((size_t)x->n_tweets + 1) * sizeof *room), *places = malloc(((size_t)longest + 2) * sizeof *places);
    int code = room && places ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the order of %d tweets", x->n_tweets);
    for (int at = 0, pool_end = 0; at < x->n_tweets && !code; at = pool_end) {
        pool_end = at + n_fitting(x, x->n_tweets - at, p->tweets + at, pool_count, pool_budget);
        sort_by_length(x, pool_end - at, p->tweets + at, longest, room, places);
        for (int from = at; from < pool_end;) {
            p->start[p->n_batches++] = from;
            from += n_fitting(x, pool_end - from, p->tweets + from, size, budget);
        }
    }
    p->start[p->n_batches] = x->n_tweets;
    free(room);
    free(places);
    return code;
}

static int shuffle_batches(struct rng *r, struct batch_plan *p, int n_tweets, struct err *e)
{
    int32_t *order = malloc(((size_t)p->n_batches + 1) * sizeof *order);
    struct batch_plan q = {.n_batches = p->n_batches};
    q.tweets = malloc(((size_t)n_tweets + 1) * sizeof *q.tweets);
    q.start = malloc(((size_t)n_tweets + 1) * sizeof *q.start);
    int code = order && q.tweets && q.start ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the order of %d batches", p->n_batches);
    if (code) goto done;
    for (int i = 0; i < p->n_batches; i++) order[i] = i;
    rng_shuffle(r, (size_t)p->n_batches, order);
    q.start[0] = 0;
    for (int i = 0; i < p->n_batches; i++) {
        int32_t from = p->start[order[i]], n = p->start[order[i] + 1] - from;
        memcpy(q.tweets + q.start[i], p->tweets + from, (size_t)n * sizeof *q.tweets);
        q.start[i + 1] = q.start[i] + n;
    }
    struct batch_plan old = *p;
    *p = q;
    q = old;
done:
    free(order);
    batch_plan_free(&q);
    return code;
}

/* All tweets in the dataset's order, no batch yet. */
static int plan_begin(int n_tweets, struct batch_plan *p, struct err *e)
{
    p->tweets = malloc(((size_t)n_tweets + 1) * sizeof *p->tweets);
    p->start = malloc(((size_t)n_tweets + 1) * sizeof *p->start);
    if (!p->tweets || !p->start) return err_set(e, ERR_INTERNAL, "out of memory for the order of %d tweets", n_tweets);
    for (int i = 0; i < n_tweets; i++) p->tweets[i] = i;
    return 0;
}

int batch_plan_make(const struct encoded *x, int size, int token_budget, int pool, uint32_t seed, uint32_t epoch, struct batch_plan *out,
                    struct err *e)
{
    assert(pool >= 1 && (size >= 1 || token_budget > 0));
    struct batch_plan p = {0};
    struct rng r = rng_stream(seed, RNG_SHUFFLE, epoch);
    int code = plan_begin(x->n_tweets, &p, e);
    if (!code) {
        rng_shuffle(&r, (size_t)x->n_tweets, p.tweets);
        code = cut_pools(x, (int64_t)pool * size, (int64_t)pool * token_budget, size, token_budget, &p, e);
    }
    if (!code) code = shuffle_batches(&r, &p, x->n_tweets, e);
    if (code)
        batch_plan_free(&p);
    else
        *out = p;
    return code;
}

int batch_plan_sorted(const struct encoded *x, int size, int token_budget, struct batch_plan *out, struct err *e)
{
    assert(size >= 1 || token_budget > 0);
    struct batch_plan p = {0};
    int code = plan_begin(x->n_tweets, &p, e);
    if (!code) code = cut_pools(x, INT64_MAX, token_budget > 0 ? INT64_MAX : 0, size, token_budget, &p, e);
    if (code)
        batch_plan_free(&p);
    else
        *out = p;
    return code;
}

void batch_plan_free(struct batch_plan *p)
{
    free(p->tweets);
    free(p->start);
    *p = (struct batch_plan){0};
}

int batch_reserve_plan(struct batch *b, const struct batch_plan *plan, const struct encoded *x, struct err *e)
{
    int pieces = 0, words = 0, tweets = 0;
    for (int k = 0; k < plan->n_batches; k++) {
        int T = 0, W = 0, B = plan->start[k + 1] - plan->start[k];
        for (int i = plan->start[k]; i < plan->start[k + 1]; i++) {
            T += length_of(x, plan->tweets[i]);
            W += x->word_start[plan->tweets[i] + 1] - x->word_start[plan->tweets[i]];
        }
        if (T > pieces) pieces = T;
        if (W > words) words = W;
        if (B > tweets) tweets = B;
    }
    return batch_reserve(b, tweets, pieces, words, e);
}
