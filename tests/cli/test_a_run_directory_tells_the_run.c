/* What a finished run leaves: its files, their steps, scores and metrics, and what nerve info and nerve evaluate make of them. */
#include "events.h"
#include "files.h"
#include "hash.h"
#include "training.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- files and checkpoints ---- */

static void a_run_directory_holds_what_it_should(void **state)
{
    static const char *const FILES[] = {"config.yaml",
                                        "run.json",
                                        "train.log",
                                        "metrics.jsonl",
                                        "predictions.jsonl",
                                        "report.html",
                                        "events.out.tfevents.nerve",
                                        "eval/test.json",
                                        "eval/valid.json",
                                        "checkpoints/last.h5",
                                        "checkpoints/previous.h5",
                                        "checkpoints/best.h5"};
    (void)state;
    for (size_t k = 0; k < sizeof FILES / sizeof *FILES; k++)
        if (!file_exists(path_of("whole/%s", FILES[k]))) fail_msg("%s is missing", FILES[k]);
    struct json *run = read_json_file(path_of("whole/run.json"));
    bool finished = false;
    int64_t planned;
    assert_true(json_read_boolean(json_get(run, "finished"), &finished) && finished);
    assert_true(json_read_integer(json_get(run, "steps"), &planned));
    assert_int_equal(steps, planned);
    json_free(run);
    if (best_epoch <= 1) fail_msg("epoch %lld was the best: what is kept of the best epoch is not put to the test", (long long)best_epoch);
}

static void checkpoints_stand_at_the_last_step_and_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(step_of(path_of("whole/checkpoints/previous.h5")), (steps - 1) / EVERY * EVERY);
    assert_int_equal(integer_of(path_of("whole/checkpoints/best.h5"), "epochs"), best_epoch);
    assert_int_equal(step_of(path_of("whole/checkpoints/best.h5")), steps / EPOCHS * best_epoch);
}

static void max_steps_ends_a_run_with_a_checkpoint_and_a_test_score(void **state)
{
    (void)state;
    assert_int_equal(train("short", "train.max_steps=7"), 0);
    assert_int_equal(step_of(path_of("short/checkpoints/last.h5")), 7);
    assert_int_equal(step_of(path_of("short/checkpoints/previous.h5")), 5);
    assert_true(file_exists(path_of("short/eval/test.json")));
}

static void info_names_digest_step_parameters_and_config(void **state)
{
    (void)state;
    struct err e = {0};
    char hex[33], *bytes;
    size_t size;
    int64_t parameters = 0;
    struct json *json = ask("info %s --json", path_of("whole/checkpoints/last.h5"));
    if (file_read(path_of("whole/checkpoints/last.h5"), 1 << 28, &bytes, &size, &e)) fail_msg("%s", e.text);
    struct hash h = hash_bytes(bytes + 512, size - 512);
    hash_hex(&h, hex);
    assert_string_equal(json_text(json_get(json, "digest")), hex);
    assert_true(json_read_integer(json_get(json, "parameters"), &parameters) && parameters > 0);
    assert_true(json_is_object(json_get(json_get(json, "config"), "train")));
    assert_null(json_get(json_get(json_get(json, "config"), "train"), "threads"));
    free(bytes);
    json_free(json);
}

/* ---- metrics ---- */

static void the_last_line_of_the_metrics_is_the_test_and_equals_eval_test_json(void **state)
{
    (void)state;
    struct err e = {0};
    char *text, *line;
    size_t size;
    if (file_read(path_of("whole/metrics.jsonl"), 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    assert_true(size > 1 && text[size - 1] == '\n');
    text[size - 1] = 0;
    line = strrchr(text, '\n') + 1;
    struct json *last, *test = read_json_file(path_of("whole/eval/test.json"));
    if (json_parse(line, strlen(line), "last line", &last, &e)) fail_msg("%s", e.text);
    assert_string_equal(json_text(json_get(last, "event")), "test");
    static const char *const READINGS[] = {"lenient", "strict"}, *const MEASURES[] = {"precision", "recall", "f1", "support"};
    for (int r = 0; r < 2; r++) {
        const struct json *of_line = json_get(last, READINGS[r]);
        char *a = json_dump(of_line, 0), *b = json_dump(json_get(test, READINGS[r]), 0);
        assert_string_equal(a, b);
        free(a);
        free(b);
        for (int k = 0; k < 4; k++) {
            double x;
            if (!json_read_number(json_get(json_get(of_line, "micro"), MEASURES[k]), &x))
                fail_msg("%s.micro.%s is missing", READINGS[r], MEASURES[k]);
        }
        assert_true(json_is_object(json_get(of_line, "macro")));
        assert_true(json_size(json_get(of_line, "per_type")) > 0);
    }
    json_free(last);
    json_free(test);
    free(text);
}

/* Each line of the metrics is one event, in its order: also after the run was stopped and resumed. */
static void events_tell_the_metrics(const char *name)
{
    struct err e = {0};
    char *text, *events, *rest;
    size_t size = 0, events_size = 0, at = 0;
    struct events_record r;
    bool has_f1 = false;
    if (file_read(path_of("%s/metrics.jsonl", name), 1 << 26, &text, &size, &e) ||
        file_read(path_of("%s/events.out.tfevents.nerve", name), 1 << 26, &events, &events_size, &e))
        fail_msg("%s", e.text);
    assert_true(events_next((unsigned char *)events, events_size, &at, &r));
    assert_string_equal(r.version, "brain.Event:2");
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct json *json;
        int64_t step = -1;
        double x = NAN;
        if (json_parse(line, strlen(line), "metrics.jsonl", &json, &e)) fail_msg("%s", e.text);
        if (!events_next((unsigned char *)events, events_size, &at, &r)) fail_msg("no event for %s", line);
        const char *event = json_text(json_get(json, "event"));
        assert_true(json_read_integer(json_get(json, "step"), &step) && step == r.step);
        assert_true(json_read_number(json_get(json, "unix_seconds"), &x) && x == r.wall_time && x > 1.6e9);
        if (strcmp(event, "step") == 0) {
            assert_true(json_read_number(json_get(json, "loss"), &x) && (float)x == (float)events_value(&r, "train/loss"));
        } else {
            const struct json *micro = json_get(json_get(strcmp(event, "epoch") == 0 ? json_get(json, "valid") : json, "lenient"), "micro");
            assert_true(json_read_number(json_get(micro, "f1"), &x));
            assert_true((float)x == (float)events_value(&r, strcmp(event, "epoch") == 0 ? "valid/f1" : "test/f1"));
            has_f1 = true;
        }
        json_free(json);
    }
    assert_false(events_next((unsigned char *)events, events_size, &at, &r));
    assert_true(has_f1);
    free(text);
    free(events);
}

static void each_line_of_the_metrics_is_one_event(void **state)
{
    (void)state;
    events_tell_the_metrics("whole");
}

static void a_resumed_run_has_neither_more_events_nor_fewer(void **state)
{
    (void)state;
    assert_int_equal(stop_with("resumed", SIGKILL, ""), 128 + SIGKILL);
    shell("printf torn >> '%s'", path_of("resumed/events.out.tfevents.nerve"));
    assert_int_equal(train("resumed", "--resume"), 0);
    assert_as_if_never_stopped("resumed");
    events_tell_the_metrics("resumed");
}

static int no_time_below(void *context, const char *key, const struct json *value, struct err *e)
{
    const bool *below = context;
    if (*below && is_time_or_memory(key)) return err_set(e, ERR_CHECK, "'%s' stands below the top level", key);
    return json_is_object(value) ? json_each(value, no_time_below, &(bool){true}, e) : 0;
}

static void time_and_memory_stand_at_the_top_level(void **state)
{
    (void)state;
    struct err e = {0};
    char *text;
    size_t size;
    int lines = 0;
    if (file_read(path_of("whole/metrics.jsonl"), 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        struct json *json;
        int64_t step;
        if (!*line) continue;
        if (json_parse(line, strlen(line), "metrics.jsonl", &json, &e) || json_each(json, no_time_below, &(bool){false}, &e))
            fail_msg("%s: %s", e.text, line);
        assert_true(json_read_integer(json_get(json, "step"), &step) && step > 0);
        assert_non_null(json_text(json_get(json, "event")));
        json_free(json);
        lines++;
    }
    assert_int_equal(lines, steps + EPOCHS + 1);
    free(text);
}

static void every_epoch_has_its_line(void **state)
{
    (void)state;
    struct err e = {0};
    char *text;
    size_t size;
    int epochs = 0;
    if (file_read(path_of("whole/metrics.jsonl"), 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        if (!strstr(line, "\"event\":\"epoch\"")) continue;
        struct json *json;
        int64_t epoch;
        double x;
        if (json_parse(line, strlen(line), "line", &json, &e)) fail_msg("%s", e.text);
        assert_true(json_read_integer(json_get(json, "epoch"), &epoch));
        assert_int_equal(epoch, ++epochs);
        assert_true(json_read_number(json_get(json_get(json_get(json_get(json, "valid"), "lenient"), "micro"), "f1"), &x));
        assert_true(json_read_number(json_get(json, "tokens_per_s"), &x) && x > 0);
        assert_true(json_read_number(json_get(json, "seconds"), &x) && x > 0);
        assert_true(json_read_number(json_get(json, "peak_mb"), &x) && x > 0);
        json_free(json);
    }
    assert_int_equal(epochs, EPOCHS);
    free(text);
}

/* ---- evaluation ---- */

static void evaluate_prints_the_object_of_eval_test_json(void **state)
{
    (void)state;
    evaluation_equals("whole", "test");
    evaluation_equals("whole", "valid");
    struct json *a = ask("evaluate --model %s --json", path_of("whole")), *b = read_json_file(path_of("whole/eval/test.json"));
    char *x = json_dump(a, 0), *y = json_dump(b, 0);
    assert_string_equal(x, y); /* --split test is the default */
    free(x);
    free(y);
    json_free(a);
    json_free(b);
}

static void evaluate_takes_a_checkpoint_alone_with_its_data(void **state)
{
    struct program p;
    char text[3 * PATH_MAX];
    (void)state;
    snprintf(text, sizeof text, "/bin/cp %s/whole/checkpoints/best.h5 %s/alone.h5", folder, folder);
    assert_int_equal(system(text), 0);
    snprintf(text, sizeof text, "evaluate --model %s/alone.h5", folder);
    start(&p, NULL, text);
    program_finish(&p);
    assert_int_equal(p.status, 64);
    assert_non_null(strstr(p.errors, "--data DIR"));
    program_free(&p);
    struct json *a = ask("evaluate --model %s/alone.h5 --data %s/data --split valid --json", folder, folder),
                *b = read_json_file(path_of("whole/eval/valid.json"));
    char *x = json_dump(a, 0), *y = json_dump(b, 0);
    assert_string_equal(x, y);
    free(x);
    free(y);
    json_free(a);
    json_free(b);
}

static void a_run_is_found_from_another_directory(void **state)
{
    struct program p;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    char text[4 * PATH_MAX];
    (void)state;
    snprintf(
        text, sizeof text,
        "cd %s && %s train %s data.dir=data %s train.max_steps=3 --out relative 2>/dev/null && cd / && %s evaluate --model %s/relative",
        folder, NERVE, CONFIG, SMALL, NERVE, folder);
    argv[2] = text;
    program_run(&p, argv, NULL);
    if (p.status != 0) fail_msg("exit %d: %s", p.status, p.errors);
    program_free(&p);
}

/* ---- other tools ---- */

static void h5dump_shows_the_parameters(void **state)
{
    (void)state;
    shell("h5dump -H %s/whole/checkpoints/last.h5 | grep -q 'GROUP \"parameters\"'", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_directory_holds_what_it_should),
        cmocka_unit_test(checkpoints_stand_at_the_last_step_and_the_one_before),
        cmocka_unit_test(max_steps_ends_a_run_with_a_checkpoint_and_a_test_score),
        cmocka_unit_test(info_names_digest_step_parameters_and_config),
        cmocka_unit_test(each_line_of_the_metrics_is_one_event),
        cmocka_unit_test(a_resumed_run_has_neither_more_events_nor_fewer),
        cmocka_unit_test(the_last_line_of_the_metrics_is_the_test_and_equals_eval_test_json),
        cmocka_unit_test(time_and_memory_stand_at_the_top_level),
        cmocka_unit_test(every_epoch_has_its_line),
        cmocka_unit_test(evaluate_prints_the_object_of_eval_test_json),
        cmocka_unit_test(evaluate_takes_a_checkpoint_alone_with_its_data),
        cmocka_unit_test(a_run_is_found_from_another_directory),
        cmocka_unit_test(h5dump_shows_the_parameters),
    };
    size_t count = sizeof tests / sizeof *tests;
    if (system("h5dump --version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "h5dump is not tested: it is not installed\n");
        count--; /* the last one */
    }
    return _cmocka_run_group_tests("a run directory tells the run", tests, count, training_set_up, training_tear_down);
}
