/* predict_input.h - sentences to predict, out of lines that come one by one.
 *
 *   text     a sentence a line, cut by the rules of words.h; its id is the line's number
 *   conll    a word a line in the first column (what stands in others is not read), a blank line or IMGID:<id> between sentences; the id is
 *            IMGID's, else the number of the first word's line
 *   jsonl    an object a line: "text" (a string) or "words" (an array of strings), and "id" (a string or an integer), else it is the line's
 *            number; for a model that looks at something also "image" or "caption", what the sentence itself shows (null: nothing of its
 * own) auto     by the first line that is not blank: IMGID: at its front or a TAB in it means conll, { at its front jsonl, anything else
 * text
 *
 * An id that came with the input finds what the sentence shows; a number of a line does not.
 *
 * A blank line of text or JSON lines gives nothing. A line that cannot be read (NUL, not UTF-8, not JSON) gives an error of its own, and
 * the next one is read; of CoNLL the whole sentence is the error, with the number of the first line that is wrong.
 */
#ifndef NERVE_PREDICT_INPUT_H
#define NERVE_PREDICT_INPUT_H

#include "predict.h"

enum input_format { INPUT_AUTO, INPUT_TEXT, INPUT_CONLL, INPUT_JSONL, N_INPUT_FORMATS };
extern const char *const INPUT_FORMAT_NAMES[N_INPUT_FORMATS + 1]; /* ends with NULL */

enum { INPUT_WORDS_MAX = 100000, INPUT_BYTES_MAX = 1 << 20 }; /* of a sentence, so that one without an end stays bounded */

struct input_sentence {
    long line;       /* where it stands, from 1 */
    struct json *id; /* NULL where there is an error and no id was read */
    bool has_id;     /* the id came with the input */
    char *error;     /* why it cannot be predicted, or NULL */
    struct sentence sentence;
    char *text; /* what sentence borrows */
    struct text_word *words;
    char *look_id, *look_own;
};
void input_sentence_free(struct input_sentence *s);

struct predict_input {
    enum input_format format;
    enum config_visual source;
    struct json *id; /* of an IMGID whose sentence is not complete */
    long id_line;
    long first_line; /* of the words that wait for the end of their sentence */
    char **words;
    int n_words, cap_words;
    size_t n_bytes;
    char *failed; /* what is wrong with this sentence; the words behind are not kept */
    long failed_line;
};
/* source: what the model looks at; one that it cannot take is the line's error. */
void predict_input_begin(struct predict_input *p, enum input_format format, enum config_visual source);
void predict_input_end(struct predict_input *p);

/* One line, or NULL at the end of the input. 1: *out is a sentence or an error, which the caller frees; 0: nothing yet; ERR_INTERNAL. */
int predict_input_line(struct predict_input *p, long number, const char *line, size_t size, struct input_sentence *out, struct err *e);
/* For a line that could not be got at all. */
int predict_input_error(struct predict_input *p, long number, const char *why, struct input_sentence *out, struct err *e);

#endif
