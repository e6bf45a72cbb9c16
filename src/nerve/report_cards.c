#include "report_cards.h"
#include "html.h"
#include "picture_resize.h"
#include "report_read.h"
#include "utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBNAIL = 128, CAPTION_MAX = 300, ENTITIES_MAX = 12, COLOURS = 6 };

/* ---- what the tweet shows ---- */

static int shrink(const struct picture *in, struct picture *out, struct err *e)
{
    const int longer = in->width > in->height ? in->width : in->height;
    const double scale = longer > THUMBNAIL ? (double)THUMBNAIL / longer : 1;
    const int width = (int)fmax(1, round(in->width * scale)), height = (int)fmax(1, round(in->height * scale));
    return picture_resize(in, width, height, PICTURE_BILINEAR, (struct picture_window){0, 0, width, height}, out, e);
}

/* False where there is no picture that can be shown. */
static bool write_picture(FILE *out, const struct report_tweets *t, const char *id)
{
    struct picture whole = {0}, small = {0};
    struct err none = {0};
    void *png = NULL;
    size_t size = 0;
    bool done = false;
    if (!t->images || picture_read(t->images, id, t->run.config.data.exif_orientation, &whole, &none)) return false;
    if (!shrink(&whole, &small, &none) && !picture_encode_png(&small, id, &png, &size, &none)) {
        fprintf(out, "<img alt=\"picture of the tweet\" width=\"%d\" height=\"%d\" src=\"data:image/png;base64,", small.width,
                small.height);
        html_write_base64(out, png, size);
        fputs("\"/>\n", out);
        done = true;
    }
    free(png);
    picture_free(&small);
    picture_free(&whole);
    return done;
}

static void write_caption(FILE *out, const char *caption)
{
    const size_t size = strlen(caption);
    fputs("<p class=\"quiet\">Caption: ", out);
    if (size <= CAPTION_MAX) {
        html_write(out, caption, size);
    } else {
        /* Cut between characters. */
        html_write(out, caption, utf8_valid(caption, CAPTION_MAX));
        fputs(" &hellip;", out);
    }
    fputs("</p>\n", out);
}

/* ---- its words ---- */

static void write_type(FILE *out, const struct report_tweets *t, int type)
{
    html_write_string(out, t->run.types.types[type]);
}

static void write_text(FILE *out, const struct report_tweets *t, int i)
{
    const struct tweet *tweet = &t->run.split.data.tweets[i];
    int k = t->run.entity_start[i];
    const int end = t->run.entity_start[i + 1];
    bool is_open = false;
    fputs("<p class=\"tweet\">", out);
    for (int w = 0; w < tweet->n_words; w++) {
        /* One that begins within another is not of this program: it stands in the table alone. */
        while (k < end && !is_open && t->run.entities[k].span.first < w) k++;
        if (w) fputc(' ', out);
        if (k < end && t->run.entities[k].span.first == w) {
            fprintf(out, "<mark class=\"t%d%s\">", t->run.entities[k].span.type % COLOURS, t->run.entities[k].right ? "" : " wrong");
            is_open = true;
        }
        html_write_string(out, t->run.split.data.words[tweet->first_word + w]);
        if (is_open && t->run.entities[k].span.last == w) {
            fputs(" <b>", out);
            write_type(out, t, t->run.entities[k].span.type);
            fputs("</b></mark>", out);
            is_open = false;
            k++;
        }
    }
    fputs("</p>\n", out);
}

/* Gold entities that were not found as they are. */
static void write_gold(FILE *out, const struct report_tweets *t, int i)
{
    const struct tweet *tweet = &t->run.split.data.tweets[i];
    struct span *gold = calloc((size_t)tweet->n_words + 1, sizeof *gold);
    const int n = gold ? run_tweets_gold(&t->run, i, gold) : 0;
    int shown = 0;
    for (int g = 0; g < n && shown < ENTITIES_MAX; g++) {
        bool found = false;
        for (int k = t->run.entity_start[i]; k < t->run.entity_start[i + 1]; k++) {
            const struct span *s = &t->run.entities[k].span;
            found = found || (s->first == gold[g].first && s->last == gold[g].last && s->type == gold[g].type);
        }
        if (found) continue;
        fputs(shown++ ? "; " : "<p class=\"quiet\">In the data, not found so: ", out);
        for (int w = gold[g].first; w <= gold[g].last; w++) {
            html_write_string(out, t->run.split.data.words[tweet->first_word + w]);
            fputc(' ', out);
        }
        write_type(out, t, gold[g].type);
    }
    if (shown) fputs("</p>\n", out);
    free(gold);
}

/* ---- how unsure the model is ---- */

/* The name stands in the cell, too, for screens that are too narrow for a table. */
static void write_value(FILE *out, const char *name, double x)
{
    fprintf(out, "<td data-name=\"%s\">", name);
    if (isfinite(x)) {
        fprintf(out, "%.3g</td>", x);
    } else {
        fputs("&ndash;</td>", out);
    }
}

static const struct {
    const char *name, *key, *modality; /* modality NULL: of the entity itself */
} COLUMNS[] = {
    {"Confidence", "score", NULL},
    {"Aleatoric", "aleatoric", NULL},
    {"Epistemic", "epistemic", NULL},
    {"Epistemic, text", "epistemic", "text"},
    {"Epistemic, picture", "epistemic", "image"},
    {"Conflict", "conflict", NULL},
    {"Picture\u2019s share", "visual_share", NULL},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof *COLUMNS };

static void write_doubt(FILE *out, const struct report_tweets *t, int i)
{
    const int from = t->run.entity_start[i], end = t->run.entity_start[i + 1];
    int columns = 1;
    for (int k = from; k < end; k++)
        if (isfinite(report_number(t->run.entities[k].found, "epistemic"))) columns = N_COLUMNS;
    fputs("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Entity</th>", out);
    for (int c = 0; c < columns; c++) fprintf(out, "<th scope=\"col\">%s</th>", COLUMNS[c].name);
    fputs("</tr></thead><tbody>\n", out);
    for (int k = from; k < end && k < from + ENTITIES_MAX; k++) {
        const struct json *x = t->run.entities[k].found;
        const char *word = json_text(json_get(x, "word"));
        fputs("<tr><th scope=\"row\">", out);
        html_write_string(out, word ? word : "");
        fprintf(out, "%s</th>", t->run.entities[k].right ? "" : " <span class=\"bad\">wrong</span>");
        for (int c = 0; c < columns; c++) {
            const struct json *of = COLUMNS[c].modality ? json_get(json_get(x, "modalities"), COLUMNS[c].modality) : x;
            write_value(out, COLUMNS[c].name, report_number(of, COLUMNS[c].key));
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (end - from > ENTITIES_MAX) fprintf(out, "<p class=\"quiet\">and %d more</p>\n", end - from - ENTITIES_MAX);
}

static void write_card(FILE *out, const struct report_tweets *t, int i)
{
    const char *id = t->run.split.data.tweets[i].id;
    fputs("<article>\n", out);
    const bool has_picture = id && write_picture(out, t, id);
    const char *caption = captions_find(&t->captions, id);
    fputs("<div>", out);
    write_text(out, t, i);
    if (!has_picture && caption) write_caption(out, caption);
    if (!has_picture && !caption) fputs("<p class=\"quiet\">No picture, no caption.</p>\n", out);
    write_gold(out, t, i);
    write_doubt(out, t, i);
    fputs("</div></article>\n", out);
}

void report_write_cards(FILE *out, const struct report_tweets *t, int each)
{
    static const char *const TITLES[N_REPORT_QUESTIONS] = {"Text and picture contradict each other", "Surely wrong", "Most doubtful"};
    int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX];
    fputs("<section><h2>Tweets</h2>\n", out);
    if (t->why[0]) {
        fputs("<p class=\"quiet\">Left out: ", out);
        html_write_string(out, t->why);
        fputs(".</p></section>\n", out);
        return;
    }
    fprintf(
        out,
        "<p class=\"quiet\">Up to %d of the test split for each question, each tweet once: the largest conflict of text and picture, the "
        "wrong entities of the highest confidence, the entities of the lowest. Marked: what was found; dashed: wrong.</p>\n",
        each);
    report_tweets_choose(t, each, tweets);
    for (int q = 0; q < N_REPORT_QUESTIONS; q++) {
        if (tweets[q][0] < 0) continue;
        fprintf(out, "<h3>%s</h3>\n", TITLES[q]);
        for (int k = 0; k < each && tweets[q][k] >= 0; k++) write_card(out, t, tweets[q][k]);
    }
    fputs("</section>\n", out);
}
