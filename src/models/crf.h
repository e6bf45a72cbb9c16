/* crf.h - linear-chain conditional random field over the words of a sentence (Lafferty, McCallum, Pereira 2001).
 *
 *   score(y) = start[y_1] + sum_t emissions[t,y_t] + sum_t transitions[y_t-1,y_t] + end[y_n]
 *   log Z = log of the sum over all paths y of exp score(y)       p(y) = exp(score(y) - log Z)
 *
 *   emissions [n,L], of a batch [W,L]   start, end [L]   transitions [L,L]: from, to       L >= 1 tags, n >= 0 words
 *
 * Forbidden starts and transitions score CRF_FORBIDDEN whatever their parameter says, which then gets gradient 0: in training as in
 * decoding. That is a score and not minus infinity, so every tag sequence keeps a finite one.
 *
 * At temperature T (Guo et al. 2017, "On calibration of modern neural networks", for a chain) every score is divided by T: the order of the
 * paths stays, their probabilities draw together for T > 1. What is forbidden stays so at any T.
 *
 * All sums run in double, in both builds: they are W L^2 numbers, thousandths of a step, and scores in the hundreds would cost float its
 * marginals.
 */
#ifndef CRF_H
#define CRF_H

#include "ag.h"

#define CRF_FORBIDDEN (-1e4)

/* ---- with parameters, in a graph ---- */

struct crf {
    int L;
    ag_param *start, *transitions, *end;
    const uint8_t *forbidden_start, *forbidden_transition; /* [L], [L,L], not 0 = forbidden; NULL: nothing is. The caller sets them after
                                                              crf_declare and keeps them alive. */
};

/* <prefix>start_transitions, <prefix>transitions, <prefix>end_transitions: pytorch-crf's names. */
void crf_declare(ag_params *ps, const char *prefix, int L, struct crf *crf);

/* -log p(tags) of each sequence [n]: sequence b is words start[b] .. start[b+1] of emissions [W,L] and tags [W]; one without words gives 0.
 * The arrays stay borrowed until the graph is reset. */
ag_tensor *crf_nll(ag_graph *g, const struct crf *crf, ag_tensor *emissions, const int32_t *tags, int n, const int32_t *start);

/* ---- on plain arrays: one sentence, no graph ---- */

struct crf_scores { /* borrowed */
    int L;
    const ag_real *start, *transitions, *end;
    const uint8_t *forbidden_start, *forbidden_transition; /* as above */
    double temperature; /* T > 0 divides every score but CRF_FORBIDDEN, emissions too; 0, as where it is left out, is T = 1 */
};
struct crf_scores crf_scores_of(const struct crf *crf);

double crf_score(const struct crf_scores *s, int n, const ag_real *emissions, const int32_t *tags);
double crf_log_z(const struct crf_scores *s, int n, const ag_real *emissions);
/* The best path and its score; among equals the one with the lowest tag at the last word that differs. */
double crf_viterbi(const struct crf_scores *s, int n, const ag_real *emissions, int32_t *tags);
/* p(y_t = k) [n,L] */
void crf_marginals(const struct crf_scores *s, int n, const ag_real *emissions, double *marginals);

/* When does an entity open? Strictly (IOB2) with its B- alone; leniently (conlleval) also with its I- after anything but B- or I- of its
 * type. Under BIO constraints both are the same. It closes before anything but I- of its type. */
enum crf_reading { CRF_LENIENT, CRF_STRICT };
/* The probability that the path has exactly the entity on words first .. last (inclusive), whose type has the tags begin (B-) and inside
 * (I-). */
double crf_span_probability(const struct crf_scores *s, int n, const ag_real *emissions, int first, int last, int begin, int inside,
                            enum crf_reading reading);

/* ---- the op by itself, on tensors: emissions [W,L], start [L], transitions [L,L], end [L] -> [n] ---- */

ag_tensor *crf_nll_of(ag_graph *g, ag_tensor *emissions, ag_tensor *start, ag_tensor *transitions, ag_tensor *end,
                      const uint8_t *forbidden_start, const uint8_t *forbidden_transition, const int32_t *tags, int n,
                      const int32_t *word_start);

#define OP(name, n_in, equation) extern const ag_op models_op_##name;
#include "models_ops.def"
#undef OP

#endif
