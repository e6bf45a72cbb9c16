/* crf.c - the field's parameters, and what is asked of one sentence without a graph: see crf.h. The dynamic programs are crf_chain.h's. */
#include "crf.h"
#include "crf_chain.h"
#include "nn.h"
#include <stdlib.h>
#include <string.h>

void crf_declare(ag_params *ps, const char *prefix, int L, struct crf *crf)
{
    AG_CHECK(L > 0, "crf: %d tags", L);
    char name[NN_NAME_MAX];
    *crf = (struct crf){.L = L};
    nn_name(name, "%sstart_transitions", prefix);
    crf->start = ag_params_add(ps, name, 1, (int[]){L});
    nn_name(name, "%stransitions", prefix);
    crf->transitions = ag_params_add(ps, name, 2, (int[]){L, L});
    nn_name(name, "%send_transitions", prefix);
    crf->end = ag_params_add(ps, name, 1, (int[]){L});
}

struct crf_scores crf_scores_of(const struct crf *crf)
{
    return (struct crf_scores){
        .L = crf->L,
        .start = crf->start->val,
        .transitions = crf->transitions->val,
        .end = crf->end->val,
        .forbidden_start = crf->forbidden_start,
        .forbidden_transition = crf->forbidden_transition,
    };
}

/* ---- one sentence ---- */

/* The chain and the room for a sentence of n words, in one piece of memory. */
struct sentence {
    struct crf_chain chain;
    double *alpha;      /* [n,L] */
    double *p, *before; /* [L] */
    double *r;          /* [L] */
    void *memory;
};

static struct sentence sentence_begin(const struct crf_scores *s, int n)
{
    AG_CHECK(s->L > 0 && n >= 0, "crf: %d tags, %d words", s->L, n);
    const size_t L = (size_t)s->L, doubles = crf_chain_size(s->L) + ((size_t)n + 3) * L;
    double *at = malloc(doubles * sizeof *at);
    AG_CHECK(at, "out of memory: a sentence of %d words and %d tags", n, s->L);
    struct sentence x = {.memory = at, .chain = crf_chain_fill(s, at)};
    x.p = at + crf_chain_size(s->L);
    x.before = x.p + L;
    x.r = x.before + L;
    x.alpha = x.r + L;
    return x;
}

static void sentence_end(struct sentence *x)
{
    free(x->memory);
}

/* From p of word t to p of word t - 1. */
static void step_back(struct sentence *x, int t)
{
    crf_chain_smooth(&x->chain, t, x->alpha, x->p, x->before, x->r, NULL);
    double *was = x->p;
    x->p = x->before;
    x->before = was;
}

double crf_score(const struct crf_scores *s, int n, const ag_real *emissions, const int32_t *tags)
{
    struct sentence x = sentence_begin(s, 0);
    double score = crf_chain_score(&x.chain, n, emissions, tags);
    sentence_end(&x);
    return score;
}

double crf_log_z(const struct crf_scores *s, int n, const ag_real *emissions)
{
    struct sentence x = sentence_begin(s, n);
    double log_z = crf_chain_filter(&x.chain, n, emissions, x.alpha);
    sentence_end(&x);
    return log_z;
}

double crf_viterbi(const struct crf_scores *s, int n, const ag_real *emissions, int32_t *tags)
{
    struct sentence x = sentence_begin(s, n);
    int32_t *back = malloc(((size_t)n * (size_t)s->L + 1) * sizeof *back);
    AG_CHECK(back, "out of memory: a sentence of %d words and %d tags", n, s->L);
    double score = crf_chain_best(&x.chain, n, emissions, x.alpha, back, tags);
    free(back);
    sentence_end(&x);
    return score;
}

void crf_marginals(const struct crf_scores *s, int n, const ag_real *emissions, double *marginals)
{
    const size_t L = (size_t)s->L;
    struct sentence x = sentence_begin(s, n);
    crf_chain_filter(&x.chain, n, emissions, x.alpha);
    for (int t = n - 1; t >= 0; t--) {
        if (t == n - 1)
            crf_chain_last(&x.chain, n, x.alpha, x.p);
        else
            step_back(&x, t + 1);
        memcpy(marginals + (size_t)t * L, x.p, L * sizeof *x.p);
    }
    sentence_end(&x);
}

/* The probability that word t has this tag and the word behind it another one than `inside`, or is not there. x->p is word t + 1's, or the
 * last word's. */
static double closes(struct sentence *x, int n, int t, int tag, int inside)
{
    if (t == n - 1) return x->p[tag];
    double sum = 0;
    for (int next = 0; next < x->chain.L; next++) {
        if (next == inside) continue;
        crf_chain_reverse(&x->chain, t + 1, x->alpha, next, x->r);
        sum += x->p[next] * x->r[tag];
    }
    return sum;
}

/* Given that word t has the tag `inside`, the probability that the one before it leaves it an opening: it is neither B- nor I- of the type.
 */
static double opens(struct sentence *x, int t, int begin, int inside)
{
    if (t == 0) return 1;
    double sum = 0;
    crf_chain_reverse(&x->chain, t, x->alpha, inside, x->r);
    for (int k = 0; k < x->chain.L; k++)
        if (k != begin && k != inside) sum += x->r[k];
    return sum;
}

double crf_span_probability(const struct crf_scores *s, int n, const ag_real *emissions, int first, int last, int begin, int inside,
                            enum crf_reading reading)
{
    AG_CHECK(0 <= first && first <= last && last < n, "crf: span %d to %d of %d words", first, last, n);
    AG_CHECK(0 <= begin && begin < s->L && 0 <= inside && inside < s->L && begin != inside, "crf: B- is tag %d, I- %d of %d", begin, inside,
             s->L);
    struct sentence x = sentence_begin(s, n);
    crf_chain_filter(&x.chain, n, emissions, x.alpha);
    crf_chain_last(&x.chain, n, x.alpha, x.p);
    for (int t = n - 1; t > last + 1; t--) step_back(&x, t);

    /* From behind: the entity closes after its last word, every word but the first is I-, and the first has one of two tags. */
    double as_begin = closes(&x, n, last, begin, inside), as_inside = closes(&x, n, last, inside, inside);
    for (int t = last; t > first; t--) {
        crf_chain_reverse(&x.chain, t, x.alpha, inside, x.r);
        as_begin = as_inside * x.r[begin];
        as_inside *= x.r[inside];
    }
    double p = as_begin + (reading == CRF_LENIENT ? as_inside * opens(&x, first, begin, inside) : 0);
    sentence_end(&x);
    return p;
}
