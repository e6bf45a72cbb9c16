#include "run_directory.h"
#include "files.h"
#include "log.h"
#include "metrics.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { JSON_MAX = 16 << 20 };

#define LOG "train.log"
static const char *const WRITTEN[] = {
    "config.yaml",
    "run.json",
    LOG,
    METRICS_LINES,
    METRICS_EVENTS,
    "predictions.jsonl",
    "report.html",
    "eval/valid.json",
    "eval/test.json",
    "checkpoints/last.h5",
    "checkpoints/previous.h5",
    "checkpoints/best.h5",
};
enum { N_WRITTEN = sizeof WRITTEN / sizeof *WRITTEN };
#define DAMAGED "checkpoints/last.h5.damaged" /* put aside by a resumed run */
#define LINK    "checkpoints/.previous.h5"    /* last.h5 on its way to previous.h5 */

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

static int remove_file(const struct run_directory *d, const char *name, struct err *e)
{
    char path[PATH_MAX];
    int code = run_path(d, name, path, e);
    if (!code && unlink(path) && errno != ENOENT && errno != ENOTDIR)
        code = err_set(e, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    return code;
}

static int remove_old(const struct run_directory *d, struct err *e)
{
    int code = 0;
    for (size_t k = 0; k < N_WRITTEN && !code; k++)
        if (strcmp(WRITTEN[k], LOG) != 0) code = remove_file(d, WRITTEN[k], e);
    return code ? code : remove_file(d, DAMAGED, e);
}

/* .NAME.XXXXXX, which file_write_atomic makes of one of our names in the directory `below` ("" or "eval/"). */
static bool is_leftover(const char *below, const char *entry)
{
    enum { RANDOM = 6 };
    size_t depth = strlen(below), length = strlen(entry);
    if (length < RANDOM + 2 || entry[0] != '.' || entry[length - RANDOM - 1] != '.' ||
        strspn(entry + length - RANDOM, "0123456789abcdefghijklmnopqrstuvwxyz") != RANDOM)
        return false;
    for (size_t k = 0; k < N_WRITTEN; k++) {
        const char *name = WRITTEN[k] + depth;
        if (strncmp(WRITTEN[k], below, depth) == 0 && strlen(name) == length - RANDOM - 2 && strncmp(entry + 1, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

static int remove_leftovers(const struct run_directory *d, const char *below, struct err *e)
{
    char path[PATH_MAX], name[PATH_MAX];
    int code = run_path(d, below, path, e);
    if (code) return code;
    DIR *directory = opendir(path);
    if (!directory) return 0;
    for (const struct dirent *entry; !code && (entry = readdir(directory));) {
        if (!is_leftover(below, entry->d_name)) continue;
        snprintf(name, sizeof name, "%s%s", below, entry->d_name);
        code = remove_file(d, name, e);
        if (!code) log_info("%s/%s: removed, a killed run had begun to write it", d->path, name);
    }
    closedir(directory);
    return code;
}

int run_directory_open(const char *path, enum run_mode mode, struct run_directory *d, struct err *e)
{
    *d = (struct run_directory){.lock = -1};
    bool is_empty;
    int code = path_join(d->path, sizeof d->path, "", path, e);
    if (code) return code;
    d->is_made = !file_exists(d->path);
    if ((code = directory_make(d->path, e)) || (code = lock(d, e))) return code;
    code = directory_is_empty(d->path, &is_empty, e);
    if (!code && mode == RUN_NEW && !is_empty)
        code = err_set(e, ERR_USAGE, "%s: the directory is not empty; --resume goes on with the run in it, --force starts anew there",
                       d->path);
    if (!code && mode == RUN_FORCE) code = remove_file(d, LOG, e);
    if (code) run_directory_close(d);
    return code;
}

int run_directory_begin(const struct run_directory *d, enum run_mode mode, struct err *e)
{
    static const char *const BELOW[] = {"", "checkpoints/", "eval/"};
    char path[PATH_MAX];
    int code = mode == RUN_FORCE ? remove_old(d, e) : 0;
    if (!code) code = remove_file(d, LINK, e);
    for (size_t k = 0; k < sizeof BELOW / sizeof *BELOW && !code; k++) {
        code = remove_leftovers(d, BELOW[k], e);
        if (!code) code = run_path(d, BELOW[k], path, e);
        if (!code) code = directory_make(path, e);
    }
    return code;
}

void run_directory_abandon(const struct run_directory *d)
{
    struct err ignored = {0};
    remove_file(d, LOG, &ignored);
    if (d->is_made) rmdir(d->path);
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
        (code = run_path(d, LINK, temporary, e)))
        return code;
    if (!file_exists(last)) return 0;
    unlink(temporary);
    /* A link, not a rename: last.h5 must not be missing for a moment. Where the file system has no links, previous.h5 takes its place until
     * the new one is there. */
    if (link(last, temporary) == 0 ? rename(temporary, previous) : rename(last, previous))
        return err_set(e, ERR_IO, "%s: cannot be kept as previous.h5: %s", last, strerror(errno));
    unlink(temporary); /* rename leaves it where a killed run had made previous.h5 the same file already */
    return file_sync_directory(previous, e);
}
