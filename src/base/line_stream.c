#include "line_stream.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, ROOM = LINE_MAX_BYTES + READ_BYTES + 1 };

int line_stream_open(int fd, struct line_stream *s, struct err *e)
{
    *s = (struct line_stream){.fd = fd, .data = malloc(ROOM)};
    return s->data ? 0 : err_set(e, ERR_INTERNAL, "out of memory for lines of %d bytes", LINE_MAX_BYTES);
}

void line_stream_close(struct line_stream *s)
{
    free(s->data);
    *s = (struct line_stream){.fd = -1};
}

static void drop(struct line_stream *s, size_t bytes)
{
    s->from += bytes;
    s->looked = 0;
    if (s->from == s->size) s->from = s->size = 0;
}

static enum line_state give(struct line_stream *s, size_t n, char **line, size_t *size)
{
    static const char MARK[] = "\xEF\xBB\xBF";
    char *text = s->data + s->from;
    drop(s, n < s->size - s->from ? n + 1 : n); /* the last line may have no end */
    if (++s->line == 1 && n >= strlen(MARK) && memcmp(text, MARK, strlen(MARK)) == 0) {
        text += strlen(MARK);
        n -= strlen(MARK);
    }
    if (n > 0 && text[n - 1] == '\r') n--;
    text[n] = '\0';
    *line = text;
    *size = n;
    return LINE_GIVEN;
}

/* The rest of a line that is too long, as far as it was read. */
static enum line_state skip(struct line_stream *s)
{
    const char *end = memchr(s->data + s->from, '\n', s->size - s->from);
    drop(s, end ? (size_t)(end - (s->data + s->from)) + 1 : s->size - s->from);
    if (!end && !s->ended) return LINE_WAIT;
    s->skipping = false;
    s->line++;
    return LINE_TOO_LONG;
}

enum line_state line_stream_next(struct line_stream *s, char **line, size_t *size)
{
    if (s->skipping) return skip(s);
    const size_t there = s->size - s->from;
    const char *start = s->data + s->from, *end = memchr(start + s->looked, '\n', there - s->looked);
    const size_t n = end ? (size_t)(end - start) : there;
    if (n > LINE_MAX_BYTES) {
        s->skipping = true;
        return skip(s);
    }
    if (end || (s->ended && there > 0)) return give(s, n, line, size);
    s->looked = there;
    return s->ended ? LINE_END : LINE_WAIT;
}

/* A signal that comes between the look at *stop and the wait must end the wait, so it is held back until then. */
static int wait_for_input(int fd, int timeout_ms, const volatile sig_atomic_t *stop)
{
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &before);
    const int n = *stop ? 0 : ppoll(&p, 1, timeout_ms < 0 ? NULL : &timeout, &before);
    const int why = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return n;
}

int line_stream_read(struct line_stream *s, int timeout_ms, const volatile sig_atomic_t *stop, struct err *e)
{
    if (s->from > 0 && ROOM - 1 - s->size < READ_BYTES) {
        memmove(s->data, s->data + s->from, s->size - s->from);
        s->size -= s->from;
        s->from = 0;
    }
    const int ready = wait_for_input(s->fd, timeout_ms, stop);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return 0;
    const ssize_t n = ready < 0 ? -1 : read(s->fd, s->data + s->size, READ_BYTES);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    if (n < 0) return err_set(e, ERR_IO, "cannot read: %s", strerror(errno));
    s->ended = n == 0;
    s->size += (size_t)n;
    return 1;
}
