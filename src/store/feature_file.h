/* feature_file.h - what a frozen encoder gave for many pictures or captions, in one file: the visual tokens [count,width] of each, by its
 * id.
 *
 * The file is a checkpoint (checkpoint.h) that holds, for n records in the order of their ids,
 *
 *   /features F32 [rows,width]   all records, one behind the other; a record of `count` rows has count visual tokens
 *   /start    I64 [n+1]          rows start[k] .. start[k+1]-1 are those of record k
 *   /digests  U8 [n,16]          XXH3, 128 bits, of the bytes of each record
 *   /meta     ids (one a line), identity, asked; features, records, rows, width, n_asked, n_bad
 *
 * Opening it reads all but the values, so that a file of gigabytes opens at once; a record's digest is checked when the record is read.
 */
#ifndef STORE_FEATURE_FILE_H
#define STORE_FEATURE_FILE_H

#include "err.h"
#include <stdint.h>

/* Where the records come from. */
struct features_source {
    const char *identity; /* the encoder and all that decides what it gives: files of one identity hold the same values for an id */
    const char *asked;    /* a digest of the ids that were looked up */
    int64_t n_asked;      /* how many they were */
    int64_t n_bad;        /* of them had a picture that cannot be used */
    int width;            /* of a token */
};

/* ---- writing ---- */
struct features_record {
    const char *id;
    int count; /* visual tokens, at least one */
    const float *values;
};
/* records [n], sorted by id, no id twice. Atomic. ERR_CHECK where a value is not finite, ERR_INTERNAL where an id is empty or has a line
 * end. */
int features_write(const char *path, const struct features_source *source, int n, const struct features_record *records, struct err *e);

/* ---- reading ---- */
struct features;
/* ERR_NOINPUT: not there. ERR_DATA: no file of features, or a damaged one. */
int features_open(const char *path, struct features **out, struct err *e);
void features_close(struct features *f);                          /* NULL is fine */
struct features_source features_source(const struct features *f); /* its texts belong to f */
int features_count(const struct features *f);                     /* records */
int features_tokens(const struct features *f);                    /* the most of a record; 0 without a record */
const char *features_id(const struct features *f, int k);         /* of record k */

/* The record of an id, in the mapped file until features_close. ERR_NOINPUT: there is none, or id is NULL. ERR_DATA: it is damaged. */
int features_find(const struct features *f, const char *id, int *count, const float **values, struct err *e);
int features_at(const struct features *f, int k, int *count, const float **values, struct err *e); /* record k */

#endif
