/* ablate.c - see ablate.h. */
#include "ablate.h"
#include "ablate_child.h"
#include "files.h"
#include "log.h"
#include "machine.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { POLL_MS = 200 };

/* ---- before the first run ---- */

static int make_cells(struct ablate *x, struct err *e)
{
    int n = 0;
    for (int k = 0; k < x->a->n_rows; k++) n += x->a->rows[k].seeds.n;
    x->cells = calloc((size_t)n + 1, sizeof *x->cells);
    x->p = calloc((size_t)x->a->n_rows + 1, sizeof *x->p);
    x->compared = calloc((size_t)x->a->n_rows + 1, sizeof *x->compared);
    if (!x->cells || !x->p || !x->compared) return err_set(e, ERR_INTERNAL, "out of memory for %d runs", n);
    for (int k = 0; k < x->a->n_rows; k++) {
        const struct ablation_row *row = &x->a->rows[k];
        x->p[k] = NAN;
        for (int s = 0; s < row->seeds.n; s++) {
            const int code = cell_make(row, row->seeds.at[s], x->options->out, &x->cells[x->n_cells], e);
            if (code) return code;
            x->n_cells++;
        }
    }
    return 0;
}

static void show(const struct ablate *x, double done, const char *line)
{
    const struct ablate_progress now = {done, x->n_cells, line};
    x->options->show(x->options->context, &now);
}

static int check_cells(struct ablate *x, struct err *e)
{
    struct hash data = {{0}}, model = {{0}};
    const struct ablation_row *checked = NULL;
    for (int k = 0; k < x->n_cells; k++) {
        struct cell *c = &x->cells[k];
        char line[ABLATION_NAME_SIZE + 32];
        int code;
        snprintf(line, sizeof line, "checking row %s", c->row->name);
        show(x, 0, line);
        if (*x->options->n_signals) return err_set(e, ERR_CHECK, "stopped by a signal");
        if (c->row != checked && (code = cell_check(c->row, &data, &model, e))) return code;
        checked = c->row;
        c->data_digest = data;
        c->model_digest = model;
        if ((code = cell_look(c, e))) return code;
    }
    return 0;
}

int ablate_open(const struct ablation *a, const struct ablate_options *options, struct ablate *x, struct err *e)
{
    *x = (struct ablate){.a = a, .options = options, .lock = -1};
    const int code = make_cells(x, e);
    return code ? code : check_cells(x, e);
}

void ablate_close(struct ablate *x)
{
    for (int k = 0; k < x->n_cells; k++) cell_free(&x->cells[k]);
    free(x->cells);
    free(x->p);
    free(x->compared);
    if (x->lock >= 0) close(x->lock);
    *x = (struct ablate){.lock = -1};
}

/* ---- the table ---- */

static int finished_runs(const struct ablate *x, int row)
{
    int n = 0;
    for (int k = 0; k < x->n_cells; k++) n += x->cells[k].row == &x->a->rows[row] && x->cells[k].state == CELL_FINISHED;
    return n;
}

/* A bootstrap over some thousand tweets takes a moment, so only where a run has come to either side. */
static int compare(struct ablate *x, struct err *e)
{
    const struct ablation_row *rows = x->a->rows;
    const int base = finished_runs(x, x->a->base);
    for (int k = 0; k < x->a->n_rows; k++) {
        const int own = finished_runs(x, k);
        if (k == x->a->base || base == 0 || own == 0 || x->compared[k] == own + base) continue;
        const int code = cells_compare(x->cells, x->n_cells, &rows[k], &rows[x->a->base], &x->p[k], e);
        if (code) return code;
        x->compared[k] = own + base;
    }
    return 0;
}

int ablate_table(struct ablate *x, struct table *t, struct err *e)
{
    const int code = compare(x, e);
    return code ? code : table_begin(x->a, x->cells, x->n_cells, x->p, t, e);
}

static int write_table(struct ablate *x, struct err *e)
{
    struct table t;
    int code = ablate_table(x, &t, e);
    if (code) return code;
    code = table_write(&t, x->options->out, e);
    table_end(&t);
    return code;
}

/* ---- the runs ---- */

/* The machine's threads, or those of the config, divided among the runs. */
static int threads_of_a_job(const struct ablate *x)
{
    const int threads = x->a->rows[0].config.train.threads, all = threads ? threads : machine_processors();
    if (x->options->jobs == 1) return 0;
    return all > x->options->jobs ? all / x->options->jobs : 1;
}

int ablate_command(const struct ablate *x, const struct cell *c, char ***words, struct err *e)
{
    return cell_command(c, x->a, threads_of_a_job(x), words, e);
}

struct job {
    struct child child;
    struct cell *cell; /* NULL: free */
};

struct runs {
    struct ablate *x;
    struct job jobs[ABLATE_JOBS_MAX];
    int n_running, n_done, passed_on; /* signals that the runs have */
    bool *is_done;                    /* [n_cells] by this process */
    bool told;                        /* that it waits for another process */
};

static double done(const struct runs *r)
{
    double sum = r->n_done;
    for (int k = 0; k < r->x->options->jobs; k++)
        if (r->jobs[k].cell) sum += r->jobs[k].child.share;
    return sum;
}

static int lock_out(struct ablate *x, struct err *e)
{
    const char *out = x->options->out;
    char runs[PATH_MAX];
    int code;
    if ((code = path_join(runs, sizeof runs, out, "runs", e)) || (code = directory_make(runs, e))) return code;
    x->lock = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x->lock < 0) return err_set(e, ERR_IO, "%s: cannot be opened: %m", out);
    if (flock(x->lock, LOCK_EX | LOCK_NB) == 0) return 0;
    return errno == EWOULDBLOCK ? err_set(e, ERR_USAGE, "%s: another ablation is writing here; wait for it, or choose another --out", out)
                                : err_set(e, ERR_IO, "%s: cannot be locked: %m", out);
}

/* A run of an ablation that was killed may still be saving. */
static bool is_held(const struct cell *c)
{
    const int fd = open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

static void fail(struct cell *c, const char *message)
{
    c->state = CELL_FAILED;
    snprintf(c->message, sizeof c->message, "%s", message);
    log_warning("%s failed: %s", c->name, c->message);
}

/* What came out of a finished run goes into the table. */
static void take(struct runs *r, struct cell *c)
{
    struct err unread = {0};
    r->n_done++;
    if (cell_read(c, r->x->a, &unread))
        fail(c, unread.text);
    else
        log_info("%s: test F1 %.2f, %.0f s; %d of %d runs", c->name, 100 * c->result.f1, c->result.seconds, r->n_done, r->x->n_cells);
}

/* Of earlier calls. */
static void read_finished(struct runs *r)
{
    for (int k = 0; k < r->x->n_cells; k++) {
        if (r->x->cells[k].state != CELL_FINISHED) continue;
        r->is_done[k] = true;
        take(r, &r->x->cells[k]);
    }
}

static void tell(void *context, struct child *child, enum child_word word, const char *line)
{
    struct runs *r = context;
    const struct cell *cell = NULL;
    char text[3 * ABLATION_NAME_SIZE + 2048];
    for (int k = 0; k < r->x->options->jobs; k++)
        if (&r->jobs[k].child == child) cell = r->jobs[k].cell;
    if (!cell) return;
    if (word == CHILD_PROGRESS) {
        snprintf(text, sizeof text, "%s: %s", cell->name, line);
        show(r->x, done(r), text);
    } else if (word == CHILD_WARNING) {
        log_warning("%s: %s", cell->name, line);
    } else {
        log_debug("%s: %s", cell->name, line);
    }
}

static int start(struct runs *r, struct job *job, struct cell *c, struct err *e)
{
    char **words;
    int code = ablate_command(r->x, c, &words, e);
    if (code) return code;
    code = child_start(words, &job->child, e);
    free(words[0]);
    free(words);
    if (code) return code;
    job->cell = c;
    c->state = CELL_BEGUN;
    r->n_running++;
    log_debug("%s: process %d", c->name, (int)job->child.pid);
    return 0;
}

/* The next cell that nobody works on; one that is finished already is taken at once. NULL: none can be started now. */
static int choose(struct runs *r, struct cell **next, struct err *e)
{
    bool held = false;
    int code;
    *next = NULL;
    for (int k = 0; k < r->x->n_cells; k++) {
        struct cell *c = &r->x->cells[k];
        if (r->is_done[k]) continue;
        if (is_held(c)) {
            if (!r->told) log_info("%s: another process is writing to %s; waiting for it", c->name, c->directory);
            r->told = held = true;
            continue;
        }
        if ((code = cell_look(c, e))) return code;
        r->is_done[k] = true;
        if (c->state != CELL_FINISHED) {
            *next = c;
            return 0;
        }
        take(r, c);
        if ((code = write_table(r->x, e))) return code;
    }
    r->told = held;
    return 0;
}

/* What the exit status of a run means for its cell. */
static int end_job(struct runs *r, struct job *job, struct err *e)
{
    struct cell *c = job->cell;
    struct err unread = {0};
    char text[1024];
    const int status = child_wait(&job->child);
    r->n_running--;
    job->cell = NULL;
    if (status == 0 && cell_look(c, &unread) == 0 && c->state == CELL_FINISHED) {
        take(r, c);
        return write_table(r->x, e);
    }
    if (*r->x->options->n_signals) return 0; /* it goes on when the ablation does */
    r->n_done++;
    if (unread.code)
        snprintf(text, sizeof text, "%.1000s", unread.text);
    else if (status == 0)
        snprintf(text, sizeof text, "train.max_seconds are over; the same command goes on with it");
    else if (status > 128)
        snprintf(text, sizeof text, "ended by signal %d%s", status - 128, status == 128 + SIGKILL ? "; is memory short?" : "");
    else
        snprintf(text, sizeof text, "%.480s", job->child.message[0] ? job->child.message : "it ended without a message");
    fail(c, text);
    return write_table(r->x, e);
}

static void pass_signals_on(struct runs *r)
{
    for (; r->passed_on < *r->x->options->n_signals; r->passed_on++)
        for (int k = 0; k < r->x->options->jobs; k++)
            if (r->jobs[k].cell) child_signal(&r->jobs[k].child, *r->x->options->signal);
}

static int listen(struct runs *r, struct err *e)
{
    struct pollfd polled[ABLATE_JOBS_MAX];
    const int jobs = r->x->options->jobs;
    for (int k = 0; k < jobs; k++) polled[k] = (struct pollfd){.fd = r->jobs[k].cell ? r->jobs[k].child.fd : -1, .events = POLLIN};
    if (poll(polled, (nfds_t)jobs, POLL_MS) <= 0) return 0;
    for (int k = 0; k < jobs; k++) {
        struct job *job = &r->jobs[k];
        if (!job->cell || !polled[k].revents || child_read(&job->child, tell, r)) continue;
        const int code = end_job(r, job, e);
        if (code) return code;
    }
    return 0;
}

static int fill_jobs(struct runs *r, struct err *e)
{
    for (int k = 0; k < r->x->options->jobs; k++) {
        struct cell *next;
        int code;
        if (r->jobs[k].cell) continue;
        if ((code = choose(r, &next, e))) return code;
        if (!next) return 0;
        if ((code = start(r, &r->jobs[k], next, e))) return code;
    }
    return 0;
}

static bool is_over(const struct runs *r)
{
    if (r->n_running > 0) return false;
    for (int k = 0; k < r->x->n_cells; k++)
        if (!r->is_done[k]) return *r->x->options->n_signals > 0;
    return true;
}

int ablate_run(struct ablate *x, int *failed, struct err *e)
{
    struct runs *r = calloc(1, sizeof *r);
    struct err second = {0};
    int code = lock_out(x, e);
    *failed = 0;
    if (r) r->is_done = calloc((size_t)x->n_cells + 1, sizeof *r->is_done);
    if (!code && (!r || !r->is_done)) code = err_set(e, ERR_INTERNAL, "out of memory for %d runs", x->n_cells);
    if (!code) {
        r->x = x;
        read_finished(r);
        code = write_table(x, e);
    }
    while (!code && !is_over(r)) {
        pass_signals_on(r);
        if (*x->options->n_signals == 0) code = fill_jobs(r, e);
        if (!code) code = listen(r, e);
    }
    if (!code) code = write_table(x, e);
    /* Something is wrong with this process itself: the runs save what they have. */
    for (int k = 0; code && r && r->n_running > 0 && k < x->options->jobs; k++) child_signal(&r->jobs[k].child, SIGTERM);
    while (code && r && r->n_running > 0) listen(r, &second);
    for (int k = 0; k < x->n_cells; k++) *failed += x->cells[k].state == CELL_FAILED;
    if (r) free(r->is_done);
    free(r);
    return code;
}
