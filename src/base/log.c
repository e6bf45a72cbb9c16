#include "log.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static log_sink sink;
static void *sink_context;
static FILE *file;

void log_set_sink(log_sink new_sink, void *context)
{
    sink = new_sink;
    sink_context = context;
}

int log_open_file(const char *path, struct err *e)
{
    file = fopen(path, "ae");
    if (!file) return err_set(e, ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
    setvbuf(file, NULL, _IOLBF, 0);
    return 0;
}

void log_close_file(void)
{
    if (file) fclose(file);
    file = NULL;
}

/* A log that cannot be written stops nobody's training. */
static void write_file(enum log_level level, const char *line)
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
    if (!sink && !file) return;
    vsnprintf(line, sizeof line, format, args);
    if (sink) sink(sink_context, level, line);
    if (file) write_file(level, line);
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
