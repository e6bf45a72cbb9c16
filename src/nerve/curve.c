#include "curve.h"
#include <float.h>
#include <math.h>

static struct curve_point merged(const struct curve_point *a, const struct curve_point *b)
{
    const double share = (double)b->n / (double)(a->n + b->n);
    return (struct curve_point){
        .x = a->x * (1 - share) + b->x * share,
        .y = a->y * (1 - share) + b->y * share,
        .low = fmin(a->low, b->low),
        .high = fmax(a->high, b->high),
        .n = a->n + b->n,
    };
}

void curve_add(struct curve *c, double x, double y)
{
    const struct curve_point added = {x, y, y, y, 1};
    if (!(fabs(x) <= FLT_MAX && fabs(y) <= FLT_MAX)) return;
    if (!c->each) c->each = 1;
    if (c->used && c->points[c->used - 1].n < c->each) {
        c->points[c->used - 1] = merged(&c->points[c->used - 1], &added);
        return;
    }
    if (c->used == CURVE_POINTS) {
        c->used /= 2;
        for (size_t i = 0; i < c->used; i++) c->points[i] = merged(&c->points[2 * i], &c->points[2 * i + 1]);
        c->each *= 2;
    }
    c->points[c->used++] = added;
}

void curve_smooth(const struct curve *c, double *smooth)
{
    const struct curve_point *p = c->points;
    const double span = c->used ? p[c->used - 1].x - p[0].x : 0;
    const double h = span > 0 ? fmax(0.02 * span, span / (double)(c->used - 1)) : 1;
    for (size_t i = 0; i < c->used; i++) {
        double sum = 0, weights = 0;
        for (size_t k = 0; k < c->used; k++) {
            const double distance = (p[i].x - p[k].x) / h, weight = (double)p[k].n * exp(-0.5 * distance * distance);
            sum += weight * p[k].y;
            weights += weight;
        }
        smooth[i] = sum / weights;
    }
}
