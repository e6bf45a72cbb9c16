#include "run_directory.h"
#include "files.h"
#include "log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { JSON_MAX = 16 << 20 };

static const char *const WRITTEN[] = {
    "config.yaml",     "run.json",       "train.log",           "metrics.jsonl",           "predictions.jsonl",   "report.html",
    "eval/valid.json", "eval/test.json", "checkpoints/last.h5", "checkpoints/previous.h5", "checkpoints/best.h5",
};

int run_path(const struct run_directory *d, const char *name, char path[PATH_MAX], struct err *e)
{
    return path_join(path, PATH_MAX, d->path, name, e);
}

static int lock(struct run_directory *d, struct err *e)
{
    d->lock = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->lock < 0) return err_set(e, ERR_IO, "%s: cannot be opened: %s", d->path, strerror(errno));
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0) return 0;
    int code = errno == EWOULDBLOCK
                   ? err_set(e, ERR_USAGE, "%s: another training run is writing here; wait for it, or choose another --out", d->path)
                   : err_set(e, ERR_IO, "%s: cannot be locked: %s", d->path, strerror(errno));
    close(d->lock);
    d->lock = -1;
    return code;
}

static int remove_old(const struct run_directory *d, struct err *e)
{
    char path[PATH_MAX];
    for (size_t k = 0; k < sizeof WRITTEN / sizeof *WRITTEN; k++) {
        int code = run_path(d, WRITTEN[k], path, e);
        if (code) return code;
        if (unlink(path) && errno != ENOENT && errno != ENOTDIR)
            return err_set(e, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return 0;
}

int run_directory_open(const char *path, enum run_mode mode, struct run_directory *d, struct err *e)
{
    *d = (struct run_directory){.lock = -1};
    bool is_empty;
    int code = path_join(d->path, sizeof d->path, "", path, e);
    if (code || (code = directory_make(d->path, e)) || (code = lock(d, e))) return code;
    code = directory_is_empty(d->path, &is_empty, e);
    if (!code && mode == RUN_NEW && !is_empty)
        code = err_set(e, ERR_USAGE, "%s: the directory is not empty; --resume goes on with the run in it, --force starts anew there",
                       d->path);
    if (!code && mode == RUN_FORCE) code = remove_old(d, e);
    char sub[PATH_MAX];
    if (!code) code = run_path(d, "checkpoints", sub, e);
    if (!code) code = directory_make(sub, e);
    if (!code) code = run_path(d, "eval", sub, e);
    if (!code) code = directory_make(sub, e);
    if (code) run_directory_close(d);
    return code;
}

void run_directory_close(struct run_directory *d)
{
    if (d->lock >= 0) close(d->lock);
    d->lock = -1;
}

int run_write_json(const struct run_directory *d, const char *name, struct json *value, struct err *e)
{
    char path[PATH_MAX], *text = json_dump(value, 2);
    size_t size = strlen(text);
    json_free(value);
    text[size] = '\n';
    int code = run_path(d, name, path, e);
    if (!code) code = file_write_bytes(path, text, size + 1, e);
    free(text);
    return code;
}

int run_read_json(const struct run_directory *d, const char *name, struct json **value, struct err *e)
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    *value = NULL;
    int code = run_path(d, name, path, e);
    if (code || !file_exists(path)) return code;
    code = file_read(path, JSON_MAX, &text, &size, e);
    if (!code) code = json_parse(text, size, path, value, e);
    free(text);
    return code;
}

int run_keep_previous(const struct run_directory *d, struct err *e)
{
    char last[PATH_MAX], previous[PATH_MAX], temporary[PATH_MAX];
    int code;
    if ((code = run_path(d, "checkpoints/last.h5", last, e)) || (code = run_path(d, "checkpoints/previous.h5", previous, e)) ||
        (code = run_path(d, "checkpoints/.previous.h5", temporary, e)))
        return code;
    if (!file_exists(last)) return 0;
    unlink(temporary);
    /* A link, not a rename: last.h5 must not be missing for a moment. Where the file system has no links, previous.h5 takes its place until
     * the new one is there. */
    if (link(last, temporary) == 0 ? rename(temporary, previous) : rename(last, previous))
        return err_set(e, ERR_IO, "%s: cannot be kept as previous.h5: %s", last, strerror(errno));
    return file_sync_directory(previous, e);
}
