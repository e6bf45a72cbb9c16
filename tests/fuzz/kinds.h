/* kinds.h - the readers that meet mutated inputs: one a file. */
#ifndef FUZZ_KINDS_H
#define FUZZ_KINDS_H

#include "fuzz.h"

extern const struct fuzz_kind FUZZ_CONLL, FUZZ_CONFIG, FUZZ_VOCABULARY, FUZZ_SAFETENSORS, FUZZ_JSON_LINES, FUZZ_PICTURE;
extern const struct fuzz_kind FUZZ_CHECKPOINT;          /* as damage leaves it */
extern const struct fuzz_kind FUZZ_CHECKPOINT_SEALED;   /* with a right digest */
extern const struct fuzz_kind FUZZ_CHECKPOINT_METADATA; /* with a right digest, and wrong where HDF5's structure stands */
extern const struct fuzz_kind FUZZ_CHECKPOINT_CONTENT;  /* with another encoder, config, list of types or vocabulary in it */

#endif
