/* info.c - `nerve info [--json]`: what this program is and what it runs on. */
#include "cli.h"
#include "json.h"
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>

struct arguments {
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    (void)text;
    if (key != 'j') return ARGP_ERR_UNKNOWN;
    a->json = true;
    return 0;
}

static int print_member(void *context, const char *key, const struct json *value, struct err *e)
{
    int64_t x;
    (void)context;
    (void)e;
    if (json_read_integer(value, &x))
        printf("%-12s %lld\n", key, (long long)x);
    else
        printf("%-12s %s\n", key, json_text(value));
    return 0;
}

int command_info(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {.name = "json", .key = 'j', .doc = "print one JSON object"},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Print what this program is and what it runs on: versions, the kernels that were chosen for this processor, BLAS, threads."
               "\vExamples:\n"
               "  nerve info\n"
               "  OPENBLAS_CORETYPE=Haswell nerve info --json",
    };
    struct arguments a = {0};
    struct err e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (machine_start(0, &e)) return cli_fail(&e);
    struct json *v = machine_json();
    if (a.json) {
        cli_print_json(v);
    } else {
        json_each(v, print_member, NULL, &e);
        json_free(v);
    }
    return 0;
}
