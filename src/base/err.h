/* err.h - the world is not as expected: a file, a config, a checkpoint, a data line.
 *
 * A function that can meet such a thing returns 0, or a negative code with one complete message in *e; *e is untouched on success, so that
 * calls chain with `||`. The code is minus the exit status that the program ends with.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
    ERR_CHECK = -1,     /* a check that the user asked for failed */
    ERR_USAGE = -64,    /* the command line */
    ERR_DATA = -65,     /* the content of a data, weight or checkpoint file */
    ERR_NOINPUT = -66,  /* a file that is not there or cannot be opened */
    ERR_INTERNAL = -70, /* this program, its libraries, or memory */
    ERR_IO = -74,       /* reading or writing failed */
    ERR_CONFIG = -78,   /* the configuration */
};

struct err {
    int code;        /* one of the above, 0 as long as nothing happened */
    char text[1024]; /* one line without an end: where, what, what to do */
};

/* What is printed into it may be anyone's text (printable.h). Both return the code, so that a caller can write `return err_set(...)`.
 * err_prefix puts words before the text of an error already set. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
