#include "metrics.h"
#include "event_records.h"
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { METRICS_MAX = 1 << 30 };

/* ---- a line's scalars, for TensorBoard ---- */

static const struct {
    const char *event, *path, *tag;
} SCALARS[] = {
    {"step", "loss", "train/loss"},
    {"step", "gradient_norm", "train/gradient_norm"},
    {"step", "learning_rate", "train/learning_rate"},
    {"step", "tokens_per_s", "machine/tokens_per_s"},
    {"epoch", "loss", "train/epoch_loss"},
    {"epoch", "peak_mb", "machine/peak_mb"},
    {"epoch", "valid.lenient.micro.f1", "valid/f1"},
    {"epoch", "valid.lenient.micro.precision", "valid/precision"},
    {"epoch", "valid.lenient.micro.recall", "valid/recall"},
    {"epoch", "valid.strict.micro.f1", "valid/strict_f1"},
    {"test", "lenient.micro.f1", "test/f1"},
    {"test", "lenient.micro.precision", "test/precision"},
    {"test", "lenient.micro.recall", "test/recall"},
    {"test", "strict.micro.f1", "test/strict_f1"},
};
enum { N_SCALARS = sizeof SCALARS / sizeof *SCALARS };
_Static_assert((int)N_SCALARS <= (int)EVENT_SCALARS_MAX, "one record holds them");

static const struct json *at_path(const struct json *v, const char *path)
{
    char name[64] = "";
    while (v && *path) {
        const size_t n = strcspn(path, ".");
        if (n >= sizeof name) return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        v = json_get(v, name);
        path += n + (path[n] == '.');
    }
    return v;
}

static size_t record_of(const struct json *line, unsigned char record[EVENT_RECORD_MAX])
{
    struct event_scalar scalars[N_SCALARS];
    const char *event = json_text(json_get(line, "event"));
    double wall_time = 0;
    int64_t step = 0;
    int n = 0;
    json_read_number(json_get(line, "unix_seconds"), &wall_time);
    json_read_integer(json_get(line, "step"), &step);
    for (int k = 0; k < N_SCALARS && event; k++)
        if (strcmp(event, SCALARS[k].event) == 0 && json_read_number(at_path(line, SCALARS[k].path), &scalars[n].value))
            scalars[n++].tag = SCALARS[k].tag;
    return event_record_scalars(wall_time, step, n, scalars, record);
}

static double unix_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-3 * (double)(t.tv_nsec / 1000000);
}

/* ---- lines ---- */

/* Every whole line from the front, until a visit is not 0. */
static int each_line(const char *text, size_t size, const char *path,
                     int (*visit)(void *context, const struct json *line, size_t from, size_t length), void *context)
{
    int code = 0;
    for (size_t from = 0; from < size && !code;) {
        const char *end = memchr(text + from, '\n', size - from);
        if (!end) break;
        size_t length = (size_t)(end - (text + from)) + 1;
        struct json *line = NULL;
        struct err ignored = {0};
        if (json_parse(text + from, length - 1, path, &line, &ignored)) break;
        code = visit(context, line, from, length);
        json_free(line);
        from += length;
    }
    return code;
}

struct events_fill {
    const char *lines, *path; /* metrics.jsonl and its content */
    size_t size;
    const char *events_path;
    int fd;
    struct err *e;
};

static int add_record(void *context, const struct json *line, size_t from, size_t length)
{
    const struct events_fill *f = context;
    unsigned char record[EVENT_RECORD_MAX];
    (void)from;
    (void)length;
    return file_write_all(f->fd, record, record_of(line, record), f->events_path, f->e);
}

static int fill_events(void *context, const char *temp_path, int fd, struct err *e)
{
    struct events_fill *f = context;
    unsigned char record[EVENT_RECORD_MAX];
    (void)temp_path;
    f->fd = fd;
    f->e = e;
    int code = file_write_all(fd, record, event_record_version(unix_seconds(), record), f->events_path, e);
    return code ? code : each_line(f->lines, f->size, f->path, add_record, f);
}

/* Events have no other source than the lines, so that a resumed run has neither too many nor too few. */
static int make_events(const struct metrics *m, struct err *e)
{
    char *text = NULL;
    struct events_fill f = {.path = m->path, .events_path = m->events_path};
    int code = file_read(m->path, METRICS_MAX, &text, &f.size, e);
    f.lines = text;
    if (!code) code = file_write_atomic(m->events_path, fill_events, &f, e);
    free(text);
    return code;
}

static int open_append(const char *path, int *fd, struct err *e)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return *fd < 0 ? err_set(e, ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno)) : 0;
}

static char *joined(const char *directory, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

int metrics_open(const char *directory, struct metrics *out, struct err *e)
{
    struct metrics m = {.fd = -1, .events = -1, .path = joined(directory, METRICS_LINES), .events_path = joined(directory, METRICS_EVENTS)};
    int code = m.path && m.events_path ? 0 : err_set(e, ERR_INTERNAL, "out of memory");
    if (code || (code = open_append(m.path, &m.fd, e)) || (code = make_events(&m, e)) ||
        (code = open_append(m.events_path, &m.events, e))) {
        metrics_close(&m);
        return code;
    }
    *out = m;
    return 0;
}

int metrics_write(struct metrics *m, struct json *line, struct err *e)
{
    unsigned char record[EVENT_RECORD_MAX];
    json_set_number(line, "unix_seconds", unix_seconds());
    char *text = json_dump(line, 0);
    size_t size = strlen(text);
    /* The end of line takes the place of the NUL, so that a line is one write: a reader never sees half of it. */
    text[size] = '\n';
    int code = file_write_all(m->fd, text, size + 1, m->path, e);
    if (!code) code = file_write_all(m->events, record, record_of(line, record), m->events_path, e);
    json_free(line);
    free(text);
    return code;
}

int metrics_sync(struct metrics *m, struct err *e)
{
    return fsync(m->fd) ? err_set(e, ERR_IO, "%s: fsync: %s", m->path, strerror(errno)) : 0;
}

void metrics_close(struct metrics *m)
{
    if (!m->path) return;
    if (m->fd >= 0) close(m->fd);
    if (m->events >= 0) close(m->events);
    free(m->path);
    free(m->events_path);
    *m = (struct metrics){.fd = -1, .events = -1};
}

/* ---- going back ---- */

static bool belongs(const struct json *line, int64_t step, int64_t epochs)
{
    int64_t at = 0, epoch = 0;
    const char *event = json_text(json_get(line, "event"));
    if (!event || !json_read_integer(json_get(line, "step"), &at)) return false;
    if (strcmp(event, "test") == 0) return false;
    if (strcmp(event, "epoch") == 0) return json_read_integer(json_get(line, "epoch"), &epoch) && epoch <= epochs;
    return at <= step;
}

struct cut {
    char *text;
    size_t kept;
    int64_t step, epochs;
};

static int keep_line(void *context, const struct json *line, size_t from, size_t length)
{
    struct cut *c = context;
    if (!belongs(line, c->step, c->epochs)) return 0;
    memmove(c->text + c->kept, c->text + from, length);
    c->kept += length;
    return 0;
}

int metrics_cut(const char *path, int64_t step, int64_t epochs, struct err *e)
{
    struct cut c = {.step = step, .epochs = epochs};
    size_t size;
    if (!file_exists(path)) return 0;
    int code = file_read(path, METRICS_MAX, &c.text, &size, e);
    if (code) return code;
    each_line(c.text, size, path, keep_line, &c);
    if (c.kept != size) code = file_write_bytes(path, c.text, c.kept, e);
    free(c.text);
    return code;
}
