/* ablate_counts.c - the entities of each tweet of a run's test split, counted from its predictions.jsonl: what a paired test resamples. */
#include "ablate_cell.h"
#include "run_tweets.h"
#include <stdlib.h>

static struct score_counts count(const struct run_tweets *t, int i, struct span *gold)
{
    struct score_counts c = {.gold = run_tweets_gold(t, i, gold), .predicted = t->entity_start[i + 1] - t->entity_start[i]};
    for (int k = t->entity_start[i]; k < t->entity_start[i + 1]; k++) c.correct += t->entities[k].right;
    return c;
}

int cell_counts(const char *run_directory, struct cell_result *out, struct err *e)
{
    struct run_tweets *t = calloc(1, sizeof *t);
    if (!t) return err_set(e, ERR_INTERNAL, "out of memory for the entities of a run");
    int code = run_tweets_read(run_directory, t, e);
    if (!code) {
        const int n = t->split.data.n_tweets;
        struct span *gold = calloc((size_t)t->split.data.n_words + 1, sizeof *gold);
        out->tweets = gold ? malloc(((size_t)n + 1) * sizeof *out->tweets) : NULL;
        if (!out->tweets) code = err_set(e, ERR_INTERNAL, "out of memory for the entities of %d tweets", n);
        for (int i = 0; i < n && !code; i++) out->tweets[i] = count(t, i, gold);
        if (!code) out->n_tweets = n;
        out->test_digest = t->split.data.digest;
        free(gold);
    }
    run_tweets_free(t);
    free(t);
    return code;
}
