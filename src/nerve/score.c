/* score.c - counts of entities, what they measure, and how sure the F1 is. */
#include "score.h"
#include "rng.h"
#include <stdlib.h>

int score_begin(struct score *s, const struct tag_set *types, struct err *e)
{
    *s = (struct score){.types = types};
    for (int r = 0; r < SCORE_READINGS; r++) {
        s->per_type[r] = calloc((size_t)types->n_types + 1, sizeof *s->per_type[r]);
        if (s->per_type[r]) continue;
        score_end(s);
        return err_set(e, ERR_INTERNAL, "out of memory for the scores of %d types", types->n_types);
    }
    return 0;
}

void score_end(struct score *s)
{
    for (int r = 0; r < SCORE_READINGS; r++) free(s->per_type[r]);
    free(s->sentences);
    free(s->spans[0]);
    free(s->spans[1]);
    *s = (struct score){0};
}

/* Room for n entities of one sentence on each side, and for one more sentence. */
static int reserve(struct score *s, int n, struct err *e)
{
    for (int side = 0; side < 2; side++) {
        if (n <= s->cap_spans[side]) continue;
        struct span *larger = realloc(s->spans[side], (size_t)n * sizeof *larger);
        if (!larger) return err_set(e, ERR_INTERNAL, "out of memory for a sentence of %d words", n);
        s->spans[side] = larger;
        s->cap_spans[side] = n;
    }
    if (s->n_sentences < s->cap_sentences) return 0;
    int cap = s->cap_sentences + s->cap_sentences / 2 + 1024;
    struct score_counts(*larger)[SCORE_READINGS] = realloc(s->sentences, (size_t)cap * sizeof *larger);
    if (!larger) return err_set(e, ERR_INTERNAL, "out of memory for the scores of %d sentences", cap);
    s->sentences = larger;
    s->cap_sentences = cap;
    return 0;
}

static bool same_span(const struct span *a, const struct span *b)
{
    return a->first == b->first && a->last == b->last && a->type == b->type;
}

/* Of n entities those that belong, in their order; gives their number. */
static int keep(int n, struct span *spans, score_belongs *belongs, void *context)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!belongs || belongs(context, &spans[i])) spans[kept++] = spans[i];
    return kept;
}

/* Entities of one sentence stand in the order of their words and never overlap, so both lists are walked once. */
static void count(struct score *s, enum score_reading reading, int n, const int *gold, int n_predicted, const int *predicted,
                  score_belongs *belongs, void *context)
{
    const struct span *g = s->spans[0], *p = s->spans[1];
    bool strict = reading == SCORE_STRICT;
    int n_gold = keep(tags_spans(n, gold, strict, s->spans[0]), s->spans[0], belongs, context);
    int n_found = keep(tags_spans(n_predicted, predicted, strict, s->spans[1]), s->spans[1], belongs, context);
    struct score_counts *types = s->per_type[reading], *sentence = &s->sentences[s->n_sentences][reading];
    *sentence = (struct score_counts){.gold = n_gold, .predicted = n_found};
    for (int i = 0, j = 0; i < n_gold; i++) {
        types[g[i].type].gold++;
        while (j < n_found && p[j].first < g[i].first) j++;
        if (j == n_found || !same_span(&g[i], &p[j])) continue;
        types[g[i].type].correct++;
        sentence->correct++;
    }
    for (int j = 0; j < n_found; j++) types[p[j].type].predicted++;
    score_counts_add(&s->total[reading], sentence);
}

int score_add(struct score *s, int n, const int *gold, int n_predicted, const int *predicted, struct err *e)
{
    return score_add_part(s, n, gold, n_predicted, predicted, NULL, NULL, e);
}

int score_add_part(struct score *s, int n, const int *gold, int n_predicted, const int *predicted, score_belongs *belongs, void *context,
                   struct err *e)
{
    int code = reserve(s, n, e);
    if (code) return code;
    for (int r = 0; r < SCORE_READINGS; r++) count(s, (enum score_reading)r, n, gold, n_predicted, predicted, belongs, context);
    s->words += n;
    for (int i = 0; i < n; i++) s->words_right += gold[i] == (i < n_predicted ? predicted[i] : TAG_O);
    s->n_sentences++;
    return 0;
}

void score_counts_add(struct score_counts *sum, const struct score_counts *c)
{
    sum->correct += c->correct;
    sum->gold += c->gold;
    sum->predicted += c->predicted;
}

struct score_measures score_measures(const struct score_counts *c)
{
    struct score_measures m = {0};
    if (c->predicted > 0) m.precision = (double)c->correct / (double)c->predicted;
    if (c->gold > 0) m.recall = (double)c->correct / (double)c->gold;
    if (c->gold + c->predicted > 0) m.f1 = 2 * (double)c->correct / (double)(c->gold + c->predicted);
    return m;
}

struct score_measures score_macro(const struct score *s, enum score_reading reading)
{
    struct score_measures sum = {0};
    int n = 0;
    for (int t = 0; t < s->types->n_types; t++) {
        const struct score_counts *c = &s->per_type[reading][t];
        struct score_measures m = score_measures(c);
        if (c->gold + c->predicted == 0) continue;
        sum.precision += m.precision;
        sum.recall += m.recall;
        sum.f1 += m.f1;
        n++;
    }
    if (n > 0) sum = (struct score_measures){sum.precision / n, sum.recall / n, sum.f1 / n};
    return sum;
}

enum { RESAMPLES = 1000 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(int n, const double *sorted, double p)
{
    double at = p * (n - 1);
    int i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

void score_percentiles(int n, double *values, double interval[2])
{
    qsort(values, (size_t)n, sizeof *values, compare);
    interval[0] = percentile(n, values, 0.025);
    interval[1] = percentile(n, values, 0.975);
}

int score_interval(const struct score *s, enum score_reading reading, double interval[2], struct err *e)
{
    interval[0] = interval[1] = 0;
    if (s->n_sentences == 0) return 0;
    double *f1 = malloc(RESAMPLES * sizeof *f1);
    if (!f1) return err_set(e, ERR_INTERNAL, "out of memory for %d resamples", RESAMPLES);
    struct rng rng = rng_stream(0, RNG_BOOTSTRAP, 0);
    for (int k = 0; k < RESAMPLES; k++) {
        struct score_counts sum = {0};
        for (int i = 0; i < s->n_sentences; i++) score_counts_add(&sum, &s->sentences[rng_below(&rng, (uint32_t)s->n_sentences)][reading]);
        f1[k] = score_measures(&sum).f1;
    }
    score_percentiles(RESAMPLES, f1, interval);
    free(f1);
    return 0;
}
