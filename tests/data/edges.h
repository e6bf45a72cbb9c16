/* edges.h - an oracle of pictures that knows no model: how much edge there is in each of 8 directions and 3 bands from above to below, and
 * the nearest of many pictures whose type is known. */
#ifndef TEST_EDGES_H
#define TEST_EDGES_H

#include "synth_picture.h"

enum { EDGE_FEATURES = 3 * 8 };
void edges_of(const uint8_t rgb[SYNTH_PIXELS], double x[EDGE_FEATURES]); /* the sum is 1 */
void colour_of(const uint8_t rgb[SYNTH_PIXELS], double x[3]);            /* the mean */

/* The row of known [n,width] that is nearest to x. */
int nearest_row(const double *known, int n, int width, const double *x);

#endif
