/* nerve.h from outside: what a program can ask, what it gets, and that nothing which goes wrong takes the program with it.
 *
 * CHECKPOINT.h5 is a stored model, CHECKPOINT.json the tags that other software computed from its weights for some sentences.
 */
#include "files.h"
#include "json.h"
#include "nerve.h"
#include "temporary.h"
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];

static nerve_model *open_model(void)
{
    struct nerve_error error;
    nerve_model *model;
    if (nerve_model_open(CHECKPOINT ".h5", &model, &error)) fail_msg("%s", error.text);
    return model;
}

static nerve_prediction *predict(nerve_model *model, size_t n, const char *const *texts)
{
    struct nerve_error error;
    nerve_prediction *found;
    if (nerve_predict(model, n, texts, &found, &error)) fail_msg("%s", error.text);
    return found;
}

/* ---- the stored sentences ---- */

enum { SENTENCES_MAX = 64 };
static struct json *stored;
static size_t n_stored;
static char *stored_text[SENTENCES_MAX]; /* words joined by blanks */

static void read_stored(void)
{
    char *text;
    size_t size;
    struct err e = {0};
    if (file_read(CHECKPOINT ".json", 1 << 20, &text, &size, &e) || json_parse(text, size, CHECKPOINT ".json", &stored, &e)) abort();
    free(text);
    n_stored = json_size(json_get(stored, "sentences"));
    if (n_stored == 0 || n_stored > SENTENCES_MAX) abort();
    for (size_t i = 0; i < n_stored; i++) {
        const struct json *words = json_get(json_at(json_get(stored, "sentences"), i), "words");
        FILE *out = open_memstream(&stored_text[i], &size);
        for (size_t w = 0; w < json_size(words); w++) fprintf(out, "%s%s", w ? " " : "", json_text(json_at(words, w)));
        fclose(out);
    }
}

static const char *const *stored_texts(void)
{
    return (const char *const *)stored_text;
}

/* "PER 7-19, " for each entity of the stored tags, by places in the text. */
static void expected_entities(const struct json *sentence, char text[1024])
{
    const struct json *words = json_get(sentence, "words"), *tags = json_get(sentence, "tags");
    size_t at = 0, used = 0, begin = 0, n = json_size(words);
    text[0] = '\0';
    for (size_t w = 0; w < n; w++) {
        const char *tag = json_text(json_at(tags, w)), *next = w + 1 < n ? json_text(json_at(tags, w + 1)) : "O";
        const size_t end = at + strlen(json_text(json_at(words, w)));
        if (tag[0] == 'B') begin = at;
        if (tag[0] != 'O' && next[0] != 'I') used += (size_t)snprintf(text + used, 1024 - used, "%s %zu-%zu, ", tag + 2, begin, end);
        at = end + 1;
    }
}

static void found_entities(const nerve_prediction *found, size_t i, char text[1024])
{
    const struct nerve_entity *entities;
    size_t n = nerve_prediction_entities(found, i, &entities), used = 0;
    text[0] = '\0';
    for (size_t k = 0; k < n; k++)
        used += (size_t)snprintf(text + used, 1024 - used, "%s %zu-%zu, ", entities[k].type, entities[k].byte_start, entities[k].byte_end);
}

static void a_stored_model_finds_what_other_software_found(void **state)
{
    nerve_model *model = open_model();
    nerve_prediction *found = predict(model, n_stored, stored_texts());
    size_t entities = 0;
    (void)state;
    for (size_t i = 0; i < n_stored; i++) {
        char expected[1024], got[1024];
        const struct nerve_entity *all;
        expected_entities(json_at(json_get(stored, "sentences"), i), expected);
        found_entities(found, i, got);
        assert_string_equal(got, expected);
        const size_t n = nerve_prediction_entities(found, i, &all);
        for (size_t k = 0; k < n; k++) assert_true(all[k].score > 0.5 && all[k].score <= 1);
        entities += n;
    }
    assert_true(entities > 0);
    nerve_prediction_free(found);
    nerve_model_close(model);
}

static void its_types_are_told_by_name(void **state)
{
    nerve_model *model = open_model();
    (void)state;
    const int n = nerve_model_types(model);
    assert_true(n > 0);
    for (int k = 1; k < n; k++) assert_true(strcmp(nerve_model_type(model, k - 1), nerve_model_type(model, k)) < 0);
    assert_null(nerve_model_type(model, n));
    assert_null(nerve_model_type(model, -1));
    nerve_model_close(model);
}

/* ---- places ---- */

static size_t characters(const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static void places_count_characters_and_bytes_of_the_untouched_text(void **state)
{
    const char *text = "caf\xC3\xA9 \xF0\x9F\x99\x82  we saw Ada  Lovelace today";
    const struct nerve_entity *entities;
    nerve_model *model = open_model();
    nerve_prediction *found = predict(model, 1, &text);
    (void)state;
    const size_t n = nerve_prediction_entities(found, 0, &entities);
    assert_int_equal(n, 1);
    const struct nerve_entity *e = entities;
    assert_memory_equal(text + e->byte_start, "Ada  Lovelace", strlen("Ada  Lovelace"));
    assert_int_equal(e->byte_end - e->byte_start, strlen("Ada  Lovelace"));
    assert_int_equal(e->start, characters(text, e->byte_start));
    assert_int_equal(e->end, characters(text, e->byte_end));
    assert_true(e->start < e->byte_start);
    nerve_prediction_free(found);
    nerve_model_close(model);
}

static void no_text_and_no_word_have_no_entity(void **state)
{
    const char *const texts[] = {"", " \t ", ""};
    const struct nerve_entity *entities;
    nerve_model *model = open_model();
    (void)state;
    nerve_prediction *found = predict(model, 3, texts);
    for (size_t i = 0; i < 4; i++) assert_int_equal(nerve_prediction_entities(found, i, &entities), 0);
    nerve_prediction_free(found);
    found = predict(model, 0, NULL);
    assert_int_equal(nerve_prediction_entities(found, 0, &entities), 0);
    nerve_prediction_free(found);
    nerve_prediction_free(NULL);
    nerve_model_close(NULL);
    nerve_model_close(model);
}

static void a_text_longer_than_the_model_is_predicted_to_its_end(void **state)
{
    char *text;
    size_t size;
    const struct nerve_entity *entities;
    FILE *out = open_memstream(&text, &size);
    (void)state;
    for (int k = 0; k < 200; k++) fprintf(out, "%s ", stored_text[0]);
    fclose(out);
    nerve_model *model = open_model();
    const char *const texts[] = {text};
    nerve_prediction *found = predict(model, 1, texts);
    const size_t n = nerve_prediction_entities(found, 0, &entities);
    assert_true(n > 100);
    assert_true(entities[n - 1].byte_start > size - 2 * strlen(stored_text[0]));
    for (size_t k = 1; k < n; k++) assert_true(entities[k].byte_start >= entities[k - 1].byte_end);
    nerve_prediction_free(found);
    nerve_model_close(model);
    free(text);
}

/* ---- what goes wrong ---- */

static void open_fails(const char *path, int code, const char *part)
{
    struct nerve_error error;
    nerve_model *model = (void *)folder;
    assert_int_equal(nerve_model_open(path, &model, &error), code);
    assert_null(model);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, part)) fail_msg("expected '%s' in: %s", part, error.text);
    assert_null(strchr(error.text, '\n'));
    assert_int_equal(nerve_model_open(path, &model, NULL), code);
}

static void what_cannot_be_opened_is_an_error_with_its_reason(void **state)
{
    char *bytes, path[PATH_MAX + 16];
    size_t size;
    struct err e = {0};
    (void)state;
    open_fails("/nowhere/at/all", NERVE_ERROR_NOINPUT, "/nowhere/at/all: cannot open");
    open_fails(folder, NERVE_ERROR_NOINPUT, "no checkpoint in this run directory");
    open_fails(CHECKPOINT ".json", NERVE_ERROR_DATA, "not a checkpoint");
    open_fails(NULL, NERVE_ERROR_USAGE, "the path is NULL");
    if (file_read(CHECKPOINT ".h5", 1 << 24, &bytes, &size, &e)) fail_msg("%s", e.text);
    bytes[size / 2] ^= 1;
    snprintf(path, sizeof path, "%s/damaged.h5", folder);
    if (file_write_bytes(path, bytes, size, &e)) fail_msg("%s", e.text);
    open_fails(path, NERVE_ERROR_DATA, "the checkpoint is damaged");
    free(bytes);
    nerve_model_close(open_model());
}

static void success_leaves_the_error_alone(void **state)
{
    struct nerve_error error = {.code = 77, .text = "as it was"};
    nerve_model *model;
    nerve_prediction *found;
    (void)state;
    assert_int_equal(nerve_model_open(CHECKPOINT ".h5", &model, &error), 0);
    assert_int_equal(nerve_predict(model, n_stored, stored_texts(), &found, &error), 0);
    assert_int_equal(error.code, 77);
    assert_string_equal(error.text, "as it was");
    nerve_prediction_free(found);
    nerve_model_close(model);
}

static void predict_fails(nerve_model *model, size_t n, const char *const *texts, int code, const char *part)
{
    struct nerve_error error;
    nerve_prediction *found = (void *)folder;
    assert_int_equal(nerve_predict(model, n, texts, &found, &error), code);
    assert_null(found);
    if (!strstr(error.text, part)) fail_msg("expected '%s' in: %s", part, error.text);
}

static void a_text_that_cannot_be_read_is_named_by_its_number(void **state)
{
    const char *const bad[] = {"Ada", "Ada \xFF", "Ada"}, *const none[] = {"Ada", "Ada", NULL};
    nerve_model *model = open_model();
    (void)state;
    predict_fails(model, 3, bad, NERVE_ERROR_DATA, "text 1: byte 5 (0xFF) is not UTF-8");
    predict_fails(model, 3, none, NERVE_ERROR_USAGE, "text 2 is NULL");
    predict_fails(model, 3, NULL, NERVE_ERROR_USAGE, "texts are NULL");
    predict_fails(NULL, 3, bad, NERVE_ERROR_USAGE, "the model is NULL");
    nerve_prediction_free(predict(model, 1, bad));
    nerve_model_close(model);
}

#if !defined __SANITIZE_ADDRESS__
static size_t address_space(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu", &pages), 1);
    fclose(f);
    return pages * 4096;
}
#endif

static void running_out_of_memory_is_an_error_and_the_model_works_on(void **state)
{
#if defined __SANITIZE_ADDRESS__
    (void)state;
    print_message("AddressSanitizer reserves all the address space there is\n");
    skip();
#else
    char before[1024], after[1024];
    struct rlimit limit;
    nerve_model *model = open_model(), *other = open_model();
    (void)state;
    /* The threads are there from here on. */
    nerve_prediction *found = predict(model, n_stored, stored_texts());
    found_entities(found, 0, before);
    nerve_prediction_free(found);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    const struct rlimit low = {.rlim_cur = address_space() + (1 << 21), .rlim_max = limit.rlim_max};
    for (int k = 0; k < 3; k++) {
        assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
        predict_fails(other, n_stored, stored_texts(), NERVE_ERROR_INTERNAL, "out of memory: this step holds ");
        assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    }
    found = predict(other, n_stored, stored_texts());
    found_entities(found, 0, after);
    assert_string_equal(after, before);
    nerve_prediction_free(found);
    nerve_model_close(model);
    nerve_model_close(other);
#endif
}

/* ---- what texts show: the stored model looks at text alone ---- */

static void a_model_of_text_alone_uses_nothing_else(void **state)
{
    struct wide {
        struct nerve_input input;
        double more; /* of a later version */
    } inputs[SENTENCES_MAX];
    struct nerve_error error;
    nerve_prediction *found;
    const struct nerve_entity *a, *b;
    struct nerve_doubt doubt;
    size_t entities = 0;
    nerve_model *model = open_model();
    (void)state;
    memset(inputs, 0xFF, sizeof inputs);
    for (size_t i = 0; i < n_stored; i++) inputs[i].input = (struct nerve_input){stored_text[i], "id", "image", "caption"};
    if (nerve_predict_inputs(model, n_stored, &inputs->input, sizeof *inputs, &found, &error)) fail_msg("%s", error.text);
    nerve_prediction *plain = predict(model, n_stored, stored_texts());
    for (size_t i = 0; i < n_stored; i++) {
        const size_t n = nerve_prediction_entities(found, i, &a);
        assert_int_equal(nerve_prediction_entities(plain, i, &b), n);
        assert_null(nerve_prediction_note(found, i));
        for (size_t k = 0; k < n; k++, entities++) {
            assert_true(a[k].score == b[k].score && a[k].start == b[k].start && a[k].end == b[k].end);
            assert_int_equal(nerve_prediction_doubt(found, i, k, &doubt, sizeof doubt, &error), 0);
            assert_true(isfinite(doubt.margin) && isfinite(doubt.entropy));
            assert_true(isnan(doubt.fused.aleatoric) && isnan(doubt.image.epistemic) && isnan(doubt.conflict) && isnan(doubt.visual_share));
        }
        assert_int_equal(nerve_prediction_doubt(found, i, n, &doubt, sizeof doubt, &error), NERVE_ERROR_USAGE);
    }
    assert_true(entities > 0);
    assert_null(nerve_prediction_note(found, n_stored));
    assert_int_equal(nerve_prediction_doubt(found, 0, 0, &doubt, sizeof doubt - 1, &error), NERVE_ERROR_USAGE);
    assert_non_null(strstr(error.text, "a doubt of "));
    nerve_prediction_free(found);
    assert_int_equal(nerve_predict_inputs(model, n_stored, &inputs->input, 8, &found, &error), NERVE_ERROR_USAGE);
    assert_null(found);
    assert_non_null(strstr(error.text, "inputs of 8 bytes"));
    assert_int_equal(nerve_model_source(model, folder, &error), NERVE_ERROR_USAGE);
    assert_non_null(strstr(error.text, "the model looks at text alone"));
    assert_int_equal(nerve_model_source(model, NULL, &error), NERVE_ERROR_USAGE);
    nerve_prediction_free(plain);
    nerve_model_close(model);
}

/* ---- threads ---- */

struct caller {
    nerve_model *model;
    double scores[256];
    size_t n;
    int code, threads_after;
};

static void *call(void *context)
{
    struct caller *c = context;
    const struct nerve_entity *entities;
    nerve_prediction *found;
    omp_set_num_threads(3);
    for (int round = 0; round < 5 && !c->code; round++) {
        c->code = nerve_predict(c->model, n_stored, stored_texts(), &found, NULL);
        c->n = 0;
        for (size_t i = 0; i < n_stored && !c->code; i++) {
            const size_t n = nerve_prediction_entities(found, i, &entities);
            for (size_t k = 0; k < n && c->n < 256; k++) c->scores[c->n++] = entities[k].score;
        }
        nerve_prediction_free(found);
    }
    c->threads_after = omp_get_max_threads();
    return NULL;
}

static void assert_same_scores(const struct caller *a, const struct caller *b)
{
    assert_int_equal(a->code, 0);
    assert_int_equal(b->code, 0);
    assert_true(a->n > 0);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->scores, b->scores, a->n * sizeof *a->scores);
}

static void threads_may_share_a_model_or_have_their_own(void **state)
{
    nerve_model *models[2] = {open_model(), open_model()};
    struct caller alone = {.model = models[0]}, callers[4] = {{0}};
    pthread_t threads[4];
    (void)state;
    call(&alone);
    for (int k = 0; k < 4; k++) {
        callers[k].model = models[k / 2];
        assert_int_equal(pthread_create(&threads[k], NULL, call, &callers[k]), 0);
    }
    for (int k = 0; k < 4; k++) {
        pthread_join(threads[k], NULL);
        assert_same_scores(&alone, &callers[k]);
        assert_int_equal(callers[k].threads_after, 3);
    }
    nerve_model_close(models[0]);
    nerve_model_close(models[1]);
}

static void openmp_is_left_to_the_program(void **state)
{
    (void)state;
    omp_set_num_threads(5);
    nerve_model *model = open_model();
    nerve_prediction_free(predict(model, n_stored, stored_texts()));
    assert_int_equal(omp_get_max_threads(), 5);
    nerve_model_close(model);
}

static void any_number_of_threads_gives_the_same_scores(void **state)
{
    struct caller all[4] = {{0}};
    struct nerve_error error;
    (void)state;
    for (int k = 0; k < 4; k++) {
        assert_int_equal(nerve_set_threads(k, &error), 0);
        all[k].model = open_model();
        call(&all[k]);
        assert_same_scores(&all[0], &all[k]);
        nerve_model_close(all[k].model);
    }
    nerve_model *model = open_model();
    assert_int_equal(nerve_set_threads(2, &error), NERVE_ERROR_USAGE);
    assert_non_null(strstr(error.text, "set it before the first is opened"));
    nerve_model_close(model);
    assert_int_equal(nerve_set_threads(-1, &error), NERVE_ERROR_USAGE);
    assert_int_equal(nerve_set_threads(0, &error), 0);
}

/* ---- the log ---- */

static void keep_line(void *context, enum nerve_log_level level, const char *line)
{
    char *last = context;
    assert_true(level >= NERVE_LOG_DEBUG && level <= NERVE_LOG_WARNING);
    snprintf(last, 256, "%s", line);
}

static void log_lines_go_where_the_program_wants_them(void **state)
{
    char line[256] = "";
    (void)state;
    nerve_set_log(keep_line, line);
    nerve_model_close(open_model());
    assert_non_null(strstr(line, " threads, "));
    line[0] = '\0';
    nerve_set_log(NULL, NULL);
    nerve_model_close(open_model());
    assert_string_equal(line, "");
}

static int set_up(void **state)
{
    (void)state;
    read_stored();
    return temporary_folder(folder);
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_stored; i++) free(stored_text[i]);
    json_free(stored);
    return temporary_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_model_finds_what_other_software_found),
        cmocka_unit_test(its_types_are_told_by_name),
        cmocka_unit_test(places_count_characters_and_bytes_of_the_untouched_text),
        cmocka_unit_test(no_text_and_no_word_have_no_entity),
        cmocka_unit_test(a_text_longer_than_the_model_is_predicted_to_its_end),
        cmocka_unit_test(what_cannot_be_opened_is_an_error_with_its_reason),
        cmocka_unit_test(success_leaves_the_error_alone),
        cmocka_unit_test(a_text_that_cannot_be_read_is_named_by_its_number),
        cmocka_unit_test(a_model_of_text_alone_uses_nothing_else),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_the_model_works_on),
        cmocka_unit_test(threads_may_share_a_model_or_have_their_own),
        cmocka_unit_test(openmp_is_left_to_the_program),
        cmocka_unit_test(any_number_of_threads_gives_the_same_scores),
        cmocka_unit_test(log_lines_go_where_the_program_wants_them),
    };
    return cmocka_run_group_tests_name("a program uses the library", tests, set_up, tear_down);
}
