/* data_set.h - the three splits of a data set with the vocabulary that would cut them, for whoever looks at data without training. */
#ifndef NERVE_DATA_SET_H
#define NERVE_DATA_SET_H

#include "split.h"

struct data_set {
    struct dataset split[N_SPLITS];
    struct wordpiece *wordpiece; /* of model.encoder, train.init or model.vocab; NULL where the config names none that is there */
    int max_length;              /* pieces of a tweet, as training would have it */
};

/* Reads the files of the config (data.dir must be set). report[k], where report is not NULL, hears of each line of split k that training
 * would refuse (conll_check); else the first one is an error. */
int data_set_open(const struct nerve_config *config, conll_report report, void *const context[N_SPLITS], struct data_set *out,
                  struct err *e);
void data_set_close(struct data_set *d);

#endif
