/* score_report.c - entity scores as JSON and as a table. */
#include "json.h"
#include "score.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const READING[SCORE_READINGS] = {"lenient", "strict"};

static struct json *measures_json(const struct score_measures *m)
{
    struct json *v = json_new_object();
    json_set_number(v, "precision", m->precision);
    json_set_number(v, "recall", m->recall);
    json_set_number(v, "f1", m->f1);
    return v;
}

static struct json *counts_json(const struct score_counts *c)
{
    struct score_measures m = score_measures(c);
    struct json *v = measures_json(&m);
    json_set_integer(v, "support", c->gold);
    json_set_integer(v, "correct", c->correct);
    json_set_integer(v, "predicted", c->predicted);
    return v;
}

static struct json *interval_json(const double interval[2])
{
    struct json *v = json_new_array();
    json_append_number(v, interval[0]);
    json_append_number(v, interval[1]);
    return v;
}

static struct json *reading_json(const struct score *s, enum score_reading reading, const double interval[2])
{
    struct json *v = json_new_object(), *micro = counts_json(&s->total[reading]), *types = json_new_object();
    struct score_measures macro = score_macro(s, reading);
    json_set(micro, "f1_interval", interval_json(interval));
    for (int t = 0; t < s->types->n_types; t++) {
        const struct score_counts *c = &s->per_type[reading][t];
        if (c->gold + c->predicted > 0) json_set(types, s->types->types[t], counts_json(c));
    }
    json_set(v, "micro", micro);
    json_set(v, "macro", measures_json(&macro));
    json_set(v, "per_type", types);
    return v;
}

int score_json(const struct score *s, struct json **out, struct err *e)
{
    double interval[SCORE_READINGS][2];
    for (int r = 0; r < SCORE_READINGS; r++)
        if (score_interval(s, (enum score_reading)r, interval[r], e)) return e->code;
    struct json *v = json_new_object();
    json_set_integer(v, "sentences", s->n_sentences);
    json_set_integer(v, "words", s->words);
    json_set_number(v, "tag_accuracy", s->words > 0 ? (double)s->words_right / (double)s->words : 0);
    for (int r = 0; r < SCORE_READINGS; r++) json_set(v, READING[r], reading_json(s, (enum score_reading)r, interval[r]));
    *out = v;
    return 0;
}

static void write_row(FILE *f, int width, const char *name, const struct score_measures m[SCORE_READINGS], const int64_t support[])
{
    fprintf(f, "%-*s", width, name);
    for (int r = 0; r < SCORE_READINGS; r++) {
        fprintf(f, "  %9.2f %7.2f %7.2f", 100 * m[r].precision, 100 * m[r].recall, 100 * m[r].f1);
        if (support)
            fprintf(f, " %8lld", (long long)support[r]);
        else
            fprintf(f, " %8s", "");
    }
    fputc('\n', f);
}

static void write_counts(FILE *f, int width, const char *name, const struct score_counts *const c[SCORE_READINGS])
{
    struct score_measures m[SCORE_READINGS];
    int64_t support[SCORE_READINGS];
    for (int r = 0; r < SCORE_READINGS; r++) {
        m[r] = score_measures(c[r]);
        support[r] = c[r]->gold;
    }
    write_row(f, width, name, m, support);
}

static void write_table(FILE *f, const struct score *s, double interval[SCORE_READINGS][2])
{
    int width = (int)strlen("micro");
    for (int t = 0; t < s->types->n_types; t++) {
        int n = (int)strlen(s->types->types[t]);
        if (n > width) width = n < 32 ? n : 32;
    }
    fprintf(f, "%-*s  %-34s  %s\n%-*s", width, "", "lenient (conlleval), percent", "strict (IOB2), percent", width, "");
    for (int r = 0; r < SCORE_READINGS; r++) fprintf(f, "  precision  recall      F1  support");
    fputc('\n', f);
    for (int t = 0; t < s->types->n_types; t++) {
        const struct score_counts *c[SCORE_READINGS] = {&s->per_type[0][t], &s->per_type[1][t]};
        if (c[0]->gold + c[0]->predicted > 0) write_counts(f, width, s->types->types[t], c);
    }
    struct score_measures macro[SCORE_READINGS] = {score_macro(s, SCORE_LENIENT), score_macro(s, SCORE_STRICT)};
    write_row(f, width, "macro", macro, NULL);
    write_counts(f, width, "micro", (const struct score_counts *[]){&s->total[0], &s->total[1]});
    fprintf(f, "%d sentences, %lld words; 95 %% interval of micro F1: %.2f to %.2f lenient, %.2f to %.2f strict\n", s->n_sentences,
            (long long)s->words, 100 * interval[0][0], 100 * interval[0][1], 100 * interval[1][0], 100 * interval[1][1]);
}

int score_table(const struct score *s, char **out, struct err *e)
{
    double interval[SCORE_READINGS][2];
    size_t size;
    for (int r = 0; r < SCORE_READINGS; r++)
        if (score_interval(s, (enum score_reading)r, interval[r], e)) return e->code;
    *out = NULL;
    FILE *f = open_memstream(out, &size);
    if (f) write_table(f, s, interval);
    if (f && fclose(f) == 0) return 0;
    free(*out);
    return err_set(e, ERR_INTERNAL, "out of memory for the table of scores");
}
