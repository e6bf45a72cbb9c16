/* crf_nll.c - negative log-likelihood of a linear-chain CRF: crf.h has the model, crf_chain.h the sums.
 *
 *   forward    nll = log Z - score(tags)
 *   backward   d emissions[t,k] = dnll (p_t(k) - [tags_t = k])
 *              d start[k]       = dnll (p_0(k) - [tags_0 = k])          d end[k] = dnll (p_n-1(k) - [tags_n-1 = k])
 *              d transitions[from,to] = dnll sum over t > 0 of (p(y_t-1 = from, y_t = to) - [tags_t-1 = from, tags_t = to])
 *              0 where a start or transition is forbidden: its parameter is not read
 *
 *   emissions [W,L]   start, end [L]   transitions [L,L]   nll [n]   tags [W], word_start [n+1] borrowed
 *   saved: the chain and alpha [W,L]
 *
 * A task is one sequence; each leaves its share of the three parameters' gradients in its own room, and these are added up in the order of
 * the sequences: the same bytes for any number of threads.
 */
#include "crf_chain.h"
#include <string.h>

enum { EMISSIONS, START, TRANSITIONS, END };

struct saved {
    struct crf_chain chain;
    const uint8_t *forbidden_start, *forbidden_transition;
    const int32_t *tags, *word_start;
    double *alpha; /* [W,L] */
};

/* One sequence's room in backward. */
struct share {
    double *start, *transitions, *end; /* [L], [L,L], [L]: its part of the gradients */
    double *p, *before, *r;            /* [L] */
};
static size_t share_size(int L)
{
    return (size_t)L * ((size_t)L + 5);
}

static struct share share_of(double *room, int L)
{
    return (struct share){
        .start = room, .end = room + L, .p = room + 2 * L, .before = room + 3 * L, .r = room + 4 * L, .transitions = room + 5 * L};
}

static void sequence_backward(const struct saved *s, int b, double dnll, ag_real *de, ag_real beta, struct share x)
{
    const int L = s->chain.L, from = s->word_start[b], n = s->word_start[b + 1] - from;
    const size_t at = (size_t)from * (size_t)L;
    const int32_t *tags = s->tags + from;
    const double *alpha = s->alpha + at;
    memset(x.start, 0, share_size(L) * sizeof(double));
    if (n == 0) return;

    crf_chain_last(&s->chain, n, alpha, x.p);
    memcpy(x.end, x.p, (size_t)L * sizeof *x.end);
    x.end[tags[n - 1]] -= 1;
    for (int t = n - 1; t >= 0; t--) {
        ag_real *d = de ? de + at + (size_t)t * (size_t)L : NULL;
        for (int k = 0; d && k < L; k++) d[k] = (ag_real)(dnll * (x.p[k] - (k == tags[t]))) + (beta != 0 ? beta * d[k] : 0);
        if (t == 0) break;
        crf_chain_smooth(&s->chain, t, alpha, x.p, x.before, x.r, x.transitions);
        x.transitions[tags[t - 1] * L + tags[t]] -= 1;
        double *was = x.p;
        x.p = x.before;
        x.before = was;
    }
    memcpy(x.start, x.p, (size_t)L * sizeof *x.start);
    x.start[tags[0]] -= 1;
}

/* dx[k] += sum over sequences of dnll share[k]; share_of sequence b begins at room + b stride. */
static void add_shares(ag_graph *g, ag_tensor *x, const ag_tensor *nll, const double *room, size_t stride, const uint8_t *forbidden)
{
    ag_real beta, *dx = ag_grad(g, x, &beta);
    for (size_t k = 0; dx && k < ag_size(x); k++) {
        double sum = 0;
        for (int b = 0; b < nll->dim[0] && !(forbidden && forbidden[k]); b++) sum += (double)nll->grad[b] * room[(size_t)b * stride + k];
        dx[k] = (ag_real)sum + (beta != 0 ? beta * dx[k] : 0);
    }
}

static void crf_nll_backward(ag_graph *g, ag_tensor *nll)
{
    const struct saved *s = nll->saved;
    const int n = nll->dim[0], L = s->chain.L;
    const size_t stride = share_size(L);
    _Static_assert(sizeof(double) % sizeof(ag_real) == 0, "room for doubles is a whole number of reals");
    ag_real *pool = ag_pool_take(g, (size_t)n * stride * (sizeof(double) / sizeof(ag_real)));
    double *room = (double *)(void *)pool;
    ag_real beta = 0, *de = ag_grad(g, nll->in[EMISSIONS], &beta);

#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < n; b++) sequence_backward(s, b, (double)nll->grad[b], de, beta, share_of(room + (size_t)b * stride, L));

    const struct share at = share_of(room, L);
    add_shares(g, nll->in[START], nll, at.start, stride, s->forbidden_start);
    add_shares(g, nll->in[TRANSITIONS], nll, at.transitions, stride, s->forbidden_transition);
    add_shares(g, nll->in[END], nll, at.end, stride, NULL);
    ag_pool_give(g, pool);
}

const ag_op models_op_crf_nll = {"crf_nll", 4, crf_nll_backward};

static void check(const ag_tensor *emissions, const ag_tensor *start, const ag_tensor *transitions, const ag_tensor *end,
                  const int32_t *tags, int n, const int32_t *word_start)
{
    AG_CHECK(emissions->rank == 2 && emissions->dim[1] > 0, "crf_nll: emissions have rank %d and %d columns", emissions->rank,
             ag_cols(emissions));
    const int W = emissions->dim[0], L = emissions->dim[1];
    AG_CHECK(start->rank == 1 && start->dim[0] == L, "crf_nll: start has %d entries, emissions %d tags", ag_cols(start), L);
    AG_CHECK(end->rank == 1 && end->dim[0] == L, "crf_nll: end has %d entries, emissions %d tags", ag_cols(end), L);
    AG_CHECK(transitions->rank == 2 && transitions->dim[0] == L && transitions->dim[1] == L,
             "crf_nll: transitions are [%d,%d], emissions have %d tags", transitions->dim[0], transitions->dim[1], L);
    AG_CHECK(n >= 0 && word_start[0] == 0 && word_start[n] == W, "crf_nll: %d sequences end at word %d of %d", n, word_start[n], W);
    for (int b = 0; b < n; b++)
        AG_CHECK(word_start[b] <= word_start[b + 1], "crf_nll: sequence %d is words %d to %d", b, word_start[b], word_start[b + 1]);
    for (int w = 0; w < W; w++) AG_CHECK(tags[w] >= 0 && tags[w] < L, "crf_nll: word %d has tag %d of %d", w, tags[w], L);
}

ag_tensor *crf_nll_of(ag_graph *g, ag_tensor *emissions, ag_tensor *start, ag_tensor *transitions, ag_tensor *end,
                      const uint8_t *forbidden_start, const uint8_t *forbidden_transition, const int32_t *tags, int n,
                      const int32_t *word_start)
{
    check(emissions, start, transitions, end, tags, n, word_start);
    const int L = emissions->dim[1];
    ag_tensor *nll = ag_node(g, &models_op_crf_nll, 1, (int[]){n}, (ag_tensor *[]){emissions, start, transitions, end});
    struct saved *s = nll->saved = ag_save(g, sizeof *s);
    const struct crf_scores scores = {L, start->val, transitions->val, end->val, forbidden_start, forbidden_transition, 1};
    *s = (struct saved){
        .chain = crf_chain_fill(&scores, ag_save(g, crf_chain_size(L) * sizeof(double))),
        .forbidden_start = forbidden_start,
        .forbidden_transition = forbidden_transition,
        .tags = tags,
        .word_start = word_start,
        .alpha = ag_save(g, ag_size(emissions) * sizeof(double)),
    };

#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < n; b++) {
        const int from = word_start[b], words = word_start[b + 1] - from;
        const size_t at = (size_t)from * (size_t)L;
        const double log_z = crf_chain_filter(&s->chain, words, emissions->val + at, s->alpha + at);
        nll->val[b] = (ag_real)(log_z - crf_chain_score(&s->chain, words, emissions->val + at, tags + from));
    }
    return nll;
}

ag_tensor *crf_nll(ag_graph *g, const struct crf *crf, ag_tensor *emissions, const int32_t *tags, int n, const int32_t *start)
{
    return crf_nll_of(g, emissions, ag_use(g, crf->start), ag_use(g, crf->transitions), ag_use(g, crf->end), crf->forbidden_start,
                      crf->forbidden_transition, tags, n, start);
}
