/* predict.h - entities of sentences that stand in memory: what `nerve predict` and the library do between reading and writing. */
#ifndef NERVE_PREDICT_H
#define NERVE_PREDICT_H

#include "evaluate.h"
#include "visual_look.h"
#include "words.h"

/* A text and its words, in the order of the text and without overlap. All borrowed. */
struct sentence {
    const char *text; /* UTF-8, without a NUL in a word */
    size_t size;
    int n_words;
    const struct text_word *words;
    struct visual_look look; /* must suit the model */
};

struct entity {
    int type;        /* in the model's types */
    int first, last; /* words, inclusive */
    double score;    /* probability of exactly this entity: model_span_probability */
    struct doubt doubt;
};

struct prediction {
    int n_sentences;
    int *entity_start; /* [n_sentences+1] */
    struct entity *entities;
    int *word_start;      /* [n_sentences+1] */
    int32_t *tags;        /* [words] */
    struct tagged *words; /* [words], or NULL: not asked for */
    char **note;          /* [n_sentences] why what a sentence shows is not used, or NULL */
};

/* Predicts n sentences, which show what source has of them (NULL: nothing but captions of their own), in batches of about batch_pieces
 * pieces, through graph. A sentence of more pieces than the model's longest is cut into parts between words, each predicted by itself; a
 * single word of more pieces is O. End *out with prediction_free. */
int predict_sentences(const struct model *m, ag_graph *graph, int n, const struct sentence *sentences, const struct visual_source *source,
                      int batch_pieces, bool with_words, struct prediction *out, struct err *e);
void prediction_free(struct prediction *p);

/* In the shape of Hugging Face's token classification: {"id", "text", "entities": [{"entity_group", "score", "word", "start", "end"}]};
 * start and end count code points of text; of a model with evidence each entity also has the members of doubt_add_json. id: a string or an
 * integer, which is taken, or NULL: there is none. */
struct json *prediction_json(const struct model *m, struct json *id, const struct sentence *s, int n, const struct entity *entities);

/* Adds `words` to it: of each word {"word", "start", "end", "tag", "score"}, score the probability of the tag, and the members of
 * doubt_add_json of a model with evidence; of a word that was too long for the model all numbers are null. */
void prediction_add_words(const struct model *m, const struct sentence *s, const int32_t *tags, const struct tagged *words,
                          struct json *prediction);

/* The text of words joined by blanks, and their places in it, in fresh memory (free text and words). A word is UTF-8. */
int sentence_of_words(int n, char *const *words, char **text, struct text_word **places, struct sentence *out, struct err *e);

#endif
