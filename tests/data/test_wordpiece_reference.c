/* The tokenizer gives what Hugging Face's gives: on every word, caption and hard string of the reference, for each BERT vocabulary there.
 * The tables in the source are those that the reference makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "shared_files.h"
#include "wordpiece.h"
#include <cmocka.h>
#include <dirent.h>
#include <string.h>

enum { PATH_ROOM = 4096, N_MODELS_MAX = 16 };

struct model {
    char name[128]; /* of its folder in vocab/ and of its files in tokenizer/ */
    struct wordpiece *w;
};
static struct model models[N_MODELS_MAX];

/* A hard string, or a file of words or captions. */
struct row {
    char name[192];
    const struct model *model;
    char *path;         /* of a .tsv */
    struct json *value; /* of a line of .jsonl */
};

static char *read_whole(const char *path)
{
    struct err e = {0};
    char *data;
    size_t size;
    if (file_read(path, (size_t)1 << 30, &data, &size, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    return data;
}

/* ---- words and captions: text TAB ids ---- */

static void every_line_of_the_file_has_its_ids(void **state)
{
    const struct row *r = *state;
    char *data = read_whole(r->path), *save = NULL;
    struct piece *pieces = NULL;
    int cap = 0, n_lines = 0;
    /* No line is empty; strtok_r would swallow it. */
    for (char *line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n_lines++) {
        char *ids = strchr(line, '\t');
        assert_non_null(ids);
        *ids++ = '\0';
        int n = wordpiece_encode(r->model->w, line, strlen(line), &pieces, &cap);
        for (int i = 0; i < n; i++) {
            char *end;
            long id = strtol(ids, &end, 10);
            if (end == ids || id != pieces[i].id)
                fail_msg("line %d, \"%s\": piece %d has id %d, expected \"%s\"", n_lines + 1, line, i, pieces[i].id, ids);
            ids = end;
        }
        if (*ids != '\0') fail_msg("line %d, \"%s\": missing ids \"%s\"", n_lines + 1, line, ids);
    }
    assert_true(n_lines > 0);
    free(pieces);
    free(data);
}

/* ---- hard strings ---- */

static size_t from_hex(const char *hex, char *bytes, size_t room)
{
    size_t n = strlen(hex) / 2;
    assert_true(n < room);
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (char)byte;
    }
    return n;
}

static int64_t integer(const struct json *v)
{
    int64_t x = -1;
    assert_true(json_read_integer(v, &x));
    return x;
}

static void assert_place(const char *unit, int i, const struct json *place, int32_t first, int32_t end)
{
    int64_t wanted_first = integer(json_at(place, 0)), wanted_end = integer(json_at(place, 1));
    if (first != wanted_first || end != wanted_end)
        fail_msg("piece %d is %s %d..%d, expected %ld..%ld", i, unit, first, end, (long)wanted_first, (long)wanted_end);
}

static void hard_string_has_its_ids_and_places(void **state)
{
    const struct row *r = *state;
    static char text[1 << 16];
    const struct json *plain = json_get(r->value, "plain_ids");
    const struct json *ids = plain ? plain : json_get(r->value, "ids"), *chars = json_get(r->value, plain ? "plain_chars" : "chars");
    const struct json *bytes = plain ? NULL : json_get(r->value, "bytes"); /* given for the reading with special pieces only */
    size_t size = from_hex(json_text(json_get(r->value, "utf8_hex")), text, sizeof text);
    struct piece *pieces = NULL;
    int cap = 0, n = wordpiece_encode(r->model->w, text, size, &pieces, &cap);
    assert_true(json_is_array(ids) && json_is_array(chars));
    assert_int_equal(n, json_size(ids));
    assert_int_equal(n, json_size(chars));
    for (int i = 0; i < n; i++) {
        const struct piece *p = &pieces[i];
        int characters = 0;
        assert_int_equal(p->id, integer(json_at(ids, (size_t)i)));
        assert_place("characters", i, json_at(chars, (size_t)i), p->char_first, p->char_end);
        if (bytes) assert_place("bytes", i, json_at(bytes, (size_t)i), p->byte_first, p->byte_end);
        for (int32_t at = 0; at < p->byte_end; at++) {
            if (at == p->byte_first) assert_int_equal(characters, p->char_first);
            characters += ((unsigned char)text[at] & 0xC0) != 0x80;
        }
        assert_int_equal(characters, p->char_end);
    }
    free(pieces);
}

/* ---- the generated tables ---- */

static void the_tables_in_the_source_are_those_of_the_reference(void **state)
{
    (void)state;
    char directory[PATH_ROOM], command[3 * PATH_ROOM];
    if (!shared_file(directory, "NERVE_REFERENCE", "tokenizer")) {
        print_message("the reference's tokenizer tables are not at hand\n");
        skip();
    }
    char *expected = read_whole(SOURCE_ROOT "/src/data/wordpiece_tables.c"), *made = calloc(1, strlen(expected) + 2);
    assert_non_null(made);
    snprintf(command, sizeof command, "%s '%s/tools/make-wordpiece-tables' '%s'", PYTHON, SOURCE_ROOT, directory);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(made, 1, strlen(expected) + 1, f);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(made, expected, n);
    free(made);
    free(expected);
}

static void without_the_reference_there_is_nothing_to_compare(void **state)
{
    (void)state;
    print_message("NERVE_REFERENCE/tokenizer and NERVE_SHARED/vocab are not at hand\n");
    skip();
}

/* ---- the rows: every bert*.words.tsv, *.captions.tsv and *.adversarial.jsonl ---- */

static struct row *rows;
static size_t n_rows;

static struct row *new_row(const struct model *m)
{
    rows = realloc(rows, (n_rows + 1) * sizeof *rows);
    if (!rows) abort();
    rows[n_rows] = (struct row){.model = m};
    return &rows[n_rows++];
}

static void add_file(const struct model *m, const char *directory, const char *kind)
{
    struct row *r = new_row(m);
    snprintf(r->name, sizeof r->name, "%s: %s", m->name, kind);
    if (asprintf(&r->path, "%s/%s.%s.tsv", directory, m->name, kind) < 0) abort();
}

static void add_hard_strings(const struct model *m, const char *directory)
{
    char path[2 * PATH_ROOM], *save = NULL;
    snprintf(path, sizeof path, "%s/%s.adversarial.jsonl", directory, m->name);
    int n = 1;
    char *text = read_whole(path);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
        struct json *value;
        struct err e = {0};
        if (json_parse(line, strlen(line), path, &value, &e)) {
            fprintf(stderr, "%s\n", e.text);
            exit(1);
        }
        struct row *r = new_row(m);
        snprintf(r->name, sizeof r->name, "%s: hard string %d", m->name, n);
        r->value = value;
    }
    free(text);
}

static void add_model(struct model *m, const char *directory)
{
    char path[PATH_ROOM], name[256];
    struct err e = {0};
    snprintf(name, sizeof name, "vocab/%s/vocab.txt", m->name);
    if (!shared_file(path, "NERVE_SHARED", name)) {
        fprintf(stderr, "%s has no %s\n", getenv("NERVE_SHARED"), name);
        exit(1);
    }
    char *vocabulary = read_whole(path);
    if (wordpiece_from_text(vocabulary, strlen(vocabulary), path, strstr(m->name, "uncased") != NULL, &m->w, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    free(vocabulary);
    add_file(m, directory, "words");
    add_file(m, directory, "captions");
    add_hard_strings(m, directory);
}

static void add_models(const char *directory)
{
    static const char ending[] = ".words.tsv";
    struct dirent **entries;
    int n = scandir(directory, &entries, NULL, alphasort), n_models = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name, *end = strstr(name, ending);
        if (strncmp(name, "bert", 4) == 0 && end && n_models < N_MODELS_MAX) {
            struct model *m = &models[n_models++];
            snprintf(m->name, sizeof m->name, "%.*s", (int)(end - name), name);
            add_model(m, directory);
        }
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    if (n_rows == 0) {
        fprintf(stderr, "%s holds no bert*.words.tsv\n", directory);
        exit(1);
    }
}

static void end(void)
{
    for (size_t i = 0; i < n_rows; i++) {
        free(rows[i].path);
        json_free(rows[i].value);
    }
    free(rows);
    for (int i = 0; i < N_MODELS_MAX; i++) wordpiece_free(models[i].w);
}

int main(void)
{
    char directory[PATH_ROOM];
    bool at_hand = shared_file(directory, "NERVE_SHARED", "vocab") && shared_file(directory, "NERVE_REFERENCE", "tokenizer");
    if (at_hand) add_models(directory);
    struct CMUnitTest *tests = calloc(n_rows + 2, sizeof *tests);
    if (!tests) abort();
    tests[0] = (struct CMUnitTest)cmocka_unit_test(the_tables_in_the_source_are_those_of_the_reference);
    tests[1] = (struct CMUnitTest)cmocka_unit_test(without_the_reference_there_is_nothing_to_compare);
    for (size_t i = 0; i < n_rows; i++)
        tests[1 + i] =
            (struct CMUnitTest){.name = rows[i].name,
                                .test_func = rows[i].path ? every_line_of_the_file_has_its_ids : hard_string_has_its_ids_and_places,
                                .initial_state = &rows[i]};
    int failed = _cmocka_run_group_tests("wordpiece against the reference", tests, at_hand ? 1 + n_rows : 2, NULL, NULL);
    free(tests);
    end();
    return failed;
}
