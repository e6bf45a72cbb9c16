/* Safetensors: what reads is an array for each part of the file, without a hole. */
#include "kinds.h"
#include "safetensors.h"
#include <stdlib.h>
#include <string.h>

static void add_seed(struct seeds *s, const char *header, size_t data_size)
{
    unsigned char file[2048] = {0};
    const uint64_t length = strlen(header);
    const size_t size = sizeof length + length + data_size;
    if (size > sizeof file) abort();
    memcpy(file, &length, sizeof length);
    memcpy(file + sizeof length, header, length);
    for (size_t i = 0; i < data_size; i++) file[sizeof length + length + i] = (unsigned char)(37 * i);
    seeds_add(s, file, size);
}

static void make_seeds(struct seeds *s)
{
    add_seed(
        s,
        "{\"__metadata__\":{\"format\":\"pt\"},\"bert.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"bert.bias\":"
        "{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]}}  ",
        30);
    add_seed(
        s,
        "{\"x\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"BF16\",\"shape\":[1,2,1,2],\"data_offsets\":[8,16]},"
        "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[16,16]},\"\\u00e9\\\"\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":"
        "[16,21]}}",
        21);
    add_seed(
        s,
        "{\"b\":{\"dtype\":\"BOOL\",\"shape\":[4],\"data_offsets\":[0,4]},\"i\":{\"shape\":[1],\"dtype\":\"I32\",\"data_offsets\":[4,8]},\"j\":"
        "{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[8,12],\"more\":\"\\n\"},\"k\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[12,14]}}",
        14);
    add_seed(s, "{}", 0);
}

static void claim_tensor(const struct safetensors *s, const struct array *a)
{
    struct err e = {0};
    size_t product = 1;
    fuzz_claim(a->type >= 0 && a->type < ARRAY_TYPES && a->rank >= 0 && a->rank <= ARRAY_MAX_RANK, "%s: rank %d", a->name, a->rank);
    for (int i = 0; i < a->rank; i++) product *= a->dim[i];
    fuzz_claim(product == a->size, "%s: %zu elements in a shape of %zu", a->name, a->size, product);
    fuzz_claim(safetensors_is_name(a->name) && safetensors_find(s, a->name) == a, "%s is not found", a->name);
    float *values = malloc(a->size * sizeof *values + 1);
    fuzz_claim(values, "%s: %zu elements", a->name, a->size);
    const int code = array_to_float(a, values, &e);
    fuzz_claim(code == (a->type <= ARRAY_BF16 ? 0 : ERR_DATA), "%s: code %d", a->name, code);
    free(values);
}

static enum fuzz_verdict read_safetensors(const struct fuzz_input *in)
{
    struct safetensors *s = NULL;
    struct err e = {0};
    const int code = safetensors_open(in->path, &s, &e);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        fuzz_claim(!s, "refused, and there");
        return FUZZ_REFUSED;
    }
    size_t size;
    const unsigned char *bytes = safetensors_bytes(s, &size);
    fuzz_claim(size == in->size && memcmp(bytes, in->data, size) == 0, "another file");
    for (size_t i = 0; i < safetensors_count(s); i++) claim_tensor(s, safetensors_at(s, i));
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    size_t place = sizeof header + (size_t)header;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const struct array *a = safetensors_at(s, i);
        fuzz_claim((const unsigned char *)a->data == bytes + place, "%s does not follow the tensor before it", a->name);
        place += a->size * array_type_size(a->type);
    }
    fuzz_claim(place == size, "%zu bytes behind the tensors", size - place);
    const char *format = safetensors_metadata(s, "format");
    fuzz_claim(!format || strlen(format) < in->size, "format");
    safetensors_close(s);
    return FUZZ_READ;
}

const struct fuzz_kind FUZZ_SAFETENSORS = {
    .name = "safetensors", .stream = 4, .make_seeds = make_seeds, .read = read_safetensors, .least_read = 5, .least_refused = 40};
