/* Lines to predict, as a stream in each format: every line is answered, and words lie in their text. */
#include "kinds.h"
#include "line_stream.h"
#include "predict_input.h"
#include "utf8.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void make_seeds(struct seeds *s)
{
    static const char *const TEXTS[] = {
        "{\"id\": \"a\", \"text\": \"Hi, Paris! \\u00e9\\ud83d\\ude00 #NBA\"}\n{\"text\":\"two\",\"id\":-7}\n\n{\"words\":[\"New York\",\"don't\"]}\n",
        "\xEF\xBB\xBF{\"text\":\"x @user http://t.co/ab1?x=1. 9:30 8,000\",\"n\":{\"a\":[1,2.5e3,null]}}\r\n{\"words\":[],\"id\":9223372036854775807}\r\n",
        "{\"id\":\"\",\"text\":\"\"}\n{\"words\":[\"\xE2\x9A\xBD\xEF\xB8\x8F\",\"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\",\"a_b.c@d-e.org\"],\"id\":12}",
        "IMGID:17\nParis\tB-LOC\n.\tO\n\nIMGID:x_2\nHi\tO\n-DOCSTART- -X- O O\nU.N. NNP I-ORG\n",
        "Paris is nice.\nO'Neill \xE2\x80\x94 caf\xC3\xA9 \xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9 www.x.org/?a=b, me@host.org 1,2.3:4\n",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) seeds_add(s, TEXTS[i], strlen(TEXTS[i]));
}

static int32_t characters(const char *text, int32_t bytes)
{
    int32_t n = 0;
    for (int32_t i = 0; i < bytes; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static void claim_words(const struct sentence *s)
{
    int32_t end = 0, characters_end = 0;
    fuzz_claim(utf8_valid(s->text, s->size) == s->size && s->n_words >= 0 && s->n_words <= INPUT_WORDS_MAX, "%d words", s->n_words);
    for (int i = 0; i < s->n_words; i++) {
        const struct text_word *w = &s->words[i];
        fuzz_claim(w->byte_first >= end && w->byte_first < w->byte_end && (size_t)w->byte_end <= s->size, "word %d: bytes %d to %d", i,
                   w->byte_first, w->byte_end);
        const char *word = s->text + w->byte_first;
        const int32_t size = w->byte_end - w->byte_first;
        fuzz_claim(utf8_valid(word, (size_t)size) == (size_t)size && !memchr(word, 0, (size_t)size), "word %d is no text", i);
        characters_end += characters(s->text + end, w->byte_first - end);
        fuzz_claim(w->char_first == characters_end, "word %d begins with character %d, not %d", i, w->char_first, characters_end);
        characters_end += characters(word, size);
        fuzz_claim(w->char_end == characters_end, "word %d ends with character %d, not %d", i, w->char_end, characters_end);
        end = w->byte_end;
    }
}

struct answers {
    long line; /* of the last one */
    int sentences, errors;
};

static void claim_answer(struct answers *a, const struct input_sentence *s, long line)
{
    int64_t integer;
    fuzz_claim(s->line > a->line && s->line <= line, "line %ld behind line %ld, at %ld", s->line, a->line, line);
    a->line = s->line;
    if (s->error) {
        a->errors++;
        fuzz_claim(*s->error && utf8_valid(s->error, strlen(s->error)) == strlen(s->error), "\"%s\"", s->error);
        for (const char *c = s->error; *c; c++) fuzz_claim((unsigned char)*c >= ' ' && *c != 0x7F, "a control character: %s", s->error);
        return;
    }
    a->sentences++;
    fuzz_claim(json_text(s->id) || json_read_integer(s->id, &integer), "line %ld: no id", s->line);
    claim_words(&s->sentence);
}

static void take(struct answers *a, struct input_sentence *s, int code, long line, const struct err *e)
{
    fuzz_claim(code == 0 || code == 1, "code %d: %s", code, e->text);
    if (code == 0) return;
    claim_answer(a, s, line);
    input_sentence_free(s);
}

static void read_stream(const struct fuzz_input *in, enum input_format format, struct answers *a)
{
    static const volatile sig_atomic_t stop;
    struct line_stream lines;
    struct predict_input p;
    struct input_sentence s;
    struct err e = {0};
    char *line;
    size_t size;
    long wanted = 0;
    const int fd = open(in->path, O_RDONLY | O_CLOEXEC);
    fuzz_claim(fd >= 0 && line_stream_open(fd, &lines, &e) == 0, "%s", e.text);
    predict_input_begin(&p, format, SOURCE_VIT);
    for (enum line_state state; (state = line_stream_next(&lines, &line, &size)) != LINE_END;) {
        if (state == LINE_WAIT) {
            fuzz_claim(line_stream_read(&lines, 0, &stop, &e) == 1, "%s", e.text);
        } else if (state == LINE_TOO_LONG) {
            take(a, &s, predict_input_error(&p, lines.line, "too long", &s, &e), lines.line, &e);
            wanted++;
        } else {
            wanted += line[strspn(line, " \t")] != 0 || strlen(line) < size;
            take(a, &s, predict_input_line(&p, lines.line, line, size, &s, &e), lines.line, &e);
        }
    }
    take(a, &s, predict_input_line(&p, lines.line, NULL, 0, &s, &e), lines.line, &e);
    if (p.format == INPUT_TEXT || p.format == INPUT_JSONL)
        fuzz_claim(a->sentences + a->errors == wanted, "%ld lines, %d answers", wanted, a->sentences + a->errors);
    predict_input_end(&p);
    line_stream_close(&lines);
    close(fd);
}

/* Read: every line of it. Each input is read in the format that it seems to have and as JSON lines; what this found counts. */
static enum fuzz_verdict read_lines(const struct fuzz_input *in)
{
    struct answers as_it_seems = {0}, json = {0};
    read_stream(in, INPUT_AUTO, &as_it_seems);
    read_stream(in, INPUT_JSONL, &json);
    return as_it_seems.errors > 0 ? FUZZ_REFUSED : FUZZ_READ;
}

const struct fuzz_kind FUZZ_JSON_LINES = {
    .name = "json-lines", .stream = 5, .make_seeds = make_seeds, .read = read_lines, .least_read = 20, .least_refused = 20};
