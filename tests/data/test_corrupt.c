/* Corruption by a degree: 0 changes no byte, 1 leaves nothing of the original, in between more is worse; shares are kept, and everything is
 * a function of seed, kind and tweet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "corrupt.h"
#include "rng.h"
#include "utf8.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DEGREES[] = {0, .1, .25, .5, .75, .9, 1};
enum { N_DEGREES = sizeof DEGREES / sizeof *DEGREES, SEED = 7, TWEET = 3 };

/* How far y goes along with x: 1 the same up to a scale, 0 nothing of it. */
struct pairs {
    size_t n;
    double x, y, xx, yy, xy, off;
};
static void add_pair(struct pairs *p, double x, double y)
{
    p->n++;
    p->x += x;
    p->y += y;
    p->xx += x * x;
    p->yy += y * y;
    p->xy += x * y;
    p->off += fabs(x - y);
}
static double correlation(const struct pairs *p)
{
    const double n = (double)p->n, x = p->x / n, y = p->y / n;
    return (p->xy / n - x * y) / sqrt((p->xx / n - x * x) * (p->yy / n - y * y));
}

static void assert_below(double x, double bound, const char *what)
{
    if (!(x < bound)) fail_msg("%s: %g, must be below %g", what, x, bound);
}

/* ---- pictures ---- */

enum { WIDTH = 61, HEIGHT = 43, BYTES = WIDTH * HEIGHT * 3 };

/* Smooth with some grain; no value is gray 128, so that what is occluded can be counted. */
static uint8_t pixel(int x, int y, int c)
{
    const double v = 120 + 60 * sin(x / 9.) + 50 * cos(y / (7. + c)) + (x * 7 + y * 3 + c) % 11;
    return v > 127 ? (uint8_t)(v < 254 ? v + 2 : 255) : (uint8_t)(v > 0 ? v : 0);
}

static struct picture made(int width, int height)
{
    struct picture p = {width, height, malloc((size_t)width * (size_t)height * 3)};
    assert_non_null(p.rgb);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) p.rgb[(y * width + x) * 3 + c] = pixel(x, y, c);
    return p;
}

static struct picture corrupted(enum corrupt_kind kind, double degree, uint32_t seed, int tweet)
{
    struct picture p = made(WIDTH, HEIGHT);
    struct err e = {0};
    if (corrupt_picture(seed, &(struct corruption){kind, degree}, tweet, &p, &e)) fail_msg("%s", e.text);
    return p;
}

static struct pairs against_original(const struct picture *p)
{
    struct picture original = made(p->width, p->height);
    struct pairs pairs = {0};
    for (int i = 0; i < p->width * p->height * 3; i++) add_pair(&pairs, original.rgb[i], p->rgb[i]);
    picture_free(&original);
    return pairs;
}

static const enum corrupt_kind PICTURE_KINDS[] = {CORRUPT_NOISE, CORRUPT_BLUR, CORRUPT_OCCLUSION};
enum { N_PICTURE_KINDS = sizeof PICTURE_KINDS / sizeof *PICTURE_KINDS };

static void a_picture_is_worse_the_higher_the_degree_and_untouched_at_0(void **state)
{
    const enum corrupt_kind kind = *(const enum corrupt_kind *)*state;
    double before = -INFINITY;
    for (int i = 0; i < N_DEGREES; i++) {
        struct picture p = corrupted(kind, DEGREES[i], SEED, TWEET);
        const struct pairs x = against_original(&p);
        const double n = (double)x.n, contrast = x.yy / n - x.y / n * (x.y / n);
        const double worse = kind == CORRUPT_BLUR ? -contrast : x.off; /* the mean colour is not what is farthest from a picture */
        if (i == 0 && x.off != 0) fail_msg("degree 0 changes the picture by %g", x.off);
        if (!(worse > before)) fail_msg("degree %g makes the picture worse by %g, a smaller one by %g", DEGREES[i], worse, before);
        before = worse;
        picture_free(&p);
    }
}

static void a_picture_is_a_function_of_seed_and_tweet(void **state)
{
    const enum corrupt_kind kind = *(const enum corrupt_kind *)*state;
    struct picture p = corrupted(kind, .3, SEED, TWEET), other = corrupted(kind, .3, SEED, TWEET + 1);
    struct picture again = corrupted(kind, .3, SEED, TWEET), reseeded = corrupted(kind, .3, SEED + 1, TWEET);
    assert_memory_equal(p.rgb, again.rgb, BYTES);
    if (kind != CORRUPT_BLUR) { /* which draws nothing */
        assert_memory_not_equal(p.rgb, other.rgb, BYTES);
        assert_memory_not_equal(p.rgb, reseeded.rgb, BYTES);
    }
    picture_free(&p);
    picture_free(&other);
    picture_free(&again);
    picture_free(&reseeded);
}

static void noise_of_degree_1_is_uniform_and_knows_nothing_of_the_picture(void **state)
{
    (void)state;
    struct picture p = corrupted(CORRUPT_NOISE, 1, SEED, TWEET);
    const struct pairs x = against_original(&p);
    const double n = (double)x.n, mean = x.y / n;
    assert_below(fabs(correlation(&x)), 4 / sqrt(n), "correlation");
    assert_below(fabs(mean - 127.5), 4 * 73.9 / sqrt(n), "mean off the middle");
    assert_below(fabs(sqrt(x.yy / n - mean * mean) - 73.9), 2, "deviation off that of random bytes");
    picture_free(&p);
}

static void noise_of_degree_one_half_is_the_middle_of_picture_and_noise(void **state)
{
    (void)state;
    struct picture half = corrupted(CORRUPT_NOISE, .5, SEED, TWEET), whole = corrupted(CORRUPT_NOISE, 1, SEED, TWEET);
    struct picture none = made(WIDTH, HEIGHT);
    for (int i = 0; i < BYTES; i++) assert_int_equal(half.rgb[i], (none.rgb[i] + whole.rgb[i] + 1) / 2);
    picture_free(&half);
    picture_free(&whole);
    picture_free(&none);
}

static void blur_of_degree_1_is_the_mean_colour(void **state)
{
    (void)state;
    struct picture p = corrupted(CORRUPT_BLUR, 1, SEED, TWEET), original = made(WIDTH, HEIGHT);
    for (int c = 0; c < 3; c++) {
        double sum = 0;
        for (int i = c; i < BYTES; i += 3) sum += original.rgb[i];
        const int mean = (int)(sum / (WIDTH * HEIGHT) + .5);
        for (int i = c; i < BYTES; i += 3) assert_int_equal(p.rgb[i], mean);
    }
    picture_free(&p);
    picture_free(&original);
}

static void blur_spreads_a_point_evenly_over_its_window(void **state)
{
    (void)state;
    enum { SIDE = 41, MIDDLE = 20, REACH = 10 };
    uint8_t rgb[SIDE * SIDE * 3] = {0};
    struct picture p = {SIDE, SIDE, rgb};
    struct err e = {0};
    rgb[(MIDDLE * SIDE + MIDDLE) * 3 + 1] = 255;
    for (int i = 0; i < SIDE * SIDE; i++) rgb[i * 3] = (uint8_t)(i % SIDE == MIDDLE ? 210 : 0);    /* a line from top to bottom */
    assert_int_equal(corrupt_picture(SEED, &(struct corruption){CORRUPT_BLUR, .5}, 0, &p, &e), 0); /* a quarter of 40 pixels to each side */
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            /* Near the edge the window is what of it lies in the picture. */
            const int from = x - REACH > 0 ? x - REACH : 0, to = x + REACH < SIDE - 1 ? x + REACH : SIDE - 1;
            const double share = abs(x - MIDDLE) <= REACH ? 1. / (to - from + 1) : 0;
            assert_int_equal(rgb[(y * SIDE + x) * 3], (int)(210 * share + .5));
            assert_in_range(rgb[(y * SIDE + x) * 3 + 1], 0, 1); /* 255 over 441 pixels or so */
            assert_int_equal(rgb[(y * SIDE + x) * 3 + 2], 0);
        }
}

static void a_picture_of_one_pixel_is_its_own_mean(void **state)
{
    (void)state;
    uint8_t rgb[3] = {1, 2, 3};
    struct picture p = {1, 1, rgb};
    struct err e = {0};
    assert_int_equal(corrupt_picture(SEED, &(struct corruption){CORRUPT_BLUR, .7}, 0, &p, &e), 0);
    assert_memory_equal(rgb, ((uint8_t[]){1, 2, 3}), 3);
    assert_int_equal(corrupt_picture(SEED, &(struct corruption){CORRUPT_OCCLUSION, .49}, 0, &p, &e), 0);
    assert_memory_equal(rgb, ((uint8_t[]){1, 2, 3}), 3);
    assert_int_equal(corrupt_picture(SEED, &(struct corruption){CORRUPT_OCCLUSION, .51}, 0, &p, &e), 0);
    assert_memory_equal(rgb, ((uint8_t[]){128, 128, 128}), 3);
}

static void occlusion_covers_its_share_to_the_pixel(void **state)
{
    (void)state;
    const int sizes[][2] = {{1, 1}, {1, 50}, {50, 1}, {7, 5}, {64, 3}, {WIDTH, HEIGHT}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int hundredths = 0; hundredths <= 100; hundredths++)
            for (int tweet = 0; tweet < 3; tweet++) {
                const int W = sizes[s][0], H = sizes[s][1];
                struct picture p = made(W, H), original = made(W, H);
                struct err e = {0};
                long covered = 0;
                assert_int_equal(corrupt_picture(SEED, &(struct corruption){CORRUPT_OCCLUSION, hundredths / 100.}, tweet, &p, &e), 0);
                for (int i = 0; i < W * H * 3; i += 3) {
                    const bool gray = p.rgb[i] == 128 && p.rgb[i + 1] == 128 && p.rgb[i + 2] == 128;
                    covered += gray;
                    if (!gray) assert_memory_equal(p.rgb + i, original.rgb + i, 3);
                }
                assert_int_equal(covered, lround(hundredths / 100. * (W * H)));
                picture_free(&p);
                picture_free(&original);
            }
}

/* ---- feature vectors ---- */

enum { VECTORS = 4, COLUMNS = 2000 };

static void features(float *x)
{
    struct rng r = rng_stream(5, RNG_TEST, 0);
    for (int i = 0; i < VECTORS * COLUMNS; i++) x[i] = (float)(i / COLUMNS + (i / COLUMNS + 1) * rng_normal(&r));
}

static void feature_noise_ends_in_a_vector_that_shares_mean_and_deviation_alone(void **state)
{
    (void)state;
    static float x[VECTORS * COLUMNS], y[VECTORS * COLUMNS];
    double before = -1;
    features(x);
    for (int i = 0; i < N_DEGREES; i++) {
        memcpy(y, x, sizeof y);
        corrupt_features(SEED, &(struct corruption){CORRUPT_NOISE, DEGREES[i]}, TWEET, VECTORS, COLUMNS, y);
        double off = 0;
        for (int v = 0; v < VECTORS; v++) {
            struct pairs p = {0};
            for (int k = 0; k < COLUMNS; k++) add_pair(&p, (double)x[v * COLUMNS + k], (double)y[v * COLUMNS + k]);
            off += p.off;
            if (DEGREES[i] < 1) continue;
            const double n = COLUMNS, mean = p.y / n, deviation = v + 1;
            assert_below(fabs(correlation(&p)), 4 / sqrt(n), "correlation");
            assert_below(fabs(mean - p.x / n), 4 * deviation / sqrt(n), "mean");
            assert_below(fabs(sqrt(p.yy / n - mean * mean) / deviation - 1), .1, "deviation");
        }
        if (i == 0) assert_memory_equal(x, y, sizeof x);
        if (!(off > before)) fail_msg("degree %g changes the vectors by %g, a smaller one by %g", DEGREES[i], off, before);
        before = off;
    }
    static float again[VECTORS * COLUMNS];
    memcpy(again, x, sizeof again);
    corrupt_features(SEED, &(struct corruption){CORRUPT_NOISE, 1}, TWEET, VECTORS, COLUMNS, again);
    assert_memory_equal(y, again, sizeof y);
    memcpy(again, x, sizeof again);
    corrupt_features(SEED, &(struct corruption){CORRUPT_NOISE, 1}, TWEET + 1, VECTORS, COLUMNS, again);
    assert_memory_not_equal(y, again, sizeof y);
}

/* ---- between tweets ---- */

enum { TWEETS = 101 };

/* Two tweets of three have a source; gives how many. */
static int with_source(bool has[TWEETS])
{
    int n = 0;
    for (int i = 0; i < TWEETS; i++) n += has[i] = i % 3 != 1;
    return n;
}

static void given(enum corrupt_kind kind, double degree, uint32_t seed, int n, const bool *has, int32_t *source)
{
    struct err e = {0};
    if (corrupt_sources(seed, &(struct corruption){kind, degree}, n, has, source, &e)) fail_msg("%s", e.text);
}

static void shuffling_hands_exactly_the_share_to_other_tweets_and_each_source_on_once(void **state)
{
    (void)state;
    bool has[TWEETS];
    const int n = with_source(has);
    for (int i = 0; i < N_DEGREES; i++) {
        int32_t source[TWEETS];
        int moved = 0, seen[TWEETS] = {0};
        given(CORRUPT_SHUFFLED, DEGREES[i], SEED, TWEETS, has, source);
        for (int k = 0; k < TWEETS; k++) {
            if (!has[k]) {
                assert_int_equal(source[k], -1);
                continue;
            }
            assert_true(has[source[k]]);
            seen[source[k]]++;
            moved += source[k] != k;
        }
        for (int k = 0; k < TWEETS; k++) assert_int_equal(seen[k], has[k]);
        assert_int_equal(moved, lround(DEGREES[i] * n));
    }
}

static void missing_takes_exactly_the_share_away_and_leaves_the_others(void **state)
{
    (void)state;
    bool has[TWEETS], lost[TWEETS] = {false};
    const int n = with_source(has);
    for (int i = 0; i < N_DEGREES; i++) {
        int32_t source[TWEETS];
        int gone = 0;
        given(CORRUPT_MISSING, DEGREES[i], SEED, TWEETS, has, source);
        for (int k = 0; k < TWEETS; k++) {
            assert_true(source[k] == -1 || (source[k] == k && has[k]));
            if (lost[k]) assert_int_equal(source[k], -1); /* what is lost at a degree is lost at a larger one */
            if (!has[k]) continue;
            gone += source[k] == -1;
            lost[k] = source[k] == -1;
        }
        assert_int_equal(gone, lround(DEGREES[i] * n));
    }
}

static void who_is_given_what_is_a_function_of_the_seed(void **state)
{
    (void)state;
    bool has[TWEETS];
    int32_t first[TWEETS], again[TWEETS], other[TWEETS];
    with_source(has);
    for (int k = 0; k < 2; k++) {
        const enum corrupt_kind kind = k ? CORRUPT_SHUFFLED : CORRUPT_MISSING;
        given(kind, .5, SEED, TWEETS, has, first);
        given(kind, .5, SEED, TWEETS, has, again);
        given(kind, .5, SEED + 1, TWEETS, has, other);
        assert_memory_equal(first, again, sizeof first);
        assert_memory_not_equal(first, other, sizeof first);
    }
}

static void few_tweets_are_shuffled_as_far_as_they_can_be(void **state)
{
    (void)state;
    int32_t source[4];
    given(CORRUPT_SHUFFLED, 1, SEED, 0, NULL, source);
    given(CORRUPT_SHUFFLED, 1, SEED, 1, (bool[]){true}, source);
    assert_int_equal(source[0], 0);
    given(CORRUPT_SHUFFLED, .5, SEED, 2, (bool[]){true, true}, source);
    assert_true(source[0] == 1 && source[1] == 0);
    given(CORRUPT_SHUFFLED, .2, SEED, 2, (bool[]){true, true}, source);
    assert_true(source[0] == 0 && source[1] == 1);
}

/* ---- words ---- */

static const char *const SAYINGS[] = {
    "Kevin", "durant", "@", "user", "#", "NBA", "caf\xC3\xA9", "2016", "\xEF\xB8\x8F", "a", "ll", "\xF0\x9F\x98\x80\xF0\x9F\x98\x80",
    "RT",    ":"};
enum { N_SAYINGS = sizeof SAYINGS / sizeof *SAYINGS, SPLIT_TWEETS = 300, TWEET_WORDS = 11, SPLIT_WORDS = SPLIT_TWEETS * TWEET_WORDS };

static struct dataset split(void)
{
    static struct tweet tweets[SPLIT_TWEETS];
    static char *words[SPLIT_WORDS];
    static int tags[SPLIT_WORDS];
    for (int i = 0; i < SPLIT_TWEETS; i++) tweets[i] = (struct tweet){.first_word = i * TWEET_WORDS, .n_words = TWEET_WORDS};
    for (int i = 0; i < SPLIT_WORDS; i++) {
        words[i] = (char *)(uintptr_t)SAYINGS[i % N_SAYINGS];
        tags[i] = i % 3;
    }
    return (struct dataset){
        .n_tweets = SPLIT_TWEETS, .n_words = SPLIT_WORDS, .tweets = tweets, .words = words, .tags = tags, .path = (char[]){"f"}};
}

static struct corrupted_words rewritten(enum corrupt_kind kind, double degree, uint32_t seed, const struct dataset *d)
{
    struct corrupted_words w;
    struct err e = {0};
    if (corrupt_words(seed, &(struct corruption){kind, degree}, d, &w, &e)) fail_msg("%s", e.text);
    return w;
}

static int characters(const char *word)
{
    int n = 0;
    for (; *word; word++) n += ((unsigned char)*word & 0xC0) != 0x80;
    return n;
}

static int words_changed(const struct dataset *d, const struct corrupted_words *w)
{
    int n = 0;
    for (int i = 0; i < d->n_words; i++) n += strcmp(d->words[i], w->words[i]) != 0;
    return n;
}

static void text_is_worse_the_higher_the_degree_and_untouched_at_0(void **state)
{
    const enum corrupt_kind kind = *(const enum corrupt_kind *)*state;
    const struct dataset d = split();
    int before = -1;
    for (int i = 0; i < N_DEGREES; i++) {
        struct corrupted_words w = rewritten(kind, DEGREES[i], SEED, &d);
        const int changed = words_changed(&d, &w);
        if (i == 0) assert_int_equal(changed, 0);
        if (!(changed > before)) fail_msg("degree %g changes %d words, a smaller one %d", DEGREES[i], changed, before);
        before = changed;
        corrupted_words_free(&w);
    }
}

static void text_is_a_function_of_seed_and_tweet(void **state)
{
    const enum corrupt_kind kind = *(const enum corrupt_kind *)*state;
    const struct dataset d = split();
    struct dataset first_half = d;
    first_half.n_tweets /= 2;
    first_half.n_words /= 2;
    struct corrupted_words w = rewritten(kind, .4, SEED, &d), again = rewritten(kind, .4, SEED, &d),
                           other = rewritten(kind, .4, SEED + 1, &d);
    struct corrupted_words half = rewritten(kind, .4, SEED, &first_half);
    for (int i = 0; i < d.n_words; i++) assert_string_equal(w.words[i], again.words[i]);
    for (int i = 0; i < first_half.n_words; i++) assert_string_equal(w.words[i], half.words[i]);
    struct dataset of_w = d;
    of_w.words = w.words;
    assert_true(words_changed(&of_w, &other) > d.n_words / 10);
    corrupted_words_free(&w);
    corrupted_words_free(&again);
    corrupted_words_free(&other);
    corrupted_words_free(&half);
}

static void words_with_typos_stay_words_of_whole_characters(void **state)
{
    (void)state;
    const struct dataset d = split();
    for (int i = 0; i < N_DEGREES; i++)
        for (uint32_t seed = 0; seed < 5; seed++) {
            struct corrupted_words w = rewritten(CORRUPT_TYPOS, DEGREES[i], seed, &d);
            for (int k = 0; k < d.n_words; k++) {
                const size_t size = strlen(w.words[k]);
                assert_true(size > 0);
                assert_int_equal(utf8_valid(w.words[k], size), size);
            }
            corrupted_words_free(&w);
        }
}

/* Words of one long run of letters that differ from their neighbours, so that each typo shows. */
static void the_share_of_typos_is_the_degree(void **state)
{
    (void)state;
    enum { LETTERS = 20000 };
    static char word[LETTERS + 1];
    for (int i = 0; i < LETTERS; i++) word[i] = (char)('A' + i % 26);
    char *words[] = {word};
    struct tweet tweet = {.n_words = 1};
    const struct dataset d = {.n_tweets = 1, .n_words = 1, .tweets = &tweet, .words = words};
    for (int i = 0; i < N_DEGREES; i++) {
        struct corrupted_words w = rewritten(CORRUPT_TYPOS, DEGREES[i], SEED, &d);
        /* Random letters, and nothing else here, are small; slips are the rest, in four kinds of which doubling and leaving out show. */
        double small = 0;
        for (const char *s = w.words[0]; *s; s++) small += *s >= 'a';
        const double share = small / LETTERS, expected = DEGREES[i] * DEGREES[i];
        assert_below(fabs(share - expected), 4 * sqrt(expected * (1 - expected) / LETTERS) + 1e-9, "share of random letters off");
        const double slips = DEGREES[i] * (1 - DEGREES[i]) * LETTERS / 4;
        assert_below(fabs((double)characters(w.words[0]) - LETTERS), 6 * sqrt(slips) + 1, "doubled and left out do not balance");
        corrupted_words_free(&w);
    }
    struct corrupted_words w = rewritten(CORRUPT_TYPOS, .1, SEED, &d);
    int same = 0; /* positions up to the first change of length say little: count what of the alphabet's runs is whole */
    for (const char *s = w.words[0]; s[1]; s++) same += s[1] == (*s == 'Z' ? 'A' : *s + 1);
    /* Each of a tenth of the letters breaks the run before and behind it, a swap one more. */
    assert_in_range(same, .75 * LETTERS, .85 * LETTERS);
    corrupted_words_free(&w);
}

static void typos_of_degree_1_know_nothing_of_the_words(void **state)
{
    (void)state;
    const struct dataset d = split();
    struct corrupted_words w = rewritten(CORRUPT_TYPOS, 1, SEED, &d);
    int of_letter[26] = {0}, n = 0, kept = 0;
    for (int i = 0; i < d.n_words; i++) {
        assert_int_equal(characters(w.words[i]), characters(d.words[i]));
        for (const char *s = w.words[i]; *s; s++) {
            assert_in_range(*s, 'a', 'z');
            of_letter[*s - 'a']++;
            n++;
        }
        if (strcmp(d.words[i], "a") == 0) kept += w.words[i][0] == 'a';
    }
    for (int k = 0; k < 26; k++) assert_below(fabs(of_letter[k] - n / 26.), 4 * sqrt(n / 26.), "a letter's count off the mean");
    assert_below(kept, SPLIT_WORDS / N_SAYINGS / 26. + 4 * sqrt(SPLIT_WORDS / N_SAYINGS / 26.), "letters that stayed");
    corrupted_words_free(&w);
}

static void slips_are_those_of_a_keyboard(void **state)
{
    (void)state;
    const struct dataset d = split();
    struct corrupted_words w = rewritten(CORRUPT_TYPOS, .03, SEED, &d);
    int swapped = 0, left_out = 0, doubled = 0, beside = 0;
    for (int i = 0; i < d.n_words; i++) {
        if (strcmp(d.words[i], "2016") != 0 || strcmp(d.words[i], w.words[i]) == 0) continue;
        const char *x = w.words[i];
        swapped += strcmp(x, "0216") == 0 || strcmp(x, "2106") == 0 || strcmp(x, "2061") == 0;
        left_out += strcmp(x, "016") == 0 || strcmp(x, "216") == 0 || strcmp(x, "206") == 0 || strcmp(x, "201") == 0;
        doubled += strcmp(x, "22016") == 0 || strcmp(x, "20016") == 0 || strcmp(x, "20116") == 0 || strcmp(x, "20166") == 0;
        beside += strcmp(x, "1016") == 0 || strcmp(x, "3016") == 0 || strcmp(x, "2916") == 0 || strcmp(x, "2026") == 0 ||
                  strcmp(x, "2015") == 0 || strcmp(x, "2017") == 0;
    }
    assert_true(swapped > 0 && left_out > 0 && doubled > 0 && beside > 0);
    corrupted_words_free(&w);
}

static void the_share_of_dropped_words_is_the_degree_in_the_split_and_nearly_in_each_tweet(void **state)
{
    (void)state;
    const struct dataset d = split();
    for (int i = 0; i < N_DEGREES; i++) {
        struct corrupted_words w = rewritten(CORRUPT_DROPPED_WORDS, DEGREES[i], SEED, &d);
        int dropped = 0;
        for (int k = 0; k < d.n_tweets; k++) {
            int here = 0;
            for (int j = k * TWEET_WORDS; j < (k + 1) * TWEET_WORDS; j++) {
                here += !*w.words[j];
                if (*w.words[j]) assert_string_equal(w.words[j], d.words[j]);
            }
            assert_below(fabs(here - DEGREES[i] * TWEET_WORDS), 1, "words dropped in a tweet, off the degree");
            dropped += here;
        }
        assert_below(fabs(dropped - DEGREES[i] * d.n_words), 2 * sqrt(SPLIT_TWEETS), "words dropped, off the degree");
        corrupted_words_free(&w);
    }
}

static void a_dropped_word_is_encoded_as_unknown_and_keeps_its_tag(void **state)
{
    (void)state;
    static const char vocabulary[] = "[UNK]\n[CLS]\n[SEP]\na\n";
    struct dataset d = split();
    struct wordpiece *wordpiece;
    struct encoded whole, x;
    struct err e = {0};
    static char word[] = "a";
    for (int i = 0; i < d.n_words; i++) d.words[i] = word;
    assert_int_equal(wordpiece_from_text(vocabulary, sizeof vocabulary - 1, "v", true, &wordpiece, &e), 0);
    struct corrupted_words w = rewritten(CORRUPT_DROPPED_WORDS, .5, SEED, &d);
    struct dataset dropped = d;
    dropped.words = w.words;
    if (encode_dataset(&d, wordpiece, 100, &whole, &e) || encode_dataset(&dropped, wordpiece, 100, &x, &e)) fail_msg("%s", e.text);
    const int n = x.piece_start[x.n_tweets];
    int unknown = 0;
    assert_int_equal(n, whole.piece_start[x.n_tweets]);
    for (int i = 0; i < n; i++) unknown += x.ids[i] == wordpiece_unknown(wordpiece);
    assert_int_equal(unknown, words_changed(&d, &w));
    assert_true(unknown > 0);
    assert_memory_equal(x.word_start, whole.word_start, ((size_t)d.n_tweets + 1) * sizeof *x.word_start);
    assert_memory_equal(x.tags, whole.tags, (size_t)d.n_words * sizeof *x.tags);
    encoded_free(&whole);
    encoded_free(&x);
    corrupted_words_free(&w);
    wordpiece_free(wordpiece);
}

static void an_empty_tweet_and_an_empty_split_are_fine(void **state)
{
    (void)state;
    struct tweet tweet = {.n_words = 0};
    struct dataset d = {.n_tweets = 1, .tweets = &tweet};
    for (int k = 0; k < 2; k++) {
        struct corrupted_words w = rewritten(k ? CORRUPT_TYPOS : CORRUPT_DROPPED_WORDS, 1, SEED, &d);
        corrupted_words_free(&w);
        d.n_tweets = 0;
    }
}

/* ---- KIND:DEGREE ---- */

struct text {
    const char *text;
    enum corrupt_kind kind;
    double degree;
};
static const struct text READ[] = {
    {"noise:0", CORRUPT_NOISE, 0},
    {"blur:1", CORRUPT_BLUR, 1},
    {"occlusion:.25", CORRUPT_OCCLUSION, .25},
    {"shuffled:1.0", CORRUPT_SHUFFLED, 1},
    {"missing:5e-1", CORRUPT_MISSING, .5},
    {"typos:0.10", CORRUPT_TYPOS, .1},
    {"dropped-words:-0", CORRUPT_DROPPED_WORDS, 0},
};

static void a_kind_and_its_degree_are_read(void **state)
{
    const struct text *x = *state;
    struct corruption c;
    struct err e = {0};
    if (corruption_parse(x->text, &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(c.kind, x->kind);
    assert_true(c.degree == x->degree && !signbit(c.degree));
}

struct refusal {
    const char *text, *message;
};
#define KINDS  "expected KIND:DEGREE, as in blur:0.5, where KIND is noise, blur, occlusion, shuffled, missing, typos or dropped-words"
#define DEGREE "expected a number from 0 (unchanged) to 1 (nothing of the original left)"
static const struct refusal REFUSED[] = {
    {"", "corruption '': no kind ''; " KINDS},
    {"blurr:1", "corruption 'blurr:1': no kind 'blurr'; " KINDS},
    {"0.5", "corruption '0.5': no kind '0.5'; " KINDS},
    {"nois:1", "corruption 'nois:1': no kind 'nois'; " KINDS},
    {"Noise:1", "corruption 'Noise:1': no kind 'Noise'; " KINDS},
    {"noise",
     "corruption 'noise': the degree is missing; expected noise:DEGREE with a number from 0 (unchanged) to 1 (nothing of the original left)"},
    {"noise:", "corruption 'noise:': '' is no degree; " DEGREE},
    {"noise:x", "corruption 'noise:x': 'x' is no degree; " DEGREE},
    {"noise:1.01", "corruption 'noise:1.01': '1.01' is no degree; " DEGREE},
    {"noise:-.1", "corruption 'noise:-.1': '-.1' is no degree; " DEGREE},
    {"noise:nan", "corruption 'noise:nan': 'nan' is no degree; " DEGREE},
    {"noise:0x1", "corruption 'noise:0x1': '0x1' is no degree; " DEGREE},
    {"noise: 1", "corruption 'noise: 1': ' 1' is no degree; " DEGREE},
    {"noise:50%", "corruption 'noise:50%': '50%' is no degree; " DEGREE},
    {"noise:0.5:1", "corruption 'noise:0.5:1': '0.5:1' is no degree; " DEGREE},
};

static void what_is_no_corruption_is_named(void **state)
{
    const struct refusal *x = *state;
    struct corruption c;
    struct err e = {0};
    assert_int_equal(corruption_parse(x->text, &c, &e), ERR_USAGE);
    assert_string_equal(e.text, x->message);
}

static void every_kind_has_a_name_that_is_read_and_something_it_can_be_done_to(void **state)
{
    (void)state;
    for (int k = 0; k < N_CORRUPT_KINDS; k++) {
        char text[64];
        struct corruption c;
        struct err e = {0};
        snprintf(text, sizeof text, "%s:0.5", CORRUPT_NAMES[k]);
        assert_int_equal(corruption_parse(text, &c, &e), 0);
        assert_int_equal(c.kind, k);
        assert_true(corrupt_targets(c.kind) != 0);
    }
}

int main(void)
{
    static const enum corrupt_kind TEXT_KINDS[] = {CORRUPT_TYPOS, CORRUPT_DROPPED_WORDS};
    enum { N_TEXT_KINDS = sizeof TEXT_KINDS / sizeof *TEXT_KINDS };
    enum { N_READ = sizeof READ / sizeof *READ, N_REFUSED = sizeof REFUSED / sizeof *REFUSED };
    static const struct CMUnitTest ALWAYS[] = {
        cmocka_unit_test(noise_of_degree_1_is_uniform_and_knows_nothing_of_the_picture),
        cmocka_unit_test(noise_of_degree_one_half_is_the_middle_of_picture_and_noise),
        cmocka_unit_test(blur_of_degree_1_is_the_mean_colour),
        cmocka_unit_test(blur_spreads_a_point_evenly_over_its_window),
        cmocka_unit_test(a_picture_of_one_pixel_is_its_own_mean),
        cmocka_unit_test(occlusion_covers_its_share_to_the_pixel),
        cmocka_unit_test(feature_noise_ends_in_a_vector_that_shares_mean_and_deviation_alone),
        cmocka_unit_test(shuffling_hands_exactly_the_share_to_other_tweets_and_each_source_on_once),
        cmocka_unit_test(missing_takes_exactly_the_share_away_and_leaves_the_others),
        cmocka_unit_test(who_is_given_what_is_a_function_of_the_seed),
        cmocka_unit_test(few_tweets_are_shuffled_as_far_as_they_can_be),
        cmocka_unit_test(words_with_typos_stay_words_of_whole_characters),
        cmocka_unit_test(the_share_of_typos_is_the_degree),
        cmocka_unit_test(typos_of_degree_1_know_nothing_of_the_words),
        cmocka_unit_test(slips_are_those_of_a_keyboard),
        cmocka_unit_test(the_share_of_dropped_words_is_the_degree_in_the_split_and_nearly_in_each_tweet),
        cmocka_unit_test(a_dropped_word_is_encoded_as_unknown_and_keeps_its_tag),
        cmocka_unit_test(an_empty_tweet_and_an_empty_split_are_fine),
        cmocka_unit_test(every_kind_has_a_name_that_is_read_and_something_it_can_be_done_to),
    };
    enum { N_ALWAYS = sizeof ALWAYS / sizeof *ALWAYS };
    static char names[2 * (N_PICTURE_KINDS + N_TEXT_KINDS)][96];
    static struct CMUnitTest tests[N_ALWAYS + N_READ + N_REFUSED + sizeof names / sizeof *names];
    size_t n = 0, named = 0;
    for (int i = 0; i < N_ALWAYS; i++) tests[n++] = ALWAYS[i];
    for (int i = 0; i < N_PICTURE_KINDS + N_TEXT_KINDS; i++) {
        const bool text = i >= N_PICTURE_KINDS;
        const enum corrupt_kind *kind = text ? &TEXT_KINDS[i - N_PICTURE_KINDS] : &PICTURE_KINDS[i];
        snprintf(names[named], sizeof *names, "%s is worse the higher the degree, and nothing at 0", CORRUPT_NAMES[*kind]);
        tests[n++] = (struct CMUnitTest){.name = names[named++],
                                         .test_func = text ? text_is_worse_the_higher_the_degree_and_untouched_at_0
                                                           : a_picture_is_worse_the_higher_the_degree_and_untouched_at_0,
                                         .initial_state = (void *)(uintptr_t)kind};
        snprintf(names[named], sizeof *names, "%s is a function of seed and tweet", CORRUPT_NAMES[*kind]);
        tests[n++] =
            (struct CMUnitTest){.name = names[named++],
                                .test_func = text ? text_is_a_function_of_seed_and_tweet : a_picture_is_a_function_of_seed_and_tweet,
                                .initial_state = (void *)(uintptr_t)kind};
    }
    for (int i = 0; i < N_READ; i++)
        tests[n++] = (struct CMUnitTest){
            .name = READ[i].text, .test_func = a_kind_and_its_degree_are_read, .initial_state = (void *)(uintptr_t)&READ[i]};
    for (int i = 0; i < N_REFUSED; i++)
        tests[n++] = (struct CMUnitTest){
            .name = REFUSED[i].text, .test_func = what_is_no_corruption_is_named, .initial_state = (void *)(uintptr_t)&REFUSED[i]};
    return _cmocka_run_group_tests("corrupt", tests, n, NULL, NULL);
}
