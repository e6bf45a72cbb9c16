/* per_word.c - checks, modalities, and the loop of all losses: a sequence's words are summed by one thread in their order, in double. */
#include "per_word.h"
#include <math.h>
#include <string.h>

void evi_check_start(const char *op, int n, const int32_t *start, int W)
{
    AG_CHECK(n >= 0, "%s: %d sequences", op, n);
    AG_CHECK(start[0] == 0 && start[n] == W, "%s: %d sequences are words %d to %d of %d", op, n, (int)start[0], (int)start[n], W);
    for (int b = 0; b < n; b++)
        AG_CHECK(start[b] <= start[b + 1], "%s: sequence %d is words %d to %d", op, b, (int)start[b], (int)start[b + 1]);
}

void evi_check_words(const char *op, const evi_words *words, int W, int L)
{
    evi_check_start(op, words->n, words->start, W);
    for (int w = 0; w < W; w++)
        AG_CHECK(words->tags[w] >= 0 && words->tags[w] < L, "%s: word %d has tag %d of %d", op, w, (int)words->tags[w], L);
}

void evi_check_belief(const char *op, const ag_tensor *t)
{
    AG_CHECK(t->rank == 3 && t->dim[0] == EVI_PLANES && t->dim[2] > 0, "%s: a belief of rank %d with %d planes and %d tags", op, t->rank,
             t->dim[0], ag_cols(t));
}

void evi_check_table(const char *op, const char *what, const ag_tensor *t)
{
    AG_CHECK(t->rank == 2 && t->dim[1] > 0, "%s: %s of rank %d with %d tags", op, what, t->rank, ag_cols(t));
}

void evi_check_same(const char *op, const char *what, int n, ag_tensor *const *x)
{
    AG_CHECK(n >= 1 && n <= AG_MAX_IN, "%s: %d %s, not 1 to %d", op, n, what, AG_MAX_IN);
    for (int m = 1; m < n; m++) {
        const bool same = x[m]->rank == x[0]->rank && memcmp(x[m]->dim, x[0]->dim, (size_t)x[0]->rank * sizeof *x[0]->dim) == 0;
        AG_CHECK(same, "%s: %s 0 and %d have %zu and %zu elements in rank %d and %d, or other dimensions", op, what, m, ag_size(x[0]),
                 ag_size(x[m]), x[0]->rank, x[m]->rank);
    }
}

evi_modalities evi_modalities_of(const char *op, int n, const uint8_t *const *present, int W)
{
    evi_modalities modalities = {.n = n};
    for (int m = 0; m < n && present; m++) modalities.present[m] = present[m];
    int list[AG_MAX_IN];
    for (int w = 0; w < W; w++) AG_CHECK(evi_modalities_list(&modalities, w, list) > 0, "%s: word %d has no modality", op, w);
    return modalities;
}

int evi_modalities_list(const evi_modalities *m, int w, int list[AG_MAX_IN])
{
    int n = 0;
    for (int k = 0; k < m->n; k++)
        if (evi_is_present(m->present[k], w)) list[n++] = k;
    return n;
}

double evi_log_sum(const ag_real *x, int L)
{
    double max = (double)x[0], sum = 0;
    for (int l = 1; l < L; l++) max = fmax(max, (double)x[l]);
    for (int l = 0; l < L; l++) sum += exp((double)x[l] - max);
    return max + log(sum);
}

ag_tensor *evi_sum_over_words(ag_graph *g, const ag_op *op, ag_tensor *x, evi_words words, const ag_real *weight, evi_word_cost *cost)
{
    const int W = x->dim[x->rank - 2], L = ag_cols(x);
    evi_check_words(op->name, &words, W, L);
    ag_tensor *y = ag_node(g, op, 1, &words.n, &x);
    evi_sum *s = y->saved = ag_save(g, sizeof *s);
    *s = (evi_sum){words, weight};
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < words.n; b++) {
        double sum = 0;
        for (int w = words.start[b]; w < words.start[b + 1]; w++) {
            if (!evi_is_present(words.present, w)) continue;
            const int t = words.tags[w];
            sum += cost(x->val + (size_t)w * (size_t)L, (size_t)W * (size_t)L, L, t, weight ? weight + t * L : NULL);
        }
        y->val[b] = (ag_real)sum;
    }
    return y;
}

void evi_sum_over_words_backward(ag_graph *g, ag_tensor *y, evi_word_grad *grad)
{
    const evi_sum *s = y->saved;
    ag_tensor *x = y->in[0];
    const int W = x->dim[x->rank - 2], L = ag_cols(x), planes = x->rank == 3 ? x->dim[0] : 1;
    const size_t plane = (size_t)W * (size_t)L;
    ag_real beta, *dx = ag_grad(g, x, &beta);
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int b = 0; b < s->words.n; b++)
        for (int w = s->words.start[b]; w < s->words.start[b + 1]; w++) {
            const size_t row = (size_t)w * (size_t)L;
            const int t = s->words.tags[w];
            if (evi_is_present(s->words.present, w)) {
                grad(x->val + row, plane, L, t, s->weight ? s->weight + t * L : NULL, (double)y->grad[b], beta, dx + row);
            } else if (beta == 0) {
                for (int p = 0; p < planes; p++) memset(dx + (size_t)p * plane + row, 0, (size_t)L * sizeof *dx);
            }
        }
}
