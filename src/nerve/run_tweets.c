#include "run_tweets.h"
#include "files.h"
#include "predict.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *type_of(const struct json *entity)
{
    return json_text(json_get(entity, "entity_group"));
}

/* Every line, and the types that they name. */
static int read_lines(struct run_tweets *t, const char *path, struct err *e)
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

static const struct json *entities_of(const struct run_tweets *t, int i)
{
    return json_get(json_at(t->lines, (size_t)i), "entities");
}

/* Where an entity's characters are exactly words. */
static bool find_span(const struct run_tweets *t, const struct json *entity, int n, const struct text_word *places, struct span *span)
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

static int place_tweet(struct run_tweets *t, int i, const char *path, struct err *e)
{
    const struct tweet *tweet = &t->split.data.tweets[i];
    const struct json *entities = entities_of(t, i);
    const char *said = run_tweets_text(t, i);
    struct sentence sentence;
    struct text_word *places = NULL;
    char *text = NULL;
    int code = sentence_of_words(tweet->n_words, t->split.data.words + tweet->first_word, &text, &places, &sentence, e);
    if (code) return code;
    bool fits = said && strcmp(said, text) == 0;
    for (size_t k = 0; k < json_size(entities) && fits; k++) {
        struct run_entity *x = &t->entities[t->entity_start[i] + (int)k];
        x->found = json_at(entities, k);
        fits = find_span(t, x->found, tweet->n_words, places, &x->span);
    }
    free(text);
    free(places);
    return fits ? 0
                : err_set(e, ERR_DATA, "%s:%d: not the tweet of %s:%ld; the data have changed", path, i + 1, t->split.data.path,
                          tweet->line);
}

static void judge(struct run_tweets *t, int i, struct span *gold)
{
    const int n_gold = run_tweets_gold(t, i, gold);
    for (int k = t->entity_start[i]; k < t->entity_start[i + 1]; k++) {
        struct run_entity *x = &t->entities[k];
        for (int g = 0; g < n_gold && !x->right; g++) {
            x->right = gold[g].type == x->span.type && gold[g].first == x->span.first && gold[g].last == x->span.last;
            if (x->right) gold[g].type = -1;
        }
    }
}

static int place_all(struct run_tweets *t, const char *path, struct err *e)
{
    const int n = t->split.data.n_tweets;
    size_t n_entities = 0;
    if (json_size(t->lines) != (size_t)n)
        return err_set(e, ERR_DATA, "%s: %zu lines for the %d tweets of %s; the data have changed", path, json_size(t->lines), n,
                       t->split.data.path);
    for (int i = 0; i < n; i++) n_entities += json_size(entities_of(t, i));
    if (n_entities > INT_MAX / 2) return err_set(e, ERR_DATA, "%s: %zu entities are too many", path, n_entities);
    t->entity_start = calloc((size_t)n + 1, sizeof *t->entity_start);
    t->entities = calloc(n_entities + 1, sizeof *t->entities);
    struct span *gold = calloc((size_t)t->split.data.n_words + 1, sizeof *gold);
    int code = t->entity_start && t->entities && gold ? 0 : err_set(e, ERR_INTERNAL, "out of memory for %d tweets", n);
    for (int i = 0; i < n && !code; i++) {
        t->entity_start[i + 1] = t->entity_start[i] + (int)json_size(entities_of(t, i));
        code = place_tweet(t, i, path, e);
        if (!code) judge(t, i, gold);
    }
    free(gold);
    return code;
}

static int read_all(const char *run_directory, struct run_tweets *t, struct err *e)
{
    char path[PATH_MAX], data[PATH_MAX];
    struct dataset *d = &t->split.data;
    int code = path_join(path, sizeof path, run_directory, "config.yaml", e);
    config_default(&t->config);
    if (code || (code = config_read_file(path, &t->config, e)) || (code = config_check_data(&t->config, e)) ||
        (code = split_path(&t->config, SPLIT_TEST, NULL, data, sizeof data, e)) ||
        (code = path_join(path, sizeof path, run_directory, "predictions.jsonl", e)))
        return code;
    if (!file_exists(path)) return err_set(e, ERR_NOINPUT, "the run has no predictions.jsonl");
    if ((code = split_read(&t->config, data, &t->split, e)) || (code = dataset_collect_types(d, &t->types, e)) ||
        (code = read_lines(t, path, e)) || (code = dataset_resolve_tags(d, &t->types, e)))
        return code;
    return place_all(t, path, e);
}

int run_tweets_read(const char *run_directory, struct run_tweets *t, struct err *e)
{
    *t = (struct run_tweets){0};
    const int code = read_all(run_directory, t, e);
    if (code) run_tweets_free(t);
    return code;
}

void run_tweets_free(struct run_tweets *t)
{
    tag_set_free(&t->types);
    json_free(t->lines);
    split_free(&t->split);
    free(t->entity_start);
    free(t->entities);
    *t = (struct run_tweets){0};
}

int run_tweets_gold(const struct run_tweets *t, int i, struct span *spans)
{
    const struct tweet *tweet = &t->split.data.tweets[i];
    return tags_spans(tweet->n_words, t->split.data.tags + tweet->first_word, false, spans);
}

const char *run_tweets_text(const struct run_tweets *t, int i)
{
    return json_text(json_get(json_at(t->lines, (size_t)i), "text"));
}
