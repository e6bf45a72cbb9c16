/* bench.h - where time and memory of training or prediction go, on a model of random weights in a given shape: no weights, no data are
 * needed.
 *
 * Tweets have the lengths of a list and word pieces drawn as words occur, the r-th with a probability of about 1/r. The same batches are
 * run over and over in rounds, sgemm.h's products behind each for a twentieth of its time, since a machine's speed changes from one minute
 * to the next: figures of one call stand beside each other, those of two calls do not.
 *
 * FLOPs are those of the matrix products alone, two for each multiplication and addition: for a layer on sequences of n_b pieces, in all T,
 *   2 T (4 C^2 + 2 C F) + sum_b 4 n_b^2 C, and 2 W C L for the head; three times as much with backward.
 */
#ifndef NERVE_BENCH_H
#define NERVE_BENCH_H

#include "config.h"
#include "err.h"
#include "profile.h"

struct json;

enum { BENCH_BATCHES = 16 };

struct bench_options {
    bool predict;        /* else train: forward, backward, clipping, AdamW */
    const char *shape;   /* "minilm", "bert-base", or a Hugging Face folder, of which config.json alone is read */
    const char *lengths; /* a file with the word pieces of a tweet in each line, [CLS] and [SEP] included; NULL: as Twitter-2017's */
    int batch;           /* tweets */
    int batches;         /* of a round; BENCH_BATCHES is enough for a list of tweets */
};

struct bench {
    int64_t parameters;
    int64_t pieces;    /* of one round */
    int rounds, steps; /* steps: in all rounds */
    double seconds;    /* of all rounds */
    double peak_mb;    /* 2^20 bytes, of this process until the end of the first round */
    double flop;       /* of one round */
    double sgemm;      /* GFLOP/s of the products beside */
    ag_profile profile;
};

/* After machine_start. Dropout, CRF, frozen layers and the seed are the config's. ERR_NOINPUT, ERR_DATA: the folder or the lengths. */
int bench_run(const struct nerve_config *config, const struct bench_options *options, struct bench *out, struct err *e);
/* {tokens_per_s, step_ms, peak_mb, gflops, sgemm_gflops, share_of_sgemm, ops [{name, ms, forward_ms, backward_ms, calls}], work, shape,
 * batch, parameters, pieces, rounds, steps, machine}; ms and calls are of one step, the largest row first, and rows add up to step_ms. */
struct json *bench_json(const struct bench_options *options, const struct bench *b);

#endif
