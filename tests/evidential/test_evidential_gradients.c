/* Every claim that suite.h makes of a table, for the ops that evidence adds to the engine's. */
#include "evi.h"
#include "suite.h"
#include <stddef.h>

/* What a row's kind says, as bits. */
enum { PROB = 1, TIED = 2, NARROW = 4, MASKED = 8, WEIGHED = 16, VACUOUS = 32 };

enum { W = 7, L = 3 };
static const int32_t RAGGED[] = {0, 3, 3, 4, 7}, NONE[] = {0};
static const int32_t TAGS[] = {0, 2, 1, 1, 0, 2, 2}, ZEROS[W] = {0};
/* Every word has the first modality or the second. */
static const uint8_t FIRST[W] = {1, 1, 0, 1, 0, 1, 1}, SECOND[W] = {1, 0, 1, 1, 1, 0, 1}, THIRD[W] = {0, 0, 1, 1, 0, 1, 0};
static const uint8_t *const MASKS[] = {FIRST, SECOND, THIRD};
static const ag_real WEIGHTS[L * L] = {1, (ag_real).5, 2, 3, (ag_real)1.5, 0, (ag_real).25, 1, 4};

static evi_words words_of(const gradcheck_case *c)
{
    return (evi_words){.n = c->n, .start = c->start, .tags = c->index, .present = c->kind & MASKED ? FIRST : NULL};
}
static const uint8_t *const *masks_of(const gradcheck_case *c)
{
    return c->kind & MASKED ? MASKS : NULL;
}
static evi_head head_of(const gradcheck_case *c)
{
    evi_head head = EVI_HEAD_DEFAULTS;
    head.reading = c->kind & PROB ? EVI_PROB : EVI_ONEHOT;
    head.tie_alpha = c->kind & TIED;
    if (c->kind & NARROW) { /* half of the values are clamped */
        head.nu_min = .4;
        head.nu_max = 1.2;
        head.alpha_min = 1.5;
        head.alpha_max = 2;
    }
    return head;
}
static int modalities_of(const gradcheck_case *c)
{
    int n = 0;
    while (c->in[n].kind != NO_INPUT) n++;
    return n;
}

#define BUILD(name)     static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c)
#define BUILD_ANY(name) static ag_tensor *name(ag_graph *g, ag_tensor *const *x, const gradcheck_case *c __attribute__((unused)))

BUILD(head)
{
    const evi_head of = head_of(c);
    return evi_nig_head(g, x[0], L, &of);
}
BUILD(nll)
{
    return evi_nig_nll(g, x[0], words_of(c), c->kind & WEIGHED ? WEIGHTS : NULL);
}
BUILD(nll_of_head)
{
    return evi_nig_nll(g, head(g, x, c), words_of(c), NULL);
}
BUILD(regulariser)
{
    return evi_nig_regulariser(g, x[0], words_of(c), c->kind & WEIGHED ? WEIGHTS : NULL);
}
BUILD(evidence_of_noise)
{
    return evi_nig_evidence(g, x[0], words_of(c));
}
BUILD(evidence_of_noise_of_head)
{
    return evi_nig_evidence(g, head(g, x, c), words_of(c));
}
BUILD(nig_cross_entropy)
{
    return evi_nig_cross_entropy(g, x[0], words_of(c), c->kind & WEIGHED ? WEIGHTS : NULL);
}
BUILD(nig_cross_entropy_of_head)
{
    return evi_nig_cross_entropy(g, head(g, x, c), words_of(c), NULL);
}
BUILD(word_cross_entropy)
{
    return evi_word_cross_entropy(g, x[0], words_of(c), c->kind & WEIGHED ? WEIGHTS : NULL);
}
BUILD(engine_cross_entropy)
{
    return ag_cross_entropy(g, x[0], c->index, c->n, c->start);
}
BUILD(present_rows_in_the_engine)
{
    int32_t *row = ag_save(g, W * sizeof *row), *tag = ag_save(g, W * sizeof *tag), *start = ag_save(g, (W + 1) * sizeof *start);
    start[0] = 0;
    for (int b = 0; b < c->n; b++) {
        start[b + 1] = start[b];
        for (int w = c->start[b]; w < c->start[b + 1]; w++) {
            if (!FIRST[w]) continue;
            row[start[b + 1]] = w;
            tag[start[b + 1]++] = c->index[w];
        }
    }
    return ag_cross_entropy(g, ag_gather(g, x[0], start[c->n], row), tag, c->n, start);
}
BUILD(fuse)
{
    return evi_monig_fuse(g, modalities_of(c), x, masks_of(c), c->kind & VACUOUS);
}
BUILD_ANY(fuse_with_itself)
{
    return evi_monig_fuse(g, 3, (ag_tensor *[]){x[0], x[1], x[0]}, NULL, false);
}
BUILD(dempster)
{
    return evi_dempster_fuse(g, modalities_of(c), x, masks_of(c));
}
BUILD_ANY(dempster_with_itself)
{
    return evi_dempster_fuse(g, 2, (ag_tensor *[]){x[0], x[0]}, NULL);
}
BUILD(average)
{
    return evi_average(g, modalities_of(c), x, masks_of(c));
}
BUILD_ANY(average_with_itself)
{
    return evi_average(g, 3, (ag_tensor *[]){x[0], x[1], x[0]}, NULL);
}
BUILD_ANY(onehot_emissions)
{
    return evi_nig_emissions(g, EVI_ONEHOT, x[0], x[1], x[2]);
}
BUILD_ANY(prob_emissions)
{
    return evi_nig_emissions(g, EVI_PROB, x[0], NULL, NULL);
}
BUILD(spread)
{
    return evi_spread(g, x[0], c->start[c->n], c->start);
}
BUILD(weighted_sum)
{
    static const double weights[] = {1, .5, -2};
    return evi_weighted_sum(g, modalities_of(c), x, weights);
}
BUILD_ANY(weighted_sum_of_itself)
{
    return evi_weighted_sum(g, 2, (ag_tensor *[]){x[0], x[0]}, (const double[]){1, .5});
}
BUILD_ANY(evidence)
{
    return evi_evidence(g, x[0], L);
}
BUILD_ANY(dirichlet_emissions)
{
    return evi_dirichlet_emissions(g, x[0]);
}
BUILD(dirichlet_cross_entropy)
{
    return evi_dirichlet_cross_entropy(g, x[0], words_of(c), c->kind & WEIGHED ? WEIGHTS : NULL);
}
BUILD(dirichlet_kl)
{
    return evi_dirichlet_kl(g, x[0], words_of(c));
}

/* clang-format off */
#define BELIEF       {OF(LEAF, 4, W, L), WITHIN(1.1, 3)}
#define SURE         {OF(LEAF, 4, W, L), WITHIN(20, 60)}
#define NO_BELIEF    {OF(LEAF, 4, 0, L), WITHIN(1.1, 3)}
#define TABLE        {OF(LEAF, W, L), WITHIN(-2, 2)}
#define EVIDENCE     {OF(LEAF, W, L), WITHIN(.1, 4)}
#define WORDS        .n = 4, .start = RAGGED, .index = TAGS
#define NO_WORDS     .n = 0, .start = NONE, .index = TAGS
static const gradcheck_case CASES[] = {
    {.name = "head onehot, a row a word", .op = "nig_head", .build = head, IN({OF(LEAF, W, 4 * L), WITHIN(-3, 3)})},
    {.name = "head onehot, a row a word and tag", .op = "nig_head", .build = head, IN({OF(LEAF, W * L, 4), WITHIN(-3, 3)})},
    {.name = "head prob, a row a word", .op = "nig_head", .build = head, .kind = PROB, IN({OF(LEAF, W, 4 * L), WITHIN(-3, 3)})},
    {.name = "head prob, a row a word and tag", .op = "nig_head", .build = head, .kind = PROB, IN({OF(LEAF, W * L, 4), WITHIN(-3, 3)})},
    {.name = "head tied", .op = "nig_head", .build = head, .kind = PROB | TIED, IN({OF(LEAF, W, 4 * L), WITHIN(-3, 3)})},
    {.name = "head clamped", .op = "nig_head", .build = head, .kind = NARROW, IN({OF(LEAF, W, 4 * L), WITHIN(-3, 3)})},
    {.name = "head tied and clamped", .op = "nig_head", .build = head, .kind = PROB | TIED | NARROW, IN({OF(LEAF, W, 4 * L), WITHIN(-3, 3)})},
    {.name = "head far out", .op = "nig_head", .build = head, .kind = PROB, IN({OF(LEAF, W, 4 * L), WITHIN(-30, 30)})},
    {.name = "head of no words", .op = "nig_head", .build = head, IN({OF(LEAF, 0, 4 * L)})},

    {.name = "nll", .op = "nig_nll", .build = nll, WORDS, IN(BELIEF)},
    {.name = "nll of large alpha and nu", .op = "nig_nll", .build = nll, WORDS, IN(SURE)},
    {.name = "nll weighed", .op = "nig_nll", .build = nll, .kind = WEIGHED, WORDS, IN(BELIEF)},
    {.name = "nll weighed and masked", .op = "nig_nll", .build = nll, .kind = WEIGHED | MASKED, WORDS, IN(BELIEF)},
    {.name = "nll of a head onehot", .op = "nig_nll", .build = nll_of_head, WORDS, IN({OF(LEAF, W, 4 * L), WITHIN(-6, 6)})},
    {.name = "nll of a head prob", .op = "nig_nll", .build = nll_of_head, .kind = PROB, WORDS, IN({OF(LEAF, W, 4 * L), WITHIN(-6, 6)})},
    {.name = "nll of a head tied", .op = "nig_nll", .build = nll_of_head, .kind = PROB | TIED, WORDS, IN({OF(LEAF, W, 4 * L), WITHIN(-6, 6)})},
    {.name = "nll of no words", .op = "nig_nll", .build = nll, NO_WORDS, IN(NO_BELIEF)},

    {.name = "regulariser", .op = "nig_regulariser", .build = regulariser, WORDS, IN(BELIEF)},
    {.name = "regulariser weighed", .op = "nig_regulariser", .build = regulariser, .kind = WEIGHED, WORDS, IN(BELIEF)},
    {.name = "regulariser weighed and masked", .op = "nig_regulariser", .build = regulariser, .kind = WEIGHED | MASKED, WORDS, IN(BELIEF)},
    {.name = "regulariser of no words", .op = "nig_regulariser", .build = regulariser, NO_WORDS, IN(NO_BELIEF)},

    {.name = "claimed evidence", .op = "nig_evidence", .build = evidence_of_noise, WORDS, IN(BELIEF)},
    {.name = "claimed evidence masked", .op = "nig_evidence", .build = evidence_of_noise, .kind = MASKED, WORDS, IN(BELIEF)},
    {.name = "claimed evidence of a head", .op = "nig_evidence", .build = evidence_of_noise_of_head, .kind = PROB | TIED, WORDS, IN({OF(LEAF, W, 4 * L), WITHIN(-6, 6)})},
    {.name = "claimed evidence of no words", .op = "nig_evidence", .build = evidence_of_noise, NO_WORDS, IN(NO_BELIEF)},

    {.name = "cross-entropy of gamma", .op = "nig_cross_entropy", .build = nig_cross_entropy, WORDS, IN(BELIEF)},
    {.name = "cross-entropy of gamma masked", .op = "nig_cross_entropy", .build = nig_cross_entropy, .kind = MASKED, WORDS, IN(BELIEF)},
    {.name = "cross-entropy of gamma weighed", .op = "nig_cross_entropy", .build = nig_cross_entropy, .kind = WEIGHED | MASKED, WORDS, IN(BELIEF)},
    {.name = "cross-entropy of a head", .op = "nig_cross_entropy", .build = nig_cross_entropy_of_head, .kind = PROB, WORDS, IN({OF(LEAF, W, 4 * L), WITHIN(-6, 6)})},
    {.name = "cross-entropy of gamma, no words", .op = "nig_cross_entropy", .build = nig_cross_entropy, NO_WORDS, IN(NO_BELIEF)},
    {.name = "cross-entropy of words", .op = "word_cross_entropy", .build = word_cross_entropy, .composition = engine_cross_entropy, WORDS, IN(TABLE)},
    {.name = "cross-entropy of words masked", .op = "word_cross_entropy", .build = word_cross_entropy, .composition = present_rows_in_the_engine, .kind = MASKED, WORDS, IN(TABLE)},
    {.name = "cross-entropy of words weighed", .op = "word_cross_entropy", .build = word_cross_entropy, .kind = WEIGHED | MASKED, WORDS, IN(TABLE)},
    {.name = "cross-entropy of no words", .op = "word_cross_entropy", .build = word_cross_entropy, NO_WORDS, IN({OF(LEAF, 0, L)})},

    {.name = "fusion of two", .op = "monig_fuse", .build = fuse, IN(BELIEF, BELIEF)},
    {.name = "fusion of three", .op = "monig_fuse", .build = fuse, IN(BELIEF, BELIEF, SURE)},
    {.name = "fusion of two masked", .op = "monig_fuse", .build = fuse, .kind = MASKED, IN(BELIEF, BELIEF)},
    {.name = "fusion of three masked", .op = "monig_fuse", .build = fuse, .kind = MASKED, IN(BELIEF, BELIEF, BELIEF)},
    {.name = "fusion of three vacuous neutral, masked", .op = "monig_fuse", .build = fuse, .kind = MASKED | VACUOUS, IN(BELIEF, BELIEF, BELIEF)},
    {.name = "fusion of eight", .op = "monig_fuse", .build = fuse, IN(BELIEF, BELIEF, BELIEF, BELIEF, BELIEF, BELIEF, BELIEF, BELIEF)},
    {.name = "fusion with what is fixed", .op = "monig_fuse", .build = fuse, IN({OF(FIXED, 4, W, L), WITHIN(1.1, 3)}, BELIEF)},
    {.name = "fusion of one tensor twice", .op = "monig_fuse", .build = fuse_with_itself, IN(BELIEF, BELIEF)},
    {.name = "fusion of no words", .op = "monig_fuse", .build = fuse, IN(NO_BELIEF, NO_BELIEF)},

    {.name = "emissions onehot", .op = "nig_emissions", .build = onehot_emissions, IN(BELIEF, {OF(LEAF, 1), WITHIN(6, 9)}, {OF(LEAF, L)})},
    {.name = "emissions onehot, parameters", .op = "nig_emissions", .build = onehot_emissions, IN(BELIEF, {OF(DENSE, 1), WITHIN(6, 9)}, {OF(DENSE, L)})},
    {.name = "emissions onehot, frozen", .op = "nig_emissions", .build = onehot_emissions, IN(BELIEF, {OF(FROZEN, 1), WITHIN(6, 9)}, {OF(FROZEN, L)})},
    {.name = "emissions prob", .op = "nig_emissions", .build = prob_emissions, IN(BELIEF)},
    {.name = "emissions of no words", .op = "nig_emissions", .build = onehot_emissions, IN(NO_BELIEF, {OF(LEAF, 1), .silent = true}, {OF(LEAF, L), .silent = true})},

    {.name = "average of one", .op = "average", .build = average, IN(TABLE)},
    {.name = "average of two", .op = "average", .build = average, IN(TABLE, TABLE)},
    {.name = "average of three masked", .op = "average", .build = average, .kind = MASKED, IN(TABLE, TABLE, TABLE)},
    {.name = "average of one tensor twice", .op = "average", .build = average_with_itself, IN(TABLE, TABLE)},
    {.name = "average of no words", .op = "average", .build = average, IN({OF(LEAF, 0, L)}, {OF(LEAF, 0, L)})},

    {.name = "spread of beliefs", .op = "spread", .build = spread, WORDS, IN({OF(LEAF, 4, 4, L)})},
    {.name = "spread of rows", .op = "spread", .build = spread, WORDS, IN({OF(LEAF, 4, L)})},
    {.name = "spread of no rows", .op = "spread", .build = spread, NO_WORDS, IN({OF(LEAF, 4, 0, L)})},

    {.name = "weighted sum of one", .op = "weighted_sum", .build = weighted_sum, IN({OF(LEAF, 5)})},
    {.name = "weighted sum of three", .op = "weighted_sum", .build = weighted_sum, IN({OF(LEAF, 5)}, {OF(LEAF, 5)}, {OF(LEAF, 5)})},
    {.name = "weighted sum of one tensor twice", .op = "weighted_sum", .build = weighted_sum_of_itself, IN({OF(LEAF, 5)})},
    {.name = "weighted sum of nothing", .op = "weighted_sum", .build = weighted_sum, IN({OF(LEAF, 0)}, {OF(LEAF, 0)})},

    {.name = "evidence", .op = "evidence", .build = evidence, IN({OF(LEAF, W, L), WITHIN(-5, 5)})},
    {.name = "evidence, a row a word and tag", .op = "evidence", .build = evidence, IN({OF(LEAF, W * L, 1), WITHIN(-5, 5)})},
    {.name = "evidence of no words", .op = "evidence", .build = evidence, IN({OF(LEAF, 0, L)})},
    {.name = "Dempster's rule for two", .op = "dempster_fuse", .build = dempster, IN(EVIDENCE, EVIDENCE)},
    {.name = "Dempster's rule for three masked", .op = "dempster_fuse", .build = dempster, .kind = MASKED, IN(EVIDENCE, EVIDENCE, EVIDENCE)},
    {.name = "Dempster's rule for one tensor twice", .op = "dempster_fuse", .build = dempster_with_itself, IN(EVIDENCE)},
    {.name = "Dempster's rule for no words", .op = "dempster_fuse", .build = dempster, IN({OF(LEAF, 0, L)}, {OF(LEAF, 0, L)})},
    {.name = "Dirichlet emissions", .op = "dirichlet_emissions", .build = dirichlet_emissions, IN(EVIDENCE)},
    {.name = "Dirichlet emissions of no words", .op = "dirichlet_emissions", .build = dirichlet_emissions, IN({OF(LEAF, 0, L)})},
    {.name = "Dirichlet cross-entropy", .op = "dirichlet_cross_entropy", .build = dirichlet_cross_entropy, WORDS, IN(EVIDENCE)},
    {.name = "Dirichlet cross-entropy masked", .op = "dirichlet_cross_entropy", .build = dirichlet_cross_entropy, .kind = MASKED, WORDS, IN(EVIDENCE)},
    {.name = "Dirichlet cross-entropy weighed", .op = "dirichlet_cross_entropy", .build = dirichlet_cross_entropy, .kind = WEIGHED | MASKED, WORDS, IN(EVIDENCE)},
    {.name = "Dirichlet cross-entropy of no words", .op = "dirichlet_cross_entropy", .build = dirichlet_cross_entropy, NO_WORDS, IN({OF(LEAF, 0, L)})},
    {.name = "Dirichlet KL", .op = "dirichlet_kl", .build = dirichlet_kl, WORDS, IN(EVIDENCE)},
    {.name = "Dirichlet KL of much evidence", .op = "dirichlet_kl", .build = dirichlet_kl, WORDS, IN({OF(LEAF, W, L), WITHIN(4, 12)})},
    {.name = "Dirichlet KL masked", .op = "dirichlet_kl", .build = dirichlet_kl, .kind = MASKED, WORDS, IN(EVIDENCE)},
    {.name = "Dirichlet KL of one tag: nothing speaks against it", .op = "dirichlet_kl", .build = dirichlet_kl, .n = 4, .start = RAGGED, .index = ZEROS, IN({OF(LEAF, W, 1), WITHIN(.1, 4), .silent = true})},
    {.name = "Dirichlet KL of no words", .op = "dirichlet_kl", .build = dirichlet_kl, NO_WORDS, IN({OF(LEAF, 0, L)})},
};
/* clang-format on */

static const char *const OPS[] = {
#define OP(name, n_in, equation) #name,
#include "evi_ops.def"
#undef OP
};

int main(int argc, char **argv)
{
    const suite evidential = {
        .area = "evidential", .cases = CASES, .n_cases = sizeof CASES / sizeof *CASES, .ops = OPS, .n_ops = sizeof OPS / sizeof *OPS};
    return suite_main(&evidential, 1, argc, argv);
}
