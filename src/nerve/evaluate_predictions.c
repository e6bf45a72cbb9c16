/* evaluate_predictions.c - predictions.jsonl: a line for each tweet of a split. */
#include "evaluate.h"
#include "files.h"
#include "predict.h"
#include <stdlib.h>
#include <string.h>

struct predictions {
    const struct model *model;
    const struct split *split;
    const struct evaluation *evaluation;
    const char *path;
};

/* What was found in tweet i; *next is the first that was not written yet. */
static int entities_of(const struct evaluation *x, int i, size_t *next, struct entity **entities, int *n, struct err *e)
{
    const size_t from = *next;
    while (*next < x->n_found && x->found[*next].tweet == i) ++*next;
    *n = (int)(*next - from);
    *entities = calloc((size_t)*n + 1, sizeof **entities);
    if (!*entities) return err_set(e, ERR_INTERNAL, "out of memory for the entities of a tweet");
    for (int k = 0; k < *n; k++) {
        const struct found *f = &x->found[from + (size_t)k];
        (*entities)[k] = (struct entity){f->span.type, f->span.first, f->span.last, f->score, f->doubt};
    }
    return 0;
}

static int write_tweet(const struct predictions *p, int i, size_t *next, int fd, struct err *e)
{
    const struct tweet *t = &p->split->data.tweets[i];
    struct entity *entities = NULL;
    struct sentence sentence;
    struct text_word *places = NULL;
    char *text = NULL;
    int n = 0, code = sentence_of_words(t->n_words, p->split->data.words + t->first_word, &text, &places, &sentence, e);
    if (!code) code = entities_of(p->evaluation, i, next, &entities, &n, e);
    if (!code) {
        struct json *line = prediction_json(p->model, t->id ? json_new_string(t->id) : NULL, &sentence, n, entities);
        char *dump = json_dump(line, 0);
        const size_t size = strlen(dump);
        dump[size] = '\n';
        code = file_write_all(fd, dump, size + 1, p->path, e);
        free(dump);
        json_free(line);
    }
    free(entities);
    free(places);
    free(text);
    return code;
}

static int fill_predictions(void *context, const char *temp_path, int fd, struct err *e)
{
    const struct predictions *p = context;
    size_t next = 0;
    int code = 0;
    (void)temp_path;
    for (int i = 0; i < p->split->data.n_tweets && !code; i++) code = write_tweet(p, i, &next, fd, e);
    return code;
}

int evaluation_write_predictions(const struct model *m, const struct split *s, const struct evaluation *x, const char *path, struct err *e)
{
    struct predictions p = {m, s, x, path};
    return file_write_atomic(path, fill_predictions, &p, e);
}
