/* corrupt_picture.c - noise, blur and occlusion of pictures, noise of feature vectors: corrupt.h has the equations. */
#include "corrupt_stream.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { CHANNELS = 3, GRAY = 128 };

static uint8_t to_byte(double x)
{
    return (uint8_t)(x + .5);
}

static void add_noise(struct rng *r, double degree, struct picture *p)
{
    const size_t n = (size_t)p->width * (size_t)p->height * CHANNELS;
    uint32_t bytes = 0;
    for (size_t i = 0; i < n; i++, bytes >>= 8) {
        if (i % 4 == 0) bytes = rng_u32(r);
        p->rgb[i] = to_byte(p->rgb[i] + degree * ((double)(bytes & 0xFF) - p->rgb[i]));
    }
}

/* ---- blur ---- */

/* sums[k] = x_0 + .. + x_k-1, carried on between whole numbers: the integral of a line of n pixels, each one wide, from 0 to t <= n. */
static double integral(int n, const double *sums, double t)
{
    const int k = (int)t < n ? (int)t : n - 1;
    return sums[k] + (t - k) * (sums[k + 1] - sums[k]);
}

/* The mean around pixel i as far as `reach` to each side of it. */
static double window(int n, const double *sums, int i, double reach)
{
    const double from = fmax(0, i - reach), to = fmin(n, i + 1 + reach);
    return (integral(n, sums, to) - integral(n, sums, from)) / (to - from);
}

/* One channel; plane [height,width] and sums [max(width,height)+1] are room. */
static void blur_channel(struct picture *p, int channel, double share, double *plane, double *sums)
{
    const int W = p->width, H = p->height;
    uint8_t *at = p->rgb + channel;
    sums[0] = 0;
    for (int y = 0; y < H; y++) {
        const size_t row = (size_t)y * (size_t)W;
        for (int x = 0; x < W; x++) sums[x + 1] = sums[x] + at[(row + (size_t)x) * CHANNELS];
        for (int x = 0; x < W; x++) plane[row + (size_t)x] = window(W, sums, x, share * (W - 1));
    }
    for (int x = 0; x < W; x++) {
        for (int y = 0; y < H; y++) sums[y + 1] = sums[y] + plane[(size_t)y * (size_t)W + (size_t)x];
        for (int y = 0; y < H; y++) at[((size_t)y * (size_t)W + (size_t)x) * CHANNELS] = to_byte(window(H, sums, y, share * (H - 1)));
    }
}

static int blur(double degree, struct picture *p, struct err *e)
{
    const size_t pixels = (size_t)p->width * (size_t)p->height, side = (size_t)(p->width > p->height ? p->width : p->height);
    double *room = malloc((pixels + side + 1) * sizeof *room);
    if (!room) return err_set(e, ERR_INTERNAL, "out of memory to blur a picture of %d x %d", p->width, p->height);
    for (int c = 0; c < CHANNELS; c++) blur_channel(p, c, degree * degree, room, room + pixels);
    free(room);
    return 0;
}

/* ---- occlusion ---- */

static void occlude(struct rng *r, double degree, struct picture *p)
{
    const int64_t W = p->width, H = p->height, pixels = llround(degree * (double)(W * H));
    if (pixels == 0) return;
    int64_t h = (int64_t)ceil(sqrt((double)pixels * (double)H / (double)W));
    if (h > H) h = H;
    const int64_t w = (pixels + h - 1) / h;
    assert(w <= W);
    /* Two numbers whatever the degree, so that the rectangle grows where it is. */
    const int64_t left = (int64_t)(rng_uniform(r) * (double)(W - w + 1)), top = (int64_t)(rng_uniform(r) * (double)(H - h + 1));
    for (int64_t k = 0; k < pixels; k++) {
        uint8_t *at = p->rgb + ((top + k % h) * W + left + k / h) * CHANNELS;
        at[0] = at[1] = at[2] = GRAY;
    }
}

int corrupt_picture(uint32_t seed, const struct corruption *c, int tweet, struct picture *p, struct err *e)
{
    assert(corrupt_targets(c->kind) & CORRUPT_PICTURES);
    struct rng r = corrupt_stream(seed, c->kind, tweet);
    if (c->degree == 0) return 0;
    if (c->kind == CORRUPT_BLUR) return blur(c->degree, p, e);
    if (c->kind == CORRUPT_NOISE)
        add_noise(&r, c->degree, p);
    else
        occlude(&r, c->degree, p);
    return 0;
}

/* ---- feature vectors ---- */

void corrupt_features(uint32_t seed, const struct corruption *c, int tweet, int n, int C, float *x)
{
    assert(corrupt_targets(c->kind) & CORRUPT_FEATURES);
    struct rng r = corrupt_stream(seed, c->kind, tweet);
    for (int i = 0; i < n && c->degree > 0; i++, x += C) {
        double mean = 0, squares = 0;
        for (int k = 0; k < C; k++) mean += (double)x[k] / C;
        for (int k = 0; k < C; k++) squares += ((double)x[k] - mean) * ((double)x[k] - mean);
        const double deviation = sqrt(squares / C);
        for (int k = 0; k < C; k++) {
            const double g = mean + deviation * rng_normal(&r);
            x[k] = (float)((1 - c->degree) * (double)x[k] + c->degree * g);
        }
    }
}
