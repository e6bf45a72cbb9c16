/* What holds for every encoder whatever its values: threads, batches, frozen layers, memory, the places of dropout, and what is said to a
 * caller who is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bert.h"
#include "crf.h"
#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a small model, ready to train or to predict ---- */

enum { WIDTH = 48, HEADS = 3, INNER = 96, VOCABULARY = 50, POSITIONS = 64, TAGS = 5, B = 6 };
static const int32_t START[B + 1] = {0, 41, 42, 42, 90, 93, 150}, PLACE[B] = {4, 0, 9, 2, 7, 1};

struct model {
    ag_params params;
    struct bert bert;
    nn_linear head;
    struct crf crf;
    ag_graph g;
    int32_t ids[150], position[150], tags[150]; /* START[B]; every piece is a word */
};

static bool in_frozen_layer(const char *name, int frozen)
{
    if (frozen > 0 && strncmp(name, "embeddings.", 11) == 0) return true;
    return strncmp(name, "encoder.layer.", 14) == 0 && atoi(name + 14) < frozen;
}

/* The embeddings and the first `frozen` layers want no gradient; frozen < 0: nothing does. */
static struct model *model_new(int layers, int frozen, double dropout)
{
    struct model *m = calloc(1, sizeof *m);
    const struct bert_config config = {
        .family = &BERT,
        .vocab_size = VOCABULARY,
        .type_vocab = 2,
        .max_positions = POSITIONS,
        .encoder = {.layers = layers,
                    .width = WIDTH,
                    .heads = HEADS,
                    .inner = INNER,
                    .order = ENCODER_POST_NORM,
                    .activation = AG_GELU,
                    .eps = 1e-12,
                    .dropout_hidden = dropout,
                    .dropout_attention = dropout},
    };
    ag_params_init(&m->params);
    ag_graph_init(&m->g);
    bert_declare(&m->params, &config, "", &m->bert);
    nn_linear_declare(&m->params, "classifier", WIDTH, TAGS, &m->head);
    crf_declare(&m->params, "crf.", TAGS, &m->crf);
    for (size_t i = 0; i < m->params.n; i++) {
        ag_param *p = m->params.at[i];
        struct rng r = rng_stream(1, RNG_TEST, (uint32_t)i);
        ag_real *val = ag_param_own(p);
        for (size_t k = 0; k < p->size; k++) val[k] = (ag_real)(0.2 * rng_normal(&r));
        p->role = frozen < 0 || in_frozen_layer(p->name, frozen) ? AG_FROZEN : p == m->bert.word ? AG_SPARSE : AG_DENSE;
    }
    ag_params_train(&m->params, VOCABULARY);
    struct rng r = rng_stream(2, RNG_TEST, 0);
    for (int b = 0; b < B; b++)
        for (int i = START[b]; i < START[b + 1]; i++) {
            m->ids[i] = (int32_t)rng_below(&r, VOCABULARY);
            m->position[i] = i - START[b];
            m->tags[i] = (int32_t)rng_below(&r, TAGS);
        }
    return m;
}

static void model_free(struct model *m)
{
    ag_graph_free(&m->g);
    bert_free(&m->bert);
    ag_params_free(&m->params);
    free(m);
}

/* The losses of sequences first .. first+n-1, as one packed batch. start [n+1] is room for their offsets. */
static ag_tensor *forward(struct model *m, int first, int n, int32_t *start, bool dropout, uint32_t step)
{
    const int from = START[first];
    for (int b = 0; b <= n; b++) start[b] = START[first + b] - from;
    const nn_dropout drop = {.on = dropout, .seed = 3, .step = step, .n = n, .start = start, .place = PLACE + first};
    ag_tensor *x = bert_forward(&m->g, &m->bert, start[n], m->ids + from, m->position + from, NULL, n, start, &drop);
    return crf_nll(&m->g, &m->crf, nn_linear_forward(&m->g, &m->head, x), m->tags + from, n, start);
}

static void backward(struct model *m, ag_tensor *loss)
{
    ag_real ones[B];
    for (int b = 0; b < B; b++) ones[b] = 1;
    ag_backward(&m->g, loss, ones);
}

/* ---- batches and threads ---- */

static void training_and_prediction_give_the_same_bytes_on_1_to_4_threads(void **state)
{
    (void)state;
    struct err e;
    ag_real loss[B], prediction[B], *gradient = NULL;
    size_t size = 0;
    for (int threads = 1; threads <= 4; threads++) {
        assert_int_equal(ag_start(threads, &e), 0);
        struct model *m = model_new(2, 0, 0.1);
        int32_t start[B + 1];
        ag_tensor *trained = forward(m, 0, B, start, true, 5);
        backward(m, trained);
        const ag_tensor *predicted = forward(m, 0, B, start, false, 0);
        if (threads == 1) {
            for (size_t i = 0; i < m->params.n; i++) size += m->params.at[i]->size;
            gradient = calloc(size, sizeof *gradient);
            memcpy(loss, trained->val, sizeof loss);
            memcpy(prediction, predicted->val, sizeof prediction);
        }
        assert_memory_equal(trained->val, loss, sizeof loss);
        assert_memory_equal(predicted->val, prediction, sizeof prediction);
        ag_real *at = gradient;
        for (size_t i = 0; i < m->params.n; i++) {
            const ag_param *p = m->params.at[i];
            const size_t n = p->role == AG_SPARSE ? (size_t)p->n_slots * (size_t)p->dim[1] : p->size;
            assert_true(p->has_grad);
            if (threads == 1) memcpy(at, p->grad, n * sizeof *at);
            if (memcmp(at, p->grad, n * sizeof *at) != 0) fail_msg("gradient of %s on %d threads", p->name, threads);
            at += n;
        }
        model_free(m);
    }
    free(gradient);
    assert_int_equal(ag_start(2, &e), 0);
}

static void assert_same_loss(const ag_tensor *part, const ag_real *whole)
{
    for (size_t b = 0; b < ag_size(part); b++)
        if (!(fabs((double)(part->val[b] - whole[b])) <= 2.5e-6 * fmax(1, fabs((double)whole[b]))))
            fail_msg("sequence %zu: %.9g, in the whole batch %.9g", b, (double)part->val[b], (double)whole[b]);
}

static void a_batch_that_is_split_has_the_same_masks(void **state)
{
    (void)state;
    struct model *m = model_new(2, -1, 0.2);
    int32_t start[3][B + 1];
    const ag_tensor *whole = forward(m, 0, B, start[0], true, 5);
    assert_same_loss(forward(m, 0, 4, start[1], true, 5), whole->val);
    assert_same_loss(forward(m, 4, 2, start[2], true, 5), whole->val + 4);
    model_free(m);
}

static void dropout_is_a_function_of_the_step(void **state)
{
    (void)state;
    struct model *m = model_new(2, -1, 0.2);
    int32_t start[B + 1];
    const ag_tensor *once = forward(m, 0, B, start, true, 5), *again = forward(m, 0, B, start, true, 5),
                    *next = forward(m, 0, B, start, true, 6);
    const ag_tensor *off = forward(m, 0, B, start, false, 5);
    assert_memory_equal(once->val, again->val, B * sizeof *once->val);
    for (int b = 0; b < B; b++) {
        if (START[b] == START[b + 1]) continue;
        assert_true(fabs((double)(once->val[b] - next->val[b])) > 1e-3);
        assert_true(fabs((double)(once->val[b] - off->val[b])) > 1e-3);
    }
    model_free(m);
}

static void a_batch_without_a_piece_is_legal(void **state)
{
    (void)state;
    struct model *m = model_new(2, 0, 0.1);
    int32_t start[2];
    ag_tensor *loss = forward(m, 2, 1, start, true, 0);
    assert_true(loss->val[0] == 0);
    backward(m, loss);
    const int32_t none = 0;
    const nn_dropout off = {.on = false};
    const ag_tensor *x = bert_forward(&m->g, &m->bert, 0, &none, &none, NULL, 0, &none, &off);
    assert_int_equal(x->dim[0], 0);
    assert_int_equal(x->dim[1], WIDTH);
    model_free(m);
}

/* ---- dropout's places: the linker wraps the ops that drop, which note where they were ---- */

struct place {
    const char *op;
    uint32_t site;
    double rate;
};
enum { MOST_PLACES = 32 };
static struct place seen[MOST_PLACES];
static int n_seen;

static void note(const char *op, const ag_dropout *drop)
{
    if (drop->rate > 0 && n_seen < MOST_PLACES) seen[n_seen++] = (struct place){op, drop->site, drop->rate};
}

#define WRAPPED(op, parameters, ...)                                                                                                       \
    ag_tensor *__real_ag_##op parameters;                                                                                                  \
    ag_tensor *__wrap_ag_##op parameters;                                                                                                  \
    ag_tensor *__wrap_ag_##op parameters                                                                                                   \
    {                                                                                                                                      \
        note(#op, &drop);                                                                                                                  \
        return __real_ag_##op(__VA_ARGS__);                                                                                                \
    }
WRAPPED(dropout_of, (ag_graph * g, ag_tensor *x, ag_dropout drop), g, x, drop)
WRAPPED(add, (ag_graph * g, ag_tensor *x, ag_tensor *h, ag_dropout drop), g, x, h, drop)
WRAPPED(add_layernorm, (ag_graph * g, ag_tensor *x, ag_tensor *h, ag_dropout drop, ag_tensor *gain, ag_tensor *bias, double eps), g, x, h,
        drop, gain, bias, eps)
WRAPPED(attention,
        (ag_graph * g, ag_tensor *q, ag_tensor *k, ag_tensor *v, int heads, int n, const int32_t *q_start, const int32_t *k_start,
         ag_dropout drop),
        g, q, k, v, heads, n, q_start, k_start, drop)

static void assert_places(enum encoder_order order, bool plain_attention_output, int n, const struct place *expected)
{
    struct model *m = model_new(2, -1, 0);
    m->bert.encoder.shape.order = order;
    m->bert.encoder.shape.plain_attention_output = plain_attention_output;
    m->bert.config.encoder.dropout_hidden = m->bert.encoder.shape.dropout_hidden = 0.25;
    m->bert.config.encoder.dropout_attention = m->bert.encoder.shape.dropout_attention = 0.5;
    int32_t start[B + 1];
    n_seen = 0;
    forward(m, 0, B, start, true, 0);
    assert_int_equal(n_seen, n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(seen[i].op, expected[i].op);
        assert_int_equal(seen[i].site, expected[i].site);
        assert_true(seen[i].rate == expected[i].rate);
    }
    model_free(m);
}

/* A mask is a function of its site, so the numbers are part of what makes a resumed run equal an uninterrupted one. */
static void each_place_of_dropout_keeps_its_number(void **state)
{
    (void)state;
    static const struct place POST[] = {
        {"dropout_of", 0, 0.25}, {"attention", 1, 0.5},      {"add_layernorm", 2, 0.25}, {"add_layernorm", 3, 0.25},
        {"attention", 5, 0.5},   {"add_layernorm", 6, 0.25}, {"add_layernorm", 7, 0.25},
    };
    static const struct place PRE[] = {
        {"dropout_of", 0, 0.25}, {"attention", 1, 0.5}, {"add", 2, 0.25}, {"add", 3, 0.25},
        {"attention", 5, 0.5},   {"add", 6, 0.25},      {"add", 7, 0.25},
    };
    static const struct place PLAIN[] = {
        /* DistilBERT */
        {"dropout_of", 0, 0.25}, {"attention", 1, 0.5}, {"add_layernorm", 3, 0.25}, {"attention", 5, 0.5}, {"add_layernorm", 7, 0.25},
    };
    assert_places(ENCODER_POST_NORM, false, sizeof POST / sizeof *POST, POST);
    assert_places(ENCODER_PRE_NORM, false, sizeof PRE / sizeof *PRE, PRE);
    assert_places(ENCODER_POST_NORM, true, sizeof PLAIN / sizeof *PLAIN, PLAIN);
}

/* ---- frozen layers ---- */

static size_t nodes_of_training(int layers, int frozen)
{
    struct model *m = model_new(layers, frozen, 0.1);
    int32_t start[B + 1];
    forward(m, 0, B, start, true, 5);
    const size_t nodes = m->g.len;
    model_free(m);
    return nodes;
}

static void frozen_layers_keep_no_tape(void **state)
{
    (void)state;
    const size_t head = nodes_of_training(2, 2), one = nodes_of_training(2, 1), two = nodes_of_training(3, 1);
    assert_int_equal(head, 2);                      /* the classifier and the loss */
    assert_int_equal(two - one, one - head);        /* each layer that trains adds the same */
    assert_int_equal(nodes_of_training(5, 3), two); /* a frozen one nothing */
    assert_int_equal(nodes_of_training(3, -1), 0);
}

static void freezing_leaves_the_loss_and_the_other_gradients_as_they_are(void **state)
{
    (void)state;
    struct model *all = model_new(3, 0, 0.1), *some = model_new(3, 2, 0.1);
    int32_t start[B + 1];
    ag_tensor *a = forward(all, 0, B, start, true, 5), *s = forward(some, 0, B, start, true, 5);
    assert_memory_equal(a->val, s->val, B * sizeof *a->val);
    backward(all, a);
    backward(some, s);
    for (size_t i = 0; i < all->params.n; i++) {
        const ag_param *x = all->params.at[i], *y = some->params.at[i];
        assert_true(x->has_grad);
        assert_int_equal(y->has_grad, !in_frozen_layer(y->name, 2));
        if (y->has_grad && memcmp(x->grad, y->grad, x->size * sizeof *x->grad) != 0) fail_msg("gradient of %s", x->name);
    }
    model_free(all);
    model_free(some);
}

/* ---- memory ---- */

static size_t peak_of(int layers, int frozen)
{
    struct model *m = model_new(layers, frozen, 0.1);
    int32_t start[B + 1];
    forward(m, 0, B, start, false, 0);
    const size_t peak = m->g.arena.peak;
    model_free(m);
    return peak;
}

static void prediction_holds_the_activations_of_one_layer(void **state)
{
    (void)state;
    assert_int_equal(peak_of(8, -1), peak_of(2, -1));
    /* One layer: q, k, v, the context, four results of width C, and one of width F; its input and the embeddings. */
    const size_t reals = (size_t)START[B] * (10 * WIDTH + INNER);
    assert_true(peak_of(8, -1) < reals * sizeof(ag_real) * 5 / 4);
}

/* q, k, v, the context, the normalised rows of both LayerNorms, and what goes into the activation; beside them numbers a row. */
static void a_layer_in_training_holds_what_backward_cannot_make_again_at_little_cost(void **state)
{
    (void)state;
    const size_t rows = (size_t)START[B] * (6 * WIDTH + INNER) * sizeof(ag_real),
                 most = rows + (size_t)START[B] * WIDTH / 2 * sizeof(ag_real);
    for (int order = ENCODER_POST_NORM; order <= ENCODER_PRE_NORM; order++) {
        size_t held[2];
        for (int i = 0; i < 2; i++) {
            struct model *m = model_new(2 + i, 0, 0.1);
            m->bert.encoder.shape.order = (enum encoder_order)order;
            int32_t start[B + 1];
            forward(m, 0, B, start, true, 0);
            held[i] = m->g.arena.used;
            model_free(m);
        }
        if (!(held[1] > held[0] && held[1] - held[0] < most))
            fail_msg("a layer holds %zu bytes, its rows take %zu", held[1] - held[0], rows);
    }
}

static void frozen_layers_below_those_that_train_hold_nothing(void **state)
{
    (void)state;
    assert_int_equal(peak_of(8, 7), peak_of(3, 2));
    assert_true(peak_of(8, 7) < peak_of(8, 0) / 4);
}

static void after_the_first_step_none_allocates(void **state)
{
    (void)state;
    struct model *m = model_new(3, 0, 0.1);
    int32_t start[B + 1];
    size_t after_first = 0;
    for (uint32_t step = 0; step < 4; step++) {
        ag_params_zero_grad(&m->params);
        backward(m, forward(m, 0, B, start, true, step));
        ag_graph_reset(&m->g);
        if (step == 0) after_first = m->g.allocations;
        assert_int_equal(m->g.allocations, after_first);
    }
    model_free(m);
}

/* ---- bugs of the caller ---- */

static jmp_buf back;
static char message[1024];
_Noreturn static void remember(const char *text)
{
    strncpy(message, text, sizeof message - 1);
    longjmp(back, 1);
}

static const struct encoder_shape SHAPE = {.layers = 1, .width = 6, .heads = 2, .inner = 4, .eps = 1e-12};

static void declare_bert(ag_params *ps, struct bert_config config)
{
    struct bert b;
    config.encoder = SHAPE;
    bert_declare(ps, &config, "", &b);
    bert_free(&b);
}
static void declare_encoder(ag_params *ps, int layers, int width, int heads, int inner)
{
    struct encoder e;
    const struct encoder_shape shape = {.layers = layers, .width = width, .heads = heads, .inner = inner};
    encoder_declare(ps, &shape, &BERT.names, "", &e);
    encoder_free(&e);
}
/* What the jump out of a block leaves behind. */
static struct encoder left_encoder;
static ag_graph left_graph;
static void run_block(ag_params *ps, int layer, int width)
{
    static const ag_real zero[16];
    static const int32_t start[] = {0, 1};
    const nn_dropout off = {.on = false};
    encoder_declare(ps, &SHAPE, &BERT.names, "", &left_encoder);
    encoder_block_forward(&left_graph, &left_encoder, layer, ag_input(&left_graph, 2, (int[]){1, width}, zero), 1, start, &off);
}

static void heads_do_not_divide(ag_params *ps)
{
    declare_encoder(ps, 1, 10, 4, 8);
}
static void no_heads(ag_params *ps)
{
    declare_encoder(ps, 1, 8, 0, 8);
}
static void no_inner(ag_params *ps)
{
    declare_encoder(ps, 1, 8, 2, 0);
}
static void negative_layers(ag_params *ps)
{
    declare_encoder(ps, -1, 8, 2, 8);
}
static void no_vocabulary(ag_params *ps)
{
    declare_bert(ps, (struct bert_config){.family = &BERT, .type_vocab = 1, .max_positions = 4});
}
static void no_types(ag_params *ps)
{
    declare_bert(ps, (struct bert_config){.family = &BERT, .vocab_size = 3, .type_vocab = -1, .max_positions = 4});
}
static void no_family(ag_params *ps)
{
    declare_bert(ps, (struct bert_config){.vocab_size = 3, .type_vocab = 1, .max_positions = 4});
}
static void types_for_a_model_without(ag_params *ps)
{
    static const int32_t zero[1];
    const nn_dropout off = {.on = false};
    struct bert_config config = {.family = &DISTILBERT, .vocab_size = 3, .max_positions = 4, .encoder = SHAPE};
    struct bert b;
    config.encoder.layers = 0;
    bert_declare(ps, &config, "", &b);
    encoder_free(&b.encoder); /* before the jump */
    bert_embed(&left_graph, &b, 1, zero, zero, zero, &off);
}
static void offset_behind_the_positions(ag_params *ps)
{
    declare_bert(ps, (struct bert_config){.family = &BERT, .vocab_size = 3, .type_vocab = 1, .max_positions = 2, .position_offset = 2});
}
static void layer_that_is_none(ag_params *ps)
{
    run_block(ps, 1, 6);
}
static void input_of_another_width(ag_params *ps)
{
    run_block(ps, 0, 5);
}
static void no_tags(ag_params *ps)
{
    struct crf crf;
    crf_declare(ps, "crf.", 0, &crf);
}
static void long_name(ag_params *ps)
{
    char name[NN_NAME_MAX + 1];
    memset(name, 'x', NN_NAME_MAX);
    name[NN_NAME_MAX] = 0;
    nn_norm norm;
    nn_norm_declare(ps, name, 3, &norm);
}

static const struct bug {
    const char *name, *text;
    void (*commit)(ag_params *ps);
} BUGS[] = {
    {"heads that do not divide the width", "width 10 is not a multiple of 4 heads", heads_do_not_divide},
    {"no heads", "width 8 is not a multiple of 0 heads", no_heads},
    {"no inner width", "inner width 0", no_inner},
    {"a negative number of layers", "-1 layers", negative_layers},
    {"no vocabulary", "a vocabulary of 0 pieces, 1 token types", no_vocabulary},
    {"no number of token types", "a vocabulary of 3 pieces, -1 token types", no_types},
    {"no family", "bert: of no family", no_family},
    {"token types for a model that has none", "token types for a model that has none", types_for_a_model_without},
    {"positions that begin behind their table", "2 positions, the first at row 2", offset_behind_the_positions},
    {"a layer that is none", "layer 1 of 1", layer_that_is_none},
    {"an input of another width", "x has rank 2 and 5 columns, the encoder is 6 wide", input_of_another_width},
    {"no tags", "0 tags", no_tags},
    {"a name that is too long", "a parameter's name has more than 255 bytes", long_name},
};
enum { N_BUGS = sizeof BUGS / sizeof *BUGS };

static void the_message_says_what_is_wrong(void **state)
{
    const struct bug *bug = *state;
    ag_params ps;
    ag_params_init(&ps);
    ag_set_panic_handler(remember);
    if (setjmp(back) == 0) {
        bug->commit(&ps);
        fail_msg("nothing was said");
    }
    ag_set_panic_handler(NULL);
    if (!strstr(message, bug->text)) fail_msg("the message is: %s", message);
    ag_graph_free(&left_graph);
    encoder_free(&left_encoder);
    ag_params_free(&ps);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) {
        print_error("%s\n", e.text);
        return 1;
    }
    struct CMUnitTest tests[32 + N_BUGS] = {
        cmocka_unit_test(training_and_prediction_give_the_same_bytes_on_1_to_4_threads),
        cmocka_unit_test(a_batch_that_is_split_has_the_same_masks),
        cmocka_unit_test(dropout_is_a_function_of_the_step),
        cmocka_unit_test(a_batch_without_a_piece_is_legal),
        cmocka_unit_test(each_place_of_dropout_keeps_its_number),
        cmocka_unit_test(frozen_layers_keep_no_tape),
        cmocka_unit_test(freezing_leaves_the_loss_and_the_other_gradients_as_they_are),
        cmocka_unit_test(prediction_holds_the_activations_of_one_layer),
        cmocka_unit_test(a_layer_in_training_holds_what_backward_cannot_make_again_at_little_cost),
        cmocka_unit_test(frozen_layers_below_those_that_train_hold_nothing),
        cmocka_unit_test(after_the_first_step_none_allocates),
    };
    size_t n = 0;
    while (tests[n].test_func) n++;
    for (int i = 0; i < N_BUGS; i++)
        tests[n++] = (struct CMUnitTest){
            .name = BUGS[i].name, .test_func = the_message_says_what_is_wrong, .initial_state = (void *)(uintptr_t)&BUGS[i]};
    return _cmocka_run_group_tests("encoder", tests, n, NULL, NULL);
}
