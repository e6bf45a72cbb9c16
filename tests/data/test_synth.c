/* Synthetic tweets without pictures keep what synth.h promises for any number and seed: sizes, bytes, unseen names, a lexicon that does not
 * help, and a vocabulary that knows every word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "files.h"
#include "synth.h"
#include "synth_text.h"
#include "temporary.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[PATH_MAX];
static const char *const FILES[] = {"train.txt", "valid.txt", "test.txt", "vocab.txt"};

static const char *path_of(const char *folder, const char *file)
{
    static char path[4][2 * PATH_MAX];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s/%s", root, folder, file);
    return p;
}

static struct synth_report make(const char *folder, int n, uint32_t seed)
{
    char directory[2 * PATH_MAX];
    struct synth_report report;
    struct err e = {0};
    snprintf(directory, sizeof directory, "%s/%s", root, folder);
    if (synth_write(directory, &(struct synth_options){.tweets = n, .seed = seed}, &report, &e)) fail_msg("%s", e.text);
    return report;
}

static char *bytes_of(const char *folder, const char *file, size_t *size)
{
    char *data;
    struct err e = {0};
    if (file_read(path_of(folder, file), (size_t)1 << 30, &data, size, &e)) fail_msg("%s", e.text);
    return data;
}

static bool same_file(const char *a, const char *b, const char *file)
{
    size_t n, m;
    char *x = bytes_of(a, file, &n), *y = bytes_of(b, file, &m);
    bool same = n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

struct splits {
    struct dataset d[3];
    struct tag_set types;
};
static struct splits load(const char *folder)
{
    struct splits s = {0};
    struct err e = {0};
    for (int i = 0; i < 3; i++) {
        if (conll_read(path_of(folder, FILES[i]), NULL, 0, &s.d[i], &e) || dataset_collect_types(&s.d[i], &s.types, &e))
            fail_msg("%s", e.text);
    }
    for (int i = 0; i < 3; i++) assert_int_equal(dataset_resolve_tags(&s.d[i], &s.types, &e), 0);
    return s;
}
static void free_splits(struct splits *s)
{
    for (int i = 0; i < 3; i++) dataset_free(&s->d[i]);
    tag_set_free(&s->types);
}

/* ---- bytes ---- */

static void the_same_number_and_seed_give_the_same_bytes(void **state)
{
    (void)state;
    make("a", 150, 5);
    make("b", 150, 5);
    make("c", 150, 6);
    for (size_t i = 0; i < 4; i++) assert_true(same_file("a", "b", FILES[i]));
    for (size_t i = 0; i < 3; i++) assert_false(same_file("a", "c", FILES[i]));
}

/* Known digests: the bytes do not depend on the machine, the compiler or the day. They change with the clauses and names alone. */
static void the_bytes_are_those_of_every_machine(void **state)
{
    (void)state;
    static const char *const known[4] = {"03af4f108c93102cdac3c177e09e5656", "8fac269fbb2f99797d4c7198816fb883",
                                         "c39a4e105875ade59ecdb39033a703b8", "fe647ac0768fee98d067a1e45286893f"};
    make("known", 100, 1);
    for (size_t i = 0; i < 4; i++) {
        size_t size;
        char hex[33], *data = bytes_of("known", FILES[i], &size);
        struct hash h = hash_bytes(data, size);
        hash_hex(&h, hex);
        assert_string_equal(hex, known[i]);
        free(data);
    }
}

static void files_that_are_there_are_replaced(void **state)
{
    (void)state;
    make("old", 300, 1);
    make("old", 20, 2);
    make("new", 20, 2);
    for (size_t i = 0; i < 4; i++) assert_true(same_file("old", "new", FILES[i]));
}

/* ---- what any number and seed keep ---- */

struct made {
    int n;
    uint32_t seed;
    int tweets[3];
};
static const struct made MADE[] = {
    {10, 1, {7, 1, 2}},
    {11, 2, {7, 1, 3}},
    {19, 3, {13, 1, 5}},
    {100, 0, {70, 10, 20}},
    {257, 4294967295u, {179, 25, 53}},
    {500, 1, {350, 50, 100}},
    {500, 2, {350, 50, 100}},
    {500, 3, {350, 50, 100}},
    {1000, 4, {700, 100, 200}},
};

/* The words of an entity as one text. */
static void text_of(const struct dataset *d, const struct tweet *t, const struct span *s, char text[128])
{
    size_t used = 0;
    for (int i = s->first; i <= s->last; i++) used += (size_t)snprintf(text + used, 128 - used, "%s ", d->words[t->first_word + i]);
    assert_true(used < 128);
}

struct entity {
    char text[128];
    int type;
};
static struct entity *entities_of(const struct dataset *d, int *n)
{
    struct entity *all = calloc((size_t)d->n_words + 1, sizeof *all);
    struct span *spans = calloc((size_t)d->n_words + 1, sizeof *spans);
    assert_true(all && spans);
    *n = 0;
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        int k = tags_spans(t->n_words, d->tags + t->first_word, true, spans);
        for (int j = 0; j < k; j++, (*n)++) {
            text_of(d, t, &spans[j], all[*n].text);
            all[*n].type = spans[j].type;
        }
    }
    free(spans);
    return all;
}

static bool occurs(const struct entity *all, int n, const struct entity *x)
{
    for (int i = 0; i < n; i++) {
        if (all[i].type == x->type && strcmp(all[i].text, x->text) == 0) return true;
    }
    return false;
}

static void check_unseen(const struct splits *s, const struct synth_report *report)
{
    int n_train;
    struct entity *train = entities_of(&s->d[0], &n_train);
    for (int k = 0; k < 3; k++) {
        int n, distinct = 0, unseen = 0;
        struct entity *all = entities_of(&s->d[k], &n);
        for (int i = 0; i < n; i++) {
            if (occurs(all, i, &all[i])) continue;
            distinct++;
            unseen += !occurs(train, n_train, &all[i]);
        }
        double share = distinct > 0 ? (double)unseen / distinct : 0;
        assert_int_equal(report->entities[k], n);
        if (!(fabs(report->unseen[k] - share) <= 1e-12)) fail_msg("split %d: unseen %g, reported %g", k, share, report->unseen[k]);
        if (k > 0 && n > 0 && !(share >= 0.5)) fail_msg("split %d: only %g of the entities are unseen", k, share);
        free(all);
    }
    free(train);
}

static void check_vocabulary(const char *folder, const struct splits *s)
{
    size_t size;
    char *text = bytes_of(folder, "vocab.txt", &size);
    struct wordpiece *w;
    struct err e = {0};
    if (wordpiece_from_text(text, size, "vocab.txt", true, &w, &e)) fail_msg("%s", e.text);
    for (int k = 0; k < 3; k++) {
        struct encoded x;
        assert_int_equal(encode_dataset(&s->d[k], w, 512, &x, &e), 0);
        assert_int_equal(x.words_cut, 0);
        assert_int_equal(x.words_unknown, 0);
        for (int32_t i = 0; i < x.piece_start[x.n_tweets]; i++) assert_int_not_equal(x.ids[i], wordpiece_unknown(w));
        encoded_free(&x);
    }
    wordpiece_free(w);
    free(text);
}

static void tweets_are_as_promised(void **state)
{
    const struct made *m = *state;
    struct synth_report report = make("made", m->n, m->seed);
    struct splits s = load("made");
    int id = 0;
    for (int k = 0; k < 3; k++) {
        assert_int_equal(s.d[k].n_tweets, m->tweets[k]);
        assert_int_equal(report.tweets[k], m->tweets[k]);
        for (int i = 0; i < s.d[k].n_tweets; i++, id++) {
            char expected[16];
            snprintf(expected, sizeof expected, "S_%06d", id); /* no id comes twice */
            assert_string_equal(s.d[k].tweets[i].id, expected);
        }
        if (k > 0 && !(report.lexicon_f1[k] <= 0.60)) fail_msg("split %d: the lexicon reaches %g", k, report.lexicon_f1[k]);
    }
    check_unseen(&s, &report);
    check_vocabulary("made", &s);
    free_splits(&s);
}

static void all_four_types_occur_and_no_type_rules(void **state)
{
    (void)state;
    make("types", 1000, 9);
    struct splits s = load("types");
    int n, count[SYNTH_TYPES] = {0};
    struct entity *all = entities_of(&s.d[0], &n);
    assert_int_equal(s.types.n_types, SYNTH_TYPES);
    for (int t = 0; t < SYNTH_TYPES; t++) assert_string_equal(s.types.types[t], SYNTH_TYPE[t]);
    for (int i = 0; i < n; i++) count[all[i].type]++;
    for (int t = 0; t < SYNTH_TYPES; t++) assert_true(count[t] > n / 8 && count[t] < n / 2);
    free(all);
    free_splits(&s);
}

/* ---- clauses and names ---- */

/* The two words before and the word behind each slot of a clause, and what the slot holds. */
struct context {
    char before[48], behind[24], slot;
};

static int contexts_of(const char *clause, struct context *out)
{
    char text[256], *save = NULL, *words[40];
    int n_words = 0, n = 0;
    snprintf(text, sizeof text, "^ ^ %s $", clause);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) words[n_words++] = word;
    for (int i = 2; i < n_words - 1; i++) {
        if (words[i][0] != '%' || words[i][1] == 'T') continue;
        out[n].slot = words[i][1];
        snprintf(out[n].before, sizeof out[n].before, "%s %s", words[i - 2], words[i - 1]);
        snprintf(out[n++].behind, sizeof out[n].behind, "%s", words[i + 1]);
    }
    return n;
}

static void the_three_words_around_a_name_decide_what_it_is(void **state)
{
    (void)state;
    struct context all[256];
    int n = 0;
    for (const char *const *c = SYNTH_CLAUSES; *c; c++) n += contexts_of(*c, &all[n]);
    for (const char *const *c = SYNTH_AMBIGUOUS; *c; c++) n += contexts_of(*c, &all[n]);
    for (const char *const *c = SYNTH_DISTRACTORS; *c; c++) n += contexts_of(*c, &all[n]);
    assert_true(n > 50);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(all[i].before, all[k].before) != 0 || strcmp(all[i].behind, all[k].behind) != 0) continue;
            if (all[i].slot != all[k].slot) fail_msg("\"%s _ %s\" is %c and %c", all[i].before, all[i].behind, all[i].slot, all[k].slot);
        }
    }
}

static void clauses_of_one_type_and_distractors_with_a_name_come_first(void **state)
{
    (void)state;
    struct context all[8];
    for (int i = 0; SYNTH_CLAUSES[i]; i++) {
        bool one = true;
        int n = contexts_of(SYNTH_CLAUSES[i], all);
        for (int k = 1; k < n; k++) one = one && all[k].slot == all[0].slot;
        assert_int_equal(one, i < SYNTH_CLAUSES_OF_ONE);
    }
    for (int i = 0; SYNTH_DISTRACTORS[i]; i++) assert_int_equal(contexts_of(SYNTH_DISTRACTORS[i], all) > 0, i < SYNTH_DISTRACTORS_NAMED);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void no_two_numbers_have_the_same_name(void **state)
{
    (void)state;
    char(*names)[SYNTH_WORD_ROOM] = calloc(SYNTH_NAMES, sizeof *names);
    assert_non_null(names);
    for (int i = 0; i < SYNTH_NAMES; i++) {
        char words[SYNTH_NAME_WORDS][SYNTH_WORD_ROOM];
        int n = synth_name(12345, i, words);
        assert_true(n >= 1 && n <= SYNTH_NAME_WORDS);
        strcpy(names[i], words[0]); /* the first word alone tells the name */
    }
    qsort(names, SYNTH_NAMES, sizeof *names, by_text);
    for (int i = 1; i < SYNTH_NAMES; i++) assert_string_not_equal(names[i - 1], names[i]);
    free(names);
}

/* ---- refusals ---- */

static void a_number_out_of_range_is_refused(void **state)
{
    (void)state;
    static const int wrong[] = {-1, 0, 9, 2000000000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct synth_report report;
        struct err e = {0};
        char front[64];
        assert_int_equal(synth_write("/nonexistent", &(struct synth_options){.tweets = wrong[i]}, &report, &e), ERR_USAGE);
        snprintf(front, sizeof front, "%d synthetic tweets: expected 10 ", wrong[i]);
        assert_int_equal(strncmp(e.text, front, strlen(front)), 0);
    }
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    struct synth_report report;
    struct err e = {0};
    assert_true(synth_write("/dev/null/tweets", &(struct synth_options){.tweets = 10}, &report, &e) < 0);
    assert_non_null(strstr(e.text, "/dev/null"));
}

static int begin(void **state)
{
    (void)state;
    return temporary_folder(root);
}
static int end(void **state)
{
    (void)state;
    return temporary_remove(root);
}

int main(void)
{
    enum { N_MADE = sizeof MADE / sizeof *MADE, N_OTHER = 9 };
    static char names[N_MADE][48];
    struct CMUnitTest tests[N_OTHER + N_MADE] = {
        cmocka_unit_test(the_same_number_and_seed_give_the_same_bytes),
        cmocka_unit_test(the_bytes_are_those_of_every_machine),
        cmocka_unit_test(files_that_are_there_are_replaced),
        cmocka_unit_test(all_four_types_occur_and_no_type_rules),
        cmocka_unit_test(the_three_words_around_a_name_decide_what_it_is),
        cmocka_unit_test(clauses_of_one_type_and_distractors_with_a_name_come_first),
        cmocka_unit_test(no_two_numbers_have_the_same_name),
        cmocka_unit_test(a_number_out_of_range_is_refused),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_an_error),
    };
    for (size_t i = 0; i < N_MADE; i++) {
        snprintf(names[i], sizeof names[i], "%d tweets of seed %u", MADE[i].n, MADE[i].seed);
        tests[N_OTHER + i] =
            (struct CMUnitTest){.name = names[i], .test_func = tweets_are_as_promised, .initial_state = (void *)(uintptr_t)&MADE[i]};
    }
    return cmocka_run_group_tests_name("synth", tests, begin, end);
}
