#include "data_stats.h"
#include "data_set.h"
#include "entity_names.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void data_stats_free(struct data_stats *s)
{
    for (int k = 0; k < N_SPLITS; k++)
        for (int reading = 0; reading < 2; reading++) free(s->split[k].by_type[reading]);
    tag_set_free(&s->types);
    *s = (struct data_stats){0};
}

/* ---- one split ---- */

/* train: the names of its entities; NULL where d is train itself. */
static int count_entities(const struct dataset *d, const struct tag_set *types, const struct entity_names *train, struct split_stats *s,
                          struct err *e)
{
    struct span *spans = NULL;
    int code = 0;
    for (int i = 0; i < d->n_tweets && !code; i++) {
        const struct tweet *t = &d->tweets[i];
        const int *tags = d->tags + t->first_word;
        struct span *grown = reallocarray(spans, (size_t)t->n_words + 1, sizeof *grown);
        if (!grown) {
            code = err_set(e, ERR_INTERNAL, "out of memory for the entities of %s", d->path);
            break;
        }
        spans = grown;
        const int strict = tags_spans(t->n_words, tags, true, spans);
        for (int k = 0; k < strict; k++) s->by_type[1][spans[k].type]++;
        const int lenient = tags_spans(t->n_words, tags, false, spans);
        s->strict += strict;
        s->lenient += lenient;
        for (int k = 0; k < lenient && !code; k++) {
            bool known = true;
            s->by_type[0][spans[k].type]++;
            s->orphan_inside += tag_is_inside(tags[spans[k].first]);
            if (train) code = entity_names_find(train, d, types, t, &spans[k], &known, e);
            s->unseen += !known;
        }
    }
    free(spans);
    return code;
}

static void note_length(struct data_stats *all, struct split_stats *s, int pieces)
{
    int bin = (pieces - 1) / all->bin_width;
    s->histogram[bin < STATS_BINS ? bin : STATS_BINS - 1]++;
    s->pieces += pieces;
    if (pieces > s->longest_pieces) s->longest_pieces = pieces;
}

static int count_pieces(const struct data_set *d, int which, struct data_stats *all, struct err *e)
{
    const struct dataset *x = &d->split[which];
    struct split_stats *s = &all->split[which];
    struct piece *pieces = NULL;
    int cap = 0, code = 0;
    for (int i = 0; i < x->n_tweets && !code; i++) {
        const struct tweet *t = &x->tweets[i];
        int used = 2, kept = 0; /* [CLS], [SEP] */
        for (int w = 0; w < t->n_words && !code; w++) {
            const char *word = x->words[t->first_word + w];
            const int n = wordpiece_encode(d->wordpiece, word, strlen(word), &pieces, &cap);
            if (n < 0) code = err_set(e, ERR_INTERNAL, "out of memory for the pieces of a word");
            s->words_without_piece += n == 0;
            used += n > 0 ? n : 1;
            if (used <= d->max_length) kept = w + 1;
        }
        s->tweets_cut += kept < t->n_words;
        s->words_cut += t->n_words - kept;
        note_length(all, s, used);
    }
    free(pieces);
    return code;
}

static int count_split(const struct data_set *d, int which, const struct entity_names *train, struct data_stats *all, struct err *e)
{
    const struct dataset *x = &d->split[which];
    struct split_stats *s = &all->split[which];
    s->tweets = x->n_tweets;
    s->words = x->n_words;
    for (int i = 0; i < x->n_tweets; i++) {
        if (x->tweets[i].n_words > s->longest) s->longest = x->tweets[i].n_words;
        s->ids += x->tweets[i].id != NULL;
    }
    for (int reading = 0; reading < 2; reading++)
        if (!(s->by_type[reading] = calloc((size_t)all->types.n_types + 1, sizeof *s->by_type[reading])))
            return err_set(e, ERR_INTERNAL, "out of memory for %d types", all->types.n_types);
    int code = count_entities(x, &all->types, which == SPLIT_TRAIN ? NULL : train, s, e);
    if (!code && d->wordpiece) code = count_pieces(d, which, all, e);
    return code;
}

int data_stats(const struct nerve_config *config, struct data_stats *out, struct err *e)
{
    struct data_set d;
    struct entity_names train = {0};
    *out = (struct data_stats){.bin_width = 8};
    int code = data_set_open(config, NULL, NULL, &d, e);
    if (code) return code;
    out->has_pieces = d.wordpiece != NULL;
    out->max_length = d.max_length;
    for (int k = 0; k < N_SPLITS && !code; k++) code = dataset_collect_types(&d.split[k], &out->types, e);
    for (int k = 0; k < N_SPLITS && !code; k++) code = dataset_resolve_tags(&d.split[k], &out->types, e);
    if (!code) code = entity_names_of(&d.split[SPLIT_TRAIN], &out->types, &train, e);
    for (int k = 0; k < N_SPLITS && !code; k++) code = count_split(&d, k, &train, out, e);
    entity_names_free(&train);
    data_set_close(&d);
    if (code) data_stats_free(out);
    return code;
}

/* ---- JSON ---- */

static struct json *entities_json(const struct data_stats *all, const struct split_stats *s)
{
    struct json *v = json_new_object(), *types = json_new_object();
    json_set_integer(v, "lenient", s->lenient);
    json_set_integer(v, "strict", s->strict);
    for (int k = 0; k < all->types.n_types; k++) {
        struct json *x = json_new_object();
        json_set_integer(x, "lenient", s->by_type[0][k]);
        json_set_integer(x, "strict", s->by_type[1][k]);
        json_set(types, all->types.types[k], x);
    }
    json_set(v, "by_type", types);
    return v;
}

static struct json *pieces_json(const struct data_stats *all, const struct split_stats *s)
{
    struct json *v = json_new_object(), *bins = json_new_array();
    json_set_integer(v, "all", s->pieces);
    json_set_integer(v, "longest", s->longest_pieces);
    json_set_integer(v, "words_without", s->words_without_piece);
    json_set_integer(v, "tweets_cut", s->tweets_cut);
    json_set_integer(v, "words_cut", s->words_cut);
    for (int k = 0; k < STATS_BINS; k++) {
        struct json *bin = json_new_object();
        json_set_integer(bin, "from", k * all->bin_width + 1);
        if (k < STATS_BINS - 1) json_set_integer(bin, "to", (k + 1) * all->bin_width);
        json_set_integer(bin, "tweets", s->histogram[k]);
        json_append(bins, bin);
    }
    json_set(v, "histogram", bins);
    return v;
}

struct json *data_stats_json(const struct data_stats *all)
{
    struct json *v = json_new_object(), *types = json_new_array(), *splits = json_new_object();
    for (int k = 0; k < all->types.n_types; k++) json_append_string(types, all->types.types[k]);
    json_set(v, "types", types);
    for (int k = 0; k < N_SPLITS; k++) {
        const struct split_stats *s = &all->split[k];
        struct json *x = json_new_object();
        json_set_integer(x, "tweets", s->tweets);
        json_set_integer(x, "words", s->words);
        json_set_integer(x, "longest", s->longest);
        json_set_integer(x, "ids", s->ids);
        json_set(x, "entities", entities_json(all, s));
        json_set_integer(x, "orphan_inside", s->orphan_inside);
        if (k != SPLIT_TRAIN) json_set_integer(x, "unseen", s->unseen);
        if (all->has_pieces) json_set(x, "pieces", pieces_json(all, s));
        json_set(splits, SPLIT_NAMES[k], x);
    }
    json_set(v, "splits", splits);
    return v;
}

/* ---- table ---- */

static void print_row(FILE *f, const char *name, const int values[N_SPLITS])
{
    fprintf(f, "%-22.40s", name);
    for (int k = 0; k < N_SPLITS; k++) fprintf(f, " %10d", values[k]);
    fputc('\n', f);
}

#define ROW(name, field) print_row(f, name, (const int[N_SPLITS]){all->split[0].field, all->split[1].field, all->split[2].field})

static void print_types(FILE *f, const struct data_stats *all)
{
    for (int k = 0; k < all->types.n_types; k++) {
        char name[64];
        snprintf(name, sizeof name, "  %.60s", all->types.types[k]);
        ROW(name, by_type[0][k]);
    }
}

static void print_unseen(FILE *f, const struct data_stats *all)
{
    fprintf(f, "%-22s %10s", "  unseen in train", "");
    for (int k = SPLIT_VALID; k < N_SPLITS; k++) {
        const struct split_stats *s = &all->split[k];
        fprintf(f, " %9.1f%%", s->lenient ? 100.0 * s->unseen / s->lenient : 0);
    }
    fputc('\n', f);
}

static void print_histogram(FILE *f, const struct data_stats *all)
{
    enum { BAR = 40 };
    int most = 1, last = 0;
    for (int k = 0; k < STATS_BINS; k++) {
        const int n = all->split[SPLIT_TRAIN].histogram[k];
        if (n > most) most = n;
        if (n > 0) last = k;
    }
    fprintf(f, "\npieces of a tweet in train, [CLS] and [SEP] included\n");
    for (int k = 0; k <= last; k++) {
        const int n = all->split[SPLIT_TRAIN].histogram[k], filled = (int)((int64_t)n * BAR / most);
        char range[32];
        snprintf(range, sizeof range, k < STATS_BINS - 1 ? "%d-%d" : "%d-", k * all->bin_width + 1, (k + 1) * all->bin_width);
        fprintf(f, "%9s %7d ", range, n);
        for (int i = 0; i < (n > 0 && filled == 0 ? 1 : filled); i++) fputc('#', f);
        fputc('\n', f);
    }
}

int data_stats_table(const struct data_stats *all, char **table, struct err *e)
{
    size_t size;
    FILE *f = open_memstream(table, &size);
    if (!f) return err_set(e, ERR_INTERNAL, "out of memory");
    fprintf(f, "%-22s %10s %10s %10s\n", "", SPLIT_NAMES[0], SPLIT_NAMES[1], SPLIT_NAMES[2]);
    ROW("tweets", tweets);
    ROW("words", words);
    ROW("longest, in words", longest);
    ROW("entities, lenient", lenient);
    print_types(f, all);
    print_unseen(f, all);
    ROW("entities, strict", strict);
    ROW("orphan I- tags", orphan_inside);
    if (all->has_pieces) {
        ROW("pieces", pieces);
        ROW("longest, in pieces", longest_pieces);
        ROW("words without piece", words_without_piece);
        ROW("tweets cut", tweets_cut);
        ROW("words cut", words_cut);
        print_histogram(f, all);
    }
    const bool failed = ferror(f);
    return fclose(f) == 0 && !failed ? 0 : err_set(e, ERR_INTERNAL, "out of memory");
}
