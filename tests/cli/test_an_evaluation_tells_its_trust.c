/* What a run and `nerve evaluate` say of trust, counted again from the run's predictions.jsonl and the data; the temperature; corruption
 * from the command line. `pictures` are synthetic tweets with captions, `evidence` a run on them, and `whole` is a run without. */
#include "files.h"
#include "training.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENTITIES = 2000 };
#define EVIDENCE "model.fusion=monig-prob model.visual=caption train.epochs=4"

/* ---- the data and the predictions, read again ---- */

struct entity {
    int tweet, start, end; /* characters of the words joined by blanks, which are ASCII here */
    char type[16], words[256];
    double score, aleatoric, epistemic, scale; /* of a predicted one */
    bool right;
};
struct entities {
    int n;
    struct entity at[ENTITIES];
};

static char *read_text(const char *path)
{
    struct err e = {0};
    char *text;
    size_t size;
    if (file_read(path, 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    return text;
}

/* Entities of a CoNLL file without orphans. */
static void read_gold(const char *path, struct entities *out)
{
    char *text = read_text(path), *rest = text;
    int tweet = 0, at = 0;
    bool in = false;
    out->n = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *tag = strchr(line, '\t');
        if (!tag) {
            if (!*line && at > 0) {
                tweet++;
                at = 0;
            }
            in = false;
            continue;
        }
        *tag++ = '\0';
        struct entity *last = &out->at[out->n];
        if (tag[0] == 'B') {
            assert_true(out->n < ENTITIES - 1);
            *last = (struct entity){.tweet = tweet, .start = at, .end = at + (int)strlen(line)};
            snprintf(last->type, sizeof last->type, "%s", tag + 2);
            snprintf(last->words, sizeof last->words, "%s", line);
            out->n++;
        } else if (tag[0] == 'I') {
            assert_true(in);
            last--;
            last->end = at + (int)strlen(line);
            snprintf(last->words + strlen(last->words), sizeof last->words - strlen(last->words), " %s", line);
        }
        in = tag[0] != 'O';
        at += (int)strlen(line) + 1;
    }
    free(text);
}

static double number(const struct json *v, const char *key)
{
    double x = NAN;
    json_read_number(json_get(v, key), &x);
    return x;
}

static void read_predictions(const char *path, const struct entities *gold, struct entities *out)
{
    char *text = read_text(path), *rest = text;
    struct err e = {0};
    int tweet = 0;
    out->n = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line; tweet++) {
        struct json *v;
        if (json_parse(line, strlen(line), path, &v, &e)) fail_msg("%s", e.text);
        const struct json *all = json_get(v, "entities");
        for (size_t k = 0; k < json_size(all); k++) {
            const struct json *x = json_at(all, k);
            struct entity *p = &out->at[out->n++];
            *p = (struct entity){.tweet = tweet,
                                 .start = (int)number(x, "start"),
                                 .end = (int)number(x, "end"),
                                 .score = number(x, "score"),
                                 .aleatoric = number(x, "aleatoric"),
                                 .epistemic = number(x, "epistemic"),
                                 .scale = number(x, "predictive_scale")};
            snprintf(p->type, sizeof p->type, "%s", json_text(json_get(x, "entity_group")));
            snprintf(p->words, sizeof p->words, "%s", json_text(json_get(x, "word")));
            for (int g = 0; g < gold->n; g++) {
                const struct entity *q = &gold->at[g];
                p->right |= q->tweet == p->tweet && q->start == p->start && q->end == p->end && strcmp(q->type, p->type) == 0;
            }
        }
        json_free(v);
    }
    free(text);
}

static void assert_near(const char *what, double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-9)) fail_msg("%s is %.12g, expected %.12g", what, found, expected);
}

/* ---- counted again ---- */

static double auroc(const struct entities *p, size_t offset, double sign)
{
    double order = 0, all = 0;
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < p->n; k++) {
            if (p->at[i].right || !p->at[k].right) continue;
            const double a = sign * *(const double *)((const char *)&p->at[i] + offset),
                         b = sign * *(const double *)((const char *)&p->at[k] + offset);
            order += a > b ? 1 : a < b ? 0 : 0.5;
            all++;
        }
    return order / all;
}

static double ece(const struct entities *p)
{
    double gap = 0;
    for (int b = 0; b < 15; b++) {
        double sum = 0;
        for (int i = 0; i < p->n; i++) {
            const double c = p->at[i].score;
            if ((c > b / 15. || (b == 0 && c == 0)) && c <= (b + 1) / 15.) sum += p->at[i].right - c;
        }
        gap += fabs(sum) / p->n;
    }
    return gap;
}

static int surer(const void *a, const void *b)
{
    const struct entity *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

static double f1(int correct, int predicted, int gold)
{
    return predicted + gold ? 2. * correct / (predicted + gold) : NAN;
}

/* The object of eval/NAME.json against a recount; known: entities of train. */
static void equals_a_recount(const struct json *v, struct entities *p, const struct entities *gold, const struct entities *known)
{
    const struct json *calibration = json_get(v, "calibration"), *selective = json_get(v, "selective"), *wrong = json_get(v, "error_auroc");
    double brier = 0, nll = 0, aurc = 0;
    int right = 0, unseen[3] = {0};
    for (int i = 0; i < p->n; i++) {
        const double c = p->at[i].score;
        right += p->at[i].right;
        brier += (c - p->at[i].right) * (c - p->at[i].right) / p->n;
        nll -= log(fmax(p->at[i].right ? c : 1 - c, 1e-12)) / p->n;
    }
    assert_true(right > 0 && right < p->n);
    assert_near("ece", number(calibration, "ece"), ece(p));
    assert_near("brier", number(calibration, "brier"), brier);
    assert_near("nll", number(calibration, "nll"), nll);
    assert_near("entities", number(calibration, "entities"), p->n);
    assert_near("missed", number(calibration, "missed"), gold->n - right);
    assert_near("confidence", number(wrong, "confidence"), auroc(p, offsetof(struct entity, score), -1));
    if (!isnan(p->at[0].epistemic)) {
        assert_near("aleatoric", number(wrong, "aleatoric"), auroc(p, offsetof(struct entity, aleatoric), 1));
        assert_near("epistemic", number(wrong, "epistemic"), auroc(p, offsetof(struct entity, epistemic), 1));
        assert_near("predictive_scale", number(wrong, "predictive_scale"), auroc(p, offsetof(struct entity, scale), 1));
    }
    assert_true(number(wrong, "margin") >= 0 && number(wrong, "entropy") >= 0);
    qsort(p->at, (size_t)p->n, sizeof *p->at, surer);
    for (int k = 1, errors = 0; k <= p->n; k++) {
        errors += !p->at[k - 1].right;
        aurc += (double)errors / k / p->n;
    }
    assert_near("aurc", number(selective, "aurc"), aurc);
    assert_near("f1 at 1.0", number(json_get(selective, "f1_at_coverage"), "1.0"), f1(right, p->n, gold->n));

    for (int side = 0; side < 2; side++) {
        const struct entities *x = side ? p : gold;
        for (int i = 0; i < x->n; i++) {
            bool is_known = false;
            for (int k = 0; k < known->n; k++)
                is_known |= strcasecmp(known->at[k].words, x->at[i].words) == 0 && strcmp(known->at[k].type, x->at[i].type) == 0;
            if (is_known) continue;
            unseen[side]++;
            if (side) unseen[2] += x->at[i].right;
        }
    }
    const struct json *part = json_get(json_get(v, "subsets"), "unseen");
    assert_near("support of unseen", number(part, "support"), unseen[0]);
    assert_near("f1 of unseen", number(part, "f1"), f1(unseen[2], unseen[1], unseen[0]));
}

static void recount(const char *name, const char *data)
{
    static struct entities gold, found, known;
    struct json *v = read_json_file(path_of("%s/eval/test.json", name));
    read_gold(path_of("%s/test.txt", data), &gold);
    read_gold(path_of("%s/train.txt", data), &known);
    read_predictions(path_of("%s/predictions.jsonl", name), &gold, &found);
    equals_a_recount(v, &found, &gold, &known);
    json_free(v);
}

static void eval_test_json_is_a_count_of_predictions_jsonl(void **state)
{
    (void)state;
    recount("whole", "data");
}

static void so_it_is_for_a_model_with_evidence(void **state)
{
    (void)state;
    recount("evidence", "pictures");
}

static void evaluate_prints_what_the_run_stored(void **state)
{
    (void)state;
    evaluation_equals("evidence", "valid");
    evaluation_equals("evidence", "test");
}

static void subsets_are_those_of_the_pictures_and_of_subsets_txt(void **state)
{
    static const char *const NAMES[] = {"with_picture", "without_picture", "unseen", "text_decides", "picture_decides"};
    (void)state;
    struct json *v = read_json_file(path_of("evidence/eval/test.json")), *text = read_json_file(path_of("whole/eval/test.json"));
    const struct json *subsets = json_get(v, "subsets");
    for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++)
        if (!(number(json_get(subsets, NAMES[k]), "support") > 0)) fail_msg("%s", NAMES[k]);
    assert_near("support", number(json_get(subsets, "with_picture"), "support") + number(json_get(subsets, "without_picture"), "support"),
                number(json_get(json_get(v, "lenient"), "micro"), "support"));
    assert_null(json_get(json_get(text, "subsets"), "with_picture"));
    assert_null(json_get(json_get(text, "subsets"), "text_decides"));
    json_free(v);
    json_free(text);
}

/* ---- the temperature ---- */

static void best_h5_has_the_temperature_and_last_h5_has_none(void **state)
{
    (void)state;
    struct json *best = ask("info %s/whole/checkpoints/best.h5 --json", folder),
                *last = ask("info %s/whole/checkpoints/last.h5 --json", folder), *test = read_json_file(path_of("whole/eval/test.json"));
    const double T = number(best, "temperature");
    assert_true(T >= .01 && T <= 100);
    assert_true(isnan(number(last, "temperature")));
    assert_true(number(json_get(test, "calibration"), "temperature") == T);
    json_free(best);
    json_free(last);
    json_free(test);
}

/* After one epoch last.h5 has the values of best.h5, and no temperature. */
static void a_checkpoint_without_temperature_is_given_that_of_validation(const char *name, const char *keys)
{
    char more[256];
    snprintf(more, sizeof more, "train.epochs=1 %s", keys);
    assert_int_equal(train(name, more), 0);
    struct json *a = ask("evaluate --model %s --json", path_of("%s/checkpoints/last.h5", name)),
                *b = read_json_file(path_of("%s/eval/test.json", name));
    char *x = json_dump(a, 0), *y = json_dump(b, 0);
    assert_string_equal(x, y);
    assert_true(number(json_get(a, "calibration"), "temperature") != 1);
    free(x);
    free(y);
    json_free(a);
    json_free(b);
}

static void a_temperature_is_fitted_where_none_is_stored(void **state)
{
    (void)state;
    a_checkpoint_without_temperature_is_given_that_of_validation("fitted", "");
}

static void so_it_is_without_a_crf(void **state)
{
    (void)state;
    a_checkpoint_without_temperature_is_given_that_of_validation("softmax", "model.crf=false");
}

/* ---- corruption ---- */

__attribute__((format(printf, 2, 3))) static void run_with(struct program *p, const char *format, ...)
{
    char text[3 * PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start(p, NULL, text);
    program_finish(p);
}

static void copy_evidence(const char *name)
{
    shell("cp -r %s/evidence %s/%s", folder, folder, name);
}

/* Where all of valid have a caption, what only such tweets have could be chosen, and be undefined on test. */
static void corrupted_words_are_told_by_what_every_tweet_has(void **state)
{
    (void)state;
    copy_evidence("words");
    shell(
        "cp %s/pictures/captions.txt %s/all.txt && sed -n 's/^IMGID:\\(.*\\)/\\1.jpg :a disc on a table/p' %s/pictures/valid.txt >%s/more.txt && "
        "awk -F' :' 'NR == FNR { has[$1] = 1; next } !($1 in has)' %s/all.txt %s/more.txt >>%s/all.txt",
        folder, folder, folder, folder, folder, folder, folder);
    struct json *a =
        ask("evaluate --model %s --captions %s/all.txt -c typos:0.05 -c typos:0.2 -c typos:1 -c dropped-words:0.05 -c dropped-words:0.2 "
            "-c dropped-words:1 --json",
            path_of("words"), folder);
    const struct json *corruption = json_get(a, "corruption");
    assert_int_equal(json_size(corruption), 6);
    for (size_t k = 0; k < 6; k++) {
        const char *measure = json_text(json_get(json_at(corruption, k), "measure"));
        if (strncmp(measure, "fused.", 6) != 0 && strncmp(measure, "text.", 5) != 0)
            fail_msg("%zu: corrupted words are told by %s", k, measure);
        assert_true(number(json_at(corruption, k), "auroc") >= 0);
    }
    json_free(a);
}

static void corruption_is_printed_and_stored_and_the_rest_stays(void **state)
{
    static const char *const KINDS[] = {"shuffled", "missing", "typos", "typos"};
    (void)state;
    copy_evidence("stored");
    struct json *a = ask("evaluate --model %s --corrupt shuffled:0 -c missing:1 -c typos:0.1 -c typos:0.5 --json", path_of("stored")),
                *b = read_json_file(path_of("stored/eval/test.json")), *clean = read_json_file(path_of("evidence/eval/test.json"));
    char *x = json_dump(a, 0), *y = json_dump(b, 0), *z = json_dump(clean, 0);
    assert_string_equal(x, y);
    z[strlen(z) - 1] = '\0';
    assert_memory_equal(x, z, strlen(z));
    const struct json *corruption = json_get(a, "corruption");
    assert_int_equal(json_size(corruption), 4);
    for (size_t k = 0; k < 4; k++) assert_string_equal(json_text(json_get(json_at(corruption, k), "kind")), KINDS[k]);
    assert_true(number(json_at(corruption, 0), "f1") == number(json_get(json_get(clean, "lenient"), "micro"), "f1"));
    assert_true(isnan(number(json_at(corruption, 0), "auroc")));
    assert_memory_equal(json_text(json_get(json_at(corruption, 1), "measure")), "fused.", 6);
    assert_true(number(json_at(corruption, 3), "degree") == .5 && number(json_at(corruption, 3), "auroc") >= 0);
    /* Who has no picture loses none. */
    assert_true(number(json_get(json_get(json_at(corruption, 1), "subsets"), "without_picture"), "f1") ==
                number(json_get(json_get(clean, "subsets"), "without_picture"), "f1"));
    free(x);
    free(y);
    free(z);
    json_free(a);
    json_free(b);
    json_free(clean);
}

static char *printed(const char *options)
{
    struct program p;
    run_with(&p, "evaluate --model %s/evidence --data %s/pictures --json %s", folder, folder, options);
    if (p.status != 0) fail_msg("exit %d: %s", p.status, p.errors);
    char *copy = strdup(p.output);
    program_free(&p);
    return copy;
}

static void the_same_seed_gives_the_same_bytes_and_nothing_is_stored_for_other_data(void **state)
{
    (void)state;
    char *before = read_text(path_of("evidence/eval/test.json"));
    char *a = printed("-c typos:0.3 -c shuffled:0.5"), *b = printed("-c typos:0.3 -c shuffled:0.5 --seed 1 --threads 1"),
         *c = printed("-c typos:0.3 -c shuffled:0.5 --seed 2"), *after = read_text(path_of("evidence/eval/test.json"));
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_equal(before, after);
    free(before);
    free(a);
    free(b);
    free(c);
    free(after);
}

/* Captions of nobody: every tweet goes without, as when all are missing. */
static void other_captions_are_read_from_the_file_that_is_named(void **state)
{
    struct err e = {0};
    (void)state;
    const char *captions = path_of("nobody.txt");
    if (file_write_bytes(captions, "nobody.jpg :a lake\n", 19, &e)) fail_msg("%s", e.text);
    char more[2 * PATH_MAX];
    snprintf(more, sizeof more, "--captions %s", captions);
    char *without = printed(more), *missing = printed("-c missing:1");
    struct json *a = NULL, *b = NULL;
    if (json_parse(without, strlen(without), "a", &a, &e) || json_parse(missing, strlen(missing), "b", &b, &e)) fail_msg("%s", e.text);
    assert_true(number(json_get(json_get(a, "lenient"), "micro"), "f1") == number(json_at(json_get(b, "corruption"), 0), "f1"));
    snprintf(more, sizeof more, "--captions %s/pictures/captions.txt", folder);
    char *own = printed(more), *usual = printed("");
    assert_string_equal(own, usual);
    char *other = printed("--images /no/such/folder");
    assert_string_equal(other, usual);
    free(other);
    json_free(a);
    json_free(b);
    free(without);
    free(missing);
    free(own);
    free(usual);
}

static void an_option_that_the_model_has_no_use_for_is_named(void **state)
{
    struct program p;
    (void)state;
    run_with(&p, "evaluate --model %s/whole --json --captions /no/such/file --features /no/such/file", folder);
    assert_int_equal(p.status, 0);
    assert_non_null(strstr(p.errors, "warning: --captions is not used: the model does not look at it\n"));
    assert_non_null(strstr(p.errors, "warning: --features is not used: the model does not look at it\n"));
    program_free(&p);
}

static void the_table_tells_the_same(void **state)
{
    static const char *const PARTS[] = {"calibration",     "temperature ",          "AURC ", "AUROC of wrong", "predictive scale ",
                                        "picture_decides", "missing             1 "};
    struct program p;
    (void)state;
    run_with(&p, "evaluate --model %s/evidence --data %s/pictures -c missing:1", folder, folder);
    assert_int_equal(p.status, 0);
    for (size_t k = 0; k < sizeof PARTS / sizeof *PARTS; k++)
        if (!strstr(p.output, PARTS[k])) fail_msg("no '%s' in:\n%s", PARTS[k], p.output);
    program_free(&p);
}

static void what_does_not_suit_is_refused_in_words(void **state)
{
    static const struct {
        const char *run, *options;
        int status;
        const char *part;
    } ROWS[] = {
        {"evidence", "-c noise:0.5", 64,
         "noise is not defined for a model that looks at captions; for it there are shuffled, missing, typos and dropped-words"},
        {"whole", "-c shuffled:1", 64, "shuffled is not defined for a model that looks at nothing but words"},
        {"evidence", "-c snow:1", 64, "no kind 'snow'"},
        {"evidence", "-c typos", 64, "the degree is missing"},
        {"evidence", "-c typos:2", 64, "'2' is no degree"},
        {"evidence", "-c typos:1 --seed x", 64, "--seed"},
        {"evidence", "--captions absent.txt", 66, "absent.txt"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++) {
        struct program p;
        run_with(&p, "evaluate --model %s/%s %s", folder, ROWS[k].run, ROWS[k].options);
        if (p.status != ROWS[k].status || !strstr(p.errors, ROWS[k].part))
            fail_msg("%s: expected exit %d with '%s', got %d with: %s", ROWS[k].options, ROWS[k].status, ROWS[k].part, p.status, p.errors);
        assert_string_equal(p.output, "");
        program_free(&p);
    }
}

static void without_validation_it_is_said_what_cannot_be_done(void **state)
{
    struct program p;
    (void)state;
    shell("mkdir %s/alone && cp %s/pictures/test.txt %s/pictures/captions.txt %s/alone", folder, folder, folder, folder);
    run_with(&p, "evaluate --model %s/evidence/checkpoints/last.h5 --data %s/alone", folder, folder);
    assert_int_equal(p.status, 0);
    assert_non_null(strstr(p.errors, "has no temperature, and there is no validation split to fit one"));
    program_free(&p);
    run_with(&p, "evaluate --model %s/evidence --data %s/alone -c typos:1", folder, folder);
    assert_int_equal(p.status, 66);
    assert_non_null(strstr(p.errors, "valid.txt"));
    program_free(&p);
}

static int set_up(void **state)
{
    struct program p;
    char text[3 * PATH_MAX];
    if (training_set_up(state)) return -1;
    run_with(&p, "synth %s/pictures --tweets 400 --seed 4 --missing 0.2", folder);
    int status = p.status;
    program_free(&p);
    if (status) return -1;
    snprintf(text, sizeof text, EVIDENCE " data.dir=%s/pictures", folder);
    return train("evidence", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_test_json_is_a_count_of_predictions_jsonl),
        cmocka_unit_test(so_it_is_for_a_model_with_evidence),
        cmocka_unit_test(evaluate_prints_what_the_run_stored),
        cmocka_unit_test(subsets_are_those_of_the_pictures_and_of_subsets_txt),
        cmocka_unit_test(best_h5_has_the_temperature_and_last_h5_has_none),
        cmocka_unit_test(a_temperature_is_fitted_where_none_is_stored),
        cmocka_unit_test(so_it_is_without_a_crf),
        cmocka_unit_test(corrupted_words_are_told_by_what_every_tweet_has),
        cmocka_unit_test(corruption_is_printed_and_stored_and_the_rest_stays),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_nothing_is_stored_for_other_data),
        cmocka_unit_test(other_captions_are_read_from_the_file_that_is_named),
        cmocka_unit_test(an_option_that_the_model_has_no_use_for_is_named),
        cmocka_unit_test(the_table_tells_the_same),
        cmocka_unit_test(what_does_not_suit_is_refused_in_words),
        cmocka_unit_test(without_validation_it_is_said_what_cannot_be_done),
    };
    return cmocka_run_group_tests_name("an evaluation tells its trust", tests, set_up, training_tear_down);
}
