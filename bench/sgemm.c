/* sgemm.c - what this machine's BLAS gives in this second: GFLOP/s on so many threads, as one JSON object.
 *
 *   build/bench/sgemm [THREADS]
 */
#include "sgemm.h"
#include "ag.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 2;
    struct sgemm s = {0};
    struct err e = {0};
    if (argc > 2 || threads < 1) {
        fprintf(stderr, "usage: sgemm [THREADS]\n");
        return 64;
    }
    if (machine_start(threads, &e) || sgemm_begin(&s, &e)) {
        fprintf(stderr, "sgemm: %s\n", e.text);
        return -e.code;
    }
    sgemm_run(&s, .3);
    printf("{\"sgemm_gflops\": %.1f, \"threads\": %d, \"core_type\": \"%s\"}\n", sgemm_gflops(&s), threads, ag_describe().core_type);
    sgemm_end(&s);
    return 0;
}
