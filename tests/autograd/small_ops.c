/* small_ops.c - no blocking, no threads, libm: as slow and as plain as the equations. */
#include "small_ops.h"
#include <math.h>
#include <string.h>

/* Adds d to element i of a gradient whose beta is known. */
static void put(ag_real *grad, ag_real beta, size_t i, ag_real d)
{
    grad[i] = d + (beta != 0 ? grad[i] : 0);
}

/* y[m,n] = sum_k a[m a_row + k a_col] b[k b_row + n b_col] + beta y */
static void product(size_t M, size_t N, size_t K, const ag_real *a, size_t a_row, size_t a_col, const ag_real *b, size_t b_row,
                    size_t b_col, ag_real beta, ag_real *y)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            ag_real sum = 0;
            for (size_t k = 0; k < K; k++) sum += a[m * a_row + k * a_col] * b[k * b_row + n * b_col];
            put(y, beta, m * N + n, sum);
        }
}

static void small_matmul_backward(ag_graph *g, ag_tensor *y)
{
    ag_tensor *a = y->in[0], *b = y->in[1];
    const size_t M = ag_rows(a), K = (size_t)ag_cols(a), N = (size_t)ag_cols(y);
    ag_real beta, *d;
    if ((d = ag_grad(g, a, &beta))) product(M, K, N, y->grad, N, 1, b->val, 1, N, beta, d);
    if ((d = ag_grad(g, b, &beta))) product(K, N, M, a->val, 1, K, y->grad, N, 1, beta, d);
}
static const ag_op op_matmul = {"small_matmul", 2, small_matmul_backward};

ag_tensor *small_matmul(ag_graph *g, ag_tensor *a, ag_tensor *b)
{
    AG_CHECK(a->rank == 2 && b->rank == 2 && a->dim[1] == b->dim[0], "small_matmul: %d columns, %d rows", a->dim[1], b->dim[0]);
    ag_tensor *y = ag_node(g, &op_matmul, 2, (const int[]){a->dim[0], b->dim[1]}, (ag_tensor *[]){a, b});
    const size_t K = (size_t)a->dim[1], N = (size_t)b->dim[1];
    product((size_t)a->dim[0], N, K, a->val, K, 1, b->val, N, 1, 0, y->val);
    return y;
}

static void small_matmul_nt_backward(ag_graph *g, ag_tensor *y)
{
    ag_tensor *a = y->in[0], *b = y->in[1];
    const size_t M = ag_rows(a), K = (size_t)ag_cols(a), N = (size_t)ag_cols(y);
    ag_real beta, *d;
    if ((d = ag_grad(g, a, &beta))) product(M, K, N, y->grad, N, 1, b->val, K, 1, beta, d);
    if ((d = ag_grad(g, b, &beta))) product(N, K, M, y->grad, 1, N, a->val, K, 1, beta, d);
}
static const ag_op op_matmul_nt = {"small_matmul_nt", 2, small_matmul_nt_backward};

ag_tensor *small_matmul_nt(ag_graph *g, ag_tensor *a, ag_tensor *b)
{
    AG_CHECK(b->rank == 2 && ag_cols(a) == b->dim[1], "small_matmul_nt: %d columns, %d columns", ag_cols(a), b->dim[1]);
    int dim[AG_MAX_RANK];
    memcpy(dim, a->dim, sizeof dim);
    dim[a->rank - 1] = b->dim[0];
    ag_tensor *y = ag_node(g, &op_matmul_nt, a->rank, dim, (ag_tensor *[]){a, b});
    const size_t K = (size_t)ag_cols(a);
    product(ag_rows(a), (size_t)b->dim[0], K, a->val, K, 1, b->val, 1, K, 0, y->val);
    return y;
}

static void small_plus_backward(ag_graph *g, ag_tensor *y)
{
    for (int k = 0; k < 2; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        for (size_t i = 0; d && i < ag_size(y); i++) put(d, beta, i, y->grad[i]);
    }
}
static const ag_op op_plus = {"small_plus", 2, small_plus_backward};

ag_tensor *small_plus(ag_graph *g, ag_tensor *a, ag_tensor *b)
{
    AG_CHECK(ag_size(a) == ag_size(b), "small_plus: %zu and %zu elements", ag_size(a), ag_size(b));
    ag_tensor *y = ag_node(g, &op_plus, a->rank, a->dim, (ag_tensor *[]){a, b});
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = a->val[i] + b->val[i];
    return y;
}

static void small_times_backward(ag_graph *g, ag_tensor *y)
{
    for (int k = 0; k < 2; k++) {
        ag_real beta, *d = ag_grad(g, y->in[k], &beta);
        for (size_t i = 0; d && i < ag_size(y); i++) put(d, beta, i, y->grad[i] * y->in[1 - k]->val[i]);
    }
}
static const ag_op op_times = {"small_times", 2, small_times_backward};

ag_tensor *small_times(ag_graph *g, ag_tensor *a, ag_tensor *b)
{
    AG_CHECK(ag_size(a) == ag_size(b), "small_times: %zu and %zu elements", ag_size(a), ag_size(b));
    ag_tensor *y = ag_node(g, &op_times, a->rank, a->dim, (ag_tensor *[]){a, b});
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = a->val[i] * b->val[i];
    return y;
}

/* The gradient of a row that every row of x met: a sum over rows. */
static void row_grad(ag_graph *g, ag_tensor *y, const ag_real *factor)
{
    const size_t C = (size_t)ag_cols(y);
    ag_real beta, *d = ag_grad(g, y->in[1], &beta);
    for (size_t c = 0; d && c < C; c++) {
        ag_real sum = 0;
        for (size_t r = 0; r < ag_rows(y); r++) sum += y->grad[r * C + c] * (factor ? factor[r * C + c] : 1);
        put(d, beta, c, sum);
    }
}

static void small_plus_row_backward(ag_graph *g, ag_tensor *y)
{
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t i = 0; d && i < ag_size(y); i++) put(d, beta, i, y->grad[i]);
    row_grad(g, y, NULL);
}
static const ag_op op_plus_row = {"small_plus_row", 2, small_plus_row_backward};

ag_tensor *small_plus_row(ag_graph *g, ag_tensor *x, ag_tensor *b)
{
    AG_CHECK(b->rank == 1 && b->dim[0] == ag_cols(x), "small_plus_row: %d columns, %d entries", ag_cols(x), b->dim[0]);
    ag_tensor *y = ag_node(g, &op_plus_row, x->rank, x->dim, (ag_tensor *[]){x, b});
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = x->val[i] + b->val[i % (size_t)ag_cols(x)];
    return y;
}

static void small_times_row_backward(ag_graph *g, ag_tensor *y)
{
    const size_t C = (size_t)ag_cols(y);
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t i = 0; d && i < ag_size(y); i++) put(d, beta, i, y->grad[i] * y->in[1]->val[i % C]);
    row_grad(g, y, y->in[0]->val);
}
static const ag_op op_times_row = {"small_times_row", 2, small_times_row_backward};

ag_tensor *small_times_row(ag_graph *g, ag_tensor *x, ag_tensor *b)
{
    AG_CHECK(b->rank == 1 && b->dim[0] == ag_cols(x), "small_times_row: %d columns, %d entries", ag_cols(x), b->dim[0]);
    ag_tensor *y = ag_node(g, &op_times_row, x->rank, x->dim, (ag_tensor *[]){x, b});
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = x->val[i] * b->val[i % (size_t)ag_cols(x)];
    return y;
}

static void small_scale_backward(ag_graph *g, ag_tensor *y)
{
    const ag_real s = *(const ag_real *)y->saved;
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t i = 0; i < ag_size(y); i++) put(d, beta, i, s * y->grad[i]);
}
static const ag_op op_scale = {"small_scale", 1, small_scale_backward};

ag_tensor *small_scale(ag_graph *g, ag_tensor *x, double s)
{
    ag_tensor *y = ag_node(g, &op_scale, x->rank, x->dim, &x);
    ag_real *saved = y->saved = ag_save(g, sizeof *saved);
    *saved = (ag_real)s;
    for (size_t i = 0; i < ag_size(y); i++) y->val[i] = *saved * x->val[i];
    return y;
}

/* f and its derivative, written as in the papers. */
static double map(int f, double x, double *derivative)
{
    const double pi = 3.14159265358979323846;
    switch (f) {
    case AG_GELU: {
        const double Phi = erfc(-x / sqrt(2)) / 2;
        *derivative = Phi + x * exp(-x * x / 2) / sqrt(2 * pi);
        return x * Phi;
    }
    case AG_QUICK_GELU: {
        const double s = 1 / (1 + exp(-1.702 * x));
        *derivative = s + 1.702 * x * s * (1 - s);
        return x * s;
    }
    case AG_GELU_TANH: {
        const double t = tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x));
        *derivative = (1 + t) / 2 + x * (1 - t * t) / 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
        return x * (1 + t) / 2;
    }
    case AG_RELU:
        *derivative = x > 0;
        return x > 0 ? x : 0;
    case SMALL_SIGMOID: {
        const double s = 1 / (1 + exp(-x));
        *derivative = s * (1 - s);
        return s;
    }
    case SMALL_LOG:
        *derivative = 1 / x;
        return log(x);
    default:
        ag_panic("small_map: there is no function %d", f);
    }
}

static void small_map_backward(ag_graph *g, ag_tensor *y)
{
    const ag_real *derivative = y->saved;
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t i = 0; i < ag_size(y); i++) put(d, beta, i, derivative[i] * y->grad[i]);
}
static const ag_op op_map = {"small_map", 1, small_map_backward};

ag_tensor *small_map(ag_graph *g, ag_tensor *x, int f)
{
    ag_tensor *y = ag_node(g, &op_map, x->rank, x->dim, &x);
    ag_real *saved = y->saved = ag_save(g, ag_size(y) * sizeof *saved);
    for (size_t i = 0; i < ag_size(y); i++) {
        double derivative;
        y->val[i] = (ag_real)map(f, (double)x->val[i], &derivative);
        saved[i] = (ag_real)derivative;
    }
    return y;
}

static void small_softmax_backward(ag_graph *g, ag_tensor *y)
{
    const size_t C = (size_t)ag_cols(y);
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t r = 0; r < ag_rows(y); r++) {
        ag_real dot = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) dot += y->val[i] * y->grad[i];
        for (size_t i = r * C; i < (r + 1) * C; i++) put(d, beta, i, y->val[i] * (y->grad[i] - dot));
    }
}
static const ag_op op_softmax = {"small_softmax", 1, small_softmax_backward};

ag_tensor *small_softmax(ag_graph *g, ag_tensor *x)
{
    ag_tensor *y = ag_node(g, &op_softmax, x->rank, x->dim, &x);
    const size_t C = (size_t)ag_cols(y);
    for (size_t r = 0; r < ag_rows(y); r++) {
        double sum = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) sum += exp((double)x->val[i]);
        for (size_t i = r * C; i < (r + 1) * C; i++) y->val[i] = (ag_real)(exp((double)x->val[i]) / sum);
    }
    return y;
}

static void small_center_backward(ag_graph *g, ag_tensor *y)
{
    const size_t C = (size_t)ag_cols(y);
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t r = 0; r < ag_rows(y); r++) {
        ag_real mean = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) mean += y->grad[i] / (ag_real)C;
        for (size_t i = r * C; i < (r + 1) * C; i++) put(d, beta, i, y->grad[i] - mean);
    }
}
static const ag_op op_center = {"small_center", 1, small_center_backward};

ag_tensor *small_center(ag_graph *g, ag_tensor *x)
{
    ag_tensor *y = ag_node(g, &op_center, x->rank, x->dim, &x);
    const size_t C = (size_t)ag_cols(y);
    for (size_t r = 0; r < ag_rows(y); r++) {
        ag_real mean = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) mean += x->val[i] / (ag_real)C;
        for (size_t i = r * C; i < (r + 1) * C; i++) y->val[i] = x->val[i] - mean;
    }
    return y;
}

static void small_unit_backward(ag_graph *g, ag_tensor *y)
{
    const size_t C = (size_t)ag_cols(y);
    const ag_real *r_of = y->saved;
    ag_real beta, *d = ag_grad(g, y->in[0], &beta);
    for (size_t r = 0; r < ag_rows(y); r++) {
        ag_real mean = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) mean += y->grad[i] * y->val[i] / (ag_real)C;
        for (size_t i = r * C; i < (r + 1) * C; i++) put(d, beta, i, r_of[r] * (y->grad[i] - y->val[i] * mean));
    }
}
static const ag_op op_unit = {"small_unit", 1, small_unit_backward};

ag_tensor *small_unit(ag_graph *g, ag_tensor *x, double eps)
{
    ag_tensor *y = ag_node(g, &op_unit, x->rank, x->dim, &x);
    const size_t C = (size_t)ag_cols(y);
    ag_real *r_of = y->saved = ag_save(g, ag_rows(y) * sizeof *r_of);
    for (size_t r = 0; r < ag_rows(y); r++) {
        double mean = 0;
        for (size_t i = r * C; i < (r + 1) * C; i++) mean += (double)(x->val[i] * x->val[i]) / (double)C;
        r_of[r] = (ag_real)(1 / sqrt(mean + eps));
        for (size_t i = r * C; i < (r + 1) * C; i++) y->val[i] = x->val[i] * r_of[r];
    }
    return y;
}
