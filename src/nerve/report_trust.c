#include "report_trust.h"
#include "html.h"
#include "svg.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- plots of several curves ---- */

void report_write_legend(FILE *out, int n, const struct report_run *runs)
{
    if (n < 2) return;
    fputs("<p class=\"legend\">", out);
    for (int k = 0; k < n; k++) {
        fprintf(out, "<span class=\"key s%d\">", k);
        html_write_string(out, runs[k].name);
        fputs("</span> ", out);
    }
    fputs("</p>\n", out);
}

static void write_number(FILE *out, const char *format, double x)
{
    fputs("<td>", out);
    if (isfinite(x)) {
        fprintf(out, format, x);
    } else {
        fputs("&ndash;", out);
    }
    fputs("</td>", out);
}

void report_write_values(FILE *out, const char *x_name, int n, const struct curve *const *curves, const char *const *names)
{
    fputs("<details class=\"values\"><summary>Values</summary>\n<div class=\"wide\"><table><thead><tr>", out);
    for (int k = 0; k < n; k++) {
        fprintf(out, "<th scope=\"col\">%s</th><th scope=\"col\">", x_name);
        html_write_string(out, names[k]);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    size_t rows = 0;
    for (int k = 0; k < n; k++) rows = curves[k]->used > rows ? curves[k]->used : rows;
    for (size_t i = 0; i < rows; i++) {
        fputs("<tr>", out);
        for (int k = 0; k < n; k++) {
            const bool is_there = i < curves[k]->used;
            write_number(out, "%.6g", is_there ? curves[k]->points[i].x : NAN);
            write_number(out, "%.4g", is_there ? curves[k]->points[i].y : NAN);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}

/* A plot of shares, of every run that has points. */
static void write_shares(FILE *out, const char *name, const char *x_name, bool has_dots, bool has_diagonal, int n,
                         const struct curve *curves, const struct report_run *runs)
{
    const struct curve *shown[REPORT_RUNS_MAX] = {0};
    const char *names[REPORT_RUNS_MAX];
    /* Colours are a run's in every plot: one without points takes an empty curve, but the first must have one. */
    for (int k = 0; k < n; k++) {
        shown[k] = &curves[k];
        names[k] = n > 1 ? runs[k].name : "value";
    }
    const struct svg_plot plot = {.name = name,
                                  .x_name = x_name,
                                  .unit = "",
                                  .width = 480,
                                  .height = 360,
                                  .curve = shown[0],
                                  .more = shown + 1,
                                  .n_more = n - 1,
                                  .is_share = true,
                                  .has_dots = has_dots,
                                  .has_diagonal = has_diagonal};
    report_write_legend(out, n, runs);
    svg_write(out, &plot);
    report_write_values(out, x_name, n, shown, names);
}

static bool has_points(int n, const struct curve *curves)
{
    for (int k = 0; k < n; k++)
        if (curves[k].used) return true;
    return false;
}

/* ---- the sections ---- */

void report_write_reliability(FILE *out, int n, const struct report_run *runs)
{
    struct curve *curves = calloc((size_t)n, sizeof *curves);
    if (!curves) return;
    for (int k = 0; k < n; k++) {
        const struct json *bins = json_get(json_get(runs[k].data.test, "calibration"), "bins");
        for (size_t i = 0; i < json_size(bins); i++)
            curve_add(&curves[k], report_number(json_at(bins, i), "confidence"), report_number(json_at(bins, i), "accuracy"));
    }
    fputs("<section><h2>Reliability</h2>\n", out);
    if (has_points(n, curves)) {
        fputs(
            "<p class=\"quiet\">How many of the found entities of a confidence are right (up); on the dashed line they are as many as the "
            "confidence says, below it the model is too sure.</p>\n",
            out);
        write_shares(out, "Share of right entities over confidence", "confidence", true, true, n, curves, runs);
    } else {
        fputs("<p class=\"quiet\">Left out: eval/test.json has no calibration.</p>\n", out);
    }
    fputs("</section>\n", out);
    free(curves);
}

void report_write_risk(FILE *out, int n, const struct report_run *runs)
{
    struct curve *curves = calloc((size_t)n, sizeof *curves);
    if (!curves) return;
    for (int k = 0; k < n; k++) {
        const struct json *points = json_get(json_get(runs[k].data.test, "selective"), "risk_coverage");
        for (size_t i = 0; i < json_size(points); i++)
            curve_add(&curves[k], report_number(json_at(points, i), "coverage"), report_number(json_at(points, i), "risk"));
    }
    fputs("<section><h2>Risk and coverage</h2>\n", out);
    if (has_points(n, curves)) {
        fputs("<p class=\"quiet\">The share of wrong entities (up) among the surest ones, as more of them are kept.</p>\n", out);
        write_shares(out, "Share of wrong entities over coverage", "coverage", false, false, n, curves, runs);
    } else {
        fputs("<p class=\"quiet\">Left out: eval/test.json has no risk_coverage.</p>\n", out);
    }
    fputs("</section>\n", out);
    free(curves);
}

static void write_row(FILE *out, const char *name, const char *format, double scale, int n, const double *values)
{
    fputs("<tr><th scope=\"row\">", out);
    html_write_string(out, name);
    fputs("</th>", out);
    for (int k = 0; k < n; k++) write_number(out, format, scale * values[k]);
    fputs("</tr>\n", out);
}

static void begin_runs(FILE *out, int n, const struct report_run *runs)
{
    fputs("<div class=\"wide\"><table><thead><tr><th></th>", out);
    for (int k = 0; k < n; k++) {
        fprintf(out, "<th scope=\"col\"><span class=\"%s s%d\">", n > 1 ? "key" : "", k);
        html_write_string(out, runs[k].name);
        fputs("</span></th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
}

struct member {
    FILE *out;
    int n;
    const struct report_run *runs;
    const char *object;    /* of eval/test.json */
    const char *of_member; /* the number of a member that is an object; NULL: the member is the number */
    double scale;
};

static int write_member(void *context, const char *key, const struct json *value, struct err *e)
{
    const struct member *m = context;
    double values[REPORT_RUNS_MAX];
    (void)value;
    (void)e;
    for (int k = 0; k < m->n; k++) {
        const struct json *object = json_get(m->runs[k].data.test, m->object);
        values[k] = m->of_member ? report_number(json_get(object, key), m->of_member) : report_number(object, key);
    }
    write_row(m->out, key, m->scale > 1 ? "%.2f" : "%.3f", m->scale, m->n, values);
    return 0;
}

/* Rows are the members that the first run with the object has. */
static void write_members(struct member m, const char *title, const char *about)
{
    const struct json *first = NULL;
    struct err never;
    for (int k = 0; k < m.n && !first; k++) first = json_get(m.runs[k].data.test, m.object);
    fprintf(m.out, "<section><h2>%s</h2>\n", title);
    if (first) {
        fprintf(m.out, "<p class=\"quiet\">%s</p>\n", about);
        begin_runs(m.out, m.n, m.runs);
        json_each(first, write_member, &m, &never);
        fputs("</tbody></table></div>\n", m.out);
    } else {
        fprintf(m.out, "<p class=\"quiet\">Left out: eval/test.json has no %s.</p>\n", m.object);
    }
    fputs("</section>\n", m.out);
}

void report_write_errors(FILE *out, int n, const struct report_run *runs)
{
    write_members((struct member){out, n, runs, "error_auroc", NULL, 1}, "Does it know what is wrong?",
                  "AUROC of &ldquo;this entity is wrong&rdquo; by each score: .5 is chance, 1 is perfect.");
    write_members((struct member){out, n, runs, "subsets", "f1", 100}, "Parts of the test split", "F1, lenient, percent.");
}

void report_write_comparison(FILE *out, int n, const struct report_run *runs)
{
    static const struct {
        const char *name, *path[3], *format;
        double scale;
    } rows[] = {
        {"F1, lenient", {"lenient", "micro", "f1"}, "%.2f", 100},
        {"F1, strict", {"strict", "micro", "f1"}, "%.2f", 100},
        {"Precision, lenient", {"lenient", "micro", "precision"}, "%.2f", 100},
        {"Recall, lenient", {"lenient", "micro", "recall"}, "%.2f", 100},
        {"ECE", {"calibration", "ece"}, "%.3f", 1},
        {"Brier", {"calibration", "brier"}, "%.3f", 1},
        {"NLL", {"calibration", "nll"}, "%.3f", 1},
        {"Temperature", {"calibration", "temperature"}, "%.3f", 1},
        {"AURC", {"selective", "aurc"}, "%.4f", 1},
        {"Excess AURC", {"selective", "eaurc"}, "%.4f", 1},
    };
    double values[REPORT_RUNS_MAX];
    fputs("<section><h2>Test split</h2>\n", out);
    begin_runs(out, n, runs);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int k = 0; k < n; k++) {
            const struct json *at = json_get(runs[k].data.test, rows[r].path[0]);
            values[k] =
                rows[r].path[2] ? report_number(json_get(at, rows[r].path[1]), rows[r].path[2]) : report_number(at, rows[r].path[1]);
        }
        write_row(out, rows[r].name, rows[r].format, rows[r].scale, n, values);
    }
    for (int k = 0; k < n; k++) values[k] = runs[k].data.seconds;
    write_row(out, "Seconds, training and evaluation", "%.0f", 1, n, values);
    for (int k = 0; k < n; k++) values[k] = runs[k].data.peak_mb;
    write_row(out, "Peak memory, MB", "%.0f", 1, n, values);
    fputs("</tbody></table></div></section>\n", out);
}

/* ---- corruption ---- */

enum { KINDS_MAX = 8 };

/* The curves over degrees of each kind of corruption, in the file's order. */
struct kinds {
    int n;
    const char *names[KINDS_MAX];
    struct curve f1[KINDS_MAX], auroc[KINDS_MAX];
};

static void add_kind(struct kinds *kinds, const struct json *x)
{
    const char *name = json_text(json_get(x, "kind"));
    int k = 0;
    while (name && k < kinds->n && strcmp(name, kinds->names[k]) != 0) k++;
    if (!name || k == KINDS_MAX) return;
    kinds->names[k] = name;
    kinds->n = k == kinds->n ? k + 1 : kinds->n;
    curve_add(&kinds->f1[k], report_number(x, "degree"), report_number(x, "f1"));
    curve_add(&kinds->auroc[k], report_number(x, "degree"), report_number(x, "auroc"));
}

static void write_kinds(FILE *out, const char *title, const char *name, int n, const struct curve *curves)
{
    const struct curve *shown[KINDS_MAX] = {0};
    for (int k = 0; k < n; k++) shown[k] = &curves[k];
    const struct svg_plot plot = {.name = name,
                                  .x_name = "degree",
                                  .unit = "",
                                  .width = 480,
                                  .height = 300,
                                  .curve = shown[0],
                                  .more = shown + 1,
                                  .n_more = n - 1,
                                  .is_share = true,
                                  .has_dots = true};
    fprintf(out, "<div><h3>%s</h3>\n", title);
    if (has_points(n, curves)) {
        svg_write(out, &plot);
    } else {
        fputs("<p class=\"quiet\">Left out: the model has no evidence to tell by.</p>\n", out);
    }
    fputs("</div>\n", out);
}

static void write_corruption_values(FILE *out, const struct json *all)
{
    fputs("<details class=\"values\"><summary>Values</summary><div class=\"wide\"><table><thead><tr><th scope=\"col\">Kind</th>"
          "<th scope=\"col\">Degree</th><th scope=\"col\">F1</th><th scope=\"col\">AUROC</th><th scope=\"col\">Measure</th></tr></thead>"
          "<tbody>\n",
          out);
    for (size_t i = 0; i < json_size(all); i++) {
        const struct json *x = json_at(all, i);
        const char *kind = json_text(json_get(x, "kind")), *measure = json_text(json_get(x, "measure"));
        fputs("<tr><th scope=\"row\">", out);
        html_write_string(out, kind ? kind : "");
        fputs("</th>", out);
        write_number(out, "%.2f", report_number(x, "degree"));
        write_number(out, "%.2f", 100 * report_number(x, "f1"));
        write_number(out, "%.3f", report_number(x, "auroc"));
        fputs("<td>", out);
        html_write_string(out, measure ? measure : "");
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}

void report_write_corruption(FILE *out, const struct report_run *run)
{
    const struct json *all = json_get(run->data.test, "corruption");
    struct kinds *kinds = calloc(1, sizeof *kinds);
    if (!kinds) return;
    for (size_t i = 0; i < json_size(all); i++) add_kind(kinds, json_at(all, i));
    fputs("<section><h2>When pictures and words get bad</h2>\n", out);
    if (kinds->n) {
        fputs("<p class=\"quiet\">Degree 0 is unchanged, 1 leaves nothing. AUROC: does the named measure tell corrupted tweets from clean "
              "ones?</p>\n<p class=\"legend\">",
              out);
        for (int k = 0; k < kinds->n; k++) {
            fprintf(out, "<span class=\"key s%d\">", k);
            html_write_string(out, kinds->names[k]);
            fputs("</span> ", out);
        }
        fputs("</p>\n<div class=\"pair\">", out);
        write_kinds(out, "F1, lenient", "F1 over degree", kinds->n, kinds->f1);
        write_kinds(out, "AUROC of clean against corrupted", "AUROC over degree", kinds->n, kinds->auroc);
        fputs("</div>\n", out);
        write_corruption_values(out, all);
    } else {
        fputs("<p class=\"quiet\">Left out: the run was not evaluated with --corrupt.</p>\n", out);
    }
    fputs("</section>\n", out);
    free(kinds);
}

/* ---- confusion ---- */

enum { CONFUSION_TYPES_MAX = 20 };

void report_write_confusion(FILE *out, const struct report_run *run)
{
    const struct report_tweets *t = &run->tweets;
    const int n = t->run.types.n_types;
    fputs("<section><h2>Confusion</h2>\n", out);
    if (t->why[0] || n > CONFUSION_TYPES_MAX) {
        fputs("<p class=\"quiet\">Left out: ", out);
        if (t->why[0])
            html_write_string(out, t->why);
        else
            fprintf(out, "%d types are too many for a table", n);
        fputs(".</p></section>\n", out);
        return;
    }
    fputs(
        "<p class=\"quiet\">Rows: gold entities; columns: found entities of exactly the same words, lenient. What has no such partner is "
        "missed or invented: an entity of other bounds counts once as each.</p>\n<div class=\"wide\"><table class=\"confusion\"><thead><tr>"
        "<th scope=\"col\">gold \\ found</th>",
        out);
    for (int b = 0; b <= n; b++) {
        fputs("<th scope=\"col\">", out);
        html_write_string(out, b < n ? t->run.types.types[b] : "missed");
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (int a = 0; a <= n; a++) {
        long sum = 0;
        for (int b = 0; b <= n; b++) sum += t->confusion[a * (n + 1) + b];
        fputs("<tr><th scope=\"row\">", out);
        html_write_string(out, a < n ? t->run.types.types[a] : "invented");
        fputs("</th>", out);
        for (int b = 0; b <= n; b++) {
            const long count = t->confusion[a * (n + 1) + b];
            if (a == n && b == n)
                fputs("<td></td>", out);
            else
                fprintf(out, "<td class=\"%s\" style=\"--share:%.0f%%\">%ld</td>", a == b ? "hit" : "slip",
                        sum ? 70 * (double)count / (double)sum : 0, count);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
}
