/* run_program.h - runs a program as a user would: arguments, environment, stdin in; exit status, stdout, stderr out. */
#ifndef TEST_RUN_PROGRAM_H
#define TEST_RUN_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

enum program_stdout { STDOUT_KEPT, STDOUT_FULL_DISK, STDOUT_CLOSED_PIPE, STDOUT_CLOSED };

struct program_options {
    const char *input;              /* of stdin; NULL: empty */
    const char *const *environment; /* "NAME=value" on top of this program's own; "NAME" alone is taken away; ends with NULL, or NULL */
    const char *directory;          /* to run in, or NULL */
    enum program_stdout output;
    double timeout; /* seconds until it is killed; 0: 60 */
};

struct program {
    pid_t pid;
    int out, err; /* unnamed files */
    double timeout;
    int status;            /* exit status, 128 + signal, or -1 after the timeout */
    char *output, *errors; /* what it wrote, as texts */
};

/* argv ends with NULL; argv[0] is looked up in PATH where it has no slash. Ends the calling test where the program cannot be started. */
void program_start(struct program *p, const char *const argv[], const struct program_options *options);
/* Waits for its end and reads what it wrote. program_free afterwards. */
void program_finish(struct program *p);
void program_run(struct program *p, const char *const argv[], const struct program_options *options); /* both */
void program_free(struct program *p);

#endif
