/* Files of features with a right digest of the whole, changed anywhere or in the values of its datasets alone: what opens has records in
 * the order of their ids, and each of them is given whole, or refused by its own digest. */
#include "checkpoint.h"
#include "feature_file.h"
#include "files.h"
#include "kinds.h"
#include "temporary.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of a dataset are a part that changes. One without a value has no place. */
struct places {
    struct seed *seed;
    const unsigned char *map; /* of the same file */
};

static int add_part(void *context, const struct array *a, struct err *e)
{
    const struct places *p = context;
    const size_t size = a->size * array_type_size(a->type);
    (void)e;
    if (size == 0) return 0;
    p->seed->fixed = reallocarray(p->seed->fixed, p->seed->n_fixed + 1, sizeof *p->seed->fixed);
    if (!p->seed->fixed) abort();
    p->seed->fixed[p->seed->n_fixed++] = (struct part){(size_t)((const unsigned char *)a->data - p->map), size};
    return 0;
}

/* Where the mapped file begins, by a dataset that stands in it once. */
static int find_map(void *context, const struct array *a, struct err *e)
{
    struct places *p = context;
    (void)e;
    if (strcmp(a->name, "/digests") != 0 || a->size == 0) return 0;
    const unsigned char *place = memmem(p->seed->data, p->seed->size, a->data, a->size);
    if (!place) abort();
    p->map = (const unsigned char *)a->data - (place - p->seed->data);
    return 0;
}

static void add_seed(struct seeds *s, const char *folder, bool fixed, int width, int n, const struct features_record *records)
{
    const struct features_source source = {
        .identity = "{\"encoder\": \"x\"}", .asked = "digest", .n_asked = n + 1, .n_bad = 1, .width = width};
    char path[PATH_MAX + 16], *bytes;
    size_t size;
    struct checkpoint *c = NULL;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/features.h5", folder);
    if (features_write(path, &source, n, records, &e) || file_read(path, MUTATION_LARGEST, &bytes, &size, &e) ||
        checkpoint_open(path, &c, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    struct places p = {.seed = seeds_add(s, bytes, size)};
    if (fixed && (checkpoint_each(c, "/", find_map, &p, &e) || !p.map || checkpoint_each(c, "/", add_part, &p, &e))) abort();
    checkpoint_close(c);
    free(bytes);
}

static void make_seeds(struct seeds *s)
{
    static const float values[12] = {1, -2, 3, 0.5f, 0x1p-149f, -0.0f, 7, 8, 9, 1e30f, -1, 4};
    char folder[PATH_MAX];
    if (temporary_folder(folder)) abort();
    for (int fixed = 0; fixed < 2; fixed++) {
        add_seed(s, folder, fixed, 3, 3, (const struct features_record[]){{"10", 2, values}, {"9", 1, values + 6}, {"O_1", 1, values + 9}});
        add_seed(s, folder, fixed, 1, 2, (const struct features_record[]){{"a", 1, values}, {"b", 11, values + 1}});
    }
    add_seed(s, folder, false, 4, 0, NULL);
    temporary_remove(folder);
}

static void claim_record(const struct fuzz_input *in, const struct features *f, int k)
{
    int count = 0, again = 0;
    const float *values = NULL, *found = NULL;
    struct err e = {0}, other = {0};
    fuzz_claim(k == 0 || strcmp(features_id(f, k - 1), features_id(f, k)) < 0, "record %d is not in order", k);
    const int code = features_at(f, k, &count, &values, &e);
    fuzz_claim(features_find(f, features_id(f, k), &again, &found, &other) == code && again == count && found == values,
               "record %d is another by its id", k);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        return;
    }
    const size_t size = (size_t)count * (size_t)features_source(f).width * sizeof *values;
    fuzz_claim(count >= 1 && count <= features_tokens(f) && size <= in->size, "record %d has %d tokens", k, count);
    unsigned sum = 0; /* each byte is touched */
    for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)values)[i];
    fuzz_claim(sum <= 255 * size, "record %d", k);
}

static enum fuzz_verdict read_features(const struct fuzz_input *in)
{
    struct features *f = NULL;
    int count;
    const float *values;
    struct err e = {0};
    const int code = features_open(in->path, &f, &e);
    if (code) {
        fuzz_claim(!f, "refused, and there");
        fuzz_claim(!strstr(e.text + 1, in->path), "names the file twice: %s", e.text);
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        return FUZZ_REFUSED;
    }
    const struct features_source source = features_source(f);
    fuzz_claim(source.width >= 1 && source.n_asked >= 0 && source.n_bad >= 0, "width %d", source.width);
    fuzz_claim(strlen(source.identity) + strlen(source.asked) < in->size, "identity and asked");
    fuzz_claim(features_count(f) >= 0 && (size_t)features_count(f) < in->size, "%d records", features_count(f));
    for (int k = 0; k < features_count(f); k++) claim_record(in, f, k);
    fuzz_claim(features_find(f, "never\nan id", &count, &values, &e) == ERR_NOINPUT, "an id of two lines is there");
    features_close(f);
    return FUZZ_READ;
}

const struct fuzz_kind FUZZ_FEATURES = {.name = "features",
                                        .stream = 11,
                                        .make_seeds = make_seeds,
                                        .mend = fuzz_seal,
                                        .read = read_features,
                                        .least_read = 5,
                                        .least_refused = 20};
