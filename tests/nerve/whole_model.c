/* whole_model.c - all that a run's best model makes of some of its training tweets, for whole_models.py to compare with.
 *
 *   whole_model RUN TWEETS OUT
 *
 * OUT is a safetensors file. The batch, the first TWEETS of the training split: ids, types, seq_start, first, word_start, tags, heard, and
 * of what they show visual_start, pixels or caption_ids and caption_start. What becomes of it, without dropout:
 *   emissions [W,L], text and image (what is fused), fused      with every modality that a tweet has
 *   decoded [W], marginals [W,L] (CRF), uncertainty [W,5] (NIG: aleatoric, epistemic, predictive scale, conflict, visual share),
 *   uncertainty.text, uncertainty.image [W,3]                   likewise, at the decoded tag; conflict and share 0 without a picture
 *   loss [B], d.NAME: of the mean loss by each parameter        all terms at their full weight; of every second tweet that shows something
 *                                                               the text is left out of the fusion where there is one (heard), and with
 *                                                               train.noise_image every third is taken for noise (noise)
 */
#include "loaded_model.h"
#include "machine.h"
#include "model_store.h"
#include "safetensors_write.h"
#include "trainer.h"
#include "uncertainty.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAYS_MAX = 400, NAME_BYTES = 160, WHOLE_SPLIT = 100000 };

struct output {
    struct array at[ARRAYS_MAX];
    char name[ARRAYS_MAX][NAME_BYTES];
    size_t n;
};

/* A copy of the values; dim ends with 0 where the rank is below 4. */
static void *add(struct output *o, const char *prefix, const char *name, enum array_type type, int rank, const int *dim, const void *data)
{
    AG_CHECK(o->n < ARRAYS_MAX, "whole_model: more than %d arrays", ARRAYS_MAX);
    struct array *a = &o->at[o->n];
    snprintf(o->name[o->n], NAME_BYTES, "%s%s", prefix, name);
    *a = (struct array){.name = o->name[o->n++], .type = type, .rank = rank, .size = 1};
    for (int i = 0; i < rank; i++) a->size *= a->dim[i] = (size_t)dim[i];
    void *copy = calloc(a->size + 1, array_type_size(type));
    AG_CHECK(copy, "whole_model: out of memory");
    if (data) memcpy(copy, data, a->size * array_type_size(type));
    a->data = copy;
    return copy;
}

static void add_list(struct output *o, const char *name, enum array_type type, int n, const void *data)
{
    if (data) add(o, "", name, type, 1, &n, data);
}

static void add_tensor(struct output *o, const char *name, const ag_tensor *x)
{
    if (x) add(o, "", name, ARRAY_F32, x->rank, x->dim, x->val);
}

static void add_batch(struct output *o, const struct model *m, const struct batch *b)
{
    const struct visual_batch *v = &b->visual;
    const int side = m->shape.visual.vit.image_size;
    add_list(o, "ids", ARRAY_I32, b->T, b->ids);
    add_list(o, "types", ARRAY_I32, b->T, b->types);
    add_list(o, "seq_start", ARRAY_I32, b->B + 1, b->seq_start);
    add_list(o, "first", ARRAY_I32, b->W, b->first);
    add_list(o, "word_start", ARRAY_I32, b->B + 1, b->word_start);
    add_list(o, "tags", ARRAY_I32, b->W, b->tags);
    if (!model_sees(m)) return;
    add_list(o, "visual_start", ARRAY_I32, b->B + 1, v->start);
    add_list(o, "look_tweet", ARRAY_I32, v->n, v->tweet);
    if (v->pixels) add(o, "", "pixels", ARRAY_F32, 4, (int[]){v->n, VIT_CHANNELS, side, side}, v->pixels);
    add_list(o, "caption_ids", ARRAY_I32, v->V, v->ids);
    if (v->ids) add_list(o, "caption_start", ARRAY_I32, v->n + 1, v->caption_start);
}

/* ---- values ---- */

static void put(double *row, evi_uncertainty u)
{
    row[0] = u.aleatoric;
    row[1] = u.epistemic;
    row[2] = u.predictive_scale;
}

static void add_uncertainty(struct output *o, const struct forward *f, const struct batch *b, const int32_t *tags)
{
    double *fused = add(o, "", "uncertainty", ARRAY_F64, 2, (int[]){b->W, 5}, NULL),
           *text = add(o, "", "uncertainty.text", ARRAY_F64, 2, (int[]){b->W, 3}, NULL),
           *image = add(o, "", "uncertainty.image", ARRAY_F64, 2, (int[]){b->W, 3}, NULL);
    for (int w = 0; w < b->W; w++) {
        put(fused + 5 * w, evi_uncertainty_of(f->fused, w, 1, tags + w));
        put(text + 3 * w, evi_uncertainty_of(f->head[MODEL_TEXT], w, 1, tags + w));
        if (!b->visual.seen[w]) continue;
        put(image + 3 * w, evi_uncertainty_of(f->head[MODEL_IMAGE], w, 1, tags + w));
        fused[5 * w + 3] = evi_conflict_of(f->head[MODEL_TEXT], f->head[MODEL_IMAGE], w, 1, tags + w);
        fused[5 * w + 4] = evi_visual_share_of(f->head[MODEL_IMAGE], f->fused, w, 1, tags + w);
    }
}

static void add_values(struct output *o, ag_graph *g, const struct model *m, const struct batch *b)
{
    const nn_dropout none = {.on = false};
    const struct forward f = nerve_forward(g, m, b, &none);
    const int L = tag_count(&m->shape.types);
    add_tensor(o, "emissions", f.emissions);
    add_tensor(o, "text", f.head[MODEL_TEXT]);
    add_tensor(o, "image", f.head[MODEL_IMAGE]);
    add_tensor(o, "fused", f.fused);
    int32_t *tags = add(o, "", "decoded", ARRAY_I32, 1, &b->W, NULL);
    model_decode(m, f.emissions, b, tags);
    if (f.fused && f.fused->rank == 3) add_uncertainty(o, &f, b, tags);
    if (m->shape.crf) {
        double *marginals = add(o, "", "marginals", ARRAY_F64, 2, (int[]){b->W, L}, NULL);
        const struct crf_scores scores = crf_scores_of(&m->crf);
        for (int i = 0; i < b->B; i++) {
            const ptrdiff_t at = (ptrdiff_t)b->word_start[i] * L;
            crf_marginals(&scores, b->word_start[i + 1] - b->word_start[i], f.emissions->val + at, marginals + at);
        }
    }
    ag_graph_reset(g);
}

/* ---- loss and gradients ---- */

static void add_gradient(struct output *o, const ag_param *p)
{
    ag_real *d = add(o, "d.", p->name, ARRAY_F32, p->rank, p->dim, NULL);
    if (p->role == AG_DENSE && p->has_grad) memcpy(d, p->grad, p->size * sizeof *d);
    if (p->role != AG_SPARSE) return;
    const size_t C = (size_t)p->dim[1];
    for (int k = 0; k < p->n_slots; k++) memcpy(d + (size_t)p->row_of_slot[k] * C, p->grad + (size_t)k * C, C * sizeof *d);
}

static void add_loss(struct output *o, ag_graph *g, struct trainer *t, struct batch *b)
{
    const nn_dropout none = {.on = false};
    const struct nerve_config *c = t->config;
    const bool noise = c->train.noise_image > 0;
    const struct objective objective = {.modality = c->loss.modality,
                                        .evidence = c->loss.evidence,
                                        .regulariser = c->loss.regulariser,
                                        .noise = noise ? c->loss.noise : 0,
                                        .balance = c->loss.class_balanced ? t->balance : NULL,
                                        .image_balance = c->loss.image_balanced ? t->balance : NULL};
    if (t->model.shape.fusion >= FUSION_AVERAGE) {
        uint8_t *heard = add(o, "", "heard", ARRAY_U8, 1, &b->W, NULL);
        for (int i = 0; i < b->B; i++)
            memset(heard + b->word_start[i], i % 2 == 0 || b->visual.start[i] == b->visual.start[i + 1],
                   (size_t)(b->word_start[i + 1] - b->word_start[i]));
        b->heard = heard;
    }
    for (int i = 0; i < b->B && noise; i++)
        memset(b->visual.noise + b->word_start[i], i % 3 == 0 && b->visual.start[i] < b->visual.start[i + 1],
               (size_t)(b->word_start[i + 1] - b->word_start[i]));
    if (noise) add_list(o, "noise", ARRAY_U8, b->W, b->visual.noise);
    const struct forward f = nerve_forward(g, &t->model, b, &none);
    ag_tensor *loss = model_loss(g, &t->model, &f, b, &objective);
    add_tensor(o, "loss", loss);
    ag_real *share = ag_save(g, (size_t)b->B * sizeof *share);
    for (int i = 0; i < b->B; i++) share[i] = (ag_real)(1.0 / b->B);
    ag_backward(g, loss, share);
    for (size_t k = 0; k < t->model.params.n; k++)
        if (t->model.params.at[k]->role != AG_FROZEN) add_gradient(o, t->model.params.at[k]);
}

/* The first n tweets of the training split. */
static int fill(const struct trainer *t, int n, struct batch *b, struct err *e)
{
    const struct split *s = &t->splits[SPLIT_TRAIN];
    int32_t *tweets = calloc((size_t)n + 1, sizeof *tweets);
    int V = 0;
    for (int i = 0; i < n; i++) {
        tweets[i] = i;
        if (s->visual.kind != VISUAL_NONE) V += visual_tokens(&s->visual, i);
    }
    const int W = s->encoded.word_start[n];
    int code = batch_reserve(b, n, s->encoded.piece_start[n], W, e);
    if (!code) batch_fill(b, &s->encoded, n, tweets, 0);
    if (!code && model_sees(&t->model)) {
        code = visual_batch_reserve(&b->visual, &s->visual, n, W, V, e);
        if (!code) code = visual_batch_fill(&b->visual, &s->visual, n, tweets, b->place, b->word_start, NULL, 1, e);
    }
    free(tweets);
    return code;
}

static int write_all(struct trainer *t, int n, const char *path, struct err *e)
{
    static struct output o;
    struct batch b = {0};
    ag_graph g;
    ag_graph_init(&g);
    int code = fill(t, n, &b, e);
    if (!code) {
        add_batch(&o, &t->model, &b);
        add_values(&o, &g, &t->view, &b);
        add_loss(&o, &g, t, &b);
        code = safetensors_write(path, o.at, o.n, e);
    }
    b.heard = NULL;
    ag_graph_free(&g);
    batch_free(&b);
    for (size_t k = 0; k < o.n; k++) free((void *)(uintptr_t)o.at[k].data);
    return code;
}

int main(int argc, char **argv)
{
    static struct loaded_model model;
    static struct trainer t;
    struct err e = {0};
    const int n = argc == 4 ? atoi(argv[2]) : 0;
    if (n <= 0) return 64;
    if (machine_start(2, &e) || loaded_model_open(argv[1], &model, &e)) goto done;
    model.config.train.batch = WHOLE_SPLIT; /* room for the gradients of any tweets of it at once */
    if (!trainer_open(&model.config, &t, &e) && !trainer_load_parameters(&t, model.checkpoint, &e)) write_all(&t, n, argv[3], &e);
done:
    if (e.code) fprintf(stderr, "whole_model: %s\n", e.text);
    if (t.config) trainer_close(&t);
    loaded_model_close(&model);
    return e.code ? 1 : 0;
}
