/* ablation_read.h - the content of an ablation file, before rows are made of it; for ablation.c and ablation_read.c alone. */
#ifndef NERVE_ABLATION_READ_H
#define NERVE_ABLATION_READ_H

#include "ablation.h"
#include "yaml_events.h"

/* One value of an axis. */
struct ablation_group {
    const char *name; /* NULL: its settings name it */
    struct ablation_settings settings;
    struct ablation_seeds seeds; /* n = 0: those of the file */
};
struct ablation_axis {
    const char *name; /* a config key, or any word without a dot */
    size_t place;     /* in the file, of its name */
    int n;
    struct ablation_group groups[ABLATION_GROUPS];
};

enum ablation_mode {
    ABLATION_PRODUCT, /* a row for each combination of the axes' values */
    ABLATION_SINGLE,  /* the base config, and a row for each value of each axis alone */
};

/* A text of the file and where it stands; text NULL: the file does not say it. */
struct ablation_text {
    const char *text;
    size_t place;
};

struct ablation_file {
    struct ablation_text config, base;
    enum ablation_mode mode;
    struct ablation_settings settings;
    struct ablation_seeds seeds;
    int n_axes, n_columns;
    struct ablation_axis axes[ABLATION_AXES];
    struct ablation_column columns[ABLATION_COLUMNS];
    char *strings; /* what all texts point into; the reader's owner frees it */
};

int ablation_read(struct yaml *y, struct ablation_file *f);

#endif
