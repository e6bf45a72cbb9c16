/* shared_files.h - where the real tweets, vocabularies and reference values lie: below NERVE_SHARED and NERVE_REFERENCE. A test that needs
 * them skips where they are absent. */
#ifndef TESTS_DATA_SHARED_FILES_H
#define TESTS_DATA_SHARED_FILES_H

#include "files.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* path = $variable/name; false where the variable is not set or nothing is there. */
static inline bool shared_file(char path[4096], const char *variable, const char *name)
{
    const char *root = getenv(variable);
    return root && snprintf(path, 4096, "%s/%s", root, name) < 4096 && file_exists(path);
}

#endif
