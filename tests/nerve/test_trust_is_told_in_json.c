/* The objects of trust in an evaluation's JSON: their names, and that each score stands under its own with the sign that makes more mean
 * more likely wrong. */
#include "trust.h"
#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct json *at(const struct json *v, const char *path)
{
    char name[64];
    for (size_t n; v && *path; path += path[n] == '/' ? n + 1 : n) {
        n = strcspn(path, "/");
        memcpy(name, path, n);
        name[n] = '\0';
        v = json_get(v, name);
    }
    if (!v) fail_msg("nothing at %s", name);
    return v;
}

static void assert_number(const struct json *v, const char *path, double expected)
{
    double x = NAN;
    if (!json_read_number(at(v, path), &x) || !(fabs(x - expected) <= 1e-12)) fail_msg("%s is %.17g, expected %.17g", path, x, expected);
}

static void assert_is_null(const struct json *v, const char *path)
{
    double x;
    if (json_read_number(at(v, path), &x)) fail_msg("%s is %.17g, expected null", path, x);
}

static struct json *told(size_t n, const struct trust_entity *entities, size_t gold)
{
    struct json *v = json_new_object();
    struct err e = {0};
    if (trust_json(n, entities, gold, 1.5, v, &e)) fail_msg("%s", e.text);
    return v;
}

/* Two right entities and two wrong ones. Of the four pairs of a wrong and a right one each score orders another number as it should. */
static const struct trust_entity ENTITIES[] = {
    {true, .9, -.9, .1, .2, .3, .2},
    {true, .8, -.8, .2, .1, .1, .3},
    {false, .3, .1, .7, .3, .2, .1},
    {false, .6, -.85, .15, .15, 0, 0},
};

static void each_score_has_its_name_and_its_sign(void **state)
{
    (void)state;
    struct json *v = told(4, ENTITIES, 5);
    assert_number(v, "error_auroc/confidence", 1);
    assert_number(v, "error_auroc/margin", 3 / 4.);
    assert_number(v, "error_auroc/entropy", 3 / 4.);
    assert_number(v, "error_auroc/aleatoric", 3 / 4.);
    assert_number(v, "error_auroc/epistemic", 1 / 4.);
    assert_number(v, "error_auroc/predictive_scale", 0);
    assert_int_equal(json_size(at(v, "error_auroc")), 6);
    json_free(v);
}

static void calibration_is_that_of_the_confidences(void **state)
{
    (void)state;
    struct json *v = told(4, ENTITIES, 5);
    assert_number(v, "calibration/ece", (.1 + .2 + .3 + .6) / 4);
    assert_number(v, "calibration/mce", .6);
    assert_number(v, "calibration/brier", (.01 + .04 + .09 + .36) / 4);
    assert_number(v, "calibration/nll", -(log(.9) + log(.8) + log(.7) + log(.4)) / 4);
    assert_number(v, "calibration/temperature", 1.5);
    assert_number(v, "calibration/entities", 4);
    assert_number(v, "calibration/missed", 3);
    assert_int_equal(json_size(at(v, "calibration/bins")), 15);
    assert_number(json_at(at(v, "calibration/bins"), 4), "n", 1);
    assert_number(json_at(at(v, "calibration/bins"), 4), "confidence", .3);
    assert_number(json_at(at(v, "calibration/bins"), 4), "accuracy", 0);
    assert_is_null(json_at(at(v, "calibration/bins"), 0), "accuracy");
    json_free(v);
}

static void selection_is_by_confidence(void **state)
{
    (void)state;
    struct json *v = told(4, ENTITIES, 5);
    assert_number(v, "selective/aurc", (0 + 0 + 1 / 3. + 2 / 4.) / 4);
    assert_number(v, "selective/eaurc", 0);
    assert_number(v, "selective/f1_at_coverage/1.0", 2 * 2 / (4. + 5));
    assert_number(v, "selective/f1_at_coverage/0.9", 2 * 2 / (4. + 5));
    assert_number(v, "selective/f1_at_coverage/0.8", 2 * 2 / (4. + 5));
    assert_number(v, "selective/f1_at_coverage/0.7", 2 * 2 / (3. + 5));
    assert_int_equal(json_size(at(v, "selective/risk_coverage")), 4);
    assert_number(json_at(at(v, "selective/risk_coverage"), 2), "coverage", .75);
    assert_number(json_at(at(v, "selective/risk_coverage"), 2), "risk", 1 / 3.);
    json_free(v);
}

static void a_model_without_evidence_has_none_of_its_measures(void **state)
{
    (void)state;
    struct trust_entity entities[4];
    memcpy(entities, ENTITIES, sizeof entities);
    for (int i = 0; i < 4; i++) entities[i].aleatoric = entities[i].epistemic = entities[i].predictive_scale = NAN;
    struct json *v = told(4, entities, 5);
    assert_number(v, "error_auroc/confidence", 1);
    assert_is_null(v, "error_auroc/aleatoric");
    assert_is_null(v, "error_auroc/epistemic");
    assert_is_null(v, "error_auroc/predictive_scale");
    json_free(v);
}

static void without_a_predicted_entity_nothing_is_measured_but_what_is_missed(void **state)
{
    (void)state;
    struct json *v = told(0, NULL, 5);
    assert_is_null(v, "calibration/ece");
    assert_number(v, "calibration/missed", 5);
    assert_is_null(v, "selective/aurc");
    assert_number(v, "selective/f1_at_coverage/1.0", 0);
    assert_int_equal(json_size(at(v, "selective/risk_coverage")), 0);
    assert_is_null(v, "error_auroc/confidence");
    json_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_score_has_its_name_and_its_sign),
        cmocka_unit_test(calibration_is_that_of_the_confidences),
        cmocka_unit_test(selection_is_by_confidence),
        cmocka_unit_test(a_model_without_evidence_has_none_of_its_measures),
        cmocka_unit_test(without_a_predicted_entity_nothing_is_measured_but_what_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
