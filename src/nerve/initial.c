#include "initial.h"
#include "loaded_model.h"
#include "log.h"
#include "model_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The digest that a run notes of the weights it started from. */
static int read_noted(const struct checkpoint *c, struct hash *digest, struct err *e)
{
    char *hex = NULL;
    int code = checkpoint_text(c, "encoder_digest", &hex, e);
    for (size_t k = 0; k < sizeof digest->bytes && !code; k++)
        if (sscanf(hex + 2 * k, "%2hhx", &digest->bytes[k]) != 1) code = err_set(e, ERR_DATA, "\"encoder_digest\" is no digest");
    free(hex);
    return code;
}

int initial_open(const char *run_or_checkpoint, bool is_own, struct initial *out, struct err *e)
{
    struct initial i = {0};
    int code;
    if ((code = checkpoint_find(run_or_checkpoint, i.path, e)) || (code = checkpoint_open(i.path, &i.checkpoint, e))) return code;
    i.digest = checkpoint_digest(i.checkpoint);
    if (!(code = model_open(i.checkpoint, i.path, &i.model, e)) && is_own) code = read_noted(i.checkpoint, &i.digest, e);
    if (code)
        initial_close(&i);
    else
        *out = i;
    return code;
}

void initial_close(struct initial *i)
{
    if (!i->checkpoint) return;
    model_free(&i->model);
    checkpoint_close(i->checkpoint);
    *i = (struct initial){0};
}

int initial_shape(const struct initial *i, struct model_shape *s, struct err *e)
{
    const struct model_shape *from = &i->model.shape;
    s->vocabulary = strdup(from->vocabulary);
    if (!s->vocabulary) return err_set(e, ERR_INTERNAL, "out of memory for a vocabulary of %zu bytes", from->vocabulary_size);
    s->vocabulary_size = from->vocabulary_size;
    s->encoder = from->encoder;
    s->lower_case = from->lower_case;
    return 0;
}

static bool same_types(const struct tag_set *a, const struct tag_set *b)
{
    if (a->n_types != b->n_types) return false;
    for (int k = 0; k < a->n_types; k++)
        if (strcmp(a->types[k], b->types[k]) != 0) return false;
    return true;
}

static bool same_shape(const ag_param *a, const ag_param *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* All else, the block that looks at the picture too, has learned about tags. */
static bool is_of_an_encoder(const struct model *m, const ag_param *p)
{
    return model_layer(m, p) >= 0 || strncmp(p->name, "vision.", strlen("vision.")) == 0 ||
           strncmp(p->name, "caption.", strlen("caption.")) == 0;
}

/* "LOC, PER", cut where text is full. */
static const char *types_text(const struct tag_set *s, char text[256])
{
    size_t used = 0;
    text[0] = '\0';
    for (int k = 0; k < s->n_types && used < 200; k++)
        used += (size_t)snprintf(text + used, 256 - used, "%s%.40s", k ? ", " : "", s->types[k]);
    return text;
}

/* The parameter that p starts as: of its name, or, where the captions' encoder is new, the text's; NULL: p is new. */
static const ag_param *source_of(const struct model *from, const struct model *m, const ag_param *p)
{
    static const char CAPTION[] = "caption.";
    const ag_param *source = ag_params_find(&from->params, p->name);
    if (!source && strncmp(p->name, CAPTION, strlen(CAPTION)) == 0) {
        char name[NN_NAME_MAX];
        nn_name(name, "%s%s", m->shape.encoder.family->prefix, p->name + strlen(CAPTION));
        source = ag_params_find(&from->params, name);
    }
    return source && same_shape(source, p) ? source : NULL;
}

/* Whether the pair of a matrix goes on as it is. */
static bool same_lora(const nn_linear *before, const nn_linear *now)
{
    return now && same_shape(before->down, now->down) && before->scale == now->scale;
}

/* Matrices take over with what LoRA had added to them, unless that goes on as a pair of the same rank and alpha. */
static void fill_matrix(ag_param *p, const ag_param *source, const nn_linear *before, const nn_linear *now)
{
    if (!before || same_lora(before, now))
        ag_param_borrow(p, source->val);
    else
        nn_lora_merge(before, ag_param_own(p));
    if (!before || !same_lora(before, now)) return;
    ag_param_borrow(now->down, before->down->val);
    ag_param_borrow(now->up, before->up->val);
}

void initial_fill(const struct initial *i, struct model *m)
{
    const struct model *from = &i->model;
    const bool same = same_types(&from->shape.types, &m->shape.types);
    for (size_t k = 0; k < m->params.n; k++) {
        ag_param *p = m->params.at[k];
        const ag_param *source = nn_is_lora(p) ? NULL : source_of(from, m, p);
        if (source && (same || is_of_an_encoder(m, p))) fill_matrix(p, source, model_lora(from, source), model_lora(m, p));
    }
    char then[256], now[256];
    const bool crf = m->shape.crf, had_crf = from->shape.crf;
    if (!same)
        log_info("starts from the encoder of %s; the head%s new, since its types are %s, those of the data %s", i->path,
                 crf ? " and the CRF are" : " is", types_text(&from->shape.types, then), types_text(&m->shape.types, now));
    else if (!source_of(from, m, m->text.w ? m->text.w : m->image.w))
        log_info("starts from the encoder%s of %s; the heads%s are new, since its fusion has others", crf && had_crf ? " and the CRF" : "",
                 i->path, crf && !had_crf ? " and the CRF" : "");
    else if (crf && !had_crf)
        log_info("starts from the encoder and the head of %s; the CRF is new, since it has none", i->path);
    else
        log_info("starts from the encoder%s of %s", crf ? ", the head and the CRF" : " and the head", i->path);
}
