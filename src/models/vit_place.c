/* vit_place.c - a picture's rows: the class token before its patches, positions added. Dosovitskiy et al. 2021 (arXiv 2010.11929), eq. 1.
 *
 *   forward    y[b,0] = class + position[0]      y[b,1+k] = patches[b,k] + position[1+k]
 *   backward   dpatches[b,k] = dy[b,1+k]         dclass = sum_b dy[b,0]         dposition[k] = sum_b dy[b,k]
 *
 *   patches [n P,C]   class [C]   position [P+1,C]   y [n (P+1),C]
 *   saved: nothing
 *
 * Sums run over the pictures in their order: the same bytes for any number of threads.
 */
#include "vit.h"
#include <string.h>

/* d[c] = sum over pictures of dy[b,k][c] + beta d[c] */
static void sum_over_pictures(const ag_tensor *y, int n, int rows, int k, ag_real beta, ag_real *d)
{
    const size_t C = (size_t)ag_cols(y);
    for (size_t c = 0; c < C; c++) {
        ag_real sum = 0;
        for (int b = 0; b < n; b++) sum += y->grad[((size_t)b * (size_t)rows + (size_t)k) * C + c];
        d[c] = sum + (beta != 0 ? d[c] : 0);
    }
}

static void vit_place_backward(ag_graph *g, ag_tensor *y)
{
    const int rows = y->in[2]->dim[0], n = y->dim[0] / rows;
    const size_t C = (size_t)ag_cols(y), picture = (size_t)(rows - 1) * C;
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (int b = 0; d && b < n; b++) {
        const ag_real *dy = y->grad + (size_t)b * (size_t)rows * C + C;
        ag_real *to = d + (size_t)b * picture;
        if (beta == 0) memcpy(to, dy, picture * sizeof *to);
        for (size_t i = 0; beta != 0 && i < picture; i++) to[i] += dy[i];
    }
    if ((d = ag_grad(g, y->in[1], &beta))) sum_over_pictures(y, n, rows, 0, beta, d);
    if (!(d = ag_grad(g, y->in[2], &beta))) return;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int k = 0; k < rows; k++) sum_over_pictures(y, n, rows, k, beta, d + (size_t)k * C);
}

const ag_op models_op_vit_place = {"vit_place", 3, vit_place_backward};

ag_tensor *vit_place(ag_graph *g, ag_tensor *patches, ag_tensor *class_token, ag_tensor *position)
{
    AG_CHECK(position->rank == 2 && position->dim[0] >= 2,
             "vit_place: position has rank %d and %zu rows: a class and patches have at least 2", position->rank, ag_rows(position));
    const int rows = position->dim[0], P = rows - 1, width = position->dim[1];
    AG_CHECK(class_token->rank == 1 && class_token->dim[0] == width, "vit_place: class has %d entries in rank %d, position %d columns",
             ag_cols(class_token), class_token->rank, width);
    AG_CHECK(patches->rank == 2 && patches->dim[1] == width && patches->dim[0] % P == 0,
             "vit_place: patches are [%zu,%d] of rank %d, positions are for pictures of [%d,%d]", ag_rows(patches), ag_cols(patches),
             patches->rank, P, width);
    const int n = patches->dim[0] / P;
    AG_CHECK(n <= INT32_MAX / rows, "vit_place: %d pictures of %d rows", n, rows);
    ag_tensor *y = ag_node(g, &models_op_vit_place, 2, (int[]){n * rows, width}, (ag_tensor *[]){patches, class_token, position});
    const size_t C = (size_t)width;
#pragma omp parallel for schedule(static) num_threads(ag_threads())
    for (int r = 0; r < n * rows; r++) {
        const int b = r / rows, k = r % rows;
        const ag_real *x = k == 0 ? class_token->val : patches->val + ((size_t)b * (size_t)P + (size_t)k - 1) * C;
        for (size_t c = 0; c < C; c++) y->val[(size_t)r * C + c] = x[c] + position->val[(size_t)k * C + c];
    }
    return y;
}
