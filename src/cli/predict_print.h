/* predict_print.h - predicted sentences on stdout, in one of three forms. */
#ifndef PREDICT_PRINT_H
#define PREDICT_PRINT_H

#include "predict_input.h"
#include <stdio.h>

enum print_format {
    PRINT_JSONL, /* prediction_json, or {"line", "error"} */
    PRINT_CONLL, /* word TAB tag, a blank line behind a sentence, IMGID where an id came that fits into it; errors are warnings on stderr */
    PRINT_COLOR, /* the text with its entities set off by colour (without colours: in brackets), type and probability behind each */
    N_PRINT_FORMATS
};
extern const char *const PRINT_FORMAT_NAMES[N_PRINT_FORMATS + 1]; /* ends with NULL */

struct printer {
    FILE *out;
    enum print_format format;
    bool colours;
    const struct model *model;
};
struct printer printer_for(FILE *out, enum print_format format, const struct model *model);

/* tags [words]; words: of each what JSON shall tell, or NULL. note: why what the sentence shows is not used, or NULL: a member `note`, else
 * a warning on stderr. Takes the id of s. */
void print_sentence(const struct printer *p, struct input_sentence *s, int n, const struct entity *entities, const int32_t *tags,
                    const struct tagged *words, const char *note);
void print_error(const struct printer *p, struct input_sentence *s);

#endif
