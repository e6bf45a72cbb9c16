/* Tweets become pieces, batches and epochs as batch.h says: words and pieces stay in step, nothing is padded, every tweet comes once, and
 * the order is a function of (seed, epoch). */
#include "temporary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char VOCABULARY[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a\nb\n";
enum { UNK = 1, CLS = 2, SEP = 3, A = 4, INNER_A = 5, B_ = 6 };
#define NO_WIDTH "\xEF\xB8\x8F"

static struct wordpiece *w;
static char folder[PATH_MAX], path[PATH_MAX + 8];

static struct encoded encode_file(const char *text, int max_length, bool with_tags)
{
    struct dataset d;
    struct encoded x = {0};
    struct tag_set types = {0};
    struct err e = {0};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    int code = conll_read(path, NULL, 0, &d, &e);
    if (!code && with_tags) code = dataset_collect_types(&d, &types, &e) || dataset_resolve_tags(&d, &types, &e);
    if (!code) code = encode_dataset(&d, w, max_length, &x, &e);
    if (code) fail_msg("%s", e.text);
    dataset_free(&d);
    tag_set_free(&types);
    return x;
}

static void assert_ints(const char *what, const int32_t *a, const int32_t *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != expected[i]) fail_msg("%s[%zu] is %d, expected %d", what, i, a[i], expected[i]);
    }
}
#define ASSERT_INTS(a, ...) assert_ints(#a, a, (const int32_t[])__VA_ARGS__, sizeof((const int32_t[])__VA_ARGS__) / sizeof(int32_t))

/* ---- encoding ---- */

static void each_word_is_cut_by_itself_and_keeps_its_first_piece(void **state)
{
    (void)state;
    struct encoded x = encode_file("aaa\tB-X\nb\tI-X\nzz\tO\n\nb\tO\n", 100, true);
    assert_int_equal(x.n_tweets, 2);
    ASSERT_INTS(x.piece_start, {0, 7, 10});
    ASSERT_INTS(x.ids, {CLS, A, INNER_A, INNER_A, B_, UNK, SEP, CLS, B_, SEP});
    ASSERT_INTS(x.word_start, {0, 3, 4});
    ASSERT_INTS(x.first, {1, 4, 5, 1});
    ASSERT_INTS(x.tags, {1, 2, 0, 0});
    assert_int_equal(x.words_cut, 0);
    assert_int_equal(x.tweets_cut, 0);
    assert_int_equal(x.words_unknown, 0);
    encoded_free(&x);
}

static void a_word_without_a_piece_is_unknown_and_stays_in_step(void **state)
{
    (void)state;
    struct encoded x = encode_file("a\tO\n" NO_WIDTH "\tB-X\n" NO_WIDTH "\tO\nb\tO\n", 100, true);
    ASSERT_INTS(x.ids, {CLS, A, UNK, UNK, B_, SEP});
    ASSERT_INTS(x.first, {1, 2, 3, 4});
    ASSERT_INTS(x.tags, {0, 1, 0, 0});
    assert_int_equal(x.words_unknown, 2);
    encoded_free(&x);
}

static void a_dataset_without_tags_has_none(void **state)
{
    (void)state;
    struct encoded x = encode_file("a\tO\n", 100, false);
    assert_null(x.tags);
    encoded_free(&x);
}

struct cut {
    const char *name;
    int max_length, n_kept, n_pieces;
    int64_t words_cut, tweets_cut;
};
/* "aa b aaa b": 2 + 1 + 3 + 1 pieces, 9 with [CLS] and [SEP]. */
static const struct cut CUTS[] = {
    {"a tweet that fits exactly is whole", 9, 4, 9, 0, 0},
    {"one piece too many loses the last word", 8, 3, 8, 1, 1},
    {"a word is never split", 7, 2, 5, 2, 1},
    {"a later word that would fit is not taken", 6, 2, 5, 2, 1},
    {"one word left", 4, 1, 4, 3, 1},
    {"no word fits", 3, 0, 2, 4, 1},
};
static void tweet_is_cut_at_a_word(void **state)
{
    const struct cut *c = *state;
    struct encoded x = encode_file("b\tO\n\naa\tB-X\nb\tO\naaa\tB-X\nb\tO\n\nb\tO\n", c->max_length, true);
    assert_int_equal(x.word_start[2] - x.word_start[1], c->n_kept);
    assert_int_equal(x.piece_start[2] - x.piece_start[1], c->n_pieces);
    assert_int_equal(x.ids[x.piece_start[1]], CLS);
    assert_int_equal(x.ids[x.piece_start[2] - 1], SEP);
    assert_int_equal(x.words_cut, c->words_cut);
    assert_int_equal(x.tweets_cut, c->tweets_cut);
    assert_int_equal(x.word_start[3] - x.word_start[2], 1); /* the next tweet is in step */
    assert_int_equal(x.tags[x.word_start[2]], 0);
    encoded_free(&x);
}

/* ---- packing ---- */

static void a_batch_is_sequences_end_to_end(void **state)
{
    (void)state;
    struct encoded x = encode_file("aaa\tB-X\nb\tI-X\n\nb\tO\n\nb\tO\naa\tB-X\n", 100, true);
    struct batch b = {0};
    struct err e = {0};
    static const int32_t tweets[] = {2, 0};
    assert_int_equal(batch_reserve(&b, 2, 12, 4, &e), 0);
    batch_fill(&b, &x, 2, tweets, 30);
    assert_int_equal(b.B, 2);
    assert_int_equal(b.T, 11);
    assert_int_equal(b.W, 4);
    ASSERT_INTS(b.ids, {CLS, B_, A, INNER_A, SEP, CLS, A, INNER_A, INNER_A, B_, SEP});
    ASSERT_INTS(b.position, {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5});
    ASSERT_INTS(b.seq_start, {0, 5, 11});
    ASSERT_INTS(b.first, {1, 2, 6, 9});
    ASSERT_INTS(b.word_start, {0, 2, 4});
    ASSERT_INTS(b.tags, {0, 1, 1, 2});
    ASSERT_INTS(b.tweet, {2, 0});
    ASSERT_INTS(b.place, {30, 31});
    batch_fill(&b, &x, 0, tweets, 0);
    assert_int_equal(b.B + b.T + b.W, 0);
    ASSERT_INTS(b.seq_start, {0});
    batch_free(&b);
    encoded_free(&x);
}

static void a_batch_without_tags_says_o(void **state)
{
    (void)state;
    struct encoded x = encode_file("a\tB-X\nb\tI-X\n", 100, false);
    struct batch b = {0};
    struct err e = {0};
    static const int32_t tweet = 0;
    assert_int_equal(batch_reserve(&b, 1, 4, 2, &e), 0);
    memset(b.tags, 0xFF, 2 * sizeof *b.tags);
    batch_fill(&b, &x, 1, &tweet, 0);
    ASSERT_INTS(b.tags, {0, 0});
    batch_free(&b);
    encoded_free(&x);
}

/* ---- captions behind tweets ---- */

struct appended {
    const char *name;
    int max_length, n;
    int32_t ids[12], types[12]; /* of the first tweet, "b a" with the caption "a b" */
};
static const struct appended APPENDED[] = {
    {"a caption stands behind its tweet", 100, 7, {CLS, B_, A, SEP, A, B_, SEP}, {0, 0, 0, 0, 1, 1, 1}},
    {"a caption that fits exactly is whole", 7, 7, {CLS, B_, A, SEP, A, B_, SEP}, {0, 0, 0, 0, 1, 1, 1}},
    {"a caption that does not fit is cut before its [SEP]", 6, 6, {CLS, B_, A, SEP, A, SEP}, {0, 0, 0, 0, 1, 1}},
    {"room for a [SEP] alone is no room", 5, 4, {CLS, B_, A, SEP}, {0, 0, 0, 0}},
    {"no room leaves the tweet", 4, 4, {CLS, B_, A, SEP}, {0, 0, 0, 0}},
};
static void caption_is_set_behind_its_tweet(void **state)
{
    const struct appended *c = *state;
    struct encoded x = encode_file("b\tO\na\tB-X\n\nb\tO\n", 4, true);
    struct visual v;
    struct batch b = {0};
    struct err e = {0};
    static const int32_t order[] = {1, 0};
    assert_int_equal(visual_of_captions(2, (const char *const[]){"a b", NULL}, w, 100, &v, &e), 0);
    if (encoded_append(&x, &v, c->max_length, &e)) fail_msg("%s", e.text);
    const int32_t start[] = {0, c->n, c->n + 3};
    assert_ints("piece_start", x.piece_start, start, 3);
    assert_ints("ids", x.ids, c->ids, (size_t)c->n);
    assert_ints("types", x.types, c->types, (size_t)c->n);
    assert_ints("ids of the tweet without a caption", x.ids + c->n, (const int32_t[]){CLS, B_, SEP}, 3);
    assert_ints("its types", x.types + c->n, (const int32_t[]){0, 0, 0}, 3);
    ASSERT_INTS(x.word_start, {0, 2, 3});
    ASSERT_INTS(x.first, {1, 2, 1});
    ASSERT_INTS(x.tags, {0, 1, 0});

    assert_int_equal(batch_reserve(&b, 2, c->n + 3, 3, &e), 0);
    batch_fill(&b, &x, 2, order, 0);
    assert_int_equal(b.T, c->n + 3);
    assert_int_equal(b.W, 3);
    assert_ints("types of the batch", b.types + 3, c->types, (size_t)c->n);
    ASSERT_INTS(b.first, {1, 4, 5});
    batch_free(&b);
    encoded_free(&x);
    visual_free(&v);
}

/* ---- plans ---- */

enum { N_TWEETS = 257 };
/* Tweets of 3 to 42 pieces in no order. */
static struct encoded many(void)
{
    struct encoded x = {.n_tweets = N_TWEETS};
    x.piece_start = calloc(N_TWEETS + 1, sizeof *x.piece_start);
    assert_non_null(x.piece_start);
    for (int i = 0; i < N_TWEETS; i++) x.piece_start[i + 1] = x.piece_start[i] + 3 + i * i * 7 % 40;
    return x;
}
static int length(const struct encoded *x, int tweet)
{
    return x->piece_start[tweet + 1] - x->piece_start[tweet];
}

static void assert_every_tweet_once(const struct batch_plan *p, int n)
{
    char *seen = calloc((size_t)n, 1);
    assert_non_null(seen);
    assert_int_equal(p->start[0], 0);
    assert_int_equal(p->start[p->n_batches], n);
    for (int i = 0; i < p->n_batches; i++) assert_true(p->start[i] < p->start[i + 1]);
    for (int i = 0; i < n; i++) {
        assert_true(p->tweets[i] >= 0 && p->tweets[i] < n);
        if (seen[p->tweets[i]]++) fail_msg("tweet %d comes twice", p->tweets[i]);
    }
    free(seen);
}

struct plan_case {
    const char *name;
    int size, budget, pool;
};
static const struct plan_case PLANS[] = {
    {"batches of 16", 16, 0, 20},
    {"batches of 16, small pools", 16, 0, 3},
    {"batches of one", 1, 0, 4},
    {"one batch of all", 1000, 0, 1},
    {"a budget of 200 pieces", 0, 200, 20},
    {"a budget of 200 pieces, small pools", 16, 200, 2},
    {"a budget below every tweet", 16, 1, 5},
    {"a budget above all", 16, 1000000, 1},
};
static struct batch_plan plan_of(const struct encoded *x, const struct plan_case *c, uint32_t seed, uint32_t epoch)
{
    struct batch_plan p;
    struct err e = {0};
    assert_int_equal(batch_plan_make(x, c->size, c->budget, c->pool, seed, epoch, &p, &e), 0);
    return p;
}
static bool same(const struct batch_plan *p, const struct batch_plan *q, int n)
{
    return p->n_batches == q->n_batches && memcmp(p->tweets, q->tweets, (size_t)n * sizeof *p->tweets) == 0 &&
           memcmp(p->start, q->start, ((size_t)p->n_batches + 1) * sizeof *p->start) == 0;
}

static void an_epoch_holds_every_tweet_once_in_full_batches(void **state)
{
    const struct plan_case *c = *state;
    struct encoded x = many();
    for (uint32_t epoch = 0; epoch < 5; epoch++) {
        struct batch_plan p = plan_of(&x, c, 1, epoch);
        int n_small = 0;
        assert_every_tweet_once(&p, N_TWEETS);
        for (int i = 0; i < p.n_batches; i++) {
            int n = p.start[i + 1] - p.start[i], pieces = 0;
            for (int k = p.start[i]; k < p.start[i + 1]; k++) {
                pieces += length(&x, p.tweets[k]);
                if (k > p.start[i]) assert_true(length(&x, p.tweets[k - 1]) <= length(&x, p.tweets[k]));
            }
            if (c->budget > 0) {
                if (n > 1 && pieces > c->budget) fail_msg("a batch of %d pieces", pieces);
            } else {
                assert_true(n <= c->size);
                n_small += n < c->size;
            }
        }
        assert_true(n_small <= 1);
        batch_plan_free(&p);
    }
    free(x.piece_start);
}

static void the_order_is_a_function_of_seed_and_epoch(void **state)
{
    const struct plan_case *c = *state;
    struct encoded x = many();
    struct batch_plan first = plan_of(&x, c, 7, 3), again = plan_of(&x, c, 7, 3), epoch = plan_of(&x, c, 7, 4), seed = plan_of(&x, c, 8, 3);
    assert_true(same(&first, &again, N_TWEETS));
    assert_false(same(&first, &epoch, N_TWEETS));
    assert_false(same(&first, &seed, N_TWEETS));
    batch_plan_free(&first);
    batch_plan_free(&again);
    batch_plan_free(&epoch);
    batch_plan_free(&seed);
    free(x.piece_start);
}

/* Pools are what saves padding elsewhere and keeps sequences of like length together: the spread inside a batch is small beside that of
 * random batches. */
static void tweets_of_a_batch_have_like_lengths(void **state)
{
    (void)state;
    struct encoded x = many();
    const struct plan_case grouped = {"", 16, 0, 20}, random = {"", 16, 0, 1};
    int64_t spread[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        struct batch_plan p = plan_of(&x, k == 0 ? &grouped : &random, 1, 0);
        for (int i = 0; i < p.n_batches; i++) spread[k] += length(&x, p.tweets[p.start[i + 1] - 1]) - length(&x, p.tweets[p.start[i]]);
        batch_plan_free(&p);
    }
    assert_true(spread[0] * 4 < spread[1]);
    free(x.piece_start);
}

static void batches_do_not_come_by_length(void **state)
{
    (void)state;
    struct encoded x = many();
    struct batch_plan p = plan_of(&x, &(struct plan_case){"", 8, 0, 100}, 1, 0);
    int rises = 0;
    for (int i = 1; i < p.n_batches; i++) rises += length(&x, p.tweets[p.start[i]]) >= length(&x, p.tweets[p.start[i - 1]]);
    assert_true(rises > p.n_batches / 5 && rises < p.n_batches * 4 / 5);
    batch_plan_free(&p);
    free(x.piece_start);
}

static void a_sorted_plan_is_by_length_and_then_by_place(void **state)
{
    (void)state;
    struct encoded x = many();
    for (int budget = 0; budget <= 300; budget += 300) {
        struct batch_plan p;
        struct err e = {0};
        assert_int_equal(batch_plan_sorted(&x, 32, budget, &p, &e), 0);
        assert_every_tweet_once(&p, N_TWEETS);
        for (int i = 1; i < N_TWEETS; i++) {
            int before = length(&x, p.tweets[i - 1]), now = length(&x, p.tweets[i]);
            assert_true(before < now || (before == now && p.tweets[i - 1] < p.tweets[i]));
        }
        batch_plan_free(&p);
    }
    free(x.piece_start);
}

static void no_tweets_make_no_batches(void **state)
{
    (void)state;
    int32_t start[1] = {0};
    struct encoded x = {.n_tweets = 0, .piece_start = start};
    struct batch_plan p;
    struct err e = {0};
    assert_int_equal(batch_plan_make(&x, 16, 0, 20, 1, 0, &p, &e), 0);
    assert_int_equal(p.n_batches, 0);
    assert_int_equal(p.start[0], 0);
    batch_plan_free(&p);
    assert_int_equal(batch_plan_sorted(&x, 16, 100, &p, &e), 0);
    assert_int_equal(p.n_batches, 0);
    batch_plan_free(&p);
}

static int begin(void **state)
{
    (void)state;
    struct err e = {0};
    if (temporary_folder(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return wordpiece_from_text(VOCABULARY, sizeof VOCABULARY - 1, "vocab.txt", true, &w, &e);
}
static int end(void **state)
{
    (void)state;
    wordpiece_free(w);
    return temporary_remove(folder);
}

int main(void)
{
    enum {
        N_CUTS = sizeof CUTS / sizeof *CUTS,
        N_PLANS = sizeof PLANS / sizeof *PLANS,
        N_APPENDED = sizeof APPENDED / sizeof *APPENDED,
        N_OTHER = 9
    };
    static char names[N_PLANS][64];
    struct CMUnitTest tests[N_OTHER + N_CUTS + N_APPENDED + 2 * N_PLANS] = {
        cmocka_unit_test(each_word_is_cut_by_itself_and_keeps_its_first_piece),
        cmocka_unit_test(a_word_without_a_piece_is_unknown_and_stays_in_step),
        cmocka_unit_test(a_dataset_without_tags_has_none),
        cmocka_unit_test(a_batch_is_sequences_end_to_end),
        cmocka_unit_test(a_batch_without_tags_says_o),
        cmocka_unit_test(tweets_of_a_batch_have_like_lengths),
        cmocka_unit_test(batches_do_not_come_by_length),
        cmocka_unit_test(a_sorted_plan_is_by_length_and_then_by_place),
        cmocka_unit_test(no_tweets_make_no_batches),
    };
    struct CMUnitTest *at = tests + N_OTHER;
    for (size_t i = 0; i < N_CUTS; i++)
        *at++ =
            (struct CMUnitTest){.name = CUTS[i].name, .test_func = tweet_is_cut_at_a_word, .initial_state = (void *)(uintptr_t)&CUTS[i]};
    for (size_t i = 0; i < N_APPENDED; i++)
        *at++ = (struct CMUnitTest){
            .name = APPENDED[i].name, .test_func = caption_is_set_behind_its_tweet, .initial_state = (void *)(uintptr_t)&APPENDED[i]};
    for (size_t i = 0; i < N_PLANS; i++) {
        void *row = (void *)(uintptr_t)&PLANS[i];
        snprintf(names[i], sizeof names[i], "%s, order", PLANS[i].name);
        *at++ =
            (struct CMUnitTest){.name = PLANS[i].name, .test_func = an_epoch_holds_every_tweet_once_in_full_batches, .initial_state = row};
        *at++ = (struct CMUnitTest){.name = names[i], .test_func = the_order_is_a_function_of_seed_and_epoch, .initial_state = row};
    }
    return cmocka_run_group_tests_name("batch", tests, begin, end);
}
