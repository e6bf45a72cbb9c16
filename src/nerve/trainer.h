/* trainer.h - one training run in memory: data, model, optimizer, and the step. It writes no file. */
#ifndef NERVE_TRAINER_H
#define NERVE_TRAINER_H

#include "initial.h"
#include "model.h"
#include "optim.h"
#include "pretrained_vision.h"
#include "split.h"
#include "visual_source.h"

/* Everything that changes from step to step besides parameters and moments. A checkpoint holds it; nothing in it depends on time, threads
 * or paths. */
struct trainer_state {
    int64_t step;    /* steps done, skipped ones included */
    int64_t updates; /* AdamW's t: steps that changed the parameters */
    int64_t epochs;  /* epochs that were trained and evaluated */
    int64_t skipped; /* steps that were skipped because a number was not finite */
    int64_t skipped_in_row;
    double loss_sum; /* over the tweets of this epoch so far */
    int64_t loss_tweets;
    double best_f1; /* lenient micro F1 on the validation split; < 0 before the first evaluation */
    int64_t best_epoch;
};

struct trainer {
    const struct nerve_config *config;
    struct split splits[N_SPLITS];
    struct visual_source visual;             /* that the splits look at */
    struct pretrained pretrained;            /* open as long as parameters lie in its files */
    struct pretrained_vision vision;         /* likewise */
    struct initial initial;                  /* likewise */
    struct model model;                      /* trains */
    struct model view;                       /* predicts with the same values */
    struct hash data_digest, encoder_digest; /* of the three files and what they show; of the weights it starts from (all zero without) */
    ag_graph graph;
    struct batch batch;
    uint8_t *change, *heard; /* [tweets of a part] what a step does to the picture; [words of a part] 0: the step goes without the text */
    ag_real *balance;        /* [L,L] weights of the evidential terms by a word's tag; NULL: 1 */
    ag_group *groups;        /* [model_groups] */
    int64_t *epoch_end;      /* [epochs+1] steps at the end of epoch k, epoch_end[0] = 0 */
    int64_t epochs, steps;   /* of the whole run, train.max_steps regarded */
    int64_t warmup;          /* steps */
    struct batch_plan plan;  /* of the epoch plan_epoch (from 1) */
    int64_t plan_epoch;
    int64_t largest_step;                                  /* pieces of any step, those of captions included */
    int64_t largest_pieces, largest_tweets, largest_words; /* of any part of a step that goes through the model at once */
    int64_t largest_visual, largest_part;                  /* visual tokens; pieces and visual tokens together */
    int64_t largest_epoch;                                 /* where the largest part stands */
    int largest_batch;
    bool warming; /* trainer_warm: nothing is left out, and every term of the loss counts */
    struct trainer_state state;
};

int trainer_open(const struct nerve_config *config, struct trainer *t, struct err *e);
/* The same for a run that goes on when its train.init is not there any more: a checkpoint of its own has all that is needed. */
int trainer_open_again(const struct nerve_config *config, const char *own_checkpoint, struct trainer *t, struct err *e);
/* The same on a shape and tweets that are at hand, with weights from chance: reads no file, has no validation and no test split. Takes
 * shape and train, also when it fails. */
int trainer_open_on(const struct nerve_config *config, struct model_shape *shape, struct split *train, struct trainer *t, struct err *e);
void trainer_close(struct trainer *t);

/* The batch that holds the largest part twice through forward and backward: the first pass sizes the arena, which keeps an eighth to spare
 * for a batch of fewer pieces but more words. After it no step allocates. Changes no parameter. Logs the peak. */
int trainer_warm(struct trainer *t, struct err *e);

struct step_result {
    double loss;  /* mean over the step's tweets */
    double norm;  /* of the gradient, before clipping */
    bool skipped; /* loss or gradient was not finite: no parameter changed */
    int64_t pieces;
};
/* One step on these tweets of the training split: in parts (train.accumulate, train.accumulate_pieces), clipping, AdamW at `factor` times
 * the base learning rates. Counts in t->state. Fails where a picture cannot be read any more; nothing is changed then. */
int trainer_step(struct trainer *t, int n, const int32_t *tweets, double factor, struct step_result *out, struct err *e);

/* The tweets and the schedule's factor of the step that comes next (state.step); state.step < steps. */
int trainer_next(struct trainer *t, int *n, const int32_t **tweets, double *factor, struct err *e);
int64_t trainer_epoch_of(const struct trainer *t, int64_t step); /* 1 .. epochs: the epoch to which step (from 0) belongs */

#endif
