/* conll.c - reads column files: one word a line, a blank line behind each sentence.
 *
 *   IMGID:<id>          optional, one column: opens a tweet and names its picture
 *   token ... tag       two or more columns; separated by TABs where the line holds one, else by runs of blanks
 *   -DOCSTART- ...      of the CoNLL shared tasks: skipped, ends a sentence
 *
 * Only TAB and the ASCII blank separate: U+00A0 or U+FE0F are words. The text is cut in place; words and tag names point into it.
 */
#include "dataset.h"
#include "files.h"
#include "grow.h"
#include "utf8.h"
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 40 }; /* bytes of a line that a message shows at most */

struct reader {
    struct dataset *d;
    const struct tag_rename *rename;
    int n_rename;
    char **renamed; /* [2 n_rename] "B-to", "I-to": behind the text, in the same memory */
    int cap_tweets, cap_words, cap_tag_names;
    long line;
    bool in_sentence;
    char *id;     /* of an IMGID line whose sentence has not begun */
    long id_line; /* where it stands */
    conll_report report;
    void *context;
};

enum { TOLD = 1 }; /* an error of the data went to the report: reading goes on */

/* "path:line: message", or TOLD. */
__attribute__((format(printf, 5, 6))) static int fail(struct reader *r, enum conll_problem what, long line, struct err *e,
                                                      const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!r->report) return err_set(e, ERR_DATA, "%s:%ld: %s", r->d->path, line, message);
    r->report(r->context, what, line, message);
    return TOLD;
}

/* The front of s for a message: whole code points, no control characters. */
static const char *shown(const char *s, char buffer[SHOWN + 4])
{
    size_t n = 0;
    uint32_t c;
    for (int k; s[n] != '\0' && (k = utf8_decode(s + n, strlen(s + n) < 4 ? strlen(s + n) : 4, &c)) > 0; n += (size_t)k) {
        if (n + (size_t)k > SHOWN) {
            memcpy(buffer + n, "...", 4);
            return buffer;
        }
        memcpy(buffer + n, s + n, (size_t)k);
        if (c < 0x20 || c == 0x7F) buffer[n] = ' ';
    }
    buffer[n] = '\0';
    return buffer;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the blanks from both ends of s, in place. */
static char *trimmed(char *s)
{
    while (is_blank(*s)) s++;
    size_t n = strlen(s);
    while (n > 0 && is_blank(s[n - 1])) n--;
    s[n] = '\0';
    return s;
}

static int close_sentence(struct reader *r, struct err *e)
{
    char text[SHOWN + 4];
    r->in_sentence = false;
    if (!r->id) return 0;
    int code = fail(r, CONLL_NO_WORDS, r->id_line, e,
                    "no word follows IMGID:%s: each IMGID line needs a sentence right below it; remove the line or add its words",
                    shown(r->id, text));
    if (code != TOLD) return code;
    free(r->id);
    r->id = NULL;
    return 0;
}

static int read_image_id(struct reader *r, const char *id, struct err *e)
{
    int code = close_sentence(r, e);
    if (code) return code;
    if (*id == '\0') {
        code = fail(r, CONLL_NO_ID, r->line, e, "IMGID: without an id; expected IMGID:<id>, with the picture's name behind the colon");
        return code == TOLD ? 0 : code; /* no word's place is lost */
    }
    r->id = strdup(id);
    r->id_line = r->line;
    return r->id ? 0 : err_set(e, ERR_INTERNAL, "%s:%ld: out of memory", r->d->path, r->line);
}

static int check_tag(struct reader *r, const char *tag, struct err *e)
{
    if (strcmp(tag, "O") == 0 || ((tag[0] == 'B' || tag[0] == 'I') && tag[1] == '-' && tag[2] != '\0')) return 0;
    char text[SHOWN + 4];
    bool other_scheme = strchr("SELMU", tag[0]) && tag[1] == '-';
    return fail(r, CONLL_BAD_TAG, r->line, e, "tag \"%s\" is not O, B-<type> or I-<type>%s", shown(tag, text),
                other_scheme ? "; it looks like IOBES or BILOU: convert the file to BIO (S- and U- become B-, E-, L- and M- become I-)"
                             : "; the last column must hold BIO tags: B- at an entity's first word, I- at its others, O outside");
}

/* What `data.rename` makes of a valid tag; pairs are not chained. */
static char *renamed_tag(const struct reader *r, char *tag)
{
    if (tag[1] == '\0') return tag;
    for (int i = 0; i < r->n_rename; i++) {
        if (strcmp(tag + 2, r->rename[i].from) == 0) return r->renamed[2 * i + (tag[0] == 'I')];
    }
    return tag;
}

static int add_word(struct reader *r, char *word, char *tag, struct err *e)
{
    struct dataset *d = r->d;
    int code = grow((void **)&d->words, d->n_words, &r->cap_words, sizeof *d->words, e);
    if (!code) code = grow((void **)&d->tag_names, d->n_words, &r->cap_tag_names, sizeof *d->tag_names, e);
    if (!code && !r->in_sentence) {
        code = grow((void **)&d->tweets, d->n_tweets, &r->cap_tweets, sizeof *d->tweets, e);
        if (!code) d->tweets[d->n_tweets++] = (struct tweet){.id = r->id, .line = r->line, .first_word = d->n_words};
    }
    if (code) return err_prefix(e, "%s:%ld: ", d->path, r->line);
    r->id = NULL;
    r->in_sentence = true;
    d->words[d->n_words] = word;
    d->tag_names[d->n_words++] = renamed_tag(r, tag);
    d->tweets[d->n_tweets - 1].n_words++;
    return 0;
}

/* A line of two or more columns. Where it holds a TAB, only TABs separate, so a word may be or hold a blank. */
static int read_columns(struct reader *r, char *line, struct err *e)
{
    char text[SHOWN + 4];
    char *first_tab = strchr(line, '\t');
    char *word = first_tab ? line : trimmed(line), *tag = first_tab ? strrchr(line, '\t') : strrchr(word, ' ');
    if (!tag)
        return fail(r, CONLL_NO_TAG, r->line, e,
                    "\"%s\" has one column: expected token<TAB>tag (or IMGID:<id>, or a blank line behind a sentence)", shown(word, text));
    char *word_end = first_tab ? first_tab : strchr(word, ' ');
    *tag++ = '\0';
    *word_end = '\0';
    tag = trimmed(tag);
    if (*word == '\0') return fail(r, CONLL_NO_TOKEN, r->line, e, "the token before the TAB is empty: expected token<TAB>tag");
    if (*tag == '\0') return fail(r, CONLL_NO_TAG, r->line, e, "no tag follows \"%s\": expected token<TAB>tag", shown(word, text));
    int code = check_tag(r, tag, e);
    return code ? code : add_word(r, word, tag, e);
}

static bool is_docstart(const char *line)
{
    static const char mark[] = "-DOCSTART-";
    size_t n = sizeof mark - 1;
    return strncmp(line, mark, n) == 0 && (line[n] == '\0' || is_blank(line[n]));
}

static int read_line(struct reader *r, char *line, struct err *e)
{
    static const char imgid[] = "IMGID:";
    if (line[strspn(line, " \t")] == '\0' || is_docstart(line)) return close_sentence(r, e);
    if (strncmp(line, imgid, sizeof imgid - 1) == 0) {
        /* With a second column it is a word that begins so. */
        char *id = line + sizeof imgid - 1;
        size_t n = strcspn(id, " \t");
        if (id[n + strspn(id + n, " \t")] == '\0') {
            id[n] = '\0';
            return read_image_id(r, id, e);
        }
    }
    return read_columns(r, line, e);
}

static int check_bytes(struct reader *r, const char *line, size_t size, struct err *e)
{
    const size_t valid = utf8_valid(line, size);
    if (valid < size)
        return fail(r, CONLL_BAD_BYTES, r->line, e, "byte %zu of the line (0x%02X) is not valid UTF-8: convert the file to UTF-8",
                    valid + 1, (unsigned)(unsigned char)line[valid]);
    if (memchr(line, '\0', size))
        return fail(r, CONLL_BAD_BYTES, r->line, e, "the line holds a NUL byte: this is not a text file, or it is damaged");
    if (memchr(line, '\r', size))
        return fail(r, CONLL_BAD_BYTES, r->line, e, "a carriage return inside the line: lines must end with LF or CR LF");
    return 0;
}

/* Lines from `at` to the end of the text, which has a NUL behind it. A word that could not be read leaves its place: words and lines stay
 * in step. */
static int read_lines(struct reader *r, char *at, char *end, struct err *e)
{
    static char unread[] = "\xEF\xBF\xBD", outside[] = "O";
    for (r->line = 1; at < end; r->line++) {
        char *line = at, *newline = memchr(line, '\n', (size_t)(end - line));
        char *stop = newline ? newline : end;
        at = newline ? newline + 1 : end;
        if (stop > line && stop[-1] == '\r') stop--;
        *stop = '\0';
        int code = check_bytes(r, line, (size_t)(stop - line), e);
        if (!code) code = read_line(r, line, e);
        if (code == TOLD) code = add_word(r, unread, outside, e);
        if (code) return code;
    }
    int code = close_sentence(r, e);
    if (code) return code;
    if (r->d->n_tweets > 0) return 0;
    code = fail(r, CONLL_NO_SENTENCE, 1, e, "the file holds no sentence: expected lines of token<TAB>tag");
    return code == TOLD ? 0 : code;
}

/* Room behind the text for the names that renaming gives, so that they live as long as it does. */
static int place_renamed(struct reader *r, size_t size, struct err *e)
{
    size_t more = 0;
    for (int i = 0; i < r->n_rename; i++) more += 2 * (strlen(r->rename[i].to) + 3);
    char *text = realloc(r->d->text, size + 1 + more);
    r->renamed = calloc(2 * (size_t)r->n_rename + 1, sizeof *r->renamed);
    if (text) r->d->text = text;
    if (!text || !r->renamed) return err_set(e, ERR_INTERNAL, "%s: out of memory for %zu bytes", r->d->path, size + more);
    char *at = text + size + 1;
    for (int i = 0; i < 2 * r->n_rename; i++) {
        const char *to = r->rename[i / 2].to;
        r->renamed[i] = at;
        *at++ = i % 2 ? 'I' : 'B';
        *at++ = '-';
        at = stpcpy(at, to) + 1;
    }
    return 0;
}

static int read_file(const char *path, const struct tag_rename *rename, int n_rename, conll_report report, void *context,
                     struct dataset *out, struct err *e)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct dataset d = {.path = strdup(path)};
    struct reader r = {.d = &d, .rename = rename, .n_rename = n_rename, .report = report, .context = context};
    size_t size = 0;
    int code = d.path ? 0 : err_set(e, ERR_INTERNAL, "%s: out of memory", path);
    if (!code) code = file_read(path, INT_MAX, &d.text, &size, e);
    if (!code) code = place_renamed(&r, size, e);
    if (code) goto done;

    d.digest = hash_bytes(d.text, size);
    size_t skip = size >= 3 && memcmp(d.text, byte_order_mark, 3) == 0 ? 3 : 0;
    code = read_lines(&r, d.text + skip, d.text + size, e);
done:
    free(r.renamed);
    free(r.id);
    if (code)
        dataset_free(&d);
    else
        *out = d;
    return code;
}

int conll_read(const char *path, const struct tag_rename *rename, int n_rename, struct dataset *out, struct err *e)
{
    return read_file(path, rename, n_rename, NULL, NULL, out, e);
}

int conll_check(const char *path, const struct tag_rename *rename, int n_rename, conll_report report, void *context, struct dataset *out,
                struct err *e)
{
    return read_file(path, rename, n_rename, report, context, out, e);
}
