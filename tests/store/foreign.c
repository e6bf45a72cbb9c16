#include "foreign.h"
#include "container.h"
#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int foreign_seal(const char *path)
{
    struct file_map map;
    struct err e;
    unsigned char block[CONTAINER_BLOCK];
    if (file_map(path, &map, &e) || map.size < sizeof block) return -1;
    const struct hash digest = hash_bytes(map.data + sizeof block, map.size - sizeof block);
    container_make(block, map.size - sizeof block, &(struct container_gap){0}, &digest);
    file_unmap(&map);
    FILE *f = fopen(path, "r+b");
    if (!f) return -1;
    const bool is_written = fwrite(block, sizeof block, 1, f) == 1;
    return fclose(f) || !is_written ? -1 : 0;
}

static hid_t make_file_of(const char *path, unsigned long alignment, H5F_libver_t least)
{
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(creation, CONTAINER_BLOCK);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_libver_bounds(access, least, H5F_LIBVER_LATEST);
    if (alignment) H5Pset_alignment(access, 1, alignment);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    return file;
}

static hid_t make_file(const char *path, unsigned long alignment)
{
    return make_file_of(path, alignment, H5F_LIBVER_V18);
}

static int finish(hid_t file, const char *path, bool is_made)
{
    return H5Fclose(file) < 0 || !is_made || foreign_seal(path) ? -1 : 0;
}

static const hsize_t four[] = {4};

/* A dataset of F32 [4] unless told otherwise; closes what it is given. */
static bool make_dataset(hid_t file, const char *name, hid_t type, hid_t space, hid_t creation)
{
    const int values[] = {1, 2, 3, 4};
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const bool is_made = dataset >= 0 && (H5Tequal(type, H5T_IEEE_F32LE) <= 0 ||
                                          H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    if (dataset >= 0) H5Dclose(dataset);
    if (creation != H5P_DEFAULT) H5Pclose(creation);
    H5Sclose(space);
    return is_made;
}

static int with_creation(const char *path, unsigned long alignment, hid_t creation)
{
    const hid_t file = make_file(path, alignment);
    return finish(file, path, make_dataset(file, "x", H5T_IEEE_F32LE, H5Screate_simple(1, four, NULL), creation));
}

static int with_type(const char *path, hid_t type)
{
    const hid_t file = make_file(path, 64), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    return finish(file, path, make_dataset(file, "x", type, H5Screate_simple(1, four, NULL), creation));
}

static int with_space(const char *path, hid_t type, hid_t space)
{
    const hid_t file = make_file(path, 64), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    return finish(file, path, make_dataset(file, "x", type, space, creation));
}

int foreign_chunked(const char *path, const char *other)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    (void)other;
    H5Pset_chunk(creation, 1, four);
    return with_creation(path, 64, creation);
}

int foreign_compressed(const char *path, const char *other)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    (void)other;
    H5Pset_chunk(creation, 1, four);
    H5Pset_deflate(creation, 6);
    return with_creation(path, 64, creation);
}

int foreign_compact(const char *path, const char *other)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    (void)other;
    H5Pset_layout(creation, H5D_COMPACT);
    return with_creation(path, 64, creation);
}

int foreign_external_values(const char *path, const char *other)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, other, 0, 16);
    return with_creation(path, 64, creation);
}

int foreign_unallocated(const char *path, const char *other)
{
    const hid_t file = make_file(path, 64), space = H5Screate_simple(1, four, NULL);
    (void)other;
    const hid_t dataset = H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Sclose(space);
    return finish(file, path, dataset >= 0 && H5Dclose(dataset) >= 0);
}

/* Two of them, of which the second cannot lie at a multiple of 64 if the first does. */
int foreign_unaligned(const char *path, const char *other)
{
    const hid_t file = make_file(path, 0);
    (void)other;
    const bool is_made = make_dataset(file, "x", H5T_IEEE_F32LE, H5Screate_simple(1, four, NULL), H5P_DEFAULT) &&
                         make_dataset(file, "y", H5T_IEEE_F32LE, H5Screate_simple(1, four, NULL), H5P_DEFAULT);
    return finish(file, path, is_made);
}

int foreign_half_precision(const char *path, const char *other)
{
    const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    (void)other;
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    const int code = with_type(path, type);
    H5Tclose(type);
    return code;
}

int foreign_big_endian(const char *path, const char *other)
{
    (void)other;
    return with_type(path, H5T_IEEE_F32BE);
}

int foreign_compound(const char *path, const char *other)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    (void)other;
    H5Tinsert(type, "real", 0, H5T_IEEE_F32LE);
    H5Tinsert(type, "imaginary", 4, H5T_IEEE_F32LE);
    const int code = with_type(path, type);
    H5Tclose(type);
    return code;
}

int foreign_variable_text(const char *path, const char *other)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)other;
    H5Tset_size(type, H5T_VARIABLE);
    const int code = with_space(path, type, H5Screate(H5S_SCALAR));
    H5Tclose(type);
    return code;
}

int foreign_list_of_texts(const char *path, const char *other)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)other;
    H5Tset_size(type, 8);
    const int code = with_type(path, type);
    H5Tclose(type);
    return code;
}

int foreign_nine_dimensions(const char *path, const char *other)
{
    const hsize_t dim[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    (void)other;
    return with_space(path, H5T_STD_U8LE, H5Screate_simple(9, dim, NULL));
}

int foreign_without_a_shape(const char *path, const char *other)
{
    (void)other;
    return with_space(path, H5T_STD_U8LE, H5Screate(H5S_NULL));
}

static bool make_good(hid_t file)
{
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    return make_dataset(file, "y", H5T_IEEE_F32LE, H5Screate_simple(1, four, NULL), creation);
}

int foreign_soft_link(const char *path, const char *other)
{
    const hid_t file = make_file(path, 64);
    (void)other;
    return finish(file, path, make_good(file) && H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

int foreign_external_link(const char *path, const char *other)
{
    const hid_t beside = make_file(other, 64), file = make_file(path, 64);
    return finish(beside, other, make_good(beside)) ||
           finish(file, path, H5Lcreate_external(other, "/y", file, "x", H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

int foreign_group_in_itself(const char *path, const char *other)
{
    const hid_t file = make_file(path, 64), group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)other;
    const bool is_made = H5Lcreate_hard(file, "/g", group, "x", H5P_DEFAULT, H5P_DEFAULT) >= 0 &&
                         H5Lcreate_hard(file, "/", group, "root", H5P_DEFAULT, H5P_DEFAULT) >= 0 && H5Gclose(group) >= 0 && make_good(file);
    return finish(file, path, is_made);
}

int foreign_old_form(const char *path, const char *other)
{
    const hid_t file = make_file_of(path, 64, H5F_LIBVER_EARLIEST);
    (void)other;
    return finish(file, path, make_good(file));
}

int foreign_old_group(const char *path, const char *other)
{
    const hid_t file = make_file(path, 64);
    (void)other;
    H5Fset_libver_bounds(file, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
    const hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return finish(file, path, group >= 0 && H5Gclose(group) >= 0 && make_good(file));
}

/* A B-tree of two levels of inner nodes and a heap of which blocks are cut twice, in the order that makes nodes part: no order at all. */
int foreign_many(const char *path, size_t n)
{
    const hid_t file = make_file(path, 64), group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(1, (const hsize_t[]){0}, NULL);
    bool is_made = group >= 0;
    for (size_t i = 0; i < n && is_made; i++) {
        char name[120];
        snprintf(name, sizeof name, "a parameter with a long name, as they have in models of many layers: %06zu", i * 7919 % n);
        const hid_t dataset = H5Dcreate2(group, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        is_made = dataset >= 0 && H5Dclose(dataset) >= 0;
    }
    H5Sclose(space);
    return finish(file, path, H5Gclose(group) >= 0 && is_made);
}

static bool overwrite(const char *path, const char *old, const char *new)
{
    char bytes[1 << 16];
    FILE *f = fopen(path, "r+b");
    const size_t size = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    const char *place = memmem(bytes, size, old, strlen(old));
    const bool is_written = place && fseek(f, place - bytes, SEEK_SET) == 0 && fwrite(new, 1, strlen(old), f) == strlen(old);
    return f && fclose(f) == 0 && is_written;
}

int foreign_name_twice(const char *path, const char *other)
{
    const hid_t file = make_file(path, 64);
    (void)other;
    return finish(file, path, make_good(file) && H5Lcreate_hard(file, "/y", file, "/z", H5P_DEFAULT, H5P_DEFAULT) >= 0) ||
           !overwrite(path, "\x01z", "\x01y") || foreign_seal(path);
}

int foreign_not_hdf5(const char *path, const char *other)
{
    char bytes[1000];
    (void)other;
    memset(bytes, 'x', sizeof bytes);
    FILE *f = fopen(path, "wb");
    const bool is_written = f && fwrite(bytes, sizeof bytes, 1, f) == 1;
    return !f || fclose(f) || !is_written ? -1 : foreign_seal(path);
}
