/* export.h - a checkpoint's content in the forms of other programs.
 *
 * A Hugging Face folder has model.safetensors, vocab.txt, tokenizer_config.json and config.json, written in this order, each whole or not
 * at all: without its config.json a folder is no model, so one that was cut off is not mistaken for one. The weights are the checkpoint's
 * bits, under transformers' names; what a plain HDF5 file holds is the whole checkpoint, bit for bit.
 */
#ifndef NERVE_EXPORT_H
#define NERVE_EXPORT_H

#include "err.h"
#include <stdbool.h>

/* The encoder alone (transformers' AutoModel), or with_head: with the linear head (AutoModelForTokenClassification), ERR_USAGE where a CRF
 * chooses the tags. model: a run directory, which stands for its best epoch, or a checkpoint. The directory is empty or absent; force: or
 * holds an earlier export, which is replaced. On failure nothing of the new one stays. */
int export_folder(const char *model, const char *directory, bool with_head, bool force, struct err *e);
/* A plain HDF5 file; force: where there is a file already it is replaced. */
int export_hdf5(const char *model, const char *path, bool force, struct err *e);

#endif
