/* visual_tweets.h - tweets with captions and pictures that a test makes for itself, and trainers of small models on them.
 *
 * The folder has train.txt, valid.txt, test.txt, vocab.txt; other-words.txt, which is train.txt with other texts under the same ids;
 * captions.txt and other-captions.txt, none.txt, a caption of nobody; images, other-images, and no-images, which is empty. Every fifth
 * tweet has neither caption nor picture. Each name is of one type, so text suffices. All functions end the calling test where they cannot
 * serve.
 */
#ifndef TEST_NERVE_VISUAL_TWEETS_H
#define TEST_NERVE_VISUAL_TWEETS_H

#include "trainer.h"
#include <limits.h>

extern char visual_folder[PATH_MAX];
int visual_set_up(void **state); /* of the group: the folder, and the engine on two threads */
int visual_tear_down(void **state);

/* A trainer of a small model with these keys set besides; c must live as long. Each list ends with NULL, and may be NULL. */
void visual_trainer(struct nerve_config *c, struct trainer *t, const char *const *keys, const char *const *more);
/* The same where something is wrong: the message of the error. */
void visual_refused(const char *part, const char *const *keys);

struct step_result visual_step(struct trainer *t); /* the next one */

/* All parameters' values, in order; free them. */
float *visual_values(const struct trainer *t, size_t *n);

/* A forward pass over tweets of a split, without dropout; it lives until it is freed. */
struct visual_pass {
    ag_graph graph;
    struct batch batch;
    struct forward forward;
};
void visual_forward(struct visual_pass *p, const struct model *m, const struct split *s, int n, const int32_t *tweets);
void visual_pass_free(struct visual_pass *p);

#endif
