/* folder.c - see folder.h. */
#include "folder.h"
#include "files.h"
#include "log.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 1 << 20, NAME_MAX_BYTES = 512 };

/* ---- config.json ---- */

static const struct activation_name {
    const char *name;
    ag_activation activation;
} ACTIVATIONS[] = {
    {"gelu", AG_GELU}, {"gelu_new", AG_GELU_TANH}, {"gelu_pytorch_tanh", AG_GELU_TANH}, {"quick_gelu", AG_QUICK_GELU}, {"relu", AG_RELU},
};
enum { N_ACTIVATIONS = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

int folder_json(const char *folder, const char *file, bool optional, struct json **json, struct err *e)
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

int folder_count(const struct json *json, const char *name, const char *key, int least, int most, int fallback, int *out, struct err *e)
{
    const struct json *v = json_get(json, key);
    int64_t x = fallback;
    if (!v && fallback < 0)
        return err_set(e, ERR_DATA, "%s: \"%s\" is missing: this is not the config.json of an encoder that is read", name, key);
    if (v && !json_read_integer(v, &x)) return err_set(e, ERR_DATA, "%s: \"%s\" is not an integer", name, key);
    if (x < least || x > most) return err_set(e, ERR_DATA, "%s: \"%s\" is %lld, expected %d to %d", name, key, (long long)x, least, most);
    *out = (int)x;
    return 0;
}

int folder_activation(const struct json *json, const char *name, const char *key, ag_activation *out, struct err *e)
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

const char *folder_activation_name(ag_activation activation)
{
    const char *name = "gelu";
    for (int k = N_ACTIVATIONS - 1; k >= 0; k--)
        if (ACTIVATIONS[k].activation == activation) name = ACTIVATIONS[k].name;
    return name;
}

int folder_eps(const struct json *json, const char *name, const char *key, double *out, struct err *e)
{
    const struct json *v = json_get(json, key);
    double eps = *out;
    if (v && (!json_read_number(v, &eps) || !(eps > 0 && eps < 1)))
        return err_set(e, ERR_DATA, "%s: %s is not a number between 0 and 1", name, key);
    *out = eps;
    return 0;
}

int folder_heads(const struct encoder_shape *s, const char *name, const char *width, const char *heads, struct err *e)
{
    if (s->width % s->heads == 0) return 0;
    return err_set(e, ERR_DATA, "%s: %s %d is not a multiple of %s %d", name, width, s->width, heads, s->heads);
}

/* ---- tensors ---- */

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

int folder_fill(const struct weights *w, const char *published, ag_params *params, const char *prefix, struct err *e)
{
    size_t count = weights_count(w);
    bool *taken = calloc(count + 1, sizeof *taken);
    if (!taken) return err_set(e, ERR_INTERNAL, "out of memory for a table of %zu tensors", count);
    int code = 0;
    for (size_t i = 0; i < params->n && !code; i++) {
        ag_param *parameter = params->at[i];
        if (strncmp(parameter->name, prefix, strlen(prefix)) != 0) continue;
        if (nn_is_lora(parameter)) continue;
        const char *name = parameter->name + strlen(prefix);
        const struct array *a = find_tensor(w, published, name);
        if (!a) {
            code = err_set(e, ERR_DATA, "tensor '%s' is missing (with or without the prefix '%s')", name, published);
            break;
        }
        for (size_t k = 0; k < count; k++) taken[k] |= weights_at(w, k) == a;
        code = fill_one(parameter, a, e);
    }
    if (!code) log_ignored(w, taken);
    free(taken);
    return code;
}
