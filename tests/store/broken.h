/* broken.h - a folder of the test's own, and files made by hand in it. */
#ifndef TEST_BROKEN_H
#define TEST_BROKEN_H

#include "err.h"
#include <stddef.h>

/* For cmocka's group set-up and tear-down. */
int make_folder(void **state);
int remove_folder(void **state);

/* The path of a file in the folder: good until the eighth call after this one. write_file fills it first. */
const char *in_folder(const char *name);
const char *write_file(const char *name, const void *data, size_t size);
const char *write_safetensors(const char *name, const char *header, size_t data_size); /* data: 0, 1, 2, ... */

int count_files(void); /* in the folder, hidden ones too */

/* The code is this one, and the message one line that holds both words. */
void assert_refused(int code, int wanted, const struct err *e, const char *word, const char *second);

#endif
