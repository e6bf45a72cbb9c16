/* nerve.h - entities of texts, for programs that use nerve as a library (pkg-config nerve); examples/predict.c is such a program.
 *
 * A function that can fail returns 0, or a negative code with one complete line in *error, which may be NULL. Its result comes out last of
 * the other arguments, and is NULL after a failure. Nothing prints, reads stdin or ends the process; running out of memory for a batch is
 * an error like others, after which the model works on.
 *
 * Every thread with a stack of 1 MB may call every function, but nerve_set_log. Calls on one model wait for each other; each uses all
 * threads by itself.
 */
#ifndef NERVE_H
#define NERVE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NERVE_API __attribute__((visibility("default")))

enum nerve_code {
    NERVE_ERROR_USAGE = -64,    /* an argument that no call should have */
    NERVE_ERROR_DATA = -65,     /* the content of a checkpoint, or a text that is not UTF-8 */
    NERVE_ERROR_NOINPUT = -66,  /* a file that is not there or cannot be opened */
    NERVE_ERROR_INTERNAL = -70, /* no memory, or libraries that will not do */
    NERVE_ERROR_IO = -74,       /* reading failed */
    NERVE_ERROR_CONFIG = -78,   /* the config.yaml beside a checkpoint */
};

struct nerve_error {
    int code;        /* untouched on success */
    char text[1024]; /* what, where, what to do; no end of line */
};

NERVE_API const char *nerve_version(void); /* "0.1.0" */

/* Lines for a person, without an end. NULL, as it is at first: they are dropped. Set it before other threads call. */
enum nerve_log_level { NERVE_LOG_DEBUG, NERVE_LOG_INFO, NERVE_LOG_WARNING };
typedef void (*nerve_log)(void *context, enum nerve_log_level level, const char *line);
NERVE_API void nerve_set_log(nerve_log log, void *context);

/* How many threads a prediction uses; 0, as it is at first: one for each processor. NERVE_ERROR_USAGE while a model is open. */
NERVE_API int nerve_set_threads(int threads, struct nerve_error *error);

/* ---- a model ---- */

typedef struct nerve_model nerve_model;

/* A run directory, which stands for its best epoch, or a checkpoint. Everything that is read is checked first. */
NERVE_API int nerve_model_open(const char *run_or_checkpoint, nerve_model **model, struct nerve_error *error);
NERVE_API void nerve_model_close(nerve_model *model); /* NULL is fine */

/* The types of entities that it knows, in byte order of their names; a name lives as long as the model. */
NERVE_API int nerve_model_types(const nerve_model *model);
NERVE_API const char *nerve_model_type(const nerve_model *model, int type); /* NULL where there is none of that number */

/* Where it finds what texts show: a folder of pictures, a file of captions or one of stored features, whichever it looks at. A model is
 * opened with its run's, where that is there. NERVE_ERROR_USAGE for a model of text alone; after a failure it has what it had. */
NERVE_API int nerve_model_source(nerve_model *model, const char *path, struct nerve_error *error);

/* ---- predictions ---- */

/* Of the text as it was given: its bytes byte_start .. byte_end - 1, its Unicode characters start .. end - 1. */
struct nerve_entity {
    const char *type; /* lives as long as the model */
    double score;     /* the probability of exactly this entity */
    size_t start, end, byte_start, byte_end;
};

typedef struct nerve_prediction nerve_prediction;

/* The entities of n texts, which are UTF-8 and end in NUL: one sentence or tweet each. Many texts in one call are faster than one by one,
 * and what is found in a text is the same but for rounding of its scores. A text that is not UTF-8 is refused by its number, from 0, and
 * nothing is predicted then. A text longer than the model's sequences is cut between words. */
NERVE_API int nerve_predict(nerve_model *model, size_t n, const char *const *texts, nerve_prediction **prediction,
                            struct nerve_error *error);

/* A text and what it shows: image, a path below the source's folder, or caption, its words, or what the source has for its id. Each but the
 * text may be NULL. What the model does not take is refused by the text's number; a model of text alone uses none of it. */
struct nerve_input {
    const char *text, *id, *image, *caption;
};
/* The same as nerve_predict, of inputs that are input_size = sizeof *inputs bytes apart: later versions may have more members. */
NERVE_API int nerve_predict_inputs(nerve_model *model, size_t n, const struct nerve_input *inputs, size_t input_size,
                                   nerve_prediction **prediction, struct nerve_error *error);
NERVE_API void nerve_prediction_free(nerve_prediction *prediction); /* NULL is fine */

/* How many entities a text has, and in *entities the first of them, in the order of the text. They live as long as the prediction. */
NERVE_API size_t nerve_prediction_entities(const nerve_prediction *prediction, size_t text, const struct nerve_entity **entities);

/* Why what a text shows was not used (a damaged picture, one that is not there, ...), or NULL. It lives as long as the prediction. */
NERVE_API const char *nerve_prediction_note(const nerve_prediction *prediction, size_t text);

/* How unsure the model is of an entity; what does not exist is NaN: all but margin and entropy of a model without evidence, and image,
 * conflict and visual_share of a text that shows nothing. docs/method.md says what each is. */
struct nerve_uncertainty {
    double aleatoric, epistemic, predictive_scale;
};
struct nerve_doubt {
    struct nerve_uncertainty fused, text, image;
    double conflict, visual_share, margin, entropy;
};
/* Of entity k of a text; doubt_size = sizeof *doubt. NERVE_ERROR_USAGE where there is none, or doubt_size is none that this version knows.
 */
NERVE_API int nerve_prediction_doubt(const nerve_prediction *prediction, size_t text, size_t entity, struct nerve_doubt *doubt,
                                     size_t doubt_size, struct nerve_error *error);

#ifdef __cplusplus
}
#endif

#endif
