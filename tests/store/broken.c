#include "broken.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "files.h"
#include "temporary.h"
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[PATH_MAX];

int make_folder(void **state)
{
    (void)state;
    return temporary_folder(folder);
}

int remove_folder(void **state)
{
    (void)state;
    return temporary_remove(folder);
}

const char *in_folder(const char *name)
{
    enum { PATHS = 8 };
    static char path[PATHS][PATH_MAX];
    static size_t next;
    struct err e;
    char *p = path[next++ % PATHS];
    assert_int_equal(path_join(p, PATH_MAX, folder, name, &e), 0);
    return p;
}

const char *write_file(const char *name, const void *data, size_t size)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    return path;
}

const char *write_safetensors(const char *name, const char *header, size_t data_size)
{
    const uint64_t length = strlen(header);
    const size_t size = sizeof length + length + data_size;
    unsigned char *bytes = malloc(size), *data = bytes + sizeof length + length;
    assert_non_null(bytes);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, header, length);
    for (size_t i = 0; i < data_size; i++) data[i] = (unsigned char)i;
    const char *path = write_file(name, bytes, size);
    free(bytes);
    return path;
}

int count_files(void)
{
    int count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d)) count++;
    closedir(d);
    return count - 2;
}

void assert_refused(int code, int wanted, const struct err *e, const char *word, const char *second)
{
    if (code == 0) fail_msg("accepted, where a message with \"%s\" was wanted", word);
    if (!strstr(e->text, word) || !strstr(e->text, second)) fail_msg("\"%s\" and \"%s\" do not stand in: %s", word, second, e->text);
    assert_int_equal(code, wanted);
    assert_int_equal(e->code, wanted);
    assert_null(strchr(e->text, '\n'));
}
