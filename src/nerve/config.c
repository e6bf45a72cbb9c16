/* config.c - the values of a configuration: defaults, one value from its text, overrides, and what no single key can tell. */
#include "config.h"
#include "files.h"
#include "nearest.h"
#include "utf8.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int config_find(const char *name)
{
    for (int i = 0; i < N_CONFIG_KEYS; i++)
        if (strcmp(CONFIG_KEYS[i].name, name) == 0) return i;
    return -1;
}

const char *config_nearest(const char *name)
{
    const char *names[CONFIG_KEY_ROOM];
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        names[i] = CONFIG_KEYS[i].name;
        if (strcmp(strchr(names[i], '.') + 1, last) == 0) return names[i]; /* the right word in the wrong section */
    }
    return nearest_word(name, names, (size_t)N_CONFIG_KEYS);
}

void config_expected(int key, char *text, size_t size)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    int used = 0;
    switch (k->type) {
    case CONFIG_INTEGER:
    case CONFIG_SEED:
        snprintf(text, size, "an integer from %.0f to %.0f", k->low, k->high);
        break;
    case CONFIG_NUMBER:
        snprintf(text, size, "a number from %.9g to %.9g", k->low, k->high);
        break;
    case CONFIG_BOOLEAN:
        snprintf(text, size, "true or false");
        break;
    case CONFIG_TEXT:
        snprintf(text, size, "a text");
        break;
    case CONFIG_MAP:
        snprintf(text, size, "a map of names, as {OLD: NEW}");
        break;
    case CONFIG_CHOICE:
        for (int i = 0; k->words[i] && used >= 0 && (size_t)used < size; i++)
            used += snprintf(text + used, size - (size_t)used, "%s%s", i == 0 ? "one of " : ", ", k->words[i]);
        break;
    }
}

/* The whole text is one decimal number in C's notation: no hexadecimal, no inf, no nan. */
static bool number_read(const char *text, double *x)
{
    char *end;
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    *x = strtod(text, &end);
    return *end == '\0' && isfinite(*x);
}

static bool integer_read(const char *text, double low, double high, int64_t *x)
{
    char *end;
    size_t sign = text[0] == '-';
    if (text[sign] == '\0' || strspn(text + sign, "0123456789") != strlen(text + sign)) return false;
    errno = 0;
    *x = strtoll(text, &end, 10);
    return errno == 0 && (double)*x >= low && (double)*x <= high;
}

/* Text that stands in files: UTF-8 without control characters. Its first bad byte, or NULL. */
static const char *bad_byte(const char *text)
{
    size_t n = strlen(text), valid = utf8_valid(text, n);
    for (size_t i = 0; i < valid; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) return text + i;
    return valid < n ? text + valid : NULL;
}

static bool text_set(char *field, size_t size, const char *text, const char *what, char *why, size_t why_size)
{
    const char *bad = bad_byte(text);
    if (bad) {
        snprintf(why, why_size, "%s holds byte 0x%02X, which is no printable UTF-8", what, (unsigned char)*bad);
        return false;
    }
    if (strlen(text) >= size) {
        snprintf(why, why_size, "%s has %zu bytes, at most %zu are possible", what, strlen(text), size - 1);
        return false;
    }
    memcpy(field, text, strlen(text) + 1);
    return true;
}

bool config_set_value(struct nerve_config *c, int key, const char *text, bool quoted, char *why, size_t why_size)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    void *field = (char *)c + k->offset;
    int64_t integer;
    double number;
    switch (k->type) {
    case CONFIG_INTEGER:
        if (quoted || !integer_read(text, k->low, k->high, &integer)) break;
        *(int *)field = (int)integer;
        return true;
    case CONFIG_SEED:
        if (quoted || !integer_read(text, k->low, k->high, &integer)) break;
        *(uint32_t *)field = (uint32_t)integer;
        return true;
    case CONFIG_NUMBER:
        if (quoted || !number_read(text, &number) || !(number >= k->low && number <= k->high)) break;
        *(double *)field = number;
        return true;
    case CONFIG_BOOLEAN:
        if (quoted || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)) break;
        *(bool *)field = text[0] == 't';
        return true;
    case CONFIG_CHOICE:
        for (int i = 0; k->words[i]; i++) {
            if (strcmp(k->words[i], text) != 0) continue;
            *(int *)field = i;
            return true;
        }
        break;
    case CONFIG_TEXT:
        if (text[0] == '\0' && k->initial[0] != '\0') break;
        return text_set(field, CONFIG_TEXT_SIZE, text, "the text", why, why_size);
    case CONFIG_MAP:
        if (quoted || strcmp(text, "{}") != 0) break;
        ((struct config_map *)field)->n = 0;
        return true;
    }
    char expected[256];
    config_expected(key, expected, sizeof expected);
    if (text[0] == '\0')
        snprintf(why, why_size, "expected %s, found nothing", expected);
    else
        snprintf(why, why_size, "expected %s, found %s'%.100s'", expected, quoted ? "the text " : "", text);
    return false;
}

bool config_set_pair(struct nerve_config *c, int key, const char *from, const char *to, char *why, size_t why_size)
{
    struct config_map *map = (struct config_map *)((char *)c + CONFIG_KEYS[key].offset);
    struct config_map larger = *map;
    int at = 0;
    while (at < map->n && strcmp(map->pairs[at].from, from) < 0) at++;
    bool known = at < map->n && strcmp(map->pairs[at].from, from) == 0;
    if (!known && map->n == CONFIG_MAP_SIZE) {
        snprintf(why, why_size, "more than %d names", CONFIG_MAP_SIZE);
        return false;
    }
    if (from[0] == '\0' || to[0] == '\0' || strchr(from, ' ') || strchr(to, ' ')) {
        snprintf(why, why_size, "expected two names without blanks, found '%.60s' and '%.60s'", from, to);
        return false;
    }
    if (!known) {
        memmove(larger.pairs + at + 1, map->pairs + at, (size_t)(map->n - at) * sizeof *map->pairs);
        larger.n++;
    }
    if (!text_set(larger.pairs[at].from, CONFIG_NAME_SIZE, from, "the name", why, why_size) ||
        !text_set(larger.pairs[at].to, CONFIG_NAME_SIZE, to, "the name", why, why_size))
        return false;
    *map = larger;
    return true;
}

void config_default(struct nerve_config *c)
{
    char why[512];
    memset(c, 0, sizeof *c);
    for (int i = 0; i < N_CONFIG_KEYS; i++)
        if (!config_set_value(c, i, CONFIG_KEYS[i].initial, false, why, sizeof why)) abort(); /* a wrong row of the table */
}

/* The map of which name is "map.from"; from then points behind the dot. */
static int find_map(const char *name, const char **from)
{
    for (int i = 0; i < N_CONFIG_KEYS; i++) {
        size_t n = strlen(CONFIG_KEYS[i].name);
        if (CONFIG_KEYS[i].type != CONFIG_MAP || strncmp(name, CONFIG_KEYS[i].name, n) != 0 || name[n] != '.') continue;
        *from = name + n + 1;
        return i;
    }
    return -1;
}

int config_set(struct nerve_config *c, const char *argument, struct err *e)
{
    const char *equals = strchr(argument, '=');
    char name[256], why[512];
    if (!equals || equals == argument || equals - argument >= (ptrdiff_t)sizeof name)
        return err_set(e, ERR_USAGE, "argument '%.200s': expected section.key=value, as train.seed=2", argument);
    memcpy(name, argument, (size_t)(equals - argument));
    name[equals - argument] = '\0';

    const char *from = NULL;
    int key = config_find(name);
    if (key < 0) key = find_map(name, &from);
    if (key < 0) {
        const char *meant = config_nearest(name);
        return err_set(e, ERR_CONFIG, "argument '%.200s': unknown key '%s'%s%s%s", argument, name, meant ? ": did you mean '" : "",
                       meant ? meant : "; `nerve config keys` lists them", meant ? "'?" : "");
    }
    bool fine =
        from ? config_set_pair(c, key, from, equals + 1, why, sizeof why) : config_set_value(c, key, equals + 1, false, why, sizeof why);
    if (!fine) return err_set(e, ERR_CONFIG, "argument '%.200s': %s: %s", argument, CONFIG_KEYS[key].name, why);
    c->origin[key] = CONFIG_ARGUMENT;
    return 0;
}

bool config_looks(const struct nerve_config *c)
{
    return c->model.fusion != FUSION_TEXT;
}

/* "name = value (file:line)": what a message about two keys says of each. */
static const char *cited_text(const struct nerve_config *c, const char *name, const char *value, char text[512])
{
    int origin = c->origin[config_find(name)];
    if (origin > 0)
        snprintf(text, 512, "%s = %.150s (%.250s:%d)", name, value, c->file, origin);
    else
        snprintf(text, 512, "%s = %.150s (%s)", name, value,
                 origin == CONFIG_ARGUMENT   ? "command line"
                 : origin == CONFIG_ABLATION ? "ablation file"
                                             : "default");
    return text;
}

static const char *cited(const struct nerve_config *c, const char *name, long value, char text[512])
{
    char number[32];
    snprintf(number, sizeof number, "%ld", value);
    return cited_text(c, name, number, text);
}

static const char *cited_choice(const struct nerve_config *c, const char *name, int value, char text[512])
{
    return cited_text(c, name, CONFIG_KEYS[config_find(name)].words[value], text);
}

/* A ViT from scratch. */
static int check_vision(const struct nerve_config *c, struct err *e)
{
    char a[512], b[512];
    if (c->model.vision_width % c->model.vision_heads != 0)
        return err_set(e, ERR_CONFIG, "%s is not a multiple of %s", cited(c, "model.vision_width", c->model.vision_width, a),
                       cited(c, "model.vision_heads", c->model.vision_heads, b));
    if (c->model.vision_patch > c->model.vision_size)
        return err_set(e, ERR_CONFIG, "%s is larger than the picture: %s", cited(c, "model.vision_patch", c->model.vision_patch, a),
                       cited(c, "model.vision_size", c->model.vision_size, b));
    if (c->model.vision_layer > c->model.vision_layers)
        return err_set(e, ERR_CONFIG, "%s is behind the last layer: %s", cited(c, "model.vision_layer", c->model.vision_layer, a),
                       cited(c, "model.vision_layers", c->model.vision_layers, b));
    if (c->model.vision_frozen_layers > c->model.vision_layers)
        return err_set(e, ERR_CONFIG, "%s is more than the encoder's layers: %s",
                       cited(c, "model.vision_frozen_layers", c->model.vision_frozen_layers, a),
                       cited(c, "model.vision_layers", c->model.vision_layers, b));
    return 0;
}

static int check_fusion(const struct nerve_config *c, struct err *e)
{
    char a[512], b[512];
    if (!config_looks(c)) return 0;
    if (c->model.visual == SOURCE_NONE)
        return err_set(e, ERR_CONFIG,
                       "%s needs something to see: %s; set model.visual to vit, clip, caption or features, or model.fusion to text",
                       cited_choice(c, "model.fusion", c->model.fusion, a), cited_choice(c, "model.visual", c->model.visual, b));
    if (c->model.fusion == FUSION_APPEND && c->model.visual != SOURCE_CAPTION)
        return err_set(e, ERR_CONFIG, "%s sets captions behind the tweets, so it needs model.visual: caption, not %s",
                       cited_choice(c, "model.fusion", c->model.fusion, a), cited_choice(c, "model.visual", c->model.visual, b));
    if (c->train.noise_image > 0 && c->model.visual == SOURCE_CAPTION)
        return err_set(e, ERR_CONFIG, "%s: of a caption there is no noise; set train.noise_image to 0",
                       cited_choice(c, "model.visual", c->model.visual, a));
    if (c->model.nu_min >= c->model.nu_max || c->model.alpha_min >= c->model.alpha_max)
        return err_set(e, ERR_CONFIG, "model.nu_min and model.alpha_min must be less than model.nu_max and model.alpha_max");
    return c->model.visual == SOURCE_VIT && !c->model.vision[0] ? check_vision(c, e) : 0;
}

int config_check(const struct nerve_config *c, struct err *e)
{
    char a[512], b[512];
    const int code = check_fusion(c, e);
    if (code) return code;
    if (c->data.max_length > 0 && c->data.max_length < 3)
        return err_set(e, ERR_CONFIG, "%s leaves no room for a word between [CLS] and [SEP]: at least 3, or 0",
                       cited(c, "data.max_length", c->data.max_length, a));
    if (c->train.batch_pieces == 0 && c->train.accumulate > c->train.batch)
        return err_set(e, ERR_CONFIG, "%s is more parts than a batch has tweets: %s", cited(c, "train.accumulate", c->train.accumulate, a),
                       cited(c, "train.batch", c->train.batch, b));
    if (c->train.accumulate > 1 && c->train.accumulate_pieces > 0)
        return err_set(e, ERR_CONFIG, "%s and %s: a batch is split by one of them; remove the other",
                       cited(c, "train.accumulate", c->train.accumulate, a),
                       cited(c, "train.accumulate_pieces", c->train.accumulate_pieces, b));
    if (c->train.init[0] != '\0' && c->model.encoder[0] != '\0')
        return err_set(e, ERR_CONFIG, "%s and %s: the encoder comes from one of them; remove the other",
                       cited_text(c, "train.init", c->train.init, a), cited_text(c, "model.encoder", c->model.encoder, b));
    if (c->train.init[0] != '\0' || c->model.encoder[0] != '\0') return 0; /* the rest is about an encoder from scratch */
    if (c->model.width % c->model.heads != 0)
        return err_set(e, ERR_CONFIG, "%s is not a multiple of %s", cited(c, "model.width", c->model.width, a),
                       cited(c, "model.heads", c->model.heads, b));
    if (c->data.max_length > c->model.max_positions)
        return err_set(e, ERR_CONFIG, "%s is more than the encoder's positions: %s", cited(c, "data.max_length", c->data.max_length, a),
                       cited(c, "model.max_positions", c->model.max_positions, b));
    if (c->model.frozen_layers > c->model.layers)
        return err_set(e, ERR_CONFIG, "%s is more than the encoder's layers: %s",
                       cited(c, "model.frozen_layers", c->model.frozen_layers, a), cited(c, "model.layers", c->model.layers, b));
    return 0;
}

int config_check_data(const struct nerve_config *c, struct err *e)
{
    char a[512];
    if (c->data.dir[0] == '\0')
        return err_set(e, ERR_CONFIG, "data.dir is not set: add data.dir=FOLDER, the folder that holds %s, %s and %s", c->data.train,
                       c->data.valid, c->data.test);
    if (!config_looks(c)) return 0;
    if (c->model.visual == SOURCE_CLIP && !c->model.vision[0])
        return err_set(e, ERR_CONFIG, "%s needs model.vision, a Hugging Face folder of CLIP; from scratch there is model.visual: vit",
                       cited_choice(c, "model.visual", c->model.visual, a));
    if (c->model.visual == SOURCE_FEATURES && !c->data.features[0])
        return err_set(e, ERR_CONFIG, "%s needs data.features, a file that `nerve features` made",
                       cited_choice(c, "model.visual", c->model.visual, a));
    return 0;
}

int config_data_path(const struct nerve_config *c, const char *name, char path[CONFIG_TEXT_SIZE], struct err *e)
{
    return path_join(path, CONFIG_TEXT_SIZE, c->data.dir, name, e);
}

static bool map_same(const struct config_map *a, const struct config_map *b)
{
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->pairs[i].from, b->pairs[i].from) != 0 || strcmp(a->pairs[i].to, b->pairs[i].to) != 0) return false;
    return true;
}

bool config_key_same(const struct nerve_config *a, const struct nerve_config *b, int key)
{
    const struct config_key *k = &CONFIG_KEYS[key];
    const char *x = (const char *)a + k->offset, *y = (const char *)b + k->offset;
    switch (k->type) {
    case CONFIG_INTEGER:
    case CONFIG_CHOICE:
        return *(const int *)x == *(const int *)y;
    case CONFIG_SEED:
        return *(const uint32_t *)x == *(const uint32_t *)y;
    case CONFIG_NUMBER:
        return *(const double *)x == *(const double *)y;
    case CONFIG_BOOLEAN:
        return *(const bool *)x == *(const bool *)y;
    case CONFIG_TEXT:
        return strcmp(x, y) == 0;
    case CONFIG_MAP:
        return map_same((const struct config_map *)x, (const struct config_map *)y);
    }
    return false;
}

const char *config_difference(const struct nerve_config *a, const struct nerve_config *b)
{
    for (int i = 0; i < N_CONFIG_KEYS; i++)
        if (!CONFIG_KEYS[i].runtime && !config_key_same(a, b, i)) return CONFIG_KEYS[i].name;
    return NULL;
}
