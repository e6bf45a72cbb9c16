#include "report_scores.h"
#include "html.h"
#include "report_read.h"
#include <math.h>

static void write_percent(FILE *out, double fraction)
{
    if (!isfinite(fraction)) {
        fputs("<td>&ndash;</td>", out);
    } else {
        fprintf(out, "<td>%.2f</td>", 100 * fraction);
    }
}

static void write_row(FILE *out, const char *name, const char *class, const struct json *score)
{
    const double f1 = report_number(score, "f1"), support = report_number(score, "support");
    fprintf(out, "<tr class=\"%s\"><th scope=\"row\">", class);
    html_write_string(out, name);
    fputs("</th>", out);
    write_percent(out, report_number(score, "precision"));
    write_percent(out, report_number(score, "recall"));
    if (isfinite(f1)) {
        fprintf(out, "<td class=\"f1\" style=\"--f1:%.1f%%\">%.2f</td>", 100 * fmin(fmax(f1, 0), 1), 100 * f1);
    } else {
        write_percent(out, f1);
    }
    if (isfinite(support)) {
        fprintf(out, "<td>%.0f</td></tr>\n", support);
    } else {
        fputs("<td>&ndash;</td></tr>\n", out);
    }
}

static int write_type(void *context, const char *type, const struct json *score, struct err *e)
{
    (void)e;
    write_row(context, type, "type", score);
    return 0;
}

static void write_reading(FILE *out, const char *name, const struct json *scores)
{
    struct err never;
    fprintf(
        out,
        "<div class=\"wide\"><table class=\"scores\"><caption>%s</caption>\n<thead><tr><th scope=\"col\">Type</th>"
        "<th scope=\"col\">Precision</th><th scope=\"col\">Recall</th><th scope=\"col\">F1</th><th scope=\"col\">Support</th></tr></thead>\n"
        "<tbody>\n",
        name);
    json_each(json_get(scores, "per_type"), write_type, out, &never);
    write_row(out, "Micro", "sum", json_get(scores, "micro"));
    write_row(out, "Macro", "sum", json_get(scores, "macro"));
    fputs("</tbody></table></div>\n", out);
}

void report_write_scores(FILE *out, const struct json *scores)
{
    fputs("<div class=\"pair\">\n", out);
    write_reading(out, "Lenient (conlleval)", json_get(scores, "lenient"));
    write_reading(out, "Strict (IOB2)", json_get(scores, "strict"));
    fputs("</div>\n", out);
}
