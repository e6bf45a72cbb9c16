/* Runs of every kind: any number of threads and core type, another data set, no CRF, a published encoder, numbers that are not finite.
 * TWITTER is the config for real tweets. */
#include "checkpoint.h"
#include "files.h"
#include "reference.h"
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

/* ---- other data, other models ---- */

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
    static const char *const FOLDERS[] = {"bert_tiny", "bert_tiny_float16", "distilbert_tiny"};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
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

/* A DistilBERT has no token types to set a caption apart by. */
static void captions_are_appended_whatever_token_types_there_are(void **state)
{
    char keys[2 * PATH_MAX + 256];
    (void)state;
    shell("for k in 0 1 2 3 4 5 6 7 8 9; do echo \"S_00000$k.jpg :a view over the mountains\"; done >%s/few-captions.txt", folder);
    snprintf(
        keys, sizeof keys,
        "model.encoder=%s/distilbert_tiny model.fusion=append model.visual=caption data.captions=%s/few-captions.txt data.max_length=24 "
        "train.epochs=1",
        reference_path("models"), folder);
    assert_int_equal(train("appended", keys), 0);
    evaluation_equals("appended", "test");
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

/* ---- numbers that are not finite ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_the_bytes),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_haswell),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_zen),
        cmocka_unit_test(a_set_without_ids_and_with_six_other_types_is_learned),
        cmocka_unit_test(training_without_a_crf_works_and_resumes),
        cmocka_unit_test(a_published_encoder_trains_resumes_and_predicts_from_its_checkpoint),
        cmocka_unit_test(captions_are_appended_whatever_token_types_there_are),
        cmocka_unit_test(an_encoder_with_a_vocabulary_that_does_not_fit_is_refused),
        cmocka_unit_test(losses_that_are_not_finite_stop_the_run_and_are_told_with_their_tweets),
        cmocka_unit_test(threads_do_not_change_the_bytes_under_skylakex),
    };
    size_t count = sizeof tests / sizeof *tests;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))) {
        fprintf(stderr, "SkylakeX is not tested: this processor has no AVX-512\n");
        count--; /* the last one */
    }
    return _cmocka_run_group_tests("every kind of run trains", tests, count, training_set_up, training_tear_down);
}
