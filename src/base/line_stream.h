/* line_stream.h - lines of a file, pipe or terminal as they come, in bounded memory. */
#ifndef BASE_LINE_STREAM_H
#define BASE_LINE_STREAM_H

#include "err.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

enum { LINE_MAX_BYTES = 1 << 20 }; /* a longer line is told of and left out */

struct line_stream {
    int fd;
    char *data;
    size_t from, size; /* what was read and not given yet: data[from .. size-1] */
    size_t looked;     /* bytes of it, from `from` on, that hold no end of line */
    bool ended;        /* nothing more can be read */
    bool skipping;     /* in the middle of a line that is too long */
    long line;         /* number of the line that was given last, from 1 */
};

int line_stream_open(int fd, struct line_stream *s, struct err *e); /* fd stays the caller's */
void line_stream_close(struct line_stream *s);

enum line_state {
    LINE_GIVEN,    /* *line, of *size bytes, without LF or CR LF and with a NUL behind it; until the next call */
    LINE_TOO_LONG, /* this line was left out */
    LINE_WAIT,     /* no whole line is there: line_stream_read */
    LINE_END,
};
/* The next line of what was read. A byte order mark in front of the first line is dropped. */
enum line_state line_stream_next(struct line_stream *s, char **line, size_t *size);

/* Waits until something can be read, at most timeout_ms (< 0: for ever), or until *stop, which a signal sets, is true; then reads. 1: read,
 * or the end; 0: the time is over, or stopped; ERR_IO. */
int line_stream_read(struct line_stream *s, int timeout_ms, const volatile sig_atomic_t *stop, struct err *e);

#endif
