/* svg.h - one plot of one or several curves as an <svg> element for a page that has the style of report_style.c.
 *
 * Colours are classes, so the page decides them: raw, line, dot, best, rug, grid, tick, name,
 * and s1, s2, ... beside line and dot for the second curve and those behind it. Text that comes from a file has no
 * way in.
 */
#ifndef NERVE_SVG_H
#define NERVE_SVG_H

#include "curve.h"
#include <stdbool.h>
#include <stdio.h>

/* The y axis is logarithmic where the curve is noisy, all its values are positive and they span more than a factor of 30. */
struct svg_plot {
    const char *name;                /* what is seen, for readers that hear it */
    const char *x_name;              /* below the axis */
    const char *unit;                /* behind a value that a dot says */
    int width, height;               /* units of the view box; text is 12 of them high */
    const struct curve *curve;       /* where any curve has a point, this one may be empty */
    const struct curve *const *more; /* [n_more] curves in the same plot, raw lines are left out where there are any */
    int n_more;
    bool is_share;                  /* both axes go from 0 to 1 */
    bool has_diagonal;              /* a thin line where y is x */
    bool is_noisy;                  /* the points thin, their smoothed line strong; otherwise one strong line */
    bool has_dots;                  /* each point is marked and says its values to the pointer */
    bool from_zero;                 /* an axis that is not logarithmic begins at 0 */
    const struct curve_point *best; /* marked with its value; NULL: none */
    const struct curve *rug;        /* its x are marked on the x axis; NULL or empty: none */
};

void svg_write(FILE *out, const struct svg_plot *p);

#endif
