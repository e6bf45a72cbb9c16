/* per_word.h - what ops over words and tags share. Private to ops/. */
#ifndef EVI_OPS_PER_WORD_H
#define EVI_OPS_PER_WORD_H

#include "evi.h"

/* start [n+1] must rise from 0 to W. */
void evi_check_start(const char *op, int n, const int32_t *start, int W);
/* words must be W words with tags below L. */
void evi_check_words(const char *op, const evi_words *words, int W, int L);
/* t must be [4,W,L], L > 0. */
void evi_check_belief(const char *op, const ag_tensor *t);
/* t must be [W,L], L > 0. */
void evi_check_table(const char *op, const char *what, const ag_tensor *t);
/* 1 to AG_MAX_IN tensors of one shape. */
void evi_check_same(const char *op, const char *what, int n, ag_tensor *const *x);

static inline bool evi_is_present(const uint8_t *present, int w)
{
    return !present || present[w];
}

/* d = value at the first contribution to a gradient, d += value after. */
static inline void evi_contribute(ag_real *d, ag_real beta, double value)
{
    *d = (ag_real)value + (beta != 0 ? *d : 0);
}

/* What a loss of the word as a whole counts at tag t. */
static inline double evi_of_word(const ag_real *weight, int t)
{
    return weight ? (double)weight[t] : 1;
}

double evi_log_sum(const ag_real *x, int L); /* log of the sum of exp x[0 .. L-1] */

/* ---- modalities ---- */

/* Which modalities each word has: borrowed masks. */
typedef struct evi_modalities {
    int n;
    const uint8_t *present[AG_MAX_IN]; /* [W]; NULL: everywhere */
} evi_modalities;
/* Every word must have one. */
evi_modalities evi_modalities_of(const char *op, int n, const uint8_t *const *present, int W);
/* The modalities of word w, in order, into list; gives their number. */
int evi_modalities_list(const evi_modalities *m, int w, int list[AG_MAX_IN]);

/* ---- sums over the words of each sequence ---- */

/* What a loss saves. cost and grad are given a word with tag t, and work on its row: x and d are at the word's first tag, those of
 * a belief's next plane lie plane further. */
typedef struct evi_sum {
    evi_words words;
    const ag_real *weight; /* [L,L] or NULL */
} evi_sum;
typedef double evi_word_cost(const ag_real *x, size_t plane, int L, int t, const ag_real *weight);
/* d[0 .. L-1] of each plane += dy times the derivative of cost; beta as in ag_grad. */
typedef void evi_word_grad(const ag_real *x, size_t plane, int L, int t, const ag_real *weight, double dy, ag_real beta, ag_real *d);

ag_tensor *evi_sum_over_words(ag_graph *g, const ag_op *op, ag_tensor *x, evi_words words, const ag_real *weight, evi_word_cost *cost);
void evi_sum_over_words_backward(ag_graph *g, ag_tensor *y, evi_word_grad *grad);

#endif
