#include "log.h"
#include "printable.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static log_sink sink;
static void *sink_context;
static FILE *files[N_LOG_FILES];

void log_set_sink(log_sink new_sink, void *context)
{
    sink = new_sink;
    sink_context = context;
}

int log_open_file(enum log_file which, const char *path, struct err *e)
{
    log_close_file(which);
    files[which] = fopen(path, "ae");
    if (!files[which]) return err_set(e, ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
    setvbuf(files[which], NULL, _IOLBF, 0);
    return 0;
}

void log_close_file(enum log_file which)
{
    if (files[which]) fclose(files[which]);
    files[which] = NULL;
}

/* A log that cannot be written stops nobody's training. */
static void write_file(FILE *file, enum log_level level, const char *line)
{
    static const char *const NAMES[] = {"debug", "info", "warning"};
    char stamp[32];
    time_t t = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    fprintf(file, "%s %s %s\n", stamp, NAMES[level], line);
}

/* A longer line is cut: it is for a person. */
static void emit(enum log_level level, const char *format, va_list args)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, args);
    make_printable(line);
    if (sink) sink(sink_context, level, line);
    for (int k = 0; k < N_LOG_FILES; k++)
        if (files[k]) write_file(files[k], level, line);
}

void log_debug(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit(LOG_DEBUG, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit(LOG_INFO, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit(LOG_WARNING, format, args);
    va_end(args);
}
