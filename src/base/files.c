/* files.c - see files.h. Every call of the system is checked, and repeated where a signal cut it short. */
#include "files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_for_reading(const char *path, int flags, int *fd, struct err *e)
{
    do *fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? err_set(e, ERR_NOINPUT, "%s: cannot open: %m", path) : 0;
}

/* Until size bytes are there or the file ends. */
static int read_up_to(int fd, char *data, size_t size, size_t *got, const char *path, struct err *e)
{
    *got = 0;
    while (*got < size) {
        const ssize_t n = read(fd, data + *got, size - *got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(e, ERR_IO, "%s: cannot read: %m", path);
        if (n == 0) break;
        *got += (size_t)n;
    }
    return 0;
}

int file_read(const char *path, size_t max, char **data, size_t *size, struct err *e)
{
    enum { FIRST = 64 * 1024 };
    int fd, code;
    char *bytes = NULL;
    size_t got = 0;
    struct stat status;
    if ((code = open_for_reading(path, 0, &fd, e))) return code;
    if (fstat(fd, &status)) {
        code = err_set(e, ERR_IO, "%s: cannot read: %m", path);
        goto done;
    }
    if (status.st_size > 0 && (uintmax_t)status.st_size > max) {
        code = err_set(e, ERR_DATA, "%s: has %jd bytes, more than the %zu that are read", path, (intmax_t)status.st_size, max);
        goto done;
    }
    /* The size is a guess only: a pipe has none, and a file may grow meanwhile. One byte more than it shows that the end is there. */
    for (size_t room = S_ISREG(status.st_mode) ? (size_t)status.st_size + 1 : FIRST;; room *= 2) {
        size_t more;
        if (room > max) room = max == SIZE_MAX ? max - 1 : max + 1;
        char *larger = realloc(bytes, room + 1);
        if (!larger) {
            code = err_set(e, ERR_INTERNAL, "%s: no memory for %zu bytes", path, room);
            goto done;
        }
        bytes = larger;
        if ((code = read_up_to(fd, bytes + got, room - got, &more, path, e))) goto done;
        got += more;
        if (got > max) {
            code = err_set(e, ERR_DATA, "%s: has more than the %zu bytes that are read", path, max);
            goto done;
        }
        if (got < room) break;
    }
    bytes[got] = 0;
    *data = bytes;
    *size = got;
    bytes = NULL;
done:
    free(bytes);
    close(fd);
    return code;
}

int file_map(const char *path, struct file_map *map, struct err *e)
{
    int fd, code;
    struct stat status;
    struct file_map m = {0};
    /* Without O_NONBLOCK a named pipe would wait for its writer. */
    if ((code = open_for_reading(path, O_NONBLOCK, &fd, e))) return code;
    if (fstat(fd, &status)) {
        code = err_set(e, ERR_IO, "%s: cannot read: %m", path);
    } else if (!S_ISREG(status.st_mode)) {
        code = err_set(e, ERR_NOINPUT, "%s: not a regular file", path);
    } else if (status.st_size > 0) {
        m.size = (size_t)status.st_size;
        void *data = mmap(NULL, m.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) code = err_set(e, ERR_IO, "%s: cannot map %zu bytes: %m", path, m.size);
        m.data = data;
    }
    close(fd);
    if (code) return code;
    *map = m;
    return 0;
}

void file_unmap(struct file_map *map)
{
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){0};
}

void file_map_forget(const struct file_map *map)
{
    if (map->data) madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

int file_write_all(int fd, const void *data, size_t size, const char *path, struct err *e)
{
    for (const char *next = data, *end = next + size; next < end;) {
        const ssize_t n = write(fd, next, (size_t)(end - next));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(e, ERR_IO, "%s: cannot write: %m", path);
        next += n;
    }
    return 0;
}

/* The part of path that names the directory, its slash included: 0 where there is none. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static int open_directory_of(const char *path, int *fd, struct err *e)
{
    char directory[PATH_MAX];
    const size_t length = directory_length(path);
    if (length >= sizeof directory) return err_set(e, ERR_IO, "%s: the path is too long", path);
    memcpy(directory, path, length);
    directory[length] = 0;
    do *fd = open(length ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? err_set(e, ERR_IO, "%s: cannot open its directory: %m", path) : 0;
}

static int sync_fd(int fd)
{
    int failed;
    do failed = fsync(fd);
    while (failed && errno == EINTR);
    return failed;
}

/* Linux has closed the descriptor when close() is interrupted: to repeat it could close another thread's. */
static int close_fd(int fd)
{
    return close(fd) && errno != EINTR ? -1 : 0;
}

static int sync_directory_fd(int fd, const char *path, struct err *e)
{
    return sync_fd(fd) ? err_set(e, ERR_IO, "%s: cannot sync its directory: %m", path) : 0;
}

int file_sync_directory(const char *path_in_it, struct err *e)
{
    int fd, code;
    if ((code = open_directory_of(path_in_it, &fd, e))) return code;
    code = sync_directory_fd(fd, path_in_it, e);
    close(fd);
    return code;
}

/* A new file DIRECTORY/.NAME.XXXXXX. mkstemp would make it 0600, and the umask can only be read by setting it, which other threads would
 * see. */
static int open_temporary(const char *path, char temporary[PATH_MAX], int *fd, struct err *e)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    enum { DRAWN = 6, TRIES = 100 };
    const size_t directory = directory_length(path);
    for (int try = 0; try < TRIES; try++) {
        unsigned char random[DRAWN];
        char suffix[DRAWN + 1] = {0};
        if (getrandom(random, sizeof random, 0) != sizeof random) return err_set(e, ERR_IO, "%s: no random name: %m", path);
        for (int i = 0; i < DRAWN; i++) suffix[i] = letters[random[i] % (sizeof letters - 1)];
        const int length = snprintf(temporary, PATH_MAX, "%.*s.%s.%s", (int)directory, path, path + directory, suffix);
        if (length < 0 || length >= PATH_MAX) return err_set(e, ERR_IO, "%s: the path is too long", path);
        *fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (*fd >= 0) return 0;
        if (errno != EEXIST && errno != EINTR) break;
    }
    return err_set(e, ERR_IO, "%s: cannot create a file in its directory: %m", path);
}

static int write_whole(const char *path, file_fill fill, void *context, bool sync, struct err *e)
{
    char temporary[PATH_MAX];
    int directory, fd = -1, code;
    if ((code = open_directory_of(path, &directory, e))) return code;
    if ((code = open_temporary(path, temporary, &fd, e))) goto close_directory;

    code = fill(context, temporary, fd, e);
    if (!code && sync && sync_fd(fd)) code = err_set(e, ERR_IO, "%s: cannot sync: %m", path);
    if (close_fd(fd) && !code) code = err_set(e, ERR_IO, "%s: cannot close: %m", path);
    if (!code && rename(temporary, path)) code = err_set(e, ERR_IO, "%s: cannot rename the new file to it: %m", path);
    if (code) {
        unlink(temporary);
    } else if (sync) {
        code = sync_directory_fd(directory, path, e);
    }
close_directory:
    close(directory);
    return code;
}

int file_write_atomic(const char *path, file_fill fill, void *context, struct err *e)
{
    return write_whole(path, fill, context, true, e);
}

struct bytes {
    const void *data;
    size_t size;
    const char *path; /* that the message names: the user has never seen the temporary one */
};

static int fill_bytes(void *context, const char *temp_path, int fd, struct err *e)
{
    const struct bytes *b = context;
    (void)temp_path;
    return file_write_all(fd, b->data, b->size, b->path, e);
}

int file_write_bytes(const char *path, const void *data, size_t size, struct err *e)
{
    struct bytes b = {data, size, path};
    return file_write_atomic(path, fill_bytes, &b, e);
}

int file_write_of_many(const char *path, const void *data, size_t size, struct err *e)
{
    struct bytes b = {data, size, path};
    return write_whole(path, fill_bytes, &b, false, e);
}

int file_sync_many(const char *directory, struct err *e)
{
    int fd, code;
    if ((code = open_for_reading(directory, O_DIRECTORY, &fd, e))) return code;
    if (syncfs(fd)) code = err_set(e, ERR_IO, "%s: cannot sync: %m", directory);
    close(fd);
    return code;
}

static bool is_directory(const char *path)
{
    struct stat status;
    return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int make_one(const char *path, struct err *e)
{
    if (!mkdir(path, 0777)) return file_sync_directory(path, e);
    return errno == EEXIST && is_directory(path) ? 0 : err_set(e, ERR_IO, "%s: cannot make the directory: %m", path);
}

int directory_make(const char *path, struct err *e)
{
    char parent[PATH_MAX];
    const size_t length = strlen(path);
    if (length >= sizeof parent) return err_set(e, ERR_IO, "%s: the path is too long", path);
    if (is_directory(path)) return 0;
    memcpy(parent, path, length + 1);
    while (length > 1 && parent[strlen(parent) - 1] == '/' && parent[1]) parent[strlen(parent) - 1] = 0;
    for (char *slash = parent; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        const int code = make_one(parent, e);
        if (code) return code;
        *slash = '/';
    }
    return make_one(parent, e);
}

int directory_is_empty(const char *path, bool *is_empty, struct err *e)
{
    bool empty = true;
    DIR *directory = opendir(path);
    if (!directory && errno != ENOENT) return err_set(e, ERR_IO, "%s: cannot read the directory: %m", path);
    while (directory && empty) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry && errno) {
            const int code = err_set(e, ERR_IO, "%s: cannot read the directory: %m", path);
            closedir(directory);
            return code;
        }
        if (!entry) break;
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    }
    if (directory) closedir(directory);
    *is_empty = empty;
    return 0;
}

bool file_exists(const char *path)
{
    struct stat status;
    return !stat(path, &status);
}

int path_join(char *path, size_t size, const char *directory, const char *name, struct err *e)
{
    const size_t length = strlen(directory);
    const bool bare = name[0] == '/' || length == 0;
    const char *slash = bare || directory[length - 1] == '/' ? "" : "/";
    const int used = snprintf(path, size, "%s%s%s", bare ? "" : directory, slash, name);
    return used < 0 || (size_t)used >= size ? err_set(e, ERR_NOINPUT, "%s%s%s: the path is too long", directory, slash, name) : 0;
}
