/* gather.c - rows of a table: embeddings, or the first piece of each word.
 *
 *   forward    y[i] = table[row[i]]
 *   backward   dtable[r] = sum over i with row[i] = r of dy[i], in the order of i
 *
 *   table [R,C]   row [n] in 0 .. R-1, borrowed   y [n,C]
 *
 * A row-sparse parameter gets its gradient row by row, whatever R; any other table gets all of [R,C].
 */
#include "ag.h"
#include "kernels.h"
#include "optim.h"
#include <string.h>

struct rows {
    const int32_t *at;
};

static void gather_backward(ag_graph *g, ag_tensor *y)
{
    ag_tensor *table = y->in[0];
    const int32_t *row = ((const struct rows *)y->saved)->at;
    const size_t n = ag_rows(y), C = (size_t)ag_cols(y);

    /* One thread: two threads could meet in one row, and a batch's rows are few. */
    if (table->param && table->param->role == AG_SPARSE) {
        for (size_t i = 0; i < n; i++) ag_k->add(C, y->grad + i * C, ag_sparse_row(table->param, row[i]));
        return;
    }
    ag_real beta, *dtable = ag_grad(g, table, &beta);
    if (beta == 0) memset(dtable, 0, ag_size(table) * sizeof *dtable);
    for (size_t i = 0; i < n; i++) ag_k->add(C, y->grad + i * C, dtable + (size_t)row[i] * C);
}

const ag_op ag_op_gather = {"gather", 1, gather_backward};

ag_tensor *ag_gather(ag_graph *g, ag_tensor *table, int n, const int32_t *row)
{
    AG_CHECK(table->rank == 2, "gather: the table has rank %d, not 2", table->rank);
    for (int i = 0; i < n; i++)
        AG_CHECK(row[i] >= 0 && row[i] < table->dim[0], "gather: row %d of a table with %d rows", (int)row[i], table->dim[0]);
    const size_t C = (size_t)ag_cols(table);
    ag_param *p = table->param && table->param->of ? table->param->of : table->param;
    if (p && p->log) ag_param_settle_rows(p, n, row);
    ag_tensor *y = ag_node(g, &ag_op_gather, 2, (const int[]){n, ag_cols(table)}, &table);
    struct rows *saved = y->saved = ag_save(g, sizeof *saved);
    saved->at = row;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int i = 0; i < n; i++) memcpy(y->val + (size_t)i * C, table->val + (size_t)row[i] * C, C * sizeof *y->val);
    return y;
}
