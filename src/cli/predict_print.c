#include "predict_print.h"
#include "log.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>

const char *const PRINT_FORMAT_NAMES[N_PRINT_FORMATS + 1] = {"jsonl", "conll", "color", NULL};

struct printer printer_for(FILE *out, enum print_format format, const struct model *model)
{
    return (struct printer){out, format, terminal_colours(fileno(out)), model};
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

/* An id of JSON may hold anything; one that would begin another line or column is left out. */
static bool fits_column(const char *id)
{
    for (const char *c = id; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) return false;
    return *id != '\0';
}

static void print_columns(const struct printer *p, const struct input_sentence *s, const int32_t *tags)
{
    const struct sentence *x = &s->sentence;
    const char *id = s->has_id ? json_text(s->id) : NULL;
    if (id && fits_column(id)) fprintf(p->out, "IMGID:%s\n", id);
    for (int w = 0; w < x->n_words; w++) {
        char tag[256];
        tag_name(&p->model->shape.types, tags[w], tag, sizeof tag);
        fprintf(p->out, "%.*s\t%s\n", (int)(x->words[w].byte_end - x->words[w].byte_first), x->text + x->words[w].byte_first, tag);
    }
    fputc('\n', p->out);
}

static void print_marked(const struct printer *p, const struct sentence *s, int n, const struct entity *entities)
{
    static const int COLOURS[] = {32, 33, 36, 35, 34, 31};
    size_t at = 0;
    for (int k = 0; k < n; k++) {
        const size_t first = (size_t)s->words[entities[k].first].byte_first, end = (size_t)s->words[entities[k].last].byte_end;
        const char *type = p->model->shape.types.types[entities[k].type];
        terminal_put(p->out, s->text + at, first - at);
        if (p->colours)
            fprintf(p->out, "\033[1;%dm", COLOURS[(size_t)entities[k].type % (sizeof COLOURS / sizeof *COLOURS)]);
        else
            fputc('[', p->out);
        terminal_put(p->out, s->text + first, end - first);
        fputs(p->colours ? "\033[0m\033[2m " : "](", p->out);
        terminal_put(p->out, type, strlen(type));
        fprintf(p->out, p->colours ? " %.2f\033[0m" : " %.2f)", entities[k].score);
        at = end;
    }
    terminal_put(p->out, s->text + at, s->size - at);
    fputc('\n', p->out);
}

static void print_object(const struct printer *p, struct input_sentence *s, int n, const struct entity *entities, const int32_t *tags,
                         const struct tagged *words, const char *note)
{
    struct json *v = prediction_json(p->model, take_id(s), &s->sentence, n, entities);
    if (words) prediction_add_words(p->model, &s->sentence, tags, words, v);
    if (note) json_set_string(v, "note", note);
    print_json(p, v);
}

void print_sentence(const struct printer *p, struct input_sentence *s, int n, const struct entity *entities, const int32_t *tags,
                    const struct tagged *words, const char *note)
{
    if (note && p->format != PRINT_JSONL) log_warning("line %ld: %s", s->line, note);
    switch (p->format) {
    case PRINT_CONLL:
        print_columns(p, s, tags);
        break;
    case PRINT_COLOR:
        print_marked(p, &s->sentence, n, entities);
        break;
    default:
        print_object(p, s, n, entities, tags, words, note);
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
