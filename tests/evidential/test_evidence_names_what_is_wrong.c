/* Every AG_CHECK of the ops of evidence, produced once: it stops, and its message names the op and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "catch.h"
#include "uncertainty.h"
#include <cmocka.h>
#include <stdio.h>

static ag_graph g;
static ag_real val[96], grad[96];
static const int32_t start[] = {0, 2}, late[] = {1, 2}, back[] = {0, 2, 1, 2}, tags[] = {0, 2}, beyond[] = {0, 3}, negative[] = {-1, 0};
static const uint8_t first[] = {1, 0};

static ag_tensor *tensor(int rank, int a, int b, int c)
{
    return ag_leaf(&g, rank, (const int[]){a, b, c}, val, grad);
}
static ag_tensor *belief(int W, int L)
{
    return tensor(3, EVI_PLANES, W, L);
}
static evi_words words(const int32_t *from, int n, const int32_t *of)
{
    return (evi_words){.n = n, .start = from, .tags = of};
}

/* ---- the head ---- */

static void head(ag_tensor *z, int L, evi_head with)
{
    evi_nig_head(&g, z, L, &with);
}
static void head_columns(void)
{
    head(tensor(2, 2, 11, 0), 3, EVI_HEAD_DEFAULTS);
}
static void head_rows(void)
{
    head(tensor(2, 5, 4, 0), 3, EVI_HEAD_DEFAULTS);
}
static void head_rank(void)
{
    head(belief(2, 12), 3, EVI_HEAD_DEFAULTS);
}
static void head_tags(void)
{
    head(tensor(2, 2, 12, 0), 0, EVI_HEAD_DEFAULTS);
}
static void head_reading(void)
{
    evi_head with = EVI_HEAD_DEFAULTS;
    with.reading = (evi_reading)7;
    head(tensor(2, 2, 12, 0), 3, with);
}
static void head_nu(void)
{
    evi_head with = EVI_HEAD_DEFAULTS;
    with.nu_min = 0;
    head(tensor(2, 2, 12, 0), 3, with);
}
static void head_alpha(void)
{
    evi_head with = EVI_HEAD_DEFAULTS;
    with.alpha_min = 1;
    head(tensor(2, 2, 12, 0), 3, with);
}
static void head_beta(void)
{
    evi_head with = EVI_HEAD_DEFAULTS;
    with.beta_min = 0;
    head(tensor(2, 2, 12, 0), 3, with);
}

/* ---- losses ---- */

static void nll_rank(void)
{
    evi_nig_nll(&g, tensor(2, 2, 3, 0), words(start, 1, tags), NULL);
}
static void nll_planes(void)
{
    evi_nig_nll(&g, tensor(3, 3, 2, 3), words(start, 1, tags), NULL);
}
static void nll_no_sequences(void)
{
    evi_nig_nll(&g, belief(2, 3), words(start, -1, tags), NULL);
}
static void nll_begins_late(void)
{
    evi_nig_nll(&g, belief(2, 3), words(late, 1, tags), NULL);
}
static void nll_goes_back(void)
{
    evi_nig_nll(&g, belief(2, 3), words(back, 3, tags), NULL);
}
static void nll_ends_early(void)
{
    evi_nig_nll(&g, belief(3, 3), words(start, 1, tags), NULL);
}
static void nll_tag(void)
{
    evi_nig_nll(&g, belief(2, 3), words(start, 1, beyond), NULL);
}
static void nll_negative_tag(void)
{
    evi_nig_nll(&g, belief(2, 3), words(start, 1, negative), NULL);
}
static void regulariser_planes(void)
{
    evi_nig_regulariser(&g, tensor(3, 5, 2, 3), words(start, 1, tags), NULL);
}
static void nig_cross_entropy_rank(void)
{
    evi_nig_cross_entropy(&g, tensor(2, 4, 3, 0), words(start, 1, tags), NULL);
}
static void word_cross_entropy_rank(void)
{
    evi_word_cross_entropy(&g, belief(2, 3), words(start, 1, tags), NULL);
}
static void dirichlet_cross_entropy_tags(void)
{
    evi_dirichlet_cross_entropy(&g, tensor(2, 2, 0, 0), words(start, 1, tags), NULL);
}
static void dirichlet_kl_rank(void)
{
    evi_dirichlet_kl(&g, tensor(1, 2, 0, 0), words(start, 1, tags));
}
static void sum_of_none(void)
{
    evi_weighted_sum(&g, 0, NULL, NULL);
}
static void sum_of_two_shapes(void)
{
    evi_weighted_sum(&g, 2, (ag_tensor *[]){tensor(1, 2, 0, 0), tensor(1, 3, 0, 0)}, (const double[]){1, 1});
}

/* ---- fusion ---- */

static void fuse_none(void)
{
    evi_monig_fuse(&g, 0, NULL, NULL, false);
}
static void fuse_many(void)
{
    ag_tensor *x[AG_MAX_IN + 1];
    for (int m = 0; m <= AG_MAX_IN; m++) x[m] = belief(2, 3);
    evi_monig_fuse(&g, AG_MAX_IN + 1, x, NULL, false);
}
static void fuse_two_shapes(void)
{
    evi_monig_fuse(&g, 2, (ag_tensor *[]){belief(2, 3), belief(3, 2)}, NULL, false);
}
static void fuse_logits(void)
{
    evi_monig_fuse(&g, 2, (ag_tensor *[]){tensor(2, 4, 3, 0), tensor(2, 4, 3, 0)}, NULL, false);
}
static void fuse_nothing_left(void)
{
    evi_monig_fuse(&g, 2, (ag_tensor *[]){belief(2, 3), belief(2, 3)}, (const uint8_t *[]){first, first}, false);
}
static void fuse_one_missing(void)
{
    evi_monig_fuse(&g, 1, (ag_tensor *[]){belief(2, 3)}, (const uint8_t *[]){first}, false);
}
static void dempster_beliefs(void)
{
    evi_dempster_fuse(&g, 2, (ag_tensor *[]){belief(2, 3), belief(2, 3)}, NULL);
}
static void dempster_nothing_left(void)
{
    evi_dempster_fuse(&g, 2, (ag_tensor *[]){tensor(2, 2, 3, 0), tensor(2, 2, 3, 0)}, (const uint8_t *[]){first, first});
}
static void average_nothing_left(void)
{
    evi_average(&g, 2, (ag_tensor *[]){tensor(2, 2, 3, 0), tensor(2, 2, 3, 0)}, (const uint8_t *[]){first, first});
}
static void average_rank(void)
{
    evi_average(&g, 1, (ag_tensor *[]){belief(2, 3)}, NULL);
}

/* ---- the rest ---- */

static void emissions_without_s(void)
{
    evi_nig_emissions(&g, EVI_ONEHOT, belief(2, 3), NULL, tensor(1, 3, 0, 0));
}
static void emissions_with_another_b(void)
{
    evi_nig_emissions(&g, EVI_ONEHOT, belief(2, 3), tensor(1, 1, 0, 0), tensor(1, 2, 0, 0));
}
static void emissions_of_probabilities_with_s(void)
{
    evi_nig_emissions(&g, EVI_PROB, belief(2, 3), tensor(1, 1, 0, 0), NULL);
}
static void emissions_rank(void)
{
    evi_nig_emissions(&g, EVI_PROB, tensor(2, 4, 3, 0), NULL, NULL);
}
static void dirichlet_emissions_rank(void)
{
    evi_dirichlet_emissions(&g, belief(2, 3));
}
static void spread_rank(void)
{
    evi_spread(&g, tensor(1, 1, 0, 0), 2, start);
}
static void spread_words(void)
{
    evi_spread(&g, belief(1, 3), 3, start);
}
static void evidence_tags(void)
{
    evi_evidence(&g, tensor(2, 2, 3, 0), 4);
}
static void uncertainty_of_logits(void)
{
    evi_uncertainty_of(tensor(2, 2, 3, 0), 0, 1, tags);
}
static void uncertainty_beyond(void)
{
    evi_uncertainty_of(belief(2, 3), 1, 2, tags);
}

static const struct contract {
    const char *name;
    void (*provoke)(void);
    const char *message;
} contracts[] = {
    {"head of another width", head_columns, "nig_head: z has 2 rows and 11 columns in rank 2, for 3 tags"},
    {"head of part of a word", head_rows, "nig_head: z has 5 rows and 4 columns in rank 2, for 3 tags"},
    {"head of rank 3", head_rank, "nig_head: z has 4 rows and 12 columns in rank 3, for 3 tags"},
    {"head without tags", head_tags, "nig_head: 0 tags"},
    {"head with an unknown reading", head_reading, "nig_head: there is no reading 7"},
    {"head with nu from 0", head_nu, "nig_head: nu between 0 and 1000"},
    {"head with alpha from 1", head_alpha, "nig_head: alpha between 1 and 1000"},
    {"head without a floor of beta", head_beta, "nig_head: a beta from 0, not from above 0"},
    {"likelihood of a matrix", nll_rank, "nig_nll: a belief of rank 2 with 2 planes and 3 tags"},
    {"likelihood of three planes", nll_planes, "nig_nll: a belief of rank 3 with 3 planes and 3 tags"},
    {"less than no sequences", nll_no_sequences, "nig_nll: -1 sequences"},
    {"words that begin late", nll_begins_late, "nig_nll: 1 sequences are words 1 to 2 of 2"},
    {"words that go back", nll_goes_back, "nig_nll: sequence 1 is words 2 to 1"},
    {"words that end early", nll_ends_early, "nig_nll: 1 sequences are words 0 to 2 of 3"},
    {"a tag beyond the tags", nll_tag, "nig_nll: word 1 has tag 3 of 3"},
    {"tag -1", nll_negative_tag, "nig_nll: word 0 has tag -1 of 3"},
    {"regulariser of five planes", regulariser_planes, "nig_regulariser: a belief of rank 3 with 5 planes and 3 tags"},
    {"cross-entropy of a matrix as belief", nig_cross_entropy_rank, "nig_cross_entropy: a belief of rank 2 with 4 planes and 3 tags"},
    {"cross-entropy of a belief as logits", word_cross_entropy_rank, "word_cross_entropy: logits of rank 3 with 3 tags"},
    {"Dirichlet cross-entropy without tags", dirichlet_cross_entropy_tags, "dirichlet_cross_entropy: evidence of rank 2 with 0 tags"},
    {"Dirichlet KL of a vector", dirichlet_kl_rank, "dirichlet_kl: evidence of rank 1 with 2 tags"},
    {"weighted sum of no terms", sum_of_none, "weighted_sum: 0 terms, not 1 to 8"},
    {"weighted sum of two shapes", sum_of_two_shapes,
     "weighted_sum: terms 0 and 1 have 2 and 3 elements in rank 1 and 1, or other dimensions"},
    {"fusion of nothing", fuse_none, "monig_fuse: 0 beliefs, not 1 to 8"},
    {"fusion of nine", fuse_many, "monig_fuse: 9 beliefs, not 1 to 8"},
    {"fusion of two shapes", fuse_two_shapes, "monig_fuse: beliefs 0 and 1 have 24 and 24 elements in rank 3 and 3, or other dimensions"},
    {"fusion of matrices", fuse_logits, "monig_fuse: a belief of rank 2 with 4 planes and 3 tags"},
    {"a word without a modality", fuse_nothing_left, "monig_fuse: word 1 has no modality"},
    {"a word without its one modality", fuse_one_missing, "monig_fuse: word 1 has no modality"},
    {"Dempster's rule for beliefs", dempster_beliefs, "dempster_fuse: evidence of rank 3 with 3 tags"},
    {"Dempster's rule for a word without evidence", dempster_nothing_left, "dempster_fuse: word 1 has no modality"},
    {"average for a word without a modality", average_nothing_left, "average: word 1 has no modality"},
    {"average of a belief", average_rank, "average: logits of rank 3 with 3 tags"},
    {"emissions without s", emissions_without_s, "nig_emissions: s has 0 entries, not 1"},
    {"emissions with another b", emissions_with_another_b, "nig_emissions: b has 2 entries for 3 tags"},
    {"emissions of probabilities with s", emissions_of_probabilities_with_s, "nig_emissions: reading 1 takes no s and no b"},
    {"emissions of a matrix", emissions_rank, "nig_emissions: a belief of rank 2 with 4 planes and 3 tags"},
    {"Dirichlet emissions of a belief", dirichlet_emissions_rank, "dirichlet_emissions: evidence of rank 3 with 3 tags"},
    {"spread of a vector", spread_rank, "spread: x has rank 1, not 2 or 3"},
    {"spread over other words", spread_words, "spread: 1 sequences are words 0 to 2 of 3"},
    {"evidence for part of a word", evidence_tags, "evidence: 6 elements for 4 tags"},
    {"uncertainty of logits", uncertainty_of_logits, "uncertainty: a belief of rank 2 with 2 planes"},
    {"uncertainty beyond the words", uncertainty_beyond, "uncertainty: word 2, tag 2 of a belief [4,2,3]"},
};

static void run(void *context)
{
    ((const struct contract *)context)->provoke();
}

static void a_wrong_call_stops_with_a_message(void **state)
{
    const struct contract *c = *state;
    ag_graph_init(&g);
    const char *message = caught(run, (void *)(uintptr_t)c);
    if (!message) fail_msg("nothing was said; expected: %s", c->message);
    assert_string_equal(message, c->message);
    ag_graph_free(&g);
}

int main(void)
{
    struct err e;
    if (ag_start(1, &e)) return fprintf(stderr, "%s\n", e.text), 1;
    enum { CONTRACTS = sizeof contracts / sizeof *contracts };
    struct CMUnitTest tests[CONTRACTS];
    for (int i = 0; i < CONTRACTS; i++)
        tests[i] = (struct CMUnitTest){contracts[i].name, a_wrong_call_stops_with_a_message, NULL, NULL, (void *)(uintptr_t)&contracts[i]};
    return _cmocka_run_group_tests("evidence_names_what_is_wrong", tests, CONTRACTS, NULL, NULL);
}
