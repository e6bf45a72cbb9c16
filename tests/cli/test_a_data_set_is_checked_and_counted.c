/* nerve data as its user meets it: exit statuses, what is printed where, and what is not. NERVE is the program, CONFIG the config for
 * synthetic tweets. */
#include "files.h"
#include "json.h"
#include "run_program.h"
#include "temporary.h"
#include <stdbool.h>
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
    char path[PATH_MAX + 64];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_write_bytes(path, text, strlen(text), &e)) fail_msg("%s", e.text);
}

/* The folder "set": one tweet in each split, and `more` in train. */
static void write_set(const char *more)
{
    char text[4096];
    snprintf(text, sizeof text, "IMGID:1\nann\tB-PER\n\n%s", more);
    write_text("set/train.txt", text);
    write_text("set/valid.txt", "IMGID:2\nbob\tB-PER\n");
    write_text("set/test.txt", "IMGID:3\neve\tB-PER\n");
}

static void run(struct program *p, const char *arguments)
{
    char text[1024];
    const char *argv[32] = {NERVE};
    size_t n = 1;
    snprintf(text, sizeof text, "%s", arguments);
    for (char *rest = text, *word; (word = strsep(&rest, " ")) && n < 31;) argv[n++] = word;
    program_run(p, argv, &(struct program_options){.directory = folder});
}

static struct json *json_of(const struct program *p)
{
    struct json *v = NULL;
    struct err e = {0};
    if (json_parse(p->output, strlen(p->output), "stdout", &v, &e)) fail_msg("%s\n%s", e.text, p->output);
    return v;
}

static void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("expected a text with\n  %s\nfound\n  %s", part, text);
}

/* ---- check ---- */

struct check {
    const char *name, *more, *arguments;
    int status;
    const char *output, *errors; /* a part of each */
};
static const struct check CHECKS[] = {
    {"a set with warnings only", "", "data check set", 0, "set/train.txt:2: warning: type PER has only 1 entity in this split", ""},
    {"a set with an error", "word\n", "data check set", 1,
     "set/train.txt:4: error: \"word\" has one column: expected token<TAB>tag (or IMGID:<id>, or a blank line behind a sentence) "
     "[missing-tag]\n1 errors, 1 warnings\n",
     ""},
    {"without a vocabulary", "", "data check set", 0, "0 errors, 1 warnings\n", "no vocabulary is at hand"},
    {"a config", "", "data check " CONFIG " data.dir=set", 0, "0 errors, 1 warnings\n", ""},
    {"the first five of a kind", "a\nb\nc\nd\ne\nf\ng\n", "data check set", 1, "set/train.txt: 2 more [missing-tag]; --all shows them\n",
     ""},
    {"all of a kind", "a\nb\nc\nd\ne\nf\ng\n", "data check set --all", 1, "set/train.txt:10: error: \"g\" has one column", ""},
    {"pictures that are not there", "", "data check set --images set", 0,
     "set/test.txt:2: warning: set/3: no such picture (.jpg, .jpeg, .png or .webp) [image-missing]\n", ""},
    {"a type that would steer the terminal", "a\tB-\x1b[31m\n", "data check set", 0, "type \xEF\xBF\xBD[31m has only 1 entity", ""},
    {"no action", "", "data", 64, "", "nerve data: expected check or stats\n"},
    {"another action", "", "data look set", 64, "", "nerve data: expected check or stats, found 'look'\n"},
    {"no folder", "", "data check", 64, "", "nerve data: check: the config file, or the folder that holds train.txt"},
    {"a folder that is not there", "", "data check nothing", 66, "", "nerve: nothing: cannot open: No such file or directory\n"},
    {"a split that is not there", "", "data check set data.test=nothing.txt", 66, "", "nerve: set/nothing.txt: cannot open"},
    {"pictures in no folder", "", "data check set --images nothing", 66, "",
     "nerve: nothing: cannot open the folder of pictures: No such file or directory\n"},
    {"a key that is none", "", "data check set data.tset=a", 78, "", "unknown key 'data.tset'"},
    {"stats of pictures", "", "data stats set --images set", 64, "", "nerve data: --all and --images are for check\n"},
    {"stats of what cannot be read", "word\n", "data stats set", 65, "", "nerve: set/train.txt:4: \"word\" has one column"},
};
enum { N_CHECKS = sizeof CHECKS / sizeof *CHECKS };

static void data_are_checked(void **state)
{
    const struct check *x = *state;
    struct program p;
    write_set(x->more);
    run(&p, x->arguments);
    assert_int_equal(p.status, x->status);
    assert_holds(p.output, x->output);
    assert_holds(p.errors, x->errors);
    assert_null(strchr(p.output, '\x1b'));
    program_free(&p);
}

static void problems_as_json_are_those_that_are_printed(void **state)
{
    (void)state;
    struct program p;
    int64_t errors, line;
    write_set("word\n");
    run(&p, "data check set --json");
    assert_int_equal(p.status, 1);
    struct json *v = json_of(&p);
    const struct json *problems = json_get(v, "problems"), *last = json_at(problems, json_size(problems) - 1);
    assert_true(json_read_integer(json_get(v, "errors"), &errors) && errors == 1);
    assert_int_equal(json_size(problems), 2);
    assert_string_equal(json_text(json_get(last, "code")), "missing-tag");
    assert_string_equal(json_text(json_get(last, "file")), "set/train.txt");
    assert_true(json_read_integer(json_get(last, "line"), &line) && line == 4);
    json_free(v);
    program_free(&p);
}

/* ---- stats ---- */

static void a_configuration_that_could_train_is_estimated(void **state)
{
    static const struct {
        const char *arguments;
        bool is_estimated;
    } CASES[] = {
        {"data stats more --json", false},
        {"data stats " CONFIG " data.dir=more train.epochs=1 --json", true},
        {"data stats " CONFIG " data.dir=set --json", false}, /* has no vocabulary */
    };
    (void)state;
    struct program p;
    write_set("");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        double seconds, peak;
        run(&p, CASES[i].arguments);
        assert_int_equal(p.status, 0);
        struct json *v = json_of(&p);
        const struct json *training = json_get(v, "training");
        if (!training != !CASES[i].is_estimated) fail_msg("%s: %s", CASES[i].arguments, p.output);
        if (training) {
            assert_true(json_read_number(json_get(training, "seconds"), &seconds) && seconds > 0);
            assert_true(json_read_number(json_get(training, "peak_mb"), &peak) && peak > 1);
        }
        json_free(v);
        program_free(&p);
    }
}

static int set_up(void **state)
{
    struct program p;
    (void)state;
    if (temporary_folder(folder)) return -1;
    char path[PATH_MAX + 16];
    struct err e = {0};
    snprintf(path, sizeof path, "%s/set", folder);
    if (directory_make(path, &e)) return -1;
    run(&p, "synth more --tweets 40 --seed 3");
    const int status = p.status;
    program_free(&p);
    return status;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    struct CMUnitTest tests[N_CHECKS + 2] = {
        cmocka_unit_test(problems_as_json_are_those_that_are_printed),
        cmocka_unit_test(a_configuration_that_could_train_is_estimated),
    };
    for (size_t i = 0; i < N_CHECKS; i++)
        tests[i + 2] = (struct CMUnitTest){CHECKS[i].name, data_are_checked, NULL, NULL, (void *)(uintptr_t)&CHECKS[i]};
    return cmocka_run_group_tests_name("data", tests, set_up, tear_down);
}
