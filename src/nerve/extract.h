/* extract.h - `nerve features`: what a frozen encoder gives for every picture or caption of a data set, computed once and stored by id.
 *
 * The encoder is that of model.vision (model.visual: vit, clip) or of model.encoder (caption), with the weights of the folder. It takes one
 * picture or caption a pass, as it does in training, so that stored and computed features are the same bytes on one core type.
 */
#ifndef NERVE_EXTRACT_H
#define NERVE_EXTRACT_H

#include "config.h"
#include <signal.h>

enum { EXTRACT_PART = 256 }; /* ids of a part file */

/* Writes path from the ids of all splits, each once. Work is kept in part files path.part-0000 and so on, which a later call with the same
 * configuration takes over; they are merged and removed in the end. A file of that name which is complete is left as it is. ERR_USAGE where
 * path, and ERR_CONFIG where a part, is of other features; force replaces them. Ends early, behind a part, where *stop is not 0; then
 * *finished is false. */
int extract_features(const struct nerve_config *c, const char *path, bool force, const volatile sig_atomic_t *stop, bool *finished,
                     struct err *e);

#endif
