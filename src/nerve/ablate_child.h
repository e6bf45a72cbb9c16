/* ablate_child.h - one training run as a child process: what it says on stderr, and how it ended. */
#ifndef NERVE_ABLATE_CHILD_H
#define NERVE_ABLATE_CHILD_H

#include "err.h"
#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none */
    int fd;    /* of its stderr */
    char line[2048];
    size_t used;
    char message[512]; /* the last error that it told */
    double share;      /* of its steps, 0 to 1 */
};

/* Runs this very program with words (words[0] is its name; ends with NULL), in a process group of its own, so that a terminal's Ctrl-C
 * reaches it only through child_signal. It gets SIGTERM where this process dies. */
int child_start(char *const *words, struct child *c, struct err *e);
void child_signal(const struct child *c, int signal);

enum child_word { CHILD_PROGRESS, CHILD_INFO, CHILD_WARNING, CHILD_ERROR };
/* Reads what is there. False at the end of its output. tell gets each whole line. */
typedef void (*child_tell)(void *context, struct child *c, enum child_word word, const char *line);
bool child_read(struct child *c, child_tell tell, void *context);
/* After child_read gave false. Its exit status; 128 + signal where one ended it. */
int child_wait(struct child *c);

#endif
