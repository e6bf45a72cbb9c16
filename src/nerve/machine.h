/* machine.h - what the program runs on, and the start of the engine. */
#ifndef NERVE_MACHINE_H
#define NERVE_MACHINE_H

#include "err.h"

struct json;

const char *machine_version(void); /* of nerve, "0.1.0" */
int machine_processors(void);      /* that this process may use */
double machine_peak_mb(void);      /* the most memory that this process ever held, in 2^20 bytes */
/* ag_start with this many threads; 0: one for each processor. */
int machine_start(int threads, struct err *e);
/* {nerve, compiler, built_with, system, processor, processors, threads, kernels, blas, core_type}, after machine_start: texts and integers.
 * Free it. */
struct json *machine_json(void);

#endif
