/* hdf5_links.h - the links of an HDF5 group that has many: a B-tree of where they are, and a heap that holds them. */
#ifndef STORE_HDF5_LINKS_H
#define STORE_HDF5_LINKS_H

#include "hdf5_file.h"

/* Calls visit with the link message of each, until one is not 0. heap and tree: their addresses. */
typedef int (*hdf5_link)(void *context, struct hdf5_bytes message, struct err *e);
int hdf5_links_each(struct hdf5_file *f, uint64_t heap, uint64_t tree, hdf5_link visit, void *context, struct err *e);

#endif
