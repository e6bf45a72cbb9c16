/* One block, described by data, is every published one: from a family's embeddings, the hidden states, what lies inside the first layer,
 * and all gradients of the layers are those of transformers in float64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "encoder.h"
#include "published.h"
#include "real.h"
#include "tap.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The reference's tolerances for float32 serve both builds: what goes in, hidden.0, stands rounded to float32 in the file. In double the
 * rounding of what goes in and of what is compared is all that is left. */
static const double FORWARD = DOUBLE_BUILD ? 1e-6 : 4e-6, ACTIVATION_GRADIENT = DOUBLE_BUILD ? 2e-6 : 5e-6;
static const double PARAMETER_GRADIENT = DOUBLE_BUILD ? 4e-6 : 1.5e-5, KEY_BIAS_GRADIENT = 2e-5;

/* A pass of a family's encoder from hidden.0 to the last hidden state, with a tap at each. */
struct pass {
    struct safetensors *file;
    struct encoder_shape shape;
    ag_params params;
    struct encoder encoder;
    ag_graph g;
    int n, T;
    int32_t *start;
    ag_real *x, **dhidden; /* dhidden [layers+1] */
    ag_tensor **hidden;    /* [layers+1] */
};

/* hidden.0 is [T,C] with seq_start beside, or [B,T/B,C]. */
static void read_input(struct pass *p)
{
    const struct array *a = reference_array(p->file, "hidden.0");
    p->x = reference_real(p->file, "hidden.0", NULL);
    if (a->rank == 2) {
        p->T = (int)a->dim[0];
        p->n = (int)reference_dim(p->file, "seq_start", 0) - 1;
        p->start = reference_int(p->file, "seq_start", NULL);
        return;
    }
    p->n = (int)a->dim[0];
    p->T = (int)(a->dim[0] * a->dim[1]);
    p->start = calloc((size_t)p->n + 1, sizeof *p->start);
    for (int b = 0; b <= p->n; b++) p->start[b] = b * (int)a->dim[1];
}

static struct pass forward(const struct family *family)
{
    struct pass p = {.file = reference_open(named("%s.safetensors", family->name))};
    struct json *config = config_open(reference_path(named("models/%s/config.json", family->name)));
    p.shape = shape_of(config, family);
    json_free(config);
    ag_params_init(&p.params);
    ag_graph_init(&p.g);
    encoder_declare(&p.params, &p.shape, family->names, family->prefix, &p.encoder);
    fill(&p.params, p.file, "param.");
    train_all(&p.params, 1);
    read_input(&p);

    const size_t states = (size_t)p.shape.layers + 1, size = (size_t)p.T * (size_t)p.shape.width;
    p.hidden = calloc(states, sizeof *p.hidden);
    p.dhidden = calloc(states, sizeof *p.dhidden);
    for (size_t k = 0; k < states; k++) p.dhidden[k] = calloc(size, sizeof(ag_real));
    const nn_dropout none = {.on = false};
    p.hidden[0] = ag_leaf(&p.g, 2, (int[]){p.T, p.shape.width}, p.x, p.dhidden[0]);
    for (int l = 0; l < p.shape.layers; l++)
        p.hidden[l + 1] = tap(&p.g, encoder_block_forward(&p.g, &p.encoder, l, p.hidden[l], p.n, p.start, &none), p.dhidden[l + 1]);
    return p;
}

static void pass_free(struct pass *p)
{
    for (int k = 0; k <= p->shape.layers; k++) free(p->dhidden[k]);
    free(p->dhidden);
    free(p->hidden);
    free(p->x);
    free(p->start);
    ag_graph_free(&p->g);
    encoder_free(&p->encoder);
    ag_params_free(&p->params);
    safetensors_close(p->file);
}

static size_t size_of_state(const struct pass *p)
{
    return (size_t)p->T * (size_t)p->shape.width;
}

static void every_hidden_state(void **state)
{
    struct pass p = forward(*state);
    for (int k = 1; k <= p.shape.layers; k++) assert_close(p.file, named("hidden.%d", k), size_of_state(&p), p.hidden[k]->val, FORWARD);
    pass_free(&p);
}

/* What the tape of the first layer holds: the value of the i-th node of an op. */
static const struct inside {
    const char *tensor, *op;
    int order; /* the encoder_order that has it; -1: both */
    int i;
} INSIDE[] = {
    {"layer0.q", "linear", -1, 0},
    {"layer0.k", "linear", -1, 1},
    {"layer0.v", "linear", -1, 2},
    {"layer0.context", "attention", -1, 0},
    {"layer0.ffn_act", "linear_act", -1, 0},
    {"layer0.attention_output", "add_layernorm", ENCODER_POST_NORM, 0},
    {"layer0.norm1", "layernorm", ENCODER_PRE_NORM, 0},
    {"layer0.norm2", "layernorm", ENCODER_PRE_NORM, 1},
};

/* With its value, as backward would have it. */
static const ag_tensor *nth_node(ag_graph *g, const char *op, int i)
{
    for (size_t k = 0; k < g->len; k++) {
        ag_tensor *t = g->tape[k];
        if (strcmp(t->op->name, op) != 0 || i-- > 0) continue;
        if (t->val) return t;
        t->val = ag_pool_take(g, ag_size(t));
        t->remake(t);
        return t;
    }
    fail_msg("the tape has no such node: %s", op);
    return NULL;
}

static void the_inner_values_of_the_first_layer(void **state)
{
    struct pass p = forward(*state);
    for (size_t k = 0; k < sizeof INSIDE / sizeof *INSIDE; k++) {
        if (INSIDE[k].order >= 0 && INSIDE[k].order != (int)p.shape.order) continue;
        const ag_tensor *t = nth_node(&p.g, INSIDE[k].op, INSIDE[k].i);
        assert_close(p.file, INSIDE[k].tensor, ag_size(t), t->val, FORWARD);
    }
    pass_free(&p);
}

static void every_gradient(void **state)
{
    const struct family *family = *state;
    struct pass p = forward(family);
    const int last = p.shape.layers;
    ag_real *dy = reference_real(p.file, named("dhidden.%d.f64", last), NULL);
    ag_backward(&p.g, p.hidden[last], dy);
    free(dy);
    for (int k = 0; k < last; k++) assert_close(p.file, named("dhidden.%d.f64", k), size_of_state(&p), p.dhidden[k], ACTIVATION_GRADIENT);
    for (size_t i = 0; i < p.params.n; i++) {
        const ag_param *parameter = p.params.at[i];
        const char *tensor = named("grad64.%s", parameter->name);
        assert_true(parameter->has_grad);
        /* Softmax does not see a constant added to a row of scores, so the exact gradient of a key's bias is 0. */
        if (strstr(parameter->name, named("%s.bias", family->names->key)))
            assert_near(p.file, tensor, parameter->size, parameter->grad, KEY_BIAS_GRADIENT);
        else
            assert_close(p.file, tensor, parameter->size, parameter->grad, PARAMETER_GRADIENT);
    }
    pass_free(&p);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) {
        print_error("%s\n", e.text);
        return 1;
    }
    static const struct {
        const char *claim;
        CMUnitTestFunction check;
    } CLAIMS[] = {
        {"every hidden state", every_hidden_state},
        {"the inner values of the first layer", the_inner_values_of_the_first_layer},
        {"every gradient", every_gradient},
    };
    enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, MOST = 64 };
    static char names[MOST][80];
    static struct CMUnitTest tests[MOST];
    size_t n = 0;
    for (int c = 0; c < N_CLAIMS; c++)
        for (int i = 0; i < N_FAMILIES && n < MOST; i++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", CLAIMS[c].claim, FAMILIES[i].name);
            tests[n] =
                (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].check, .initial_state = (void *)(uintptr_t)&FAMILIES[i]};
        }
    return _cmocka_run_group_tests("encoder reference", tests, n, NULL, NULL);
}
