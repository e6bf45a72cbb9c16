/* kernels.c - one form of the table in kernels.h. This file is compiled once for each form: AG_FORM names the table, the compiler's flags
 * say which instructions it may use. Every loop is plain C that the compiler turns into vectors; the forms share every equation and differ
 * in rounding only.
 *
 * - exp(x), x <= 0: n = round(x / ln 2), r = x - n ln 2, |r| <= ln 2 / 2, exp(x) = 2^n P(r); P has degree 6 and a relative error of 3e-9.
 * - erf(x), x >= 0: 1 - exp(-Q(x)), Q = -log erfc fitted with degree 8 so that erfc is within 1.6e-8 everywhere.
 * - tanh(x): sign(x) (1 - e) / (1 + e), e = exp(-2 |x|).
 * - logistic function of x: 1 / (1 + e) for x >= 0, e / (1 + e) below, e = exp(-|x|).
 *
 * P and Q are minimax fits of this project (Lawson's iteration). */
#include "kernels.h"
#if defined __AVX2__
#include <immintrin.h>
#endif
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define AG_PASTE(a, b)    a##b
#define AG_TABLE(form)    AG_PASTE(ag_kernels_, form)
#define AG_TILE(form)     AG_PASTE(ag_tile_, form)
#define AG_QUOTE(...)     #__VA_ARGS__
#define AG_NAME(form)     AG_QUOTE(form)
#define AG_INLINE         static inline __attribute__((always_inline))
#define AG_SQRT_HALF      ((ag_real)0.70710678118654752440)
#define AG_SQRT_2_OVER_PI ((ag_real)0.79788456080286535588)

/* Before a loop: its iterations are independent; they are but for sums; but for a maximum. The double form is plain: calls of libm make no
 * vectors. */
#ifdef AG_DOUBLE
#define AG_LANES
#define AG_SUM(...)
#else
#define AG_LANES     _Pragma("omp simd")
#define AG_SUM(...)  _Pragma(AG_QUOTE(omp simd reduction(+ : __VA_ARGS__)))
#define AG_MOST(...) _Pragma(AG_QUOTE(omp simd reduction(max : __VA_ARGS__)))
#endif

/* ---- functions of one number ---- */

#ifdef AG_DOUBLE
#define AG_TINY 0x1p-1022
AG_INLINE double exp_below(double x)
{
    return exp(x);
}
AG_INLINE double erf_above(double x)
{
    return erf(x);
}
AG_INLINE double root_of(double x)
{
    return sqrt(x);
}
AG_INLINE double magnitude(double x)
{
    return fabs(x);
}
#else
#define AG_TINY 0x1p-126f
AG_INLINE float of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

AG_INLINE uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

AG_INLINE float root_of(float x)
{
    return sqrtf(x);
}
AG_INLINE float magnitude(float x)
{
    return fabsf(x);
}

/* exp(x) for x <= 0; 0 where it is below the smallest normal number. */
AG_INLINE float exp_below(float x)
{
    x = x < -88.0f ? -88.0f : x; /* where n is -127; a NaN stays */
    /* The sum holds n + 127, the exponent field of 2^n, in its low bits: 0 for n = -127, and so is 2^n then. */
    const float shifted = x * 1.44269504f + (0x1.8p23f + 127);
    const float n = shifted - (0x1.8p23f + 127);
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 0.00138146023f;
    p = p * r + 0.00836871564f;
    p = p * r + 0.0416683890f;
    p = p * r + 0.166665211f;
    p = p * r + 0.499999940f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * of_bits(bits_of(shifted) << 23);
}

/* erf(x) for x >= 0. */
AG_INLINE float erf_above(float x)
{
    float q = 3.144018417585636e-05f;
    q = q * x - 0.0003088023706617699f;
    q = q * x + 0.0010324022908128386f;
    q = q * x + 0.0005369322929647973f;
    q = q * x - 0.01958395928888701f;
    q = q * x + 0.10291961279480963f;
    q = q * x + 0.6365977335813631f;
    q = q * x + 1.1283802514893229f;
    return 1.0f - exp_below(-(q * x));
}
#endif

AG_INLINE ag_real tanh_of(ag_real x)
{
    const ag_real e = exp_below(-2 * magnitude(x)), y = (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}

AG_INLINE ag_real gelu(ag_real z)
{
    const ag_real half = (ag_real)0.5 * z;
    return half + magnitude(half) * erf_above(AG_SQRT_HALF * magnitude(z));
}

AG_INLINE ag_real gelu_slope(ag_real z)
{
    const ag_real half = (ag_real)0.5 * erf_above(AG_SQRT_HALF * magnitude(z));
    const ag_real density = (ag_real)0.39894228040143267794 * exp_below((ag_real)-0.5 * z * z);
    return (ag_real)0.5 + (z < 0 ? -half : half) + z * density;
}

AG_INLINE ag_real quick_gelu(ag_real z)
{
    const ag_real e = exp_below((ag_real)-1.702 * magnitude(z));
    return z * (z < 0 ? e : 1) / (1 + e);
}

AG_INLINE ag_real quick_gelu_slope(ag_real z)
{
    const ag_real e = exp_below((ag_real)-1.702 * magnitude(z)), share = 1 / (1 + e);
    return share * ((z < 0 ? e : 1) + (ag_real)1.702 * z * e * share);
}

AG_INLINE ag_real gelu_tanh(ag_real z)
{
    return (ag_real)0.5 * z * (1 + tanh_of(AG_SQRT_2_OVER_PI * (z + (ag_real)0.044715 * z * z * z)));
}

AG_INLINE ag_real gelu_tanh_slope(ag_real z)
{
    const ag_real h = tanh_of(AG_SQRT_2_OVER_PI * (z + (ag_real)0.044715 * z * z * z));
    const ag_real dh = AG_SQRT_2_OVER_PI * (1 + (ag_real)0.134145 * z * z) * (1 - h * h);
    return (ag_real)0.5 * (1 + h) + (ag_real)0.5 * z * dh;
}

/* A NaN is not < 0 and passes. */
AG_INLINE ag_real relu(ag_real z)
{
    return z < 0 ? 0 : z;
}
AG_INLINE ag_real relu_slope(ag_real z)
{
    return z <= 0 ? (ag_real)0 : (ag_real)1;
}

/* ---- activations ---- */

static void activate(ag_activation f, size_t n, const ag_real *z, ag_real *y)
{
    switch (f) {
    case AG_GELU:
        AG_LANES for (size_t i = 0; i < n; i++) y[i] = gelu(z[i]);
        break;
    case AG_QUICK_GELU:
        AG_LANES for (size_t i = 0; i < n; i++) y[i] = quick_gelu(z[i]);
        break;
    case AG_GELU_TANH:
        AG_LANES for (size_t i = 0; i < n; i++) y[i] = gelu_tanh(z[i]);
        break;
    case AG_RELU:
        AG_LANES for (size_t i = 0; i < n; i++) y[i] = relu(z[i]);
        break;
    }
}

static void activate_grad(ag_activation f, size_t n, const ag_real *z, const ag_real *dy, ag_real *dz)
{
    switch (f) {
    case AG_GELU:
        AG_LANES for (size_t i = 0; i < n; i++) dz[i] = dy[i] * gelu_slope(z[i]);
        break;
    case AG_QUICK_GELU:
        AG_LANES for (size_t i = 0; i < n; i++) dz[i] = dy[i] * quick_gelu_slope(z[i]);
        break;
    case AG_GELU_TANH:
        AG_LANES for (size_t i = 0; i < n; i++) dz[i] = dy[i] * gelu_tanh_slope(z[i]);
        break;
    case AG_RELU:
        AG_LANES for (size_t i = 0; i < n; i++) dz[i] = dy[i] * relu_slope(z[i]);
        break;
    }
}

static void add(size_t n, const ag_real *x, ag_real *y)
{
    AG_LANES for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void times(size_t n, const ag_real *x, const ag_real *y, ag_real *z)
{
    AG_LANES for (size_t i = 0; i < n; i++) z[i] = x[i] * y[i];
}

/* ---- softmax ---- */

#ifdef AG_DOUBLE
AG_INLINE double larger(double a, double b)
{
    return a > b ? a : b;
}

AG_INLINE double largest(size_t n, const double *x)
{
    double most = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) most = larger(x[i], most);
    return most;
}
#else
AG_INLINE float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Over whole numbers in the order of the floats, since a maximum of floats is no vector loop for every compiler. */
AG_INLINE float largest(size_t n, const float *x)
{
    int32_t most = -0x7f800001; /* minus infinity in that order */
    AG_MOST(most) for (size_t i = 0; i < n; i++)
    {
        const int32_t bits = (int32_t)bits_of(x[i]), key = bits ^ ((bits >> 31) & INT32_MAX);
        most = key > most ? key : most;
    }
    return of_bits((uint32_t)(most ^ ((most >> 31) & INT32_MAX)));
}
#endif

/* Rows of attention are short, so the numbers after the last whole vector go through a vector too and not one by one. */
enum { LANES = 16 };

/* to[LANES] = the n < LANES numbers at from, then fill. */
AG_INLINE void load_tail(size_t n, const ag_real *from, ag_real fill, ag_real *to)
{
    AG_LANES for (size_t i = 0; i < LANES; i++) to[i] = i < n ? from[i] : fill;
}

AG_INLINE void store_tail(size_t n, const ag_real *from, ag_real *to)
{
    AG_LANES for (size_t i = 0; i < LANES; i++)
    {
        if (i < n) to[i] = from[i];
    }
}

/* p = exp(x - most); gives the sum. */
AG_INLINE ag_real exp_sum(size_t n, const ag_real *x, ag_real most, ag_real *p)
{
    ag_real sum = 0;
    AG_SUM(sum) for (size_t i = 0; i < n; i++)
    {
        p[i] = exp_below(x[i] - most);
        sum += p[i];
    }
    return sum;
}

static ag_real softmax(size_t n, const ag_real *x, ag_real *p)
{
    const size_t whole = n / LANES * LANES, left = n - whole;
    ag_real tail[LANES];
    load_tail(left, x + whole, -(ag_real)INFINITY, tail);
    const ag_real most = larger(largest(LANES, tail), largest(whole, x));
    const ag_real sum = exp_sum(whole, x, most, p) + exp_sum(LANES, tail, most, tail);
    const ag_real share = 1 / sum;
    AG_LANES for (size_t i = 0; i < whole; i++) p[i] *= share;
    AG_LANES for (size_t i = 0; i < LANES; i++) tail[i] *= share;
    store_tail(left, tail, p + whole);
    return most + (ag_real)log((double)sum);
}

AG_INLINE ag_real dot(size_t n, const ag_real *x, const ag_real *y)
{
    ag_real sum = 0;
    AG_SUM(sum) for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void softmax_grad(size_t n, ag_real scale, const ag_real *p, const ag_real *dp, ag_real *dx)
{
    const size_t whole = n / LANES * LANES, left = n - whole;
    ag_real last_p[LANES], last_dp[LANES];
    load_tail(left, p + whole, 0, last_p);
    load_tail(left, dp + whole, 0, last_dp);
    const ag_real mean = dot(whole, p, dp) + dot(LANES, last_p, last_dp);
    AG_LANES for (size_t i = 0; i < whole; i++) dx[i] = scale * p[i] * (dp[i] - mean);
    AG_LANES for (size_t i = 0; i < LANES; i++) last_dp[i] = scale * last_p[i] * (last_dp[i] - mean);
    store_tail(left, last_dp, dx + whole);
}

/* ---- LayerNorm ---- */

static ag_real layernorm(size_t C, const ag_real *x, const ag_real *gain, const ag_real *bias, double eps, ag_real *normal, ag_real *y)
{
    ag_real sum = 0;
    AG_SUM(sum) for (size_t c = 0; c < C; c++) sum += x[c];
    const ag_real mean = sum / (ag_real)C;
    ag_real squares = 0;
    AG_SUM(squares) for (size_t c = 0; c < C; c++) squares += (x[c] - mean) * (x[c] - mean);
    const ag_real r = (ag_real)(1 / sqrt((double)squares / (double)C + eps));
    if (normal) {
        AG_LANES for (size_t c = 0; c < C; c++)
        {
            const ag_real u = (x[c] - mean) * r;
            normal[c] = u;
            y[c] = gain[c] * u + bias[c];
        }
    } else {
        AG_LANES for (size_t c = 0; c < C; c++) y[c] = gain[c] * ((x[c] - mean) * r) + bias[c];
    }
    return r;
}

static void scale_shift(size_t C, const ag_real *normal, const ag_real *gain, const ag_real *bias, ag_real *y)
{
    AG_LANES for (size_t c = 0; c < C; c++) y[c] = gain[c] * normal[c] + bias[c];
}

static void layernorm_grad(size_t C, const ag_real *dy, const ag_real *gain, const ag_real *normal, ag_real r, ag_real beta, ag_real *dx,
                           ag_real *dgain, ag_real *dbias)
{
    ag_real sum = 0, product = 0;
    AG_SUM(sum, product) for (size_t c = 0; c < C; c++)
    {
        sum += gain[c] * dy[c];
        product += gain[c] * dy[c] * normal[c];
    }
    /* Before dx, which may stand where dy does. */
    if (dgain) { AG_LANES for (size_t c = 0; c < C; c++) dgain[c] += dy[c] * normal[c]; }
    if (dbias) add(C, dy, dbias);
    const ag_real mean = sum / (ag_real)C, slope = product / (ag_real)C;
    if (beta == 0) {
        AG_LANES for (size_t c = 0; c < C; c++) dx[c] = r * (gain[c] * dy[c] - mean - normal[c] * slope);
    } else {
        AG_LANES for (size_t c = 0; c < C; c++) dx[c] += r * (gain[c] * dy[c] - mean - normal[c] * slope);
    }
}

/* ---- dropout ---- */

/* Philox4x32-10 (rng.h) with a word in each lane of 64 bits, whose upper half may hold anything: a product of two words, which does not
 * read it, is one instruction then. Compilers do not find it by themselves. */
#if defined __AVX512F__
enum { WORDS = 8 };
#define AG_LOW_PAIRS  0, 8, 1, 9, 2, 10, 3, 11
#define AG_HIGH_PAIRS 4, 12, 5, 13, 6, 14, 7, 15
#elif defined __AVX2__
enum { WORDS = 4 };
#define AG_LOW_PAIRS  0, 4, 1, 5
#define AG_HIGH_PAIRS 2, 6, 3, 7
#else
enum { WORDS = 2 };
#define AG_LOW_PAIRS  0, 2
#define AG_HIGH_PAIRS 1, 3
#endif
enum { GROUPS = 2, HALVES = 8, BLOCKS = GROUPS * WORDS };
typedef uint64_t words __attribute__((vector_size(WORDS * sizeof(uint64_t))));

AG_INLINE words word_product(words a, uint32_t b)
{
#if defined __AVX512F__
    return (words)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif defined __AVX2__
    return (words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
    return (a & UINT32_MAX) * b;
#endif
}

/* The half-words of the blocks {c0, c1, c2, c3}, one block a lane, in their order, since x86 stores the low half first. */
AG_INLINE void philox(const words c0[GROUPS], const words c1[GROUPS], uint32_t c2, uint32_t c3, const uint32_t key[2],
                      uint16_t half[HALVES * BLOCKS])
{
    words a[GROUPS], b[GROUPS], c[GROUPS], d[GROUPS], pairs[2 * GROUPS];
    for (int i = 0; i < GROUPS; i++) {
        a[i] = c0[i];
        b[i] = c1[i];
        c[i] = (words){0} + c2;
        d[i] = (words){0} + c3;
    }
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        for (int i = 0; i < GROUPS; i++) {
            const words u = word_product(a[i], 0xD2511F53u), v = word_product(c[i], 0xCD9E8D57u);
            a[i] = (v >> 32) ^ b[i] ^ k0;
            c[i] = (u >> 32) ^ d[i] ^ k1;
            b[i] = v;
            d[i] = u;
        }
    }
    for (int i = 0; i < GROUPS; i++) {
        const words first = (a[i] & UINT32_MAX) | b[i] << 32, second = (c[i] & UINT32_MAX) | d[i] << 32;
        pairs[2 * i] = __builtin_shufflevector(first, second, AG_LOW_PAIRS);
        pairs[2 * i + 1] = __builtin_shufflevector(first, second, AG_HIGH_PAIRS);
    }
    memcpy(half, pairs, sizeof pairs);
}

static void dropout_rows(int rows, size_t n, uint32_t c0, const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint32_t threshold,
                         ag_real scale, ag_real *factor)
{
    const size_t end = (size_t)rows * n;
    const uint32_t in_row = (uint32_t)((n + HALVES - 1) / HALVES);
    if (end == 0) return;
    const uint32_t next_row = BLOCKS / in_row, next_column = BLOCKS % in_row;
    words column[GROUPS], row[GROUPS]; /* of the blocks to be drawn: from 0 */
    for (uint32_t i = 0, r = 0, c = 0; i < BLOCKS; i++, c++) {
        if (c == in_row) {
            c = 0;
            r++;
        }
        column[i / WORDS][i % WORDS] = c;
        row[i / WORDS][i % WORDS] = r;
    }
    for (size_t at = 0, left = n; at < end;) {
        words block[GROUPS], line[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            block[i] = column[i] + c0 / HALVES;
            line[i] = row[i] + c1;
            column[i] += next_column;
            const words over = (words)(column[i] >= in_row); /* -1 where it is */
            column[i] -= over & in_row;
            row[i] += next_row - over;
        }
        uint16_t half[HALVES * BLOCKS];
        philox(block, line, c2, c3, key, half);
        ag_real drawn[HALVES * BLOCKS];
        AG_LANES for (int i = 0; i < HALVES * BLOCKS; i++) drawn[i] = half[i] >= threshold ? scale : (ag_real)0;
        for (int i = 0; i < BLOCKS && at < end; i++) {
            /* What goes beyond a row's end is written again by the next one. */
            if (end - at >= HALVES)
                memcpy(factor + at, drawn + i * HALVES, HALVES * sizeof *drawn);
            else
                memcpy(factor + at, drawn + i * HALVES, (end - at) * sizeof *drawn);
            const size_t done = left < HALVES ? left : HALVES;
            at += done;
            left = left == done ? n : left - done;
        }
    }
}

/* ---- optimizer ---- */

/* A moment below the smallest normal number becomes 0: subnormal numbers, at which the decay of a parameter that is no longer touched would
 * stay for ever, take some processors a hundred times as long. */
AG_INLINE ag_real flushed(ag_real x)
{
    return magnitude(x) < AG_TINY ? 0 : x;
}

static void adamw(size_t n, const ag_adamw *k, const ag_real *grad, ag_real *p, ag_real *m, ag_real *v)
{
    const ag_real keep = (ag_real)k->keep, clip = (ag_real)k->clip;
    const ag_real b1 = (ag_real)k->beta1, b2 = (ag_real)k->beta2, a1 = (ag_real)(1 - k->beta1), a2 = (ag_real)(1 - k->beta2);
    const ag_real step = (ag_real)(k->lr / k->correction1), unbias = (ag_real)(1 / sqrt(k->correction2)), eps = (ag_real)k->eps;
    if (grad) {
        AG_LANES for (size_t i = 0; i < n; i++)
        {
            const ag_real g = clip * grad[i];
            const ag_real mi = flushed(b1 * m[i] + a1 * g), vi = flushed(b2 * v[i] + a2 * g * g);
            m[i] = mi;
            v[i] = vi;
            p[i] = keep * p[i] - step * mi / (root_of(vi) * unbias + eps);
        }
    } else {
        AG_LANES for (size_t i = 0; i < n; i++)
        {
            const ag_real mi = flushed(b1 * m[i]), vi = flushed(b2 * v[i]);
            m[i] = mi;
            v[i] = vi;
            p[i] = keep * p[i] - step * mi / (root_of(vi) * unbias + eps);
        }
    }
}

/* Four places at a time, since one alone does not keep the memory busy. */
static double sum_squares(size_t n, const ag_real *x)
{
    const size_t quarter = n / 4;
    double a = 0, b = 0, c = 0, d = 0;
    AG_SUM(a, b, c, d) for (size_t i = 0; i < quarter; i++)
    {
        const double p = (double)x[i], q = (double)x[quarter + i], r = (double)x[2 * quarter + i], s = (double)x[3 * quarter + i];
        a += p * p;
        b += q * q;
        c += r * r;
        d += s * s;
    }
    for (size_t i = 4 * quarter; i < n; i++) d += (double)x[i] * (double)x[i];
    return a + b + c + d;
}

const ag_kernels AG_TABLE(AG_FORM) = {
    .name = AG_NAME(AG_FORM),
    .activate = activate,
    .activate_grad = activate_grad,
    .add = add,
    .times = times,
    .softmax = softmax,
    .softmax_grad = softmax_grad,
    .layernorm = layernorm,
    .scale_shift = scale_shift,
    .layernorm_grad = layernorm_grad,
    .dropout_rows = dropout_rows,
    .adamw = adamw,
    .sum_squares = sum_squares,
#ifdef AG_TILE_ROWS
    .tile = &AG_TILE(AG_FORM),
#endif
};
