#include "evaluate.h"
#include "files.h"
#include <stdlib.h>
#include <string.h>

/* Room for the largest batch of the plan. */
static int reserve(struct batch *b, const struct batch_plan *plan, const struct encoded *x, struct err *e)
{
    int pieces = 0, words = 0, tweets = 0;
    for (int k = 0; k < plan->n_batches; k++) {
        int T = 0, W = 0, B = plan->start[k + 1] - plan->start[k];
        for (int i = plan->start[k]; i < plan->start[k + 1]; i++) {
            int tweet = plan->tweets[i];
            T += x->piece_start[tweet + 1] - x->piece_start[tweet];
            W += x->word_start[tweet + 1] - x->word_start[tweet];
        }
        if (T > pieces) pieces = T;
        if (W > words) words = W;
        if (B > tweets) tweets = B;
    }
    return batch_reserve(b, tweets, pieces, words, e);
}

static int add_found(const struct model *m, const struct batch *b, const ag_tensor *emissions, const int32_t *tags, struct evaluation *out,
                     struct err *e)
{
    int L = tag_count(&m->shape.types);
    for (int i = 0; i < b->B; i++) {
        int from = b->word_start[i], n = b->word_start[i + 1] - from;
        struct span *spans = malloc(((size_t)n + 1) * sizeof *spans);
        int count = spans ? tags_spans(n, tags + from, false, spans) : 0;
        struct found *grown = realloc(out->found, (out->n_found + (size_t)count + 1) * sizeof *grown);
        if (grown) out->found = grown;
        if (!spans || !grown) {
            free(spans);
            return err_set(e, ERR_INTERNAL, "out of memory for predicted entities");
        }
        for (int k = 0; k < count; k++)
            out->found[out->n_found++] =
                (struct found){b->tweet[i], spans[k], model_span_probability(m, n, emissions->val + (size_t)from * (size_t)L, spans[k])};
        free(spans);
    }
    return 0;
}

static int predict_batch(const struct model *m, ag_graph *graph, const struct split *s, const struct batch *b, int32_t *tags,
                         bool want_found, struct evaluation *out, struct err *e)
{
    ag_graph_reset(graph);
    nn_dropout none = {.on = false};
    ag_tensor *emissions = nerve_forward(graph, m, b, &none);
    model_decode(m, emissions, b, tags);
    for (int i = 0; i < b->B; i++) {
        int n = b->word_start[i + 1] - b->word_start[i];
        memcpy(out->predicted + s->data.tweets[b->tweet[i]].first_word, tags + b->word_start[i], (size_t)n * sizeof *tags);
    }
    return want_found ? add_found(m, b, emissions, tags, out, e) : 0;
}

static int by_tweet(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->tweet != y->tweet) return x->tweet < y->tweet ? -1 : 1;
    return (x->span.first > y->span.first) - (x->span.first < y->span.first);
}

int evaluate_split(const struct model *m, ag_graph *graph, const struct split *s, int batch_pieces, bool want_found,
                   const volatile sig_atomic_t *stop, struct evaluation *out, struct err *e)
{
    struct batch_plan plan = {0};
    struct batch b = {0};
    int32_t *tags = NULL;
    *out = (struct evaluation){0};
    int code = batch_plan_sorted(&s->encoded, 0, batch_pieces, &plan, e);
    if (code || (code = reserve(&b, &plan, &s->encoded, e))) goto done;
    tags = malloc(((size_t)b.cap_W + 1) * sizeof *tags);
    out->predicted = calloc((size_t)s->data.n_words + 1, sizeof *out->predicted);
    if (!tags || !out->predicted) {
        code = err_set(e, ERR_INTERNAL, "out of memory for the predictions of %d words", s->data.n_words);
        goto done;
    }
    for (int k = 0; k < plan.n_batches && !code; k++) {
        if (stop && *stop) {
            code = err_set(e, ERR_CHECK, "stopped by a signal");
            break;
        }
        batch_fill(&b, &s->encoded, plan.start[k + 1] - plan.start[k], plan.tweets + plan.start[k], 0);
        code = predict_batch(m, graph, s, &b, tags, want_found, out, e);
    }
    ag_graph_reset(graph);
    if (out->n_found) qsort(out->found, out->n_found, sizeof *out->found, by_tweet);
done:
    free(tags);
    batch_free(&b);
    batch_plan_free(&plan);
    if (code) evaluation_free(out);
    return code;
}

void evaluation_free(struct evaluation *x)
{
    free(x->predicted);
    free(x->found);
    *x = (struct evaluation){0};
}

int evaluation_score(const struct model *m, const struct split *s, const struct evaluation *x, struct score *out, struct err *e)
{
    int code = score_begin(out, &m->shape.types, e);
    if (code) return code;
    for (int i = 0; i < s->data.n_tweets && !code; i++) {
        const struct tweet *t = &s->data.tweets[i];
        code = score_add(out, t->n_words, s->gold + t->first_word, t->n_words, x->predicted + t->first_word, e);
    }
    if (code) score_end(out);
    return code;
}

/* ---- predictions.jsonl ---- */

struct predictions {
    const struct model *model;
    const struct split *split;
    const struct evaluation *evaluation;
    const char *path;
};

static int characters(const char *s, size_t bytes)
{
    int n = 0;
    for (size_t i = 0; i < bytes; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

static char *join(const struct split *s, const struct tweet *t, int first, int last)
{
    size_t size = 1;
    for (int w = first; w <= last; w++) size += strlen(s->data.words[t->first_word + w]) + 1;
    char *text = malloc(size), *at = text;
    if (!text) return NULL;
    for (int w = first; w <= last; w++) {
        if (w > first) *at++ = ' ';
        at = stpcpy(at, s->data.words[t->first_word + w]);
    }
    *at = 0;
    return text;
}

static struct json *entity_json(const struct predictions *p, const struct tweet *t, const struct found *f, const char *text)
{
    char *word = join(p->split, t, f->span.first, f->span.last);
    if (!word) return NULL;
    size_t before = 0;
    for (int w = 0; w < f->span.first; w++) before += strlen(p->split->data.words[t->first_word + w]) + 1;
    int start = characters(text, before);
    struct json *entity = json_new_object();
    json_set_string(entity, "entity_group", p->model->shape.types.types[f->span.type]);
    json_set_number(entity, "score", f->score);
    json_set_string(entity, "word", word);
    json_set_integer(entity, "start", start);
    json_set_integer(entity, "end", start + characters(word, strlen(word)));
    free(word);
    return entity;
}

static int write_tweet(const struct predictions *p, int i, size_t *next, int fd, struct err *e)
{
    const struct tweet *t = &p->split->data.tweets[i];
    char *text = join(p->split, t, 0, t->n_words - 1);
    if (!text) return err_set(e, ERR_INTERNAL, "out of memory for a tweet");
    struct json *line = json_new_object(), *entities = json_new_array();
    if (t->id) json_set_string(line, "id", t->id);
    json_set_string(line, "text", text);
    int code = 0;
    for (; *next < p->evaluation->n_found && p->evaluation->found[*next].tweet == i; ++*next) {
        struct json *entity = entity_json(p, t, &p->evaluation->found[*next], text);
        if (entity)
            json_append(entities, entity);
        else
            code = err_set(e, ERR_INTERNAL, "out of memory for a tweet");
    }
    json_set(line, "entities", entities);
    char *dump = json_dump(line, 0);
    size_t size = strlen(dump);
    dump[size] = '\n';
    if (!code) code = file_write_all(fd, dump, size + 1, p->path, e);
    free(dump);
    json_free(line);
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
