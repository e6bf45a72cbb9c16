#include "report_read.h"
#include "files.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 1 << 20, JSON_MAX = 16 << 20 };

double report_number(const struct json *object, const char *key)
{
    double x;
    return json_read_number(json_get(object, key), &x) ? x : NAN;
}

static int read_text(const char *directory, const char *name, size_t max, char **text, size_t *size, struct err *e)
{
    char path[PATH_MAX];
    const int code = path_join(path, sizeof path, directory, name, e);
    if (code || !file_exists(path)) return code;
    return file_read(path, max, text, size, e);
}

static int read_object(const char *directory, const char *name, struct json **value, struct err *e)
{
    char path[PATH_MAX], *text = NULL;
    size_t size = 0;
    int code = path_join(path, sizeof path, directory, name, e);
    if (!code) code = read_text(directory, name, JSON_MAX, &text, &size, e);
    if (!code && text) code = json_parse(text, size, path, value, e);
    if (!code && text && !json_is_object(*value)) code = err_set(e, ERR_DATA, "%s: not a JSON object", path);
    free(text);
    return code;
}

/* ---- the lines of metrics.jsonl ---- */

struct sums {
    double pieces, train_seconds;
};

static void add_step(struct report_data *d, const struct json *line)
{
    const double step = report_number(line, "step");
    bool skipped = false;
    curve_add(&d->loss, step, report_number(line, "loss"));
    curve_add(&d->learning_rate, step, report_number(line, "learning_rate"));
    if (json_read_boolean(json_get(line, "skipped"), &skipped) && skipped) {
        curve_add(&d->skips, step, 0);
        d->skipped++;
    }
}

static void add_epoch(struct report_data *d, struct sums *sums, const struct json *line)
{
    const struct json *micro = json_get(json_get(json_get(line, "valid"), "lenient"), "micro");
    const double epoch = report_number(line, "epoch"), f1 = 100 * report_number(micro, "f1");
    const double seconds = report_number(line, "seconds"), pieces = report_number(line, "tokens_per_s") * seconds;
    bool best = false;
    curve_add(&d->valid_f1, epoch, f1);
    if (json_read_boolean(json_get(line, "best"), &best) && best && isfinite(epoch) && isfinite(f1))
        d->best = (struct curve_point){epoch, f1, f1, f1, 1};
    d->epochs = fmax(d->epochs, epoch);
    /* The line knows all skipped steps since the start, the step lines only those that were logged. */
    d->skipped = fmax(d->skipped, report_number(line, "skipped"));
    if (isfinite(pieces)) {
        sums->pieces += pieces;
        sums->train_seconds += seconds;
    }
}

static void add_line(struct report_data *d, struct sums *sums, const struct json *line)
{
    const char *event = json_text(json_get(line, "event"));
    const double seconds = report_number(line, "seconds"), valid_seconds = report_number(line, "valid_seconds");
    if (!event) return;
    if (!strcmp(event, "step")) add_step(d, line);
    if (!strcmp(event, "epoch")) add_epoch(d, sums, line);
    d->step = fmax(d->step, report_number(line, "step"));
    d->peak_mb = fmax(d->peak_mb, report_number(line, "peak_mb"));
    if (isfinite(seconds)) d->seconds = seconds + (isfinite(d->seconds) ? d->seconds : 0);
    if (isfinite(valid_seconds)) d->seconds = valid_seconds + (isfinite(d->seconds) ? d->seconds : 0);
}

static int read_lines(struct report_data *d, const struct file_map *file, const char *path, struct err *e)
{
    struct sums sums = {0};
    const char *text = (const char *)file->data, *end = text + file->size;
    size_t number = 0;
    for (const char *next; text < end; text = next) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) break;
        struct json *line = NULL;
        struct err unread;
        next = stop + 1;
        number++;
        if (json_parse(text, (size_t)(stop - text), path, &line, &unread))
            return err_set(e, ERR_DATA, "%s:%zu: not a line of JSON; remove it to get a report of the other lines", path, number);
        add_line(d, &sums, line);
        json_free(line);
    }
    if (sums.train_seconds > 0) d->tokens_per_s = sums.pieces / sums.train_seconds;
    return 0;
}

static int read_metrics(const char *directory, struct report_data *d, struct err *e)
{
    char path[PATH_MAX];
    struct file_map file = {0};
    int code = path_join(path, sizeof path, directory, "metrics.jsonl", e);
    if (code || !file_exists(path)) return code;
    if ((code = file_map(path, &file, e))) return code;
    d->has_metrics = true;
    if (file.size) code = read_lines(d, &file, path, e);
    file_unmap(&file);
    return code;
}

int report_read(const char *run_directory, struct report_data *d, struct err *e)
{
    *d = (struct report_data){
        .step = NAN, .epochs = NAN, .parameters = NAN, .skipped = 0, .peak_mb = NAN, .tokens_per_s = NAN, .seconds = NAN};
    int code = read_metrics(run_directory, d, e);
    if (!code) code = read_object(run_directory, "eval/test.json", &d->test, e);
    if (!code) code = read_object(run_directory, "eval/valid.json", &d->valid, e);
    if (!code) code = read_object(run_directory, "run.json", &d->run, e);
    if (!code) code = read_text(run_directory, "config.yaml", CONFIG_MAX, &d->config, &d->config_size, e);
    if (!code && !d->has_metrics && !d->test && !d->valid && !d->run && !d->config)
        code = err_set(e, ERR_NOINPUT,
                       "%s: no run is here: it has none of metrics.jsonl, eval/test.json, eval/valid.json, run.json, config.yaml",
                       run_directory);
    if (code) {
        report_data_free(d);
        return code;
    }
    d->parameters = report_number(d->run, "parameters");
    return 0;
}

void report_data_free(struct report_data *d)
{
    json_free(d->test);
    json_free(d->valid);
    json_free(d->run);
    free(d->config);
    *d = (struct report_data){0};
}
