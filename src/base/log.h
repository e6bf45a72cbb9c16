/* log.h - lines for the person who runs the program. They go to one sink, which the caller sets; without a sink they are dropped. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING };

/* line has no end of line. */
typedef void (*log_sink)(void *context, enum log_level level, const char *line);

void log_set_sink(log_sink sink, void *context);

/* Every line, of every level, is appended to these files too, with the time: one that the run keeps and one that the user named. */
enum log_file { LOG_FILE_RUN, LOG_FILE_USER, N_LOG_FILES };
int log_open_file(enum log_file which, const char *path, struct err *e);
void log_close_file(enum log_file which);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
