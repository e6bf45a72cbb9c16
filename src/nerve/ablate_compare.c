/* ablate_compare.c - rows of an ablation against its base: bootstrap.h over the sums of their runs. */
#include "ablate_cell.h"
#include "bootstrap.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of any run of the row that has counts; NULL: none has. */
static const struct cell_result *first_of(const struct cell *cells, int n, const struct ablation_row *row)
{
    for (int k = 0; k < n; k++)
        if (cells[k].row == row && cells[k].state == CELL_FINISHED && cells[k].result.n_tweets > 0) return &cells[k].result;
    return NULL;
}

static bool same_tweets(const struct cell_result *a, const struct cell_result *b)
{
    return a->n_tweets == b->n_tweets && memcmp(&a->test_digest, &b->test_digest, sizeof a->test_digest) == 0;
}

/* sum [first->n_tweets]. A run of other tweets is none of this row's. */
static void add_up(const struct cell *cells, int n, const struct ablation_row *row, const struct cell_result *first,
                   struct score_counts *sum)
{
    for (int k = 0; k < n; k++) {
        const struct cell_result *r = &cells[k].result;
        if (cells[k].row != row || cells[k].state != CELL_FINISHED || !same_tweets(r, first)) continue;
        for (int i = 0; i < r->n_tweets; i++) score_counts_add(&sum[i], &r->tweets[i]);
    }
}

int cells_compare(const struct cell *cells, int n, const struct ablation_row *row, const struct ablation_row *base, double *p,
                  struct err *e)
{
    const struct cell_result *a = first_of(cells, n, row), *b = first_of(cells, n, base);
    struct bootstrap found;
    *p = NAN;
    if (!a || !b || !same_tweets(a, b)) return 0;
    struct score_counts *sums = calloc(2 * (size_t)a->n_tweets, sizeof *sums);
    if (!sums) return err_set(e, ERR_INTERNAL, "out of memory for the entities of %d tweets", a->n_tweets);
    add_up(cells, n, row, a, sums);
    add_up(cells, n, base, a, sums + a->n_tweets);
    const int code = bootstrap_paired(a->n_tweets, sums, sums + a->n_tweets, 0, &found, e);
    if (!code) *p = found.p;
    free(sums);
    return code;
}
