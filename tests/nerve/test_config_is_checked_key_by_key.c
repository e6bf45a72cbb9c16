/* The configuration: what a wrong file or argument is told, and that what is written is read back. */
#include "config.h"
#include "files.h"
#include "json.h"
#include "nearest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_holds(const char *text, const char *part)
{
    assert_non_null(part);
    if (!strstr(text, part)) fail_msg("expected a message with\n  %s\nfound\n  %s", part, text);
}

/* ---- files that are refused ---- */

struct refusal {
    const char *name, *text, *message; /* the whole message, from the position on */
};
static const struct refusal FILES[] = {
    {"an unknown key has a caret and a suggestion", "train:\n  epoch: 6\n",
     "c.yaml:2:3: unknown key 'train.epoch': did you mean 'train.epochs'?\n      2 |   epoch: 6\n        |   ^"},
    {"a key of another section is suggested there", "model:\n  epochs: 6\n",
     "c.yaml:2:3: unknown key 'model.epochs': did you mean 'train.epochs'?"},
    {"a key without a neighbour gets the list", "train:\n  zzzzzz: 6\n",
     "c.yaml:2:3: unknown key 'train.zzzzzz'; `nerve config keys` lists them"},
    {"an unknown section has a suggestion", "tarin:\n  epochs: 6\n", "c.yaml:1:1: unknown section 'tarin': did you mean 'train'?"},
    {"a section without a neighbour gets the list", "zzzz:\n", "c.yaml:1:1: unknown section 'zzzz': there are data, model, loss, train"},
    {"a dotted key is sent below its section", "train.epochs: 6\n", "c.yaml:1:1: 'train.epochs' stands below its section: write 'train:'"},
    {"a key that stands twice names both lines", "train:\n  epochs: 6\n  batch: 8\n  epochs: 7\n",
     "c.yaml:4:3: key 'train.epochs' stands a second time; the first is in line 2"},
    {"a section that stands twice", "train:\ntrain:\n", "c.yaml:2:1: section 'train' stands a second time"},
    {"a name that stands twice in a map", "data:\n  rename: {A: B, A: C}\n", "c.yaml:2:18: 'A' stands a second time in 'data.rename'"},
    {"a word where an integer is due", "train:\n  epochs: six\n",
     "c.yaml:2:11: train.epochs: expected an integer from 1 to 100000, found 'six'\n      2 |   epochs: six\n        |           ^"},
    {"a fraction where an integer is due", "train:\n  epochs: 1.5\n", "train.epochs: expected an integer from 1 to 100000, found '1.5'"},
    {"an integer in quotes", "train:\n  epochs: \"6\"\n", "train.epochs: expected an integer from 1 to 100000, found the text '6'"},
    {"a hexadecimal integer", "train:\n  epochs: 0x10\n", "found '0x10'"},
    {"an integer of forty digits", "train:\n  epochs: 1111111111111111111111111111111111111111\n", "expected an integer from 1 to 100000"},
    {"an integer below its range", "train:\n  epochs: 0\n", "train.epochs: expected an integer from 1 to 100000, found '0'"},
    {"a seed above its range", "train:\n  seed: 4294967296\n", "train.seed: expected an integer from 0 to 4294967295, found '4294967296'"},
    {"a negative seed", "train:\n  seed: -1\n", "train.seed: expected an integer from 0 to 4294967295, found '-1'"},
    {"a number above its range", "train:\n  warmup: 1.5\n", "train.warmup: expected a number from 0 to 1, found '1.5'"},
    {"a number that is none", "train:\n  clip: .nan\n", "train.clip: expected a number from 0 to 1000000, found '.nan'"},
    {"a number that is infinite", "train:\n  clip: 1e999\n", "train.clip: expected a number from 0 to 1000000, found '1e999'"},
    {"a yes where true is due", "model:\n  crf: yes\n", "model.crf: expected true or false, found 'yes'"},
    {"a word that is no choice", "model:\n  lower_case: maybe\n", "model.lower_case: expected one of auto, true, false, found 'maybe'"},
    {"a list where an integer is due", "train:\n  epochs: [1, 2]\n", "train.epochs: expected an integer from 1 to 100000, found a list"},
    {"a map where an integer is due", "train:\n  epochs: {a: 2}\n", "train.epochs: expected an integer from 1 to 100000, found a map"},
    {"a text where a map is due", "data:\n  rename: A\n", "data.rename: expected a map of names, as {OLD: NEW}, found 'A'"},
    {"a list in a map", "data:\n  rename: {A: [B]}\n", "data.rename: expected a name, found a list"},
    {"a name with a blank", "data:\n  rename: {\"A B\": C}\n", "data.rename: expected two names without blanks, found 'A B' and 'C'"},
    {"a key without a value", "train:\n  epochs:\n  batch: 3\n",
     "c.yaml:2:3: train.epochs: expected an integer from 1 to 100000, found nothing"},
    {"a file name that is empty", "data:\n  train: \"\"\n", "data.train: expected a text, found nothing"},
    {"a section that is a number", "train: 3\n", "c.yaml:1:8: expected the keys of section 'train', found '3'"},
    {"a section that is a list", "train: [3]\n", "c.yaml:1:8: train: expected a map of keys, found a list"},
    {"a file that is a word", "hello\n", "c.yaml:1:1: expected a map of sections, found 'hello'"},
    {"a file that is a list", "- a\n", "the configuration: expected a map of sections, found a list"},
    {"a key that is a list", "? [a]\n: 3\n", "the configuration: expected the name of a section, found a list"},
    {"a tab in the indentation", "train:\n\tepochs: 6\n",
     "c.yaml:2:2: a tab in the indentation: YAML wants blanks\n      2 |  epochs: 6\n        |  ^"},
    {"broken YAML is diagnosed with its place", "data: {dir: a\n", "c.yaml:2:1: not valid YAML: missing comma in flow mapping"},
    {"a key that is indented too far", "train:\n  epochs: 6\n    batch: 3\n", "not valid YAML: "},
    {"text behind a quote", "data:\n  dir: \"üü\" 3\n", "c.yaml:2:13: not valid YAML: "},
    {"an anchor", "train:\n  epochs: &a 6\n", "anchors and aliases are not used here: write the value"},
    {"an alias", "train:\n  epochs: *a\n", "anchors and aliases are not used here: write the value"},
    {"a tag", "train:\n  epochs: !!int 6\n", "tags are not used here: write the value alone"},
    {"a merge key", "train:\n  <<: {epochs: 3}\n", "c.yaml:2:3: unknown key 'train.<<'"},
    {"a second document", "---\ntrain:\n---\nmodel:\n", "a second document: a configuration is one"},
    {"a byte that is no UTF-8", "# \xFF\n", "c.yaml:1:3: byte 0xFF is no printable UTF-8\n      1 | # ?\n        |   ^"},
    {"a carriage return inside a line", "# a\r\ntrain:\n  epochs: 6\r  batch: 8\n",
     "c.yaml:3:12: a carriage return inside the line: lines must end with LF or CR LF\n      3 |   epochs: 6\n        |            ^"},
    {"a line end and a tab in a word", "train:\n  schedule: \"a\\nb\\tc\"\n", "found the text 'a b c'\n      2 |"},
    {"what YAML forbids and its parser has no words for", "train:\n  init: >0\n    a\n",
     "c.yaml:2:3: not valid YAML, here or right behind"},
    {"a control character", "# a\x01\n", "c.yaml:1:4: byte 0x01 is no printable UTF-8"},
    {"an escaped zero byte", "data:\n  dir: \"a\\0b\"\n", "a text with a zero byte"},
    {"an escaped line end", "data:\n  dir: \"a\\nb\"\n", "data.dir: the text holds byte 0x0A, which is no printable UTF-8"},
    {"a caret counts characters, not bytes", "# é\ndata: {dir: \"üü\", epoch: 3}\n", "c.yaml:2:19: unknown key 'data.epoch'"},
    {"a byte order mark and CR LF",
     "\xEF\xBB\xBF"
     "train:\r\n  epoch: 3\r\n",
     "unknown key 'train.epoch': did you mean 'train.epochs'?\n      2 |   epoch: 3\n        |   ^"},
};

static void file_is_refused(void **state)
{
    const struct refusal *r = *state;
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_read_text(r->text, strlen(r->text), "c.yaml", &c, &e), ERR_CONFIG);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_memory_equal(e.text, "c.yaml:", 7);
    assert_holds(e.text, r->message);
    assert_holds(e.text, " | ");
}

static void deep_nesting_costs_no_time_and_no_stack(void **state)
{
    static const char *const FRONT[] = {"", "train: ", "data: {rename: ", "? "};
    (void)state;
    for (size_t k = 0; k < sizeof FRONT / sizeof *FRONT; k++) {
        for (int bracket = 0; bracket < 2; bracket++) {
            char text[64 * 1024];
            struct nerve_config c;
            struct err e = {0};
            memset(text, "[{"[bracket], sizeof text);
            memcpy(text, FRONT[k], strlen(FRONT[k]));
            config_default(&c);
            assert_int_equal(config_read_text(text, sizeof text, "deep.yaml", &c, &e), ERR_CONFIG);
            assert_memory_equal(e.text, "deep.yaml:1:", 12);
        }
    }
}

static void a_large_file_is_refused(void **state)
{
    (void)state;
    size_t size = 64 * 1024 + 1;
    char *text = malloc(size);
    struct nerve_config c;
    struct err e = {0};
    assert_non_null(text);
    memset(text, '\n', size);
    config_default(&c);
    assert_int_equal(config_read_text(text, size, "large.yaml", &c, &e), ERR_CONFIG);
    assert_string_equal(e.text, "large.yaml: more than 65536 bytes, which no configuration has");
    assert_int_equal(config_read_text(text, size - 1, "large.yaml", &c, &e), 0);
    free(text);
}

static void a_missing_file_is_no_input(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_read_file("/no/such/config.yaml", &c, &e), ERR_NOINPUT);
    assert_holds(e.text, "/no/such/config.yaml");
}

static void a_long_line_is_shown_around_the_caret(void **state)
{
    (void)state;
    char text[600];
    struct nerve_config c;
    struct err e = {0};
    memset(text, ' ', sizeof text);
    memcpy(text, "train: {", 8);
    snprintf(text + 500, sizeof text - 500, "epoch: 3}\n");
    config_default(&c);
    assert_int_equal(config_read_text(text, strlen(text), "c.yaml", &c, &e), ERR_CONFIG);
    const char *caret = strrchr(e.text, '^'), *last = strrchr(e.text, '\n'), *shown = strstr(e.text, "epoch: 3}");
    assert_non_null(shown);
    const char *line = shown;
    while (line[-1] != '\n') line--;
    assert_int_equal(shown - line, caret - (last + 1));
}

/* ---- arguments that are refused ---- */

static const struct refusal ARGUMENTS[] = {
    {"no equals sign", "train.seed", "argument 'train.seed': expected section.key=value, as train.seed=2"},
    {"no key", "=3", "argument '=3': expected section.key=value"},
    {"an unknown key", "train.sed=3", "argument 'train.sed=3': unknown key 'train.sed': did you mean 'train.seed'?"},
    {"a value of the wrong type", "train.seed=x",
     "argument 'train.seed=x': train.seed: expected an integer from 0 to 4294967295, found 'x'"},
    {"no value", "train.seed=", "train.seed: expected an integer from 0 to 4294967295, found nothing"},
    {"a value out of range", "train.epochs=0", "train.epochs: expected an integer from 1 to 100000, found '0'"},
    {"a map as a text", "data.rename=OTHER", "data.rename: expected a map of names, as {OLD: NEW}, found 'OTHER'"},
    {"an empty name", "data.rename.=X", "data.rename: expected two names without blanks"},
    {"an empty new name", "data.rename.X=", "data.rename: expected two names without blanks"},
    {"a text that is no UTF-8", "data.dir=\xC0", "data.dir: the text holds byte 0xC0, which is no printable UTF-8"},
};

static void argument_is_refused(void **state)
{
    const struct refusal *r = *state;
    struct nerve_config c, before;
    struct err e = {0};
    config_default(&c);
    before = c;
    assert_int_equal(config_set(&c, r->text, &e), r->text[0] == '=' || !strchr(r->text, '=') ? ERR_USAGE : ERR_CONFIG);
    assert_holds(e.text, r->message);
    assert_null(strchr(e.text, '\n'));
    assert_memory_equal(&c, &before, sizeof c);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char argument[CONFIG_TEXT_SIZE + 16];
    struct nerve_config c;
    struct err e = {0};
    memset(argument, 'x', sizeof argument);
    memcpy(argument, "data.dir=", 9);
    argument[9 + CONFIG_TEXT_SIZE] = '\0';
    config_default(&c);
    assert_int_equal(config_set(&c, argument, &e), ERR_CONFIG);
    assert_holds(e.text, "data.dir: the text has 4096 bytes, at most 4095 are possible");
    argument[9 + CONFIG_TEXT_SIZE - 1] = '\0';
    assert_int_equal(config_set(&c, argument, &e), 0);
}

static void a_map_has_room_for_so_many_names(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    char argument[64];
    config_default(&c);
    for (int i = 0; i < CONFIG_MAP_SIZE; i++) {
        snprintf(argument, sizeof argument, "data.rename.T%d=X", i);
        assert_int_equal(config_set(&c, argument, &e), 0);
    }
    assert_int_equal(config_set(&c, "data.rename.T0=Y", &e), 0);
    assert_int_equal(config_set(&c, "data.rename.U=Y", &e), ERR_CONFIG);
    assert_holds(e.text, "data.rename: more than 64 names");
    assert_int_equal(config_set(&c, "data.rename={}", &e), 0);
    assert_int_equal(c.data.rename.n, 0);
}

/* ---- keys that contradict each other ---- */

struct contradiction {
    const char *name, *arguments[4], *message;
};
static const struct contradiction CONTRADICTIONS[] = {
    {"width and heads", {"model.width=130"}, "model.width = 130 (command line) is not a multiple of model.heads = 4 (default)"},
    {"length and positions",
     {"data.max_length=600"},
     "data.max_length = 600 (command line) is more than the encoder's positions: model.max_positions = 512"},
    {"no room for a word", {"data.max_length=2"}, "data.max_length = 2 (command line) leaves no room for a word"},
    {"parts and tweets",
     {"train.accumulate=17"},
     "train.accumulate = 17 (command line) is more parts than a batch has tweets: train.batch = 16 (default)"},
    {"parts and pieces",
     {"train.accumulate=2", "train.accumulate_pieces=100"},
     "train.accumulate = 2 (command line) and train.accumulate_pieces = 100 (command line): a batch is split by one of them; remove the other"},
    {"noise and captions",
     {"model.fusion=concat", "model.visual=caption", "train.noise_image=0.1"},
     "model.visual = caption (command line): of a caption there is no noise; set train.noise_image to 0"},
    {"frozen layers and layers",
     {"model.frozen_layers=3"},
     "model.frozen_layers = 3 (command line) is more than the encoder's layers: model.layers = 2"},
};

static void contradiction_is_told(void **state)
{
    const struct contradiction *x = *state;
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_check(&c, &e), 0);
    for (int i = 0; x->arguments[i]; i++) assert_int_equal(config_set(&c, x->arguments[i], &e), 0);
    assert_int_equal(config_check(&c, &e), ERR_CONFIG);
    assert_holds(e.text, x->message);
}

static void what_the_picture_goes_through_does_not_matter_to_text_alone(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_set(&c, "model.fusion=text", &e) || config_set(&c, "model.visual=caption", &e) ||
                         config_set(&c, "train.noise_image=0.1", &e) || config_set(&c, "loss.image_balanced=true", &e) ||
                         config_check(&c, &e),
                     0);
}

static void an_encoder_from_a_folder_has_its_own_shape(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_set(&c, "model.width=130", &e) || config_set(&c, "model.frozen_layers=12", &e) ||
                         config_set(&c, "data.max_length=600", &e) || config_set(&c, "model.encoder=some/folder", &e) ||
                         config_check(&c, &e),
                     0);
}

static void data_are_asked_for_only_where_they_are_read(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    char path[CONFIG_TEXT_SIZE];
    config_default(&c);
    assert_int_equal(config_check(&c, &e), 0);
    assert_int_equal(config_check_data(&c, &e), ERR_CONFIG);
    assert_string_equal(e.text, "data.dir is not set: add data.dir=FOLDER, the folder that holds train.txt, valid.txt and test.txt");
    assert_int_equal(config_set(&c, "data.dir=some/folder", &e) || config_check_data(&c, &e), 0);
    assert_int_equal(config_data_path(&c, c.data.train, path, &e), 0);
    assert_string_equal(path, "some/folder/train.txt");
    assert_int_equal(config_data_path(&c, "/elsewhere/train.txt", path, &e), 0);
    assert_string_equal(path, "/elsewhere/train.txt");
}

/* ---- the table, and what is written ---- */

static void each_row_of_the_table_is_sound(void **state)
{
    (void)state;
    struct nerve_config c;
    config_default(&c);
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        const struct config_key *k = &CONFIG_KEYS[i];
        assert_int_equal(config_find(k->name), i);
        assert_non_null(strchr(k->name, '.'));
        assert_ptr_equal(strchr(k->name, '.'), strrchr(k->name, '.'));
        assert_true(strlen(k->about) > 10 && !strpbrk(k->about, "\n|"));
        assert_true(k->low <= k->high);
        assert_int_equal(c.origin[i], CONFIG_DEFAULT);
        /* The rows of a section stand together, so that the section is written once. */
        for (int j = i + 2; j < N_CONFIG_KEYS; j++) {
            size_t n = strcspn(k->name, ".") + 1;
            if (strncmp(k->name, CONFIG_KEYS[j].name, n) == 0) assert_memory_equal(k->name, CONFIG_KEYS[j - 1].name, n);
        }
    }
    assert_int_equal(config_find("train"), -1);
}

static const char *const TEXTS[] = {
    "a",  "../x", "with blank", "#no comment", "a: b", "- x", "\"quoted\" \\ back", "null",     "~", "{}", "é 𝒳",  "*a",  "&a",
    "!x", "%x",   "'",          "[",           "true", "3",   "trailing ",          " leading", "@", "`",  "a #b", "---", "..."};

/* The i-th of some values that a key may have; false where there is none. */
static bool set_sample(struct nerve_config *c, int key, size_t i)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    char text[CONFIG_TEXT_SIZE], why[512];
    switch (k->type) {
    case CONFIG_INTEGER:
    case CONFIG_SEED:
        if (i > 1) return false;
        snprintf(text, sizeof text, "%.0f", i == 0 ? k->low : k->high);
        break;
    case CONFIG_NUMBER:
        if (i > 3) return false;
        snprintf(text, sizeof text, "%.17g",
                 i == 0   ? k->low
                 : i == 1 ? k->high
                 : i == 2 ? (k->low + k->high) / 3
                          : k->low + (k->high - k->low) / 7e5);
        break;
    case CONFIG_BOOLEAN:
        if (i > 1) return false;
        snprintf(text, sizeof text, "%s", i == 0 ? "true" : "false");
        break;
    case CONFIG_CHOICE:
        if (!k->words[i]) return false;
        snprintf(text, sizeof text, "%s", k->words[i]);
        break;
    case CONFIG_TEXT:
        if (i == sizeof TEXTS / sizeof *TEXTS) return false;
        snprintf(text, sizeof text, "%s", TEXTS[i]);
        break;
    case CONFIG_MAP:
        if (i == 1) return false;
        for (size_t t = 0; t < sizeof TEXTS / sizeof *TEXTS; t++)
            if (!strchr(TEXTS[t], ' ')) assert_true(config_set_pair(c, key, TEXTS[t], "é:#", why, sizeof why));
        return true;
    }
    if (!config_set_value(c, key, text, false, why, sizeof why)) fail_msg("%s=%s: %s", k->name, text, why);
    return true;
}

static void whatever_is_written_is_read_back(void **state)
{
    (void)state;
    struct err e = {0};
    for (int key = 0; key < N_CONFIG_KEYS; key++) {
        struct nerve_config c, read;
        config_default(&c);
        for (size_t i = 0; set_sample(&c, key, i); i++) {
            static const enum config_form FORMS[] = {CONFIG_RESOLVED, CONFIG_SHOW};
            char *plain = config_text(&c, CONFIG_RESOLVED);
            for (int f = 0; f < 2; f++) {
                char *text = config_text(&c, FORMS[f]);
                config_default(&read);
                if (config_read_text(text, strlen(text), "written", &read, &e)) fail_msg("%s", e.text);
                char *again = config_text(&read, CONFIG_RESOLVED);
                assert_string_equal(plain, again);
                assert_null(config_difference(&c, &read));
                free(text);
                free(again);
            }
            free(plain);
        }
    }
}

static void only_a_runtime_key_may_differ(void **state)
{
    (void)state;
    for (int key = 0; key < N_CONFIG_KEYS; key++) {
        struct nerve_config a, b;
        config_default(&a);
        config_default(&b);
        assert_null(config_difference(&a, &b));
        /* Of two samples at least one is not the default. */
        char *before = config_text(&a, CONFIG_RESOLVED), *after = NULL;
        for (size_t i = 0; i < 2 && !after; i++) {
            set_sample(&b, key, i);
            after = config_text(&b, CONFIG_RESOLVED);
            if (strcmp(before, after) != 0) break;
            free(after);
            after = NULL;
        }
        assert_non_null(after);
        const char *found = config_difference(&a, &b);
        char *payload_a = config_text(&a, CONFIG_PAYLOAD), *payload_b = config_text(&b, CONFIG_PAYLOAD);
        if (CONFIG_KEYS[key].runtime) {
            assert_null(found);
            assert_string_equal(payload_a, payload_b);
        } else {
            assert_string_equal(found, CONFIG_KEYS[key].name);
            assert_string_not_equal(payload_a, payload_b);
        }
        free(before);
        free(after);
        free(payload_a);
        free(payload_b);
    }
}

static void the_command_line_wins_and_each_value_knows_its_origin(void **state)
{
    (void)state;
    static const char FILE_TEXT[] = "train:\n  seed: 5\n  epochs: 2\ndata:\n  rename: {B: C}\n";
    struct nerve_config c;
    struct err e = {0};
    config_default(&c);
    assert_int_equal(config_read_text(FILE_TEXT, strlen(FILE_TEXT), "c.yaml", &c, &e) || config_set(&c, "train.seed=4294967295", &e) ||
                         config_set(&c, "data.rename.A=X", &e) || config_set(&c, "data.dir=a=b", &e),
                     0);
    assert_true(c.train.seed == UINT32_MAX);
    assert_int_equal(c.train.epochs, 2);
    assert_string_equal(c.data.dir, "a=b");
    char *text = config_text(&c, CONFIG_SHOW);
    assert_holds(text, "  seed: 4294967295                        # command line\n");
    assert_holds(text, "  epochs: 2                               # c.yaml:3\n");
    assert_holds(text, "  batch: 16                               # default\n");
    assert_holds(text, "  rename: {A: X, B: C} ");
    free(text);
}

static void json_holds_the_same_values(void **state)
{
    (void)state;
    struct nerve_config c;
    struct err e = {0};
    int64_t seed;
    double rate;
    config_default(&c);
    assert_int_equal(config_set(&c, "train.seed=4294967295", &e) || config_set(&c, "data.rename.A=X", &e), 0);
    struct json *all = config_json(&c, CONFIG_RESOLVED), *payload = config_json(&c, CONFIG_PAYLOAD);
    assert_true(json_read_integer(json_get(json_get(all, "train"), "seed"), &seed) && seed == UINT32_MAX);
    assert_true(json_read_number(json_get(json_get(all, "train"), "lr_head"), &rate) && rate == 2e-3);
    assert_string_equal(json_text(json_get(json_get(json_get(all, "data"), "rename"), "A")), "X");
    assert_non_null(json_get(json_get(all, "train"), "threads"));
    assert_null(json_get(json_get(payload, "train"), "threads"));
    assert_non_null(json_get(json_get(payload, "train"), "seed"));
    json_free(all);
    json_free(payload);
}

/* ---- the files in configs/ ---- */

static void read_shipped(struct nerve_config *c, const char *name)
{
    char path[4096];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/configs/%s", SOURCE_ROOT, name);
    config_default(c);
    if (config_read_file(path, c, &e) || config_check(c, &e)) fail_msg("%s", e.text);
    assert_string_equal(c->data.dir, "");
    assert_string_equal(c->model.encoder, "");
}

/* The recipe by which the figures of docs/results.md were made. */
static void twitter_configs_hold_the_published_recipe(void **state)
{
    (void)state;
    static const char *const FILES_OF_TWITTER[] = {"twitter2017.yaml", "twitter2015.yaml"};
    for (int i = 0; i < 2; i++) {
        struct nerve_config c;
        read_shipped(&c, FILES_OF_TWITTER[i]);
        assert_int_equal(c.train.epochs, i == 0 ? 6 : 4);
        assert_int_equal(c.data.rename.n, i);
        assert_true(c.model.crf && c.model.bio_constraints);
        assert_true(c.model.dropout == .1 && c.model.dropout_hidden == .1 && c.model.dropout_attention == .1);
        assert_true(c.train.batch == 16 && c.train.pool == 20 && c.train.accumulate == 1 && c.train.batch_pieces == 0);
        assert_true(c.train.lr_encoder == 1e-4 && c.train.lr_head == 2e-3 && c.train.lr_crf == 2e-3);
        assert_true(c.train.weight_decay == .01 && c.train.warmup == .1 && c.train.clip == 1);
        assert_true(c.train.adam_beta1 == .9 && c.train.adam_beta2 == .999 && c.train.adam_eps == 1e-8);
        if (i == 1) assert_string_equal(c.data.rename.pairs[0].from, "OTHER");
        if (i == 1) assert_string_equal(c.data.rename.pairs[0].to, "MISC");
    }
}

static void a_synthetic_config_needs_only_its_data(void **state)
{
    (void)state;
    struct nerve_config c;
    read_shipped(&c, "synth-text.yaml");
    assert_int_equal(c.data.rename.n, 0);
    assert_int_equal(c.model.fusion, FUSION_TEXT);
    read_shipped(&c, "synth.yaml");
    assert_int_equal(c.model.visual, SOURCE_VIT);
}

/* ---- did you mean ---- */

static void the_word_that_was_meant_is_near(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"train", "evaluate", "predict", "score", "config"};
    const struct {
        const char *typed, *meant;
    } cases[] = {{"trian", "train"},   {"tran", "train"}, {"trainn", "train"}, {"eval", "evaluate"}, {"scroe", "score"},
                 {"Config", "config"}, {"export", NULL},  {"", NULL},          {"x", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = nearest_word(cases[i].typed, WORDS, 5);
        if (cases[i].meant)
            assert_string_equal(found ? found : "nothing", cases[i].meant);
        else if (found)
            fail_msg("'%s' is not '%s'", cases[i].typed, found);
    }
    char word[200];
    memset(word, 't', sizeof word);
    word[199] = '\0';
    assert_null(nearest_word(word, WORDS, 5));
}

#define ROWS(table, run)                                                                                                                   \
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) tests[n++] = (struct CMUnitTest)                                             \
        {                                                                                                                                  \
            .name = table[i].name, .test_func = run, .initial_state = (void *)(uintptr_t)&table[i]                                         \
        }

int main(void)
{
    static const struct CMUnitTest single[] = {
        cmocka_unit_test(deep_nesting_costs_no_time_and_no_stack),
        cmocka_unit_test(a_large_file_is_refused),
        cmocka_unit_test(a_missing_file_is_no_input),
        cmocka_unit_test(a_long_line_is_shown_around_the_caret),
        cmocka_unit_test(a_text_that_is_too_long_is_refused),
        cmocka_unit_test(a_map_has_room_for_so_many_names),
        cmocka_unit_test(what_the_picture_goes_through_does_not_matter_to_text_alone),
        cmocka_unit_test(an_encoder_from_a_folder_has_its_own_shape),
        cmocka_unit_test(data_are_asked_for_only_where_they_are_read),
        cmocka_unit_test(each_row_of_the_table_is_sound),
        cmocka_unit_test(whatever_is_written_is_read_back),
        cmocka_unit_test(only_a_runtime_key_may_differ),
        cmocka_unit_test(the_command_line_wins_and_each_value_knows_its_origin),
        cmocka_unit_test(json_holds_the_same_values),
        cmocka_unit_test(twitter_configs_hold_the_published_recipe),
        cmocka_unit_test(a_synthetic_config_needs_only_its_data),
        cmocka_unit_test(the_word_that_was_meant_is_near),
    };
    enum { N_SINGLE = sizeof single / sizeof *single };
    static struct CMUnitTest tests[N_SINGLE + sizeof FILES / sizeof *FILES + sizeof ARGUMENTS / sizeof *ARGUMENTS +
                                   sizeof CONTRADICTIONS / sizeof *CONTRADICTIONS];
    size_t n = 0;
    for (size_t i = 0; i < N_SINGLE; i++) tests[n++] = single[i];
    ROWS(FILES, file_is_refused);
    ROWS(ARGUMENTS, argument_is_refused);
    ROWS(CONTRADICTIONS, contradiction_is_told);
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
