#include "data_check.h"
#include "data_set.h"
#include "picture.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct data_problem_row DATA_PROBLEMS[N_DATA_PROBLEMS] = {
    [DATA_BAD_BYTES] = {"bad-bytes", true},          [DATA_MISSING_TAG] = {"missing-tag", true},
    [DATA_EMPTY_TOKEN] = {"empty-token", true},      [DATA_UNKNOWN_TAG] = {"unknown-tag", true},
    [DATA_MISSING_ID] = {"missing-id", true},        [DATA_EMPTY_SENTENCE] = {"empty-sentence", true},
    [DATA_EMPTY_SPLIT] = {"empty-split", true},      [DATA_NO_TYPES] = {"no-types", true},
    [DATA_ORPHAN_INSIDE] = {"orphan-inside", false}, [DATA_ILLEGAL_TRANSITION] = {"illegal-transition", false},
    [DATA_DUPLICATE_ID] = {"duplicate-id", false},   [DATA_DUPLICATE_TEXT] = {"duplicate-text", false},
    [DATA_OVERLAP_ID] = {"overlap-id", false},       [DATA_OVERLAP_TEXT] = {"overlap-text", false},
    [DATA_RARE_TYPE] = {"rare-type", false},         [DATA_UNTRAINED_TYPE] = {"untrained-type", false},
    [DATA_NO_PIECE] = {"no-piece", false},           [DATA_TRUNCATED] = {"truncated", false},
    [DATA_IMAGE_MISSING] = {"image-missing", false},
};

/* ---- findings ---- */

__attribute__((format(printf, 5, 6))) static void add(struct findings *f, enum data_problem what, int split, long line, const char *format,
                                                      ...)
{
    if (f->failed) return;
    if (f->n == f->cap) {
        const size_t cap = 2 * f->cap + 64;
        struct finding *grown = reallocarray(f->at, cap, sizeof *grown);
        if (!grown) {
            f->failed = true;
            return;
        }
        f->at = grown;
        f->cap = cap;
    }
    va_list args;
    va_start(args, format);
    struct finding x = {.what = what, .split = split, .line = line};
    f->failed = vasprintf(&x.message, format, args) < 0;
    va_end(args);
    if (f->failed) return;
    f->at[f->n++] = x;
    f->count[what]++;
    *(DATA_PROBLEMS[what].is_error ? &f->errors : &f->warnings) += 1;
}

void findings_free(struct findings *f)
{
    for (int k = 0; k < N_SPLITS; k++) free(f->path[k]);
    for (size_t i = 0; i < f->n; i++) free(f->at[i].message);
    free(f->at);
    *f = (struct findings){0};
}

static int by_place(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->split != y->split) return x->split < y->split ? -1 : 1;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return (x->what > y->what) - (x->what < y->what);
}

/* ---- what the reader refuses ---- */

struct listener {
    struct findings *findings;
    int split;
};

static void hear(void *context, enum conll_problem what, long line, const char *message)
{
    static const enum data_problem OURS[] = {
        [CONLL_BAD_BYTES] = DATA_BAD_BYTES,     [CONLL_NO_TAG] = DATA_MISSING_TAG, [CONLL_NO_TOKEN] = DATA_EMPTY_TOKEN,
        [CONLL_BAD_TAG] = DATA_UNKNOWN_TAG,     [CONLL_NO_ID] = DATA_MISSING_ID,   [CONLL_NO_WORDS] = DATA_EMPTY_SENTENCE,
        [CONLL_NO_SENTENCE] = DATA_EMPTY_SPLIT,
    };
    const struct listener *l = context;
    add(l->findings, OURS[what], l->split, line, "%s", message);
}

/* ---- tags ---- */

static void check_transitions(struct findings *f, int split, const struct dataset *d)
{
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        const char *before = "O";
        for (int w = 0; w < t->n_words; before = d->tag_names[t->first_word + w++]) {
            const char *tag = d->tag_names[t->first_word + w];
            if (tag[0] != 'I' || (before[0] != 'O' && strcmp(before + 1, tag + 1) == 0)) continue;
            if (before[0] == 'O')
                add(f, DATA_ORPHAN_INSIDE, split, t->line + w, "%s %s continues nothing; it is read as B%s", tag,
                    w == 0 ? "at the start of a tweet" : "after O", tag + 1);
            else
                add(f, DATA_ILLEGAL_TRANSITION, split, t->line + w, "%s after %s; it is read as B%s", tag, before, tag + 1);
        }
    }
}

struct type_count {
    const char *type;
    long first_line[N_SPLITS];
    int entities[N_SPLITS];
};

/* Entities of each type, and where each type first stands. */
static void count_types(const struct data_set *d, const struct tag_set *types, struct type_count *counts)
{
    for (int k = 0; k < N_SPLITS; k++)
        for (int i = 0; i < d->split[k].n_tweets; i++) {
            const struct tweet *t = &d->split[k].tweets[i];
            const char *before = "O";
            for (int w = 0; w < t->n_words; w++) {
                const char *tag = d->split[k].tag_names[t->first_word + w];
                const bool opens = tag[0] == 'B' || (tag[0] == 'I' && (before[0] == 'O' || strcmp(before + 1, tag + 1) != 0));
                before = tag;
                if (!opens) continue;
                const int type = tag_set_find(types, tag + 2);
                if (counts[type].entities[k]++ == 0) counts[type].first_line[k] = t->line + w;
            }
        }
}

static int check_types(struct findings *f, const struct data_set *d, struct err *e)
{
    struct tag_set types = {0};
    int code = 0;
    for (int k = 0; k < N_SPLITS && !code; k++) code = dataset_collect_types(&d->split[k], &types, e);
    struct type_count *counts = code ? NULL : calloc((size_t)types.n_types + 1, sizeof *counts);
    if (!code && !counts) code = err_set(e, ERR_INTERNAL, "out of memory for %d types", types.n_types);
    if (!code) {
        if (types.n_types == 0) add(f, DATA_NO_TYPES, SPLIT_TRAIN, 1, "no word has a tag but O: there is nothing to learn");
        count_types(d, &types, counts);
        for (int type = 0; type < types.n_types; type++) {
            const int *n = counts[type].entities;
            if (n[SPLIT_TRAIN] > 0 && n[SPLIT_TRAIN] < DATA_RARE)
                add(f, DATA_RARE_TYPE, SPLIT_TRAIN, counts[type].first_line[SPLIT_TRAIN],
                    "type %s has only %d entit%s in this split, here the first", types.types[type], n[SPLIT_TRAIN],
                    n[SPLIT_TRAIN] == 1 ? "y" : "ies");
            for (int k = SPLIT_VALID; k < N_SPLITS; k++)
                if (n[SPLIT_TRAIN] == 0 && n[k] > 0)
                    add(f, DATA_UNTRAINED_TYPE, k, counts[type].first_line[k],
                        "type %s does not occur in the training split; in this one %d entit%s", types.types[type], n[k],
                        n[k] == 1 ? "y has it" : "ies have it");
        }
    }
    free(counts);
    tag_set_free(&types);
    return code;
}

/* ---- ids and texts that stand more than once ---- */

struct key {
    char *text;
    int split;
    long line;
};

static int by_text(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    const int order = strcmp(x->text, y->text);
    if (order) return order;
    if (x->split != y->split) return x->split < y->split ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Of keys that are equal the first of a split points to the first split's, the others to the first of their own. */
static void compare_keys(struct findings *f, size_t n, struct key *keys, enum data_problem twice, enum data_problem overlap,
                         const char *what)
{
    qsort(keys, n, sizeof *keys, by_text);
    for (size_t first = 0, here = 0, i = 1; i < n; i++) {
        if (strcmp(keys[i].text, keys[first].text) != 0) {
            first = here = i;
        } else if (keys[i].split != keys[here].split) {
            here = i;
            add(f, overlap, keys[i].split, keys[i].line, "%s stands at %s:%ld too", what, f->path[keys[first].split], keys[first].line);
        } else {
            add(f, twice, keys[i].split, keys[i].line, "%s stands at line %ld already", what, keys[here].line);
        }
    }
}

static char *text_of(const struct dataset *d, const struct tweet *t)
{
    size_t size = 1;
    for (int w = 0; w < t->n_words; w++) size += strlen(d->words[t->first_word + w]) + 1;
    char *text = malloc(size), *at = text;
    for (int w = 0; w < t->n_words && text; w++) at = stpcpy(stpcpy(at, w ? " " : ""), d->words[t->first_word + w]);
    return text;
}

static int check_repeats(struct findings *f, const struct data_set *d, struct err *e)
{
    size_t most = 1, n_ids = 0, n_texts = 0;
    for (int k = 0; k < N_SPLITS; k++) most += (size_t)d->split[k].n_tweets;
    struct key *ids = calloc(most, sizeof *ids), *texts = calloc(most, sizeof *texts);
    bool is_there = ids && texts;
    for (int k = 0; k < N_SPLITS && is_there; k++)
        for (int i = 0; i < d->split[k].n_tweets && is_there; i++) {
            const struct tweet *t = &d->split[k].tweets[i];
            if (t->id) ids[n_ids++] = (struct key){t->id, k, t->line};
            texts[n_texts] = (struct key){text_of(&d->split[k], t), k, t->line};
            is_there = texts[n_texts++].text != NULL;
        }
    if (is_there) {
        compare_keys(f, n_ids, ids, DATA_DUPLICATE_ID, DATA_OVERLAP_ID, "this id");
        compare_keys(f, n_texts, texts, DATA_DUPLICATE_TEXT, DATA_OVERLAP_TEXT, "this text");
    }
    for (size_t i = 0; i < n_texts; i++) free(texts[i].text);
    free(texts);
    free(ids);
    return is_there ? 0 : err_set(e, ERR_INTERNAL, "out of memory for the texts of %zu tweets", most);
}

/* ---- pieces ---- */

static int check_pieces(struct findings *f, int split, const struct data_set *d, struct err *e)
{
    const struct dataset *x = &d->split[split];
    struct piece *pieces = NULL;
    int cap = 0, code = 0;
    for (int i = 0; i < x->n_tweets && !code; i++) {
        const struct tweet *t = &x->tweets[i];
        int used = 2, kept = 0; /* [CLS], [SEP] */
        for (int w = 0; w < t->n_words; w++) {
            const char *word = x->words[t->first_word + w];
            const int n = wordpiece_encode(d->wordpiece, word, strlen(word), &pieces, &cap);
            if (n < 0) code = err_set(e, ERR_INTERNAL, "out of memory for the pieces of a word");
            if (n == 0) add(f, DATA_NO_PIECE, split, t->line + w, "the tokenizer gives this word no piece; it becomes [UNK]");
            used += n > 0 ? n : 1;
            if (used <= d->max_length) kept = w + 1;
        }
        if (used > d->max_length)
            add(f, DATA_TRUNCATED, split, t->line, "this tweet has %d pieces, %d are kept: its last %d words are cut", used, d->max_length,
                t->n_words - kept);
    }
    free(pieces);
    return code;
}

/* ---- pictures ---- */

static int check_pictures(struct findings *f, int split, const struct dataset *d, const struct picture_folder *images, struct err *e)
{
    for (int i = 0; i < d->n_tweets; i++) {
        struct err missing = {0};
        const int code = d->tweets[i].id ? picture_find(images, d->tweets[i].id, &missing) : 0;
        if (code == ERR_NOINPUT || code == ERR_DATA) {
            add(f, DATA_IMAGE_MISSING, split, d->tweets[i].line, "%s", missing.text);
        } else if (code) {
            *e = missing;
            return code;
        }
    }
    return 0;
}

/* ---- all of it ---- */

static int look(struct findings *f, const struct data_set *d, const struct picture_folder *images, struct err *e)
{
    int code = 0;
    for (int k = 0; k < N_SPLITS; k++) check_transitions(f, k, &d->split[k]);
    if ((code = check_types(f, d, e)) || (code = check_repeats(f, d, e))) return code;
    f->has_pieces = d->wordpiece != NULL;
    for (int k = 0; k < N_SPLITS && !code; k++) {
        if (d->wordpiece) code = check_pieces(f, k, d, e);
        if (!code && images) code = check_pictures(f, k, &d->split[k], images, e);
    }
    return code;
}

int data_check(const struct nerve_config *config, const char *images, struct findings *out, struct err *e)
{
    struct data_set d = {0};
    struct listener listeners[N_SPLITS];
    void *context[N_SPLITS];
    struct picture_folder *folder = NULL;
    int code = 0;
    *out = (struct findings){0};
    for (int k = 0; k < N_SPLITS && !code; k++) {
        char path[PATH_MAX];
        listeners[k] = (struct listener){out, k};
        context[k] = &listeners[k];
        code = split_path(config, (enum split_name)k, NULL, path, sizeof path, e);
        if (!code && !(out->path[k] = strdup(path))) code = err_set(e, ERR_INTERNAL, "out of memory");
    }
    if (!code && images) code = picture_folder_open(images, &folder, e);
    if (!code) code = data_set_open(config, hear, context, &d, e);
    if (!code) code = look(out, &d, folder, e);
    if (!code && out->failed) code = err_set(e, ERR_INTERNAL, "out of memory for %zu problems", out->n);
    data_set_close(&d);
    picture_folder_close(folder);
    if (code)
        findings_free(out);
    else if (out->n > 0)
        qsort(out->at, out->n, sizeof *out->at, by_place);
    return code;
}

struct json *findings_json(const struct findings *f)
{
    struct json *v = json_new_object(), *counts = json_new_object(), *problems = json_new_array();
    for (int k = 0; k < N_DATA_PROBLEMS; k++)
        if (f->count[k] > 0) json_set_integer(counts, DATA_PROBLEMS[k].code, (int64_t)f->count[k]);
    for (size_t i = 0; i < f->n; i++) {
        struct json *x = json_new_object();
        json_set_string(x, "severity", DATA_PROBLEMS[f->at[i].what].is_error ? "error" : "warning");
        json_set_string(x, "code", DATA_PROBLEMS[f->at[i].what].code);
        json_set_string(x, "file", f->path[f->at[i].split]);
        json_set_integer(x, "line", f->at[i].line);
        json_set_string(x, "message", f->at[i].message);
        json_append(problems, x);
    }
    json_set_integer(v, "errors", (int64_t)f->errors);
    json_set_integer(v, "warnings", (int64_t)f->warnings);
    json_set(v, "counts", counts);
    json_set(v, "problems", problems);
    return v;
}
