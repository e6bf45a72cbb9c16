/* Values and gradients of every gradient case, computed in float, are those computed in double.
 *
 * Arguments: the float program and the double program of one case table (suite.h). Tolerance: 1e-5 of a tensor's largest entry, or of 1
 * where double finds nothing but 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "temporary.h"
#include <cmocka.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const double TOLERANCE = 1e-5;

struct tensor {
    char row[128], name[16];
    size_t n;
    double *val;
};
struct table {
    struct tensor *at;
    size_t n;
};
static struct table in_float, in_double;

static void stop(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", which, what);
    exit(1);
}

static struct table read_table(const char *path)
{
    struct table t = {0};
    FILE *file = fopen(path, "r");
    if (!file) stop("cannot be read", path);
    for (struct tensor head; fscanf(file, "%127[^\t]\t%15[^\t]\t%zu\n", head.row, head.name, &head.n) == 3;) {
        head.val = malloc((head.n + 1) * sizeof *head.val);
        t.at = realloc(t.at, (t.n + 1) * sizeof *t.at);
        if (!head.val || !t.at) stop("no memory", path);
        for (size_t i = 0; i < head.n; i++)
            if (fscanf(file, "%lf\n", &head.val[i]) != 1) stop("a number is missing", path);
        t.at[t.n++] = head;
    }
    if (!feof(file)) stop("a line is not of the form that suite.c writes", path);
    fclose(file);
    return t;
}

static struct table run(const char *program)
{
    char folder[PATH_MAX], path[PATH_MAX + 8];
    if (temporary_folder(folder)) stop("no temporary folder", folder);
    snprintf(path, sizeof path, "%s/values", folder);
    pid_t child;
    int status = 1;
    extern char **environ;
    char *const arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "write", path, NULL};
    if (posix_spawn(&child, program, NULL, NULL, arguments, environ) || waitpid(child, &status, 0) != child || status != 0)
        stop("does not write its values", program);
    const struct table t = read_table(path);
    temporary_remove(folder);
    return t;
}

static void float_agrees_with_double(void **state)
{
    const char *row = *state;
    size_t seen = 0;
    for (size_t i = 0; i < in_float.n; i++) {
        const struct tensor *f = &in_float.at[i], *d = &in_double.at[i];
        if (strcmp(f->row, row) != 0) continue;
        seen++;
        double largest = 0, distance = 0;
        for (size_t k = 0; k < d->n; k++) {
            if (!(fabs(d->val[k]) <= largest)) largest = fabs(d->val[k]);
            const double difference = fabs(f->val[k] - d->val[k]);
            if (!(difference >= 0)) fail_msg("%s[%zu] is %g in float and %g in double", f->name, k, f->val[k], d->val[k]);
            if (difference > distance) distance = difference;
        }
        if (!(distance <= TOLERANCE * (largest == 0 ? 1 : largest)))
            fail_msg("%s differs by %.2g; its largest entry is %.2g", f->name, distance, largest);
    }
    assert_true(seen > 0);
}

static void both_programs_hold_the_same_tensors(void **state)
{
    (void)state;
    assert_true(in_float.n > 0);
    assert_int_equal(in_float.n, in_double.n);
    for (size_t i = 0; i < in_float.n; i++) {
        assert_string_equal(in_float.at[i].row, in_double.at[i].row);
        assert_string_equal(in_float.at[i].name, in_double.at[i].name);
        assert_int_equal(in_float.at[i].n, in_double.at[i].n);
    }
}

/* Two builds that round alike would be one build compared with itself. */
static void the_two_programs_do_not_compute_alike(void **state)
{
    (void)state;
    bool differ = false;
    for (size_t i = 0; i < in_float.n; i++)
        for (size_t k = 0; k < in_float.at[i].n; k++) differ |= in_float.at[i].val[k] != in_double.at[i].val[k];
    assert_true(differ);
}

int main(int argc, char **argv)
{
    if (argc != 3) stop("needs the float program and the double program", argv[0]);
    in_float = run(argv[1]);
    in_double = run(argv[2]);
    struct CMUnitTest *tests = calloc(in_float.n + 2, sizeof *tests);
    if (!tests) stop("no memory", argv[0]);
    size_t n = 0;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(both_programs_hold_the_same_tensors);
    if (in_float.n == in_double.n) {
        tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_two_programs_do_not_compute_alike);
        for (size_t i = 0; i < in_float.n; i++) {
            if (i > 0 && !strcmp(in_float.at[i].row, in_float.at[i - 1].row)) continue;
            char *name = NULL;
            if (asprintf(&name, "float agrees with double: %s", in_float.at[i].row) < 0) stop("no memory", argv[0]);
            tests[n++] = (struct CMUnitTest){name, float_agrees_with_double, NULL, NULL, in_float.at[i].row};
        }
    }
    return _cmocka_run_group_tests("float_agrees_with_double", tests, n, NULL, NULL);
}
