/* training.h - `nerve train` on synthetic tweets with a small model, run as a child, for every test program of runs.
 *
 * NERVE is the program, CONFIG the config for synthetic tweets. Every function ends the calling test where it cannot serve.
 */
#ifndef TEST_TRAINING_H
#define TEST_TRAINING_H

#include "json.h"
#include "run_program.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { EPOCHS = 6, EVERY = 5 }; /* of the keys below */
/* Learns enough in a second that the best epoch is neither the first nor the last. */
#define SMALL                                                                                                                              \
    "model.layers=1 model.width=32 model.heads=4 model.inner=48 model.dropout_hidden=0.02 model.dropout_attention=0.02 train.epochs=6 "    \
    "train.batch=8 train.lr_encoder=1e-2 train.lr_head=2e-2 train.lr_crf=2e-2 train.checkpoint_every=5 train.log_every=1 train.threads=2"

extern char folder[PATH_MAX];     /* data/, and the runs of the tests */
extern char whole[33];            /* digest of the last checkpoint of the run folder/whole, which was never stopped */
extern int64_t steps, best_epoch; /* of that run */

/* Makes the folder, the data and the run that is never stopped; for cmocka's group set-up and tear-down. */
int training_set_up(void **state);
int training_tear_down(void **state);

/* A path below the folder: good until the eighth call after this one. */
const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* text: the arguments of nerve, separated by blanks; it is cut into words. */
void start(struct program *p, const struct program_options *options, char *text);
/* nerve train into folder/NAME, with more keys and options. */
void start_training(struct program *p, const struct program_options *options, const char *name, const char *more);
/* Gives the status. stdout must stay empty. errors, where it is not NULL: what stood on stderr; free it. */
int train_under(const struct program_options *options, const char *name, const char *more, char **errors);
int train(const char *name, const char *more); /* the same, and prints stderr where the status is not 0 */
/* Waits for the first checkpoint, then sends the signal; gives the status. A run that was done before it came begins anew. */
int stop_with(const char *name, int signal, const char *more);

struct json *read_json_file(const char *path);
struct json *ask(const char *format, ...) __attribute__((format(printf, 1, 2))); /* what `nerve ARGUMENTS` prints as JSON */
void digest_of(const char *name, char hex[33]);                                  /* of folder/NAME's last checkpoint */
int64_t integer_of(const char *checkpoint, const char *key);                     /* of `nerve info` */
int64_t step_of(const char *checkpoint);
bool is_time_or_memory(const char *key); /* of a field of metrics.jsonl */

/* The run ended with the bytes and the metrics of the one that was never stopped. */
void assert_as_if_never_stopped(const char *name);
/* Training ends with this status, and with part on stderr. */
void assert_refused(int expected, const char *part, const struct program_options *options, const char *name, const char *more);
/* `nerve evaluate --split SPLIT --json` prints the object of eval/SPLIT.json. */
void evaluation_equals(const char *name, const char *split);

#endif
