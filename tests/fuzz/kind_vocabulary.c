/* Vocabularies: what reads gives every line its id, and cuts any bytes into pieces that it has. */
#include "files.h"
#include "kinds.h"
#include "utf8.h"
#include "wordpiece.h"
#include <stdlib.h>
#include <string.h>

static void make_seeds(struct seeds *s)
{
    static const char *const TEXTS[] = {
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n!\n#\n##s\n##ing\nthe\nof\nplay\n##er\ncaf\xC3\xA9\n##\xE2\x82\xAC\n\xE4\xB8\xAD\n2018\n",
        "[PAD]\r\n[unused1]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\nb\r\n##a\r\n##b\r\nab\r\n##ab\r\naba\r\n",
        "a\n##\n[SEP]\n[CLS]\n[UNK]\n\xF0\x9F\x98\x80\n##\xF0\x9F\x98\x80\nword with a blank\n0\n1\n12345678901234567890",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) seeds_add(s, TEXTS[i], strlen(TEXTS[i]));
}

static void claim_pieces(const struct wordpiece *w, const char *text, size_t size)
{
    struct piece *pieces = NULL;
    int cap = 0;
    const int n = wordpiece_encode(w, text, size, &pieces, &cap);
    fuzz_claim(n >= 0 && n <= cap, "%d pieces", n);
    for (int i = 0; i < n; i++) {
        const struct piece *p = &pieces[i], *before = i ? p - 1 : NULL;
        fuzz_claim(p->id >= 0 && p->id < wordpiece_size(w), "id %d of %d", p->id, wordpiece_size(w));
        fuzz_claim(p->byte_first >= 0 && p->byte_first < p->byte_end && (size_t)p->byte_end <= size, "bytes %d to %d of %zu", p->byte_first,
                   p->byte_end, size);
        fuzz_claim(p->char_first >= 0 && p->char_first < p->char_end && p->char_end - p->char_first <= p->byte_end - p->byte_first,
                   "characters %d to %d", p->char_first, p->char_end);
        /* Two pieces of one character that folds into several share it. */
        fuzz_claim(!before ||
                       (p->byte_first >= before->byte_first && p->byte_end >= before->byte_end && p->char_first >= before->char_first),
                   "piece %d lies before piece %d", i, i - 1);
    }
    free(pieces);
}

/* The lines, as a reader of vocab.txt has to count them. */
static void claim_ids(const struct wordpiece *w, const char *text, size_t size)
{
    int32_t id = 0;
    for (const char *at = text, *end = text + size; at < end; id++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        size_t n = (size_t)(stop - at);
        if (n > 0 && at[n - 1] == '\r') n--;
        const char *piece = id < wordpiece_size(w) ? wordpiece_piece(w, id) : "";
        fuzz_claim(n > 0 && strlen(piece) == n && memcmp(piece, at, n) == 0, "line %d became \"%s\"", id + 1, piece);
        fuzz_claim(utf8_valid(piece, n) == n, "piece %d is not UTF-8", id);
        at = newline ? newline + 1 : end;
    }
    fuzz_claim(id == wordpiece_size(w), "%d lines, %d pieces", id, wordpiece_size(w));
}

static enum fuzz_verdict read_vocabulary(const struct fuzz_input *in)
{
    static const char SENTENCE[] =
        "The players of caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 #2018 \xF0\x9F\x98\x80 ababab \xFF\xC3 \xE2\x89\xA0!";
    struct wordpiece *w = NULL;
    struct err e = {0};
    char *text;
    size_t size;
    fuzz_claim(file_read(in->path, MUTATION_LARGEST, &text, &size, &e) == 0, "%s", e.text);
    const int code = wordpiece_from_text(text, size, in->path, in->number % 2, &w, &e);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        fuzz_claim(fuzz_line_of(in->path, &e) > 0 || strstr(e.text, "has no piece ["), "names no line: %s", e.text);
    } else {
        claim_ids(w, text, size);
        fuzz_claim(strcmp(wordpiece_piece(w, wordpiece_unknown(w)), "[UNK]") == 0, "another [UNK]");
        fuzz_claim(strcmp(wordpiece_piece(w, wordpiece_cls(w)), "[CLS]") == 0, "another [CLS]");
        fuzz_claim(strcmp(wordpiece_piece(w, wordpiece_sep(w)), "[SEP]") == 0, "another [SEP]");
        claim_pieces(w, SENTENCE, strlen(SENTENCE));
        claim_pieces(w, text, size);
        claim_pieces(w, (const char *)in->of->data, in->of->size);
    }
    wordpiece_free(w);
    free(text);
    return code ? FUZZ_REFUSED : FUZZ_READ;
}

const struct fuzz_kind FUZZ_VOCABULARY = {
    .name = "vocabulary", .stream = 3, .make_seeds = make_seeds, .read = read_vocabulary, .least_read = 10, .least_refused = 25};
