/* copied_folder.h - a copy of a Hugging Face folder of the reference, to be broken by hand. */
#ifndef TEST_NERVE_COPIED_FOLDER_H
#define TEST_NERVE_COPIED_FOLDER_H

#include <limits.h>

extern char folder[PATH_MAX];           /* the test program's own; the copy is <folder>/m */
int copied_folder_set_up(void **state); /* of the group: the folder, and the engine on two threads */
int copied_folder_tear_down(void **state);

/* All end the test where they cannot serve. */
void copy_folder(const char *name); /* below models/ of the reference */
/* Replaces a text in a file of the copy by another of the same length: a header of safetensors keeps its size. */
void replace(const char *file, const char *from, const char *to);
/* Replaces the first value of the key in config.json. */
void write_config_with(const char *key, const char *value);

/* model_type of the config.json in a folder. Free it. */
char *model_type_of(const char *path);

#endif
