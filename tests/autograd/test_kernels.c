/* Every form of the kernels computes what plain C in double precision computes: at every length, at numbers that are not ordinary, and
 * nowhere else than asked. One row is one claim in one form; a form that this processor cannot run is no row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "rng.h"

#ifdef AG_DOUBLE
#define UNIT     2e-15 /* a few roundings */
#define SMALLEST 0x1p-1074
#define TINY     DBL_MIN
#define LARGEST  DBL_MAX
#else
#define UNIT     4e-7
#define SMALLEST 0x1p-149
#define TINY     ((double)FLT_MIN)
#define LARGEST  ((double)FLT_MAX)
#endif

enum { MOST = 1000, MARGIN = 16 };
static const size_t LENGTHS[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 64, 100, 127, 128, 129, MOST};
static const double SPECIAL[] = {NAN,    INFINITY, -INFINITY, 0.0,  -0.0, LARGEST, -LARGEST, 1e30,  -1e30, SMALLEST, 1e-40,
                                 -1e-40, 0x1p-126, 100,       -100, 30.0, -30.0,   9.0,      -13.0, -5.5,  4.0};
enum { N_SPECIAL = sizeof SPECIAL / sizeof *SPECIAL, N_LENGTHS = sizeof LENGTHS / sizeof *LENGTHS };
static const ag_activation ACTIVATIONS[] = {AG_GELU, AG_QUICK_GELU, AG_GELU_TANH, AG_RELU};
static const char *const ACTIVATION_NAMES[] = {"gelu", "quick_gelu", "gelu_tanh", "relu"};
enum { N_ACTIVATIONS = 4 };

/* ---- helpers ---- */

/* An array of MOST numbers between margins that must stay as they are. */
typedef struct array {
    ag_real all[MARGIN + MOST + MARGIN];
} array;

static ag_real *of(array *a)
{
    return a->all + MARGIN;
}

static void array_clear(array *a)
{
    for (size_t i = 0; i < MARGIN + MOST + MARGIN; i++) a->all[i] = -777;
}

/* Only the first n numbers are those of from. */
static void array_copy(array *a, array *from, size_t n)
{
    array_clear(a);
    memcpy(of(a), of(from), n * sizeof(ag_real));
}

static void array_random(array *a, uint32_t sub, double scale)
{
    array_clear(a);
    struct rng r = rng_stream(1, RNG_TEST, sub);
    for (size_t i = 0; i < MOST; i++) of(a)[i] = (ag_real)(scale * rng_normal(&r));
}

static void assert_untouched_outside(const array *a, size_t n)
{
    for (size_t i = 0; i < MARGIN + MOST + MARGIN; i++)
        if ((i < MARGIN || i >= MARGIN + n) && !(a->all[i] == -777))
            fail_msg("element %d, outside of 0..%zu, was written", (int)i - MARGIN, n);
}

static void assert_near(double got, double want, double tolerance, const char *what, size_t n, size_t i)
{
    if (isnan(want) && isnan(got)) return;
    if (isinf(want) && got == want) return;
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s, n = %zu, element %zu: %.9g, not %.9g (tolerance %.3g)", what, n, i, got, want, tolerance);
}

/* ---- activations ---- */

static double pi(void)
{
    return acos(-1);
}
static double inner(double z)
{
    return sqrt(2 / pi()) * (z + 0.044715 * z * z * z);
}
static double sigmoid(double z)
{
    return 1 / (1 + exp(-1.702 * z));
}

static double value(ag_activation f, double z)
{
    switch (f) {
    case AG_GELU:
        return 0.5 * z * (1 + erf(z * sqrt(0.5)));
    case AG_QUICK_GELU:
        return z * sigmoid(z);
    case AG_GELU_TANH:
        return 0.5 * z * (1 + tanh(inner(z)));
    case AG_RELU:
        return z < 0 ? 0 : z;
    }
    return NAN;
}

static double slope(ag_activation f, double z)
{
    const double s = sigmoid(z), h = tanh(inner(z));
    switch (f) {
    case AG_GELU:
        return 0.5 * (1 + erf(z * sqrt(0.5))) + z * exp(-0.5 * z * z) / sqrt(2 * pi());
    case AG_QUICK_GELU:
        return s + 1.702 * z * s * (1 - s);
    case AG_GELU_TANH:
        return 0.5 * (1 + h) + 0.5 * z * (1 - h * h) * sqrt(2 / pi()) * (1 + 0.134145 * z * z);
    case AG_RELU:
        return z > 0;
    }
    return NAN;
}

static void activations_follow_their_equations(void **state)
{
    const ag_kernels *k = *state;
    array z, y, in_place;
    array_random(&z, 1, 3);
    for (size_t f = 0; f < N_ACTIVATIONS; f++) {
        for (size_t l = 0; l < N_LENGTHS; l++) {
            const size_t n = LENGTHS[l];
            array_clear(&y);
            k->activate(ACTIVATIONS[f], n, of(&z), of(&y));
            assert_untouched_outside(&y, n);
            array_copy(&in_place, &z, n);
            k->activate(ACTIVATIONS[f], n, of(&in_place), of(&in_place));
            assert_memory_equal(&in_place, &y, sizeof y);
            for (size_t i = 0; i < n; i++) {
                const double zi = of(&z)[i];
                assert_near(of(&y)[i], value(ACTIVATIONS[f], zi), UNIT * fabs(zi), ACTIVATION_NAMES[f], n, i);
            }
        }
    }
}

static void activation_gradients_follow_their_equations(void **state)
{
    const ag_kernels *k = *state;
    array z, dy, dz, in_place;
    array_random(&z, 1, 3);
    array_random(&dy, 2, 1);
    for (size_t f = 0; f < N_ACTIVATIONS; f++) {
        for (size_t l = 0; l < N_LENGTHS; l++) {
            const size_t n = LENGTHS[l];
            array_clear(&dz);
            k->activate_grad(ACTIVATIONS[f], n, of(&z), of(&dy), of(&dz));
            assert_untouched_outside(&dz, n);
            array_copy(&in_place, &dy, n);
            k->activate_grad(ACTIVATIONS[f], n, of(&z), of(&in_place), of(&in_place));
            assert_memory_equal(&in_place, &dz, sizeof dz);
            for (size_t i = 0; i < n; i++) {
                const double dyi = of(&dy)[i], zi = of(&z)[i];
                assert_near(of(&dz)[i], dyi * slope(ACTIVATIONS[f], zi), 3 * UNIT * fabs(dyi) * (1 + fabs(zi)), ACTIVATION_NAMES[f], n, i);
            }
        }
    }
}

/* Each special value at each place of a vector; its neighbours are ordinary and must not notice. */
static void activations_pass_special_values_as_ieee_says(void **state)
{
    const ag_kernels *k = *state;
    enum { N = 37 };
    for (size_t f = 0; f < N_ACTIVATIONS; f++) {
        for (size_t s = 0; s < N_SPECIAL; s++) {
            for (size_t at = 0; at < N; at++) {
                ag_real z[N], y[N];
                for (size_t i = 0; i < N; i++) z[i] = (ag_real)0.5;
                z[at] = (ag_real)SPECIAL[s];
                k->activate(ACTIVATIONS[f], N, z, y);
                for (size_t i = 0; i < N; i++) {
                    const double zi = z[i], want = value(ACTIVATIONS[f], zi);
                    assert_near(y[i], want, UNIT * fmin(fabs(zi), LARGEST) + SMALLEST, ACTIVATION_NAMES[f], s, i);
                }
            }
        }
    }
}

/* Where 1 + erf is 0 in every precision, a huge number times it is 0 and not huge. */
static void activations_of_huge_negative_numbers_vanish(void **state)
{
    const ag_kernels *k = *state;
    static const double huge[] = {-60, -100, -1e10, -1e30, -LARGEST};
    for (size_t f = 0; f < N_ACTIVATIONS; f++) {
        for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
            const ag_real z = (ag_real)huge[i], dy = 1;
            ag_real y, dz;
            k->activate(ACTIVATIONS[f], 1, &z, &y);
            assert_near(y, 0, 1e-35, ACTIVATION_NAMES[f], 1, i);
            if (huge[i] < -1e12) continue; /* z^2 or z^3 is infinite there, and infinity times 0 is not a number */
            k->activate_grad(ACTIVATIONS[f], 1, &z, &dy, &dz);
            assert_near(dz, 0, 1e-35, ACTIVATION_NAMES[f], 1, i);
        }
    }
}

static void add_adds(void **state)
{
    const ag_kernels *k = *state;
    array x, y, sum;
    array_random(&x, 3, 1);
    array_random(&y, 4, 1);
    for (size_t l = 0; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        array_copy(&sum, &y, n);
        k->add(n, of(&x), of(&sum));
        assert_untouched_outside(&sum, n);
        for (size_t i = 0; i < n; i++) assert_true(of(&sum)[i] == of(&x)[i] + of(&y)[i]);
    }
}

static void times_multiplies(void **state)
{
    const ag_kernels *k = *state;
    array x, y, product, in_place;
    array_random(&x, 3, 1);
    array_random(&y, 4, 1);
    for (size_t l = 0; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        array_clear(&product);
        k->times(n, of(&x), of(&y), of(&product));
        assert_untouched_outside(&product, n);
        for (size_t i = 0; i < n; i++) assert_true(of(&product)[i] == of(&x)[i] * of(&y)[i]);
        array_copy(&in_place, &y, n);
        k->times(n, of(&x), of(&in_place), of(&in_place));
        assert_memory_equal(&in_place, &product, sizeof product);
    }
}

/* ---- softmax ---- */

static void softmax_gives_probabilities_and_the_log_of_the_sum(void **state)
{
    const ag_kernels *k = *state;
    array x, p;
    array_random(&x, 5, 4);
    for (size_t l = 1; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        double most = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) most = fmax(most, of(&x)[i]);
        for (size_t i = 0; i < n; i++) sum += exp(of(&x)[i] - most);
        array_copy(&p, &x, n);
        const ag_real log_sum = k->softmax(n, of(&p), of(&p));
        assert_untouched_outside(&p, n);
        assert_near(log_sum, most + log(sum), UNIT * (1 + fabs(most)), "log sum", n, 0);
        for (size_t i = 0; i < n; i++) {
            const double want = exp(of(&x)[i] - most) / sum;
            assert_near(of(&p)[i], want, (4 + (double)n / 100) * UNIT * want, "softmax", n, i); /* the sum may be taken one by one */
        }
    }
}

/* Softmax of {0, -t} shows exp(-t) / (1 + exp(-t)) down to the smallest normal number; below it, 0 will do. */
static void exp_is_within_its_relative_error(void **state)
{
    const ag_kernels *k = *state;
    for (int i = 0; i <= 108000; i++) {
        const ag_real x[2] = {0, (ag_real)(i * -1e-3)};
        ag_real p[2];
        k->softmax(2, x, p);
        const double e = exp((double)x[1]), want = e / (1 + e);
        assert_near(p[1], want, 2 * UNIT * want + TINY, "exp", 2, (size_t)i);
    }
}

static void softmax_of_a_nan_is_nan_and_of_minus_infinity_zero(void **state)
{
    const ag_kernels *k = *state;
    for (size_t n = 2; n < 40; n++) {
        for (size_t at = 0; at < n; at++) {
            ag_real x[40], p[40];
            for (size_t i = 0; i < n; i++) x[i] = (ag_real)i;
            x[at] = (ag_real)-INFINITY;
            k->softmax(n, x, p);
            for (size_t i = 0; i < n; i++) assert_true(i == at ? p[i] == 0 : p[i] > 0);
            x[at] = (ag_real)NAN;
            assert_true(isnan(k->softmax(n, x, p)));
            for (size_t i = 0; i < n; i++) assert_true(isnan(p[i]));
        }
    }
    ag_real huge[3] = {(ag_real)LARGEST, (ag_real)-LARGEST, (ag_real)LARGEST};
    k->softmax(3, huge, huge);
    assert_near(huge[0], 0.5, UNIT, "huge", 3, 0);
    assert_true(huge[1] == 0);
}

static void softmax_gradient_follows_its_equation(void **state)
{
    const ag_kernels *k = *state;
    array x, p, dp, dx;
    array_random(&x, 6, 2);
    array_random(&dp, 7, 1);
    for (size_t l = 1; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        k->softmax(n, of(&x), of(&p));
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += (double)of(&p)[i] * (double)of(&dp)[i];
        array_copy(&dx, &dp, n);
        k->softmax_grad(n, (ag_real)0.25, of(&p), of(&dx), of(&dx));
        assert_untouched_outside(&dx, n);
        for (size_t i = 0; i < n; i++) {
            const double pi_ = of(&p)[i];
            assert_near(of(&dx)[i], 0.25 * pi_ * ((double)of(&dp)[i] - mean), 4 * UNIT * pi_, "softmax_grad", n, i);
        }
    }
}

/* ---- LayerNorm ---- */

static void layernorm_follows_its_equation(void **state)
{
    const ag_kernels *k = *state;
    array x, gain, bias, normal, y, again;
    array_random(&x, 8, 2);
    array_random(&gain, 9, 1);
    array_random(&bias, 10, 1);
    for (size_t l = 1; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        double mean = 0, var = 0;
        for (size_t i = 0; i < n; i++) mean += (double)of(&x)[i] / (double)n;
        for (size_t i = 0; i < n; i++) var += pow((double)of(&x)[i] - mean, 2) / (double)n;
        const double r = 1 / sqrt(var + 1e-5);
        for (int wanted = 0; wanted < 2; wanted++) {
            array_clear(&normal);
            array_copy(&y, &x, n);
            const ag_real got = k->layernorm(n, of(&y), of(&gain), of(&bias), 1e-5, wanted ? of(&normal) : NULL, of(&y));
            assert_near(got, r, 4 * UNIT * r, "r", n, 0);
            assert_untouched_outside(&y, n);
            assert_untouched_outside(&normal, wanted ? n : 0);
            for (size_t i = 0; i < n; i++) {
                const double u = ((double)of(&x)[i] - mean) * r, g = of(&gain)[i], b = of(&bias)[i];
                if (wanted) assert_near(of(&normal)[i], u, 8 * UNIT, "normal", n, i);
                assert_near(of(&y)[i], g * u + b, 8 * UNIT * (1 + fabs(g)), "layernorm", n, i);
            }
            if (!wanted) continue;
            array_clear(&again);
            k->scale_shift(n, of(&normal), of(&gain), of(&bias), of(&again));
            assert_untouched_outside(&again, n);
            assert_memory_equal(of(&again), of(&y), n * sizeof(ag_real));
        }
    }
}

static void layernorm_gradient_follows_its_equation(void **state)
{
    const ag_kernels *k = *state;
    array dy, gain, normal, before, dx, dgain, dbias;
    array_random(&dy, 11, 1);
    array_random(&gain, 12, 1);
    array_random(&normal, 13, 1);
    array_random(&before, 14, 1);
    for (size_t l = 1; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        double mean = 0, product = 0;
        for (size_t i = 0; i < n; i++) {
            const double gdy = (double)of(&gain)[i] * (double)of(&dy)[i];
            mean += gdy / (double)n;
            product += gdy * (double)of(&normal)[i] / (double)n;
        }
        for (int beta = 0; beta < 2; beta++) {
            array_copy(&dx, &before, n);
            array_copy(&dgain, &before, n);
            array_copy(&dbias, &before, n);
            for (size_t i = 0; i < n && beta == 0; i++) of(&dx)[i] = (ag_real)NAN;
            k->layernorm_grad(n, of(&dy), of(&gain), of(&normal), (ag_real)0.75, (ag_real)beta, of(&dx), beta ? of(&dgain) : NULL,
                              beta ? of(&dbias) : NULL);
            assert_untouched_outside(&dx, n);
            assert_untouched_outside(&dgain, n);
            assert_untouched_outside(&dbias, n);
            for (size_t i = 0; i < n; i++) {
                const double u = of(&normal)[i], dyi = of(&dy)[i], b = of(&before)[i];
                const double want = 0.75 * ((double)of(&gain)[i] * dyi - mean - u * product) + (beta ? b : 0);
                assert_near(of(&dx)[i], want, 8 * UNIT * (1 + fabs(u)), "dx", n, i);
                assert_near(of(&dgain)[i], b + (beta ? dyi * u : 0), 8 * UNIT, "dgain", n, i);
                assert_near(of(&dbias)[i], b + (beta ? dyi : 0), 4 * UNIT, "dbias", n, i);
            }
        }
    }
}

/* ---- dropout ---- */

static void dropout_takes_half_words_of_philox_blocks(void **state)
{
    const ag_kernels *k = *state;
    static const uint32_t thresholds[] = {0, 1, 6554, 32768, 65535, 65536}, starts[] = {0, 8, 384, 11 * 65536, 4294963192u};
    static const size_t widths[] = {0, 5, 0, 16, 0, 21}; /* of rows; 0: one row of all */
    array factor;
    uint32_t key[2];
    rng_key(77, RNG_DROPOUT, 3, key);
    for (size_t l = 0; l < N_LENGTHS; l++) {
        for (size_t j = 0; j < sizeof thresholds / sizeof *thresholds; j++) {
            const size_t n = LENGTHS[l];
            const uint32_t c0 = starts[(l + j) % 5], c1 = (uint32_t)l, c2 = 4000000000u, c3 = 12345;
            array_clear(&factor);
            const size_t columns = widths[j] && widths[j] <= n ? widths[j] : n, rows = columns ? n / columns : 1;
            k->dropout_rows((int)rows, columns, c0, key, c1, c2, c3, thresholds[j], (ag_real)1.25, of(&factor));
            assert_untouched_outside(&factor, rows * columns);
            for (size_t i = 0; i < rows * columns; i++) {
                const uint32_t c = c0 + (uint32_t)(i % columns), counter[4] = {c / 8, c1 + (uint32_t)(i / columns), c2, c3};
                uint32_t block[4];
                rng_philox(counter, key, block);
                const uint32_t half = block[c % 8 / 2] >> (c % 2 ? 16 : 0) & 0xFFFFu;
                assert_true(of(&factor)[i] == (ag_real)(half >= thresholds[j] ? 1.25 : 0));
            }
        }
    }
}

/* ---- optimizer ---- */

static void adamw_follows_its_equation(void **state)
{
    const ag_kernels *k = *state;
    const ag_adamw c = {
        .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .keep = 0.999, .correction1 = 0.271, .correction2 = 0.003, .clip = 0.5};
    array grad, p0, m0, v0, p, m, v;
    array_random(&grad, 15, 1);
    array_random(&p0, 16, 1);
    array_random(&m0, 17, 0.1);
    array_random(&v0, 18, 0.1);
    for (size_t i = 0; i < MOST; i++) of(&v0)[i] *= of(&v0)[i];
    for (size_t l = 0; l < N_LENGTHS; l++) {
        for (int with = 0; with < 2; with++) {
            const size_t n = LENGTHS[l];
            array_copy(&p, &p0, n);
            array_copy(&m, &m0, n);
            array_copy(&v, &v0, n);
            k->adamw(n, &c, with ? of(&grad) : NULL, of(&p), of(&m), of(&v));
            assert_untouched_outside(&p, n);
            assert_untouched_outside(&m, n);
            assert_untouched_outside(&v, n);
            for (size_t i = 0; i < n; i++) {
                const double g = with ? c.clip * (double)of(&grad)[i] : 0, before = of(&p0)[i];
                const double mi = 0.9 * (double)of(&m0)[i] + (1 - 0.9) * g, vi = 0.999 * (double)of(&v0)[i] + (1 - 0.999) * g * g;
                const double step = c.lr / c.correction1 * mi / (sqrt(vi / c.correction2) + c.eps);
                assert_near(of(&m)[i], mi, UNIT, "m", n, i);
                assert_near(of(&v)[i], vi, UNIT, "v", n, i);
                assert_near(of(&p)[i], before * c.keep - step, UNIT * (1 + fabs(before)) + 4 * UNIT * fabs(step), "p", n, i);
            }
        }
    }
}

/* Moments that nothing feeds any more end at 0 and not at subnormal numbers. */
static void moments_decay_to_zero(void **state)
{
    const ag_kernels *k = *state;
    const ag_adamw c = {.beta1 = 0.5, .beta2 = 0.5, .eps = 1e-8, .correction1 = 1, .correction2 = 1, .clip = 1};
    enum { N = 37 };
    ag_real p[N] = {0}, m[N], v[N];
    for (int i = 0; i < N; i++) {
        m[i] = i % 2 ? 1 : -1;
        v[i] = 1;
    }
    for (int step = 0; step < 1100; step++) {
        k->adamw(N, &c, NULL, p, m, v);
        for (int i = 0; i < N; i++) assert_true((m[i] == 0 || isnormal(m[i])) && (v[i] == 0 || isnormal(v[i])));
    }
    for (int i = 0; i < N; i++) assert_true(m[i] == 0 && v[i] == 0);
}

static void sum_of_squares_is_taken_in_double(void **state)
{
    const ag_kernels *k = *state;
    array x;
    array_random(&x, 19, 1e3);
    for (size_t l = 0; l < N_LENGTHS; l++) {
        const size_t n = LENGTHS[l];
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)of(&x)[i] * (double)of(&x)[i];
        assert_near(k->sum_squares(n, of(&x)), sum, 1e-14 * sum, "sum_squares", n, 0);
    }
    of(&x)[500] = (ag_real)INFINITY;
    assert_true(!isfinite(k->sum_squares(MOST, of(&x))));
    of(&x)[500] = (ag_real)NAN;
    assert_true(!isfinite(k->sum_squares(MOST, of(&x))));
}

/* ---- bytes ---- */

/* The order of a sum depends on its length, not on where the array happens to lie. */
static void sums_do_not_depend_on_the_address(void **state)
{
    const ag_kernels *k = *state;
    enum { N = 391, PLACES = 16, ROOM = 1024 };
    _Alignas(64) static ag_real room[ROOM];
    array x, dp, ones, normal;
    array_random(&x, 20, 1);
    array_random(&dp, 21, 1);
    for (size_t i = 0; i < N; i++) of(&ones)[i] = 1;
    struct sums {
        double squares;
        ag_real r, log_sum, softmax_grad, layernorm_grad;
    } first, now;
    memset(&first, 0, sizeof first);
    memset(&now, 0, sizeof now);
    for (size_t at = 0; at < PLACES; at++) {
        ag_real *a = room + at, *b = room + ROOM / 2 + at;
        memcpy(a, of(&x), N * sizeof *a);
        now.squares = k->sum_squares(N, a);
        now.r = k->layernorm(N, a, of(&ones), of(&ones), 1e-5, of(&normal), b);
        now.log_sum = k->softmax(N, a, b);
        memcpy(a, of(&dp), N * sizeof *a);
        k->softmax_grad(N, 1, b, a, a);
        now.softmax_grad = a[N - 1];
        memcpy(a, of(&dp), N * sizeof *a);
        k->layernorm_grad(N, a, of(&ones), of(&normal), 1, 0, b, NULL, NULL);
        now.layernorm_grad = b[N - 1];
        if (at == 0) first = now;
        assert_memory_equal(&first, &now, sizeof now);
    }
}

#define CLAIM(f)                                                                                                                           \
    {                                                                                                                                      \
#f, f                                                                                                                              \
    }
static const struct {
    const char *name;
    CMUnitTestFunction run;
} CLAIMS[] = {
    CLAIM(activations_follow_their_equations),
    CLAIM(activation_gradients_follow_their_equations),
    CLAIM(activations_pass_special_values_as_ieee_says),
    CLAIM(activations_of_huge_negative_numbers_vanish),
    CLAIM(add_adds),
    CLAIM(times_multiplies),
    CLAIM(softmax_gives_probabilities_and_the_log_of_the_sum),
    CLAIM(exp_is_within_its_relative_error),
    CLAIM(softmax_of_a_nan_is_nan_and_of_minus_infinity_zero),
    CLAIM(softmax_gradient_follows_its_equation),
    CLAIM(layernorm_follows_its_equation),
    CLAIM(layernorm_gradient_follows_its_equation),
    CLAIM(dropout_takes_half_words_of_philox_blocks),
    CLAIM(adamw_follows_its_equation),
    CLAIM(moments_decay_to_zero),
    CLAIM(sum_of_squares_is_taken_in_double),
    CLAIM(sums_do_not_depend_on_the_address),
};
enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, MOST_FORMS = 3 };

int main(void)
{
    static char names[MOST_FORMS * N_CLAIMS][120];
    static struct CMUnitTest tests[MOST_FORMS * N_CLAIMS];
    size_t n = 0;
    fputs("kernel forms of this processor, all tested:", stderr);
    for (const ag_kernels *const *form = ag_kernel_forms(); *form; form++) {
        fprintf(stderr, " %s", (*form)->name);
        for (size_t c = 0; c < N_CLAIMS; c++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", (*form)->name, CLAIMS[c].name);
            tests[n] = (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].run, .initial_state = (void *)(uintptr_t)*form};
        }
    }
    fputc('\n', stderr);
    return _cmocka_run_group_tests("kernels", tests, n, NULL, NULL);
}
