/* sink.h - log lines and training progress on stderr: a bar on a terminal, plain lines elsewhere. */
#ifndef SINK_H
#define SINK_H

/* Takes the lines of log.h and the reports of progress.h. NO_COLOR: no colours; TERM=dumb: no bar either. */
void sink_start(void);
/* Removes the bar, before something else is printed. */
void sink_clear(void);

#endif
