#include "reference.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat status;
    return path && *path && !stat(path, &status) && S_ISDIR(status.st_mode);
}

static const char *path_below(const char *variable, const char *name)
{
    enum { PATHS = 8 };
    static char path[PATHS][PATH_MAX];
    static size_t next;
    const char *folder = getenv(variable);
    if (!is_folder(folder)) {
        fprintf(stderr, "%s %s: skipped\n", variable, folder && *folder ? "names no folder" : "is not set");
        skip();
    }
    char *p = path[next++ % PATHS];
    const int length = snprintf(p, PATH_MAX, "%s%s%s", folder, *name ? "/" : "", name);
    assert_in_range(length, 1, PATH_MAX - 1);
    return p;
}

const char *reference_path(const char *name)
{
    return path_below("NERVE_REFERENCE", name);
}

const char *shared_path(const char *name)
{
    return path_below("NERVE_SHARED", name);
}

char **reference_folders(const char *name, size_t *count)
{
    char folder[PATH_MAX], path[2 * PATH_MAX];
    const char *parent = getenv("NERVE_REFERENCE");
    struct dirent **entry = NULL;
    snprintf(folder, sizeof folder, "%s/%s", parent ? parent : "", name);
    const int entries = is_folder(parent) ? scandir(folder, &entry, NULL, alphasort) : 0;
    char **names = calloc((size_t)(entries > 0 ? entries : 0) + 1, sizeof *names);
    if (!names) abort();
    *count = 0;
    for (int i = 0; i < entries; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.' && is_folder(path) && !(names[(*count)++] = strdup(entry[i]->d_name))) abort();
        free(entry[i]);
    }
    free(entry);
    return names;
}

void folders_free(char **names)
{
    for (char **n = names; *n; n++) free(*n);
    free(names);
}

struct safetensors *reference_open(const char *name)
{
    struct safetensors *s = NULL;
    struct err e;
    if (safetensors_open(reference_path(name), &s, &e)) fail_msg("%s", e.text);
    return s;
}

const struct array *reference_array(const struct safetensors *s, const char *tensor)
{
    const struct array *a = safetensors_find(s, tensor);
    if (!a) fail_msg("the reference has no tensor \"%s\"", tensor);
    return a;
}

size_t reference_dim(const struct safetensors *s, const char *tensor, int axis)
{
    const struct array *a = reference_array(s, tensor);
    if (axis < 0 || axis >= a->rank) fail_msg("the reference's \"%s\" has %d dimensions, no axis %d", tensor, a->rank, axis);
    return a->dim[axis];
}

static void *values(const struct array *a, size_t size, size_t *n)
{
    void *x = calloc(a->size + 1, size);
    assert_non_null(x);
    if (n) *n = a->size;
    return x;
}

static int64_t integer(const struct array *a, size_t i)
{
    int64_t wide = 0;
    int32_t narrow;
    if (a->type == ARRAY_I64) {
        memcpy(&wide, (const char *)a->data + 8 * i, sizeof wide);
    } else if (a->type == ARRAY_I32) {
        memcpy(&narrow, (const char *)a->data + 4 * i, sizeof narrow);
        wide = narrow;
    } else {
        fail_msg("the reference's \"%s\" has type %s, not what the test reads", a->name, array_type_name(a->type));
    }
    return wide;
}

double *reference_double(const struct safetensors *s, const char *tensor, size_t *n)
{
    const struct array *a = reference_array(s, tensor);
    double *x = values(a, sizeof *x, n);
    for (size_t i = 0; i < a->size; i++) {
        float narrow;
        if (a->type == ARRAY_F64) {
            memcpy(x + i, (const char *)a->data + 8 * i, sizeof *x);
        } else if (a->type == ARRAY_F32) {
            memcpy(&narrow, (const char *)a->data + 4 * i, sizeof narrow);
            x[i] = (double)narrow;
        } else {
            x[i] = (double)integer(a, i);
        }
    }
    return x;
}

float *reference_float(const struct safetensors *s, const char *tensor, size_t *n)
{
    const struct array *a = reference_array(s, tensor);
    float *x = values(a, sizeof *x, n);
    struct err e;
    if (array_to_float(a, x, &e)) fail_msg("%s", e.text);
    return x;
}

int32_t *reference_int(const struct safetensors *s, const char *tensor, size_t *n)
{
    const struct array *a = reference_array(s, tensor);
    int32_t *x = values(a, sizeof *x, n);
    for (size_t i = 0; i < a->size; i++) {
        const int64_t wide = integer(a, i);
        if (wide < INT32_MIN || wide > INT32_MAX) fail_msg("the reference's \"%s\" does not fit into 32 bits", tensor);
        x[i] = (int32_t)wide;
    }
    return x;
}

/* Of n values that a function gives: NaN where one of them is, or where there is none. */
static double largest(size_t n, double (*at)(size_t i, const void *x, const double *r), const void *x, const double *r)
{
    double max = n ? 0 : NAN;
    for (size_t i = 0; i < n; i++) {
        const double value = fabs(at(i, x, r));
        if (isnan(value)) return NAN;
        if (value > max) max = value;
    }
    return max;
}

static double difference_float(size_t i, const void *x, const double *r)
{
    return (double)((const float *)x)[i] - r[i];
}

static double difference_double(size_t i, const void *x, const double *r)
{
    return ((const double *)x)[i] - r[i];
}

static double itself(size_t i, const void *x, const double *r)
{
    (void)x;
    return r[i];
}

double max_difference_float(size_t n, const float *x, const double *r)
{
    return largest(n, difference_float, x, r);
}

double max_difference_double(size_t n, const double *x, const double *r)
{
    return largest(n, difference_double, x, r);
}

double relative_difference_float(size_t n, const float *x, const double *r)
{
    return max_difference_float(n, x, r) / largest(n, itself, NULL, r);
}

double relative_difference_double(size_t n, const double *x, const double *r)
{
    return max_difference_double(n, x, r) / largest(n, itself, NULL, r);
}
