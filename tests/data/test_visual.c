/* What tweets show, and its part of a batch, as visual.h says: tokens, offsets and words stay in step, and a tweet that shows nothing owns
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "temporary.h"
#include "visual.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char VOCABULARY[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a\nb\n";
enum { CLS = 2, SEP = 3, A = 4, INNER_A = 5, B_ = 6, TOKENS = 5, SIDE = 4 };

static struct wordpiece *w;
static char folder[PATH_MAX];
static struct picture_folder *pictures;

#define ASSERT_INTS(a, ...) assert_memory_equal(a, ((const int32_t[])__VA_ARGS__), sizeof((const int32_t[])__VA_ARGS__))

/* ---- captions ---- */

static struct visual of_captions(int n, const char *const *text, int max_length)
{
    struct visual v;
    struct err e = {0};
    if (visual_of_captions(n, text, w, max_length, &v, &e)) fail_msg("%s", e.text);
    return v;
}

static void a_caption_is_pieces_between_its_marks(void **state)
{
    (void)state;
    struct visual v = of_captions(5, (const char *const[]){"aa b", NULL, "", " \t", "b"}, 100);
    ASSERT_INTS(v.start, {0, 5, 5, 5, 5, 8});
    ASSERT_INTS(v.ids, {CLS, A, INNER_A, B_, SEP, CLS, B_, SEP});
    ASSERT_INTS(v.source, {0, -1, -1, -1, 4});
    assert_int_equal(visual_count(&v), 2);
    static const int expected[] = {5, 0, 0, 0, 3};
    for (int i = 0; i < 5; i++) assert_int_equal(visual_tokens(&v, i), expected[i]);
    visual_free(&v);
}

static void a_long_caption_loses_its_last_pieces(void **state)
{
    (void)state;
    struct visual v = of_captions(2, (const char *const[]){"b aaa b", "b"}, 5), least = of_captions(1, (const char *const[]){"b a b"}, 3);
    ASSERT_INTS(v.ids, {CLS, B_, A, INNER_A, SEP, CLS, B_, SEP});
    ASSERT_INTS(least.ids, {CLS, B_, SEP});
    visual_free(&v);
    visual_free(&least);
}

static void the_digest_is_of_what_is_shown(void **state)
{
    (void)state;
    struct visual v[] = {of_captions(2, (const char *const[]){"a", "b"}, 9), of_captions(2, (const char *const[]){" a ", "b"}, 9),
                         of_captions(2, (const char *const[]){"b", "a"}, 9), of_captions(3, (const char *const[]){"a", NULL, "b"}, 9)};
    assert_memory_equal(&v[0].digest, &v[1].digest, sizeof v[0].digest);
    assert_memory_not_equal(&v[0].digest, &v[2].digest, sizeof v[0].digest);
    assert_memory_not_equal(&v[0].digest, &v[3].digest, sizeof v[0].digest);
    for (int k = 0; k < 4; k++) visual_free(&v[k]);
}

/* ---- a batch ---- */

static struct visual_batch room_for(const struct visual *v, int B, int W, int V)
{
    struct visual_batch b = {0};
    struct err e = {0};
    if (visual_batch_reserve(&b, v, B, W, V, &e)) fail_msg("%s", e.text);
    return b;
}

static void fill(struct visual_batch *b, const struct visual *v, int B, const int32_t *tweets, const int32_t *word_start,
                 const uint8_t *left_out)
{
    static const int32_t place[] = {10, 11, 12, 13, 14, 15, 16, 17};
    struct err e = {0};
    const struct visual_changes changes = {left_out, 0};
    if (visual_batch_fill(b, v, B, tweets, place, word_start, left_out ? &changes : NULL, 2, &e)) fail_msg("%s", e.text);
}

static void captions_of_a_batch_lie_end_to_end(void **state)
{
    (void)state;
    struct visual v = of_captions(4, (const char *const[]){"aa", NULL, "b", "a b"}, 100);
    struct visual_batch b = room_for(&v, 4, 7, 11);
    fill(&b, &v, 4, (const int32_t[]){3, 1, 0, 2}, (const int32_t[]){0, 2, 3, 3, 7}, NULL);
    assert_int_equal(b.V, 11);
    assert_int_equal(b.n, 3);
    ASSERT_INTS(b.start, {0, 4, 4, 8, 11});
    ASSERT_INTS(b.tweet, {0, 2, 3});
    ASSERT_INTS(b.place, {10, 12, 13});
    ASSERT_INTS(b.caption_start, {0, 4, 8, 11});
    ASSERT_INTS(b.ids, {CLS, A, B_, SEP, CLS, A, INNER_A, SEP, CLS, B_, SEP});
    ASSERT_INTS(b.position, {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2});
    assert_memory_equal(b.seen, ((uint8_t[]){1, 1, 0, 1, 1, 1, 1}), 7);

    fill(&b, &v, 2, (const int32_t[]){3, 0}, (const int32_t[]){0, 1, 3}, (const uint8_t[]){VISUAL_LEFT_OUT, VISUAL_KEPT});
    assert_int_equal(b.n, 1);
    ASSERT_INTS(b.start, {0, 0, 4});
    ASSERT_INTS(b.tweet, {1});
    ASSERT_INTS(b.place, {11});
    assert_memory_equal(b.seen, ((uint8_t[]){0, 1, 1}), 3);

    fill(&b, &v, 2, (const int32_t[]){1, 3}, (const int32_t[]){0, 1, 2}, (const uint8_t[]){VISUAL_KEPT, VISUAL_LEFT_OUT});
    assert_int_equal(b.V + b.n, 0);
    ASSERT_INTS(b.start, {0, 0, 0});
    fill(&b, &v, 0, NULL, (const int32_t[]){0}, NULL);
    assert_int_equal(b.V + b.n, 0);
    visual_batch_free(&b);
    visual_free(&v);
}

/* What a tweet shows may be another's: a corruption, or a shuffle. */
static void a_tweet_may_show_what_another_one_does(void **state)
{
    (void)state;
    struct visual v = of_captions(2, (const char *const[]){"aa", "b"}, 100);
    struct visual_batch b = room_for(&v, 2, 2, 7);
    v.source[0] = 1;
    v.source[1] = 0;
    fill(&b, &v, 2, (const int32_t[]){0, 1}, (const int32_t[]){0, 1, 2}, NULL);
    ASSERT_INTS(b.start, {0, 3, 7});
    ASSERT_INTS(b.ids, {CLS, B_, SEP, CLS, A, INNER_A, SEP});
    visual_batch_free(&b);
    visual_free(&v);
}

/* ---- features ---- */

static void features_are_copied_as_they_are(void **state)
{
    (void)state;
    static const float first[] = {1, 2, 3, 4}, third[] = {5, 6};
    struct visual v;
    struct visual_batch b;
    struct err e = {0};
    assert_int_equal(visual_of_features(4, (const float *const[]){first, NULL, third, first}, (const int32_t[]){2, 7, 1, 0}, 2, &v, &e), 0);
    assert_int_equal(visual_count(&v), 2);
    assert_int_equal(visual_tokens(&v, 0), 2);
    assert_int_equal(visual_tokens(&v, 1), 0);
    assert_int_equal(visual_tokens(&v, 3), 0);
    b = room_for(&v, 4, 4, 3);
    fill(&b, &v, 4, (const int32_t[]){2, 1, 0, 3}, (const int32_t[]){0, 1, 2, 3, 4}, NULL);
    assert_int_equal(b.V, 3);
    ASSERT_INTS(b.start, {0, 1, 1, 3, 3});
    assert_memory_equal(b.features, ((float[]){5, 6, 1, 2, 3, 4}), 6 * sizeof(float));
    visual_batch_free(&b);
    visual_free(&v);
}

/* ---- pictures ---- */

static void write_picture(const char *name, uint8_t value)
{
    char path[PATH_MAX + 64];
    struct err e = {0};
    uint8_t rgb[6 * 5 * 3];
    memset(rgb, value, sizeof rgb);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (picture_write_png(path, &(struct picture){6, 5, rgb}, &e)) fail_msg("%s", e.text);
}

struct told {
    int n, tweet[8];
    char message[8][256];
};
static void tell(void *context, int tweet, const char *message)
{
    struct told *t = context;
    assert_true(t->n < 8);
    t->tweet[t->n] = tweet;
    snprintf(t->message[t->n++], 256, "%.255s", message);
}

static struct visual of_pictures(int n, const char *const *name, const bool *by_path, struct told *told)
{
    const struct picture_pipeline pipeline = picture_pipeline_of(PICTURE_VIT, SIDE);
    struct visual v;
    struct err e = {0};
    if (visual_of_pictures(n, name, pictures, by_path, false, &pipeline, TOKENS, 3, told ? tell : NULL, told, &v, &e))
        fail_msg("%s", e.text);
    return v;
}

static void pictures_are_found_by_id_or_by_path(void **state)
{
    (void)state;
    struct told told = {0};
    struct visual v =
        of_pictures(4, (const char *const[]){"black", NULL, "white.png", "white"}, (const bool[]){false, true, true, false}, &told);
    struct visual_batch b = room_for(&v, 4, 4, 4 * TOKENS);
    assert_int_equal(told.n, 0);
    assert_int_equal(visual_count(&v), 3);
    assert_int_equal(visual_tokens(&v, 1), 0);
    fill(&b, &v, 4, (const int32_t[]){1, 0, 2, 3}, (const int32_t[]){0, 1, 2, 3, 4}, NULL);
    ASSERT_INTS(b.start, {0, 0, TOKENS, 2 * TOKENS, 3 * TOKENS});
    for (int k = 0; k < 3 * SIDE * SIDE; k++) {
        assert_true(b.pixels[k] == -1);
        assert_true(b.pixels[3 * SIDE * SIDE + k] == 1 && b.pixels[6 * SIDE * SIDE + k] == 1);
    }
    visual_batch_free(&b);
    visual_free(&v);
}

/* Of the second of two white pictures. */
static void a_step_may_show_noise_instead(void **state)
{
    (void)state;
    struct visual v = of_pictures(2, (const char *const[]){"white", "white"}, NULL, NULL);
    struct visual_batch b = room_for(&v, 2, 3, 2 * TOKENS);
    struct err e = {0};
    enum { PIXELS = 3 * SIDE * SIDE };
    float noise[3][PIXELS];
    static const uint32_t SEED[] = {5, 5, 6};
    for (int k = 0; k < 3; k++) {
        const struct visual_changes changes = {(const uint8_t[]){VISUAL_KEPT, VISUAL_NOISE}, SEED[k]};
        if (visual_batch_fill(&b, &v, 2, (const int32_t[]){0, 1}, (const int32_t[]){0, 1}, (const int32_t[]){0, 1, 3}, &changes, 2, &e))
            fail_msg("%s", e.text);
        ASSERT_INTS(b.start, {0, TOKENS, 2 * TOKENS});
        assert_memory_equal(b.noise, ((uint8_t[]){0, 1, 1}), 3);
        assert_memory_equal(b.seen, ((uint8_t[]){1, 1, 1}), 3);
        for (int i = 0; i < PIXELS; i++) assert_true(b.pixels[i] == 1);
        memcpy(noise[k], b.pixels + PIXELS, sizeof noise[k]);
    }
    int dark = 0;
    for (int i = 0; i < PIXELS; i++) dark += noise[0][i] < 0;
    assert_in_range(dark, PIXELS / 4, 3 * PIXELS / 4);
    assert_memory_equal(noise[0], noise[1], sizeof noise[0]);
    assert_memory_not_equal(noise[0], noise[2], sizeof noise[0]);
    fill(&b, &v, 2, (const int32_t[]){0, 1}, (const int32_t[]){0, 1, 3}, NULL);
    assert_memory_equal(b.noise, ((uint8_t[]){0, 0, 0}), 3);
    visual_batch_free(&b);
    visual_free(&v);
}

static void bad_pictures_are_told_in_order_and_missing_ids_are_not(void **state)
{
    (void)state;
    struct told told = {0};
    struct visual v = of_pictures(6, (const char *const[]){"bad", "nobody", "../x", "nobody.png", "white", "bad.jpg"},
                                  (const bool[]){false, false, false, true, false, true}, &told);
    assert_int_equal(visual_count(&v), 1);
    assert_int_equal(visual_tokens(&v, 4), TOKENS);
    assert_int_equal(told.n, 4);
    static const int tweets[] = {0, 2, 3, 5};
    static const char *const parts[] = {"/bad.jpg: ", "\"../x\" is no id", "/nobody.png: no such picture", "/bad.jpg: "};
    for (int k = 0; k < 4; k++) {
        assert_int_equal(told.tweet[k], tweets[k]);
        if (!strstr(told.message[k], parts[k])) fail_msg("%s", told.message[k]);
    }
    visual_free(&v);
    v = of_pictures(2, (const char *const[]){"bad", "white"}, NULL, NULL); /* nobody listens */
    assert_int_equal(visual_count(&v), 1);
    visual_free(&v);
}

static void a_picture_that_goes_away_is_an_error(void **state)
{
    (void)state;
    static const int32_t tweet[] = {0}, place[] = {0}, words[] = {0, 1};
    char path[PATH_MAX + 64];
    struct err e = {0};
    write_picture("brief.png", 7);
    struct visual v = of_pictures(1, (const char *const[]){"brief"}, NULL, NULL);
    struct visual_batch b = room_for(&v, 1, 1, TOKENS);
    snprintf(path, sizeof path, "%s/brief.png", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(visual_batch_fill(&b, &v, 1, tweet, place, words, NULL, 2, &e), ERR_IO);
    assert_non_null(strstr(e.text, "brief: no such picture"));
    assert_non_null(strstr(e.text, "(it was there when the split was read)"));
    visual_batch_free(&b);
    visual_free(&v);
}

static void nobody_shows_anything(void **state)
{
    (void)state;
    struct visual none = {0}, v = of_pictures(2, (const char *const[]){NULL, NULL}, NULL, NULL), empty = of_captions(0, NULL, 9);
    struct visual_batch b = room_for(&v, 2, 3, 0);
    fill(&b, &v, 2, (const int32_t[]){0, 1}, (const int32_t[]){0, 2, 3}, NULL);
    assert_int_equal(b.V + b.n, 0);
    assert_memory_equal(b.seen, ((uint8_t[]){0, 0, 0}), 3);
    assert_int_equal(visual_count(&empty), 0);
    assert_int_equal(visual_tokens(&none, 0), 0);
    visual_batch_free(&b);
    visual_free(&v);
    visual_free(&empty);
}

static int begin(void **state)
{
    (void)state;
    char path[PATH_MAX + 64];
    struct err e = {0};
    if (temporary_folder(folder) || picture_folder_open(folder, &pictures, &e)) return -1;
    write_picture("black.png", 0);
    write_picture("white.png", 255);
    snprintf(path, sizeof path, "%s/bad.jpg", folder);
    if (file_write_bytes(path, "no picture", 10, &e)) return -1;
    return wordpiece_from_text(VOCABULARY, sizeof VOCABULARY - 1, "vocab.txt", true, &w, &e);
}

static int end(void **state)
{
    (void)state;
    wordpiece_free(w);
    picture_folder_close(pictures);
    return temporary_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caption_is_pieces_between_its_marks),  cmocka_unit_test(a_long_caption_loses_its_last_pieces),
        cmocka_unit_test(the_digest_is_of_what_is_shown),         cmocka_unit_test(captions_of_a_batch_lie_end_to_end),
        cmocka_unit_test(a_tweet_may_show_what_another_one_does), cmocka_unit_test(features_are_copied_as_they_are),
        cmocka_unit_test(pictures_are_found_by_id_or_by_path),    cmocka_unit_test(bad_pictures_are_told_in_order_and_missing_ids_are_not),
        cmocka_unit_test(a_picture_that_goes_away_is_an_error),   cmocka_unit_test(nobody_shows_anything),
        cmocka_unit_test(a_step_may_show_noise_instead),
    };
    return cmocka_run_group_tests_name("visual", tests, begin, end);
}
