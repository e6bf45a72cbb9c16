/* A column file is read as dataset.h says, or refused with its name, the line and what is expected there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "dataset.h"
#include "temporary.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOM  "\xEF\xBB\xBF"
#define NBSP "\xC2\xA0"
#define VS16 "\xEF\xB8\x8F" /* U+FE0F: no width, no ink */

static char folder[PATH_MAX], path[PATH_MAX + 8];

static void write_file(const char *bytes, size_t size)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* "id line: word/tag word/tag; ..." of a dataset. */
static void describe(const struct dataset *d, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        used += (size_t)snprintf(text + used, size - used, "%s%s %ld:", i == 0 ? "" : "; ", t->id ? t->id : "-", t->line);
        for (int k = 0; k < t->n_words; k++)
            used += (size_t)snprintf(text + used, size - used, " %s/%s", d->words[t->first_word + k], d->tag_names[t->first_word + k]);
        assert_true(used < size);
    }
}

struct reading {
    const char *name, *file, *expected;
    size_t size; /* where the file holds a NUL, else 0 */
};

static const struct reading READ[] = {
    {"tweets with their picture's id", "IMGID:12\nRT\tO\nAnn\tB-PER\n\nIMGID:O_4\nParis\tB-LOC\n\n",
     "12 2: RT/O Ann/B-PER; O_4 6: Paris/B-LOC", 0},
    {"plain two-column sentences", "Ann\tB-PER\nLee\tI-PER\n\nok\tO\n", "- 1: Ann/B-PER Lee/I-PER; - 4: ok/O", 0},
    {"blanks in place of a TAB", "Ann B-PER\nLee    I-PER\n  ok  O  \n", "- 1: Ann/B-PER Lee/I-PER ok/O", 0},
    {"columns between token and tag", "Ann NNP B-NP B-PER\nok\tUH\tO\tO\n", "- 1: Ann/B-PER ok/O", 0},
    {"CR LF", "IMGID:1\r\nAnn\tB-PER\r\n\r\nok\tO\r\n", "1 2: Ann/B-PER; - 4: ok/O", 0},
    {"a byte order mark", BOM "Ann\tB-PER\n", "- 1: Ann/B-PER", 0},
    {"a byte order mark before IMGID", BOM "IMGID:7\nAnn\tB-PER\n", "7 2: Ann/B-PER", 0},
    {"no end of line behind the last word", "Ann\tB-PER\nok\tO", "- 1: Ann/B-PER ok/O", 0},
    {"many blank lines", "\n\n\nAnn\tB-PER\n\n\n\nok\tO\n\n\n", "- 4: Ann/B-PER; - 8: ok/O", 0},
    {"lines of blanks are blank lines", "Ann\tB-PER\n \t \nok\tO\n\t\n", "- 1: Ann/B-PER; - 3: ok/O", 0},
    {"IMGID without a blank line before it starts a tweet", "IMGID:1\nAnn\tB-PER\nIMGID:2\nok\tO\n", "1 2: Ann/B-PER; 2 4: ok/O", 0},
    {"an id belongs to its own sentence only", "IMGID:1\nAnn\tB-PER\n\nok\tO\n", "1 2: Ann/B-PER; - 4: ok/O", 0},
    {"blanks behind an id", "IMGID:1 \t\nok\tO\n", "1 2: ok/O", 0},
    {"a word that begins with IMGID:", "IMGID:1\nIMGID:2\tO\n", "1 2: IMGID:2/O", 0},
    {"-DOCSTART- lines of the shared tasks", "-DOCSTART- -X- -X- O\n\nAnn NNP B-NP B-PER\n\n-DOCSTART-\n\nok UH O O\n",
     "- 3: Ann/B-PER; - 7: ok/O", 0},
    {"-DOCSTART- ends a sentence", "Ann\tB-PER\n-DOCSTART-\tO\nok\tO\n", "- 1: Ann/B-PER; - 3: ok/O", 0},
    {"a word that begins with -DOCSTART-", "-DOCSTART-x\tO\n", "- 1: -DOCSTART-x/O", 0},
    {"a no-break space is a word", NBSP "\tO\n" NBSP " O\n", "- 1: " NBSP "/O " NBSP "/O", 0},
    {"a variation selector is a word", VS16 "\tO\nok\tO\n", "- 1: " VS16 "/O ok/O", 0},
    {"a blank in a word, where TABs separate", "New York\tB-LOC\n \tO\n", "- 1: New York/B-LOC  /O", 0},
    {"any type", "a\tB-x\nb\tI-product line-2\nc\tB-B-x\nd\tI-\xC3\xA9\n", "- 1: a/B-x b/I-product line-2 c/B-B-x d/I-\xC3\xA9", 0},
    {"an orphan I", "a\tI-PER\n", "- 1: a/I-PER", 0},
    {"a number sign or a quote as word", "#\tO\n\"\tO\n", "- 1: #/O \"/O", 0},
};

static void file_is_read_as_expected(void **state)
{
    const struct reading *c = *state;
    struct dataset d;
    struct err e = {0};
    char text[512];
    write_file(c->file, strlen(c->file));
    if (conll_read(path, NULL, 0, &d, &e)) fail_msg("refused: %s", e.text);
    describe(&d, text, sizeof text);
    assert_string_equal(text, c->expected);
    assert_string_equal(d.path, path);
    dataset_free(&d);
}

/* expected: what stands behind the file's name; the message must begin with name and line, and hold each part between the bars. */
static const struct reading REFUSED[] = {
    {"an empty file", "", ":1: |no sentence|token<TAB>tag", 0},
    {"only blank lines", "\n \n\n", ":1: |no sentence", 0},
    {"a line of one column", "Ann\tB-PER\nlonely\n", ":2: |\"lonely\" has one column|token<TAB>tag", 0},
    {"an unusual blank does not separate", "Ann" NBSP "O\n", ":1: |has one column", 0},
    {"a line of nothing but an unusual blank", "ok\tO\n" NBSP "\n", ":2: |has one column", 0},
    {"a TAB and no tag", "IMGID:1\nok\tO\nAnn\t\n", ":3: |no tag follows \"Ann\"|token<TAB>tag", 0},
    {"a TAB and blanks for a tag", "Ann\t  \n", ":1: |no tag follows \"Ann\"", 0},
    {"no token before the TAB", "ok\tO\n\tO\n", ":2: |token before the TAB is empty", 0},
    {"IOBES", "a\tB-PER\nb\tE-PER\n", ":2: |\"E-PER\"|IOBES|convert", 0},
    {"IOBES, a single word", "a\tS-LOC\n", ":1: |\"S-LOC\"|IOBES", 0},
    {"BILOU", "a\tU-LOC\n", ":1: |\"U-LOC\"|BILOU", 0},
    {"a bare type", "a\tPER\n", ":1: |\"PER\"|BIO", 0},
    {"B without a type", "a\tB-\n", ":1: |\"B-\"|B-<type>", 0},
    {"a lower-case o", "a\to\n", ":1: |\"o\"", 0},
    {"a small b", "a\tb-PER\n", ":1: |\"b-PER\"", 0},
    {"columns the other way round", "B-PER\tAnn\n", ":1: |\"Ann\"|last column", 0},
    {"bad UTF-8", "ok\tO\nAnn\xFF\tB-PER\n", ":2: |byte 4|0xFF|UTF-8", 0},
    {"Latin-1", "caf\xE9\tO\n", ":1: |byte 4|UTF-8", 0},
    {"an overlong form", "\xC0\xAF\tO\n", ":1: |byte 1|UTF-8", 0},
    {"a surrogate", "\xED\xA0\x80\tO\n", ":1: |byte 1|UTF-8", 0},
    {"a code point above the last", "\xF4\x90\x80\x80\tO\n", ":1: |byte 1|UTF-8", 0},
    {"a character cut off by the end", "ok\tO\nx\xE2\x82", ":2: |byte 2|UTF-8", 0},
    {"a NUL byte", "ok\tO\nA\0n\tO\n", ":2: |NUL", 12},
    {"a NUL byte behind the last line", "ok\tO\n\0", ":2: |NUL", 6},
    {"a lone carriage return", "a\tO\rb\tO\n", ":1: |carriage return", 0},
    {"IMGID without an id", "IMGID:\nok\tO\n", ":1: |IMGID:<id>", 0},
    {"IMGID and then another", "IMGID:1\nIMGID:2\nok\tO\n", ":1: |IMGID:1|needs a sentence", 0},
    {"IMGID before a blank line", "ok\tO\n\nIMGID:1\n\nok\tO\n", ":3: |IMGID:1|needs a sentence", 0},
    {"IMGID at the end of the file", "ok\tO\n\nIMGID:1\n", ":3: |IMGID:1|needs a sentence", 0},
};

static void file_is_refused_with_its_line(void **state)
{
    const struct reading *c = *state;
    struct dataset d;
    struct err e = {0};
    char parts[256], *save = NULL, expected[2 * PATH_MAX];
    write_file(c->file, c->size ? c->size : strlen(c->file));
    assert_int_equal(conll_read(path, NULL, 0, &d, &e), ERR_DATA);
    assert_int_equal(e.code, ERR_DATA);
    snprintf(parts, sizeof parts, "%s", c->expected);
    char *part = strtok_r(parts, "|", &save);
    snprintf(expected, sizeof expected, "%s%s", path, part);
    if (strncmp(e.text, expected, strlen(expected)) != 0) fail_msg("\"%s\" does not begin with \"%s\"", e.text, expected);
    while ((part = strtok_r(NULL, "|", &save))) {
        if (!strstr(e.text, part)) fail_msg("\"%s\" does not say \"%s\"", e.text, part);
    }
    assert_null(strchr(e.text, '\n'));
}

static void a_file_that_is_not_there_is_no_input(void **state)
{
    (void)state;
    struct dataset d;
    struct err e = {0};
    assert_int_equal(conll_read("/nonexistent/train.txt", NULL, 0, &d, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.text, "/nonexistent/train.txt"));
}

static void a_message_shows_only_the_front_of_a_long_line(void **state)
{
    (void)state;
    enum { LONG = 100000 };
    char *file = malloc(LONG);
    struct dataset d;
    struct err e = {0};
    assert_non_null(file);
    for (int i = 0; i < LONG; i += 2) memcpy(file + i, "\xC3\xA9", 2);
    write_file(file, LONG);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e), ERR_DATA);
    assert_non_null(strstr(e.text, "\xC3\xA9...\" has one column"));
    assert_non_null(strstr(e.text, "expected token<TAB>tag"));
    free(file);
}

static void sentences_of_ten_thousand_words_are_read(void **state)
{
    (void)state;
    enum { WORDS = 10000, SENTENCES = 30 };
    struct dataset d;
    struct err e = {0};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int s = 0; s < SENTENCES; s++) {
        fprintf(f, "IMGID:%d\n", s);
        for (int i = 0; i < WORDS; i++) fprintf(f, "w%d\t%s\n", i, i % 7 == 0 ? "B-PER" : i % 7 == 1 ? "I-PER" : "O");
        fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e), 0);
    assert_int_equal(d.n_tweets, SENTENCES);
    assert_int_equal(d.n_words, SENTENCES * WORDS);
    for (int s = 0; s < SENTENCES; s++) {
        assert_int_equal(d.tweets[s].n_words, WORDS);
        assert_int_equal(d.tweets[s].line, s * (WORDS + 2) + 2);
        assert_string_equal(d.words[d.tweets[s].first_word + WORDS - 1], "w9999");
    }
    dataset_free(&d);
}

static void types_are_renamed_and_names_are_not_chained(void **state)
{
    (void)state;
    static const char file[] = "a\tB-OTHER\nb\tI-OTHER\nc\tO\nd\tB-PER\ne\tB-OTHERS\nf\tB-MISC\n";
    static const struct tag_rename rename[] = {{"OTHER", "MISC"}, {"MISC", "A much longer name than before"}, {"absent", "x"}};
    struct dataset d;
    struct err e = {0};
    char text[512];
    write_file(file, sizeof file - 1);
    assert_int_equal(conll_read(path, rename, 3, &d, &e), 0);
    describe(&d, text, sizeof text);
    assert_string_equal(text, "- 1: a/B-MISC b/I-MISC c/O d/B-PER e/B-OTHERS f/B-A much longer name than before");
    dataset_free(&d);
}

static void the_digest_is_that_of_the_files_bytes(void **state)
{
    (void)state;
    static const char file[] = BOM "a\tB-OTHER\r\n\r\nb\tO";
    static const struct tag_rename rename[] = {{"OTHER", "MISC"}};
    struct dataset d;
    struct err e = {0};
    write_file(file, sizeof file - 1);
    assert_int_equal(conll_read(path, rename, 1, &d, &e), 0);
    struct hash expected = hash_bytes(file, sizeof file - 1);
    assert_memory_equal(d.digest.bytes, expected.bytes, sizeof expected.bytes);
    dataset_free(&d);
}

static void tags_are_numbered_by_the_types_of_the_data(void **state)
{
    (void)state;
    static const char file[] = "a\tB-PER\nb\tI-PER\nc\tO\n\nd\tI-LOC\n";
    static const int expected[] = {3, 4, 0, 2};
    struct dataset d;
    struct err e = {0};
    struct tag_set types = {0};
    write_file(file, sizeof file - 1);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e) || dataset_collect_types(&d, &types, &e) || dataset_resolve_tags(&d, &types, &e), 0);
    assert_int_equal(types.n_types, 2);
    assert_memory_equal(d.tags, expected, sizeof expected);
    dataset_free(&d);
    tag_set_free(&types);
}

static void a_type_that_the_set_does_not_know_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char file[] = "IMGID:1\na\tB-PER\n\nIMGID:2\nb\tO\nc\tI-CITY\n";
    struct dataset d;
    struct err e = {0};
    struct tag_set types = {0};
    char expected[2 * PATH_MAX];
    write_file(file, sizeof file - 1);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e) || tag_set_add(&types, "PER", &e), 0);
    assert_int_equal(dataset_resolve_tags(&d, &types, &e), ERR_DATA);
    snprintf(expected, sizeof expected, "%s:6: ", path);
    assert_int_equal(strncmp(e.text, expected, strlen(expected)), 0);
    assert_non_null(strstr(e.text, "\"I-CITY\""));
    assert_null(d.tags);
    dataset_free(&d);
    tag_set_free(&types);
}

static void more_types_than_any_annotation_has_are_refused_with_the_line(void **state)
{
    (void)state;
    static char file[32 * (DATASET_TYPES_MAX + 2)];
    size_t size = 0;
    struct dataset d;
    struct err e = {0};
    struct tag_set types = {0};
    char expected[2 * PATH_MAX];
    for (int i = 0; i < DATASET_TYPES_MAX; i++) size += (size_t)sprintf(file + size, "a\tB-%d\nb\tI-%d\n", i, i);
    write_file(file, size);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e) || dataset_collect_types(&d, &types, &e), 0);
    assert_int_equal(types.n_types, DATASET_TYPES_MAX);
    dataset_free(&d);
    tag_set_free(&types);

    size += (size_t)sprintf(file + size, "\nc\tB-0\nd\tB-last\n");
    write_file(file, size);
    assert_int_equal(conll_read(path, NULL, 0, &d, &e), 0);
    assert_int_equal(dataset_collect_types(&d, &types, &e), ERR_DATA);
    snprintf(expected, sizeof expected, "%s:%d: \"B-last\" is one entity type more than %d", path, 2 * DATASET_TYPES_MAX + 3,
             DATASET_TYPES_MAX);
    assert_int_equal(strncmp(e.text, expected, strlen(expected)), 0);
    dataset_free(&d);
    tag_set_free(&types);
}

static int make_file(void **state)
{
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}
static int remove_file(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    enum { N_READ = sizeof READ / sizeof *READ, N_REFUSED = sizeof REFUSED / sizeof *REFUSED, N_OTHER = 8 };
    struct CMUnitTest tests[N_OTHER + N_READ + N_REFUSED] = {
        cmocka_unit_test(a_file_that_is_not_there_is_no_input),
        cmocka_unit_test(a_message_shows_only_the_front_of_a_long_line),
        cmocka_unit_test(sentences_of_ten_thousand_words_are_read),
        cmocka_unit_test(types_are_renamed_and_names_are_not_chained),
        cmocka_unit_test(the_digest_is_that_of_the_files_bytes),
        cmocka_unit_test(tags_are_numbered_by_the_types_of_the_data),
        cmocka_unit_test(a_type_that_the_set_does_not_know_is_refused_with_its_line),
        cmocka_unit_test(more_types_than_any_annotation_has_are_refused_with_the_line),
    };
    struct CMUnitTest *at = tests + N_OTHER;
    for (size_t i = 0; i < N_READ; i++)
        *at++ =
            (struct CMUnitTest){.name = READ[i].name, .test_func = file_is_read_as_expected, .initial_state = (void *)(uintptr_t)&READ[i]};
    for (size_t i = 0; i < N_REFUSED; i++)
        *at++ = (struct CMUnitTest){
            .name = REFUSED[i].name, .test_func = file_is_refused_with_its_line, .initial_state = (void *)(uintptr_t)&REFUSED[i]};
    return cmocka_run_group_tests_name("conll", tests, make_file, remove_file);
}
