/* Every claim that suite.h makes of a table, for the ops that models add to the engine's. */
#include "crf.h"
#include "suite.h"
#include "vit.h"

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

static ag_tensor *placed(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    return vit_place(g, x[0], x[1], x[2]);
}

/* Two contributions to one gradient, of class and of position. */
static ag_tensor *placed_twice(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
{
    return vit_place(g, vit_place(g, x[0], x[1], x[2]), x[1], x[2]);
}

static const int32_t RAGGED[] = {0, 5, 5, 6, 13}, SINGLE[] = {0, 1, 2, 3}, NONE[] = {0}, SQUARE[] = {0, 3};
static const int32_t TAGS[] = {0, 1, 2, 2, 0, 1, 0, 0, 1, 2, 0, 1, 1}, ZEROS[13] = {0};

#define MATRIX(of, rows, cols, ...)                                                                                                        \
    {                                                                                                                                      \
        .kind = of, .rank = 2, .dim = {rows, cols}, __VA_ARGS__                                                                            \
    }
#define VECTOR(of, n, ...)                                                                                                                 \
    {                                                                                                                                      \
        .kind = of, .rank = 1, .dim = {n}, __VA_ARGS__                                                                                     \
    }
#define SILENT .silent = true
#define LARGE  .low = -30, .high = 30
/* emissions [W,L], start [L], transitions [L,L], end [L] */
static const gradcheck_case CASES[] = {
    {.name = "ragged, one sequence without words",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 3), VECTOR(LEAF, 3), MATRIX(LEAF, 3, 3), VECTOR(LEAF, 3)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS},
    {.name = "constrained",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 3), VECTOR(LEAF, 3), MATRIX(LEAF, 3, 3), VECTOR(LEAF, 3)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS,
     .kind = CONSTRAINED},
    {.name = "seven tags",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 7), VECTOR(LEAF, 7), MATRIX(LEAF, 7, 7), VECTOR(LEAF, 7)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS},
    {.name = "large scores",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 3, LARGE), VECTOR(LEAF, 3, LARGE), MATRIX(LEAF, 3, 3, LARGE), VECTOR(LEAF, 3, LARGE)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS},
    {.name = "parameters, transitions frozen",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 3), VECTOR(DENSE, 3), MATRIX(FROZEN, 3, 3), VECTOR(DENSE, 3)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS,
     .kind = CONSTRAINED},
    {.name = "emissions fixed",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(FIXED, 13, 3), VECTOR(DENSE, 3), MATRIX(DENSE, 3, 3), VECTOR(DENSE, 3)},
     .n = 4,
     .start = RAGGED,
     .index = TAGS},
    {.name = "sentences of one word",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 3, 3), VECTOR(LEAF, 3), MATRIX(LEAF, 3, 3, SILENT), VECTOR(LEAF, 3)},
     .n = 3,
     .start = SINGLE,
     .index = TAGS},
    {.name = "one tag: certain",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 13, 1, SILENT), VECTOR(LEAF, 1, SILENT), MATRIX(LEAF, 1, 1, SILENT), VECTOR(LEAF, 1, SILENT)},
     .n = 4,
     .start = RAGGED,
     .index = ZEROS},
    {.name = "no sentence",
     .op = "crf_nll",
     .build = nll,
     .in = {MATRIX(LEAF, 0, 3), VECTOR(LEAF, 3, SILENT), MATRIX(LEAF, 3, 3, SILENT), VECTOR(LEAF, 3, SILENT)},
     .n = 0,
     .start = NONE,
     .index = TAGS},
    {.name = "one tensor in two places",
     .op = "crf_nll",
     .build = nll_of_itself,
     .in = {MATRIX(LEAF, 3, 3), VECTOR(LEAF, 3)},
     .n = 1,
     .start = SQUARE,
     .index = TAGS},

    /* patches [n P,C], class [C], position [P+1,C] */
    {.name = "three pictures of five patches",
     .op = "vit_place",
     .build = placed,
     .in = {MATRIX(LEAF, 15, 7), VECTOR(LEAF, 7), MATRIX(LEAF, 6, 7)}},
    {.name = "one picture of one patch",
     .op = "vit_place",
     .build = placed,
     .in = {MATRIX(LEAF, 1, 1), VECTOR(LEAF, 1), MATRIX(LEAF, 2, 1)}},
    {.name = "no picture",
     .op = "vit_place",
     .build = placed,
     .in = {MATRIX(LEAF, 0, 3), VECTOR(LEAF, 3, SILENT), MATRIX(LEAF, 6, 3, SILENT)}},
    {.name = "pictures of no columns",
     .op = "vit_place",
     .build = placed,
     .in = {MATRIX(LEAF, 10, 0), VECTOR(LEAF, 0), MATRIX(LEAF, 6, 0)}},
    {.name = "parameters", .op = "vit_place", .build = placed, .in = {MATRIX(LEAF, 15, 7), VECTOR(DENSE, 7), MATRIX(DENSE, 6, 7)}},
    {.name = "positions frozen", .op = "vit_place", .build = placed, .in = {MATRIX(LEAF, 15, 7), VECTOR(DENSE, 7), MATRIX(FROZEN, 6, 7)}},
    {.name = "patches fixed", .op = "vit_place", .build = placed, .in = {MATRIX(FIXED, 15, 7), VECTOR(LEAF, 7), MATRIX(LEAF, 6, 7)}},
    {.name = "placed and placed again, one parameter each",
     .op = "vit_place",
     .build = placed_twice,
     .in = {MATRIX(LEAF, 2, 3), VECTOR(DENSE, 3), MATRIX(DENSE, 2, 3)}},
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
