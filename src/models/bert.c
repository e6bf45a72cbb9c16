/* bert.c - see bert.h for the equation. */
#include "bert.h"

const struct bert_family BERT = {
    .name = "bert",
    .prefix = "bert.",
    .names = {.layers = "encoder.layer",
              .query = "attention.self.query",
              .key = "attention.self.key",
              .value = "attention.self.value",
              .attention_output = "attention.output.dense",
              .attention_norm = "attention.output.LayerNorm",
              .up = "intermediate.dense",
              .down = "output.dense",
              .feed_norm = "output.LayerNorm"},
};

const struct bert_family DISTILBERT = {
    .name = "distilbert",
    .prefix = "distilbert.",
    .names = {.layers = "transformer.layer",
              .query = "attention.q_lin",
              .key = "attention.k_lin",
              .value = "attention.v_lin",
              .attention_output = "attention.out_lin",
              .attention_norm = "sa_layer_norm",
              .up = "ffn.lin1",
              .down = "ffn.lin2",
              .feed_norm = "output_layer_norm"},
};

static ag_param *declare_table(ag_params *ps, const char *prefix, const char *what, int rows, int C)
{
    char name[NN_NAME_MAX];
    nn_name(name, "%sembeddings.%s_embeddings.weight", prefix, what);
    return ag_params_add(ps, name, 2, (int[]){rows, C});
}

void bert_declare(ag_params *ps, const struct bert_config *config, const char *prefix, struct bert *b)
{
    const int C = config->encoder.width;
    AG_CHECK(config->family, "bert: of no family");
    AG_CHECK(config->vocab_size > 0 && config->type_vocab >= 0, "bert: a vocabulary of %d pieces, %d token types", config->vocab_size,
             config->type_vocab);
    AG_CHECK(config->position_offset >= 0 && config->position_offset < config->max_positions, "bert: %d positions, the first at row %d",
             config->max_positions, config->position_offset);
    *b = (struct bert){.config = *config};
    b->word = declare_table(ps, prefix, "word", config->vocab_size, C);
    b->position = declare_table(ps, prefix, "position", config->max_positions, C);
    if (config->type_vocab > 0) b->type = declare_table(ps, prefix, "token_type", config->type_vocab, C);
    char name[NN_NAME_MAX];
    nn_name(name, "%sembeddings.LayerNorm", prefix);
    nn_norm_declare(ps, name, C, &b->norm);
    encoder_declare(ps, &config->encoder, &config->family->names, prefix, &b->encoder);
}

void bert_free(struct bert *b)
{
    encoder_free(&b->encoder);
    *b = (struct bert){0};
}

/* x[i] + add, in the graph's memory; x NULL: all 0. */
static const int32_t *shifted(ag_graph *g, int T, const int32_t *x, int32_t add)
{
    if (x && add == 0) return x;
    int32_t *y = ag_save(g, (size_t)T * sizeof *y);
    for (int i = 0; i < T; i++) y[i] = (x ? x[i] : 0) + add;
    return y;
}

ag_tensor *bert_embed(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, const int32_t *types,
                      const nn_dropout *drop)
{
    const struct encoder_shape *s = &b->config.encoder;
    const ag_scope scope = ag_scope_begin(g);
    AG_CHECK(b->type || !types, "bert: token types for a model that has none");
    ag_tensor *word = ag_gather(g, ag_use(g, b->word), T, ids);
    ag_tensor *where = ag_gather(g, ag_use(g, b->position), T, shifted(g, T, position, b->config.position_offset));
    if (b->type) word = ag_add(g, word, ag_gather(g, ag_use(g, b->type), T, shifted(g, T, types, 0)), AG_NO_DROPOUT);
    ag_tensor *x = nn_add_norm_forward(g, &b->norm, word, where, AG_NO_DROPOUT, s->eps);
    return ag_scope_end(g, scope, ag_dropout_of(g, x, nn_dropout_at(drop, s->dropout_hidden, NN_SITE_EMBEDDINGS)));
}

ag_tensor *bert_forward(ag_graph *g, const struct bert *b, int T, const int32_t *ids, const int32_t *position, const int32_t *types, int n,
                        const int32_t *start, const nn_dropout *drop)
{
    return encoder_forward(g, &b->encoder, bert_embed(g, b, T, ids, position, types, drop), n, start, drop);
}
