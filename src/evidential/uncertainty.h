/* uncertainty.h - what beliefs say about how sure they are, in double. docs/method.md says how to read each.
 *
 * Of a word at a tag; of some words together, an entity or a whole sentence, it is the mean over them, each at its predicted tag. More
 * always means less sure.
 */
#ifndef EVI_UNCERTAINTY_H
#define EVI_UNCERTAINTY_H

#include "evi.h"

/* ---- one belief ---- */

typedef struct evi_nig {
    double gamma, nu, alpha, beta;
} evi_nig;
evi_nig evi_nig_at(const ag_tensor *belief, int w, int l); /* belief [4,W,L] */

double evi_aleatoric(evi_nig x);        /* E[sigma^2] = beta / (alpha - 1): noise in what is observed */
double evi_epistemic(evi_nig x);        /* Var[mu] = beta / (nu (alpha - 1)): what is not known about the mean */
double evi_predictive_scale(evi_nig x); /* sqrt(beta (1 + nu) / (nu alpha)), of the Student-t that predicts y */
/* 1/2 sum nu_m (gamma_m - gamma)^2, gamma their fused mean: what disagreement adds to the fused beta. Of two it is
 * 1/2 nu_1 nu_2 / (nu_1 + nu_2) (gamma_1 - gamma_2)^2; of one 0. */
double evi_conflict(int n, const evi_nig *x);

/* ---- some words: n >= 0 words from word first on, word first + i at tag tags[i] ---- */

typedef struct evi_uncertainty {
    double aleatoric, epistemic, predictive_scale;
} evi_uncertainty;
/* All 0 where n is 0. */
evi_uncertainty evi_uncertainty_of(const ag_tensor *belief, int first, int n, const int32_t *tags);
double evi_conflict_of(const ag_tensor *text, const ag_tensor *image, int first, int n, const int32_t *tags);
/* Mean of nu_image / nu_fused, in (0, 1). */
double evi_visual_share_of(const ag_tensor *image, const ag_tensor *fused, int first, int n, const int32_t *tags);

/* ---- Dirichlet evidence of a word, e [L] ---- */

double evi_dirichlet_strength(int L, const ag_real *e);                     /* S = sum of (1 + e) */
double evi_dirichlet_uncertainty(int L, const ag_real *e);                  /* u = L / S, in (0, 1]: 1 without any evidence */
double evi_dirichlet_conflict(int L, const ag_real *e1, const ag_real *e2); /* C = sum over k != l of b1[k] b2[l], b = e / S */

#endif
