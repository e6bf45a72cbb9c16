/* Configurations: what reads is within the table's ranges, and reads the same again from what is written of it. */
#include "config.h"
#include "kinds.h"
#include "utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void make_seeds(struct seeds *s)
{
    static const char *const TEXTS[] = {
        "data:\n  dir: \"tweets/\\u00e9\"\n  rename: {OTHER: MISC, 'LOC': \"PLACE\"}\nmodel: {layers: 2, width: 64, heads: 4}\ntrain:\n  lr_encoder: "
        "3e-5 # quick\n  schedule: cosine\n",
        "---\ndata:\n  dir: |-\n    tweets\n  train: >-\n    a\n    b\nmodel:\ntrain:\n  seed: 4294967295\n  max_seconds: 1e6\n...\n",
    };
    fuzz_seed_of_file(s, "configs/synth.yaml");
    fuzz_seed_of_file(s, "configs/twitter2015.yaml");
    seeds_add(s, TEXTS[1], strlen(TEXTS[1]));
    struct nerve_config c;
    config_default(&c);
    for (enum config_form form = CONFIG_RESOLVED; form <= CONFIG_INIT; form++) {
        char *text = config_text(&c, form);
        if (!text) abort();
        seeds_add(s, text, strlen(text));
        free(text);
    }
    seeds_add(s, TEXTS[0], strlen(TEXTS[0]));
}

static void claim_text(const char *name, const char *text, size_t size)
{
    const size_t n = strnlen(text, size);
    fuzz_claim(n < size && utf8_valid(text, n) == n, "%s is no text", name);
    for (size_t i = 0; i < n; i++) fuzz_claim((unsigned char)text[i] >= ' ' && text[i] != 0x7F, "%s holds a control character", name);
}

static void claim_map(const char *name, const struct config_map *map)
{
    fuzz_claim(map->n >= 0 && map->n <= CONFIG_MAP_SIZE, "%s has %d pairs", name, map->n);
    for (int i = 0; i < map->n; i++) {
        claim_text(name, map->pairs[i].from, sizeof map->pairs[i].from);
        claim_text(name, map->pairs[i].to, sizeof map->pairs[i].to);
        fuzz_claim(map->pairs[i].from[0] && map->pairs[i].to[0], "%s: an empty name", name);
        fuzz_claim(i == 0 || strcmp(map->pairs[i - 1].from, map->pairs[i].from) < 0, "%s: names out of order", name);
    }
}

static void claim_value(const struct nerve_config *c, int key, long lines)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    const void *field = (const char *)c + k->offset;
    int words = 0;
    while (k->words && k->words[words]) words++;
    fuzz_claim(c->origin[key] >= 0 && c->origin[key] <= lines, "%s: of line %d", k->name, c->origin[key]);
    switch (k->type) {
    case CONFIG_INTEGER:
        fuzz_claim(*(const int *)field >= k->low && *(const int *)field <= k->high, "%s: %d", k->name, *(const int *)field);
        break;
    case CONFIG_SEED:
        fuzz_claim(*(const uint32_t *)field >= k->low && *(const uint32_t *)field <= k->high, "%s", k->name);
        break;
    case CONFIG_NUMBER:
        fuzz_claim(*(const double *)field >= k->low && *(const double *)field <= k->high, "%s: %g", k->name, *(const double *)field);
        break;
    case CONFIG_BOOLEAN:
        fuzz_claim(*(const unsigned char *)field <= 1, "%s is neither true nor false", k->name);
        break;
    case CONFIG_CHOICE:
        fuzz_claim(*(const int *)field >= 0 && *(const int *)field < words, "%s: word %d of %d", k->name, *(const int *)field, words);
        break;
    case CONFIG_TEXT:
        claim_text(k->name, field, CONFIG_TEXT_SIZE);
        break;
    case CONFIG_MAP:
        claim_map(k->name, field);
        break;
    }
}

static void claim_reads_again(const struct nerve_config *c)
{
    static struct nerve_config again;
    struct err e = {0};
    char *text = config_text(c, CONFIG_RESOLVED);
    fuzz_claim(text, "no text");
    config_default(&again);
    fuzz_claim(config_read_text(text, strlen(text), "again", &again, &e) == 0, "%s", e.text);
    const char *key = config_difference(c, &again);
    fuzz_claim(!key, "%s reads otherwise again", key);
    free(text);
}

/* "path:line:column: message", below it "  line | text of the line", below that blanks and a caret. Else one line, about the file. */
static void claim_pointed_error(const struct fuzz_input *in, int code, struct err *e)
{
    char *end = strchr(e->text, '\n'), *caret = end ? strrchr(e->text, '\n') : NULL;
    if (end) {
        fuzz_claim(end != caret && !memchr(end + 1, '\n', (size_t)(caret - end - 1)), "not three lines: %s", e->text);
        fuzz_claim(strspn(caret + 1, " ") == 8 && strncmp(caret, "\n        | ", 11) == 0, "no place for a caret: %s", e->text);
        fuzz_claim(caret[11 + strspn(caret + 11, " ")] == '^' && caret[12 + strspn(caret + 11, " ")] == 0, "no caret: %s", e->text);
        fuzz_claim(utf8_valid(e->text, strlen(e->text)) == strlen(e->text), "not UTF-8: %s", e->text);
        for (const char *c = e->text; *c; c++) fuzz_claim((unsigned char)*c >= ' ' || c == end || c == caret, "control: %s", e->text);
        *end = 0;
    }
    fuzz_claim_error(in, in->path, code, ERR_CONFIG, e);
    fuzz_claim(end || strstr(e->text, "bytes"), "names no line: %s", e->text);
    fuzz_claim(!end || fuzz_line_of(in->path, e) > 0, "names no line: %s", e->text);
}

static enum fuzz_verdict read_config(const struct fuzz_input *in)
{
    static struct nerve_config c;
    long lines = 1;
    struct err e = {0};
    for (size_t i = 0; i < in->size; i++) lines += in->data[i] == '\n';
    config_default(&c);
    int code = config_read_file(in->path, &c, &e);
    if (code) {
        claim_pointed_error(in, code, &e);
        return FUZZ_REFUSED;
    }
    for (int k = 0; k < N_CONFIG_KEYS; k++) claim_value(&c, k, lines);
    claim_reads_again(&c);
    code = config_check(&c, &e);
    fuzz_claim(code == 0 || (code == ERR_CONFIG && e.code == code && *e.text && !strchr(e.text, '\n')), "code %d: %s", code, e.text);
    return FUZZ_READ;
}

const struct fuzz_kind FUZZ_CONFIG = {
    .name = "config", .stream = 2, .make_seeds = make_seeds, .read = read_config, .least_read = 10, .least_refused = 40};
