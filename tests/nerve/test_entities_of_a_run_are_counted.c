/* cell_counts: what a run found in each tweet of its test split, against the split itself. */
#include "ablate_cell.h"
#include "files.h"
#include "temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[PATH_MAX];

static void write_text(const char *name, const char *text)
{
    char path[2 * PATH_MAX];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
}

/* OTHER is read as MISC; "Zürich" has more bytes than characters; in tweet 3 an I- opens an entity, as conlleval has it. */
static const char TEST[] = "Ada\tB-PER\nLovelace\tI-PER\nin\tO\nParis\tB-LOC\n\n"
                           "Zürich\tB-LOC\nloves\tO\nHAL\tB-OTHER\n\n"
                           "the\tO\nNile\tI-LOC\n\n"
                           "nothing\tO\n\n";
#define LINE(text, entities) "{\"id\": null, \"text\": \"" text "\", \"entities\": [" entities "]}\n"
#define ENTITY(type, start, end)                                                                                                           \
    "{\"entity_group\": \"" type "\", \"score\": 0.5, \"word\": \"\", \"start\": " #start ", \"end\": " #end "}"
#define FIRST  LINE("Ada Lovelace in Paris", ENTITY("PER", 0, 12) ", " ENTITY("ORG", 16, 21))
#define SECOND LINE("Zürich loves HAL", ENTITY("LOC", 0, 6) ", " ENTITY("MISC", 13, 16))
#define THIRD  LINE("the Nile", ENTITY("LOC", 4, 8))
#define FOURTH LINE("nothing", ENTITY("PER", 0, 7))

static int count(const char *predictions, struct cell_result *out, struct err *e)
{
    write_text("predictions.jsonl", predictions);
    *out = (struct cell_result){0};
    return cell_counts(folder, out, e);
}

static void correct_gold_and_predicted_entities_stand_for_each_tweet(void **state)
{
    static const struct score_counts EXPECTED[] = {{1, 2, 2}, {2, 2, 2}, {1, 1, 1}, {0, 0, 1}};
    struct cell_result r;
    struct err e = {0};
    (void)state;
    if (count(FIRST SECOND THIRD FOURTH, &r, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.n_tweets, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r.tweets[i].correct, EXPECTED[i].correct);
        assert_int_equal(r.tweets[i].gold, EXPECTED[i].gold);
        assert_int_equal(r.tweets[i].predicted, EXPECTED[i].predicted);
    }
    free(r.tweets);
}

static void predictions_of_other_data_are_refused_by_line(void **state)
{
    static const struct {
        const char *predictions, *message;
    } ROWS[] = {
        {FIRST SECOND THIRD, "predictions.jsonl: 3 lines for the 4 tweets of "},
        {FIRST SECOND THIRD FOURTH FOURTH, "predictions.jsonl: 5 lines for the 4 tweets of "},
        {FIRST THIRD SECOND FOURTH, "predictions.jsonl:2: not the tweet of "},
        {FIRST SECOND LINE("the Nile", ENTITY("LOC", 5, 8)) FOURTH, "predictions.jsonl:3: not the tweet of "},
        {FIRST SECOND LINE("the Nile", ENTITY("LOC", 4, 9)) FOURTH, "predictions.jsonl:3: not the tweet of "},
        {FIRST SECOND "{}\n" FOURTH, "predictions.jsonl:3: not the tweet of "},
        {FIRST SECOND "[]\n" FOURTH, "predictions.jsonl:3: not the tweet of "},
        {FIRST SECOND LINE("the Nile", "{\"start\": 4, \"end\": 8}") FOURTH, "predictions.jsonl:3: not the tweet of "},
        {FIRST "{\n" THIRD FOURTH, "predictions.jsonl"},
        {"", "predictions.jsonl: 0 lines"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof ROWS / sizeof *ROWS; k++) {
        struct cell_result r;
        struct err e = {0};
        if (count(ROWS[k].predictions, &r, &e) != ERR_DATA || !strstr(e.text, ROWS[k].message))
            fail_msg("row %zu: expected '%s', got %d: %s", k, ROWS[k].message, e.code, e.text);
        assert_null(r.tweets);
    }
}

static int set_up(void **state)
{
    char config[PATH_MAX + 64];
    (void)state;
    if (temporary_folder(folder)) return -1;
    snprintf(config, sizeof config, "data: {dir: %s, rename: {OTHER: MISC}}\n", folder);
    write_text("config.yaml", config);
    write_text("test.txt", TEST);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(correct_gold_and_predicted_entities_stand_for_each_tweet),
        cmocka_unit_test(predictions_of_other_data_are_refused_by_line),
    };
    return cmocka_run_group_tests_name("entities of a run", tests, set_up, tear_down);
}
