/* What `nerve predict` reads. A case shows lines, each ended by LF, and what comes of them: a line for each sentence, "LINE ID word|word",
 * or for each error, "LINE ID ! why". An id is shown as JSON; "-" means that there is none. */
#include "predict_input.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct lines {
    const char *name;
    enum input_format format;
    const char *text;
    size_t size;
    const char *found;
};
#define LINES(name, format, text, found)                                                                                                   \
    {                                                                                                                                      \
        name, format, text, sizeof text - 1, found                                                                                         \
    }

static const struct lines CASES[] = {
    LINES("text: a sentence a line", INPUT_TEXT, "Paris is nice.\nO'Neill\n", "1 1 Paris|is|nice|.\n2 2 O|'|Neill\n"),
    LINES("text: a blank line is nothing, but counts", INPUT_TEXT, "\n \t\nhi\n", "3 3 hi\n"),
    LINES("text: without a word", INPUT_TEXT, "\u00A0\n", "1 1 \n"),
    LINES("text: what looks like other formats", INPUT_TEXT, "{\"text\":\nIMGID:5\na\tO\n", "1 1 {|\"|text|\"|:\n2 2 IMGID|:|5\n3 3 a|O\n"),
    LINES("text: not UTF-8", INPUT_TEXT, "a\nb\xFFz\nc\n", "1 1 a\n2 - ! byte 2 (0xFF) is not UTF-8\n3 3 c\n"),
    LINES("text: a character that was cut", INPUT_TEXT, "ab\xE2\x82\nc\n", "1 - ! byte 3 (0xE2) is not UTF-8\n2 2 c\n"),
    LINES("text: NUL", INPUT_TEXT, "ab\0c\nd\n", "1 - ! byte 3 is NUL\n2 2 d\n"),
    LINES("text: the first wrong byte is told", INPUT_TEXT, "\xFF\0\n\0\xFF\n", "1 - ! byte 1 (0xFF) is not UTF-8\n2 - ! byte 1 is NUL\n"),

    LINES("conll: ids", INPUT_CONLL, "IMGID:17\nParis\tB-LOC\n.\tO\n\nIMGID:x_2\nHi\tO\n", "2 \"17\" Paris|.\n6 \"x_2\" Hi\n"),
    LINES("conll: without an id it is the first line's number", INPUT_CONLL, "\n\na\tO\nb\tO\n\n\nc\tO\n", "3 3 a|b\n7 7 c\n"),
    LINES("conll: one column", INPUT_CONLL, "Paris\nis\n\nnice\n", "1 1 Paris|is\n4 4 nice\n"),
    LINES("conll: more columns, cut at blanks or TAB", INPUT_CONLL, "U.N. NNP I-NP I-ORG\nNew York\tNNP\tO\n", "1 1 U.N.|New York\n"),
    LINES("conll: tags are not read", INPUT_CONLL, "a\tno such tag\nb\t\n", "1 1 a|b\n"),
    LINES("conll: documents", INPUT_CONLL, "-DOCSTART- -X- O O\n\na O\n-DOCSTART- -X- O O\nb O\n", "3 3 a\n5 5 b\n"),
    LINES("conll: IMGID ends a sentence", INPUT_CONLL, "IMGID:1\na\tO\nIMGID:2\nb\tO\n", "2 \"1\" a\n4 \"2\" b\n"),
    LINES("conll: a sentence without a word", INPUT_CONLL, "IMGID:1\nIMGID:2\na\tO\n\nIMGID:3\n\nb\tO\n",
          "1 \"1\" ! no word follows this IMGID\n3 \"2\" a\n5 \"3\" ! no word follows this IMGID\n7 7 b\n"),
    LINES("conll: IMGID without an id", INPUT_CONLL, "IMGID:\na\tO\n\nb\tO\n", "1 - ! IMGID: without an id\n4 4 b\n"),
    LINES("conll: an id with a NUL", INPUT_CONLL, "IMGID:1\0002\na\tO\n\nb\tO\n", "1 - ! byte 8 is NUL\n4 4 b\n"),
    LINES("conll: an id that is not UTF-8", INPUT_CONLL, "IMGID:\xFF\na\tO\n\nb\tO\n", "1 - ! byte 7 (0xFF) is not UTF-8\n4 4 b\n"),
    LINES("conll: the first error is the sentence's, with its id", INPUT_CONLL, "IMGID:1\na\tO\n\tO\n\xFF\tO\nb\tO\n\nc\tO\n",
          "3 \"1\" ! the word before the TAB is empty\n7 7 c\n"),
    LINES("conll: not UTF-8 in another column", INPUT_CONLL, "a\t\xFF\n\nb\tO\n", "1 - ! byte 3 (0xFF) is not UTF-8\n3 3 b\n"),
    LINES("conll: NUL", INPUT_CONLL, "a\0b\tO\n\nb\tO\n", "1 - ! byte 2 is NUL\n3 3 b\n"),
    LINES("conll: a control character", INPUT_CONLL, "a\033b\tO\n\nb\tO\n", "1 - ! the word holds a control character\n3 3 b\n"),

    LINES("jsonl: text and ids", INPUT_JSONL,
          "{\"text\":\"Hi, Paris\"}\n{\"id\":\"a\\\"b\",\"text\":\"x\"}\n{\"text\":\"y\",\"id\":-7}\n{\"id\":\"\",\"text\":\"\"}\n",
          "1 1 Hi|,|Paris\n2 \"a\\\"b\" x\n3 -7 y\n4 \"\" \n"),
    LINES("jsonl: words stay as they are", INPUT_JSONL, "{\"id\":1,\"words\":[\"New York\",\"don't\"],\"lang\":\"en\"}\n{\"words\":[]}\n",
          "1 1 New York|don't\n2 2 \n"),
    LINES("jsonl: the largest and the smallest integer", INPUT_JSONL,
          "{\"id\":9223372036854775807,\"text\":\"\"}\n{\"id\":-9223372036854775808,\"text\":\"\"}\n",
          "1 9223372036854775807 \n2 -9223372036854775808 \n"),
    LINES("jsonl: characters by number", INPUT_JSONL, "{\"text\":\"\\u00e9t\\u00e9 \\ud83d\\ude02\"}\n", "1 1 \u00E9t\u00E9|\U0001F602\n"),
    LINES("jsonl: a blank line is nothing", INPUT_JSONL, "\n{\"text\":\"a\"}\n\n", "2 2 a\n"),
    LINES(
        "jsonl: no object", INPUT_JSONL, "[1]\n\"a\"\n",
        "1 - ! expected an object, {\"text\": ...} or {\"words\": [...]}\n2 - ! expected an object, {\"text\": ...} or {\"words\": [...]}\n"),
    LINES("jsonl: wrong ids", INPUT_JSONL, "{\"id\":1.5,\"text\":\"a\"}\n{\"id\":null,\"text\":\"a\"}\n{\"id\":[],\"text\":\"a\"}\n",
          "1 - ! 'id' must be a string or an integer\n2 - ! 'id' must be a string or an integer\n"
          "3 - ! 'id' must be a string or an integer\n"),
    LINES("jsonl: neither and both, with the id", INPUT_JSONL, "{\"id\":5}\n{\"id\":6,\"text\":\"a\",\"words\":[\"a\"]}\n",
          "1 5 ! has neither 'text' nor 'words'\n2 6 ! has both 'text' and 'words': one is needed\n"),
    LINES("jsonl: text that is none", INPUT_JSONL, "{\"id\":5,\"text\":3}\n", "1 5 ! 'text' must be a string\n"),
    LINES("jsonl: words that are none", INPUT_JSONL,
          "{\"words\":\"a\"}\n{\"words\":[\"a\",1]}\n{\"words\":[\"\"]}\n{\"words\":[\"a\\tb\"]}\n{\"id\":9,\"words\":[\"a\\nb\"]}\n",
          "1 - ! 'words' must be an array of strings\n2 - ! 'words' must hold strings only\n3 - ! a word is empty\n"
          "4 - ! a word holds a control character\n5 9 ! a word holds a control character\n"),
    LINES("jsonl: not UTF-8", INPUT_JSONL, "{\"text\":\"\xFF\"}\n{\"text\":\"a\"}\n", "1 - ! byte 10 (0xFF) is not UTF-8\n2 2 a\n"),
    LINES("jsonl: NUL", INPUT_JSONL, "{\"text\":\"\0\"}\n", "1 - ! byte 10 is NUL\n"),

    LINES("auto: IMGID", INPUT_AUTO, "\nIMGID:1\na O\n", "3 \"1\" a\n"),
    LINES("auto: a TAB", INPUT_AUTO, "a\tO\nb\tO\n", "1 1 a|b\n"),
    LINES("auto: a brace", INPUT_AUTO, " \n {\"text\":\"a\"}\nb\n", "2 2 a\n3 - ! column 1: not valid JSON"),
    LINES("auto: anything else", INPUT_AUTO, "a b\n{\"text\":\"a\"}\nIMGID:1\n", "1 1 a|b\n2 2 {|\"|text|\"|:|\"|a|\"|}\n3 3 IMGID|:|1\n"),
    LINES("auto: a wrong first line is text", INPUT_AUTO, "\xFF\na\n", "1 - ! byte 1 (0xFF) is not UTF-8\n2 2 a\n"),
    LINES("nothing", INPUT_AUTO, "", ""),
};
enum { N_CASES = sizeof CASES / sizeof *CASES };

static void show(FILE *out, const struct input_sentence *s)
{
    char *id = s->id ? json_dump(s->id, 0) : strdup("-");
    fprintf(out, "%ld %s ", s->line, id);
    free(id);
    if (s->error) fprintf(out, "! %s", s->error);
    for (int w = 0; w < s->sentence.n_words; w++) {
        const struct text_word *x = &s->sentence.words[w];
        fprintf(out, "%s%.*s", w > 0 ? "|" : "", (int)(x->byte_end - x->byte_first), s->sentence.text + x->byte_first);
    }
    fputc('\n', out);
}

/* Lines as line_stream gives them: with a NUL behind. */
static char *read_lines(enum input_format format, const char *text, size_t size)
{
    char *shown, *copy = malloc(size + 1);
    size_t shown_size;
    FILE *out = open_memstream(&shown, &shown_size);
    struct predict_input input;
    struct input_sentence s;
    struct err e = {0};
    assert_true(copy && out);
    memcpy(copy, text, size);
    copy[size] = '\0';
    predict_input_begin(&input, format, SOURCE_NONE);
    long number = 0;
    for (char *line = copy, *end; line < copy + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(copy + size - line));
        assert_non_null(end);
        *end = '\0';
        const int given = predict_input_line(&input, ++number, line, (size_t)(end - line), &s, &e);
        assert_true(given >= 0);
        if (given) show(out, &s);
        if (given) input_sentence_free(&s);
    }
    const int given = predict_input_line(&input, number, NULL, 0, &s, &e);
    assert_true(given >= 0);
    if (given) show(out, &s);
    if (given) input_sentence_free(&s);
    predict_input_end(&input);
    fclose(out);
    free(copy);
    return shown;
}

static void lines_give_what_is_shown(void **state)
{
    const struct lines *c = *state;
    char *found = read_lines(c->format, c->text, c->size);
    const size_t n = strlen(c->found);
    /* What a library says of bad JSON is its own: only the front is ours. */
    if (n > 0 && c->found[n - 1] != '\n')
        assert_memory_equal(found, c->found, n);
    else
        assert_string_equal(found, c->found);
    free(found);
}

static void a_line_that_was_too_long_is_an_error_in_its_place(void **state)
{
    (void)state;
    struct predict_input input;
    struct input_sentence s;
    struct err e = {0};
    predict_input_begin(&input, INPUT_TEXT, SOURCE_NONE);
    assert_int_equal(predict_input_error(&input, 4, "too long", &s, &e), 1);
    assert_int_equal(s.line, 4);
    assert_string_equal(s.error, "too long");
    input_sentence_free(&s);
    predict_input_end(&input);

    predict_input_begin(&input, INPUT_CONLL, SOURCE_NONE);
    assert_int_equal(predict_input_line(&input, 1, "a\tO", 3, &s, &e), 0);
    assert_int_equal(predict_input_error(&input, 2, "too long", &s, &e), 0);
    assert_int_equal(predict_input_line(&input, 3, "b\tO", 3, &s, &e), 0);
    assert_int_equal(predict_input_line(&input, 4, "", 0, &s, &e), 1);
    assert_int_equal(s.line, 2);
    assert_string_equal(s.error, "too long");
    input_sentence_free(&s);
    predict_input_end(&input);
}

/* Lines of a sentence that never ends; what is kept of them must not grow. */
static void a_sentence_without_an_end_is_an_error(void **state)
{
    (void)state;
    enum { LONG = 1000, MANY = INPUT_BYTES_MAX / LONG + 10 };
    static char word[LONG + 1];
    struct predict_input input;
    struct input_sentence s;
    struct err e = {0};
    memset(word, 'a', LONG);
    predict_input_begin(&input, INPUT_CONLL, SOURCE_NONE);
    for (int i = 1; i <= MANY; i++) assert_int_equal(predict_input_line(&input, i, word, LONG, &s, &e), 0);
    assert_true(input.n_words < INPUT_BYTES_MAX / LONG);
    assert_int_equal(predict_input_line(&input, MANY + 1, "", 0, &s, &e), 1);
    assert_string_equal(s.error, "a sentence of more than 1048576 bytes");
    input_sentence_free(&s);

    for (int i = 0; i <= INPUT_WORDS_MAX; i++) assert_int_equal(predict_input_line(&input, i + 1, "a", 1, &s, &e), 0);
    assert_int_equal(predict_input_line(&input, 0, "", 0, &s, &e), 1);
    assert_string_equal(s.error, "a sentence of more than 100000 words");
    assert_int_equal(s.line, INPUT_WORDS_MAX + 1);
    input_sentence_free(&s);
    assert_int_equal(predict_input_line(&input, 1, "a", 1, &s, &e), 0);
    assert_int_equal(predict_input_line(&input, 2, "", 0, &s, &e), 1);
    assert_null(s.error);
    input_sentence_free(&s);
    predict_input_end(&input);
}

static void a_text_of_too_many_words_is_an_error(void **state)
{
    (void)state;
    static char text[2 * (INPUT_WORDS_MAX + 1)];
    struct predict_input input;
    struct input_sentence s;
    struct err e = {0};
    for (size_t i = 0; i < sizeof text; i++) text[i] = i % 2 ? ' ' : 'a';
    text[sizeof text - 1] = '\0';
    predict_input_begin(&input, INPUT_TEXT, SOURCE_NONE);
    assert_int_equal(predict_input_line(&input, 1, text, sizeof text - 1, &s, &e), 1);
    assert_string_equal(s.error, "100001 words; at most 100000 are read");
    input_sentence_free(&s);
    predict_input_end(&input);
}

/* ---- offsets ---- */

struct place {
    const char *name, *text;
    int first, last; /* words */
    const char *json;
};
static const struct place PLACES[] = {
    {"ASCII", "in Paris.", 1, 1, "\"word\":\"Paris\",\"start\":3,\"end\":8"},
    {"letters of two bytes", "\u00E9t\u00E9 \u00E0 N\u00EEmes", 2, 2, "\"word\":\"N\u00EEmes\",\"start\":6,\"end\":11"},
    {"a combining mark is a character of its own", "Jose\u0301 Ju\u0301arez!", 0, 1,
     "\"word\":\"Jose\u0301 Ju\u0301arez\",\"start\":0,\"end\":13"},
    {"behind an emoji of one code point", "\U0001F602 Paris", 1, 1, "\"word\":\"Paris\",\"start\":2,\"end\":7"},
    {"behind a family of five", "\U0001F468\u200D\U0001F469\u200D\U0001F467 Paris", 1, 1, "\"word\":\"Paris\",\"start\":6,\"end\":11"},
    {"behind a flag", "\U0001F1EB\U0001F1F7Paris", 1, 1, "\"word\":\"Paris\",\"start\":2,\"end\":7"},
    {"ideographs", "\u6771\u4EAC\u90FD", 0, 1, "\"word\":\"\u6771\u4EAC\",\"start\":0,\"end\":2"},
    {"blanks within stay as they are", "New  \tYork", 0, 1, "\"word\":\"New  \\tYork\",\"start\":0,\"end\":10"},
    {"without a blank within", "(O'Neill)", 1, 3, "\"word\":\"O'Neill\",\"start\":1,\"end\":8"},
};
enum { N_PLACES = sizeof PLACES / sizeof *PLACES };

static void offsets_count_characters_of_the_untouched_text(void **state)
{
    const struct place *p = *state;
    struct text_word *words = NULL;
    struct err e = {0};
    int cap = 0, n = words_cut(p->text, strlen(p->text), &words, &cap, &e);
    assert_true(n > p->last);
    struct sentence s = {.text = p->text, .size = strlen(p->text), .n_words = n, .words = words};
    char loc[] = "LOC", *names[] = {loc};
    const struct model model = {.shape.types = {.n_types = 1, .types = names}};
    struct entity entity = {.type = 0, .first = p->first, .last = p->last, .score = 0.5};
    struct json *v = prediction_json(&model, NULL, &s, 1, &entity);
    char *text = json_dump(v, 0), expected[300];
    snprintf(expected, sizeof expected, "\"entities\":[{\"entity_group\":\"LOC\",\"score\":0.5,%s}]}", p->json);
    const char *found = strstr(text, "\"entities\"");
    assert_non_null(found);
    assert_string_equal(found, expected);
    assert_string_equal(json_text(json_get(v, "text")), p->text);
    assert_null(json_get(v, "id"));
    free(text);
    json_free(v);
    free(words);
}

int main(void)
{
    struct CMUnitTest tests[N_CASES + N_PLACES + 3];
    int n = 0;
    for (int i = 0; i < N_CASES; i++)
        tests[n++] = (struct CMUnitTest){CASES[i].name, lines_give_what_is_shown, NULL, NULL, (void *)(uintptr_t)&CASES[i]};
    for (int i = 0; i < N_PLACES; i++)
        tests[n++] =
            (struct CMUnitTest){PLACES[i].name, offsets_count_characters_of_the_untouched_text, NULL, NULL, (void *)(uintptr_t)&PLACES[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_line_that_was_too_long_is_an_error_in_its_place);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_sentence_without_an_end_is_an_error);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_text_of_too_many_words_is_an_error);
    return _cmocka_run_group_tests("lines become sentences", tests, (size_t)n, NULL, NULL);
}
