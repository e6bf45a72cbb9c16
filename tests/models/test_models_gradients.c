/* Every claim that suite.h makes of a table, for the ops that models add to the engine's. */
#include "crf.h"
#include "suite.h"

enum { FREE, CONSTRAINED };

/* Tags O, B, I: I follows B and I only. */
static const uint8_t NOT_FIRST[] = {0, 0, 1}, NOT_BEHIND[] = {0, 0, 1, 0, 0, 0, 0, 0, 0};

static ag_tensor *nll(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c)
{
    const bool constrained = c->kind == CONSTRAINED;
    return crf_nll_of(g, x[0], x[1], x[2], x[3], constrained ? NOT_FIRST : NULL, constrained ? NOT_BEHIND : NULL, c->index, c->n, c->start);
}

/* One tensor for all three: their contributions meet in one gradient. */
static ag_tensor *nll_of_itself(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c)
{
    return crf_nll_of(g, x[0], x[1], x[0], x[1], NULL, NULL, c->index, c->n, c->start);
}

static const int32_t RAGGED[] = {0, 5, 5, 6, 13}, SINGLE[] = {0, 1, 2, 3}, NONE[] = {0}, SQUARE[] = {0, 3};
static const int32_t TAGS[] = {0, 1, 2, 2, 0, 1, 0, 0, 1, 2, 0, 1, 1}, ZEROS[13] = {0};

#define ROW(...)                                                                                                                           \
    {                                                                                                                                      \
        .op = "crf_nll", .build = nll, __VA_ARGS__                                                                                         \
    }
static const gradcheck_case CASES[] = {
    ROW(.name = "ragged, one sequence without words", .in = {{LEAF, 2, {13, 3}}, {LEAF, 1, {3}}, {LEAF, 2, {3, 3}}, {LEAF, 1, {3}}}, .n = 4,
        .start = RAGGED, .index = TAGS),
    ROW(.name = "constrained", .in = {{LEAF, 2, {13, 3}}, {LEAF, 1, {3}}, {LEAF, 2, {3, 3}}, {LEAF, 1, {3}}}, .n = 4, .start = RAGGED,
        .index = TAGS, .kind = CONSTRAINED),
    ROW(.name = "seven tags", .in = {{LEAF, 2, {13, 7}}, {LEAF, 1, {7}}, {LEAF, 2, {7, 7}}, {LEAF, 1, {7}}}, .n = 4, .start = RAGGED,
        .index = TAGS),
    ROW(.name = "large scores",
        .in = {{LEAF, 2, {13, 3}, -30, 30}, {LEAF, 1, {3}, -30, 30}, {LEAF, 2, {3, 3}, -30, 30}, {LEAF, 1, {3}, -30, 30}}, .n = 4,
        .start = RAGGED, .index = TAGS),
    ROW(.name = "parameters, transitions frozen", .in = {{LEAF, 2, {13, 3}}, {DENSE, 1, {3}}, {FROZEN, 2, {3, 3}}, {DENSE, 1, {3}}}, .n = 4,
        .start = RAGGED, .index = TAGS, .kind = CONSTRAINED),
    ROW(.name = "emissions fixed", .in = {{FIXED, 2, {13, 3}}, {DENSE, 1, {3}}, {DENSE, 2, {3, 3}}, {DENSE, 1, {3}}}, .n = 4,
        .start = RAGGED, .index = TAGS),
    ROW(.name = "sentences of one word", .in = {{LEAF, 2, {3, 3}}, {LEAF, 1, {3}}, {LEAF, 2, {3, 3}, .silent = true}, {LEAF, 1, {3}}},
        .n = 3, .start = SINGLE, .index = TAGS),
    ROW(.name = "one tag: certain",
        .in = {{LEAF, 2, {13, 1}, .silent = true},
               {LEAF, 1, {1}, .silent = true},
               {LEAF, 2, {1, 1}, .silent = true},
               {LEAF, 1, {1}, .silent = true}},
        .n = 4, .start = RAGGED, .index = ZEROS),
    ROW(.name = "no sentence",
        .in = {{LEAF, 2, {0, 3}}, {LEAF, 1, {3}, .silent = true}, {LEAF, 2, {3, 3}, .silent = true}, {LEAF, 1, {3}, .silent = true}},
        .n = 0, .start = NONE, .index = TAGS),
    {.name = "one tensor in two places",
     .op = "crf_nll",
     .build = nll_of_itself,
     .in = {{LEAF, 2, {3, 3}}, {LEAF, 1, {3}}},
     .n = 1,
     .start = SQUARE,
     .index = TAGS},
};

static const char *const OPS[] = {
#define OP(name, n_in, equation) #name,
#include "models_ops.def"
#undef OP
};

int main(int argc, char **argv)
{
    const suite models = {
        .area = "models", .cases = CASES, .n_cases = sizeof CASES / sizeof *CASES, .ops = OPS, .n_ops = sizeof OPS / sizeof *OPS};
    return suite_main(&models, 1, argc, argv);
}
