/* cases.h - the gradient cases of the engine's ops and of the tests' small ones. */
#ifndef CASES_H
#define CASES_H

#include "suite.h"

extern const suite engine_suite, small_suite;

#endif
