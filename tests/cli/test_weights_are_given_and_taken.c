/* Weights go out and come in to the bit: `nerve export` as a Hugging Face folder and as plain HDF5, model.encoder from an exported folder,
 * train.init from another run. What cannot be given is refused with what to do. */
#include "checkpoint.h"
#include "files.h"
#include "reference.h"
#include "training.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One step that changes nothing: the checkpoint holds what the run started from. */
#define STAND_STILL "train.epochs=1 train.max_steps=1 train.lr_encoder=0 train.lr_head=0 train.lr_crf=0"

/* ---- running ---- */

/* nerve with these arguments: stdout stays empty, the status is this one, and stderr (free it) is given. */
static char *answer(int expected, const char *format, ...) __attribute__((format(printf, 2, 3)));
static char *answer(int expected, const char *format, ...)
{
    char text[4 * PATH_MAX];
    struct program p;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    start(&p, NULL, text);
    program_finish(&p);
    if (p.status != expected || *p.output) fail_msg("exit %d, stdout '%s', stderr: %s", p.status, p.output, p.errors);
    char *errors = strdup(p.errors);
    program_free(&p);
    return errors;
}

/* The arguments behind `nerve export folder/MODEL --out folder/OUT` are answered so. */
static void export_answers(int expected, const char *part, const char *model, const char *out, const char *more)
{
    char *errors = answer(expected, "export %s --out %s %s", path_of("%s", model), path_of("%s", out), more);
    if (!strstr(errors, part)) fail_msg("expected '%s' in: %s", part, errors);
    free(errors);
}

/* Trains, and gives stderr; free it. */
static char *train_and_hear(const char *name, const char *keys)
{
    char *errors;
    const int status = train_under(NULL, name, keys, &errors);
    if (status) fail_msg("exit %d: %s", status, errors);
    return errors;
}

static void assert_heard(char *errors, const char *part)
{
    if (!strstr(errors, part)) fail_msg("expected '%s' in: %s", part, errors);
    free(errors);
}

/* ---- comparing to the bit ---- */

static struct checkpoint *open_checkpoint(const char *name)
{
    struct checkpoint *c;
    struct err e = {0};
    if (checkpoint_open(path_of("%s", name), &c, &e)) fail_msg("%s", e.text);
    return c;
}

static struct safetensors *open_folder(const char *name)
{
    struct safetensors *s;
    struct err e = {0};
    if (safetensors_open(path_of("%s/model.safetensors", name), &s, &e)) fail_msg("%s", e.text);
    return s;
}

struct against {
    const struct checkpoint *checkpoint;
    const struct safetensors *tensors;
    const char *below;  /* arrays whose name begins so */
    const char *prefix; /* that the tensors have not */
    int same, different;
};

static bool same_values(const struct array *a, const void *data)
{
    return memcmp(a->data, data, a->size * array_type_size(a->type)) == 0;
}

static int compare_checkpoints(void *context, const struct array *a, struct err *e)
{
    struct against *x = context;
    const void *other;
    if (strncmp(a->name, x->below, strlen(x->below)) != 0) return 0;
    if (checkpoint_array(x->checkpoint, a->name, a->type, a->rank, a->dim, &other, e)) return e->code;
    *(same_values(a, other) ? &x->same : &x->different) += 1;
    return 0;
}

/* How many arrays below are the same in both, and how many have other values; an array that the second lacks ends the test. */
static struct against compared(const char *first, const char *second, const char *below)
{
    struct checkpoint *a = open_checkpoint(first), *b = open_checkpoint(second);
    struct against x = {.checkpoint = b, .below = below};
    struct err e = {0};
    if (checkpoint_each(a, "/parameters", compare_checkpoints, &x, &e)) fail_msg("%s", e.text);
    checkpoint_close(a);
    checkpoint_close(b);
    assert_true(x.same + x.different > 0);
    return x;
}

static int compare_tensors(void *context, const struct array *a, struct err *e)
{
    struct against *x = context;
    const char *name = a->name + strlen("/parameters/");
    (void)e;
    if (strncmp(name, x->below, strlen(x->below)) != 0) return 0;
    const struct array *t = safetensors_find(x->tensors, name + strlen(x->prefix));
    if (!t) fail_msg("the folder lacks %s", name);
    assert_int_equal(t->type, a->type);
    assert_int_equal(t->rank, a->rank);
    for (int k = 0; k < a->rank; k++) assert_int_equal(t->dim[k], a->dim[k]);
    if (!same_values(a, t->data)) fail_msg("%s differs", name);
    x->same++;
    return 0;
}

/* The folder's tensors are the checkpoint's parameters below, all of them and no others, without the prefix. */
static void assert_folder_holds(const char *name, const char *checkpoint, const char *below, const char *prefix)
{
    struct safetensors *s = open_folder(name);
    struct checkpoint *c = open_checkpoint(checkpoint);
    struct against x = {.tensors = s, .below = below, .prefix = prefix};
    struct err e = {0};
    if (checkpoint_each(c, "/parameters", compare_tensors, &x, &e)) fail_msg("%s", e.text);
    assert_true(x.same > 0);
    assert_int_equal(x.same, safetensors_count(s));
    assert_string_equal(safetensors_metadata(s, "format"), "pt");
    checkpoint_close(c);
    safetensors_close(s);
}

static bool same_files(const char *a, const char *b)
{
    char command[2 * PATH_MAX + 32];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    return system(command) == 0;
}

/* ---- folders ---- */

static const char *const FILES[] = {"config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"};
enum { N_FILES = sizeof FILES / sizeof *FILES };

static void a_folder_holds_the_encoder_to_the_bit(void **state)
{
    (void)state;
    export_answers(0, "the head and the CRF are left out", "whole", "encoder", "--to safetensors");
    assert_folder_holds("encoder", "whole/checkpoints/best.h5", "bert.", "bert.");
    assert_true(same_files(path_of("encoder/vocab.txt"), path_of("data/vocab.txt")));
}

static void its_config_says_what_the_model_is(void **state)
{
    (void)state;
    export_answers(0, "the bert encoder of ", "whole/checkpoints/last.h5", "said", "--to safetensors");
    struct json *config = read_json_file(path_of("said/config.json")), *tokenizer = read_json_file(path_of("said/tokenizer_config.json")),
                *info = ask("info %s --json", path_of("whole/checkpoints/last.h5"));
    assert_string_equal(json_text(json_at(json_get(config, "architectures"), 0)), "BertModel");
    const struct json *encoder = json_get(info, "encoder"), *types = json_get(info, "types");
    static const char *const SIZES[] = {"hidden_size", "num_hidden_layers", "num_attention_heads",    "intermediate_size",
                                        "vocab_size",  "type_vocab_size",   "max_position_embeddings"};
    for (size_t k = 0; k < sizeof SIZES / sizeof *SIZES; k++) {
        int64_t a = 0, b = 1;
        assert_true(json_read_integer(json_get(config, SIZES[k]), &a) && json_read_integer(json_get(encoder, SIZES[k]), &b));
        assert_int_equal(a, b);
    }
    double dropout;
    assert_true(json_read_number(json_get(config, "hidden_dropout_prob"), &dropout));
    assert_true(dropout == 0.02);
    const size_t tags = 1 + 2 * json_size(types);
    assert_int_equal(json_size(json_get(config, "id2label")), tags);
    assert_int_equal(json_size(json_get(config, "label2id")), tags);
    for (size_t tag = 0; tag < tags; tag++) {
        char number[32], name[80];
        int64_t id;
        snprintf(number, sizeof number, "%zu", tag);
        snprintf(name, sizeof name, "%s%s",
                 tag == 0  ? "O"
                 : tag % 2 ? "B-"
                           : "I-",
                 tag == 0 ? "" : json_text(json_at(types, (tag - 1) / 2)));
        assert_string_equal(json_text(json_get(json_get(config, "id2label"), number)), name);
        assert_true(json_read_integer(json_get(json_get(config, "label2id"), name), &id));
        assert_int_equal(id, tag);
    }
    bool lower = false;
    int64_t longest, positions;
    assert_true(json_read_boolean(json_get(tokenizer, "do_lower_case"), &lower) && lower);
    assert_true(json_read_integer(json_get(tokenizer, "model_max_length"), &longest));
    assert_true(json_read_integer(json_get(config, "max_position_embeddings"), &positions));
    assert_int_equal(longest, positions);
    assert_string_equal(json_text(json_get(tokenizer, "tokenizer_class")), "BertTokenizer");
    json_free(config);
    json_free(tokenizer);
    json_free(info);
}

static void the_same_checkpoint_gives_the_same_files(void **state)
{
    (void)state;
    export_answers(0, "encoder of", "whole", "one", "--to safetensors");
    export_answers(0, "encoder of", "whole", "two", "--to safetensors");
    for (size_t k = 0; k < N_FILES; k++) assert_true(same_files(path_of("one/%s", FILES[k]), path_of("two/%s", FILES[k])));
}

static void an_exported_folder_is_an_encoder_to_the_bit(void **state)
{
    char keys[PATH_MAX + 256];
    (void)state;
    export_answers(0, "encoder of", "whole", "back", "--to safetensors");
    snprintf(keys, sizeof keys, "model.encoder=%s " STAND_STILL, path_of("back"));
    assert_int_equal(train("back-run", keys), 0);
    const struct against x = compared("whole/checkpoints/best.h5", "back-run/checkpoints/last.h5", "/parameters/bert.");
    assert_int_equal(x.different, 0);
}

static void with_a_linear_head_it_is_a_token_classification_model(void **state)
{
    (void)state;
    assert_int_equal(train("plain", "model.crf=false train.epochs=1"), 0);
    export_answers(0, "with its linear head", "plain", "classifier", "--to safetensors --head linear");
    assert_folder_holds("classifier", "plain/checkpoints/best.h5", "", "");
    struct json *config = read_json_file(path_of("classifier/config.json"));
    assert_string_equal(json_text(json_at(json_get(config, "architectures"), 0)), "BertForTokenClassification");
    json_free(config);
    export_answers(0, "the head is left out: `--head linear` writes it too", "plain", "without", "--to safetensors");
    assert_folder_holds("without", "plain/checkpoints/best.h5", "bert.", "bert.");
}

static void with_a_crf_a_linear_head_is_refused(void **state)
{
    (void)state;
    export_answers(64, "the best path of a CRF", "whole", "never", "--to safetensors --head linear");
    export_answers(64, "train with model.crf=false", "whole", "never", "--to safetensors --head linear");
    assert_false(file_exists(path_of("never")));
}

static void of_a_model_that_looks_at_pictures_the_encoder_of_the_text_goes_out(void **state)
{
    (void)state;
    shell("sed -n 's/^IMGID:\\(.*\\)/\\1.jpg :a picture/p' %s/data/*.txt > %s/data/captions.txt", folder, folder);
    assert_int_equal(train("looks", "model.fusion=average model.visual=caption model.crf=false model.lora_rank=2 train.epochs=1"), 0);
    export_answers(0, "all that looks at pictures or captions is left out; `--to hdf5` holds it too", "looks", "looks-folder",
                   "--to safetensors");
    export_answers(0, "what LoRA has learned is merged into the matrices", "looks", "looks-folder", "--to safetensors --force");
    export_answers(64, "its tags come of text and picture, so the text's linear head alone would give others", "looks", "never",
                   "--to safetensors --head linear");
    assert_false(file_exists(path_of("never")));
    export_answers(0, "all of ", "looks", "looks.h5", "--to hdf5");
    assert_int_equal(train("appends", "model.fusion=append model.visual=caption model.crf=false train.epochs=1"), 0);
    export_answers(0, "with its linear head", "appends", "appends-folder", "--to safetensors --head linear");
    assert_folder_holds("appends-folder", "appends/checkpoints/best.h5", "", "");
}

/* Of a folder that transformers wrote: what goes in comes out, and the family stays. */
static void a_distilbert_goes_through_to_the_bit(void **state)
{
    char keys[PATH_MAX + 256];
    struct err e = {0};
    struct safetensors *original;
    (void)state;
    snprintf(keys, sizeof keys, "model.encoder=%s data.max_length=24 model.crf=false " STAND_STILL,
             reference_path("models/distilbert_tiny"));
    assert_int_equal(train("distil", keys), 0);
    export_answers(0, "the distilbert encoder of", "distil", "distil-folder", "--to safetensors");
    if (safetensors_open(reference_path("models/distilbert_tiny/model.safetensors"), &original, &e)) fail_msg("%s", e.text);
    struct safetensors *exported = open_folder("distil-folder");
    assert_int_equal(safetensors_count(exported), safetensors_count(original));
    for (size_t k = 0; k < safetensors_count(original); k++) {
        const struct array *a = safetensors_at(original, k), *b = safetensors_find(exported, a->name);
        assert_non_null(b);
        assert_int_equal(a->size, b->size);
        assert_true(same_values(a, b->data));
    }
    safetensors_close(original);
    safetensors_close(exported);
    export_answers(0, "with its linear head", "distil", "distil-classifier", "--to safetensors --head linear");
    assert_folder_holds("distil-classifier", "distil/checkpoints/best.h5", "", "");
    struct json *config = read_json_file(path_of("distil-classifier/config.json"));
    assert_string_equal(json_text(json_get(config, "model_type")), "distilbert");
    assert_string_equal(json_text(json_at(json_get(config, "architectures"), 0)), "DistilBertForTokenClassification");
    json_free(config);
    struct json *info = ask("info %s --json", path_of("distil/checkpoints/best.h5"));
    assert_string_equal(json_text(json_get(json_get(info, "encoder"), "model_type")), "distilbert");
    json_free(info);
}

static void a_directory_that_is_in_use_is_left_alone(void **state)
{
    (void)state;
    export_answers(0, "encoder of", "whole", "used", "--to safetensors");
    export_answers(64, "/used: the directory is not empty; --force replaces", "whole", "used", "--to safetensors");
    shell("echo mine > %s/used/notes.txt", folder);
    export_answers(64, "notes.txt in it is no file of an export", "whole", "used", "--to safetensors --force");
    assert_true(file_exists(path_of("used/config.json")) && file_exists(path_of("used/notes.txt")));
    shell("rm %s/used/notes.txt; echo {} > %s/used/config.json; touch %s/used/.vocab.txt.abc123", folder, folder, folder);
    export_answers(0, "encoder of", "whole", "used", "--to safetensors --force");
    assert_folder_holds("used", "whole/checkpoints/best.h5", "bert.", "bert.");
    assert_false(file_exists(path_of("used/.vocab.txt.abc123")));
    export_answers(0, "encoder of", "whole", "fresh", "--to safetensors");
    assert_true(same_files(path_of("used/config.json"), path_of("fresh/config.json")));
}

/* `ulimit -f` counts blocks of 512 bytes in POSIX, of 1024 in some shells: both are less than the weights. */
static void a_disk_that_is_full_leaves_nothing(void **state)
{
    char command[4 * PATH_MAX];
    (void)state;
    snprintf(command, sizeof command, "ulimit -f 2; exec %s export %s --to safetensors --out %s", NERVE, path_of("whole"), path_of("full"));
    struct program p;
    program_run(&p, (const char *const[]){"sh", "-c", command, NULL}, NULL);
    if (p.status != 74 || !strstr(p.errors, "full/model.safetensors: cannot write")) fail_msg("exit %d: %s", p.status, p.errors);
    program_free(&p);
    assert_false(file_exists(path_of("full")));
}

/* Whoever runs the tests may write everywhere, but /proc takes no file of anybody. */
static void a_place_that_takes_no_file_is_named(void **state)
{
    (void)state;
    assert_heard(answer(74, "export %s --to safetensors --out /proc/folder", path_of("whole")), "/proc/folder: cannot make the directory");
    assert_heard(answer(74, "export %s --to hdf5 --out /proc/one.h5", path_of("whole")), "/proc/one.h5: cannot create");
}

static void a_damaged_checkpoint_gives_nothing(void **state)
{
    (void)state;
    shell("cp %s/whole/checkpoints/best.h5 %s/bad.h5 && printf X | dd of=%s/bad.h5 bs=1 seek=20000 conv=notrunc status=none", folder,
          folder, folder);
    export_answers(65, "bad.h5: the checkpoint is damaged", "bad.h5", "never", "--to safetensors");
    export_answers(65, "bad.h5: the checkpoint is damaged", "bad.h5", "never", "--to hdf5");
    assert_false(file_exists(path_of("never")));
}

/* ---- plain HDF5 ---- */

static void plain_hdf5_is_written_and_not_read_back(void **state)
{
    char magic[8];
    (void)state;
    export_answers(0, "as plain HDF5, for other programs", "whole", "plain.h5", "--to hdf5");
    FILE *f = fopen(path_of("plain.h5"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(magic, 1, sizeof magic, f), sizeof magic);
    fclose(f);
    assert_memory_equal(magic, "\x89HDF\r\n\x1a\n", sizeof magic);
    char *errors = answer(65, "info %s", path_of("plain.h5"));
    assert_heard(errors, "plain HDF5 without a checkpoint's digest");
    export_answers(65, "give it the checkpoint itself", "plain.h5", "never", "--to safetensors");
    assert_false(file_exists(path_of("never")));
}

static void a_file_that_is_there_is_left_alone(void **state)
{
    (void)state;
    shell("echo mine > %s/mine.h5", folder);
    export_answers(64, "/mine.h5: the file exists; --force replaces it", "whole", "mine.h5", "--to hdf5");
    shell("grep -q mine %s/mine.h5", folder);
    export_answers(0, "as plain HDF5", "whole", "mine.h5", "--to hdf5 --force");
    export_answers(64, "is there and is no regular file; choose another --out", "whole", "whole", "--to hdf5 --force");
    shell("mkfifo %s/pipe", folder);
    export_answers(64, "is there and is no regular file", "whole", "pipe", "--to hdf5 --force");
    shell("test -p %s/pipe", folder);
    shell("cp -r %s/whole %s/copy", folder, folder);
    export_answers(64, "is the checkpoint itself", "copy", "copy/checkpoints/best.h5", "--to hdf5 --force");
    assert_true(same_files(path_of("copy/checkpoints/best.h5"), path_of("whole/checkpoints/best.h5")));
}

static void what_is_missing_is_asked_for(void **state)
{
    static const struct {
        const char *arguments, *part;
        int status;
    } CASES[] = {
        {"export", "RUN|CHECKPOINT is missing", 64},
        {"export x --out y", "--to safetensors or --to hdf5 is missing", 64},
        {"export x --to hdf5", "--out is missing", 64},
        {"export x --to onnx --out y", "--to: expected safetensors or hdf5, found 'onnx'", 64},
        {"export x --to hdf5 --out y --head linear", "--head: a plain HDF5 file holds all", 64},
        {"export x --to safetensors --out y --head crf", "--head: expected linear, found 'crf'", 64},
        {"export x z --to hdf5 --out y", "more than one model: 'x' and 'z'", 64},
        {"export /nowhere/at/all --to hdf5 --out y", "/nowhere/at/all: cannot open", 66},
        {"export /proc/version --to safetensors --out y", "not a checkpoint", 65},
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++)
        assert_heard(answer(CASES[k].status, "%s", CASES[k].arguments), CASES[k].part);
}

/* ---- train.init ---- */

static const char *initial_keys(const char *model, const char *more)
{
    static char keys[2 * PATH_MAX];
    snprintf(keys, sizeof keys, "train.init=%s %s", path_of("%s", model), more);
    return keys;
}

static void a_run_starts_from_all_of_another_with_its_types(void **state)
{
    (void)state;
    assert_heard(train_and_hear("taken", initial_keys("whole", STAND_STILL)), "starts from the encoder, the head and the CRF of ");
    const struct against x = compared("whole/checkpoints/best.h5", "taken/checkpoints/last.h5", "/parameters/");
    assert_int_equal(x.different, 0);
    shell("grep -q '  init: %s/whole$' %s/taken/config.yaml", folder, folder);
}

/* The config says another size: it is the checkpoint's that counts. */
static void the_encoder_is_the_checkpoints_whatever_the_sizes_in_the_config(void **state)
{
    (void)state;
    assert_int_equal(train("sizes", initial_keys("whole/checkpoints/last.h5", "model.layers=3 model.width=64 " STAND_STILL)), 0);
    const struct against x = compared("whole/checkpoints/last.h5", "sizes/checkpoints/last.h5", "/parameters/");
    assert_int_equal(x.different, 0);
}

static void with_other_types_the_head_is_new_and_that_is_said(void **state)
{
    (void)state;
    char *errors = train_and_hear("renamed", initial_keys("whole", "data.rename.PER=PERSON " STAND_STILL));
    if (!strstr(errors, "the head and the CRF are new, since its types are ") || !strstr(errors, "PERSON")) fail_msg("%s", errors);
    free(errors);
    assert_int_equal(compared("whole/checkpoints/best.h5", "renamed/checkpoints/last.h5", "/parameters/bert.").different, 0);
    assert_int_equal(compared("whole/checkpoints/best.h5", "renamed/checkpoints/last.h5", "/parameters/classifier.weight").same, 0);
    assert_int_equal(compared("whole/checkpoints/best.h5", "renamed/checkpoints/last.h5", "/parameters/crf.").same, 0);
}

static void a_crf_is_new_where_the_other_run_has_none(void **state)
{
    (void)state;
    assert_int_equal(train("no-crf", "model.crf=false train.epochs=1"), 0);
    assert_heard(train_and_hear("new-crf", initial_keys("no-crf", STAND_STILL)), "the CRF is new, since it has none");
    assert_int_equal(compared("no-crf/checkpoints/best.h5", "new-crf/checkpoints/last.h5", "/parameters/").different, 0);
    assert_heard(train_and_hear("left-crf", initial_keys("whole", "model.crf=false " STAND_STILL)),
                 "starts from the encoder and the head of ");
}

static void with_another_fusion_the_heads_are_new_and_that_is_said(void **state)
{
    (void)state;
    shell("echo 'S_000000.jpg :a view' >%s/one-caption.txt", folder);
    char more[PATH_MAX + 256];
#define SEES "model.visual=caption data.captions=%s/one-caption.txt " STAND_STILL
    snprintf(more, sizeof more, "model.fusion=image " SEES, folder);
    assert_heard(train_and_hear("seen", initial_keys("whole", more)), "starts from the encoder and the CRF of ");
    snprintf(more, sizeof more, "model.fusion=monig-prob " SEES, folder);
    assert_heard(train_and_hear("fused-crf", initial_keys("no-crf", more)), "; the heads and the CRF are new, since its fusion has others");
    assert_heard(train_and_hear("fused", initial_keys("whole", more)), "starts from the encoder and the CRF of ");
    assert_int_equal(compared("whole/checkpoints/best.h5", "fused/checkpoints/last.h5", "/parameters/bert.").different, 0);
    assert_int_equal(compared("whole/checkpoints/best.h5", "fused/checkpoints/last.h5", "/parameters/crf.").different, 0);
}

static void a_family_is_taken_over(void **state)
{
    char keys[PATH_MAX + 256];
    (void)state;
    snprintf(keys, sizeof keys, "model.encoder=%s data.max_length=24 train.epochs=1", reference_path("models/distilbert_tiny"));
    assert_int_equal(train("distil-first", keys), 0);
    assert_int_equal(train("distil-second", initial_keys("distil-first", "data.max_length=24 " STAND_STILL)), 0);
    assert_int_equal(compared("distil-first/checkpoints/best.h5", "distil-second/checkpoints/last.h5", "/parameters/").different, 0);
}

/* Also with a frozen layer, whose values stay in the checkpoint's mapped file. */
static void such_a_run_resumes_to_the_bit_without_the_file_it_started_from(void **state)
{
    static const char *const KEYS[] = {"train.seed=2 train.epochs=2", "train.seed=2 train.epochs=2 model.frozen_layers=1"};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        char a[33], b[33], again[128];
        snprintf(again, sizeof again, "%s --resume", KEYS[k]);
        shell("rm -rf %s/start.h5 %s/through && cp %s/whole/checkpoints/best.h5 %s/start.h5", folder, folder, folder, folder);
        assert_int_equal(train("through", initial_keys("start.h5", KEYS[k])), 0);
        digest_of("through", a);
        assert_int_equal(stop_with("killed", SIGKILL, initial_keys("start.h5", KEYS[k])), 128 + SIGKILL);
        shell("cp -r %s/killed %s/killed-again && rm %s/start.h5", folder, folder, folder);
        assert_heard(train_and_hear("killed", initial_keys("start.h5", again)), "is not there any more; the run's own checkpoint");
        digest_of("killed", b);
        assert_string_equal(a, b);
        shell("cp %s/whole/checkpoints/best.h5 %s/start.h5", folder, folder);
        assert_int_equal(train("killed-again", initial_keys("start.h5", again)), 0);
        digest_of("killed-again", b);
        assert_string_equal(a, b);
        shell("rm -r %s/killed-again", folder);
    }
}

static void what_contradicts_train_init_is_refused(void **state)
{
    char more[3 * PATH_MAX];
    (void)state;
    snprintf(more, sizeof more, "%s model.encoder=somewhere", initial_keys("whole", ""));
    assert_refused(78, "model.encoder = somewhere (command line): the encoder comes from one of them", NULL, "never", more);
    assert_refused(66, "train.init: ", NULL, "never", initial_keys("nowhere.h5", ""));
    assert_refused(65, "not a checkpoint", NULL, "never", initial_keys("data/vocab.txt", ""));
    assert_refused(78, "model.frozen_layers is 7, but the encoder has", NULL, "never", initial_keys("whole", "model.frozen_layers=7"));
    assert_false(file_exists(path_of("never")));
    shell("cp -r %s/whole %s/itself", folder, folder);
    assert_refused(64, "is in --out itself, where --force removes it", NULL, "itself", initial_keys("itself", "--force"));
    assert_true(file_exists(path_of("itself/checkpoints/best.h5")));
}

static void a_run_does_not_go_on_from_other_weights(void **state)
{
    (void)state;
    shell("cp %s/whole/checkpoints/best.h5 %s/changing.h5", folder, folder);
    assert_int_equal(stop_with("changing", SIGTERM, initial_keys("changing.h5", "train.seed=2")), 128 + SIGTERM);
    shell("cp %s/whole/checkpoints/last.h5 %s/changing.h5", folder, folder);
    assert_refused(78, "the weights it started from (train.init) changed since this run was saved", NULL, "changing",
                   initial_keys("changing.h5", "train.seed=2 --resume"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_holds_the_encoder_to_the_bit),
        cmocka_unit_test(its_config_says_what_the_model_is),
        cmocka_unit_test(the_same_checkpoint_gives_the_same_files),
        cmocka_unit_test(an_exported_folder_is_an_encoder_to_the_bit),
        cmocka_unit_test(with_a_linear_head_it_is_a_token_classification_model),
        cmocka_unit_test(with_a_crf_a_linear_head_is_refused),
        cmocka_unit_test(of_a_model_that_looks_at_pictures_the_encoder_of_the_text_goes_out),
        cmocka_unit_test(a_distilbert_goes_through_to_the_bit),
        cmocka_unit_test(a_directory_that_is_in_use_is_left_alone),
        cmocka_unit_test(a_disk_that_is_full_leaves_nothing),
        cmocka_unit_test(a_place_that_takes_no_file_is_named),
        cmocka_unit_test(a_damaged_checkpoint_gives_nothing),
        cmocka_unit_test(plain_hdf5_is_written_and_not_read_back),
        cmocka_unit_test(a_file_that_is_there_is_left_alone),
        cmocka_unit_test(what_is_missing_is_asked_for),
        cmocka_unit_test(a_run_starts_from_all_of_another_with_its_types),
        cmocka_unit_test(the_encoder_is_the_checkpoints_whatever_the_sizes_in_the_config),
        cmocka_unit_test(with_other_types_the_head_is_new_and_that_is_said),
        cmocka_unit_test(a_crf_is_new_where_the_other_run_has_none),
        cmocka_unit_test(with_another_fusion_the_heads_are_new_and_that_is_said),
        cmocka_unit_test(a_family_is_taken_over),
        cmocka_unit_test(such_a_run_resumes_to_the_bit_without_the_file_it_started_from),
        cmocka_unit_test(what_contradicts_train_init_is_refused),
        cmocka_unit_test(a_run_does_not_go_on_from_other_weights),
    };
    return cmocka_run_group_tests_name("weights are given and taken", tests, training_set_up, training_tear_down);
}
