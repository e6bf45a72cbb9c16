/* evi.h - evidence: for each word and tag a normal-inverse gamma (NIG) belief, its losses and its fusion over modalities; and the Dirichlet
 * evidence that it is compared with. docs/method.md has the method, evi_ops.def each op's equation, ops/ its derivation and source.
 *
 * A NIG belief about a real number y is one about the mean and the variance of a normal distribution:
 *   y ~ N(mu, sigma^2),   mu ~ N(gamma, sigma^2 / nu),   sigma^2 ~ inverse gamma(alpha, beta)
 * A belief tensor is [4,W,L], one plane each of gamma, nu > 0, alpha > 1, beta > 0 for W words and L tags. Its y is 1 at the word's tag and
 * 0 at all others.
 *
 * Arrays (offsets, tags, masks, weights) are borrowed until the graph is reset. Every op accepts 0 words.
 */
#ifndef EVI_H
#define EVI_H

#include "ag.h"

enum { EVI_GAMMA, EVI_NU, EVI_ALPHA, EVI_BETA, EVI_PLANES };

/* What gamma is: a score of the tag, or its probability among the tags. */
typedef enum evi_reading { EVI_ONEHOT, EVI_PROB } evi_reading;

/* ---- from hidden rows to beliefs ---- */

typedef struct evi_head {
    evi_reading reading;
    double nu_min, nu_max;       /* 0 < nu_min < nu_max */
    double alpha_min, alpha_max; /* 1 < alpha_min < alpha_max */
    double beta_min;             /* > 0: without a floor the likelihood of one-hot targets has no bound */
    bool tie_alpha;              /* alpha = 1 + nu; z's alpha columns are not read */
} evi_head;
extern const evi_head EVI_HEAD_DEFAULTS;

/* z [W,4L], a row a word: its L gammas, then its nus, alphas, betas; or z [W L,4], a row a word and tag. -> [4,W,L] */
ag_tensor *evi_nig_head(ag_graph *g, ag_tensor *z, int L, const evi_head *head);
/* The bias with which z = 0 + bias has gamma 0 (onehot) or 1/L (prob), nu = 1, alpha = 2, beta = 1 (where the floors allow): bias [4L], or
 * [4] for L = 1. */
void evi_nig_head_bias(const evi_head *head, int L, ag_real *bias);

/* x [B,L] or [P,B,L] -> [W,L] or [P,W,L]: words word_start[b] .. word_start[b+1]-1 get row b. */
ag_tensor *evi_spread(ag_graph *g, ag_tensor *x, int W, const int32_t *word_start);

/* ---- fusion ----
 *
 * Of n modalities, 1 <= n <= AG_MAX_IN. present[m] [W]: 0 where modality m is missing for a word, which then is fused without it;
 * present[m] or present NULL: it never is. A word needs one modality at least, and with one alone it gets that one's numbers, bit for bit.
 * The order and the grouping of modalities do not matter. One modality gives the tensor itself. */

/* Beliefs [4,W,L] -> [4,W,L]. vacuous_neutral: alpha = 1 + sum(alpha_m - 1), so that a modality which knows nothing does not lower the
 * aleatoric uncertainty. */
ag_tensor *evi_monig_fuse(ag_graph *g, int n, ag_tensor *const *belief, const uint8_t *const *present, bool vacuous_neutral);
/* Evidence [W,L] -> [W,L]: the reduced Dempster rule. */
ag_tensor *evi_dempster_fuse(ag_graph *g, int n, ag_tensor *const *evidence, const uint8_t *const *present);
/* Logits [W,L] -> [W,L]: the mean of the log-probabilities. One modality gives its log-probabilities. */
ag_tensor *evi_average(ag_graph *g, int n, ag_tensor *const *logits, const uint8_t *const *present);

/* ---- emissions: scores of tags, [W,L] ---- */

/* onehot: s gamma + b, s [1], b [L]; prob: log(gamma + 1e-6), s and b NULL. */
ag_tensor *evi_nig_emissions(ag_graph *g, evi_reading reading, ag_tensor *belief, ag_tensor *s, ag_tensor *b);

/* ---- losses: [n], each the sum over a sequence's words ---- */

typedef struct evi_words {
    int n;                  /* sequences */
    const int32_t *start;   /* [n+1]: sequence b is words start[b] .. start[b+1]-1, start[n] = W */
    const int32_t *tags;    /* [W] */
    const uint8_t *present; /* [W], 0: this word costs nothing, its modality is missing; NULL: it never is */
} evi_words;

/* weight [L,L]: what the loss of tag l counts at a word whose tag is t is weight[t L + l]; NULL: 1. */
ag_tensor *evi_nig_nll(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight);
ag_tensor *evi_nig_regulariser(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight);
ag_tensor *evi_nig_evidence(ag_graph *g, ag_tensor *belief, evi_words words); /* 2 nu + alpha, for beliefs about noise */
/* Weights by inverse tag frequency: count [L] of the training words; a word of tag t weighs words / (tags that occur * count[t]), 1 on the
 * average of the training words, for all tags l. A tag that does not occur weighs as one that occurs once. */
void evi_inverse_frequency(int L, const int64_t *count, ag_real *weight);

/* Cross-entropy of softmax(logits), [W,L], and, prob, of gamma. A word whose tag is t counts weight[t L + t]; NULL: 1. */
ag_tensor *evi_word_cross_entropy(ag_graph *g, ag_tensor *logits, evi_words words, const ag_real *weight);
ag_tensor *evi_nig_cross_entropy(ag_graph *g, ag_tensor *belief, evi_words words, const ag_real *weight);

/* sum over k of weight[k] x[k]; x[k] of one shape, 1 <= n <= AG_MAX_IN */
ag_tensor *evi_weighted_sum(ag_graph *g, int n, ag_tensor *const *x, const double *weight);

/* ---- Dirichlet evidence: e >= 0 for each word and tag, alpha = e + 1, S = sum over the tags of alpha ---- */

ag_tensor *evi_evidence(ag_graph *g, ag_tensor *z, int L);            /* z of W L elements -> [W,L] */
ag_tensor *evi_dirichlet_emissions(ag_graph *g, ag_tensor *evidence); /* log of the expected probability, [W,L] */
ag_tensor *evi_dirichlet_cross_entropy(ag_graph *g, ag_tensor *evidence, evi_words words,
                                       const ag_real *weight);                  /* expected over the Dirichlet; weight as above */
ag_tensor *evi_dirichlet_kl(ag_graph *g, ag_tensor *evidence, evi_words words); /* of what speaks against the tag, to uniform */

#define OP(name, n_in, equation) extern const ag_op evi_op_##name;
#include "evi_ops.def"
#undef OP

#endif
