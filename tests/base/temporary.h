/* temporary.h - a folder of its own for a test program. */
#ifndef TEST_TEMPORARY_H
#define TEST_TEMPORARY_H

#include <limits.h>

/* Both return 0, or -1 with errno set. Removing takes everything below with it. */
int temporary_folder(char path[PATH_MAX]);
int temporary_remove(const char *path);

#endif
