#include "trust.h"
#include "calibration.h"
#include "ranking.h"
#include <stdio.h>
#include <stdlib.h>

enum { CURVE_POINTS = 100 };

static const struct {
    const char *name;
    double sign; /* a confidence is an uncertainty upside down */
    size_t offset;
} SCORES[] = {
    {"confidence", -1, offsetof(struct trust_entity, confidence)}, {"margin", 1, offsetof(struct trust_entity, margin)},
    {"entropy", 1, offsetof(struct trust_entity, entropy)},        {"aleatoric", 1, offsetof(struct trust_entity, aleatoric)},
    {"epistemic", 1, offsetof(struct trust_entity, epistemic)},    {"predictive_scale", 1, offsetof(struct trust_entity, predictive_scale)},
};
enum { N_SCORES = sizeof SCORES / sizeof *SCORES, CONFIDENCE = 0 };

static struct json *calibration_json(const struct calibration *c, size_t missed, double temperature)
{
    struct json *v = json_new_object(), *bins = json_new_array();
    json_set_number(v, "ece", c->ece);
    json_set_number(v, "mce", c->mce);
    json_set_number(v, "brier", c->brier);
    json_set_number(v, "nll", c->nll);
    json_set_number(v, "temperature", temperature);
    json_set_integer(v, "entities", (int64_t)c->n);
    json_set_integer(v, "missed", (int64_t)missed);
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        struct json *bin = json_new_object();
        json_set_integer(bin, "n", (int64_t)c->bin[b].n);
        json_set_number(bin, "accuracy", c->bin[b].accuracy);
        json_set_number(bin, "confidence", c->bin[b].confidence);
        json_append(bins, bin);
    }
    json_set(v, "bins", bins);
    return v;
}

static struct json *selective_json(const struct ranking *r, size_t gold)
{
    static const double coverages[] = {1, .9, .8, .7};
    struct json *v = json_new_object(), *f1 = json_new_object(), *curve = json_new_array();
    struct ranking_point points[CURVE_POINTS];
    const size_t n_points = ranking_curve(r, CURVE_POINTS, points);
    json_set_number(v, "aurc", ranking_aurc(r));
    json_set_number(v, "eaurc", ranking_excess_aurc(r));
    for (size_t k = 0; k < sizeof coverages / sizeof *coverages; k++) {
        char name[16];
        snprintf(name, sizeof name, "%.1f", coverages[k]);
        json_set_number(f1, name, ranking_f1(r, gold, coverages[k]));
    }
    json_set(v, "f1_at_coverage", f1);
    for (size_t k = 0; k < n_points; k++) {
        struct json *point = json_new_object();
        json_set_number(point, "coverage", points[k].coverage);
        json_set_number(point, "risk", points[k].risk);
        json_append(curve, point);
    }
    json_set(v, "risk_coverage", curve);
    return v;
}

int trust_json(size_t n, const struct trust_entity *entities, size_t gold, double temperature, struct json *into, struct err *e)
{
    struct calibration calibration;
    struct json *auroc = json_new_object(), *selective = NULL;
    double *x = calloc(n + 1, sizeof *x);
    bool *flags = calloc(n + 1, sizeof *flags); /* right, then wrong */
    size_t right = 0;
    int code = x && flags ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the scores of %zu entities", n);
    if (code) goto done;

    for (size_t i = 0; i < n; i++) {
        x[i] = entities[i].confidence;
        right += flags[i] = entities[i].right;
    }
    calibration_measure(n, x, flags, &calibration);
    for (size_t i = 0; i < n; i++) flags[i] = !flags[i];
    for (int s = 0; s < N_SCORES && !code; s++) {
        struct ranking r;
        for (size_t i = 0; i < n; i++) x[i] = SCORES[s].sign * *(const double *)((const char *)&entities[i] + SCORES[s].offset);
        code = ranking_make(n, x, flags, &r, e);
        if (code) break;
        json_set_number(auroc, SCORES[s].name, ranking_auroc(&r));
        if (s == CONFIDENCE) selective = selective_json(&r, gold);
        ranking_free(&r);
    }
    if (code) goto done;
    json_set(into, "calibration", calibration_json(&calibration, gold - right, temperature));
    json_set(into, "selective", selective);
    json_set(into, "error_auroc", auroc);
done:
    if (code) {
        json_free(selective);
        json_free(auroc);
    }
    free(x);
    free(flags);
    return code;
}
