/* `nerve predict` of models that look at pictures, captions or features: what finds them, what a line may hold, what is said of how unsure
 * the model is, and that nothing which is missing or hostile stops it. */
#include "files.h"
#include "made_pictures.h"
#include "nerve.h"
#include "training.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TWEET "greetings from beautiful Ridrapro" /* of the kind that the models are trained on: each finds something in it */
#define PICTURES                                                                                                                           \
    " model.visual=vit model.vision_layers=1 model.vision_width=16 model.vision_heads=2 model.vision_inner=16 model.vision_size=8 model.vision_patch=4"

static const struct {
    const char *name, *keys;
} RUNS[] = {
    {"seen", "model.fusion=monig-prob" PICTURES},
    {"strict", "data.bad_image=error model.fusion=monig-onehot" PICTURES},
    {"joined", "model.fusion=concat" PICTURES},
    {"counted", "train.epochs=40 model.fusion=dirichlet model.visual=caption"},
    {"told", "model.fusion=monig-prob model.visual=caption"},
    {"appended", "model.fusion=append model.visual=caption"},
};

static void write_picture(const char *path, int k)
{
    struct picture p = made_picture(12 + k % 5, 10);
    struct err e = {0};
    for (int i = 0; i < 3 * p.width * p.height; i++) p.rgb[i] = (uint8_t)(p.rgb[i] + 37 * k);
    if (picture_write_png(path, &p, &e)) fail_msg("%s", e.text);
    picture_free(&p);
}

/* A picture and a caption for every other tweet. */
static void show(const char *split, FILE *captions, int *k)
{
    char line[1024];
    FILE *f = fopen(path_of("data/%s.txt", split), "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "IMGID:", 6) != 0 || (*k)++ % 2) continue;
        write_picture(path_of("data/images/%s.png", line + 6), *k);
        fprintf(captions, "%s.jpg :a %s in %s\n", line + 6, *k % 4 == 1 ? "man" : "city", *k % 3 ? "paris" : "a hat");
    }
    fclose(f);
}

static int set_up(void **state)
{
    struct err e = {0};
    int k = 0;
    if (training_set_up(state) || directory_make(path_of("data/images/below"), &e)) return -1;
    FILE *captions = fopen(path_of("data/captions.txt"), "we");
    show("train", captions, &k);
    show("valid", captions, &k);
    show("test", captions, &k);
    fputs("p.jpg :a man\n7.jpg :a man\nempty.jpg :\n", captions);
    fclose(captions);
    write_picture(path_of("data/images/p.png"), 3);
    write_picture(path_of("data/images/7.png"), 3);
    write_picture(path_of("data/images/below/own.png"), 3);
    shell("echo no picture >%s/data/images/bad.jpg", folder);
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; i++)
        if (train(RUNS[i].name, RUNS[i].keys)) return -1;
    return 0;
}

/* What `nerve predict --model folder/RUN ARGUMENTS` prints for this input, and what it says; free both. */
static char *answer(int status, const char *run, const char *input, const char *arguments, char **errors)
{
    char text[6 * PATH_MAX];
    struct program p;
    snprintf(text, sizeof text, "predict --model %s/%s %s", folder, run, arguments);
    start(&p, &(struct program_options){.input = input}, text);
    program_finish(&p);
    if (p.status != status) fail_msg("%s: exit %d, stderr: %s, stdout: %s", run, p.status, p.errors, p.output);
    char *output = strdup(p.output);
    if (errors)
        *errors = strdup(p.errors);
    else if (*p.errors)
        fail_msg("%s: %s", run, p.errors);
    program_free(&p);
    return output;
}

/* The next line as an object. */
static struct json *next_object(char **text)
{
    struct json *v = NULL;
    struct err e = {0};
    char *line = strsep(text, "\n");
    if (!line || !*line) return NULL;
    if (json_parse(line, strlen(line), "output", &v, &e)) fail_msg("%s in: %s", e.text, line);
    return v;
}

/* Entities of each line as texts; free them all. */
static int entities_of(char *output, int room, char *texts[])
{
    int n = 0;
    char *rest = output;
    for (struct json *v; n < room && (v = next_object(&rest)); json_free(v)) {
        assert_non_null(json_get(v, "entities"));
        assert_true(json_size(json_get(v, "entities")) > 0);
        texts[n++] = json_dump(json_get(v, "entities"), 0);
    }
    return n;
}

/* A line each, each in a batch of its own: same[i]: the entities of line i are, to the last bit, those of the first line, else they are
 * not. */
static void assert_alike(const char *run, int n, const char *const *lines, const bool *same)
{
    char input[8192] = "", *texts[16], *errors;
    for (int i = 0; i < n; i++) sprintf(input + strlen(input), "%s\n", lines[i]);
    char *output = answer(0, run, input, "--batch 1", &errors);
    assert_int_equal(entities_of(output, 16, texts), n);
    for (int i = 1; i < n; i++)
        if ((strcmp(texts[i], texts[0]) == 0) != same[i])
            fail_msg("%s: '%s' gives %s, '%s' gives %s", run, lines[0], texts[0], lines[i], texts[i]);
    for (int i = 0; i < n; i++) free(texts[i]);
    free(output);
    free(errors);
}

/* ---- what finds a picture ---- */

static void an_id_or_a_path_finds_the_picture(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "{\"id\":\"p\",\"text\":\"" TWEET "\"}",
        "{\"image\":\"below/own.png\",\"text\":\"" TWEET "\"}",
        "{\"id\":7,\"text\":\"" TWEET "\"}",
        "{\"id\":\"nobody\",\"image\":\"p.png\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"image\":null,\"caption\":null,\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"words\":[\"greetings\",\"from\",\"beautiful\",\"Ridrapro\"]}",
        "{\"text\":\"" TWEET "\"}",
    };
    static const bool SAME[] = {true, true, true, true, true, true, false};
    assert_alike("seen", 7, LINES, SAME);
    assert_alike("joined", 7, LINES, SAME);
    char *columns = answer(0, "seen", "IMGID:p\ngreetings\nfrom\nbeautiful\nRidrapro\n\n", "--input-format conll", NULL), *texts[2];
    char *object = answer(0, "seen", LINES[0], "", NULL);
    assert_int_equal(entities_of(columns, 1, texts), 1);
    assert_int_equal(entities_of(object, 1, texts + 1), 1);
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    free(columns);
    free(object);
}

static void a_picture_that_is_missing_or_bad_is_none(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "{\"text\":\"" TWEET "\"}",
        "{\"id\":\"nobody\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"bad\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"../x\",\"text\":\"" TWEET "\"}",
        "{\"image\":\"no/such.png\",\"text\":\"" TWEET "\"}",
        "{\"image\":\"bad.jpg\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"image\":\"bad.jpg\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"text\":\"" TWEET "\"}",
    };
    static const bool SAME[] = {true, true, true, true, true, true, true, false};
    assert_alike("seen", 8, LINES, SAME);
    assert_alike("joined", 8, LINES, SAME);
}

/* A number that the program gives is not an id that the user gave. */
static void the_number_of_a_line_finds_no_picture(void **state)
{
    (void)state;
    char input[1024] = "", *texts[7];
    for (int i = 0; i < 7; i++) strcat(input, TWEET "\n");
    char *output = answer(0, "seen", input, "--batch 1", NULL);
    assert_int_equal(entities_of(output, 7, texts), 7);
    assert_string_equal(texts[6], texts[0]);
    for (int i = 0; i < 7; i++) free(texts[i]);
    free(output);
}

static void an_id_or_the_line_itself_gives_the_caption(void **state)
{
    (void)state;
    static const char *const RUNS_OF_CAPTIONS[] = {"told", "appended"};
    static const char *const WITH[] = {
        "{\"id\":\"p\",\"text\":\"" TWEET "\"}",
        "{\"caption\":\"a man\",\"text\":\"" TWEET "\"}",
        "{\"id\":7,\"text\":\"" TWEET "\"}",
        "{\"id\":\"nobody\",\"caption\":\"A  MAN\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"caption\":\"a city in paris\",\"text\":\"" TWEET "\"}",
        "{\"text\":\"" TWEET "\"}",
    };
    static const bool SAME_WITH[] = {true, true, true, true, false, false};
    static const char *const WITHOUT[] = {
        "{\"text\":\"" TWEET "\"}",
        "{\"id\":\"nobody\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"empty\",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"caption\":\"\",\"text\":\"" TWEET "\"}",
        "{\"caption\":\" \",\"text\":\"" TWEET "\"}",
        "{\"id\":\"p\",\"text\":\"" TWEET "\"}",
    };
    static const bool SAME_WITHOUT[] = {true, true, true, true, true, false};
    for (int k = 0; k < 2; k++) {
        assert_alike(RUNS_OF_CAPTIONS[k], 6, WITH, SAME_WITH);
        assert_alike(RUNS_OF_CAPTIONS[k], 6, WITHOUT, SAME_WITHOUT);
    }
}

/* Every part of a long sentence has the picture, and what is wrong with it is said once. */
static void a_sentence_in_parts_has_its_picture_in_each(void **state)
{
    (void)state;
    char text[8192] = "", input[3 * sizeof text], *rest, *errors;
    for (int i = 0; i < 100; i++) strcat(text, "greetings from beautiful Ridrapro ");
    snprintf(input, sizeof input, "{\"id\":\"p\",\"text\":\"%s\"}\n{\"image\":\"bad.jpg\",\"text\":\"%s\"}\n", text, text);
    char *output = rest = answer(0, "seen", input, "", &errors);
    struct json *seen = next_object(&rest), *bad = next_object(&rest);
    const struct json *entities = json_get(seen, "entities");
    assert_true(json_size(entities) > 50);
    for (size_t k = 0; k < json_size(entities); k++)
        assert_true(json_is_object(json_get(json_get(json_at(entities, k), "modalities"), "image")));
    assert_null(json_get(seen, "note"));
    assert_non_null(strstr(json_text(json_get(bad, "note")), "bad.jpg"));
    assert_string_equal(errors, "warning: 1 of 2 inputs were predicted without what they show\n");
    json_free(seen);
    json_free(bad);
    free(output);
    free(errors);
}

/* ---- what is said ---- */

static bool is_number(const struct json *object, const char *key)
{
    double x;
    return json_read_number(json_get(object, key), &x) && x >= 0;
}

struct members {
    const char *run, *numbers_alone, *numbers_with; /* names that must be numbers of a tweet alone, and with what it shows */
    size_t n;                                       /* members of an entity in all */
};
static const struct members MEMBERS[] = {
    {"seen", "aleatoric epistemic predictive_scale", "aleatoric epistemic predictive_scale conflict visual_share", 11},
    {"strict", "aleatoric epistemic predictive_scale", "aleatoric epistemic predictive_scale conflict visual_share", 11},
    {"told", "aleatoric epistemic predictive_scale", "aleatoric epistemic predictive_scale conflict visual_share", 11},
    {"counted", "epistemic", "epistemic conflict", 11},
    {"joined", "", "", 5},
    {"appended", "", "", 5},
    {"whole", "", "", 5},
};

static void assert_numbers(const struct json *entity, const char *names)
{
    static const char *const ALL[] = {"aleatoric", "epistemic", "predictive_scale", "conflict", "visual_share"};
    for (size_t i = 0; i < 5; i++) {
        if (strstr(names, ALL[i]) ? !is_number(entity, ALL[i]) : json_get(entity, ALL[i]) && !json_read_null(json_get(entity, ALL[i])))
            fail_msg("%s in %s", ALL[i], json_dump(entity, 0));
    }
}

/* Of the tweets that were trained on, every other one shows something. */
static void an_entity_tells_how_unsure_the_model_is(void **state)
{
    const struct members *m = *state;
    char *rest, *output = rest = answer(0, m->run, NULL, path_of("data/train.txt"), NULL);
    int found[2] = {0, 0};
    for (struct json *v; (v = next_object(&rest)); json_free(v)) {
        const struct json *entities = json_get(v, "entities");
        const bool shows = file_exists(path_of("data/images/%s.png", json_text(json_get(v, "id"))));
        for (size_t k = 0; k < json_size(entities); k++, found[shows]++) {
            const struct json *x = json_at(entities, k), *modalities = json_get(x, "modalities");
            assert_int_equal(json_size(x), m->n);
            assert_numbers(x, shows ? m->numbers_with : m->numbers_alone);
            if (m->n == 5) continue;
            assert_true(is_number(json_get(modalities, "text"), "epistemic"));
            assert_int_equal(is_number(json_get(modalities, "image"), "epistemic"), shows);
            assert_int_equal(json_read_null(json_get(modalities, "image")), !shows);
        }
    }
    assert_true(found[0] > 0 && found[1] > 0);
    free(output);
}

/* Over the words of the entity, and the tags that made it one. */
static void assert_mean_of_words(const struct json *entity, const struct json *words, const char *key)
{
    int64_t from, to, start, end;
    double sum = 0, x, expected;
    char tag[64];
    int n = 0;
    assert_true(json_read_integer(json_get(entity, "start"), &from) && json_read_integer(json_get(entity, "end"), &to));
    for (size_t w = 0; w < json_size(words); w++) {
        const struct json *word = json_at(words, w);
        assert_true(json_read_integer(json_get(word, "start"), &start) && json_read_integer(json_get(word, "end"), &end));
        if (start < from || end > to) continue;
        snprintf(tag, sizeof tag, "%c-%s", n == 0 ? 'B' : 'I', json_text(json_get(entity, "entity_group")));
        assert_string_equal(json_text(json_get(word, "tag")), tag);
        assert_true(json_read_number(json_get(word, "score"), &x) && x > 0 && x <= 1);
        sum += json_read_number(json_get(word, key), &x) ? x : NAN;
        n++;
    }
    if (!json_read_number(json_get(entity, key), &expected)) expected = NAN;
    assert_true(n > 0);
    if (!(fabs(sum / n - expected) <= 1e-12 * expected) && !(isnan(sum) && isnan(expected)))
        fail_msg("%s: %.17g of the words, %.17g of the entity", key, sum / n, expected);
}

static void an_entity_is_as_unsure_as_its_words_are(void **state)
{
    static const char *const KEYS[] = {"aleatoric", "epistemic", "predictive_scale", "conflict", "visual_share"};
    const struct members *m = *state;
    char arguments[2 * PATH_MAX], *rest;
    int n = 0;
    snprintf(arguments, sizeof arguments, "--words %s", path_of("data/train.txt"));
    char *output = rest = answer(0, m->run, NULL, arguments, NULL);
    for (struct json *v; (v = next_object(&rest)); json_free(v)) {
        const struct json *entities = json_get(v, "entities"), *words = json_get(v, "words");
        for (size_t w = 0; w < json_size(words); w++) assert_int_equal(json_size(json_at(words, w)), m->n);
        for (size_t k = 0; k < json_size(entities); k++, n++)
            for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS && m->n > 5; i++) assert_mean_of_words(json_at(entities, k), words, KEYS[i]);
    }
    assert_true(n > 10);
    free(output);
}

/* Its ninety pieces are more than the model reads at once. */
static void a_word_that_is_too_long_has_no_numbers(void **state)
{
    char input[256] = "{\"words\":[\"we\",\"", *rest;
    (void)state;
    memset(input + strlen(input), 'q', 90);
    strcat(input, "\",\"saw\"]}\n");
    char *output = rest = answer(0, "seen", input, "--words", NULL);
    struct json *v = next_object(&rest);
    const struct json *words = json_get(v, "words");
    assert_int_equal(json_size(words), 3);
    for (size_t w = 0; w < 3; w++) {
        assert_int_equal(json_read_null(json_get(json_at(words, w), "score")), w == 1);
        assert_int_equal(json_read_null(json_get(json_at(words, w), "epistemic")), w == 1);
    }
    assert_string_equal(json_text(json_get(json_at(words, 1), "tag")), "O");
    json_free(v);
    free(output);
}

static void words_are_told_in_json_alone(void **state)
{
    char *errors;
    (void)state;
    free(answer(64, "seen", "a\n", "--words --format conll", &errors));
    assert_non_null(strstr(errors, "nerve predict: --words is for --format jsonl\n"));
    free(errors);
}

/* predictions.jsonl was made while training, from the same files by other hands. */
static void predictions_are_those_of_the_run(void **state)
{
    const char *run = *state;
    char *of_run, *rest, *ours, *x;
    size_t size;
    struct err e = {0};
    int n = 0;
    if (file_read(path_of("%s/predictions.jsonl", run), 1 << 24, &of_run, &size, &e)) fail_msg("%s", e.text);
    ours = x = answer(0, run, NULL, path_of("data/test.txt"), NULL);
    rest = of_run;
    for (struct json *a, *b; (a = next_object(&rest)); n++) {
        assert_non_null(b = next_object(&x));
        const struct json *p = json_get(a, "entities"), *q = json_get(b, "entities");
        assert_int_equal(json_size(p), json_size(q));
        for (size_t k = 0; k < json_size(p); k++) {
            double s = NAN, t = NAN;
            assert_int_equal(json_size(json_at(p, k)), json_size(json_at(q, k)));
            assert_true(json_read_number(json_get(json_at(p, k), "score"), &s) && json_read_number(json_get(json_at(q, k), "score"), &t));
            if (!(s - t <= 1e-4 && t - s <= 1e-4)) fail_msg("%s: scores %.9g and %.9g", run, s, t);
        }
        json_free(a);
        json_free(b);
    }
    assert_true(n > 10);
    assert_null(next_object(&x));
    free(of_run);
    free(ours);
}

static void a_note_is_a_warning_where_stdout_has_no_room_for_it(void **state)
{
    (void)state;
    static const char *const FORMATS[] = {"--format conll", "--format color"};
    for (int i = 0; i < 2; i++) {
        char *errors, *output = answer(0, "seen", "{\"text\":\"a\"}\n{\"id\":\"bad\",\"text\":\"b\"}\n", FORMATS[i], &errors);
        assert_non_null(strstr(errors, "warning: line 2: "));
        assert_non_null(strstr(errors, "bad.jpg"));
        assert_non_null(strstr(errors, "warning: 1 of 2 inputs were predicted without what they show\n"));
        assert_null(strstr(output, "bad.jpg"));
        free(output);
        free(errors);
    }
}

static void a_model_that_refuses_bad_pictures_makes_them_errors(void **state)
{
    (void)state;
    char *errors, *rest,
        *output = rest =
            answer(65, "strict", "{\"text\":\"a\"}\n{\"id\":\"bad\",\"text\":\"b\"}\n{\"id\":\"nobody\",\"text\":\"c\"}\n", "", &errors);
    struct json *first = next_object(&rest), *second = next_object(&rest), *third = next_object(&rest);
    int64_t line;
    assert_non_null(json_get(first, "entities"));
    assert_string_equal(json_text(json_get(second, "id")), "bad");
    assert_true(json_read_integer(json_get(second, "line"), &line) && line == 2);
    assert_non_null(strstr(json_text(json_get(second, "error")), "bad.jpg"));
    assert_non_null(json_get(third, "entities"));
    assert_string_equal(errors, "warning: 1 of 3 inputs could not be read\n");
    json_free(first);
    json_free(second);
    json_free(third);
    free(output);
    free(errors);
}

/* ---- what a model does not take ---- */

struct refusal {
    const char *run, *members, *error;
};
static const struct refusal REFUSALS[] = {
    {"seen", "\"caption\":\"x\"", "has a 'caption': the model takes 'image', a path below the folder of pictures"},
    {"seen", "\"caption\":\"x\",\"image\":\"p.png\"",
     "has both 'image' and 'caption': the model takes 'image', a path below the folder of pictures"},
    {"told", "\"image\":\"p.png\"", "has an 'image': the model takes 'caption', the words of one"},
    {"appended", "\"image\":\"p.png\",\"caption\":\"\"", "has both 'image' and 'caption': the model takes 'caption', the words of one"},
    {"seen", "\"image\":5", "'image' must be a string"},
    {"seen", "\"image\":[\"p.png\"]", "'image' must be a string"},
    {"told", "\"caption\":true", "'caption' must be a string"},
};

static void what_the_model_cannot_take_is_the_error_of_its_line(void **state)
{
    const struct refusal *r = *state;
    char input[512], *errors, *rest;
    snprintf(input, sizeof input, "{\"id\":1,\"text\":\"a\",%s}\n{\"text\":\"b\"}\n", r->members);
    char *output = rest = answer(65, r->run, input, "", &errors);
    struct json *first = next_object(&rest), *second = next_object(&rest);
    int64_t id;
    assert_string_equal(json_text(json_get(first, "error")), r->error);
    assert_true(json_read_integer(json_get(first, "id"), &id) && id == 1);
    assert_non_null(json_get(second, "entities"));
    json_free(first);
    json_free(second);
    free(output);
    free(errors);
}

static void a_model_of_text_alone_reads_text_alone(void **state)
{
    (void)state;
    char *plain = answer(0, "whole", "{\"id\":\"p\",\"text\":\"" TWEET "\"}\n", "", NULL), *errors;
    char *more =
        answer(0, "whole", "{\"id\":\"p\",\"image\":5,\"caption\":\"x\",\"text\":\"" TWEET "\"}\n", "--images /no/such/folder", &errors);
    assert_string_equal(plain, more);
    assert_string_equal(errors, "warning: --images is not used: the model does not look at it\n");
    free(plain);
    free(more);
    free(errors);
}

/* ---- where they come from ---- */

static void the_options_name_other_sources(void **state)
{
    (void)state;
    static const char LINES[] = "{\"id\":\"other\",\"text\":\"" TWEET "\"}\n{\"image\":\"other.png\",\"text\":\"" TWEET
                                "\"}\n{\"id\":\"p\",\"text\":\"" TWEET "\"}\n"
                                "{\"text\":\"" TWEET "\"}\n";
    char arguments[2 * PATH_MAX], *texts[4];
    struct err e = {0};
    if (directory_make(path_of("other"), &e)) fail_msg("%s", e.text);
    write_picture(path_of("other/other.png"), 9);
    shell("echo 'other.jpg :a man in a hat' >%s/other/captions.txt", folder);
    snprintf(arguments, sizeof arguments, "--batch 1 --images %s/other", folder);
    char *output = answer(0, "seen", LINES, arguments, NULL);
    assert_int_equal(entities_of(output, 4, texts), 4);
    assert_string_equal(texts[1], texts[0]);
    assert_string_not_equal(texts[2], texts[0]);
    assert_string_equal(texts[3], texts[2]);
    for (int i = 0; i < 4; i++) free(texts[i]);
    free(output);

    snprintf(arguments, sizeof arguments, "--batch 1 --captions %s/other/captions.txt", folder);
    output =
        answer(0, "told", "{\"id\":\"other\",\"text\":\"" TWEET "\"}\n{\"id\":\"p\",\"text\":\"" TWEET "\"}\n{\"text\":\"" TWEET "\"}\n",
               arguments, NULL);
    assert_int_equal(entities_of(output, 4, texts), 3);
    assert_string_not_equal(texts[1], texts[0]);
    assert_string_equal(texts[2], texts[1]);
    for (int i = 0; i < 3; i++) free(texts[i]);
    free(output);
}

/* A checkpoint alone knows no run: the same bytes come out as with an empty folder. */
static void a_source_that_is_not_there_is_told_once(void **state)
{
    (void)state;
    static const char LINES[] =
        "{\"id\":\"p\",\"text\":\"" TWEET "\"}\n{\"text\":\"" TWEET "\"}\n{\"image\":\"p.png\",\"text\":\"" TWEET "\"}\n";
    char arguments[2 * PATH_MAX], *errors, *rest;
    shell("mkdir -p %s/empty && cp %s/seen/checkpoints/best.h5 %s/alone.h5 && cp %s/told/checkpoints/best.h5 %s/told.h5", folder, folder,
          folder, folder, folder);
    char *alone = answer(0, "alone.h5", LINES, "", &errors);
    assert_memory_equal(errors, "warning: the model looks at pictures and none are known: texts are predicted without\n", 84);
    assert_non_null(strstr(errors, "\nwarning: 1 of 3 inputs were predicted without what they show\n"));
    free(errors);
    snprintf(arguments, sizeof arguments, "--images %s/empty", folder);
    char *empty = answer(0, "alone.h5", LINES, arguments, &errors), *a = alone, *b = empty;
    for (int i = 0; i < 2; i++) assert_string_equal(strsep(&a, "\n"), strsep(&b, "\n"));
    struct json *x = next_object(&a), *y = next_object(&b);
    assert_string_equal(json_text(json_get(x, "note")), "no folder of pictures is known, below which 'image' could be");
    assert_non_null(strstr(json_text(json_get(y, "note")), "/empty/p.png: no such picture"));
    json_free(x);
    json_free(y);
    free(alone);
    free(empty);
    free(errors);

    /* A file of captions in which there is none is one. */
    alone = answer(0, "told", "{\"id\":\"p\",\"text\":\"" TWEET "\"}\n", "--captions /dev/null", &errors);
    assert_string_equal(errors, "warning: /dev/null holds no caption: every tweet goes without\n");
    free(errors);
    empty = answer(0, "told.h5", "{\"id\":\"p\",\"text\":\"" TWEET "\"}\n", "", &errors);
    assert_string_equal(alone, empty);
    free(alone);
    free(empty);
    free(errors);

    /* A caption that stands in the line needs no file. */
    alone = rest = answer(0, "told.h5", "{\"caption\":\"a man\",\"text\":\"" TWEET "\"}\n{\"text\":\"" TWEET "\"}\n", "", &errors);
    char *texts[2];
    assert_int_equal(entities_of(alone, 2, texts), 2);
    assert_string_not_equal(texts[0], texts[1]);
    assert_string_equal(errors, "warning: the model looks at captions and none are known: texts are predicted without\n");
    free(texts[0]);
    free(texts[1]);
    free(alone);
    free(errors);
}

static void a_source_that_was_named_must_be_there(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *run, *arguments, *error;
    } CASES[] = {
        {66, "seen", "--images /no/such/folder", "data.images: /no/such/folder: cannot open the folder of pictures"},
        {66, "told", "--captions /no/such/file", "data.captions: /no/such/file"},
        {66, "seen", "--images /dev/null", "data.images: /dev/null: cannot open the folder of pictures"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *errors, *output = answer(CASES[i].status, CASES[i].run, "a\n", CASES[i].arguments, &errors);
        if (!strstr(errors, CASES[i].error) || *output) fail_msg("expected '%s' in: %s", CASES[i].error, errors);
        free(errors);
        free(output);
    }
}

/* ---- the library ---- */

static void the_library_sees_what_the_program_does(void **state)
{
    (void)state;
    static const struct nerve_input INPUTS[] = {{.text = TWEET, .id = "p"},
                                                {.text = TWEET, .image = "below/own.png"},
                                                {.text = TWEET},
                                                {.text = TWEET, .image = "bad.jpg"},
                                                {.text = TWEET, .id = "p", .caption = "x"}};
    const struct nerve_entity *entities;
    struct nerve_doubt doubt;
    struct nerve_error error = {0};
    nerve_model *model;
    nerve_prediction *found;
    if (nerve_model_open(path_of("seen"), &model, &error) || nerve_predict_inputs(model, 4, INPUTS, sizeof *INPUTS, &found, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < 4; i++) {
        const size_t n = nerve_prediction_entities(found, i, &entities);
        const char *note = nerve_prediction_note(found, i);
        assert_true(n > 0);
        assert_int_equal(nerve_prediction_doubt(found, i, 0, &doubt, sizeof doubt, &error), 0);
        assert_true(doubt.fused.aleatoric > 0 && doubt.text.epistemic > 0 && isfinite(doubt.margin));
        assert_int_equal(doubt.image.epistemic > 0 && doubt.visual_share > 0 && doubt.conflict >= 0, i < 2);
        assert_int_equal(isnan(doubt.image.epistemic) && isnan(doubt.visual_share) && isnan(doubt.conflict), i >= 2);
        assert_int_equal(note && strstr(note, "/bad.jpg: "), i == 3);
    }
    nerve_prediction_free(found);
    assert_int_equal(nerve_predict_inputs(model, 5, INPUTS, sizeof *INPUTS, &found, &error), NERVE_ERROR_USAGE);
    assert_string_equal(error.text,
                        "nerve_predict_inputs: text 4 has a 'caption': the model takes 'image', a path below the folder of pictures");
    assert_int_equal(nerve_model_source(model, "/no/such/folder", &error), NERVE_ERROR_NOINPUT);
    assert_int_equal(nerve_predict_inputs(model, 1, INPUTS + 1, sizeof *INPUTS, &found, &error), 0); /* still the run's */
    assert_null(nerve_prediction_note(found, 0));
    nerve_prediction_free(found);
    assert_int_equal(nerve_model_source(model, path_of("data/images/below"), &error), 0);
    assert_int_equal(nerve_predict_inputs(model, 1, INPUTS + 1, sizeof *INPUTS, &found, &error), 0);
    assert_non_null(strstr(nerve_prediction_note(found, 0), "/below/below/own.png: no"));
    nerve_prediction_free(found);
    nerve_model_close(model);
}

/* ---- hostile pictures ---- */

struct hostile {
    const char *name, *line, *note; /* note: part of it */
};
static const struct hostile HOSTILE[] = {
    {"a JPEG of 2,000 scans", "{\"id\":\"scans\",\"text\":\"a\"}\n", "/scans.jpg: "},
    {"a PNG of 30000 x 30000", "{\"id\":\"vast\",\"text\":\"a\"}\n", "/vast.png: "},
    {"an id that leads out", "{\"id\":\"../p\",\"text\":\"a\"}\n", "\"../p\" is no id of a picture"},
    {"an id of a file elsewhere", "{\"id\":\"/etc/passwd\",\"text\":\"a\"}\n", "\"/etc/passwd\" is no id of a picture"},
    {"a path that leads out", "{\"image\":\"below/../../p.png\",\"text\":\"a\"}\n", "\"below/../../p.png\" is no path of a picture"},
    {"a path of a file elsewhere", "{\"image\":\"/etc/passwd\",\"text\":\"a\"}\n", "\"/etc/passwd\" is no path of a picture"},
    {"an empty path", "{\"image\":\"\",\"text\":\"a\"}\n", "\"\" is no path of a picture"},
    {"a named pipe", "{\"id\":\"pipe\",\"text\":\"a\"}\n", "/pipe.jpg: not a regular file"},
    {"a symbolic link out of the folder", "{\"id\":\"link\",\"text\":\"a\"}\n", "/link.png: is a symbolic link"},
    {"a path through a symbolic link", "{\"image\":\"away/p.png\",\"text\":\"a\"}\n",
     "/away/p.png: leads through a file or a symbolic link"},
    {"a folder", "{\"image\":\"below\",\"text\":\"a\"}\n", "/below: not a regular file"},
    {"a text", "{\"id\":\"bad\",\"text\":\"a\"}\n", "/bad.jpg: "},
    {"an empty file", "{\"id\":\"nothing\",\"text\":\"a\"}\n", "/nothing.png: "},
    {"a JPEG that is cut short", "{\"id\":\"short\",\"text\":\"a\"}\n", "/short.jpg: "},
};
enum { N_HOSTILE = sizeof HOSTILE / sizeof *HOSTILE };

static void write_bytes(const char *path, struct bytes b)
{
    struct err e = {0};
    if (file_write_bytes(path, b.data, b.size, &e)) fail_msg("%s", e.text);
    bytes_free(&b);
}

static void make_hostile_pictures(void)
{
    struct picture p = made_picture(64, 64);
    struct bytes jpeg = made_jpeg(&p, MADE_BASELINE);
    picture_free(&p);
    jpeg.size /= 2;
    write_bytes(path_of("data/images/short.jpg"), jpeg);
    write_bytes(path_of("data/images/scans.jpg"), made_jpeg_of_many_scans(16, 2000));
    write_bytes(path_of("data/images/vast.png"), made_png_of_size(30000, 30000));
    write_bytes(path_of("data/images/nothing.png"), (struct bytes){0});
    write_picture(path_of("p.png"), 3);
    assert_int_equal(mkfifo(path_of("data/images/pipe.jpg"), 0600), 0);
    assert_int_equal(symlink("../../p.png", path_of("data/images/link.png")), 0);
    assert_int_equal(symlink("../..", path_of("data/images/away")), 0);
}

/* Line n, from 0, of what the program wrote so far; waits for it. Free it. */
static char *line_of(const struct program *p, int n)
{
    for (int waited = 0; waited < 6000; waited++) {
        static char text[1 << 16];
        const ssize_t size = pread(p->out, text, sizeof text - 1, 0);
        assert_true(size >= 0 && size < (ssize_t)sizeof text - 1);
        text[size] = '\0';
        char *line = text;
        for (int k = 0; line && k < n; k++) line = (line = strchr(line, '\n')) ? line + 1 : NULL;
        if (line && strchr(line, '\n')) return strndup(line, strcspn(line, "\n"));
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    fail_msg("no answer while the input was open");
    return NULL;
}

/* The most memory that the process had so far, in MB. */
static long peak_memory(pid_t pid)
{
    char path[64], line[200];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld kB", &kilobytes);
    fclose(f);
    assert_true(kilobytes > 0);
    return kilobytes / 1024;
}

/* One stream for all: each is named in its answer, the memory stays small, and the next is answered as if it had not been there. */
static void hostile_pictures_are_named_and_prediction_goes_on(void **state)
{
    (void)state;
    char arguments[3 * PATH_MAX], *clean = NULL;
    struct program p;
    make_hostile_pictures();
    assert_int_equal(mkfifo(path_of("stream"), 0600), 0);
    const int in = open(path_of("stream"), O_RDWR | O_CLOEXEC);
    assert_true(in >= 0);
    snprintf(arguments, sizeof arguments, "predict --model %s/seen --input-format jsonl %s/stream", folder, folder);
    start(&p, NULL, arguments);
    for (int i = 0; i < N_HOSTILE; i++) {
        static const char GOOD[] = "{\"id\":\"p\",\"text\":\"" TWEET "\"}\n";
        assert_int_equal(write(in, HOSTILE[i].line, strlen(HOSTILE[i].line)), strlen(HOSTILE[i].line));
        char *answered = line_of(&p, 2 * i), *note = strstr(answered, "\"note\":");
        struct json *v = next_object(&(char *){answered});
        note = (char *)(uintptr_t)json_text(json_get(v, "note"));
        if (!note || !strstr(note, HOSTILE[i].note)) fail_msg("%s: note '%s'", HOSTILE[i].name, note ? note : "none");
        assert_non_null(json_get(v, "entities"));
        json_free(v);
        free(answered);
        assert_int_equal(write(in, GOOD, strlen(GOOD)), strlen(GOOD));
        char *good = line_of(&p, 2 * i + 1);
        if (clean) assert_string_equal(good, clean);
        free(clean);
        clean = good;
#if !SANITIZED
        if (!(peak_memory(p.pid) < 256)) fail_msg("%s: %ld MB", HOSTILE[i].name, peak_memory(p.pid));
#endif
    }
    free(clean);
    close(in);
    program_finish(&p);
    assert_int_equal(p.status, 0);
    snprintf(arguments, sizeof arguments, "warning: %d of %d inputs were predicted without what they show\n", N_HOSTILE, 2 * N_HOSTILE);
    assert_string_equal(p.errors, arguments);
    program_free(&p);
}

int main(void)
{
    enum {
        N_MEMBERS = sizeof MEMBERS / sizeof *MEMBERS,
        N_REFUSALS = sizeof REFUSALS / sizeof *REFUSALS,
        N_RUNS = sizeof RUNS / sizeof *RUNS
    };
    static char names[2 * N_MEMBERS + N_REFUSALS + N_RUNS][160];
    struct CMUnitTest tests[16 + 2 * N_MEMBERS + N_REFUSALS + N_RUNS] = {
        cmocka_unit_test(an_id_or_a_path_finds_the_picture),
        cmocka_unit_test(a_picture_that_is_missing_or_bad_is_none),
        cmocka_unit_test(the_number_of_a_line_finds_no_picture),
        cmocka_unit_test(an_id_or_the_line_itself_gives_the_caption),
        cmocka_unit_test(a_sentence_in_parts_has_its_picture_in_each),
        cmocka_unit_test(a_word_that_is_too_long_has_no_numbers),
        cmocka_unit_test(words_are_told_in_json_alone),
        cmocka_unit_test(a_note_is_a_warning_where_stdout_has_no_room_for_it),
        cmocka_unit_test(a_model_that_refuses_bad_pictures_makes_them_errors),
        cmocka_unit_test(a_model_of_text_alone_reads_text_alone),
        cmocka_unit_test(the_options_name_other_sources),
        cmocka_unit_test(a_source_that_is_not_there_is_told_once),
        cmocka_unit_test(a_source_that_was_named_must_be_there),
        cmocka_unit_test(the_library_sees_what_the_program_does),
        cmocka_unit_test(hostile_pictures_are_named_and_prediction_goes_on),
    };
    size_t n = 15, k = 0;
    for (size_t i = 0; i < N_MEMBERS; i++, k++) {
        snprintf(names[k], sizeof names[k], "an entity tells how unsure the model is: %s", MEMBERS[i].run);
        tests[n++] = (struct CMUnitTest){
            .name = names[k], .test_func = an_entity_tells_how_unsure_the_model_is, .initial_state = (void *)(uintptr_t)&MEMBERS[i]};
    }
    for (size_t i = 0; i < N_MEMBERS; i++, k++) {
        snprintf(names[k], sizeof names[k], "an entity is as unsure as its words are: %s", MEMBERS[i].run);
        tests[n++] = (struct CMUnitTest){
            .name = names[k], .test_func = an_entity_is_as_unsure_as_its_words_are, .initial_state = (void *)(uintptr_t)&MEMBERS[i]};
    }
    for (size_t i = 0; i < N_REFUSALS; i++, k++) {
        snprintf(names[k], sizeof names[k], "what the model cannot take is the error of its line: %s %s", REFUSALS[i].run,
                 REFUSALS[i].members);
        tests[n++] = (struct CMUnitTest){.name = names[k],
                                         .test_func = what_the_model_cannot_take_is_the_error_of_its_line,
                                         .initial_state = (void *)(uintptr_t)&REFUSALS[i]};
    }
    for (size_t i = 0; i < N_RUNS; i++, k++) {
        snprintf(names[k], sizeof names[k], "predictions are those of the run: %s", RUNS[i].name);
        tests[n++] = (struct CMUnitTest){
            .name = names[k], .test_func = predictions_are_those_of_the_run, .initial_state = (void *)(uintptr_t)RUNS[i].name};
    }
    return _cmocka_run_group_tests("a tweet is predicted with what it shows", tests, n, set_up, training_tear_down);
}
