/* `nerve features` computes what a frozen encoder gives once: training, evaluation and prediction on what it stored are those on what is
 * computed, to the bit. A run that is stopped or killed goes on; what is of another encoder, or damaged, is refused by name. */
#include "checkpoint.h"
#include "clip_folder.h"
#include "extract.h"
#include "feature_file.h"
#include "files.h"
#include "picture.h"
#include "temporary.h"
#include "training.h"
#include <fcntl.h>
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

#define TEXT "model.layers=1 model.width=32 model.heads=4 model.inner=48 train.batch=8 train.log_every=1 "
#define CLIP "model.visual=clip "

/* ---- the data: synthetic tweets, of which nine in ten have a picture and eight in ten a caption ---- */

static char ids[600][32];
static int n_ids, n_pictures;

static void run(int status, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* nerve ARGUMENTS ends with this status, and with part on stderr. */
static void run(int status, const char *part, const char *format, ...)
{
    char text[8 * PATH_MAX];
    struct program p;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start(&p, NULL, text);
    program_finish(&p);
    if (p.status != status || !strstr(p.errors, part))
        fail_msg("expected exit %d with '%s', got exit %d with: %s", status, part, p.status, p.errors);
    assert_string_equal(p.output, "");
    program_free(&p);
}

/* Every command's keys: where data and encoders are. */
static const char *keys(void)
{
    static char text[3 * PATH_MAX];
    snprintf(text, sizeof text, "%s data.dir=%s/data data.images=photos data.captions=words.txt model.vision=%s/clip train.threads=2",
             CONFIG, folder, folder);
    return text;
}

static void read_ids(const char *split)
{
    char *text, *rest;
    size_t size;
    struct err e = {0};
    if (file_read(path_of("data/%s.txt", split), 1 << 24, &text, &size, &e)) fail_msg("%s", e.text);
    rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, "IMGID:", 6) == 0) snprintf(ids[n_ids++], sizeof ids[0], "%.31s", line + 6);
    free(text);
}

static void write_picture(const char *name, int k)
{
    uint8_t rgb[20 * 24 * 3];
    struct err e = {0};
    for (int i = 0; i < 20 * 24 * 3; i++) rgb[i] = (uint8_t)(k * 37 + i * (k % 5 + 1) / 3);
    if (picture_write_png(path_of("data/photos/%s.png", name), &(struct picture){.width = 20, .height = 24, .rgb = rgb}, &e))
        fail_msg("%s", e.text);
}

static int set_up(void **state)
{
    static const char *const SPLITS[] = {"train", "valid", "test"};
    struct err e = {0};
    (void)state;
    if (temporary_folder(folder)) return -1;
    shell("%s synth %s/data --tweets 600 --seed 3 >%s/out", NERVE, folder, folder);
    for (int k = 0; k < 3; k++) read_ids(SPLITS[k]);
    if (directory_make(path_of("data/photos"), &e) || clip_folder_write(path_of("clip"), &CLIP_SMALL, 1, &e) ||
        clip_folder_write(path_of("clip2"), &CLIP_SMALL, 2, &e))
        return -1;
    FILE *captions = fopen(path_of("data/words.txt"), "w");
    for (int k = 0; k < n_ids; k++) {
        if (k % 10 != 3) write_picture(ids[k], k);
        n_pictures += k % 10 != 3;
        if (k % 10 < 8)
            fprintf(captions, "%s.jpg :%.*s\n", ids[k], 20 + k % 40, "he said that she is in the town with a house and the sea");
    }
    fclose(captions);
    shell("%s train %s %s train.max_steps=2 --out %s/text 2>%s/out", NERVE, keys(), TEXT, folder, folder);
    shell("%s export %s/text --to safetensors --out %s/encoder 2>%s/out", NERVE, folder, folder, folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

/* ---- stored as computed ---- */

/* Each parameter of the run on stored features has the values that it has in the other run. */
static int is_the_same(void *context, const struct array *a, struct err *e)
{
    const void *values;
    const struct checkpoint *other = context;
    if (checkpoint_array(other, a->name, a->type, a->rank, a->dim, &values, e)) fail_msg("%s", e->text);
    if (memcmp(values, a->data, a->size * array_type_size(a->type)) != 0) fail_msg("%s differs", a->name);
    return 0;
}

static void assert_same_parameters(const char *stored, const char *computed)
{
    struct checkpoint *a, *b = NULL;
    struct err e = {0};
    if (checkpoint_open(path_of("%s/checkpoints/last.h5", stored), &a, &e) ||
        checkpoint_open(path_of("%s/checkpoints/last.h5", computed), &b, &e))
        fail_msg("%s", e.text);
    checkpoint_each(a, "/parameters", is_the_same, b, &e);
    checkpoint_close(a);
    checkpoint_close(b);
}

static const struct kind {
    const char *name, *fusion, *extract, *compute;
} kinds[] = {
    {"clip_all_tokens", "model.fusion=concat", CLIP, CLIP},
    {"clip_class_token_of_a_layer", "model.fusion=monig-prob", CLIP "model.vision_tokens=class model.vision_layer=1",
     CLIP "model.vision_tokens=class model.vision_layer=1"},
    {"clip_patches_of_turned_pictures", "model.fusion=gate model.image_query=words",
     CLIP "model.vision_tokens=patches data.exif_orientation=true", CLIP "model.vision_tokens=patches data.exif_orientation=true"},
    {"captions", "model.fusion=cross", "model.visual=caption",
     "model.visual=caption model.caption_encoder=own model.caption_frozen_layers=1"},
};

/* Losses and gradient norms of each step are compared by what they do: every parameter after the last step, and the predictions. */
static void stored_features_train_as_computed_ones(void **state)
{
    const struct kind *k = *state;
    const char *more = "train.max_steps=8 train.epochs=2 train.log_every=1 train.lr_head=1e-2";
    char encoder[PATH_MAX + 32], stored[32], computed[32];
    snprintf(encoder, sizeof encoder, "model.encoder=%s/encoder", folder);
    snprintf(stored, sizeof stored, "stored-%.20s", k->name);
    snprintf(computed, sizeof computed, "computed-%.20s", k->name);
    run(0, "ids have a", "features %s %s %s --out %s/data/%s.h5", keys(), k->extract, encoder, folder, k->name);
    run(0, "saved step", "train %s %s %s %s %s --out %s/%s", keys(), encoder, k->fusion, k->compute, more, folder, computed);
    run(0, "saved step", "train %s %s %s model.visual=features data.features=%s.h5 %s --out %s/%s", keys(), encoder, k->fusion, k->name,
        more, folder, stored);
    assert_same_parameters(stored, computed);
    shell("cmp %s/%s/predictions.jsonl %s/%s/predictions.jsonl", folder, stored, folder, computed);
    shell(
        "cd %s && grep -ho '\"loss\":[^,]*' %s/metrics.jsonl >a && grep -ho '\"loss\":[^,]*' %s/metrics.jsonl >b && cmp a b && [ $(wc -l <a) -ge 8 ]",
        folder, stored, computed);
    evaluation_equals(stored, "valid");
}

static void threads_do_not_change_the_bytes(void **state)
{
    (void)state;
    run(0, "", "features %s %s --out %s/one.h5 train.threads=1", keys(), CLIP, folder);
    run(0, "", "features %s %s --out %s/three.h5 train.threads=3", keys(), CLIP, folder);
    shell("cmp %s/one.h5 %s/three.h5", folder, folder);
}

static void each_picture_of_every_split_has_a_record(void **state)
{
    (void)state;
    struct features *f;
    struct err e = {0};
    char told[128];
    snprintf(told, sizeof told, "%d of %d ids have a picture; at most 5 visual tokens of width 16 each", n_pictures, n_ids);
    run(0, told, "features %s %s --out %s/all.h5", keys(), CLIP, folder);
    if (features_open(path_of("all.h5"), &f, &e)) fail_msg("%s", e.text);
    for (int k = 0; k < n_ids; k++) {
        int count;
        const float *values;
        assert_int_equal(features_find(f, ids[k], &count, &values, &e), k % 10 == 3 ? ERR_NOINPUT : 0);
    }
    features_close(f);
    shell("[ $(ls %s/all.h5* | wc -l) = 1 ]", folder); /* no part is left */
}

/* ---- stopped and killed ---- */

/* Sends the signal as soon as the first part is there; false where the run was done before it came. */
static bool stop_features(const char *name, int signal)
{
    char text[8 * PATH_MAX];
    struct program p;
    shell("rm -f %s/%s*", folder, name);
    snprintf(text, sizeof text, "features %s %s --out %s/%s", keys(), CLIP, folder, name);
    start(&p, NULL, text);
    for (int k = 0; k < 30000 && !file_exists(path_of("%s.part-0000", name)); k++) usleep(200);
    kill(p.pid, signal);
    program_finish(&p);
    const bool stopped = p.status == 128 + signal;
    if (!stopped && p.status != 0) fail_msg("exit %d: %s", p.status, p.errors);
    program_free(&p);
    return stopped;
}

static void stopped_run_goes_on_to_the_same_bytes(void **state)
{
    const int signal = *(const int *)*state;
    bool stopped = false;
    run(0, "", "features %s %s --out %s/whole.h5 --force", keys(), CLIP, folder);
    for (int attempt = 0; attempt < 20 && !stopped; attempt++) stopped = stop_features("stopped.h5", signal);
    assert_true(stopped);
    assert_false(file_exists(path_of("stopped.h5")));
    run(0, "of 3 parts are kept from an earlier run", "features %s %s --out %s/stopped.h5", keys(), CLIP, folder);
    shell("cmp %s/whole.h5 %s/stopped.h5", folder, folder);
    assert_false(file_exists(path_of("stopped.h5.part-0000")));
}

/* A part file of whatever features: a whole file under its name. */
static void put_part(const char *of, const char *name)
{
    shell("rm -f %s/%s* && cp %s/%s %s/%s.part-0000", folder, name, folder, of, folder, name);
}

static void a_part_of_another_encoder_is_refused_by_name_and_force_starts_anew(void **state)
{
    (void)state;
    run(0, "", "features %s %s model.vision=%s/clip2 --out %s/other.h5", keys(), CLIP, folder, folder);
    put_part("other.h5", "mixed.h5");
    run(78, "mixed.h5.part-0000: features of another encoder or preprocessing: weights is", "features %s %s --out %s/mixed.h5", keys(),
        CLIP, folder);
    run(0, "", "features %s %s --out %s/mixed.h5 --force", keys(), CLIP, folder);
    run(0, "", "features %s %s --out %s/plain.h5", keys(), CLIP, folder);
    shell("cmp %s/mixed.h5 %s/plain.h5", folder, folder);
}

static void a_part_of_other_ids_is_refused_by_name(void **state)
{
    (void)state;
    run(0, "", "features %s %s --out %s/ids.h5 data.train=valid.txt", keys(), CLIP, folder);
    put_part("ids.h5", "grown.h5");
    run(78, "grown.h5.part-0000: features of other ids", "features %s %s --out %s/grown.h5", keys(), CLIP, folder);
}

static void a_part_that_contradicts_itself_is_refused_by_name(void **state)
{
    (void)state;
    static const float values[16] = {1};
    const char *small = "data.train=valid.txt data.test=valid.txt"; /* one part, whose ids are all ids */
    struct features *f;
    struct err e = {0};
    run(0, "", "features %s %s %s --out %s/small.h5", keys(), CLIP, small, folder);
    if (features_open(path_of("small.h5"), &f, &e)) fail_msg("%s", e.text);
    struct features_source source = features_source(f);
    source.width = 8;
    if (features_write(path_of("odd.h5.part-0000"), &source, 1, &(struct features_record){"x", 2, values}, &e)) fail_msg("%s", e.text);
    run(65, "odd.h5.part-0000: 1 records of width 8", "features %s %s %s --out %s/odd.h5", keys(), CLIP, small, folder);
    source.width = 16;
    struct features_record many[EXTRACT_PART];
    char names[EXTRACT_PART][8];
    for (int k = 0; k < EXTRACT_PART; k++) {
        snprintf(names[k], sizeof names[k], "%07d", k);
        many[k] = (struct features_record){names[k], 1, values};
    }
    if (features_write(path_of("odd.h5.part-0000"), &source, EXTRACT_PART, many, &e)) fail_msg("%s", e.text);
    features_close(f);
    run(65, "odd.h5.part-0000: 256 records of width 16", "features %s %s %s --out %s/odd.h5", keys(), CLIP, small, folder);
}

static void what_is_complete_is_left_and_what_is_not_ours_is_not_replaced(void **state)
{
    (void)state;
    run(0, "", "features %s %s --out %s/twice.h5", keys(), CLIP, folder);
    run(0, "is complete already", "features %s %s --out %s/twice.h5", keys(), CLIP, folder);
    run(64, "model.output.layer is -1 here, this run makes features where it is 1; --force replaces it",
        "features %s %s model.vision_layer=1 --out %s/twice.h5", keys(), CLIP, folder);
    run(64, "--force replaces it", "features %s %s --out %s/data/words.txt", keys(), CLIP, folder);
    run(0, "ids have a picture", "features %s %s --out %s/new/folder/f.h5", keys(), CLIP, folder);
    run(64, "no regular file", "features %s %s --out %s/data --force", keys(), CLIP, folder);
    run(0, "ids have a picture", "features %s %s --out %s/twice.h5 --force model.vision_layer=1", keys(), CLIP, folder);
}

/* ---- pictures that cannot be used ---- */

static void bad_pictures_are_named_counted_and_left_out(void **state)
{
    (void)state;
    char told[64];
    struct err e = {0};
    shell("rm -rf %s/data/bad && cp -r %s/data/photos %s/data/bad", folder, folder, folder);
    shell("cd %s/data/bad && head -c 100 %s.png >x && mv x %s.png && echo no picture >%s.png", folder, ids[0], ids[0], ids[1]);
    run(65, "data.bad_image=drop", "features %s %s data.images=bad data.bad_image=error --out %s/bad.h5", keys(), CLIP, folder);
    snprintf(told, sizeof told, "%s.png: ", ids[1]);
    run(0, told, "features %s %s data.images=bad --out %s/bad.h5", keys(), CLIP, folder);
    run(0, "2 pictures cannot be used", "features %s %s data.images=bad --out %s/bad.h5 --force", keys(), CLIP, folder);
    struct features *f;
    if (features_open(path_of("bad.h5"), &f, &e)) fail_msg("%s", e.text);
    assert_int_equal(features_count(f), n_pictures - 2);
    assert_int_equal(features_source(f).n_bad, 2);
    features_close(f);
}

static void a_set_without_pictures_is_stored_and_trained(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(directory_make(path_of("data/none"), &e), 0);
    char told[64];
    snprintf(told, sizeof told, "0 of %d ids have a picture", n_ids);
    run(0, told, "features %s %s data.images=none --out %s/data/none.h5", keys(), CLIP, folder);
    run(0, "0 of", "train %s %s model.fusion=monig-prob model.visual=features data.features=none.h5 train.max_steps=2 --out %s/none",
        keys(), TEXT, folder);
}

/* ---- reading them ---- */

static void a_damaged_record_is_refused_by_its_id(void **state)
{
    (void)state;
    struct features *f;
    struct err e = {0};
    int count = 0;
    const float *values = NULL;
    char told[128], *bytes;
    size_t size;
    run(0, "", "features %s %s --out %s/data/damaged.h5", keys(), CLIP, folder);
    if (features_open(path_of("data/damaged.h5"), &f, &e) || features_find(f, ids[0], &count, &values, &e)) fail_msg("%s", e.text);
    if (file_read(path_of("data/damaged.h5"), SIZE_MAX, &bytes, &size, &e)) fail_msg("%s", e.text);
    char *at = memmem(bytes, size, values, (size_t)count * 16 * sizeof *values);
    assert_non_null(at);
    features_close(f);
    at[1] ^= 1;
    if (file_write_bytes(path_of("data/damaged.h5"), bytes, size, &e)) fail_msg("%s", e.text);
    free(bytes);
    snprintf(told, sizeof told, "the features of '%s' are damaged", ids[0]);
    run(65, told, "train %s %s model.fusion=concat model.visual=features data.features=damaged.h5 --out %s/never", keys(), TEXT, folder);
}

static void features_of_another_encoder_are_refused_when_resuming_and_evaluating(void **state)
{
    (void)state;
    const char *model = TEXT "model.fusion=concat model.visual=features train.max_steps=4 train.max_seconds=1e-9";
    run(0, "", "features %s %s --out %s/data/now.h5 --force", keys(), CLIP, folder);
    run(0, "", "features %s %s model.vision=%s/clip2 --out %s/data/then.h5 --force", keys(), CLIP, folder, folder);
    run(0, "", "train %s %s data.features=now.h5 --out %s/moved", keys(), model, folder);
    run(78, "the encoder that gave the features (data.features) changed", "train %s %s data.features=then.h5 --out %s/moved --resume",
        keys(), model, folder);
    shell("cp %s/data/then.h5 %s/data/now.h5", folder, folder);
    run(78, "now.h5: features of another encoder or preprocessing: weights is", "evaluate --model %s/moved --split valid", folder);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    const char *model = TEXT "model.fusion=concat model.visual=features";
    run(66, "data.features: ", "train %s %s data.features=absent.h5 --out %s/never", keys(), model, folder);
    run(65, "data.features: ", "train %s %s data.features=words.txt --out %s/never", keys(), model, folder);
    run(78, "model.visual is none", "features %s --out %s/never.h5", keys(), folder);
    run(78, "model.visual is features", "features %s model.visual=features --out %s/never.h5", keys(), folder);
    run(78, "model.vision is not set", "features %s model.visual=vit model.vision= --out %s/never.h5", keys(), folder);
    run(78, "model.encoder is not set", "features %s model.visual=caption --out %s/never.h5", keys(), folder);
    run(78, "set model.visual to clip", "features %s model.visual=vit --out %s/never.h5", keys(), folder);
    run(66, "data.images: ", "features %s %s data.images=absent --out %s/never.h5", keys(), CLIP, folder);
    run(66, "data.captions: ", "features %s model.visual=caption model.encoder=%s/encoder data.captions=absent.txt --out %s/never.h5",
        keys(), folder, folder);
    run(64, "--out FILE is missing", "features %s %s", keys(), CLIP);
    run(64, "config file is missing", "features --out %s/never.h5", folder);
    run(78, "model.vison", "features %s %s model.vison=x --out %s/never.h5", keys(), CLIP, folder);
    assert_false(file_exists(path_of("never.h5")) || file_exists(path_of("never.h5.part-0000")));
}

int main(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
    static const char *const names[] = {"a_run_that_is_interrupted_goes_on", "a_run_that_is_terminated_goes_on",
                                        "a_run_that_is_killed_goes_on"};
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(threads_do_not_change_the_bytes),
        cmocka_unit_test(each_picture_of_every_split_has_a_record),
        cmocka_unit_test(a_part_of_another_encoder_is_refused_by_name_and_force_starts_anew),
        cmocka_unit_test(a_part_of_other_ids_is_refused_by_name),
        cmocka_unit_test(a_part_that_contradicts_itself_is_refused_by_name),
        cmocka_unit_test(what_is_complete_is_left_and_what_is_not_ours_is_not_replaced),
        cmocka_unit_test(bad_pictures_are_named_counted_and_left_out),
        cmocka_unit_test(a_set_without_pictures_is_stored_and_trained),
        cmocka_unit_test(a_damaged_record_is_refused_by_its_id),
        cmocka_unit_test(features_of_another_encoder_are_refused_when_resuming_and_evaluating),
        cmocka_unit_test(what_is_missing_is_named),
    };
    enum { OWN = sizeof own / sizeof *own, KINDS = sizeof kinds / sizeof *kinds, SIGNALS = sizeof signals / sizeof *signals };
    struct CMUnitTest tests[OWN + KINDS + SIGNALS];
    memcpy(tests, own, sizeof own);
    for (size_t k = 0; k < KINDS; k++)
        tests[OWN + k] =
            (struct CMUnitTest){kinds[k].name, stored_features_train_as_computed_ones, NULL, NULL, (void *)(uintptr_t)&kinds[k]};
    for (size_t k = 0; k < SIGNALS; k++)
        tests[OWN + KINDS + k] =
            (struct CMUnitTest){names[k], stopped_run_goes_on_to_the_same_bytes, NULL, NULL, (void *)(uintptr_t)&signals[k]};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
