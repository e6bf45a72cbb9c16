#include "run_checkpoints.h"
#include "files.h"
#include "log.h"
#include "model_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LAST     "checkpoints/last.h5"
#define PREVIOUS "checkpoints/previous.h5"
#define BEST     "checkpoints/best.h5"

static void note_saved(struct run_checkpoints *c)
{
    c->step = c->trainer->state.step;
    c->epochs = c->trainer->state.epochs;
}

int run_save_last(struct run_checkpoints *c, struct err *e)
{
    const struct trainer_state *s = &c->trainer->state;
    char path[PATH_MAX];
    int code;
    /* A signal in the middle of an epoch's evaluation saves the same step without the epoch. */
    if (c->step == s->step && c->epochs == s->epochs) return 0;
    if ((code = run_keep_previous(c->directory, e)) || (code = run_path(c->directory, LAST, path, e)) ||
        (code = trainer_save(c->trainer, path, true, e)))
        return code;
    note_saved(c);
    log_info("saved step %lld", (long long)c->step);
    return 0;
}

/* One file into the trainer; an unusable one only warns. Another config, other data: an error. */
static int try_load(const struct run_checkpoints *c, const char *name, bool *loaded, struct err *e)
{
    char path[PATH_MAX];
    struct checkpoint *file = NULL;
    struct err why = {0};
    *loaded = false;
    int code = run_path(c->directory, name, path, e);
    if (code || !file_exists(path)) return code;
    code = checkpoint_open(path, &file, &why);
    if (!code) code = trainer_load(c->trainer, file, path, &why);
    checkpoint_close(file);
    if (code == ERR_CONFIG) {
        *e = why;
        return code;
    }
    if (code)
        log_warning("%s: not usable: %s", path, why.text);
    else
        *loaded = true;
    return 0;
}

/* A damaged last.h5 is put aside, lest it become previous.h5. */
static int put_aside(const char *last, struct err *e)
{
    char aside[PATH_MAX + 16];
    snprintf(aside, sizeof aside, "%s.damaged", last);
    return rename(last, aside) ? err_set(e, ERR_IO, "%s: cannot be renamed: %s", last, strerror(errno)) : 0;
}

int run_load_last(struct run_checkpoints *c, bool *loaded, struct err *e)
{
    char last[PATH_MAX];
    int code = run_path(c->directory, LAST, last, e);
    if (code || (code = try_load(c, LAST, loaded, e))) return code;
    if (*loaded) {
        note_saved(c);
        return 0;
    }
    if (file_exists(last) && (code = put_aside(last, e))) return code;
    return try_load(c, PREVIOUS, loaded, e);
}

int run_save_best(const struct run_checkpoints *c, struct err *e)
{
    char path[PATH_MAX];
    int code = run_path(c->directory, BEST, path, e);
    return code ? code : trainer_save(c->trainer, path, false, e);
}

int run_load_best(const struct run_checkpoints *c, struct err *e)
{
    char path[PATH_MAX];
    struct checkpoint *file = NULL;
    int code = run_path(c->directory, BEST, path, e);
    if (!code) code = checkpoint_open(path, &file, e);
    if (!code) code = trainer_load_parameters(c->trainer, file, e);
    checkpoint_close(file);
    return code;
}

bool run_find_checkpoint(const struct run_directory *d, char path[PATH_MAX])
{
    static const char *const CANDIDATES[] = {LAST, PREVIOUS};
    bool is_whole = false;
    for (size_t k = 0; k < 2 && !is_whole; k++) {
        struct checkpoint *c = NULL;
        struct err ignored = {0};
        is_whole = !run_path(d, CANDIDATES[k], path, &ignored) && !checkpoint_open(path, &c, &ignored);
        checkpoint_close(c);
    }
    return is_whole;
}
