/* From ids to the last hidden state, BERT, RoBERTa and DistilBERT give what transformers in float64 gives: the real MiniLM on real tweets,
 * and the small models with all of their gradients, from their published folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bert.h"
#include "published.h"
#include "real.h"
#include "tap.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tolerances of float are the reference's README's. What is stored as float32 is within half a unit of its last digit of the truth. */
static double tolerance(double in_float)
{
    return DOUBLE_BUILD ? 1e-10 : in_float;
}
static double tolerance_of_stored_float(double in_float)
{
    return DOUBLE_BUILD ? 1.2e-7 : in_float;
}

/* A published folder, and the file that says what it must give. */
struct row {
    const char *name, *reference;
    const char *folder, *shared_folder; /* below NERVE_REFERENCE or below NERVE_SHARED */
    const char *family, *prefix;        /* prefix: of the folder's tensors */
    double embeddings, layers;          /* tolerances of hidden.0 and of the others in float */
};
static const struct row MINILM = {"MiniLM", "bert_minilm_forward.safetensors", NULL, "weights/minilm", "bert_tiny", "", 5e-7, 2.5e-6};
static const struct row SMALL[] = {
    {"bert_tiny", "bert_tiny.safetensors", "models/bert_tiny", NULL, "bert_tiny", "", 4e-6, 4e-6},
    {"roberta_tiny", "roberta_tiny.safetensors", "models/roberta_tiny", NULL, "roberta_tiny", "", 4e-6, 4e-6},
    {"distilbert_tiny", "distilbert_tiny.safetensors", "models/distilbert_tiny", NULL, "distilbert_tiny", "", 4e-6, 4e-6},
};
enum { N_SMALL = sizeof SMALL / sizeof *SMALL };

/* A model with its values, and what the reference puts into it. */
struct loaded {
    const struct row *row;
    struct safetensors *reference, *weights;
    ag_params params;
    struct bert bert;
    int T, n;
    int32_t *ids, *position, *types, *start;
};

static const char *folder_path(const struct row *row, const char *file)
{
    return row->folder ? reference_path(named("%s/%s", row->folder, file)) : shared_path(named("%s/%s", row->shared_folder, file));
}

static void read_ids(struct loaded *m)
{
    m->ids = reference_int(m->reference, "input_ids", NULL);
    m->start = reference_int(m->reference, "seq_start", NULL);
    m->T = (int)reference_dim(m->reference, "input_ids", 0);
    m->n = (int)reference_dim(m->reference, "seq_start", 0) - 1;
    if (safetensors_find(m->reference, "token_type_ids")) m->types = reference_int(m->reference, "token_type_ids", NULL);
    m->position = calloc((size_t)m->T + 1, sizeof *m->position);
    for (int b = 0; b < m->n; b++)
        for (int i = m->start[b]; i < m->start[b + 1]; i++) m->position[i] = i - m->start[b];
    if (!safetensors_find(m->reference, "position_ids")) return;
    int32_t *expected = reference_int(m->reference, "position_ids", NULL);
    for (int i = 0; i < m->T; i++) assert_int_equal(m->position[i] + m->bert.config.position_offset, expected[i]);
    free(expected);
}

static struct loaded load(const struct row *row)
{
    struct loaded m = {.row = row, .reference = reference_open(row->reference)};
    struct err e = {0};
    if (safetensors_open(folder_path(row, "model.safetensors"), &m.weights, &e)) fail_msg("%s", e.text);
    struct json *config = config_open(folder_path(row, "config.json"));
    const struct bert_config c = bert_config_of(config, family_of(row->family));
    json_free(config);
    ag_params_init(&m.params);
    bert_declare(&m.params, &c, row->prefix, &m.bert);
    read_ids(&m);
    return m;
}

static void unload(struct loaded *m)
{
    bert_free(&m->bert);
    ag_params_free(&m->params);
    safetensors_close(m->reference);
    safetensors_close(m->weights);
    free(m->ids);
    free(m->position);
    free(m->types);
    free(m->start);
}

static const nn_dropout NO_DROPOUT = {.on = false};

static ag_tensor *embed(ag_graph *g, const struct loaded *m)
{
    return bert_embed(g, &m->bert, m->T, m->ids, m->position, m->types, &NO_DROPOUT);
}

/* ---- hidden states ---- */

static void every_hidden_state(void **state)
{
    struct loaded m = load(*state);
    fill(&m.params, m.weights, "");
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *x = embed(&g, &m);
    assert_close(m.reference, "hidden.0", ag_size(x), x->val, tolerance_of_stored_float(m.row->embeddings));
    for (int l = 0; l < m.bert.encoder.shape.layers; l++) {
        x = encoder_block_forward(&g, &m.bert.encoder, l, x, m.n, m.start, &NO_DROPOUT);
        assert_close(m.reference, named("hidden.%d", l + 1), ag_size(x), x->val, tolerance_of_stored_float(m.row->layers));
    }
    ag_graph_free(&g);
    unload(&m);
}

static void the_forward_pass_is_the_same_as_layer_by_layer(void **state)
{
    struct loaded m = load(*state);
    fill(&m.params, m.weights, "");
    free(m.types); /* bert_forward has type 0 alone */
    m.types = NULL;
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *whole = bert_forward(&g, &m.bert, m.T, m.ids, m.position, NULL, m.n, m.start, &NO_DROPOUT);
    ag_tensor *x = embed(&g, &m);
    for (int l = 0; l < m.bert.encoder.shape.layers; l++) x = encoder_block_forward(&g, &m.bert.encoder, l, x, m.n, m.start, &NO_DROPOUT);
    assert_memory_equal(whole->val, x->val, ag_size(x) * sizeof(ag_real));
    ag_graph_free(&g);
    unload(&m);
}

static void a_sequence_alone_is_the_same_as_in_the_batch(void **state)
{
    struct loaded m = load(*state);
    fill(&m.params, m.weights, "");
    ag_graph g;
    ag_graph_init(&g);
    const ag_tensor *all = bert_forward(&g, &m.bert, m.T, m.ids, m.position, NULL, m.n, m.start, &NO_DROPOUT);
    const int C = m.bert.config.encoder.width;
    double largest = 0, farthest = 0;
    for (size_t i = 0; i < ag_size(all); i++) largest = fmax(largest, fabs((double)all->val[i]));
    for (int b = 0; b < m.n; b++) {
        const int from = m.start[b], T = m.start[b + 1] - from;
        const ag_tensor *alone = bert_forward(&g, &m.bert, T, m.ids + from, m.position + from, NULL, 1, (int32_t[]){0, T}, &NO_DROPOUT);
        const ag_real *together = all->val + (size_t)from * (size_t)C;
        for (size_t i = 0; i < ag_size(alone); i++) {
            const double distance = fabs((double)(alone->val[i] - together[i]));
            if (!(distance <= farthest)) farthest = distance;
        }
    }
    if (!(farthest <= (DOUBLE_BUILD ? 1e-13 : 2.5e-6) * largest)) fail_msg("off by %.2e of the largest entry", farthest / largest);
    ag_graph_free(&g);
    unload(&m);
}

/* ---- gradients ---- */

/* The gradient of a parameter in full, also where it is kept by touched rows. Free it. */
static ag_real *full_gradient(const ag_param *p)
{
    ag_real *x = calloc(p->size, sizeof *x);
    if (p->role != AG_SPARSE) {
        memcpy(x, p->grad, p->size * sizeof *x);
        return x;
    }
    const size_t C = (size_t)p->dim[1];
    for (int s = 0; s < p->n_slots; s++) memcpy(x + (size_t)p->row_of_slot[s] * C, p->grad + (size_t)s * C, C * sizeof *x);
    return x;
}

static void assert_parameter_gradient(const struct loaded *m, const char *tensor, const ag_param *p)
{
    assert_true(p->has_grad);
    ag_real *full = full_gradient(p);
    if (strstr(p->name, named("%s.bias",
                              m->bert.config.family->names.key))) /* exactly 0: softmax does not see a constant added to a row of scores */
        assert_near(m->reference, tensor, p->size, full, tolerance(2e-5));
    else
        assert_close(m->reference, tensor, p->size, full, tolerance(1.5e-5));
    free(full);
}

static void the_loss_and_every_gradient(void **state)
{
    struct loaded m = load(*state);
    fill(&m.params, m.weights, "");
    train_all(&m.params, (size_t)m.T);
    const int layers = m.bert.encoder.shape.layers;
    ag_graph g;
    ag_graph_init(&g);
    ag_real **dhidden = calloc((size_t)layers + 1, sizeof *dhidden);
    ag_tensor *x = embed(&g, &m);
    for (int l = 0; l <= layers; l++) {
        if (l > 0) x = encoder_block_forward(&g, &m.bert.encoder, l - 1, x, m.n, m.start, &NO_DROPOUT);
        dhidden[l] = calloc(ag_size(x), sizeof(ag_real));
        x = tap(&g, x, dhidden[l]);
    }
    const size_t size = ag_size(x);
    ag_real *cotangent = reference_real(m.reference, "cotangent", NULL);
    ag_real loss = 0;
    for (size_t i = 0; i < size; i++) loss += cotangent[i] * x->val[i];
    assert_near(m.reference, "loss.f64", 1, &loss, DOUBLE_BUILD ? 1e-9 : 3e-4);

    ag_backward(&g, x, cotangent);
    for (int l = 0; l <= layers; l++) assert_close(m.reference, named("dhidden.%d.f64", l), size, dhidden[l], tolerance(5e-6));
    static const char GRADIENT[] = "grad64.";
    size_t compared = 0;
    for (size_t i = 0; i < safetensors_count(m.reference); i++) {
        const char *tensor = safetensors_at(m.reference, i)->name;
        if (strncmp(tensor, GRADIENT, sizeof GRADIENT - 1) != 0) continue;
        const ag_param *p = ag_params_find(&m.params, tensor + sizeof GRADIENT - 1);
        if (!p) fail_msg("no parameter for %s", tensor);
        assert_parameter_gradient(&m, tensor, p);
        compared++;
    }
    assert_int_equal(compared, m.params.n);
    for (int l = 0; l <= layers; l++) free(dhidden[l]);
    free(dhidden);
    free(cotangent);
    ag_graph_free(&g);
    unload(&m);
}

/* ---- folders that differ from bert_tiny in one thing ---- */

static const struct variant {
    struct row row;
    const char *tensor, *head; /* what it must give; of the last hidden state, or of this linear head */
} VARIANTS[] = {
    {{"float16", "bert_tiny_variants.safetensors", "models/bert_tiny_float16", NULL, "bert_tiny", "", 0, 4e-6}, "float16.last", NULL},
    {{"bfloat16", "bert_tiny_variants.safetensors", "models/bert_tiny_bfloat16", NULL, "bert_tiny", "", 0, 4e-6}, "bfloat16.last", NULL},
    {{"with a head, prefix bert.", "bert_tiny_variants.safetensors", "models/bert_tiny_token_classification", NULL, "bert_tiny", "bert.", 0,
      4e-6},
     "token_classification.logits",
     "classifier"},
};
enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

static void a_variant_of_the_folder(void **state)
{
    const struct variant *v = *state;
    struct loaded m = load(&v->row);
    nn_linear head;
    if (v->head)
        nn_linear_declare(&m.params, v->head, m.bert.config.encoder.width, (int)reference_dim(m.weights, named("%s.weight", v->head), 0),
                          &head);
    fill(&m.params, m.weights, "");
    ag_graph g;
    ag_graph_init(&g);
    ag_tensor *x = encoder_forward(&g, &m.bert.encoder, embed(&g, &m), m.n, m.start, &NO_DROPOUT);
    if (v->head) x = nn_linear_forward(&g, &head, x);
    assert_close(m.reference, v->tensor, ag_size(x), x->val, tolerance_of_stored_float(v->row.layers));
    ag_graph_free(&g);
    unload(&m);
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
        bool minilm;
    } CLAIMS[] = {
        {"every hidden state", every_hidden_state, true},
        {"the forward pass is the same as layer by layer", the_forward_pass_is_the_same_as_layer_by_layer, true},
        {"a sequence alone is the same as in the batch", a_sequence_alone_is_the_same_as_in_the_batch, true},
        {"the loss and every gradient", the_loss_and_every_gradient, false},
    };
    enum { N_CLAIMS = sizeof CLAIMS / sizeof *CLAIMS, MOST = N_CLAIMS * (N_SMALL + 1) + N_VARIANTS };
    static char names[MOST][80];
    struct CMUnitTest tests[MOST];
    size_t n = 0;
    for (int c = 0; c < N_CLAIMS; c++)
        for (int i = 0; i <= N_SMALL; i++) {
            const struct row *row = i < N_SMALL ? &SMALL[i] : &MINILM;
            if (i == N_SMALL && !CLAIMS[c].minilm) continue;
            snprintf(names[n], sizeof names[n], "%s: %s", CLAIMS[c].claim, row->name);
            tests[n] = (struct CMUnitTest){.name = names[n], .test_func = CLAIMS[c].check, .initial_state = (void *)(uintptr_t)row};
            n++;
        }
    for (int i = 0; i < N_VARIANTS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = VARIANTS[i].row.name, .test_func = a_variant_of_the_folder, .initial_state = (void *)(uintptr_t)&VARIANTS[i]};
    return _cmocka_run_group_tests("bert reference", tests, n, NULL, NULL);
}
