/* Readers with a defect planted in them: each is found, with the number of the mutation and its input, and the others are still counted. */
#include "files.h"
#include "fuzz.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BAD = 37, COUNT = 600 };

static void make_seeds(struct seeds *s)
{
    static const char *const TEXTS[] = {"one 1\ntwo 22\nthree 333\n", "{\"a\": [1, 2, 3]}\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) seeds_add(s, TEXTS[i], strlen(TEXTS[i]));
}

static enum fuzz_verdict good(const struct fuzz_input *in)
{
    return in->number % 2 ? FUZZ_READ : FUZZ_REFUSED;
}

static enum fuzz_verdict crashes(const struct fuzz_input *in)
{
    if (in->number == BAD) raise(SIGSEGV);
    return good(in);
}

static enum fuzz_verdict aborts(const struct fuzz_input *in)
{
    if (in->number == BAD) abort();
    return good(in);
}

static enum fuzz_verdict exits(const struct fuzz_input *in)
{
    if (in->number == BAD) _exit(70);
    return good(in);
}

static enum fuzz_verdict hangs(const struct fuzz_input *in)
{
    for (volatile bool forever = in->number == BAD; forever;) continue;
    return good(in);
}

static enum fuzz_verdict wants_much(const struct fuzz_input *in)
{
    const size_t much = in->number == BAD ? (FUZZ_MEMORY_MB + (size_t)1) << 20 : 1;
    volatile char *memory = malloc(much);
    fuzz_claim(memory, "no %zu bytes", much);
    memory[much - 1] = 1;
    free((void *)(uintptr_t)memory);
    return good(in);
}

static enum fuzz_verdict is_wrong(const struct fuzz_input *in)
{
    fuzz_claim(in->number != BAD, "number %u", in->number);
    return good(in);
}

/* An error of a reader, held to what every error must be. */
static const char *error_text;
static int error_code;
static enum fuzz_verdict refuses_badly(const struct fuzz_input *in)
{
    struct err e = {.code = error_code};
    if (in->number != BAD) return good(in);
    snprintf(e.text, sizeof e.text, *error_text == ':' ? "%s%s" : "%.0s%s", in->path, error_text);
    fuzz_claim_error(in, in->path, e.code, ERR_DATA, &e);
    return good(in);
}

static const struct planted {
    const char *name;
    enum fuzz_verdict (*read)(const struct fuzz_input *in);
    int code;
    const char *text, *what;
} PLANTED[] = {
    {"a_crash_is_found", crashes, 0, "", "crash: "},
    {"an_abort_is_found", aborts, 0, "", "crash: signal 6"},
    {"an_exit_is_found", exits, 0, "", "crash: exit status 70"},
    {"a_hang_is_found", hangs, 0, "", "hang: more than 2 s of work"},
    {"too_much_memory_is_found", wants_much, 0, "", ""},
    {"a_broken_claim_is_found", is_wrong, 0, "", "in->number != BAD: number 37"},
    {"another_code_is_found", refuses_badly, ERR_INTERNAL, ": out of memory", "code -70, "},
    {"an_error_without_a_file_is_found", refuses_badly, ERR_DATA, "is not valid", "names no file"},
    {"an_error_without_words_is_found", refuses_badly, ERR_DATA, ": ", "not a whole line"},
    {"an_error_of_two_lines_is_found", refuses_badly, ERR_DATA, ": a line\nand more", "a control character"},
    {"an_error_that_is_not_utf8_is_found", refuses_badly, ERR_DATA, ": a word \xC3", "not UTF-8"},
    {"an_error_in_a_line_behind_the_end_is_found", refuses_badly, ERR_DATA, ":4000000: bad", "lines: "},
};
enum { N_PLANTED = sizeof PLANTED / sizeof *PLANTED };

static void claim_saved(const struct fuzz_kind *kind, const struct fuzz_finding *f)
{
    struct seeds s = {0};
    struct fuzz_input in;
    struct err e = {0};
    char *saved;
    size_t size;
    make_seeds(&s);
    unsigned char *data = fuzz_make(kind, &s, f->number, &in);
    if (file_read(f->path, MUTATION_LARGEST, &saved, &size, &e)) fail_msg("%s", e.text);
    assert_int_equal(size, in.size);
    assert_memory_equal(saved, data, size);
    assert_int_equal(unlink(f->path), 0);
    free(saved);
    free(data);
    seeds_free(&s);
}

static void is_found(void **state)
{
    const struct planted *p = *state;
    const struct fuzz_kind kind = {.name = p->name, .make_seeds = make_seeds, .read = p->read};
    struct fuzz_result r;
    error_text = p->text;
    error_code = p->code;
    fuzz_run(&kind, 0, COUNT, &r);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(r.findings[0].number, BAD);
    if (!strstr(r.findings[0].what, p->what)) fail_msg("\"%s\" does not stand in: %s", p->what, r.findings[0].what);
    claim_saved(&kind, &r.findings[0]);
    assert_int_equal(r.read, COUNT / 2 - 1);
    assert_int_equal(r.refused, COUNT / 2);
}

static void a_good_reader_has_no_finding(void **state)
{
    (void)state;
    const struct fuzz_kind kind = {.name = "good", .make_seeds = make_seeds, .read = good};
    struct fuzz_result r;
    fuzz_run(&kind, 100, COUNT, &r);
    assert_int_equal(r.n_findings, 0);
    assert_int_equal(r.read, COUNT / 2);
    assert_int_equal(r.refused, COUNT / 2);
}

static enum fuzz_verdict always_crashes(const struct fuzz_input *in)
{
    (void)in;
    _exit(1);
}

static void findings_have_an_end(void **state)
{
    (void)state;
    const struct fuzz_kind kind = {.name = "always", .make_seeds = make_seeds, .read = always_crashes};
    struct fuzz_result r;
    fuzz_run(&kind, 5, COUNT, &r);
    assert_int_equal(r.n_findings, FUZZ_FINDINGS);
    for (int i = 0; i < FUZZ_FINDINGS; i++) {
        assert_int_equal(r.findings[i].number, 5 + i);
        claim_saved(&kind, &r.findings[i]);
    }
}

/* ---- the mutator ---- */

static void a_number_makes_the_same_mutation_again(void **state)
{
    (void)state;
    struct seeds s = {0};
    const struct seed *of;
    size_t size, again, other = 0;
    make_seeds(&s);
    for (uint32_t number = 0; number < COUNT; number++) {
        unsigned char *a = mutate(&s, 1, number, &size, &of), *b = mutate(&s, 1, number, &again, &of);
        assert_int_equal(size, again);
        assert_memory_equal(a, b, size);
        free(b);
        b = mutate(&s, 2, number, &again, &of);
        other += size != again || memcmp(a, b, size) != 0;
        free(a);
        free(b);
    }
    assert_true(other > COUNT * 9 / 10);
    seeds_free(&s);
}

/* Flipped, cut, repeated, spliced, made huge: of the mutations of one seed some have each mark. */
static void mutations_are_of_every_sort(void **state)
{
    (void)state;
    struct seeds s = {0};
    const struct seed *of;
    int changed = 0, same_size = 0, shorter = 0, longer = 0, empty = 0, large = 0, huge = 0, mixed = 0;
    make_seeds(&s);
    for (uint32_t number = 0; number < COUNT * 5; number++) {
        size_t size;
        unsigned char *m = mutate(&s, 1, number, &size, &of);
        changed += size != of->size || memcmp(m, of->data, size) != 0;
        same_size += size == of->size && memcmp(m, of->data, size) != 0;
        shorter += size < of->size;
        longer += size > of->size;
        empty += size == 0;
        large += size > 20000;
        huge += memmem(m, size, "9223372036854775807", 19) != NULL;
        mixed += memmem(m, size, "two", 3) && memmem(m, size, "{\"a\"", 4);
        free(m);
    }
    assert_true(changed > COUNT * 5 * 9 / 10);
    assert_true(same_size > COUNT && shorter > COUNT && longer > COUNT);
    assert_true(empty > 0 && large > 0 && huge > 0 && mixed > 0);
    seeds_free(&s);
}

static void fixed_parts_alone_change(void **state)
{
    (void)state;
    struct seeds s = {0};
    const struct seed *of;
    char text[100];
    int changed = 0;
    memset(text, 'x', sizeof text);
    struct seed *seed = seeds_add(&s, text, sizeof text);
    seed->fixed = calloc(2, sizeof *seed->fixed);
    assert_non_null(seed->fixed);
    seed->fixed[0] = (struct part){10, 5};
    seed->fixed[1] = (struct part){90, 10};
    seed->n_fixed = 2;
    for (uint32_t number = 0; number < COUNT; number++) {
        size_t size;
        unsigned char *m = mutate(&s, 1, number, &size, &of);
        assert_int_equal(size, sizeof text);
        assert_memory_equal(m, text, 10);
        assert_memory_equal(m + 15, text, 75);
        changed += memcmp(m, text, size) != 0;
        free(m);
    }
    assert_true(changed > COUNT / 2);
    seeds_free(&s);
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(a_good_reader_has_no_finding),
        cmocka_unit_test(findings_have_an_end),
        cmocka_unit_test(a_number_makes_the_same_mutation_again),
        cmocka_unit_test(mutations_are_of_every_sort),
        cmocka_unit_test(fixed_parts_alone_change),
    };
    enum { OWN = sizeof own / sizeof *own };
    struct CMUnitTest tests[OWN + N_PLANTED];
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < N_PLANTED; i++)
        tests[OWN + i] = (struct CMUnitTest){PLANTED[i].name, is_found, NULL, NULL, (void *)(uintptr_t)&PLANTED[i]};
    return _cmocka_run_group_tests("defects are found", tests, OWN + N_PLANTED, NULL, NULL);
}
