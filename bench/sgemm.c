/* sgemm.c - what this machine's BLAS gives in this minute: GFLOP/s of one 2048 x 2048 x 2048 product over the engine's tiles, best of five.
 * Every figure of speed is told beside it.
 *
 *   build/bench/sgemm [threads]
 */
#include "blas.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = 2048, ROUNDS = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    if (threads < 1 || ag_start(threads, &e)) {
        fprintf(stderr, "sgemm: %s\n", threads < 1 ? "threads must be at least 1" : e.text);
        return 64;
    }
    float *a = malloc((size_t)N * N * sizeof *a), *b = malloc((size_t)N * N * sizeof *b), *c = malloc((size_t)N * N * sizeof *c);
    if (!a || !b || !c) return 70;
    for (size_t i = 0; i < (size_t)N * N; i++) a[i] = b[i] = (float)(i % 7) - 3;
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        ag_gemm(false, true, N, N, N, a, b, 0, c, NULL, NULL);
        double rate = 2.0 * N * N * N / (now() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    printf("{\"sgemm_gflop_per_s\": %.1f, \"threads\": %d, \"kernels\": \"%s\", \"core_type\": \"%s\"}\n", best, threads,
           ag_describe().kernels, ag_describe().core_type);
    free(a);
    free(b);
    free(c);
    return 0;
}
