#include "log.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static log_sink sink;
static void *sink_context;

void log_set_sink(log_sink new_sink, void *context)
{
    sink = new_sink;
    sink_context = context;
}

/* A longer line is cut: it is for a person. */
static void emit(enum log_level level, const char *format, va_list args)
{
    char line[2048];
    if (!sink) return;
    vsnprintf(line, sizeof line, format, args);
    sink(sink_context, level, line);
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
