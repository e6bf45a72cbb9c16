/* log.h - lines for the person who runs the program. They go to one sink, which the caller sets; without a sink they are dropped. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING };

/* line has no end of line. */
typedef void (*log_sink)(void *context, enum log_level level, const char *line);

void log_set_sink(log_sink sink, void *context);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
