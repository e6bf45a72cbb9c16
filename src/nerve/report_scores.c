#include "report_scores.h"
#include "html.h"
#include "report_read.h"
#include <math.h>

static void write_percent(FILE *out, const char *class, double fraction)
{
    if (!isfinite(fraction)) {
        fprintf(out, "<td class=\"%s\">&ndash;</td>", class);
    } else {
        fprintf(out, "<td class=\"%s\">%.2f</td>", class, 100 * fraction);
    }
}

static void write_side(FILE *out, const struct json *score, const char *side)
{
    const double f1 = report_number(score, "f1"), support = report_number(score, "support");
    write_percent(out, side, report_number(score, "precision"));
    write_percent(out, "", report_number(score, "recall"));
    if (isfinite(f1)) {
        fprintf(out, "<td class=\"f1\" style=\"--f1:%.1f%%\">%.2f</td>", 100 * fmin(fmax(f1, 0), 1), 100 * f1);
    } else {
        write_percent(out, "f1", f1);
    }
    if (isfinite(support)) {
        fprintf(out, "<td>%.0f</td>", support);
    } else {
        fputs("<td>&ndash;</td>", out);
    }
}

static void write_row(FILE *out, const char *name, const char *class, const struct json *lenient, const struct json *strict)
{
    fprintf(out, "<tr class=\"%s\"><th scope=\"row\">", class);
    html_write_string(out, name);
    fputs("</th>", out);
    write_side(out, lenient, "lenient");
    write_side(out, strict, "strict");
    fputs("</tr>\n", out);
}

struct rows {
    FILE *out;
    const struct json *lenient, *strict; /* per_type of both sides */
};

static int write_type(void *context, const char *type, const struct json *lenient, struct err *e)
{
    const struct rows *r = context;
    (void)e;
    write_row(r->out, type, "type", lenient, json_get(r->strict, type));
    return 0;
}

static int write_type_of_strict_alone(void *context, const char *type, const struct json *strict, struct err *e)
{
    const struct rows *r = context;
    (void)e;
    if (!json_get(r->lenient, type)) write_row(r->out, type, "type", NULL, strict);
    return 0;
}

void report_write_scores(FILE *out, const struct json *scores)
{
    const struct json *lenient = json_get(scores, "lenient"), *strict = json_get(scores, "strict");
    struct rows rows = {out, json_get(lenient, "per_type"), json_get(strict, "per_type")};
    struct err never;
    fputs("<div class=\"wide\"><table>\n<thead><tr><th></th><th class=\"side\" colspan=\"4\" scope=\"colgroup\">Lenient (conlleval)</th>"
          "<th class=\"side strict\" colspan=\"4\" scope=\"colgroup\">Strict (IOB2)</th></tr>\n<tr><th scope=\"col\">Type</th>",
          out);
    for (int side = 0; side < 2; side++)
        fprintf(out,
                "<th scope=\"col\" class=\"%s\">Precision</th><th scope=\"col\">Recall</th>"
                "<th scope=\"col\">F1</th><th scope=\"col\">Support</th>",
                side ? "strict" : "lenient");
    fputs("</tr></thead>\n<tbody>\n", out);
    json_each(rows.lenient, write_type, &rows, &never);
    json_each(rows.strict, write_type_of_strict_alone, &rows, &never);
    write_row(out, "Micro", "sum", json_get(lenient, "micro"), json_get(strict, "micro"));
    write_row(out, "Macro", "sum", json_get(lenient, "macro"), json_get(strict, "macro"));
    fputs("</tbody></table></div>\n", out);
}
