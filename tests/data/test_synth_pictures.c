/* Of a synthetic set with pictures: the words do not tell what an ambiguous name is and the picture does, the shares come out as asked for,
 * and the same options give the same files.
 *
 * A share is held to its binomial distribution, 5 standard deviations wide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "edges.h"
#include "files.h"
#include "hash.h"
#include "picture.h"
#include "synth_set.h"
#include "temporary.h"
#include "wordpiece.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_FIRST = 2000 };

/* What an ambiguous tweet's first entity is called, and the two words before it and the one behind. */
static void name_of(const struct tweet_facts *f, char name[64])
{
    const struct span *s = &f->spans[0];
    name[0] = '\0';
    for (int i = s->first; i <= s->last; i++) snprintf(name + strlen(name), 64 - strlen(name), "%s ", f->d->words[f->t->first_word + i]);
}
static void context_of(const struct tweet_facts *f, char context[128])
{
    const struct span *s = &f->spans[0];
    char *const *words = f->d->words + f->t->first_word;
    snprintf(context, 128, "%s %s _ %s", s->first > 1 ? words[s->first - 2] : "^", s->first > 0 ? words[s->first - 1] : "^",
             s->last + 1 < f->t->n_words ? words[s->last + 1] : "$");
}

static void is_binomial(const char *what, int k, int n, double p)
{
    double room = 5 * sqrt(n * p * (1 - p));
    if (!(fabs(k - n * p) <= room)) fail_msg("%s: %d of %d, expected %.4g within %.3g", what, k, n, n * p, room);
}

/* ---- the set of the default options, with the type that the oracle sees in each picture ---- */

static struct set first;

enum { N_KNOWN = 800 };
static double known_edges[N_KNOWN][EDGE_FEATURES], known_colours[N_KNOWN][3];

static void look_at_pictures(struct set *s, const char *folder)
{
    struct err e = {0};
    struct picture_folder *images;
    for (int i = 0; i < N_KNOWN; i++) { /* of another seed */
        uint8_t rgb[SYNTH_PIXELS];
        synth_picture(77, i, i % TYPES, 20, rgb);
        edges_of(rgb, known_edges[i]);
        colour_of(rgb, known_colours[i]);
    }
    if (picture_folder_open(path_of(folder, "images"), &images, &e)) fail_msg("%s", e.text);
    for (int i = 0; i < s->n; i++) {
        struct picture p;
        double x[EDGE_FEATURES];
        if (!s->tweets[i].has_picture) continue;
        if (picture_read(images, s->tweets[i].t->id, false, &p, &e)) fail_msg("%s", e.text);
        assert_int_equal(p.width, SYNTH_SIDE);
        assert_int_equal(p.height, SYNTH_SIDE);
        edges_of(p.rgb, x);
        s->tweets[i].shown = nearest_row(known_edges[0], N_KNOWN, EDGE_FEATURES, x) % TYPES;
        picture_free(&p);
    }
    picture_folder_close(images);
}

static void the_picture_tells_what_an_ambiguous_name_is(void **state)
{
    (void)state;
    int n = 0, right = 0;
    for (int i = 0; i < first.n; i++) {
        const struct tweet_facts *f = &first.tweets[i];
        if (!f->picture_decides) continue;
        n++;
        right += f->shown == f->spans[0].type;
    }
    assert_true(n > 500);
    if (!(right >= 0.97 * n)) fail_msg("%d of %d", right, n);
}

static void a_tweet_has_one_type_which_its_picture_shows_unless_it_contradicts(void **state)
{
    (void)state;
    int n[2] = {0}, with[2] = {0};
    for (int i = 0; i < first.n; i++) {
        const struct tweet_facts *f = &first.tweets[i];
        for (int k = 1; k < f->n_spans; k++) assert_int_equal(f->spans[k].type, f->spans[0].type);
        if (!f->has_picture || f->n_spans == 0) continue;
        n[f->contradicted]++;
        with[f->contradicted] += f->spans[0].type == f->shown;
    }
    if (!(with[0] >= 0.97 * n[0])) fail_msg("%d of %d", with[0], n[0]);
    assert_true(n[1] > 50);
    if (!(with[1] <= 0.03 * n[1])) fail_msg("%d of %d contradicting ones", with[1], n[1]);
}

/* Of the tweets with an ambiguous name, known or not, each of test is guessed as the type that `key` had most often in train. */
static void guess_from_train(void (*key)(const struct tweet_facts *, char *), int *n, int *right)
{
    *n = *right = 0;
    for (int i = 0; i < first.n; i++) {
        char wanted[128], other[128];
        int count[TYPES] = {0}, best = 0;
        const struct tweet_facts *f = &first.tweets[i];
        if (f->split == 0 || f->text_decides) continue;
        key(f, wanted);
        for (int k = 0; k < first.n; k++) {
            const struct tweet_facts *g = &first.tweets[k];
            if (g->split != 0 || g->text_decides) continue;
            key(g, other);
            if (strcmp(wanted, other) == 0) count[g->spans[0].type]++;
        }
        for (int t = 1; t < TYPES; t++) {
            if (count[t] > count[best]) best = t;
        }
        if (count[best] == 0) continue;
        ++*n;
        *right += best == f->spans[0].type;
    }
}

static void neither_name_nor_context_of_an_ambiguous_name_tells_what_it_is(void **state)
{
    (void)state;
    int n, right;
    guess_from_train(name_of, &n, &right);
    assert_true(n > 50);
    is_binomial("guessed from the name", right, n, 1.0 / 3);
    guess_from_train(context_of, &n, &right);
    assert_true(n > 150);
    is_binomial("guessed from the context", right, n, 1.0 / 3);
}

static void the_same_name_in_the_same_context_occurs_as_each_of_the_three_types(void **state)
{
    (void)state;
    int differ = 0;
    unsigned types = 0;
    for (int i = 0; i < first.n; i++) {
        char name[2][64], context[2][128];
        const struct tweet_facts *f = &first.tweets[i];
        if (f->text_decides) continue;
        types |= 1u << f->spans[0].type;
        name_of(f, name[0]);
        context_of(f, context[0]);
        for (int k = 0; k < i; k++) {
            const struct tweet_facts *g = &first.tweets[k];
            if (g->text_decides || g->spans[0].type == f->spans[0].type) continue;
            name_of(g, name[1]);
            context_of(g, context[1]);
            differ += strcmp(name[0], name[1]) == 0 && strcmp(context[0], context[1]) == 0;
        }
    }
    assert_int_equal(types, 1 << 0 | 1 << 2 | 1 << 3); /* LOC, ORG, PER */
    if (!(differ >= 5)) fail_msg("%d pairs", differ);
}

static void some_ambiguous_names_of_test_are_unseen_and_some_are_not(void **state)
{
    (void)state;
    int n = 0, seen = 0;
    for (int i = 0; i < first.n; i++) {
        char wanted[64], other[64];
        const struct tweet_facts *f = &first.tweets[i];
        if (f->split == 0 || f->text_decides) continue;
        name_of(f, wanted);
        bool found = false;
        for (int k = 0; k < first.n && !found; k++) {
            const struct tweet_facts *g = &first.tweets[k];
            if (g->split != 0 || g->text_decides) continue;
            name_of(g, other);
            found = strcmp(wanted, other) == 0;
        }
        n++;
        seen += found;
    }
    assert_true(seen >= n / 4 && 7 * seen <= 3 * n);
}

static void all_nine_tags_occur(void **state)
{
    (void)state;
    int count[1 + 2 * TYPES] = {0};
    for (int i = 0; i < first.d[0].n_words; i++) count[first.d[0].tags[i]]++;
    for (int t = 0; t < 1 + 2 * TYPES; t++) assert_true(count[t] > 20);
}

static bool is_of(const char *const *list, const char *text)
{
    for (; *list; list++) {
        if (strcmp(*list, text) == 0) return true;
    }
    return false;
}

/* A line for each picture, in the form of the real sets, and it says what the picture shows. */
static void captions_say_what_is_shown(void **state)
{
    (void)state;
    char *text = text_of("first", "captions.txt"), *save = NULL, *line = strtok_r(text, "\n", &save);
    int n = 0, right = 0;
    for (int i = 0; i < first.n; i++) {
        const struct tweet_facts *f = &first.tweets[i];
        if (!f->has_picture) continue;
        char front[64];
        snprintf(front, sizeof front, "%s.jpg :", f->t->id);
        assert_non_null(line);
        assert_int_equal(strncmp(line, front, strlen(front)), 0);
        n++;
        right += is_of(SYNTH_CAPTIONS[f->shown], line + strlen(front));
        line = strtok_r(NULL, "\n", &save);
    }
    assert_null(line);
    if (!(right >= 0.97 * n)) fail_msg("%d of %d", right, n);
    free(text);
}

static void the_vocabulary_knows_every_word_of_the_captions(void **state)
{
    (void)state;
    char *vocabulary = text_of("first", "vocab.txt");
    struct wordpiece *w;
    struct piece *pieces = NULL;
    int room = 0;
    struct err e = {0};
    if (wordpiece_from_text(vocabulary, strlen(vocabulary), "vocab.txt", true, &w, &e)) fail_msg("%s", e.text);
    for (int t = 0; t < TYPES; t++) {
        int n_captions = 0;
        for (const char *const *c = SYNTH_CAPTIONS[t]; *c; c++, n_captions++) {
            int n_words = 1, n = wordpiece_encode(w, *c, strlen(*c), &pieces, &room);
            for (const char *at = *c; (at = strchr(at, ' ')); at++) n_words++;
            assert_int_equal(n, n_words); /* whole words */
            for (int i = 0; i < n; i++) assert_int_not_equal(pieces[i].id, wordpiece_unknown(w));
        }
        assert_int_equal(n_captions, SYNTH_CAPTIONS_EACH);
    }
    free(pieces);
    wordpiece_free(w);
    free(vocabulary);
}

static void the_report_counts_what_is_there(void **state)
{
    (void)state;
    struct synth_options o = options_of(150, 4);
    struct synth_report r = make("counted", &o);
    struct set s;
    load(&s, "counted");
    int pictures[3] = {0}, decided[3] = {0}, entities[3] = {0};
    for (int i = 0; i < s.n; i++) {
        pictures[s.tweets[i].split] += s.tweets[i].has_picture;
        decided[s.tweets[i].split] += s.tweets[i].picture_decides;
        entities[s.tweets[i].split] += s.tweets[i].n_spans;
    }
    for (int k = 0; k < 3; k++) {
        assert_int_equal(r.pictures[k], pictures[k]);
        assert_int_equal(r.picture_decides[k], decided[k]);
        assert_int_equal(r.entities[k], entities[k]);
        if (k > 0 && !(r.lexicon_f1[k] <= 0.6)) fail_msg("split %d: the lexicon reaches %g", k, r.lexicon_f1[k]);
    }
    free_set(&s);
}

/* ---- shares ---- */

struct shares {
    const char *name;
    int tweets;
    uint32_t seed;
    double ambiguity, contradictions, missing;
};
static const struct shares SHARES[] = {
    {"default shares", N_FIRST, 1, 0.4, 0.02, 0.05},     {"shares of half and more", 600, 2, 0.7, 0.5, 0.3},
    {"no share of anything", 200, 3, 0, 0, 0},           {"every picture contradicts", 200, 4, 0, 1, 0},
    {"the picture decides everything", 200, 5, 1, 1, 0}, {"no picture at all", 200, 6, 0.5, 0.5, 1},
};

static void come_out_as_asked_for(void **state)
{
    const struct shares *x = *state;
    struct synth_options o = options_of(x->tweets, x->seed);
    o.ambiguity = x->ambiguity;
    o.contradictions = x->contradictions;
    o.missing = x->missing;
    make("shares", &o);
    struct set s;
    load(&s, "shares");
    int ambiguous = 0, missing = 0, may_contradict = 0, contradict = 0;
    for (int i = 0; i < s.n; i++) {
        const struct tweet_facts *f = &s.tweets[i];
        assert_int_equal(f->text_decides + f->picture_decides + f->undecided, 1);
        assert_true(f->text_decides || f->has_picture == f->picture_decides);
        assert_true(!f->contradicted || (f->text_decides && f->has_picture && f->n_spans > 0));
        ambiguous += !f->text_decides;
        missing += !f->has_picture;
        may_contradict += f->text_decides && f->has_picture && f->n_spans > 0;
        contradict += f->contradicted;
    }
    is_binomial("ambiguous", ambiguous, s.n, x->ambiguity);
    is_binomial("missing", missing, s.n, x->missing);
    is_binomial("contradicted", contradict, may_contradict, x->contradictions);
    free_set(&s);
}

static void label_noise_changes_types_of_train_and_nothing_else(void **state)
{
    (void)state;
    struct synth_options o = options_of(1000, 8);
    make("clean", &o);
    o.label_noise = 0.3;
    make("noisy", &o);
    struct set a, b;
    load(&a, "clean");
    load(&b, "noisy");
    int n = 0, changed = 0;
    for (int i = 0; i < a.n; i++) {
        const struct tweet_facts *x = &a.tweets[i], *y = &b.tweets[i];
        assert_int_equal(x->t->n_words, y->t->n_words);
        for (int k = 0; k < x->t->n_words; k++) assert_string_equal(x->d->words[x->t->first_word + k], y->d->words[y->t->first_word + k]);
        assert_int_equal(x->n_spans, y->n_spans);
        for (int k = 0; k < x->n_spans; k++) {
            assert_int_equal(x->spans[k].first, y->spans[k].first);
            assert_int_equal(x->spans[k].last, y->spans[k].last);
            if (x->split > 0) assert_int_equal(x->spans[k].type, y->spans[k].type);
            n += x->split == 0;
            changed += x->spans[k].type != y->spans[k].type;
        }
        assert_int_equal(x->has_picture, y->has_picture);
        assert_int_equal(x->text_decides, y->text_decides);
        assert_int_equal(x->contradicted, y->contradicted);
    }
    is_binomial("changed labels", changed, n, 0.3);
    struct err e = {0};
    char *captions[2];
    size_t size[2];
    if (file_read(path_of("clean", "captions.txt"), 1 << 20, &captions[0], &size[0], &e) ||
        file_read(path_of("noisy", "captions.txt"), 1 << 20, &captions[1], &size[1], &e))
        fail_msg("%s", e.text);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(captions[0], captions[1], size[0]);
    free(captions[0]);
    free(captions[1]);
    free_set(&a);
    free_set(&b);
}

/* ---- pictures ---- */

static void mean_colour_alone_tells_little(void **state)
{
    (void)state;
    enum { N = 400 };
    int right = 0;
    for (int i = 0; i < N; i++) {
        uint8_t rgb[SYNTH_PIXELS];
        double x[3];
        synth_picture(78, i, i % TYPES, 20, rgb);
        colour_of(rgb, x);
        right += nearest_row(known_colours[0], N_KNOWN, 3, x) % TYPES == i % TYPES;
    }
    if (!(right <= 0.5 * N)) fail_msg("%d of %d", right, N);
}

static void noise_adds_to_what_is_shown(void **state)
{
    (void)state;
    static const int noise[] = {0, 10, 30, 60, 100};
    double last = -1;
    for (size_t k = 0; k < sizeof noise / sizeof *noise; k++) {
        double sum = 0;
        for (int i = 0; i < 40; i++) {
            uint8_t clean[SYNTH_PIXELS], noisy[SYNTH_PIXELS];
            synth_picture(5, i, i % TYPES, 0, clean);
            synth_picture(5, i, i % TYPES, noise[k], noisy);
            for (int j = 0; j < SYNTH_PIXELS; j++) sum += abs(clean[j] - noisy[j]) / (40.0 * SYNTH_PIXELS);
        }
        if (k == 0) assert_true(sum == 0);
        if (!(sum > last + (k > 0 ? 3 : 0))) fail_msg("degree %d: mean difference %g after %g", noise[k], sum, last);
        last = sum;
    }
}

/* The pixels do not depend on the machine or the compiler (the bytes of a PNG do: on its zlib). */
static void the_pixels_are_those_of_every_machine(void **state)
{
    (void)state;
    char hex[33];
    struct hash_stream *stream = hash_begin();
    for (int i = 0; i < 40; i++) {
        uint8_t rgb[SYNTH_PIXELS];
        synth_picture(1, i, i % TYPES, i * 5 / 2, rgb);
        hash_add(stream, rgb, sizeof rgb);
    }
    struct hash h = hash_end(stream);
    hash_hex(&h, hex);
    assert_string_equal(hex, "f21176dbc78c4ddff9809c77867e3e7c");
}

/* ---- bytes ---- */

static bool same_bytes(const char *a, const char *b, const char *file)
{
    char *x = text_of(a, file), *y = text_of(b, file);
    bool same = strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

static bool same_pictures(const struct set *s, const char *a, const char *b)
{
    bool same = true;
    for (int i = 0; i < s->n && same; i++) {
        char name[64], *data[2];
        size_t size[2];
        struct err e = {0};
        snprintf(name, sizeof name, "images/%s.png", s->tweets[i].t->id);
        if (file_exists(path_of(a, name)) != file_exists(path_of(b, name))) return false;
        if (!s->tweets[i].has_picture) continue;
        if (file_read(path_of(a, name), 1 << 20, &data[0], &size[0], &e) || file_read(path_of(b, name), 1 << 20, &data[1], &size[1], &e))
            fail_msg("%s", e.text);
        same = size[0] == size[1] && memcmp(data[0], data[1], size[0]) == 0;
        free(data[0]);
        free(data[1]);
    }
    return same;
}

static void the_same_options_give_the_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    static const char *const files[] = {"train.txt", "valid.txt", "test.txt", "vocab.txt", "captions.txt", "subsets.txt"};
    struct synth_options o = options_of(120, 5);
    make("a", &o);
    make("b", &o);
    o.seed = 6;
    make("c", &o);
    struct set s;
    load(&s, "a");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_true(same_bytes("a", "b", files[i]));
        if (i != 3) assert_false(same_bytes("a", "c", files[i]));
    }
    assert_true(same_pictures(&s, "a", "b"));
    assert_false(same_pictures(&s, "a", "c"));
    free_set(&s);
}

static void a_set_without_pictures_has_text_alone(void **state)
{
    (void)state;
    struct synth_options o = options_of(20, 5);
    o.pictures = false;
    make("unseen", &o);
    for (int i = 0; i < 3; i++) assert_true(file_exists(path_of("unseen", SPLITS[i])));
    assert_false(file_exists(path_of("unseen", "images")));
    assert_false(file_exists(path_of("unseen", "captions.txt")));
    assert_false(file_exists(path_of("unseen", "subsets.txt")));
}

static void pictures_of_an_earlier_set_are_gone_and_other_files_stay(void **state)
{
    (void)state;
    struct synth_options o = options_of(100, 1);
    struct err e = {0};
    make("again", &o);
    if (file_write_bytes(path_of("again", "images/mine.png"), "x", 1, &e)) fail_msg("%s", e.text);
    o.tweets = 20;
    o.missing = 1;
    make("again", &o);
    for (int i = 0; i < 100; i++) {
        char name[64];
        snprintf(name, sizeof name, "images/S_%06d.png", i);
        assert_false(file_exists(path_of("again", name)));
    }
    char *captions = text_of("again", "captions.txt");
    assert_string_equal(captions, "");
    free(captions);
    o.pictures = false;
    make("again", &o);
    assert_false(file_exists(path_of("again", "captions.txt")));
    assert_false(file_exists(path_of("again", "subsets.txt")));
    assert_true(file_exists(path_of("again", "images/mine.png")));
}

/* ---- refusals ---- */

static void a_share_out_of_range_is_refused(void **state)
{
    (void)state;
    static const double wrong[] = {-0.1, 1.1, NAN};
    static const char *const names[] = {"ambiguity", "picture noise", "contradictions", "missing pictures", "label noise"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (int k = 0; k < 5; k++) {
            struct synth_options o = SYNTH_DEFAULTS;
            double *const shares[] = {&o.ambiguity, &o.picture_noise, &o.contradictions, &o.missing, &o.label_noise};
            struct synth_report report;
            struct err e = {0};
            char expected[80];
            *shares[k] = wrong[i];
            assert_int_equal(synth_write("/nonexistent", &o, &report, &e), ERR_USAGE);
            snprintf(expected, sizeof expected, "%s %g: expected 0 to 1", names[k], wrong[i]);
            assert_string_equal(e.text, expected);
        }
    }
}

static void a_file_where_the_pictures_belong_is_an_error(void **state)
{
    (void)state;
    struct synth_options o = options_of(20, 1);
    struct synth_report report;
    struct err e = {0};
    if (directory_make(path_of("blocked", "."), &e) || file_write_bytes(path_of("blocked", "images"), "x", 1, &e)) fail_msg("%s", e.text);
    assert_int_equal(synth_write(path_of("blocked", "."), &o, &report, &e), ERR_IO);
    assert_non_null(strstr(e.text, "images: cannot make the directory"));
}

static int begin(void **state)
{
    (void)state;
    if (temporary_folder(root)) return -1;
    struct synth_options o = SYNTH_DEFAULTS;
    assert_int_equal(o.tweets, N_FIRST);
    o.contradictions = 0.1; /* more than by default: enough to count */
    make("first", &o);
    load(&first, "first");
    look_at_pictures(&first, "first");
    return 0;
}
static int end(void **state)
{
    (void)state;
    free_set(&first);
    return temporary_remove(root);
}

int main(void)
{
    enum { N_SHARES = sizeof SHARES / sizeof *SHARES, N_OTHER = 18 };
    struct CMUnitTest tests[N_OTHER + N_SHARES] = {
        cmocka_unit_test(the_picture_tells_what_an_ambiguous_name_is),
        cmocka_unit_test(a_tweet_has_one_type_which_its_picture_shows_unless_it_contradicts),
        cmocka_unit_test(neither_name_nor_context_of_an_ambiguous_name_tells_what_it_is),
        cmocka_unit_test(the_same_name_in_the_same_context_occurs_as_each_of_the_three_types),
        cmocka_unit_test(some_ambiguous_names_of_test_are_unseen_and_some_are_not),
        cmocka_unit_test(all_nine_tags_occur),
        cmocka_unit_test(captions_say_what_is_shown),
        cmocka_unit_test(the_vocabulary_knows_every_word_of_the_captions),
        cmocka_unit_test(the_report_counts_what_is_there),
        cmocka_unit_test(label_noise_changes_types_of_train_and_nothing_else),
        cmocka_unit_test(mean_colour_alone_tells_little),
        cmocka_unit_test(noise_adds_to_what_is_shown),
        cmocka_unit_test(the_pixels_are_those_of_every_machine),
        cmocka_unit_test(the_same_options_give_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(a_set_without_pictures_has_text_alone),
        cmocka_unit_test(pictures_of_an_earlier_set_are_gone_and_other_files_stay),
        cmocka_unit_test(a_share_out_of_range_is_refused),
        cmocka_unit_test(a_file_where_the_pictures_belong_is_an_error),
    };
    for (int i = 0; i < N_SHARES; i++)
        tests[N_OTHER + i] =
            (struct CMUnitTest){.name = SHARES[i].name, .test_func = come_out_as_asked_for, .initial_state = (void *)(uintptr_t)&SHARES[i]};
    return cmocka_run_group_tests_name("synth_pictures", tests, begin, end);
}
