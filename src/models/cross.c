/* cross.c - see cross.h for the equations. */
#include "cross.h"

void cross_declare(ag_params *ps, const struct cross_shape *s, const char *prefix, struct cross *c)
{
    AG_CHECK(s->width > 0 && s->heads > 0 && s->width % s->heads == 0, "cross: width %d is not a multiple of %d heads", s->width, s->heads);
    AG_CHECK(s->source > 0, "cross: visual tokens of width %d", s->source);
    AG_CHECK(s->tags >= 0, "cross: queries of %d tags", s->tags);
    *c = (struct cross){.shape = *s};
    char name[NN_NAME_MAX];
    if (s->tags > 0) {
        nn_name(name, "%stag_query", prefix);
        c->tag = ag_params_add(ps, name, 2, (int[]){s->tags, s->width});
    }
    const struct {
        const char *part;
        int in;
        nn_linear *linear;
    } parts[] = {
        {"query", s->width, &c->query},
        {"key", s->source, &c->key},
        {"value", s->source, &c->value},
        {"output", s->width, &c->output},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        nn_name(name, "%s%s", prefix, parts[i].part);
        nn_linear_declare(ps, name, parts[i].in, s->width, parts[i].linear);
    }
    nn_name(name, "%sLayerNorm", prefix);
    nn_norm_declare(ps, name, s->width, &c->norm);
}

/* blind: the rows of tweets without visual tokens; NULL: 0. */
static ag_tensor *look(ag_graph *g, const struct cross *c, ag_tensor *x, ag_tensor *blind, int n, const int32_t *start, ag_tensor *visual,
                       const int32_t *visual_start, const nn_dropout *drop)
{
    const struct cross_shape *s = &c->shape;
    AG_CHECK(x->rank == 2 && x->dim[1] == s->width, "cross: x has rank %d and %d columns, the block is %d wide", x->rank, ag_cols(x),
             s->width);
    AG_CHECK(visual->rank == 2 && visual->dim[1] == s->source, "cross: visual tokens have rank %d and %d columns, the block looks at %d",
             visual->rank, ag_cols(visual), s->source);
    nn_dropout by_row = *drop;
    by_row.n = n;
    by_row.start = start;
    const ag_dropout drop_attention = nn_dropout_at(&by_row, s->dropout_attention, NN_SITE_CROSS),
                     drop_output = nn_dropout_at(&by_row, s->dropout_hidden, NN_SITE_CROSS + 1);

    const ag_scope scope = ag_scope_begin(g);
    ag_tensor *q = nn_linear_forward(g, &c->query, x), *k = nn_linear_forward(g, &c->key, visual),
              *v = nn_linear_forward(g, &c->value, visual);
    ag_tensor *seen = nn_linear_forward(g, &c->output, ag_attention(g, q, k, v, s->heads, n, start, visual_start, drop_attention));
    ag_tensor *y = s->residual ? nn_add_norm_forward(g, &c->norm, x, seen, drop_output, s->eps)
                               : nn_norm_forward(g, &c->norm, ag_dropout_of(g, seen, drop_output), s->eps);
    return ag_scope_end(g, scope, ag_choose(g, y, blind, n, start, visual_start));
}

ag_tensor *cross_forward(ag_graph *g, const struct cross *c, ag_tensor *x, int n, const int32_t *start, ag_tensor *visual,
                         const int32_t *visual_start, const nn_dropout *drop)
{
    return look(g, c, x, c->shape.residual ? x : NULL, n, start, visual, visual_start, drop);
}

ag_tensor *cross_tags_forward(ag_graph *g, const struct cross *c, int n, ag_tensor *visual, const int32_t *visual_start,
                              const nn_dropout *drop)
{
    const int L = c->shape.tags;
    AG_CHECK(c->tag, "cross: a block without queries of tags");
    AG_CHECK(n >= 0 && n <= INT32_MAX / L, "cross: queries of %d tags for %d tweets", L, n);
    int32_t *start = ag_save(g, ((size_t)n + 1) * sizeof *start), *row = ag_save(g, ((size_t)n * (size_t)L + 1) * sizeof *row);
    for (int b = 0; b <= n; b++) start[b] = b * L;
    for (int r = 0; r < n * L; r++) row[r] = r % L;
    return look(g, c, ag_gather(g, ag_use(g, c->tag), n * L, row), NULL, n, start, visual, visual_start, drop);
}
