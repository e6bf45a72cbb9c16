#include "data_set.h"
#include "files.h"
#include "loaded_model.h"
#include "pretrained.h"
#include <limits.h>
#include <stdlib.h>

enum { VOCABULARY_MAX = 64 << 20 };

static int take_vocabulary(const struct nerve_config *c, const char *text, size_t size, const char *name, bool lower_case, int positions,
                           struct data_set *d, struct err *e)
{
    if (c->model.lower_case != CONFIG_LOWER_AUTO) lower_case = c->model.lower_case == CONFIG_LOWER_TRUE;
    d->max_length = c->data.max_length > 0 && c->data.max_length < positions ? c->data.max_length : positions;
    return wordpiece_from_text(text, size, name, lower_case, &d->wordpiece, e);
}

static int vocabulary_of_folder(const struct nerve_config *c, struct data_set *d, struct err *e)
{
    struct pretrained p;
    int code = pretrained_open(c->model.encoder, &p, e);
    if (code) return code;
    code = take_vocabulary(c, p.vocabulary, p.vocabulary_size, c->model.encoder, p.lower_case,
                           p.config.max_positions - p.config.position_offset, d, e);
    pretrained_close(&p);
    return code;
}

static int vocabulary_of_checkpoint(const struct nerve_config *c, struct data_set *d, struct err *e)
{
    struct loaded_model m;
    int code = loaded_model_open(c->train.init, &m, e);
    if (code) return err_prefix(e, "train.init: ");
    const struct model_shape *s = &m.model.shape;
    code = take_vocabulary(c, s->vocabulary, s->vocabulary_size, c->train.init, s->lower_case,
                           s->encoder.max_positions - s->encoder.position_offset, d, e);
    loaded_model_close(&m);
    return code;
}

static int vocabulary_of_file(const struct nerve_config *c, struct data_set *d, struct err *e)
{
    char path[CONFIG_TEXT_SIZE], *text = NULL;
    size_t size;
    int code = config_data_path(c, c->model.vocab, path, e);
    if (code || !file_exists(path)) return code;
    code = file_read(path, VOCABULARY_MAX, &text, &size, e);
    if (!code) code = take_vocabulary(c, text, size, path, true, c->model.max_positions, d, e);
    free(text);
    return code;
}

int data_set_open(const struct nerve_config *config, conll_report report, void *const context[N_SPLITS], struct data_set *out,
                  struct err *e)
{
    struct tag_rename rename[CONFIG_MAP_SIZE];
    const struct config_map *map = &config->data.rename;
    int code = 0;
    *out = (struct data_set){0};
    for (int k = 0; k < map->n; k++) rename[k] = (struct tag_rename){map->pairs[k].from, map->pairs[k].to};
    for (int k = 0; k < N_SPLITS && !code; k++) {
        char path[PATH_MAX];
        code = split_path(config, (enum split_name)k, NULL, path, sizeof path, e);
        if (!code)
            code = report ? conll_check(path, rename, map->n, report, context[k], &out->split[k], e)
                          : conll_read(path, rename, map->n, &out->split[k], e);
    }
    if (!code)
        code = config->train.init[0]      ? vocabulary_of_checkpoint(config, out, e)
               : config->model.encoder[0] ? vocabulary_of_folder(config, out, e)
                                          : vocabulary_of_file(config, out, e);
    if (code) data_set_close(out);
    return code;
}

void data_set_close(struct data_set *d)
{
    for (int k = 0; k < N_SPLITS; k++) dataset_free(&d->split[k]);
    wordpiece_free(d->wordpiece);
    *d = (struct data_set){0};
}
