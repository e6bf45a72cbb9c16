/* corrupt.c - which corruptions there are, and those of a whole split: which tweet sees which picture. */
#include "corrupt.h"
#include "corrupt_stream.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const CORRUPT_NAMES[N_CORRUPT_KINDS] = {
    [CORRUPT_NOISE] = "noise",     [CORRUPT_BLUR] = "blur",   [CORRUPT_OCCLUSION] = "occlusion",         [CORRUPT_SHUFFLED] = "shuffled",
    [CORRUPT_MISSING] = "missing", [CORRUPT_TYPOS] = "typos", [CORRUPT_DROPPED_WORDS] = "dropped-words",
};

unsigned corrupt_targets(enum corrupt_kind kind)
{
    static const unsigned targets[N_CORRUPT_KINDS] = {
        [CORRUPT_NOISE] = CORRUPT_PICTURES | CORRUPT_FEATURES,
        [CORRUPT_BLUR] = CORRUPT_PICTURES,
        [CORRUPT_OCCLUSION] = CORRUPT_PICTURES,
        [CORRUPT_SHUFFLED] = CORRUPT_SOURCES,
        [CORRUPT_MISSING] = CORRUPT_SOURCES,
        [CORRUPT_TYPOS] = CORRUPT_TEXT,
        [CORRUPT_DROPPED_WORDS] = CORRUPT_TEXT,
    };
    return targets[kind];
}

static int kind_of(const char *name, size_t length)
{
    for (int k = 0; k < N_CORRUPT_KINDS; k++)
        if (strlen(CORRUPT_NAMES[k]) == length && memcmp(CORRUPT_NAMES[k], name, length) == 0) return k;
    return -1;
}

int corruption_parse(const char *text, struct corruption *c, struct err *e)
{
    const size_t length = strcspn(text, ":");
    const int kind = kind_of(text, length);
    if (kind < 0)
        return err_set(e, ERR_USAGE,
                       "corruption '%.60s': no kind '%.*s'; expected KIND:DEGREE, as in blur:0.5, where KIND is noise, blur, "
                       "occlusion, shuffled, missing, typos or dropped-words",
                       text, (int)(length < 40 ? length : 40), text);
    if (!text[length])
        return err_set(e, ERR_USAGE,
                       "corruption '%.60s': the degree is missing; expected %s:DEGREE with a number from 0 (unchanged) to 1 "
                       "(nothing of the original left)",
                       text, CORRUPT_NAMES[kind]);
    const char *number = text + length + 1;
    char *end;
    const double degree = strtod(number, &end);
    /* strtod alone would also take blanks, hexadecimal, "inf" and "nan". */
    if (!*number || *end || strspn(number, "+-.0123456789eE") != strlen(number) || !(degree >= 0 && degree <= 1))
        return err_set(e, ERR_USAGE,
                       "corruption '%.60s': '%.40s' is no degree; expected a number from 0 (unchanged) to 1 (nothing of the "
                       "original left)",
                       text, number);
    *c = (struct corruption){(enum corrupt_kind)kind, fabs(degree)};
    return 0;
}

int corrupt_sources(uint32_t seed, const struct corruption *c, int n_tweets, const bool *has, int32_t *source, struct err *e)
{
    assert(corrupt_targets(c->kind) & CORRUPT_SOURCES);
    int32_t *order = malloc(((size_t)n_tweets + 1) * sizeof *order);
    if (!order) return err_set(e, ERR_INTERNAL, "out of memory for the order of %d tweets", n_tweets);
    int n = 0;
    for (int i = 0; i < n_tweets; i++) {
        source[i] = has[i] ? i : -1;
        if (has[i]) order[n++] = i;
    }
    struct rng r = corrupt_stream(seed, c->kind, 0);
    rng_shuffle(&r, (size_t)n, order);
    int chosen = (int)lround(c->degree * n);
    if (c->kind == CORRUPT_SHUFFLED && chosen == 1) chosen = n > 1 ? 2 : 0;
    for (int k = 0; k < chosen; k++) source[order[k]] = c->kind == CORRUPT_MISSING ? -1 : order[(k + 1) % chosen];
    free(order);
    return 0;
}
