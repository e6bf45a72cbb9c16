/* ablate_cell.c - see ablate_cell.h. */
#include "ablate_cell.h"
#include "files.h"
#include "json.h"
#include "log.h"
#include "report_read.h"
#include "trainer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_MAX = 16 << 20 };

int cell_make(const struct ablation_row *row, uint32_t seed, const char *out, struct cell *c, struct err *e)
{
    char name[ABLATION_NAME_SIZE + 32];
    *c = (struct cell){.row = row, .seed = seed};
    snprintf(c->name, sizeof c->name, "%s, seed %u", row->name, seed);
    snprintf(name, sizeof name, "runs/%s-seed%u", row->directory, seed);
    return path_join(c->directory, sizeof c->directory, out, name, e);
}

int cell_check(const struct ablation_row *row, struct hash *data, struct hash *model, struct err *e)
{
    struct trainer *t = calloc(1, sizeof *t);
    if (!t) return err_set(e, ERR_INTERNAL, "out of memory for a trainer");
    int code = trainer_open(&row->config, t, e);
    if (code) {
        err_prefix(e, "row '%s': ", row->name);
    } else {
        *data = t->data_digest;
        *model = t->encoder_digest;
        trainer_close(t);
    }
    free(t);
    return code;
}

/* ---- what is there ---- */

static int read_object(const char *path, struct json **out, struct err *e)
{
    char *text;
    size_t size;
    int code = file_read(path, JSON_MAX, &text, &size, e);
    if (code) return code;
    code = json_parse(text, size, path, out, e);
    free(text);
    return code;
}

static int another(const struct cell *c, const char *what, struct err *e)
{
    return err_set(e, ERR_CONFIG, "%s: %s is not what this run was started with; choose another --out, or remove the directory",
                   c->directory, what);
}

static int check_config(const struct cell *c, struct err *e)
{
    char path[PATH_MAX];
    int code = path_join(path, sizeof path, c->directory, "config.yaml", e);
    if (code || !file_exists(path)) return code;
    struct nerve_config *both = malloc(2 * sizeof *both);
    if (!both) return err_set(e, ERR_INTERNAL, "out of memory for a config");
    config_default(&both[0]);
    if ((code = config_read_file(path, &both[0], e))) goto done;
    both[1] = c->row->config;
    both[1].train.seed = c->seed;
    const char *key = config_difference(&both[0], &both[1]);
    if (key) code = another(c, key, e);
done:
    free(both);
    return code;
}

static bool is_digest(const struct json *run, const char *key, const struct hash *expected)
{
    char hex[33];
    const char *found = json_text(json_get(run, key));
    hash_hex(expected, hex);
    return found && strcmp(found, hex) == 0;
}

int cell_look(struct cell *c, struct err *e)
{
    char path[PATH_MAX];
    bool is_empty, finished = false;
    struct json *run = NULL;
    int code;
    if ((code = directory_is_empty(c->directory, &is_empty, e)) || (code = check_config(c, e)) ||
        (code = path_join(path, sizeof path, c->directory, "run.json", e)))
        return code;
    c->state = is_empty ? CELL_NEW : CELL_BEGUN;
    if (!file_exists(path)) return 0;
    if ((code = read_object(path, &run, e))) return code;
    if (!is_digest(run, "data_digest", &c->data_digest))
        code = another(c, "the data (data.dir)", e);
    else if (!is_digest(run, "encoder_digest", &c->model_digest))
        code = another(c, c->row->config.train.init[0] ? "train.init" : "model.encoder", e);
    else if (json_read_boolean(json_get(run, "finished"), &finished) && finished)
        c->state = CELL_FINISHED;
    json_free(run);
    return code;
}

/* ---- what came out ---- */

static double number_at(const struct json *v, const char *path)
{
    char word[256];
    double x;
    while (v && *path) {
        const size_t n = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), path);
        const bool is_place = json_is_array(v) && strspn(word, "0123456789") == n && n < 9;
        const size_t place = is_place ? strtoul(word, NULL, 10) : 0;
        v = is_place ? (place < json_size(v) ? json_at(v, place) : NULL) : json_get(v, word);
        path += n + (path[n] == '.');
    }
    return json_read_number(v, &x) ? x : NAN;
}

static double column_of(const struct report_data *d, const char *path)
{
    const char *colon = strchr(path, ':'), *names = colon ? colon + 1 : path;
    const struct json *file = strncmp(path, "valid:", 6) == 0 ? d->valid : strncmp(path, "run:", 4) == 0 ? d->run : d->test;
    return number_at(file, names);
}

/* Predictions that do not add up to the scores beside them are of other data. */
static bool adds_up(const struct cell_result *r, const struct json *test)
{
    struct score_counts sum = {0};
    for (int i = 0; i < r->n_tweets; i++) {
        sum.correct += r->tweets[i].correct;
        sum.gold += r->tweets[i].gold;
        sum.predicted += r->tweets[i].predicted;
    }
    return number_at(test, "lenient.micro.correct") == (double)sum.correct &&
           number_at(test, "lenient.micro.support") == (double)sum.gold &&
           number_at(test, "lenient.micro.predicted") == (double)sum.predicted;
}

int cell_read(struct cell *c, const struct ablation *a, struct err *e)
{
    struct report_data *d = calloc(1, sizeof *d);
    struct cell_result *r = &c->result;
    struct err unread = {0};
    if (!d) return err_set(e, ERR_INTERNAL, "out of memory for a run");
    int code = report_read(c->directory, d, e);
    if (code) goto done;
    for (int k = 0; k < a->n_columns; k++) r->column[k] = column_of(d, a->columns[k].path);
    r->f1 = number_at(d->test, "lenient.micro.f1");
    r->seconds = d->seconds;
    r->peak_mb = d->peak_mb;
    bool fine = cell_counts(c->directory, r, &unread) == 0;
    if (fine && !adds_up(r, d->test)) {
        err_set(&unread, ERR_DATA, "%s: predictions.jsonl and the test split do not add up to eval/test.json", c->directory);
        fine = false;
    }
    if (!fine) {
        log_warning("%s; no p for its row", unread.text);
        free(r->tweets);
        r->tweets = NULL;
        r->n_tweets = 0;
    }
    report_data_free(d);
done:
    free(d);
    return code;
}

void cell_free(struct cell *c)
{
    free(c->result.tweets);
    c->result.tweets = NULL;
}

/* ---- how it is made ---- */

static void add_word(FILE *f, const char *text)
{
    fputs(text, f);
    fputc('\0', f);
}

static void add_settings(FILE *f, const struct ablation_settings *s)
{
    for (int k = 0; k < s->n; k++) {
        fprintf(f, "%s=%s", CONFIG_KEYS[s->at[k].key].name, s->at[k].value);
        fputc('\0', f);
    }
}

int cell_command(const struct cell *c, const struct ablation *a, int threads, char ***words, struct err *e)
{
    char *block = NULL;
    size_t size = 0, count = 0;
    FILE *f = open_memstream(&block, &size);
    if (!f) return err_set(e, ERR_INTERNAL, "out of memory for a command");
    add_word(f, "nerve");
    add_word(f, "train");
    add_word(f, a->config);
    add_settings(f, &a->settings);
    for (int k = 0; k < a->n_overrides; k++) add_word(f, a->overrides[k]);
    add_settings(f, &c->row->settings);
    fprintf(f, "train.seed=%u%c", c->seed, '\0');
    if (threads) fprintf(f, "train.threads=%d%c", threads, '\0');
    add_word(f, "--out");
    add_word(f, c->directory);
    if (c->state != CELL_NEW) add_word(f, "--resume");
    const bool failed = ferror(f);
    if (fclose(f) != 0 || failed) {
        free(block);
        return err_set(e, ERR_INTERNAL, "out of memory for a command");
    }
    for (size_t i = 0; i < size; i++) count += block[i] == '\0';
    *words = malloc((count + 1) * sizeof **words);
    if (!*words) {
        free(block);
        return err_set(e, ERR_INTERNAL, "out of memory for a command");
    }
    for (size_t k = 0, at = 0; k < count; k++, at += strlen(block + at) + 1) (*words)[k] = block + at;
    (*words)[count] = NULL;
    return 0;
}
