/* skeleton.c - the writing half of skeleton.h. What makes the bytes depend on the content alone: no time is tracked, in groups neither; the
 * file format is that of HDF5 1.8 whatever the library's version; space is allocated at once, in the order of the entries.
 */
#include "skeleton.h"
#include <hdf5.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A handle that was not opened. */
enum { NONE = -1 };

/* Before any other call: without H5dont_atexit a process may die in libhdf5's exit handler; a plug-in is code that a file asks for. */
static int start_library(struct err *e)
{
    static bool is_started;
    if (is_started) return 0;
    if (H5dont_atexit() < 0 || H5open() < 0 || H5PLset_loading_state(0) < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0) {
        return err_set(e, ERR_INTERNAL, "HDF5 does not start");
    }
    is_started = true;
    return 0;
}

static herr_t copy_reason(unsigned depth, const H5E_error2_t *error, void *context)
{
    char *reason = context;
    if (depth == 0) snprintf(reason, ARRAY_SHAPE_TEXT, "%s", error->desc);
    return 0;
}

/* The innermost line of HDF5's error stack. Some have line ends in them. */
static int hdf5_error(struct err *e, int code, const char *what, const char *name)
{
    char reason[ARRAY_SHAPE_TEXT] = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, copy_reason, reason);
    reason[strcspn(reason, "\n")] = 0;
    return err_set(e, code, "HDF5 cannot %s%s%s: %s", what, *name ? " " : "", name, reason);
}

static hid_t stored_type(enum array_type type)
{
    switch (type) {
    case ARRAY_F64:
        return H5T_IEEE_F64LE;
    case ARRAY_F32:
        return H5T_IEEE_F32LE;
    case ARRAY_I64:
        return H5T_STD_I64LE;
    case ARRAY_I32:
        return H5T_STD_I32LE;
    case ARRAY_U8:
        return H5T_STD_U8LE;
    default:
        return NONE;
    }
}

bool skeleton_knows(enum array_type type)
{
    return type == ARRAY_F64 || type == ARRAY_F32 || type == ARRAY_I64 || type == ARRAY_I32 || type == ARRAY_U8;
}

struct making {
    hid_t file, file_creation, file_access, group_creation, dataset_creation;
};

static bool make_properties(struct making *m, size_t user_block)
{
    return (m->file_creation = H5Pcreate(H5P_FILE_CREATE)) >= 0 && (m->file_access = H5Pcreate(H5P_FILE_ACCESS)) >= 0 &&
           (m->group_creation = H5Pcreate(H5P_GROUP_CREATE)) >= 0 && (m->dataset_creation = H5Pcreate(H5P_DATASET_CREATE)) >= 0 &&
           H5Pset_userblock(m->file_creation, user_block) >= 0 && H5Pset_obj_track_times(m->file_creation, false) >= 0 &&
           H5Pset_obj_track_times(m->group_creation, false) >= 0 && H5Pset_obj_track_times(m->dataset_creation, false) >= 0 &&
           H5Pset_alloc_time(m->dataset_creation, H5D_ALLOC_TIME_EARLY) >= 0 &&
           H5Pset_fill_time(m->dataset_creation, H5D_FILL_TIME_NEVER) >= 0 &&
           /* The default driver would look for the file that the link in /proc names, and there is none. */
           H5Pset_fapl_stdio(m->file_access) >= 0 && H5Pset_libver_bounds(m->file_access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
           H5Pset_alignment(m->file_access, 1, SKELETON_ALIGNMENT) >= 0 && H5Pset_fclose_degree(m->file_access, H5F_CLOSE_STRONG) >= 0 &&
           H5Pset_file_locking(m->file_access, false, true) >= 0;
}

/* A property list that cannot be closed is a leak and no more. */
static void close_properties(struct making *m)
{
    const hid_t lists[] = {m->file_creation, m->file_access, m->group_creation, m->dataset_creation};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i] >= 0) H5Pclose(lists[i]);
    }
}

/* The groups that path stands in and the path before it, in the order of names, did not. Each by itself: what HDF5 makes on the way to a
 * dataset tracks times. */
static int make_groups(const struct making *m, const char *before, const char *path, struct err *e)
{
    const char *own = path;
    for (const char *p = path; *p && *p == *before; p++, before++) {
        if (*p == '/') own = p;
    }
    for (const char *slash = own; (slash = strchr(slash + 1, '/'));) {
        char group[PATH_MAX];
        const int length = snprintf(group, sizeof group, "%.*s", (int)(slash - path), path);
        if (length < 0 || (size_t)length >= sizeof group)
            return err_set(e, ERR_INTERNAL, "the path of a dataset is too long: %.200s", path);
        const hid_t g = H5Gcreate2(m->file, group, H5P_DEFAULT, m->group_creation, H5P_DEFAULT);
        if (g < 0 || H5Gclose(g) < 0) return hdf5_error(e, ERR_INTERNAL, "make the group", group);
    }
    return 0;
}

static hid_t make_type(const struct entry *entry)
{
    if (!entry->is_text) return H5Tcopy(stored_type(entry->array.type));
    const hid_t type = H5Tcopy(H5T_C_S1);
    /* A string of no bytes does not exist. */
    const size_t size = entry->array.size ? entry->array.size : 1;
    if (type < 0 || (H5Tset_size(type, size) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0))
        return type;
    H5Tclose(type);
    return NONE;
}

static hid_t make_space(const struct entry *entry)
{
    hsize_t dim[ARRAY_MAX_RANK];
    if (entry->is_text || entry->array.rank == 0) return H5Screate(H5S_SCALAR);
    for (int i = 0; i < entry->array.rank; i++) dim[i] = entry->array.dim[i];
    return H5Screate_simple(entry->array.rank, dim, NULL);
}

static int make_dataset(const struct making *m, struct entry *entry, struct err *e)
{
    const char *path = entry->array.name;
    hid_t type = NONE, space = NONE, dataset = NONE;
    int code = 0;
    if ((type = make_type(entry)) < 0 || (space = make_space(entry)) < 0 ||
        (dataset = H5Dcreate2(m->file, path, type, space, H5P_DEFAULT, m->dataset_creation, H5P_DEFAULT)) < 0) {
        code = hdf5_error(e, ERR_INTERNAL, "make the dataset", path);
    } else if (entry->array.size > 0) {
        const haddr_t offset = H5Dget_offset(dataset);
        if (offset == HADDR_UNDEF || offset % SKELETON_ALIGNMENT) code = err_set(e, ERR_INTERNAL, "HDF5 gives %s no aligned place", path);
        entry->offset = (size_t)offset;
    }
    if (dataset >= 0 && H5Dclose(dataset) < 0 && !code) code = hdf5_error(e, ERR_INTERNAL, "close the dataset", path);
    if (space >= 0 && H5Sclose(space) < 0 && !code) code = hdf5_error(e, ERR_INTERNAL, "close the shape of", path);
    if (type >= 0 && H5Tclose(type) < 0 && !code) code = hdf5_error(e, ERR_INTERNAL, "close the type of", path);
    return code;
}

static int make_file(struct making *m, struct entry *entry, size_t n, size_t user_block, int fd, struct err *e)
{
    char name[40];
    int code = 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (!make_properties(m, user_block) || (m->file = H5Fcreate(name, H5F_ACC_TRUNC, m->file_creation, m->file_access)) < 0) {
        return hdf5_error(e, ERR_INTERNAL, "make a file in memory", "");
    }
    for (size_t i = 0; i < n && !code; i++) {
        code = make_groups(m, i ? entry[i - 1].array.name : "", entry[i].array.name, e);
        if (!code) code = make_dataset(m, &entry[i], e);
    }
    /* Only once, whatever it returns: to close a file again that could not be closed crashes. */
    if (H5Fclose(m->file) < 0 && !code) code = hdf5_error(e, ERR_INTERNAL, "close the file in memory", "");
    return code;
}

int skeleton_make(struct entry *entry, size_t n, size_t user_block, int *fd, size_t *size, struct err *e)
{
    struct making m = {NONE, NONE, NONE, NONE, NONE};
    struct stat status;
    int code;
    if ((code = start_library(e))) return code;
    const int memory = memfd_create("checkpoint", MFD_CLOEXEC);
    if (memory < 0) return err_set(e, ERR_INTERNAL, "cannot make a file in memory: %m");
    code = make_file(&m, entry, n, user_block, memory, e);
    close_properties(&m);
    if (!code && fstat(memory, &status)) code = err_set(e, ERR_INTERNAL, "cannot ask for the size of a file in memory: %m");
    if (code) {
        close(memory);
        return code;
    }
    *fd = memory;
    *size = (size_t)status.st_size;
    return 0;
}
