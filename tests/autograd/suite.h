/* suite.h - what follows from a table of gradient cases without another line of code.
 *
 * In the double build: each row's gradient is exact, a wrong backward of its op is refused, the op equals its composition, and every
 * declared op has a row. In the float build: each row gives the same bytes on 1, 2, 3 and 4 threads. With the arguments `write FILE` either
 * build writes values and gradients of each row, which test_float_agrees_with_double compares.
 *
 * A layer with ops of its own writes its rows, names its ops by including its .def, and gives both to suite_main.
 */
#ifndef SUITE_H
#define SUITE_H

#include "gradcheck.h"

typedef struct suite {
    const char *area;
    const gradcheck_case *cases;
    int n_cases;
    const char *const *ops; /* declared names */
    int n_ops;
} suite;

/* NULL, or one line: a declared op without a case, or a case whose op is not declared. */
const char *suite_gap(const suite *s);

int suite_main(const suite *suites, int n, int argc, char **argv);

#endif
