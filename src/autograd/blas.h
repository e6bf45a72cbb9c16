/* blas.h - matrix products over fixed tiles. cblas.h stays in blas.c: it brings complex.h, whose I breaks innocent code. */
#ifndef AG_BLAS_H
#define AG_BLAS_H

#include "ag.h"
#include "tile.h"

/* C[M,N] = op(A)[M,K] op(B)[K,N] + beta C, row-major, contiguous; op transposes where the flag says so (A is then stored [K,M], B [N,K]). beta is 0 (C is not read) or 1.
 * The work is cut into tiles of rows x columns whose sizes depend on M, N and K alone, one single-threaded product in each, spread over ag_threads() threads: the same bytes for any number of threads.
 * finish, where not NULL, is called once for each tile as soon as it is done, by the thread that made it: rows r0 .. r1-1, columns c0 .. c1-1 of C. */
typedef void (*ag_tile_finish)(void *context, int r0, int r1, int c0, int c1);
void ag_gemm(bool ta, bool tb, int M, int N, int K, const ag_real *A, const ag_real *B, ag_real beta, ag_real *C, ag_tile_finish finish, void *context);

/* C[M,N] = A[M,K] w^T for w [N,K] that was brought into panels before: the bytes of ag_gemm(false, true, ..., 0, C), in less time where M is small. panels [ag_panels_size(N, K)], 64-byte aligned, are
 * good for the form of kernels that made them. Where this form has no tile.h, the size is 0 and there are no panels. */
size_t ag_panels_size(int O, int K);
void ag_panels_fill(int O, int K, const ag_real *w, ag_real *panels);
void ag_gemm_panels(int M, int N, int K, const ag_real *A, const ag_real *panels, ag_real *C, ag_tile_finish finish, void *context);

/* One small product on the calling thread, with leading dimensions and a factor: C = alpha op(A) op(B) + beta C, beta 0, or 1 with alpha 1. For code that is already inside a parallel region. */
void ag_gemm_one(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb, ag_real beta, ag_real *C, int ldc);

/* The plain form, OpenBLAS's, of any alpha and beta. */
void ag_blas_gemm(bool ta, bool tb, int M, int N, int K, ag_real alpha, const ag_real *A, int lda, const ag_real *B, int ldb, ag_real beta, ag_real *C, int ldc);

/* C[N,N] = A B^T by OpenBLAS as it is, with ag_threads() threads of its own and no tiles of ours: for benchmarks, as what this machine can do. */
void ag_blas_plain(int N, const ag_real *A, const ag_real *B, ag_real *C);

/* For ag_start: what this file assumes of a form's tile holds. */
void ag_gemm_fits(const ag_tile *tile);

/* For ag_start: is this the flavour of OpenBLAS that shares OpenMP's threads; make it compute on the calling thread only; what it is. */
bool ag_blas_threads_are_openmp(void);
void ag_blas_single_thread(void);
const char *ag_blas_config(void);
const char *ag_blas_core_type(void);

#endif
