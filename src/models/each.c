#include "each.h"

enum { ROWS = 256 };

struct group {
    each_pass pass;
    void *context;
    ag_graph *g;
    int from, to;
};

static void run(void *context)
{
    const struct group *o = context;
    o->pass(o->context, o->g, o->from, o->to);
}

/* Inputs a group: about ROWS rows, fewer where threads would have nothing to do. */
static int group_size(int n, int64_t rows)
{
    const int64_t by_rows = rows > 0 ? (int64_t)ROWS * n / rows : n, by_threads = ((int64_t)n - 1) / ag_threads() + 1;
    const int64_t size = by_rows < by_threads ? by_rows : by_threads;
    return ag_rows_are_alone() && size > 1 ? (int)size : 1;
}

int each_encode(int n, int64_t rows, each_pass pass, void *context, struct err *e)
{
    int code = 0;
    const int size = group_size(n, rows), groups = n > 0 ? (n - 1) / size + 1 : 0;
    /* A group alone has the threads inside its ops. */
#pragma omp parallel num_threads(ag_threads()) if (groups > 1)
    {
        ag_graph g;
        ag_graph_init(&g);
#pragma omp for schedule(dynamic)
        for (int k = 0; k < groups; k++) {
            struct group group = {
                .pass = pass, .context = context, .g = &g, .from = k * size, .to = n - k * size < size ? n : (k + 1) * size};
            struct err failed = {0};
            const int failure = ag_try(run, &group, &failed);
            ag_graph_reset(&g);
            if (!failure) continue;
#pragma omp critical
            if (!code) code = err_set(e, ERR_INTERNAL, "%s", failed.text);
        }
        ag_graph_free(&g);
    }
    return code;
}
