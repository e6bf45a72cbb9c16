/* A run that is asked to stop at a step, at any validation, or at the test, and is resumed, ends in the same files as one that was not:
 * where its patience ends, with every key that shapes a step set. */
#include "ag.h"
#include "files.h"
#include "progress.h"
#include "run.h"
#include "run_directory.h"
#include "synth.h"
#include "temporary.h"
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];
static struct nerve_config config;

/* Every step, and every evaluation when it begins, is reported once. */
static volatile sig_atomic_t stop;
static int reports, stop_at;
static struct progress seen[256];

static void count_and_stop(void *context, const struct progress *now)
{
    (void)context;
    assert_true(reports < (int)(sizeof seen / sizeof *seen));
    seen[reports++] = *now;
    if (reports == stop_at) stop = 1;
}

static enum run_end run(const char *name, enum run_mode mode, int at)
{
    char path[2 * PATH_MAX];
    struct err e = {0};
    enum run_end end = RUN_STOPPED;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    reports = 0;
    stop_at = at;
    stop = 0;
    if (run_train(&config, path, mode, &stop, &end, &e)) fail_msg("%s, stopped at report %d: %s", name, at, e.text);
    return end;
}

static int set_up(void **state)
{
    static const char *const KEYS[] = {"model.layers=2",          "model.width=32",
                                       "model.heads=4",           "model.inner=48",
                                       "train.epochs=16",         "train.batch=12",
                                       "train.lr_encoder=1e-2",   "train.lr_head=2e-2",
                                       "train.lr_crf=2e-2",       "train.patience=2",
                                       "train.warmup=0",          "train.schedule=cosine",
                                       "train.layer_decay=0.8",   "train.accumulate_pieces=100",
                                       "train.checkpoint_every=3"};
    struct err e = {0};
    struct synth_report report;
    char argument[PATH_MAX + 32];
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(argument, sizeof argument, "%s/data", folder);
    int code = ag_start(2, &e);
    if (!code) code = synth_write(argument, &(struct synth_options){.tweets = 120, .seed = 3}, &report, &e);
    config_default(&config);
    snprintf(argument, sizeof argument, "data.dir=%s/data", folder);
    if (!code) code = config_set(&config, argument, &e);
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS && !code; k++) code = config_set(&config, KEYS[k], &e);
    if (!code) code = config_check(&config, &e);
    if (code) print_error("%s\n", e.text);
    progress_set_sink(count_and_stop, NULL);
    return code;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

static void assert_same_file(const char *name, const char *file, int at)
{
    char path[2][2 * PATH_MAX], *bytes[2];
    size_t size[2];
    struct err e = {0};
    snprintf(path[0], sizeof path[0], "%s/whole/%s", folder, file);
    snprintf(path[1], sizeof path[1], "%s/%s/%s", folder, name, file);
    for (int k = 0; k < 2; k++)
        if (file_read(path[k], 1 << 26, &bytes[k], &size[k], &e)) fail_msg("%s", e.text);
    if (size[0] != size[1] || memcmp(bytes[0], bytes[1], size[0]) != 0) fail_msg("%s differs, stopped at report %d", file, at);
    free(bytes[0]);
    free(bytes[1]);
}

static void stopped_anywhere_and_resumed_it_ends_in_the_same_files(void **state)
{
    static const char *const FILES[] = {"checkpoints/last.h5", "checkpoints/best.h5", "eval/valid.json", "eval/test.json",
                                        "predictions.jsonl"};
    enum { EACH = 5 }; /* of so many steps one is tried, and every evaluation */
    bool tried[sizeof seen / sizeof *seen];
    (void)state;
    assert_int_equal(run("whole", RUN_NEW, 0), RUN_FINISHED);
    const int all = reports;
    const struct progress last = seen[all - 1];
    assert_string_equal(last.phase, "test");
    if (!(last.epoch > config.train.patience + 1)) fail_msg("the first epoch was the best: resuming is not put to the test");
    if (!(last.step < last.steps)) fail_msg("all epochs were trained: patience is not put to the test");
    for (int k = 0; k < all; k++) tried[k] = strcmp(seen[k].phase, "train") != 0 || k % EACH == 0;
    for (int at = 1; at <= all; at++) {
        char name[32];
        if (!tried[at - 1]) continue;
        snprintf(name, sizeof name, "stopped%d", at);
        assert_int_equal(run(name, RUN_NEW, at), RUN_STOPPED);
        assert_int_equal(run(name, RUN_RESUME, 0), RUN_FINISHED);
        for (size_t k = 0; k < sizeof FILES / sizeof *FILES; k++) assert_same_file(name, FILES[k], at);
    }
}

/* Killed between the two steps of saving, a run finds previous.h5 and last.h5 to be one file. */
static void a_previous_checkpoint_that_is_the_last_one_leaves_nothing_beside(void **state)
{
    (void)state;
    struct run_directory d;
    struct err e = {0};
    char path[2 * PATH_MAX], last[PATH_MAX];
    snprintf(path, sizeof path, "%s/links", folder);
    if (run_directory_open(path, RUN_NEW, &d, &e) || run_directory_begin(&d, RUN_NEW, &e) ||
        run_path(&d, "checkpoints/last.h5", last, &e) || file_write_bytes(last, "weights", 7, &e) || run_keep_previous(&d, &e) ||
        run_keep_previous(&d, &e))
        fail_msg("%s", e.text);
    int n = 0;
    snprintf(path, sizeof path, "%s/links/checkpoints", folder);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)); n++)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, "last.h5") != 0 &&
            strcmp(entry->d_name, "previous.h5") != 0)
            fail_msg("%s is left behind", entry->d_name);
    assert_int_equal(n, 4);
    closedir(directory);
    run_directory_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_anywhere_and_resumed_it_ends_in_the_same_files),
        cmocka_unit_test(a_previous_checkpoint_that_is_the_last_one_leaves_nothing_beside),
    };
    return cmocka_run_group_tests_name("a run stopped anywhere ends the same", tests, set_up, tear_down);
}
