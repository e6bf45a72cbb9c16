/* files.h - reading, mapping and the one way to write a file that matters. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include "err.h"
#include <stdbool.h>
#include <stddef.h>

/* Whole file into fresh memory, with a NUL behind it that size does not count. A file of more than max bytes is refused. Free *data. */
int file_read(const char *path, size_t max, char **data, size_t *size, struct err *e);

/* A file mapped read-only. An empty file has data NULL and size 0. A file that shrinks while mapped is the reader's SIGBUS: map only what
 * this program owns. */
struct file_map {
    const unsigned char *data;
    size_t size;
};
int file_map(const char *path, struct file_map *map, struct err *e);
void file_unmap(struct file_map *map);
/* What was read of it need not stay in memory: it comes from the file again where it is read again. */
void file_map_forget(const struct file_map *map);

/* Writes path so that at every moment, power cuts included, it is either the old file or the whole new one: fill() writes a temporary file
 * in the same directory (through fd, or by opening temp_path itself), then fsync, checked close, rename, fsync of the directory. On failure
 * path is as before (where the very last step failed: the new file, which a power cut may take back) and the temporary file is gone. It is
 * named .NAME.XXXXXX; a process that is killed leaves it behind. fill returns 0 or a negative code with *e set. */
typedef int (*file_fill)(void *context, const char *temp_path, int fd, struct err *e);
int file_write_atomic(const char *path, file_fill fill, void *context, struct err *e);
int file_write_bytes(const char *path, const void *data, size_t size, struct err *e); /* file_write_atomic with the bytes at hand */

/* For thousands of small files, where an fsync for each takes minutes: written as above, but a power cut may still take them or their bytes
 * away, until file_sync_many has made the whole file system of the directory wait for the disk. */
int file_write_of_many(const char *path, const void *data, size_t size, struct err *e);
int file_sync_many(const char *directory, struct err *e);

/* write() until done; path is for the message. */
int file_write_all(int fd, const void *data, size_t size, const char *path, struct err *e);
int file_sync_directory(const char *path_in_it, struct err *e); /* fsync of the directory that holds path_in_it */

int directory_make(const char *path, struct err *e);                     /* with its parents; an existing directory is fine */
int directory_is_empty(const char *path, bool *is_empty, struct err *e); /* a missing directory is empty */
bool file_exists(const char *path);

/* path = directory/name, or name alone where it is absolute. Refused where it does not fit into size bytes. */
int path_join(char *path, size_t size, const char *directory, const char *name, struct err *e);

#endif
