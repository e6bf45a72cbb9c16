/* sink.h - log lines and progress on stderr: a bar on a terminal, plain lines elsewhere. */
#ifndef SINK_H
#define SINK_H

#include "log.h"
#include <stdbool.h>

/* Takes the lines of log.h and the reports of progress.h. NO_COLOR: no colours; TERM=dumb: no bar either. */
void sink_start(void);
/* Shows lines from this level on (LOG_INFO at first), and progress only where it is not above LOG_INFO. */
void sink_set_level(enum log_level level);
/* While hidden, info lines are not shown; warnings and progress are. */
void sink_hide_info(bool hidden);
/* Progress of several runs: how many of them are done, and a line about one. */
void sink_show_runs(double done, double runs, const char *line);
/* Removes the bar, before something else is printed. */
void sink_clear(void);
/* Minutes and seconds, or hours, minutes and seconds: "3:21", "1:03:21"; "?" where it is not known (s < 0). */
void sink_format_time(double s, char text[32]);

#endif
