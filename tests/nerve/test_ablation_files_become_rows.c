/* An ablation file: what a mistake in it is told, and the rows, seeds and configs that come out of it. */
#include "ablation.h"
#include "files.h"
#include "temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];
static const char BASE[] = "data: {dir: somewhere}\nmodel: {width: 64, heads: 4, crf: true}\ntrain: {epochs: 5}\n";

static void write_text(const char *name, const char *text)
{
    char path[2 * PATH_MAX];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
}

/* folder/a.yaml holds the text. */
static int read_with(const char *text, int n, const char *const *overrides, struct ablation *a, struct err *e)
{
    char path[2 * PATH_MAX];
    write_text("a.yaml", text);
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    return ablation_read_file(path, n, overrides, a, e);
}

static void read_rows(const char *text, struct ablation *a)
{
    struct err e = {0};
    if (read_with(text, 0, NULL, a, &e)) fail_msg("%s", e.text);
}

/* ---- files that are refused ---- */

#define AXES   "axes: {model.crf: [true, false]}\n"
#define CONFIG "config: base.yaml\n"

struct refusal {
    const char *name, *text, *message; /* the message from the file's name on */
};
static const struct refusal FILES[] = {
    {"an unknown key has a caret and a suggestion", CONFIG "seed: [1]\n" AXES,
     "a.yaml:2:1: unknown key 'seed': did you mean 'seeds'?\n      2 | seed: [1]\n        | ^"},
    {"a key without a neighbour gets the list", "zzzzzzzz: 1\n",
     "a.yaml:1:1: unknown key 'zzzzzzzz': there are config, settings, seeds, mode, base, axes, columns"},
    {"a key that stands twice", CONFIG AXES "mode: single\nmode: single\n",
     "a.yaml:4:1: key 'mode' stands a second time; the first is in line 3"},
    {"an axis of a key that does not exist", CONFIG "axes:\n  model.crff: [true, false]\n",
     "a.yaml:3:3: unknown key 'model.crff': did you mean 'model.crf'?\n      3 |   model.crff: [true, false]\n        |   ^"},
    {"a value that the key does not take", CONFIG "axes:\n  model.crf: [true, maybe]\n",
     "a.yaml:3:21: model.crf: expected true or false, found 'maybe'\n      3 |   model.crf: [true, maybe]\n        |                     ^"},
    {"a value out of its range", CONFIG "axes:\n  train.warmup: [0.1, 2]\n",
     "a.yaml:3:23: train.warmup: expected a number from 0 to 1, found '2'"},
    {"a map where a value is due", CONFIG "axes:\n  model.crf: [{model.crf: true}]\n",
     "a.yaml:3:15: model.crf: expected true or false, found a map"},
    {"values in an axis that is no key", CONFIG "axes:\n  crf: [true, false]\n",
     "a.yaml:3:9: axis 'crf': expected settings, as {model.crf: true}; a list of values alone has the name of a key: did you mean "
     "'model.crf'?"},
    {"a list in an axis that is no key", CONFIG "axes:\n  heads: [[1]]\n",
     "a.yaml:3:11: axis 'heads': expected settings, as {model.crf: true}, found a list"},
    {"an unknown key among settings", CONFIG "axes:\n  heads:\n    - {model.head: 2}\n",
     "a.yaml:4:8: unknown key 'model.head': did you mean 'model.heads'?"},
    {"a key twice among settings", CONFIG "axes:\n  heads:\n    - {model.heads: 2, model.heads: 4}\n",
     "a.yaml:4:24: key 'model.heads' stands a second time"},
    {"a name twice", CONFIG "axes:\n  heads:\n    - {name: a, name: b}\n", "a.yaml:4:17: 'name' stands a second time"},
    {"a value without settings and without a name", CONFIG "axes:\n  heads:\n    - {seeds: [1]}\n",
     "a.yaml:4:7: axis 'heads': a value without settings needs a name"},
    {"an axis without values", CONFIG "axes:\n  model.crf: []\n", "a.yaml:3:14: model.crf: expected a list of values, found none"},
    {"an axis that is no list", CONFIG "axes:\n  model.crf: true\n", "a.yaml:3:14: model.crf: expected a list of values, found 'true'"},
    {"an axis twice", CONFIG "axes:\n  model.crf: [true]\n  model.crf: [false]\n", "a.yaml:4:3: axis 'model.crf' stands a second time"},
    {"axes that are a list", CONFIG "axes: [model.crf]\n",
     "a.yaml:2:7: axes: expected a map of lists, as {model.crf: [true, false]}, found a list"},
    {"two axes of one key in a product", CONFIG "axes:\n  model.crf: [true, false]\n  heads:\n    - {name: no crf, model.crf: false}\n",
     "a.yaml:4:3: axes 'model.crf' and 'heads' both set model.crf: `mode: product` cannot join them"},
    {"the seed as an axis", CONFIG "axes:\n  train.seed: [1, 2]\n", "a.yaml:3:3: train.seed: `seeds:` says which seeds a row has"},
    {"a map as a setting", CONFIG AXES "settings: {data.rename: {A: B}}\n",
     "a.yaml:3:12: data.rename: a map has its place in the base config"},
    {"settings that are a list", CONFIG AXES "settings: [1]\n",
     "a.yaml:3:11: settings: expected a map of keys, as {train.epochs: 4}, found a list"},
    {"a seed that is none", CONFIG AXES "seeds: [1, two]\n", "a.yaml:3:12: seeds: expected an integer from 0 to 4294967295, found 'two'"},
    {"a seed twice", CONFIG AXES "seeds: [1, 2, 1]\n", "a.yaml:3:15: seeds: 1 stands a second time"},
    {"seeds that are a number", CONFIG AXES "seeds: 3\n", "a.yaml:3:8: seeds: expected a list of integers, as [1, 2, 3], found '3'"},
    {"an unknown mode", CONFIG AXES "mode: singel\n", "a.yaml:3:7: unknown mode 'singel': did you mean 'single'?"},
    {"an unknown file of a column", CONFIG AXES "columns: [\"tset:calibration.ece\"]\n",
     "a.yaml:3:12: unknown file of a column 'tset': did you mean 'test'?"},
    {"a path with an empty name", CONFIG AXES "columns: [calibration..ece]\n",
     "a.yaml:3:11: columns: expected names with dots between, as calibration.ece, found 'calibration..ece'"},
    {"a column without a path", CONFIG AXES "columns: [{name: ECE}]\n", "a.yaml:3:11: columns: a column needs a path"},
    {"an unknown key of a column", CONFIG AXES "columns: [{nam: ECE}]\n",
     "a.yaml:3:12: unknown key of a column 'nam': did you mean 'name'?"},
    {"a column twice", CONFIG AXES "columns: [a.b, a.b]\n", "a.yaml:3:16: column 'a.b' stands a second time"},
    {"a base that is no row", CONFIG AXES "base: model.crf=flase\n",
     "a.yaml:3:7: base: no row is 'model.crf=flase': did you mean 'model.crf=false'?"},
    {"a base config that is not there", "config: bsae.yaml\n" AXES, "a.yaml:1:9: config: "},
    {"no base config", AXES, "a.yaml:1:1: `config:` is missing"},
    {"no axes", CONFIG, "a.yaml:1:1: `axes:` is missing"},
    {"an empty file", "", "a.yaml:1:1: the file says nothing"},
    {"a file that is a word", "crf\n", "a.yaml:1:1: the ablation: expected a map of keys, found 'crf'"},
    {"a second document", CONFIG AXES "---\na: b\n", "a second document: an ablation is one"},
    {"a row that config_check refuses", CONFIG "axes: {model.heads: [4, 3]}\n", "a.yaml: row 'model.heads=3': model.width = 64 ("},
    {"two rows of one name", CONFIG "axes: {model.crf: [true, true]}\n",
     "a.yaml: the rows 'model.crf=true' and 'model.crf=true' would both be written to runs/model.crf=true: rename one"},
    {"two rows of one directory", CONFIG "axes:\n  heads:\n    - {name: a b, model.heads: 2}\n    - {name: a/b, model.heads: 4}\n",
     "a.yaml: the rows 'a b' and 'a/b' would both be written to runs/a_b: rename one"},
    {"a mistake in the base config is told there", "config: wrong.yaml\n" AXES,
     "wrong.yaml:2:3: unknown key 'train.epoch': did you mean 'train.epochs'?"},
};

static void file_is_refused(void **state)
{
    const struct refusal *r = *state;
    struct ablation a;
    struct err e = {0};
    write_text("wrong.yaml", "train:\n  epoch: 3\n");
    assert_int_equal(read_with(r->text, 0, NULL, &a, &e), ERR_CONFIG);
    assert_int_equal(e.code, ERR_CONFIG);
    if (!strstr(e.text, r->message)) fail_msg("expected a message with\n  %s\nfound\n  %s", r->message, e.text);
    assert_int_equal(strncmp(e.text, folder, strlen(folder)), 0);
    ablation_free(&a);
}

static void a_name_that_no_directory_takes_is_refused(void **state)
{
    char text[1024], name[301];
    struct ablation a;
    struct err e = {0};
    (void)state;
    memset(name, 'x', 300);
    name[300] = '\0';
    snprintf(text, sizeof text, CONFIG "axes:\n  heads:\n    - {name: %s, model.heads: 2}\n", name);
    assert_int_equal(read_with(text, 0, NULL, &a, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "has too long a name: give its values names"));
    ablation_free(&a);
}

static void as_many_axes_values_seeds_and_rows_as_there_is_room_for(void **state)
{
    static const struct {
        const char *before, *each, *after;
        int room;
        const char *message;
    } ROWS[] = {
        {CONFIG AXES "seeds: [", "%d,", "]\n", ABLATION_SEEDS, "seeds: more than 32"},
        {CONFIG "axes: {train.pool: [", "%d,", "]}\n", ABLATION_GROUPS, "axis 'train.pool': more than 64 values"},
        {CONFIG AXES "columns: [", "a.b%d,", "]\n", ABLATION_COLUMNS, "more than 32 columns"},
        {CONFIG "axes: {", "a%1$d: [{name: b%1$d}],", "}\n", ABLATION_AXES, "more than 8 axes"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++)
        for (int more = 0; more < 2; more++) {
            char text[4096];
            struct ablation a;
            struct err e = {0};
            int n = snprintf(text, sizeof text, "%s", ROWS[k].before);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            for (int i = 1; i <= ROWS[k].room + more; i++) n += snprintf(text + n, sizeof text - (size_t)n, ROWS[k].each, i);
#pragma GCC diagnostic pop
            snprintf(text + n, sizeof text - (size_t)n, "%s", ROWS[k].after);
            const int code = read_with(text, 0, NULL, &a, &e);
            if (code != (more ? ERR_CONFIG : 0)) fail_msg("row %zu: %d, %s", k, code, e.text);
            if (more && !strstr(e.text, ROWS[k].message)) fail_msg("row %zu: %s", k, e.text);
            ablation_free(&a);
        }
}

static void a_product_of_too_many_rows_is_refused(void **state)
{
    char text[4096] = CONFIG "axes:\n";
    struct ablation a;
    struct err e = {0};
    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        static const char *const KEYS[] = {"train.pool", "train.batch", "train.epochs"};
        size_t n = strlen(text);
        n += (size_t)snprintf(text + n, sizeof text - n, "  %s: [", KEYS[axis]);
        for (int i = 1; i <= 7; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%d,", i);
        snprintf(text + n, sizeof text - n, "]\n");
    }
    assert_int_equal(read_with(text, 0, NULL, &a, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "a.yaml: more than 256 rows"));
    ablation_free(&a);
}

/* ---- rows ---- */

static void assert_row(const struct ablation *a, int k, const char *name, const char *directory, int n_seeds, uint32_t first, uint32_t last)
{
    assert_true(k < a->n_rows);
    assert_string_equal(a->rows[k].name, name);
    assert_string_equal(a->rows[k].directory, directory);
    assert_int_equal(a->rows[k].seeds.n, n_seeds);
    assert_int_equal(a->rows[k].seeds.at[0], first);
    assert_int_equal(a->rows[k].seeds.at[n_seeds - 1], last);
}

static void a_product_has_a_row_for_each_combination_and_the_last_axis_runs_fastest(void **state)
{
    struct ablation a;
    (void)state;
    read_rows(
        CONFIG
        "seeds: [3, 1]\nsettings: {train.epochs: 9}\nbase: \"few, model.crf=false\"\naxes:\n  heads:\n    - {name: few, model.heads: 2, "
        "train.batch: 3}\n    - {model.heads: 8, train.batch: 4, seeds: [7]}\n  model.crf: [true, false]\n",
        &a);
    assert_int_equal(a.n_rows, 4);
    assert_row(&a, 0, "few, model.crf=true", "few_model.crf=true", 2, 1, 3);
    assert_row(&a, 1, "few, model.crf=false", "few_model.crf=false", 2, 1, 3);
    assert_row(&a, 2, "model.heads=8, train.batch=4, model.crf=true", "model.heads=8_train.batch=4_model.crf=true", 1, 7, 7);
    assert_row(&a, 3, "model.heads=8, train.batch=4, model.crf=false", "model.heads=8_train.batch=4_model.crf=false", 1, 7, 7);
    assert_int_equal(a.base, 1);
    for (int k = 0; k < 4; k++) {
        const struct nerve_config *c = &a.rows[k].config;
        assert_int_equal(c->model.heads, k < 2 ? 2 : 8);
        assert_int_equal(c->train.batch, k < 2 ? 3 : 4);
        assert_int_equal(c->model.crf, k % 2 == 0);
        assert_int_equal(c->train.epochs, 9);
        assert_int_equal(c->model.width, 64); /* the base config's */
        assert_int_equal(a.rows[k].settings.n, 3);
    }
    ablation_free(&a);
}

static void single_has_the_base_and_each_other_value_alone(void **state)
{
    struct ablation a;
    (void)state;
    read_rows(CONFIG
              "mode: single\naxes:\n  model.crf: [true, false]\n  train.epochs: [5, 6, 7]\n  both:\n    - {name: all, model.crf: false, "
              "train.epochs: 6}\n",
              &a);
    assert_int_equal(a.n_rows, 5);
    assert_int_equal(a.base, 0);
    assert_row(&a, 0, "base", "base", 1, 1, 1);
    assert_row(&a, 1, "model.crf=false", "model.crf=false", 1, 1, 1);
    assert_row(&a, 2, "train.epochs=6", "train.epochs=6", 1, 1, 1);
    assert_row(&a, 3, "train.epochs=7", "train.epochs=7", 1, 1, 1);
    assert_row(&a, 4, "all", "all", 1, 1, 1);
    assert_int_equal(a.rows[0].config.train.epochs, 5);
    assert_int_equal(a.rows[0].settings.n, 0);
    assert_true(a.rows[2].config.model.crf);
    assert_int_equal(a.rows[2].config.train.epochs, 6);
    ablation_free(&a);
}

static void a_row_of_several_values_with_seeds_has_the_seeds_of_all(void **state)
{
    struct ablation a;
    (void)state;
    read_rows(
        CONFIG
        "seeds: [9]\naxes:\n  a:\n    - {name: one, seeds: [3, 1]}\n    - {name: two}\n  b:\n    - {name: x, seeds: [2, 3]}\n    - {name: y}\n",
        &a);
    assert_int_equal(a.n_rows, 4);
    assert_row(&a, 0, "one, x", "one_x", 3, 1, 3);
    assert_row(&a, 1, "one, y", "one_y", 2, 1, 3);
    assert_row(&a, 2, "two, x", "two_x", 2, 2, 3);
    assert_row(&a, 3, "two, y", "two_y", 1, 9, 9);
    ablation_free(&a);
}

static void the_command_line_is_stronger_than_settings_and_has_no_say_in_axes_and_seeds(void **state)
{
    static const char *const OVERRIDES[] = {"train.epochs=3", "data.dir=elsewhere"}, *const AXIS[] = {"model.crf=false"},
                             *const SEED[] = {"train.seed=4"}, *const UNKNOWN[] = {"train.epoch=3"};
    struct ablation a;
    struct err e = {0};
    (void)state;
    if (read_with(CONFIG AXES "settings: {train.epochs: 9}\n", 2, OVERRIDES, &a, &e)) fail_msg("%s", e.text);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(a.rows[k].config.train.epochs, 3);
        assert_string_equal(a.rows[k].config.data.dir, "elsewhere");
    }
    ablation_free(&a);
    assert_int_equal(read_with(CONFIG AXES, 1, AXIS, &a, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "argument 'model.crf=false': the axis 'model.crf' of "));
    ablation_free(&a);
    assert_int_equal(read_with(CONFIG AXES, 1, SEED, &a, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "argument 'train.seed=4': the seeds are those of `seeds:` in "));
    ablation_free(&a);
    assert_int_equal(read_with(CONFIG AXES, 1, UNKNOWN, &a, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "did you mean 'train.epochs'"));
    ablation_free(&a);
}

static void a_contradiction_knows_where_each_value_comes_from(void **state)
{
    struct ablation a;
    struct err e = {0};
    (void)state;
    assert_int_equal(read_with(CONFIG "axes: {model.heads: [3]}\n", 0, NULL, &a, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "base.yaml:2) is not a multiple of model.heads = 3 (ablation file)"));
    ablation_free(&a);
}

static void columns_are_the_defaults_or_exactly_those_of_the_file(void **state)
{
    struct ablation a;
    (void)state;
    read_rows(CONFIG AXES, &a);
    assert_true(a.n_columns > 3);
    for (int k = 0; k < a.n_columns; k++) assert_true(a.columns[k].is_default);
    assert_string_equal(a.columns[0].path, "test:lenient.micro.f1");
    ablation_free(&a);
    read_rows(CONFIG AXES "columns: [calibration.ece, {name: loss, path: \"valid:a.b.0\"}]\n", &a);
    assert_int_equal(a.n_columns, 2);
    assert_string_equal(a.columns[0].name, "calibration.ece");
    assert_string_equal(a.columns[0].path, "calibration.ece");
    assert_string_equal(a.columns[1].name, "loss");
    assert_string_equal(a.columns[1].path, "valid:a.b.0");
    assert_false(a.columns[0].is_default || a.columns[1].is_default);
    ablation_free(&a);
}

static void data_must_be_named_somewhere(void **state)
{
    struct ablation a;
    struct err e = {0};
    (void)state;
    write_text("bare.yaml", "train: {epochs: 5}\n");
    assert_int_equal(read_with("config: bare.yaml\n" AXES, 0, NULL, &a, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "row 'model.crf=true': data.dir is not set"));
    ablation_free(&a);
}

/* Every ablation file of the project is read, with the data that it leaves open. */
static void the_projects_own_files_are_read(void **state)
{
    static const char *const OVERRIDES[] = {"data.dir=somewhere"};
    struct ablation a;
    struct err e = {0};
    (void)state;
    if (ablation_read_file(SOURCE_ROOT "/configs/ablation/crf.yaml", 1, OVERRIDES, &a, &e)) fail_msg("%s", e.text);
    assert_int_equal(a.n_rows, 2);
    assert_row(&a, 0, "model.crf=true", "model.crf=true", 3, 1, 3);
    ablation_free(&a);
}

static int set_up(void **state)
{
    (void)state;
    if (temporary_folder(folder)) return -1;
    write_text("base.yaml", BASE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest single[] = {
        cmocka_unit_test(a_name_that_no_directory_takes_is_refused),
        cmocka_unit_test(as_many_axes_values_seeds_and_rows_as_there_is_room_for),
        cmocka_unit_test(a_product_of_too_many_rows_is_refused),
        cmocka_unit_test(a_product_has_a_row_for_each_combination_and_the_last_axis_runs_fastest),
        cmocka_unit_test(single_has_the_base_and_each_other_value_alone),
        cmocka_unit_test(a_row_of_several_values_with_seeds_has_the_seeds_of_all),
        cmocka_unit_test(the_command_line_is_stronger_than_settings_and_has_no_say_in_axes_and_seeds),
        cmocka_unit_test(a_contradiction_knows_where_each_value_comes_from),
        cmocka_unit_test(columns_are_the_defaults_or_exactly_those_of_the_file),
        cmocka_unit_test(data_must_be_named_somewhere),
        cmocka_unit_test(the_projects_own_files_are_read),
    };
    enum { N_SINGLE = sizeof single / sizeof *single, N_FILES = sizeof FILES / sizeof *FILES };
    static struct CMUnitTest tests[N_SINGLE + N_FILES];
    for (size_t k = 0; k < N_SINGLE; k++) tests[k] = single[k];
    for (size_t k = 0; k < N_FILES; k++)
        tests[N_SINGLE + k] =
            (struct CMUnitTest){.name = FILES[k].name, .test_func = file_is_refused, .initial_state = (void *)(uintptr_t)&FILES[k]};
    return cmocka_run_group_tests_name("ablation files", tests, set_up, tear_down);
}
