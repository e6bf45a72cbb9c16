/* A run that is refused, stopped, killed, damaged or out of space loses nothing that was saved, and resumed it ends in the same bytes. */
#include "files.h"
#include "training.h"
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

/* ---- runs that end before their last step ---- */

static int64_t epochs_of(const char *name)
{
    return integer_of(path_of("%s/checkpoints/last.h5", name), "epochs");
}

#define EARLY "train.patience=1 train.schedule=cosine train.layer_decay=0.9 train.accumulate_pieces=100 train.epochs=40"

static void an_early_stop_comes_at_the_same_epoch_for_a_resumed_run(void **state)
{
    char expected[33], found[33], *errors;
    (void)state;
    assert_int_equal(train("early", EARLY), 0);
    const int64_t epochs = epochs_of("early");
    if (!(epochs < 40)) fail_msg("forty epochs, each better than the one before: patience is not put to the test");
    assert_int_equal(epochs, integer_of(path_of("early/checkpoints/last.h5"), "best_epoch") + 1);
    assert_true(file_exists(path_of("early/eval/test.json")));
    assert_int_equal(stop_with("early2", SIGKILL, EARLY), 128 + SIGKILL);
    assert_int_equal(train("early2", EARLY " --resume"), 0);
    digest_of("early", expected);
    digest_of("early2", found);
    assert_string_equal(found, expected);
    assert_int_equal(train_under(NULL, "early", EARLY " train.patience=2 --resume", &errors), 78);
    if (!strstr(errors, "train.patience")) fail_msg("%s", errors);
    free(errors);
    assert_int_equal(train("early", EARLY " --resume"), 0); /* it is finished */
    assert_int_equal(epochs_of("early"), epochs);
}

/* The limit is over when the first step is done, which always is. */
static void max_seconds_saves_after_a_step_and_ends_with_0_and_resuming_goes_on(void **state)
{
    char *errors;
    bool finished = true;
    (void)state;
    for (int64_t step = 1; step <= 3; step++) {
        assert_int_equal(train_under(NULL, "timed", "train.max_seconds=1e-6 --resume", &errors), 0);
        if (!strstr(errors, "train.max_seconds are over, saved")) fail_msg("%s", errors);
        free(errors);
        assert_int_equal(step_of(path_of("timed/checkpoints/last.h5")), step);
    }
    struct json *run = read_json_file(path_of("timed/run.json"));
    assert_true(json_read_boolean(json_get(run, "finished"), &finished) && !finished);
    json_free(run);
    assert_false(file_exists(path_of("timed/eval/test.json")));
    assert_int_equal(train("timed", "--resume"), 0);
    assert_as_if_never_stopped("timed");
}

/* ---- signals ---- */

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

/* ---- damage ---- */

static void write_text(const char *path, const char *text)
{
    struct err e = {0};
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
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

/* ---- resuming and starting anew ---- */

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
    char hex[33];
    assert_int_equal(stop_with("lines", SIGKILL, ""), 128 + SIGKILL);
    assert_int_equal(train("lines", "train.log_every=1000 --resume"), 0);
    digest_of("lines", hex);
    assert_string_equal(hex, whole);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_trained_is_refused_with_its_status),
        cmocka_unit_test(two_trainers_do_not_share_a_directory),
        cmocka_unit_test(an_early_stop_comes_at_the_same_epoch_for_a_resumed_run),
        cmocka_unit_test(max_seconds_saves_after_a_step_and_ends_with_0_and_resuming_goes_on),
        cmocka_unit_test(sigterm_saves_and_ends_with_143),
        cmocka_unit_test(sigint_saves_and_ends_with_130),
        cmocka_unit_test(sigkill_loses_nothing_that_was_saved),
        cmocka_unit_test(a_second_signal_ends_at_once_and_saves_nothing),
        cmocka_unit_test(a_damaged_last_checkpoint_falls_back_to_the_one_before),
        cmocka_unit_test(without_a_whole_checkpoint_a_run_begins_anew),
        cmocka_unit_test(the_best_checkpoint_in_place_of_the_last_is_not_taken_by_half),
        cmocka_unit_test(what_killed_writers_left_is_removed_and_nothing_else),
        cmocka_unit_test(a_full_disk_ends_with_74_and_loses_no_checkpoint),
        cmocka_unit_test(resuming_without_a_checkpoint_begins_at_the_beginning),
        cmocka_unit_test(a_finished_run_is_left_as_it_is),
        cmocka_unit_test(another_key_is_refused_by_name_and_a_runtime_key_is_not),
        cmocka_unit_test(changed_data_are_refused),
        cmocka_unit_test(force_starts_anew),
        cmocka_unit_test(force_with_a_mistake_removes_no_checkpoint),
    };
    return cmocka_run_group_tests_name("a run is stopped, damaged and resumed", tests, training_set_up, training_tear_down);
}
