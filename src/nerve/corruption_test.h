/* corruption_test.h - what a model does with words or pictures that got bad, and whether its evidence tells: an element of the array
 * `corruption` in an evaluation's JSON. docs/trust.md says how to read it.
 *
 * Corrupted tweets are those that the corruption changed; clean ones those that it could change, as they were. A tweet's score is the mean
 * over its words of one evidential quantity, each word at its predicted tag. Which one is chosen on the validation split: the one of the
 * highest AUROC there, the first of the table among equals.
 */
#ifndef NERVE_CORRUPTION_TEST_H
#define NERVE_CORRUPTION_TEST_H

#include "corrupt.h"
#include "evaluate.h"
#include "subsets.h"

/* A split and what the model says of it as it is (EVALUATE_TWEETS). */
struct clean_split {
    const struct split *split;
    const struct evaluation *evaluation;
};

/* What is evaluated, and with what. */
struct corruption_test {
    const struct model *model;
    ag_graph *graph;
    int batch_pieces;
    struct clean_split valid, tested; /* valid is read where the model has evidence */
    int n_subsets;                    /* of tested, see subsets.h */
    const struct subset *subsets;
};

/* {"kind", "degree", "f1", "measure", "auroc", "entropy_auroc", "tweets", "subsets"}: lenient micro F1 of the corrupted split; the measure
 * chosen and its AUROC, null for a model without evidence and where no tweet changed; beside it that of the words' mean entropy, which
 * every model has; the number of tweets that changed. */
int corruption_test_json(const struct corruption_test *t, const struct corruption *c, uint32_t seed, struct json **out, struct err *e);

#endif
