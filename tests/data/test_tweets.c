/* The real files are read to the last word, and the entities of real and constructed files are those that the reference counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "json.h"
#include "shared_files.h"
#include <cmocka.h>
#include <string.h>

/* One of the data files ("twitter2017/train") or of the metric pairs, and what the reference says of it. */
struct row {
    char name[128];
    const struct json *expected;
    char key[96];
};

static int64_t integer(const struct json *v)
{
    int64_t x = -1;
    assert_true(json_read_integer(v, &x));
    return x;
}

static void load(const char *path, struct dataset *d, struct tag_set *types)
{
    struct err e = {0};
    if (conll_read(path, NULL, 0, d, &e) || dataset_collect_types(d, types, &e) || dataset_resolve_tags(d, types, &e))
        fail_msg("%s", e.text);
}

static struct span *spans_of(const struct dataset *d, int tweet, bool strict, int *n)
{
    const struct tweet *t = &d->tweets[tweet];
    struct span *spans = calloc((size_t)t->n_words + 1, sizeof *spans);
    assert_non_null(spans);
    *n = tags_spans(t->n_words, d->tags + t->first_word, strict, spans);
    return spans;
}

/* ---- the six files ---- */

struct type_counts {
    const struct tag_set *types;
    const int64_t *counts;
    int n;
};
static int compare_type(void *context, const char *type, const struct json *count, struct err *e)
{
    struct type_counts *c = context;
    (void)e;
    int at = tag_set_find(c->types, type);
    assert_true(at >= 0);
    assert_int_equal(c->counts[at], integer(count));
    c->n++;
    return 0;
}

static void data_path(char path[4096], const struct row *r)
{
    char name[128];
    snprintf(name, sizeof name, "data/%s.txt", r->key);
    if (!shared_file(path, "NERVE_SHARED", name)) {
        print_message("NERVE_SHARED/%s is not at hand\n", name);
        skip();
    }
}

static void file_has_the_tweets_words_and_entities_that_the_reference_counts(void **state)
{
    const struct row *r = *state;
    char path[4096];
    data_path(path, r);
    struct dataset d;
    struct tag_set types = {0};
    load(path, &d, &types);
    assert_int_equal(d.n_tweets, integer(json_get(r->expected, "tweets")));
    assert_int_equal(d.n_words, integer(json_get(r->expected, "words")));
    int64_t lenient = 0, strict = 0, *by_type = calloc((size_t)types.n_types + 1, sizeof *by_type);
    assert_non_null(by_type);
    for (int i = 0; i < d.n_tweets; i++) {
        int n;
        assert_non_null(d.tweets[i].id);
        free(spans_of(&d, i, true, &n));
        strict += n;
        struct span *spans = spans_of(&d, i, false, &n);
        lenient += n;
        for (int k = 0; k < n; k++) by_type[spans[k].type]++;
        free(spans);
    }
    assert_int_equal(lenient, integer(json_get(r->expected, "lenient")));
    assert_int_equal(strict, integer(json_get(r->expected, "strict")));
    struct type_counts counts = {.types = &types, .counts = by_type};
    struct err e = {0};
    json_each(json_get(r->expected, "lenient_by_type"), compare_type, &counts, &e);
    assert_int_equal(counts.n, types.n_types);
    free(by_type);
    dataset_free(&d);
    tag_set_free(&types);
}

/* Words of nothing but characters that an uncased tokenizer drops: most are U+FE0F, left over from emoji, and some U+FFFD or blanks. */
static bool is_dropped(const char *word)
{
    static const char *const marks[] = {"\xEF\xB8\x8F", "\xE2\x80\x8B", "\xE2\x80\x8D", "\xC2\xAD", "\xC2\x92", "\xEF\xBF\xBD", "\xC2\xA0"};
    bool known = true;
    while (*word != '\0' && known) {
        known = false;
        for (size_t i = 0; i < sizeof marks / sizeof *marks && !known; i++) {
            known = strncmp(word, marks[i], strlen(marks[i])) == 0;
            if (known) word += strlen(marks[i]);
        }
    }
    return known;
}

static void words_and_pieces_stay_in_step(void **state)
{
    const struct row *r = *state;
    char path[4096], vocabulary_path[4096];
    data_path(path, r);
    if (!shared_file(vocabulary_path, "NERVE_SHARED", "vocab/bert-base-uncased/vocab.txt")) skip();
    struct dataset d;
    struct tag_set types = {0};
    struct wordpiece *w;
    struct encoded x;
    struct err e = {0};
    char *vocabulary;
    size_t size;
    load(path, &d, &types);
    if (file_read(vocabulary_path, (size_t)1 << 30, &vocabulary, &size, &e) ||
        wordpiece_from_text(vocabulary, size, vocabulary_path, true, &w, &e) || encode_dataset(&d, w, 512, &x, &e))
        fail_msg("%s", e.text);

    struct piece *pieces = NULL;
    int cap = 0, dropped = 0, at = 0;
    assert_int_equal(x.words_cut, 0);
    for (int i = 0; i < d.n_tweets; i++) {
        const struct tweet *t = &d.tweets[i];
        assert_int_equal(x.word_start[i + 1] - x.word_start[i], t->n_words);
        assert_int_equal(x.ids[at++], wordpiece_cls(w));
        for (int k = 0; k < t->n_words; k++) {
            const char *word = d.words[t->first_word + k];
            int n = wordpiece_encode(w, word, strlen(word), &pieces, &cap);
            assert_int_equal(x.first[x.word_start[i] + k], at - x.piece_start[i]);
            assert_int_equal(x.tags[x.word_start[i] + k], d.tags[t->first_word + k]);
            if (n == 0) assert_int_equal(x.ids[at], wordpiece_unknown(w));
            for (int j = 0; j < n; j++) assert_int_equal(x.ids[at + j], pieces[j].id);
            at += n > 0 ? n : 1;
            dropped += is_dropped(word);
        }
        assert_int_equal(x.ids[at++], wordpiece_sep(w));
        assert_int_equal(at, x.piece_start[i + 1]);
    }
    assert_int_equal(x.words_unknown, dropped);
    free(pieces);
    free(vocabulary);
    encoded_free(&x);
    wordpiece_free(w);
    dataset_free(&d);
    tag_set_free(&types);
}

/* ---- the metric pairs ---- */

struct pair {
    struct dataset d[2]; /* gold, predicted */
    struct tag_set types;
};

static bool load_pair(const struct row *r, struct pair *p)
{
    static const char *const side[] = {"gold", "pred"};
    *p = (struct pair){0};
    struct err e = {0};
    for (int k = 0; k < 2; k++) {
        char name[160], path[4096];
        snprintf(name, sizeof name, "metrics/%s.%s.conll", r->key, side[k]);
        assert_true(shared_file(path, "NERVE_REFERENCE", name));
        if (integer(json_get(r->expected, "sentences")) == 0) {
            assert_int_equal(conll_read(path, NULL, 0, &p->d[k], &e), ERR_DATA); /* no sentence at all is refused */
            continue;
        }
        if (conll_read(path, NULL, 0, &p->d[k], &e) || dataset_collect_types(&p->d[k], &p->types, &e)) fail_msg("%s", e.text);
    }
    if (integer(json_get(r->expected, "sentences")) == 0) return false;
    for (int k = 0; k < 2; k++) {
        if (dataset_resolve_tags(&p->d[k], &p->types, &e)) fail_msg("%s", e.text);
    }
    return true;
}

static void free_pair(struct pair *p)
{
    dataset_free(&p->d[0]);
    dataset_free(&p->d[1]);
    tag_set_free(&p->types);
}

static void assert_listed(const struct pair *p, const struct json *listed, const struct span *spans, int n)
{
    assert_int_equal(n, json_size(listed));
    for (int i = 0; i < n; i++) {
        const struct json *entity = json_at(listed, (size_t)i);
        assert_int_equal(spans[i].first, integer(json_at(entity, 0)));
        assert_int_equal(spans[i].last, integer(json_at(entity, 1)));
        assert_string_equal(p->types.types[spans[i].type], json_text(json_at(entity, 2)));
    }
}

static int n_common(const struct span *a, int n_a, const struct span *b, int n_b)
{
    int n = 0;
    for (int i = 0; i < n_a; i++) {
        for (int k = 0; k < n_b; k++) n += a[i].first == b[k].first && a[i].last == b[k].last && a[i].type == b[k].type;
    }
    return n;
}

static void pair_has_the_entities_of_the_reference(void **state)
{
    const struct row *r = *state;
    struct pair p;
    if (!load_pair(r, &p)) return;
    const struct json *entities = json_get(r->expected, "entities");
    assert_int_equal(p.d[0].n_tweets, integer(json_get(r->expected, "sentences")));
    assert_int_equal(p.d[0].n_words, integer(json_get(r->expected, "words")));
    for (int strict = 0; strict < 2; strict++) {
        static const char *const keys[2][2] = {{"gold_lenient", "pred_lenient"}, {"gold_strict", "pred_strict"}};
        int64_t count[2] = {0, 0}, correct = 0;
        for (int i = 0; i < p.d[0].n_tweets; i++) {
            int n[2];
            struct span *spans[2];
            for (int k = 0; k < 2; k++) {
                spans[k] = spans_of(&p.d[k], i, strict, &n[k]);
                count[k] += n[k];
                if (entities) assert_listed(&p, json_get(json_at(entities, (size_t)i), keys[strict][k]), spans[k], n[k]);
            }
            correct += n_common(spans[0], n[0], spans[1], n[1]);
            free(spans[0]);
            free(spans[1]);
        }
        const struct json *micro = json_get(json_get(r->expected, strict ? "strict" : "lenient"), "micro");
        assert_int_equal(count[0], integer(json_get(micro, "gold")));
        assert_int_equal(count[1], integer(json_get(micro, "predicted")));
        assert_int_equal(correct, integer(json_get(micro, "correct")));
    }
    free_pair(&p);
}

static void repaired_tags_have_strictly_the_lenient_entities(void **state)
{
    const struct row *r = *state;
    struct pair p;
    if (!load_pair(r, &p)) return;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < p.d[k].n_tweets; i++) {
            const struct tweet *t = &p.d[k].tweets[i];
            int n_lenient, n_strict;
            struct span *lenient = spans_of(&p.d[k], i, false, &n_lenient);
            tags_repair(t->n_words, p.d[k].tags + t->first_word);
            struct span *strict = spans_of(&p.d[k], i, true, &n_strict);
            assert_int_equal(n_lenient, n_strict);
            assert_int_equal(n_common(lenient, n_lenient, strict, n_strict), n_lenient);
            free(lenient);
            free(strict);
        }
    }
    free_pair(&p);
}

static void without_the_reference_there_is_nothing_to_compare(void **state)
{
    (void)state;
    print_message("NERVE_REFERENCE/metrics/expected.json is not at hand\n");
    skip();
}

/* ---- the rows: every pair and every data file that expected.json names ---- */

struct suite {
    struct CMUnitTest tests[512];
    size_t n;
};

static void add(struct suite *s, const char *key, const char *claim, const struct json *expected, CMUnitTestFunction test)
{
    struct row *r = calloc(1, sizeof *r);
    if (!r || s->n == sizeof s->tests / sizeof *s->tests) abort();
    snprintf(r->name, sizeof r->name, "%s: %s", key, claim);
    snprintf(r->key, sizeof r->key, "%s", key);
    r->expected = expected;
    s->tests[s->n++] = (struct CMUnitTest){.name = r->name, .test_func = test, .initial_state = r};
}

static int add_data_file(void *context, const char *key, const struct json *expected, struct err *e)
{
    (void)e;
    add(context, key, "counts", expected, file_has_the_tweets_words_and_entities_that_the_reference_counts);
    add(context, key, "words and pieces in step", expected, words_and_pieces_stay_in_step);
    return 0;
}

static int add_entry(void *context, const char *key, const struct json *expected, struct err *e)
{
    if (strcmp(key, "entities_in_the_data") == 0) return json_each(expected, add_data_file, context, e);
    add(context, key, "entities", expected, pair_has_the_entities_of_the_reference);
    add(context, key, "repair", expected, repaired_tags_have_strictly_the_lenient_entities);
    return 0;
}

static void end(struct suite *s, struct json *expected)
{
    for (size_t i = 0; i < s->n; i++) free(s->tests[i].initial_state);
    json_free(expected);
}

int main(void)
{
    static struct suite s;
    char path[4096], *text = NULL;
    size_t size;
    struct json *expected = NULL;
    struct err e = {0};
    if (!shared_file(path, "NERVE_REFERENCE", "metrics/expected.json")) {
        s.tests[s.n++] = (struct CMUnitTest)cmocka_unit_test(without_the_reference_there_is_nothing_to_compare);
    } else if (file_read(path, (size_t)1 << 30, &text, &size, &e) || json_parse(text, size, path, &expected, &e) ||
               json_each(expected, add_entry, &s, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    free(text);
    int failed = _cmocka_run_group_tests("tweets and entities", s.tests, s.n, NULL, NULL);
    end(&s, expected);
    return failed;
}
