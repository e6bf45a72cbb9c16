#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "real.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

void assert_close(const struct safetensors *s, const char *tensor, size_t n, const ag_real *x, double tolerance)
{
    size_t size;
    double *r = reference_double(s, tensor, &size);
    assert_int_equal(n, size);
    const double difference = relative_difference(n, x, r);
    free(r);
    if (!(difference <= tolerance)) fail_msg("%s: off by %.2e of the largest entry, allowed are %.1e", tensor, difference, tolerance);
}

void assert_near(const struct safetensors *s, const char *tensor, size_t n, const ag_real *x, double tolerance)
{
    size_t size;
    double *r = reference_double(s, tensor, &size);
    assert_int_equal(n, size);
    const double difference = max_difference(n, x, r);
    free(r);
    if (!(difference <= tolerance)) fail_msg("%s: off by %.2e, allowed are %.1e", tensor, difference, tolerance);
}

const char *named(const char *format, ...)
{
    static char names[4][512];
    static unsigned next;
    char *name = names[next++ % 4];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof names[0], format, arguments);
    va_end(arguments);
    return name;
}
