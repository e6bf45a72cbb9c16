/* training.c - see training.h. */
#include "training.h"
#include "files.h"
#include "temporary.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

char folder[PATH_MAX], whole[33];
int64_t steps, best_epoch;

const char *path_of(const char *format, ...)
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

void start(struct program *p, const struct program_options *options, char *text)
{
    const char *argv[64];
    arguments_of(argv, text);
    program_start(p, argv, options);
}

void start_training(struct program *p, const struct program_options *options, const char *name, const char *more)
{
    char text[3 * PATH_MAX];
    snprintf(text, sizeof text, "train %s data.dir=%s/data %s --out %s/%s %s", CONFIG, folder, SMALL, folder, name, more);
    start(p, options, text);
}

int train_under(const struct program_options *options, const char *name, const char *more, char **errors)
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

int train(const char *name, const char *more)
{
    char *errors;
    int status = train_under(NULL, name, more, &errors);
    if (status != 0) print_message("%s", errors);
    free(errors);
    return status;
}

struct json *read_json_file(const char *path)
{
    struct err e = {0};
    char *text;
    size_t size;
    struct json *json = NULL;
    if (file_read(path, 1 << 26, &text, &size, &e) || json_parse(text, size, path, &json, &e)) fail_msg("%s", e.text);
    free(text);
    return json;
}

struct json *ask(const char *format, ...)
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

void digest_of(const char *name, char hex[33])
{
    struct json *json = ask("info %s --json", path_of("%s/checkpoints/last.h5", name));
    snprintf(hex, 33, "%s", json_text(json_get(json, "digest")));
    json_free(json);
}

int64_t integer_of(const char *checkpoint, const char *key)
{
    int64_t x;
    struct json *json = ask("info %s --json", checkpoint);
    assert_true(json_read_integer(json_get(json, key), &x));
    json_free(json);
    return x;
}

int64_t step_of(const char *checkpoint)
{
    return integer_of(checkpoint, "step");
}

void shell(const char *format, ...)
{
    char command[6 * PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) fail_msg("failed: %s", command);
}

bool is_time_or_memory(const char *key)
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

void assert_as_if_never_stopped(const char *name)
{
    char hex[33];
    digest_of(name, hex);
    assert_string_equal(hex, whole);
    char *a = timeless(name), *b = timeless("whole");
    assert_string_equal(a, b);
    free(a);
    free(b);
}

void assert_refused(int expected, const char *part, const struct program_options *options, const char *name, const char *more)
{
    char *errors;
    int status = train_under(options, name, more, &errors);
    if (status != expected || !strstr(errors, part))
        fail_msg("expected exit %d with '%s', got exit %d with: %s", expected, part, status, errors);
    free(errors);
}

void evaluation_equals(const char *name, const char *split)
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

int stop_with(const char *name, int signal, const char *more)
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

int training_set_up(void **state)
{
    char text[PATH_MAX + 64];
    struct program p;
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(text, sizeof text, "synth %s/data --tweets 240 --seed 3 --no-pictures", folder);
    start(&p, NULL, text);
    program_finish(&p);
    int status = p.status;
    program_free(&p);
    if (status || train("whole", "")) return -1;
    digest_of("whole", whole);
    steps = step_of(path_of("whole/checkpoints/last.h5"));
    best_epoch = integer_of(path_of("whole/checkpoints/last.h5"), "best_epoch");
    return 0;
}

int training_tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}
