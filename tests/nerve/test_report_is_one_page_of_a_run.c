/* The report: one self-contained page with the figures of a run, whatever of the run is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "report.h"
#include "temporary.h"
#include <cmocka.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[PATH_MAX], run[PATH_MAX], *page;
static size_t page_size;

static const char METRICS[] =
    "{\"event\":\"step\",\"step\":10,\"epoch\":1,\"loss\":8.5,\"learning_rate\":1e-4,\"skipped\":false}\n"
    "{\"event\":\"step\",\"step\":20,\"epoch\":1,\"loss\":null,\"learning_rate\":8e-5,\"skipped\":true}\n"
    "{\"event\":\"step\",\"step\":30,\"epoch\":1,\"loss\":4.25,\"learning_rate\":6e-5,\"skipped\":false}\n"
    "{\"event\":\"epoch\",\"epoch\":1,\"step\":30,\"valid\":{\"lenient\":{\"micro\":{\"f1\":0.71}}},\"best\":true,\"skipped\":3,"
    "\"tokens_per_s\":900,\"seconds\":10,\"valid_seconds\":5,\"peak_mb\":700.4}\n"
    "{\"event\":\"epoch\",\"epoch\":2,\"step\":1060,\"valid\":{\"lenient\":{\"micro\":{\"f1\":0.8125}}},\"best\":true,\"skipped\":3,"
    "\"tokens_per_s\":1200,\"seconds\":20,\"valid_seconds\":5,\"peak_mb\":1801.6}\n"
    "{\"event\":\"epoch\",\"epoch\":3,\"step\":1090,\"valid\":{\"lenient\":{\"micro\":{\"f1\":0.79}}},\"best\":false,\"skipped\":3,"
    "\"tokens_per_s\":1200,\"seconds\":20,\"valid_seconds\":5,\"peak_mb\":1801.5}\n"
    "{\"event\":\"test\",\"epoch\":2,\"step\":1090,\"seconds\":5}\n";

static const char TEST[] =
    "{\"lenient\":{\"micro\":{\"precision\":0.8421,\"recall\":0.8272,\"f1\":0.83458,\"support\":1351,\"f1_interval\":[0.8171,0.8506]},"
    "\"macro\":{\"precision\":0.79,\"recall\":0.78,\"f1\":0.785},"
    "\"per_type\":{\"PER\":{\"precision\":0.92,\"recall\":0.905,\"f1\":0.9124,\"support\":621},\"A<b>&\\\"B\":{\"f1\":0.5}}},"
    "\"strict\":{\"micro\":{\"precision\":0.83,\"recall\":0.82,\"f1\":0.82497,\"support\":1340},"
    "\"per_type\":{\"PER\":{\"precision\":0.91,\"recall\":0.90,\"f1\":0.9033,\"support\":620},\"ONLYSTRICT\":{\"f1\":null}}}}\n";

static const struct {
    const char *name, *text;
} FILES[] = {
    {"metrics.jsonl", METRICS},
    {"eval/test.json", TEST},
    {"eval/valid.json", "{\"lenient\":{\"micro\":{\"f1\":0.8125}},\"strict\":{}}"},
    {"run.json", "{\"nerve\":\"0.1.0\",\"host\":\"<script>alert(1)</script>\",\"core_type\":\"Zen\",\"parameters\":22574985}"},
    {"config.yaml", "data:\n  dir: '</pre><img src=x>' # \xff\x01\n"},
};
enum { N_FILES = sizeof FILES / sizeof *FILES };

static const char *in_run(const char *name)
{
    static char path[PATH_MAX];
    struct err e;
    assert_int_equal(path_join(path, sizeof path, run, name, &e), 0);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_run(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A run of which every file is there. */
static int start(void **state)
{
    struct err e = {0};
    (void)state;
    if (temporary_folder(folder) || path_join(run, sizeof run, folder, "run <1> & \"co\"", &e) || directory_make(in_run("eval"), &e))
        return -1;
    for (int i = 0; i < N_FILES; i++) put(FILES[i].name, FILES[i].text);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(page);
    page = NULL;
    return temporary_remove(folder);
}

static void make(void)
{
    struct err e = {0};
    free(page);
    page = NULL;
    if (report_write(run, &e)) fail_msg("%s", e.text);
    assert_int_equal(e.code, 0);
    if (file_read(in_run("report.html"), 10 << 20, &page, &page_size, &e)) fail_msg("%s", e.text);
}

static void has(const char *text)
{
    if (!strstr(page, text)) fail_msg("the page has no '%s'", text);
}

static void has_not(const char *text)
{
    if (strstr(page, text)) fail_msg("the page has '%s'", text);
}

/* ---- what is on it ---- */

static const char *const SHOWN[] = {
    "<title>run &lt;1&gt; &amp; &quot;co&quot; - nerve</title>",
    "<dt>Test F1, lenient</dt><dd class=\"value\">83.46</dd><dd class=\"quiet\">95 % interval 81.71 to 85.06</dd>",
    "<dt>Test F1, strict</dt><dd class=\"value\">82.50</dd></div>",
    "<dt>Best epoch</dt><dd class=\"value\">2 of 3</dd><dd class=\"quiet\">validation F1 81.25</dd>",
    "<dt>Steps</dt><dd class=\"value\">1,090</dd>",
    "<dt>Parameters</dt><dd class=\"value\">22,574,985</dd>",
    "<dt>Training tokens/s</dt><dd class=\"value\">1,140</dd>",
    "<dt>Peak memory</dt><dd class=\"value\">1,802 MB</dd>",
    "<dt>Time</dt><dd class=\"value\">1 min 10 s</dd>",
    "3 steps skipped: not finite.",
    "<td>92.00</td><td>90.50</td><td class=\"f1\" style=\"--f1:91.2%\">91.24</td><td>621</td>",
    "<td>91.00</td><td>90.00</td><td class=\"f1\" style=\"--f1:90.3%\">90.33</td><td>620</td>",
    "<caption>Lenient (conlleval)</caption>",
    "<caption>Strict (IOB2)</caption>",
    "<div class=\"broad\"><svg viewBox=\"0 0 960 300\"",
    "<div class=\"narrow\"><svg viewBox=\"0 0 480 300\"",
    "<th scope=\"row\">Micro</th><td>84.21</td><td>82.72</td>",
    "<th scope=\"row\">Macro</th><td>79.00</td><td>78.00</td>",
    "<th scope=\"row\">ONLYSTRICT</th><td>",
    "<h2>Validation, best epoch</h2>",
    "aria-label=\"Training loss over steps\"",
    "aria-label=\"Learning rate over steps\"",
    "aria-label=\"Validation F1 over epochs\"",
    "<title>epoch 1: 71.00 %</title>",
    ">best 81.25</text>",
    ">0</text>",
    ">0.8e-4</text>",
    ">1e-4</text>",
    "<dt>core type</dt><dd>Zen</dd>",
    "<details><summary>Configuration</summary>",
};
enum { N_SHOWN = sizeof SHOWN / sizeof *SHOWN };

static void the_page_shows(void **state)
{
    make();
    has(*state);
}

static void text_from_files_cannot_become_markup(void **state)
{
    (void)state;
    make();
    has("A&lt;b&gt;&amp;&quot;B");
    has("&lt;script&gt;alert(1)&lt;/script&gt;");
    has("dir: &#39;&lt;/pre&gt;&lt;img src=x&gt;&#39; # \xEF\xBF\xBD\xEF\xBF\xBD\n");
    has_not("<script");
    has_not("<img");
    has_not("A<b>");
}

static void the_page_needs_no_other_file(void **state)
{
    static const char *const needs[] = {"://", " src=\"", " href", "url(", "@import", "<link", "<script", "<iframe", "<object"};
    (void)state;
    make();
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) has_not(needs[i]);
}

/* ---- that it is well formed ---- */

/* Every tag that begins ends, in order; meta alone and what ends with /> has no end. */
static void assert_balanced(void)
{
    char open[64][32], name[32];
    int depth = 0, tags = 0;
    const char *at = strstr(page, "<html"), *stop;
    assert_non_null(at);
    for (; (at = strchr(at, '<')); at = stop) {
        const bool ends = at[1] == '/';
        stop = strchr(at, '>');
        assert_non_null(stop);
        assert_int_equal(sscanf(at + 1 + ends, "%31[a-z0-9]", name), 1);
        tags++;
        if (!strcmp(name, "meta") || stop[-1] == '/') continue;
        if (!ends) {
            assert_in_range(depth, 0, 63);
            strcpy(open[depth++], name);
        } else if (!depth || strcmp(open[--depth], name)) {
            fail_msg("</%s> ends what did not begin, at '%.60s'", name, at);
        }
    }
    assert_int_equal(depth, 0);
    assert_true(tags > 20);
}

static void tags_are_balanced(void **state)
{
    (void)state;
    make();
    assert_balanced();
}

/* Numbers in the points of the polyline of this class. */
static int points(const char *class)
{
    char begin[64];
    int n = 0;
    snprintf(begin, sizeof begin, "<polyline class=\"%s\" points=\"", class);
    const char *at = strstr(page, begin);
    if (!at) fail_msg("no %s", begin);
    at += strlen(begin);
    double x, y;
    for (int length; sscanf(at, " %lf,%lf%n", &x, &y, &length) == 2; at += length) n++;
    assert_true(*at == '"');
    return n;
}

static void a_loss_that_is_null_is_left_out_of_the_curve_and_marked(void **state)
{
    (void)state;
    make();
    assert_int_equal(points("raw"), 2);
    has("<line class=\"rug\"");
    has_not("nan");
}

static void a_run_of_100000_lines_gives_a_small_page(void **state)
{
    (void)state;
    FILE *f = fopen(in_run("metrics.jsonl"), "w");
    assert_non_null(f);
    for (int i = 1; i <= 100000; i++)
        fprintf(f, "{\"event\":\"step\",\"step\":%d,\"loss\":%d.5,\"learning_rate\":1e-5,\"skipped\":%s}\n", i, i % 13,
                i % 3 ? "false" : "true");
    assert_int_equal(fclose(f), 0);
    make();
    assert_in_range(points("raw"), 400, 1100);
    assert_in_range(points("line"), 200, 600);
    assert_true(page_size < 200000);
    has("33333 steps skipped");
    assert_balanced();
}

struct extreme {
    const char *what, *lines;
} EXTREMES[] = {
    {"one step", "{\"event\":\"step\",\"step\":1,\"loss\":2}\n"},
    {"a constant loss", "{\"event\":\"step\",\"step\":1,\"loss\":0}\n{\"event\":\"step\",\"step\":2,\"loss\":0}\n"},
    {"a loss below zero", "{\"event\":\"step\",\"step\":1,\"loss\":-3}\n{\"event\":\"step\",\"step\":2,\"loss\":-7}\n"},
    {"a loss over forty powers of ten", "{\"event\":\"step\",\"step\":1,\"loss\":1e-20}\n{\"event\":\"step\",\"step\":2,\"loss\":1e20}\n"},
    {"steps where x + 1 is x", "{\"event\":\"step\",\"step\":9e18,\"loss\":1}\n{\"event\":\"step\",\"step\":9e18,\"loss\":2}\n"},
    {"losses where y + 1 is y",
     "{\"event\":\"step\",\"step\":1,\"loss\":1e30}\n{\"event\":\"step\",\"step\":2,\"loss\":1.0000000000000002e30}\n"},
    {"steps that go back", "{\"event\":\"step\",\"step\":9,\"loss\":1}\n{\"event\":\"step\",\"step\":2,\"loss\":2}\n"},
    {"strings for numbers", "{\"event\":\"step\",\"step\":\"<\",\"loss\":\"<\"}\n{\"event\":\"step\",\"step\":2,\"loss\":3}\n"},
    {"lines that are no events", "[]\n7\nnull\n{}\n{\"event\":5}\n{\"event\":\"step\",\"step\":2,\"loss\":3}\n"},
};
enum { N_EXTREMES = sizeof EXTREMES / sizeof *EXTREMES };

static void numbers_at_the_edge_give_a_plot(void **state)
{
    const struct extreme *x = *state;
    put("metrics.jsonl", x->lines);
    make();
    has("aria-label=\"Training loss over steps\"");
    has_not("nan");
    has_not("inf,");
    assert_balanced();
}

/* ---- what is missing or damaged ---- */

static void a_file_that_is_missing_leaves_its_part_out_with_a_word(void **state)
{
    const char *name = FILES[(intptr_t)*state].name;
    char word[128];
    assert_int_equal(unlink(in_run(name)), 0);
    make();
    snprintf(word, sizeof word, "%s is not there, so ", name);
    has(word);
    assert_balanced();
}

static void nothing_is_said_to_be_missing_of_a_whole_run(void **state)
{
    (void)state;
    make();
    has_not("is not there");
}

static void metrics_without_a_line_are_said_to_have_none(void **state)
{
    (void)state;
    put("metrics.jsonl", "");
    make();
    has("metrics.jsonl has no numbers for a curve yet.");
    has_not("<svg");
}

static void a_last_line_without_an_end_is_left_out(void **state)
{
    (void)state;
    put("metrics.jsonl", "{\"event\":\"step\",\"step\":10,\"loss\":1}\n{\"event\":\"step\",\"step\":20,\"lo");
    make();
    has("<dt>Steps</dt><dd class=\"value\">10</dd>");
}

static void refused(int code, const char *message)
{
    struct err e = {0};
    assert_int_equal(report_write(run, &e), code);
    if (!strstr(e.text, message)) fail_msg("'%s' is not in '%s'", message, e.text);
    assert_null(strchr(e.text, '\n'));
}

static void a_damaged_line_of_metrics_is_named_with_its_number(void **state)
{
    (void)state;
    put("metrics.jsonl", "{\"event\":\"step\",\"step\":10,\"loss\":1}\n{\"event\":\n{}\n");
    refused(ERR_DATA, "metrics.jsonl:2: not a line of JSON; remove it to get a report of the other lines");
    assert_false(file_exists(in_run("report.html")));
}

static void damaged_scores_are_named(void **state)
{
    (void)state;
    put("eval/test.json", "{\"lenient\": ");
    refused(ERR_DATA, "eval/test.json:1:");
    put("eval/test.json", "[]");
    refused(ERR_DATA, "eval/test.json: not a JSON object");
}

static void a_directory_without_a_run_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < N_FILES; i++) assert_int_equal(unlink(in_run(FILES[i].name)), 0);
    refused(ERR_NOINPUT, "no run is here: it has none of metrics.jsonl, eval/test.json, eval/valid.json, run.json, config.yaml");
    assert_false(file_exists(in_run("report.html")));
}

static void a_report_that_cannot_be_written_is_an_error(void **state)
{
    struct err e;
    (void)state;
    assert_int_equal(directory_make(in_run("report.html"), &e), 0);
    refused(ERR_IO, "report.html");
}

/* ---- that it is the same again ---- */

static void the_same_files_give_the_same_bytes(void **state)
{
    (void)state;
    make();
    char *first = page;
    const size_t size = page_size;
    page = NULL;
    strcat(run, "/./");
    make();
    assert_int_equal(page_size, size);
    assert_memory_equal(page, first, size);
    free(first);
}

enum { OTHERS = 13 };

static void add_rows(struct CMUnitTest *row)
{
    static char names[N_SHOWN + N_EXTREMES + N_FILES][200];
    char(*name)[200] = names;
    for (int i = 0; i < N_SHOWN; i++, name++) {
        snprintf(*name, sizeof *name, "the_page_shows: row %d", i + 1);
        *row++ = (struct CMUnitTest){*name, the_page_shows, start, end, (void *)(uintptr_t)SHOWN[i]};
    }
    for (int i = 0; i < N_EXTREMES; i++, name++) {
        snprintf(*name, sizeof *name, "numbers_at_the_edge_give_a_plot: %s", EXTREMES[i].what);
        *row++ = (struct CMUnitTest){*name, numbers_at_the_edge_give_a_plot, start, end, &EXTREMES[i]};
    }
    for (int i = 0; i < N_FILES; i++, name++) {
        snprintf(*name, sizeof *name, "a_file_that_is_missing_leaves_its_part_out_with_a_word: %s", FILES[i].name);
        *row++ = (struct CMUnitTest){*name, a_file_that_is_missing_leaves_its_part_out_with_a_word, start, end, (void *)(intptr_t)i};
    }
}

int main(void)
{
    struct CMUnitTest tests[OTHERS + N_SHOWN + N_EXTREMES + N_FILES] = {
        cmocka_unit_test_setup_teardown(text_from_files_cannot_become_markup, start, end),
        cmocka_unit_test_setup_teardown(the_page_needs_no_other_file, start, end),
        cmocka_unit_test_setup_teardown(tags_are_balanced, start, end),
        cmocka_unit_test_setup_teardown(a_loss_that_is_null_is_left_out_of_the_curve_and_marked, start, end),
        cmocka_unit_test_setup_teardown(a_run_of_100000_lines_gives_a_small_page, start, end),
        cmocka_unit_test_setup_teardown(nothing_is_said_to_be_missing_of_a_whole_run, start, end),
        cmocka_unit_test_setup_teardown(metrics_without_a_line_are_said_to_have_none, start, end),
        cmocka_unit_test_setup_teardown(a_last_line_without_an_end_is_left_out, start, end),
        cmocka_unit_test_setup_teardown(a_damaged_line_of_metrics_is_named_with_its_number, start, end),
        cmocka_unit_test_setup_teardown(damaged_scores_are_named, start, end),
        cmocka_unit_test_setup_teardown(a_directory_without_a_run_is_refused, start, end),
        cmocka_unit_test_setup_teardown(a_report_that_cannot_be_written_is_an_error, start, end),
        cmocka_unit_test_setup_teardown(the_same_files_give_the_same_bytes, start, end),
    };
    add_rows(tests + OTHERS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
