/* picture_folder.c - pictures of a folder and of nothing else.
 *
 * A path is walked one name at a time from the folder's own descriptor, and no symbolic link is followed: so nothing that a data file names
 * leads out, also while somebody else changes the folder. O_NONBLOCK, since to open a named pipe would wait for its writer.
 */
#include "picture.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct picture_folder {
    int fd;
    char *path;
};

int picture_folder_open(const char *path, struct picture_folder **out, struct err *e)
{
    struct picture_folder *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return err_set(e, ERR_INTERNAL, "%s: no memory", path);
    }
    do f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) {
        err_set(e, ERR_NOINPUT, "%s: cannot open the folder of pictures: %m", path);
        picture_folder_close(f);
        return ERR_NOINPUT;
    }
    *out = f;
    return 0;
}

void picture_folder_close(struct picture_folder *f)
{
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    free(f->path);
    free(f);
}

static int open_below(int folder, const char *name, int flags)
{
    int fd;
    do fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Descriptor of a path below the folder, or -1 with errno: of the first name that cannot be opened. */
static int walk(const struct picture_folder *f, const char *path)
{
    char name[NAME_MAX + 1];
    int folder = f->fd;
    for (;;) {
        const size_t n = strcspn(path, "/");
        if (n >= sizeof name) {
            if (folder != f->fd) close(folder);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n + strspn(path + n, "/");
        const int fd = open_below(folder, name, *path ? O_DIRECTORY : 0);
        const int reason = errno;
        if (folder != f->fd) close(folder);
        errno = reason;
        if (fd < 0 || !*path) return fd;
        folder = fd;
    }
}

/* What hinders this file alone is its own fault; what would hinder any file is the system's. */
static int fail_to_open(const char *name, struct err *e)
{
    switch (errno) {
    case ENOENT:
        return err_set(e, ERR_NOINPUT, "%s: no such picture", name);
    case ELOOP:
        return err_set(e, ERR_DATA, "%s: is a symbolic link, which is not followed: put the picture itself there", name);
    case ENOTDIR:
        return err_set(e, ERR_DATA, "%s: leads through a file or a symbolic link", name);
    case ENXIO:
        return err_set(e, ERR_DATA, "%s: not a regular file", name);
    case EACCES:
    case EPERM:
    case ENAMETOOLONG:
        return err_set(e, ERR_DATA, "%s: cannot open: %m", name);
    default:
        return err_set(e, ERR_IO, "%s: cannot open: %m", name);
    }
}

static int open_picture(const struct picture_folder *f, const char *path, char name[], size_t room, int *fd, size_t *size, struct err *e)
{
    struct stat status = {0};
    snprintf(name, room, "%s/%s", f->path, path);
    *fd = walk(f, path);
    if (*fd < 0) return fail_to_open(name, e);
    int code = 0;
    if (fstat(*fd, &status))
        code = err_set(e, ERR_IO, "%s: cannot read: %m", name);
    else if (!S_ISREG(status.st_mode))
        code = err_set(e, ERR_DATA, "%s: not a regular file", name);
    else if (status.st_size > PICTURE_BYTES_MAX)
        code = err_set(e, ERR_DATA, "%s: has %jd bytes, more than the %d that are read", name, (intmax_t)status.st_size, PICTURE_BYTES_MAX);
    if (code) close(*fd);
    *size = (size_t)status.st_size;
    return code;
}

static int read_bytes(int fd, const char *name, size_t room, uint8_t **bytes, size_t *size, struct err *e)
{
    *bytes = malloc(room + 1);
    if (!*bytes) return err_set(e, ERR_INTERNAL, "%s: no memory for %zu bytes", name, room);
    *size = 0;
    while (*size < room) {
        const ssize_t n = read(fd, *bytes + *size, room - *size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            err_set(e, ERR_IO, "%s: cannot read: %m", name);
            free(*bytes);
            return ERR_IO;
        }
        if (n == 0) break;
        *size += (size_t)n;
    }
    return 0;
}

/* out NULL: the file is not read. */
static int read_picture(const struct picture_folder *f, const char *path, bool turn, struct picture *out, struct err *e)
{
    char name[PATH_MAX + 512];
    uint8_t *bytes = NULL;
    size_t size = 0, room = 0;
    int fd, code = open_picture(f, path, name, sizeof name, &fd, &room, e);
    if (code) return code;
    if (out) code = read_bytes(fd, name, room, &bytes, &size, e);
    close(fd);
    if (code || !out) return code;
    code = picture_decode(bytes, size, name, turn, out, e);
    free(bytes);
    return code;
}

static bool is_id(const char *id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    enum { LONGEST = 128 };
    const size_t n = strlen(id);
    return n >= 1 && n <= LONGEST && strspn(id, letters) == n && !strstr(id, "..");
}

int picture_read(const struct picture_folder *f, const char *id, bool turn, struct picture *out, struct err *e)
{
    static const char *const endings[] = {"jpg", "jpeg", "png", "webp"};
    if (!is_id(id))
        return err_set(e, ERR_DATA, "%s: \"%.128s\" is no id of a picture: up to 128 of A-Z a-z 0-9 _ . - without \"..\"", f->path, id);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[256];
        struct err own = {0};
        snprintf(name, sizeof name, "%s.%s", id, endings[i]);
        const int code = read_picture(f, name, turn, out, &own);
        if (code && code != ERR_NOINPUT) *e = own;
        if (code != ERR_NOINPUT) return code;
    }
    return err_set(e, ERR_NOINPUT, "%s/%s: no such picture (.jpg, .jpeg, .png or .webp)", f->path, id);
}

int picture_find(const struct picture_folder *f, const char *id, struct err *e)
{
    return picture_read(f, id, false, NULL, e);
}

/* Is a name of the path empty or ".."? */
static bool leads_away(const char *path)
{
    for (;; path++) {
        const size_t n = strcspn(path, "/");
        if (n == 0 || (n == 2 && !strncmp(path, "..", 2))) return true;
        path += n;
        if (!*path) return false;
    }
}

int picture_read_file(const struct picture_folder *f, const char *path, bool turn, struct picture *out, struct err *e)
{
    if (leads_away(path))
        return err_set(e, ERR_DATA, "%s: \"%.256s\" is no path of a picture: it must lead from the folder of pictures down to a file",
                       f->path, path);
    return read_picture(f, path, turn, out, e);
}
