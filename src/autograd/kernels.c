/* kernels.c - one form of the table in kernels.h. This file is compiled once for each form: AG_FORM names the table, the compiler's flags
 * say which instructions it may use. Every loop is plain C that the compiler turns into vectors; the forms share every equation and differ
 * in rounding only.
 *
 * exp(x): n = round(x / ln 2), r = x - n ln 2, |r| <= ln 2 / 2, exp(x) = 2^n P(r), P of degree 6 with a relative error of 3e-9 before
 * rounding. erf(x): sign(x) (1 - exp(-Q(|x|))), Q = -log erfc fitted with degree 8 so that erfc is within 1.6e-8 everywhere, and 1 - erf is
 * exactly 0 where it is below the smallest float. tanh(x): 1 - 2 / (exp(2x) + 1). P and Q are minimax fits (Lawson's iteration) of this
 * project. */
#include "kernels.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define AG_PASTE(a, b)    a##b
#define AG_TABLE(form)    AG_PASTE(ag_kernels_, form)
#define AG_QUOTE(s)       #s
#define AG_NAME(form)     AG_QUOTE(form)
#define AG_INLINE         static inline __attribute__((always_inline))
#define AG_SQRT_HALF      ((ag_real)0.70710678118654752440)
#define AG_SQRT_2_OVER_PI ((ag_real)0.79788456080286535588)

/* ---- functions of one number ---- */

#ifdef AG_DOUBLE
#define AG_TINY 0x1p-1022
AG_INLINE double exp_of(double x)
{
    return exp(x);
}
AG_INLINE double erf_of(double x)
{
    return erf(x);
}
AG_INLINE double tanh_of(double x)
{
    return tanh(x);
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

AG_INLINE float exp_of(float x)
{
    /* Beyond these bounds the result is 0 or infinite whatever x is; a NaN fails both comparisons and stays. */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    /* Adding 1.5 2^23 leaves round(x / ln 2) in the low bits of the sum. */
    const float shifted = x * 1.44269504f + 0x1.8p23f;
    const float n = shifted - 0x1.8p23f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 0.00138146023f;
    p = p * r + 0.00836871564f;
    p = p * r + 0.0416683890f;
    p = p * r + 0.166665211f;
    p = p * r + 0.499999940f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* 2^n in two factors, so that subnormal results and the last binade before infinity come out rounded once. */
    const int32_t k = (int32_t)(bits_of(shifted) - bits_of(0x1.8p23f));
    const int32_t half = k >> 1;
    return p * of_bits((uint32_t)(half + 127) << 23) * of_bits((uint32_t)(k - half + 127) << 23);
}

AG_INLINE float erf_of(float x)
{
    const float a = fabsf(x);
    float q = 3.144018417585636e-05f;
    q = q * a - 0.0003088023706617699f;
    q = q * a + 0.0010324022908128386f;
    q = q * a + 0.0005369322929647973f;
    q = q * a - 0.01958395928888701f;
    q = q * a + 0.10291961279480963f;
    q = q * a + 0.6365977335813631f;
    q = q * a + 1.1283802514893229f;
    const float y = 1.0f - exp_of(-(q * a));
    return of_bits(bits_of(y) | (bits_of(x) & 0x80000000u));
}

AG_INLINE float tanh_of(float x)
{
    return 1.0f - 2.0f / (exp_of(2.0f * x) + 1.0f);
}
#endif

AG_INLINE ag_real gelu(ag_real z)
{
    return (ag_real)0.5 * z * (1 + erf_of(z * AG_SQRT_HALF));
}

AG_INLINE ag_real gelu_slope(ag_real z)
{
    const ag_real density = (ag_real)0.39894228040143267794 * exp_of((ag_real)-0.5 * z * z);
    return (ag_real)0.5 * (1 + erf_of(z * AG_SQRT_HALF)) + z * density;
}

AG_INLINE ag_real quick_gelu(ag_real z)
{
    return z / (1 + exp_of((ag_real)-1.702 * z));
}

AG_INLINE ag_real quick_gelu_slope(ag_real z)
{
    const ag_real s = 1 / (1 + exp_of((ag_real)-1.702 * z));
    return s + (ag_real)1.702 * z * s * (1 - s);
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
    return z <= 0 ? 0 : 1;
}

/* ---- activations ---- */

static void activate(ag_activation f, size_t n, const ag_real *z, ag_real *y)
{
    switch (f) {
    case AG_GELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) y[i] = gelu(z[i]);
        break;
    case AG_QUICK_GELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) y[i] = quick_gelu(z[i]);
        break;
    case AG_GELU_TANH:
#pragma omp simd
        for (size_t i = 0; i < n; i++) y[i] = gelu_tanh(z[i]);
        break;
    case AG_RELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) y[i] = relu(z[i]);
        break;
    }
}

static void activate_grad(ag_activation f, size_t n, const ag_real *z, const ag_real *dy, ag_real *dz)
{
    switch (f) {
    case AG_GELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) dz[i] = dy[i] * gelu_slope(z[i]);
        break;
    case AG_QUICK_GELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) dz[i] = dy[i] * quick_gelu_slope(z[i]);
        break;
    case AG_GELU_TANH:
#pragma omp simd
        for (size_t i = 0; i < n; i++) dz[i] = dy[i] * gelu_tanh_slope(z[i]);
        break;
    case AG_RELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) dz[i] = dy[i] * relu_slope(z[i]);
        break;
    }
}

static void add(size_t n, const ag_real *x, ag_real *y)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

/* ---- softmax ---- */

static ag_real softmax(size_t n, const ag_real *x, ag_real *p)
{
    ag_real most = -(ag_real)INFINITY;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    ag_real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        p[i] = exp_of(x[i] - most);
        sum += p[i];
    }
    const ag_real share = 1 / sum;
#pragma omp simd
    for (size_t i = 0; i < n; i++) p[i] *= share;
    return most + (ag_real)log((double)sum);
}

static void softmax_grad(size_t n, ag_real scale, const ag_real *p, const ag_real *dp, ag_real *dx)
{
    ag_real mean = 0;
#pragma omp simd reduction(+ : mean)
    for (size_t i = 0; i < n; i++) mean += p[i] * dp[i];
#pragma omp simd
    for (size_t i = 0; i < n; i++) dx[i] = scale * p[i] * (dp[i] - mean);
}

/* ---- LayerNorm ---- */

static ag_real layernorm(size_t C, const ag_real *x, const ag_real *gain, const ag_real *bias, double eps, ag_real *normal, ag_real *y)
{
    ag_real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t c = 0; c < C; c++) sum += x[c];
    const ag_real mean = sum / (ag_real)C;
    ag_real squares = 0;
#pragma omp simd reduction(+ : squares)
    for (size_t c = 0; c < C; c++) squares += (x[c] - mean) * (x[c] - mean);
    const ag_real r = (ag_real)(1 / sqrt((double)squares / (double)C + eps));
    if (normal) {
#pragma omp simd
        for (size_t c = 0; c < C; c++) {
            const ag_real u = (x[c] - mean) * r;
            normal[c] = u;
            y[c] = gain[c] * u + bias[c];
        }
    } else {
#pragma omp simd
        for (size_t c = 0; c < C; c++) y[c] = gain[c] * ((x[c] - mean) * r) + bias[c];
    }
    return r;
}

static void layernorm_grad(size_t C, const ag_real *dy, const ag_real *gain, const ag_real *normal, ag_real r, ag_real beta, ag_real *dx,
                           ag_real *dgain, ag_real *dbias)
{
    ag_real sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (size_t c = 0; c < C; c++) {
        sum += gain[c] * dy[c];
        product += gain[c] * dy[c] * normal[c];
    }
    /* Before dx, which may stand where dy does. */
    if (dgain) {
#pragma omp simd
        for (size_t c = 0; c < C; c++) dgain[c] += dy[c] * normal[c];
    }
    if (dbias) add(C, dy, dbias);
    const ag_real mean = sum / (ag_real)C, slope = product / (ag_real)C;
    if (beta == 0) {
#pragma omp simd
        for (size_t c = 0; c < C; c++) dx[c] = r * (gain[c] * dy[c] - mean - normal[c] * slope);
    } else {
#pragma omp simd
        for (size_t c = 0; c < C; c++) dx[c] += r * (gain[c] * dy[c] - mean - normal[c] * slope);
    }
}

/* ---- dropout ---- */

enum { BLOCKS = 16, HALVES = 8 };

/* Philox4x32-10 (rng.h) for BLOCKS counters {block + i, c1, c2, c3} at once; halves [BLOCKS, 8] is each block's words cut in two, the low
 * half first. */
AG_INLINE void philox_blocks(uint32_t block, uint32_t c1, uint32_t c2, uint32_t c3, const uint32_t key[2], uint16_t *halves)
{
    uint32_t w0[BLOCKS], w1[BLOCKS], w2[BLOCKS], w3[BLOCKS];
#pragma omp simd
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint32_t a = block + i, b = c1, c = c2, d = c3, k0 = key[0], k1 = key[1];
        for (int round = 0; round < 10; round++) {
            const uint64_t u = (uint64_t)a * 0xD2511F53u, v = (uint64_t)c * 0xCD9E8D57u;
            a = (uint32_t)(v >> 32) ^ b ^ k0;
            c = (uint32_t)(u >> 32) ^ d ^ k1;
            b = (uint32_t)v;
            d = (uint32_t)u;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        w0[i] = a;
        w1[i] = b;
        w2[i] = c;
        w3[i] = d;
    }
    uint32_t words[4 * BLOCKS];
#pragma omp simd
    for (int i = 0; i < BLOCKS; i++) {
        words[4 * i] = w0[i];
        words[4 * i + 1] = w1[i];
        words[4 * i + 2] = w2[i];
        words[4 * i + 3] = w3[i];
    }
    memcpy(halves, words, sizeof words);
}

static void dropout_row(size_t n, uint32_t c0, const uint32_t key[2], uint32_t c1, uint32_t c2, uint32_t c3, uint32_t threshold,
                        ag_real scale, ag_real *factor)
{
    uint16_t halves[BLOCKS * HALVES];
    for (size_t at = 0; at < n; at += BLOCKS * HALVES) {
        philox_blocks(c0 / HALVES + (uint32_t)(at / HALVES), c1, c2, c3, key, halves);
        const size_t left = n - at < BLOCKS * HALVES ? n - at : BLOCKS * HALVES;
#pragma omp simd
        for (size_t i = 0; i < left; i++) factor[at + i] = halves[i] >= threshold ? scale : 0;
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
    const ag_real keep = (ag_real)(1 - k->lr * k->weight_decay), clip = (ag_real)k->clip;
    const ag_real b1 = (ag_real)k->beta1, b2 = (ag_real)k->beta2, a1 = (ag_real)(1 - k->beta1), a2 = (ag_real)(1 - k->beta2);
    const ag_real step = (ag_real)(k->lr / k->correction1), unbias = (ag_real)(1 / sqrt(k->correction2)), eps = (ag_real)k->eps;
    if (grad) {
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            const ag_real g = clip * grad[i];
            const ag_real mi = flushed(b1 * m[i] + a1 * g), vi = flushed(b2 * v[i] + a2 * g * g);
            m[i] = mi;
            v[i] = vi;
            p[i] = keep * p[i] - step * mi / (root_of(vi) * unbias + eps);
        }
    } else {
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            const ag_real mi = flushed(b1 * m[i]), vi = flushed(b2 * v[i]);
            m[i] = mi;
            v[i] = vi;
            p[i] = keep * p[i] - step * mi / (root_of(vi) * unbias + eps);
        }
    }
}

static double sum_squares(size_t n, const ag_real *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

const ag_kernels AG_TABLE(AG_FORM) = {
    .name = AG_NAME(AG_FORM),
    .activate = activate,
    .activate_grad = activate_grad,
    .add = add,
    .softmax = softmax,
    .softmax_grad = softmax_grad,
    .layernorm = layernorm,
    .layernorm_grad = layernorm_grad,
    .dropout_row = dropout_row,
    .adamw = adamw,
    .sum_squares = sum_squares,
};
