/* nn.c - see nn.h. */
#include "nn.h"
#include <stdarg.h>
#include <stdio.h>

void nn_name(char name[NN_NAME_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(name, NN_NAME_MAX, format, arguments);
    va_end(arguments);
    AG_CHECK(n >= 0 && n < NN_NAME_MAX, "a parameter's name has more than %d bytes: %s", NN_NAME_MAX - 1, name);
}

void nn_linear_declare(ag_params *ps, const char *name, int in, int out, nn_linear *l)
{
    char full[NN_NAME_MAX];
    nn_name(full, "%s.weight", name);
    l->w = ag_params_add(ps, full, 2, (int[]){out, in});
    nn_name(full, "%s.bias", name);
    l->b = ag_params_add(ps, full, 1, (int[]){out});
}

void nn_norm_declare(ag_params *ps, const char *name, int width, nn_norm *norm)
{
    char full[NN_NAME_MAX];
    nn_name(full, "%s.weight", name);
    norm->gain = ag_params_add(ps, full, 1, (int[]){width});
    nn_name(full, "%s.bias", name);
    norm->bias = ag_params_add(ps, full, 1, (int[]){width});
}

ag_tensor *nn_linear_forward(ag_graph *g, const nn_linear *l, ag_tensor *x)
{
    return ag_linear(g, x, ag_use(g, l->w), ag_use(g, l->b));
}

ag_tensor *nn_linear_act_forward(ag_graph *g, const nn_linear *l, ag_tensor *x, ag_activation act)
{
    return ag_linear_act(g, x, ag_use(g, l->w), ag_use(g, l->b), act);
}

ag_tensor *nn_norm_forward(ag_graph *g, const nn_norm *norm, ag_tensor *x, double eps)
{
    return ag_layernorm(g, x, ag_use(g, norm->gain), ag_use(g, norm->bias), eps);
}

ag_tensor *nn_add_norm_forward(ag_graph *g, const nn_norm *norm, ag_tensor *x, ag_tensor *h, ag_dropout drop, double eps)
{
    return ag_add_layernorm(g, x, h, drop, ag_use(g, norm->gain), ag_use(g, norm->bias), eps);
}

ag_dropout nn_dropout_at(const nn_dropout *drop, double rate, uint32_t site)
{
    if (!drop->on) return AG_NO_DROPOUT;
    return (ag_dropout){.rate = rate,
                        .seed = drop->seed,
                        .site = drop->site + site,
                        .step = drop->step,
                        .n = drop->n,
                        .start = drop->start,
                        .place = drop->place};
}
