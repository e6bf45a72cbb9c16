/* ablate_cell.h - one run of an ablation: a row with a seed, the directory that it has, and what came out of it. */
#ifndef NERVE_ABLATE_CELL_H
#define NERVE_ABLATE_CELL_H

#include "ablation.h"
#include "err.h"
#include "hash.h"
#include "score.h"

enum cell_state { CELL_NEW, CELL_BEGUN, CELL_FINISHED, CELL_FAILED };

/* What a finished run gave. A number that no file of it has is NAN. */
struct cell_result {
    double column[ABLATION_COLUMNS]; /* in the order of the ablation's columns */
    double f1;                       /* test, lenient, micro: what is held against the base */
    double seconds, peak_mb;         /* of training, validation and test; the most memory */
    int n_tweets;                    /* of the test split; 0: counts are not known, and why was said in the log */
    struct score_counts *tweets;     /* [n_tweets] lenient */
    struct hash test_digest;         /* of the test split's file */
};

struct cell {
    const struct ablation_row *row;
    uint32_t seed;
    char name[ABLATION_NAME_SIZE + 16];    /* "ROW, seed 1" */
    char directory[PATH_MAX];              /* OUT/runs/ROW-seed1 */
    struct hash data_digest, model_digest; /* of the data and the weights that it would start from */
    enum cell_state state;
    char message[1024]; /* of a failure, one line */
    struct cell_result result;
};

/* name and directory. */
int cell_make(const struct ablation_row *row, uint32_t seed, const char *out, struct cell *c, struct err *e);
/* Opens everything that the training of a row needs, as far as its first step: data, weights, vocabulary. After machine_start. */
int cell_check(const struct ablation_row *row, struct hash *data, struct hash *model, struct err *e);
/* What its directory holds. ERR_CONFIG: the run there had another config, other data or other weights; it is named. */
int cell_look(struct cell *c, struct err *e);
/* Reads the result of a finished run. */
int cell_read(struct cell *c, const struct ablation *a, struct err *e);
void cell_free(struct cell *c);

/* The words of the command that trains it, in fresh memory (free the array and its block, words[0]): "nerve", "train", ..., NULL.
 * threads 0: the config's own. */
int cell_command(const struct cell *c, const struct ablation *a, int threads, char ***words, struct err *e);

/* Correct, gold and predicted entities of each tweet of the test split, from predictions.jsonl and the run's test file. */
int cell_counts(const char *run_directory, struct cell_result *out, struct err *e);

/* The bootstrap p of a row's F1 against the base's over the tweets of the test split: the counts of a row's finished runs are added up for
 * each tweet. NAN where one of them has no counts, or the test splits are not the same. */
int cells_compare(const struct cell *cells, int n, const struct ablation_row *row, const struct ablation_row *base, double *p,
                  struct err *e);

#endif
