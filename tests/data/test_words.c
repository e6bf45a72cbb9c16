/* Plain text is cut into words by the rules of words.h; a case shows the words between bars. */
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct text {
    const char *name, *text, *words;
};
static const struct text TEXTS[] = {
    {"nothing", "", ""},
    {"blanks alone", " \t \n\u00A0\u3000", ""},
    {"plain words", "Justin Bieber wins", "Justin|Bieber|wins"},
    {"marks are words", "wins the vote!! (again)", "wins|the|vote|!|!|(|again|)"},
    {"a hashtag", "#NBAAwards in #Paris", "#|NBAAwards|in|#|Paris"},
    {"a mention", "@hannuhnell, hi", "@|hannuhnell|,|hi"},
    {"a name with an underscore", "@Bundesliga_EN", "@|Bundesliga_EN"},
    {"apostrophes", "don't O'Neill it\u2019s", "don|'|t|O|'|Neill|it|\u2019|s"},
    {"a hyphen", "Cavs-Warriors", "Cavs|-|Warriors"},
    {"numbers", "80,000 4.99 9:30 20/20 5th 3-1", "80,000|4.99|9:30|20|/|20|5|th|3|-|1"},
    {"a number at the end of a sentence", "in 2017. Or 2018, 7.", "in|2017|.|Or|2018|,|7|."},
    {"letters with digits", "WNBA20 L18htemup", "WNBA20|L18htemup"},
    {"a web address", "see https://t.co/aB3?x=1&y=2 now", "see|https://t.co/aB3?x=1&y=2|now"},
    {"an address in a sentence", "(www.nba.com/news), http://a.b!", "(|www.nba.com/news|)|,|http://a.b|!"},
    {"an address that was cut", "http://t.co/ab\u2026", "http://t.co/ab|\u2026"},
    {"the beginning of an address alone", "http:// www.", "http|:|/|/|www|."},
    {"an e-mail address", "mail me.too@mail.example.org.", "mail|me.too@mail.example.org|."},
    {"no e-mail address", "a@b @c d@", "a|@|b|@|c|d|@"},
    {"accents", "Beyonc\u00E9 Su\u00E1rez Higuai\u0301n", "Beyonc\u00E9|Su\u00E1rez|Higuai\u0301n"},
    {"Korean and Cyrillic", "\uD654\uC591\uC5F0\uD654onstage \u041C\u043E\u0441\u043A\u0432\u0430",
     "\uD654\uC591\uC5F0\uD654onstage|\u041C\u043E\u0441\u043A\u0432\u0430"},
    {"ideographs", "\u6771\u4EAC tower", "\u6771|\u4EAC|tower"},
    {"emoji", "day\u26BE\uFE0F!\U0001F602\U0001F602", "day|\u26BE\uFE0F|!|\U0001F602|\U0001F602"},
    {"a skin tone", "\U0001F44F\U0001F3FD\U0001F44F", "\U0001F44F\U0001F3FD|\U0001F44F"},
    {"a family", "\U0001F468\u200D\U0001F469\u200D\U0001F467 ok", "\U0001F468\u200D\U0001F469\u200D\U0001F467|ok"},
    {"a heart on fire", "\u2764\uFE0F\u200D\U0001F525", "\u2764\uFE0F\u200D\U0001F525"},
    {"flags", "\U0001F1FA\U0001F1F8\U0001F1EB\U0001F1F7\U0001F1E9", "\U0001F1FA\U0001F1F8|\U0001F1EB\U0001F1F7|\U0001F1E9"},
    {"a keycap", "1\uFE0F\u20E3 #\uFE0F\u20E3", "1\uFE0F\u20E3|#\uFE0F\u20E3"},
    {"signs", "$5 \u20AC35 50% \u00A9 \u2192x", "$|5|\u20AC|35|50|%|\u00A9|\u2192|x"},
    {"invisible characters", "\uFEFFa\u200Bb\u200E \u00ADc", "a|b|c"},
    {"what no character was", "\uFFFDx", "\uFFFD|x"},
    {"a joiner without a picture", "\u200D a\u200Db", "a\u200Db"},
};
enum { N_TEXTS = sizeof TEXTS / sizeof *TEXTS };

static int32_t characters(const char *s, int32_t bytes)
{
    int32_t n = 0;
    for (int32_t i = 0; i < bytes; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

static void is_cut_as_shown(void **state)
{
    const struct text *t = *state;
    struct text_word *words = NULL;
    struct err e = {0};
    int cap = 0, n = words_cut(t->text, strlen(t->text), &words, &cap, &e);
    char found[1000] = "";
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        const struct text_word *w = &words[i];
        if (i > 0) strcat(found, "|");
        strncat(found, t->text + w->byte_first, (size_t)(w->byte_end - w->byte_first));
        assert_int_equal(w->char_first, characters(t->text, w->byte_first));
        assert_int_equal(w->char_end, characters(t->text, w->byte_end));
        assert_true(w->byte_end > w->byte_first);
        assert_true(i == 0 || w->byte_first >= words[i - 1].byte_end);
    }
    assert_string_equal(found, t->words);
    free(words);
}

static void a_byte_that_is_not_utf8_is_named(void **state)
{
    (void)state;
    struct text_word *words = NULL;
    struct err e = {0};
    int cap = 0;
    assert_int_equal(words_cut("ab\xFFz", 4, &words, &cap, &e), ERR_DATA);
    assert_string_equal(e.text, "byte 3 (0xFF) is not UTF-8");
    free(words);
}

static void a_nul_is_no_part_of_a_word(void **state)
{
    (void)state;
    struct text_word *words = NULL;
    struct err e = {0};
    int cap = 0;
    assert_int_equal(words_cut("a\0b", 3, &words, &cap, &e), 2);
    assert_int_equal(words[1].byte_first, 2);
    free(words);
}

/* Each of these looks far ahead at every place; quadratic time would take hours. */
static void time_is_linear_in_the_length(void **state)
{
    (void)state;
    static const char *const PIECES[] = {"www.", "http://", "a.", "a@", "1.", "\U0001F468\u200D", "www.)"};
    enum { TIMES = 1 << 20 };
    for (size_t k = 0; k < sizeof PIECES / sizeof *PIECES; k++) {
        const size_t length = strlen(PIECES[k]);
        char *text = malloc(TIMES * length);
        struct text_word *words = NULL;
        struct err e = {0};
        int cap = 0;
        assert_non_null(text);
        for (size_t i = 0; i < TIMES; i++) memcpy(text + i * length, PIECES[k], length);
        assert_true(words_cut(text, TIMES * length, &words, &cap, &e) > 0);
        free(words);
        free(text);
    }
}

int main(void)
{
    struct CMUnitTest tests[N_TEXTS + 3];
    int n = 0;
    for (int i = 0; i < N_TEXTS; i++)
        tests[n++] = (struct CMUnitTest){TEXTS[i].name, is_cut_as_shown, NULL, NULL, (void *)(uintptr_t)&TEXTS[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_byte_that_is_not_utf8_is_named);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_nul_is_no_part_of_a_word);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(time_is_linear_in_the_length);
    return _cmocka_run_group_tests("words", tests, (size_t)n, NULL, NULL);
}
