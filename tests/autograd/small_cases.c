/* small_cases.c - gradient cases of the tests' own small ops: what a composition is held against is itself proven. */
#include "cases.h"
#include "small_ops.h"

#define BUILD(name) static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))
BUILD(matmul)
{
    return small_matmul(g, x[0], x[1]);
}
BUILD(matmul_square)
{
    return small_matmul(g, x[0], x[0]);
}
BUILD(matmul_nt)
{
    return small_matmul_nt(g, x[0], x[1]);
}
BUILD(plus)
{
    return small_plus(g, x[0], x[1]);
}
BUILD(times)
{
    return small_times(g, x[0], x[1]);
}
BUILD(times_itself)
{
    return small_times(g, x[0], x[0]);
}
BUILD(plus_row)
{
    return small_plus_row(g, x[0], x[1]);
}
BUILD(times_row)
{
    return small_times_row(g, x[0], x[1]);
}
BUILD(scale)
{
    return small_scale(g, x[0], -0.7);
}
BUILD(map)
{
    return small_map(g, x[0], c->kind);
}
BUILD(softmax)
{
    return small_softmax(g, x[0]);
}
BUILD(center)
{
    return small_center(g, x[0]);
}
BUILD(unit)
{
    return small_unit(g, x[0], 1e-5);
}

/* clang-format off */
static const gradcheck_case rows[] = {
    {.name = "small_matmul", .op = "small_matmul", .build = matmul, IN({OF(LEAF, 3, 5)}, {OF(LEAF, 5, 2)})},
    {.name = "small_matmul of itself", .op = "small_matmul", .build = matmul_square, IN({OF(LEAF, 3, 3)})},
    {.name = "small_matmul_nt", .op = "small_matmul_nt", .build = matmul_nt, IN({OF(LEAF, 2, 3, 5)}, {OF(LEAF, 7, 5)})},
    {.name = "small_plus", .op = "small_plus", .build = plus, IN({OF(LEAF, 3, 5)}, {OF(LEAF, 3, 5)})},
    {.name = "small_times", .op = "small_times", .build = times, IN({OF(LEAF, 3, 5)}, {OF(LEAF, 3, 5)})},
    {.name = "small_times of itself", .op = "small_times", .build = times_itself, IN({OF(LEAF, 3, 5)})},
    {.name = "small_plus_row", .op = "small_plus_row", .build = plus_row, IN({OF(LEAF, 3, 5)}, {OF(LEAF, 5)})},
    {.name = "small_times_row", .op = "small_times_row", .build = times_row, IN({OF(LEAF, 3, 5)}, {OF(LEAF, 5)})},
    {.name = "small_scale", .op = "small_scale", .build = scale, IN({OF(LEAF, 3, 5)})},
    {.name = "small_map gelu", .op = "small_map", .build = map, .kind = AG_GELU, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_map quick_gelu", .op = "small_map", .build = map, .kind = AG_QUICK_GELU, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_map gelu_tanh", .op = "small_map", .build = map, .kind = AG_GELU_TANH, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_map relu", .op = "small_map", .build = map, .kind = AG_RELU, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_map sigmoid", .op = "small_map", .build = map, .kind = SMALL_SIGMOID, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_map log", .op = "small_map", .build = map, .kind = SMALL_LOG, IN({OF(LEAF, 3, 5), WITHIN(.2, 2)})},
    {.name = "small_softmax", .op = "small_softmax", .build = softmax, IN({OF(LEAF, 3, 5), WITHIN(-2, 2)})},
    {.name = "small_center", .op = "small_center", .build = center, IN({OF(LEAF, 3, 5)})},
    {.name = "small_unit", .op = "small_unit", .build = unit, IN({OF(LEAF, 3, 5)})},
};
/* clang-format on */

static const char *const ops[] = {
#define OP(name, n_in, equation) #name,
#include "small_ops.def"
#undef OP
};

const suite small_suite = {"small_ops.def", rows, sizeof rows / sizeof *rows, ops, sizeof ops / sizeof *ops};
