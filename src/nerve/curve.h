/* curve.h - a curve of any length in bounded memory.
 *
 * Points arrive one by one. As long as they fit, each is kept as it is; when the room is full, neighbours are merged in pairs, and from
 * then on a kept point stands for twice as many. So a curve has between half of CURVE_POINTS and CURVE_POINTS kept points, whatever its
 * length, and none of its peaks is lost: a kept point knows the least and the greatest of what it stands for.
 */
#ifndef NERVE_CURVE_H
#define NERVE_CURVE_H

#include <stddef.h>
#include <stdint.h>

enum { CURVE_POINTS = 512 };

struct curve_point {
    double x, y;      /* means */
    double low, high; /* of y */
    int64_t n;        /* points it stands for */
};

struct curve {
    struct curve_point points[CURVE_POINTS];
    size_t used;
    int64_t each; /* points that a full kept point stands for; 0 means 1, so a zeroed curve is an empty one */
};

void curve_add(struct curve *c, double x, double y); /* in the order of x; what is not finite, or beyond float, is left out */

/* smooth [used] = the mean of all kept points, each weighted by exp(-((x - x_i) / h)^2 / 2) and by what it stands for. h is 2 % of the
 * curve's span, or the mean distance of kept points where that is more. */
void curve_smooth(const struct curve *c, double *smooth);

#endif
