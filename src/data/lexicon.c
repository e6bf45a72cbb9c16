/* lexicon.c - a sorted list of (name, type, count), searched by halves. */
#include "lexicon.h"
#include "grow.h"
#include "tags.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name; /* words joined by a blank */
    int type, count;
};

struct lexicon {
    struct entry *entries; /* sorted by name, then type */
    int n;
    int longest; /* words of the longest name */
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->type > y->type) - (x->type < y->type);
}

/* Words first .. last joined by blanks, in fresh memory; NULL without memory. */
static char *join(const struct dataset *d, int first, int last)
{
    size_t size = 0;
    for (int i = first; i <= last; i++) size += strlen(d->words[i]) + 1;
    char *name = malloc(size), *at = name;
    for (int i = first; name && i <= last; i++) {
        at = stpcpy(at, d->words[i]);
        *at++ = i < last ? ' ' : '\0';
    }
    return name;
}

void lexicon_free(struct lexicon *x)
{
    if (!x) return;
    for (int i = 0; i < x->n; i++) free(x->entries[i].name);
    free(x->entries);
    free(x);
}

static struct span *room_for_spans(const struct dataset *d)
{
    int longest = 0;
    for (int i = 0; i < d->n_tweets; i++) longest = d->tweets[i].n_words > longest ? d->tweets[i].n_words : longest;
    return malloc(((size_t)longest + 1) * sizeof(struct span));
}

/* Sorts the entries and makes one of those that are equal. */
static void merge_equal(struct lexicon *x)
{
    int kept = 0;
    if (x->n > 0) qsort(x->entries, (size_t)x->n, sizeof *x->entries, compare);
    for (int i = 0; i < x->n; i++) {
        if (kept > 0 && compare(&x->entries[kept - 1], &x->entries[i]) == 0) {
            x->entries[kept - 1].count += x->entries[i].count;
            free(x->entries[i].name);
        } else {
            x->entries[kept++] = x->entries[i];
        }
    }
    x->n = kept;
}

int lexicon_make(const struct dataset *train, struct lexicon **out, struct err *e)
{
    struct lexicon *x = calloc(1, sizeof *x);
    struct span *spans = room_for_spans(train);
    int cap = 0, code = x && spans ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the names of %s", train->path);
    for (int i = 0; i < train->n_tweets && !code; i++) {
        const struct tweet *t = &train->tweets[i];
        int n = tags_spans(t->n_words, train->tags + t->first_word, false, spans);
        for (int k = 0; k < n && !code; k++) {
            code = grow((void **)&x->entries, x->n, &cap, sizeof *x->entries, e);
            char *name = code ? NULL : join(train, t->first_word + spans[k].first, t->first_word + spans[k].last);
            if (!code && !name) code = err_set(e, ERR_INTERNAL, "out of memory for the names of %s", train->path);
            if (code) break;
            x->entries[x->n++] = (struct entry){.name = name, .type = spans[k].type, .count = 1};
            int n_words = spans[k].last - spans[k].first + 1;
            if (n_words > x->longest) x->longest = n_words;
        }
    }
    free(spans);
    if (code) {
        lexicon_free(x);
        return code;
    }
    merge_equal(x);
    *out = x;
    return 0;
}

/* Index of the first entry of this name; x->n where there is none. */
static int find_name(const struct lexicon *x, const char *name)
{
    int low = 0, high = x->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(x->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->n && strcmp(x->entries[low].name, name) == 0 ? low : x->n;
}

/* The most frequent type of a name, or -1. */
static int type_of(const struct lexicon *x, const char *name)
{
    int best = -1, count = 0;
    for (int i = find_name(x, name); i < x->n && strcmp(x->entries[i].name, name) == 0; i++) {
        if (x->entries[i].count <= count) continue;
        best = x->entries[i].type;
        count = x->entries[i].count;
    }
    return best;
}

/* The longest known name that begins at a word: *span in words of the tweet. 1, 0 where there is none, or an error. */
static int match(const struct lexicon *x, const struct dataset *d, const struct tweet *t, int from, struct span *span, struct err *e)
{
    int most = t->n_words - from < x->longest ? t->n_words - from : x->longest;
    for (int n = most; n > 0; n--) {
        char *name = join(d, t->first_word + from, t->first_word + from + n - 1);
        if (!name) return err_set(e, ERR_INTERNAL, "out of memory for a name of %s", d->path);
        int type = type_of(x, name);
        free(name);
        if (type < 0) continue;
        *span = (struct span){.first = from, .last = from + n - 1, .type = type};
        return 1;
    }
    return 0;
}

/* Entities that both lists, sorted by their first word, hold. */
static int n_common(const struct span *a, int n_a, const struct span *b, int n_b)
{
    int n = 0;
    for (int i = 0, k = 0; i < n_a && k < n_b;) {
        if (a[i].first == b[k].first) n += a[i].last == b[k].last && a[i].type == b[k].type;
        if (a[i].first <= b[k].first)
            i++;
        else
            k++;
    }
    return n;
}

static double share_unseen(const struct lexicon *train, const struct lexicon *x)
{
    int unseen = 0;
    for (int i = 0; i < x->n; i++)
        unseen += train->n == 0 || !bsearch(&x->entries[i], train->entries, (size_t)train->n, sizeof *train->entries, compare);
    return x->n > 0 ? (double)unseen / x->n : 0;
}

int lexicon_evaluate(const struct lexicon *x, const struct dataset *d, struct lexicon_score *score, struct err *e)
{
    struct span *gold = room_for_spans(d), *predicted = room_for_spans(d);
    struct lexicon *own = NULL;
    int n_gold = 0, n_predicted = 0, n_correct = 0;
    int code = gold && predicted ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the entities of %s", d->path);
    if (!code) code = lexicon_make(d, &own, e);
    for (int i = 0; i < d->n_tweets && !code; i++) {
        const struct tweet *t = &d->tweets[i];
        int g = tags_spans(t->n_words, d->tags + t->first_word, false, gold), p = 0;
        for (int from = 0; from < t->n_words;) {
            int found = match(x, d, t, from, &predicted[p], e);
            if (found < 0) {
                code = found;
                break;
            }
            from = found ? predicted[p++].last + 1 : from + 1;
        }
        n_gold += g;
        n_predicted += p;
        n_correct += n_common(gold, g, predicted, p);
    }
    if (!code) {
        score->entities = n_gold;
        score->f1 = n_gold + n_predicted > 0 ? 2.0 * n_correct / (n_gold + n_predicted) : 0;
        score->unseen = share_unseen(x, own);
    }
    lexicon_free(own);
    free(gold);
    free(predicted);
    return code;
}
