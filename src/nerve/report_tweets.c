#include "report_tweets.h"
#include "files.h"
#include "predict.h"
#include "report_read.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *type_of(const struct json *entity)
{
    return json_text(json_get(entity, "entity_group"));
}

/* Every line, and the types that they name. */
static int read_lines(struct report_tweets *t, const char *path, struct err *e)
{
    struct file_map file;
    int code = file_map(path, &file, e);
    if (code) return code;
    const char *text = (const char *)file.data, *end = text + file.size;
    t->lines = json_new_array();
    for (const char *stop; !code && text < end && (stop = memchr(text, '\n', (size_t)(end - text))); text = stop + 1) {
        struct json *line;
        if ((code = json_parse(text, (size_t)(stop - text), path, &line, e))) break;
        const struct json *entities = json_get(line, "entities");
        for (size_t k = 0; k < json_size(entities) && !code; k++)
            if (type_of(json_at(entities, k))) code = tag_set_add(&t->types, type_of(json_at(entities, k)), e);
        json_append(t->lines, line);
    }
    file_unmap(&file);
    return code;
}

/* ---- entities on words ---- */

/* Where an entity's characters are exactly words. */
static bool find_span(const struct report_tweets *t, const struct json *entity, int n, const struct text_word *places, struct span *span)
{
    int64_t start, end;
    int first = 0;
    const char *type = type_of(entity);
    if (!type || !json_read_integer(json_get(entity, "start"), &start) || !json_read_integer(json_get(entity, "end"), &end)) return false;
    while (first < n && places[first].char_first != start) first++;
    int last = first;
    while (last < n && places[last].char_end != end) last++;
    *span = (struct span){first, last, tag_set_find(&t->types, type)};
    return last < n;
}

int report_tweets_gold(const struct report_tweets *t, int i, struct span *spans)
{
    const struct tweet *tweet = &t->split.data.tweets[i];
    return tags_spans(tweet->n_words, t->split.data.tags + tweet->first_word, false, spans);
}

static void count_confusion(struct report_tweets *t, int i, struct span *gold)
{
    const int n_gold = report_tweets_gold(t, i, gold), none = t->types.n_types, width = none + 1;
    for (int k = t->entity_start[i]; k < t->entity_start[i + 1]; k++) {
        struct report_entity *x = &t->entities[k];
        int type = none;
        for (int g = 0; g < n_gold; g++)
            if (gold[g].type >= 0 && gold[g].first == x->span.first && gold[g].last == x->span.last) {
                type = gold[g].type;
                gold[g].type = -1;
            }
        x->right = type == x->span.type;
        t->confusion[type * width + x->span.type]++;
    }
    for (int g = 0; g < n_gold; g++)
        if (gold[g].type >= 0) t->confusion[gold[g].type * width + none]++;
}

static int place_tweet(struct report_tweets *t, int i, const char *path, struct err *e)
{
    const struct tweet *tweet = &t->split.data.tweets[i];
    const struct json *line = json_at(t->lines, (size_t)i), *entities = json_get(line, "entities");
    const char *said = json_text(json_get(line, "text"));
    struct sentence sentence;
    struct text_word *places = NULL;
    char *text = NULL;
    int code = sentence_of_words(tweet->n_words, t->split.data.words + tweet->first_word, &text, &places, &sentence, e);
    if (code) return code;
    bool fits = said && strcmp(said, text) == 0;
    for (size_t k = 0; k < json_size(entities) && fits; k++) {
        struct report_entity *x = &t->entities[t->entity_start[i] + (int)k];
        x->found = json_at(entities, k);
        fits = find_span(t, x->found, tweet->n_words, places, &x->span);
    }
    free(text);
    free(places);
    return fits ? 0
                : err_set(e, ERR_DATA, "%s:%d: not the tweet of %s:%ld; the data have changed", path, i + 1, t->split.data.path,
                          tweet->line);
}

static int place_all(struct report_tweets *t, const char *path, struct err *e)
{
    const int n = t->split.data.n_tweets;
    size_t n_entities = 0, width = (size_t)t->types.n_types + 1;
    if (json_size(t->lines) != (size_t)n)
        return err_set(e, ERR_DATA, "%s: %zu lines for the %d tweets of %s; the data have changed", path, json_size(t->lines), n,
                       t->split.data.path);
    for (int i = 0; i < n; i++) n_entities += json_size(json_get(json_at(t->lines, (size_t)i), "entities"));
    if (n_entities > INT_MAX / 2) return err_set(e, ERR_DATA, "%s: %zu entities are too many", path, n_entities);
    t->entity_start = calloc((size_t)n + 1, sizeof *t->entity_start);
    t->entities = calloc(n_entities + 1, sizeof *t->entities);
    t->confusion = calloc(width * width, sizeof *t->confusion);
    struct span *gold = calloc((size_t)t->split.data.n_words + 1, sizeof *gold);
    int code = t->entity_start && t->entities && t->confusion && gold ? 0 : err_set(e, ERR_INTERNAL, "out of memory for %d tweets", n);
    for (int i = 0; i < n && !code; i++) {
        t->entity_start[i + 1] = t->entity_start[i] + (int)json_size(json_get(json_at(t->lines, (size_t)i), "entities"));
        code = place_tweet(t, i, path, e);
        if (!code) count_confusion(t, i, gold);
    }
    free(gold);
    return code;
}

/* ---- what the tweets show ---- */

/* A picture or a caption is shown wherever the data have one, whatever the model looked at; where they have none, nothing is. */
static void open_sources(struct report_tweets *t)
{
    char path[CONFIG_TEXT_SIZE];
    struct err none = {0};
    if (!config_data_path(&t->config, t->config.data.images, path, &none) && file_exists(path) &&
        picture_folder_open(path, &t->images, &none))
        t->images = NULL;
    if (!config_data_path(&t->config, t->config.data.captions, path, &none) && file_exists(path) &&
        captions_read(path, &t->captions, &none))
        t->captions = (struct captions){0};
}

static int read_all(const char *run_directory, struct report_tweets *t, struct err *e)
{
    char path[PATH_MAX], data[PATH_MAX];
    struct dataset *d = &t->split.data;
    int code = path_join(path, sizeof path, run_directory, "config.yaml", e);
    config_default(&t->config);
    if (!code) code = config_read_file(path, &t->config, e);
    if (!code) code = config_check_data(&t->config, e);
    if (!code) code = split_path(&t->config, SPLIT_TEST, NULL, data, sizeof data, e);
    if (!code) code = path_join(path, sizeof path, run_directory, "predictions.jsonl", e);
    if (!code && !file_exists(path)) code = err_set(e, ERR_NOINPUT, "the run has no predictions.jsonl");
    if (!code) code = split_read(&t->config, data, &t->split, e);
    if (!code) code = dataset_collect_types(d, &t->types, e);
    if (!code) code = read_lines(t, path, e);
    if (!code) code = dataset_resolve_tags(d, &t->types, e);
    if (!code) code = place_all(t, path, e);
    if (!code) open_sources(t);
    return code;
}

int report_tweets_read(const char *run_directory, struct report_tweets *t, struct err *e)
{
    struct err why = {0};
    *t = (struct report_tweets){0};
    const int code = read_all(run_directory, t, &why);
    if (!code) return 0;
    report_tweets_free(t);
    if (code == ERR_INTERNAL) return err_set(e, code, "%s", why.text);
    /* Of a configuration's message, which has more, the first line; and not where the run lies, so that a page does not depend on it. */
    const size_t n = strlen(run_directory);
    const char *text = strncmp(why.text, run_directory, n) == 0 ? why.text + n : why.text;
    while (*text == '/') text++;
    snprintf(t->why, sizeof t->why, "%.*s", (int)strcspn(text, "\n"), text);
    return 0;
}

void report_tweets_free(struct report_tweets *t)
{
    picture_folder_close(t->images);
    captions_free(&t->captions);
    tag_set_free(&t->types);
    json_free(t->lines);
    split_free(&t->split);
    free(t->entity_start);
    free(t->entities);
    free(t->confusion);
    *t = (struct report_tweets){0};
}

/* ---- which tweets tell most ---- */

/* How well an entity answers; NAN: not at all. */
static double answer(const struct report_entity *x, enum report_question question)
{
    switch (question) {
    case REPORT_CONTRADICTING:
        return report_number(x->found, "conflict");
    case REPORT_WRONG:
        return x->right ? NAN : report_number(x->found, "score");
    default:
        return -report_number(x->found, "score");
    }
}

static bool is_chosen(int tweet, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    for (int q = 0; q < N_REPORT_QUESTIONS; q++)
        for (int k = 0; k < REPORT_EACH_MAX; k++)
            if (tweets[q][k] == tweet) return true;
    return false;
}

static int best_tweet(const struct report_tweets *t, enum report_question question, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    int best = -1;
    double most = -INFINITY;
    for (int i = 0; i < t->split.data.n_tweets; i++) {
        for (int k = t->entity_start[i]; k < t->entity_start[i + 1]; k++) {
            const double x = answer(&t->entities[k], question);
            if (!(x > most) || is_chosen(i, tweets)) continue;
            if (strlen(json_text(json_get(json_at(t->lines, (size_t)i), "text"))) > REPORT_TEXT_MAX) continue;
            most = x;
            best = i;
        }
    }
    return best;
}

void report_tweets_choose(const struct report_tweets *t, int each, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    for (int q = 0; q < N_REPORT_QUESTIONS; q++)
        for (int k = 0; k < REPORT_EACH_MAX; k++) tweets[q][k] = -1;
    for (int k = 0; k < each; k++)
        for (int q = 0; q < N_REPORT_QUESTIONS; q++) tweets[q][k] = best_tweet(t, (enum report_question)q, tweets);
}
