/* config.h - the configuration of a training run: one table of keys drives checking, overrides, `nerve config show` and docs/config.md.
 *
 * A configuration is a plain value: it owns nothing and is copied by assignment. It is made by config_default, then changed by
 * config_read_file (YAML) and config_set (the command line), in this order, then checked as a whole by config_check.
 * Errors are ERR_CONFIG, and here alone their text may have more than one line: below the message stand the line of the file and a caret.
 */
#ifndef NERVE_CONFIG_H
#define NERVE_CONFIG_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_TEXT_SIZE = 4096, /* bytes of a text value with its NUL */
    CONFIG_NAME_SIZE = 64,   /* bytes of a name in a map with its NUL */
    CONFIG_MAP_SIZE = 64,    /* pairs in a map */
    CONFIG_KEY_ROOM = 128,   /* at least as many as there are keys */
};

struct json;

struct config_map {
    int n;
    struct {
        char from[CONFIG_NAME_SIZE], to[CONFIG_NAME_SIZE];
    } pairs[CONFIG_MAP_SIZE]; /* in byte order of `from`, which are all different */
};

/* What each key means, its unit and its default stand in the table (config_keys.c). A text that is not set is "". */
struct nerve_config {
    struct {
        char dir[CONFIG_TEXT_SIZE], train[CONFIG_TEXT_SIZE], valid[CONFIG_TEXT_SIZE], test[CONFIG_TEXT_SIZE];
        struct config_map rename;
        int max_length;
        char images[CONFIG_TEXT_SIZE], captions[CONFIG_TEXT_SIZE], features[CONFIG_TEXT_SIZE];
        int bad_image; /* enum config_bad_image */
        bool exif_orientation;
    } data;
    struct {
        char encoder[CONFIG_TEXT_SIZE], vocab[CONFIG_TEXT_SIZE];
        int lower_case; /* enum config_lower_case */
        int layers, width, heads, inner, max_positions;
        bool crf, bio_constraints;
        double dropout, dropout_hidden, dropout_attention;
        int frozen_layers, lora_rank;
        double lora_alpha;
        int fusion, visual, image_query, cross_residual; /* enum config_fusion, config_visual, config_image_query, config_residual */
        char vision[CONFIG_TEXT_SIZE];
        int vision_layers, vision_width, vision_heads, vision_inner, vision_size, vision_patch, vision_layer;
        int vision_tokens; /* enum config_tokens */
        int vision_frozen_layers, vision_lora_rank;
        double vision_lora_alpha;
        int caption_encoder; /* enum config_caption_encoder */
        int caption_frozen_layers, caption_length;
        double nu_min, nu_max, alpha_min, alpha_max, beta_min;
        bool tie_alpha, vacuous_neutral;
    } model;
    struct {
        double modality, evidence, evidence_after, evidence_ramp, regulariser, noise;
        bool class_balanced, image_balanced;
    } loss;
    struct {
        uint32_t seed;
        char init[CONFIG_TEXT_SIZE];
        int epochs, batch, batch_pieces, accumulate, accumulate_pieces, pool, patience;
        int schedule; /* enum config_schedule */
        double lr_encoder, lr_head, lr_crf, lr_fusion, lr_visual, drop_image, drop_text, noise_image, layer_decay, weight_decay, warmup,
            clip, adam_beta1, adam_beta2, adam_eps, max_seconds;
        int threads, max_steps, checkpoint_every, max_bad_steps, eval_batch, log_every;
    } train;
    char file[CONFIG_TEXT_SIZE]; /* that was read, "" before */
    int origin[CONFIG_KEY_ROOM]; /* of each key, in the table's order: enum config_origin, or a line of file */
};
enum config_lower_case { CONFIG_LOWER_AUTO, CONFIG_LOWER_TRUE, CONFIG_LOWER_FALSE };
enum config_schedule { CONFIG_SCHEDULE_LINEAR, CONFIG_SCHEDULE_COSINE };
enum config_bad_image { CONFIG_BAD_IMAGE_DROP, CONFIG_BAD_IMAGE_ERROR };
enum config_fusion {
    FUSION_TEXT,
    FUSION_IMAGE,
    FUSION_APPEND,
    FUSION_CONCAT,
    FUSION_GATE,
    FUSION_CROSS,
    FUSION_AVERAGE,
    FUSION_MONIG_ONEHOT,
    FUSION_MONIG_PROB,
    FUSION_DIRICHLET,
};
enum config_visual { SOURCE_NONE, SOURCE_VIT, SOURCE_CLIP, SOURCE_CAPTION, SOURCE_FEATURES };
enum config_image_query { IMAGE_QUERY_TAGS, IMAGE_QUERY_WORDS };
enum config_residual { CONFIG_RESIDUAL_AUTO, CONFIG_RESIDUAL_TRUE, CONFIG_RESIDUAL_FALSE };
enum config_tokens { CONFIG_TOKENS_ALL, CONFIG_TOKENS_CLASS, CONFIG_TOKENS_PATCHES };
enum config_caption_encoder { CONFIG_CAPTIONS_SHARED, CONFIG_CAPTIONS_OWN };
enum config_origin { CONFIG_ABLATION = -2, CONFIG_ARGUMENT = -1, CONFIG_DEFAULT = 0 };

void config_default(struct nerve_config *c);
/* ERR_NOINPUT: no such file. ERR_CONFIG: file:line:col, what is wrong, the line, a caret. *c is then half read: do not use it. */
int config_read_file(const char *path, struct nerve_config *c, struct err *e);
/* The same from memory: what config_text gave. name stands for the path. */
int config_read_text(const char *text, size_t size, const char *name, struct nerve_config *c, struct err *e);
/* "section.key=value" from the command line; a map takes "section.key.from=to", and "section.key={}" empties it. ERR_USAGE where it is not
 * of this form. */
int config_set(struct nerve_config *c, const char *argument, struct err *e);
/* What no single key can tell: keys that contradict each other. */
int config_check(const struct nerve_config *c, struct err *e);
/* For a command that reads data: data.dir must be set. */
int config_check_data(const struct nerve_config *c, struct err *e);
/* Whether the model looks at anything beside the text; if not, the visual keys say nothing. */
bool config_looks(const struct nerve_config *c);
/* A file of data.dir (data.train, model.vocab, ...) as a path. */
int config_data_path(const struct nerve_config *c, const char *name, char path[CONFIG_TEXT_SIZE], struct err *e);

/* The whole configuration as YAML that config_read_text reads back to the same values, in the table's order. Fresh memory: free it. NULL
 * without memory. */
enum config_form {
    CONFIG_RESOLVED, /* every key */
    CONFIG_PAYLOAD,  /* without the runtime keys: what decides a run's last bytes, as a checkpoint holds it */
    CONFIG_SHOW,     /* every key, and where its value comes from as a comment */
    CONFIG_INIT,     /* every key, and above it as comments what it means and what it may be */
};
char *config_text(const struct nerve_config *c, enum config_form form);
/* The same as an object of sections; free it. */
struct json *config_json(const struct nerve_config *c, enum config_form form);
/* The table as a JSON Schema; free it. */
struct json *config_schema(void);
/* Name of the first key that is not a runtime key and differs, or NULL. */
const char *config_difference(const struct nerve_config *a, const struct nerve_config *b);
bool config_key_same(const struct nerve_config *a, const struct nerve_config *b, int key); /* both have one value */

/* ---- the table ---- */
enum config_type {
    CONFIG_INTEGER, /* int */
    CONFIG_SEED,    /* uint32_t */
    CONFIG_NUMBER,  /* double */
    CONFIG_BOOLEAN, /* bool */
    CONFIG_CHOICE,  /* int: the place of the word in `words` */
    CONFIG_TEXT,    /* char [CONFIG_TEXT_SIZE] */
    CONFIG_MAP,     /* struct config_map */
};
struct config_key {
    const char *name; /* "section.key" */
    enum config_type type;
    bool runtime;             /* may differ between runs that must end in the same bytes */
    size_t offset;            /* in struct nerve_config */
    const char *initial;      /* the default, as it would stand in a file */
    double low, high;         /* range of an integer or a number, inclusive */
    const char *const *words; /* of a choice; ends with NULL */
    const char *about;        /* one line, with the unit */
};
extern const struct config_key CONFIG_KEYS[];
extern const int N_CONFIG_KEYS;

int config_find(const char *name); /* place in the table, or -1 */
/* "did you mean" for a key that does not exist; NULL where none is near. */
const char *config_nearest(const char *name);
/* Sets one key from the text of a value. quoted: the text stood in quotes, so it is no number. False with what was expected and what was
 * found in why. */
bool config_set_value(struct nerve_config *c, int key, const char *text, bool quoted, char *why, size_t why_size);
bool config_set_pair(struct nerve_config *c, int key, const char *from, const char *to, char *why, size_t why_size); /* one pair of a map */
/* What a value of the key may be: "an integer from 1 to 512". */
void config_expected(int key, char *text, size_t size);

#endif
