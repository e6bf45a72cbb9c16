/* picture_resize.c - see picture_resize.h.
 *
 * An output pixel at o of n_out is a weighted mean of the input pixels around centre (o + 1/2) s, s = n_in / n_out:
 *   weight of input i  ~  f((i + 1/2 - centre) / max(s, 1)),   normalised to a sum of 1 in double, rounded to 22 fractional bits
 *   bilinear  f(x) = 1 - |x|                                   for |x| < 1
 *   bicubic   f(x) = 3/2 |x|^3 - 5/2 |x|^2 + 1                 for |x| < 1     (a = -1/2; R. Keys, "Cubic convolution interpolation for
 *                  = -1/2 (|x|^3 - 5 |x|^2 + 8 |x| - 4)        for |x| < 2      digital image processing", 1981, eq. 8)
 * A row is resized first, rounded to bytes and clipped; then columns: so it was in every Pillow before 13, and the published models were
 * trained on that. The order of the operations in double decides about the last bit, so it is Pillow's (12.3, src/libImaging/Resample.c).
 */
#include "picture_resize.h"
#include "checked.h"
#include <math.h>
#include <stdlib.h>

enum { BITS = 22 }; /* 8 for the byte, 2 for the overshoot of the cubic and the sign */

/* The weights of one direction, for outputs first .. first + n - 1. */
struct taps {
    int n, room;     /* room: weights of an output, at most */
    int *from;       /* [n] the first input of an output */
    int *count;      /* [n] */
    int32_t *weight; /* [n,room] */
};

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double bicubic(double x)
{
    static const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void taps_free(struct taps *t)
{
    free(t->from);
    free(t->count);
    free(t->weight);
}

static int taps_make(int n_in, int n_out, int first, int n, enum picture_filter filter, struct taps *t, struct err *e)
{
    double (*const f)(double) = filter == PICTURE_BICUBIC ? bicubic : bilinear;
    const double scale = (double)n_in / n_out, stretch = scale < 1 ? 1 : scale, shrink = 1 / stretch;
    const double support = (filter == PICTURE_BICUBIC ? 2 : 1) * stretch;
    size_t size;
    *t = (struct taps){.n = n, .room = (int)ceil(support) * 2 + 1};
    double *exact = malloc((size_t)t->room * sizeof *exact);
    t->from = malloc((size_t)n * sizeof *t->from);
    t->count = malloc((size_t)n * sizeof *t->count);
    t->weight = size_mul((size_t)n * sizeof *t->weight, (size_t)t->room, &size) ? malloc(size) : NULL;
    if (!exact || !t->from || !t->count || !t->weight) {
        free(exact);
        taps_free(t);
        return err_set(e, ERR_INTERNAL, "no memory to resize a picture from %d to %d", n_in, n_out);
    }
    for (int o = 0; o < n; o++) {
        const double centre = (first + o + 0.5) * scale;
        int from = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        if (from < 0) from = 0;
        if (end > n_in) end = n_in;
        double sum = 0;
        for (int i = from; i < end; i++) sum += exact[i - from] = f((i - centre + 0.5) * shrink);
        for (int i = from; i < end; i++) {
            const double w = sum != 0 ? exact[i - from] / sum : exact[i - from];
            t->weight[(size_t)o * (size_t)t->room + (size_t)(i - from)] = (int32_t)(w * (1 << BITS) + (w < 0 ? -0.5 : 0.5));
        }
        t->from[o] = from;
        t->count[o] = end - from;
    }
    free(exact);
    return 0;
}

static uint8_t to_byte(int32_t sum)
{
    const int32_t x = sum >> BITS;
    return x < 0 ? 0 : x > 255 ? 255 : (uint8_t)x;
}

/* One output pixel from `count` input pixels that lie step bytes apart. */
static void weigh(const uint8_t *in, size_t step, const int32_t *weight, int count, uint8_t *out)
{
    int32_t r = 1 << (BITS - 1), g = r, b = r;
    for (int i = 0; i < count; i++, in += step) {
        r += in[0] * weight[i];
        g += in[1] * weight[i];
        b += in[2] * weight[i];
    }
    out[0] = to_byte(r);
    out[1] = to_byte(g);
    out[2] = to_byte(b);
}

/* rows [last - first,window.width,3]: input rows first .. last - 1, each resized to the window's columns. */
static void resize_rows(const struct picture *in, int first, int last, const struct taps *t, uint8_t *rows)
{
    const size_t stride = (size_t)in->width * 3;
    for (int y = first; y < last; y++) {
        const uint8_t *row = in->rgb + (size_t)y * stride;
        for (int x = 0; x < t->n; x++, rows += 3)
            weigh(row + (size_t)t->from[x] * 3, 3, t->weight + (size_t)x * (size_t)t->room, t->count[x], rows);
    }
}

static void resize_columns(const uint8_t *rows, int first, int width, const struct taps *t, uint8_t *out)
{
    const size_t stride = (size_t)width * 3;
    for (int y = 0; y < t->n; y++) {
        const uint8_t *top = rows + (size_t)(t->from[y] - first) * stride;
        for (int x = 0; x < width; x++, out += 3)
            weigh(top + (size_t)x * 3, stride, t->weight + (size_t)y * (size_t)t->room, t->count[y], out);
    }
}

int picture_resize(const struct picture *in, int width, int height, enum picture_filter filter, struct picture_window window,
                   struct picture *out, struct err *e)
{
    struct taps across = {0}, down = {0};
    struct picture p = {.width = window.width, .height = window.height};
    uint8_t *rows = NULL;
    int code;
    if ((code = taps_make(in->width, width, window.left, window.width, filter, &across, e))) return code;
    if ((code = taps_make(in->height, height, window.top, window.height, filter, &down, e))) goto free_across;

    /* Both ends grow from one output to the next. */
    const int first = down.from[0], last = down.from[down.n - 1] + down.count[down.n - 1];
    const size_t stride = (size_t)window.width * 3;
    rows = malloc((size_t)(last - first) * stride);
    p.rgb = malloc((size_t)window.height * stride);
    if (!rows || !p.rgb) {
        code = err_set(e, ERR_INTERNAL, "no memory to resize a picture of %d x %d", in->width, in->height);
        free(p.rgb);
        goto free_down;
    }
    resize_rows(in, first, last, &across, rows);
    resize_columns(rows, first, window.width, &down, p.rgb);
    *out = p;
free_down:
    free(rows);
    taps_free(&down);
free_across:
    taps_free(&across);
    return code;
}
