/* Checkpoints: what is damaged is refused by its digest; with a right digest, what reads is a model whose arrays are those that it
 * declares, and predicts.
 *
 * A file of the same digest on purpose reaches libhdf5, which refuses what does not match its own checksums (Jenkins' lookup3, in each
 * piece of metadata): a forged file has these right, too.
 */
#include "checkpoint.h"
#include "container.h"
#include "kinds.h"
#include "loaded_model.h"
#include "model_store.h"
#include "predict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_seeds(struct seeds *s)
{
    for (int format = MODEL_FORMAT_OLDEST; format <= MODEL_FORMAT; format++) {
        char name[64];
        snprintf(name, sizeof name, "tests/store/formats/checkpoint-%d.h5", format);
        fuzz_seed_of_file(s, name);
    }
}

/* ---- the digest and the checksums ---- */

static void seal(unsigned char *data, size_t size, const struct seed *of)
{
    (void)of;
    if (size < CONTAINER_BLOCK) return;
    const struct hash digest = hash_bytes(data + CONTAINER_BLOCK, size - CONTAINER_BLOCK);
    container_make(data, size - CONTAINER_BLOCK, &(struct container_gap){0}, &digest);
}

static uint32_t rotate(uint32_t x, int k)
{
    return x << k | x >> (32 - k);
}

/* Bob Jenkins' lookup3.c, hashlittle with initval 0, byte by byte (public domain; https://burtleburtle.net/bob/c/lookup3.c). */
static uint32_t lookup3(const unsigned char *data, size_t size)
{
    uint32_t a = 0xDEADBEEF + (uint32_t)size, b = a, c = a;
    for (; size > 0; data += 12) {
        const size_t n = size < 12 ? size : 12;
        uint32_t words[3] = {0};
        memcpy(words, data, n);
        a += words[0];
        b += words[1];
        c += words[2];
        size -= n;
        if (size == 0) break;
        a = (a - c) ^ rotate(c, 4), c += b;
        b = (b - a) ^ rotate(a, 6), a += c;
        c = (c - b) ^ rotate(b, 8), b += a;
        a = (a - c) ^ rotate(c, 16), c += b;
        b = (b - a) ^ rotate(a, 19), a += c;
        c = (c - b) ^ rotate(b, 4), b += a;
    }
    c = (c ^ b) - rotate(b, 14);
    a = (a ^ c) - rotate(c, 11);
    b = (b ^ a) - rotate(a, 25);
    c = (c ^ b) - rotate(b, 16);
    a = (a ^ c) - rotate(c, 4);
    b = (b ^ a) - rotate(a, 14);
    return (c ^ b) - rotate(b, 24);
}

enum { SUM_BYTES = 4, HEAP_SUM_AT = 17, BLOCK_LARGEST = 4096 };

/* A direct block of a heap has its sum in front, where it counts as 0; everything else at its end. */
static bool is_heap(const unsigned char *block)
{
    return memcmp(block, "FHDB", 4) == 0;
}

static uint32_t sum_of(unsigned char *block, size_t size)
{
    uint32_t before;
    if (!is_heap(block)) return lookup3(block, size - SUM_BYTES);
    memcpy(&before, block + HEAP_SUM_AT, SUM_BYTES);
    memset(block + HEAP_SUM_AT, 0, SUM_BYTES);
    const uint32_t sum = lookup3(block, size);
    memcpy(block + HEAP_SUM_AT, &before, SUM_BYTES);
    return sum;
}

static unsigned char *sum_place(unsigned char *block, size_t size)
{
    return block + (is_heap(block) ? (size_t)HEAP_SUM_AT : size - SUM_BYTES);
}

static bool is_signature(const unsigned char *at)
{
    static const char *const SIGNATURES[] = {"\x89HDF", "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTLF", "BTIN"};
    for (size_t i = 0; i < sizeof SIGNATURES / sizeof *SIGNATURES; i++)
        if (memcmp(at, SIGNATURES[i], 4) == 0) return true;
    return false;
}

/* Bytes of the metadata here, found by its sum; 0 where there is none. */
static size_t block_size(unsigned char *at, size_t left)
{
    const size_t most = left < BLOCK_LARGEST ? left : BLOCK_LARGEST;
    for (size_t size = 24; size <= most; size++)
        if (sum_of(at, size) == *(uint32_t *)memcpy(&(uint32_t){0}, sum_place(at, size), SUM_BYTES)) return size;
    return 0;
}

static void make_fixed_seeds(struct seeds *s)
{
    make_seeds(s);
    for (size_t i = 0; i < s->n; i++) {
        struct seed *seed = &s->at[i];
        size_t size;
        for (size_t at = CONTAINER_BLOCK; at + 24 <= seed->size; at++) {
            if (!is_signature(seed->data + at) || (size = block_size(seed->data + at, seed->size - at)) == 0) continue;
            seed->fixed = reallocarray(seed->fixed, seed->n_fixed + 1, sizeof *seed->fixed);
            if (!seed->fixed) abort();
            seed->fixed[seed->n_fixed++] = (struct part){at, size};
        }
        if (seed->n_fixed == 0) abort();
    }
}

static void forge(unsigned char *data, size_t size, const struct seed *of)
{
    for (size_t i = 0; i < of->n_fixed; i++) {
        unsigned char *block = data + of->fixed[i].from;
        const uint32_t sum = sum_of(block, of->fixed[i].size);
        memcpy(sum_place(block, of->fixed[i].size), &sum, SUM_BYTES);
    }
    seal(data, size, of);
}

/* ---- what reads ---- */

struct arrays {
    const struct fuzz_input *in;
    int n;
    unsigned sum; /* of all their bytes, so that each is touched */
};

/* One line that names the file, once; of the configuration in it, the line and a caret below. */
static void claim_model_error(const struct fuzz_input *in, int code, struct err *e)
{
    char *pointed = strstr(e->text, "\n  ");
    fuzz_claim(code == ERR_DATA || (code == ERR_CONFIG && pointed), "code %d: %s", code, e->text);
    fuzz_claim(!strstr(e->text + 1, in->path), "names the file twice: %s", e->text);
    if (pointed) *pointed = 0;
    fuzz_claim_error(in, in->path, code, code, e);
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
    at = text;
    for (int t = 0; t < types->n_types; t++) {
        const size_t n = strlen(types->types[t]);
        fuzz_claim(strncmp(at, types->types[t], n) == 0 && at[n] == '\n', "type %d is \"%s\" of:\n%s", t, types->types[t], text);
        at += n + 1;
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
    const struct sentence sentence = {TEXT, strlen(TEXT), n, words};
    ag_graph_init(&g);
    fuzz_claim(predict_sentences(m, &g, 1, &sentence, 256, &p, &e) == 0, "%s", e.text);
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
                                                 .mend = seal,
                                                 .read = read_checkpoint,
                                                 .least_read = 5,
                                                 .least_refused = 20};
const struct fuzz_kind FUZZ_CHECKPOINT_FORGED = {.name = "checkpoint-forged",
                                                 .stream = 8,
                                                 .make_seeds = make_fixed_seeds,
                                                 .mend = forge,
                                                 .read = read_checkpoint,
                                                 .least_read = 5,
                                                 .least_refused = 20};
