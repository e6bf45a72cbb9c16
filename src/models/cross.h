/* cross.h - rows that look at a picture: multi-head cross-attention (Vaswani et al. 2017, arXiv 1706.03762, section 3.2.3), whose queries
 * are a tweet's words, or one learned query for each tag.
 *
 *   attend(x) = W_o attention(W_q x, W_k v, W_v v)      each tweet's rows attend to its own visual tokens
 *   y = norm(x + dropout attend(x))      with residual
 *   y = norm(dropout attend(x))          without: y holds the word in the weights of the attention alone
 *
 *   x, y [N,C]   visual tokens v [V,S]   W_q, W_o [C,C]   W_k, W_v [C,S]   norm gain, bias [C]   all with biases
 *
 * A tweet without visual tokens: with residual its words go through unchanged (y = x, to the byte), without they are 0. It adds nothing to
 * the gradients of the block.
 *
 * Queries of tags: x is the table [L,C], the same for every tweet, so y [B L,C] cannot depend on the text: row b L + l is what the picture
 * of tweet b says about tag l, and 0 where the tweet has none.
 */
#ifndef CROSS_H
#define CROSS_H

#include "nn.h"

struct cross_shape {
    int width, source, heads; /* C is a multiple of heads; S, width of a visual token */
    int tags;                 /* L learned queries; 0: rows of the caller's alone */
    bool residual;
    double eps; /* LayerNorm's */
    double dropout_hidden, dropout_attention;
};

struct cross {
    struct cross_shape shape;
    ag_param *tag; /* [L,C], NULL where shape.tags is 0 */
    nn_linear query, key, value, output;
    nn_norm norm;
};

/* Parameters <prefix>tag_query, <prefix>{query,key,value,output,LayerNorm}.{weight,bias}. */
void cross_declare(ag_params *ps, const struct cross_shape *shape, const char *prefix, struct cross *c);

/* x [N,C], visual [V,S]; tweet b owns rows start[b] .. start[b+1] of x and visual_start[b] .. visual_start[b+1] of visual -> [N,C]. drop's
 * places are those of the n tweets; its n and start are not read. The arrays stay borrowed until the graph is reset. */
ag_tensor *cross_forward(ag_graph *g, const struct cross *c, ag_tensor *x, int n, const int32_t *start, ag_tensor *visual,
                         const int32_t *visual_start, const nn_dropout *drop);
/* The same with the queries of tags -> [n L,C]. */
ag_tensor *cross_tags_forward(ag_graph *g, const struct cross *c, int n, ag_tensor *visual, const int32_t *visual_start,
                              const nn_dropout *drop);

#endif
