#include "report.h"
#include "files.h"
#include "html.h"
#include "report_read.h"
#include "report_scores.h"
#include "report_style.h"
#include "svg.h"
#include <limits.h>
#include <locale.h>
#include <math.h>
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

static void write_loss(FILE *out, const struct report_data *d)
{
    const struct svg_plot plot = {.name = "Training loss over steps",
                                  .x_name = "step",
                                  .width = 960,
                                  .height = 300,
                                  .curve = &d->loss,
                                  .is_noisy = true,
                                  .from_zero = true,
                                  .unit = "",
                                  .rug = &d->skips};
    if (!d->loss.used && !(d->skipped > 0)) return;
    fputs("<section><h2>Training loss</h2>\n<p class=\"quiet\">Thin: as logged. Strong: smoothed.", out);
    if (d->skipped > 0)
        fprintf(out, " <span class=\"bad\">%.0f step%s skipped: not finite.</span>", d->skipped, d->skipped == 1 ? "" : "s");
    fputs("</p>\n", out);
    if (d->loss.used) {
        svg_write(out, &plot);
    } else {
        fputs("<p>No loss was finite.</p>\n", out);
    }
    fputs("</section>\n", out);
}

static void write_learning_rate(FILE *out, const struct report_data *d)
{
    const struct svg_plot plot = {.name = "Learning rate over steps",
                                  .x_name = "step",
                                  .width = 480,
                                  .height = 260,
                                  .curve = &d->learning_rate,
                                  .from_zero = true,
                                  .unit = ""};
    if (!d->learning_rate.used) return;
    fputs("<section><h2>Learning rate</h2>\n", out);
    svg_write(out, &plot);
    fputs("</section>\n", out);
}

static void write_valid_f1(FILE *out, const struct report_data *d)
{
    enum { DOTS_MAX = 60 };
    const struct svg_plot plot = {.name = "Validation F1 over epochs",
                                  .x_name = "epoch",
                                  .width = 480,
                                  .height = 260,
                                  .curve = &d->valid_f1,
                                  .has_dots = d->valid_f1.used <= DOTS_MAX,
                                  .unit = " %",
                                  .best = d->best.n ? &d->best : NULL};
    if (!d->valid_f1.used) return;
    fputs("<section><h2>Validation F1, lenient, %</h2>\n", out);
    svg_write(out, &plot);
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

static void write_page(FILE *out, const char *title, const struct report_data *d)
{
    struct err never;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          out);
    html_write_string(out, title);
    fprintf(out, " - nerve</title>\n<style>\n%s</style></head>\n<body><main>\n<header><p class=\"quiet\">nerve training run</p><h1>",
            report_style);
    html_write_string(out, title);
    fputs("</h1>\n", out);
    write_missing(out, d);
    fputs("</header>\n", out);
    write_figures(out, d);
    write_loss(out, d);
    fputs("<div class=\"pair\">\n", out);
    write_valid_f1(out, d);
    write_learning_rate(out, d);
    fputs("</div>\n", out);
    write_scores(out, "Test", d->test);
    write_scores(out, "Validation, best epoch", d->valid);
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
    fputs("</main></body></html>\n", out);
}

/* ---- the file ---- */

/* The page in fresh memory. A program that has set a language would write 0,5 for 0.5: the page is made in the C locale. */
static int make_page(const char *title, const struct report_data *d, char **page, size_t *size, struct err *e)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    FILE *out = open_memstream(page, size);
    if (!plain || !out) {
        if (out) fclose(out);
        if (plain) freelocale(plain);
        return err_set(e, ERR_INTERNAL, "no memory for the report of %s", title);
    }
    const locale_t before = uselocale(plain);
    write_page(out, title, d);
    uselocale(before);
    freelocale(plain);
    const bool is_broken = ferror(out);
    return fclose(out) || is_broken ? err_set(e, ERR_INTERNAL, "no memory for the report of %s", title) : 0;
}

int report_write(const char *run_directory, struct err *e)
{
    char path[PATH_MAX], *page = NULL;
    size_t size = 0;
    struct report_data d;
    int code = path_join(path, sizeof path, run_directory, "report.html", e);
    if (code || (code = report_read(run_directory, &d, e))) return code;
    /* The directory's own name, however the path is written ("." too). */
    char *whole = realpath(run_directory, NULL);
    const char *slash = whole ? strrchr(whole, '/') : NULL;
    code = make_page(slash && slash[1] ? slash + 1 : run_directory, &d, &page, &size, e);
    if (!code) code = file_write_bytes(path, page, size, e);
    free(whole);
    free(page);
    report_data_free(&d);
    return code;
}
