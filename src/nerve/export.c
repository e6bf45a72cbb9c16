#include "export.h"
#include "files.h"
#include "loaded_model.h"
#include "log.h"
#include "model_store.h"
#include "safetensors_write.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the order in which they are written. */
enum { WEIGHTS, VOCABULARY, TOKENIZER, CONFIG, N_FILES };
static const char *const FILES[N_FILES] = {"model.safetensors", "vocab.txt", "tokenizer_config.json", "config.json"};

struct source {
    struct checkpoint *checkpoint;
    struct model model;
    char path[PATH_MAX];
};

static int open_source(const char *run_or_checkpoint, struct source *s, struct err *e)
{
    *s = (struct source){0};
    int code;
    if ((code = checkpoint_find(run_or_checkpoint, s->path, e)) || (code = checkpoint_open(s->path, &s->checkpoint, e))) return code;
    if ((code = model_open(s->checkpoint, s->path, &s->model, e))) checkpoint_close(s->checkpoint);
    return code;
}

static void close_source(struct source *s)
{
    model_free(&s->model);
    checkpoint_close(s->checkpoint);
}

/* ---- the files of a folder ---- */

static struct array array_of(const ag_param *p, const char *name)
{
    struct array a = {.name = name, .type = ARRAY_F32, .rank = p->rank, .size = p->size, .data = p->val};
    for (int k = 0; k < p->rank; k++) a.dim[k] = (size_t)p->dim[k];
    return a;
}

/* transformers gives the encoder's names their prefix only where a head stands beside it. Other programs have no LoRA: its pairs are merged
 * into their matrices. */
static int write_weights(const struct model *m, bool with_head, const char *path, struct err *e)
{
    const size_t prefix = with_head ? 0 : strlen(m->shape.encoder.family->prefix);
    struct array *arrays = calloc(m->params.n + 1, sizeof *arrays);
    float **merged = calloc(m->params.n + 1, sizeof *merged);
    size_t n = 0;
    int code = arrays && merged ? 0 : err_set(e, ERR_INTERNAL, "%s: out of memory for %zu tensors", path, m->params.n);
    for (size_t k = 0; k < m->params.n && !code; k++) {
        const ag_param *p = m->params.at[k];
        if ((!with_head && model_layer(m, p) < 0) || nn_is_lora(p)) continue;
        arrays[n] = array_of(p, p->name + prefix);
        const nn_linear *lora = model_lora(m, p);
        if (lora) {
            merged[k] = malloc(p->size * sizeof **merged);
            if (merged[k])
                nn_lora_merge(lora, merged[k]);
            else
                code = err_set(e, ERR_INTERNAL, "%s: out of memory for '%s'", path, p->name);
            arrays[n].data = merged[k];
        }
        n++;
    }
    if (!code) code = safetensors_write(path, arrays, n, e);
    for (size_t k = 0; merged && k < m->params.n; k++) free(merged[k]);
    free(merged);
    free(arrays);
    return code;
}

static int write_json(const char *path, struct json *json, struct err *e)
{
    char *text = json_dump(json, 2);
    const size_t size = strlen(text);
    json_free(json);
    text[size] = '\n';
    int code = file_write_bytes(path, text, size + 1, e);
    free(text);
    return code;
}

static int write_tokenizer(const struct model *m, const char *path, struct err *e)
{
    struct json *json = json_new_object();
    json_set_string(json, "tokenizer_class", "BertTokenizer");
    json_set_boolean(json, "do_lower_case", m->shape.lower_case);
    json_set_integer(json, "model_max_length", m->shape.encoder.max_positions - m->shape.encoder.position_offset);
    json_set_string(json, "unk_token", "[UNK]");
    json_set_string(json, "sep_token", "[SEP]");
    json_set_string(json, "pad_token", "[PAD]");
    json_set_string(json, "cls_token", "[CLS]");
    json_set_string(json, "mask_token", "[MASK]");
    json_set_boolean(json, "tokenize_chinese_chars", true);
    return write_json(path, json, e);
}

static int write_config(const struct model *m, bool with_head, const char *path, struct err *e)
{
    struct json *json = bert_config_to_published(&m->shape.encoder, with_head, m->shape.dropout);
    struct json *id2label = json_new_object(), *label2id = json_new_object();
    char name[256], number[16];
    for (int tag = 0; tag < tag_count(&m->shape.types); tag++) {
        tag_name(&m->shape.types, tag, name, sizeof name);
        snprintf(number, sizeof number, "%d", tag);
        json_set_string(id2label, number, name);
        json_set_integer(label2id, name, tag);
    }
    json_set(json, "id2label", id2label);
    json_set(json, "label2id", label2id);
    for (int32_t id = 0; id < wordpiece_size(m->wordpiece); id++)
        if (strcmp(wordpiece_piece(m->wordpiece, id), "[PAD]") == 0) json_set_integer(json, "pad_token_id", id);
    return write_json(path, json, e);
}

static int write_file(const struct model *m, bool with_head, int file, const char *path, struct err *e)
{
    switch (file) {
    case WEIGHTS:
        return write_weights(m, with_head, path, e);
    case VOCABULARY:
        return file_write_bytes(path, m->shape.vocabulary, m->shape.vocabulary_size, e);
    case TOKENIZER:
        return write_tokenizer(m, path, e);
    default:
        return write_config(m, with_head, path, e);
    }
}

/* ---- the folder ---- */

/* A file of an export, or what a killed one left of it: .NAME.XXXXXX (file_write_atomic). */
static bool is_ours(const char *entry)
{
    for (int k = 0; k < N_FILES; k++) {
        const size_t length = strlen(FILES[k]);
        if (strcmp(entry, FILES[k]) == 0) return true;
        if (entry[0] == '.' && strncmp(entry + 1, FILES[k], length) == 0 && entry[length + 1] == '.') return true;
    }
    return false;
}

/* Calls visit for every entry but . and .., until it gives not 0. */
static int each_entry(const char *directory, int (*visit)(const char *directory, const char *entry, struct err *e), struct err *e)
{
    DIR *stream = opendir(directory);
    int code = 0;
    if (!stream) return err_set(e, ERR_IO, "%s: cannot be read: %s", directory, strerror(errno));
    for (const struct dirent *entry; !code && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) code = visit(directory, entry->d_name, e);
    closedir(stream);
    return code;
}

static int refuse_foreign(const char *directory, const char *entry, struct err *e)
{
    if (is_ours(entry)) return 0;
    return err_set(e, ERR_USAGE, "%s: %s in it is no file of an export: --force replaces nothing else; choose another --out", directory,
                   entry);
}

static int remove_ours(const char *directory, const char *entry, struct err *e)
{
    char path[PATH_MAX];
    int code = path_join(path, sizeof path, directory, entry, e);
    if (!code && is_ours(entry) && unlink(path) && errno != ENOENT)
        code = err_set(e, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return code;
}

static int prepare(const char *directory, bool force, struct err *e)
{
    bool is_empty;
    int code;
    if ((code = directory_make(directory, e)) || (code = directory_is_empty(directory, &is_empty, e)) || is_empty) return code;
    if (!force) return err_set(e, ERR_USAGE, "%s: the directory is not empty; --force replaces an earlier export in it", directory);
    /* First of all its config.json: from here on it is no model. */
    if ((code = each_entry(directory, refuse_foreign, e)) || (code = remove_ours(directory, FILES[CONFIG], e))) return code;
    return each_entry(directory, remove_ours, e);
}

static int write_all(const struct model *m, const char *directory, bool with_head, struct err *e)
{
    char path[PATH_MAX];
    int code = 0;
    for (int k = 0; k < N_FILES && !code; k++) {
        code = path_join(path, sizeof path, directory, FILES[k], e);
        if (!code) code = write_file(m, with_head, k, path, e);
    }
    return code;
}

static void take_back(const char *directory, bool was_there)
{
    struct err ignored = {0};
    each_entry(directory, remove_ours, &ignored);
    if (!was_there) rmdir(directory);
}

static void tell(const struct source *s, const char *directory, bool with_head)
{
    const struct model *m = &s->model;
    log_info("%s: the %s encoder of %s%s", directory, m->shape.encoder.family->name, s->path, with_head ? " with its linear head" : "");
    if (m->shape.encoder.encoder.lora_rank > 0) log_info("what LoRA has learned is merged into the matrices");
    if (with_head) return;
    if (m->shape.visual.source != SOURCE_NONE && m->shape.fusion != FUSION_APPEND)
        log_info("the encoder of the text alone: all that looks at pictures or captions is left out; `--to hdf5` holds it too");
    else
        log_info(m->shape.crf
                     ? "the head and the CRF are left out: transformers has no CRF; `--to hdf5` holds all, train.init starts from all"
                     : "the head is left out: `--head linear` writes it too");
}

int export_folder(const char *model, const char *directory, bool with_head, bool force, struct err *e)
{
    struct source s;
    const bool was_there = file_exists(directory);
    int code = open_source(model, &s, e);
    if (code) return code;
    if (with_head && model_sees(&s.model))
        code =
            err_set(e, ERR_USAGE,
                    "%s: its tags come of text and picture, so the text's linear head alone would give others; leave --head out to export "
                    "the encoder of the text",
                    s.path);
    else if (with_head && s.model.shape.crf)
        code =
            err_set(e, ERR_USAGE,
                    "%s: its tags are the best path of a CRF, which transformers has not, so a linear head alone would give others; leave "
                    "--head out to export the encoder, or train with model.crf=false",
                    s.path);
    else if (!(code = prepare(directory, force, e))) {
        code = write_all(&s.model, directory, with_head, e);
        if (code)
            take_back(directory, was_there);
        else
            tell(&s, directory, with_head);
    }
    close_source(&s);
    return code;
}

/* ---- HDF5 ---- */

/* --force replaces files: a device or a directory of that name stays what it is. */
static bool is_file(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISREG(s.st_mode);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int export_hdf5(const char *model, const char *path, bool force, struct err *e)
{
    struct source s;
    int code = open_source(model, &s, e);
    if (code) return code;
    if (is_same_file(path, s.path))
        code = err_set(e, ERR_USAGE, "%s: is the checkpoint itself; choose another --out", path);
    else if (file_exists(path) && !is_file(path))
        code = err_set(e, ERR_USAGE, "%s: is there and is no regular file; choose another --out", path);
    else if (!force && file_exists(path))
        code = err_set(e, ERR_USAGE, "%s: the file exists; --force replaces it", path);
    else if (!(code = checkpoint_write_plain(s.checkpoint, path, e)))
        log_info("%s: all of %s as plain HDF5, for other programs; nerve itself reads the checkpoint only", path, s.path);
    close_source(&s);
    return code;
}
