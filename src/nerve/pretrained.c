#include "pretrained.h"
#include "files.h"
#include "folder.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { VOCABULARY_MAX = 64 << 20 };

/* How a family's config.json calls a size. NULL: it does not have it. */
static const struct kind {
    const struct bert_family *family;
    const char *base, *classifier; /* transformers' classes: without a head, and for token classification */
    const char *width, *layers, *heads, *inner, *activation;
    const char *eps;   /* NULL: 1e-12, which is fixed in its code */
    const char *types; /* NULL: no token types */
    const char *dropout_hidden, *dropout_attention;
    const char *dropout_head; /* NULL: as dropout_hidden */
    bool plain_attention_output;
} KINDS[] = {
    {.family = &BERT,
     .base = "BertModel",
     .classifier = "BertForTokenClassification",
     .width = "hidden_size",
     .layers = "num_hidden_layers",
     .heads = "num_attention_heads",
     .inner = "intermediate_size",
     .activation = "hidden_act",
     .eps = "layer_norm_eps",
     .types = "type_vocab_size",
     .dropout_hidden = "hidden_dropout_prob",
     .dropout_attention = "attention_probs_dropout_prob",
     .dropout_head = "classifier_dropout"},
    {.family = &DISTILBERT,
     .base = "DistilBertModel",
     .classifier = "DistilBertForTokenClassification",
     .width = "dim",
     .layers = "n_layers",
     .heads = "n_heads",
     .inner = "hidden_dim",
     .activation = "activation",
     .dropout_hidden = "dropout",
     .dropout_attention = "attention_dropout",
     .plain_attention_output = true},
};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

/* NULL where config.json has another type. */
static const struct kind *find_kind(const struct json *json)
{
    const char *type = json_text(json_get(json, "model_type"));
    for (int k = 0; type && k < N_KINDS; k++)
        if (strcmp(type, KINDS[k].family->name) == 0) return &KINDS[k];
    return NULL;
}

static int check_kind(const struct json *json, const char *name, struct err *e)
{
    const char *type = json_text(json_get(json, "model_type"));
    if (!find_kind(json))
        return err_set(e, ERR_DATA, "%s: model_type is \"%s\": only \"bert\" and \"distilbert\" are read", name, type ? type : "(absent)");
    const char *position = json_text(json_get(json, "position_embedding_type"));
    if (position && strcmp(position, "absolute") != 0)
        return err_set(e, ERR_DATA, "%s: position_embedding_type is \"%s\": only \"absolute\" is read", name, position);
    bool decoder = false;
    if (json_read_boolean(json_get(json, "is_decoder"), &decoder) && decoder)
        return err_set(e, ERR_DATA, "%s: is_decoder is true: only encoders are read", name);
    return 0;
}

int bert_config_from_json(const struct json *json, const char *name, struct bert_config *out, struct err *e)
{
    struct bert_config c = {.encoder = {.order = ENCODER_POST_NORM, .activation = AG_GELU, .eps = 1e-12}};
    int code;
    if (!json_is_object(json)) return err_set(e, ERR_DATA, "%s: not a JSON object", name);
    if ((code = check_kind(json, name, e))) return code;
    const struct kind *kind = find_kind(json);
    if ((code = folder_count(json, name, kind->width, 1, INT_MAX, -1, &c.encoder.width, e)) ||
        (code = folder_count(json, name, kind->layers, 0, FOLDER_LAYERS_MAX, -1, &c.encoder.layers, e)) ||
        (code = folder_count(json, name, kind->heads, 1, INT_MAX, -1, &c.encoder.heads, e)) ||
        (code = folder_count(json, name, kind->inner, 1, INT_MAX, -1, &c.encoder.inner, e)) ||
        (code = folder_count(json, name, "vocab_size", 1, INT_MAX, -1, &c.vocab_size, e)) ||
        (code = folder_count(json, name, "max_position_embeddings", 3, INT_MAX, -1, &c.max_positions, e)) ||
        (kind->types && (code = folder_count(json, name, kind->types, 1, INT_MAX, 2, &c.type_vocab, e))))
        return code;
    if ((code = folder_heads(&c.encoder, name, kind->width, kind->heads, e)) ||
        (code = folder_activation(json, name, kind->activation, &c.encoder.activation, e)) ||
        (kind->eps && (code = folder_eps(json, name, kind->eps, &c.encoder.eps, e))))
        return code;
    c.family = kind->family;
    c.encoder.plain_attention_output = kind->plain_attention_output;
    *out = c;
    return 0;
}

static const struct kind *kind_of(const struct bert_config *c)
{
    const struct kind *kind = KINDS;
    while (kind->family != c->family) kind++;
    return kind;
}

static struct json *sizes_to_json(const struct bert_config *c, const struct kind *kind, const char *architecture)
{
    struct json *json = json_new_object(), *architectures = json_new_array();
    json_append_string(architectures, architecture);
    json_set(json, "architectures", architectures);
    json_set_string(json, "model_type", c->family->name);
    json_set_integer(json, kind->width, c->encoder.width);
    json_set_integer(json, kind->layers, c->encoder.layers);
    json_set_integer(json, kind->heads, c->encoder.heads);
    json_set_integer(json, kind->inner, c->encoder.inner);
    json_set_string(json, kind->activation, folder_activation_name(c->encoder.activation));
    if (kind->eps) json_set_number(json, kind->eps, c->encoder.eps);
    json_set_integer(json, "vocab_size", c->vocab_size);
    json_set_integer(json, "max_position_embeddings", c->max_positions);
    if (kind->types) json_set_integer(json, kind->types, c->type_vocab);
    return json;
}

struct json *bert_config_to_json(const struct bert_config *c)
{
    return sizes_to_json(c, kind_of(c), kind_of(c)->base);
}

struct json *bert_config_to_published(const struct bert_config *c, bool with_head, double dropout_head)
{
    const struct kind *kind = kind_of(c);
    struct json *json = sizes_to_json(c, kind, with_head ? kind->classifier : kind->base);
    json_set_string(json, "dtype", "float32");
    json_set_number(json, kind->dropout_hidden, c->encoder.dropout_hidden);
    json_set_number(json, kind->dropout_attention, c->encoder.dropout_attention);
    if (kind->dropout_head) json_set_number(json, kind->dropout_head, dropout_head);
    return json;
}

static int read_config(const char *folder, struct pretrained *p, struct err *e)
{
    char path[PATH_MAX];
    struct json *json = NULL;
    int code = folder_json(folder, "config.json", false, &json, e);
    if (!code) code = path_join(path, sizeof path, folder, "config.json", e);
    if (!code) code = bert_config_from_json(json, path, &p->config, e);
    json_free(json);
    return code;
}

static int read_tokenizer(const char *folder, struct pretrained *p, struct err *e)
{
    char path[PATH_MAX];
    struct json *json = NULL;
    int code = folder_json(folder, "tokenizer_config.json", true, &json, e);
    p->lower_case = true;
    json_read_boolean(json_get(json, "do_lower_case"), &p->lower_case);
    json_free(json);
    if (!code) code = path_join(path, sizeof path, folder, "vocab.txt", e);
    if (!code) code = file_read(path, VOCABULARY_MAX, &p->vocabulary, &p->vocabulary_size, e);
    return code;
}

int pretrained_open(const char *folder, struct pretrained *out, struct err *e)
{
    struct pretrained p = {0};
    int code;
    if ((code = read_config(folder, &p, e)) || (code = weights_open(folder, &p.weights, e)) || (code = read_tokenizer(folder, &p, e))) {
        pretrained_close(&p);
        return code;
    }
    p.digest = weights_digest(p.weights);
    *out = p;
    return 0;
}

void pretrained_close(struct pretrained *p)
{
    weights_close(p->weights);
    free(p->vocabulary);
    *p = (struct pretrained){0};
}

int pretrained_fill(const struct pretrained *p, ag_params *params, const char *prefix, struct err *e)
{
    return folder_fill(p->weights, p->config.family->prefix, params, prefix, e);
}
