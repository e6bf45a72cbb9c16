#include "report.h"
#include "files.h"
#include "html.h"
#include "report_cards.h"
#include "report_read.h"
#include "report_scores.h"
#include "report_style.h"
#include "report_trust.h"
#include "svg.h"
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the headline figures ---- */

/* 33,360,402 */
static void write_grouped(FILE *out, double count)
{
    char digits[32];
    const int n = snprintf(digits, sizeof digits, "%.0f", count);
    for (int i = 0; i < n && i < (int)sizeof digits - 1; i++) {
        if (i && (n - i) % 3 == 0) fputc(',', out);
        fputc(digits[i], out);
    }
}

static void begin_figure(FILE *out, const char *name, const char *class)
{
    fprintf(out, "<div class=\"%s\"><dt>%s</dt><dd class=\"value\">", class, name);
}

/* Nothing for a number that no file gives. */
static void write_count(FILE *out, const char *name, double count, const char *unit)
{
    if (!isfinite(count) || fabs(count) >= 1e15) return;
    begin_figure(out, name, "");
    write_grouped(out, count);
    fprintf(out, "%s</dd></div>\n", unit);
}

static void write_duration(FILE *out, double seconds)
{
    if (!(seconds >= 0 && seconds < 1e9)) return;
    const long whole = lround(seconds), hours = whole / 3600, minutes = whole / 60 % 60;
    begin_figure(out, "Time", "");
    if (hours) {
        fprintf(out, "%ld h %02ld min", hours, minutes);
    } else if (minutes) {
        fprintf(out, "%ld min %02ld s", minutes, whole % 60);
    } else {
        fprintf(out, "%ld s", whole);
    }
    fputs("</dd><dd class=\"quiet\">training and evaluation</dd></div>\n", out);
}

static void write_f1(FILE *out, const char *name, const char *class, const struct json *side)
{
    const struct json *micro = json_get(side, "micro"), *interval = json_get(micro, "f1_interval");
    const double f1 = report_number(micro, "f1");
    double low, high;
    if (!isfinite(f1)) return;
    begin_figure(out, name, class);
    fprintf(out, "%.2f</dd>", 100 * f1);
    if (json_read_number(json_at(interval, 0), &low) && json_read_number(json_at(interval, 1), &high))
        fprintf(out, "<dd class=\"quiet\">95 %% interval %.2f to %.2f</dd>", 100 * low, 100 * high);
    fputs("</div>\n", out);
}

static void write_figures(FILE *out, const struct report_data *d)
{
    fputs("<dl class=\"figures\">\n", out);
    write_f1(out, "Test F1, lenient", "first", json_get(d->test, "lenient"));
    write_f1(out, "Test F1, strict", "", json_get(d->test, "strict"));
    if (d->best.n) {
        begin_figure(out, "Best epoch", "");
        fprintf(out, "%.0f of %.0f</dd><dd class=\"quiet\">validation F1 %.2f</dd></div>\n", d->best.x, d->epochs, d->best.y);
    }
    write_count(out, "Steps", d->step, "");
    write_count(out, "Parameters", d->parameters, "");
    write_count(out, "Training tokens/s", d->tokens_per_s, "");
    write_count(out, "Peak memory", d->peak_mb, " MB");
    write_duration(out, d->seconds);
    fputs("</dl>\n", out);
}

/* ---- the curves ---- */

enum { NARROW = 480 };

/* The same curve of each run: of the member at this offset of struct report_data. Nothing where no run has a point. */
static void write_curves(FILE *out, struct svg_plot plot, size_t member, int n, const struct report_run *runs)
{
    const struct curve *curves[REPORT_RUNS_MAX];
    const char *names[REPORT_RUNS_MAX];
    for (int k = 0; k < n; k++) {
        curves[k] = (const struct curve *)(const void *)((const char *)&runs[k].data + member);
        names[k] = n > 1 ? runs[k].name : "value";
    }
    plot.curve = curves[0];
    plot.more = curves + 1;
    plot.n_more = n - 1;
    report_write_legend(out, n, runs);
    if (plot.width > NARROW) {
        /* Drawn once more for a screen on which its letters would be too small. */
        fputs("<div class=\"broad\">", out);
        svg_write(out, &plot);
        fputs("</div>\n<div class=\"narrow\">", out);
        plot.width = NARROW;
    } else {
        fputs("<div>", out);
    }
    svg_write(out, &plot);
    fputs("</div>\n", out);
    report_write_values(out, plot.x_name, n, curves, names);
}

static void write_loss(FILE *out, int n, const struct report_run *runs)
{
    const struct report_data *d = &runs[0].data;
    const struct svg_plot plot = {.name = "Training loss over steps",
                                  .x_name = "step",
                                  .width = 960,
                                  .height = 300,
                                  .is_noisy = true,
                                  .from_zero = true,
                                  .unit = "",
                                  .rug = n > 1 ? NULL : &d->skips};
    size_t points = 0;
    double skipped = 0;
    for (int k = 0; k < n; k++) {
        points += runs[k].data.loss.used;
        skipped += runs[k].data.skipped;
    }
    if (!points && !(skipped > 0)) return;
    fprintf(out, "<section><h2>Training loss</h2>\n<p class=\"quiet\">%s", n > 1 ? "Smoothed." : "Thin: as logged. Strong: smoothed.");
    if (skipped > 0) fprintf(out, " <span class=\"bad\">%.0f step%s skipped: not finite.</span>", skipped, skipped == 1 ? "" : "s");
    fputs("</p>\n", out);
    if (points) {
        write_curves(out, plot, offsetof(struct report_data, loss), n, runs);
    } else {
        fputs("<p>No loss was finite.</p>\n", out);
    }
    fputs("</section>\n", out);
}

static void write_learning_rate(FILE *out, int n, const struct report_run *runs)
{
    const struct svg_plot plot = {
        .name = "Learning rate over steps", .x_name = "step", .width = 480, .height = 260, .from_zero = true, .unit = ""};
    size_t points = 0;
    for (int k = 0; k < n; k++) points += runs[k].data.learning_rate.used;
    if (!points) return;
    fputs("<section><h2>Learning rate</h2>\n", out);
    write_curves(out, plot, offsetof(struct report_data, learning_rate), n, runs);
    fputs("</section>\n", out);
}

static void write_valid_f1(FILE *out, int n, const struct report_run *runs)
{
    enum { DOTS_MAX = 60 };
    const struct report_data *d = &runs[0].data;
    const struct svg_plot plot = {.name = "Validation F1 over epochs",
                                  .x_name = "epoch",
                                  .width = 480,
                                  .height = 260,
                                  .has_dots = d->valid_f1.used <= DOTS_MAX,
                                  .unit = " %",
                                  .best = d->best.n && n == 1 ? &d->best : NULL};
    size_t points = 0;
    for (int k = 0; k < n; k++) points += runs[k].data.valid_f1.used;
    if (!points) return;
    fputs("<section><h2>Validation F1, lenient, %</h2>\n", out);
    write_curves(out, plot, offsetof(struct report_data, valid_f1), n, runs);
    fputs("</section>\n", out);
}

/* ---- tables and texts ---- */

static void write_missing(FILE *out, const struct report_data *d)
{
    const struct {
        bool is_there;
        const char *name, *what;
    } parts[] = {
        {d->has_metrics, "metrics.jsonl", "the curves"},        {d->test, "eval/test.json", "the test scores"},
        {d->valid, "eval/valid.json", "the validation scores"}, {d->run, "run.json", "the machine"},
        {d->config, "config.yaml", "the configuration"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!parts[i].is_there)
            fprintf(out, "<p class=\"quiet\">%s is not there, so %s cannot be shown.</p>\n", parts[i].name, parts[i].what);
    if (d->has_metrics && !d->loss.used && !d->valid_f1.used)
        fputs("<p class=\"quiet\">metrics.jsonl has no numbers for a curve yet.</p>\n", out);
}

static void write_scores(FILE *out, const char *title, const struct json *scores)
{
    if (!scores) return;
    fprintf(out, "<section><h2>%s</h2>\n<p class=\"quiet\">Percent; support counts the entities of the data.</p>\n", title);
    report_write_scores(out, scores);
    fputs("</section>\n", out);
}

static int write_fact(void *context, const char *key, const struct json *value, struct err *e)
{
    FILE *out = context;
    (void)e;
    fputs("<dt>", out);
    for (size_t length; *key; key += length + (key[length] == '_')) {
        length = strcspn(key, "_");
        html_write(out, key, length);
        if (key[length]) fputc(' ', out);
    }
    fputs("</dt><dd>", out);
    if (json_text(value)) {
        html_write_string(out, json_text(value));
    } else {
        char *text = json_dump(value, 0);
        html_write_string(out, text);
        free(text);
    }
    fputs("</dd>\n", out);
    return 0;
}

/* What is of one run alone. */
static void write_run(FILE *out, const struct report_run *run, bool is_one)
{
    const struct report_data *d = &run->data;
    struct err never;
    if (!is_one) {
        fputs("<h2 class=\"run\">", out);
        html_write_string(out, run->name);
        fputs("</h2>\n", out);
        write_missing(out, d);
    }
    write_scores(out, "Test", d->test);
    write_scores(out, "Validation, best epoch", d->valid);
    if (d->test) report_write_confusion(out, run);
    if (d->test) report_write_corruption(out, run);
    if (d->test) report_write_cards(out, &run->tweets, is_one ? REPORT_EACH_MAX : 2);
    if (d->run) {
        fputs("<section><h2>Machine and versions</h2>\n<dl class=\"machine\">\n", out);
        json_each(d->run, write_fact, out, &never);
        fputs("</dl></section>\n", out);
    }
    if (d->config) {
        fputs("<details><summary>Configuration</summary>\n<pre>", out);
        html_write(out, d->config, d->config_size);
        fputs("</pre></details>\n", out);
    }
}

static void write_page(FILE *out, int n, const struct report_run *runs)
{
    bool has_test = false;
    for (int k = 0; k < n; k++) has_test = has_test || runs[k].data.test;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          out);
    for (int k = 0; k < n; k++) {
        if (k) fputs(", ", out);
        html_write_string(out, runs[k].name);
    }
    fprintf(out, " - nerve</title>\n<style>\n%s</style></head>\n<body><main>\n<header><p class=\"quiet\">nerve training run%s</p><h1>",
            report_style, n > 1 ? "s" : "");
    for (int k = 0; k < n; k++) {
        if (k) fputs(", ", out);
        html_write_string(out, runs[k].name);
    }
    fputs("</h1>\n", out);
    if (n == 1) write_missing(out, &runs[0].data);
    fputs("</header>\n", out);
    if (n == 1) write_figures(out, &runs[0].data);
    if (n > 1 || (has_test && json_get(runs[0].data.test, "calibration"))) report_write_comparison(out, n, runs);
    write_loss(out, n, runs);
    fputs("<div class=\"pair\">\n", out);
    write_valid_f1(out, n, runs);
    write_learning_rate(out, n, runs);
    fputs("</div>\n", out);
    if (has_test) {
        fputs("<div class=\"pair\">\n", out);
        report_write_reliability(out, n, runs);
        report_write_risk(out, n, runs);
        fputs("</div>\n", out);
        report_write_errors(out, n, runs);
    }
    for (int k = 0; k < n; k++) write_run(out, &runs[k], n == 1);
    fputs("</main></body></html>\n", out);
}

/* ---- the file ---- */

/* The page in fresh memory. A program that has set a language would write 0,5 for 0.5: the page is made in the C locale. */
static int make_page(int n, const struct report_run *runs, char **page, size_t *size, struct err *e)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    FILE *out = open_memstream(page, size);
    if (!plain || !out) {
        if (out) fclose(out);
        if (plain) freelocale(plain);
        return err_set(e, ERR_INTERNAL, "no memory for the report of %s", runs[0].name);
    }
    const locale_t before = uselocale(plain);
    write_page(out, n, runs);
    uselocale(before);
    freelocale(plain);
    const bool is_broken = ferror(out);
    return fclose(out) || is_broken ? err_set(e, ERR_INTERNAL, "no memory for the report of %s", runs[0].name) : 0;
}

static int read_run(const char *directory, struct report_run *run, struct err *e)
{
    int code = report_read(directory, &run->data, e);
    if (code) return code;
    /* The directory's own name, however the path is written ("." too). */
    char *whole = realpath(directory, NULL);
    const char *slash = whole ? strrchr(whole, '/') : NULL;
    run->name = strdup(slash && slash[1] ? slash + 1 : directory);
    free(whole);
    return run->name ? report_tweets_read(directory, &run->tweets, e)
                     : err_set(e, ERR_INTERNAL, "no memory for the report of %s", directory);
}

int report_write_runs(int n, const char *const *run_directories, const char *path, struct err *e)
{
    char *page = NULL;
    size_t size = 0;
    int code = 0;
    if (n > REPORT_RUNS_MAX) return err_set(e, ERR_USAGE, "%d runs: a page shows %d at most", n, REPORT_RUNS_MAX);
    struct report_run *runs = calloc((size_t)n, sizeof *runs);
    if (!runs) return err_set(e, ERR_INTERNAL, "no memory for the report of %d runs", n);
    for (int k = 0; k < n && !code; k++) code = read_run(run_directories[k], &runs[k], e);
    if (!code) code = make_page(n, runs, &page, &size, e);
    if (!code) code = file_write_bytes(path, page, size, e);
    for (int k = 0; k < n; k++) {
        report_tweets_free(&runs[k].tweets);
        report_data_free(&runs[k].data);
        free(runs[k].name);
    }
    free(runs);
    free(page);
    return code;
}

int report_write(const char *run_directory, struct err *e)
{
    char path[PATH_MAX];
    const int code = path_join(path, sizeof path, run_directory, "report.html", e);
    return code ? code : report_write_runs(1, &run_directory, path, e);
}
