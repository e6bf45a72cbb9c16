/* nerve train, evaluate and info as their user meets them: run directories, refusals, signals, resuming, metrics. NERVE is the program,
 * CONFIG a config for synthetic tweets. */
#include "files.h"
#include "hash.h"
#include "json.h"
#include "reference.h"
#include "run_program.h"
#include "temporary.h"
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
static char whole[33]; /* digest of the last checkpoint of the run that was never stopped */

enum { STEPS = 44, EVERY = 5 };
#define SMALL                                                                                                                              \
    "model.layers=1 model.width=32 model.heads=4 model.inner=48 train.epochs=4 train.checkpoint_every=5 train.log_every=1 train.threads=2"

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

static int64_t step_of(const char *checkpoint)
{
    int64_t step;
    struct json *json = ask("info %s --json", checkpoint);
    assert_true(json_read_integer(json_get(json, "step"), &step));
    json_free(json);
    return step;
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
    assert_true(json_read_boolean(json_get(run, "finished"), &finished) && finished);
    json_free(run);
}

static void checkpoints_stand_at_the_last_step_and_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(step_of(path_of("whole/checkpoints/last.h5")), STEPS);
    assert_int_equal(step_of(path_of("whole/checkpoints/previous.h5")), (STEPS - 1) / EVERY * EVERY);
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
    assert_int_equal(epochs, 4);
    free(text);
}

static void evaluate_prints_the_object_of_eval_test_json(void **state)
{
    (void)state;
    struct json *a = ask("evaluate --model %s --json", path_of("whole")), *b = read_json_file(path_of("whole/eval/test.json"));
    char *x = json_dump(a, 0), *y = json_dump(b, 0);
    assert_string_equal(x, y);
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

/* Waits until the run has begun to step, then sends the signal. */
static int stop_with(const char *name, int signal)
{
    struct program p;
    start_training(&p, NULL, name, "");
    for (int k = 0; k < 6000 && !file_exists(path_of("%s/checkpoints/last.h5", name)); k++) usleep(2000);
    kill(p.pid, signal);
    program_finish(&p);
    int status = p.status;
    program_free(&p);
    return status;
}

static void sigterm_saves_and_ends_with_143(void **state)
{
    (void)state;
    int status = stop_with("term", SIGTERM);
    assert_true(status == 143 || status == 0);
    assert_true(step_of(path_of("term/checkpoints/last.h5")) > 0);
    assert_int_equal(train("term", "--resume"), 0);
    assert_as_if_never_stopped("term");
}

static void sigint_saves_and_ends_with_130(void **state)
{
    (void)state;
    int status = stop_with("int", SIGINT);
    assert_true(status == 130 || status == 0);
    assert_int_equal(train("int", "--resume"), 0);
    assert_as_if_never_stopped("int");
}

static void sigkill_loses_nothing_that_was_saved(void **state)
{
    (void)state;
    stop_with("kill", SIGKILL);
    assert_int_equal(train("kill", "--resume"), 0);
    assert_as_if_never_stopped("kill");
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
}

static void another_key_is_refused_by_name_and_a_runtime_key_is_not(void **state)
{
    (void)state;
    assert_int_equal(stop_with("keys", SIGKILL), 128 + SIGKILL);
    assert_refused(78, "train.lr_head", NULL, "keys", "train.lr_head=5e-3 --resume");
    assert_refused(78, "train.seed", NULL, "keys", "train.seed=9 --resume");
    assert_int_equal(train("keys", "train.threads=1 train.checkpoint_every=7 --resume"), 0);
    assert_as_if_never_stopped("keys");
}

static void a_damaged_last_checkpoint_falls_back_to_the_one_before(void **state)
{
    char *errors;
    (void)state;
    assert_int_equal(stop_with("damaged", SIGKILL), 128 + SIGKILL);
    assert_int_equal(train("damaged", "train.max_steps=0 --resume"), 0); /* finished: both checkpoints are there */
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "rm -f %s/damaged/run.json", folder); /* what a crash before the end would have left */
    assert_int_equal(system(command), 0);
    flip_byte(path_of("damaged/checkpoints/last.h5"), 5000);
    assert_int_equal(train_under(NULL, "damaged", "--resume", &errors), 0);
    if (!strstr(errors, "last.h5: not usable") || !strstr(errors, "resuming at step 40")) fail_msg("%s", errors);
    free(errors);
    assert_as_if_never_stopped("damaged");
    flip_byte(path_of("damaged/checkpoints/last.h5"), 5000);
    flip_byte(path_of("damaged/checkpoints/previous.h5"), 5000);
    assert_int_equal(system(command), 0);
    assert_int_equal(train_under(NULL, "damaged", "--resume", &errors), 0);
    if (!strstr(errors, "starting from the beginning")) fail_msg("%s", errors);
    free(errors);
    assert_as_if_never_stopped("damaged");
}

static void changed_data_are_refused(void **state)
{
    char command[4 * PATH_MAX];
    (void)state;
    snprintf(command, sizeof command, "cp -r %s/data %s/changed && printf 'One\\tO\\n\\n' >> %s/changed/train.txt", folder, folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(stop_with("other-data", SIGKILL), 128 + SIGKILL);
    char more[PATH_MAX + 32];
    snprintf(more, sizeof more, "data.dir=%s/changed --resume", folder);
    assert_refused(78, "the data", NULL, "other-data", more);
}

static void force_starts_anew(void **state)
{
    (void)state;
    assert_int_equal(train("forced", "train.seed=7 train.max_steps=6"), 0);
    assert_int_equal(train("forced", "--force"), 0);
    assert_as_if_never_stopped("forced");
}

static void a_full_disk_ends_with_74_and_loses_no_checkpoint(void **state)
{
    struct program p;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    char text[4 * PATH_MAX];
    (void)state;
    assert_int_equal(train("full", "train.max_steps=5"), 0);
    int64_t step = step_of(path_of("full/checkpoints/last.h5"));
    snprintf(text, sizeof text, "ulimit -f 64; exec %s train %s data.dir=%s/data %s --out %s/full2", NERVE, CONFIG, folder, SMALL, folder);
    argv[2] = text;
    program_run(&p, argv, NULL);
    if (p.status != 74) fail_msg("exit %d: %s", p.status, p.errors);
    assert_false(file_exists(path_of("full2/checkpoints/last.h5")));
    program_free(&p);
    assert_int_equal(step, 5);
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
    char variable[64], name[64], a[33], b[33];
    snprintf(variable, sizeof variable, "OPENBLAS_CORETYPE=%s", core_type);
    const char *const environment[] = {variable, NULL};
    const struct program_options options = {.environment = environment};
    snprintf(name, sizeof name, "%s1", core_type);
    assert_int_equal(train_under(&options, name, "train.threads=1", NULL), 0);
    digest_of(name, a);
    snprintf(name, sizeof name, "%s3", core_type);
    assert_int_equal(train_under(&options, name, "train.threads=3", NULL), 0);
    digest_of(name, b);
    assert_string_equal(a, b);
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
    struct json *json = ask("info %s --json", path_of("overflow/checkpoints/last.h5"));
    int64_t skipped = 0;
    assert_true(json_read_integer(json_get(json, "skipped"), &skipped) && skipped > 0);
    json_free(json);
}

static void training_without_a_crf_works_and_resumes(void **state)
{
    char a[33], b[33];
    (void)state;
    assert_int_equal(train("plain", "model.crf=false"), 0);
    digest_of("plain", a);
    struct program p;
    start_training(&p, NULL, "plain2", "model.crf=false");
    for (int k = 0; k < 6000 && !file_exists(path_of("plain2/checkpoints/last.h5")); k++) usleep(2000);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    program_free(&p);
    assert_int_equal(train("plain2", "model.crf=false --resume"), 0);
    digest_of("plain2", b);
    assert_string_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_directory_holds_what_it_should),
        cmocka_unit_test(checkpoints_stand_at_the_last_step_and_the_one_before),
        cmocka_unit_test(max_steps_ends_a_run_with_a_checkpoint_and_a_test_score),
        cmocka_unit_test(info_names_digest_step_parameters_and_config),
        cmocka_unit_test(the_last_line_of_the_metrics_is_the_test_and_equals_eval_test_json),
        cmocka_unit_test(every_epoch_has_its_line),
        cmocka_unit_test(evaluate_prints_the_object_of_eval_test_json),
        cmocka_unit_test(evaluate_takes_a_checkpoint_alone_with_its_data),
        cmocka_unit_test(a_run_is_found_from_another_directory),
        cmocka_unit_test(what_cannot_be_trained_is_refused_with_its_status),
        cmocka_unit_test(two_trainers_do_not_share_a_directory),
        cmocka_unit_test(sigterm_saves_and_ends_with_143),
        cmocka_unit_test(sigint_saves_and_ends_with_130),
        cmocka_unit_test(sigkill_loses_nothing_that_was_saved),
        cmocka_unit_test(resuming_without_a_checkpoint_begins_at_the_beginning),
        cmocka_unit_test(a_finished_run_is_left_as_it_is),
        cmocka_unit_test(another_key_is_refused_by_name_and_a_runtime_key_is_not),
        cmocka_unit_test(a_damaged_last_checkpoint_falls_back_to_the_one_before),
        cmocka_unit_test(changed_data_are_refused),
        cmocka_unit_test(force_starts_anew),
        cmocka_unit_test(a_full_disk_ends_with_74_and_loses_no_checkpoint),
        cmocka_unit_test(threads_do_not_change_the_bytes),
        cmocka_unit_test(a_set_without_ids_and_with_six_other_types_is_learned),
        cmocka_unit_test(losses_that_are_not_finite_stop_the_run_and_are_told_with_their_tweets),
        cmocka_unit_test(training_without_a_crf_works_and_resumes),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_haswell),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_zen),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_skylakex),
    };
    bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
    if (!has_avx512) fprintf(stderr, "SkylakeX is not tested: this processor has no AVX-512\n");
    size_t count = sizeof tests / sizeof *tests - (has_avx512 ? 0 : 1);
    return _cmocka_run_group_tests("a run is trained, stopped and resumed", tests, count, set_up, tear_down);
}
