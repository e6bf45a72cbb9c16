#include "each.h"

struct one {
    each_pass pass;
    void *context;
    ag_graph *g;
    int input;
};

static void run(void *context)
{
    const struct one *o = context;
    o->pass(o->context, o->g, o->input);
}

int each_encode(int n, each_pass pass, void *context, struct err *e)
{
    int code = 0;
#pragma omp parallel num_threads(ag_threads())
    {
        ag_graph g;
        ag_graph_init(&g);
#pragma omp for schedule(dynamic)
        for (int k = 0; k < n; k++) {
            struct one one = {.pass = pass, .context = context, .g = &g, .input = k};
            struct err failed = {0};
            const int failure = ag_try(run, &one, &failed);
            ag_graph_reset(&g);
            if (!failure) continue;
#pragma omp critical
            if (!code) code = err_set(e, ERR_INTERNAL, "%s", failed.text);
        }
        ag_graph_free(&g);
    }
    return code;
}
