/* Checkpoints: what is damaged is refused by its digest; with a right digest, what reads is a model whose arrays are those that it
 * declares, and predicts.
 *
 * A file of the same digest on purpose reaches libhdf5, which refuses what does not match its own checksums (Jenkins' lookup3, in each
 * piece of metadata): a forged file has these right, too.
 */
#include "checkpoint.h"
#include "container.h"
#include "files.h"
#include "kinds.h"
#include "loaded_model.h"
#include "model_store.h"
#include "predict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_seeds(struct seeds *s)
{
    for (int format = MODEL_FORMAT_OLDEST; format <= MODEL_FORMAT; format++) {
        char name[64];
        snprintf(name, sizeof name, "tests/store/formats/checkpoint-%d.h5", format);
        fuzz_seed_of_file(s, name);
    }
}

void fuzz_seal(unsigned char *data, size_t size, const struct seed *of)
{
    (void)of;
    if (size < CONTAINER_BLOCK) return;
    const struct hash digest = hash_bytes(data + CONTAINER_BLOCK, size - CONTAINER_BLOCK);
    container_make(data, size - CONTAINER_BLOCK, &(struct container_gap){0}, &digest);
}

/* The metadata of HDF5 stand in pieces with a signature, between values: only they change here, and nothing moves. */
static void make_fixed_seeds(struct seeds *s)
{
    static const char *const SIGNATURES[] = {"\x89HDF", "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTLF", "BTIN"};
    enum { PIECE = 200 };
    make_seeds(s);
    for (size_t i = 0; i < s->n; i++) {
        struct seed *seed = &s->at[i];
        for (size_t at = CONTAINER_BLOCK, k; at + PIECE <= seed->size; at++) {
            for (k = 0; k < sizeof SIGNATURES / sizeof *SIGNATURES && memcmp(seed->data + at, SIGNATURES[k], 4) != 0;) k++;
            if (k == sizeof SIGNATURES / sizeof *SIGNATURES) continue;
            seed->fixed = reallocarray(seed->fixed, seed->n_fixed + 1, sizeof *seed->fixed);
            if (!seed->fixed) abort();
            seed->fixed[seed->n_fixed++] = (struct part){at, PIECE};
        }
        if (seed->n_fixed == 0) abort();
    }
}

/* ---- other texts in a checkpoint: the input is the text alone ---- */

static const char *const CONTENT[] = {"encoder", "config", "types", "vocabulary"};
enum { N_CONTENT = sizeof CONTENT / sizeof *CONTENT, TEMPLATES = MODEL_FORMAT - MODEL_FORMAT_OLDEST + 1 };

static struct content {
    char *file; /* of the checkpoint */
    size_t size;
    char *text[N_CONTENT];
} templates[TEMPLATES];

static void read_template(int format, struct content *t)
{
    char path[PATH_MAX];
    struct checkpoint *c = NULL;
    struct err e = {0};
    snprintf(path, sizeof path, SOURCE_ROOT "/tests/store/formats/checkpoint-%d.h5", format);
    bool is_read = file_read(path, MUTATION_LARGEST, &t->file, &t->size, &e) == 0 && checkpoint_open(path, &c, &e) == 0;
    for (int k = 0; k < N_CONTENT && is_read; k++) is_read = checkpoint_text(c, CONTENT[k], &t->text[k], &e) == 0;
    if (!is_read) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    checkpoint_close(c);
}

static void make_content_seeds(struct seeds *s)
{
    for (int t = 0; t < TEMPLATES; t++) {
        if (!templates[t].file) read_template(MODEL_FORMAT_OLDEST + t, &templates[t]);
        for (int k = 0; k < N_CONTENT; k++) seeds_add(s, templates[t].text[k], strlen(templates[t].text[k]))->tag = t * N_CONTENT + k;
    }
}

static unsigned char *found(unsigned char *data, size_t size, const void *what, size_t what_size)
{
    unsigned char *place = memmem(data, size, what, what_size);
    if (!place) abort();
    return place;
}

/* The checkpoint with the input in the text's place: behind its end, where a text of any size has room. The dataset's header is told: its
 * layout holds address and size, the type of a text its size. */
static unsigned char *with_content(const struct fuzz_input *in, size_t *size)
{
    enum { HEADER_LARGEST = 200, END_AT = CONTAINER_BLOCK + 28 };
    const struct content *t = &templates[in->of->tag / N_CONTENT];
    const char *text = t->text[in->of->tag % N_CONTENT];
    const size_t place = (t->size + 63) / 64 * 64, text_size = in->size > 0 ? in->size : 1;
    *size = place + text_size;
    unsigned char *file = calloc(*size, 1);
    if (!file) abort();
    memcpy(file, t->file, t->size);
    memcpy(file + place, in->data, in->size);
    uint64_t layout[2] = {(uint64_t)(found(file, t->size, text, strlen(text)) - file) - CONTAINER_BLOCK, strlen(text)};
    unsigned char type[8] = {0x13, 0x11};
    memcpy(type + 4, &layout[1], 4);
    unsigned char *in_layout = found(file, t->size, layout, sizeof layout);
    unsigned char *in_type = found(in_layout - HEADER_LARGEST, HEADER_LARGEST, type, sizeof type);
    layout[0] = place - CONTAINER_BLOCK;
    layout[1] = text_size;
    memcpy(in_layout, layout, sizeof layout);
    memcpy(in_type + 4, &layout[1], 4);
    const uint64_t end = *size;
    memcpy(file + END_AT, &end, sizeof end);
    fuzz_seal(file, *size, in->of);
    return file;
}

/* ---- what reads ---- */

struct arrays {
    const struct fuzz_input *in;
    int n;
    unsigned sum; /* of all their bytes, so that each is touched */
};

/* One line that names the file, once. */
static void claim_model_error(const struct fuzz_input *in, int code, const struct err *e)
{
    fuzz_claim(!strstr(e->text + 1, in->path), "names the file twice: %s", e->text);
    fuzz_claim_error(in, in->path, code, ERR_DATA, e);
}

static int claim_array(void *context, const struct array *a, struct err *e)
{
    struct arrays *s = context;
    size_t product = 1;
    (void)e;
    fuzz_claim(a->rank >= 0 && a->rank <= ARRAY_MAX_RANK, "%s: rank %d", a->name, a->rank);
    for (int i = 0; i < a->rank; i++) product *= a->dim[i];
    fuzz_claim(product == a->size && a->size * array_type_size(a->type) <= s->in->size, "%s: %zu elements", a->name, a->size);
    fuzz_claim(a->size == 0 || (uintptr_t)a->data % 64 == 0, "%s is not aligned", a->name);
    for (size_t i = 0; i < a->size * array_type_size(a->type); i++) s->sum += ((const unsigned char *)a->data)[i];
    s->n++;
    return 0;
}

static void claim_types(const struct checkpoint *c, const struct tag_set *types)
{
    char *text = NULL, *at;
    struct err e = {0};
    fuzz_claim(checkpoint_text(c, "types", &text, &e) == 0, "%s", e.text);
    at = text + strspn(text, "\n");
    for (int t = 0; t < types->n_types; t++) {
        const size_t n = strlen(types->types[t]);
        fuzz_claim(strcspn(at, "\n") == n && strncmp(at, types->types[t], n) == 0, "type %d is \"%s\" of:\n%s", t, types->types[t], text);
        at += n + strspn(at + n, "\n");
    }
    fuzz_claim(*at == 0, "%d types of:\n%s", types->n_types, text);
    free(text);
}

static void claim_model(const struct checkpoint *c, const struct model *m)
{
    struct err e = {0};
    claim_types(c, &m->shape.types);
    fuzz_claim(wordpiece_size(m->wordpiece) <= m->shape.encoder.vocab_size, "%d pieces", wordpiece_size(m->wordpiece));
    fuzz_claim(m->shape.max_length >= 3 && m->shape.max_length <= m->shape.encoder.max_positions, "max_length %d", m->shape.max_length);
    for (size_t k = 0; k < m->params.n; k++) {
        const ag_param *p = m->params.at[k];
        size_t dim[AG_MAX_RANK];
        char path[700];
        const void *data;
        for (int i = 0; i < p->rank; i++) dim[i] = (size_t)p->dim[i];
        snprintf(path, sizeof path, "/parameters/%s", p->name);
        fuzz_claim(checkpoint_array(c, path, ARRAY_F32, p->rank, dim, &data, &e) == 0 && data == p->val, "%s: %s", p->name, e.text);
    }
}

static void claim_predicts(const struct model *m)
{
    static bool is_started;
    static const char TEXT[] = "we saw Ada Lovelace in London today !";
    struct text_word *words = NULL;
    struct prediction p = {0};
    struct err e = {0};
    int cap = 0;
    ag_graph g;
    if (!is_started) fuzz_claim(ag_start(1, &e) == 0, "%s", e.text);
    is_started = true;
    const int n = words_cut(TEXT, strlen(TEXT), &words, &cap, &e);
    const struct sentence sentence = {.text = TEXT, .size = strlen(TEXT), .n_words = n, .words = words};
    ag_graph_init(&g);
    fuzz_claim(predict_sentences(m, &g, 1, &sentence, NULL, 256, true, &p, &e) == 0, "%s", e.text);
    for (int w = 0; w < n; w++) fuzz_claim(p.tags[w] >= 0 && p.tags[w] < tag_count(&m->shape.types), "tag %d", p.tags[w]);
    for (int i = 0; i < p.entity_start[1]; i++) {
        const struct entity *x = &p.entities[i];
        fuzz_claim(x->type >= 0 && x->type < m->shape.types.n_types && x->first >= 0 && x->first <= x->last && x->last < n, "entity %d", i);
    }
    prediction_free(&p);
    ag_graph_free(&g);
    free(words);
}

static void claim_description(const struct fuzz_input *in)
{
    struct json *json = NULL;
    struct err e = {0};
    const int code = checkpoint_describe(in->path, &json, &e);
    if (code) {
        claim_model_error(in, code, &e);
        return;
    }
    char *text = json_dump(json, 0);
    fuzz_claim(*text == '{', "%s", text);
    free(text);
    json_free(json);
}

static enum fuzz_verdict read_checkpoint(const struct fuzz_input *in)
{
    struct checkpoint *c = NULL;
    struct model m = {0};
    struct err e = {0};
    int code = checkpoint_open(in->path, &c, &e);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        return FUZZ_REFUSED;
    }
    struct arrays arrays = {.in = in};
    fuzz_claim(checkpoint_each(c, "/", claim_array, &arrays, &e) == 0, "%s", e.text);
    code = model_open(c, in->path, &m, &e);
    if (code) {
        claim_model_error(in, code, &e);
    } else {
        claim_model(c, &m);
        claim_predicts(&m);
        claim_description(in);
        model_free(&m);
    }
    checkpoint_close(c);
    return code ? FUZZ_REFUSED : FUZZ_READ;
}

static enum fuzz_verdict read_content(const struct fuzz_input *in)
{
    char path[PATH_MAX];
    struct fuzz_input whole = *in;
    unsigned char *file = with_content(in, &whole.size);
    snprintf(path, sizeof path, "%s.h5", in->path);
    whole.data = file;
    whole.path = path;
    unlink(path);
    FILE *f = fopen(path, "wb");
    fuzz_claim(f && fwrite(file, 1, whole.size, f) == whole.size && fclose(f) == 0, "%s: cannot be written", path);
    const enum fuzz_verdict verdict = read_checkpoint(&whole);
    free(file);
    return verdict;
}

/* The digest lets nothing through. */
static enum fuzz_verdict read_damaged(const struct fuzz_input *in)
{
    struct checkpoint *c = NULL;
    struct err e = {0};
    if (in->size == in->of->size && memcmp(in->data, in->of->data, in->size) == 0) return read_checkpoint(in);
    const int code = checkpoint_open(in->path, &c, &e);
    fuzz_claim(code, "a damaged checkpoint reads");
    fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
    return FUZZ_REFUSED;
}

const struct fuzz_kind FUZZ_CHECKPOINT = {
    .name = "checkpoint", .stream = 6, .make_seeds = make_seeds, .read = read_damaged, .least_read = 0, .least_refused = 90};
const struct fuzz_kind FUZZ_CHECKPOINT_SEALED = {.name = "checkpoint-sealed",
                                                 .stream = 7,
                                                 .make_seeds = make_seeds,
                                                 .mend = fuzz_seal,
                                                 .read = read_checkpoint,
                                                 .least_read = 5,
                                                 .least_refused = 20};
const struct fuzz_kind FUZZ_CHECKPOINT_METADATA = {.name = "checkpoint-metadata",
                                                   .stream = 8,
                                                   .make_seeds = make_fixed_seeds,
                                                   .mend = fuzz_seal,
                                                   .read = read_checkpoint,
                                                   .least_read = 5,
                                                   .least_refused = 20};
const struct fuzz_kind FUZZ_CHECKPOINT_CONTENT = {.name = "checkpoint-content",
                                                  .stream = 10,
                                                  .make_seeds = make_content_seeds,
                                                  .read = read_content,
                                                  .least_read = 5,
                                                  .least_refused = 40};
