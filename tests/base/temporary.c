#include "temporary.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

int temporary_folder(char path[PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(path, PATH_MAX, "%s/nerve-test.XXXXXX", parent && *parent ? parent : "/tmp");
    return length < PATH_MAX && mkdtemp(path) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

int temporary_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
