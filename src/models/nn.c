/* nn.c - see nn.h. */
#include "nn.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    *l = (nn_linear){0};
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

/* ---- LoRA ---- */

static const char WEIGHT[] = ".weight", DOWN[] = ".lora_A.weight", UP[] = ".lora_B.weight";

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

void nn_lora_declare(ag_params *ps, nn_linear *l, int rank, double alpha)
{
    AG_CHECK(rank > 0 && alpha > 0, "lora of %s: rank %d, alpha %g", l->w->name, rank, alpha);
    AG_CHECK(!l->down, "lora of %s: declared twice", l->w->name);
    AG_CHECK(ends_in(l->w->name, WEIGHT), "lora of %s: not the weight of an affine map", l->w->name);
    const int length = (int)(strlen(l->w->name) - strlen(WEIGHT));
    char full[NN_NAME_MAX];
    nn_name(full, "%.*s%s", length, l->w->name, DOWN);
    l->down = ag_params_add(ps, full, 2, (int[]){rank, l->w->dim[1]});
    nn_name(full, "%.*s%s", length, l->w->name, UP);
    l->up = ag_params_add(ps, full, 2, (int[]){l->w->dim[0], rank});
    l->scale = alpha / rank;
}

bool nn_is_lora(const ag_param *p)
{
    return ends_in(p->name, DOWN) || ends_in(p->name, UP);
}

void nn_lora_start(ag_params *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        ag_param *p = ps->at[i];
        if (!p->val && ends_in(p->name, UP)) memset(ag_param_own(p), 0, p->size * sizeof(ag_real));
    }
}

void nn_lora_merge(const nn_linear *l, ag_real *merged)
{
    const size_t O = (size_t)l->w->dim[0], K = (size_t)l->w->dim[1], r = l->down ? (size_t)l->down->dim[0] : 0;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (size_t o = 0; o < O; o++)
        for (size_t k = 0; k < K; k++) {
            double sum = 0;
            for (size_t i = 0; i < r; i++) sum += (double)l->up->val[o * r + i] * (double)l->down->val[i * K + k];
            merged[o * K + k] = (ag_real)((double)l->w->val[o * K + k] + l->scale * sum);
        }
}

/* ---- forward ---- */

static ag_low_rank update_of(ag_graph *g, const nn_linear *l)
{
    if (!l->down) return (ag_low_rank){0};
    return (ag_low_rank){.down = ag_use(g, l->down), .up = ag_use(g, l->up), .scale = l->scale};
}

ag_tensor *nn_linear_forward(ag_graph *g, const nn_linear *l, ag_tensor *x)
{
    return ag_linear_low_rank(g, x, ag_use(g, l->w), ag_use(g, l->b), update_of(g, l));
}

ag_tensor *nn_linear_act_forward(ag_graph *g, const nn_linear *l, ag_tensor *x, ag_activation act)
{
    return ag_linear_act_low_rank(g, x, ag_use(g, l->w), ag_use(g, l->b), update_of(g, l), act);
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
