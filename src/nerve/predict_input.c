#include "predict_input.h"
#include "utf8.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const INPUT_FORMAT_NAMES[N_INPUT_FORMATS + 1] = {"auto", "text", "conll", "jsonl", NULL};

static int out_of_memory(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory for a sentence to predict");
}

void input_sentence_free(struct input_sentence *s)
{
    json_free(s->id);
    free(s->error);
    free(s->text);
    free(s->words);
    free(s->look_id);
    free(s->look_own);
    *s = (struct input_sentence){0};
}

static int give_error(long line, struct json *id, const char *why, struct input_sentence *out, struct err *e)
{
    *out = (struct input_sentence){.line = line, .id = id, .has_id = id != NULL, .error = strdup(why)};
    return out->error ? 1 : out_of_memory(e);
}

/* Is there a byte that no text has? Then why tells it. */
static bool wrong_bytes(const char *line, size_t size, char *why, size_t room)
{
    const char *nul = memchr(line, '\0', size);
    const size_t valid = utf8_valid(line, size), at = nul && (size_t)(nul - line) < valid ? (size_t)(nul - line) : valid;
    if (at == size) return false;
    if (line[at])
        snprintf(why, room, "byte %zu (0x%02X) is not UTF-8", at + 1, (unsigned char)line[at]);
    else
        snprintf(why, room, "byte %zu is NUL", at + 1);
    return true;
}

/* What finds a picture: an id that came with the input, as a text. */
static int set_look(struct input_sentence *s, struct err *e)
{
    int64_t integer;
    if (!s->has_id || s->error) return 1;
    if (json_text(s->id))
        s->look_id = strdup(json_text(s->id));
    else if (json_read_integer(s->id, &integer) && asprintf(&s->look_id, "%" PRId64, integer) < 0)
        s->look_id = NULL;
    s->sentence.look.id = s->look_id;
    if (s->look_id) return 1;
    input_sentence_free(s);
    return out_of_memory(e);
}

/* ---- text ---- */

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

/* Takes id. */
static int give_text(long number, struct json *id, const char *text, size_t size, struct input_sentence *out, struct err *e)
{
    struct err why = {0};
    struct text_word *words = NULL;
    int cap = 0, n = words_cut(text, size, &words, &cap, &why);
    if (n >= 0 && n <= INPUT_WORDS_MAX) {
        char *copy = malloc(size + 1);
        if (copy) {
            memcpy(copy, text, size);
            copy[size] = '\0';
            *out = (struct input_sentence){.line = number,
                                           .id = id ? id : json_new_integer(number),
                                           .has_id = id != NULL,
                                           .sentence = {.text = copy, .size = size, .n_words = n, .words = words},
                                           .text = copy,
                                           .words = words};
            return set_look(out, e);
        }
        n = err_set(&why, ERR_INTERNAL, "out of memory");
    }
    free(words);
    if (n == ERR_INTERNAL) {
        json_free(id);
        return out_of_memory(e);
    }
    char text_of_error[128];
    snprintf(text_of_error, sizeof text_of_error, "%d words; at most %d are read", n, INPUT_WORDS_MAX);
    return give_error(number, id, n < 0 ? why.text : text_of_error, out, e);
}

/* Words that came without a text. Takes id. */
static int give_words(long number, struct json *id, int n, char *const *words, struct input_sentence *out, struct err *e)
{
    struct sentence s;
    char *text;
    struct text_word *places;
    int code = sentence_of_words(n, words, &text, &places, &s, e);
    if (code) {
        json_free(id);
        return code;
    }
    *out = (struct input_sentence){
        .line = number, .id = id ? id : json_new_integer(number), .has_id = id != NULL, .sentence = s, .text = text, .words = places};
    return set_look(out, e);
}

/* ---- JSON lines ---- */

/* A word that could not stand in a column is none. */
static const char *wrong_word(const struct json *v)
{
    const char *word = json_text(v);
    if (!word) return "'words' must hold strings only";
    if (!*word) return "a word is empty";
    for (; *word; word++)
        if ((unsigned char)*word < 0x20 || *word == 0x7F) return "a word holds a control character";
    return NULL;
}

static int give_json_words(long number, struct json *id, const struct json *list, struct input_sentence *out, struct err *e)
{
    const size_t n = json_size(list);
    const char *why = !json_is_array(list) ? "'words' must be an array of strings" : n > INPUT_WORDS_MAX ? "more than 100000 words" : NULL;
    char **words = why ? NULL : calloc(n + 1, sizeof *words);
    if (!why && !words) {
        json_free(id);
        return out_of_memory(e);
    }
    for (size_t i = 0; i < n && !why; i++) {
        why = wrong_word(json_at(list, i));
        words[i] = (char *)(uintptr_t)json_text(json_at(list, i)); /* only read */
    }
    int code = why ? give_error(number, id, why, out, e) : give_words(number, id, (int)n, words, out, e);
    free(words);
    return code;
}

/* "JSON:1:5: why" of a line by itself: only its column says something. */
static int give_json_error(long number, const char *why, struct input_sentence *out, struct err *e)
{
    static const char FRONT[] = "JSON:1:";
    char text[sizeof(struct err) + 16];
    if (strncmp(why, FRONT, strlen(FRONT)) != 0) return give_error(number, NULL, why, out, e);
    snprintf(text, sizeof text, "column %s", why + strlen(FRONT));
    return give_error(number, NULL, text, out, e);
}

/* A member that is a string, or NULL: absent, null, or (then why is set) something else. */
static const char *own_look(const struct json *v, const char *key, char *why, size_t room)
{
    const struct json *given = json_get(v, key);
    if (given && !json_read_null(given) && !json_text(given)) snprintf(why, room, "'%s' must be a string", key);
    return json_text(given);
}

/* A sentence that was read, with the picture or caption that stands in the same object. */
static int add_own_look(enum config_visual source, const struct json *v, int code, struct input_sentence *out, struct err *e)
{
    if (code != 1 || out->error || source == SOURCE_NONE) return code;
    struct visual_look *look = &out->sentence.look;
    char why[160] = "";
    look->image = own_look(v, "image", why, sizeof why);
    look->caption = own_look(v, "caption", why, sizeof why);
    if (why[0] || !visual_look_suits(source, look, why, sizeof why)) {
        struct json *id = out->has_id ? json_share(out->id) : NULL;
        const long line = out->line;
        input_sentence_free(out);
        return give_error(line, id, why, out, e);
    }
    const char *own = look->image ? look->image : look->caption;
    if (!own) return 1;
    out->look_own = strdup(own);
    if (!out->look_own) {
        input_sentence_free(out);
        return out_of_memory(e);
    }
    *(look->image ? &look->image : &look->caption) = out->look_own;
    return 1;
}

static int give_json(enum config_visual source, long number, const char *line, size_t size, struct input_sentence *out, struct err *e)
{
    struct json *v = NULL, *id = NULL;
    struct err why = {0};
    int64_t integer;
    if (json_parse(line, size, "JSON", &v, &why)) return give_json_error(number, why.text, out, e);
    const struct json *given = json_get(v, "id"), *text = json_get(v, "text"), *words = json_get(v, "words");
    if (json_text(given) || json_read_integer(given, &integer)) id = json_share(given);
    int code;
    if (!json_is_object(v))
        code = give_error(number, NULL, "expected an object, {\"text\": ...} or {\"words\": [...]}", out, e);
    else if (given && !id)
        code = give_error(number, NULL, "'id' must be a string or an integer", out, e);
    else if (!text == !words)
        code = give_error(number, id, text ? "has both 'text' and 'words': one is needed" : "has neither 'text' nor 'words'", out, e);
    else if (words)
        code = give_json_words(number, id, words, out, e);
    else if (!json_text(text))
        code = give_error(number, id, "'text' must be a string", out, e);
    else
        code = give_text(number, id, json_text(text), strlen(json_text(text)), out, e);
    code = add_own_look(source, v, code, out, e);
    json_free(v);
    return code;
}

/* ---- CoNLL: a sentence is complete when something behind it is read ---- */

static void forget_words(struct predict_input *p)
{
    for (int i = 0; i < p->n_words; i++) free(p->words[i]);
    p->n_words = 0;
    p->n_bytes = 0;
    free(p->failed);
    p->failed = NULL;
    p->id = NULL;
}

static int fail_sentence(struct predict_input *p, long number, const char *why, struct err *e)
{
    if (p->failed) return 0;
    p->failed = strdup(why);
    p->failed_line = number;
    return p->failed ? 0 : out_of_memory(e);
}

static int close_sentence(struct predict_input *p, struct input_sentence *out, struct err *e)
{
    int code = 0;
    if (p->failed)
        code = give_error(p->failed_line, p->id, p->failed, out, e);
    else if (p->n_words > 0)
        code = give_words(p->first_line, p->id, p->n_words, p->words, out, e);
    else if (p->id)
        code = give_error(p->id_line, p->id, "no word follows this IMGID", out, e);
    forget_words(p);
    return code;
}

static int add_word(struct predict_input *p, long number, const char *word, size_t size, struct err *e)
{
    if (p->failed) return 0;
    if (p->n_words == 0) p->first_line = number;
    if (p->n_words == INPUT_WORDS_MAX) return fail_sentence(p, number, "a sentence of more than 100000 words", e);
    p->n_bytes += size + 1;
    if (p->n_bytes > INPUT_BYTES_MAX) return fail_sentence(p, number, "a sentence of more than 1048576 bytes", e);
    if (p->n_words == p->cap_words) {
        const int cap = p->cap_words * 2 + 64;
        char **words = reallocarray(p->words, (size_t)cap, sizeof *words);
        if (!words) return out_of_memory(e);
        p->words = words;
        p->cap_words = cap;
    }
    p->words[p->n_words] = strndup(word, size);
    if (!p->words[p->n_words]) return out_of_memory(e);
    p->n_words++;
    return 0;
}

static int read_column(struct predict_input *p, long number, const char *line, size_t size, struct err *e)
{
    const char *tab = memchr(line, '\t', size), *word = line, *end = tab;
    char why[80];
    if (wrong_bytes(line, size, why, sizeof why)) return fail_sentence(p, number, why, e);
    if (!tab) {
        while (*word == ' ') word++;
        end = memchr(word, ' ', size - (size_t)(word - line));
        if (!end) end = line + size;
    }
    if (end == word) return fail_sentence(p, number, "the word before the TAB is empty", e);
    for (const char *c = word; c < end; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) return fail_sentence(p, number, "the word holds a control character", e);
    return add_word(p, number, word, (size_t)(end - word), e);
}

static int open_sentence(struct predict_input *p, long number, const char *line, size_t size, const char *id, struct err *e)
{
    char why[80];
    if (wrong_bytes(line, size, why, sizeof why)) return fail_sentence(p, number, why, e);
    if (!*id) return fail_sentence(p, number, "IMGID: without an id", e);
    p->id = json_new_string(id);
    p->id_line = number;
    return 0;
}

static int take_column_line(struct predict_input *p, long number, const char *line, size_t size, struct input_sentence *out, struct err *e)
{
    static const char MARK[] = "IMGID:";
    const bool mark = strncmp(line, MARK, strlen(MARK)) == 0, blank = is_blank(line, size),
               document = strncmp(line, "-DOCSTART-", strlen("-DOCSTART-")) == 0;
    if (!mark && !blank && !document) return read_column(p, number, line, size, e);
    /* An IMGID that waits for its sentence outlives no blank line, as in training data. */
    int given = close_sentence(p, out, e);
    if (given < 0 || !mark) return given;
    int code = open_sentence(p, number, line, size, line + strlen(MARK), e);
    return code ? code : given;
}

/* ---- any format ---- */

void predict_input_begin(struct predict_input *p, enum input_format format, enum config_visual source)
{
    *p = (struct predict_input){.format = format, .source = source};
}

void predict_input_end(struct predict_input *p)
{
    json_free(p->id);
    forget_words(p);
    free(p->words);
    *p = (struct predict_input){0};
}

static enum input_format guess(const char *line, size_t size)
{
    if (strncmp(line, "IMGID:", strlen("IMGID:")) == 0 || memchr(line, '\t', size)) return INPUT_CONLL;
    return line[strspn(line, " ")] == '{' ? INPUT_JSONL : INPUT_TEXT;
}

int predict_input_line(struct predict_input *p, long number, const char *line, size_t size, struct input_sentence *out, struct err *e)
{
    *out = (struct input_sentence){0};
    if (!line) return close_sentence(p, out, e);
    if (p->format == INPUT_AUTO && is_blank(line, size)) return 0;
    if (p->format == INPUT_AUTO) p->format = guess(line, size);
    if (p->format == INPUT_CONLL) return take_column_line(p, number, line, size, out, e);
    if (is_blank(line, size)) return 0;
    char why[80];
    if (wrong_bytes(line, size, why, sizeof why)) return give_error(number, NULL, why, out, e);
    return p->format == INPUT_JSONL ? give_json(p->source, number, line, size, out, e) : give_text(number, NULL, line, size, out, e);
}

int predict_input_error(struct predict_input *p, long number, const char *why, struct input_sentence *out, struct err *e)
{
    *out = (struct input_sentence){0};
    /* A column file's sentence is lost as a whole, and told of at its end. */
    return p->format == INPUT_CONLL ? fail_sentence(p, number, why, e) : give_error(number, NULL, why, out, e);
}
