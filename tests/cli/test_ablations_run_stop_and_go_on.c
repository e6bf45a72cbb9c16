/* `nerve ablate` on tiny runs: what its table holds is what the runs' own files say, and a table that was killed, stopped, or had a run
 * that failed, ends as one that went through. */
#include "files.h"
#include "training.h"
#include <math.h>
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

/* Two rows, of two seeds and of one; the second is the base. */
#define FILE_OF_ROWS                                                                                                                       \
    "config: " CONFIG "\nseeds: [2]\nbase: softmax\naxes:\n  head:\n    - {name: crf, model.crf: true, seeds: [1, 2]}\n"                   \
    "    - {name: softmax, model.crf: false}\n"
enum { ROWS = 2, RUNS = 3 };
static const char *const RUN[RUNS] = {"crf-seed1", "crf-seed2", "softmax-seed2"};

static void write_file(const char *path, const char *text)
{
    struct err e = {0};
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
}

static void start_ablation(struct program *p, const char *file, const char *out, const char *more)
{
    char text[6 * PATH_MAX];
    const struct program_options options = {.timeout = 300};
    snprintf(text, sizeof text, "ablate %s/%s data.dir=%s/data %s --out %s/%s %s", folder, file, folder, SMALL, folder, out, more);
    start(p, &options, text);
}

static void ablate(struct program *p, const char *file, const char *out, const char *more)
{
    start_ablation(p, file, out, more);
    program_finish(p);
}

/* Ends with this status and, where part is not NULL, with part on stderr. */
static void assert_ends(int expected, const char *part, const char *file, const char *out, const char *more)
{
    struct program p;
    ablate(&p, file, out, more);
    if (p.status != expected || (part && !strstr(p.errors, part)))
        fail_msg("expected exit %d with '%s', got exit %d with: %s", expected, part ? part : "", p.status, p.errors);
    program_free(&p);
}

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t size;
    struct err e = {0};
    if (file_read(path, 1 << 26, &text, &size, &e)) fail_msg("%s", e.text);
    return text;
}

static void assert_begins(const char *text, const char *front)
{
    if (strncmp(text, front, strlen(front)) != 0) fail_msg("expected '%s' in front of\n%s", front, text);
}

static double number(const struct json *v, const char *path)
{
    char word[64];
    double x = NAN;
    while (*path) {
        const size_t n = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)n, path);
        v = json_get(v, word);
        path += n + (path[n] == '.');
    }
    return json_read_number(v, &x) ? x : NAN;
}

static double number_of(const char *out, const char *run, const char *file, const char *path)
{
    struct json *v = read_json_file(path_of("%s/runs/%s/%s", out, run, file));
    const double x = number(v, path);
    json_free(v);
    if (!isfinite(x)) fail_msg("%s of %s of %s is no number", path, file, run);
    return x;
}

static struct json *table_of(const char *out)
{
    return read_json_file(path_of("%s/table.json", out));
}

static void assert_near(double found, double expected, const char *what)
{
    if (!(fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected)))) fail_msg("%s is %.17g, expected %.17g", what, found, expected);
}

/* ---- the table without what differs from call to call ---- */

static int strip(void *context, const char *key, const struct json *value, struct err *e);

static void add_timeless(char **all, const char *key, const struct json *value)
{
    struct err e = {0};
    if (is_time_or_memory(key) || strcmp(key, "directory") == 0) return;
    char *text = json_is_object(value) || json_is_array(value) ? NULL : json_dump(value, 0);
    char *grown = malloc(strlen(*all) + strlen(key) + (text ? strlen(text) : 0) + 8);
    assert_non_null(grown);
    sprintf(grown, "%s%s=%s;", *all, key, text ? text : "");
    free(text);
    free(*all);
    *all = grown;
    if (json_is_object(value)) json_each(value, strip, all, &e);
    for (size_t k = 0; json_is_array(value) && k < json_size(value); k++) add_timeless(all, "-", json_at(value, k));
}

static int strip(void *context, const char *key, const struct json *value, struct err *e)
{
    (void)e;
    add_timeless(context, key, value);
    return 0;
}

static char *timeless_rows(const char *out)
{
    char *all = strdup("");
    struct json *table = table_of(out);
    add_timeless(&all, "rows", json_get(table, "rows"));
    json_free(table);
    return all;
}

static void assert_same_table(const char *a, const char *b)
{
    char *x = timeless_rows(a), *y = timeless_rows(b);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

static bool is_finished(const char *out, const char *run)
{
    bool finished = false;
    if (!file_exists(path_of("%s/runs/%s/run.json", out, run))) return false;
    struct json *v = read_json_file(path_of("%s/runs/%s/run.json", out, run));
    json_read_boolean(json_get(v, "finished"), &finished);
    json_free(v);
    return finished;
}

/* ---- what the table holds ---- */

static void each_number_is_that_of_the_runs_files(void **state)
{
    struct json *table = table_of("went"), *row;
    (void)state;
    const struct json *rows = json_get(table, "rows");
    assert_int_equal(json_size(rows), ROWS);
    assert_string_equal(json_text(json_get(table, "base")), "softmax");

    const char *const columns[] = {"test F1", "strict", "valid F1"},
                      *const files[] = {"eval/test.json", "eval/test.json", "eval/valid.json"},
                      *const paths[] = {"lenient.micro.f1", "strict.micro.f1", "lenient.micro.f1"};
    row = (struct json *)(uintptr_t)json_at(rows, 0);
    assert_string_equal(json_text(json_get(row, "name")), "crf");
    for (int k = 0; k < 3; k++) {
        const double a = number_of("went", RUN[0], files[k], paths[k]), b = number_of("went", RUN[1], files[k], paths[k]);
        const struct json *column = json_get(json_get(row, "columns"), columns[k]);
        assert_near(number(column, "mean"), (a + b) / 2, columns[k]);
        assert_near(number(column, "sd"), fabs(a - b) / sqrt(2), columns[k]);
        if (k == 0) {
            assert_true(a > 0.05 && b > 0.05 && a != b);
            assert_near(number(row, "mean"), (a + b) / 2, "mean");
            assert_near(number(row, "sd"), fabs(a - b) / sqrt(2), "sd");
        }
    }
    assert_int_equal(json_size(json_get(row, "seeds")), 2);
    row = (struct json *)(uintptr_t)json_at(rows, 1);
    assert_near(number(row, "mean"), number_of("went", RUN[2], "eval/test.json", "lenient.micro.f1"), "mean of one seed");
    assert_true(isnan(number(row, "sd"))); /* null: one seed has none */
    assert_int_equal(json_size(json_get(row, "seeds")), 1);
    json_free(table);
}

static double metrics_sum(const char *run, bool memory)
{
    struct err e = {0};
    double result = 0;
    char *text = read_text(path_of("went/runs/%s/metrics.jsonl", run));
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        struct json *v;
        if (!*line) continue;
        if (json_parse(line, strlen(line), "metrics.jsonl", &v, &e)) fail_msg("%s", e.text);
        if (memory) result = fmax(result, number(v, "peak_mb"));
        static const char *const TIMES[] = {"seconds", "valid_seconds"};
        for (int k = 0; k < 2 && !memory; k++)
            if (isfinite(number(v, TIMES[k]))) result += number(v, TIMES[k]);
        json_free(v);
    }
    free(text);
    return result;
}

static void time_is_the_mean_and_memory_the_most_of_the_runs_metrics(void **state)
{
    struct json *table = table_of("went");
    (void)state;
    const struct json *row = json_at(json_get(table, "rows"), 0);
    assert_near(number(row, "seconds"), (metrics_sum(RUN[0], false) + metrics_sum(RUN[1], false)) / 2, "seconds");
    assert_near(number(row, "peak_mb"), fmax(metrics_sum(RUN[0], true), metrics_sum(RUN[1], true)), "peak_mb");
    assert_true(number(row, "seconds") > 0 && number(row, "peak_mb") > 1);
    json_free(table);
}

static void the_settings_of_a_row_have_their_types(void **state)
{
    struct json *table = table_of("went");
    bool crf = false;
    (void)state;
    assert_true(json_read_boolean(json_get(json_get(json_at(json_get(table, "rows"), 0), "settings"), "model.crf"), &crf) && crf);
    assert_true(json_read_boolean(json_get(json_get(json_at(json_get(table, "rows"), 1), "settings"), "model.crf"), &crf) && !crf);
    assert_true(json_size(json_get(table, "arguments")) > 5); /* data.dir and SMALL */
    json_free(table);
}

static double p_of(const struct json *table, int row)
{
    return number(json_at(json_get(table, "rows"), (size_t)row), "p");
}

/* The same settings under another name find the same entities; the base has no p. */
static void p_is_1_for_the_base_under_another_name_and_less_for_a_row_that_differs(void **state)
{
    (void)state;
    write_file(path_of("same.yaml"),
               "config: " CONFIG "\naxes:\n  rows:\n    - {name: a, model.crf: false}\n    - {name: b, model.crf: false}\n"
               "    - {name: untrained, model.crf: false, train.max_steps: 1}\n");
    assert_ends(0, NULL, "same.yaml", "same", "--jobs 2");
    struct json *table = table_of("same");
    assert_true(isnan(p_of(table, 0)));
    assert_near(p_of(table, 1), 1, "p of the same");
    const double p = p_of(table, 2);
    if (!(p > 0 && p < 0.05)) fail_msg("p of an untrained model is %g", p);
    json_free(table);
}

static void predictions_that_do_not_belong_to_the_scores_give_no_p(void **state)
{
    (void)state;
    shell("rm -rf %s/spoiled && cp -r %s/same %s/spoiled", folder, folder, folder);
    shell("sed -i 's/\"entity_group\":\"[A-Z]*\"/\"entity_group\":\"NONE\"/' %s/spoiled/runs/b-seed1/predictions.jsonl", folder);
    assert_ends(0, "predictions.jsonl and the test split do not add up to eval/test.json; no p for its row", "same.yaml", "spoiled", "");
    struct json *table = table_of("spoiled");
    assert_true(isnan(p_of(table, 1)));
    assert_true(p_of(table, 2) < 0.05);
    json_free(table);
}

/* What stands in the terminal's table, in Markdown and in CSV is the same, in percent or as fractions. */
static void every_form_says_the_same(void **state)
{
    struct program p;
    char expected[256];
    (void)state;
    struct json *table = table_of("went");
    const struct json *row = json_at(json_get(table, "rows"), 0);
    ablate(&p, "rows.yaml", "went", "-q");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.errors, "");
    char *markdown = read_text(path_of("went/table.md")), *csv = read_text(path_of("went/table.csv"));
    snprintf(expected, sizeof expected, "%.2f ± %.2f", 100 * number(row, "mean"), 100 * number(row, "sd"));
    if (!strstr(p.output, expected) || !strstr(markdown, expected)) fail_msg("'%s' is not in\n%s\nor\n%s", expected, p.output, markdown);
    snprintf(expected, sizeof expected, "\ncrf,2,2,0,%.9g,%.9g,", number(row, "mean"), number(row, "sd"));
    if (!strstr(csv, expected)) fail_msg("'%s' is not in\n%s", expected, csv);
    assert_begins(csv, "row,runs,finished,failed,test F1,test F1 sd,strict,");
    assert_begins(markdown,
                  "| row | seeds | test F1 | strict | valid F1 | ECE | AURC | AUROC confidence | p | time | peak MB |\n| --- | ---: |");
    assert_begins(p.output, "row      seeds ");
    free(markdown);
    free(csv);
    json_free(table);
    program_free(&p);
}

static void columns_are_taken_from_the_runs_files_by_their_paths(void **state)
{
    struct program p;
    (void)state;
    write_file(path_of("columns.yaml"),
               FILE_OF_ROWS "columns:\n  - tag_accuracy\n  - {name: upper, path: \"valid:lenient.micro.f1_interval.1\"}\n"
                            "  - {name: steps, path: \"run:steps\"}\n  - calibration.ece\n  - absent.measure\n");
    ablate(&p, "columns.yaml", "went", "");
    assert_int_equal(p.status, 0);
    struct json *table = table_of("went");
    const struct json *columns = json_get(json_at(json_get(table, "rows"), 1), "columns");
    assert_int_equal(json_size(columns), 5);
    assert_near(number(json_get(columns, "tag_accuracy"), "mean"), number_of("went", RUN[2], "eval/test.json", "tag_accuracy"),
                "tag_accuracy");
    assert_near(number(json_get(columns, "steps"), "mean"), number_of("went", RUN[2], "run.json", "steps"), "steps");
    assert_true(number(json_get(columns, "upper"), "mean") > 0);
    /* Every run has the same number of steps. */
    assert_near(number(json_get(json_get(json_at(json_get(table, "rows"), 0), "columns"), "steps"), "sd"), 0, "sd");
    assert_true(number(json_get(columns, "calibration.ece"), "mean") > 0);
    assert_true(json_get(columns, "absent.measure") && isnan(number(json_get(columns, "absent.measure"), "mean")));
    json_free(table);
    program_free(&p);
    assert_ends(0, NULL, "rows.yaml", "went", "");
}

/* ---- before the first run ---- */

static void a_dry_run_prints_commands_that_do_the_same_and_writes_nothing(void **state)
{
    struct program p;
    char command[3 * PATH_MAX];
    (void)state;
    shell("cd %s && find . | sort > %s.before", folder, folder);
    ablate(&p, "rows.yaml", "dry", "--dry-run");
    assert_int_equal(p.status, 0);
    shell("cd %s && find . | sort | cmp - %s.before && rm %s.before", folder, folder, folder);
    char *at = p.output;
    for (int k = 0; k < RUNS; k++) {
        char expected[64];
        snprintf(expected, sizeof expected, "# %s, seed %c: new\n", k < 2 ? "crf" : "softmax", RUN[k][strlen(RUN[k]) - 1]);
        assert_begins(at, expected);
        at += strlen(expected);
        char *end = strchr(at, '\n');
        assert_non_null(end);
        *end = '\0';
        assert_begins(at, "nerve train ");
        if (k == 2) {
            snprintf(command, sizeof command, "%s %s", NERVE, at + 6);
            shell("%s 2>/dev/null", command);
            shell("cmp %s/dry/runs/%s/eval/test.json %s/went/runs/%s/eval/test.json", folder, RUN[k], folder, RUN[k]);
        }
        at = end + 1;
    }
    assert_string_equal(at, "");
    program_free(&p);
    ablate(&p, "rows.yaml", "dry", "--dry-run");
    assert_non_null(strstr(p.output, "# softmax, seed 2: finished\n"));
    program_free(&p);
}

static void a_wrong_axis_is_told_with_its_place_and_nothing_is_written(void **state)
{
    char expected[2 * PATH_MAX];
    (void)state;
    write_file(path_of("wrong.yaml"), "config: " CONFIG "\naxes:\n  model.cfr: [true, false]\n");
    snprintf(expected, sizeof expected,
             "%s:3:3: unknown key 'model.cfr': did you mean 'model.crf'?\n      3 |   model.cfr: [true, false]\n        |   ^",
             path_of("wrong.yaml"));
    assert_ends(78, expected, "wrong.yaml", "never", "");
    assert_ends(66, "nowhere.yaml", "nowhere.yaml", "never", "");
    assert_ends(64, "argument 'model.crf=true': the axis 'head' of", "rows.yaml", "never", "model.crf=true");
    assert_ends(64, "--jobs: expected an integer from 1 to 64, found '0'", "rows.yaml", "never", "--jobs 0");
    assert_false(file_exists(path_of("never")));
}

static void a_row_that_cannot_be_trained_stops_all_before_the_first_run(void **state)
{
    (void)state;
    write_file(path_of("late.yaml"),
               "config: " CONFIG
               "\naxes:\n  data:\n    - {name: good, data.train: train.txt}\n    - {name: bad, data.train: nowhere.txt}\n");
    assert_ends(66, "row 'bad': ", "late.yaml", "never", "");
    assert_ends(66, "nowhere.txt", "late.yaml", "never", "--dry-run");
    assert_false(file_exists(path_of("never")));
}

static void another_config_or_other_data_under_the_same_names_are_refused_by_name(void **state)
{
    char part[2 * PATH_MAX], more[2 * PATH_MAX];
    (void)state;
    snprintf(part, sizeof part, "went/runs/%s: train.epochs is not what this run was started with", RUN[0]);
    assert_ends(78, part, "rows.yaml", "went", "train.epochs=2");
    shell("rm -rf %s/other && cp -r %s/data %s/other && printf 'One\\tO\\n\\n' >> %s/other/train.txt", folder, folder, folder, folder);
    snprintf(part, sizeof part, "went/runs/%s: the data (data.dir) is not what", RUN[0]);
    snprintf(more, sizeof more, "data.dir=%s/other", folder);
    assert_ends(78, part, "rows.yaml", "went", more);
    /* The same data in another place are the same. */
    shell("rm -rf %s/moved && cp -r %s/data %s/moved", folder, folder, folder);
    snprintf(more, sizeof more, "data.dir=%s/moved train.checkpoint_every=9", folder);
    assert_ends(0, NULL, "rows.yaml", "went", more);
}

static void two_ablations_do_not_share_a_directory(void **state)
{
    struct program first;
    (void)state;
    start_ablation(&first, "rows.yaml", "shared", "train.epochs=2000");
    for (int k = 0; k < 3000 && !file_exists(path_of("shared/table.json")); k++) usleep(10000);
    assert_ends(64, "another ablation is writing here", "rows.yaml", "shared", "train.epochs=2000");
    kill(first.pid, SIGTERM);
    program_finish(&first);
    assert_int_equal(first.status, 143);
    program_free(&first);
}

/* ---- stopped, killed, gone on with ---- */

static void finished_runs_are_left_as_they_are(void **state)
{
    (void)state;
    shell("cd %s/went/runs && find . -type f -exec cksum {} + | sort > %s/before", folder, folder);
    assert_ends(0, "3 of 3 runs", "rows.yaml", "went", "");
    shell("cd %s/went/runs && find . -type f -exec cksum {} + | sort | cmp - %s/before", folder, folder);
}

static void two_at_a_time_give_the_same_table(void **state)
{
    (void)state;
    assert_ends(0, NULL, "rows.yaml", "jobs", "--jobs 2");
    assert_same_table("jobs", "went");
}

/* Waits until a run has a checkpoint and is not finished yet. */
static void wait_for_a_checkpoint(const char *out, const char *run)
{
    for (int k = 0; k < 15000 && !file_exists(path_of("%s/runs/%s/checkpoints/last.h5", out, run)); k++) usleep(2000);
}

static void stopped_by(int signal, const char *out, const char *jobs)
{
    struct program p;
    int status = 0;
    /* A run that was done before the signal came: once more. */
    for (int attempt = 0; attempt < 5 && (status == 0 || is_finished(out, RUN[0])); attempt++) {
        shell("rm -rf %s/%s", folder, out);
        start_ablation(&p, "rows.yaml", out, jobs);
        wait_for_a_checkpoint(out, RUN[0]);
        kill(p.pid, signal);
        program_finish(&p);
        status = p.status;
        program_free(&p);
    }
    assert_int_equal(status, 128 + signal);
    assert_false(is_finished(out, RUN[0]));
}

static void assert_goes_on_to_the_same_table(int signal, const char *out, const char *jobs)
{
    stopped_by(signal, out, jobs);
    struct json *table = table_of(out);
    assert_string_equal(json_text(json_get(json_at(json_get(json_at(json_get(table, "rows"), 0), "runs"), 0), "state")), "begun");
    json_free(table);
    assert_ends(0, NULL, "rows.yaml", out, jobs);
    assert_same_table(out, "went");
    struct json *run = read_json_file(path_of("%s/runs/%s/run.json", out, RUN[0]));
    assert_true(number(run, "resumes") == 1);
    json_free(run);
}

static void sigterm_lets_the_runs_save_and_ends_with_143(void **state)
{
    (void)state;
    assert_goes_on_to_the_same_table(SIGTERM, "term", "--jobs 2");
}

static void sigint_lets_the_runs_save_and_ends_with_130(void **state)
{
    (void)state;
    assert_goes_on_to_the_same_table(SIGINT, "int", "");
}

static void killed_at_any_moment_it_goes_on_and_ends_the_same(void **state)
{
    (void)state;
    shell("rm -rf %s/killed", folder);
    /* The runs of the one that was killed may still be saving when the next one begins. */
    for (int k = 0; k < 6; k++) {
        struct program p;
        start_ablation(&p, "rows.yaml", "killed", "--jobs 2");
        usleep((useconds_t)(50000 + 90000 * k));
        kill(p.pid, SIGKILL);
        program_finish(&p);
        program_free(&p);
    }
    assert_ends(0, NULL, "rows.yaml", "killed", "--jobs 2");
    assert_same_table("killed", "went");
    shell("test -z \"$(find %s/killed/runs -name '.?*')\"", folder);
}

static void its_runs_end_when_it_is_killed(void **state)
{
    struct program p;
    (void)state;
    start_ablation(&p, "rows.yaml", "orphan", "train.epochs=100000");
    wait_for_a_checkpoint("orphan", RUN[0]);
    kill(p.pid, SIGKILL);
    program_finish(&p);
    program_free(&p);
    /* Its directory's lock is free once it has ended. */
    shell("flock -w 60 %s/orphan/runs/%s true", folder, RUN[0]);
}

/* ---- runs that fail ---- */

static void a_failed_run_is_told_of_the_others_go_on_and_it_is_tried_again(void **state)
{
    struct program p;
    (void)state;
    /* A file where the run wants a directory. */
    shell("mkdir -p %s/failed/runs/%s && touch %s/failed/runs/%s/checkpoints", folder, RUN[0], folder, RUN[0]);
    ablate(&p, "rows.yaml", "failed", "");
    assert_int_equal(p.status, 1);
    assert_non_null(strstr(p.errors, "warning: crf, seed 1 failed: "));
    assert_non_null(strstr(p.output, "\ncrf, seed 1 failed: "));
    assert_non_null(strstr(p.output, "checkpoints: cannot make the directory"));
    assert_non_null(strstr(p.output, "1 of 2, 1 failed"));
    program_free(&p);
    struct json *table = table_of("failed");
    const struct json *row = json_at(json_get(table, "rows"), 0), *run = json_at(json_get(row, "runs"), 0);
    assert_string_equal(json_text(json_get(run, "state")), "failed");
    assert_non_null(strstr(json_text(json_get(run, "message")), "cannot make the directory"));
    assert_near(number(row, "mean"), number_of("went", RUN[1], "eval/test.json", "lenient.micro.f1"), "mean of the other seed");
    json_free(table);
    char *markdown = read_text(path_of("failed/table.md")), *csv = read_text(path_of("failed/table.csv"));
    assert_non_null(strstr(markdown, "\n* crf, seed 1 failed: "));
    assert_non_null(strstr(csv, "\ncrf,2,1,1,"));
    free(markdown);
    free(csv);
    shell("rm %s/failed/runs/%s/checkpoints", folder, RUN[0]);
    assert_ends(0, NULL, "rows.yaml", "failed", "");
    assert_same_table("failed", "went");
}

static void a_run_whose_time_is_over_is_told_of_and_goes_on(void **state)
{
    struct program p;
    (void)state;
    ablate(&p, "rows.yaml", "timed", "train.max_seconds=1e-6");
    assert_int_equal(p.status, 1);
    assert_non_null(strstr(p.output, "crf, seed 1 failed: train.max_seconds are over; the same command goes on with it"));
    program_free(&p);
    assert_ends(0, NULL, "rows.yaml", "timed", "");
    assert_same_table("timed", "went");
}

static int set_up(void **state)
{
    if (training_set_up(state)) return -1;
    struct err e = {0};
    struct program p;
    if (file_write_bytes(path_of("rows.yaml"), FILE_OF_ROWS, strlen(FILE_OF_ROWS), &e)) return -1;
    ablate(&p, "rows.yaml", "went", "");
    const int status = p.status;
    if (status) print_message("%s", p.errors);
    program_free(&p);
    return status ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_is_that_of_the_runs_files),
        cmocka_unit_test(time_is_the_mean_and_memory_the_most_of_the_runs_metrics),
        cmocka_unit_test(the_settings_of_a_row_have_their_types),
        cmocka_unit_test(p_is_1_for_the_base_under_another_name_and_less_for_a_row_that_differs),
        cmocka_unit_test(predictions_that_do_not_belong_to_the_scores_give_no_p),
        cmocka_unit_test(every_form_says_the_same),
        cmocka_unit_test(columns_are_taken_from_the_runs_files_by_their_paths),
        cmocka_unit_test(a_dry_run_prints_commands_that_do_the_same_and_writes_nothing),
        cmocka_unit_test(a_wrong_axis_is_told_with_its_place_and_nothing_is_written),
        cmocka_unit_test(a_row_that_cannot_be_trained_stops_all_before_the_first_run),
        cmocka_unit_test(another_config_or_other_data_under_the_same_names_are_refused_by_name),
        cmocka_unit_test(two_ablations_do_not_share_a_directory),
        cmocka_unit_test(finished_runs_are_left_as_they_are),
        cmocka_unit_test(two_at_a_time_give_the_same_table),
        cmocka_unit_test(sigterm_lets_the_runs_save_and_ends_with_143),
        cmocka_unit_test(sigint_lets_the_runs_save_and_ends_with_130),
        cmocka_unit_test(killed_at_any_moment_it_goes_on_and_ends_the_same),
        cmocka_unit_test(its_runs_end_when_it_is_killed),
        cmocka_unit_test(a_failed_run_is_told_of_the_others_go_on_and_it_is_tried_again),
        cmocka_unit_test(a_run_whose_time_is_over_is_told_of_and_goes_on),
    };
    return cmocka_run_group_tests_name("ablations run, stop and go on", tests, set_up, training_tear_down);
}
