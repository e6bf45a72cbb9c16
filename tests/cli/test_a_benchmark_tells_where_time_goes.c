/* `nerve bench` runs a model of random weights in a given shape; its rows add up, and its figures follow from one another. */
#include "temporary.h"
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

/* BATCHES batches of BATCH tweets of LENGTH pieces through LAYERS layers of WIDTH columns, INNER inside. */
enum { LAYERS = 2, WIDTH = 32, INNER = 48, BATCH = 3, LENGTH = 12, WORDS = 9, TAGS = 9, BATCHES = 16 };

static int make_shape(void **state)
{
    (void)state;
    if (temporary_folder(folder)) return -1;
    shell("mkdir %s/shape && echo '{\"model_type\": \"bert\", \"vocab_size\": 90, \"hidden_size\": %d, \"num_hidden_layers\": %d, "
          "\"num_attention_heads\": 4, \"intermediate_size\": %d, \"hidden_act\": \"gelu\", \"max_position_embeddings\": 60, "
          "\"type_vocab_size\": 2, \"layer_norm_eps\": 1e-12}' > %s/shape/config.json && echo %d > %s/lengths",
          folder, WIDTH, LAYERS, INNER, folder, LENGTH, folder);
    return 0;
}

static double number(const struct json *json, const char *key)
{
    double x = NAN;
    if (!json_read_number(json_get(json, key), &x)) fail_msg("%s is no number", key);
    return x;
}

static const struct json *op(const struct json *json, const char *name)
{
    const struct json *ops = json_get(json, "ops");
    for (size_t k = 0; k < json_size(ops); k++)
        if (strcmp(json_text(json_get(json_at(ops, k), "name")), name) == 0) return json_at(ops, k);
    return NULL;
}

static struct json *bench(const char *work, const char *more)
{
    return ask("bench %s --shape %s/shape --lengths %s/lengths --batch %d --threads 1 --json %s", work, folder, folder, BATCH, more);
}

static void assert_near(double x, double expected, double tolerance, const char *what)
{
    if (!(fabs(x - expected) <= tolerance * fabs(expected))) fail_msg("%s is %g, not %g", what, x, expected);
}

static void the_rows_add_up_to_a_step(void **state)
{
    (void)state;
    static const char *const WORKS[] = {"train", "predict"};
    for (int k = 0; k < 2; k++) {
        struct json *json = bench(WORKS[k], "");
        const struct json *ops = json_get(json, "ops");
        double sum = 0, before = INFINITY;
        for (size_t i = 0; i < json_size(ops); i++) {
            const struct json *row = json_at(ops, i);
            const double ms = number(row, "ms");
            assert_near(number(row, "forward_ms") + number(row, "backward_ms"), ms, 1e-9, "forward and backward");
            assert_true(ms <= before);
            before = ms;
            sum += ms;
        }
        assert_near(sum, number(json, "step_ms"), 1e-6, "the sum of the rows");
        json_free(json);
    }
}

static void figures_follow_from_the_shape_and_the_lengths(void **state)
{
    (void)state;
    const double T = BATCHES * BATCH * LENGTH, n = LENGTH, C = WIDTH, F = INNER;
    const double forward = LAYERS * (2 * T * (4 * C * C + 2 * C * F) + 4 * T * n * C) + 2.0 * BATCHES * BATCH * WORDS * WIDTH * TAGS;
    for (int train = 0; train < 2; train++) {
        struct json *json = bench(train ? "train" : "predict", "");
        const double step = number(json, "step_ms") / 1000;
        assert_near(number(json, "pieces"), T, 0, "pieces");
        assert_near(number(json, "tokens_per_s"), BATCH * LENGTH / step, 1e-9, "tokens_per_s");
        assert_near(number(json, "gflops"), (train ? 3 : 1) * forward / BATCHES / step * 1e-9, 1e-9, "gflops");
        assert_near(number(json, "share_of_sgemm"), number(json, "gflops") / number(json, "sgemm_gflops"), 1e-9, "share_of_sgemm");
        assert_true(number(json, "sgemm_gflops") > 0 && number(json, "peak_mb") > 1);
        assert_near(number(json_get(json, "machine"), "threads"), 1, 0, "threads");
        json_free(json);
    }
}

static void training_has_what_prediction_has_not(void **state)
{
    (void)state;
    struct json *train = bench("train", ""), *predict = bench("predict", "");
    assert_true(number(op(train, "attention"), "backward_ms") > 0);
    assert_true(number(op(predict, "attention"), "backward_ms") == 0);
    assert_near(number(op(predict, "attention"), "calls"), LAYERS, 0, "calls of attention");
    assert_true(op(train, "AdamW") && op(train, "gradient norm") && op(train, "crf_nll") && op(predict, "decode"));
    assert_true(!op(predict, "AdamW") && !op(predict, "crf_nll") && !op(train, "decode"));
    json_free(train);
    json_free(predict);
}

static void a_round_has_as_many_batches_as_are_asked_for(void **state)
{
    (void)state;
    struct json *json = bench("train", "--batches 3");
    assert_near(number(json, "pieces"), 3 * BATCH * LENGTH, 0, "pieces");
    assert_near(number(json, "steps"), 3 * number(json, "rounds"), 0, "steps");
    json_free(json);
}

/* bench/run gives the peers the file, and nerve too: whoever runs `nerve bench` alone measures the same work. */
static void the_lengths_it_knows_are_those_of_the_file(void **state)
{
    (void)state;
    struct json *known = ask("bench predict --shape %s/shape --batch 211 --threads 1 --json", folder);
    struct json *file = ask("bench predict --shape %s/shape --batch 211 --threads 1 --json --lengths " LENGTHS, folder);
    struct json *batches = ask("bench predict --shape %s/shape --batch 16 --batches 8 --threads 1 --json", folder);
    assert_near(number(known, "pieces"), number(file, "pieces"), 0, "pieces");
    assert_near(number(batches, "pieces"), 2581, 0, "pieces of bench/peers/tweets.py's batches");
    json_free(batches);
    json_free(known);
    json_free(file);
}

static void keys_of_the_configuration_count(void **state)
{
    (void)state;
    struct json *json = bench("train", "model.crf=false model.frozen_layers=2");
    assert_true(op(json, "cross_entropy") && !op(json, "crf_nll"));
    assert_true(number(op(json, "attention"), "backward_ms") == 0);
    json_free(json);
}

static void it_prints_figures_and_a_table(void **state)
{
    struct program p;
    char text[4 * PATH_MAX];
    (void)state;
    snprintf(text, sizeof text, "bench predict --shape %s/shape --batch 2", folder);
    start(&p, NULL, text);
    program_finish(&p);
    assert_int_equal(p.status, 0);
    static const char *const PARTS[] = {"prediction", " tokens/s", " MB at the peak", "GFLOP/s", "\nattention "};
    for (size_t k = 0; k < sizeof PARTS / sizeof *PARTS; k++)
        if (!strstr(p.output, PARTS[k])) fail_msg("no '%s' in: %s", PARTS[k], p.output);
    program_free(&p);
}

static void what_cannot_be_measured_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *lengths, *arguments, *part;
        int status;
    } ROWS[] = {
        {"12", "", "train or predict", 64},
        {"12", "evaluate", "not 'evaluate'", 64},
        {"12", "train --shape nowhere", "nowhere/config.json", 66},
        {"12", "train --batch 0", "--batch", 64},
        {"12", "train --batches 0", "--batches", 64},
        {"12", "train model.crv=false", "did you mean 'model.crf'", 78},
        {"12", "predict --shape FOLDER/shape model.frozen_layers=3", "model.frozen_layers is 3, but the encoder has 2", 78},
        {"12\\n2", "train --shape FOLDER/shape --lengths FOLDER/wrong", "wrong:2: a length is a number of word pieces from 3 to 60", 65},
        {"12\\n\\n12", "train --shape FOLDER/shape --lengths FOLDER/wrong", "wrong:2: ", 65},
        {"61", "train --shape FOLDER/shape --lengths FOLDER/wrong", "wrong:1: ", 65},
        {"1e9", "train --shape FOLDER/shape --lengths FOLDER/wrong", "wrong:1: ", 65},
        {"", "train --shape FOLDER/shape --lengths FOLDER/wrong", "is empty", 65},
        {"12", "train --lengths FOLDER/nowhere", "nowhere", 66},
    };
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++) {
        struct program p;
        char text[8 * PATH_MAX] = "bench ", *at = text + strlen(text);
        shell("printf '%s' > %s/wrong", ROWS[k].lengths, folder);
        for (const char *s = ROWS[k].arguments; *s;) {
            const bool is_folder = strncmp(s, "FOLDER", 6) == 0;
            at += is_folder ? sprintf(at, "%s", folder) : sprintf(at, "%c", *s);
            s += is_folder ? 6 : 1;
        }
        start(&p, NULL, text);
        program_finish(&p);
        if (p.status != ROWS[k].status || !strstr(p.errors, ROWS[k].part))
            fail_msg("%s: expected exit %d with '%s', got exit %d with: %s", ROWS[k].arguments, ROWS[k].status, ROWS[k].part, p.status,
                     p.errors);
        assert_string_equal(p.output, "");
        program_free(&p);
    }
}

static int take_away(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_add_up_to_a_step),
        cmocka_unit_test(figures_follow_from_the_shape_and_the_lengths),
        cmocka_unit_test(training_has_what_prediction_has_not),
        cmocka_unit_test(a_round_has_as_many_batches_as_are_asked_for),
        cmocka_unit_test(the_lengths_it_knows_are_those_of_the_file),
        cmocka_unit_test(keys_of_the_configuration_count),
        cmocka_unit_test(it_prints_figures_and_a_table),
        cmocka_unit_test(what_cannot_be_measured_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("a benchmark tells where time goes", tests, make_shape, take_away);
}
