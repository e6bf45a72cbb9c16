/* foreign.h - HDF5 files that checkpoint_write never makes, behind a user block that is right: what a checkpoint from elsewhere may hold.
 */
#ifndef TEST_FOREIGN_H
#define TEST_FOREIGN_H

#include <stddef.h>

/* Each writes a file with one dataset or link "/x", seals it, and returns 0 where all calls succeeded. other is a file beside. */
int foreign_chunked(const char *path, const char *other);
int foreign_compressed(const char *path, const char *other);
int foreign_compact(const char *path, const char *other);
int foreign_external_values(const char *path, const char *other);
int foreign_unallocated(const char *path, const char *other);
int foreign_unaligned(const char *path, const char *other);
int foreign_half_precision(const char *path, const char *other);
int foreign_big_endian(const char *path, const char *other);
int foreign_compound(const char *path, const char *other);
int foreign_variable_text(const char *path, const char *other);
int foreign_list_of_texts(const char *path, const char *other);
int foreign_nine_dimensions(const char *path, const char *other);
int foreign_without_a_shape(const char *path, const char *other);
int foreign_soft_link(const char *path, const char *other);     /* to the good dataset "/y" */
int foreign_external_link(const char *path, const char *other); /* to "/y" of other, which it makes */
int foreign_group_in_itself(const char *path, const char *other);
int foreign_old_form(const char *path, const char *other);  /* of HDF5 before 1.8 */
int foreign_old_group(const char *path, const char *other); /* one such group in a newer file */
int foreign_name_twice(const char *path, const char *other);
int foreign_not_hdf5(const char *path, const char *other);

/* n datasets of no values in one group. */
int foreign_many(const char *path, size_t n);

/* Writes the user block of the file anew, with length and digest of what is behind it. */
int foreign_seal(const char *path);

#endif
