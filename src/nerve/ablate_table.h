/* ablate_table.h - the table of an ablation: means and standard deviations over the seeds of each row, as far as its runs are finished.
 *
 * Measures are fractions in table.json and table.csv, as in eval/test.json; in table.md and on the terminal F1, precision and recall are in
 * percent. The standard deviation is that of a sample (n - 1), and is not known for one seed.
 */
#ifndef NERVE_ABLATE_TABLE_H
#define NERVE_ABLATE_TABLE_H

#include "ablate_cell.h"
#include <stdio.h>

struct table_spread {
    double mean, sd; /* NAN: not known */
    int n;
};
struct table_row {
    int finished, failed, cells;
    struct table_spread f1, column[ABLATION_COLUMNS];
    double p;                /* against the base; NAN: not known */
    double seconds, peak_mb; /* mean of the runs; the most of any run; NAN: not known */
};
struct table {
    const struct ablation *a;
    const struct cell *cells; /* in the order of the rows */
    int n_cells;
    struct table_row *rows; /* [a->n_rows] */
    bool shown[ABLATION_COLUMNS];
};

/* From the cells as they are now, which must live as long; p [a->n_rows] of each row. End with table_end. */
int table_begin(const struct ablation *a, const struct cell *cells, int n_cells, const double *p, struct table *t, struct err *e);
void table_end(struct table *t);

/* table.json, table.md and table.csv in directory, each atomically. */
int table_write(const struct table *t, const char *directory, struct err *e);
/* For people: a table and, below it, what failed. */
enum table_form { TABLE_TERMINAL, TABLE_MARKDOWN };
void table_print(FILE *f, const struct table *t, enum table_form form);

#endif
