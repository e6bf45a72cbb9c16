/* What the tokenizer promises for any vocabulary: longest match, [UNK] for the whole word, offsets into the original text, linear time, and
 * vocabularies refused by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "wordpiece.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
static const char VOCABULARY[] = SPECIAL
    "un\nunaff\n##aff\n##able\n##a\na\nb\n##b\ne\n##e\ni\n##i\n!\n#\n[\n]\nsep\n\xE6\x9D\xB1\n\xE1\x84\x80\n##\xE1\x85\xA1\nE\n\xC3\xA9\n=\n";

static struct wordpiece *tokenizer(bool lower_case)
{
    struct wordpiece *w = NULL;
    struct err e = {0};
    if (wordpiece_from_text(VOCABULARY, sizeof VOCABULARY - 1, "vocab.txt", lower_case, &w, &e)) fail_msg("%s", e.text);
    return w;
}

/* "piece[first,end) ..." with offsets in code points, and checks that those in bytes are the same places. */
static void describe(const struct wordpiece *w, const char *text, size_t size, char *out, size_t room)
{
    struct piece *pieces = NULL;
    int cap = 0, n = wordpiece_encode(w, text, size, &pieces, &cap);
    size_t used = 0;
    out[0] = '\0';
    assert_true(n >= 0 && n <= cap + 1);
    for (int i = 0; i < n; i++) {
        const struct piece *p = &pieces[i];
        used += (size_t)snprintf(out + used, room - used, "%s%s[%d,%d)", i == 0 ? "" : " ", wordpiece_piece(w, p->id), p->char_first,
                                 p->char_end);
        assert_true(used < room);
        int characters = 0;
        for (int32_t at = 0; at < (int32_t)size; at++) {
            if (at == p->byte_first) assert_int_equal(characters, p->char_first);
            characters += ((unsigned char)text[at] & 0xC0) != 0x80;
            if (at == p->byte_end - 1) assert_int_equal(characters, p->char_end);
        }
    }
    free(pieces);
}

struct cutting {
    const char *name;
    bool lower_case;
    const char *text, *expected;
};
static const struct cutting CUTTINGS[] = {
    {"no text has no pieces", true, "", ""},
    {"blanks have no pieces", true, " \t\n\xC2\xA0\xE3\x80\x80", ""},
    {"the longest piece is taken first", true, "unaffable", "unaff[0,5) ##able[5,9)"},
    {"the longest piece may lead into a dead end, which is not undone", true, "unaffi", "unaff[0,5) ##i[5,6)"},
    {"a part that is not in the vocabulary makes the whole word unknown", true, "unaffz a", "[UNK][0,6) a[7,8)"},
    {"an inner piece is not found at the start", true, "able", "[UNK][0,4)"},
    {"punctuation stands alone", true, "a!!b", "a[0,1) ![1,2) ![2,3) b[3,4)"},
    {"two number signs in a text mark no inner piece", true, "##b", "#[0,1) #[1,2) b[2,3)"},
    {"a special piece in a text is text", true, "[SEP]", "[[0,1) sep[1,4) ][4,5)"},
    {"ideographs stand alone", true,
     "a\xE6\x9D\xB1\xE6\x9D\xB1"
     "b",
     "a[0,1) \xE6\x9D\xB1[1,2) \xE6\x9D\xB1[2,3) b[3,4)"},
    {"uncased: lower case", true, "UNAFFABLE", "unaff[0,5) ##able[5,9)"},
    {"cased: as it is", false, "E", "E[0,1)"},
    {"cased: lower case is another letter", false, "UN", "[UNK][0,2)"},
    {"uncased: a composed accent is stripped", true, "b\xC3\xA9", "b[0,1) ##e[1,2)"},
    {"cased: a composed accent stays", false, "\xC3\xA9", "\xC3\xA9[0,1)"},
    {"uncased: a combining accent inside a word is dropped, and lies between two pieces", true,
     "e\xCC\x81"
     "b",
     "e[0,1) ##b[2,3)"},
    {"uncased: a combining accent alone has no piece", true, "\xCC\x81", ""},
    {"a dropped character joins what stands around it", true, "u\xE2\x80\x8Bn", "un[0,3)"},
    {"dropped characters around a word are outside of it", true, "\xE2\x80\x8Bun\xE2\x80\x8B", "un[1,3)"},
    {"U+FE0F has no piece in an uncased model", true, "\xEF\xB8\x8F", ""},
    {"U+FE0F is unknown in a cased model", false, "\xEF\xB8\x8F", "[UNK][0,1)"},
    {"an uncased Hangul syllable becomes jamo at one place", true, "\xEA\xB0\x80", "\xE1\x84\x80[0,1) ##\xE1\x85\xA1[0,1)"},
    {"punctuation is told by what a character becomes: U+2260", true,
     "a\xE2\x89\xA0"
     "b",
     "a[0,1) =[1,2) b[2,3)"},
    {"a byte that is no UTF-8 is dropped", true, "u\xFFn", "un[0,3)"},
    {"a character cut off by the end is dropped", true, "un\xE2\x82", "un[0,2)"},
};

static void text_is_cut_as_in_the_row(void **state)
{
    const struct cutting *c = *state;
    struct wordpiece *w = tokenizer(c->lower_case);
    char pieces[512];
    if (strchr(c->text, '\xFF') || strstr(c->text, "\xE2\x82")) {
        struct piece *p = NULL; /* such bytes have no code points to count */
        int cap = 0, n = wordpiece_encode(w, c->text, strlen(c->text), &p, &cap);
        assert_int_equal(n, 1);
        snprintf(pieces, sizeof pieces, "%s[%d,%d)", wordpiece_piece(w, p->id), p->char_first, p->char_end);
        free(p);
    } else {
        describe(w, c->text, strlen(c->text), pieces, sizeof pieces);
    }
    assert_string_equal(pieces, c->expected);
    wordpiece_free(w);
}

/* ---- the limit of 100 code points ---- */

static int n_pieces_of(const char *unit, int times, const char *rest, bool lower_case, int32_t *first_id)
{
    struct wordpiece *w = tokenizer(lower_case);
    char text[4096];
    struct piece *p = NULL;
    int cap = 0;
    text[0] = '\0';
    for (int i = 0; i < times; i++) strcat(text, unit);
    strcat(text, rest);
    int n = wordpiece_encode(w, text, strlen(text), &p, &cap);
    *first_id = n > 0 ? p[0].id : -1;
    if (n == 1) {
        assert_int_equal(p[0].byte_first, 0);
        assert_int_equal(p[0].byte_end, strlen(text));
    }
    free(p);
    wordpiece_free(w);
    return n;
}

static void a_word_of_100_code_points_is_cut_and_one_more_is_unknown(void **state)
{
    (void)state;
    enum { UNK = 1 };
    int32_t first;
    assert_int_equal(n_pieces_of("b", 100, "", true, &first), 100);
    assert_int_equal(n_pieces_of("b", 101, "", true, &first), 1);
    assert_int_equal(first, UNK);
    assert_int_equal(n_pieces_of("b", 1000, "", true, &first), 1);
    assert_int_equal(first, UNK);
}

static void the_limit_counts_what_the_normaliser_leaves(void **state)
{
    (void)state;
    int32_t first;
    /* 200 code points, of which 100 combining accents vanish. */
    assert_int_equal(n_pieces_of("e\xCC\x81", 100, "", true, &first), 100);
    /* 51 Hangul syllables are 102 jamo. */
    assert_int_equal(n_pieces_of("\xEA\xB0\x80", 51, "", true, &first), 1);
    assert_int_equal(n_pieces_of("\xEA\xB0\x80", 1, "", true, &first), 2);
}

static void a_long_word_leaves_its_neighbours_alone(void **state)
{
    (void)state;
    struct wordpiece *w = tokenizer(true);
    char text[256], pieces[512];
    memset(text, 'b', 150);
    text[0] = 'a';
    text[1] = ' ';
    strcpy(text + 150, "!un");
    describe(w, text, strlen(text), pieces, sizeof pieces);
    assert_string_equal(pieces, "a[0,1) [UNK][2,150) ![150,151) un[151,153)");
    wordpiece_free(w);
}

static void a_word_of_a_million_bytes_is_one_unknown_piece(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct wordpiece *w = tokenizer(true);
    char *text = malloc(SIZE);
    struct piece *p = NULL;
    int cap = 0;
    assert_non_null(text);
    memset(text, 'b', SIZE);
    assert_int_equal(wordpiece_encode(w, text, SIZE, &p, &cap), 1);
    assert_int_equal(p[0].id, wordpiece_unknown(w));
    assert_int_equal(p[0].byte_end, SIZE);
    free(p);
    free(text);
    wordpiece_free(w);
}

static void memory_for_pieces_is_used_again(void **state)
{
    (void)state;
    struct wordpiece *w = tokenizer(true);
    struct piece *p = NULL;
    int cap = 0;
    assert_int_equal(wordpiece_encode(w, "a b !", 5, &p, &cap), 3);
    struct piece *before = p;
    assert_int_equal(wordpiece_encode(w, "un", 2, &p, &cap), 1);
    assert_ptr_equal(p, before);
    assert_string_equal(wordpiece_piece(w, p[0].id), "un");
    free(p);
    wordpiece_free(w);
}

/* ---- vocabularies ---- */

static void ids_are_lines_and_special_pieces_are_found(void **state)
{
    (void)state;
    static const char text[] = "x\r\n[SEP]\r\n[CLS]\r\n##x\r\n[UNK]";
    struct wordpiece *w = NULL;
    struct err e = {0};
    assert_int_equal(wordpiece_from_text(text, sizeof text - 1, "vocab.txt", true, &w, &e), 0);
    assert_int_equal(wordpiece_size(w), 5);
    assert_int_equal(wordpiece_sep(w), 1);
    assert_int_equal(wordpiece_cls(w), 2);
    assert_int_equal(wordpiece_unknown(w), 4);
    assert_string_equal(wordpiece_piece(w, 3), "##x");
    assert_int_equal(e.code, 0);
    wordpiece_free(w);
}

static int warnings;
static void count_warning(void *context, enum log_level level, const char *line)
{
    (void)context;
    assert_int_equal(level, LOG_WARNING);
    assert_string_equal(line, "v.txt:7: piece \"a\" stands on line 5 already: the later line is its id");
    warnings++;
}

static void of_a_piece_that_stands_twice_the_later_line_counts(void **state)
{
    static const char text[] = SPECIAL "a\nb\na\n";
    struct wordpiece *w = NULL;
    struct piece *pieces = NULL;
    struct err e = {0};
    int cap = 0;
    (void)state;
    log_set_sink(count_warning, NULL);
    assert_int_equal(wordpiece_from_text(text, sizeof text - 1, "v.txt", true, &w, &e), 0);
    log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 1);
    assert_int_equal(wordpiece_encode(w, "a b", 3, &pieces, &cap), 2);
    assert_int_equal(pieces[0].id, 6);
    assert_int_equal(pieces[1].id, 5);
    free(pieces);
    wordpiece_free(w);
}

struct refusal {
    const char *name, *text, *message;
    size_t size;
};
static const struct refusal REFUSED[] = {
    {"an empty vocabulary", "", "v.txt: has no piece [UNK]", 0},
    {"no [UNK]", "[CLS]\n[SEP]\na\n", "v.txt: has no piece [UNK]", 0},
    {"no [CLS]", "[UNK]\n[SEP]\na\n", "v.txt: has no piece [CLS]", 0},
    {"no [SEP]", "[UNK]\n[CLS]\na\n", "v.txt: has no piece [SEP]", 0},
    {"an empty line", SPECIAL "a\n\nb\n", "v.txt:6: an empty line", 0},
    {"bad UTF-8", SPECIAL "a\xFF\n", "v.txt:5: the piece is not valid UTF-8", 0},
    {"a NUL byte", "[UNK]\n[CLS]\n[SEP]\na\0b\n", "v.txt:4: the piece is not valid UTF-8", 22},
};

static void vocabulary_is_refused(void **state)
{
    const struct refusal *c = *state;
    struct wordpiece *w = NULL;
    struct err e = {0};
    assert_int_equal(wordpiece_from_text(c->text, c->size ? c->size : strlen(c->text), "v.txt", true, &w, &e), ERR_DATA);
    assert_null(w);
    if (strncmp(e.text, c->message, strlen(c->message)) != 0) fail_msg("\"%s\" does not begin with \"%s\"", e.text, c->message);
}

int main(void)
{
    enum { N_CUTTINGS = sizeof CUTTINGS / sizeof *CUTTINGS, N_REFUSED = sizeof REFUSED / sizeof *REFUSED, N_OTHER = 7 };
    struct CMUnitTest tests[N_OTHER + N_CUTTINGS + N_REFUSED] = {
        cmocka_unit_test(a_word_of_100_code_points_is_cut_and_one_more_is_unknown),
        cmocka_unit_test(the_limit_counts_what_the_normaliser_leaves),
        cmocka_unit_test(a_long_word_leaves_its_neighbours_alone),
        cmocka_unit_test(a_word_of_a_million_bytes_is_one_unknown_piece),
        cmocka_unit_test(memory_for_pieces_is_used_again),
        cmocka_unit_test(ids_are_lines_and_special_pieces_are_found),
        cmocka_unit_test(of_a_piece_that_stands_twice_the_later_line_counts),
    };
    struct CMUnitTest *at = tests + N_OTHER;
    for (size_t i = 0; i < N_CUTTINGS; i++)
        *at++ = (struct CMUnitTest){
            .name = CUTTINGS[i].name, .test_func = text_is_cut_as_in_the_row, .initial_state = (void *)(uintptr_t)&CUTTINGS[i]};
    for (size_t i = 0; i < N_REFUSED; i++)
        *at++ = (struct CMUnitTest){
            .name = REFUSED[i].name, .test_func = vocabulary_is_refused, .initial_state = (void *)(uintptr_t)&REFUSED[i]};
    return cmocka_run_group_tests_name("wordpiece", tests, NULL, NULL);
}
