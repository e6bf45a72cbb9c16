#include "metrics.h"
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { METRICS_MAX = 1 << 30 };

int metrics_open(const char *path, struct metrics *out, struct err *e)
{
    struct metrics m = {.path = strdup(path)};
    if (!m.path) return err_set(e, ERR_INTERNAL, "out of memory");
    m.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (m.fd < 0) {
        int code = err_set(e, ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
        free(m.path);
        return code;
    }
    *out = m;
    return 0;
}

int metrics_write(struct metrics *m, struct json *line, struct err *e)
{
    char *text = json_dump(line, 0);
    size_t size = strlen(text);
    json_free(line);
    /* The end of line takes the place of the NUL, so that a line is one write: a reader never sees half of it. */
    text[size] = '\n';
    int code = file_write_all(m->fd, text, size + 1, m->path, e);
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
    close(m->fd);
    free(m->path);
    *m = (struct metrics){.fd = -1};
}

static bool belongs(const struct json *line, int64_t step, int64_t epochs)
{
    int64_t at = 0, epoch = 0;
    const char *event = json_text(json_get(line, "event"));
    if (!event || !json_read_integer(json_get(line, "step"), &at)) return false;
    if (strcmp(event, "test") == 0) return false;
    if (strcmp(event, "epoch") == 0) return json_read_integer(json_get(line, "epoch"), &epoch) && epoch <= epochs;
    return at <= step;
}

int metrics_cut(const char *path, int64_t step, int64_t epochs, struct err *e)
{
    char *text = NULL;
    size_t size, kept = 0, from = 0;
    if (!file_exists(path)) return 0;
    int code = file_read(path, METRICS_MAX, &text, &size, e);
    if (code) return code;
    while (from < size) {
        const char *end = memchr(text + from, '\n', size - from);
        if (!end) break;
        size_t length = (size_t)(end - (text + from)) + 1;
        struct json *line = NULL;
        struct err ignored = {0};
        bool whole = json_parse(text + from, length - 1, path, &line, &ignored) == 0;
        bool keep = whole && belongs(line, step, epochs);
        json_free(line);
        if (!whole) break;
        if (keep) {
            memmove(text + kept, text + from, length);
            kept += length;
        }
        from += length;
    }
    if (kept != size) code = file_write_bytes(path, text, kept, e);
    free(text);
    return code;
}
