/* sink.c - the bar is one line that is redrawn at most ten times a second and cleared before any other line; without a terminal there is a
 * plain line every five seconds. An epoch's end always shows. Each update is one write, so lines of other programs do not cut it. */
#include "sink.h"
#include "clock.h"
#include "progress.h"
#include "terminal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_S 0.1
#define LINE_S   5.0
enum { TEXT_SIZE = 512, BAR_CELLS = 20 };

static struct {
    bool terminal; /* stderr is one that can redraw a line */
    bool colours;
    enum log_level level; /* the least that is shown */
    bool info_hidden;
    bool drawn;  /* a bar is on the screen */
    double last; /* when progress was shown, in seconds */
} sink;

static void put(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, text, size);
        if (n <= 0) return; /* nobody listens: training goes on */
        text += n;
        size -= (size_t)n;
    }
}

void sink_clear(void)
{
    if (!sink.drawn) return;
    put("\r\033[K", 4);
    sink.drawn = false;
}

static void show_log(void *context, enum log_level level, const char *line)
{
    char text[2200];
    const char *mark = level != LOG_WARNING ? "" : sink.colours ? "\033[33mwarning:\033[0m " : "warning: ";
    (void)context;
    if (level < sink.level || (sink.info_hidden && level < LOG_WARNING)) return;
    int n = snprintf(text, sizeof text, "%s%s%s\n", sink.drawn ? "\r\033[K" : "", mark, line);
    sink.drawn = false;
    put(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void sink_format_time(double s, char text[32])
{
    long t = s >= 0 && s < 1e9 ? (long)(s + 0.5) : -1;
    if (t < 0)
        snprintf(text, 32, "?");
    else if (t < 3600)
        snprintf(text, 32, "%ld:%02ld", t / 60, t % 60);
    else
        snprintf(text, 32, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
}

/* "pictures: 512/7000, 12.3/s, ETA 8:47" */
static void format_count(const struct progress *p, const char *eta, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "%s: %lld/%lld, %.3g/s, ETA %s", p->phase, (long long)p->step, (long long)p->steps, p->tokens_per_s, eta);
}

/* "train: epoch 2/6, step 340/1266, loss 4.31, lr 8.1e-05, 912 tokens/s, ETA 3:21" */
static void format_line(const struct progress *p, char text[TEXT_SIZE])
{
    char eta[32];
    sink_format_time(p->eta, eta);
    if (p->epochs == 0) {
        format_count(p, eta, text);
        return;
    }
    int n = snprintf(text, TEXT_SIZE, "%s: epoch %lld/%lld, step %lld/%lld", p->phase, (long long)p->epoch, (long long)p->epochs,
                     (long long)p->step, (long long)p->steps);
    if (strcmp(p->phase, "train") != 0 || n < 0 || n >= TEXT_SIZE) return;
    snprintf(text + n, TEXT_SIZE - (size_t)n, ", loss %.4g, lr %.2g, %.0f tokens/s, ETA %s", p->loss, p->learning_rate, p->tokens_per_s,
             eta);
}

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Cut to the terminal's width less one, where a line would wrap and could not be cleared; not within a character. */
static void draw(double share, const char *line)
{
    char bar[BAR_CELLS + 1], all[TEXT_SIZE + BAR_CELLS + 4], text[TEXT_SIZE + BAR_CELLS + 16];
    const int filled = share > 0 ? (int)((share < 1 ? share : 1) * BAR_CELLS) : 0;
    size_t width = columns() - 1;
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[BAR_CELLS] = '\0';
    snprintf(all, sizeof all, "[%s] %s", bar, line);
    if (width >= sizeof all) width = sizeof all - 1;
    while (width > 0 && ((unsigned char)all[width] & 0xC0) == 0x80) width--;
    int n = snprintf(text, sizeof text, "\r%.*s\033[K", (int)width, all);
    put(text, (size_t)n);
    sink.drawn = true;
}

static void show_line(double share, bool always, const char *line)
{
    double now = clock_seconds();
    if (!always && now - sink.last < (sink.terminal ? REDRAW_S : LINE_S)) return;
    sink.last = now;
    if (sink.terminal) {
        draw(share, line);
    } else {
        char text[TEXT_SIZE + 1];
        const int n = snprintf(text, sizeof text, "%.*s\n", TEXT_SIZE - 1, line);
        put(text, (size_t)n);
    }
}

static void show_progress(void *context, const struct progress *p)
{
    char line[TEXT_SIZE];
    (void)context;
    if (sink.level > LOG_INFO) return;
    format_line(p, line);
    show_line(p->steps > 0 ? (double)p->step / (double)p->steps : 0, p->epoch_end, line);
}

void sink_show_runs(double done, double runs, const char *line)
{
    char text[TEXT_SIZE];
    if (sink.level > LOG_INFO) return;
    snprintf(text, sizeof text, "%.0f of %.0f runs; %.400s", floor(done), runs, line);
    show_line(runs > 0 ? done / runs : 0, false, text);
}

void sink_set_level(enum log_level level)
{
    sink.level = level;
}

void sink_hide_info(bool hidden)
{
    sink.info_hidden = hidden;
}

void sink_start(void)
{
    sink.terminal = terminal_can_draw(STDERR_FILENO);
    sink.colours = sink.terminal && terminal_colours(STDERR_FILENO);
    sink.level = LOG_INFO;
    sink.drawn = false;
    sink.last = clock_seconds() - LINE_S; /* the first report shows at once */
    log_set_sink(show_log, NULL);
    progress_set_sink(show_progress, NULL);
}
