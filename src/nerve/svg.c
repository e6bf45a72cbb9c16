#include "svg.h"
#include <math.h>

enum { LEFT = 52, RIGHT = 16, TOP = 18, BOTTOM = 40, TICKS = 5 };

struct axis {
    double low, high; /* of the values, or of their base-10 logarithms */
    double from, to;  /* where these stand in the view box */
    bool is_log;
};

static double place(const struct axis *a, double value)
{
    const double v = a->is_log ? log10(value) : value;
    return a->from + (v - a->low) / (a->high - a->low) * (a->to - a->from);
}

/* The distance of 1, 2 or 5 times a power of ten that gives about TICKS ticks. */
static double tick_step(double span)
{
    const double rough = span / TICKS, power = pow(10, floor(log10(rough))), digit = rough / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

/* A tick's value with as many digits as its distance to the next needs: 0.25, 20k, 2e-5. scale is the greatest value of the axis. */
static void write_number(FILE *out, double value, double step, double scale)
{
    const double digits = ceil(-log10(step) - 1e-9);
    if (value == 0) {
        fputs("0", out);
    } else if (scale < 0.01 || scale >= 1e9) {
        const int power = (int)floor(log10(scale));
        fprintf(out, "%.6ge%d", value / pow(10, power), power);
    } else if (step >= 500) {
        fprintf(out, "%.6gk", value / 1000);
    } else {
        fprintf(out, "%.*f", digits > 0 ? (int)digits : 0, value);
    }
}

static void write_y_tick(FILE *out, const struct svg_plot *p, double y, double value, double step, double scale)
{
    fprintf(
        out,
        "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">",
        LEFT, p->width - RIGHT, y, y, LEFT - 8, y + 4);
    write_number(out, value, step, scale);
    fputs("</text>\n", out);
}

static int curves_of(const struct svg_plot *p)
{
    return 1 + p->n_more;
}

static const struct curve *curve_of(const struct svg_plot *p, int k)
{
    return k ? p->more[k - 1] : p->curve;
}

/* 1, 2, 5 of each power of ten, or 1 alone where that would be many. */
static void write_log_ticks(FILE *out, const struct svg_plot *p, const struct axis *y)
{
    static const int digits[] = {1, 2, 5};
    const int powers = (int)(floor(y->high) - floor(y->low)), shown = powers > 3 ? 1 : 3, stride = 1 + powers / 10;
    for (int i = 0; i <= powers; i += stride)
        for (int k = 0; k < shown; k++) {
            const double unit = pow(10, floor(y->low) + i), value = digits[k] * unit;
            if (log10(value) >= y->low && log10(value) <= y->high) write_y_tick(out, p, place(y, value), value, fmin(unit, 100), value);
        }
}

/* Multiples of step from low to high, the ends with a hair's breadth of mercy. Counted, since far from zero x + step may be x. */
struct ticks {
    double first;
    int n;
};

static struct ticks multiples(double step, double low, double high)
{
    const double first = ceil(low / step - 0.02), last = floor(high / step + 0.02);
    return (struct ticks){first, (int)(last - first) + 1};
}

static void write_y_ticks(FILE *out, const struct svg_plot *p, const struct axis *y)
{
    if (y->is_log) {
        write_log_ticks(out, p, y);
        return;
    }
    const double step = tick_step(y->high - y->low), scale = fmax(fabs(y->low), fabs(y->high));
    const struct ticks t = multiples(step, y->low, y->high);
    for (int i = 0; i < t.n; i++) write_y_tick(out, p, place(y, (t.first + i) * step), (t.first + i) * step, step, scale);
}

static void write_x_ticks(FILE *out, const struct svg_plot *p, const struct axis *x)
{
    /* Where x counts steps or epochs: no ticks between whole numbers. */
    const double step = p->is_share ? 0.2 : fmax(1, tick_step(x->high - x->low));
    const struct ticks t = multiples(step, x->low, x->high);
    for (int i = 0; i < t.n; i++) {
        const double value = (t.first + i) * step;
        fprintf(out, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">", place(x, value), p->height - BOTTOM + 18);
        write_number(out, value, step, x->high);
        fputs("</text>\n", out);
    }
    fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, p->width - RIGHT, p->height - BOTTOM,
            p->height - BOTTOM);
    fprintf(out, "<text class=\"name\" text-anchor=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", p->width - RIGHT, p->height - 4, p->x_name);
}

static struct axis x_axis(const struct svg_plot *p)
{
    struct axis a = {.low = INFINITY, .high = -INFINITY, .from = LEFT + 8, .to = p->width - RIGHT - 8};
    if (p->is_share) {
        a.low = 0;
        a.high = 1;
        return a;
    }
    for (int k = 0; k < curves_of(p); k++)
        for (size_t i = 0; i < curve_of(p, k)->used; i++) {
            a.low = fmin(a.low, curve_of(p, k)->points[i].x);
            a.high = fmax(a.high, curve_of(p, k)->points[i].x);
        }
    for (size_t i = 0; p->rug && i < p->rug->used; i++) {
        a.low = fmin(a.low, p->rug->points[i].x);
        a.high = fmax(a.high, p->rug->points[i].x);
    }
    if (!(a.high > a.low)) {
        const double room = fmax(1, 1e-6 * fabs(a.high));
        a.low -= room;
        a.high += room;
    }
    return a;
}

static struct axis y_axis(const struct svg_plot *p)
{
    struct axis a = {.low = INFINITY, .high = -INFINITY, .from = p->height - BOTTOM, .to = TOP};
    if (p->is_share) {
        a.low = 0;
        a.high = 1;
        return a;
    }
    for (int k = 0; k < curves_of(p); k++)
        for (size_t i = 0; i < curve_of(p, k)->used; i++) {
            a.low = fmin(a.low, curve_of(p, k)->points[i].low);
            a.high = fmax(a.high, curve_of(p, k)->points[i].high);
        }
    a.is_log = p->is_noisy && a.low > 0 && a.high / a.low > 30;
    if (a.is_log) {
        a.low = log10(a.low);
        a.high = log10(a.high);
    } else if (p->from_zero && a.low > 0) {
        a.low = 0;
    }
    /* A curve that does not move lies in the middle. */
    const double span = a.high - a.low, room = span > 0 ? 0.06 * span : fmax(1e-9, 0.1 * fabs(a.high));
    a.high += room;
    if (!p->from_zero || a.is_log || a.low < 0) a.low -= room;
    return a;
}

/* Every kept point by its least and its greatest value: the whole range of what was measured, however thin the points. */
static void write_raw(FILE *out, const struct svg_plot *p, const struct axis *x, const struct axis *y)
{
    fputs("<polyline class=\"raw\" points=\"", out);
    for (size_t i = 0; i < p->curve->used; i++) {
        const struct curve_point *q = &p->curve->points[i];
        fprintf(out, "%s%.1f,%.1f", i ? " " : "", place(x, q->x), place(y, q->low));
        if (q->n > 1) fprintf(out, " %.1f,%.1f", place(x, q->x), place(y, q->high));
    }
    fputs("\"/>\n", out);
}

/* "line", or "line s2" of a curve behind the first. */
static void write_class(FILE *out, const char *class, int k)
{
    if (k) fprintf(out, "class=\"%s s%d\"", class, k);
    if (!k) fprintf(out, "class=\"%s\"", class);
}

static void write_line(FILE *out, const struct svg_plot *p, int k, const struct axis *x, const struct axis *y)
{
    const struct curve *c = curve_of(p, k);
    double smooth[CURVE_POINTS];
    if (p->is_noisy) curve_smooth(c, smooth);
    fputs("<polyline ", out);
    write_class(out, "line", k);
    fputs(" points=\"", out);
    for (size_t i = 0; i < c->used; i++) {
        const struct curve_point *q = &c->points[i];
        fprintf(out, "%s%.1f,%.1f", i ? " " : "", place(x, q->x), place(y, p->is_noisy ? smooth[i] : q->y));
    }
    fputs("\"/>\n", out);
}

static void write_dots(FILE *out, const struct svg_plot *p, int k, const struct axis *x, const struct axis *y)
{
    const struct curve *c = curve_of(p, k);
    for (size_t i = 0; i < c->used; i++) {
        const struct curve_point *q = &c->points[i];
        fputs("<circle ", out);
        write_class(out, "dot", k);
        fprintf(out, " cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s %.*f: %.2f%s</title></circle>\n", place(x, q->x), place(y, q->y),
                p->x_name, p->is_share ? 2 : 0, q->x, q->y, p->unit);
    }
}

static void write_best(FILE *out, const struct svg_plot *p, const struct axis *x, const struct axis *y)
{
    const double cx = place(x, p->best->x), cy = place(y, p->best->y), middle = (x->from + x->to) / 2;
    const bool is_right = cx > middle;
    fprintf(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%d\"/>", cx, cx, cy, p->height - BOTTOM);
    fprintf(out, "<circle class=\"best\" cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\"><title>%s %.0f: %.2f%s</title></circle>", cx, cy, p->x_name,
            p->best->x, p->best->y, p->unit);
    fprintf(out, "<text class=\"label\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">best %.2f</text>\n", is_right ? "end" : "start",
            is_right ? cx - 10 : cx + 10, cy - 8, p->best->y);
}

void svg_write(FILE *out, const struct svg_plot *p)
{
    const struct axis x = x_axis(p), y = y_axis(p);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", p->width, p->height, p->name);
    write_y_ticks(out, p, &y);
    write_x_ticks(out, p, &x);
    for (size_t i = 0; p->rug && i < p->rug->used; i++) {
        const double at = place(&x, p->rug->points[i].x);
        fprintf(out, "<line class=\"rug\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at, at, p->height - BOTTOM - 9,
                p->height - BOTTOM);
    }
    if (p->has_diagonal)
        fprintf(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", place(&x, 0), place(&x, 1), place(&y, 0),
                place(&y, 1));
    if (p->is_noisy && !p->n_more) write_raw(out, p, &x, &y);
    for (int k = 0; k < curves_of(p); k++) {
        if (curve_of(p, k)->used > 1) write_line(out, p, k, &x, &y);
        if (p->has_dots || curve_of(p, k)->used == 1) write_dots(out, p, k, &x, &y);
    }
    if (p->best) write_best(out, p, &x, &y);
    fputs("</svg>\n", out);
}
