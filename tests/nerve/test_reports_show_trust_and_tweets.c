/* The report of runs with predictions: confusion, calibration, corruption and tweets with what they show, of one run and of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "html.h"
#include "picture.h"
#include "report.h"
#include "report_read.h"
#include "temporary.h"
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[PATH_MAX], *page;
static size_t page_size;

static const char *under(const char *name)
{
    static char paths[4][PATH_MAX];
    static int next;
    struct err e;
    char *path = paths[next++ % 4];
    assert_int_equal(path_join(path, PATH_MAX, folder, name, &e), 0);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(under(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Gold: Ada Lovelace PER, Paris LOC | Bonn LOC, <b>Hi</b> ORG | nothing. */
static const char DATA[] = "IMGID:one\nAda\tB-PER\nLovelace\tI-PER\nin\tO\nParis\tB-LOC\n\n"
                           "IMGID:two\nBonn\tB-LOC\n<b>Hi</b>\tB-ORG\n\n"
                           "IMGID:three\nhello\tO\nthere\tO\n\n";

/* Found: Ada alone (other bounds), Paris LOC | Bonn as ORG | hello as PER. */
static const char PREDICTIONS[] =
    "{\"id\":\"one\",\"text\":\"Ada Lovelace in Paris\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.61,\"word\":\"Ada\",\"start\":0,"
    "\"end\":3},{\"entity_group\":\"LOC\",\"score\":0.97,\"word\":\"Paris\",\"start\":16,\"end\":21,\"aleatoric\":0.0125,\"epistemic\":0.25,"
    "\"predictive_scale\":0.5,\"conflict\":0.75,\"visual_share\":0.375,\"modalities\":{\"text\":{\"aleatoric\":1,\"epistemic\":0.0625,"
    "\"predictive_scale\":1},\"image\":{\"aleatoric\":1,\"epistemic\":0.4375,\"predictive_scale\":1}}}]}\n"
    "{\"id\":\"two\",\"text\":\"Bonn <b>Hi</b>\",\"entities\":[{\"entity_group\":\"ORG\",\"score\":0.9,\"word\":\"Bonn\",\"start\":0,\"end\":4}]}\n"
    "{\"id\":\"three\",\"text\":\"hello there\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.31,\"word\":\"hello\",\"start\":0,\"end\":5}]}\n";

static const char TEST[] =
    "{\"lenient\":{\"micro\":{\"precision\":0.25,\"recall\":0.25,\"f1\":0.25}},\"strict\":{\"micro\":{\"f1\":0.2468}},"
    "\"calibration\":{\"ece\":0.1234,\"mce\":0.5,\"brier\":0.2345,\"nll\":0.3456,\"temperature\":1.5,\"bins\":[{\"n\":0,\"accuracy\":null,"
    "\"confidence\":null},{\"n\":3,\"accuracy\":0.3333,\"confidence\":0.4125},{\"n\":1,\"accuracy\":1,\"confidence\":0.975}]},"
    "\"selective\":{\"aurc\":0.4321,\"eaurc\":0.1111,\"risk_coverage\":[{\"coverage\":0.25,\"risk\":0},{\"coverage\":1,\"risk\":0.7512}]},"
    "\"error_auroc\":{\"confidence\":0.8765,\"epistemic\":null},\"subsets\":{\"unseen\":{\"f1\":0.5432,\"support\":2}},"
    "\"corruption\":[{\"kind\":\"noise\",\"degree\":0.5,\"f1\":0.2187,\"measure\":\"image.epistemic\",\"auroc\":0.9321},"
    "{\"kind\":\"noise\",\"degree\":1,\"f1\":0.125,\"measure\":\"image.epistemic\",\"auroc\":1}]}\n";

/* What shrinks to nothing in a file would say nothing of a bound: every pixel is another one. */
static void put_picture(const char *name, int width, int height)
{
    struct err e = {0};
    struct picture p = {width, height, malloc((size_t)width * (size_t)height * 3)};
    uint32_t x = 1;
    assert_non_null(p.rgb);
    for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++) p.rgb[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    if (picture_write_png(under(name), &p, &e)) fail_msg("%s", e.text);
    picture_free(&p);
}

static void put_run(const char *name)
{
    struct err e;
    char path[256], config[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/eval", name);
    assert_int_equal(directory_make(under(path), &e), 0);
    snprintf(path, sizeof path, "%s/eval/test.json", name);
    put(path, TEST);
    snprintf(path, sizeof path, "%s/predictions.jsonl", name);
    put(path, PREDICTIONS);
    snprintf(path, sizeof path, "%s/config.yaml", name);
    snprintf(config, sizeof config, "data: {dir: '%s'}\n", under("data"));
    put(path, config);
    snprintf(path, sizeof path, "%s/metrics.jsonl", name);
    put(path, "{\"event\":\"step\",\"step\":1,\"loss\":2.125}\n{\"event\":\"step\",\"step\":2,\"loss\":1.0625}\n");
}

static int start(void **state)
{
    struct err e;
    (void)state;
    if (temporary_folder(folder) || directory_make(under("data/images"), &e)) return -1;
    put("data/test.txt", DATA);
    put("data/captions.txt", "two.jpg :a <script>map</script> of Bonn\n");
    put_picture("data/images/one.png", 400, 200);
    put_run("first");
    put_run("second & last");
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(page);
    page = NULL;
    return temporary_remove(folder);
}

static void make(int n, const char *const *names)
{
    const char *runs[16];
    static char paths[16][PATH_MAX];
    struct err e = {0};
    for (int k = 0; k < n; k++) {
        snprintf(paths[k], sizeof paths[k], "%s", under(names[k]));
        runs[k] = paths[k];
    }
    if (report_write_runs(n, runs, under("page.html"), &e)) fail_msg("%s", e.text);
    free(page);
    page = NULL;
    if (file_read(under("page.html"), 100 << 20, &page, &page_size, &e)) fail_msg("%s", e.text);
}

static void make_one(void)
{
    make(1, (const char *const[]){"first"});
}

static void has(const char *text)
{
    if (!strstr(page, text)) fail_msg("the page has no '%s'", text);
}

static void has_not(const char *text)
{
    if (strstr(page, text)) fail_msg("the page has '%s'", text);
}

static int count(const char *text)
{
    int n = 0;
    for (const char *at = page; (at = strstr(at, text)); at += strlen(text)) n++;
    return n;
}

/* ---- one run ---- */

static const char *const SHOWN[] = {
    "<th scope=\"row\">ECE</th><td>0.123</td>",
    "<th scope=\"row\">Temperature</th><td>1.500</td>",
    "<th scope=\"row\">AURC</th><td>0.4321</td>",
    "<th scope=\"row\">F1, strict</th><td>24.68</td>",
    "<th scope=\"row\">confidence</th><td>0.876</td>", /* 0.8765 is stored below its half */
    "<th scope=\"row\">epistemic</th><td>&ndash;</td>",
    "<th scope=\"row\">unseen</th><td>54.32</td>",
    "<tr><td>0.4125</td><td>0.3333</td></tr>\n<tr><td>0.975</td><td>1</td></tr>",
    "<tr><td>0.25</td><td>0</td></tr>\n<tr><td>1</td><td>0.7512</td></tr>",
    "<tr><td>1</td><td>2.125</td></tr>\n<tr><td>2</td><td>1.062</td></tr>",
    "<th scope=\"row\">noise</th><td>0.50</td><td>21.87</td><td>0.932</td><td>image.epistemic</td>",
    "aria-label=\"Share of right entities over confidence\"",
    "aria-label=\"Share of wrong entities over coverage\"",
    "aria-label=\"AUROC over degree\"",
    "<h3>Text and picture contradict each other</h3>",
    "<td data-name=\"Epistemic, text\">0.0625</td><td data-name=\"Epistemic, picture\">0.438</td><td data-name=\"Conflict\">0.75</td>",
    "<mark class=\"t0\">Paris <b>LOC</b></mark>",
    "<mark class=\"t1 wrong\">Bonn <b>ORG</b></mark> &lt;b&gt;Hi&lt;/b&gt;",
    "Caption: a &lt;script&gt;map&lt;/script&gt; of Bonn",
    "In the data, not found so: Ada Lovelace PER",
    "width=\"128\" height=\"64\" src=\"data:image/png;base64,iVBORw0KGgo",
    "No picture, no caption.",
};
enum { N_SHOWN = sizeof SHOWN / sizeof *SHOWN };

static void the_page_shows(void **state)
{
    make_one();
    has(*state);
}

/* The cells of a row of the confusion, as they stand: LOC, ORG, PER, missed. */
static void row_is(const char *name, const char *expected)
{
    char found[256] = "", begin[64];
    snprintf(begin, sizeof begin, "<th scope=\"row\">%s</th>", name);
    const char *table = strstr(page, "<table class=\"confusion\">");
    const char *at = table ? strstr(table, begin) : NULL;
    assert_non_null(at);
    const char *stop = strstr(at, "</tr>");
    assert_non_null(stop);
    for (at += strlen(begin); (at = strstr(at, "%\">")) && at < stop; at += 3) {
        const size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%d", used ? " " : "", atoi(at + 3));
    }
    assert_string_equal(found, expected);
}

static void entities_of_the_same_words_are_confused_others_missed_or_invented(void **state)
{
    (void)state;
    make_one();
    row_is("LOC", "1 1 0 0");
    row_is("ORG", "0 0 0 1");
    row_is("PER", "0 0 0 1");
    row_is("invented", "0 0 2");
}

static void nothing_on_the_page_comes_from_elsewhere(void **state)
{
    static const char *const needs[] = {" href", "url(", "@import", "<link", "<script", "<iframe", "<object", "http:", "https:"};
    (void)state;
    make_one();
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) has_not(needs[i]);
    assert_int_equal(count(" src=\""), count(" src=\"data:image/png;base64,"));
    assert_int_equal(count(" src=\""), 1);
}

static void the_page_of_many_tweets_with_large_pictures_is_bounded(void **state)
{
    enum { N = 300 };
    char text[1900], name[64];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    FILE *data = fopen(under("data/test.txt"), "w"), *found = fopen(under("first/predictions.jsonl"), "w");
    assert_true(data && found);
    for (int i = 0; i < N; i++) {
        fprintf(data, "IMGID:t%d\n%s\tO\n\n", i, text);
        fprintf(found,
                "{\"text\":\"%s\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.5,\"word\":\"%s\",\"start\":0,\"end\":1899,"
                "\"conflict\":0.%d}]}\n",
                text, text, i + 1);
        snprintf(name, sizeof name, "data/images/t%d.png", i);
        if (i < N / 10) put_picture(name, 300, 300);
    }
    assert_int_equal(fclose(data) | fclose(found), 0);
    make_one();
    assert_int_equal(count("<article>"), 12);
    assert_true(page_size < 12 * 100000);
}

static void a_tweet_that_is_too_long_is_not_shown(void **state)
{
    char text[2100];
    (void)state;
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    FILE *data = fopen(under("data/test.txt"), "w"), *found = fopen(under("first/predictions.jsonl"), "w");
    assert_true(data && found);
    fprintf(data, "%s\tO\n\n", text);
    fprintf(found, "{\"text\":\"%s\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.5,\"word\":\"y\",\"start\":0,\"end\":2099}]}\n",
            text);
    assert_int_equal(fclose(data) | fclose(found), 0);
    make_one();
    assert_int_equal(count("<article>"), 0);
}

static const struct lack {
    const char *file, *text, *word; /* text NULL: the file is not there */
} LACKS[] = {
    {"first/predictions.jsonl", NULL, "Left out: the run has no predictions.jsonl."},
    {"first/predictions.jsonl", "{}\n", "predictions.jsonl: 1 lines for the 3 tweets of "},
    {"first/predictions.jsonl", "{}\n{}\n{}\n", "predictions.jsonl:1: not the tweet of "},
    {"first/predictions.jsonl", "{\n", "Left out: predictions.jsonl:1:"},
    {"first/config.yaml", "nothing: here\n", "Left out: config.yaml:1:"},
    {"data/test.txt", NULL, "test.txt"},
    {"first/eval/test.json", "{\"lenient\":{\"micro\":{\"f1\":0.5}}}", "Left out: eval/test.json has no calibration."},
    {"first/eval/test.json", "{\"lenient\":{\"micro\":{\"f1\":0.5}}}", "Left out: eval/test.json has no risk_coverage."},
    {"first/eval/test.json", "{\"lenient\":{\"micro\":{\"f1\":0.5}}}", "Left out: eval/test.json has no subsets."},
    {"first/eval/test.json", "{\"lenient\":{\"micro\":{\"f1\":0.5}}}", "Left out: the run was not evaluated with --corrupt."},
};
enum { N_LACKS = sizeof LACKS / sizeof *LACKS };

static void what_a_run_lacks_is_said(void **state)
{
    const struct lack *x = *state;
    if (x->text)
        put(x->file, x->text);
    else
        assert_int_equal(unlink(under(x->file)), 0);
    make_one();
    has("Left out: ");
    has(x->word);
}

static void entities_that_stand_twice_are_counted_once(void **state)
{
    (void)state;
    put("data/test.txt", "Ada\tB-PER\n\n");
    put("first/predictions.jsonl",
        "{\"text\":\"Ada\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.5,\"word\":\"Ada\",\"start\":0,\"end\":3},"
        "{\"entity_group\":\"PER\",\"score\":0.5,\"word\":\"Ada\",\"start\":0,\"end\":3}]}\n");
    make_one();
    row_is("PER", "1 0");
    row_is("invented", "1");
}

static void entities_that_overlap_leave_the_markup_whole(void **state)
{
    (void)state;
    put("data/test.txt", "a\tO\nb\tO\nc\tO\n\n");
    put("first/predictions.jsonl",
        "{\"text\":\"a b c\",\"entities\":[{\"entity_group\":\"PER\",\"score\":0.5,\"word\":\"a b\",\"start\":0,\"end\":3},"
        "{\"entity_group\":\"LOC\",\"score\":0.5,\"word\":\"b c\",\"start\":2,\"end\":5}]}\n");
    make_one();
    assert_int_equal(count("<mark "), 1);
    assert_int_equal(count("</mark>"), 1);
    has("<th scope=\"row\">b c <span class=\"bad\">wrong</span></th>");
}

/* ---- several ---- */

static void several_runs_stand_side_by_side(void **state)
{
    (void)state;
    make(2, (const char *const[]){"first", "second & last"});
    has("<title>first, second &amp; last - nerve</title>");
    has("<th scope=\"row\">ECE</th><td>0.123</td><td>0.123</td>");
    has("<polyline class=\"line s1\"");
    has("<span class=\"key s1\">second &amp; last</span>");
    has("<h2 class=\"run\">second &amp; last</h2>");
    has("<tr><td>2</td><td>1.062</td><td>2</td><td>1.062</td></tr>");
}

static void a_run_without_curves_or_scores_stands_beside_others(void **state)
{
    (void)state;
    assert_int_equal(unlink(under("first/metrics.jsonl")), 0);
    assert_int_equal(unlink(under("first/eval/test.json")), 0);
    make(2, (const char *const[]){"first", "second & last"});
    has("<th scope=\"row\">ECE</th><td>&ndash;</td><td>0.123</td>");
    has("eval/test.json is not there, so the test scores cannot be shown.");
    has_not("nan");
    has_not("inf");
}

static void more_runs_than_colours_are_refused(void **state)
{
    const char *runs[REPORT_RUNS_MAX + 1];
    struct err e = {0};
    (void)state;
    for (int k = 0; k <= REPORT_RUNS_MAX; k++) runs[k] = "first";
    assert_int_equal(report_write_runs(REPORT_RUNS_MAX + 1, runs, under("page.html"), &e), ERR_USAGE);
    assert_string_equal(e.text, "9 runs: a page shows 8 at most");
    assert_false(file_exists(under("page.html")));
}

/* ---- pictures as text ---- */

/* The test vectors of RFC 4648. */
static void base64_is_rfc_4648s(void **state)
{
    static const char *const expected[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    (void)state;
    for (size_t n = 0; n <= 6; n++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        html_write_base64(out, "foobar", n);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, expected[n]);
        free(text);
    }
}

enum { OTHERS = 10 };

int main(void)
{
    struct CMUnitTest tests[OTHERS + N_SHOWN + N_LACKS] = {
        cmocka_unit_test_setup_teardown(entities_of_the_same_words_are_confused_others_missed_or_invented, start, end),
        cmocka_unit_test_setup_teardown(nothing_on_the_page_comes_from_elsewhere, start, end),
        cmocka_unit_test_setup_teardown(the_page_of_many_tweets_with_large_pictures_is_bounded, start, end),
        cmocka_unit_test_setup_teardown(a_tweet_that_is_too_long_is_not_shown, start, end),
        cmocka_unit_test_setup_teardown(entities_that_stand_twice_are_counted_once, start, end),
        cmocka_unit_test_setup_teardown(entities_that_overlap_leave_the_markup_whole, start, end),
        cmocka_unit_test_setup_teardown(several_runs_stand_side_by_side, start, end),
        cmocka_unit_test_setup_teardown(a_run_without_curves_or_scores_stands_beside_others, start, end),
        cmocka_unit_test_setup_teardown(more_runs_than_colours_are_refused, start, end),
        cmocka_unit_test(base64_is_rfc_4648s),
    };
    static char names[N_SHOWN + N_LACKS][160];
    for (int i = 0; i < N_SHOWN; i++) {
        snprintf(names[i], sizeof names[i], "the_page_shows: row %d", i + 1);
        tests[OTHERS + i] = (struct CMUnitTest){names[i], the_page_shows, start, end, (void *)(uintptr_t)SHOWN[i]};
    }
    for (int i = 0; i < N_LACKS; i++) {
        char *name = names[N_SHOWN + i];
        snprintf(name, sizeof names[0], "what_a_run_lacks_is_said: %s", LACKS[i].word);
        tests[OTHERS + N_SHOWN + i] = (struct CMUnitTest){name, what_a_run_lacks_is_said, start, end, (void *)(uintptr_t)&LACKS[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
