#include "evi.h"

void evi_inverse_frequency(int L, const int64_t *count, ag_real *weight)
{
    int64_t words = 0, tags = 0;
    for (int t = 0; t < L; t++) {
        words += count[t];
        tags += count[t] > 0;
    }
    for (int t = 0; t < L; t++) {
        const double of_tag = tags ? (double)words / ((double)tags * (double)(count[t] > 0 ? count[t] : 1)) : 1;
        for (int l = 0; l < L; l++) weight[t * L + l] = (ag_real)of_tag;
    }
}
