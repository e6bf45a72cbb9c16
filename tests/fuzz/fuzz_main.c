/* fuzz KIND          10,000 mutations: each is read or refused, and does nothing worse
 * fuzz KIND NUMBER   one of them, in this process; says where its input is */
#include "kinds.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct fuzz_kind *const KINDS[] = {
    &FUZZ_CONLL,    &FUZZ_CONFIG,     &FUZZ_VOCABULARY,        &FUZZ_SAFETENSORS,         &FUZZ_JSON_LINES,        &FUZZ_PICTURE,
    &FUZZ_FEATURES, &FUZZ_CHECKPOINT, &FUZZ_CHECKPOINT_SEALED, &FUZZ_CHECKPOINT_METADATA, &FUZZ_CHECKPOINT_CONTENT};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS, MUTATIONS = 10000 };

static struct fuzz_result result;

static void fail_with_findings(const struct fuzz_kind *kind, const struct fuzz_result *r)
{
    for (int i = 0; i < r->n_findings; i++) {
        const struct fuzz_finding *f = &r->findings[i];
        print_error("mutation %u of %s: %s\n  input: %s\n", f->number, kind->name, f->what, f->path);
    }
    if (r->n_findings > 0) fail_msg("%d findings; `fuzz %s NUMBER` runs one of them alone", r->n_findings, kind->name);
}

static void seeds_are_read(void **state)
{
    const struct fuzz_kind *kind = *state;
    struct seeds s = {0};
    struct fuzz_result r;
    kind->make_seeds(&s);
    const uint32_t n = (uint32_t)s.n;
    seeds_free(&s);
    fuzz_run(kind, MUTATION_UNCHANGED, n, &r);
    fail_with_findings(kind, &r);
    assert_int_equal(r.read, n);
}

static void mutations_are_read_or_refused(void **state)
{
    const struct fuzz_kind *kind = *state;
    fuzz_run(kind, 0, MUTATIONS, &result);
    print_message("%s: %u mutations read, %u refused\n", kind->name, result.read, result.refused);
    fail_with_findings(kind, &result);
    assert_int_equal(result.read + result.refused, MUTATIONS);
}

static void mutations_are_neither_harmless_nor_hopeless(void **state)
{
    const struct fuzz_kind *kind = *state;
    assert_true(result.read * 100 >= MUTATIONS * (uint32_t)kind->least_read);
    assert_true(result.refused * 100 >= MUTATIONS * (uint32_t)kind->least_refused);
}

int main(int argc, char **argv)
{
    const struct fuzz_kind *kind = NULL;
    for (int k = 0; k < N_KINDS && argc > 1; k++)
        if (strcmp(KINDS[k]->name, argv[1]) == 0) kind = KINDS[k];
    if (!kind || argc > 3) {
        fputs("usage: fuzz KIND [NUMBER], KIND one of", stderr);
        for (int k = 0; k < N_KINDS; k++) fprintf(stderr, " %s", KINDS[k]->name);
        fputc('\n', stderr);
        return 64;
    }
    if (argc == 3) {
        char *end;
        const unsigned long number = strtoul(argv[2], &end, 10);
        if (*end || end == argv[2] || number >= MUTATION_END) {
            fprintf(stderr, "fuzz: '%s' is no number below %d\n", argv[2], MUTATION_END);
            return 64;
        }
        fuzz_reproduce(kind, (uint32_t)number);
        return 0;
    }
    void *state = (void *)(uintptr_t)kind;
    const struct CMUnitTest tests[] = {
        {.name = "seeds_are_read", .test_func = seeds_are_read, .initial_state = state},
        {.name = "mutations_are_read_or_refused", .test_func = mutations_are_read_or_refused, .initial_state = state},
        {.name = "mutations_are_neither_harmless_nor_hopeless",
         .test_func = mutations_are_neither_harmless_nor_hopeless,
         .initial_state = state},
    };
    return _cmocka_run_group_tests(kind->name, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
