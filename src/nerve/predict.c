#include "predict.h"
#include "utf8.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- sentences as a data set: one tweet for each part ---- */

struct parts {
    struct split split;
    int *sentence, *first_word; /* [tweets] whose part it is, and where it begins in the sentence */
    int cap;
};

static void parts_free(struct parts *p)
{
    split_free(&p->split);
    free(p->sentence);
    free(p->first_word);
}

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for the sentences to predict");
}

static int add_part(struct parts *p, int sentence, int first_word, int n_words, struct err *e)
{
    struct dataset *d = &p->split.data;
    if (d->n_tweets == p->cap) {
        const size_t cap = (size_t)p->cap * 2 + 16;
        struct tweet *tweets = cap <= INT_MAX ? reallocarray(d->tweets, cap, sizeof *tweets) : NULL;
        if (tweets) d->tweets = tweets;
        int *sentences = tweets ? reallocarray(p->sentence, cap, sizeof *sentences) : NULL;
        if (sentences) p->sentence = sentences;
        int *first_words = sentences ? reallocarray(p->first_word, cap, sizeof *first_words) : NULL;
        if (!first_words) return out_of_memory(e);
        p->first_word = first_words;
        p->cap = (int)cap;
    }
    d->tweets[d->n_tweets] = (struct tweet){.line = 1, .first_word = d->n_words - n_words, .n_words = n_words};
    p->sentence[d->n_tweets] = sentence;
    p->first_word[d->n_tweets++] = first_word;
    return 0;
}

/* The words of one sentence into the data set, cut into parts that the model can hold. */
static int add_sentence(struct parts *p, const struct model *m, int which, const struct sentence *s, char **at, struct piece **pieces,
                        int *cap, struct err *e)
{
    struct dataset *d = &p->split.data;
    const int room = m->shape.max_length - 2; /* beside [CLS] and [SEP] */
    int used = 0, first = 0, code = 0;
    for (int w = 0; w < s->n_words && !code; w++) {
        const size_t size = (size_t)(s->words[w].byte_end - s->words[w].byte_first);
        char *word = *at;
        memcpy(word, s->text + s->words[w].byte_first, size);
        word[size] = '\0';
        *at += size + 1;
        int n = wordpiece_encode(m->wordpiece, word, size, pieces, cap);
        if (n < 0) return out_of_memory(e);
        if (n == 0) n = 1; /* [UNK] */
        if (used > 0 && n > room - used) {
            code = add_part(p, which, first, w - first, e);
            first = w;
            used = 0;
        }
        used = n > room - used ? room : used + n;
        d->words[d->n_words++] = word;
    }
    return code || first == s->n_words ? code : add_part(p, which, first, s->n_words - first, e);
}

static int make_parts(const struct model *m, int n, const struct sentence *sentences, struct parts *p, struct err *e)
{
    struct dataset *d = &p->split.data;
    struct piece *pieces = NULL;
    size_t bytes = 1, n_words = 1;
    int cap = 0, code = 0;
    for (int i = 0; i < n; i++) {
        n_words += (size_t)sentences[i].n_words;
        for (int w = 0; w < sentences[i].n_words; w++)
            bytes += (size_t)(sentences[i].words[w].byte_end - sentences[i].words[w].byte_first) + 1;
    }
    d->path = strdup("text");
    char *at = d->text = malloc(bytes);
    d->words = n_words <= INT_MAX ? calloc(n_words, sizeof *d->words) : NULL;
    if (!d->path || !d->text || !d->words) return out_of_memory(e);
    for (int i = 0; i < n && !code; i++) code = add_sentence(p, m, i, &sentences[i], &at, &pieces, &cap, e);
    free(pieces);
    return code ? code : encode_dataset(d, m->wordpiece, m->shape.max_length, &p->split.encoded, e);
}

/* ---- what the parts show: each what its sentence does ---- */

struct notes {
    const struct parts *parts;
    char **note; /* [sentences] */
    bool failed;
};

static void take_note(void *context, int tweet, const char *message)
{
    struct notes *k = context;
    char **note = &k->note[k->parts->sentence[tweet]];
    if (!*note) k->failed |= !(*note = strdup(message));
}

static int see(struct parts *p, const struct model *m, const struct visual_source *source, const struct sentence *sentences, char **note,
               struct err *e)
{
    const int n_parts = p->split.data.n_tweets;
    struct notes notes = {.parts = p, .note = note};
    static const struct visual_source nothing;
    if (m->shape.visual.source == SOURCE_NONE) return 0;
    struct visual_look *looks = calloc((size_t)n_parts + 1, sizeof *looks);
    if (!looks) return out_of_memory(e);
    for (int i = 0; i < n_parts; i++) looks[i] = sentences[p->sentence[i]].look;
    int code = visual_look_up(source ? source : &nothing, m, n_parts, looks, take_note, &notes, &p->split.encoded, &p->split.visual, e);
    free(looks);
    return !code && notes.failed ? out_of_memory(e) : code;
}

/* ---- what was found, by sentence ---- */

static int collect(const struct parts *p, struct evaluation *x, int n, const struct sentence *sentences, struct prediction *out,
                   struct err *e)
{
    out->entity_start = calloc((size_t)n + 1, sizeof *out->entity_start);
    out->word_start = calloc((size_t)n + 1, sizeof *out->word_start);
    out->entities = calloc(x->n_found + 1, sizeof *out->entities);
    out->tags = calloc((size_t)p->split.data.n_words + 1, sizeof *out->tags);
    if (!out->entity_start || !out->word_start || !out->entities || !out->tags) return out_of_memory(e);
    for (int i = 0; i < n; i++) out->word_start[i + 1] = out->word_start[i] + sentences[i].n_words;
    for (int w = 0; w < p->split.data.n_words; w++) out->tags[w] = x->predicted[w];
    if (x->words) {
        out->words = x->words; /* parts are in the order of the sentences */
        x->words = NULL;
    }
    for (size_t k = 0; k < x->n_found; k++) {
        const struct found *f = &x->found[k];
        const int first = p->first_word[f->tweet];
        out->entities[k] = (struct entity){f->span.type, first + f->span.first, first + f->span.last, f->score, f->doubt};
        out->entity_start[p->sentence[f->tweet] + 1] = (int)k + 1;
    }
    for (int i = 0; i < n; i++)
        if (out->entity_start[i + 1] < out->entity_start[i]) out->entity_start[i + 1] = out->entity_start[i];
    return 0;
}

int predict_sentences(const struct model *m, ag_graph *graph, int n, const struct sentence *sentences, const struct visual_source *source,
                      int batch_pieces, bool with_words, struct prediction *out, struct err *e)
{
    const unsigned wanted = with_words ? EVALUATE_FOUND | EVALUATE_WORDS : EVALUATE_FOUND;
    struct parts p = {0};
    struct evaluation x = {0};
    *out = (struct prediction){.n_sentences = n, .note = calloc((size_t)n + 1, sizeof *out->note)};
    int code = out->note ? 0 : out_of_memory(e);
    if (!code) code = make_parts(m, n, sentences, &p, e);
    if (!code) code = see(&p, m, source, sentences, out->note, e);
    if (!code) code = evaluate_split(m, graph, &p.split, batch_pieces, wanted, NULL, &x, e);
    if (!code) code = collect(&p, &x, n, sentences, out, e);
    if (code) prediction_free(out);
    evaluation_free(&x);
    parts_free(&p);
    return code;
}

void prediction_free(struct prediction *p)
{
    free(p->entity_start);
    free(p->entities);
    free(p->word_start);
    free(p->tags);
    free(p->words);
    for (int i = 0; i < p->n_sentences && p->note; i++) free(p->note[i]);
    free(p->note);
    *p = (struct prediction){0};
}

/* ---- as JSON ---- */

struct json *prediction_json(const struct model *m, struct json *id, const struct sentence *s, int n, const struct entity *entities)
{
    struct json *v = json_new_object(), *list = json_new_array();
    if (id) json_set(v, "id", id);
    json_set_text(v, "text", s->text, s->size);
    for (int k = 0; k < n; k++) {
        const struct text_word *first = &s->words[entities[k].first], *last = &s->words[entities[k].last];
        struct json *entity = json_new_object();
        json_set_string(entity, "entity_group", m->shape.types.types[entities[k].type]);
        json_set_number(entity, "score", entities[k].score);
        json_set_text(entity, "word", s->text + first->byte_first, (size_t)(last->byte_end - first->byte_first));
        json_set_integer(entity, "start", first->char_first);
        json_set_integer(entity, "end", last->char_end);
        if (model_has_evidence(m)) doubt_add_json(&entities[k].doubt, entity);
        json_append(list, entity);
    }
    json_set(v, "entities", list);
    return v;
}

void prediction_add_words(const struct model *m, const struct sentence *s, const int32_t *tags, const struct tagged *words,
                          struct json *prediction)
{
    struct json *list = json_new_array();
    for (int w = 0; w < s->n_words; w++) {
        const struct text_word *x = &s->words[w];
        struct json *word = json_new_object();
        char tag[256];
        tag_name(&m->shape.types, tags[w], tag, sizeof tag);
        json_set_text(word, "word", s->text + x->byte_first, (size_t)(x->byte_end - x->byte_first));
        json_set_integer(word, "start", x->char_first);
        json_set_integer(word, "end", x->char_end);
        json_set_string(word, "tag", tag);
        json_set_number(word, "score", words[w].score);
        if (model_has_evidence(m)) doubt_add_json(&words[w].doubt, word);
        json_append(list, word);
    }
    json_set(prediction, "words", list);
}

/* ---- words that come without a text ---- */

static int32_t characters(const char *s, size_t size)
{
    int32_t n = 0;
    for (size_t i = 0; i < size; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

int sentence_of_words(int n, char *const *words, char **text, struct text_word **places, struct sentence *out, struct err *e)
{
    size_t size = 1;
    for (int w = 0; w < n; w++) size += strlen(words[w]) + 1;
    char *joined = size <= INT32_MAX ? malloc(size) : NULL, *at = joined;
    struct text_word *all = calloc((size_t)n + 1, sizeof *all);
    if (!joined || !all) {
        free(joined);
        free(all);
        return out_of_memory(e);
    }
    int32_t character = 0;
    for (int w = 0; w < n; w++, character++) {
        if (w > 0) *at++ = ' ';
        const size_t length = strlen(words[w]);
        all[w].byte_first = (int32_t)(at - joined);
        all[w].char_first = character;
        memcpy(at, words[w], length);
        at += length;
        all[w].byte_end = (int32_t)(at - joined);
        all[w].char_end = character += characters(words[w], length);
    }
    *at = '\0';
    *text = joined;
    *places = all;
    *out = (struct sentence){.text = joined, .size = (size_t)(at - joined), .n_words = n, .words = all};
    return 0;
}
