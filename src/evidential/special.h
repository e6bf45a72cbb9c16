/* special.h - the gamma function's relatives that evidence needs, in double in both builds. x > 0; relative error below 1e-13 but for
 * digamma, whose zero is at 1.46: there 1e-15 absolute. */
#ifndef EVI_SPECIAL_H
#define EVI_SPECIAL_H

double evi_digamma(double x);
double evi_trigamma(double x);
double evi_lgamma(double x); /* log Gamma(x) */

/* Differences that cancel where they are taken from the functions themselves: at x = 1e4 nothing is left of them in float. */
double evi_lgamma_half(double x);  /* log Gamma(x) - log Gamma(x + 1/2) */
double evi_digamma_half(double x); /* psi(x) - psi(x + 1/2), its derivative */

/* log(1 + exp x) and its derivative, without overflow. */
double evi_softplus(double x);
double evi_sigmoid(double x);
double evi_softplus_inverse(double y); /* y > 0 */

#endif
