/* A checkpoint of each format that this program ever wrote lies in tests/store/formats: it opens, and what its model finds in a few
 * sentences is what transformers in float64, with a CRF written out by hand, found with the same weights (from format 3 on, the model
 * written out in float64_model.py). A format that this program does not know is refused by its number.
 *
 * FORMATS is the folder: checkpoint-N.h5, of format N, and checkpoint-N.json beside it, {"sentences": [{words, tags, marginals [n][L]}]};
 * of a model with captions and evidence also caption, beliefs {text, image, fused} [n][4] and uncertainty [n][5], see make_checkpoint.py.
 */
#include "files.h"
#include "foreign.h"
#include "json.h"
#include "model_store.h"
#include "reference.h"
#include "temporary.h"
#include "uncertainty.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of a probability, and of beliefs and uncertainties by their size: float32 against float64, five times what the worst of them lose. */
static const double TOLERANCE = 1e-5;
/* A conflict is a squared difference, which float loses where text and picture agree; JSON has nine digits. */
static const double TINY = 1e-8;

static char folder[PATH_MAX];

/* ---- the stored model ---- */

static struct json *read_expected(int format)
{
    char path[PATH_MAX], *text;
    size_t size;
    struct err e = {0};
    struct json *json = NULL;
    snprintf(path, sizeof path, FORMATS "/checkpoint-%d.json", format);
    if (file_read(path, 1 << 20, &text, &size, &e) || json_parse(text, size, path, &json, &e)) fail_msg("%s", e.text);
    free(text);
    return json;
}

/* The sentences as a CoNLL file without entities, read and cut as the program does. */
static void encode(const struct json *sentences, const struct model *m, struct split *s)
{
    static struct nerve_config config;
    char path[PATH_MAX + 16], text[1 << 14];
    size_t n = 0;
    struct err e = {0};
    for (size_t i = 0; i < json_size(sentences); i++) {
        const struct json *words = json_get(json_at(sentences, i), "words");
        for (size_t w = 0; w < json_size(words) && n < sizeof text; w++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s\tO\n", json_text(json_at(words, w)));
        if (n < sizeof text) n += (size_t)snprintf(text + n, sizeof text - n, "\n");
    }
    assert_true(n < sizeof text);
    snprintf(path, sizeof path, "%s/words.txt", folder);
    config_default(&config);
    if (file_write_bytes(path, text, n, &e) || split_read(&config, path, s, &e) ||
        split_encode(s, &m->shape.types, m->wordpiece, m->shape.max_length, &e))
        fail_msg("%s", e.text);
    assert_int_equal(s->data.n_tweets, json_size(sentences));
}

static void compare_sentence(const struct model *m, const struct json *sentence, int n, const float *emissions, const int32_t *tags)
{
    const struct json *expected_tags = json_get(sentence, "tags"), *expected = json_get(sentence, "marginals");
    const int L = tag_count(&m->shape.types);
    double *marginals = calloc((size_t)n * (size_t)L, sizeof *marginals);
    struct crf_scores scores = crf_scores_of(&m->crf);
    crf_marginals(&scores, n, emissions, marginals);
    assert_int_equal(json_size(expected_tags), n);
    assert_int_equal(json_size(expected), n);
    for (int w = 0; w < n; w++) {
        char name[64];
        tag_name(&m->shape.types, tags[w], name, sizeof name);
        assert_string_equal(name, json_text(json_at(expected_tags, (size_t)w)));
        double row[64];
        const struct json *numbers = json_at(expected, (size_t)w);
        assert_int_equal(json_size(numbers), L);
        assert_true(L <= 64);
        for (int k = 0; k < L; k++) assert_true(json_read_number(json_at(numbers, (size_t)k), &row[k]));
        double difference = max_difference((size_t)L, marginals + w * L, row);
        if (!(difference <= TOLERANCE)) fail_msg("word %d: a marginal is off by %.2e", w, difference);
    }
    free(marginals);
}

/* What the sentences show, as the JSON says. */
static void see(const struct json *sentences, const struct model *m, struct split *s, struct batch *b)
{
    const size_t n = json_size(sentences);
    const char **captions = calloc(n + 1, sizeof *captions);
    struct err e = {0};
    for (size_t i = 0; i < n; i++) captions[i] = json_text(json_get(json_at(sentences, i), "caption"));
    if (visual_of_captions((int)n, captions, m->wordpiece, m->shape.visual.caption_length, &s->visual, &e) ||
        visual_batch_reserve(&b->visual, &s->visual, b->B, b->W, s->visual.start[n], &e) ||
        visual_batch_fill(&b->visual, &s->visual, b->B, b->tweet, b->place, b->word_start, NULL, 1, &e))
        fail_msg("%s", e.text);
    assert_true(b->visual.n > 0 && b->visual.n < b->B);
    free(captions);
}

static double number(const struct json *rows, int w, int k)
{
    double x;
    if (!json_read_number(json_at(json_at(rows, (size_t)w), (size_t)k), &x)) fail_msg("no number for word %d, column %d", w, k);
    return x;
}

static void same(const char *what, int w, int k, double found, double expected)
{
    if (!(fabs(found - expected) <= TOLERANCE * fabs(expected) + TINY))
        fail_msg("%s, word %d, column %d: %.9g instead of %.9g", what, w, k, found, expected);
}

/* Of the n words from `first` on, each at its tag. */
static void compare_belief(const char *what, const ag_tensor *belief, int first, int n, const int32_t *tags, const struct json *rows)
{
    assert_int_equal(json_size(rows), n);
    for (int w = 0; w < n; w++) {
        const evi_nig x = evi_nig_at(belief, first + w, tags[w]);
        const double found[] = {x.gamma, x.nu, x.alpha, x.beta};
        for (int k = 0; k < EVI_PLANES; k++) same(what, w, k, found[k], number(rows, w, k));
    }
}

static void compare_evidence(const struct forward *f, const struct json *sentence, int first, int n, const int32_t *tags)
{
    const struct json *beliefs = json_get(sentence, "beliefs"), *uncertainty = json_get(sentence, "uncertainty");
    const ag_tensor *text = f->head[MODEL_TEXT], *image = f->head[MODEL_IMAGE];
    const bool seen = f->present[MODEL_IMAGE][first];
    assert_int_equal(seen, json_text(json_get(sentence, "caption")) != NULL);
    compare_belief("text", text, first, n, tags, json_get(beliefs, "text"));
    compare_belief("fused", f->fused, first, n, tags, json_get(beliefs, "fused"));
    if (seen) compare_belief("image", image, first, n, tags, json_get(beliefs, "image"));
    assert_int_equal(json_size(uncertainty), n);
    for (int w = 0; w < n; w++) {
        const evi_uncertainty u = evi_uncertainty_of(f->fused, first + w, 1, tags + w);
        same("aleatoric", w, 0, u.aleatoric, number(uncertainty, w, 0));
        same("epistemic", w, 1, u.epistemic, number(uncertainty, w, 1));
        same("predictive scale", w, 2, u.predictive_scale, number(uncertainty, w, 2));
        if (!seen) continue;
        same("conflict", w, 3, evi_conflict_of(text, image, first + w, 1, tags + w), number(uncertainty, w, 3));
        same("visual share", w, 4, evi_visual_share_of(image, f->fused, first + w, 1, tags + w), number(uncertainty, w, 4));
    }
}

static void predict_and_compare(const struct model *m, const struct json *sentences)
{
    struct split s = {0};
    struct batch b = {0};
    struct err e = {0};
    ag_graph g;
    encode(sentences, m, &s);
    const int n = s.encoded.n_tweets;
    int32_t *tweets = calloc((size_t)n, sizeof *tweets);
    for (int i = 0; i < n; i++) tweets[i] = i;
    if (batch_reserve(&b, n, s.encoded.piece_start[n], s.encoded.word_start[n], &e)) fail_msg("%s", e.text);
    batch_fill(&b, &s.encoded, n, tweets, 0);
    const nn_dropout none = {.on = false};
    ag_graph_init(&g);
    if (model_sees(m)) see(sentences, m, &s, &b);
    const struct forward f = nerve_forward(&g, m, &b, &none);
    const ag_tensor *emissions = f.emissions;
    int32_t *tags = calloc((size_t)b.W, sizeof *tags);
    model_decode(m, emissions, &b, tags);
    for (int i = 0; i < n; i++) {
        const int from = b.word_start[i];
        compare_sentence(m, json_at(sentences, (size_t)i), b.word_start[i + 1] - from, emissions->val + from * ag_cols(emissions),
                         tags + from);
        if (f.fused) compare_evidence(&f, json_at(sentences, (size_t)i), from, b.word_start[i + 1] - from, tags + from);
    }
    free(tags);
    free(tweets);
    ag_graph_free(&g);
    batch_free(&b);
    split_free(&s);
}

static void opens_and_predicts_what_it_did(void **state)
{
    const int format = *(const int *)*state;
    char path[PATH_MAX];
    struct checkpoint *c = NULL;
    struct model m;
    struct err e = {0};
    int64_t stored = 0;
    snprintf(path, sizeof path, FORMATS "/checkpoint-%d.h5", format);
    if (checkpoint_open(path, &c, &e) || checkpoint_integer(c, "format", &stored, &e) || model_open(c, path, &m, &e))
        fail_msg("%s", e.text);
    assert_int_equal(stored, format);
    struct json *expected = read_expected(format);
    assert_true(json_size(json_get(expected, "sentences")) > 0);
    predict_and_compare(&m, json_get(expected, "sentences"));
    json_free(expected);
    model_free(&m);
    checkpoint_close(c);
}

/* The newest checkpoint, sealed again with one byte of a member of /meta changed: that at `part` becomes '~'. */
static void refused_with(const char *member, const char *part, const char *message)
{
    char path[PATH_MAX + 16], stored[PATH_MAX], *bytes, *text = NULL;
    size_t size;
    struct checkpoint *c = NULL;
    struct model m;
    struct err e = {0};
    snprintf(stored, sizeof stored, "%s/checkpoint-%d.h5", FORMATS, MODEL_FORMAT);
    snprintf(path, sizeof path, "%s/changed.h5", folder);
    if (file_read(stored, 1 << 20, &bytes, &size, &e) || checkpoint_open(stored, &c, &e) || checkpoint_text(c, member, &text, &e) || !text)
        fail_msg("%s", e.text);
    checkpoint_close(c);
    char *place = memmem(bytes, size, text, strlen(text));
    assert_non_null(place);
    assert_non_null(strstr(text, part));
    place[strstr(text, part) - text] = '~';
    if (file_write_bytes(path, bytes, size, &e)) fail_msg("%s", e.text);
    assert_int_equal(foreign_seal(path), 0);
    if (checkpoint_open(path, &c, &e)) fail_msg("%s", e.text);
    assert_int_equal(model_open(c, path, &m, &e), ERR_DATA);
    if (!strstr(e.text, message)) fail_msg("expected '%s' in: %s", message, e.text);
    assert_memory_equal(e.text, path, strlen(path));
    assert_null(strchr(e.text, '\n'));
    checkpoint_close(c);
    free(text);
    free(bytes);
}

/* The rows of the head are the types in their order: other names in the same place would be other entities. */
static void types_out_of_order_are_refused(void **state)
{
    (void)state;
    refused_with("types", "", "\"/meta/types\" is no list of at most 1000 names in order");
}

static void a_config_that_is_none_is_the_checkpoints_fault(void **state)
{
    (void)state;
    refused_with("config", "max_length", "changed.h5: the checkpoint is damaged, or another program wrote it: \"/meta/config\":");
}

/* ---- formats that are not known ---- */

static void refused_by_its_number(int64_t format, const char *whose)
{
    char path[PATH_MAX + 16], message[256];
    struct checkpoint_writer *w = checkpoint_new();
    struct checkpoint *c = NULL;
    struct model m;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/other.h5", folder);
    checkpoint_add_integer(w, "format", format);
    if (checkpoint_write(w, path, NULL, &e) || checkpoint_open(path, &c, &e)) fail_msg("%s", e.text);
    checkpoint_discard(w);
    assert_int_equal(model_open(c, path, &m, &e), ERR_DATA);
    checkpoint_close(c);
    snprintf(message, sizeof message, "the checkpoint has format %lld, of %s nerve; this one, nerve ", (long long)format, whose);
    if (!strstr(e.text, message)) fail_msg("expected '%s' in: %s", message, e.text);
    snprintf(message, sizeof message, "reads formats %d to %d", MODEL_FORMAT_OLDEST, MODEL_FORMAT);
    if (!strstr(e.text, message)) fail_msg("expected '%s' in: %s", message, e.text);
    assert_non_null(strstr(e.text, path));
}

static void a_later_format_is_refused_by_its_number(void **state)
{
    (void)state;
    refused_by_its_number(MODEL_FORMAT + 1, "a later");
}

static void a_format_that_never_was_is_refused_by_its_number(void **state)
{
    (void)state;
    refused_by_its_number(MODEL_FORMAT_OLDEST - 1, "no");
}

static int set_up(void **state)
{
    struct err e = {0};
    (void)state;
    return temporary_folder(folder) || ag_start(2, &e) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

int main(void)
{
    enum { KNOWN = MODEL_FORMAT - MODEL_FORMAT_OLDEST + 1 };
    static int formats[KNOWN];
    static char names[KNOWN][64];
    struct CMUnitTest tests[KNOWN + 4] = {
        cmocka_unit_test(types_out_of_order_are_refused),
        cmocka_unit_test(a_config_that_is_none_is_the_checkpoints_fault),
        cmocka_unit_test(a_later_format_is_refused_by_its_number),
        cmocka_unit_test(a_format_that_never_was_is_refused_by_its_number),
    };
    for (int k = 0; k < KNOWN; k++) {
        formats[k] = MODEL_FORMAT_OLDEST + k;
        snprintf(names[k], sizeof names[k], "opens_and_predicts_what_it_did: format %d", formats[k]);
        tests[4 + k] = (struct CMUnitTest){.name = names[k], .test_func = opens_and_predicts_what_it_did, .initial_state = &formats[k]};
    }
    return _cmocka_run_group_tests("checkpoints of every format are read", tests, KNOWN + 4, set_up, tear_down);
}
