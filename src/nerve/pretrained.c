#include "pretrained.h"
#include "files.h"
#include "log.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 1 << 20, VOCABULARY_MAX = 64 << 20, NAME_MAX_BYTES = 512, LAYERS_MAX = 1000 };

static const struct activation_name {
    const char *name;
    ag_activation activation;
} ACTIVATIONS[] = {
    {"gelu", AG_GELU}, {"gelu_new", AG_GELU_TANH}, {"gelu_pytorch_tanh", AG_GELU_TANH}, {"quick_gelu", AG_QUICK_GELU}, {"relu", AG_RELU},
};
enum { N_ACTIVATIONS = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

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

/* An integer member in least .. most; fallback < 0: it must be there. */
static int read_count(const struct json *json, const char *name, const char *key, int least, int most, int fallback, int *out,
                      struct err *e)
{
    const struct json *v = json_get(json, key);
    int64_t x = fallback;
    if (!v && fallback < 0) return err_set(e, ERR_DATA, "%s: \"%s\" is missing: this is not the config.json of a BERT encoder", name, key);
    if (v && !json_read_integer(v, &x)) return err_set(e, ERR_DATA, "%s: \"%s\" is not an integer", name, key);
    if (x < least || x > most) return err_set(e, ERR_DATA, "%s: \"%s\" is %lld, expected %d to %d", name, key, (long long)x, least, most);
    *out = (int)x;
    return 0;
}

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

static int read_activation(const struct json *json, const char *name, const char *key, ag_activation *out, struct err *e)
{
    const struct json *v = json_get(json, key);
    const char *activation = json_text(v);
    int k = 0;
    if (!v) return 0;
    if (!activation) return err_set(e, ERR_DATA, "%s: %s is not a text", name, key);
    while (k < N_ACTIVATIONS && strcmp(ACTIVATIONS[k].name, activation) != 0) k++;
    if (k == N_ACTIVATIONS) return err_set(e, ERR_DATA, "%s: %s \"%s\" is not known", name, key, activation);
    *out = ACTIVATIONS[k].activation;
    return 0;
}

int bert_config_from_json(const struct json *json, const char *name, struct bert_config *out, struct err *e)
{
    struct bert_config c = {.encoder = {.order = ENCODER_POST_NORM, .activation = AG_GELU, .eps = 1e-12}};
    int code;
    if (!json_is_object(json)) return err_set(e, ERR_DATA, "%s: not a JSON object", name);
    if ((code = check_kind(json, name, e))) return code;
    const struct kind *kind = find_kind(json);
    if ((code = read_count(json, name, kind->width, 1, INT_MAX, -1, &c.encoder.width, e)) ||
        (code = read_count(json, name, kind->layers, 0, LAYERS_MAX, -1, &c.encoder.layers, e)) ||
        (code = read_count(json, name, kind->heads, 1, INT_MAX, -1, &c.encoder.heads, e)) ||
        (code = read_count(json, name, kind->inner, 1, INT_MAX, -1, &c.encoder.inner, e)) ||
        (code = read_count(json, name, "vocab_size", 1, INT_MAX, -1, &c.vocab_size, e)) ||
        (code = read_count(json, name, "max_position_embeddings", 3, INT_MAX, -1, &c.max_positions, e)) ||
        (kind->types && (code = read_count(json, name, kind->types, 1, INT_MAX, 2, &c.type_vocab, e))))
        return code;
    if (c.encoder.width % c.encoder.heads)
        return err_set(e, ERR_DATA, "%s: %s %d is not a multiple of %s %d", name, kind->width, c.encoder.width, kind->heads,
                       c.encoder.heads);
    if ((code = read_activation(json, name, kind->activation, &c.encoder.activation, e))) return code;
    const struct json *eps = kind->eps ? json_get(json, kind->eps) : NULL;
    if (eps && (!json_read_number(eps, &c.encoder.eps) || !(c.encoder.eps >= 0 && c.encoder.eps < 1)))
        return err_set(e, ERR_DATA, "%s: %s is not a number from 0 to 1", name, kind->eps);
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
    const char *activation = "gelu";
    for (int k = N_ACTIVATIONS - 1; k >= 0; k--)
        if (ACTIVATIONS[k].activation == c->encoder.activation) activation = ACTIVATIONS[k].name;
    json_append_string(architectures, architecture);
    json_set(json, "architectures", architectures);
    json_set_string(json, "model_type", c->family->name);
    json_set_integer(json, kind->width, c->encoder.width);
    json_set_integer(json, kind->layers, c->encoder.layers);
    json_set_integer(json, kind->heads, c->encoder.heads);
    json_set_integer(json, kind->inner, c->encoder.inner);
    json_set_string(json, kind->activation, activation);
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

/* A JSON file of the folder. An absent one gives *json NULL where it is optional. */
static int read_json(const char *folder, const char *file, bool optional, struct json **json, struct err *e)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    *json = NULL;
    int code = path_join(path, sizeof path, folder, file, e);
    if (code) return code;
    if (optional && !file_exists(path)) return 0;
    code = file_read(path, CONFIG_MAX, &text, &size, e);
    if (!code) code = json_parse(text, size, path, json, e);
    free(text);
    return code;
}

static int read_config(const char *folder, struct pretrained *p, struct err *e)
{
    char path[PATH_MAX];
    struct json *json = NULL;
    int code = read_json(folder, "config.json", false, &json, e);
    if (!code) code = path_join(path, sizeof path, folder, "config.json", e);
    if (!code) code = bert_config_from_json(json, path, &p->config, e);
    json_free(json);
    return code;
}

static int read_tokenizer(const char *folder, struct pretrained *p, struct err *e)
{
    char path[PATH_MAX];
    struct json *json = NULL;
    int code = read_json(folder, "tokenizer_config.json", true, &json, e);
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

/* The names under which a tensor is published: with and without the family's prefix, LayerNorm's old names. */
static const struct array *find_tensor(const struct weights *w, const char *prefix, const char *name)
{
    static const char *const OLD[][2] = {{".LayerNorm.weight", ".LayerNorm.gamma"}, {".LayerNorm.bias", ".LayerNorm.beta"}};
    char candidate[NAME_MAX_BYTES], old[NAME_MAX_BYTES + 8];
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        int n = snprintf(candidate, sizeof candidate, "%s%s", prefixed ? prefix : "", name);
        AG_CHECK(n > 0 && (size_t)n < sizeof candidate, "parameter name '%s' is too long", name);
        const struct array *a = weights_find(w, candidate);
        for (int k = 0; k < 2 && !a; k++) {
            size_t suffix = strlen(OLD[k][0]), length = (size_t)n;
            if (length <= suffix || strcmp(candidate + length - suffix, OLD[k][0]) != 0) continue;
            snprintf(old, sizeof old, "%.*s%s", (int)(length - suffix), candidate, OLD[k][1]);
            a = weights_find(w, old);
        }
        if (a) return a;
    }
    return NULL;
}

static int fill_one(ag_param *p, const struct array *a, struct err *e)
{
    size_t dim[AG_MAX_RANK];
    bool same = a->rank == p->rank;
    for (int i = 0; i < p->rank; i++) dim[i] = (size_t)p->dim[i];
    for (int i = 0; same && i < p->rank; i++) same = a->dim[i] == dim[i];
    if (!same) {
        char got[ARRAY_SHAPE_TEXT], want[ARRAY_SHAPE_TEXT];
        return err_set(e, ERR_DATA, "tensor '%s' has shape %s, config.json asks for %s", a->name, array_shape_text(a->rank, a->dim, got),
                       array_shape_text(p->rank, dim, want));
    }
    const float *values = a->data;
    if (a->type == ARRAY_F32 && (uintptr_t)a->data % _Alignof(float) == 0) {
        ag_param_borrow(p, values);
    } else {
        float *own = ag_param_own(p);
        int code = array_to_float(a, own, e);
        if (code) return code;
        values = own;
    }
    for (size_t i = 0; i < p->size; i++)
        if (!isfinite(values[i])) return err_set(e, ERR_DATA, "tensor '%s' holds a value that is not finite, at element %zu", a->name, i);
    return 0;
}

/* One line for everything that no parameter took. */
static void log_ignored(const struct weights *w, const bool *taken)
{
    char names[256] = "";
    size_t ignored = 0;
    for (size_t i = 0; i < weights_count(w); i++) {
        if (taken[i]) continue;
        size_t used = strlen(names);
        if (ignored++ < 3) snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", weights_at(w, i)->name);
    }
    if (ignored) log_info("ignored %zu tensors that the encoder does not have: %s%s", ignored, names, ignored > 3 ? ", ..." : "");
}

int pretrained_fill(const struct pretrained *p, ag_params *params, const char *prefix, struct err *e)
{
    const char *published = p->config.family->prefix;
    size_t count = weights_count(p->weights);
    bool *taken = calloc(count + 1, sizeof *taken);
    if (!taken) return err_set(e, ERR_INTERNAL, "out of memory for a table of %zu tensors", count);
    int code = 0;
    for (size_t i = 0; i < params->n && !code; i++) {
        ag_param *parameter = params->at[i];
        if (strncmp(parameter->name, prefix, strlen(prefix)) != 0) continue;
        const char *name = parameter->name + strlen(prefix);
        const struct array *a = find_tensor(p->weights, published, name);
        if (!a) {
            code = err_set(e, ERR_DATA, "tensor '%s' is missing (with or without the prefix '%s')", name, published);
            break;
        }
        for (size_t k = 0; k < count; k++) taken[k] |= weights_at(p->weights, k) == a;
        code = fill_one(parameter, a, e);
    }
    if (!code) log_ignored(p->weights, taken);
    free(taken);
    return code;
}
