#include "predict_print.h"
#include "log.h"
#include <stdlib.h>
#include <string.h>

const char *const PRINT_FORMAT_NAMES[N_PRINT_FORMATS + 1] = {"jsonl", "conll", "color", NULL};

struct printer printer_for(FILE *out, enum print_format format, const struct tag_set *types)
{
    const char *no_colour = getenv("NO_COLOR");
    return (struct printer){out, format, !(no_colour && no_colour[0]), types};
}

static void print_json(const struct printer *p, struct json *v)
{
    char *text = json_dump(v, 0);
    fprintf(p->out, "%s\n", text);
    free(text);
    json_free(v);
}

static struct json *take_id(struct input_sentence *s)
{
    struct json *id = s->id;
    s->id = NULL;
    return id;
}

static void print_columns(const struct printer *p, const struct input_sentence *s, const int32_t *tags)
{
    const struct sentence *x = &s->sentence;
    if (s->has_id && json_text(s->id)) fprintf(p->out, "IMGID:%s\n", json_text(s->id));
    for (int w = 0; w < x->n_words; w++) {
        char tag[256];
        tag_name(p->types, tags[w], tag, sizeof tag);
        fprintf(p->out, "%.*s\t%s\n", (int)(x->words[w].byte_end - x->words[w].byte_first), x->text + x->words[w].byte_first, tag);
    }
    fputc('\n', p->out);
}

/* Text of strangers must not steer the terminal: a control character is shown as U+FFFD. */
static void print_safely(const struct printer *p, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool c1 = c == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0;
        if ((c < 0x20 && c != '\t') || c == 0x7F || c1) {
            fputs("\xEF\xBF\xBD", p->out);
            i += c1;
        } else {
            fputc(c, p->out);
        }
    }
}

static void print_marked(const struct printer *p, const struct sentence *s, int n, const struct entity *entities)
{
    static const int COLOURS[] = {32, 33, 36, 35, 34, 31};
    size_t at = 0;
    for (int k = 0; k < n; k++) {
        const size_t first = (size_t)s->words[entities[k].first].byte_first, end = (size_t)s->words[entities[k].last].byte_end;
        const char *type = p->types->types[entities[k].type];
        print_safely(p, s->text + at, first - at);
        if (p->colours)
            fprintf(p->out, "\033[1;%dm", COLOURS[(size_t)entities[k].type % (sizeof COLOURS / sizeof *COLOURS)]);
        else
            fputc('[', p->out);
        print_safely(p, s->text + first, end - first);
        fprintf(p->out, p->colours ? "\033[0m\033[2m %s %.2f\033[0m" : "](%s %.2f)", type, entities[k].score);
        at = end;
    }
    print_safely(p, s->text + at, s->size - at);
    fputc('\n', p->out);
}

void print_sentence(const struct printer *p, struct input_sentence *s, int n, const struct entity *entities, const int32_t *tags)
{
    switch (p->format) {
    case PRINT_CONLL:
        print_columns(p, s, tags);
        break;
    case PRINT_COLOR:
        print_marked(p, &s->sentence, n, entities);
        break;
    default:
        print_json(p, prediction_json(p->types, take_id(s), &s->sentence, n, entities));
        break;
    }
}

void print_error(const struct printer *p, struct input_sentence *s)
{
    if (p->format != PRINT_JSONL) {
        log_warning("line %ld: %s", s->line, s->error);
        return;
    }
    struct json *v = json_new_object();
    if (s->has_id) json_set(v, "id", take_id(s));
    json_set_integer(v, "line", s->line);
    json_set_string(v, "error", s->error);
    print_json(p, v);
}
