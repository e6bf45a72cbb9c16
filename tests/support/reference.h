/* reference.h - values made outside the project, for every test program.
 *
 * They lie in the folder that NERVE_REFERENCE names; data, vocabularies and weights in that of NERVE_SHARED. Where the variable is unset or
 * names no folder the test is skipped, with a word on stderr; a file that is missing in a folder that is there is a failure. All functions
 * but reference_folders are called inside a cmocka test: they end it where they cannot serve.
 */
#ifndef TEST_REFERENCE_H
#define TEST_REFERENCE_H

#include "safetensors.h"
#include <stddef.h>
#include <stdint.h>

/* A path below the folder; "" is the folder itself. Good until the eighth call after this one. */
const char *reference_path(const char *name);
const char *shared_path(const char *name);

/* Names, sorted, of the folders in NERVE_REFERENCE/name; NULL behind the last. None where it is absent. For main(), which makes a test of
 * each. Free with folders_free. */
char **reference_folders(const char *name, size_t *count);
void folders_free(char **names);

struct safetensors *reference_open(const char *name); /* close with safetensors_close */

const struct array *reference_array(const struct safetensors *s, const char *tensor); /* never NULL; dims and rank are its members */
size_t reference_dim(const struct safetensors *s, const char *tensor, int axis);      /* an axis that is there */

/* Values in fresh memory: free them. n, where it is not NULL, gets the number of elements. */
double *reference_double(const struct safetensors *s, const char *tensor, size_t *n); /* of F64, F32, I64, I32 */
float *reference_float(const struct safetensors *s, const char *tensor, size_t *n);   /* of F32, F16, BF16 and, rounded, F64 */
int32_t *reference_int(const struct safetensors *s, const char *tensor, size_t *n);   /* of I32, and of I64 where it fits */

/* max |x - r| and max |x - r| / max |r|, x float or double. NaN where x or r holds one, where nothing is compared, and (the relative one)
 * where r is all zero: so `if (!(difference <= tolerance)) fail` fails then. */
double max_difference_float(size_t n, const float *x, const double *r);
double max_difference_double(size_t n, const double *x, const double *r);
double relative_difference_float(size_t n, const float *x, const double *r);
double relative_difference_double(size_t n, const double *x, const double *r);

#define REFERENCE_OF(function, x)                                                                                                          \
    _Generic((x), float *: function##_float, const float *: function##_float, double *: function##_double, const double *: function##_double)
#define max_difference(n, x, r)      REFERENCE_OF(max_difference, x)(n, x, r)
#define relative_difference(n, x, r) REFERENCE_OF(relative_difference, x)(n, x, r)

#endif
