/* ablation.h - an ablation file: a base config, what varies, and which seeds; and the rows of the table that come out of it.
 * docs/ablation.md describes it for users.
 *
 * A row is one set of settings on top of the base config; a cell is one row with one seed, which is one training run. Errors of the file
 * are those of a config: file:line:col, what is wrong, the line, a caret.
 */
#ifndef NERVE_ABLATION_H
#define NERVE_ABLATION_H

#include "config.h"
#include <limits.h>

enum {
    ABLATION_NAME_SIZE = 200, /* bytes of a row's name with its NUL: it is a directory's too */
    ABLATION_AXES = 8,
    ABLATION_GROUPS = 64,   /* values of an axis */
    ABLATION_SETTINGS = 32, /* keys that a row sets */
    ABLATION_SEEDS = 32,
    ABLATION_COLUMNS = 32,
    ABLATION_ROWS = 256,
};

struct ablation_setting {
    int key;           /* in the table of config.h */
    const char *value; /* its text, as config_set_value takes it */
};
struct ablation_settings {
    int n;
    struct ablation_setting at[ABLATION_SETTINGS];
};
struct ablation_seeds {
    int n;
    uint32_t at[ABLATION_SEEDS]; /* ascending, all different */
};

/* A number of a run, FILE:PATH. FILE is test (eval/test.json, where none is named), valid (eval/valid.json) or run (run.json); PATH the
 * names of members inside each other, or places in arrays, with dots between. */
struct ablation_column {
    const char *name, *path;
    bool is_default; /* left out of the table where no run has it */
};

struct ablation_row {
    char name[ABLATION_NAME_SIZE], directory[ABLATION_NAME_SIZE]; /* the name, and in letters that every file system has */
    struct ablation_settings settings;                            /* that this row has beside those of all rows */
    struct ablation_seeds seeds;
    struct nerve_config config; /* without the seed */
};

struct ablation {
    char file[PATH_MAX], config[PATH_MAX];
    struct ablation_settings settings; /* of all rows */
    int n_overrides;                   /* of the command line, for all rows too */
    const char *const *overrides;      /* [n_overrides] "key=value", borrowed */
    int n_columns, n_rows, base;       /* base: the row that the others are held against */
    struct ablation_column columns[ABLATION_COLUMNS];
    struct ablation_row *rows; /* [n_rows] */
    char *strings;             /* what values, names and paths point into */
};

/* Reads the file and makes the rows, each with its config: the base config, the settings of all rows, the n overrides of the command line
 * ("key=value", which must live as long as *a), the row's own. Refused too: an override of train.seed or of a key that an axis sets; what
 * config_check refuses, by the row's name. End with ablation_free, also where it failed. */
int ablation_read_file(const char *path, int n, const char *const *overrides, struct ablation *a, struct err *e);
void ablation_free(struct ablation *a);

#endif
