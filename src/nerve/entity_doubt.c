#include "entity_doubt.h"
#include <math.h>

/* NaN where one of both is: a broken model is not a sure one. */
static double larger(double a, double b)
{
    return b > a || isnan(b) ? b : a;
}

double entity_margin(int L, const double *p, const int32_t *tags, const struct span *entity)
{
    double largest = -1;
    for (int w = entity->first; w <= entity->last; w++) {
        const double *x = p + (size_t)w * (size_t)L;
        for (int k = 0; k < L; k++)
            if (k != tags[w]) largest = larger(largest, x[k] - x[tags[w]]);
    }
    return largest;
}

double entity_entropy(int L, const double *p, const struct span *entity)
{
    double largest = 0;
    for (int w = entity->first; w <= entity->last; w++) {
        const double *x = p + (size_t)w * (size_t)L;
        double entropy = 0;
        for (int k = 0; k < L; k++)
            if (x[k] != 0) entropy -= x[k] * log(x[k]);
        largest = larger(largest, entropy);
    }
    return largest;
}
