/* nerve train, evaluate and info as their user meets them: run directories, refusals, signals, resuming, metrics. NERVE is the program,
 * CONFIG a config for synthetic tweets. */
#include "checkpoint.h"
#include "files.h"
#include "hash.h"
#include "json.h"
#include "reference.h"
#include "run_program.h"
#include "temporary.h"
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];
static char whole[33];      /* digest of the last checkpoint of the run that was never stopped */
static int64_t steps, best; /* of that run: its length, its best epoch */

enum { EPOCHS = 6, EVERY = 5 };
/* Learns enough in a second that the best epoch is neither the first nor the last. */
#define SMALL                                                                                                                              \
    "model.layers=1 model.width=32 model.heads=4 model.inner=48 model.dropout_hidden=0.02 model.dropout_attention=0.02 train.epochs=6 "    \
    "train.batch=8 train.lr_encoder=1e-2 train.lr_head=2e-2 train.lr_crf=2e-2 train.checkpoint_every=5 train.log_every=1 train.threads=2"

/* ---- helpers ---- */

static const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *path_of(const char *format, ...)
{
    static char paths[8][2 * PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    int n = snprintf(path, PATH_MAX, "%s/", folder);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, PATH_MAX, format, args);
    va_end(args);
    return path;
}

static void arguments_of(const char *argv[64], char *text)
{
    size_t n = 0;
    argv[n++] = NERVE;
    for (char *rest = text, *word; (word = strsep(&rest, " ")) && n < 63;)
        if (*word) argv[n++] = word;
    argv[n] = NULL;
}

static void start(struct program *p, const struct program_options *options, char *text)
{
    const char *argv[64];
    arguments_of(argv, text);
    program_start(p, argv, options);
}

/* nerve train on the synthetic tweets into folder/NAME. */
static void start_training(struct program *p, const struct program_options *options, const char *name, const char *more)
{
    char text[3 * PATH_MAX];
    snprintf(text, sizeof text, "train %s data.dir=%s/data %s --out %s/%s %s", CONFIG, folder, SMALL, folder, name, more);
    start(p, options, text);
}

static int train_under(const struct program_options *options, const char *name, const char *more, char **errors)
{
    struct program p;
    start_training(&p, options, name, more);
    program_finish(&p);
    if (*p.output) fail_msg("train wrote to stdout: %s", p.output);
    int status = p.status;
    if (errors) *errors = strdup(p.errors);
    program_free(&p);
    return status;
}

static int train(const char *name, const char *more)
{
    char *errors;
    int status = train_under(NULL, name, more, &errors);
    if (status != 0) print_message("%s", errors);
    free(errors);
    return status;
}

static struct json *read_json_file(const char *path)
{
    struct err e = {0};
    char *text;
    size_t size;
    struct json *json = NULL;
    if (file_read(path, 1 << 26, &text, &size, &e) || json_parse(text, size, path, &json, &e)) fail_msg("%s", e.text);
    free(text);
    return json;
}

/* What `nerve ARGUMENTS` prints as JSON. */
static struct json *ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct json *ask(const char *format, ...)
{
    char text[3 * PATH_MAX];
    struct program p;
    struct err e = {0};
    struct json *json = NULL;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start(&p, NULL, text);
    program_finish(&p);
    if (p.status != 0) fail_msg("exit %d: %s", p.status, p.errors);
    if (json_parse(p.output, strlen(p.output), "stdout", &json, &e)) fail_msg("%s", e.text);
    program_free(&p);
    return json;
}

static void digest_of(const char *name, char hex[33])
{
    struct json *json = ask("info %s --json", path_of("%s/checkpoints/last.h5", name));
    snprintf(hex, 33, "%s", json_text(json_get(json, "digest")));
    json_free(json);
}

static int64_t integer_of(const char *checkpoint, const char *key)
{
    int64_t x;
    struct json *json = ask("info %s --json", checkpoint);
    assert_true(json_read_integer(json_get(json, key), &x));
    json_free(json);
    return x;
}

static int64_t step_of(const char *checkpoint)
{
    return integer_of(checkpoint, "step");
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[6 * PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void write_text(const char *path, const char *text)
{
    struct err e = {0};
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
}

static bool is_time_or_memory(const char *key)
{
    static const char *const ENDS[] = {"seconds", "_per_s", "_mb"};
    if (strcmp(key, "eta") == 0) return true;
    for (size_t k = 0; k < 3; k++) {
        size_t n = strlen(ENDS[k]), length = strlen(key);
        if (length >= n && strcmp(key + length - n, ENDS[k]) == 0) return true;
    }
    return false;
}

static int copy_timeless(void *context, const char *key, const struct json *value, struct err *e)
{
    (void)e;
    if (is_time_or_memory(key)) return 0;
    char *text = json_dump(value, 0), **all = context;
    char *grown = malloc(strlen(*all) + strlen(key) + strlen(text) + 3);
    sprintf(grown, "%s%s=%s;", *all, key, text);
    free(*all);
    free(text);
    *all = grown;
    return 0;
}

/* metrics.jsonl without its fields of time and memory. */
static char *timeless(const char *name)
{
    struct err e = {0};
    char *text, *all = strdup("");
    size_t size;
    if (file_read(path_of("%s/metrics.jsonl", name), 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        struct json *json;
        if (!*line) continue;
        if (json_parse(line, strlen(line), "metrics.jsonl", &json, &e)) fail_msg("%s", e.text);
        json_each(json, copy_timeless, &all, &e);
        json_free(json);
    }
    free(text);
    return all;
}

/* The run ended with the bytes and the metrics of the one that was never stopped. */
static void assert_as_if_never_stopped(const char *name)
{
    char hex[33];
    digest_of(name, hex);
    assert_string_equal(hex, whole);
    char *a = timeless(name), *b = timeless("whole");
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void assert_refused(int expected, const char *part, const struct program_options *options, const char *name, const char *more)
{
    char *errors;
    int status = train_under(options, name, more, &errors);
    if (status != expected || !strstr(errors, part))
        fail_msg("expected exit %d with '%s', got exit %d with: %s", expected, part, status, errors);
    free(errors);
}

static void flip_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

/* ---- the run that is never stopped ---- */

static int set_up(void **state)
{
    char text[PATH_MAX + 64];
    struct program p;
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(text, sizeof text, "synth %s/data --tweets 240 --seed 3", folder);
    start(&p, NULL, text);
    program_finish(&p);
    int status = p.status;
    program_free(&p);
    if (status || train("whole", "")) return -1;
    digest_of("whole", whole);
    steps = step_of(path_of("whole/checkpoints/last.h5"));
    best = integer_of(path_of("whole/checkpoints/last.h5"), "best_epoch");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

static void a_run_directory_holds_what_it_should(void **state)
{
    static const char *const FILES[] = {
        "config.yaml",    "run.json",        "train.log",           "metrics.jsonl",           "predictions.jsonl",  "report.html",
        "eval/test.json", "eval/valid.json", "checkpoints/last.h5", "checkpoints/previous.h5", "checkpoints/best.h5"};
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
    if (best <= 1) fail_msg("epoch %lld was the best: what is kept of the best epoch is not put to the test", (long long)best);
}

static void checkpoints_stand_at_the_last_step_and_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(step_of(path_of("whole/checkpoints/previous.h5")), (steps - 1) / EVERY * EVERY);
    assert_int_equal(integer_of(path_of("whole/checkpoints/best.h5"), "epochs"), best);
    assert_int_equal(step_of(path_of("whole/checkpoints/best.h5")), steps / EPOCHS * best);
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

static void evaluation_equals(const char *name, const char *split)
{
    struct json *a = ask("evaluate --model %s --split %s --json", path_of("%s", name), split),
                *b = read_json_file(path_of("%s/eval/%s.json", name, split));
    char *x = json_dump(a, 0), *y = json_dump(b, 0);
    assert_string_equal(x, y);
    free(x);
    free(y);
    json_free(a);
    json_free(b);
}

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

/* ---- refusals ---- */

static void what_cannot_be_trained_is_refused_with_its_status(void **state)
{
    char line[PATH_MAX + 32], bad[PATH_MAX];
    struct err e = {0};
    (void)state;
    assert_refused(64, "not empty", NULL, "whole", "");
    assert_refused(64, "exclude each other", NULL, "never", "--resume --force");
    assert_refused(78, "train.epoch", NULL, "never", "train.epoch=3");
    assert_refused(78, "train.batch", NULL, "never", "train.batch=many");
    assert_refused(66, "nowhere", NULL, "never", "data.train=nowhere.txt");
    snprintf(bad, sizeof bad, "%s", path_of("data/bad.txt"));
    if (file_write_bytes(bad, "a\tO\nb\n", 6, &e)) fail_msg("%s", e.text);
    snprintf(line, sizeof line, "%s:2", bad);
    assert_refused(65, line, NULL, "never", "data.train=bad.txt");
    assert_false(file_exists(path_of("never")));
}

static void two_trainers_do_not_share_a_directory(void **state)
{
    struct program first;
    (void)state;
    start_training(&first, NULL, "shared", "train.epochs=2000");
    for (int k = 0; k < 600 && !file_exists(path_of("shared/run.json")); k++) usleep(50000);
    assert_refused(64, "another training run", NULL, "shared", "--resume");
    kill(first.pid, SIGTERM);
    program_finish(&first);
    assert_int_equal(first.status, 143);
    program_free(&first);
}

/* ---- stopping and resuming ---- */

/* Waits for the first checkpoint, then sends the signal. A run that was done before it came begins anew. */
static int stop_with(const char *name, int signal, const char *more)
{
    int status = 0;
    for (int attempt = 0; attempt < 5 && status == 0; attempt++) {
        struct program p;
        shell("rm -rf %s/%s", folder, name);
        start_training(&p, NULL, name, more);
        for (int k = 0; k < 6000 && !file_exists(path_of("%s/checkpoints/last.h5", name)); k++) usleep(2000);
        kill(p.pid, signal);
        program_finish(&p);
        status = p.status;
        program_free(&p);
    }
    return status;
}

static void assert_stopped_and_resumed(const char *name, int signal)
{
    assert_int_equal(stop_with(name, signal, ""), 128 + signal);
    int64_t step = step_of(path_of("%s/checkpoints/last.h5", name));
    assert_true(step > 0 && step < steps);
    assert_int_equal(train(name, "--resume"), 0);
    assert_as_if_never_stopped(name);
}

static void sigterm_saves_and_ends_with_143(void **state)
{
    (void)state;
    assert_stopped_and_resumed("term", SIGTERM);
}

static void sigint_saves_and_ends_with_130(void **state)
{
    (void)state;
    assert_stopped_and_resumed("int", SIGINT);
}

static void sigkill_loses_nothing_that_was_saved(void **state)
{
    (void)state;
    assert_stopped_and_resumed("kill", SIGKILL);
}

/* Both signals wait while the program is halted, so that the second one comes before the step of the first is done. */
static void a_second_signal_ends_at_once_and_saves_nothing(void **state)
{
    struct program p;
    (void)state;
    start_training(&p, NULL, "impatient", "train.epochs=5000 train.checkpoint_every=1000000");
    for (int k = 0; k < 6000 && !file_exists(path_of("impatient/metrics.jsonl")); k++) usleep(2000);
    kill(p.pid, SIGSTOP);
    kill(p.pid, SIGTERM);
    kill(p.pid, SIGINT);
    kill(p.pid, SIGCONT);
    program_finish(&p);
    if (p.status != 130 && p.status != 143) fail_msg("exit %d: %s", p.status, p.errors);
    assert_null(strstr(p.errors, "saved"));
    assert_false(file_exists(path_of("impatient/checkpoints/last.h5")));
    program_free(&p);
}

static void resuming_without_a_checkpoint_begins_at_the_beginning(void **state)
{
    (void)state;
    assert_int_equal(train("fresh", "--resume"), 0);
    assert_as_if_never_stopped("fresh");
}

static void a_finished_run_is_left_as_it_is(void **state)
{
    char command[4 * PATH_MAX];
    (void)state;
    snprintf(command, sizeof command, "cd %s/whole && find . -type f -exec cksum {} + | sort > %s/before", folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(train("whole", "--resume"), 0);
    snprintf(command, sizeof command, "cd %s/whole && find . -type f -exec cksum {} + | sort | cmp -s - %s/before", folder, folder);
    assert_int_equal(system(command), 0);
    assert_refused(78, "train.seed", NULL, "whole", "train.seed=9 --resume");
    assert_int_equal(system(command), 0);
}

static void another_key_is_refused_by_name_and_a_runtime_key_is_not(void **state)
{
    (void)state;
    assert_int_equal(stop_with("keys", SIGKILL, ""), 128 + SIGKILL);
    assert_refused(78, "train.lr_head", NULL, "keys", "train.lr_head=5e-3 --resume");
    assert_refused(78, "train.seed", NULL, "keys", "train.seed=9 --resume");
    assert_int_equal(train("keys", "train.threads=1 train.checkpoint_every=7 --resume"), 0);
    assert_as_if_never_stopped("keys");
}

/* The finished run again, as a crash just before its end would have left it. */
static void copy_unfinished(const char *name)
{
    shell("cp -r %s/whole %s/%s && rm %s/%s/run.json", folder, folder, name, folder, name);
}

static void assert_resumed_with_warning(const char *name, const char *first, const char *second)
{
    char *errors;
    int status = train_under(NULL, name, "--resume", &errors);
    if (status != 0 || !strstr(errors, first) || !strstr(errors, second))
        fail_msg("expected '%s' and '%s', got exit %d with: %s", first, second, status, errors);
    free(errors);
    assert_as_if_never_stopped(name);
}

static void a_damaged_last_checkpoint_falls_back_to_the_one_before(void **state)
{
    char from[64];
    (void)state;
    copy_unfinished("damaged");
    flip_byte(path_of("damaged/checkpoints/last.h5"), 5000);
    snprintf(from, sizeof from, "resuming at step %lld ", (long long)((steps - 1) / EVERY * EVERY));
    assert_resumed_with_warning("damaged", "last.h5: not usable", from);
}

static void without_a_whole_checkpoint_a_run_begins_anew(void **state)
{
    (void)state;
    copy_unfinished("both-damaged");
    flip_byte(path_of("both-damaged/checkpoints/last.h5"), 5000);
    flip_byte(path_of("both-damaged/checkpoints/previous.h5"), 5000);
    assert_resumed_with_warning("both-damaged", "previous.h5: not usable", "starting from the beginning");
}

/* A whole file, but without moments: nothing of it may be left in the run that begins anew. */
static void the_best_checkpoint_in_place_of_the_last_is_not_taken_by_half(void **state)
{
    (void)state;
    copy_unfinished("half");
    shell("cd %s/half/checkpoints && cp best.h5 last.h5 && rm previous.h5", folder);
    assert_resumed_with_warning("half", "last.h5: not usable", "starting from the beginning");
}

static void what_killed_writers_left_is_removed_and_nothing_else(void **state)
{
    static const char *const GO[] = {".run.json.0a1b2c", ".metrics.jsonl.zzzzzz", "eval/.test.json.abc123", "checkpoints/.last.h5.abc123",
                                     "checkpoints/.previous.h5"},
                             *const STAY[] = {"notes.txt",
                                              ".notes.txt.abc123",
                                              ".last.h5.abc123",
                                              "checkpoints/.last.h5.abc12",
                                              "checkpoints/.last.h5.ABC123",
                                              "checkpoints/last.h5.abc123",
                                              "eval/.last.h5.abc123"};
    enum { N_GO = sizeof GO / sizeof *GO, N_STAY = sizeof STAY / sizeof *STAY };
    (void)state;
    copy_unfinished("leftovers");
    for (int k = 0; k < N_GO; k++) write_text(path_of("leftovers/%s", GO[k]), "half a file");
    for (int k = 0; k < N_STAY; k++) write_text(path_of("leftovers/%s", STAY[k]), "mine");
    assert_int_equal(train("leftovers", "--resume"), 0);
    for (int k = 0; k < N_GO; k++)
        if (file_exists(path_of("leftovers/%s", GO[k]))) fail_msg("%s is still there", GO[k]);
    for (int k = 0; k < N_STAY; k++)
        if (!file_exists(path_of("leftovers/%s", STAY[k]))) fail_msg("%s is gone", STAY[k]);
    assert_as_if_never_stopped("leftovers");
}

static void changed_data_are_refused(void **state)
{
    char more[PATH_MAX + 32];
    (void)state;
    copy_unfinished("other-data");
    shell("cp -r %s/data %s/longer && printf 'One\\tO\\n\\n' >> %s/longer/train.txt", folder, folder, folder);
    snprintf(more, sizeof more, "data.dir=%s/longer --resume", folder);
    assert_refused(78, "the data (data.dir) changed", NULL, "other-data", more);
    shell("cp -r %s/data %s/reversed && tac %s/data/vocab.txt > %s/reversed/vocab.txt", folder, folder, folder, folder);
    snprintf(more, sizeof more, "data.dir=%s/reversed --resume", folder);
    assert_refused(78, "the vocabulary (vocab.txt) changed", NULL, "other-data", more);
    assert_int_equal(train("other-data", "--resume"), 0); /* neither refusal took anything away */
    assert_as_if_never_stopped("other-data");
}

static void force_starts_anew(void **state)
{
    (void)state;
    assert_int_equal(train("forced", "train.seed=7 train.max_steps=6"), 0);
    assert_int_equal(train("forced", "--force"), 0);
    assert_as_if_never_stopped("forced");
}

static void force_with_a_mistake_removes_no_checkpoint(void **state)
{
    (void)state;
    copy_unfinished("spared");
    assert_refused(66, "nowhere", NULL, "spared", "data.train=nowhere.txt --force");
    assert_refused(78, "train.batch", NULL, "spared", "train.batch=many --force");
    assert_as_if_never_stopped("spared");
}

static void a_full_disk_ends_with_74_and_loses_no_checkpoint(void **state)
{
    struct program p;
    char text[6 * PATH_MAX];
    const char *argv[] = {"/bin/sh", "-c", text, NULL}, *last = "full/checkpoints/last.h5";
    (void)state;
    assert_int_equal(stop_with("full", SIGTERM, ""), 143);
    int64_t step = step_of(path_of("%s", last));
    /* Blocks of 512 or 1024 bytes, as the shell has it: less than a checkpoint, more than everything else that is written. */
    snprintf(text, sizeof text, "ulimit -f 128; exec %s train %s data.dir=%s/data %s --out %s/full --resume", NERVE, CONFIG, folder, SMALL,
             folder);
    program_run(&p, argv, NULL);
    if (p.status != 74 || !strstr(p.errors, last)) fail_msg("exit %d: %s", p.status, p.errors);
    program_free(&p);
    assert_int_equal(step_of(path_of("%s", last)), step);
    shell("test -z \"$(find %s/full -name '.?*')\"", folder);
    assert_int_equal(train("full", "--resume"), 0);
    assert_as_if_never_stopped("full");
}

/* ---- same bytes ---- */

static void threads_do_not_change_the_bytes(void **state)
{
    (void)state;
    static const char *const THREADS[] = {"train.threads=1", "train.threads=3", "train.threads=4"};
    for (size_t k = 0; k < 3; k++) {
        char name[16];
        snprintf(name, sizeof name, "threads%zu", k);
        assert_int_equal(train(name, THREADS[k]), 0);
        assert_as_if_never_stopped(name);
    }
}

static void threads_do_not_change_the_bytes_under(const char *core_type)
{
    char variable[64], name[64], keys[64], first[33], other[33];
    snprintf(variable, sizeof variable, "OPENBLAS_CORETYPE=%s", core_type);
    const struct program_options options = {.environment = (const char *const[]){variable, NULL}};
    for (int threads = 1; threads <= 4; threads++) {
        snprintf(name, sizeof name, "%s%d", core_type, threads);
        snprintf(keys, sizeof keys, "train.max_steps=45 train.threads=%d", threads);
        assert_int_equal(train_under(&options, name, keys, NULL), 0);
        digest_of(name, threads == 1 ? first : other);
        if (threads > 1) assert_string_equal(first, other);
    }
    struct json *run = read_json_file(path_of("%s/run.json", name));
    assert_string_equal(json_text(json_get(run, "core_type")), core_type);
    json_free(run);
}

static void threads_do_not_change_the_bytes_under_haswell(void **state)
{
    (void)state;
    threads_do_not_change_the_bytes_under("Haswell");
}

static void threads_do_not_change_the_bytes_under_zen(void **state)
{
    (void)state;
    threads_do_not_change_the_bytes_under("Zen");
}

static void threads_do_not_change_the_bytes_under_skylakex(void **state)
{
    (void)state;
    threads_do_not_change_the_bytes_under("SkylakeX");
}

/* ---- other ways to train ---- */

static void a_set_without_ids_and_with_six_other_types_is_learned(void **state)
{
    static const char *const NAMES[] = {"alpha", "beta", "gamma", "delta", "omega", "sigma"}, *const SPLITS[] = {"train", "valid", "test"};
    char text[1 << 16], more[2 * PATH_MAX];
    struct err e = {0};
    (void)state;
    assert_int_equal(directory_make(path_of("six"), &e), 0);
    for (int s = 0; s < 3; s++) {
        size_t n = 0;
        for (int k = 0; k < 240; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "the O\n%s B-%s\nhouse I-%s\nis O\nbig O\n\n", NAMES[k % 6], NAMES[k % 6],
                                  NAMES[k % 6]);
        snprintf(more, sizeof more, "%s/six/%s.txt", folder, SPLITS[s]);
        if (file_write_bytes(more, text, n, &e)) fail_msg("%s", e.text);
    }
    static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nhouse\nis\nbig\nalpha\nbeta\ngamma\ndelta\nomega\nsigma\n";
    if (file_write_bytes(path_of("six/vocab.txt"), vocabulary, sizeof vocabulary - 1, &e)) fail_msg("%s", e.text);
    snprintf(more, sizeof more, "data.dir=%s/six model.max_positions=128 train.lr_encoder=3e-3 train.epochs=8", folder);
    struct program p;
    char line[5 * PATH_MAX];
    snprintf(line, sizeof line, "train %s %s model.layers=1 model.width=32 model.heads=4 model.inner=48 --out %s/six-run", TWITTER, more,
             folder);
    start(&p, NULL, line);
    program_finish(&p);
    if (p.status != 0) fail_msg("exit %d: %s", p.status, p.errors);
    program_free(&p);
    struct json *test = read_json_file(path_of("six-run/eval/test.json"));
    double f1;
    assert_true(json_read_number(json_get(json_get(json_get(test, "lenient"), "micro"), "f1"), &f1));
    assert_int_equal(json_size(json_get(json_get(test, "lenient"), "per_type")), 6);
    if (!(f1 > 0.9)) fail_msg("F1 %.3f", f1);
    json_free(test);
}

/* The tiny BERT of the reference with a weight so large that every loss overflows. */
static void copy_bert_with_a_huge_weight(void)
{
    char command[4 * PATH_MAX], *bytes;
    size_t size, from_end = 0;
    struct err e = {0};
    struct safetensors *s = NULL;
    snprintf(command, sizeof command, "cp -r '%s/bert_tiny' '%s/huge' && chmod -R u+w '%s/huge'", reference_path("models"), folder, folder);
    assert_int_equal(system(command), 0);
    if (safetensors_open(path_of("huge/model.safetensors"), &s, &e)) fail_msg("%s", e.text);
    const struct array *a = safetensors_find(s, "encoder.layer.0.output.LayerNorm.weight");
    assert_non_null(a);
    const size_t values = a->size;
    for (size_t k = safetensors_count(s); k > 0; k--) { /* the tensors stand in the order of their bytes, and the last one ends the file */
        from_end += safetensors_at(s, k - 1)->size * array_type_size(safetensors_at(s, k - 1)->type);
        if (safetensors_at(s, k - 1) == a) break;
    }
    safetensors_close(s);
    if (file_read(path_of("huge/model.safetensors"), 1 << 28, &bytes, &size, &e)) fail_msg("%s", e.text);
    for (size_t k = 0; k < values; k++) memcpy(bytes + size - from_end + k * sizeof(float), &(float){3e38f}, sizeof(float));
    if (file_write_bytes(path_of("huge/model.safetensors"), bytes, size, &e)) fail_msg("%s", e.text);
    free(bytes);
}

static int count_finite(void *context, const struct array *a, struct err *e)
{
    const float *values = a->data;
    for (size_t i = 0; i < a->size; i++)
        if (!isfinite(values[i])) return err_set(e, ERR_CHECK, "%s: element %zu is %g", a->name, i, (double)values[i]);
    *(size_t *)context += a->size;
    return 0;
}

static size_t finite_parameters(const char *path)
{
    struct checkpoint *c;
    struct err e = {0};
    size_t n = 0;
    if (checkpoint_open(path, &c, &e) || checkpoint_each(c, "/parameters", count_finite, &n, &e)) fail_msg("%s: %s", path, e.text);
    checkpoint_close(c);
    return n;
}

static void losses_that_are_not_finite_stop_the_run_and_are_told_with_their_tweets(void **state)
{
    char more[PATH_MAX + 256], *errors, *log, *id;
    size_t size;
    struct err e = {0};
    (void)state;
    copy_bert_with_a_huge_weight();
    snprintf(more, sizeof more, "model.encoder=%s/huge data.max_length=16 train.max_bad_steps=3 train.checkpoint_every=1", folder);
    int status = train_under(NULL, "overflow", more, &errors);
    if (status != 1 || !strstr(errors, "3 steps in a row")) fail_msg("exit %d: %s", status, errors);
    free(errors);
    if (file_read(path_of("overflow/train.log"), 1 << 24, &log, &size, &e)) fail_msg("%s", e.text);
    id = strstr(log, "step 3 skipped");
    if (!id || !strstr(id, "tweets S_")) fail_msg("%s", log);
    free(log);
    assert_true(integer_of(path_of("overflow/checkpoints/last.h5"), "skipped") > 0);
    assert_true(finite_parameters(path_of("overflow/checkpoints/last.h5")) > 0);
    assert_true(finite_parameters(path_of("overflow/checkpoints/previous.h5")) > 0);
}

static void training_without_a_crf_works_and_resumes(void **state)
{
    char a[33], b[33];
    (void)state;
    assert_int_equal(train("plain", "model.crf=false"), 0);
    digest_of("plain", a);
    assert_int_equal(stop_with("plain2", SIGKILL, "model.crf=false"), 128 + SIGKILL);
    assert_int_equal(train("plain2", "model.crf=false --resume"), 0);
    digest_of("plain2", b);
    assert_string_equal(a, b);
}

/* Half precision is widened into memory, the frozen layer's float32 of the other folder stays in the mapped file: both come back. */
static void a_published_encoder_trains_resumes_and_predicts_from_its_checkpoint(void **state)
{
    static const char *const FOLDERS[] = {"bert_tiny", "bert_tiny_float16"};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        char keys[PATH_MAX + 256], again[PATH_MAX + 300], a[33], b[33];
        snprintf(keys, sizeof keys, "model.encoder=%s/%s data.max_length=24 model.frozen_layers=1 train.epochs=2", reference_path("models"),
                 FOLDERS[k]);
        snprintf(again, sizeof again, "%s --resume", keys);
        shell("rm -rf %s/published", folder);
        assert_int_equal(train("published", keys), 0);
        digest_of("published", a);
        evaluation_equals("published", "test");
        assert_int_equal(stop_with("published2", SIGKILL, keys), 128 + SIGKILL);
        assert_int_equal(train("published2", again), 0);
        digest_of("published2", b);
        assert_string_equal(a, b);
    }
}

static void an_encoder_with_a_vocabulary_that_does_not_fit_is_refused(void **state)
{
    char more[PATH_MAX + 64];
    (void)state;
    shell("cp -r '%s/bert_tiny' %s/vocabulary && chmod -R u+w %s/vocabulary", reference_path("models"), folder, folder);
    snprintf(more, sizeof more, "model.encoder=%s/vocabulary data.max_length=24", folder);
    shell("printf 'one-more\\n' >> %s/vocabulary/vocab.txt", folder);
    assert_refused(65, "/vocabulary: the vocabulary has ", NULL, "never", more);
    shell("sed -i '/CLS/d' %s/vocabulary/vocab.txt", folder);
    assert_refused(65, "has no piece [CLS]", NULL, "never", more);
    shell("rm %s/vocabulary/vocab.txt", folder);
    assert_refused(66, "/vocabulary/vocab.txt", NULL, "never", more);
    assert_false(file_exists(path_of("never")));
}

static void h5dump_shows_the_parameters(void **state)
{
    (void)state;
    shell("h5dump -H %s/whole/checkpoints/last.h5 | grep -q 'GROUP \"parameters\"'", folder);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_directory_holds_what_it_should),
        cmocka_unit_test(checkpoints_stand_at_the_last_step_and_the_one_before),
        cmocka_unit_test(max_steps_ends_a_run_with_a_checkpoint_and_a_test_score),
        cmocka_unit_test(info_names_digest_step_parameters_and_config),
        cmocka_unit_test(the_last_line_of_the_metrics_is_the_test_and_equals_eval_test_json),
        cmocka_unit_test(every_epoch_has_its_line),
        cmocka_unit_test(time_and_memory_stand_at_the_top_level),
        cmocka_unit_test(evaluate_prints_the_object_of_eval_test_json),
        cmocka_unit_test(evaluate_takes_a_checkpoint_alone_with_its_data),
        cmocka_unit_test(a_run_is_found_from_another_directory),
        cmocka_unit_test(what_cannot_be_trained_is_refused_with_its_status),
        cmocka_unit_test(two_trainers_do_not_share_a_directory),
        cmocka_unit_test(sigterm_saves_and_ends_with_143),
        cmocka_unit_test(sigint_saves_and_ends_with_130),
        cmocka_unit_test(sigkill_loses_nothing_that_was_saved),
        cmocka_unit_test(a_second_signal_ends_at_once_and_saves_nothing),
        cmocka_unit_test(resuming_without_a_checkpoint_begins_at_the_beginning),
        cmocka_unit_test(a_finished_run_is_left_as_it_is),
        cmocka_unit_test(another_key_is_refused_by_name_and_a_runtime_key_is_not),
        cmocka_unit_test(a_damaged_last_checkpoint_falls_back_to_the_one_before),
        cmocka_unit_test(without_a_whole_checkpoint_a_run_begins_anew),
        cmocka_unit_test(the_best_checkpoint_in_place_of_the_last_is_not_taken_by_half),
        cmocka_unit_test(what_killed_writers_left_is_removed_and_nothing_else),
        cmocka_unit_test(changed_data_are_refused),
        cmocka_unit_test(force_starts_anew),
        cmocka_unit_test(force_with_a_mistake_removes_no_checkpoint),
        cmocka_unit_test(a_full_disk_ends_with_74_and_loses_no_checkpoint),
        cmocka_unit_test(threads_do_not_change_the_bytes),
        cmocka_unit_test(a_set_without_ids_and_with_six_other_types_is_learned),
        cmocka_unit_test(losses_that_are_not_finite_stop_the_run_and_are_told_with_their_tweets),
        cmocka_unit_test(training_without_a_crf_works_and_resumes),
        cmocka_unit_test(a_published_encoder_trains_resumes_and_predicts_from_its_checkpoint),
        cmocka_unit_test(an_encoder_with_a_vocabulary_that_does_not_fit_is_refused),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_haswell),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_zen),
        cmocka_unit_test(h5dump_shows_the_parameters),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_skylakex),
    };
    size_t count = sizeof tests / sizeof *tests;
    /* The last two, as far as the machine can. */
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))) {
        fprintf(stderr, "SkylakeX is not tested: this processor has no AVX-512\n");
        count--;
    }
    if (system("h5dump --version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "h5dump is not tested: it is not installed\n");
        memmove(tests + sizeof tests / sizeof *tests - 2, tests + sizeof tests / sizeof *tests - 1, sizeof *tests);
        count--;
    }
    return _cmocka_run_group_tests("a run is trained, stopped and resumed", tests, count, set_up, tear_down);
}
