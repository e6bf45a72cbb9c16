/* assess_table.c - trust, parts and corruption of an evaluation's JSON as lines for people. */
#include "assess.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A measure of an object, times `factor`, in `width` columns; "-" where it is null. */
static void put(FILE *f, const struct json *object, const char *key, double factor, int width, int digits)
{
    double x;
    if (json_read_number(json_get(object, key), &x))
        fprintf(f, "%*.*f", width, digits, factor * x);
    else
        fprintf(f, "%*s", width, "-");
}

static void put_named(FILE *f, const struct json *object, const char *key, const char *name)
{
    fprintf(f, "  %s ", name);
    put(f, object, key, 1, 0, 3);
}

static void put_calibration(FILE *f, const struct json *c)
{
    int64_t entities = 0, missed = 0;
    json_read_integer(json_get(c, "entities"), &entities);
    json_read_integer(json_get(c, "missed"), &missed);
    fputs("calibration   ", f);
    put_named(f, c, "ece", "ECE");
    put_named(f, c, "brier", "Brier");
    put_named(f, c, "nll", "NLL");
    put_named(f, c, "temperature", "temperature");
    fprintf(f, "  (%lld entities predicted, %lld missed)\n", (long long)entities, (long long)missed);
}

static void put_selective(FILE *f, const struct json *s)
{
    static const char *const COVERAGES[] = {"1.0", "0.9", "0.8", "0.7"};
    fputs("selective     ", f);
    put_named(f, s, "aurc", "AURC");
    put_named(f, s, "eaurc", "excess");
    fputs("  F1 at 100, 90, 80, 70 % coverage", f);
    for (size_t k = 0; k < sizeof COVERAGES / sizeof *COVERAGES; k++) {
        fputs(k ? ", " : " ", f);
        put(f, json_get(s, "f1_at_coverage"), COVERAGES[k], 100, 0, 2);
    }
    fputc('\n', f);
}

static void put_errors(FILE *f, const struct json *a)
{
    fputs("AUROC of wrong", f);
    put_named(f, a, "confidence", "confidence");
    put_named(f, a, "margin", "margin");
    put_named(f, a, "entropy", "entropy");
    put_named(f, a, "aleatoric", "aleatoric");
    put_named(f, a, "epistemic", "epistemic");
    put_named(f, a, "predictive_scale", "predictive scale");
    fputc('\n', f);
}

static int longest(void *context, const char *key, const struct json *value, struct err *e)
{
    int *width = context;
    (void)value;
    (void)e;
    if ((int)strlen(key) > *width) *width = (int)strlen(key);
    return 0;
}

struct rows {
    FILE *f;
    int width;
};

static int put_subset(void *context, const char *key, const struct json *value, struct err *e)
{
    const struct rows *r = context;
    int64_t support = 0;
    (void)e;
    json_read_integer(json_get(value, "support"), &support);
    fprintf(r->f, "%-*s  ", r->width, key);
    put(r->f, value, "f1", 100, 7, 2);
    fprintf(r->f, " %8lld\n", (long long)support);
    return 0;
}

static void put_subsets(FILE *f, const struct json *subsets)
{
    struct rows r = {f, (int)strlen("subset")};
    struct err none = {0};
    json_each(subsets, longest, &r.width, &none);
    fprintf(f, "%-*s  %7s %8s\n", r.width, "subset", "F1", "support");
    json_each(subsets, put_subset, &r, &none);
}

static void put_corruption(FILE *f, const struct json *all)
{
    fprintf(f, "%-13s  %6s %7s  %7s  %-22s  %16s\n", "corruption", "degree", "F1", "AUROC", "by", "AUROC by entropy");
    for (size_t k = 0; k < json_size(all); k++) {
        const struct json *c = json_at(all, k);
        const char *measure = json_text(json_get(c, "measure"));
        double degree = NAN;
        json_read_number(json_get(c, "degree"), &degree);
        fprintf(f, "%-13s  %6g ", json_text(json_get(c, "kind")), degree);
        put(f, c, "f1", 100, 7, 2);
        fputs("  ", f);
        put(f, c, "auroc", 1, 7, 3);
        fprintf(f, "  %-22s  ", measure ? measure : "-");
        put(f, c, "entropy_auroc", 1, 16, 3);
        fputc('\n', f);
    }
}

int assess_table(const struct json *assessment, char **out, struct err *e)
{
    size_t size;
    *out = NULL;
    FILE *f = open_memstream(out, &size);
    if (f) {
        const struct json *corruption = json_get(assessment, "corruption");
        put_calibration(f, json_get(assessment, "calibration"));
        put_selective(f, json_get(assessment, "selective"));
        put_errors(f, json_get(assessment, "error_auroc"));
        put_subsets(f, json_get(assessment, "subsets"));
        if (corruption) put_corruption(f, corruption);
    }
    if (f && fclose(f) == 0) return 0;
    free(*out);
    return err_set(e, ERR_INTERNAL, "out of memory for a table");
}
