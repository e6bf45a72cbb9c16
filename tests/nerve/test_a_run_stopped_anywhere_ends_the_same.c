/* A run that is asked to stop at a step, at any validation, or at the test, and is resumed, ends in the same files as one that was not:
 * where its patience ends, with every key that shapes a step set; and where it looks at pixels, and LoRA trains both encoders. */
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

static const char *const TEXT[] = {"model.layers=2",
                                   "model.width=32",
                                   "model.heads=4",
                                   "model.inner=48",
                                   "train.epochs=16",
                                   "train.batch=12",
                                   "train.lr_encoder=1e-2",
                                   "train.lr_head=2e-2",
                                   "train.lr_crf=2e-2",
                                   "train.patience=2",
                                   "train.warmup=0",
                                   "train.schedule=cosine",
                                   "train.layer_decay=0.8",
                                   "train.accumulate_pieces=100",
                                   "train.checkpoint_every=3",
                                   NULL};
static const char *const PIXELS[] = {"model.layers=2",
                                     "model.width=32",
                                     "model.heads=4",
                                     "model.inner=48",
                                     "model.fusion=monig-prob",
                                     "model.visual=vit",
                                     "model.vision_layers=2",
                                     "model.vision_width=16",
                                     "model.vision_heads=2",
                                     "model.vision_inner=24",
                                     "model.vision_size=16",
                                     "model.lora_rank=3",
                                     "model.frozen_layers=1",
                                     "model.vision_lora_rank=2",
                                     "train.drop_text=0.2",
                                     "train.noise_image=0.3",
                                     "loss.image_balanced=true",
                                     "loss.evidence_after=0.5",
                                     "train.epochs=2",
                                     "train.batch=12",
                                     "train.accumulate=2",
                                     "train.checkpoint_every=3",
                                     NULL};

static int configure(const char *data, const char *const *keys, struct err *e)
{
    char argument[PATH_MAX + 32];
    config_default(&config);
    snprintf(argument, sizeof argument, "data.dir=%s/%s", folder, data);
    int code = config_set(&config, argument, e);
    for (; *keys && !code; keys++) code = config_set(&config, *keys, e);
    return code ? code : config_check(&config, e);
}

static int set_up(void **state)
{
    struct err e = {0};
    struct synth_report report;
    char path[PATH_MAX + 32];
    (void)state;
    if (temporary_folder(folder)) return -1;
    int code = ag_start(2, &e);
    snprintf(path, sizeof path, "%s/text", folder);
    if (!code) code = synth_write(path, &(struct synth_options){.tweets = 120, .seed = 3}, &report, &e);
    snprintf(path, sizeof path, "%s/pixels", folder);
    if (!code) code = synth_write(path, &(struct synth_options){.tweets = 80, .seed = 4, .pictures = true, .missing = 0.2}, &report, &e);
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

/* Of every `each` steps one is tried, and every evaluation, of the run in `whole`, which has just ended. */
static void stop_and_resume(int each)
{
    static const char *const FILES[] = {"checkpoints/last.h5", "checkpoints/best.h5", "eval/valid.json", "eval/test.json",
                                        "predictions.jsonl"};
    bool tried[sizeof seen / sizeof *seen];
    const int all = reports;
    assert_string_equal(seen[all - 1].phase, "test");
    for (int k = 0; k < all; k++) tried[k] = strcmp(seen[k].phase, "train") != 0 || k % each == 0;
    for (int at = 1; at <= all; at++) {
        if (!tried[at - 1]) continue;
        assert_int_equal(run("stopped", RUN_FORCE, at), RUN_STOPPED);
        assert_int_equal(run("stopped", RUN_RESUME, 0), RUN_FINISHED);
        for (size_t k = 0; k < sizeof FILES / sizeof *FILES; k++) assert_same_file("stopped", FILES[k], at);
    }
}

static void stopped_anywhere_and_resumed_it_ends_in_the_same_files(void **state)
{
    struct err e = {0};
    (void)state;
    if (configure("text", TEXT, &e)) fail_msg("%s", e.text);
    assert_int_equal(run("whole", RUN_FORCE, 0), RUN_FINISHED);
    const struct progress last = seen[reports - 1];
    if (!(last.epoch > config.train.patience + 1)) fail_msg("the first epoch was the best: resuming is not put to the test");
    if (!(last.step < last.steps)) fail_msg("all epochs were trained: patience is not put to the test");
    stop_and_resume(5);
}

static void with_pixels_and_lora_too(void **state)
{
    struct err e = {0};
    (void)state;
    if (configure("pixels", PIXELS, &e)) fail_msg("%s", e.text);
    assert_int_equal(run("whole", RUN_FORCE, 0), RUN_FINISHED);
    stop_and_resume(2);
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
        cmocka_unit_test(with_pixels_and_lora_too),
        cmocka_unit_test(a_previous_checkpoint_that_is_the_last_one_leaves_nothing_beside),
    };
    return cmocka_run_group_tests_name("a run stopped anywhere ends the same", tests, set_up, tear_down);
}
