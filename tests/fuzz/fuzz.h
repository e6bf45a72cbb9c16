/* fuzz.h - a reader is given mutated inputs and must read or refuse each: no crash, no hang, not too much memory, no claim broken.
 *
 * Inputs run in a child process, one after the other; what ends the child is found with the number of the mutation, and the next child
 * goes on behind it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "err.h"
#include "mutator.h"
#include <limits.h>

struct fuzz_input {
    const char *path; /* of the file that holds it */
    const unsigned char *data;
    size_t size;
    const struct seed *of;
    uint32_t number;
};

enum fuzz_verdict { FUZZ_READ, FUZZ_REFUSED };

struct fuzz_kind {
    const char *name;
    uint32_t stream; /* of its own */
    void (*make_seeds)(struct seeds *s);
    /* Makes right again what a mutation broke but should not be refused for, in place; NULL: nothing. */
    void (*mend)(unsigned char *data, size_t size, const struct seed *of);
    /* Holds what is read to its claims with fuzz_claim, which does not return where one is broken. */
    enum fuzz_verdict (*read)(const struct fuzz_input *in);
    int least_read, least_refused; /* of 100 mutations: what shows that they are neither harmless nor hopeless */
};

enum {
    FUZZ_SECONDS = 2,       /* of the processor's time, for one input */
    FUZZ_WAIT_SECONDS = 20, /* of the clock, for one that waits */
    FUZZ_MEMORY_MB = 1024,  /* on top of what a child has at its start */
    FUZZ_FINDINGS = 8,      /* then it stops */
};

struct fuzz_finding {
    uint32_t number;
    char what[1200];     /* "hang: ...", "crash: signal 11 ...", "claim: ..." */
    char path[PATH_MAX]; /* the input */
};

struct fuzz_result {
    uint32_t read, refused;
    int n_findings;
    struct fuzz_finding findings[FUZZ_FINDINGS];
};

/* Mutations from .. from + count - 1 of the kind. Inputs that are findings lie in temporary files, which stay. */
void fuzz_run(const struct fuzz_kind *kind, uint32_t from, uint32_t count, struct fuzz_result *out);
/* One mutation in this process, for a debugger: says on stdout where its input is, and what became of it. */
void fuzz_reproduce(const struct fuzz_kind *kind, uint32_t number);
/* The input of this number, as the reader gets it. Fresh memory: free it. */
unsigned char *fuzz_make(const struct fuzz_kind *kind, const struct seeds *s, uint32_t number, struct fuzz_input *in);

/* ---- for readers ---- */

#define fuzz_claim(condition, ...)                                                                                                         \
    do {                                                                                                                                   \
        if (!(condition)) fuzz_claim_fails(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                   \
    } while (0)
_Noreturn void fuzz_claim_fails(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The error is of this code, its text one whole line that begins with the input's path or name and, where it names a line, names one that
 * there is. */
void fuzz_claim_error(const struct fuzz_input *in, const char *name, int code, int wanted, const struct err *e);
/* Of that line: 0 where it names none. */
long fuzz_line_of(const char *name, const struct err *e);

/* A file of the source tree as a seed; name is below its root. */
void fuzz_seed_of_file(struct seeds *s, const char *name);

#endif
