/* edges.c - see edges.h. Directions are told by the angle of the gradient of the gray picture, smoothed over 3 x 3. */
#include "edges.h"
#include <math.h>
#include <string.h>

enum { S = SYNTH_SIDE };

static double gray(const uint8_t *rgb, int x, int y)
{
    double sum = 0;
    for (int dy = -1; dy <= 1; dy++) {
        for (int dx = -1; dx <= 1; dx++) {
            const uint8_t *at = rgb + ((y + dy) * S + x + dx) * 3;
            sum += at[0] + at[1] + at[2];
        }
    }
    return sum / 27;
}

void edges_of(const uint8_t rgb[SYNTH_PIXELS], double x[EDGE_FEATURES])
{
    double sum = 0;
    memset(x, 0, EDGE_FEATURES * sizeof *x);
    for (int i = 2; i < S - 2; i++) {
        for (int k = 2; k < S - 2; k++) {
            double dx = gray(rgb, k + 1, i) - gray(rgb, k - 1, i), dy = gray(rgb, k, i + 1) - gray(rgb, k, i - 1);
            double turn = atan2(dy, dx) / acos(-1); /* of half a circle */
            int direction = (int)floor((turn + 2) * 8 + 0.5) % 8, band = (i - 2) * 3 / (S - 4);
            x[band * 8 + direction] += hypot(dx, dy);
            sum += hypot(dx, dy);
        }
    }
    for (int i = 0; i < EDGE_FEATURES && sum > 0; i++) x[i] /= sum;
}

void colour_of(const uint8_t rgb[SYNTH_PIXELS], double x[3])
{
    memset(x, 0, 3 * sizeof *x);
    for (int i = 0; i < SYNTH_PIXELS; i++) x[i % 3] += (double)rgb[i] / (S * S);
}

int nearest_row(const double *known, int n, int width, const double *x)
{
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i < n; i++) {
        double distance = 0;
        for (int k = 0; k < width; k++) distance += (known[i * width + k] - x[k]) * (known[i * width + k] - x[k]);
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}
