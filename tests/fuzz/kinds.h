/* kinds.h - the readers that meet mutated inputs: one a file. */
#ifndef FUZZ_KINDS_H
#define FUZZ_KINDS_H

#include "fuzz.h"

extern const struct fuzz_kind FUZZ_CONLL, FUZZ_CONFIG, FUZZ_VOCABULARY, FUZZ_SAFETENSORS, FUZZ_JSON_LINES, FUZZ_PICTURE;
extern const struct fuzz_kind FUZZ_FEATURES;            /* with a right digest of the file */
extern const struct fuzz_kind FUZZ_CHECKPOINT;          /* as damage leaves it */
extern const struct fuzz_kind FUZZ_CHECKPOINT_SEALED;   /* with a right digest */
extern const struct fuzz_kind FUZZ_CHECKPOINT_METADATA; /* with a right digest, and wrong where HDF5's structure stands */
extern const struct fuzz_kind FUZZ_CHECKPOINT_CONTENT;  /* with another encoder, config, list of types or vocabulary in it */

/* mend of what is a container (container.h): length and digest become those of what is behind them. */
void fuzz_seal(unsigned char *data, size_t size, const struct seed *of);

#endif
