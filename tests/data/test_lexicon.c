/* The lexicon baseline does what its name says: most frequent type, longest match from the left, names as written. */
#include "temporary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lexicon.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TRAIN "Ann\tB-PER\nmet\tO\nAnn\tB-PER\n\nAnn\tB-LOC\nLee\tI-LOC\n\nAnn\tB-LOC\n\nBo\tB-PER\nBo\tB-LOC\n\nlake\tI-LOC\nLee\tI-LOC\n"

struct lexicon_case {
    const char *name, *text;
    int entities;
    double f1, unseen;
};
static const struct lexicon_case CASES[] = {
    {"the most frequent type", "see\tO\nAnn\tB-PER\n", 1, 1, 0},
    {"another type is missed, and counts as unseen or not by its own pair", "see\tO\nAnn\tB-LOC\n", 1, 0, 0},
    {"the longest name", "Ann\tB-LOC\nLee\tI-LOC\nAnn\tB-PER\n", 2, 1, 0},
    {"the first type on a tie", "Bo\tB-LOC\n", 1, 1, 0},
    {"a name in a row of names", "Ann\tB-PER\nAnn\tB-PER\nBo\tB-LOC\n", 3, 1, 0},
    {"an orphan I is part of a name", "lake\tB-LOC\nLee\tI-LOC\n", 1, 1, 0},
    {"a name in other letters is unknown", "ann\tB-PER\n", 1, 0, 1},
    {"a known name that is none here", "Ann\tO\nZed\tB-PER\n", 1, 0, 1},
    {"half of the distinct entities", "Ann\tB-PER\nZed\tB-PER\nZed\tO\nAnn\tB-PER\nZed\tB-PER\n", 4, 2.0 * 2 / (4 + 2), 0.5},
    {"no entity", "ok\tO\n", 0, 0, 0},
};

static char folder[PATH_MAX], path[PATH_MAX + 8];
static struct tag_set types;

static struct dataset read_text(const char *text)
{
    struct dataset d;
    struct err e = {0};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    if (conll_read(path, NULL, 0, &d, &e) || dataset_resolve_tags(&d, &types, &e)) fail_msg("%s", e.text);
    return d;
}

static void score_is_that_of_the_row(void **state)
{
    const struct lexicon_case *c = *state;
    struct dataset train = read_text(TRAIN), d = read_text(c->text);
    struct lexicon *x;
    struct lexicon_score score;
    struct err e = {0};
    assert_int_equal(lexicon_make(&train, &x, &e), 0);
    assert_int_equal(lexicon_evaluate(x, &d, &score, &e), 0);
    assert_int_equal(score.entities, c->entities);
    if (!(fabs(score.f1 - c->f1) <= 1e-12)) fail_msg("f1 %g, expected %g", score.f1, c->f1);
    if (!(fabs(score.unseen - c->unseen) <= 1e-12)) fail_msg("unseen %g, expected %g", score.unseen, c->unseen);
    lexicon_free(x);
    dataset_free(&train);
    dataset_free(&d);
}

static void training_data_without_a_name_knows_none(void **state)
{
    (void)state;
    struct dataset train = read_text("ok\tO\n"), d = read_text("Ann\tB-PER\n");
    struct lexicon *x;
    struct lexicon_score score;
    struct err e = {0};
    assert_int_equal(lexicon_make(&train, &x, &e) || lexicon_evaluate(x, &d, &score, &e), 0);
    assert_true(score.f1 == 0 && score.unseen == 1);
    lexicon_free(x);
    dataset_free(&train);
    dataset_free(&d);
}

static int begin(void **state)
{
    (void)state;
    struct err e;
    if (temporary_folder(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return tag_set_add(&types, "PER", &e) || tag_set_add(&types, "LOC", &e) ? -1 : 0;
}
static int end(void **state)
{
    (void)state;
    tag_set_free(&types);
    return temporary_remove(folder);
}

int main(void)
{
    enum { N_CASES = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[1 + N_CASES] = {cmocka_unit_test(training_data_without_a_name_knows_none)};
    for (size_t i = 0; i < N_CASES; i++)
        tests[1 + i] = (struct CMUnitTest){
            .name = CASES[i].name, .test_func = score_is_that_of_the_row, .initial_state = (void *)(uintptr_t)&CASES[i]};
    return cmocka_run_group_tests_name("lexicon", tests, begin, end);
}
