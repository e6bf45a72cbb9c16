/* real.h - reference values as the build's own numbers. */
#ifndef TEST_MODELS_REAL_H
#define TEST_MODELS_REAL_H

#include "ag.h"
#include "reference.h"

#ifdef AG_DOUBLE
#define reference_real reference_double
enum { DOUBLE_BUILD = 1 };
#else
#define reference_real reference_float
enum { DOUBLE_BUILD = 0 };
#endif

/* Ends the test where x is farther from the reference tensor than the tolerance, a fraction of its largest entry. */
void assert_close(const struct safetensors *s, const char *tensor, size_t n, const ag_real *x, double tolerance);
/* The same with an absolute tolerance. */
void assert_near(const struct safetensors *s, const char *tensor, size_t n, const ag_real *x, double tolerance);

/* Name of a tensor put together from a format; good until the fourth call after this one. */
const char *named(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
