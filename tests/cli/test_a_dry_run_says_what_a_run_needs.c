/* `nerve train --dry-run` checks what training would check, tells the figures that the run then has, and writes nothing. */
#include "files.h"
#include "training.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void start_dry(struct program *p, const char *more)
{
    char text[4 * PATH_MAX];
    snprintf(text, sizeof text, "train %s data.dir=%s/data %s --dry-run %s", CONFIG, folder, SMALL, more);
    start(p, NULL, text);
    program_finish(p);
}

static struct json *dry(const char *more)
{
    return ask("train %s data.dir=%s/data %s --dry-run --json %s", CONFIG, folder, SMALL, more);
}

static int64_t integer(const struct json *json, const char *key)
{
    int64_t x = -1;
    if (!json_read_integer(json_get(json, key), &x)) fail_msg("%s is no integer", key);
    return x;
}

static double number(const struct json *json, const char *key)
{
    double x = NAN;
    if (!json_read_number(json_get(json, key), &x)) fail_msg("%s is no number", key);
    return x;
}

static void its_figures_are_those_of_the_run(void **state)
{
    int64_t tweets = 0;
    (void)state;
    struct json *json = dry(""), *run = read_json_file(path_of("whole/run.json"));
    assert_int_equal(integer(json, "parameters"), integer(run, "parameters"));
    assert_int_equal(integer(json, "trainable"), integer(run, "parameters"));
    assert_int_equal(integer(json, "steps"), integer(run, "steps"));
    assert_int_equal(integer(json, "steps"), steps);
    assert_int_equal(integer(json, "epochs"), EPOCHS);
    assert_int_equal(integer(json, "warmup"), (int64_t)floor(0.1 * (double)steps));
    static const char *const SPLITS[] = {"train", "valid", "test"};
    for (int k = 0; k < 3; k++) {
        int64_t n = integer(json_get(json, "tweets"), SPLITS[k]);
        assert_true(n > 0);
        tweets += n;
    }
    assert_int_equal(tweets, 240);
    json_free(run);
    json_free(json);
}

static void the_estimate_is_the_mean_step_times_the_number_of_steps(void **state)
{
    (void)state;
    struct json *json = dry("");
    const double step = number(json, "step_seconds"), train = number(json, "train_seconds"), evaluate = number(json, "evaluate_seconds");
    assert_true(step > 0 && evaluate > 0 && number(json, "tokens_per_s") > 0);
    if (!(fabs(train - step * (double)steps) <= 1e-9 * train)) fail_msg("%g s for %lld steps of %g s", train, (long long)steps, step);
    if (!(fabs(number(json, "seconds") - train - evaluate) <= 1e-9 * train)) fail_msg("%g s in all", number(json, "seconds"));
    json_free(json);
}

/* Adam's moments, gradients and values of the parameters alone are four numbers each. */
static void memory_holds_at_least_the_parameters_and_their_moments(void **state)
{
    (void)state;
    struct json *small = dry(""), *large = dry("model.width=512 model.inner=2048 model.layers=4");
    const double more = (double)(integer(large, "parameters") - integer(small, "parameters")) * 4 * 4 / (1 << 20),
                 measured = number(large, "peak_mb") - number(small, "peak_mb");
    assert_true(more > 100);
    if (!(measured >= 0.9 * more)) fail_msg("%.0f MB more for parameters that need %.0f MB more", measured, more);
    json_free(small);
    json_free(large);
}

static void frozen_layers_are_not_counted_as_trained(void **state)
{
    (void)state;
    struct json *json = dry("model.layers=2 model.frozen_layers=1");
    assert_true(integer(json, "trainable") > 0 && 2 * integer(json, "trainable") < integer(json, "parameters"));
    json_free(json);
}

static void the_largest_batch_is_that_of_a_part(void **state)
{
    (void)state;
    struct json *whole_batch = dry(""), *parts = dry("train.accumulate_pieces=64");
    assert_true(integer(whole_batch, "largest_pieces") > 64);
    assert_true(integer(parts, "largest_pieces") > 0 && integer(parts, "largest_pieces") <= 64);
    assert_int_equal(integer(parts, "steps"), integer(whole_batch, "steps"));
    json_free(whole_batch);
    json_free(parts);
}

static void nothing_is_written_with_and_without_out(void **state)
{
    struct program p;
    char more[2 * PATH_MAX];
    (void)state;
    shell("cd %s && find . | sort > %s.before", folder, folder);
    start_dry(&p, "");
    assert_int_equal(p.status, 0);
    program_free(&p);
    snprintf(more, sizeof more, "--out %s/never", folder);
    start_dry(&p, more);
    assert_int_equal(p.status, 0);
    program_free(&p);
    shell("cd %s && find . | sort | cmp - %s.before && rm %s.before", folder, folder, folder);
}

static void it_prints_a_line_for_each_figure(void **state)
{
    static const char *const ROWS[] = {"parameters ", "tweets ", "steps ", "largest batch ", "peak memory ", "step ", "time "};
    struct program p;
    char expected[64];
    (void)state;
    start_dry(&p, "-q");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.errors, "");
    const char *at = p.output;
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++) {
        if (strncmp(at, ROWS[k], strlen(ROWS[k])) != 0) fail_msg("expected the row '%s' at: %s", ROWS[k], at);
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    assert_string_equal(at, "");
    snprintf(expected, sizeof expected, " %lld in %d epochs", (long long)steps, EPOCHS);
    assert_non_null(strstr(p.output, expected));
    program_free(&p);
}

static void what_training_refuses_is_refused(void **state)
{
    static const struct {
        const char *more, *part;
        int status;
    } ROWS[] = {
        {"train.epoch=3", "did you mean 'train.epochs'", 78}, {"data.train=nowhere.txt", "nowhere.txt", 66},
        {"data.train=vocab.txt", "vocab.txt:1", 65},          {"model.frozen_layers=2", "model.frozen_layers = 2", 78},
        {"--resume", "--dry-run writes nothing", 64},         {"--force", "--dry-run writes nothing", 64},
    };
    (void)state;
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++) {
        struct program p;
        start_dry(&p, ROWS[k].more);
        if (p.status != ROWS[k].status || !strstr(p.errors, ROWS[k].part))
            fail_msg("%s: expected exit %d with '%s', got exit %d with: %s", ROWS[k].more, ROWS[k].status, ROWS[k].part, p.status,
                     p.errors);
        assert_string_equal(p.output, "");
        program_free(&p);
    }
    assert_refused(64, "--json is for --dry-run", NULL, "never", "--json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_figures_are_those_of_the_run),
        cmocka_unit_test(the_estimate_is_the_mean_step_times_the_number_of_steps),
        cmocka_unit_test(memory_holds_at_least_the_parameters_and_their_moments),
        cmocka_unit_test(frozen_layers_are_not_counted_as_trained),
        cmocka_unit_test(the_largest_batch_is_that_of_a_part),
        cmocka_unit_test(nothing_is_written_with_and_without_out),
        cmocka_unit_test(it_prints_a_line_for_each_figure),
        cmocka_unit_test(what_training_refuses_is_refused),
    };
    return cmocka_run_group_tests_name("a dry run says what a run needs", tests, training_set_up, training_tear_down);
}
