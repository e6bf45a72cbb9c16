/* ablate_counts.c - the entities of each tweet of a run's test split, counted from its predictions.jsonl: what a paired test resamples. */
#include "ablate_cell.h"
#include "files.h"
#include "json.h"
#include "predict.h"
#include "split.h"
#include <stdlib.h>
#include <string.h>

struct counter {
    struct nerve_config config; /* the run's own */
    struct split split;
    struct json *lines; /* array of the objects of predictions.jsonl */
    struct tag_set types;
    struct score score;
    char path[PATH_MAX]; /* of predictions.jsonl */
};

static const char *type_of(const struct json *entity)
{
    return json_text(json_get(entity, "entity_group"));
}

/* Every line, and the types that they name. */
static int read_lines(struct counter *c, struct err *e)
{
    struct file_map file;
    int code = file_map(c->path, &file, e);
    if (code) return code;
    const char *text = (const char *)file.data, *end = text + file.size;
    c->lines = json_new_array();
    for (const char *stop; !code && text < end && (stop = memchr(text, '\n', (size_t)(end - text))); text = stop + 1) {
        struct json *line;
        if ((code = json_parse(text, (size_t)(stop - text), c->path, &line, e))) break;
        const struct json *entities = json_get(line, "entities");
        for (size_t k = 0; k < json_size(entities) && !code; k++)
            if (type_of(json_at(entities, k))) code = tag_set_add(&c->types, type_of(json_at(entities, k)), e);
        json_append(c->lines, line);
    }
    file_unmap(&file);
    return code;
}

/* tags [n]: the predicted entities of a tweet. False where an entity does not stand on its words. */
static bool tag_words(const struct counter *c, const struct json *entities, int n, const struct text_word *places, int *tags)
{
    for (int i = 0; i < n; i++) tags[i] = TAG_O;
    for (size_t k = 0; k < json_size(entities); k++) {
        const struct json *entity = json_at(entities, k);
        int64_t start, end;
        int type, first = 0, last;
        if (!type_of(entity) || (type = tag_set_find(&c->types, type_of(entity))) < 0 ||
            !json_read_integer(json_get(entity, "start"), &start) || !json_read_integer(json_get(entity, "end"), &end))
            return false;
        while (first < n && places[first].char_first != start) first++;
        last = first;
        while (last < n && places[last].char_end != end) last++;
        if (last >= n) return false;
        for (int i = first; i <= last; i++) tags[i] = i == first ? tag_begin(type) : tag_inside(type);
    }
    return true;
}

static int count_tweet(struct counter *c, int i, struct err *e)
{
    const struct tweet *t = &c->split.data.tweets[i];
    struct sentence sentence;
    struct text_word *places = NULL;
    char *text = NULL;
    int code = sentence_of_words(t->n_words, c->split.data.words + t->first_word, &text, &places, &sentence, e);
    if (code) return code;
    const struct json *line = json_at(c->lines, (size_t)i);
    const char *predicted_text = json_text(json_get(line, "text"));
    int *tags = malloc(((size_t)t->n_words + 1) * sizeof *tags);
    if (!tags)
        code = err_set(e, ERR_INTERNAL, "out of memory for the tags of a tweet");
    else if (!predicted_text || strcmp(predicted_text, text) != 0 || !tag_words(c, json_get(line, "entities"), t->n_words, places, tags))
        code = err_set(e, ERR_DATA, "%s:%d: not the tweet of %s:%ld; the data have changed", c->path, i + 1, c->split.data.path, t->line);
    else
        code = score_add(&c->score, t->n_words, c->split.data.tags + t->first_word, t->n_words, tags, e);
    free(tags);
    free(places);
    free(text);
    return code;
}

static int count(struct counter *c, const char *run_directory, struct err *e)
{
    char path[PATH_MAX];
    struct dataset *d = &c->split.data;
    int code;
    config_default(&c->config);
    if ((code = path_join(path, sizeof path, run_directory, "config.yaml", e)) || (code = config_read_file(path, &c->config, e)) ||
        (code = split_path(&c->config, SPLIT_TEST, NULL, path, sizeof path, e)) || (code = split_read(&c->config, path, &c->split, e)) ||
        (code = dataset_collect_types(d, &c->types, e)) ||
        (code = path_join(c->path, sizeof c->path, run_directory, "predictions.jsonl", e)) || (code = read_lines(c, e)) ||
        (code = dataset_resolve_tags(d, &c->types, e)) || (code = score_begin(&c->score, &c->types, e)))
        return code;
    if (json_size(c->lines) != (size_t)d->n_tweets)
        return err_set(e, ERR_DATA, "%s: %zu lines for the %d tweets of %s; the data have changed", c->path, json_size(c->lines),
                       d->n_tweets, d->path);
    for (int i = 0; i < d->n_tweets && !code; i++) code = count_tweet(c, i, e);
    return code;
}

int cell_counts(const char *run_directory, struct cell_result *out, struct err *e)
{
    struct counter *c = calloc(1, sizeof *c);
    if (!c) return err_set(e, ERR_INTERNAL, "out of memory for the entities of a run");
    int code = count(c, run_directory, e);
    const int n = c->score.n_sentences;
    if (!code && !(out->tweets = malloc(((size_t)n + 1) * sizeof *out->tweets)))
        code = err_set(e, ERR_INTERNAL, "out of memory for the entities of %d tweets", n);
    if (!code) {
        for (int i = 0; i < n; i++) out->tweets[i] = c->score.sentences[i][SCORE_LENIENT];
        out->n_tweets = n;
        out->test_digest = c->split.data.digest;
    }
    score_end(&c->score);
    tag_set_free(&c->types);
    json_free(c->lines);
    split_free(&c->split);
    free(c);
    return code;
}
