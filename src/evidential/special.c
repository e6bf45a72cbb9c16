/* special.c - each function is moved to large x by its recurrence and taken from its asymptotic series there.
 *
 *   log Gamma(x + a) ~ (x + a - 1/2) log x - x + log(2 pi) / 2 + sum over n >= 2 of (-1)^n B_n(a) / (n (n-1) x^(n-1))
 *
 * B_n(a): Bernoulli polynomials; a = 0 gives digamma (Abramowitz and Stegun 6.3.5, 6.3.18) and trigamma (6.4.6, 6.4.12) by its
 * derivatives, and the difference of a = 0 and a = 1/2, where B_n(0) - B_n(1/2) = B_n (2 - 2^(1-n)), the half steps:
 *
 *   log Gamma(x) - log Gamma(x + 1/2) ~ -log(x)/2 + 1/(8 x) - 1/(192 x^3) + 1/(640 x^5) - 17/(14336 x^7) + 31/(18432 x^9) - ...
 *
 * At x >= 10 what follows the last term kept is below 2e-15 of the sum.
 */
#include "special.h"
#include <math.h>

static const double LARGE = 10;

double evi_digamma(double x)
{
    double sum = 0;
    for (; x < LARGE; x++) sum -= 1 / x;
    const double f = 1 / (x * x);
    return sum + log(x) - 0.5 / x -
           f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f * (1.0 / 240 - f * (1.0 / 132 - f * (691.0 / 32760 - f / 12))))));
}

double evi_trigamma(double x)
{
    double sum = 0;
    for (; x < LARGE; x++) sum += 1 / (x * x);
    const double f = 1 / (x * x);
    return sum + 1 / x + f / 2 +
           f / x * (1.0 / 6 - f * (1.0 / 30 - f * (1.0 / 42 - f * (1.0 / 30 - f * (5.0 / 66 - f * (691.0 / 2730 - f * 7 / 6))))));
}

double evi_lgamma(double x)
{
    int sign; /* lgamma itself writes a global */
    return lgamma_r(x, &sign);
}

double evi_lgamma_half(double x)
{
    double ratio = 1;
    for (; x < LARGE; x++) ratio *= (x + 0.5) / x;
    const double f = 1 / (x * x);
    return log(ratio) - 0.5 * log(x) +
           (1.0 / 8 - f * (1.0 / 192 - f * (1.0 / 640 - f * (17.0 / 14336 - f * (31.0 / 18432 - f * 691.0 / 180224))))) / x;
}

double evi_digamma_half(double x)
{
    double sum = 0;
    for (; x < LARGE; x++) sum -= 0.5 / (x * (x + 0.5));
    const double f = 1 / (x * x);
    return sum - 0.5 / x - f * (1.0 / 8 - f * (1.0 / 64 - f * (1.0 / 128 - f * (17.0 / 2048 - f * (31.0 / 2048 - f * 691.0 / 16384)))));
}

double evi_softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

double evi_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

double evi_softplus_inverse(double y)
{
    return y + log(-expm1(-y));
}
