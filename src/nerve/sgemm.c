#include "sgemm.h"
#include "blas.h"
#include "clock.h"
#include <stdlib.h>

enum { N = 1024 };

static void product(const struct sgemm *s)
{
    ag_blas_plain(N, s->a, s->b, s->c);
}

int sgemm_begin(struct sgemm *s, struct err *e)
{
    const size_t n = (size_t)N * N;
    *s = (struct sgemm){.a = malloc(n * sizeof *s->a), .b = malloc(n * sizeof *s->b), .c = malloc(n * sizeof *s->c)};
    if (!s->a || !s->b || !s->c) return err_set(e, ERR_INTERNAL, "out of memory for a product of %d x %d x %d", N, N, N);
    for (size_t i = 0; i < n; i++) s->a[i] = s->b[i] = (float)(i % 7) - 3;
    product(s); /* brings the pages in and wakes the threads */
    return 0;
}

void sgemm_run(struct sgemm *s, double seconds)
{
    const double start = clock_seconds();
    double passed = 0;
    for (int k = 0; k < SGEMM_LEAST || passed < seconds; k++) {
        product(s);
        s->flop += 2.0 * N * N * N;
        passed = clock_seconds() - start;
    }
    s->seconds += passed;
}

double sgemm_gflops(const struct sgemm *s)
{
    return s->flop / s->seconds * 1e-9;
}

void sgemm_end(struct sgemm *s)
{
    free(s->a);
    free(s->b);
    free(s->c);
}
