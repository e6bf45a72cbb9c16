#include "gradcheck.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STEP = 1e-5, TOLERANCE = 1e-7, SIGNAL = 1e-6, SILENCE = 1e-9;
enum { POISON = 1 << 21 };

static ag_real *reals(size_t n)
{
    ag_real *a = malloc((n + 1) * sizeof *a);
    if (!a) abort();
    return a;
}

/* All bits set: NaN in float and in double. */
static void poison(size_t n, ag_real *a)
{
    memset(a, 0xff, n * sizeof *a);
}

/* Numbers that float holds exactly, so that both builds compute with the same. */
static void draw(struct rng *r, double low, double high, size_t n, ag_real *a)
{
    for (size_t i = 0; i < n; i++) a[i] = (ag_real)(float)(low + (high - low) * rng_uniform(r));
}

static size_t size_of(const gradcheck_input *in)
{
    size_t n = 1;
    for (int i = 0; i < in->rank; i++) n *= (size_t)in->dim[i];
    return n;
}

static bool wants_grad(const gradcheck_input *in)
{
    return in->kind == LEAF || in->kind == DENSE || in->kind == SPARSE;
}

void gradcheck_draw(const gradcheck_case *c, uint32_t seed, gradcheck_pass *pass)
{
    *pass = (gradcheck_pass){0};
    for (; c->in[pass->n].kind != NO_INPUT; pass->n++) {
        const gradcheck_input *in = &c->in[pass->n];
        struct rng r = rng_stream(seed, RNG_TEST, (uint32_t)pass->n);
        const bool plain = in->low == 0 && in->high == 0;
        pass->size[pass->n] = size_of(in);
        pass->val[pass->n] = reals(pass->size[pass->n]);
        draw(&r, plain ? -1 : in->low, plain ? 1 : in->high, pass->size[pass->n], pass->val[pass->n]);
    }
}

void gradcheck_pass_free(gradcheck_pass *pass)
{
    for (int k = 0; k < pass->n; k++) {
        free(pass->val[k]);
        free(pass->grad[k]);
    }
    free(pass->y);
    free(pass->dy);
    *pass = (gradcheck_pass){0};
}

/* ---- a planted error ---- */

static struct plant {
    const char *op; /* NULL: none */
    int input;
    ag_real factor;
    const ag_op *real;
    ag_op wrong;
    bool had_effect;
} plant;

static void scale(size_t n, ag_real *a)
{
    for (size_t i = 0; i < n; i++) {
        plant.had_effect |= a[i] != 0;
        a[i] *= plant.factor;
    }
}

static void wrong_backward(ag_graph *g, ag_tensor *y)
{
    if (plant.input < 0) scale(ag_size(y), y->grad);
    plant.real->backward(g, y);
    ag_tensor *x = plant.input < 0 ? NULL : y->in[plant.input];
    if (!x || !x->wants_grad) return;
    if (x->param && x->param->role == AG_SPARSE)
        scale((size_t)x->param->n_slots * (size_t)ag_cols(x), x->param->grad);
    else if (x->grad)
        scale(ag_size(x), x->grad);
}

/* ---- one pass ---- */

struct session {
    ag_graph g;
    ag_params ps;
    ag_param *param[AG_MAX_IN];
    ag_tensor *x[AG_MAX_IN];
    ag_real *leaf_grad[AG_MAX_IN];
};

static bool is_param(const gradcheck_input *in)
{
    return in->kind == DENSE || in->kind == SPARSE || in->kind == FROZEN;
}

static void session_start(struct session *s, const gradcheck_case *c, const gradcheck_pass *pass, bool with_grad)
{
    *s = (struct session){0};
    ag_graph_init(&s->g);
    poison(POISON, ag_arena_alloc(&s->g.arena, POISON * sizeof(ag_real)));
    ag_graph_reset(&s->g);
    ag_params_init(&s->ps);
    size_t rows = 0;
    for (int k = 0; k < pass->n; k++) {
        const gradcheck_input *in = &c->in[k];
        if (!is_param(in)) continue;
        const char name[] = {(char)('a' + k), 0};
        ag_param *p = s->param[k] = ag_params_add(&s->ps, name, in->rank, in->dim);
        p->role = in->kind == DENSE ? AG_DENSE : in->kind == SPARSE ? AG_SPARSE : AG_FROZEN;
        memcpy(ag_param_own(p), pass->val[k], pass->size[k] * sizeof(ag_real));
        if (in->kind == SPARSE && (size_t)in->dim[0] > rows) rows = (size_t)in->dim[0];
    }
    if (with_grad) ag_params_train(&s->ps, rows);
    for (int k = 0; k < pass->n; k++) {
        const gradcheck_input *in = &c->in[k];
        if (is_param(in)) {
            s->x[k] = ag_use(&s->g, s->param[k]);
            if (s->param[k]->grad) poison(pass->size[k], s->param[k]->grad);
        } else if (in->kind == LEAF && with_grad) {
            s->leaf_grad[k] = reals(pass->size[k]);
            poison(pass->size[k], s->leaf_grad[k]);
            s->x[k] = ag_leaf(&s->g, in->rank, in->dim, pass->val[k], s->leaf_grad[k]);
        } else {
            s->x[k] = ag_input(&s->g, in->rank, in->dim, pass->val[k]);
        }
    }
}

static void session_end(struct session *s)
{
    for (int k = 0; k < AG_MAX_IN; k++) free(s->leaf_grad[k]);
    ag_params_free(&s->ps);
    ag_graph_free(&s->g);
}

/* The gradient of input k, [size], 0 where nothing contributed. */
static void read_grad(const struct session *s, const gradcheck_input *in, int k, size_t size, ag_real *grad)
{
    memset(grad, 0, size * sizeof *grad);
    const ag_param *p = s->param[k];
    if (in->kind == SPARSE) {
        const size_t C = (size_t)p->dim[1];
        for (int slot = 0; slot < p->n_slots; slot++)
            memcpy(grad + (size_t)p->row_of_slot[slot] * C, p->grad + (size_t)slot * C, C * sizeof *grad);
    } else if (p ? p->has_grad : s->x[k]->grad != NULL) {
        memcpy(grad, p ? p->grad : s->leaf_grad[k], size * sizeof *grad);
    }
}

static void plant_into(ag_graph *g)
{
    for (size_t i = 0; plant.op && i < g->len; i++) {
        if (strcmp(g->tape[i]->op->name, plant.op) != 0) continue;
        plant.real = g->tape[i]->op;
        plant.wrong = *plant.real;
        plant.wrong.backward = wrong_backward;
        g->tape[i]->op = &plant.wrong;
    }
}

void gradcheck_run(const gradcheck_case *c, gradcheck_build *build, uint32_t seed, int times, gradcheck_pass *pass)
{
    gradcheck_draw(c, seed, pass);
    struct session s;
    session_start(&s, c, pass, true);
    for (int i = 0; i < times; i++) {
        ag_tensor *y = build(&s.g, s.x, c);
        for (size_t node = 0; i == 0 && node < s.g.len; node++) pass->nodes += !strcmp(s.g.tape[node]->op->name, c->op);
        if (i == 0) {
            pass->y_size = ag_size(y);
            pass->y = reals(pass->y_size);
            pass->dy = reals(pass->y_size);
            memcpy(pass->y, y->val, pass->y_size * sizeof *y->val);
            struct rng r = rng_stream(seed, RNG_TEST, 100);
            draw(&r, -1, 1, pass->y_size, pass->dy);
        }
        plant_into(&s.g);
        if (y->wants_grad) ag_backward(&s.g, y, pass->dy);
    }
    for (int k = 0; k < pass->n; k++) {
        if (!wants_grad(&c->in[k])) continue;
        pass->grad[k] = reals(pass->size[k]);
        read_grad(&s, &c->in[k], k, pass->size[k], pass->grad[k]);
    }
    session_end(&s);
}

/* <u, f(x)> */
static double evaluate(const gradcheck_case *c, const gradcheck_pass *pass)
{
    struct session s;
    session_start(&s, c, pass, false);
    const ag_tensor *y = c->build(&s.g, s.x, c);
    double sum = 0;
    for (size_t i = 0; i < pass->y_size; i++) sum += (double)(pass->dy[i] * y->val[i]);
    session_end(&s);
    return sum;
}

/* ---- the check ---- */

static double directional(const gradcheck_case *c, gradcheck_pass *pass, int k, const ag_real *v)
{
    double side[2];
    ag_real *at = pass->val[k], *moved = reals(pass->size[k]);
    pass->val[k] = moved;
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < pass->size[k]; j++) moved[j] = at[j] + (ag_real)(i ? STEP : -STEP) * v[j];
        side[i] = evaluate(c, pass);
    }
    pass->val[k] = at;
    free(moved);
    return (side[1] - side[0]) / (2 * STEP);
}

/* Comparisons are positive, so that NaN is refused. */
static void judge(gradcheck_report *report, gradcheck_report found, bool silent)
{
    const double total = fabs(found.analytic) + fabs(found.numeric);
    found.error = fabs(found.analytic - found.numeric) / total;
    if (silent) {
        found.error = 0;
        found.ok = total <= SILENCE;
        found.why = "an input that is called silent has a gradient";
    } else if (!isfinite(total)) {
        found.ok = false;
        found.why = "not finite";
    } else if (total <= SIGNAL) {
        found.ok = false;
        found.why = "no signal";
    } else {
        found.ok = found.error <= TOLERANCE;
        found.why = found.times == 1 ? "wrong gradient" : "a second contribution does not add";
    }
    if (report->ok && (!found.ok || !(found.error <= report->error))) *report = found;
}

gradcheck_report gradcheck(const gradcheck_case *c, uint32_t seed)
{
    gradcheck_report report = {.ok = true, .input = -1, .error = -1};
    gradcheck_pass once, twice;
    gradcheck_run(c, c->build, seed, 1, &once);
    gradcheck_run(c, c->build, seed, 2, &twice);
    if (once.nodes == 0) report = (gradcheck_report){.why = "the op that the row is about is not on the tape", .input = -1};
    for (int k = 0; k < once.n && report.ok; k++) {
        if (!wants_grad(&c->in[k])) continue;
        ag_real *v = reals(once.size[k]);
        struct rng r = rng_stream(seed, RNG_TEST, 200 + (uint32_t)k);
        draw(&r, -1, 1, once.size[k], v);
        const double numeric = directional(c, &once, k, v);
        const bool silent = c->in[k].silent || once.size[k] == 0 || once.y_size == 0;
        double analytic[2] = {0};
        for (size_t i = 0; i < once.size[k]; i++) {
            analytic[0] += (double)(once.grad[k][i] * v[i]);
            analytic[1] += (double)(twice.grad[k][i] * v[i]);
        }
        for (int times = 1; times <= 2; times++)
            judge(&report, (gradcheck_report){.input = k, .times = times, .analytic = analytic[times - 1], .numeric = times * numeric},
                  silent);
        free(v);
    }
    gradcheck_pass_free(&once);
    gradcheck_pass_free(&twice);
    return report;
}

gradcheck_verdict gradcheck_planted(const gradcheck_case *c, uint32_t seed, int input, double factor)
{
    plant = (struct plant){.op = c->op, .input = input, .factor = (ag_real)factor};
    const gradcheck_report report = gradcheck(c, seed);
    const bool had_effect = plant.had_effect;
    plant = (struct plant){0};
    return !had_effect ? HARMLESS : report.ok ? ACCEPTED : REFUSED;
}

double gradcheck_distance(size_t n, const ag_real *a, const ag_real *b)
{
    double largest = 0, distance = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]), size = fabs((double)b[i]);
        if (!(d >= 0)) return NAN;
        if (size > largest) largest = size;
        if (d > distance) distance = d;
    }
    return distance == 0 ? 0 : distance / largest;
}
