#include "split.h"
#include "files.h"
#include "log.h"
#include <stdlib.h>
#include <string.h>

const char *const SPLIT_NAMES[N_SPLITS] = {"train", "valid", "test"};

int split_path(const struct nerve_config *config, enum split_name which, const char *directory, char *path, size_t size, struct err *e)
{
    const char *file = which == SPLIT_TRAIN ? config->data.train : which == SPLIT_VALID ? config->data.valid : config->data.test;
    return path_join(path, size, directory ? directory : config->data.dir, file, e);
}

int split_read(const struct nerve_config *config, const char *path, struct split *s, struct err *e)
{
    *s = (struct split){0};
    struct tag_rename rename[CONFIG_MAP_SIZE];
    const struct config_map *map = &config->data.rename;
    for (int k = 0; k < map->n; k++) rename[k] = (struct tag_rename){map->pairs[k].from, map->pairs[k].to};
    return conll_read(path, rename, map->n, &s->data, e);
}

int split_encode(struct split *s, const struct tag_set *types, const struct wordpiece *wordpiece, int max_length, struct err *e)
{
    struct dataset *d = &s->data;
    int code = dataset_resolve_tags(d, types, e);
    if (code) return code;
    s->gold = malloc(((size_t)d->n_words + 1) * sizeof *s->gold);
    if (!s->gold) return err_set(e, ERR_INTERNAL, "out of memory for %d tags", d->n_words);
    memcpy(s->gold, d->tags, (size_t)d->n_words * sizeof *s->gold);
    for (int i = 0; i < d->n_tweets; i++) s->repaired += tags_repair(d->tweets[i].n_words, d->tags + d->tweets[i].first_word);
    code = encode_dataset(d, wordpiece, max_length, &s->encoded, e);
    if (code) return code;
    log_info("%s: %d tweets, %d words, %d pieces; %d orphan I- tags repaired, %lld words without a piece, %lld words cut from %lld tweets",
             d->path, d->n_tweets, d->n_words, s->encoded.piece_start[d->n_tweets], s->repaired, (long long)s->encoded.words_unknown,
             (long long)s->encoded.words_cut, (long long)s->encoded.tweets_cut);
    return 0;
}

void split_free(struct split *s)
{
    encoded_free(&s->encoded);
    visual_free(&s->visual);
    free(s->gold);
    dataset_free(&s->data);
    *s = (struct split){0};
}
